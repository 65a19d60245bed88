//! Interrupt presentation as OPAL's XICS emulation shows it: one ICP per
//! CPU, one source per hardware irq.
//!
//! Lower numbers are more urgent; 0xff is masked. An ICP offers the most
//! urgent source aimed at it whose priority is below its CPPR. Among equals
//! the IPI goes first, then the lowest irq number, so the choice is a
//! function of the state (`Unspecified:` on hardware).

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Vector of the inter-processor interrupt in an XIRR.
pub const IPI: u32 = 2;
/// Priority that masks a source, and the MFRR without an IPI.
pub const MASKED: u8 = 0xff;

/// What one CPU sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Icp {
    hwid: u32,
    cppr: u8,
    mfrr: u8,
    line: bool,
}

/// One interrupt source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    /// As given by SET_XIVE: hwid << 2.
    server: u16,
    /// Index of that CPU.
    cpu: u16,
    priority: u8,
    /// Level of the line, for a level source.
    asserted: bool,
    /// An edge that no CPU has taken yet.
    latched: bool,
    /// Taken and not yet EOId.
    in_service: bool,
}

impl Source {
    fn ready(&self) -> bool {
        (self.latched || self.asserted) && !self.in_service && self.priority != MASKED
    }
}

/// All ICPs and sources.
#[derive(Debug, Serialize, Deserialize)]
pub struct Xics {
    icps: Vec<Icp>,
    /// Hardware irqs that exist: first and count.
    ranges: Vec<(u32, u32)>,
    /// Sources that were ever touched; the others are masked and idle.
    sources: BTreeMap<u32, Source>,
    /// What could be taken: CPU, priority, irq.
    ready: BTreeSet<(u16, u8, u32)>,
}

impl Xics {
    /// ICPs for these hardware ids and sources for these ranges of irqs.
    pub fn new(hwids: &[u32], ranges: Vec<(u32, u32)>) -> Xics {
        let icps = hwids.iter().map(|&hwid| Icp { hwid, cppr: 0, mfrr: MASKED, line: false }).collect();
        Xics { icps, ranges, sources: BTreeMap::new(), ready: BTreeSet::new() }
    }
    /// True if the irq exists.
    pub fn exists(&self, hwirq: u32) -> bool {
        self.ranges.iter().any(|&(base, count)| hwirq.wrapping_sub(base) < count)
    }
    /// The interrupt line of a CPU; false for a CPU that does not exist.
    pub fn pending(&self, cpu: usize) -> bool {
        self.icps.get(cpu).is_some_and(|icp| icp.line)
    }
    /// Hardware id of the CPU an irq is aimed at, if it was ever aimed.
    pub fn target(&self, hwirq: u32) -> Option<u32> {
        self.sources.get(&hwirq).and_then(|s| self.icps.get(usize::from(s.cpu))).map(|icp| icp.hwid)
    }

    /// Aims a source: server is hwid << 2. False if irq or CPU do not exist.
    pub fn set_xive(&mut self, hwirq: u32, server: u64, priority: u8) -> bool {
        let cpu = self.icps.iter().position(|icp| u64::from(icp.hwid) << 2 == server);
        let (Some(cpu), Ok(server)) = (cpu, u16::try_from(server)) else { return false };
        self.change(hwirq, |s| {
            (s.server, s.cpu, s.priority) = (server, cpu as u16, priority);
        })
    }
    /// Server and priority of a source as they were set.
    pub fn get_xive(&self, hwirq: u32) -> Option<(u16, u8)> {
        self.exists(hwirq).then(|| match self.sources.get(&hwirq) {
            Some(s) => (s.server, s.priority),
            None => (self.idle().server, MASKED),
        })
    }
    /// An edge (message) arrives. It is kept while masked or in service, once.
    pub fn trigger(&mut self, hwirq: u32) -> bool {
        self.change(hwirq, |s| s.latched = true)
    }
    /// A level source changes.
    pub fn set_level(&mut self, hwirq: u32, asserted: bool) -> bool {
        self.change(hwirq, |s| s.asserted = asserted)
    }

    /// Takes the best interrupt of a CPU: old CPPR and vector, 0 for none.
    pub fn get_xirr(&mut self, cpu: usize) -> u32 {
        let best = self.best(cpu);
        let Some(icp) = self.icps.get_mut(cpu) else { return 0 };
        let old = u32::from(icp.cppr) << 24;
        let Some((priority, vector)) = best else { return old };
        icp.cppr = priority;
        if vector != IPI {
            self.change(vector, |s| {
                s.latched = false;
                s.in_service = true;
            });
        }
        self.refresh(cpu);
        old | vector
    }
    /// Ends an interrupt; true if another can be taken.
    pub fn eoi(&mut self, cpu: usize, xirr: u32) -> bool {
        let vector = xirr & 0x00ff_ffff;
        if self.sources.contains_key(&vector) {
            self.change(vector, |s| s.in_service = false);
        }
        self.set_cppr(cpu, (xirr >> 24) as u8);
        self.pending(cpu)
    }
    /// Sets a CPU's current priority.
    pub fn set_cppr(&mut self, cpu: usize, cppr: u8) {
        if let Some(icp) = self.icps.get_mut(cpu) {
            icp.cppr = cppr;
            self.refresh(cpu);
        }
    }
    /// Sets the IPI request of the CPU with this hardware id.
    pub fn set_mfrr(&mut self, hwid: u64, mfrr: u8) -> bool {
        let Some(cpu) = self.icps.iter().position(|icp| u64::from(icp.hwid) == hwid) else { return false };
        self.icps[cpu].mfrr = mfrr;
        self.refresh(cpu);
        true
    }

    fn idle(&self) -> Source {
        let server = self.icps.first().map_or(0, |icp| (icp.hwid << 2) as u16);
        let (asserted, latched, in_service) = (false, false, false);
        Source { server, cpu: 0, priority: MASKED, asserted, latched, in_service }
    }
    /// Changes a source and what follows from it.
    fn change(&mut self, hwirq: u32, f: impl FnOnce(&mut Source)) -> bool {
        if !self.exists(hwirq) {
            return false;
        }
        let idle = self.idle();
        let s = self.sources.entry(hwirq).or_insert(idle);
        let old = s.clone();
        f(s);
        let new = s.clone();
        if old != new {
            self.ready.remove(&(old.cpu, old.priority, hwirq));
            if new.ready() {
                self.ready.insert((new.cpu, new.priority, hwirq));
            }
            self.refresh(usize::from(old.cpu));
            self.refresh(usize::from(new.cpu));
        }
        true
    }
    fn best(&self, cpu: usize) -> Option<(u8, u32)> {
        let icp = self.icps.get(cpu)?;
        let cpu = cpu as u16;
        let source = self.ready.range((cpu, 0, 0)..(cpu, MASKED, 0)).next().map(|&(_, p, irq)| (p, irq));
        let ipi = (icp.mfrr != MASKED).then_some((icp.mfrr, IPI));
        let best = match (ipi, source) {
            (Some(i), Some(s)) => Some(if i.0 <= s.0 { i } else { s }),
            (one, other) => one.or(other),
        };
        best.filter(|&(priority, _)| priority < icp.cppr)
    }
    fn refresh(&mut self, cpu: usize) {
        let line = self.best(cpu).is_some();
        if let Some(icp) = self.icps.get_mut(cpu) {
            icp.line = line;
        }
    }
}
