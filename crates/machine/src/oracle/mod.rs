//! Oracles: what a correct driver never does, judged over the stream of
//! records and nothing else. [`TABLE`] is the one list of them.

mod afu;
pub mod docs;
mod elements;
mod faults;
mod guest;
pub mod heard;
mod integrity;
mod left;
mod llcmd;
mod remove;
#[cfg(test)]
mod rows;
mod rule;
mod slice;
mod table;
#[cfg(test)]
mod tests;

use fabric::{Record, Ticks};
use heard::{Heard, History};
use serde::{Deserialize, Serialize};
pub use table::TABLE;

/// Most reports of one oracle in a run: a guest that breaks a rule for ever
/// must not fill the report.
const MOST: usize = 64;

/// What breaking an oracle means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The run is violated.
    Violation,
    /// It is shown and does not count: the stock driver does it too, in
    /// situations that the records do not tell apart.
    Finding,
}

/// What may come of it (psl-contract 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Class {
    /// Memory or data can be corrupted.
    S1,
    /// The protocol is violated.
    S2,
    /// Something hangs.
    S3,
    /// A note.
    S4,
}

/// What a rule rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// A public specification says so.
    Specification,
    /// The kernel's source does so, or relies on it.
    KernelSource,
    /// Follows from how such hardware has to work.
    Inference,
}

/// What shows that an oracle fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// This scenario, on a build of the driver with a mistake: `pre-fix`, or
    /// a mutant of docs/mutants.md.
    Driver(&'static str, &'static str),
    /// This scenario, on the stock drivers: it injects a fault, or the stock
    /// driver does it.
    Stock(&'static str),
    /// A unit test only, because…
    UnitTest(&'static str),
    /// Nothing: the oracle waits for a part of the machine.
    Waits(&'static str),
}

impl Shown {
    /// The scenario, if there is one.
    pub fn scenario(self) -> Option<&'static str> {
        match self {
            Shown::Driver(scenario, _) | Shown::Stock(scenario) => Some(scenario),
            Shown::UnitTest(_) | Shown::Waits(_) => None,
        }
    }
    /// The build of the driver that is needed, if it is not the stock one.
    pub fn driver(self) -> Option<&'static str> {
        match self {
            Shown::Driver(_, driver) => Some(driver),
            _ => None,
        }
    }
    /// Why no scenario shows it.
    pub fn because(self) -> Option<&'static str> {
        match self {
            Shown::UnitTest(because) | Shown::Waits(because) => Some(because),
            _ => None,
        }
    }
}

type Make = fn(Option<Ticks>) -> Box<dyn Oracle>;

/// One oracle.
pub struct Definition {
    /// Its name in scenarios and reports.
    pub name: &'static str,
    /// Rows of psl-contract 12 that it stands for.
    pub rows: &'static [u8],
    /// What may come of it.
    pub class: Class,
    /// What breaking it means.
    pub severity: Severity,
    /// What it proves.
    pub proves: &'static str,
    /// What it excuses, and why.
    pub exempt: &'static str,
    /// What it rests on.
    pub ground: Ground,
    /// What shows that it fires.
    pub shown: Shown,
    /// How it is made; none if it waits.
    make: Option<Make>,
}

/// Something an oracle saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Name of the oracle.
    pub oracle: String,
    /// Virtual time in nanoseconds.
    pub at_ns: u64,
    /// Process element, if one is concerned.
    pub pe: Option<u64>,
    /// What happened.
    pub text: String,
}

/// What an oracle reports: time, element, text.
pub type Seen = (Ticks, Option<u64>, String);

/// A copy of an oracle with what it has seen.
pub trait CopyOracle {
    /// The copy.
    fn copy(&self) -> Box<dyn Oracle>;
}

impl<O: Oracle + Clone + 'static> CopyOracle for O {
    fn copy(&self) -> Box<dyn Oracle> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Oracle> {
    fn clone(&self) -> Self {
        (**self).copy()
    }
}

/// Judges a stream of records.
pub trait Oracle: Send + CopyOracle {
    /// A record; what it breaks goes to `seen`.
    fn record(&mut self, record: &Record, seen: &mut Vec<Seen>);
    /// Time has come to `now`.
    fn tick(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        let _ = (now, seen);
    }
    /// When [`Oracle::tick`] wants to be called next.
    fn deadline(&self) -> Ticks {
        Ticks::NEVER
    }
    /// The run is over.
    fn finish(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        self.tick(now, seen);
    }
}

