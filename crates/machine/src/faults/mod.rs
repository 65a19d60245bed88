//! The catalogue of faults: what the hardware can do wrong, each named once.
//! [`TABLE`] is the one list; the scenario reader, `capisim list faults` and
//! `docs/faults.md` come from it.

mod docs;
mod table;

pub use docs::markdown;
pub use table::TABLE;

use fabric::{Effect, Ticks};
use serde::Serialize;

/// One fault.
#[derive(Debug)]
pub struct Fault {
    /// Its number in the catalogue of the SISLite contract, F1 to F52; above that, ours.
    pub number: u8,
    /// Its name in scenarios.
    pub name: &'static str,
    /// How it shows at the hardware boundary.
    pub form: &'static str,
    /// What the stock driver is expected to do.
    pub expected: &'static str,
    /// How it can be brought about; the first is the usual one.
    pub ways: &'static [Way],
    /// What shows that it fires.
    pub shown: Shown,
}

/// One way to bring a fault about.
#[derive(Debug)]
pub struct Way {
    /// Its name.
    pub name: &'static str,
    /// Everything that happens.
    pub parts: &'static [Part],
}

/// One thing that goes wrong.
#[derive(Debug)]
pub enum Part {
    /// From now on an operation that comes to this injection point is met.
    At {
        /// The point.
        point: &'static str,
        /// The kinds of operation; none named: all.
        kinds: &'static [&'static str],
        /// What happens to it.
        does: Does,
        /// To how many operations, unless the scenario says.
        times: u64,
    },
    /// It happens at once in the card, with these numbers unless the scenario
    /// gives others.
    Card(&'static str, &'static [(&'static str, u64)]),
    /// It happens at once in the host bridge.
    Bridge(&'static str, &'static [(&'static str, u64)]),
    /// It happens at once in the machine around it.
    Machine(&'static str, &'static [(&'static str, u64)]),
    /// A CPU stands still while it runs the owner of the mutex that the
    /// scenario names.
    Holder {
        /// For how long, unless the scenario says.
        span: Ticks,
        /// For how long such an owner is awaited, unless the scenario says.
        lasts: Ticks,
    },
    /// A program of the guest does it; nothing is injected.
    Guest(&'static str),
}

/// What happens to an operation, with the number that holds unless the
/// scenario gives another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It finishes later; the scenario's `span`.
    Hold(Ticks),
    /// It never finishes, or has no effect.
    Drop,
    /// It fails with a code; the scenario's `value`.
    Fail(u64),
    /// It gives a wrong value; the scenario's `value`.
    Value(u64),
}

impl Does {
    /// The effect, with the scenario's numbers in place of the usual ones.
    pub fn effect(self, span: Option<Ticks>, value: Option<u64>) -> Effect {
        match self {
            Does::Hold(usual) => Effect::Hold(span.unwrap_or(usual)),
            Does::Drop => Effect::Drop,
            Does::Fail(usual) => Effect::Fail(value.unwrap_or(usual)),
            Does::Value(usual) => Effect::Value(value.unwrap_or(usual)),
        }
    }
}

/// What shows that a fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// A scenario of this name, on the real kernel and driver.
    Scenario(&'static str),
    /// A unit test alone, for this reason.
    UnitTest(&'static str),
    /// Nothing yet.
    NotYet,
}

impl Way {
    /// True if it is about whoever owns a mutex, which the scenario has to name.
    pub fn names_a_mutex(&self) -> bool {
        self.parts.iter().any(|p| matches!(p, Part::Holder { .. }))
    }
}

impl Fault {
    /// The fault of this name.
    pub fn find(name: &str) -> Option<&'static Fault> {
        TABLE.iter().find(|f| f.name == name)
    }
    /// The way of this name; the usual one if none is named.
    pub fn way(&self, name: Option<&str>) -> Option<&'static Way> {
        match name {
            None => self.ways.first(),
            Some(name) => self.ways.iter().find(|w| w.name == name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_catalogue_is_whole_and_in_order() {
        let numbers: Vec<u8> = TABLE.iter().map(|f| f.number).collect();
        assert_eq!(numbers, (1..=53).collect::<Vec<u8>>());
    }

    #[test]
    fn names_are_names() {
        let mut seen = BTreeSet::new();
        let kebab = |s: &str| {
            !s.is_empty() && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        for f in TABLE {
            assert!(kebab(f.name) && seen.insert(f.name), "F{}: {}", f.number, f.name);
            let mut ways = BTreeSet::new();
            for way in f.ways {
                assert!(kebab(way.name) && ways.insert(way.name), "{}: {}", f.name, way.name);
                assert!(!way.parts.is_empty(), "{}: {} does nothing", f.name, way.name);
            }
        }
    }

    #[test]
    fn what_is_shown_can_be_done() {
        for f in TABLE.iter().filter(|f| f.shown != Shown::NotYet) {
            assert!(!f.ways.is_empty(), "{} is said to be shown and cannot be injected", f.name);
        }
    }
}
