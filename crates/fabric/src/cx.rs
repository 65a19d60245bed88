//! What a model is lent for the length of one call.

use crate::agenda::{Agenda, EventId};
use crate::inject::{Effect, Injector, Point};
use crate::memory::GuestMemory;
use crate::time::Ticks;
use crate::trace::{Record, Trace, Value};
use crate::translate::Translate;

/// The world as one device sees it during one call.
pub struct Cx<'a> {
    /// Virtual time now.
    pub now: Ticks,
    /// The machine's index of the device being called.
    pub device: u32,
    /// Guest memory.
    pub mem: &'a GuestMemory,
    /// The agenda; prefer [`Cx::after`].
    pub agenda: &'a mut Agenda,
    /// Interrupt messages sent by the device during this call, in order:
    /// the 16-bit IVTE, which the host bridge turns into a hardware irq.
    pub irqs: &'a mut Vec<u16>,
    /// Translation of effective addresses by the guest's own tables.
    pub translate: &'a mut dyn Translate,
    /// Fault injection.
    pub inject: &'a mut dyn Injector,
    /// Trace of boundary events.
    pub trace: &'a mut Trace,
}

impl Cx<'_> {
    /// Enters an event for this device, `delay` from now.
    pub fn after(&mut self, delay: Ticks, what: u64) -> EventId {
        self.agenda.enter(self.now + delay, self.device, what)
    }
    /// Sends an interrupt message.
    pub fn irq(&mut self, ivte: u16) {
        self.irqs.push(ivte);
    }
    /// Adds a trace record.
    pub fn note(&mut self, kind: &'static str, fields: &[(&'static str, u64)]) {
        let fields = fields.iter().map(|&(n, v)| (n, Value::U64(v))).collect();
        self.trace.push(Record { at: self.now, device: self.device, kind, fields });
    }
    /// Adds a trace record with a text.
    pub fn note_text(
        &mut self,
        kind: &'static str,
        text: (&'static str, &str),
        fields: &[(&'static str, u64)],
    ) {
        let mut all = vec![(text.0, Value::from(text.1))];
        all.extend(fields.iter().map(|&(n, v)| (n, Value::U64(v))));
        self.trace.push(Record { at: self.now, device: self.device, kind, fields: all });
    }
    /// Asks the scenario whether to inject a fault here.
    pub fn fault(
        &mut self,
        name: &'static str,
        kind: &str,
        fields: &[(&'static str, u64)],
    ) -> Option<Effect> {
        self.inject.at(self.now, &Point { name, kind, fields })
    }
}
