//! `cargo xtask ab`: the same schedules on the pre-fix and the stock driver.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use machine::report::campaign::Line;
use machine::report::{RunReport, Verdict};

use crate::guest;
use crate::run::{code, program, root};

/// What the user asks for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ab\n  cargo xtask ab --schedules 100 --format json\n  cargo xtask ab release-during-remove --jobs 1\n\n\
                        Everything goes to `capisim ab pre-fix stock`; see `cargo xtask ab -- --help`."
)]
pub struct Args {
    /// Arguments of `capisim ab` after the two drivers.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if let Err(error) = guest::ensure(&guest::Args::default()) {
        return guest::failed(error);
    }
    code(program().args(["ab", "pre-fix", "stock"]).args(&args.args).status())
}

/// Schedules of the check in CI.
const SCHEDULES: u64 = 24;
const SCENARIO: &str = "release-during-remove";

/// A small campaign, whole and booted for itself; again from snapshots in the
/// cache and in two shards, one of them cut off in the middle and resumed, and
/// merged; a part of it from power-on; a failure replayed, explained and reported. The number of checks.
pub fn check() -> Result<u64, String> {
    let out = root().join("target/capisim/ab-check");
    // What an earlier check left says nothing.
    let _ = std::fs::remove_dir_all(&out);
    let whole = campaign(&out.join("whole"), "1/1", &["--no-snapshot-cache"])?;
    expect(whole.verdict == Verdict::Confirmed, || format!("{:?}: {:?}", whole.verdict, whole.reasons))?;
    let counts: Vec<u64> = whole.builds.iter().map(|b| b.schedules).collect();
    expect(counts == [SCHEDULES, SCHEDULES], || format!("{counts:?} schedules"))?;
    let failure = bundle(&whole)?;
    replays(failure)?;
    explains(failure)?;
    reports(failure)?;
    campaign(&out.join("one"), "1/2", &[])?;
    campaign(&out.join("two"), "2/2", &[])?;
    let cut = folder(&out.join("two"))?;
    shorten(&cut.join(SCENARIO).join("schedules.jsonl"))?;
    let dir = cut.display().to_string();
    campaign(&out.join("two"), "2/2", &["--resume", &dir])?;
    let mut merge = program();
    merge
        .arg("merge")
        .arg(folder(&out.join("one"))?)
        .arg(&cut)
        .args(["--format", "json"])
        .arg("--out")
        .arg(out.join("all"));
    let merged = report(merge)?;
    expect(summary(&merged) == summary(&whole), || "merged shards differ from the whole campaign".into())?;
    campaign(&out.join("power-on"), "1/24", &["--from-power-on"])?;
    let booted = schedules(&folder(&out.join("whole"))?, SCENARIO)?;
    for (part, many) in [("one", SCHEDULES), ("two", SCHEDULES), ("power-on", 2)] {
        same(&booted, &schedules(&folder(&out.join(part))?, SCENARIO)?, many)
            .map_err(|text| format!("{part}: {text}"))?;
    }
    Ok(9)
}

fn expect(good: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if good { Ok(()) } else { Err(text()) }
}

/// What must not depend on who ran which schedule.
fn summary(r: &RunReport) -> Vec<(u64, u64, u64, u64)> {
    r.builds.iter().map(|b| (b.schedules, b.failures, b.bugs, b.instructions)).collect()
}

/// Every line of this campaign without what the clock says, by schedule and build.
pub type Schedules = BTreeMap<(u64, String), Line>;

