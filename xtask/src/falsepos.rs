//! `cargo xtask falsepos`: the stock driver through `churn`, many schedules of several beginnings; every oracle has to
//! stay silent. Runs in which the kernel goes wrong in a way that is written up are counted apart.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};

use machine::report::campaign::Line;
use machine::report::{RunReport, Verdict};
use machine::scenario::shape::VARIANTS;

use crate::guest;
use crate::run::{program, root};

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask falsepos --runs 50\n  cargo xtask falsepos --runs 1000 --variant flashgt+ --first 51\n\n\
                        Exit code 0: every run passed, and no oracle said anything, but for runs that show a known defect of the stock cxl.ko."
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
    /// Kernel module in the place of the stock one, such as a cxl.ko that `cargo xtask mutants --build-only` names
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
}

/// Most schedules of one beginning. Processes, places and sizes are drawn with the beginning, when things happen with
/// the schedule.
const PIECE: u64 = 50;
const SCENARIO: &str = "scenarios/churn.toml";

/// A defect of the stock drivers that comes up in correct runs.
struct Known {
    /// The oracle that tells of it, as a finding.
    oracle: &'static str,
    /// What may come of it in the same run.
    then: &'static [&'static str],
    page: &'static str,
}
/// A process with translations of another one dies, or waits for ever.
const KNOWN: Known = Known {
    oracle: "no-stale-cpu-translation",
    then: &["progress"],
    page: "docs/findings/cxl-fault-hides-cpu-from-flush.md",
};

/// What was counted for a variant.
#[derive(Debug, Default)]
pub struct Count {
    pub variant: String,
    pub silent: u64,
    /// Runs that show [`KNOWN`], and nothing that cannot come of it.
    pub known: u64,
    pub loud: u64,
}

impl Count {
    fn add(&mut self, line: &Line) {
        let told = line.findings.keys().chain(line.violations.iter().map(|v| &v.oracle));
        let others = told.filter(|oracle| *oracle != KNOWN.oracle).count();
        let follows = |oracle: &str| KNOWN.then.contains(&oracle);
        let consequences = line.violations.iter().filter(|v| follows(&v.oracle)).count();
        match (line.findings.contains_key(KNOWN.oracle), others) {
            (false, 0) if line.undecided.is_none() => self.silent += 1,
            (true, n) if n == consequences => self.known += 1,
            _ => self.loud += 1,
        }
    }
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
                println!("{:10} {:6} runs silent, {} known, {} not", c.variant, c.silent, c.known, c.loud);
            }
            if counts.iter().any(|c| c.known > 0) {
                println!("known: `{}`, a defect of the stock cxl.ko: {}", KNOWN.oracle, KNOWN.page);
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
            now.iter().map(|piece| start(&files[piece.variant], piece, args)).collect::<Result<_, _>>()?;
        for (piece, child) in now.iter().zip(children) {
            judge(&report(child)?, piece, &files[piece.variant], &mut counts[piece.variant])?;
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

/// Where a piece of this scenario leaves what it finds.
fn folder(scenario: &Path, piece: &Piece) -> PathBuf {
    scenario.with_extension(piece.seed.to_string())
}

fn start(scenario: &Path, piece: &Piece, args: &Args) -> Result<Child, String> {
    let mut command = program();
    let out = folder(scenario, piece);
    match std::fs::remove_dir_all(&out) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(format!("{}: {e}", out.display())),
        _ => {}
    }
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
    if let Some(module) = &args.module {
        command.arg("--module").arg(module);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|e| format!("cannot start cargo: {e}"))
}

fn report(child: Child) -> Result<RunReport, String> {
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("exit code {:?}, no result: {e}", output.status.code()))
}