/// How a removal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// None began.
    NotRun,
    /// It finished.
    Finished,
    /// It did not, within the limit.
    Hung,
    /// The run ended before that was decided.
    Unfinished,
}

#[derive(Clone)]
struct Active {
    definition: &'static Definition,
    required: bool,
    oracle: Box<dyn Oracle>,
    told: usize,
}

/// All oracles of a run.
#[derive(Clone)]
pub struct Judge {
    active: Vec<Active>,
    removal: remove::Follow,
    /// Violations of required oracles, in order.
    pub violations: Vec<Violation>,
    /// Everything else that was seen.
    pub findings: Vec<Violation>,
    /// What it was shown, if that is kept.
    heard: Option<History>,
}

impl Judge {
    /// Every oracle watches; those of `require` count (none named: all that
    /// are violations).
    pub fn new(require: &[(String, Option<Ticks>)]) -> Judge {
        let active = TABLE.iter().filter_map(|definition| {
            let named = require.iter().find(|(name, _)| name == definition.name);
            let required = if require.is_empty() { true } else { named.is_some() };
            let oracle = (definition.make?)(named.and_then(|(_, within)| *within));
            Some(Active { definition, required, oracle, told: 0 })
        });
        Judge {
            active: active.collect(),
            removal: remove::Follow::default(),
            violations: vec![],
            findings: vec![],
            heard: None,
        }
    }
    /// Keeps what it is shown from here on: that is its saved form, since an
    /// oracle is a function of it.
    pub fn remember(&mut self) {
        self.heard.get_or_insert_default();
    }
    /// What it was shown since [`Judge::remember`]; it is kept no longer.
    pub fn take_history(&mut self) -> History {
        self.heard.take().unwrap_or_default()
    }
    /// Shows it what another was shown.
    pub fn relive(&mut self, history: &History) {
        for heard in history.all() {
            match heard {
                Heard::Record(record) => self.record(record),
                Heard::Time(now) => self.tick(*now),
            }
        }
    }
    /// Shows a record to all oracles; what they report is new in the lists.
    pub fn record(&mut self, record: &Record) {
        if let Some(heard) = &mut self.heard {
            heard.push(Heard::Record(record.clone()));
        }
        self.removal.record(record);
        self.each(|oracle, seen| oracle.record(record, seen));
    }
    /// Time has come to `now`.
    pub fn tick(&mut self, now: Ticks) {
        if let Some(heard) = &mut self.heard {
            heard.push(Heard::Time(now));
        }
        self.each(|oracle, seen| oracle.tick(now, seen));
    }
    /// The run is over.
    pub fn finish(&mut self, now: Ticks) {
        self.each(|oracle, seen| oracle.finish(now, seen));
    }
    /// When [`Judge::tick`] should be called next.
    pub fn deadline(&self) -> Ticks {
        self.active.iter().map(|a| a.oracle.deadline()).min().unwrap_or(Ticks::NEVER)
    }
    /// True if the oracle of this name was violated.
    pub fn violated(&self, name: &str) -> bool {
        self.violations.iter().any(|v| v.oracle == name)
    }
    /// How the removal stands.
    pub fn removal(&self) -> Removal {
        match self.removal.state() {
            Removal::Unfinished if self.violated("remove-finishes") => Removal::Hung,
            state => state,
        }
    }
    fn each(&mut self, mut call: impl FnMut(&mut dyn Oracle, &mut Vec<Seen>)) {
        for a in &mut self.active {
            let mut seen = vec![];
            call(&mut *a.oracle, &mut seen);
            seen.truncate(MOST - a.told);
            a.told += seen.len();
            let counts = a.required && a.definition.severity == Severity::Violation;
            let list = if counts { &mut self.violations } else { &mut self.findings };
            let oracle = a.definition.name;
            list.extend(seen.into_iter().map(|(at, pe, text)| Violation {
                oracle: oracle.to_owned(),
                at_ns: at.0,
                pe,
                text,
            }));
        }
    }
}
