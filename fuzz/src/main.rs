//! `fuzz TARGET`: seeded mutation fuzzing of everything a guest or a user hands the simulator.
//!
//! Inputs start from cases built in code and from the committed corpus, and are mutated from a seed, so a number of
//! executions repeats to the bit. Built by `cargo xtask fuzz`, it measures which edges inputs reach and keeps those that
//! reach new ones. A panic, too much time or memory, or an `assert` of an entry point is a failure; its input is
//! stored under `target/capisim/fuzz/` with the line that replays it.
#![deny(unsafe_code)]

mod corpus;
mod coverage;
mod driver;
mod limits;
mod mutate;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Fuzzes one target.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -p fuzz -- --list\n  cargo run -p fuzz -- psl --seconds 600 --seed 7\n  \
                        cargo run -p fuzz -- psl --replay target/capisim/fuzz/psl-00ff.bin\n  \
                        cargo xtask fuzz psl --seconds 600 --grow"
)]
struct Cli {
    /// What to fuzz
    #[arg(required_unless_present = "list")]
    target: Option<String>,
    /// Wall-clock seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Executions, instead of a time; the seeds and the corpus come first and count
    #[arg(long, conflicts_with = "seconds")]
    executions: Option<u64>,
    /// Fails if there were far fewer executions than a target usually does in that time, or if corpus and seeds reach less
    #[arg(long, conflicts_with = "executions")]
    floor: bool,
    /// Seed of the mutations
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Starts from the inputs of this folder too, and adds those that reach something new
    #[arg(long, value_name = "DIR")]
    grow: Option<PathBuf>,
    /// Cuts the inputs of this folder and of the corpus down to a corpus that may be committed, and ends
    #[arg(long, value_name = "DIR", conflicts_with = "grow")]
    minimise: Option<PathBuf>,
    /// Appends a line to this ledger: target, seed, CPU seconds, executions, counters reached, findings
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
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
    let name = cli.target.as_deref().unwrap_or_default();
    let Some(target) = targets::ALL.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
        eprintln!("no target `{name}`; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    if let Some(path) = &cli.replay {
        return replay(target, path);
    }
    if (cli.grow.is_some() || cli.minimise.is_some() || cli.floor) && coverage::counters() == 0 {
        eprintln!(
            "fuzz: this build measures no coverage, which --grow, --minimise and --floor need: use `cargo xtask fuzz`"
        );
        return ExitCode::from(2);
    }
    let Cli { seed, seconds, executions, floor, grow, ledger, minimise, .. } = cli;
    let outcome = match minimise {
        Some(more) => corpus::minimise(target, &more).map(|()| ExitCode::SUCCESS),
        None => driver::fuzz(target, &driver::Options { seed, seconds, executions, floor, grow, ledger }),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("fuzz {}: {error}", target.name);
        ExitCode::from(2)
    })
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
