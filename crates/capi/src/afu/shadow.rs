//! A shadow of every acknowledged write: what each block was last given,
//! as a checksum. It is the AFU's only in place; no hardware has it. An
//! oracle learns from it that the back-end lost, tore or misplaced data.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most blocks that are followed; at more the oldest addresses go. The
/// blocks themselves take a hundred times the memory.
const MOST_BLOCKS: usize = 1 << 20;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    sum: u64,
    /// The command that wrote it, until it has its good answer.
    by: Option<u64>,
}

/// Blocks by unit and block number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    blocks: BTreeMap<(u32, u64), Held>,
}

/// A checksum that finds any change of one byte, and any exchange.
fn sum(block: &[u8]) -> u64 {
    let (words, rest) = block.as_chunks::<8>();
    let step = |h: u64, w: u64| (h.rotate_left(23) ^ w).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let whole = words.iter().fold(block.len() as u64, |h, w| step(h, u64::from_le_bytes(*w)));
    rest.iter().fold(whole, |h, b| step(h, u64::from(*b)))
}

impl Shadow {
    /// Command `id` writes `bytes` from block `lba` of `unit` on.
    pub fn written(&mut self, unit: u32, lba: u64, block: usize, bytes: &[u8], id: u64) {
        for (n, piece) in bytes.chunks_exact(block.max(1)).enumerate() {
            if self.blocks.len() >= MOST_BLOCKS {
                self.blocks.pop_first();
            }
            let held = Held { sum: sum(piece), by: Some(id) };
            self.blocks.insert((unit, lba.wrapping_add(n as u64)), held);
        }
    }
    /// Command `id`, which wrote these blocks, has a good answer (or not: then
    /// nobody knows what they hold).
    pub fn answered(&mut self, unit: u32, lba: u64, blocks: u64, id: u64, good: bool) {
        if !good {
            return self.forget_of(unit, lba, blocks, Some(id));
        }
        for (_, held) in self.blocks.range_mut((unit, lba)..(unit, lba.saturating_add(blocks))) {
            if held.by == Some(id) {
                held.by = None;
            }
        }
    }
    /// These blocks hold something that was not followed.
    pub fn forget(&mut self, unit: u32, lba: u64, blocks: u64) {
        self.forget_of(unit, lba, blocks, None);
    }
    fn forget_of(&mut self, unit: u32, lba: u64, blocks: u64, by: Option<u64>) {
        let range = (unit, lba)..(unit, lba.saturating_add(blocks));
        let gone: Vec<_> = self
            .blocks
            .range(range)
            .filter(|(_, held)| by.is_none() || held.by == by)
            .map(|(k, _)| *k)
            .collect();
        for key in gone {
            self.blocks.remove(&key);
        }
    }
    /// The first block of `bytes`, read from block `lba` of `unit` on, that is
    /// not what was written and acknowledged.
    pub fn differs(&self, unit: u32, lba: u64, block: usize, bytes: &[u8]) -> Option<u64> {
        if self.blocks.is_empty() {
            return None;
        }
        let pieces = bytes.chunks_exact(block.max(1)).enumerate();
        pieces.map(|(n, piece)| (lba.wrapping_add(n as u64), piece)).find_map(|(at, piece)| {
            let held = self.blocks.get(&(unit, at)).filter(|h| h.by.is_none())?;
            (held.sum != sum(piece)).then_some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_blocks_are_compared_and_others_are_not() {
        let (a, b) = (vec![1u8; 1024], vec![2u8; 1024]);
        let mut s = Shadow::default();
        s.written(0, 10, 512, &a, 7);
        assert_eq!(s.differs(0, 10, 512, &b), None, "not answered yet");
        s.answered(0, 10, 2, 7, true);
        assert_eq!(s.differs(0, 10, 512, &a), None);
        assert_eq!(s.differs(0, 10, 512, &b), Some(10));
        assert_eq!(s.differs(0, 11, 512, &b), Some(11), "block 12 was never written");
        assert_eq!((s.differs(1, 10, 512, &b), s.differs(0, 12, 512, &b)), (None, None));
        s.written(0, 11, 512, &b[..512], 8);
        s.answered(0, 10, 2, 7, false);
        assert_eq!(s.differs(0, 10, 512, &b), Some(10), "an answer counts once");
        s.answered(0, 11, 1, 8, false);
        assert_eq!(s.differs(0, 11, 512, &a[..512]), None, "nobody knows what a failed write left");
        s.forget(0, 0, u64::MAX);
        assert_eq!(s, Shadow::default());
    }

    #[test]
    fn the_sum_finds_exchanged_words_and_single_bytes() {
        let one: Vec<u8> = (0..=255).collect();
        let mut other = one.clone();
        other.swap(3, 11);
        assert_ne!(sum(&one), sum(&other));
        other.swap(3, 11);
        other[255] ^= 0x80;
        assert_ne!(sum(&one), sum(&other));
    }
}
