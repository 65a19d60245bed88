//! The drive behind a unit: how long its dies need, what its cache holds, how
//! it ages. Data are not its business, but for those the cache may lose.
//!
//! `Deviates:` there is no map from blocks to pages. A read finds its page on
//! the die its address gives, programs go to the dies in turn; how full the
//! medium is decides the write amplification.

use super::cache::{Image, WriteCache};
use super::profile::Profile;
use fabric::{Rng, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Size of the areas that reads and fill are counted for.
const AREA: u64 = 4 << 20;
/// Most blocks that can be bad at a time.
const MOST_BAD: usize = 4096;
/// Largest write amplification, in thousandths.
const MOST_AMPLIFICATION: u64 = 20_000;

/// One die.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Die {
    /// Nothing can begin before.
    busy: u64,
    /// All its work is done.
    free: u64,
    /// Pages programmed since the last erase.
    filled: u32,
}

/// One channel: work it still has to do, as of a time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Channel {
    backlog: u64,
    at: u64,
}

/// A drive. Times are in nanoseconds of virtual time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drive {
    rng: Rng,
    dies: Vec<Die>,
    channels: Vec<Channel>,
    /// Blocks that would be lost with the power.
    pub cache: WriteCache,
    /// Reads of each area that holds data, since it was programmed.
    areas: BTreeMap<u64, u32>,
    /// The die of the next program.
    turn: u64,
    /// Bytes programmed, those of garbage collection too.
    programmed: u64,
    /// Bytes of its life that were over before power on.
    aged: u64,
    /// Blocks that cannot be read until they are written.
    bad: BTreeSet<u64>,
    /// Not ready before.
    ready_at: u64,
    /// Does nothing before.
    stuck_until: u64,
    /// Size of the unit.
    size: u64,
    /// Size of a block.
    block: u64,
    /// Areas rewritten because they were read too often.
    refreshed: u64,
}

impl Drive {
    /// A drive of `size` bytes in blocks of `block` that has used `worn` percent of its life.
    pub fn new(profile: &Profile, size: u64, block: u64, worn: u32, rng: Rng) -> Drive {
        let chips = profile.chips;
        let dies = u64::from(chips.channels.clamp(1, 64)) * u64::from(chips.dies.min(64));
        let mut drive = Drive {
            rng,
            dies: vec![Die::default(); dies as usize],
            channels: vec![Channel::default(); chips.channels.clamp(1, 64) as usize],
            cache: WriteCache::default(),
            areas: BTreeMap::new(),
            turn: 0,
            programmed: 0,
            aged: 0,
            bad: BTreeSet::new(),
            ready_at: 0,
            stuck_until: 0,
            size,
            block,
            refreshed: 0,
        };
        drive.age_to(profile, worn);
        drive
    }
    /// Draws differently from here on.
    pub fn reseed(&mut self, seed: u64) {
        self.rng.branch(seed);
    }
    /// Bytes that can be programmed during its rated life, at least 1.
    fn life(&self, p: &Profile) -> u128 {
        (u128::from(self.raw(p)) * u128::from(p.wear.cycles)).max(1)
    }
    fn raw(&self, p: &Profile) -> u64 {
        self.size.saturating_add((u128::from(self.size) * u128::from(p.chips.spare) / 1_000) as u64)
    }
    /// Percentage used of its rated life; may exceed 100.
    pub fn used(&self, p: &Profile) -> u32 {
        let written = u128::from(self.programmed) + u128::from(self.aged);
        u32::try_from(written * 100 / self.life(p)).unwrap_or(u32::MAX)
    }
    /// Makes it as old as if `percent` of its life were used.
    pub fn age_to(&mut self, p: &Profile, percent: u32) {
        let target = self.life(p) * u128::from(percent) / 100 + u128::from(percent > 0);
        self.aged = u64::try_from(target).unwrap_or(u64::MAX).saturating_sub(self.programmed);
    }
    /// The unit has another size now.
    pub fn resize(&mut self, size: u64) {
        self.size = size;
    }
    /// It refuses writes because it is worn.
    pub fn is_worn_out(&self, p: &Profile) -> bool {
        p.wear.read_only != 0 && self.used(p) >= p.wear.read_only
    }
    /// True once it answers after the power came.
    pub fn is_ready(&self, now: Ticks) -> bool {
        now.0 >= self.ready_at
    }
    /// Areas rewritten because they were read too often.
    pub fn refreshed(&self) -> u64 {
        self.refreshed
    }

