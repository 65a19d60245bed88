//! The threads of a campaign. The first that works on a build boots it up to
//! the branch point, unless a snapshot of it is kept; the others take it over,
//! and all run schedules from there.
#![allow(clippy::disallowed_types)] // The program, not the model, looks at the wall clock.

use super::ledger::Ledger;
use crate::error::Error;
use crate::guest::Guest;
use crate::progress::Meter;
use crate::run::{self, Job};
use crate::snapshots::Keep;
use crate::stop::Stop;
use crossbeam::channel::{Receiver, Sender, unbounded};
use machine::Record;
use machine::engine::{
    self, Branch, BranchPoint, Class, Hashing, Host, NoBranch, Outcome, Status, Strategy, Trunk, Wish,
};
use machine::report::Build;
use machine::report::campaign::Line;
use machine::snapshot_file::Facts;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is to be done.
pub struct Work<'a> {
    /// The scenario.
    pub job: &'a Job,
    /// The guest.
    pub guest: &'a Guest,
    /// The builds, in the order of the job's drivers.
    pub builds: &'a [Build],
    /// Seed up to the branch point.
    pub seed: u64,
    /// Seeds of the schedules, in the order in which they are begun.
    pub wanted: &'a [u64],
    /// How the CPUs' turns are drawn.
    pub strategy: Strategy,
    /// Threads.
    pub jobs: usize,
    /// Which schedules have their state hash taken.
    pub hashing: Hashing,
    /// Snapshots are not used.
    pub from_power_on: bool,
    /// Where snapshots are kept.
    pub keep: &'a Keep,
    /// What the snapshot of each build is made of.
    pub facts: &'a [Facts],
}

/// The branch point of a build.
enum Beginning<'a> {
    /// Nobody has been there.
    Unknown,
    /// All begin here.
    Here(Box<BranchPoint<'a>>),
    /// It cannot be reached; whoever tried has said why.
    Unreachable,
}

/// What a thread has to say.
enum Said {
    /// What a schedule came to.
    Line(Box<Line>),
    /// Something for people.
    Note(String),
}

/// Runs what the ledger lacks.
pub fn run(
    work: &Work<'_>,
    ledger: &mut Ledger,
    fail_fast: bool,
    meter: Meter,
    stop: &Stop,
) -> Result<(), Error> {
    let queues: Vec<Receiver<u64>> = work.builds.iter().map(|b| queue(work, ledger, b)).collect();
    let beginnings: Vec<_> = work.builds.iter().map(|_| Mutex::new(Beginning::Unknown)).collect();
    let enough = AtomicBool::new(false);
    let (out, said) = unbounded();
    let done = crossbeam::scope(|scope| {
        for n in 0..work.jobs {
            let (queues, beginnings, out) = (&queues, &beginnings, out.clone());
            let worker = Worker { work, queues, beginnings, out, stop, enough: &enough };
            scope.spawn(move |_| worker.run(n));
        }
        drop(out);
        let taken = take(work, ledger, fail_fast, meter, &said, &enough);
        // Whatever ended it, the workers have to come to an end as well.
        enough.store(true, Ordering::Relaxed);
        taken
    });
    done.unwrap_or_else(|p| Err(run::panicked(&*p)))
}

/// The schedules of a build that are still to be run.
fn queue(work: &Work<'_>, ledger: &Ledger, build: &Build) -> Receiver<u64> {
    let (put, queue) = unbounded();
    for schedule in work.wanted.iter().filter(|s| !ledger.has(**s, &build.driver)) {
        put.send(*schedule).expect("the queue is open");
    }
    queue
}

/// Takes the workers' lines into the ledger.
fn take(
    work: &Work<'_>,
    ledger: &mut Ledger,
    fail_fast: bool,
    mut meter: Meter,
    said: &Receiver<Result<Said, Error>>,
    enough: &AtomicBool,
) -> Result<(), Error> {
    let all = work.wanted.len() * work.builds.len();
    let before = ledger.lines(work.wanted).len();
    let (mut done, mut failed) = (before, 0u64);
    let judged = work.builds.last().map(|b| b.driver.as_str());
    for said in said {
        let line = match said? {
            Said::Line(line) => *line,
            Said::Note(text) => {
                meter.note(&text);
                continue;
            }
        };
        let failure = !line.violations.is_empty();
        failed += u64::from(failure);
        done += 1;
        if fail_fast && failure && judged == Some(&line.driver) {
            enough.store(true, Ordering::Relaxed);
        }
        ledger.add(line)?;
        meter.tell(|wall| {
            let rate = (done - before) as f64 / wall * 3600.0;
            format!("{done} of {all} schedules, {failed} with violations, {rate:.0} an hour")
        });
    }
    meter.finish();
    Ok(())
}

struct Worker<'w, 's> {
    work: &'w Work<'w>,
    queues: &'s [Receiver<u64>],
    beginnings: &'s [Mutex<Beginning<'w>>],
    out: Sender<Result<Said, Error>>,
    stop: &'s Stop,
    enough: &'s AtomicBool,
}

