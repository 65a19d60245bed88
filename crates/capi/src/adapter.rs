//! The adapter as the host bridge sees it: configuration space with VPD,
//! BARs, and behind them the PSL and its AFU.

use crate::afu::{AfuConfig, Variant};
use crate::port::SavedAfu;
use crate::psl::config::{self, ConfigSpace, Layout};
use crate::psl::descriptor::Descriptor;
use crate::psl::regs::Area;
use crate::psl::vpd::Vpd;
use crate::psl::{self, Port, Psl, PslError, note_register};
use fabric::agenda::EventId;
use fabric::pci::Invalidate;
use fabric::{
    BadState, BarRegion, Cx, Effect, Mishap, NotDone, PciFunction, ResetKind, Ticks, TranslationSpace,
};
use serde::{Deserialize, Serialize};

/// Time of a VPD access; the driver waits up to 125 ms.
const VPD_TIME: Ticks = Ticks::micros(3);
/// After the switch to CAPI the card must be left alone this long.
const SWITCH_TIME: Ticks = Ticks::millis(100);
/// Problem state of one process element, from the start of the area.
const PROCESS_PAGE: u64 = 0x10000;
/// The address Linux gives the CAPI window, in BAR4/5.
const CAPI_WINDOW: u64 = 1 << 49;

/// What distinguishes one adapter product from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterConfig {
    /// PCI device id of the adapter.
    pub device_id: u16,
    /// PCI device id in the AFU configuration record.
    pub afu_device_id: u16,
    /// Process elements; at most 512 fit the problem state area.
    pub processes: u16,
    /// Interrupts per process in the AFU descriptor.
    pub interrupts: u16,
    /// PSL revision in the VSEC; a zero upper nibble makes Linux mask errors.
    pub psl_revision: u16,
    /// Base image revision in the VSEC.
    pub base_image: u16,
    /// Vital product data.
    pub vpd: Vpd,
}

/// Keywords of the VPD for port names: V5 to V8.
const VPD_NAMES: usize = 4;

impl AdapterConfig {
    /// The card around an AFU.
    pub fn of(afu: &AfuConfig) -> AdapterConfig {
        // Unspecified: which of the ids 0477, 044b and 04cf a Corsa had; its
        // programs tell 04cf apart.
        let (device_id, afu_device_id, name) = match afu.variant {
            Variant::Corsa => (0x04CF, 0x04F0, "CAPI Flash Corsa"),
            Variant::FlashGt => (0x0601, 0x0600, "CAPI FlashGT"),
            Variant::FlashGtPlus => (0x0628, 0x0600, "CAPI FlashGT+"),
            Variant::Legacy => (0x0477, 0x04F0, "CAPI Flash"),
        };
        let mut wwpns: Vec<u64> = afu.ports.iter().map(|p| p.wwpn).collect();
        if wwpns.iter().all(|name| *name == 0) {
            wwpns.resize(VPD_NAMES, 0); // the NVMe cards have all four keywords
        }
        AdapterConfig {
            device_id,
            afu_device_id,
            processes: 512,
            interrupts: 3,
            psl_revision: 0x1001,
            base_image: 0x0001,
            vpd: Vpd {
                name: name.to_owned(),
                part_number: "00CAPI1".to_owned(),
                serial: format!("SIM{:07}", u32::from(afu.number) + 1),
                wwpns,
            },
        }
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        AdapterConfig::of(&AfuConfig::corsa())
    }
}

/// A CAPI adapter with one AFU.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adapter<A> {
    config: AdapterConfig,
    space: ConfigSpace,
    descriptor: Descriptor,
    psl: Psl,
    afu: A,
    vpd_event: Option<EventId>,
    /// When the CAPI protocol was switched on.
    switched_at: Option<Ticks>,
}

impl<A: serde::de::DeserializeOwned> Adapter<A> {
    /// The adapter whose [`PciFunction::saved`] form this is.
    pub fn from_saved(bytes: &[u8]) -> Result<Adapter<A>, BadState> {
        let bad = |e: postcard::Error| BadState { what: "an adapter", reason: e.to_string() };
        postcard::from_bytes(bytes).map_err(bad)
    }
}

/// Where in BAR0 or BAR2 an access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Register(Area, u64),
    Descriptor(u64),
    ProblemState(u64),
    Nothing,
}

fn within(offset: u64, from: u64, len: u64) -> Option<u64> {
    offset.checked_sub(from).filter(|o| *o < len)
}

