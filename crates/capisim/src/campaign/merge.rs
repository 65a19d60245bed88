//! `capisim merge`: the shards of a campaign as one.

use super::ledger::{Identity, Ledger, identity};
use crate::cli::{Format, MergeArgs};
use crate::error::Error;
use crate::output;
use crate::rundir;
use crate::scenarios::Source;
use machine::report::RunReport;
use machine::report::campaign::{Campaign, Line};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `capisim merge`.
pub fn merge(args: &MergeArgs, color: bool) -> Result<i32, Error> {
    let out = rundir::create_in(&args.out.join("campaigns"), "merged", 0)?;
    let mut reports = vec![];
    for (name, shards) in by_scenario(&args.campaign)? {
        let report = scenario(&shards)?;
        let place = out.join(&name);
        std::fs::create_dir_all(&place).map_err(Error::io(&place, "create it"))?;
        let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::Internal(e.to_string()))?;
        rundir::write(&place.join("result.json"), &text)?;
        if args.format == Format::Human {
            output::campaign(&report, color);
        }
        reports.push(report);
    }
    output::print(&reports, args.format);
    Ok(crate::run::worst(&reports))
}

/// The folders of each scenario in these campaigns.
fn by_scenario(campaigns: &[PathBuf]) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    let mut all: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for dir in campaigns {
        let entries = std::fs::read_dir(dir).map_err(Error::io(dir, "read it"))?;
        let folders: BTreeSet<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        let mut found = folders.into_iter().filter(|p| p.join("campaign.toml").is_file()).peekable();
        if found.peek().is_none() {
            return Err(Error::Environment(format!("{}: no campaign in it", dir.display())));
        }
        for folder in found {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.entry(name).or_default().push(folder);
        }
    }
    Ok(all)
}

/// The shards of one scenario as one campaign.
fn scenario(shards: &[PathBuf]) -> Result<RunReport, Error> {
    let first = &shards[0];
    let own = identity(first)?;
    let mut lines: BTreeMap<(u64, String), Line> = BTreeMap::new();
    let mut replays: BTreeMap<(String, String), String> = BTreeMap::new();
    for shard in shards {
        same(&own, &identity(shard)?, shard)?;
        for f in report(shard)?.failures {
            replays.entry((f.driver, f.signature)).or_insert(f.replay);
        }
        for line in Ledger::open(shard, &own)?.all() {
            let key = (line.schedule, line.driver.clone());
            if lines.get(&key).is_some_and(|other| other.instructions != line.instructions) {
                let text = format!("schedule {} on {} differs between shards", key.0, key.1);
                return Err(Error::Nondeterminism(text));
            }
            lines.insert(key, line);
        }
    }
    let base = report(first)?;
    let path = first.join("scenario.toml");
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "read it"))?;
    let scenario = Source { file: path.display().to_string(), text }.parse()?;
    let (seed, kernel, strategy) = (base.seed, base.kernel, own.strategy.describe(base.cpus));
    let builds = base.builds.into_iter().map(|b| b.build).collect();
    let campaign = Campaign { scenario: &scenario, seed, kernel, builds, strategy };
    let (hash, cpus) = (base.scenario_hash, base.cpus);
    let mut report = campaign.report(&lines.into_values().collect::<Vec<_>>());
    // As the command line of the shards made it.
    (report.scenario_hash, report.cpus) = (hash, cpus);
    for f in &mut report.failures {
        f.replay = replays.get(&(f.driver.clone(), f.signature.clone())).cloned().unwrap_or_default();
    }
    report.replay = report.failures.first().map(|f| f.replay.clone()).unwrap_or_default();
    Ok(report)
}

fn same(own: &Identity, other: &Identity, dir: &Path) -> Result<(), Error> {
    match own.difference(other) {
        Some(difference) => {
            Err(Error::Environment(format!("{}: of another campaign: {difference}", dir.display())))
        }
        None => Ok(()),
    }
}

fn report(dir: &Path) -> Result<RunReport, Error> {
    let path = dir.join("result.json");
    let unfinished = "read it (an unfinished shard: go on with --resume)";
    let bytes = std::fs::read(&path).map_err(Error::io(&path, unfinished))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::Environment(format!("{}: not a result: {e}", path.display())))
}
