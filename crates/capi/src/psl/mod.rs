//! The PSL: power service layer of CAIA 2, AFU-directed mode, one slice.
//!
//! Register names and bit numbers are those of the CAIA 1.0 specification
//! (OpenPOWER, 2016) and of Linux's `drivers/misc/cxl`. `Unspecified:` the
//! text of CAIA 2.0 is not public; where CAIA 1.0 and the driver leave room,
//! the choice is marked where it is made.

pub mod cache;
pub mod config;
pub mod descriptor;
mod dma;
pub mod element;
pub(crate) mod fake;
mod fault;
pub mod fuzzing;
mod llcmd;
pub mod regs;
mod slice;
mod suspend;
pub mod vpd;

#[cfg(test)]
mod tests;

use crate::port::AfuModel;
use cache::TranslationCache;
pub(crate) use dma::Port;
use element::Element;
use fabric::agenda::EventId;
use fabric::pci::Invalidate;
use fabric::{Cx, Ticks, TranslationSpace};
pub use fault::PslError;
use fault::{Faults, MOST_FAULTS};
use llcmd::Command;
use regs::{Area, RegFile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use suspend::Held;

/// Top bit of an agenda event that belongs to the PSL and not to its AFU.
pub const OWN_EVENT: u64 = 1 << 63;
const EVENT_LLCMD: u64 = OWN_EVENT | 1;
const EVENT_AFU_CNTL: u64 = OWN_EVENT | 2;
const EVENT_PURGE: u64 = OWN_EVENT | 3;
const EVENT_SUSPEND: u64 = OWN_EVENT | 5;
/// VPD handshake; the adapter handles it.
pub(crate) const EVENT_VPD: u64 = OWN_EVENT | 4;

/// Offset of slice 0's privilege 1 registers in BAR2.
pub const P1N_OFFSET: u64 = 0x10000;
/// Bytes of a slice's privilege 1 registers.
pub const P1N_SIZE: u64 = 0x100;
/// Bytes of a slice's privilege 2 registers, at the start of BAR0.
pub const P2N_SIZE: u64 = 0x1000;

/// What a process element is to the PSL after its ADD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    element: Element,
    running: Running,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Running {
    Yes,
    Suspended,
    /// TERMINATE was received; transactions have stopped.
    Terminated,
}

/// The PSL's state. The adapter around it owns configuration space.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Psl {
    p1: RegFile,
    p1n: RegFile,
    p2n: RegFile,
    /// Process elements the AFU descriptor declares.
    processes: u16,
    elements: BTreeMap<u16, Slot>,
    command: Option<Command>,
    faults: Faults,
    cache: TranslationCache,
    afu_control: Option<(slice::Control, EventId)>,
    purge: Option<EventId>,
    /// What suspended elements wait with.
    held: BTreeMap<u16, Held>,
    /// When the slice is suspended.
    suspension: Option<EventId>,
    /// The host bridge routes CAPI traffic (OPAL_PCI_SET_PHB_CAPI_MODE).
    capi_mode: bool,
    /// Configuration space permits CAPI traffic: bus master, protocol
    /// enabled, CAPI window in BAR4/5.
    configured: bool,
    /// The host bridge blocks traffic: frozen, fenced, link down.
    blocked: bool,
}

