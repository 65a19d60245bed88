//! `cargo xtask faults`: every scenario of the fault catalogue on the stock
//! driver. A scenario that names `bug` oracles is expected to end violated by
//! exactly those (`docs/findings` says why), any other to pass.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use capisim::scenarios::{FAULTS, Source};
use machine::report::{RunReport, Verdict};
use serde::Serialize;

use crate::guest;
use crate::test::cargo::{cargo, root};

/// Scenarios of some 10^10 instructions, half a minute of wall time or more
/// each: the stock driver polls for 5 s of virtual time without sleeping, or
/// the guest pages 450 MiB out and in.
const SLOW: &[&str] = &["afu-control-", "llcmd-", "paging-slow"];

/// What the user asks for.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask faults\n  cargo xtask faults --only sync --format json\n\n\
                        The exit code is 0 if every scenario ended as expected, 1 if not, 5 if it could not be tried.")]
pub struct Args {
    /// Only scenarios whose name begins so
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave out those that take long, as `cargo xtask test` does
    #[arg(long)]
    quick: bool,
    /// Print one JSON array
    #[arg(long, value_parser = ["human", "json"], default_value = "human")]
    format: String,
}

/// How one scenario ended.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// True if the fault acted and everything to be reached was.
    pub fired: bool,
    /// The verdict, as `capisim run` says it.
    pub verdict: String,
    /// Oracles that were violated.
    pub violated: BTreeSet<String>,
    /// True if that is what the scenario expects.
    pub expected: bool,
    /// Virtual seconds.
    pub virtual_s: f64,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if let Err(error) = guest::ensure(&guest::Args::default()) {
        return guest::failed(error);
    }
    let rows = match results(&args.only, args.quick) {
        Ok(rows) => rows,
        Err(text) => {
            eprintln!("faults: {text}");
            return ExitCode::from(5);
        }
    };
    if args.format == "json" {
        println!("{}", serde_json::to_string_pretty(&rows).expect("rows have a JSON form"));
    } else {
        print(&rows);
    }
    ExitCode::from(u8::from(rows.iter().any(|r| !r.expected)))
}

/// Prints the rows as a table.
pub fn print(rows: &[Row]) {
    println!("{:28} {:5} {:13} {:>9}  violated", "scenario", "fired", "verdict", "virtual");
    for r in rows {
        let violated: Vec<&str> = r.violated.iter().map(String::as_str).collect();
        println!(
            "{:28} {:5} {:13} {:>8.2}s  {}{}",
            r.scenario,
            if r.fired { "yes" } else { "NO" },
            r.verdict,
            r.virtual_s,
            violated.join(", "),
            if r.expected { "" } else { "  NOT EXPECTED" }
        );
    }
    let good = rows.iter().filter(|r| r.expected).count();
    println!("{good} of {} scenarios ended as expected", rows.len());
}

/// Runs every scenario whose name begins as one of `only` (none: all), two at a time.
pub fn results(only: &[String], quick: bool) -> Result<Vec<Row>, String> {
    let built = cargo(&["build", "--quiet", "--release", "--package", "capisim"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("`cargo build --release --package capisim` failed".into());
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()));
    let slow = |name: &str| quick && SLOW.iter().any(|s| name.starts_with(s));
    let chosen = FAULTS.iter().map(|(name, _)| *name).filter(|name| wanted(name) && !slow(name));
    let names: Vec<&str> = chosen.collect();
    if names.is_empty() {
        return Err("no scenario has such a name; `capisim list scenarios` has them all".into());
    }
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(names.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = one(name);
                    eprintln!("{name}: {}", row.as_ref().map_or_else(|e| e.as_str(), |r| r.verdict.as_str()));
                    rows.lock().expect("no worker panics").push(row);
                }
            });
        }
    });
    let mut rows: Vec<Row> =
        rows.into_inner().expect("no worker panics").into_iter().collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| a.scenario.cmp(&b.scenario));
    Ok(rows)
}

fn one(name: &str) -> Result<Row, String> {
    let source = Source::find(name).and_then(|s| s.parse()).map_err(|e| e.to_string())?;
    let bug: BTreeSet<String> = source.oracle.bug.iter().map(|n| n.text.clone()).collect();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let mut command = Command::new(target.join("release/capisim"));
    command.args(["run", name, "--driver", "stock", "--format", "json"]).current_dir(root());
    let output = command.output().map_err(|e| format!("{name}: cannot start capisim: {e}"))?;
    let report: RunReport = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{name}: no result ({e}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let build = report.builds.first().ok_or_else(|| format!("{name}: a report without a build"))?;
    let violated: BTreeSet<String> = build.violations.iter().map(|v| v.oracle.clone()).collect();
    let fired = !build.reached.is_empty() && build.reached.values().all(|n| *n > 0);
    let expected = match bug.is_empty() {
        true => report.verdict == Verdict::Passed,
        false => report.verdict == Verdict::Violated && violated == bug,
    };
    Ok(Row {
        scenario: name.to_owned(),
        fired,
        verdict: serde_json::to_value(report.verdict)
            .ok()
            .and_then(|v| Some(v.as_str()?.to_owned()))
            .unwrap_or_default(),
        violated,
        expected: expected && fired,
        virtual_s: build.virtual_seconds,
    })
}
