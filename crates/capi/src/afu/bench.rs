//! A bench for the AFU alone: flat memory instead of a PSL, pages that can
//! be taken away, an agenda that is run by hand. Tests and fuzzing use it.

use super::{AfuConfig, SisliteAfu};
use crate::port::{AfuModel, AfuPort, DmaError, FaultAnswer, PageFault};
use fabric::{
    Access, Agenda, Cx, GuestMemory, Injector, NoInjection, Ticks, Trace, Translate, TranslateFault,
    Translation, TranslationSpace,
};
use std::collections::BTreeSet;

/// log2 of the size of the pages that can be taken away.
const PAGE_SHIFT: u32 = 12;

struct NoTranslation;

impl Translate for NoTranslation {
    fn translate(
        &mut self,
        _: &GuestMemory,
        _: TranslationSpace,
        _: u64,
        _: Access,
    ) -> Result<Translation, TranslateFault> {
        Err(TranslateFault::NoTranslation)
    }
}

/// What happened on the host's side.
#[derive(Default)]
pub(crate) struct Host {
    /// Memory of all process elements, from address 0.
    pub mem: Vec<u8>,
    /// Process elements that run.
    pub running: BTreeSet<u16>,
    /// Pages that are not there.
    pub absent: BTreeSet<u64>,
    /// Process elements that are suspended.
    pub suspended: BTreeSet<u16>,
    /// Faults without an answer, and accesses that are held: process element and page.
    pub faults: Vec<(u16, PageFault)>,
    /// Interrupts so far: process element and LISN.
    pub interrupts: Vec<(u16, u16)>,
    /// Every DMA so far: process element, address, length, true if a store.
    pub dma: Vec<(u16, u64, usize, bool)>,
}

impl Host {
    fn reach(&mut self, pe: u16, ea: u64, len: usize, store: bool) -> Result<usize, DmaError> {
        if !self.running.contains(&pe) {
            return Err(DmaError::NoContext);
        }
        if self.suspended.contains(&pe) {
            let place = PageFault::at(ea, store);
            self.faults.push((pe, place));
            return Err(DmaError::Held(place));
        }
        let end = ea.checked_add(len as u64).ok_or(DmaError::BadAddress)?;
        let pages = ea >> PAGE_SHIFT..=end.saturating_sub(1) >> PAGE_SHIFT;
        if let Some(page) = self.absent.range(pages).next() {
            let fault = PageFault::at((page << PAGE_SHIFT).max(ea), store);
            self.faults.push((pe, fault));
            return Err(DmaError::Faulted(fault));
        }
        if end > self.mem.len() as u64 {
            return Err(DmaError::BadAddress);
        }
        if self.dma.len() < 1 << 16 {
            self.dma.push((pe, ea, len, store));
        }
        Ok(ea as usize)
    }
}

/// The bus for the length of one call.
struct Bus<'h, 'w> {
    host: &'h mut Host,
    cx: Cx<'w>,
}

impl<'w> AfuPort<'w> for Bus<'_, 'w> {
    fn cx(&mut self) -> &mut Cx<'w> {
        &mut self.cx
    }
    fn dma_read(&mut self, pe: u16, ea: u64, out: &mut [u8]) -> Result<(), DmaError> {
        let at = self.host.reach(pe, ea, out.len(), false)?;
        out.copy_from_slice(&self.host.mem[at..at + out.len()]);
        Ok(())
    }
    fn dma_write(&mut self, pe: u16, ea: u64, bytes: &[u8]) -> Result<(), DmaError> {
        let at = self.host.reach(pe, ea, bytes.len(), true)?;
        self.host.mem[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn dma_probe_write(&mut self, pe: u16, ea: u64, len: usize) -> Result<(), DmaError> {
        self.host.reach(pe, ea, len, true).map(|_| ())
    }
    fn look(&mut self, _: u16, ea: u64, out: &mut [u8]) -> bool {
        let at = usize::try_from(ea).ok().and_then(|at| self.host.mem.get(at..)?.get(..out.len()));
        at.is_some_and(|bytes| {
            out.copy_from_slice(bytes);
            true
        })
    }
    fn interrupt(&mut self, pe: u16, lisn: u16) {
        self.host.interrupts.push((pe, lisn));
    }
    fn is_running(&self, pe: u16) -> bool {
        self.host.running.contains(&pe)
    }
}

/// An AFU on the bench.
pub(crate) struct Bench {
    pub afu: SisliteAfu,
    pub host: Host,
    pub now: Ticks,
    pub inject: Box<dyn Injector>,
    pub trace: Trace,
    agenda: Agenda,
    guest: GuestMemory,
}

impl Bench {
    /// An enabled AFU, `bytes` of memory, process elements 0 to 2 running.
    pub fn new(config: AfuConfig, bytes: usize) -> Bench {
        let mut bench = Bench {
            afu: SisliteAfu::new(config, 1),
            host: Host { mem: vec![0; bytes], ..Host::default() },
            now: Ticks(0),
            inject: Box::new(NoInjection),
            trace: Trace::default(),
            agenda: Agenda::default(),
            guest: GuestMemory::new(1 << 16).expect("64 KiB of guest memory"),
        };
        bench.with(|afu, bus| afu.set_enabled(true, bus));
        for pe in 0..3 {
            bench.host.running.insert(pe);
            bench.with(|afu, bus| afu.added(pe, bus));
        }
        bench
    }
    /// Calls the AFU with a bus.
    pub fn with<R>(&mut self, call: impl FnOnce(&mut SisliteAfu, &mut dyn AfuPort<'_>) -> R) -> R {
        let mut irqs = Vec::new();
        let cx = Cx {
            now: self.now,
            device: 0,
            mem: &self.guest,
            agenda: &mut self.agenda,
            irqs: &mut irqs,
            translate: &mut NoTranslation,
            inject: &mut *self.inject,
            trace: &mut self.trace,
        };
        let mut bus = Bus { host: &mut self.host, cx };
        call(&mut self.afu, &mut bus)
    }
    /// Answers every fault of `pe`.
    pub fn answer(&mut self, pe: u16, answer: FaultAnswer) {
        let (mine, others) = std::mem::take(&mut self.host.faults).into_iter().partition(|f| f.0 == pe);
        self.host.faults = others;
        let mine: Vec<(u16, PageFault)> = mine;
        for (pe, fault) in mine {
            self.with(|afu, bus| afu.fault_answered(pe, fault, answer, bus));
        }
    }
    /// Loads a register.
    pub fn load(&mut self, offset: u64) -> u64 {
        let mut data = [0; 8];
        self.with(|afu, bus| afu.mmio_read(offset, &mut data, bus));
        u64::from_be_bytes(data)
    }
    /// Stores a register.
    pub fn store(&mut self, offset: u64, value: u64) {
        self.with(|afu, bus| afu.mmio_write(offset, &value.to_be_bytes(), bus));
    }
    /// Performs events due up to `until`, at most `most`; true if more are due.
    pub fn run(&mut self, until: Ticks, most: usize) -> bool {
        for _ in 0..most {
            let Some((at, due)) = self.agenda.take_due(until) else {
                self.now = self.now.max(until);
                return false;
            };
            self.now = at;
            self.with(|afu, bus| afu.event(due.what, bus));
        }
        self.agenda.next_due() <= until
    }
    /// Lets `time` pass.
    #[cfg(test)]
    pub fn pass(&mut self, time: Ticks) {
        let until = self.now + time;
        assert!(!self.run(until, 1_000_000), "events without end");
    }
    /// Number of events entered.
    pub fn events(&self) -> usize {
        self.agenda.len()
    }
}
