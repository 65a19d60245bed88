//! What the machine lends the platform for one call.

use fabric::{Agenda, Cx, GuestMemory, Injector, Record, Ticks, Trace, Translate, Value};

/// The pieces of the world that a call into the platform may touch.
pub struct World<'a> {
    /// Virtual time now.
    pub now: Ticks,
    /// Guest memory.
    pub mem: &'a GuestMemory,
    /// The agenda.
    pub agenda: &'a mut Agenda,
    /// Translation by the guest's own tables, for the adapters.
    pub translate: &'a mut dyn Translate,
    /// Fault injection.
    pub inject: &'a mut dyn Injector,
    /// Trace of boundary events.
    pub trace: &'a mut Trace,
}

impl World<'_> {
    /// The world as the function with this device index sees it.
    pub(crate) fn cx<'b>(&'b mut self, device: u32, irqs: &'b mut Vec<u16>) -> Cx<'b> {
        Cx {
            now: self.now,
            device,
            mem: self.mem,
            agenda: &mut *self.agenda,
            irqs,
            translate: &mut *self.translate,
            inject: &mut *self.inject,
            trace: &mut *self.trace,
        }
    }
    /// Adds a trace record.
    pub(crate) fn note(&mut self, device: u32, kind: &'static str, fields: &[(&'static str, u64)]) {
        let fields = fields.iter().map(|&(n, v)| (n, Value::U64(v))).collect();
        self.trace.push(Record { at: self.now, device, kind, fields });
    }
    /// The same with a text before the numbers.
    pub(crate) fn note_text(
        &mut self,
        device: u32,
        kind: &'static str,
        (name, text): (&'static str, &str),
        fields: &[(&'static str, u64)],
    ) {
        let numbers = fields.iter().map(|&(n, v)| (n, Value::U64(v)));
        let fields = std::iter::once((name, Value::from(text))).chain(numbers).collect();
        self.trace.push(Record { at: self.now, device, kind, fields });
    }
}
