//! The two forms that most oracles have: a rule over single records, and
//! something that must be followed by something else in time.

use super::{Oracle, Seen};
use fabric::{Record, Ticks};
use std::collections::BTreeMap;

/// Judges each record by itself.
#[derive(Clone)]
pub(super) struct Each {
    rule: fn(&Record) -> Option<String>,
}

/// The oracle that reports what `rule` says.
pub(super) fn each(rule: fn(&Record) -> Option<String>) -> Box<dyn Oracle> {
    Box::new(Each { rule })
}

impl Oracle for Each {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        if let Some(text) = (self.rule)(r) {
            seen.push((r.at, r.u64("pe").filter(|pe| *pe != u64::MAX), text));
        }
    }
}

/// The text of a `protocol-error` record of one of these facts, with its numbers.
pub(super) fn protocol_error(r: &Record, facts: &[&str]) -> Option<String> {
    let what = r.text("what").filter(|what| r.kind == "protocol-error" && facts.contains(what))?;
    let number = |(name, value): &(&str, fabric::Value)| match value {
        fabric::Value::U64(n) => Some(format!(" {name}={n:#x}")),
        fabric::Value::Text(_) => None,
    };
    let numbers: String = r.fields.iter().filter_map(number).collect();
    Some(format!("{what}{numbers}"))
}

/// What distinguishes two expectations of one oracle.
pub(super) type Key = (u32, u64, u64);

/// What a record means to an [`Expect`].
pub(super) enum Mark {
    /// Something has to follow.
    Open(Key, String),
    /// It has followed.
    Close(Key),
    /// It can no longer follow.
    Broken(Key),
    /// For a device nothing is expected any more.
    CloseDevice(u32),
    /// For no device anything is expected any more.
    CloseAll,
}

/// Whatever opens has to close within a time.
#[derive(Clone)]
pub(super) struct Expect<R> {
    rule: R,
    within: Ticks,
    /// The same when the run ends.
    at_end: Ticks,
    open: BTreeMap<Key, Seen>,
}

impl<R: FnMut(&Record, &mut Vec<Mark>) + Send> Expect<R> {
    /// `rule` says what opens and closes.
    pub fn new(within: Ticks, rule: R) -> Expect<R> {
        Expect { rule, within, at_end: within, open: BTreeMap::new() }
    }
    /// At the end of the run so long is long enough.
    pub fn at_end(self, at_end: Ticks) -> Expect<R> {
        Expect { at_end, ..self }
    }
}

impl<R: FnMut(&Record, &mut Vec<Mark>) + Clone + Send + 'static> Oracle for Expect<R> {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        let mut marks = vec![];
        (self.rule)(r, &mut marks);
        for mark in marks {
            match mark {
                Mark::Open(key, text) => {
                    let pe = r.u64("pe").filter(|pe| *pe != u64::MAX);
                    self.open.entry(key).or_insert((r.at, pe, text));
                }
                Mark::Close(key) => {
                    self.open.remove(&key);
                }
                Mark::Broken(key) => seen.extend(self.open.remove(&key)),
                Mark::CloseDevice(device) => self.open.retain(|key, _| key.0 != device),
                Mark::CloseAll => self.open.clear(),
            }
        }
    }
    fn tick(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        if self.deadline() > now {
            return;
        }
        let within = self.within;
        let (due, later) = std::mem::take(&mut self.open).into_iter().partition(|(_, s)| s.0 + within <= now);
        self.open = later;
        let due: BTreeMap<Key, Seen> = due;
        seen.extend(due.into_values());
    }
    fn finish(&mut self, now: Ticks, seen: &mut Vec<Seen>) {
        let at_end = self.at_end;
        let open = std::mem::take(&mut self.open).into_values();
        seen.extend(open.filter(|s| s.0 + at_end <= now));
    }
    fn deadline(&self) -> Ticks {
        self.open.values().map(|s| s.0 + self.within).min().unwrap_or(Ticks::NEVER)
    }
}
