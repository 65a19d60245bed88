//! Where a scenario's faults enter the AFU. `docs/events.md` lists the points.

use super::SisliteAfu;
use super::codes::ASTATUS_LOGO;
use super::command::{Area, Command, Stage};
use super::engine::{Event, Stop};
use super::regs::{Word, global};
use crate::port::{AfuPort, DmaError};
use fabric::{Effect, Mishap, NotDone, Ticks};

/// Most interrupts of one storm.
const STORM: u64 = (1 << 20) - 1;

/// Interrupts that come again and again, packed into an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Storm {
    /// Bits of a port's byte of `aintr_status`; 0: a bare LISN.
    pub bits: u8,
    /// The port, or the LISN.
    pub of: u8,
    /// How many are left.
    pub left: u32,
    /// Time between two, in microseconds.
    pub every: u32,
}

impl Storm {
    pub(super) fn encode(self) -> u64 {
        u64::from(self.bits)
            | u64::from(self.of & 7) << 8
            | u64::from(self.left & 0xF_FFFF) << 11
            | u64::from(self.every & 0xF_FFFF) << 31
    }
    pub(super) fn decode(v: u64) -> Storm {
        Storm {
            bits: v as u8,
            of: (v >> 8) as u8 & 7,
            left: (v >> 11) as u32 & 0xF_FFFF,
            every: (v >> 31) as u32 & 0xF_FFFF,
        }
    }
}

/// Name of an area of host memory at the point `afu-dma`.
fn area_name(area: Area) -> &'static str {
    match area {
        Area::Ioarcb => "ioarcb",
        Area::Ioasa => "ioasa",
        Area::Rrq => "rrq",
        Area::Rht => "rht",
        Area::Lxt => "lxt",
        Area::Data => "data",
    }
}