/// The lines of a scenario in a campaign's folder.
pub fn schedules(campaign: &Path, scenario: &str) -> Result<Schedules, String> {
    let path = campaign.join(scenario).join("schedules.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let line = |text: &str| {
        let line: Line = serde_json::from_str(text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(((line.schedule, line.driver.clone()), Line { wall_us: 0, restore_us: 0, ..line }))
    };
    text.lines().map(line).collect()
}

/// Each of the `many` schedules of `part` came to the same state as in `whole`, in as many instructions, with the same to
/// be said about it.
pub fn same(whole: &Schedules, part: &Schedules, many: u64) -> Result<(), String> {
    expect(part.len() as u64 == many, || format!("{} schedules", part.len()))?;
    for (key, line) in part {
        expect(!line.state_hash.is_empty(), || format!("{key:?} has no state hash"))?;
        expect(whole.get(key) == Some(line), || format!("{key:?} differs: {line:?}, {:?}", whole.get(key)))?;
    }
    Ok(())
}

fn campaign(out: &Path, shard: &str, more: &[&str]) -> Result<RunReport, String> {
    let mut command = program();
    command.args(["ab", "pre-fix", "stock", SCENARIO, "--format", "json", "--progress", "never"]);
    command.arg("--schedules").arg(SCHEDULES.to_string()).args(["--shard", shard, "--hash-all"]).args(more);
    command.arg("--out").arg(out);
    report(command)
}

fn report(mut command: std::process::Command) -> Result<RunReport, String> {
    let output = command.stderr(Stdio::piped()).output().map_err(|e| format!("cannot start cargo: {e}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{command:?}: no result: {e}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The one campaign in `out`.
pub fn folder(out: &Path) -> Result<std::path::PathBuf, String> {
    let campaigns = out.join("campaigns");
    let failed = |e: std::io::Error| format!("{}: {e}", campaigns.display());
    let first = std::fs::read_dir(&campaigns).map_err(failed)?.next();
    first.ok_or_else(|| format!("{}: empty", campaigns.display()))?.map(|e| e.path()).map_err(failed)
}

/// Leaves what a killed campaign could have left: a third of the lines and a piece of one.
fn shorten(path: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let text = std::fs::read(path).map_err(failed)?;
    std::fs::write(path, &text[..text.len() / 3]).map_err(failed)
}

/// Where the first failure's bundle is.
fn bundle(whole: &RunReport) -> Result<&str, String> {
    let failure = whole.failures.first().ok_or("no failure to replay")?;
    failure
        .replay
        .strip_prefix("capisim replay ")
        .ok_or_else(|| format!("no replay line: {}", failure.replay))
}

/// What a verb prints about the failure.
fn told(verb: &str, bundle: &str, more: &[&str], wanted: i32) -> Result<(String, String), String> {
    let output = program().arg(verb).arg(bundle).args(more).output();
    let output = output.map_err(|e| format!("cannot start cargo: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code();
    expect(code == Some(wanted), || {
        format!("capisim {verb} {bundle}: exit code {code:?}, wanted {wanted}\n{out}{err}")
    })?;
    Ok((out, err))
}

/// From power-on to the same state.
fn replays(bundle: &str) -> Result<(), String> {
    let (_, said) = told("replay", bundle, &[], 1)?;
    expect(said.contains("same state hash as recorded"), || format!("{bundle}: {said}"))
}

/// The lock that the closer gives up, beside the build that gets it.
fn explains(bundle: &str) -> Result<(), String> {
    let (said, _) = told("explain", bundle, &["--against", "stock"], 0)?;
    for part in ["gives up cfg->ctx_tbl_list_mutex: -EINTR", "TERMINATE", "stock"] {
        expect(said.contains(part), || format!("explain {bundle} does not say {part:?}:\n{said}"))?;
    }
    expect(said.lines().count() <= 60, || format!("more than 60 lines:\n{said}"))
}

/// What is sent to a list.
fn reports(bundle: &str) -> Result<(), String> {
    let (said, _) = told("report", bundle, &[], 0)?;
    for part in ["no-terminate-under-open-sync", "cxlflash", "signal", "capisim replay"] {
        expect(said.contains(part), || format!("report {bundle} does not say {part:?}:\n{said}"))?;
    }
    expect(said.lines().count() <= 60, || format!("more than 60 lines:\n{said}"))
}
