//! What two runs have in common, where they part, and what came in another
//! order.

use super::history::{Event, History, Kind, Lane};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A place in a history: index of an event.
pub type At = usize;

/// Where a task does something else than in the other run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// The task.
    pub who: String,
    /// Its event in the failing run; none if it does nothing more there.
    pub failing: Option<At>,
    /// Its event in the passing run.
    pub passing: Option<At>,
    /// Events of this task that both runs have before.
    pub common: usize,
}

/// Two events that came in another order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reordered {
    /// First in the failing run, then.
    pub failing: (At, At),
    /// The same two in the passing run, where the second came first.
    pub passing: (At, At),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Events that all tasks have in common before they part.
    pub common: usize,
    /// Where the runs part: in the task that the violation came from if that
    /// is known and does part, else the earliest.
    pub parting: Option<Parting>,
    /// Where other tasks part, in the order of the failing run.
    pub others: Vec<Parting>,
    /// The pair that the parting depends on.
    pub reordered: Option<Reordered>,
}

/// Events of each task that are compared, in order.
fn by_task(history: &History) -> BTreeMap<&str, Vec<At>> {
    let mut tasks: BTreeMap<&str, Vec<At>> = BTreeMap::new();
    for (at, e) in history.events.iter().enumerate() {
        let compared = matches!(e.kind, Kind::Step | Kind::Asks | Kind::Answered(_) | Kind::Leaves);
        if compared && !e.who.is_empty() {
            tasks.entry(&e.who).or_default().push(at);
        }
    }
    tasks
}

/// The task that made the event of the adapter at `at_ns`: the one that was
/// last in the driver before.
pub fn culprit(history: &History, at_ns: u64) -> Option<&str> {
    /// A store to the adapter follows the call that leads to it at once.
    const CLOSE: u64 = 1_000_000;
    let before = history.events.iter().rev().skip_while(|e| e.at_ns > at_ns);
    let mut recent = before.take_while(|e| at_ns - e.at_ns.min(at_ns) <= CLOSE);
    recent.find(|e| matches!(e.lane, Lane::Cpu(_)) && !e.who.is_empty()).map(|e| e.who.as_str())
}

/// How much of two runs is alike: for the choice of the nearest one.
pub fn likeness(failing: &History, passing: &History) -> usize {
    partings(failing, passing).iter().map(|p| p.common).sum()
}

/// Where each task parts; of tasks that do all alike only what is common.
fn partings(failing: &History, passing: &History) -> Vec<Parting> {
    let (a, b) = (by_task(failing), by_task(passing));
    let names: BTreeSet<&str> = a.keys().chain(b.keys()).copied().collect();
    let part = |who: &str| {
        let none = vec![];
        let (x, y) = (a.get(who).unwrap_or(&none), b.get(who).unwrap_or(&none));
        let alike = |(x, y): &(&At, &At)| failing.events[**x].key == passing.events[**y].key;
        let common = x.iter().zip(y).take_while(alike).count();
        Parting {
            who: who.to_owned(),
            failing: x.get(common).copied(),
            passing: y.get(common).copied(),
            common,
        }
    };
    names.into_iter().map(part).collect()
}

/// Compares; `culprit` is the task that the violation came from, if known.
pub fn compare(failing: &History, passing: &History, culprit: Option<&str>) -> Comparison {
    let all = partings(failing, passing);
    let common = all.iter().map(|p| p.common).sum();
    let mut parted: Vec<Parting> =
        all.into_iter().filter(|p| p.failing.is_some() || p.passing.is_some()).collect();
    // A run that ends early has tasks that do nothing more: that is no choice of theirs.
    let weight = |p: &Parting| {
        let both = p.failing.is_some() && p.passing.is_some();
        let pool = p.who.starts_with("kworker");
        (culprit != Some(&p.who) || !both, !both, pool, p.failing.unwrap_or(usize::MAX))
    };
    parted.sort_by_key(weight);
    let mut rest = parted.into_iter();
    let parting = rest.next();
    let mut others: Vec<Parting> = rest.collect();
    others.sort_by_key(|p| p.failing.unwrap_or(usize::MAX));
    let reordered = parting.as_ref().and_then(|p| reordered(failing, passing, p));
    Comparison { common, parting, others, reordered }
}

/// An event that other runs may have too: task, what, and how many of these before.
type Name<'a> = (&'a str, String, usize);

/// What an answer is about, whatever it is: it can come in another order.
fn what(e: &Event) -> String {
    match e.kind {
        Kind::Answered(_) => e.key.replacen("has not in", "answer in", 1).replacen("has in", "answer in", 1),
        _ => e.key.clone(),
    }
}

/// Lock events and what tasks ask of the adapter, by name.
fn named(history: &History) -> BTreeMap<Name<'_>, At> {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut out = BTreeMap::new();
    for (at, e) in history.events.iter().enumerate() {
        if !matches!(e.kind, Kind::Answered(_) | Kind::Leaves | Kind::Step) || e.who.is_empty() {
            continue;
        }
        let n = counts.entry((&e.who, what(e))).or_default();
        out.insert((e.who.as_str(), what(e), *n), at);
        *n += 1;
    }
    out
}

/// The pair around the parting that came in another order: one event of the
/// task that parts, one of another task, both about one lock. The nearest to
/// the parting counts.
fn reordered(failing: &History, passing: &History, parting: &Parting) -> Option<Reordered> {
    let (f, p) = (named(failing), named(passing));
    let both: Vec<(At, At)> = f.iter().filter_map(|(name, x)| Some((*x, *p.get(name)?))).collect();
    let near = parting.failing.or(parting.passing)?;
    let is_lock = |at: &At| matches!(failing.events[*at].kind, Kind::Answered(_) | Kind::Leaves);
    let lock = |at: &At| failing.events[*at].lock;
    let is_own = |(x, _): &&(At, At)| failing.events[*x].who == parting.who && is_lock(x);
    let mut own: Vec<&(At, At)> = both.iter().filter(is_own).collect();
    own.sort_by_key(|(x, _)| x.abs_diff(near));
    let mut best: Option<(usize, Reordered)> = None;
    for &&(x, px) in &own {
        // A spin loop has a hundred thousand of them.
        if best.as_ref().is_some_and(|(d, _)| x.abs_diff(near) >= *d) {
            break;
        }
        let foreign = both.iter().filter(|(y, _)| failing.events[*y].who != parting.who && is_lock(y));
        for &(y, py) in foreign.filter(|(y, _)| lock(y) == lock(&x)) {
            let (first, second) = if x < y { ((x, px), (y, py)) } else { ((y, py), (x, px)) };
            if first.1 > second.1 {
                let distance = x.abs_diff(near) + y.abs_diff(near) / 1024;
                let pair = Reordered { failing: (first.0, second.0), passing: (first.1, second.1) };
                if best.as_ref().is_none_or(|(d, _)| distance < *d) {
                    best = Some((distance, pair));
                }
            }
        }
    }
    best.map(|(_, pair)| pair)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
