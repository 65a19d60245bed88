//! What the oracles of a run were shown, and its saved form. An oracle is a
//! function of it, so this is how oracles are saved: shown again what they
//! were shown, they stand where they stood.

use fabric::{Record, Ticks, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// One thing that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A record.
    Record(Record),
    /// Time had come so far.
    Time(Ticks),
}

/// More than this is not kept: a guest can give the oracles work for ever.
const MOST: usize = 1 << 22;

/// Everything that was shown, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    all: Vec<Heard>,
    /// There was more.
    cut: bool,
}

impl History {
    pub(super) fn push(&mut self, heard: Heard) {
        if self.all.len() < MOST {
            self.all.push(heard);
        } else {
            self.cut = true;
        }
    }
    /// False if there was more than can be kept.
    pub fn is_whole(&self) -> bool {
        !self.cut
    }
    /// All of it.
    pub fn all(&self) -> &[Heard] {
        &self.all
    }
}

/// Names of kinds and fields, and what happened with indices into them.
#[derive(Default, Serialize, Deserialize)]
struct Saved {
    names: Vec<String>,
    events: Vec<Event>,
}

#[derive(Serialize, Deserialize)]
enum Event {
    Record { at: Ticks, device: u32, kind: u32, fields: Vec<(u32, Field)> },
    Time(Ticks),
}

#[derive(Serialize, Deserialize)]
enum Field {
    Number(u64),
    Text(String),
}

/// More names than all models have together.
const MOST_NAMES: usize = 4096;
/// Longer than any of them.
const LONGEST_NAME: usize = 64;

/// Names that were read. Records name their kinds and fields by constants of
/// the program; those of a file become such, once each and bounded.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// `name` for as long as the program runs.
fn lasting(name: &str) -> Result<&'static str, String> {
    let mut names = NAMES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(known) = names.get(name) {
        return Ok(known);
    }
    if names.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
        return Err("more or longer names of records than there can be".into());
    }
    let lasting: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(lasting);
    Ok(lasting)
}

impl Serialize for History {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let mut saved = Saved::default();
        let mut number = |name: &'static str| {
            *numbers.entry(name).or_insert_with(|| {
                saved.names.push(name.to_owned());
                saved.names.len() as u32 - 1
            })
        };
        let field = |value: &Value| match value {
            Value::U64(n) => Field::Number(*n),
            Value::Text(t) => Field::Text(t.clone()),
        };
        let events = self.all.iter().map(|heard| match heard {
            Heard::Time(now) => Event::Time(*now),
            Heard::Record(r) => Event::Record {
                at: r.at,
                device: r.device,
                kind: number(r.kind),
                fields: r.fields.iter().map(|(name, value)| (number(name), field(value))).collect(),
            },
        });
        let events = events.collect();
        Saved { events, ..saved }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<History, D::Error> {
        let bad = serde::de::Error::custom;
        let saved = Saved::deserialize(d)?;
        let names: Vec<&'static str> =
            saved.names.iter().map(|n| lasting(n)).collect::<Result<_, _>>().map_err(bad)?;
        let name =
            |n: u32| names.get(n as usize).copied().ok_or_else(|| bad("a name that is not there".to_owned()));
        let heard = |event: Event| match event {
            Event::Time(now) => Ok(Heard::Time(now)),
            Event::Record { at, device, kind, fields } => {
                let value = |field| match field {
                    Field::Number(n) => Value::U64(n),
                    Field::Text(t) => Value::Text(t),
                };
                let fields = fields.into_iter().map(|(n, field)| Ok((name(n)?, value(field))));
                let fields = fields.collect::<Result<_, _>>()?;
                Ok(Heard::Record(Record { at, device, kind: name(kind)?, fields }))
            }
        };
        Ok(History { cut: false, all: saved.events.into_iter().map(heard).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let mut h = History::default();
        let fields = vec![("cmd", Value::from("add")), ("pe", Value::from(3))];
        h.push(Heard::Record(Record { at: Ticks(7), device: 1, kind: "llcmd", fields: fields.clone() }));
        h.push(Heard::Time(Ticks(9)));
        h.push(Heard::Record(Record { at: Ticks(9), device: 2, kind: "llcmd-done", fields }));
        h
    }

    #[test]
    fn a_history_has_an_end() {
        let mut h = History { all: vec![Heard::Time(Ticks(1)); MOST - 1], cut: false };
        h.push(Heard::Time(Ticks(2)));
        assert!(h.is_whole());
        h.push(Heard::Time(Ticks(3)));
        assert_eq!((h.is_whole(), h.all().len()), (false, MOST));
    }

    #[test]
    fn a_history_comes_back_whole() {
        let saved = postcard::to_stdvec(&history()).expect("it has a form");
        let again: History = postcard::from_bytes(&saved).expect("its own form");
        assert_eq!(again, history());
        for cut in 0..saved.len() {
            assert!(postcard::from_bytes::<History>(&saved[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = Saved { names: vec!["x".repeat(LONGEST_NAME + 1)], events: vec![] };
        let missing = Event::Record { at: Ticks(0), device: 0, kind: 1, fields: vec![] };
        let missing = Saved { names: vec!["llcmd".into()], events: vec![missing] };
        for bad in [long, missing] {
            let saved = postcard::to_stdvec(&bad).expect("it has a form");
            assert!(postcard::from_bytes::<History>(&saved).is_err());
        }
    }
}