impl SisliteAfu {
    /// What a load of the register `name` gives in place of `value`.
    pub(super) fn loaded(
        &self,
        name: &str,
        of: (&'static str, u64),
        value: u64,
        bus: &mut dyn AfuPort<'_>,
    ) -> u64 {
        match bus.cx().fault("afu-load", name, &[of]) {
            Some(Effect::Value(other) | Effect::Fail(other)) => other,
            Some(Effect::Drop) => u64::MAX,
            Some(Effect::Hold(_)) | None => value,
        }
    }
    /// What a store to the register `name` stores in place of `word`; `None`:
    /// it has no effect.
    pub(super) fn stored(
        &self,
        name: &str,
        of: (&'static str, u64),
        word: Word,
        bus: &mut dyn AfuPort<'_>,
    ) -> Option<Word> {
        match bus.cx().fault("afu-store", name, &[of, ("value", word.value)]) {
            Some(Effect::Value(other) | Effect::Fail(other)) => {
                Some(Word { value: other & word.mask, mask: word.mask })
            }
            Some(Effect::Drop) => None,
            Some(Effect::Hold(_)) | None => Some(word),
        }
    }
    /// Raises `lisn` of `pe`, unless that interrupt is lost or late.
    pub(super) fn signal(&mut self, pe: u16, lisn: u16, cause: &str, bus: &mut dyn AfuPort<'_>) {
        match bus.cx().fault("afu-irq", cause, &[("pe", pe.into()), ("lisn", lisn.into())]) {
            Some(Effect::Hold(by)) => {
                bus.cx().after(by, Event::Irq(pe, lisn).encode());
            }
            Some(_) => {}
            None => bus.interrupt(pe, lisn),
        }
    }
    /// Whether the AFU reaches `area` of the command's host memory.
    pub(super) fn reaches(&self, cmd: &Command, area: Area, bus: &mut dyn AfuPort<'_>) -> Result<(), Stop> {
        let fields = [("pe", cmd.pe.into()), ("ctx", cmd.subject().into()), ("port", cmd.port.into())];
        match bus.cx().fault("afu-dma", area_name(area), &fields) {
            None => Ok(()),
            Some(Effect::Hold(by)) => Err(Stop::Later(by)),
            Some(Effect::Drop) => Err(Stop::NotRetried(area)),
            Some(Effect::Fail(_) | Effect::Value(_)) => Err(Stop::Dma(cmd.pe, DmaError::BadAddress, area)),
        }
    }
    /// The entry that is written to the response queue in place of `entry`;
    /// `None`: none is, for ever.
    pub(super) fn response(&self, cmd: &mut Command, entry: u64, bus: &mut dyn AfuPort<'_>) -> Option<u64> {
        let fields = [("pe", cmd.pe.into()), ("ctx", cmd.subject().into())];
        let mut point = |kind| bus.cx().fault("rrq", kind, &fields);
        if point("stalled").is_some() {
            cmd.stage = Stage::Dropped;
            return None;
        }
        let entry = match point("address") {
            Some(Effect::Value(ea) | Effect::Fail(ea)) => ea & !1 | entry & 1,
            _ => entry,
        };
        Some(if point("toggle").is_some() { entry ^ 1 } else { entry })
    }

    /// Something goes wrong by itself.
    pub(super) fn mishap_here(
        &mut self,
        what: &Mishap<'_>,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<(), NotDone> {
        match what.name {
            "async" | "lisn" => self.begin_storm(what, bus),
            "sync-error" => {
                let pe = self.named_or_master(what);
                let bits = what
                    .get("value")
                    .ok_or(NotDone::Field { field: "value", must: "bits of intr_status" })?;
                self.raise_sync(pe, bits, bus);
                Ok(())
            }
            "logo" => self.each_port(what, |afu, p| afu.raise_async(p, ASTATUS_LOGO, bus)),
            "cable-out" => self.each_port(what, |afu, p| afu.cable(p, false, bus)),
            "cable-in" => self.each_port(what, |afu, p| afu.cable(p, true, bus)),
            "crc-errors" => {
                let count = what.get("value").unwrap_or(1);
                self.each_port(what, |afu, p| afu.crc_errors(p, count, bus))
            }
            "port-store" => self.port_store(what, bus),
            _ => self.flash_mishap(what, bus),
        }
    }

    /// The element a mishap names, or the one that hears of asynchronous events.
    fn named_or_master(&self, what: &Mishap<'_>) -> u16 {
        let master = self.global.get(global::TABLE, global::AFU_CTRL) >> 48;
        what.get("pe").unwrap_or(master) as u16
    }
    fn each_port(&mut self, what: &Mishap<'_>, mut act: impl FnMut(&mut Self, u8)) -> Result<(), NotDone> {
        let count = self.ports.len() as u64;
        let ports = match what.get("port") {
            Some(p) if p >= count => {
                return Err(NotDone::Field { field: "port", must: "a port of this adapter" });
            }
            Some(p) => p..p + 1,
            None => 0..count,
        };
        ports.for_each(|p| act(self, p as u8));
        Ok(())
    }
    /// A store as the adapter's own tools do it, to a register of a port.
    fn port_store(&mut self, what: &Mishap<'_>, bus: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        let field = |field| what.get(field).ok_or(NotDone::Field { field, must: "given" });
        let (offset, value) = (field("offset")? as u16, field("value")?);
        self.each_port(what, |afu, p| {
            let ask = afu.ports.get_mut(usize::from(p)).map(|port| port.store(offset, Word::full(value)));
            if let Some(ask) = ask {
                afu.ask(p, ask, bus);
            }
        })
    }
    fn begin_storm(&mut self, what: &Mishap<'_>, bus: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        let least = Ticks(what.get("span").unwrap_or(1_000_000)).0.div_ceil(1000);
        let storm = |of: u64, bits: u64| Storm {
            bits: bits as u8,
            of: of as u8,
            left: what.get("times").unwrap_or(1).min(STORM) as u32,
            every: least.clamp(1, STORM) as u32,
        };
        if what.name == "lisn" {
            let lisn = what.get("value").filter(|l| (1..=7).contains(l));
            let lisn = lisn.ok_or(NotDone::Field { field: "value", must: "a LISN, 1 to 7" })?;
            self.storm(storm(lisn, 0), bus);
            return Ok(());
        }
        let bits = what.get("value").filter(|b| (1..=0xFF).contains(b));
        let bits = bits.ok_or(NotDone::Field { field: "value", must: "bits of a port's byte, 1 to 255" })?;
        self.each_port(what, |afu, p| afu.storm(storm(p.into(), bits), bus))
    }
    /// One interrupt of a storm, and the next in the agenda.
    pub(super) fn storm(&mut self, storm: Storm, bus: &mut dyn AfuPort<'_>) {
        if storm.bits != 0 {
            self.async_error(storm.of, storm.bits, bus);
        } else {
            let pe = (self.global.get(global::TABLE, global::AFU_CTRL) >> 48) as u16;
            let fields = [("pe", pe.into()), ("lisn", storm.of.into()), ("bits", 0)];
            bus.cx().note_text("afu-interrupt", ("cause", "fault"), &fields);
            bus.interrupt(pe, storm.of.into());
        }
        if let Some(left) = storm.left.checked_sub(1).filter(|left| *left > 0) {
            let next = Storm { left, ..storm };
            bus.cx().after(Ticks::micros(storm.every.into()), Event::Storm(next).encode());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_keeps_its_numbers_in_an_event() {
        for storm in [
            Storm { bits: 0xFF, of: 7, left: 0xF_FFFF, every: 0xF_FFFF },
            Storm { bits: 0, of: 2, left: 1, every: 1 },
        ] {
            assert_eq!(Event::decode(Event::Storm(storm).encode()), Some(Event::Storm(storm)));
        }
        assert_eq!(Event::decode(Event::Irq(511, 3).encode()), Some(Event::Irq(511, 3)));
    }
}
