//! Oracles: what a correct driver never does, judged over the stream of
//! records and nothing else. [`TABLE`] is the one list of them.

mod elements;
mod guest;
mod remove;
#[cfg(test)]
mod tests;

use fabric::{Record, Ticks};
use serde::{Deserialize, Serialize};

/// What breaking an oracle means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The run is violated.
    Violation,
    /// It is shown and does not count.
    Finding,
}

/// One oracle.
pub struct Definition {
    /// Its name in scenarios and reports.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// What breaking it means.
    pub severity: Severity,
    /// What it excuses, and why.
    pub exempt: &'static str,
    make: fn(Option<Ticks>) -> Box<dyn Oracle>,
}

/// All oracles.
pub const TABLE: &[Definition] = &[
    Definition {
        name: "no-terminate-under-open-sync",
        proves: "no process element is terminated with its AFU capability still set while an AFU sync of a user context is open: \
                 its close went past the driver's lock (O1)",
        severity: Severity::Violation,
        exempt: "global syncs (mode 2) and syncs of context 0; the master element",
        make: |_| Box::new(elements::OpenSync::default()),
    },
    Definition {
        name: "remove-finishes",
        proves: "once a removal has begun and every user element is gone, the master element is terminated within the limit (10 s) (O2)",
        severity: Severity::Violation,
        exempt: "runs in which no removal begins",
        make: |within| Box::new(remove::Finishes::new(within.unwrap_or(Ticks::secs(10)))),
    },
    Definition {
        name: "control-block-clear-at-remove",
        proves: "a user element is removed only after its RHT pointer, handle count and capability were cleared (psl-contract 12, #8)",
        severity: Severity::Violation,
        exempt: "from the start of a removal to the next AFU reset the stock driver skips the stores (finding T3); \
                 a host reset excuses it by the master's TERMINATE or the AFU reset within 5 s",
        make: |_| Box::new(elements::ControlBlock::default()),
    },
    Definition {
        name: "control-blocks-left-by-removal",
        proves: "T3: the stock driver has dropped its map and leaves the control blocks of live contexts set at unbind",
        severity: Severity::Finding,
        exempt: "-",
        make: |_| Box::new(elements::LeftByRemoval::default()),
    },
    Definition {
        name: "llcmd-protocol",
        proves: "linked list commands follow the protocol: one at a time, well-formed elements, states in order (psl-contract 12, #1 to #6)",
        severity: Severity::Violation,
        exempt: "TERMINATE of an element that an AFU reset or a PCI reset has taken away",
        make: |_| Box::new(elements::Protocol::default()),
    },
    Definition {
        name: "no-elements-left",
        proves: "when the master element is removed no user element is still added (psl-contract 12, #28)",
        severity: Severity::Violation,
        exempt: "runs in which the master is never removed",
        make: |_| Box::new(elements::Left::default()),
    },
    Definition {
        name: "no-oops",
        proves: "the kernel does not oops",
        severity: Severity::Violation,
        exempt: "-",
        make: |_| guest::watch("oops"),
    },
    Definition {
        name: "no-panic",
        proves: "the kernel does not panic",
        severity: Severity::Violation,
        exempt: "-",
        make: |_| guest::watch("panic"),
    },
    Definition {
        name: "no-hung-task",
        proves: "the kernel reports neither a hung task nor a locked-up CPU",
        severity: Severity::Violation,
        exempt: "-",
        make: |_| guest::watch("hung-task"),
    },
    Definition {
        name: "no-warn",
        proves: "the kernel prints no WARNING",
        severity: Severity::Finding,
        exempt: "-",
        make: |_| guest::watch("warn"),
    },
    Definition {
        name: "progress",
        proves: "the guest shows signs of life until the run ends",
        severity: Severity::Violation,
        exempt: "-",
        make: |_| guest::watch("no-progress"),
    },
];

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

/// Judges a stream of records.
pub trait Oracle: Send {
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

struct Active {
    definition: &'static Definition,
    required: bool,
    oracle: Box<dyn Oracle>,
}

/// All oracles of a run.
pub struct Judge {
    active: Vec<Active>,
    removal: remove::Follow,
    /// Violations of required oracles, in order.
    pub violations: Vec<Violation>,
    /// Everything else that was seen.
    pub findings: Vec<Violation>,
}

impl Judge {
    /// Every oracle watches; those of `require` count (none named: all that
    /// are violations).
    pub fn new(require: &[(String, Option<Ticks>)]) -> Judge {
        let active = TABLE.iter().map(|definition| {
            let named = require.iter().find(|(name, _)| name == definition.name);
            let required = if require.is_empty() { true } else { named.is_some() };
            Active { definition, required, oracle: (definition.make)(named.and_then(|(_, within)| *within)) }
        });
        Judge {
            active: active.collect(),
            removal: remove::Follow::default(),
            violations: vec![],
            findings: vec![],
        }
    }
    /// Shows a record to all oracles; what they report is new in the lists.
    pub fn record(&mut self, record: &Record) {
        self.removal.record(record);
        self.each(|oracle, seen| oracle.record(record, seen));
    }
    /// Time has come to `now`.
    pub fn tick(&mut self, now: Ticks) {
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
