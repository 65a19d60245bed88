//! The architected TLB: one direct-mapped array per page size. Which
//! translations it holds shows in guest memory (Linux clears R bits without
//! a flush), so it is saved and hashed.
//!
//! `Deviates:` POWER9's TLB has 1024 entries, 4-way, of all sizes; its
//! replacement is not documented.

use super::radix::{self, Leaf};
use crate::msr;
use fabric::Access;
use serde::{Deserialize, Serialize};

/// One translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlbEntry {
    /// First effective address of the page, with its quadrant.
    pub ea: u64,
    /// Process id it belongs to.
    pub pid: u32,
    /// log2 of the page size; 0 is an empty entry.
    pub shift: u32,
    /// Leaf entry.
    pub pte: u64,
}

impl TlbEntry {
    pub(super) fn new(ea: u64, pid: u32, leaf: Leaf) -> TlbEntry {
        TlbEntry { ea: ea & !((1 << leaf.shift) - 1), pid, shift: leaf.shift, pte: leaf.pte }
    }
    /// Real address of `ea`.
    pub fn ra(&self, ea: u64) -> u64 {
        Leaf { pte: self.pte, shift: self.shift }.ra(ea)
    }
    /// C is set.
    pub fn changed(&self) -> bool {
        self.pte & radix::C != 0
    }
    /// Cache-inhibited.
    pub fn cache_inhibited(&self) -> bool {
        self.pte & radix::ATT_CI != 0
    }
    /// Permits an access in the state of `msr`.
    pub fn permits(&self, access: Access, msr: u64) -> bool {
        radix::permits(self.pte, access, msr & msr::PR != 0)
    }
    fn covers(&self, ea: u64, pid: u32) -> bool {
        self.shift != 0 && self.pid == pid && (self.ea ^ ea) >> self.shift == 0
    }
}

/// Page sizes, most used first, with the number of entries of each.
const ARRAYS: [(u32, usize); 4] = [(16, 2048), (21, 512), (30, 16), (12, 2048)];

/// The TLB of one thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tlb {
    arrays: [Vec<TlbEntry>; 4],
    /// Entries ever filled of each size: empty arrays are not searched.
    used: [bool; 4],
}

impl Default for Tlb {
    fn default() -> Tlb {
        Tlb { arrays: ARRAYS.map(|(_, n)| vec![TlbEntry::default(); n]), used: [false; 4] }
    }
}

fn slot(array: usize, ea: u64, pid: u32) -> usize {
    let (shift, n) = ARRAYS[array];
    let page = (ea & 0x3FFF_FFFF_FFFF_FFFF) >> shift;
    ((page ^ page >> 11 ^ pid as u64 * 0x9E5) as usize ^ (ea >> 62) as usize) & (n - 1)
}

impl Tlb {
    /// The entry that translates `ea` of `pid`.
    pub fn find(&self, ea: u64, pid: u32) -> Option<TlbEntry> {
        (0..4).filter(|&a| self.used[a]).find_map(|a| {
            let e = self.arrays[a][slot(a, ea, pid)];
            e.covers(ea, pid).then_some(e)
        })
    }
    /// Puts an entry in its place; true if another translation had to go.
    pub fn fill(&mut self, entry: TlbEntry) -> bool {
        let a = ARRAYS.iter().position(|(s, _)| *s == entry.shift).expect("the walker knows four page sizes");
        self.used[a] = true;
        let place = &mut self.arrays[a][slot(a, entry.ea, entry.pid)];
        let lost = place.shift != 0 && (place.ea, place.pid) != (entry.ea, entry.pid);
        *place = entry;
        lost
    }
    /// Drops the entries for which `gone` holds.
    pub fn drop_if(&mut self, gone: impl Fn(&TlbEntry) -> bool) {
        for (array, _) in self.arrays.iter_mut().zip(self.used).filter(|(_, used)| *used) {
            for e in array.iter_mut().filter(|e| e.shift != 0 && gone(e)) {
                *e = TlbEntry::default();
            }
        }
    }
    /// Drops the entries of one page of one process.
    pub fn drop_page(&mut self, pid: u32, ea: u64, page_shift: u32) {
        for a in (0..4).filter(|&a| self.used[a]) {
            if ARRAYS[a].0 >= page_shift {
                let place = &mut self.arrays[a][slot(a, ea, pid)];
                if place.covers(ea, pid) {
                    *place = TlbEntry::default();
                }
            } else {
                for e in &mut self.arrays[a] {
                    if e.shift != 0 && e.pid == pid && (e.ea ^ ea) >> page_shift == 0 {
                        *e = TlbEntry::default();
                    }
                }
            }
        }
    }
    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Tlb::default();
    }
}
