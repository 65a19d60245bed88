//! Sync and async interrupts, and what happens at the FC ports in time.

use super::codes::FC_RC_LINKDOWN;
use super::command::Stage;
use super::engine::Event;
use super::ioarcb::Ioasa;
use super::regs::{global, host};
use super::{Command, SisliteAfu};
use crate::port::AfuPort;
use crate::ports::Ask;
use fabric::Effect;

/// Byte of a port in `aintr_status`: ports of a pair are swapped
/// (`SISL_ASTATUS_FC*`).
pub(super) fn async_shift(fc_port: u8) -> u32 {
    [8, 0, 24, 16][usize::from(fc_port & 3)]
}

impl SisliteAfu {
    /// Sets sync error bits of a context. A bit that becomes set while it is
    /// not masked sends the context's LISN.
    pub(super) fn raise_sync(&mut self, pe: u16, bits: u64, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        let old = c.host(host::INTR_STATUS);
        c.host.set(host::TABLE, host::INTR_STATUS, old | bits);
        let new = bits & !old & !c.host(host::INTR_MASK);
        if new != 0 {
            self.send_sync(pe, new, bus);
        }
    }
    /// Unspecified: taking the mask off a set bit sends the interrupt.
    pub(super) fn unmasked_sync(&mut self, pe: u16, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        let pending = c.host(host::INTR_STATUS) & !c.host(host::INTR_MASK);
        if pending != 0 {
            self.send_sync(pe, pending, bus);
        }
    }
    fn send_sync(&mut self, pe: u16, bits: u64, bus: &mut dyn AfuPort<'_>) {
        let Some(c) = self.context(pe) else { return };
        let lisn = c.host(host::CTX_CTRL) & 0xFF;
        let fields = [("pe", pe.into()), ("lisn", lisn), ("bits", bits)];
        bus.cx().note_text("afu-interrupt", ("cause", "sync-error"), &fields);
        if lisn != 0 {
            self.signal(pe, lisn as u16, "sync-error", bus);
        }
    }

    /// Sets bits of a port's byte of `aintr_status`; as for sync errors.
    pub(super) fn raise_async(&mut self, fc_port: u8, bits: u8, bus: &mut dyn AfuPort<'_>) {
        let bits = u64::from(bits) << async_shift(fc_port);
        let old = self.global.get(global::TABLE, global::AINTR_STATUS);
        self.global.set(global::TABLE, global::AINTR_STATUS, old | bits);
        let new = bits & !old & !self.global.get(global::TABLE, global::AINTR_MASK);
        if new != 0 {
            self.send_async(new, bus);
        }
    }
    /// Unspecified: taking the mask off a set bit sends the interrupt.
    pub(super) fn unmasked_async(&mut self, bus: &mut dyn AfuPort<'_>) {
        let status = self.global.get(global::TABLE, global::AINTR_STATUS);
        let pending = status & !self.global.get(global::TABLE, global::AINTR_MASK);
        if pending != 0 {
            self.send_async(pending, bus);
        }
    }
    fn send_async(&mut self, bits: u64, bus: &mut dyn AfuPort<'_>) {
        let to = self.global.get(global::TABLE, global::AFU_CTRL);
        let (pe, lisn) = ((to >> 48) as u16, to >> 40 & 0xFF);
        let fields = [("pe", pe.into()), ("lisn", lisn), ("bits", bits)];
        bus.cx().note_text("afu-interrupt", ("cause", "async"), &fields);
        if lisn != 0 {
            self.signal(pe, lisn as u16, "async", bus);
        }
    }

    /// Schedules what a port asked for.
    pub(super) fn ask(&mut self, fc_port: u8, ask: Ask, bus: &mut dyn AfuPort<'_>) {
        let times = self.config.latency;
        let span = match ask {
            Ask::Nothing => return,
            Ask::Offline => times.port_offline,
            Ask::Online => times.port_online,
            Ask::Shutdown => times.shutdown,
        };
        let Some(p) = self.ports.get(usize::from(fc_port)) else { return };
        let event = match ask {
            Ask::Shutdown => Event::Shutdown(fc_port),
            _ => Event::Port(fc_port, p.generation()),
        };
        let mut delay = span.draw(&mut self.rng);
        match bus.cx().fault("port", ask.name(), &[("port", fc_port.into())]) {
            Some(Effect::Hold(by)) => delay += by,
            Some(_) => return,
            None => {}
        }
        bus.cx().after(delay, event.encode());
    }

    /// A port's transition is over.
    pub(super) fn port_arrived(&mut self, fc_port: u8, generation: u32, bus: &mut dyn AfuPort<'_>) {
        let Some(p) = self.ports.get_mut(usize::from(fc_port)) else { return };
        if let Some(bits) = p.arrive(generation) {
            self.link_changed(fc_port, bits, bus);
        }
    }

    /// A shutdown completes when nothing is open on the port; AFU commands,
    /// withheld ones too, have no port and do not count.
    pub(super) fn port_shutting(&mut self, fc_port: u8, bus: &mut dyn AfuPort<'_>) {
        if self.commands.values().any(|c| c.port == fc_port && c.stage != Stage::Dropped) {
            return self.ask(fc_port, Ask::Shutdown, bus);
        }
        if let Some(p) = self.ports.get_mut(usize::from(fc_port)) {
            p.shut();
            bus.cx().note_text("port-state", ("state", "shut-down"), &[("port", fc_port.into())]);
        }
    }

    pub(super) fn link_changed(&mut self, fc_port: u8, bits: u8, bus: &mut dyn AfuPort<'_>) {
        let Some(p) = self.ports.get(usize::from(fc_port)) else { return };
        bus.cx().note_text("port-state", ("state", p.state_name()), &[("port", fc_port.into())]);
        if bits & super::codes::ASTATUS_LINK_DN != 0 {
            self.end_where(Ioasa::fc(FC_RC_LINKDOWN), bus, |c: &Command| c.port == fc_port);
        }
        self.raise_async(fc_port, bits, bus);
    }
}
