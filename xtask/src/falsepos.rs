//! `cargo xtask falsepos`: the stock driver through `churn`, many schedules of several beginnings; every oracle has to
//! stay silent.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};

use machine::report::{RunReport, Verdict};
use machine::scenario::shape::VARIANTS;

use crate::guest;
use crate::run::{program, root};

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask falsepos --runs 50\n  cargo xtask falsepos --runs 1000 --variant flashgt+ --first 51\n\n\
                        Exit code 0: every run passed, and no oracle said anything."
)]
pub struct Args {
    /// Number of runs, spread over the variants
    #[arg(long, default_value_t = 50)]
    pub runs: u64,
    /// Only this variant; may be given more than once [default: all]
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// Seed of the first beginning; each has up to 50 runs
    #[arg(long, default_value_t = 1)]
    pub first: u64,
    /// Beginnings at the same time
    #[arg(long, default_value_t = 2)]
    pub jobs: u64,
}

/// Most schedules of one beginning. Processes, places and sizes are drawn with the beginning, when things happen with
/// the schedule.
const PIECE: u64 = 50;
const SCENARIO: &str = "scenarios/churn.toml";

/// What was counted for a variant.
#[derive(Debug, Default)]
pub struct Count {
    pub variant: String,
    pub silent: u64,
    pub loud: u64,
}

/// Schedules of one beginning of one variant.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    variant: usize,
    seed: u64,
    schedules: u64,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if let Err(error) = guest::ensure(&guest::Args::default()) {
        return guest::failed(error);
    }
    match counts(args) {
        Ok(counts) => {
            let loud: u64 = counts.iter().map(|c| c.loud).sum();
            for c in &counts {
                println!("{:10} {:6} runs silent, {} not", c.variant, c.silent, c.loud);
            }
            ExitCode::from(u8::from(loud > 0))
        }
        Err(text) => {
            eprintln!("falsepos: {text}");
            ExitCode::from(5)
        }
    }
}

/// Runs everything and counts; what is not silent is printed.
pub fn counts(args: &Args) -> Result<Vec<Count>, String> {
    let variants: Vec<String> = if args.variant.is_empty() {
        VARIANTS.iter().map(|v| (*v).to_owned()).collect()
    } else {
        args.variant.clone()
    };
    let files = variants.iter().map(|v| scenario_of(v)).collect::<Result<Vec<_>, _>>()?;
    let mut counts: Vec<Count> =
        variants.iter().map(|v| Count { variant: v.clone(), ..Count::default() }).collect();
    let mut pieces = pieces(args.runs, args.first, variants.len() as u64).into_iter().peekable();
    while pieces.peek().is_some() {
        let now: Vec<Piece> = pieces.by_ref().take(args.jobs.max(1) as usize).collect();
        let children: Vec<Child> =
            now.iter().map(|piece| start(&files[piece.variant], piece)).collect::<Result<_, _>>()?;
        for (piece, child) in now.iter().zip(children) {
            let loud = judge(&report(child)?, piece, &files[piece.variant]);
            let count = &mut counts[piece.variant];
            count.loud += loud;
            count.silent += piece.schedules - loud;
        }
    }
    Ok(counts)
}

/// Beginnings with their schedules: run `n` is of variant `n` modulo their number.
fn pieces(runs: u64, first: u64, variants: u64) -> Vec<Piece> {
    let mut all = vec![];
    for variant in 0..variants {
        let count = runs / variants + u64::from(variant < runs % variants);
        for (n, done) in (0..count).step_by(PIECE as usize).enumerate() {
            let schedules = (count - done).min(PIECE);
            all.push(Piece { variant: variant as usize, seed: first + n as u64, schedules });
        }
    }
    all
}

/// The scenario with another adapter in it.
fn scenario_of(variant: &str) -> Result<PathBuf, String> {
    let path = root().join(SCENARIO);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let usual = "variant = \"corsa\"";
    if text.matches(usual).count() != 1 {
        return Err(format!("{SCENARIO}: `{usual}` is not there exactly once"));
    }
    let folder = root().join("target/capisim/falsepos");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let file = folder.join(format!("churn-{variant}.toml"));
    let text = text.replace(usual, &format!("variant = \"{variant}\""));
    // Behind FlashGT each port has disks of its own, behind the others all ports have the same.
    let text = if variant.starts_with("flashgt") { text.replace("disks = 4", "disks = 2") } else { text };
    std::fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(file)
}

fn start(scenario: &Path, piece: &Piece) -> Result<Child, String> {
    let mut command = program();
    let out = root().join("target/capisim/falsepos").join(format!("{}-{}", piece.variant, piece.seed));
    command.arg("explore").arg(scenario).args([
        "--driver",
        "stock",
        "--format",
        "json",
        "--progress",
        "never",
    ]);
    command.arg("--seed").arg(piece.seed.to_string()).arg("--schedules").arg(piece.schedules.to_string());
    command.args(["--jobs", "1"]).arg("--out").arg(out);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|e| format!("cannot start cargo: {e}"))
}

fn report(child: Child) -> Result<RunReport, String> {
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("exit code {:?}, no result: {e}", output.status.code()))
}

/// How many schedules were not silent; prints what was said. All count if something was never reached.
fn judge(report: &RunReport, piece: &Piece, scenario: &Path) -> u64 {
    let seen = || report.builds.iter().flat_map(|b| b.violations.iter().chain(&b.findings));
    let done = report.builds.first().map_or(0, |b| b.schedules);
    if report.verdict == Verdict::Passed && done == piece.schedules && seen().next().is_none() {
        return 0;
    }
    let loud = report.builds.first().map_or(0, |b| b.failures + b.undecided);
    println!("{} seed {}: {:?}, {done} schedules", scenario.display(), report.seed, report.verdict);
    report.reasons.iter().for_each(|reason| println!("    {reason}"));
    seen().take(8).for_each(|v| println!("    {}: {}", v.oracle, v.text));
    report.failures.iter().for_each(|f| println!("    repeat: {}", f.replay));
    if loud == 0 { piece.schedules } else { loud }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_are_spread_and_none_is_twice() {
        let all = pieces(403, 5, 4);
        let of = |variant: usize| -> Vec<(u64, u64)> {
            all.iter().filter(|p| p.variant == variant).map(|p| (p.seed, p.schedules)).collect()
        };
        assert_eq!(of(0), [(5, 50), (6, 50), (7, 1)]);
        assert_eq!(of(3), [(5, 50), (6, 50)]);
        assert_eq!(all.iter().map(|p| p.schedules).sum::<u64>(), 403);
    }
}
