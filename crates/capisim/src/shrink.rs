//! `capisim shrink`: the smallest scenario that still fails in the same way.
//!
//! A run is exact, so a candidate either fails as the recorded run did or it
//! does not. Candidates leave out one thing each; what can be left out is,
//! until nothing can.

use crate::cli::{ShrinkArgs, When};
use crate::error::Error;
use crate::guest::Guest;
use crate::output::put;
use crate::progress::{Meter, Progress};
use crate::replay;
use crate::run::{self, Job};
use crate::rundir::{self, Bundle};
use crate::scenarios::Source;
use crate::stop::Stop;
use machine::Record;
use machine::engine::{self, Host, Outcome, Status, Strategy, Wish};
use std::collections::BTreeSet;
use std::path::Path;
use toml::{Table, Value};

/// `capisim shrink`.
pub fn shrink(args: &ShrinkArgs, progress: When) -> Result<i32, Error> {
    let bundle = Bundle::load(&args.run)?;
    if bundle.interactive {
        return Err(Error::Usage(format!("{}: a session has no scenario to shrink", args.run.display())));
    }
    let (mut job, guest) = replay::prepare(&bundle, &args.run)?;
    replay::same_image(&bundle, &job, &guest)?;
    // Of two builds the first is the one that fails.
    job.drivers.truncate(1);
    let stop = Stop::install(args.timeout)?;
    let mut search = Search {
        guest: &guest,
        seed: bundle.seed,
        meter: Progress::new(progress).start("shrink"),
        stop: &stop,
        tried: 0,
        signature: BTreeSet::new(),
    };
    let first = search.outcome(&job)?;
    search.signature = violated(&first);
    if search.signature.is_empty() {
        return Err(Error::Usage(format!(
            "{}: the run has no violation: nothing to shrink",
            args.run.display()
        )));
    }
    let candidate = Candidate::of(&job, &bundle)?;
    let before = candidate.size();
    let mut best = Best { candidate, job, outcome: first, changes: 0 };
    let whole = search.reduce(&mut best)?;
    let dir = args.run.join("shrunk");
    keep(&dir, &best, bundle, &guest)?;
    let oracles: Vec<&str> = search.signature.iter().map(String::as_str).collect();
    put(format_args!("fails      {}\n", oracles.join(" + ")));
    put(format_args!("before     {before}\n"));
    put(format_args!("after      {} ({} runs)\n", best.candidate.size(), search.tried));
    put(format_args!("scenario   {}\n", dir.join("scenario.toml").display()));
    put(format_args!("replay     capisim replay {}\n", dir.display()));
    Ok(if whole { 0 } else { stop.code().unwrap_or(0) })
}

fn violated(outcome: &Outcome) -> BTreeSet<String> {
    outcome.violations.iter().map(|v| v.oracle.clone()).collect()
}

/// Writes the bundle of what is left.
fn keep(dir: &Path, best: &Best, bundle: Bundle, guest: &Guest) -> Result<(), Error> {
    let Best { candidate, job, outcome, .. } = best;
    std::fs::create_dir_all(dir).map_err(Error::io(dir, "create it"))?;
    rundir::write(&dir.join("scenario.toml"), candidate.text()?.as_bytes())?;
    let mut driver = bundle.driver.clone();
    driver.truncate(1);
    let shrunk = Bundle {
        driver,
        image: run::images(job, guest)?,
        branch: candidate.branch.clone(),
        cpus: candidate.cpus,
        state_hash: vec![outcome.state_text()],
        ..bundle
    };
    shrunk.save(dir)
}

/// A scenario as a tree, with what is beside it.
#[derive(Clone)]
struct Candidate {
    tree: Table,
    cpus: Option<usize>,
    branch: Option<engine::Branch>,
}

/// Arrays of which entries can be left out.
const ARRAYS: &[&[&str]] =
    &[&["step"], &["actor"], &["adapter"], &["oracle", "must_reach"], &["oracle", "require"]];
/// Keys of a step's condition and of its parts that can be left out.
const KEYS: &[(&str, &str)] = &[("when", "delay"), ("when", "nth"), ("inject", "nth"), ("inject", "span")];

/// Kinds of things that can be left out, in the order in which they are tried.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Entries(&'static [&'static str]),
    Commands,
    Keys,
    Schedule,
}

