//! What a campaign has done: `schedules.jsonl`, a line a schedule, kept
//! whatever ends it, and `campaign.toml`, which says of what.

use crate::cli::CampaignArgs;
use crate::error::Error;
use crate::guest::Guest;
use crate::run::Job;
use crate::rundir;
use machine::engine::Strategy;
use machine::report::Build;
use machine::report::campaign::Line;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What has to be the same for two campaigns to be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Hash of the program: another build may count instructions differently.
    pub program: String,
    /// Hash of what the scenario says, command line included.
    pub scenario: String,
    /// Hash of the kernel.
    pub kernel: String,
    /// Hashes of the drivers by name.
    pub drivers: BTreeMap<String, String>,
    /// Hashes of the guests' first file systems.
    pub image: Vec<String>,
    /// Seed up to the branch point.
    pub seed: u64,
    /// How the CPUs' turns are drawn.
    pub strategy: Strategy,
}

impl Identity {
    /// Of this job.
    pub fn new(job: &Job, guest: &Guest, builds: &[Build], args: &CampaignArgs) -> Result<Identity, Error> {
        let program = std::env::current_exe().map_err(Error::io(Path::new("capisim"), "find itself"))?;
        Ok(Identity {
            program: crate::artifacts::hash_file(&program)?.0,
            scenario: job.scenario.hash(),
            kernel: guest.report.sha256.clone(),
            drivers: builds.iter().map(|b| (b.driver.clone(), b.sha256.clone())).collect(),
            image: crate::run::images(job, guest)?,
            seed: args.seed,
            strategy: args.strategy(),
        })
    }
    /// What `other` has different, in words.
    pub fn difference(&self, other: &Identity) -> Option<String> {
        let pairs = [
            ("build of capisim", &self.program, &other.program),
            ("scenario", &self.scenario, &other.scenario),
            ("kernel", &self.kernel, &other.kernel),
        ];
        let differs = pairs.into_iter().find(|(_, a, b)| a != b);
        if let Some((what, a, b)) = differs {
            return Some(format!("its {what} is {b}, here it is {a}"));
        }
        if self.drivers != other.drivers {
            return Some("its drivers are others".into());
        }
        if self.image != other.image {
            return Some("the programs in its guest are others".into());
        }
        if self.strategy != other.strategy {
            return Some(format!("its strategy is {:?}, here it is {:?}", other.strategy, self.strategy));
        }
        (self.seed != other.seed).then(|| format!("its seed is {}, here it is {}", other.seed, self.seed))
    }
}

/// What a campaign's folder says it is of.
pub fn identity(dir: &Path) -> Result<Identity, Error> {
    let about = dir.join("campaign.toml");
    let text = fs::read_to_string(&about).map_err(Error::io(&about, "read it"))?;
    toml::from_str(&text).map_err(|e| Error::Environment(format!("{}: not a campaign: {e}", about.display())))
}

/// The lines of a campaign and the file they go to.
pub struct Ledger {
    path: PathBuf,
    file: File,
    lines: BTreeMap<(u64, String), Line>,
}

impl Ledger {
    /// Opens the campaign in `dir`, or begins it.
    pub fn open(dir: &Path, identity: &Identity) -> Result<Ledger, Error> {
        fs::create_dir_all(dir).map_err(Error::io(dir, "create it"))?;
        let about = dir.join("campaign.toml");
        if about.exists() {
            if let Some(difference) = identity.difference(&self::identity(dir)?) {
                let text = format!(
                    "{}: another campaign: {difference}; start a new one without --resume",
                    about.display()
                );
                return Err(Error::Environment(text));
            }
        } else {
            let text = toml::to_string(identity).map_err(|e| Error::Internal(e.to_string()))?;
            rundir::write(&about, text.as_bytes())?;
        }
        let path = dir.join("schedules.jsonl");
        let lines = read(&path)?;
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io(&path, "open it"))?;
        Ok(Ledger { path, file, lines })
    }
    /// True if this schedule is done.
    pub fn has(&self, schedule: u64, driver: &str) -> bool {
        self.lines.contains_key(&(schedule, driver.to_owned()))
    }
    /// Adds a line. It is in the file when this returns.
    pub fn add(&mut self, line: Line) -> Result<(), Error> {
        let text = serde_json::to_string(&line).map_err(|e| Error::Internal(e.to_string()))? + "\n";
        self.file.write_all(text.as_bytes()).map_err(Error::io(
            &self.path,
            "write to it (what is in it is kept: --resume goes on from there)",
        ))?;
        self.lines.insert((line.schedule, line.driver.clone()), line);
        Ok(())
    }
    /// All lines, in order.
    pub fn all(self) -> impl Iterator<Item = Line> {
        self.lines.into_values()
    }
    /// The lines of these schedules, in order.
    pub fn lines(&self, wanted: &[u64]) -> Vec<Line> {
        let wanted: BTreeSet<u64> = wanted.iter().copied().collect();
        self.lines.values().filter(|l| wanted.contains(&l.schedule)).cloned().collect()
    }
}

