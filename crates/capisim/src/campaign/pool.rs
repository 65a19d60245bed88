//! The threads of a campaign. Each boots the builds it works on by itself,
//! stops at the branch point, and runs schedules from there.
#![allow(clippy::disallowed_types)] // The program, not the model, looks at the wall clock.

use super::ledger::Ledger;
use crate::error::Error;
use crate::guest::Guest;
use crate::progress::Meter;
use crate::run::{self, Job};
use crate::stop::Stop;
use crossbeam::channel::{Receiver, Sender, unbounded};
use machine::Record;
use machine::engine::{Branch, Class, Hashing, Host, NoBranch, Status, Strategy, Trunk, Wish};
use machine::report::Build;
use machine::report::campaign::Line;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Seeds of the schedules, ascending.
    pub wanted: &'a [u64],
    /// How the CPUs' turns are drawn.
    pub strategy: Strategy,
    /// Threads.
    pub jobs: usize,
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
    let enough = AtomicBool::new(false);
    let (out, lines) = unbounded();
    let done = crossbeam::scope(|scope| {
        for n in 0..work.jobs {
            let worker = Worker { work, queues: &queues, out: out.clone(), stop, enough: &enough };
            scope.spawn(move |_| worker.run(n));
        }
        drop(out);
        let taken = take(work, ledger, fail_fast, meter, &lines, &enough);
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
    lines: &Receiver<Result<Line, Error>>,
    enough: &AtomicBool,
) -> Result<(), Error> {
    let all = work.wanted.len() * work.builds.len();
    let before = ledger.lines(work.wanted).len();
    let (mut done, mut failed) = (before, 0u64);
    let judged = work.builds.last().map(|b| b.driver.as_str());
    for line in lines {
        let line = line?;
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

struct Worker<'a> {
    work: &'a Work<'a>,
    queues: &'a [Receiver<u64>],
    out: Sender<Result<Line, Error>>,
    stop: &'a Stop,
    enough: &'a AtomicBool,
}

impl Worker<'_> {
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
        let Work { job, guest, seed, .. } = *self.work;
        let driver = job.drivers.get(n).map(PathBuf::as_path);
        let setup = run::setup(&job.scenario, guest, driver, seed, vec![])?;
        let mut host = Quiet { worker: self };
        let name = &self.work.builds[n].driver;
        let mut trunk = match Trunk::grow(setup, &mut host) {
            Ok(trunk) => trunk,
            Err(_) if self.over() => return Ok(()),
            Err(e) => return Err(no_branch(name, e)),
        };
        while let Ok(schedule) = queue.try_recv() {
            if self.over() {
                break;
            }
            if let Some(line) = self.schedule(&mut trunk, name, schedule, &mut host)? {
                let _ = self.out.send(Ok(line));
            }
        }
        Ok(())
    }
    /// Runs one schedule; nothing if it was stopped.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    fn schedule(
        &self,
        trunk: &mut Trunk<'_>,
        driver: &str,
        schedule: u64,
        host: &mut dyn Host,
    ) -> Result<Option<Line>, Error> {
        let lost = |e: machine::BadState| Error::Internal(format!("a snapshot could not be put back: {e}"));
        let started = Instant::now();
        trunk.rewind().map_err(lost)?;
        let rewound = started.elapsed();
        let outcome = trunk
            .run(&Branch { seed: schedule, strategy: self.work.strategy }, Hashing::OfFailures, host)
            .map_err(lost)?;
        if outcome.class == Class::Stopped {
            return Ok(None);
        }
        let mut line = Line::new(&self.work.job.scenario, driver, schedule, trunk.at(), outcome);
        line.wall_us = started.elapsed().as_micros() as u64;
        line.restore_us = rewound.as_micros() as u64;
        Ok(Some(line))
    }
}

fn no_branch(driver: &str, e: NoBranch) -> Error {
    match e {
        NoBranch::Build(e) => e.into(),
        NoBranch::Save(e) => Error::Usage(e.to_string()),
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
struct Quiet<'a, 'w> {
    worker: &'a Worker<'w>,
}

impl Host for Quiet<'_, '_> {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, _: &Record) {}
    fn poll(&mut self, _: &Status) -> Wish {
        if self.worker.over() { Wish::Stop } else { Wish::Continue }
    }
}
