//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use machine::engine::Strategy;
use machine::executor::Executor;
use std::path::PathBuf;

/// Exit codes, for `--help`.
const CODES: &str = "\
Exit codes: 0 passed or confirmed, 1 an oracle was violated (of two builds: by the new one), 2 bad usage or scenario,
3 inconclusive, 4 internal error or nondeterminism, 5 environment, 124 wall-clock limit, 130 interrupted.";

/// Simulates a POWER9 machine with a CAPI flash adapter and judges its driver.
#[derive(Debug, Parser)]
#[command(name = "capisim", version, after_help = CODES, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// When to use colours (NO_COLOR is respected).
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: When,
    /// When to show progress on standard error.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub progress: When,
    /// What executes the guest's instructions: interpreter, jit, jit:TIMES (translate what was executed so often) or
    /// jit:seed=N. No result depends on it [default: the fastest that this build and host have].
    #[arg(long, global = true)]
    pub executor: Option<Executor>,
}

/// A choice that may depend on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// If it makes sense where the output goes.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Form of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Human,
    /// `result.json`.
    Json,
    /// KTAP, as kernel tests print it.
    Ktap,
    /// JUnit XML.
    Junit,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Boot a guest with the adapter in it and work on its console.
    #[command(after_help = BOOT_EXAMPLES)]
    Boot(BootArgs),
    /// Run a scenario; without one, judge the fix with release-during-remove.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Run the same schedules on two driver builds, many of them from one snapshot.
    #[command(after_help = AB_EXAMPLES)]
    Ab(AbArgs),
    /// Look for failures of one driver build in many schedules from one snapshot.
    #[command(after_help = EXPLORE_EXAMPLES)]
    Explore(ExploreArgs),
    /// Put the shards of a campaign together.
    #[command(
        after_help = "Example:\n  capisim merge shard-1/ab-1-20260101T120000Z shard-2/ab-1-20260101T120001Z"
    )]
    Merge(MergeArgs),
    /// Run a recorded run again and compare.
    #[command(
        after_help = "Example:\n  capisim replay target/capisim/runs/release-during-remove-1-20260101T120000Z"
    )]
    Replay(ReplayArgs),
    /// Show a failing run beside the nearest one that passes: where they part, and what came in another order.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Print a failed run as at most 60 lines of plain text, for a mail.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Make the scenario of a failing run smaller, as long as it fails in the same way.
    #[command(
        after_help = "Example:\n  capisim shrink target/capisim/runs/release-during-remove-1-20260101T120000Z"
    )]
    Shrink(ShrinkArgs),
    /// List what there is.
    #[command(after_help = "Example:\n  capisim list oracles")]
    List(ListArgs),
    /// Check scenario files without running them.
    #[command(
        after_help = "Examples:\n  capisim check scenarios/*.toml\n  capisim check --print-schema > docs/scenario.schema.json"
    )]
    Check(CheckArgs),
    /// One of the two runs of `run --verify`: answers questions on standard input.
    #[command(hide = true)]
    VerifySide(SideArgs),
    /// Tell what this host has and lacks.
    Doctor,
    /// Print completions for a shell.
    #[command(
        after_help = "Example:\n  capisim completions bash > ~/.local/share/bash-completion/completions/capisim"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Verb {
    /// Exit codes for `git bisect run` are wanted.
    pub fn bisects(&self) -> bool {
        match self {
            Verb::Run(args) => args.bisect_codes,
            Verb::Ab(args) => args.campaign.bisect_codes,
            Verb::Explore(args) => args.campaign.bisect_codes,
            _ => false,
        }
    }
}

const BOOT_EXAMPLES: &str = "\
Examples:
  capisim boot                                  a shell on hvc0; Ctrl-A x leaves
  capisim boot --lun file=disk.img,size=4GiB    blocks that survive
  echo 'cat /proc/partitions' | capisim boot    commands from a pipe; ends when the guest is idle
  capisim boot --kernel vmlinux --initrd my.cpio --no-adapter";
