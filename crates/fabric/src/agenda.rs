//! The agenda: what is due when. Order is (time, sequence number), so two
//! events of one instant fire in the order in which they were entered.

use crate::time::Ticks;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event taken from the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The device it belongs to: the machine's index of the device.
    pub device: u32,
    /// What the device entered; its meaning is the device's own.
    pub what: u64,
}

/// Handle of an entered event, for cancelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    at: Ticks,
    seq: u64,
}

/// Events by due time and sequence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Agenda {
    next_seq: u64,
    events: BTreeMap<EventId, Due>,
}

impl Agenda {
    /// Enters `what` for `device`, due at `at`.
    pub fn enter(&mut self, at: Ticks, device: u32, what: u64) -> EventId {
        let id = EventId { at, seq: self.next_seq };
        self.next_seq += 1;
        self.events.insert(id, Due { device, what });
        id
    }
    /// Removes an event; false if it has fired or was cancelled before.
    pub fn cancel(&mut self, id: EventId) -> bool {
        self.events.remove(&id).is_some()
    }
    /// When the next event is due, or [`Ticks::NEVER`].
    pub fn next_due(&self) -> Ticks {
        self.events.first_key_value().map_or(Ticks::NEVER, |(id, _)| id.at)
    }
    /// Takes the next event due at or before `now`.
    pub fn take_due(&mut self, now: Ticks) -> Option<(Ticks, Due)> {
        let id = *self.events.first_key_value()?.0;
        if id.at > now {
            return None;
        }
        self.events.remove(&id).map(|due| (id.at, due))
    }
    /// Number of entered events.
    pub fn len(&self) -> usize {
        self.events.len()
    }
    /// True when nothing is entered.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_fires_in_order_of_entry() {
        let mut a = Agenda::default();
        a.enter(Ticks(5), 1, 10);
        a.enter(Ticks(3), 2, 20);
        let gone = a.enter(Ticks(3), 2, 21);
        a.enter(Ticks(3), 3, 30);
        assert!(a.cancel(gone));
        assert!(!a.cancel(gone));
        assert_eq!(a.next_due(), Ticks(3));
        let mut seen = vec![];
        while let Some((at, due)) = a.take_due(Ticks(5)) {
            seen.push((at.0, due.device, due.what));
        }
        assert_eq!(seen, [(3, 2, 20), (3, 3, 30), (5, 1, 10)]);
        assert_eq!(a.next_due(), Ticks::NEVER);
    }
}
