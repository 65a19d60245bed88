//! The PSL's translation cache. Linux clears R bits without a flush, so
//! what the cache holds shows in guest memory: it has a fixed geometry, is
//! saved and counts in the state hash.
//!
//! `Unspecified:` geometry and replacement (64 sets of 4 ways, round robin).

use fabric::pci::Invalidate;
use fabric::{Translation, TranslationSpace};
use serde::{Deserialize, Serialize};

const SETS: usize = 64;
const WAYS: usize = 4;
/// Entries cover at most 64 KiB, however large the leaf is.
const LARGEST: u32 = 16;

/// One cached translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    space: TranslationSpace,
    /// Effective address of the first byte covered.
    ea: u64,
    /// Real address of it.
    ra: u64,
    /// log2 of the bytes covered: 12 or 16.
    shift: u32,
    /// log2 of the leaf it came from.
    leaf_shift: u32,
    writable: bool,
    /// It was used after the tables had ceased to give it.
    stale: bool,
}

/// An address of a process.
pub type Place = (u32, u64);

impl Entry {
    fn place(&self) -> Place {
        (self.space.pid, self.ea)
    }
    fn covers(&self, space: TranslationSpace, ea: u64) -> bool {
        self.space == space && (ea ^ self.ea) >> self.shift == 0
    }
    fn hit_by(&self, what: Invalidate) -> bool {
        match what {
            Invalidate::All => true,
            Invalidate::Lpid(lpid) => self.space.lpid == lpid,
            Invalidate::Pid(pid) => self.space.pid == pid,
            Invalidate::Page { pid, ea, page_shift } => {
                let shift = page_shift.max(self.leaf_shift).min(63);
                self.space.pid == pid && (ea ^ self.ea) >> shift == 0
            }
        }
    }
}

/// The cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranslationCache {
    entries: Vec<Option<Entry>>,
    victims: Vec<u8>,
    /// Number of entries that are marked stale.
    stale: u32,
}

impl Default for TranslationCache {
    fn default() -> Self {
        TranslationCache { entries: vec![None; SETS * WAYS], victims: vec![0; SETS], stale: 0 }
    }
}

/// The space whose process table entry serves `ea`: quadrant 3 (IBM bits
/// 0..=1 both set) belongs to process 0.
pub fn effective_space(space: TranslationSpace, ea: u64) -> TranslationSpace {
    TranslationSpace { pid: if ea >> 62 == 3 { 0 } else { space.pid }, ..space }
}

/// Bytes from `ea` to the end of the piece that one translation covers.
pub fn rest_of_piece(ea: u64, page_shift: u32) -> u64 {
    let piece = 1u64 << piece_shift(page_shift);
    piece - (ea & (piece - 1))
}

fn piece_shift(page_shift: u32) -> u32 {
    if page_shift >= LARGEST { LARGEST } else { 12 }
}

fn set_of(space: TranslationSpace, ea: u64) -> usize {
    ((ea >> LARGEST) ^ u64::from(space.pid)) as usize % SETS
}

impl TranslationCache {
    /// A cached translation that permits the access.
    pub fn find(&self, space: TranslationSpace, ea: u64, store: bool) -> Option<Translation> {
        let set = set_of(space, ea);
        let ways = self.entries.get(set * WAYS..(set + 1) * WAYS)?;
        let entry = ways.iter().flatten().find(|e| e.covers(space, ea) && (e.writable || !store))?;
        let offset = ea & ((1u64 << entry.shift) - 1);
        Some(Translation { ra: entry.ra + offset, page_shift: entry.shift, writable: entry.writable })
    }
    /// Marks the entry of `ea` as used although it is stale; what it covers,
    /// if it was not marked before.
    pub fn mark_stale(&mut self, space: TranslationSpace, ea: u64) -> Option<Place> {
        let set = set_of(space, ea);
        let ways = self.entries.get_mut(set * WAYS..(set + 1) * WAYS)?;
        let entry = ways.iter_mut().flatten().find(|e| e.covers(space, ea) && !e.stale)?;
        entry.stale = true;
        self.stale += 1;
        Some(entry.place())
    }
    /// Keeps a translation of `ea`; tells what stale entry gave way to it.
    pub fn keep(&mut self, space: TranslationSpace, ea: u64, found: Translation) -> Option<Place> {
        let shift = piece_shift(found.page_shift);
        let within = (1u64 << shift) - 1;
        let entry = Entry {
            space,
            ea: ea & !within,
            ra: found.ra & !within,
            shift,
            leaf_shift: found.page_shift.clamp(12, 63),
            writable: found.writable,
            stale: false,
        };
        let set = set_of(space, ea);
        let ways = self.entries.get_mut(set * WAYS..(set + 1) * WAYS)?;
        let same = ways.iter().position(|w| w.is_some_and(|e| e.covers(space, ea)));
        let way = same.or_else(|| ways.iter().position(Option::is_none)).unwrap_or_else(|| {
            let victim = self.victims.get_mut(set).map_or(0, |v| {
                *v = (*v + 1) % WAYS as u8;
                *v
            });
            usize::from(victim) % WAYS
        });
        let old = ways[way].replace(entry).filter(|e| e.stale);
        self.stale -= u32::from(old.is_some());
        old.map(|e| e.place())
    }
    /// Drops what `what` names; tells which of it was stale.
    pub fn invalidate(&mut self, what: Invalidate) -> Vec<Place> {
        let mut dropped = vec![];
        for slot in &mut self.entries {
            if let Some(entry) = slot.take_if(|e| e.hit_by(what))
                && entry.stale
            {
                dropped.push(entry.place());
            }
        }
        self.stale -= dropped.len() as u32;
        dropped
    }
    /// Number of translations held.
    pub fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }
    /// True if nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
