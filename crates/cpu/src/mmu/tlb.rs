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
use std::ops::Range;

/// One translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlbEntry {
    /// First effective address of the page, with its quadrant.
    pub ea: u64,
    /// Process id it belongs to.
    pub pid: u32,
    /// log2 of the page size.
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
    /// Leads every access to where `other` does.
    pub(super) fn translates_as(&self, other: &TlbEntry) -> bool {
        (self.ea, self.shift) == (other.ea, other.shift) && (self.pte ^ other.pte) & radix::MEANING == 0
    }
    /// Permits an access in the state of `msr`.
    pub fn permits(&self, access: Access, msr: u64) -> bool {
        radix::permits(self.pte, access, msr & msr::PR != 0)
    }
}

/// Page sizes, most used first, with the number of entries of each.
const ARRAYS: [(u32, usize); 4] = [(16, 2048), (21, 1024), (30, 16), (12, 2048)];

/// Entries that are compared together; divides the number of entries.
const GROUP: usize = 16;

/// No process: the place is empty. Process ids have 20 bits.
const NOBODY: u32 = u32::MAX;

/// The entries of one page size, field by field: an invalidation by process
/// looks at the process ids alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Array {
    pid: Vec<u32>,
    ea: Vec<u64>,
    pte: Vec<u64>,
    /// Ever filled since the last clear: an unused array is not searched.
    used: bool,
}

impl Array {
    fn new(n: usize) -> Array {
        Array { pid: vec![NOBODY; n], ea: vec![0; n], pte: vec![0; n], used: false }
    }
    fn get(&self, at: usize, shift: u32) -> TlbEntry {
        TlbEntry { ea: self.ea[at], pid: self.pid[at], shift, pte: self.pte[at] }
    }
    fn drop_some(&mut self, range: Range<usize>, pid: u32) {
        for at in range {
            if self.pid[at] == pid {
                self.drop(at);
            }
        }
    }
    fn drop(&mut self, at: usize) {
        (self.pid[at], self.ea[at], self.pte[at]) = (NOBODY, 0, 0);
    }
}

/// The TLB of one thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tlb {
    arrays: [Array; 4],
}

impl Default for Tlb {
    fn default() -> Tlb {
        Tlb { arrays: ARRAYS.map(|(_, n)| Array::new(n)) }
    }
}

/// Neighbours never meet. Linux's kernel has four regions of 2^49 bytes or
/// more, and in each uses large pages from its start on.
fn slot(array: usize, ea: u64, pid: u32) -> usize {
    let (shift, n) = ARRAYS[array];
    let region = (ea >> 49 & 7) * 0x80;
    let page = ((ea & 0x3FFF_FFFF_FFFF_FFFF) >> shift) ^ region;
    ((page ^ (page >> 11) ^ (pid as u64 * 0x9E5)) as usize ^ (ea >> 62) as usize) & (n - 1)
}

impl Tlb {
    /// The entry that translates `ea` of `pid`.
    pub fn find(&self, ea: u64, pid: u32) -> Option<TlbEntry> {
        (0..4).filter(|&a| self.arrays[a].used).find_map(|a| {
            let at = slot(a, ea, pid);
            let array = &self.arrays[a];
            (array.pid[at] == pid && (array.ea[at] ^ ea) >> ARRAYS[a].0 == 0)
                .then(|| array.get(at, ARRAYS[a].0))
        })
    }
    /// Puts an entry in its place; the translation of another page, if one had to go.
    pub fn fill(&mut self, entry: TlbEntry) -> Option<TlbEntry> {
        let a = ARRAYS.iter().position(|(s, _)| *s == entry.shift).expect("the walker knows four page sizes");
        let at = slot(a, entry.ea, entry.pid);
        let array = &mut self.arrays[a];
        let other = array.pid[at] != NOBODY && (array.ea[at], array.pid[at]) != (entry.ea, entry.pid);
        let lost = other.then(|| array.get(at, entry.shift));
        (array.pid[at], array.ea[at], array.pte[at]) = (entry.pid, entry.ea, entry.pte);
        array.used = true;
        lost
    }
    /// One of the entries of a process, if it has any.
    pub fn any_of(&self, pid: u32) -> Option<TlbEntry> {
        ARRAYS.iter().zip(&self.arrays).find_map(|((shift, _), array)| {
            let at = array.pid.iter().position(|p| *p == pid)?;
            Some(array.get(at, *shift))
        })
    }
    /// Drops the entries of one process.
    pub fn drop_process(&mut self, pid: u32) {
        for array in self.arrays.iter_mut().filter(|a| a.used) {
            for first in (0..array.pid.len()).step_by(GROUP) {
                // Without a way out in the middle the host compares several at once.
                let group = &array.pid[first..first + GROUP];
                if group.iter().fold(false, |any, p| any | (*p == pid)) {
                    array.drop_some(first..first + GROUP, pid);
                }
            }
        }
    }
    /// Drops the entries of one page of one process; tells of each address
    /// and size.
    pub fn drop_page(&mut self, pid: u32, ea: u64, page_shift: u32, mut gone: impl FnMut(u64, u32)) {
        for (a, array) in self.arrays.iter_mut().enumerate().filter(|(_, a)| a.used) {
            let shift = ARRAYS[a].0;
            let same = |array: &Array, at: usize, shift: u32| {
                array.pid[at] == pid && (array.ea[at] ^ ea) >> shift == 0
            };
            if shift >= page_shift {
                let at = slot(a, ea, pid);
                if same(array, at, shift) {
                    gone(array.ea[at], shift);
                    array.drop(at);
                }
            } else {
                for at in 0..array.pid.len() {
                    if same(array, at, page_shift) {
                        gone(array.ea[at], shift);
                        array.drop(at);
                    }
                }
            }
        }
    }
    /// Drops everything.
    pub fn clear(&mut self) {
        for (a, array) in self.arrays.iter_mut().enumerate().filter(|(_, a)| a.used) {
            *array = Array::new(ARRAYS[a].1);
        }
    }
}