/// One thing that can be left out.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Entry(&'static [&'static str], usize),
    Command(usize, usize),
    Key(usize, &'static str, &'static str),
    Branch,
    Strategy,
    Cpus,
}

impl Candidate {
    fn of(job: &Job, bundle: &Bundle) -> Result<Candidate, Error> {
        let tree = job.source.text.parse().map_err(|e: toml::de::Error| Error::Internal(e.to_string()))?;
        Ok(Candidate { tree, cpus: bundle.cpus, branch: bundle.branch.clone() })
    }
    fn text(&self) -> Result<String, Error> {
        toml::to_string(&self.tree).map_err(|e| Error::Internal(e.to_string()))
    }
    fn array(&mut self, path: &[&str]) -> Option<&mut Vec<Value>> {
        let (last, parents) = path.split_last()?;
        let table = parents.iter().try_fold(&mut self.tree, |t, key| t.get_mut(*key)?.as_table_mut())?;
        table.get_mut(*last)?.as_array_mut()
    }
    fn len(&self, path: &[&str]) -> usize {
        self.clone().array(path).map_or(0, |a| a.len())
    }
    /// What people want to know.
    fn size(&self) -> String {
        let commands: usize = self.clone().array(&["actor"]).map_or(0, |actors| {
            actors.iter().map(|a| a.get("does").and_then(Value::as_array).map_or(0, Vec::len)).sum()
        });
        let (steps, actors) = (self.len(&["step"]), self.len(&["actor"]));
        format!("{steps} steps, {actors} processes with {commands} commands")
    }
    /// What can be left out of one kind of thing, the last entries first: an
    /// entry that goes does not move those that are still to be tried.
    fn edits(&self, kind: Kind) -> Vec<Edit> {
        let steps = self.len(&["step"]);
        match kind {
            Kind::Entries(path) => (0..self.len(path)).rev().map(|n| Edit::Entry(path, n)).collect(),
            Kind::Commands => (0..self.len(&["actor"]))
                .flat_map(|n| {
                    let commands = self.clone().commands(n).map_or(0, |c| c.len());
                    (0..commands).rev().map(move |k| Edit::Command(n, k))
                })
                .collect(),
            Kind::Keys => {
                (0..steps).flat_map(|n| KEYS.iter().map(move |(part, key)| Edit::Key(n, part, key))).collect()
            }
            Kind::Schedule => vec![Edit::Branch, Edit::Strategy, Edit::Cpus],
        }
    }
    fn commands(&mut self, actor: usize) -> Option<&mut Vec<Value>> {
        self.array(&["actor"])?.get_mut(actor)?.get_mut("does")?.as_array_mut()
    }
    /// Without one thing; nothing if it is not there.
    fn without(&self, edit: Edit) -> Option<Candidate> {
        let mut c = self.clone();
        match edit {
            Edit::Entry(path, n) => {
                c.array(path).filter(|a| n < a.len())?.remove(n);
            }
            Edit::Command(n, k) => {
                c.commands(n).filter(|a| k < a.len())?.remove(k);
            }
            Edit::Key(n, part, key) => {
                c.array(&["step"])?.get_mut(n)?.get_mut(part)?.as_table_mut()?.remove(key)?;
            }
            Edit::Branch => {
                c.branch.take()?;
            }
            Edit::Strategy => {
                c.branch.as_mut().filter(|b| b.strategy != Strategy::Random)?.strategy = Strategy::Random;
            }
            Edit::Cpus => {
                c.cpus = Some(1).filter(|_| self.cpus != Some(1));
                c.cpus?;
            }
        }
        Some(c)
    }
    /// The job of it; nothing if it is no scenario any more.
    fn job(&self, job: &Job) -> Result<Option<Job>, Error> {
        let source = Source { file: job.source.file.clone(), text: self.text()? };
        let Ok(mut scenario) = source.parse() else { return Ok(None) };
        // What the command line changed stays.
        scenario.machine = job.scenario.machine.clone();
        scenario.machine.cpus = self.cpus.unwrap_or(scenario.machine.cpus);
        for (adapter, given) in scenario.adapters.iter_mut().zip(&job.scenario.adapters) {
            adapter.clone_from(given);
        }
        let (luns, drivers) = (vec![], job.drivers.clone());
        Ok(Some(Job { source, scenario, luns, drivers, branch: self.branch.clone() }))
    }
}

