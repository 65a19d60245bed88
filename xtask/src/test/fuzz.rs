//! The fuzz stage: every target for some seconds, two at a time.

use std::process::Command;
use std::sync::Mutex;

use super::cargo::root;
use super::{Args, Counts, Failure, Outcome};
use crate::fuzz;

const QUICK_SECONDS: u64 = 3;

/// Builds the fuzzers with coverage and runs all targets; each fails below its floors of executions and of coverage.
pub fn run(args: &Args) -> Outcome {
    let program = fuzz::build()?;
    let targets = fuzz::targets(&program)?;
    let seconds = if args.quick { QUICK_SECONDS } else { args.fuzz_seconds };
    let (next, outcomes) = (Mutex::new(targets.iter()), Mutex::new(vec![]));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(targets.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let target = next.lock().expect("no worker panics").next();
                    let Some(target) = target else { break };
                    let outcome = one(&program, target, seconds, args.fuzz_seed);
                    outcomes.lock().expect("no worker panics").push(outcome);
                }
            });
        }
    });
    judge(outcomes.into_inner().expect("no worker panics"))
}

fn one(program: &std::path::Path, target: &str, seconds: u64, seed: u64) -> Outcome {
    let repeat = format!("cargo xtask fuzz {target} --seconds {seconds} --seed {seed}");
    let mut command = Command::new(program);
    let words = [target, "--seconds", &seconds.to_string(), "--floor", "--seed", &seed.to_string()];
    let output = command.current_dir(root()).args(words).output();
    let output = output.map_err(|error| Failure::one(error.to_string(), &*repeat))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    if output.status.success() {
        return Ok(Counts::passed(1));
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Err(Failure::one(format!("target {target}: {}", output.status), repeat))
}

fn judge(outcomes: Vec<Outcome>) -> Outcome {
    let (mut counts, mut texts, mut repeats) = (Counts::default(), vec![], vec![]);
    for outcome in outcomes {
        match outcome {
            Ok(more) => counts += more,
            Err(failure) => {
                counts += failure.counts;
                texts.push(failure.text);
                repeats.push(failure.repeat);
            }
        }
    }
    let (text, repeat) = (texts.join("; "), repeats.join("\n   "));
    if texts.is_empty() { Ok(counts) } else { Err(Failure { counts, text, repeat }) }
}