const RUN_EXAMPLES: &str = "\
Examples:
  capisim run                                   is the fix good? pre-fix and stock driver, exit 0 if confirmed
  capisim run probe                             a scenario of the project
  capisim run my.toml --seed 1..50              a file, many seeds
  capisim run probe --variant flashgt+          the same on another adapter
  capisim run soak --draw cycles=1667           a number of the scenario's, another one
  capisim run --driver old.ko --driver new.ko   the first is old, the second new
  capisim run probe --verify                    twice, in two processes, compared down to the instruction
  capisim run probe --verify --executor interpreter --beside jit:0
                                                the same, with another executor in each
  capisim run --format json > result.json";

const AB_EXAMPLES: &str = "\
Examples:
  capisim ab pre-fix stock --schedules 1000     every scenario with `ab = true`
  capisim ab old.ko new.ko my.toml --jobs 4     a file, on four cores
  capisim ab pre-fix stock --resume target/capisim/campaigns/ID
  capisim ab pre-fix stock --shard 2/8          every eighth schedule; `capisim merge` puts shards together";
const EXPLORE_EXAMPLES: &str = "\
Examples:
  capisim explore churn --schedules 1000
  capisim explore release-during-remove --driver pre-fix --schedules 100 --format json
  capisim explore release-during-remove --driver my.ko --rerun target/capisim/campaigns/ID";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  capisim explain target/capisim/runs/release-during-remove-1-20260101T120000Z
  capisim explain target/capisim/campaigns/ID/retry-storm-stall/failures/pre-fix-7
  capisim explain DIR --against stock           the same schedule on another build
  capisim explain DIR --all | less              every event that matters
  capisim explain DIR --format json";
const REPORT_EXAMPLES: &str = "\
Examples:
  capisim report target/capisim/runs/release-during-remove-1-20260101T120000Z
  capisim report target/capisim/campaigns/ID/retry-storm-stall/failures/pre-fix-7";

/// How the CPUs' turns are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawn {
    /// All that can run do, in random order.
    Random,
    /// Random priorities that change at lock operations, interrupts, MMIO and where tasks give up their CPU.
    Pct,
}

/// How many schedules, and where.
#[derive(Args, Clone, Debug)]
pub struct CampaignArgs {
    /// Schedules per scenario and build.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub schedules: u64,
    /// Seed of the first schedule; the next ones count up.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub first: u64,
    /// Seed of the common beginning, up to the branch point.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How the CPUs' turns are drawn.
    #[arg(long, value_enum, default_value = "random")]
    pub strategy: Drawn,
    /// PCT: depth of the bugs looked for.
    #[arg(long, value_name = "D", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub depth: u32,
    /// PCT: number of points (lock operations, interrupts, MMIO, tasks that give up their CPU) among which priorities change.
    #[arg(long, value_name = "K", default_value_t = 500)]
    pub points: u64,
    /// Threads (default: as many as the host has cores).
    #[arg(long, short, value_name = "J")]
    pub jobs: Option<usize>,
    /// Only every N-th schedule, the K-th of each N: `2/8`.
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    pub shard: String,
    /// Goes on with the campaign in this folder; the rest of the command line has to be the same.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Boots instead of beginning with a snapshot of an earlier campaign, and keeps none.
    #[arg(long)]
    pub no_snapshot_cache: bool,
    /// Takes the state hash of every schedule, not of failures alone (`schedules.jsonl`).
    #[arg(long)]
    pub hash_all: bool,
    /// Runs each schedule from power-on, without snapshots: a check of them that takes seconds a schedule.
    #[arg(long)]
    pub from_power_on: bool,
    /// Runs only the schedules that failed in the campaign in this folder, the last one first: does a new build cure them?
    #[arg(long, value_name = "DIR", conflicts_with_all = ["schedules", "first"])]
    pub rerun: Option<PathBuf>,
    /// Ends the campaign at the first failure (of two builds: of the new one).
    #[arg(long)]
    pub fail_fast: bool,
    /// Form of the results on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Exit codes for `git bisect run`: 0 good, 1 bad, 125 cannot tell, above 127 ends the bisection.
    #[arg(long)]
    pub bisect_codes: bool,
}

