//! `cargo xtask test`: everything that proves the project, stage by stage.
//!
//! A stage prints what it runs and how long it took. The first failure ends the run with the command that repeats it; the
//! last line is always `N passed, N failed`, counted over the test cases and checks that really ran.

#![allow(clippy::disallowed_types)] // Seconds of a stage are wall-clock seconds.

pub mod cargo;
mod determinism;
mod executors;
mod fuzz;
mod stages;

use std::ops::AddAssign;
use std::process::ExitCode;
use std::time::Instant;

use stages::STAGES;

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --only unit --only tidy\n  \
                        cargo xtask test --only fuzz --fuzz-seconds 600\n  cargo xtask test --quick")]
pub struct Args {
    /// Run only this stage; may be given more than once
    #[arg(long, value_name = "STAGE", value_parser = stage_name)]
    only: Vec<String>,
    /// Only list the stages
    #[arg(long)]
    list: bool,
    /// Seconds for each fuzz target
    #[arg(long, value_name = "N", default_value_t = 30)]
    fuzz_seconds: u64,
    /// Seed of the fuzzers
    #[arg(long, value_name = "N", default_value_t = 1)]
    fuzz_seed: u64,
    /// Go on with the next stage after a failure
    #[arg(long)]
    keep_going: bool,
    /// Leave out what needs guest artifacts, and fuzz for three seconds
    #[arg(long)]
    quick: bool,
}

fn stage_name(text: &str) -> Result<String, String> {
    if STAGES.iter().any(|stage| stage.name == text) {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    Err(format!("the stages are {}", names.join(", ")))
}

/// One stage of the run.
struct Stage {
    name: &'static str,
    about: &'static str,
    /// Needs a guest kernel.
    guest: bool,
    run: fn(&Args) -> Outcome,
}

/// What a stage counted, or why it failed.
type Outcome = Result<Counts, Failure>;

/// Cases that passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// `passed` cases, none failed.
    pub fn passed(passed: u64) -> Self {
        Self { passed, failed: 0 }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A stage that failed.
#[derive(Debug)]
pub struct Failure {
    /// What was counted until then.
    pub counts: Counts,
    /// What went wrong.
    pub text: String,
    /// The command that shows it again.
    pub repeat: String,
}

impl Failure {
    /// One failed check.
    pub fn one(text: impl Into<String>, repeat: impl Into<String>) -> Self {
        Self { counts: Counts { passed: 0, failed: 1 }, text: text.into(), repeat: repeat.into() }
    }
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if args.list {
        STAGES.iter().for_each(|stage| println!("{:12} {}", stage.name, stage.about));
        return ExitCode::SUCCESS;
    }
    let chosen = STAGES.iter().filter(|stage| match args.only.as_slice() {
        [] => !(args.quick && stage.guest),
        only => only.iter().any(|name| name == stage.name),
    });
    let start = Instant::now();
    let (mut total, mut lines) = (Counts::default(), vec![]);
    for stage in chosen {
        let good = run_stage(stage, args, &mut total, &mut lines);
        if !good && !args.keep_going {
            break;
        }
    }
    println!("\nstage          seconds  passed  failed");
    lines.iter().for_each(|line| println!("{line}"));
    println!("{:12} {:9.1}", "total", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one stage, reports it; true if it was good.
fn run_stage(stage: &Stage, args: &Args, total: &mut Counts, lines: &mut Vec<String>) -> bool {
    println!("\n== {}: {}", stage.name, stage.about);
    let start = Instant::now();
    let outcome = (stage.run)(args);
    let seconds = start.elapsed().as_secs_f64();
    let mut counts = match &outcome {
        Ok(counts) => *counts,
        Err(failure) => failure.counts,
    };
    if outcome.is_err() {
        counts.failed = counts.failed.max(1);
    }
    *total += counts;
    lines.push(format!("{:12} {seconds:9.1} {:7} {:7}", stage.name, counts.passed, counts.failed));
    match outcome {
        Ok(_) => println!("== {}: good, {seconds:.1} s", stage.name),
        Err(failure) => {
            println!("== {}: FAILED after {seconds:.1} s: {}", stage.name, failure.text);
            println!("== repeat: {}", failure.repeat);
        }
    }
    counts.failed == 0
}
