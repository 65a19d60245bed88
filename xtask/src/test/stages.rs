//! The stages, in the order in which a failure is cheapest to find.

use super::cargo::{cargo, check, test, test_with};
use super::{Args, Counts, Failure, Outcome, Stage, determinism, executors, fuzz};
use crate::{ab, bench, clients, falsepos, faults, guest, licences, tidy};

/// All stages.
pub const STAGES: &[Stage] = &[
    Stage { name: "fmt", about: "the code is formatted", guest: false, run: fmt },
    Stage { name: "tidy", about: "the project's own rules", guest: false, run: tidy_stage },
    Stage { name: "licences", about: "every dependency may be used", guest: false, run: licences_stage },
    Stage { name: "clippy", about: "no lint finds anything", guest: false, run: clippy },
    Stage { name: "unit", about: "tests beside the code", guest: false, run: unit },
    Stage { name: "fuzz", about: "hostile guests and files", guest: false, run: fuzz::run },
    Stage { name: "guest", about: "guest artifacts are there", guest: true, run: guest_stage },
    Stage { name: "it", about: "integration tests", guest: true, run: integration },
    Stage {
        name: "determinism",
        about: "debug, release and every executor reach one state, in boots and scenarios",
        guest: true,
        run: determinism::run,
    },
    Stage {
        name: "clients",
        about: "programs of the distribution use a disk",
        guest: true,
        run: clients_stage,
    },
    Stage { name: "faults", about: "every fault of the catalogue acts", guest: true, run: faults_stage },
    Stage {
        name: "scenarios",
        about: "the default run and its verdict, the whole adapter",
        guest: true,
        run: scenarios,
    },
    Stage {
        name: "ab",
        about: "schedules from a snapshot: verdict, shards, resumption, replay",
        guest: true,
        run: campaigns,
    },
    Stage {
        name: "falsepos",
        about: "oracles are silent on the stock driver",
        guest: true,
        run: false_positives,
    },
];

fn fmt(_: &Args) -> Outcome {
    check(&["fmt", "--all", "--check"])
}

fn clippy(_: &Args) -> Outcome {
    let mut counts = check(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    // Without the translator, as on a host that is not x86-64.
    const ALONE: &[&str] = &["clippy", "--package", "capisim", "--no-default-features", "--all-targets"];
    counts += check(&[ALONE, &["--quiet", "--", "-D", "warnings"]].concat())?;
    Ok(counts)
}

fn tidy_stage(_: &Args) -> Outcome {
    let report = tidy::check();
    report.findings.iter().for_each(|finding| println!("{finding}"));
    let counts = Counts { passed: report.good, failed: report.findings.len() as u64 };
    match counts.failed {
        0 => Ok(counts),
        n => Err(Failure { counts, text: format!("{n} findings"), repeat: "cargo xtask tidy".into() }),
    }
}

fn licences_stage(_: &Args) -> Outcome {
    let repeat = "cargo xtask test --only licences";
    let mut counts = licences::check().map_err(|text| Failure::one(text, repeat))?;
    let installed = cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if installed {
        counts += check(&["deny", "check", "licenses", "bans", "sources"])?;
    }
    Ok(counts)
}

/// Other random programs of the translator with every commit: a failing one prints its seed.
fn unit(_: &Args) -> Outcome {
    let seed = executors::Choice::of_head().seed.to_string();
    test_with(&["test", "--workspace", "--lib", "--bins", "--no-fail-fast"], &[("CAPISIM_JIT_SEED", &seed)])
}

fn guest_stage(_: &Args) -> Outcome {
    // Some integration tests ask QEMU for its opinion.
    let with_qemu_system = !bench::qemu::on_path();
    let repeat = if with_qemu_system { "cargo xtask guest --with-qemu-system" } else { "cargo xtask guest" };
    let artifacts = guest::prepared(&guest::Args { with_qemu_system, ..guest::Args::default() })
        .map_err(|text| Failure::one(text, repeat))?;
    println!("kernel {} with {} files", artifacts.kernel, artifacts.files().len());
    Ok(Counts::passed(1))
}

/// In the same profile as the unit tests and xtask itself: a release link of everything costs minutes.
fn integration(_: &Args) -> Outcome {
    test(&["test", "--package", "it", "--test", "it", "--no-fail-fast"])
}

/// Scenarios of the whole adapter, run with the stock driver; `cargo xtask run --selftest stock` has all.
const WHOLE_ADAPTER: &[&str] =
    &["adapters", "card", "superpipe", "fence-io", "recover-afu", "hot-unplug", "kill-while-waiting"];

/// The quick clients, on the first variant.
fn clients_stage(_: &Args) -> Outcome {
    let repeat = "cargo xtask clients --quick --variant corsa";
    let rows = clients::results(&clients::Args::quick()).map_err(|text| Failure::one(text, repeat))?;
    clients::print(&rows, clients::Format::Human);
    let passed = clients::passed(&rows);
    let counts = Counts { passed, failed: rows.len() as u64 - passed };
    match counts.failed {
        0 => Ok(counts),
        n => Err(Failure { counts, text: format!("{n} clients did not pass"), repeat: repeat.into() }),
    }
}

/// All scenarios of the fault catalogue.
fn faults_stage(_: &Args) -> Outcome {
    let repeat = "cargo xtask faults --quick";
    let rows = faults::results(&[], true).map_err(|text| Failure::one(text, repeat))?;
    faults::print(&rows);
    let passed = rows.iter().filter(|r| r.expected).count() as u64;
    match rows.len() as u64 - passed {
        0 => Ok(Counts::passed(passed)),
        failed => Err(Failure {
            counts: Counts { passed, failed },
            text: format!("{failed} not as expected"),
            repeat: repeat.into(),
        }),
    }
}

/// The default run, and the part of its self-test that swaps and renames the drivers.
fn scenarios(_: &Args) -> Outcome {
    const RUN: &[&str] = &["run", "--quiet", "--package", "xtask", "--", "run"];
    let exists = cargo(&[RUN, &["--help"]].concat()).output().is_ok_and(|output| output.status.success());
    if !exists {
        return Err(Failure::one("`cargo xtask run` does not exist", "cargo xtask run --help"));
    }
    let mut counts = check(RUN)?;
    counts += check(&[RUN, &["--selftest", "orders,names"]].concat())?;
    counts += check(&[RUN, WHOLE_ADAPTER, &["--driver", "stock"]].concat())?;
    Ok(counts)
}

/// A small campaign in all its forms.
fn campaigns(_: &Args) -> Outcome {
    let repeat = "cargo xtask test --only ab";
    ab::check().map(Counts::passed).map_err(|text| Failure::one(text, repeat))
}

/// Correct runs of the stock driver, spread over the variants.
fn false_positives(_: &Args) -> Outcome {
    let repeat = "cargo xtask falsepos --runs 50";
    let args = falsepos::Args { runs: 50, variant: vec![], first: 1, jobs: 2, module: None };
    let found = falsepos::counts(&args).map_err(|text| Failure::one(text, repeat))?;
    let (silent, loud) = found.iter().fold((0, 0), |(s, l), c| (s + c.silent + c.known, l + c.loud));
    let counts = Counts { passed: silent, failed: loud };
    match loud {
        0 => Ok(counts),
        n => Err(Failure { counts, text: format!("an oracle spoke in {n} runs"), repeat: repeat.into() }),
    }
}
