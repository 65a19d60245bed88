//! `capisim ab` and `capisim explore`: many schedules from one snapshot, on
//! one build or two.

mod ledger;
mod merge;
mod pool;

use crate::artifacts;
use crate::cli::{AbArgs, CampaignArgs, ExploreArgs, Format, GuestArgs, When};
use crate::error::Error;
use crate::guest::Guest;
use crate::output;
use crate::progress::Progress;
use crate::run::{self, Job};
use crate::rundir::{self, Bundle};
use crate::scenarios::{self, Source};
use crate::snapshots::Keep;
use crate::stop::Stop;
use ledger::{Identity, Ledger};
use machine::engine::{self, Branch, Hashing};
use machine::report::campaign::{Campaign, Line};
use machine::report::{Build, RunReport};
use machine::snapshot_file::Facts;
pub use merge::merge;
pub use pool::no_branch;
use std::path::{Path, PathBuf};

/// `capisim ab`.
pub fn ab(args: &AbArgs, progress: When, color: bool) -> Result<i32, Error> {
    let marked = || scenarios::all().map(|(name, _)| *name).filter(|n| is_for_ab(n)).map(str::to_owned);
    let names = if args.scenario.is_empty() { marked().collect() } else { args.scenario.clone() };
    let drivers = [args.old.clone(), args.new.clone()];
    let keep = if args.campaign.no_snapshot_cache { Keep::Nowhere } else { Keep::in_cache()? };
    Command { names: &names, drivers: &drivers, args: &args.campaign, guest: &args.guest, keep }
        .perform(progress, color)
}

fn is_for_ab(name: &str) -> bool {
    Source::find(name).and_then(|s| s.parse()).is_ok_and(|s| s.explore.ab)
}

/// `capisim explore`.
pub fn explore(args: &ExploreArgs, progress: When, color: bool) -> Result<i32, Error> {
    let (names, drivers) = ([args.scenario.clone()], [args.driver.clone()]);
    let keep = match &args.snapshot {
        Some(file) => Keep::File(file.clone()),
        None if args.campaign.no_snapshot_cache => Keep::Nowhere,
        None => Keep::in_cache()?,
    };
    Command { names: &names, drivers: &drivers, args: &args.campaign, guest: &args.guest, keep }
        .perform(progress, color)
}

struct Command<'a> {
    names: &'a [String],
    drivers: &'a [String],
    args: &'a CampaignArgs,
    guest: &'a GuestArgs,
    keep: Keep,
}