/// The smallest so far.
struct Best {
    candidate: Candidate,
    job: Job,
    outcome: Outcome,
    changes: u64,
}

struct Search<'a> {
    guest: &'a Guest,
    seed: u64,
    meter: Meter,
    stop: &'a Stop,
    tried: u64,
    signature: BTreeSet<String>,
}

impl Search<'_> {
    /// Leaves out what can be, until nothing can; false if it was interrupted.
    fn reduce(&mut self, best: &mut Best) -> Result<bool, Error> {
        let kinds = ARRAYS.iter().map(|path| Kind::Entries(path));
        let kinds: Vec<Kind> = kinds.chain([Kind::Commands, Kind::Keys, Kind::Schedule]).collect();
        loop {
            let before = best.changes;
            for kind in &kinds {
                for edit in best.candidate.edits(*kind) {
                    let Some(next) = best.candidate.without(edit) else { continue };
                    let Some(job) = next.job(&best.job)? else { continue };
                    let Some(outcome) = self.fails(&job)? else {
                        if self.stop.wanted() {
                            return Ok(false);
                        }
                        continue;
                    };
                    *best = Best { candidate: next, job, outcome, changes: best.changes + 1 };
                }
            }
            if best.changes == before {
                return Ok(true);
            }
        }
    }
    /// The outcome, if it fails in the same way.
    fn fails(&mut self, job: &Job) -> Result<Option<Outcome>, Error> {
        match self.outcome(job) {
            Ok(outcome) => Ok(self.signature.is_subset(&violated(&outcome)).then_some(outcome)),
            // What does not run does not fail in the same way.
            Err(Error::Scenario(_) | Error::Build(_) | Error::Image(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }
    fn outcome(&mut self, job: &Job) -> Result<Outcome, Error> {
        self.tried += 1;
        let tried = self.tried;
        self.meter.tell(|_| format!("{tried} runs, {} steps left", job.scenario.steps.len()));
        let driver = job.drivers.first().map(std::path::PathBuf::as_path);
        let setup = run::setup(&job.scenario, self.guest, driver, self.seed, vec![])?;
        Ok(engine::run(setup, job.branch.as_ref(), &mut Quiet { stop: self.stop })?)
    }
}

struct Quiet<'a> {
    stop: &'a Stop,
}

impl Host for Quiet<'_> {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, _: &Record) {}
    fn poll(&mut self, _: &Status) -> Wish {
        if self.stop.wanted() { Wish::Stop } else { Wish::Continue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_candidate_leaves_out_one_thing() {
        let text = "schema = 1\nname = \"x\"\n[[actor]]\nname = \"p\"\ndoes = [\"attach\", \"exit\"]\n\
                    [[step]]\nname = \"a\"\nwhen = { guest = \"ready\", delay = \"1ms..2ms\" }\nthen = { end = true }\n\
                    [[step]]\nname = \"b\"\nwhen = { guest = \"ready\" }\nthen = { end = true }\n";
        let branch = Some(engine::Branch { seed: 3, strategy: Strategy::Random });
        let whole = Candidate { tree: text.parse().expect("TOML"), cpus: None, branch };
        assert_eq!(whole.size(), "2 steps, 1 processes with 2 commands");
        let sizes = |kind| -> Vec<String> {
            whole.edits(kind).into_iter().filter_map(|e| whole.without(e)).map(|c| c.size()).collect()
        };
        assert_eq!(sizes(Kind::Entries(&["step"])), ["1 steps, 1 processes with 2 commands"; 2]);
        assert_eq!(sizes(Kind::Entries(&["actor"])), ["2 steps, 0 processes with 0 commands"]);
        assert_eq!(sizes(Kind::Commands), ["2 steps, 1 processes with 1 commands"; 2]);
        assert_eq!(sizes(Kind::Keys).len(), 1, "one delay");
        assert_eq!(sizes(Kind::Schedule).len(), 2, "the branch, a CPU");
        let last = whole.without(Edit::Entry(&["step"], 1)).and_then(|c| c.text().ok()).expect("TOML");
        assert!(last.contains("\"a\"") && !last.contains("\"b\""), "{last}");
    }
}