/// The schedules that failed in the campaign in `dir`, on any build, the last one first.
///
/// # Errors
/// There is no campaign, or what is there is none.
pub fn failed(dir: &Path) -> Result<Vec<u64>, Error> {
    let path = dir.join("schedules.jsonl");
    let text = fs::read(&path).map_err(Error::io(&path, "read the campaign to rerun"))?;
    let (lines, _) = parse(&path, &text)?;
    let mut seen = BTreeSet::new();
    let bad = lines.iter().rev().filter(|line| !line.violations.is_empty());
    let failed: Vec<u64> = bad.map(|line| line.schedule).filter(|n| seen.insert(*n)).collect();
    if failed.is_empty() {
        return Err(Error::Usage(format!("--rerun: no schedule failed in {}", path.display())));
    }
    Ok(failed)
}

/// The whole lines of a file, in order, and their length: what a killed
/// campaign left of its last one is not among them.
fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Line>, usize), Error> {
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let line = |(n, bytes): (usize, &[u8])| {
        serde_json::from_slice(bytes).map_err(|e| {
            Error::Environment(format!("{}: line {}: not a schedule: {e}", path.display(), n + 1))
        })
    };
    let lines = text[..whole].split_inclusive(|b| *b == b'\n').enumerate().map(line);
    Ok((lines.collect::<Result<_, _>>()?, whole))
}

/// The lines of a file by schedule and build; half a line at its end is cut off.
fn read(path: &Path) -> Result<BTreeMap<(u64, String), Line>, Error> {
    let Ok(text) = fs::read(path) else { return Ok(BTreeMap::new()) };
    let (lines, whole) = parse(path, &text)?;
    if whole < text.len() {
        let file = OpenOptions::new().write(true).open(path).map_err(Error::io(path, "open it"))?;
        file.set_len(whole as u64).map_err(Error::io(path, "shorten it"))?;
    }
    Ok(lines.into_iter().map(|line| ((line.schedule, line.driver.clone()), line)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(schedule: u64, violations: &str) -> String {
        format!(
            r#"{{"scenario":"x","driver":"stock","schedule":{schedule},"violations":[{violations}],"findings":{{}},"bug":false,"undecided":null,"bypassed":0,"remove":"not-run","oops":null,"reached":{{}},"state_hash":"","instructions":1,"virtual_ns":1,"wall_us":1,"restore_us":1}}"#
        )
    }

    #[test]
    fn what_failed_last_is_run_again_first() {
        let dir = std::env::temp_dir().join(format!("capisim-rerun-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("created");
        let put = |text: &str| fs::write(dir.join("schedules.jsonl"), text).expect("written");
        let bad = r#"{"oracle":"no-oops","at_ns":1,"pe":null,"text":"Oops"}"#;
        let text = [line(7, bad), line(3, ""), line(9, bad), line(2, bad), line(7, bad)].join("\n");
        put(&format!("{text}\n{{\"half"));
        assert_eq!(failed(&dir).expect("good"), [7, 2, 9]);
        put(&format!("{}\n", line(1, "")));
        assert_eq!(failed(&dir).expect_err("none failed").exit_code(), 2);
        put("no\n");
        assert!(failed(&dir).expect_err("not JSON").to_string().contains("line 1: not a schedule"));
        fs::remove_dir_all(&dir).expect("removed");
        assert!(failed(&dir).is_err());
    }
}