impl CampaignArgs {
    /// As the engine has it.
    pub fn strategy(&self) -> Strategy {
        match self.strategy {
            Drawn::Random => Strategy::Random,
            Drawn::Pct => Strategy::Pct { depth: self.depth, points: self.points },
        }
    }
}

/// `ab`.
#[derive(Args, Debug)]
pub struct AbArgs {
    /// The old build: a file, or `pre-fix` or `stock`.
    pub old: String,
    /// The new build.
    pub new: String,
    /// Scenario files, or names of the project's scenarios (default: those with `ab = true`).
    pub scenario: Vec<String>,
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The guest.
    #[command(flatten)]
    pub guest: GuestArgs,
}

/// `explore`.
#[derive(Args, Debug)]
pub struct ExploreArgs {
    /// A scenario file, or the name of one of the project's scenarios.
    pub scenario: String,
    /// Driver under test: a file, or `stock` or `pre-fix`.
    #[arg(long, value_name = "FILE|NAME", default_value = "stock")]
    pub driver: String,
    /// Begins with the snapshot in this file; it is made if it is not there, and refused if it is of something else.
    #[arg(long, value_name = "FILE", conflicts_with = "no_snapshot_cache")]
    pub snapshot: Option<PathBuf>,
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The guest.
    #[command(flatten)]
    pub guest: GuestArgs,
}

/// `merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Folders of campaigns.
    #[arg(required = true)]
    pub campaign: Vec<PathBuf>,
    /// Where the result goes.
    #[arg(long, value_name = "DIR", default_value = "target/capisim")]
    pub out: PathBuf,
    /// Form of the results on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// Which guest.
#[derive(Args, Clone, Debug, Default)]
pub struct GuestArgs {
    /// Kernel: a vmlinux file, or the release of a prepared one (`capisim list kernels`).
    #[arg(long, value_name = "FILE|RELEASE")]
    pub kernel: Option<String>,
    /// Kernel build tree: its vmlinux, its modules, and its cxlflash.ko as driver `stock` (docs/kernels.md).
    #[arg(long, value_name = "DIR", conflicts_with = "kernel")]
    pub kbuild: Option<PathBuf>,
    /// Kernel module to use instead of, or besides, the prepared ones; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub module: Vec<PathBuf>,
    /// First file system with our init in it; modules and settings are appended to it (`boot`: any, and
    /// nothing is appended unless a driver or module is given).
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// Kernel command line.
    #[arg(long, value_name = "TEXT")]
    pub cmdline: Option<String>,
    /// Number of vCPUs.
    #[arg(long, value_name = "N")]
    pub cpus: Option<usize>,
    /// RAM, such as 1GiB.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Logical unit of the first adapter: `size=16GiB`, `file=disk.img`, `file=disk.img,size=4GiB`, with `block=512` and `profile=CLASS`; may be repeated.
    #[arg(long, value_name = "SPEC")]
    pub lun: Vec<String>,
    /// Variant of the first adapter; repeated, of the next ones, which are added if the scenario has fewer.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(machine::scenario::shape::VARIANTS))]
    pub variant: Vec<String>,
    /// Number, or range of numbers, for a `[draw]` of the scenario: `cycles=1000`, `lba=8..64`; may be repeated.
    #[arg(long, value_name = "NAME=RANGE")]
    pub draw: Vec<String>,
    /// Where results go.
    #[arg(long, value_name = "DIR", default_value = "target/capisim")]
    pub out: PathBuf,
    /// Wall-clock limit in seconds; exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `boot`.
#[derive(Args, Debug)]
pub struct BootArgs {
    /// The guest.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// Driver to load instead of the stock cxlflash.
    #[arg(long, value_name = "FILE")]
    pub driver: Option<PathBuf>,
    /// No adapter in the machine.
    #[arg(long)]
    pub no_adapter: bool,
    /// Seed of everything drawn.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Scenario files, or names of the project's scenarios.
    pub scenario: Vec<String>,
    /// The guest.
    #[command(flatten)]
    pub guest: GuestArgs,
    /// Driver under test; given twice, the first is old and the second new. `stock` and `pre-fix` name the prepared ones.
    #[arg(long, value_name = "FILE|NAME")]
    pub driver: Vec<String>,
    /// Seed, or a range `1..50`.
    #[arg(long, default_value = "1")]
    pub seed: String,
    /// Form of the results on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Exit codes for `git bisect run`: 0 good, 1 bad, 125 cannot tell, above 127 ends the bisection.
    #[arg(long)]
    pub bisect_codes: bool,
    /// Runs every build twice, in two processes, and compares them at marks; if they differ, finds the instruction, register, page or event that begins it (exit code 4).
    #[arg(long)]
    pub verify: bool,
    /// Executor of the second process of --verify; the first has that of --executor: two executors are one machine.
    #[arg(long, value_name = "EXECUTOR", requires = "verify")]
    pub beside: Option<Executor>,
    /// Disturbs the second run, to test --verify itself: `gpr:CPU:REGISTER:BIT@N`, `memory:ADDRESS:BIT@N`, `schedule@N`, `event@N`.
    #[arg(long, value_name = "WHAT@N", requires = "verify", hide = true)]
    pub verify_perturb: Option<String>,
}

/// `verify-side`.
#[derive(Args, Debug)]
pub struct SideArgs {
    /// Folder of the run.
    pub run: PathBuf,
    /// Which of its drivers, from 0.
    #[arg(long, default_value_t = 0)]
    pub driver: usize,
    /// What is disturbed.
    #[arg(long)]
    pub perturb: Option<String>,
}

/// `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Folder of the recorded run.
    pub run: PathBuf,
    /// Form of the results on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Wall-clock limit in seconds; exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// Form of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// At most 60 lines, unless `--all`.
    Human,
    /// An object.
    Json,
}