impl Command<'_> {
    fn perform(&self, when: When, color: bool) -> Result<i32, Error> {
        let shard = Shard::parse(&self.args.shard)?;
        let parsed = self.names.iter().map(|n| Source::find(n).and_then(|s| Ok((s.parse()?, s))));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let guest = Guest::open(self.guest)?;
        let drivers = self.drivers.iter().map(|d| guest.driver(d)).collect::<Result<Vec<_>, _>>()?;
        let stop = Stop::install(self.guest.timeout)?;
        let progress = Progress::new(when);
        let root = self.root()?;
        let mut reports = vec![];
        for (mut scenario, source) in parsed {
            let luns = run::adjust(&mut scenario, self.guest)?;
            let loads = scenario.guest.modules.iter().any(|m| m == "cxlflash");
            let drivers = if loads { drivers.clone() } else { vec![] };
            let job = Job { source, scenario, luns, drivers, branch: None };
            let report = self.one(&job, &guest, shard, &root.join(&job.scenario.name), &progress, &stop)?;
            if self.args.format == Format::Human {
                output::campaign(&report, color);
            }
            reports.push(report);
            if stop.code().is_some() {
                break;
            }
        }
        output::print(&reports, self.args.format);
        Ok(run::exit_code(&reports, self.args.bisect_codes, &stop))
    }

    /// Where the campaign's folders are.
    fn root(&self) -> Result<PathBuf, Error> {
        match &self.args.resume {
            Some(dir) if dir.is_dir() => Ok(dir.clone()),
            Some(dir) => {
                Err(Error::Environment(format!("{}: there is no campaign to resume", dir.display())))
            }
            None => {
                let name = if let [one] = self.names { Path::new(one).file_stem() } else { None };
                let name = name.map_or("ab".into(), |n| n.to_string_lossy());
                rundir::create_in(&self.guest.out.join("campaigns"), &name, self.args.seed)
            }
        }
    }

    /// One scenario's campaign, in `dir`.
    fn one(
        &self,
        job: &Job,
        guest: &Guest,
        shard: Shard,
        dir: &Path,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<RunReport, Error> {
        let builds = run::builds(guest, &job.drivers)?;
        // Lines of a campaign know their build by its name.
        if let [a, b] = &*builds
            && a.driver == b.driver
        {
            let text = format!(
                "{} and {}: both are called {}; give one file another name",
                a.path, b.path, a.driver
            );
            return Err(Error::Usage(text));
        }
        run::preflight(job, guest)?;
        if job.luns.iter().any(|l| l.file.is_some()) {
            return Err(Error::Usage(
                "--lun file=…: a file cannot be put back to the branch point; use size=…".into(),
            ));
        }
        run::announce(job, guest, self.args.seed, &builds);
        let jobs = self.args.jobs.unwrap_or_else(cores).max(1);
        run::check_memory(&job.scenario, jobs + builds.len())?;
        let identity = Identity::new(job, guest, &builds, self.args)?;
        let mut ledger = Ledger::open(dir, &identity)?;
        rundir::write(&dir.join("scenario.toml"), job.source.text.as_bytes())?;
        let wanted = self.schedules(&job.scenario.name, shard)?;
        let facts = facts(job, guest, &builds, &identity);
        let work = pool::Work {
            job,
            guest,
            builds: &builds,
            seed: self.args.seed,
            wanted: &wanted,
            strategy: self.args.strategy(),
            jobs,
            hashing: if self.args.hash_all { Hashing::Always } else { Hashing::OfFailures },
            from_power_on: self.args.from_power_on,
            keep: &self.keep,
            facts: &facts,
        };
        let meter = progress.start(&job.scenario.name);
        pool::run(&work, &mut ledger, self.args.fail_fast, meter, stop)?;
        self.report(job, guest, builds, ledger.lines(&wanted), dir)
    }

    /// Seeds of the schedules to run, in that order.
    fn schedules(&self, scenario: &str, shard: Shard) -> Result<Vec<u64>, Error> {
        let all = match &self.args.rerun {
            Some(campaign) => ledger::failed(&campaign.join(scenario))?,
            None => (self.args.first..self.args.first.saturating_add(self.args.schedules)).collect(),
        };
        Ok(all.into_iter().zip(0..).filter(|(_, n)| shard.has(*n)).map(|(schedule, _)| schedule).collect())
    }

    fn report(
        &self,
        job: &Job,
        guest: &Guest,
        builds: Vec<Build>,
        lines: Vec<Line>,
        dir: &Path,
    ) -> Result<RunReport, Error> {
        let campaign = Campaign {
            scenario: &job.scenario,
            seed: self.args.seed,
            kernel: guest.report.clone(),
            builds,
            strategy: self.args.strategy().describe(job.scenario.machine.cpus),
        };
        let mut report = campaign.report(&lines);
        for failure in &mut report.failures {
            let line = lines.iter().find(|l| l.driver == failure.driver && l.schedule == failure.schedule);
            let state = line.map(|l| l.state_hash.clone()).unwrap_or_default();
            let place = dir.join("failures").join(format!("{}-{}", failure.driver, failure.schedule));
            self.bundle(job, guest, &failure.driver, failure.schedule, state, &place)?;
            failure.replay = format!("capisim replay {}", place.display());
        }
        report.replay = report.failures.first().map(|f| f.replay.clone()).unwrap_or_default();
        let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::Internal(e.to_string()))?;
        rundir::write(&dir.join("result.json"), &text)?;
        Ok(report)
    }

    /// What replays one schedule on one build.
    fn bundle(
        &self,
        job: &Job,
        guest: &Guest,
        driver: &str,
        schedule: u64,
        state: String,
        dir: &Path,
    ) -> Result<(), Error> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir, "create it"))?;
        let mut bundle: Bundle = run::bundle(job, guest, self.guest, self.args.seed)?;
        let named = |d: &crate::rundir::FileId| guest.driver_name(&d.path).is_ok_and(|(n, _)| n == driver);
        let kept: Vec<bool> = bundle.driver.iter().map(named).collect();
        let mut keep = kept.iter();
        bundle.driver.retain(|_| keep.next() == Some(&true));
        let mut keep = kept.iter();
        bundle.image.retain(|_| keep.next().is_none_or(|k| *k));
        bundle.branch = Some(Branch { seed: schedule, strategy: self.args.strategy() });
        bundle.state_hash = vec![state];
        rundir::write(&dir.join("scenario.toml"), job.source.text.as_bytes())?;
        bundle.save(dir)
    }
}

/// What the snapshot of each build is made of. The scenario counts whole: what
/// it watches and awaits acts from the start.
fn facts(job: &Job, guest: &Guest, builds: &[Build], identity: &Identity) -> Vec<Facts> {
    let machine = &job.scenario.machine;
    let of = |(build, image): (&Build, &String)| {
        let facts = [
            ("version of capisim", env!("CARGO_PKG_VERSION").to_owned()),
            ("build of capisim", identity.program.clone()),
            ("kernel", identity.kernel.clone()),
            ("driver", build.sha256.clone()),
            ("number of CPUs", machine.cpus.to_string()),
            ("memory", format!("{} bytes", machine.memory)),
            ("command line", format!("`{}`", machine.cmdline)),
            ("seed", identity.seed.to_string()),
            ("scenario", identity.scenario.clone()),
            ("guest image (programs and modules)", image.clone()),
            (
                "layout of the kernel's structures",
                artifacts::hash_bytes(format!("{:?}", guest.offsets).as_bytes()),
            ),
            ("time between two looks at the host", format!("{} ns", engine::DEFAULT_SLICE.0)),
        ];
        Facts(facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    builds.iter().zip(&identity.image).map(of).collect()
}

#[allow(clippy::disallowed_methods)] // The program, unlike the model, may look at its host.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Part `k` of `n`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    k: u64,
    n: u64,
}

impl Shard {
    fn parse(text: &str) -> Result<Shard, Error> {
        let wrong =
            || Error::Usage(format!("--shard {text}: write the part and the number of parts, such as 2/8"));
        let (k, n) = text.split_once('/').ok_or_else(wrong)?;
        let (Ok(k), Ok(n)) = (k.parse(), n.parse()) else { return Err(wrong()) };
        if k == 0 || k > n { Err(wrong()) } else { Ok(Shard { k, n }) }
    }
    fn has(self, index: u64) -> bool {
        index % self.n == self.k - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cut_schedules_into_equal_parts() {
        let parts: Vec<Vec<u64>> = (1..=3)
            .map(|k| Shard::parse(&format!("{k}/3")).expect("good"))
            .map(|s| (0..7).filter(|i| s.has(*i)).collect())
            .collect();
        assert_eq!(parts, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        for bad in ["", "1", "0/2", "3/2", "a/b", "1/2/3"] {
            assert!(Shard::parse(bad).is_err(), "{bad}");
        }
    }
}