    /// Write amplification in thousandths, as the share of free memory makes
    /// it: (1 + r) / 2r, r being free over used memory (Agarwal and Marrow,
    /// "A closed-form expression for write amplification in NAND flash",
    /// IEEE Globecom Workshops 2010).
    pub fn amplification(&self, p: &Profile) -> u64 {
        let raw = self.raw(p);
        let used = (self.areas.len() as u64).saturating_mul(AREA).min(self.size);
        let free = raw.saturating_sub(used).max(1);
        let a = u128::from(raw) * 1_000 / (2 * u128::from(free));
        (a as u64).clamp(1_000, MOST_AMPLIFICATION)
    }

    /// When `len` bytes at `offset` have been read from the medium or, if
    /// they are there and `medium` is not asked for, from the cache.
    pub fn read(&mut self, p: &Profile, now: Ticks, offset: u64, len: u64, medium: bool) -> Ticks {
        self.settle(p, now.0);
        let now = Ticks(self.begin(now));
        if !medium && !self.cache.is_empty() && self.cache.holds(offset / self.block) {
            return Ticks(now.0 + p.cache.accept.draw(&mut self.rng));
        }
        let mut done = now.0 + 1;
        let (mut at, end) = (offset, offset + len.max(1));
        while at < end {
            let page = at / p.chips.page;
            let next = ((page + 1) * p.chips.page).min(end);
            done = done.max(self.read_page(p, now.0, page, next - at));
            at = next;
        }
        self.disturb(p, now.0, offset);
        Ticks(done)
    }
    fn read_page(&mut self, p: &Profile, now: u64, page: u64, len: u64) -> u64 {
        let time = p.read.draw(&mut self.rng);
        let count = self.dies.len() as u64;
        let transfer = p.chips.transfer * len.div_ceil(4096);
        let Some(die) = page.checked_rem(count).and_then(|n| self.dies.get_mut(n as usize)) else {
            return now + time + transfer;
        };
        let end = if p.chips.suspend == 0 || die.free <= now.max(die.busy) {
            let end = now.max(die.free) + time;
            die.free = end;
            end
        } else {
            let end = now.max(die.busy) + p.chips.suspend + time;
            die.free += p.chips.suspend + time;
            end
        };
        die.busy = end;
        let channels = self.channels.len() as u64;
        let channel = &mut self.channels[(page % count % channels) as usize];
        channel.backlog = channel.backlog.saturating_sub(now.saturating_sub(channel.at));
        channel.at = channel.at.max(now);
        let waits = channel.backlog;
        channel.backlog += transfer;
        end + waits + transfer
    }
    /// Counts a read of an area; too many, and it is rewritten.
    fn disturb(&mut self, p: &Profile, now: u64, offset: u64) {
        let Some(reads) = self.areas.get_mut(&(offset / AREA)) else { return };
        *reads = reads.saturating_add(1);
        if p.wear.disturb != 0 && *reads >= p.wear.disturb {
            *reads = 0;
            self.refreshed += 1;
            self.programmed = self.programmed.saturating_add(AREA);
            let pause = p.collect.draw(&mut self.rng);
            self.pause(now, offset / p.chips.page, pause);
        }
    }
    fn pause(&mut self, now: u64, page: u64, time: u64) {
        let count = self.dies.len() as u64;
        if let Some(die) = page.checked_rem(count).and_then(|n| self.dies.get_mut(n as usize)) {
            die.free = die.free.max(now) + time;
            die.busy = die.free;
        }
    }
    /// It does nothing until `until`.
    pub fn stick(&mut self, until: Ticks) {
        self.stuck_until = self.stuck_until.max(until.0);
    }
    fn begin(&self, now: Ticks) -> u64 {
        now.0.max(self.stuck_until)
    }

