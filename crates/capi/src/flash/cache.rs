//! What a drive's cache holds that the medium does not: for each block not
//! yet programmed, what the medium still has. The newest data are already in
//! the unit's store; when the power fails, blocks go back to what they were.

use fabric::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Content of one block; empty stands for zeros.
#[derive(Clone, PartialEq, Eq)]
pub struct Image(Box<[u8]>);

/// Largest block.
const MOST: usize = 4096;

impl Image {
    /// Keeps `block`.
    pub fn of(block: &[u8]) -> Image {
        Image(if block.iter().all(|b| *b == 0) { Box::default() } else { block.into() })
    }
    /// The block.
    pub fn bytes(&self, size: usize) -> Vec<u8> {
        if self.0.is_empty() { vec![0; size] } else { self.0.to_vec() }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} bytes)", self.0.len())
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Image, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Image;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST} bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<Image, E> {
                if v.len() > MOST {
                    return Err(E::invalid_length(v.len(), &self));
                }
                Ok(Image(v.into()))
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

/// A block and which write to it.
type Write = (u64, u64);

/// A write that the medium has not got yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    before: Image,
    /// When the host heard that it is done.
    acknowledged: u64,
    /// When it leaves the cache for the medium, or when it has arrived there.
    at: u64,
    programming: bool,
}

/// Blocks not yet on the medium. Times are in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WriteCache {
    writes: BTreeMap<Write, Kept>,
    /// Writes that wait, by when they leave.
    waiting: BTreeSet<(u64, Write)>,
    /// Writes on their way, by when they arrive.
    leaving: BTreeSet<(u64, Write)>,
    next: u64,
}

