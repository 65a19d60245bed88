//! Building the fuzzers so that they measure coverage, and running them one after another.

pub mod ledger;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::test::cargo::{cargo, check, output, root};
use crate::test::{Counts, Failure};

/// Fuzz targets in turn, built with coverage
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask fuzz psl --seconds 600\n  \
                        cargo xtask fuzz card psl --seconds 300 --rounds 12 --grow --record\n  \
                        cargo xtask fuzz --minimise")]
pub struct Args {
    /// Targets in the order in which they take turns; all if none is named
    target: Vec<String>,
    /// Seconds of each turn
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Turns of each target
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Seed of the first round; each later round takes the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep inputs that reach something new in target/capisim/fuzz/queue
    #[arg(long)]
    grow: bool,
    /// Record each turn in fuzz/ledger.csv, for docs/fuzzing.md
    #[arg(long)]
    record: bool,
    /// Cut corpus and queue down to fuzz/corpus, without fuzzing
    #[arg(long)]
    minimise: bool,
}

/// Our crates that are instrumented: all that a target drives. Not `fuzz`: what it does is not what is looked for.
const INSTRUMENTED: &[&str] = &["capi", "capisim", "cpu", "fabric", "isa", "jit", "machine", "powernv"];
/// A counter for each edge, the operands of comparisons. Debug information would double the time of the build.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebuginfo=0",
];
/// Set for the compiler that [`build`] starts.
const AS_COMPILER: &str = "CAPISIM_FUZZ_COMPILER";

/// Builds `fuzz` with coverage and tells where it is.
///
/// They are built as `dev`: arithmetic overflow and debug assertions then count as findings. Cargo calls this program
/// instead of rustc for our own crates ([`as_compiler`]), so dependencies are shared with every other build.
pub fn build() -> Result<PathBuf, Failure> {
    let repeat = "cargo xtask fuzz --help";
    let own = std::env::current_exe().map_err(|error| Failure::one(error.to_string(), repeat))?;
    println!("$ cargo build --package fuzz, with coverage");
    let mut command = cargo(&["build", "--quiet", "--package", "fuzz"]);
    let status = command.env("RUSTC_WORKSPACE_WRAPPER", &own).env(AS_COMPILER, "1").status();
    match status {
        Ok(status) if status.success() => {
            Ok(own.with_file_name(format!("fuzz{}", std::env::consts::EXE_SUFFIX)))
        }
        Ok(status) => Err(Failure::one(format!("the fuzzers do not build: {status}"), repeat)),
        Err(error) => Err(Failure::one(format!("cannot start cargo: {error}"), repeat)),
    }
}

/// If cargo called this program as its compiler: what rustc said, given its arguments and [`FLAGS`].
#[allow(clippy::disallowed_methods)] // Cargo has only the environment to tell it.
pub fn as_compiler() -> Option<ExitCode> {
    std::env::var(AS_COMPILER).ok()?;
    let mut words = std::env::args_os().skip(1);
    let mut command = Command::new(words.next()?);
    let words: Vec<OsString> = words.collect();
    command.args(&words);
    if words
        .windows(2)
        .any(|pair| pair[0] == "--crate-name" && INSTRUMENTED.iter().any(|name| pair[1] == *name))
    {
        command.args(FLAGS);
    }
    let code = match command.status() {
        Ok(status) => status.code().map_or(1, |code| code.clamp(0, 255) as u8),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            1
        }
    };
    Some(ExitCode::from(code))
}

/// Names of all targets, as the program lists them.
pub fn targets(program: &Path) -> Result<Vec<String>, Failure> {
    let mut list = Command::new(program);
    list.arg("--list");
    let list = output(list, "cargo run --package fuzz -- --list")?;
    Ok(list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    match turns(args) {
        Ok(counts) if counts.failed == 0 => ExitCode::SUCCESS,
        Ok(counts) => {
            eprintln!("{} of {} turns found something", counts.failed, counts.failed + counts.passed);
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("{}\n   {}", failure.text, failure.repeat);
            ExitCode::FAILURE
        }
    }
}

fn turns(args: &Args) -> Result<Counts, Failure> {
    let built = build()?;
    let folder = root().join("target/capisim/fuzz");
    let program = folder.join("fuzz");
    // A copy, as the next plain build takes the place of the one with coverage.
    let copied = std::fs::create_dir_all(&folder).and_then(|()| std::fs::copy(&built, &program));
    copied.map_err(|error| Failure::one(format!("{}: {error}", program.display()), "cargo xtask fuzz"))?;
    let names = if args.target.is_empty() { targets(&program)? } else { args.target.clone() };
    let rounds = if args.minimise { 1 } else { args.rounds };
    let mut counts = Counts::default();
    for round in 0..rounds {
        for name in &names {
            let mut command = Command::new(&program);
            command.current_dir(root()).arg(name);
            let queue = folder.join("queue").join(name);
            if args.minimise {
                command.arg("--minimise").arg(queue);
            } else {
                let seed = args.seed + round;
                command.args(["--seconds", &args.seconds.to_string(), "--seed", &seed.to_string()]);
                if args.grow {
                    command.arg("--grow").arg(queue);
                }
                if args.record {
                    command.arg("--ledger").arg(root().join(ledger::PATH));
                }
            }
            let good = command.status().is_ok_and(|status| status.success());
            counts += if good { Counts::passed(1) } else { Counts { passed: 0, failed: 1 } };
        }
    }
    if args.record {
        check(&["xtask", "docs"])?;
    }
    Ok(counts)
}
