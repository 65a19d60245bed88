//! A world and an AFU small enough to test and fuzz the PSL with.

use crate::port::{AfuModel, AfuPort, ControlBlock, DmaError, FaultAnswer, PageFault};
use fabric::inject::Point;
use fabric::{
    Access, Agenda, Cx, Effect, GuestMemory, Injector, PciFunction, Ticks, Trace, Translate, TranslateFault,
    Translation, TranslationSpace,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the AFU was told, newest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    Reset,
    Enabled(bool),
    Added(u16),
    Terminated(u16),
    Removed(u16),
    Answered(u16, bool),
}

/// Stores to page k of problem state act as process element k: register 0
/// stores 8 bytes at an address, 8 loads, 0x10 interrupts, 0x18 sets the
/// control block's capabilities, 0x20 is the length of the next DMA.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FakeAfu {
    pub told: Vec<Told>,
    waiting: Vec<(u16, PageFault, u64, bool)>,
    pub results: Vec<Result<(), DmaError>>,
    pub loaded: Vec<u8>,
    ctx_cap: u64,
    length: u16,
}

/// What the fake stores by DMA.
pub(crate) const PATTERN: u8 = 0xA5;

impl FakeAfu {
    fn tell(&mut self, what: Told) {
        if self.told.len() < 64 {
            self.told.push(what);
        }
    }
    fn dma(&mut self, pe: u16, ea: u64, store: bool, port: &mut dyn AfuPort<'_>) {
        let length = usize::from(self.length).max(8);
        let result = if store {
            port.dma_write(pe, ea, &vec![PATTERN; length])
        } else {
            self.loaded = vec![0; length];
            port.dma_read(pe, ea, &mut self.loaded)
        };
        if let Err(DmaError::Faulted(fault) | DmaError::Held(fault)) = result
            && self.waiting.len() < 64
        {
            self.waiting.push((pe, fault, ea, store));
        }
        if self.results.len() < 64 {
            self.results.push(result);
        }
    }
}

impl AfuModel for FakeAfu {
    fn mmio_read(&mut self, offset: u64, data: &mut [u8], _port: &mut dyn AfuPort<'_>) {
        let value = offset.to_be_bytes();
        let from = 8 - data.len();
        data.copy_from_slice(&value[from..]);
    }
    fn mmio_write(&mut self, offset: u64, data: &[u8], port: &mut dyn AfuPort<'_>) {
        let value = data.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let pe = (offset >> 16) as u16;
        match offset & 0xFFFF {
            0x00 => self.dma(pe, value, true, port),
            0x08 => self.dma(pe, value, false, port),
            0x10 => port.interrupt(pe, value as u16),
            0x18 => self.ctx_cap = value,
            0x20 => self.length = value as u16,
            0x28 => {
                port.cx().after(Ticks(value & 0xFFF), value >> 1);
            }
            _ => {}
        }
    }
    fn event(&mut self, what: u64, port: &mut dyn AfuPort<'_>) {
        port.interrupt(what as u16, (what >> 16) as u16);
    }
    fn reset(&mut self, _port: &mut dyn AfuPort<'_>) {
        self.waiting.clear();
        self.ctx_cap = 0;
        self.tell(Told::Reset);
    }
    fn set_enabled(&mut self, on: bool, _port: &mut dyn AfuPort<'_>) {
        self.tell(Told::Enabled(on));
    }
    fn added(&mut self, pe: u16, _port: &mut dyn AfuPort<'_>) {
        self.tell(Told::Added(pe));
    }
    fn terminated(&mut self, pe: u16, _port: &mut dyn AfuPort<'_>) {
        self.tell(Told::Terminated(pe));
    }
    fn removed(&mut self, pe: u16, _port: &mut dyn AfuPort<'_>) {
        self.waiting.retain(|w| w.0 != pe);
        self.tell(Told::Removed(pe));
    }
    fn fault_answered(&mut self, pe: u16, fault: PageFault, answer: FaultAnswer, port: &mut dyn AfuPort<'_>) {
        self.tell(Told::Answered(pe, answer == FaultAnswer::Retry));
        let (mine, others) = self.waiting.drain(..).partition::<Vec<_>, _>(|w| (w.0, w.1) == (pe, fault));
        self.waiting = others;
        for (pe, _, ea, store) in mine.into_iter().filter(|_| answer == FaultAnswer::Retry) {
            self.dma(pe, ea, store, port);
        }
    }
    fn control_block(&self, _pe: u16) -> ControlBlock {
        ControlBlock { rht_start: 1, rht_cnt_id: 2, ctx_cap: self.ctx_cap }
    }
    fn error_register(&self) -> u64 {
        0xAFE
    }
}

/// Quadrant 0 is real memory plus nothing, except pages said to be missing.
#[derive(Default)]
pub(crate) struct FakeTables {
    /// Numbers of 64 KiB pages that do not translate.
    pub missing: BTreeSet<u64>,
    /// Numbers of 64 KiB pages that may not be stored to.
    pub read_only: BTreeSet<u64>,
    /// Walks so far.
    pub walks: u64,
}

impl Translate for FakeTables {
    fn translate(
        &mut self,
        _mem: &GuestMemory,
        _space: TranslationSpace,
        ea: u64,
        access: Access,
    ) -> Result<Translation, TranslateFault> {
        self.walks += 1;
        let page = ea >> 16;
        let writable = !self.read_only.contains(&page);
        if self.missing.contains(&page) {
            return Err(TranslateFault::NoTranslation);
        }
        if access == Access::Write && !writable {
            return Err(TranslateFault::Protection);
        }
        Ok(Translation { ra: ea & (u64::MAX >> 4), page_shift: 16, writable })
    }
}

/// Injects one effect at every point of a name and kind.
#[derive(Default)]
pub(crate) struct FakeInjector(pub Option<(&'static str, &'static str, Effect)>);

impl Injector for FakeInjector {
    fn at(&mut self, _now: Ticks, point: &Point<'_>) -> Option<Effect> {
        let (name, kind, effect) = self.0?;
        (point.name == name && point.kind == kind).then_some(effect)
    }
}

/// Everything a [`Cx`] lends.
pub(crate) struct World {
    pub now: Ticks,
    pub mem: GuestMemory,
    pub agenda: Agenda,
    pub irqs: Vec<u16>,
    pub tables: FakeTables,
    pub injector: FakeInjector,
    pub trace: Trace,
}

impl World {
    /// A world with `bytes` of memory.
    pub fn new(bytes: u64) -> Option<World> {
        Some(World {
            now: Ticks(0),
            mem: GuestMemory::new(bytes).ok()?,
            agenda: Agenda::default(),
            irqs: Vec::new(),
            tables: FakeTables::default(),
            injector: FakeInjector::default(),
            trace: Trace::default(),
        })
    }
    pub fn cx(&mut self) -> Cx<'_> {
        Cx {
            now: self.now,
            device: 0,
            mem: &self.mem,
            agenda: &mut self.agenda,
            irqs: &mut self.irqs,
            translate: &mut self.tables,
            inject: &mut self.injector,
            trace: &mut self.trace,
        }
    }
    /// Lets time pass and fires what comes due.
    pub fn pass(&mut self, time: Ticks, function: &mut dyn PciFunction) {
        let until = self.now + time;
        while let Some((at, due)) = self.agenda.take_due(until) {
            self.now = at;
            function.event(due.what, &mut self.cx());
        }
        self.now = until;
    }
}
