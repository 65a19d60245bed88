//! `cargo xtask replays`: whether a schedule comes to the same state from a snapshot in memory, from its file in another
//! process, and from power-on.

use std::path::Path;
use std::process::ExitCode;

use crate::ab::{self, Schedules};
use crate::guest;
use crate::run::{program, root};

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask replays --seeds 200\n  cargo xtask replays --seeds 10000 --every 250\n\n\
                        Exit code 0: every schedule came to one state hash and one line of results."
)]
pub struct Args {
    /// Schedules, each run from the snapshot in memory and from the file
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Every so many, one from power-on as well
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// The scenario
    #[arg(long, default_value = "release-during-remove")]
    scenario: String,
    /// The driver
    #[arg(long, default_value = "stock")]
    driver: String,
    /// Threads
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if let Err(error) = guest::ensure(&guest::Args::default()) {
        return guest::failed(error);
    }
    match compare(args) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<String, String> {
    let out = root().join("target/capisim/replays");
    // What an earlier check left says nothing.
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let file = out.join("branch-point.snapshot").display().to_string();
    let memory = campaign(args, &out.join("memory"), &["--snapshot", &file])?;
    let from_file = campaign(args, &out.join("file"), &["--snapshot", &file])?;
    let shard = format!("1/{}", args.every);
    let booted = campaign(args, &out.join("power-on"), &["--from-power-on", "--shard", &shard])?;
    ab::same(&memory, &from_file, args.seeds).map_err(|text| format!("from the file: {text}"))?;
    let many = args.seeds.div_ceil(args.every);
    ab::same(&memory, &booted, many).map_err(|text| format!("from power-on: {text}"))?;
    Ok(format!(
        "{} on {}: {} of {} schedules equal from memory and from the file in another process, {many} of {many} from power-on",
        args.scenario,
        args.driver,
        from_file.len(),
        args.seeds
    ))
}

fn campaign(args: &Args, out: &Path, more: &[&str]) -> Result<Schedules, String> {
    let mut command = program();
    command.args(["explore", &args.scenario, "--driver", &args.driver, "--hash-all", "--format", "json"]);
    command.args(["--schedules", &args.seeds.to_string(), "--jobs", &args.jobs.to_string()]);
    command.args(more).arg("--out").arg(out);
    // Schedules may fail and the command with them: only what they came to is compared.
    let status = command.stdout(std::process::Stdio::null()).status();
    status.map_err(|e| format!("cannot start cargo: {e}"))?;
    ab::schedules(&ab::folder(out)?, &args.scenario)
}
