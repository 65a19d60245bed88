//! Decoded instructions, cached by physical page of 4 KiB and shared by all
//! threads of a machine. Not state: a page whose bytes change is decoded
//! again, see `fabric::memory`.

use crate::env::Env;
use crate::exec::{self, Handler, Step};
use crate::interrupt::Trap;
use crate::state::Cpu;
use crate::translator::{Progress, Translator};
use fabric::GuestMemory;
use isa::Word;
use std::cell::Cell;
use std::collections::BTreeSet;

const OPS: usize = 1024;

/// A decoded instruction.
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub run: Handler,
    pub word: u32,
}

/// A page of decoded little-endian instructions.
pub(crate) struct Page {
    ra: u64,
    ops: Box<[Cell<Op>; OPS]>,
}

fn undecoded(_: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    Err(Trap::Undecoded)
}

fn watched(_: &mut Cpu, _: &mut Env<'_>, _: Word) -> Step {
    Err(Trap::Watched)
}

const UNDECODED: Op = Op { run: undecoded, word: 0 };

impl Page {
    fn new(ra: u64) -> Page {
        Page { ra, ops: Box::new([const { Cell::new(UNDECODED) }; OPS]) }
    }
    #[inline(always)]
    pub fn op(&self, cia: u64) -> Op {
        self.ops[(cia >> 2) as usize & (OPS - 1)].get()
    }
}

/// All decoded pages and the watched places.
#[derive(Default)]
pub struct CodeCache {
    pages: Vec<Page>,
    /// By page number: index into `pages` plus one.
    index: Vec<u32>,
    watches: BTreeSet<u64>,
    translator: Option<Box<dyn Translator>>,
}

impl CodeCache {
    /// An empty cache.
    pub fn new() -> CodeCache {
        CodeCache::default()
    }
    /// From here on hot code is executed by `translator`; by the interpreter
    /// alone if there is none.
    pub fn set_translator(&mut self, translator: Option<Box<dyn Translator>>) {
        self.translator = translator;
    }
    /// The translator goes on from `cpu.cia`, which lies in decoded page `id`;
    /// `None` if there is no translator.
    #[inline]
    pub(crate) fn translated(&mut self, cpu: &mut Cpu, env: &mut Env<'_>, id: u32) -> Option<Progress> {
        let mut translator = self.translator.take()?;
        let progress = translator.execute(cpu, env, self, id);
        self.translator = Some(translator);
        Some(progress)
    }
    /// The instruction word at `offset` of page `id`, unless it is watched.
    pub fn word(&self, mem: &GuestMemory, id: u32, offset: u32) -> Option<Word> {
        let ra = self.page(id).ra | u64::from(offset & 0xFFC);
        let word = mem.read::<4>(ra).map(u32::from_le_bytes)?;
        (!self.watches.contains(&ra)).then_some(Word(word))
    }
    /// The machine wants to see the execution of the instruction at `ra`.
    pub fn watch(&mut self, ra: u64) {
        self.watches.insert(ra);
        self.forget(ra);
    }
    /// No longer.
    pub fn unwatch(&mut self, ra: u64) {
        self.watches.remove(&ra);
        self.forget(ra);
    }
    /// Nothing is watched any longer.
    pub fn unwatch_all(&mut self) {
        for ra in std::mem::take(&mut self.watches) {
            self.forget(ra);
        }
    }
    fn forget(&mut self, ra: u64) {
        let number = self.index.get((ra >> 12) as usize).copied().unwrap_or(0);
        if let Some(id) = number.checked_sub(1) {
            self.page(id).ops[(ra >> 2) as usize & (OPS - 1)].set(UNDECODED);
            self.drop_translations(id);
        }
    }
    fn drop_translations(&mut self, id: u32) {
        if let Some(translator) = &mut self.translator {
            translator.forget(id);
        }
    }
    #[inline(always)]
    pub(crate) fn page(&self, id: u32) -> &Page {
        &self.pages[id as usize]
    }
    /// Index of the decoded page that holds `ra`, which is in memory.
    pub(crate) fn open(&mut self, mem: &GuestMemory, ra: u64) -> u32 {
        let number = (ra >> 12) as usize;
        if number >= self.index.len() {
            self.index.resize(number + 1, 0);
        }
        if self.index[number] == 0 {
            self.pages.push(Page::new(ra & !0xFFF));
            self.index[number] = self.pages.len() as u32;
        } else if !mem.is_code(ra) {
            let page = &self.pages[self.index[number] as usize - 1];
            page.ops.iter().for_each(|op| op.set(UNDECODED));
            self.drop_translations(self.index[number] - 1);
        }
        mem.mark_code(ra);
        self.index[number] - 1
    }
    /// Decodes the instruction at `cia` of a page.
    pub(crate) fn decode(&self, mem: &GuestMemory, page: &Page, cia: u64) {
        let ra = page.ra | cia & 0xFFC;
        let word = mem.read::<4>(ra).map_or(0, u32::from_le_bytes);
        let run = if self.watches.contains(&ra) { watched } else { exec::handler_of(Word(word)) };
        page.ops[(cia >> 2) as usize & (OPS - 1)].set(Op { run, word });
    }
}
