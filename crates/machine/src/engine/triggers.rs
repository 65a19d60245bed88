//! Conditions of a scenario and how often each has been met.

use super::inject::operation_matches;
use super::locks::{Contention, is_called};
use crate::scenario::{Condition, Operation, Scenario, What};
use fabric::Record;
use std::collections::BTreeMap;

/// Something that a condition may be about.
#[derive(Debug)]
pub enum Happening<'a> {
    /// A moment of the guest's life.
    Guest(&'a str),
    /// A step fired.
    Step(&'a str),
    /// A line of the console.
    Console(&'a str),
    /// An actor or job said something.
    Actor {
        /// Who.
        name: &'a str,
        /// What.
        event: &'a str,
        /// The rest, `key=value` words.
        words: &'a [String],
    },
    /// A function was entered or returned.
    Symbol {
        /// Full name.
        name: &'a str,
        /// What it returned.
        returned: Option<u64>,
        /// Functions on the back chain, of those that conditions name.
        under: &'a [String],
    },
    /// A task went to sleep for a mutex in this function.
    Asleep(&'a str),
    /// A task entered a mutex's slow path.
    SlowPath(&'a Contention),
    /// A task sleeps for a mutex, or is told of a signal while it does.
    Waits(&'a Contention),
    /// A record.
    Record(&'a Record),
}

/// What meeting a condition leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A step fires.
    Step(usize),
    /// Something is reached.
    Reach(usize),
    /// The run is at its branch point.
    Branch,
}

#[derive(Clone)]
struct Watched {
    target: Target,
    condition: Condition,
    armed: bool,
    count: u64,
}

/// All conditions of a scenario.
#[derive(Clone)]
pub struct Triggers {
    watched: Vec<Watched>,
}

/// What the triggers need to know to decide.
pub struct Knowledge<'a> {
    /// Process elements by actor.
    pub elements: &'a dyn Fn(&str) -> Vec<u64>,
    /// Full names of symbols by what the scenario writes.
    pub full: &'a BTreeMap<String, String>,
}

impl Triggers {
    /// The conditions of `scenario`; steps with faults are the injector's.
    pub fn new(scenario: &Scenario) -> Triggers {
        let steps = scenario.steps.iter().enumerate().filter(|(_, s)| s.fault.is_none());
        let steps = steps.map(|(n, s)| (Target::Step(n), &s.when));
        let reach = scenario.oracle.must_reach.iter().enumerate();
        let reach = reach.map(|(n, r)| (Target::Reach(n), &r.condition));
        let branch = std::iter::once((Target::Branch, &scenario.explore.from));
        let watched = steps.chain(reach).chain(branch).map(|(target, condition)| Watched {
            target,
            condition: condition.clone(),
            armed: condition.after.is_none(),
            count: 0,
        });
        Triggers { watched: watched.collect() }
    }
    /// How each condition stands, in the scenario's order: armed, and how often met.
    pub fn standing(&self) -> Vec<(bool, u64)> {
        self.watched.iter().map(|w| (w.armed, w.count)).collect()
    }
    /// The conditions of `scenario` as they stood; nothing if these are of another.
    pub fn stand(scenario: &Scenario, standing: &[(bool, u64)]) -> Option<Triggers> {
        let mut all = Triggers::new(scenario);
        if all.watched.len() != standing.len() {
            return None;
        }
        for (w, (armed, count)) in all.watched.iter_mut().zip(standing) {
            (w.armed, w.count) = (*armed, *count);
        }
        Some(all)
    }
    /// Shows what happened; the targets that are met by it now.
    pub fn happen(&mut self, happening: &Happening<'_>, known: &Knowledge<'_>) -> Vec<Target> {
        let mut met = vec![];
        for w in self.watched.iter_mut().filter(|w| w.armed) {
            if matches(&w.condition.what, happening, known) {
                w.count += 1;
                if w.count == w.condition.nth {
                    met.push(w.target);
                }
            }
        }
        met
    }
    /// A step has fired: conditions that waited for it count from now on.
    pub fn arm(&mut self, step: &str) {
        for w in &mut self.watched {
            w.armed |= w.condition.after.as_ref().is_some_and(|a| a.text == step);
        }
    }
    /// How often the `n`-th thing to reach was, `nth` and later ones counted.
    pub fn reached(&self, n: usize) -> u64 {
        let of = |w: &Watched| (w.count + 1).saturating_sub(w.condition.nth);
        self.watched.iter().find(|w| w.target == Target::Reach(n)).map_or(0, of)
    }
}

fn matches(what: &What, happening: &Happening<'_>, known: &Knowledge<'_>) -> bool {
    let full = |name: &str| known.full.get(name).map_or_else(|| name.to_owned(), Clone::clone);
    let is_under = |under: &Option<crate::scenario::Name>, list: &[String]| {
        under.as_ref().is_none_or(|u| list.contains(&full(&u.text)))
    };
    match (what, happening) {
        (What::Guest(event), Happening::Guest(happened)) => event == happened,
        (What::Step(step), Happening::Step(fired)) => step.text == *fired,
        (What::Console(text), Happening::Console(line)) => line.contains(text.as_str()),
        (What::Actor { actor, event, op }, Happening::Actor { name, event: said, words }) => {
            actor.text == *name && event == said && op.as_ref().is_none_or(|op| says(words, op))
        }
        (What::Symbol { symbol, returns, value, under }, Happening::Symbol { name, returned, under: on }) => {
            full(&symbol.text) == *name
                && *returns == returned.is_some()
                && value.is_none_or(|v| *returned == Some(v as u64))
                && is_under(under, on)
        }
        (What::AsleepIn(symbol), Happening::Asleep(name)) => full(&symbol.text) == *name,
        (What::SlowPath { lock, under, signal_pending, held_by }, Happening::SlowPath(c))
        | (What::Waits { lock, under, signal_pending, held_by }, Happening::Waits(c)) => {
            is_called(&c.name, lock)
                && is_under(under, &c.under)
                && is_under(held_by, &c.held_by)
                && signal_pending.is_none_or(|wanted| c.signal_pending == Some(wanted))
        }
        (What::Operation(op), Happening::Record(r)) => operation(op, r, known),
        (What::Record { kind, numbers, texts }, Happening::Record(r)) => {
            r.kind == kind
                && numbers.iter().all(|(n, v)| r.u64(n) == Some(*v))
                && texts.iter().all(|(n, v)| r.text(n) == Some(v))
        }
        _ => false,
    }
}

/// `op` is the command's name, or a whole word such as `rc=0`.
fn says(words: &[String], op: &str) -> bool {
    words.iter().any(|w| w == op || w.strip_prefix("op=") == Some(op))
}

fn operation(op: &Operation, r: &Record, known: &Knowledge<'_>) -> bool {
    let (kind, name) = match (op.point, op.done) {
        ("afu-command", false) => ("afu-command", "kind"),
        ("afu-command", true) => ("afu-command-done", "kind"),
        ("llcmd", false) => ("llcmd", "cmd"),
        ("llcmd", true) => ("llcmd-done", "cmd"),
        (_, false) => ("afu-cntl", "what"),
        (_, true) => ("afu-cntl-done", "what"),
    };
    let elements = op.from.as_ref().map(|f| (known.elements)(&f.text)).unwrap_or_default();
    r.kind == kind && operation_matches(op, &elements, r.text(name).unwrap_or(""), |n| r.u64(n))
}
