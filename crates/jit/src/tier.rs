//! What is translated when, and where its code is.

use crate::Threshold;
use crate::asm::{Asm, displacement};
use crate::buffer::{Buffer, serialize};
use crate::emit::{self, Door, Op, Rows};
use crate::fpu::Fpu;
use crate::frame::{Exit, Frame};
use crate::stubs::Stubs;
use cpu::{CodeCache, Cpu, Env, Progress, Translator};
use fabric::Rng;
use std::collections::BTreeMap;
use std::mem::transmute;
use std::panic::resume_unwind;

/// Bytes of host code; when they are used up, everything is forgotten.
const CODE: usize = 32 << 20;
/// Words of a page of code.
const WORDS: usize = 1024;

/// What is known of a page of decoded instructions.
struct Page {
    /// The place of the block that begins at a word, or of `no_block`.
    entries: Box<[u32; WORDS]>,
    /// How many times control has to come to a word before it begins a block.
    heat: Box<[u8; WORDS]>,
    /// Blocks of single instructions, by word: how often one was missed, and its place.
    singles: BTreeMap<u16, (u8, Option<usize>)>,
    /// Ways from other pages, by word.
    doors: BTreeMap<u16, Door>,
}

/// With drawn delays one jump in so many is linked when it is taken, and before one block in so many everything is forgotten.
const LINKED: u64 = 4;
const FORGOTTEN: u64 = 4096;

/// [`Threshold`] with the generator it needs.
enum Heat {
    Times(u8),
    Drawn(Rng),
}

impl Heat {
    /// Sets how many times control has to come to each word.
    fn cool(&mut self, heat: &mut [u8]) {
        match self {
            Heat::Times(times) => heat.fill(*times),
            Heat::Drawn(rng) => heat.iter_mut().for_each(|h| *h = rng.below(40) as u8),
        }
    }
    /// How often a block of single instructions has to be missed.
    fn patience(&mut self) -> u8 {
        match self {
            Heat::Times(times) => (*times).min(6),
            Heat::Drawn(rng) => rng.below(3) as u8,
        }
    }
    /// Whether a jump that is taken leads straight to its block from now on, or waits for another time.
    fn links(&mut self) -> bool {
        match self {
            Heat::Times(_) => true,
            Heat::Drawn(rng) => rng.below(LINKED) == 0,
        }
    }
    /// Whether everything is forgotten before a block is made, as when there is no room.
    fn forgets(&mut self) -> bool {
        match self {
            Heat::Times(_) => false,
            Heat::Drawn(rng) => rng.below(FORGOTTEN) == 0,
        }
    }
}

/// The translator.
pub struct Tier {
    rows: Rows,
    buffer: Buffer,
    stubs: Stubs,
    pages: Vec<Page>,
    /// `entries` of all pages, for emitted code.
    tables: Vec<*const u32>,
    frame: Box<Frame>,
    threshold: Heat,
    asm: Asm,
    ops: Vec<Op>,
    /// Most bytes of a block.
    largest: usize,
    evictions: u64,
}

// SAFETY: the raw pointers lead into what this value owns (`tables` to the
// boxes of `pages`), or are set from borrowed values before every entry of
// emitted code and not used after it.
unsafe impl Send for Tier {}

/// Whether the processor has what emitted code uses beyond x86-64.
fn suitable() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt")
}
/// Whether it has what inline floating point and vectors use.
fn vectors() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2") && has!("fma")
}

impl Tier {
    pub fn new(threshold: Threshold) -> Option<Tier> {
        Tier::with_room(threshold, CODE, emit::LARGEST)
    }
    /// The same with `code` bytes of host code, of which a block takes `largest` at most.
    pub(crate) fn with_room(threshold: Threshold, code: usize, largest: usize) -> Option<Tier> {
        let mut buffer = if suitable() { Buffer::new(code)? } else { return None };
        let stubs = Stubs::emit(&mut buffer);
        let threshold = match threshold {
            Threshold::Drawn(seed) => Heat::Drawn(Rng::named(seed, "threshold")),
            Threshold::Times(times) => Heat::Times(times),
        };
        let rows = Rows::new(vectors());
        let mut frame = Box::new(Frame::new(Fpu::new(rows.looks())));
        frame.code = buffer.address(0);
        Some(Tier {
            rows,
            buffer,
            stubs,
            pages: vec![],
            tables: vec![],
            frame,
            threshold,
            asm: Asm::default(),
            ops: vec![],
            largest: largest.min(code - stubs.end),
            evictions: 0,
        })
    }