impl<'w> Worker<'w, '_> {
    fn over(&self) -> bool {
        self.stop.wanted() || self.enough.load(Ordering::Relaxed)
    }
    /// Works on the builds one after the other; thread `n` begins with build
    /// `n`, so that few machines are in memory at a time.
    fn run(&self, n: usize) {
        let builds = self.work.builds.len();
        for k in 0..builds {
            if let Err(e) = self.build((n + k) % builds) {
                // Nobody listens once another worker has failed.
                let _ = self.out.send(Err(e));
                self.enough.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
    fn build(&self, n: usize) -> Result<(), Error> {
        let queue = &self.queues[n];
        if queue.is_empty() || self.over() {
            return Ok(());
        }
        let mut host = Quiet { worker: self };
        let name = &self.work.builds[n].driver;
        let mut trunk = None;
        if !self.work.from_power_on {
            trunk = self.trunk(n, &mut host)?;
            if trunk.is_none() {
                return Ok(());
            }
        }
        while let Ok(schedule) = queue.try_recv() {
            if self.over() {
                break;
            }
            let (outcome, restored, took) = match &mut trunk {
                Some(trunk) => self.run_from_snapshot(trunk, schedule, &mut host)?,
                None => self.run_from_power_on(n, schedule, &mut host)?,
            };
            if outcome.class == Class::Stopped {
                break;
            }
            let Some(from) = outcome.branched else {
                return Err(no_branch(name, NoBranch::Ended(Box::new(outcome))));
            };
            let mut line = Line::new(&self.work.job.scenario, name, schedule, from, outcome);
            (line.restore_us, line.wall_us) = (restored.as_micros() as u64, took.as_micros() as u64);
            let _ = self.out.send(Ok(Said::Line(Box::new(line))));
        }
        Ok(())
    }
    /// A machine at the branch point of build `n`; nothing if it is too late for that.
    fn trunk(&self, n: usize, host: &mut dyn Host) -> Result<Option<Trunk<'w>>, Error> {
        let Work { job, guest, seed, keep, .. } = *self.work;
        let driver = job.drivers.get(n).map(PathBuf::as_path);
        let (name, facts) = (&self.work.builds[n].driver, &self.work.facts[n]);
        let file = format!("{}-{name}", job.scenario.name);
        let setup = run::setup(&job.scenario, guest, driver, seed, vec![])?;
        // A thread that panicked has made an end of the campaign.
        let mut beginning = self.beginnings[n].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &*beginning {
            Beginning::Here(point) => {
                let point = (**point).clone();
                drop(beginning);
                return Trunk::plant(setup, point).map(Some).map_err(|e| no_branch(name, e));
            }
            Beginning::Unreachable => return Ok(None),
            Beginning::Unknown => *beginning = Beginning::Unreachable,
        }
        let (found, note) = keep.find(&file, facts, &setup)?;
        self.note(name, note);
        let made = found.is_none();
        let trunk = match found {
            Some(point) => Trunk::plant(setup, point),
            None => Trunk::grow(setup, host),
        };
        let trunk = match trunk {
            Ok(trunk) => trunk,
            Err(_) if self.over() => return Ok(None),
            Err(e) => return Err(no_branch(name, e)),
        };
        *beginning = Beginning::Here(Box::new(trunk.point().clone()));
        drop(beginning);
        if made {
            self.note(name, keep.keep(&file, facts, trunk.point())?);
        }
        Ok(Some(trunk))
    }
    fn note(&self, driver: &str, text: Option<String>) {
        if let Some(text) = text {
            // As above.
            let _ = self.out.send(Ok(Said::Note(format!("driver {driver}  {text}"))));
        }
    }
    fn branch(&self, schedule: u64) -> Branch {
        Branch { seed: schedule, strategy: self.work.strategy }
    }
    /// Runs one schedule; how long the machine took to go back, and all of it.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    fn run_from_snapshot(
        &self,
        trunk: &mut Trunk<'_>,
        schedule: u64,
        host: &mut dyn Host,
    ) -> Result<(Outcome, Duration, Duration), Error> {
        let lost = |e: machine::BadState| Error::Internal(format!("a snapshot could not be put back: {e}"));
        let started = Instant::now();
        trunk.rewind().map_err(lost)?;
        let rewound = started.elapsed();
        let outcome = trunk.run(&self.branch(schedule), self.work.hashing, host).map_err(lost)?;
        Ok((outcome, rewound, started.elapsed()))
    }
    /// The same without a snapshot.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    fn run_from_power_on(
        &self,
        n: usize,
        schedule: u64,
        host: &mut dyn Host,
    ) -> Result<(Outcome, Duration, Duration), Error> {
        let started = Instant::now();
        let Work { job, guest, seed, .. } = *self.work;
        let driver = job.drivers.get(n).map(PathBuf::as_path);
        let setup = run::setup(&job.scenario, guest, driver, seed, vec![])?;
        let outcome = engine::run(setup, Some(&self.branch(schedule)), host)?;
        Ok((outcome, Duration::ZERO, started.elapsed()))
    }
}

/// Why there is nothing to branch from, for people.
pub fn no_branch(driver: &str, e: NoBranch) -> Error {
    match e {
        NoBranch::Build(e) => e.into(),
        NoBranch::Save(e) => Error::Usage(e.to_string()),
        NoBranch::Restore(e) => Error::Internal(format!("{driver}: a snapshot could not be put back: {e}")),
        NoBranch::Ended(outcome) => {
            let class = serde_json::to_string(&outcome.class).unwrap_or_default();
            let tail = outcome.console.join("\n  | ");
            Error::Environment(format!(
                "{driver}: the run ended before its branch point ({class}); last console lines:\n  | {tail}"
            ))
        }
    }
}

/// A host that only listens for the end.
struct Quiet<'a, 'w, 's> {
    worker: &'a Worker<'w, 's>,
}

impl Host for Quiet<'_, '_, '_> {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, _: &Record) {}
    fn poll(&mut self, _: &Status) -> Wish {
        if self.worker.over() { Wish::Stop } else { Wish::Continue }
    }
}
