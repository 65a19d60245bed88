//! The bridge's tables: which PE a bus, a memory segment or an MSI belongs
//! to, and the DMA windows of each PE.

use crate::map;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const BUSES: usize = 256;
const SEGMENT_COUNT: u64 = map::NUM_PES as u64;

/// How an M64 window assigns PEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum M64Mode {
    Off,
    /// Segment i belongs to PE i.
    Split,
    /// All of it belongs to one PE.
    Single,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct M64 {
    base: u64,
    size: u64,
    pe: u16,
    mode: M64Mode,
}

/// A translation validation entry: a DMA window. Kept for tools; in CAPI
/// mode the adapter's DMA is translated by its PSL and passes none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tve {
    Table { levels: u64, address: u64, bytes: u64, page: u64 },
    Bypass { base: u64, size: u64 },
}

/// The tables of one bridge.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ioda {
    /// PE of function 0 of each bus. Deviates: the RID table of the bridge
    /// has an entry for every function; no other function exists here.
    buses: Vec<u16>,
    m32: Vec<u16>,
    m64: Vec<M64>,
    msi: Vec<u16>,
    tves: BTreeMap<u16, Tve>,
    /// By parent: the PEs that freeze with it.
    peltv: BTreeMap<u16, BTreeSet<u16>>,
}

impl Ioda {
    pub(crate) fn new() -> Ioda {
        Ioda {
            buses: vec![map::RESERVED_PE; BUSES],
            m32: vec![map::RESERVED_PE; map::NUM_PES as usize],
            m64: vec![M64 { base: 0, size: 0, pe: map::RESERVED_PE, mode: M64Mode::Off }; map::M64_WINDOWS],
            msi: vec![map::RESERVED_PE; map::MSI_COUNT as usize],
            tves: BTreeMap::new(),
            peltv: BTreeMap::new(),
        }
    }
    pub(crate) fn pe_of_bus(&self, bus: u8) -> u16 {
        self.buses[usize::from(bus)]
    }
    /// PE of an offset in the 32-bit window.
    pub(crate) fn pe_of_m32(&self, offset: u64) -> u16 {
        let segment = offset / (map::M32_BYTES / SEGMENT_COUNT);
        self.m32.get(segment as usize).copied().unwrap_or(map::RESERVED_PE)
    }
    /// PE of an address in an enabled M64 window.
    pub(crate) fn pe_of_m64(&self, address: u64) -> Option<u16> {
        self.m64.iter().filter(|w| w.mode != M64Mode::Off).find_map(|w| {
            let offset = address.checked_sub(w.base).filter(|&o| o < w.size)?;
            let segment = offset / (w.size / SEGMENT_COUNT).max(1);
            Some(if w.mode == M64Mode::Split { segment.min(SEGMENT_COUNT - 1) as u16 } else { w.pe })
        })
    }
    /// PE that may raise MSI `index`.
    pub(crate) fn pe_of_msi(&self, index: u16) -> Option<u16> {
        self.msi.get(usize::from(index)).copied()
    }
    pub(crate) fn set_msi_pe(&mut self, index: u64, pe: u16) -> bool {
        let entry = usize::try_from(index).ok().and_then(|i| self.msi.get_mut(i));
        entry.is_some_and(|entry| {
            *entry = pe;
            true
        })
    }
    pub(crate) fn set_m32_segment(&mut self, segment: u64, pe: u16) -> bool {
        let entry = usize::try_from(segment).ok().and_then(|i| self.m32.get_mut(i));
        entry.is_some_and(|entry| {
            *entry = pe;
            true
        })
    }
    /// Aims or unaims function 0 of the buses that match. `bcmp` 7 compares
    /// the whole bus number, 2..=6 its upper 3..=7 bits, 0 nothing.
    pub(crate) fn set_pe(
        &mut self,
        pe: u16,
        rid: u16,
        bcmp: u64,
        dcmp: bool,
        fcmp: bool,
        map_it: bool,
    ) -> bool {
        let bits = match bcmp {
            0 => 0,
            2..=6 => bcmp as u32 + 1,
            7 => 8,
            _ => return false,
        };
        let devfn_zero = (!dcmp || rid & 0xf8 == 0) && (!fcmp || rid & 7 == 0);
        let bus = u32::from(rid >> 8);
        for (n, entry) in self.buses.iter_mut().enumerate() {
            if devfn_zero && (n as u32 ^ bus) >> (8 - bits) == 0 {
                *entry = if map_it { pe } else { map::RESERVED_PE };
            }
        }
        true
    }
    pub(crate) fn set_m64(&mut self, n: u64, base: u64, size: u64) -> bool {
        let entry = usize::try_from(n).ok().and_then(|n| self.m64.get_mut(n));
        entry.filter(|_| base.checked_add(size).is_some()).is_some_and(|w| {
            (w.base, w.size) = (base, size);
            true
        })
    }
    pub(crate) fn set_m64_mode(&mut self, n: u64, mode: M64Mode) -> bool {
        let entry = usize::try_from(n).ok().and_then(|n| self.m64.get_mut(n));
        entry.is_some_and(|w| {
            w.mode = mode;
            true
        })
    }
    pub(crate) fn set_m64_pe(&mut self, n: u64, pe: u16) -> bool {
        let entry = usize::try_from(n).ok().and_then(|n| self.m64.get_mut(n));
        entry.is_some_and(|w| {
            w.pe = pe;
            true
        })
    }
    /// Sets or removes a DMA window; two for each PE.
    pub(crate) fn set_tve(&mut self, pe: u16, window: u64, tve: Option<Tve>) -> bool {
        let number = match u16::try_from(window) {
            Ok(number) if number / 2 == pe => number,
            _ => return false,
        };
        match tve {
            Some(tve) => self.tves.insert(number, tve),
            None => self.tves.remove(&number),
        };
        true
    }
    pub(crate) fn set_peltv(&mut self, parent: u16, child: u16, add: bool) {
        let children = self.peltv.entry(parent).or_default();
        if add {
            children.insert(child);
        } else {
            children.remove(&child);
        }
    }
    /// The PEs that freeze when `pe` does, itself first.
    pub(crate) fn freezes_with(&self, pe: u16) -> Vec<u16> {
        let others = self.peltv.get(&pe).into_iter().flatten().copied().filter(|&other| other != pe);
        std::iter::once(pe).chain(others).collect()
    }
}
