//! What happened at the hardware boundary: flat records with named values.
//! Oracles read them, `events.jsonl` stores them. Never part of the state.

use crate::time::Ticks;
use serde::Serialize;

/// A value in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    U64(u64),
    /// A name or text.
    Text(String),
}

impl From<u64> for Value {
    fn from(v: u64) -> Value {
        Value::U64(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Value {
        Value::Text(v.to_owned())
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// When, in virtual time.
    pub at: Ticks,
    /// Which machine device said it.
    pub device: u32,
    /// Kind of the event, for example `llcmd` or `afu-command`.
    pub kind: &'static str,
    /// Named values in the order given.
    pub fields: Vec<(&'static str, Value)>,
}

impl Record {
    /// The number named `name`, if there is one.
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.fields.iter().find(|(n, _)| *n == name).and_then(|(_, v)| match v {
            Value::U64(v) => Some(*v),
            Value::Text(_) => None,
        })
    }
    /// The text named `name`, if there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| *n == name).and_then(|(_, v)| match v {
            Value::Text(t) => Some(t.as_str()),
            Value::U64(_) => None,
        })
    }
}

/// Records not yet consumed by the machine.
#[derive(Debug, Default)]
pub struct Trace {
    records: Vec<Record>,
}

impl Trace {
    /// Adds a record.
    pub fn push(&mut self, record: Record) {
        self.records.push(record);
    }
    /// Takes all records, oldest first.
    pub fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }
    /// True when nothing waits to be consumed.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