    /// Blocks `blocks` are about to be overwritten; `before` gives what one
    /// of them holds now. To be followed by [`Drive::written`].
    pub fn write(
        &mut self,
        p: &Profile,
        now: Ticks,
        blocks: Range<u64>,
        before: &mut dyn FnMut(u64) -> Image,
    ) {
        self.settle(p, now.0);
        for at in blocks {
            self.cache.put(at, || before(at), now.0 + p.cache.linger);
            self.areas.insert(at * self.block / AREA, 0);
            if !self.bad.is_empty() {
                self.bad.remove(&at);
            }
        }
    }
    /// When the write of `blocks` may be acknowledged; `through` if it has to
    /// be on the medium by then.
    pub fn written(&mut self, p: &Profile, now: Ticks, blocks: Range<u64>, through: bool) -> Ticks {
        let mut at = self.begin(now) + p.cache.accept.draw(&mut self.rng);
        let most = (p.cache.size / self.block).max(1) as usize;
        if through {
            at = at.max(self.flush(p, now).0);
        } else if self.cache.len() > most {
            at = at.max(self.with_cache(p, |cache, program| cache.room_at(most, now.0, program)));
        }
        self.cache.acknowledge(blocks, at);
        Ticks(at)
    }
    /// When a change that needs no data, such as an unmap, is acknowledged.
    pub fn accept(&mut self, p: &Profile, now: Ticks) -> Ticks {
        Ticks(self.begin(now) + p.cache.accept.draw(&mut self.rng))
    }
    /// Empties the cache; when that is done.
    pub fn flush(&mut self, p: &Profile, now: Ticks) -> Ticks {
        self.settle(p, now.0);
        let begin = self.begin(now);
        Ticks(self.with_cache(p, |cache, program| cache.flush(begin, program)))
    }
    /// Blocks were unmapped, or written past the cache.
    pub fn discard(&mut self, blocks: Range<u64>, unmapped: bool) {
        let block = self.block;
        self.cache.forget(blocks.clone());
        if unmapped {
            let (first, end) = ((blocks.start * block).div_ceil(AREA), blocks.end * block / AREA);
            self.areas.retain(|area, _| !(first..end).contains(area));
        } else {
            let areas = blocks.start * block / AREA..(blocks.end * block).div_ceil(AREA);
            self.areas.extend(areas.map(|area| (area, 0)));
        }
        self.bad.retain(|bad| !blocks.contains(bad));
    }
    fn settle(&mut self, p: &Profile, now: u64) {
        if !self.cache.is_empty() {
            self.with_cache(p, |cache, program| cache.settle(now, program));
        }
    }
    /// Lends the cache the dies, to program pages.
    fn with_cache<T>(
        &mut self,
        p: &Profile,
        act: impl FnOnce(&mut WriteCache, &mut dyn FnMut(u64, u64) -> u64) -> T,
    ) -> T {
        let mut cache = std::mem::take(&mut self.cache);
        // Blocks of one page that leave together are programmed together.
        let (mut page, mut done, mut left) = (None, 0, 0);
        let per_page = (p.chips.page / self.block).max(1);
        let mut program = |due: u64, block: u64| {
            if page == Some(block / per_page) && left > 0 {
                left -= 1;
            } else {
                (page, done, left) = (Some(block / per_page), self.program(p, due), per_page - 1);
            }
            done
        };
        let result = act(&mut cache, &mut program);
        self.cache = cache;
        result
    }
    /// Programs a page on the next die; when it is done.
    fn program(&mut self, p: &Profile, due: u64) -> u64 {
        let amplification = self.amplification(p);
        let cost = u128::from(p.chips.page) * u128::from(amplification) / 1_000;
        self.programmed = self.programmed.saturating_add(cost as u64);
        let time = p.program.draw(&mut self.rng) + p.chips.transfer * (p.chips.page / 4096);
        let count = self.dies.len() as u64;
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        let Some(die) = turn.checked_rem(count).and_then(|n| self.dies.get_mut(n as usize)) else {
            return due + time;
        };
        die.free = die.free.max(due) + time;
        let done = die.free;
        die.filled += 1;
        if die.filled >= p.chips.pages_per_block {
            // A block is full: another is made free, its live pages moved first.
            die.filled = 0;
            let extra = u128::from(p.collect.draw(&mut self.rng)) * u128::from(amplification - 1_000) / 1_000;
            die.free += p.erase.draw(&mut self.rng) + extra as u64;
            die.busy = die.free;
        }
        done
    }

    /// The first block of `blocks` that cannot be read.
    pub fn bad_block(&mut self, p: &Profile, blocks: Range<u64>) -> Option<u64> {
        if p.wear.errors != 0 {
            let over = u64::from(self.used(p).saturating_sub(100));
            if over != 0 && self.rng.below(1_000_000_000) < over * u64::from(p.wear.errors) {
                self.spoil(blocks.start);
            }
        }
        if self.bad.is_empty() { None } else { self.bad.range(blocks).next().copied() }
    }
    /// A block cannot be read from now on, until it is written.
    pub fn spoil(&mut self, block: u64) {
        if self.bad.len() < MOST_BAD {
            self.bad.insert(block);
        }
    }
    /// The power fails and comes back: what the blocks go back to that lost
    /// something. The drive is not ready for a while.
    pub fn power_loss(&mut self, p: &Profile, now: Ticks) -> Vec<(u64, Image)> {
        self.settle(p, now.0);
        let back = self.cache.lose(now.0, p.cache.volatile, &mut self.rng);
        self.dies.iter_mut().for_each(|d| (d.busy, d.free) = (0, 0));
        self.channels.iter_mut().for_each(|c| *c = Channel::default());
        self.ready_at = now.0 + p.start;
        self.stuck_until = 0;
        back
    }
}

#[cfg(test)]
mod tests;