impl WriteCache {
    /// Blocks in it.
    pub fn len(&self) -> usize {
        self.writes.len()
    }
    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
    /// True if it holds `block`.
    pub fn holds(&self, block: u64) -> bool {
        self.writes.range((block, 0)..=(block, u64::MAX)).next().is_some()
    }
    /// What the medium has of `block`, if the cache has something newer.
    pub fn on_medium(&self, block: u64) -> Option<&Image> {
        self.writes.range((block, 0)..=(block, u64::MAX)).next().map(|(_, kept)| &kept.before)
    }
    /// A block is about to be overwritten; it leaves for the medium at `due`.
    /// A write that still waits is overwritten in place.
    pub fn put(&mut self, block: u64, before: impl FnOnce() -> Image, due: u64) {
        let last = self.writes.range_mut((block, 0)..=(block, u64::MAX)).next_back();
        let write = match last {
            Some((write, kept)) if !kept.programming => {
                self.waiting.remove(&(kept.at, *write));
                (kept.at, kept.acknowledged) = (due, u64::MAX);
                *write
            }
            _ => {
                self.next += 1;
                let write = (block, self.next);
                let kept = Kept { before: before(), acknowledged: u64::MAX, at: due, programming: false };
                self.writes.insert(write, kept);
                write
            }
        };
        self.waiting.insert((due, write));
    }
    /// The host hears at `at` that the newest writes of these blocks are done.
    pub fn acknowledge(&mut self, blocks: std::ops::Range<u64>, at: u64) {
        for (_, kept) in self.writes.range_mut((blocks.start, 0)..(blocks.end, 0)) {
            if kept.acknowledged == u64::MAX {
                kept.acknowledged = at;
            }
        }
    }
    fn leave(&mut self, due: u64, write: Write, program: &mut dyn FnMut(u64, u64) -> u64) {
        let done = program(due, write.0);
        if let Some(kept) = self.writes.get_mut(&write) {
            (kept.at, kept.programming) = (done, true);
            self.leaving.insert((done, write));
        }
    }
    /// What should have happened until `now` happens: `program(due, block)`
    /// says when a block that leaves at `due` is on the medium.
    pub fn settle(&mut self, now: u64, program: &mut dyn FnMut(u64, u64) -> u64) {
        while let Some(&(due, write)) = self.waiting.first().filter(|(due, _)| *due <= now) {
            self.waiting.pop_first();
            self.leave(due, write, program);
        }
        while let Some(&(_, write)) = self.leaving.first().filter(|(at, _)| *at <= now) {
            self.leaving.pop_first();
            self.writes.remove(&write);
            // An older write to the block cannot come after this one.
            let older: Vec<Write> = self.writes.range((write.0, 0)..write).map(|(w, _)| *w).collect();
            older.into_iter().for_each(|w| self.remove(w));
        }
    }
    /// Everything leaves now; when the last of it has arrived.
    pub fn flush(&mut self, now: u64, program: &mut dyn FnMut(u64, u64) -> u64) -> u64 {
        while let Some((due, write)) = self.waiting.pop_first() {
            self.leave(due.min(now), write, program);
        }
        self.leaving.last().map_or(now, |(at, _)| (*at).max(now))
    }
    /// When no more than `most` blocks are left, if no more come.
    pub fn room_at(&mut self, most: usize, now: u64, program: &mut dyn FnMut(u64, u64) -> u64) -> u64 {
        let Some(over) = self.writes.len().checked_sub(most).filter(|n| *n > 0) else { return now };
        while self.leaving.len() < over {
            let Some((due, write)) = self.waiting.pop_first() else { break };
            self.leave(due.min(now), write, program);
        }
        self.leaving.iter().nth(over - 1).map_or(now, |(at, _)| (*at).max(now))
    }
    fn remove(&mut self, write: Write) {
        if let Some(kept) = self.writes.remove(&write) {
            let set = if kept.programming { &mut self.leaving } else { &mut self.waiting };
            set.remove(&(kept.at, write));
        }
    }
    /// The medium itself has something newer for these blocks.
    pub fn forget(&mut self, blocks: std::ops::Range<u64>) {
        let gone: Vec<Write> =
            self.writes.range((blocks.start, 0)..(blocks.end, 0)).map(|(w, _)| *w).collect();
        gone.into_iter().for_each(|w| self.remove(w));
    }
    /// The power fails: what each block that lost something goes back to.
    /// Each block keeps its newest data or loses its last writes, by chance;
    /// with capacitors it loses at most what was not acknowledged by `now`.
    pub fn lose(&mut self, now: u64, volatile: bool, rng: &mut Rng) -> Vec<(u64, Image)> {
        let writes = std::mem::take(&mut self.writes);
        self.waiting.clear();
        self.leaving.clear();
        let mut blocks: BTreeMap<u64, Vec<Kept>> = BTreeMap::new();
        for ((block, _), kept) in writes {
            let at_risk = volatile || kept.acknowledged > now;
            let versions = blocks.entry(block).or_default();
            if at_risk {
                versions.push(kept);
            } else {
                versions.clear(); // what came before it is over too
            }
        }
        let mut back = Vec::new();
        for (block, mut versions) in blocks {
            let survive = rng.below(versions.len() as u64 + 1) as usize;
            if survive < versions.len() {
                back.push((block, versions.swap_remove(survive).before));
            }
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A medium that needs 100 for each block.
    fn program(due: u64, _: u64) -> u64 {
        due + 100
    }
    fn image(byte: u8) -> Image {
        Image::of(&[byte; 512])
    }

    #[test]
    fn what_was_programmed_cannot_be_lost() {
        let mut rng = Rng::named(1, "loss");
        for (power_fails_at, at_risk) in [(10, 1), (1_099, 1), (1_100, 0)] {
            let mut c = WriteCache::default();
            c.put(7, || image(1), 1_000);
            c.acknowledge(7..8, 5);
            c.settle(power_fails_at, &mut program);
            assert_eq!(c.len(), at_risk, "{power_fails_at}");
            let lost: usize = (0..200).map(|_| c.clone().lose(power_fails_at, true, &mut rng).len()).sum();
            assert_eq!(lost > 0, at_risk > 0);
            assert!(lost < 200, "it may survive too");
            assert!(
                c.lose(power_fails_at, false, &mut rng).is_empty(),
                "capacitors keep what was acknowledged"
            );
        }
    }

    #[test]
    fn a_flush_protects_the_write_it_found_and_not_the_next() {
        let mut rng = Rng::named(1, "versions");
        let mut c = WriteCache::default();
        c.put(7, || image(1), 1_000);
        let done = c.flush(10, &mut program);
        assert_eq!(done, 110);
        c.settle(50, &mut program);
        c.put(7, || image(2), 2_000); // while the flush is on its way
        c.settle(done, &mut program);
        for _ in 0..50 {
            for (_, back) in c.clone().lose(done, true, &mut rng) {
                assert_eq!(back, image(2), "the flushed version, not the one before");
            }
        }
    }

    #[test]
    fn overwriting_what_waits_keeps_what_the_medium_has() {
        let mut rng = Rng::named(1, "overwrite");
        let mut c = WriteCache::default();
        c.put(7, || image(1), 1_000);
        c.put(7, || panic!("nothing new to keep"), 1_500);
        assert_eq!(c.len(), 1);
        c.settle(1_400, &mut program);
        let back = (0..50).find_map(|_| c.clone().lose(1_400, true, &mut rng).pop());
        assert_eq!(back, Some((7, image(1))));
        c.forget(0..8);
        assert!(c.is_empty() && c.waiting.is_empty());
    }

    #[test]
    fn a_full_cache_makes_room() {
        let mut c = WriteCache::default();
        for block in 0..8 {
            c.put(block, || image(0), 1_000_000);
        }
        assert_eq!(c.room_at(8, 50, &mut program), 50);
        assert_eq!(c.room_at(6, 50, &mut program), 150);
        assert_eq!((c.waiting.len(), c.leaving.len()), (6, 2));
        c.settle(150, &mut program);
        assert_eq!(c.len(), 6);
    }

    #[test]
    fn its_saved_form_is_itself() {
        let mut c = WriteCache::default();
        c.put(1, || image(9), 5);
        c.put(2, || image(0), 5);
        let bytes = postcard::to_stdvec(&c).expect("serializes");
        let again: WriteCache = postcard::from_bytes(&bytes).expect("its own bytes");
        assert_eq!(postcard::to_stdvec(&again).expect("serializes"), bytes);
    }
}