/// `explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Folder of the recorded run, or of a campaign's failure.
    pub run: PathBuf,
    /// Compares with the same schedule on this build (a file, `stock` or `pre-fix`) instead of a neighbouring schedule.
    #[arg(long, value_name = "FILE|NAME")]
    pub against: Option<String>,
    /// Neighbouring schedules among which a passing one is looked for.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub neighbours: u64,
    /// Scenarios without one step's action or one parameter that are tried beside them.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub simpler: u64,
    /// All events that matter, not only those around the parting.
    #[arg(long)]
    pub all: bool,
    /// Form of the explanation.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ExplainFormat,
    /// Wall-clock limit in seconds; exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folder of the run, or of a campaign's failure, which is run again for it.
    pub run: PathBuf,
    /// Wall-clock limit in seconds; exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `shrink`.
#[derive(Args, Debug)]
pub struct ShrinkArgs {
    /// Folder of the recorded run, or of a campaign's failure. The result goes into `shrunk` in it.
    pub run: PathBuf,
    /// Wall-clock limit in seconds: then what is smallest so far is kept; exit code 124.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// What `list` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// Faults a scenario can inject.
    Faults,
    /// Operations that a condition can await and a fault can meet.
    Operations,
    /// Oracles.
    Oracles,
    /// Classes of drives, with the sources of their numbers.
    Profiles,
    /// Scenarios of the project.
    Scenarios,
    /// Prepared kernels.
    Kernels,
}

/// `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which list.
    #[arg(value_enum)]
    pub what: Listing,
    /// A list for people, or an array of objects (`json`).
    #[arg(long, value_parser = ["human", "json"], default_value = "human")]
    pub format: String,
}

/// `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Scenario files, or names of the project's scenarios.
    pub scenario: Vec<String>,
    /// Print the JSON Schema of scenarios.
    #[arg(long)]
    pub print_schema: bool,
    /// Kernel whose symbols the scenarios must name.
    #[arg(long, value_name = "FILE|RELEASE")]
    pub kernel: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