/// The schedules of a piece, as its campaign left them.
fn lines(scenario: &Path, piece: &Piece) -> Result<Vec<Line>, String> {
    let campaigns = folder(scenario, piece).join("campaigns");
    let there = |e: std::io::Error| format!("{}: {e}", campaigns.display());
    let mut all = vec![];
    for campaign in std::fs::read_dir(&campaigns).map_err(there)? {
        let file = campaign.map_err(there)?.path().join("churn/schedules.jsonl");
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for line in text.lines() {
            all.push(serde_json::from_str(line).map_err(|e| format!("{}: {e}", file.display()))?);
        }
    }
    Ok(all)
}

/// Counts the schedules of a piece; prints what was said. All are loud if something was never reached.
fn judge(report: &RunReport, piece: &Piece, scenario: &Path, count: &mut Count) -> Result<(), String> {
    let seen = || report.builds.iter().flat_map(|b| b.violations.iter().chain(&b.findings));
    let mut mine = Count::default();
    lines(scenario, piece)?.iter().for_each(|line| mine.add(line));
    let done = mine.silent + mine.known + mine.loud;
    let whole = done == piece.schedules;
    let quiet = whole && mine.silent == done && report.verdict == Verdict::Passed;
    if !quiet {
        println!("{} seed {}: {:?}, {done} schedules", scenario.display(), report.seed, report.verdict);
        report.reasons.iter().for_each(|reason| println!("    {reason}"));
        seen().take(8).for_each(|v| println!("    {}: {}", v.oracle, v.text));
        report.failures.iter().for_each(|f| println!("    repeat: {}", f.replay));
    }
    // Each run was in order, and yet they do not make a campaign that passes.
    let unexplained = mine.loud == 0 && mine.known == 0 && report.verdict != Verdict::Passed;
    if !whole || unexplained {
        mine = Count { loud: piece.schedules, ..Count::default() };
    }
    count.silent += mine.silent;
    count.known += mine.known;
    count.loud += mine.loud;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A run with these findings and violations.
    fn line(findings: &[&str], violations: &[&str], undecided: Option<&str>) -> Line {
        let findings: BTreeMap<&str, u64> = findings.iter().map(|f| (*f, 1)).collect();
        let violation = |v: &&str| serde_json::json!({ "oracle": v, "at_ns": 1, "pe": null, "text": "" });
        let violations: Vec<_> = violations.iter().map(violation).collect();
        serde_json::from_value(serde_json::json!({
            "scenario": "churn", "driver": "stock", "schedule": 1, "violations": violations, "findings": findings,
            "bug": false, "undecided": undecided, "bypassed": 0, "remove": "finished", "oops": null, "reached": {},
            "state_hash": "", "instructions": 1, "virtual_ns": 1, "wall_us": 1, "restore_us": 1,
        }))
        .expect("a line")
    }

    #[test]
    fn only_what_comes_of_the_known_defect_is_known() {
        let counted = |findings: &[&str], violations: &[&str], undecided: Option<&str>| {
            let mut count = Count::default();
            count.add(&line(findings, violations, undecided));
            (count.silent, count.known, count.loud)
        };
        let (silent, known, loud) = ((1, 0, 0), (0, 1, 0), (0, 0, 1));
        assert_eq!(counted(&[], &[], None), silent);
        assert_eq!(counted(&[], &[], Some("limit")), loud);
        assert_eq!(counted(&[], &["progress"], None), loud);
        assert_eq!(counted(&["no-warn"], &[], None), loud);
        assert_eq!(counted(&[KNOWN.oracle], &[], None), known);
        assert_eq!(counted(&[KNOWN.oracle], &["progress"], None), known);
        assert_eq!(counted(&[KNOWN.oracle], &[], Some("limit")), known);
        assert_eq!(counted(&[KNOWN.oracle], &["progress", "data-integrity"], None), loud);
        assert_eq!(counted(&[KNOWN.oracle, "no-warn"], &["progress"], None), loud);
    }

    #[test]
    fn the_page_and_the_oracles_exist() {
        assert!(root().join(KNOWN.page).is_file());
        let names = || std::iter::once(KNOWN.oracle).chain(KNOWN.then.iter().copied());
        assert!(names().all(|name| machine::oracle::TABLE.iter().any(|o| o.name == name)));
    }

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
