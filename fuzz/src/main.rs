//! `fuzz TARGET`: seeded mutation fuzzing of everything a guest or a user hands the simulator.
//!
//! No nightly compiler and no coverage: inputs start from cases built in code and are mutated from a seed, so a run
//! repeats to the bit. A panic, an input that takes too long, or an `assert` of an entry point is a failure; its input is
//! stored under `target/capisim/fuzz/` with the line that replays it.
#![forbid(unsafe_code)]

mod driver;
mod mutate;
mod targets;
mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Fuzzes one target.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -p fuzz -- --list\n  cargo run -p fuzz -- psl --seconds 600 --seed 7\n  \
                        cargo run -p fuzz -- psl --replay target/capisim/fuzz/psl-00ff.bin"
)]
struct Cli {
    /// What to fuzz
    #[arg(required_unless_present = "list")]
    target: Option<String>,
    /// Wall-clock seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Executions, instead of a time
    #[arg(long, conflicts_with = "seconds")]
    executions: Option<u64>,
    /// Fails if there were far fewer executions than a target usually does in that time
    #[arg(long, conflicts_with = "executions")]
    floor: bool,
    /// Seed of the mutations
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs one stored input
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Lists the targets
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        targets::ALL.iter().for_each(|target| println!("{:10} {}", target.name, target.about));
        return ExitCode::SUCCESS;
    }
    let name = cli.target.unwrap_or_default();
    let Some(target) = targets::ALL.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
        eprintln!("no target `{name}`; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    match &cli.replay {
        Some(path) => replay(target, path),
        None => driver::fuzz(target, cli.seed, cli.seconds, cli.executions, cli.floor),
    }
}

/// Runs one input without a net, so that the panic's own message is seen.
fn replay(target: &targets::Target, path: &std::path::Path) -> ExitCode {
    match std::fs::read(path) {
        Ok(input) => {
            println!("fuzz {}: {} bytes of {}", target.name, input.len(), path.display());
            (target.run)(&input);
            println!("fuzz {}: this input does no harm", target.name);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: cannot read it: {error}", path.display());
            ExitCode::from(2)
        }
    }
}