impl Psl {
    /// A PSL after power-on, for an AFU of `processes` process elements.
    pub fn new(processes: u16) -> Psl {
        Psl {
            p1: RegFile::new(Area::P1),
            p1n: RegFile::new(Area::P1n),
            p2n: RegFile::new(Area::P2n),
            processes,
            elements: BTreeMap::new(),
            command: None,
            faults: Faults::default(),
            cache: TranslationCache::default(),
            afu_control: None,
            purge: None,
            held: BTreeMap::new(),
            suspension: None,
            capi_mode: false,
            configured: false,
            blocked: false,
        }
    }
    /// Back to power-on state; events in the agenda are withdrawn.
    pub(crate) fn power_on(&mut self, cx: &mut Cx<'_>) {
        let own = [
            self.command.as_mut().and_then(Command::take_event),
            self.afu_control.take().map(|(_, id)| id),
            self.purge.take(),
            self.suspension.take(),
        ];
        for id in own.into_iter().flatten() {
            cx.agenda.cancel(id);
        }
        // A block is the bridge's state, not the card's.
        *self = Psl { blocked: self.blocked, ..Psl::new(self.processes) };
    }
    /// The host bridge changed the routing of CAPI traffic.
    pub(crate) fn set_capi_mode(&mut self, on: bool) {
        self.capi_mode = on;
    }
    /// Configuration space permits, or forbids, CAPI traffic.
    pub(crate) fn set_configured(&mut self, on: bool) {
        self.configured = on;
    }
    /// The host bridge blocks, or allows, traffic.
    pub(crate) fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }
    /// True if the PSL may reach memory at all.
    pub fn may_master(&self) -> bool {
        self.capi_mode && self.configured && !self.blocked
    }
    /// True while AFU_Cntl says that the AFU is enabled.
    pub fn is_enabled(&self) -> bool {
        regs::afu_cntl::ES.get(self.p2n.get(regs::AFU_CNTL_AN)) == slice::ES_ENABLED
    }
    /// True if `pe` is added, whether terminated or not.
    pub fn is_added(&self, pe: u16) -> bool {
        self.elements.contains_key(&pe)
    }
    /// True if `pe` is added and not terminated; it may be suspended.
    pub fn is_running(&self, pe: u16) -> bool {
        self.elements.get(&pe).is_some_and(|s| s.running != Running::Terminated)
    }
    /// Added process elements, in order.
    pub fn added(&self) -> impl Iterator<Item = u16> + '_ {
        self.elements.keys().copied()
    }
    /// The element as the PSL read it at ADD.
    pub fn element(&self, pe: u16) -> Option<&Element> {
        self.elements.get(&pe).map(|s| &s.element)
    }
    /// The address space of an added element.
    pub fn space_of(&self, pe: u16) -> Option<TranslationSpace> {
        self.element(pe).map(Element::space)
    }
    /// The value of a register, for tools; `None` where there is none.
    pub fn register(&self, area: Area, offset: u16) -> Option<u64> {
        area.find(u64::from(offset))?;
        Some(match area {
            Area::P1 => self.p1.get(offset),
            Area::P1n => self.p1n.get(offset),
            Area::P2n => self.p2n.get(offset),
        })
    }
    /// The translation cache, for tools.
    pub fn translations(&self) -> &TranslationCache {
        &self.cache
    }

    /// Drops cached translations: a tlbie reaches the PSL, or it needs to.
    pub(crate) fn invalidate(&mut self, what: Invalidate, by: &str, cx: &mut Cx<'_>) {
        for place in self.cache.invalidate(what) {
            note_dropped(place, by, cx);
        }
    }

    /// A load of a register: aligned, 64 bits (the caller sees to it).
    pub(crate) fn read(&mut self, area: Area, offset: u64, afu: &dyn AfuModel, cx: &mut Cx<'_>) -> u64 {
        let Some(reg) = area.find(offset) else {
            note_register("reserved-register", area, offset, cx);
            return 0;
        };
        match (area, reg.offset) {
            (Area::P1, regs::TIMEBASE) => self.timebase(cx.now),
            (Area::P2n, regs::AFU_ERR_AN) => afu.error_register(),
            (Area::P1, o) => self.p1.get(o),
            (Area::P1n, o) => self.p1n.get(o),
            (Area::P2n, o) => self.p2n.get(o),
        }
    }
    /// A store to a register: aligned, 64 bits.
    pub(crate) fn write(
        &mut self,
        area: Area,
        offset: u64,
        value: u64,
        afu: &mut dyn AfuModel,
        cx: &mut Cx<'_>,
    ) {
        let Some(reg) = area.find(offset) else {
            return note_register("reserved-register", area, offset, cx);
        };
        match (area, reg.offset) {
            (Area::P1, o) => {
                let value = self.p1.store(reg, value);
                self.adapter_written(o, value, cx);
            }
            (Area::P1n, regs::LLCMD_AN) => self.write_llcmd(value, afu, cx),
            (Area::P1n, regs::SCNTL_AN) => self.write_scntl(reg, value, afu, cx),
            (Area::P1n, regs::SPAP_AN) => {
                let value = self.p1n.store(reg, value);
                cx.note("spap", &[("value", value), ("added", self.elements.len() as u64)]);
            }
            (Area::P1n, regs::SERR_AN) => {
                let status = regs::serr::STATUS.get(self.p1n.get(regs::SERR_AN));
                let left = regs::serr::STATUS.get(self.p1n.store(reg, value));
                if status != left {
                    cx.note("slice-error-clear", &[("bits", status & !left)]);
                }
            }
            (Area::P1n, regs::ID_AN) => {
                self.p1n.store(reg, value);
                let added = self.elements.len() as u64;
                if added > 0 {
                    let fields = [("value", value), ("added", added)];
                    cx.note_text("protocol-error", ("what", "id-with-elements"), &fields);
                }
            }
            (Area::P1n, _) => {
                self.p1n.store(reg, value);
            }
            (Area::P2n, regs::AFU_CNTL_AN) => self.write_afu_cntl(reg, value, afu, cx),
            (Area::P2n, regs::TFC_AN) => self.write_tfc(value, afu, cx),
            (Area::P2n, regs::DSISR_AN) => self.write_dsisr(value, afu, cx),
            (Area::P2n, _) => {
                self.p2n.store(reg, value);
            }
        }
    }
    /// Effects of a store to an adapter register.
    fn adapter_written(&mut self, offset: u16, value: u64, cx: &mut Cx<'_>) {
        match offset {
            // There is no data cache: a flush is over at once.
            regs::CONTROL => {
                let done = if regs::control::FR.get(value) == 1 { 3 } else { 0 };
                self.p1.set(offset, regs::control::FS.with(value, done));
            }
            regs::XSL9_IERAT => self.invalidate(Invalidate::All, "ierat", cx),
            _ => {}
        }
    }
    /// PSL9_Timebase; `Unspecified:` zero while PSL_Control.tb is off.
    fn timebase(&self, now: Ticks) -> u64 {
        let on = regs::control::TB.get(self.p1.get(regs::CONTROL)) == 1;
        if on { now.timebase() } else { 0 }
    }

    /// One of the PSL's own agenda events is due.
    pub(crate) fn event(&mut self, what: u64, afu: &mut dyn AfuModel, cx: &mut Cx<'_>) {
        match what {
            EVENT_LLCMD => self.llcmd_due(afu, cx),
            EVENT_AFU_CNTL => self.afu_cntl_due(afu, cx),
            EVENT_PURGE => self.purge_due(afu, cx),
            EVENT_SUSPEND => self.suspend_due(),
            _ => {}
        }
    }
}

/// Records that a translation which was used too long is gone.
pub(crate) fn note_dropped((pid, ea): cache::Place, by: &str, cx: &mut Cx<'_>) {
    cx.note_text("translation-dropped", ("by", by), &[("pid", u64::from(pid)), ("ea", ea)]);
}

/// Records an access that the CAIA does not define.
pub(crate) fn note_register(what: &str, area: Area, offset: u64, cx: &mut Cx<'_>) {
    cx.note_text("protocol-error", ("what", what), &[("area", area as u64), ("offset", offset)]);
}