    /// Makes the tables reach to page `id`.
    fn reach(&mut self, id: u32) {
        while self.pages.len() <= id as usize {
            let mut heat = Box::new([0; WORDS]);
            self.threshold.cool(&mut heat[..]);
            let entries = Box::new([self.stubs.no_block as u32; WORDS]);
            let page = Page { entries, heat, singles: BTreeMap::new(), doors: BTreeMap::new() };
            self.tables.push(page.entries.as_ptr());
            self.pages.push(page);
        }
    }
    /// The place of the block at `cia`, which lies in page `id`, made if it is hot.
    fn block(&mut self, code: &CodeCache, env: &Env<'_>, id: u32, cia: u64) -> Option<usize> {
        self.reach(id);
        let word = (cia >> 2) as usize & (WORDS - 1);
        let page = &mut self.pages[id as usize];
        let place = page.entries[word] as usize;
        if place != self.stubs.no_block {
            return Some(place);
        }
        if page.heat[word] > 0 {
            page.heat[word] -= 1;
            return None;
        }
        let offset = (cia & 0xFFC) as u32;
        let place = self.translate(code, env, id, offset, emit::block)?;
        self.pages[id as usize].entries[word] = place as u32;
        Some(place)
    }
    /// The place of the block of single instructions at `cia`, for the rest of a
    /// budget, made if it was missed before.
    fn single(&mut self, code: &CodeCache, env: &Env<'_>, id: u32, cia: u64) -> Option<usize> {
        let offset = (cia & 0xFFC) as u32;
        let (missed, place) = self.pages[id as usize].singles.entry(offset as u16).or_default();
        if place.is_some() {
            return *place;
        }
        *missed += 1;
        if *missed <= self.threshold.patience() {
            return None;
        }
        let place = self.translate(code, env, id, offset, emit::singles)?;
        self.pages[id as usize].singles.insert(offset as u16, (0, Some(place)));
        Some(place)
    }

    /// The same, and the block that was too long leads there from now on.
    fn linked_single(&mut self, code: &CodeCache, env: &Env<'_>, id: u32, cia: u64) -> Option<usize> {
        let (site, evictions) = (self.frame.site as usize, self.evictions);
        let place = self.single(code, env, id, cia)?;
        if site != 0 && evictions == self.evictions && self.threshold.links() {
            self.link(site, place);
        }
        Some(place)
    }

    fn translate(
        &mut self,
        code: &CodeCache,
        env: &Env<'_>,
        id: u32,
        offset: u32,
        block: emit::Translate,
    ) -> Option<usize> {
        self.rows.scan(offset, |at| code.word(env.mem, id, at), &mut self.ops);
        if self.ops.is_empty() {
            return None;
        }
        if self.buffer.free() < self.largest || self.threshold.forgets() {
            self.evict();
        }
        let place = self.buffer.used();
        let entries = &self.pages[id as usize].entries;
        let view_shift = self.frame.view_shift;
        loop {
            self.asm.restart(place);
            block(&self.rows, &mut self.asm, &self.stubs, view_shift, (id, &entries[..]), &self.ops);
            if self.asm.bytes().len() <= self.largest || self.ops.len() == 1 {
                break;
            }
            // The guest chose instructions that take unusually much: half of them, then.
            self.ops.truncate(self.ops.len() / 2);
        }
        self.buffer.append(self.asm.bytes());
        serialize();
        Some(place)
    }

    /// Forgets all blocks.
    fn evict(&mut self) {
        self.buffer.truncate(self.stubs.end);
        self.evictions += 1;
        let none = self.stubs.no_block as u32;
        for page in &mut self.pages {
            page.entries.fill(none);
            page.singles.clear();
            page.doors.clear();
            // What was hot once is made again at once, unless delays are drawn: then there is another for each life of a block.
            if matches!(self.threshold, Heat::Drawn(_)) {
                self.threshold.cool(&mut page.heat[..]);
            }
        }
    }

    /// From the first use of a page of 4 KiB on emitted code probes views of
    /// such pages, those of all CPUs. True if all blocks were forgotten.
    fn follow_page_size(&mut self, cpu: &mut Cpu) -> bool {
        let smaller = cpu.micro.data_shift() < self.frame.view_shift;
        if smaller {
            self.frame.view_shift = cpu.micro.data_shift();
            self.evict();
        }
        cpu.micro.narrow(self.frame.view_shift);
        smaller
    }

    /// The way from other pages to the block at `place`, which begins at
    /// `cia` in page `id`; `None` if there is no room for one.
    fn door(&mut self, id: u32, cia: u64, place: usize) -> Option<usize> {
        let offset = (cia & 0xFFC) as u32;
        let page = &mut self.pages[id as usize];
        if let Some(door) = page.doors.get(&(offset as u16)) {
            return Some(door.place);
        }
        if self.buffer.free() < emit::DOOR {
            return None;
        }
        self.asm.restart(self.buffer.used());
        let door = Door::emit(&mut self.asm, &self.stubs, id, page.entries.as_ptr(), offset, place);
        self.buffer.append(self.asm.bytes());
        page.doors.insert(offset as u16, door);
        Some(door.place)
    }
    /// The jump at `site` leads to the block at `place` from now on.
    fn link(&mut self, site: usize, place: usize) {
        self.buffer.patch(site, displacement(site, place));
        serialize();
    }

