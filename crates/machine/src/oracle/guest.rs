//! Oracles on what the guest's kernel says of itself.

use super::{Oracle, Seen};
use fabric::Record;

/// Reports every `guest-trouble` record of one kind; of hung tasks and
/// no-progress the first, for they repeat.
#[derive(Clone)]
struct Trouble {
    kind: &'static str,
    seen: u64,
}

/// Most reports of one kind: a guest that oopses for ever must not fill the report.
const MOST: u64 = 16;

pub(super) fn watch(kind: &'static str) -> Box<dyn Oracle> {
    Box::new(Trouble { kind, seen: 0 })
}

impl Oracle for Trouble {
    fn record(&mut self, r: &Record, seen: &mut Vec<Seen>) {
        if r.kind != "guest-trouble" || r.text("trouble") != Some(self.kind) {
            return;
        }
        self.seen += 1;
        if self.seen <= MOST {
            seen.push((r.at, None, r.text("text").unwrap_or(self.kind).to_owned()));
        }
    }
}