impl Target {
    fn of(bar: u8, offset: u64) -> Target {
        let units = |(from, len): (u64, u64)| within(offset, from * config::UNIT, len * config::UNIT);
        match bar {
            0 => {
                let p2n = within(offset, 0, psl::P2N_SIZE).map(|o| Target::Register(Area::P2n, o));
                p2n.or_else(|| units(config::DESCRIPTOR).map(Target::Descriptor))
                    .or_else(|| units(config::PROBLEM_STATE).map(Target::ProblemState))
                    .unwrap_or(Target::Nothing)
            }
            2 => within(offset, 0, psl::P1N_OFFSET)
                .map(|o| Target::Register(Area::P1, o))
                .or_else(|| {
                    within(offset, psl::P1N_OFFSET, psl::P1N_SIZE).map(|o| Target::Register(Area::P1n, o))
                })
                .unwrap_or(Target::Nothing),
            _ => Target::Nothing,
        }
    }
}

impl<A: SavedAfu> Adapter<A> {
    /// An adapter after power-on.
    pub fn new(config: AdapterConfig, afu: A) -> Adapter<A> {
        let processes = config.processes.min(512);
        Adapter {
            space: power_on_space(&config),
            descriptor: Descriptor::new(config.interrupts, processes, config.afu_device_id),
            psl: Psl::new(processes),
            afu,
            vpd_event: None,
            switched_at: None,
            config,
        }
    }
    /// What the adapter was made from.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }
    /// The PSL, for tools and oracles.
    pub fn psl(&self) -> &Psl {
        &self.psl
    }
    /// The AFU.
    pub fn afu(&self) -> &A {
        &self.afu
    }
    /// The AFU, for faults that a scenario puts into it.
    pub fn afu_mut(&mut self) -> &mut A {
        &mut self.afu
    }
    /// The AFU together with its port, for a scenario's faults that need one.
    pub fn with_afu<R>(
        &mut self,
        cx: &mut Cx<'_>,
        body: impl FnOnce(&mut A, &mut dyn crate::port::AfuPort<'_>) -> R,
    ) -> R {
        let Adapter { psl, afu, .. } = self;
        body(afu, &mut Port { psl, cx })
    }
    /// Raises an error interrupt, for `pe` if it concerns one; false if nobody
    /// would hear of it.
    pub fn raise_error(&mut self, error: PslError, pe: u16, cx: &mut Cx<'_>) -> bool {
        self.psl.raise_error(error, pe, cx)
    }

    /// A PSL error of the element that the mishap names, or of the lowest there is.
    fn mishap_of_psl(&mut self, error: PslError, what: &Mishap<'_>, cx: &mut Cx<'_>) -> Result<(), NotDone> {
        let lowest = self.psl.added().min();
        let pe = what.get("pe").or(lowest.map(u64::from)).unwrap_or_default() as u16;
        if error == PslError::Afu {
            self.afu.set_error_register(what.get("value").unwrap_or_default());
        }
        let heard = self.raise_error(error, pe, cx);
        if heard { Ok(()) } else { Err(NotDone::Field { field: "pe", must: "an element that is added" }) }
    }

    /// After a store to configuration space.
    fn config_written(&mut self, offset: u64, len: u64, cx: &mut Cx<'_>) {
        let touched = |at: u16| (offset..offset + len).contains(&u64::from(at));
        for bar in [config::BAR4, config::BAR4 + 4] {
            // The CAPI window has no size: an all-ones probe finds zero.
            if touched(bar) && self.space.word(bar) == u32::MAX {
                self.space.poke(bar, &[0; 4]);
            }
        }
        if touched(config::VPD_ADDRESS + 1) {
            if let Some(id) = self.vpd_event.take() {
                cx.agenda.cancel(id);
            }
            self.vpd_event = Some(cx.after(VPD_TIME, psl::EVENT_VPD));
        }
        let enabled = self.space.byte(config::VSEC_MODE) & config::VSEC_MODE_ENABLE != 0;
        if touched(config::VSEC_MODE) {
            self.switched_at = enabled.then_some(cx.now);
        }
        let master = self.space.half(config::COMMAND) & config::COMMAND_MASTER != 0;
        let window =
            u64::from(self.space.word(config::BAR4 + 4)) << 32 | u64::from(self.space.word(config::BAR4));
        self.psl.set_configured(master && enabled && window == CAPI_WINDOW);
    }
    /// The VPD access is done: the F bit flips, a load's data is there.
    fn vpd_due(&mut self, cx: &mut Cx<'_>) {
        self.vpd_event = None;
        let register = self.space.half(config::VPD_ADDRESS);
        let fault = cx.fault("vpd", "load", &[("address", u64::from(register & 0x7FFC))]);
        // F set by software asks for a store; nothing here can be stored to.
        if register & 0x8000 == 0 {
            let word = match fault {
                Some(Effect::Value(other) | Effect::Fail(other)) => (other as u32).to_le_bytes(),
                _ => self.config.vpd.word(register),
            };
            self.space.poke(config::VPD_DATA, &word);
        }
        // An access that is dropped never says that it is done.
        if fault != Some(Effect::Drop) {
            self.space.poke(config::VPD_ADDRESS, &(register ^ 0x8000).to_le_bytes());
        }
    }
    /// Records register accesses in the time after the protocol switch.
    fn note_early(&self, area: Area, offset: u64, cx: &mut Cx<'_>) {
        if self.switched_at.is_some_and(|at| cx.now < at + SWITCH_TIME) {
            note_register("access-after-mode-switch", area, offset, cx);
        }
    }
    /// Records an access to the page of a process element that is not added.
    fn note_strange_page(&self, at: u64, store: u64, cx: &mut Cx<'_>) {
        let page = u16::try_from(at / PROCESS_PAGE).ok().filter(|&pe| pe < self.config.processes);
        if let Some(pe) = page.filter(|&pe| !self.psl.is_added(pe)) {
            let fields = [("pe", u64::from(pe)), ("offset", at % PROCESS_PAGE), ("store", store)];
            cx.note_text("protocol-error", ("what", "page-not-added"), &fields);
        }
    }
    fn read_piece(&mut self, bar: u8, offset: u64, data: &mut [u8], cx: &mut Cx<'_>) {
        data.fill(0xFF);
        let size = data.len() as u64;
        let aligned = offset.is_multiple_of(size.max(1));
        match Target::of(bar, offset) {
            Target::Register(area, at) if size == 8 && aligned => {
                self.note_early(area, at, cx);
                let value = self.psl.read(area, at, &self.afu, cx);
                data.copy_from_slice(&value.to_be_bytes());
            }
            // CAIA 1.0, 11.1: the descriptor takes 32 and 64 bits.
            Target::Descriptor(at) if matches!(size, 4 | 8) && aligned => {
                self.descriptor.read(at, data, self.afu.error_register());
            }
            Target::ProblemState(at) if matches!(size, 4 | 8) && aligned => {
                if self.psl.is_enabled() {
                    self.note_strange_page(at, 0, cx);
                    let Adapter { psl, afu, .. } = self;
                    afu.mmio_read(at, data, &mut Port { psl, cx });
                } else {
                    self.psl.problem_state_refused(cx);
                }
            }
            target => note_odd(target, cx),
        }
    }
    fn write_piece(&mut self, bar: u8, offset: u64, data: &[u8], cx: &mut Cx<'_>) {
        let size = data.len() as u64;
        let aligned = offset.is_multiple_of(size.max(1));
        match (Target::of(bar, offset), <[u8; 8]>::try_from(data)) {
            (Target::Register(area, at), Ok(bytes)) if aligned => {
                self.note_early(area, at, cx);
                self.psl.write(area, at, u64::from_be_bytes(bytes), &mut self.afu, cx);
            }
            (Target::Descriptor(at), _) if matches!(size, 4 | 8) && aligned => {
                if !self.descriptor.write(at, data) {
                    let fields = [("offset", at)];
                    cx.note_text("protocol-error", ("what", "descriptor-store"), &fields);
                }
            }
            (Target::ProblemState(at), _) if matches!(size, 4 | 8) && aligned => {
                if self.psl.is_enabled() {
                    self.note_strange_page(at, 1, cx);
                    let Adapter { psl, afu, .. } = self;
                    afu.mmio_write(at, data, &mut Port { psl, cx });
                } else {
                    self.psl.problem_state_refused(cx);
                }
            }
            (target, _) => note_odd(target, cx),
        }
    }
}

/// An access of a size or at a place that the CAIA does not define.
/// `Unspecified:` it reads all ones and stores nothing. User processes can
/// do this to problem state, so that is not worth a record.
fn note_odd(target: Target, cx: &mut Cx<'_>) {
    match target {
        Target::Register(area, at) => note_register("register-size", area, at, cx),
        Target::Descriptor(at) => {
            cx.note_text("protocol-error", ("what", "descriptor-size"), &[("offset", at)]);
        }
        Target::ProblemState(_) | Target::Nothing => {}
    }
}

fn power_on_space(config: &AdapterConfig) -> ConfigSpace {
    let mut space = ConfigSpace::new(Layout::Function);
    for (offset, value) in [
        (0x02, config.device_id),
        (0x2E, config.device_id),
        (config::VSEC + 0x0C, config.psl_revision),
        (config::VSEC + 0x10, config.base_image),
    ] {
        space.poke(offset, &value.to_le_bytes());
    }
    space
}

/// The pieces of an access: one of 16 bytes (a vector register) reaches the
/// card as two of 8, any other as it is.
fn piece_size(len: usize) -> usize {
    if len == 16 { 8 } else { len.max(1) }
}

impl<A: SavedAfu> PciFunction for Adapter<A> {
    fn config_read(&mut self, offset: u16, data: &mut [u8], _cx: &mut Cx<'_>) {
        self.space.read(u64::from(offset), data);
    }
    fn config_write(&mut self, offset: u16, data: &[u8], cx: &mut Cx<'_>) {
        self.space.write(u64::from(offset), data);
        self.config_written(u64::from(offset), data.len() as u64, cx);
    }
    fn bars(&self) -> Vec<BarRegion> {
        if self.space.half(config::COMMAND) & config::COMMAND_MEMORY == 0 {
            return Vec::new();
        }
        [(0u8, config::BAR0_SIZE), (2, config::BAR2_SIZE)]
            .into_iter()
            .map(|(bar, size)| {
                let low = config::BAR0 + 4 * u16::from(bar);
                let address =
                    u64::from(self.space.word(low + 4)) << 32 | u64::from(self.space.word(low) & !0xF);
                BarRegion { bar, address, size }
            })
            .collect()
    }
    fn mmio_read(&mut self, bar: u8, offset: u64, data: &mut [u8], cx: &mut Cx<'_>) {
        let size = piece_size(data.len());
        for (i, piece) in data.chunks_mut(size).enumerate() {
            self.read_piece(bar, offset.wrapping_add((i * size) as u64), piece, cx);
        }
    }
    fn mmio_write(&mut self, bar: u8, offset: u64, data: &[u8], cx: &mut Cx<'_>) {
        let size = piece_size(data.len());
        for (i, piece) in data.chunks(size).enumerate() {
            self.write_piece(bar, offset.wrapping_add((i * size) as u64), piece, cx);
        }
    }
    fn event(&mut self, what: u64, cx: &mut Cx<'_>) {
        if what == psl::EVENT_VPD {
            self.vpd_due(cx);
        } else if what & psl::OWN_EVENT != 0 {
            self.psl.event(what, &mut self.afu, cx);
        } else {
            let Adapter { psl, afu, .. } = self;
            afu.event(what, &mut Port { psl, cx });
        }
    }
    fn reset(&mut self, kind: ResetKind, cx: &mut Cx<'_>) {
        let fields = [("added", self.psl.added().count() as u64)];
        let name = match kind {
            ResetKind::Fundamental => "fundamental",
            ResetKind::Hot => "hot",
        };
        cx.note_text("pci-reset", ("kind", name), &fields);
        if let Some(id) = self.vpd_event.take() {
            cx.agenda.cancel(id);
        }
        let was_enabled = self.psl.is_enabled();
        self.psl.power_on(cx);
        self.space = power_on_space(&self.config);
        let config = &self.config;
        self.descriptor = Descriptor::new(config.interrupts, config.processes.min(512), config.afu_device_id);
        self.switched_at = None;
        let Adapter { psl, afu, .. } = self;
        if was_enabled {
            afu.set_enabled(false, &mut Port { psl, cx });
        }
        afu.reset(&mut Port { psl, cx });
    }
    fn snoop(&mut self, what: Invalidate, cx: &mut Cx<'_>) {
        self.psl.invalidate(what, "tlbie", cx);
    }
    fn set_capi_mode(&mut self, on: bool, cx: &mut Cx<'_>) {
        cx.note("capi-mode", &[("on", u64::from(on))]);
        self.psl.set_capi_mode(on);
    }
    fn set_dma_blocked(&mut self, blocked: bool, _cx: &mut Cx<'_>) {
        self.psl.set_blocked(blocked);
    }
    fn mishap(&mut self, what: &Mishap<'_>, cx: &mut Cx<'_>) -> Result<(), NotDone> {
        if let Some(error) = PslError::named(what)? {
            return self.mishap_of_psl(error, what, cx);
        }
        let Adapter { psl, afu, .. } = self;
        afu.mishap(what, &mut Port { psl, cx })
    }
    fn saved(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("model states have a postcard form")
    }
    fn listing(&self) -> Vec<(String, String)> {
        fabric::listing::listing("", self)
    }
    fn restore(&mut self, saved: &[u8]) -> Result<(), BadState> {
        *self = Adapter::from_saved(saved)?;
        Ok(())
    }
    fn has_outside_state(&self) -> bool {
        self.afu.has_outside_state()
    }
    fn reseed(&mut self, seed: u64) {
        self.afu.reseed(seed);
    }
    fn space_of(&self, pe: u32) -> Option<TranslationSpace> {
        u16::try_from(pe).ok().and_then(|pe| self.psl.space_of(pe))
    }
}