    /// Executes emitted code from `place` on, which is that for `cpu.cia` in
    /// page `id`.
    fn enter(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, id: u32, place: usize) -> Exit {
        let frame = &mut *self.frame;
        frame.load(cpu, env, id);
        frame.entries = self.tables[id as usize];
        frame.tables = self.tables.as_ptr();
        type Enter = extern "C" fn(*mut Frame, *const u8);
        // SAFETY: `stubs.enter` is the place of a function of this type.
        let enter = unsafe { transmute::<*const u8, Enter>(self.buffer.address(self.stubs.enter)) };
        enter(frame, self.buffer.address(place));
        frame.store_cr(cpu);
        frame.fpu.unload(cpu, env);
        match frame.exit {
            x if x == Exit::Look as u32 => Exit::Look,
            x if x == Exit::NoBlock as u32 => Exit::NoBlock,
            x if x == Exit::TooLong as u32 => Exit::TooLong,
            x if x == Exit::Branched as u32 => Exit::Branched,
            x if x == Exit::Trap as u32 => Exit::Trap,
            x if x == Exit::Far as u32 => Exit::Far,
            _ => Exit::Panic,
        }
    }
}

impl Translator for Tier {
    fn execute(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, code: &CodeCache, page: u32) -> Progress {
        let (mut id, mut site, mut far, mut single) = (page, 0, false, None);
        loop {
            // The run loop may want to look after the next instruction.
            if self.follow_page_size(cpu) {
                (site, single) = (0, None);
            }
            if cpu.retired >= cpu.micro.stop_at() {
                return Progress::Interpret { page: id, whole: true };
            }
            let evictions = self.evictions;
            let Some(place) = single.take().or_else(|| self.block(code, env, id, cpu.cia)) else {
                return Progress::Interpret { page: id, whole: false };
            };
            // After an eviction the jump is gone.
            if site != 0 && evictions == self.evictions && self.threshold.links() {
                let to = if far { self.door(id, cpu.cia, place) } else { Some(place) };
                to.into_iter().for_each(|to| self.link(site, to));
            }
            let exit = self.enter(cpu, env, id, place);
            if exit == Exit::Panic {
                resume_unwind(self.frame.panic.take().expect("the exit says so"));
            }
            if exit == Exit::Trap {
                return Progress::Trap(self.frame.trap);
            }
            if exit == Exit::Look || cpu.retired >= cpu.micro.stop_at() {
                return Progress::Look;
            }
            id = self.frame.page;
            (site, far) = (0, exit == Exit::Far);
            match exit {
                Exit::TooLong => {
                    single = self.linked_single(code, env, id, cpu.cia);
                    if single.is_none() {
                        return Progress::Interpret { page: id, whole: true };
                    }
                }
                Exit::NoBlock => site = self.frame.site as usize,
                _ => {
                    if far {
                        site = self.frame.site as usize;
                    }
                    // A function branched, or a jump leads away: to another page through the view, as everywhere.
                    if (cpu.cia ^ self.frame.page_ea) & !0xFFF != 0 {
                        match cpu.micro.code_page(cpu.cia) {
                            Some(page) => id = page,
                            None => return Progress::Look,
                        }
                    }
                }
            }
        }
    }

    fn forget(&mut self, page: u32) {
        if let Some(page) = self.pages.get_mut(page as usize) {
            page.entries.fill(self.stubs.no_block as u32);
            page.singles.clear();
            let doors = std::mem::take(&mut page.doors);
            doors.values().for_each(|door| self.buffer.patch(door.key, Door::CLOSED));
            if !doors.is_empty() {
                serialize();
            }
            self.threshold.cool(&mut page.heat[..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delays of a place's life: until there is code, until jumps lead there, until it is gone.
    #[test]
    fn all_delays_are_drawn_and_none_is_without() {
        let (mut drawn, mut set) = (Heat::Drawn(Rng::named(1, "threshold")), Heat::Times(0));
        let count = |asked: u64, what: &mut dyn FnMut() -> bool| (0..asked).filter(|_| what()).count() as u64;
        for (of, what) in [(LINKED, Heat::links as fn(&mut Heat) -> bool), (FORGOTTEN, Heat::forgets)] {
            let found = count(1000 * of, &mut || what(&mut drawn));
            assert!((800..1200).contains(&found), "{found} of 1000 expected");
        }
        assert_eq!(count(1000, &mut || set.links()), 1000);
        assert_eq!(count(100_000, &mut || set.forgets()), 0);
    }

    #[test]
    fn an_eviction_draws_anew() {
        for (threshold, anew) in [(Threshold::Drawn(7), true), (Threshold::Times(7), false)] {
            let mut tier = Tier::new(threshold).expect("this host has a translator");
            tier.reach(1);
            tier.pages[1].heat[5] = 0;
            let before = tier.pages[1].heat.clone();
            tier.evict();
            assert_eq!(tier.pages[1].heat != before, anew, "{threshold:?}");
        }
    }
}
