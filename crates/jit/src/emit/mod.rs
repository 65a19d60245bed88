//! From guest instructions to host code: one pass over a block.
//!
//! Guest registers that a block uses are kept in host registers, and every
//! result is stored to the CPU at once. So the CPU is exact wherever a block
//! can be left, and a host register can be given up at no cost.

mod atomic;
mod branch;
mod carry;
mod condition;
mod fixed;
mod float;
mod lanes;
mod ldst;
mod regs;
mod rotate;
mod scalar;
mod system;
mod vector;
mod vldst;

use crate::asm::{Alu, Asm, Cond, Hole, Reg, Size, at};
use crate::fpu::{Looks, Slots, looks};
use crate::frame::{field, place};
use crate::stubs::{Stubs, cpu, frame};
use cpu::msr;
use isa::{OpId, Word};
use regs::Regs;

/// Most instructions of a block.
pub const LONGEST: usize = 64;
/// Most bytes of host code that a block of them takes, generously.
pub const LARGEST: usize = 64 << 10;

/// Emits one instruction; false, with nothing emitted, if this form of it has
/// to be a call of the interpreter's function.
type Emit = fn(&mut Block<'_>, Word) -> bool;

/// What is known of a row of the instruction table.
#[derive(Clone, Copy)]
struct Row {
    emit: Option<Emit>,
    /// Control seldom goes on behind it.
    ends: bool,
    /// What a call of it does with the state of [`crate::fpu::Fpu`].
    looks: Looks,
    /// If it is recorded there, with which operands.
    slots: Slots,
}

/// Rows after which the run loop looks, or that usually branch.
const ENDS: &[&str] = &["sc", "scv", "rfid", "hrfid", "rfscv", "mtmsr", "stop", "firmware", "bctar"];

/// The rows of floating point and vectors that have an emitter.
#[cfg(test)]
pub fn simd_rows() -> Vec<&'static str> {
    let plain = [scalar::ROWS, vector::ROWS, lanes::ROWS].concat();
    plain.iter().map(|row| row.0).chain(float::ROWS.iter().map(|row| row.0)).collect()
}

/// An instruction of a block.
#[derive(Clone, Copy)]
pub struct Op {
    word: Word,
    id: OpId,
}

/// The instruction table as seen from here.
pub struct Rows(Vec<Row>);

impl Rows {
    /// Looks up every row by its name.
    ///
    /// Without `vectors` (AVX2 and FMA) floating point and vectors are calls.
    pub fn new(vectors: bool) -> Rows {
        let lists = [
            fixed::ROWS,
            carry::ROWS,
            rotate::ROWS,
            branch::ROWS,
            ldst::ROWS,
            vldst::ROWS,
            atomic::ROWS,
            system::ROWS,
        ];
        let simd: &[_] = if vectors { &[scalar::ROWS, vector::ROWS, lanes::ROWS] } else { &[] };
        let row = |row: &&isa::Row| {
            let named = |(name, _): &&(&str, Emit)| *name == row.name;
            let inline = lists.iter().chain(simd).copied().flatten().find(named);
            let scalar = float::ROWS.iter().find(|(name, ..)| vectors && *name == row.name);
            let vector = vector::ROWS.iter().any(|r| named(&r));
            Row {
                emit: scalar.map(|(_, _, emit)| *emit).or(inline.map(|(_, emit)| *emit)),
                ends: ENDS.contains(&row.name),
                looks: looks(row, scalar.is_some(), vector),
                slots: scalar.map_or(0, |(_, slots, _)| *slots),
            }
        };
        Rows(isa::rows().iter().map(row).collect())
    }
    /// Whether what `op` records is overwritten by `next` in every case: then
    /// the interpreter's function does so too.
    fn overwrites(&self, op: Op, next: Op) -> bool {
        let (a, b) = (isa::rows()[op.id.0 as usize].group, isa::rows()[next.id.0 as usize].group);
        a == b && self.0[next.id.0 as usize].looks == Looks::Overwrites && float::inline(next.id, next.word)
    }
    /// What [`crate::fpu::Fpu`] has to know of every row.
    pub fn looks(&self) -> Vec<(Looks, Slots)> {
        self.0.iter().map(|row| (row.looks, row.slots)).collect()
    }
    /// The block that begins at `offset` of a page; `word` gives its words.
    pub fn scan(&self, offset: u32, word: impl Fn(u32) -> Option<Word>, ops: &mut Vec<Op>) {
        ops.clear();
        for at in (offset..0x1000).step_by(4).take(LONGEST) {
            let Some(word) = word(at) else { return };
            let Some(id) = isa::decode(word.0) else { return };
            ops.push(Op { word, id });
            if self.0[id.0 as usize].ends || branch::ends_block(id, word) {
                return;
            }
        }
    }
}

/// Where a branch leads.
#[derive(Clone, Copy)]
enum Target {
    /// To an offset of this page.
    Page(u32),
    /// To another page, relative to the start of this one.
    Away(i32),
    /// To an address.
    Absolute(u64),
}

/// Code that is rarely executed: it stands behind the block.
enum Cold {
    /// The interpreter's function instead of the inline code.
    Call {
        holes: Vec<Hole>,
        straddles: Option<Straddle>,
        op: Op,
        offset: u32,
        rest: u32,
        back: usize,
        regs: Regs,
        access: bool,
    },
    /// A branch out of the middle of the block.
    Taken { hole: Hole, rest: u32, target: Target },
    /// The fetch view has to be asked for the instruction behind `offset`.
    Refetch { holes: [Hole; 2], offset: u32, rest: u32 },
    /// A jump to a block that does not exist yet.
    Link { hole: Hole, offset: u32 },
}

/// An unaligned store of `len` bytes at RAX: it goes on at `back` if it lies
/// within a page of 4 KiB.
#[derive(Clone, Copy)]
struct Straddle {
    hole: Hole,
    back: usize,
    len: i32,
}

/// A compare whose flags the host still has.
#[derive(Clone, Copy)]
struct Flags {
    field: usize,
    signed: bool,
}

/// A block being emitted.
pub struct Block<'a> {
    asm: &'a mut Asm,
    stubs: &'a Stubs,
    /// Code places by word of the page.
    entries: &'a [u32],
    /// log2 of the page size of the data views.
    view_shift: u32,
    entry: usize,
    start: u32,
    /// Offset of the instruction being emitted.
    offset: u32,
    op: Op,
    /// Instructions behind it in the block.
    behind: u32,
    /// The next one overwrites what this one would record for the FPSCR.
    overwritten: bool,
    regs: Regs,
    cold: Vec<Cold>,
    /// Left by the instruction before, and by this one.
    flags: Option<Flags>,
    new_flags: Option<Flags>,
    /// Of the store being emitted.
    straddles: Option<Straddle>,
    /// MSR bits that are known to be set.
    facilities: u64,
    /// Control does not go on behind this instruction.
    ended: bool,
}

/// Emits the block `ops` at `offset` of the page whose code places are `entries`.
pub fn block(
    rows: &Rows,
    asm: &mut Asm,
    stubs: &Stubs,
    view_shift: u32,
    entries: &[u32],
    offset: u32,
    ops: &[Op],
) {
    let entry = asm.here();
    let mut block = Block {
        asm,
        stubs,
        entries,
        view_shift,
        entry,
        start: offset,
        offset,
        op: ops[0],
        behind: 0,
        overwritten: false,
        facilities: 0,
        regs: Regs::default(),
        cold: vec![],
        flags: None,
        new_flags: None,
        straddles: None,
        ended: false,
    };
    block.asm.alu_imm(Alu::Sub, Size::Q, Reg::R14, ops.len() as i32);
    let too_long = block.asm.jcc_hole(Cond::Sign);
    for (i, op) in ops.iter().enumerate() {
        (block.op, block.offset) = (*op, offset + 4 * i as u32);
        block.behind = (ops.len() - 1 - i) as u32;
        block.overwritten = ops.get(i + 1).is_some_and(|next| rows.overwrites(*op, *next));
        block.instruction(&rows.0[op.id.0 as usize]);
    }
    if !block.ended {
        let next = block.relative(4);
        block.goto(next);
    }
    block.finish();
    asm.fill(too_long);
    asm.mov_imm(Reg::RAX, u64::from(offset));
    asm.mov_imm(Reg::RCX, ops.len() as u64);
    asm.jmp(stubs.too_long);
}

impl Block<'_> {
    fn instruction(&mut self, row: &Row) {
        self.flags = self.new_flags.take();
        self.regs.unpin();
        let word = self.op.word;
        if !row.emit.is_some_and(|emit| emit(self, word)) {
            let alone = condition::untouched(self.op.id, word);
            self.call(self.op, self.offset, self.behind + 1, alone);
            self.regs.clear();
            self.new_flags = None;
        }
    }

    /// A call of the interpreter's function; `rest` instructions of the block
    /// are not retired yet; `access` if it leaves CR alone.
    fn call(&mut self, op: Op, offset: u32, rest: u32, access: bool) {
        self.asm.mov_imm(Reg::RSI, u64::from(op.word.0));
        self.asm.mov_imm(Reg::RDX, u64::from(rest << 16 | u32::from(op.id.0)));
        self.asm.mov_imm(Reg::RCX, u64::from(offset));
        self.asm.call(if access { self.stubs.access } else { self.stubs.step });
    }

    /// The instruction, if one of `holes` is taken, is done by the
    /// interpreter's function; then control goes on here.
    fn unless(&mut self, holes: Vec<Hole>, access: bool) {
        let back = self.asm.here();
        let (op, offset, rest) = (self.op, self.offset, self.behind + 1);
        let (straddles, regs) = (self.straddles.take(), self.regs.clone());
        if !holes.is_empty() || straddles.is_some() {
            self.cold.push(Cold::Call { holes, straddles, op, offset, rest, back, regs, access });
        }
    }

    /// A hole that is taken if the MSR bit `facility` is off; `None` if it is
    /// known to be on. The instruction has to give it to [`Self::unless`]:
    /// the interpreter's function raises the interrupt.
    fn facility(&mut self, facility: u64) -> Option<Hole> {
        if self.facilities & facility != 0 {
            return None;
        }
        self.facilities |= facility;
        let byte = facility.trailing_zeros() / 8;
        self.asm.test8_mem_imm(cpu(field::MSR + byte as i32), (facility >> (8 * byte)) as u8);
        Some(self.asm.jcc_hole(Cond::Equal))
    }

    /// A hole that is taken in problem state; `None` if it is known not to be
    /// it. The instruction gives it to [`Self::unless`].
    fn privileged(&mut self) -> Option<Hole> {
        if self.facilities & msr::PR != 0 {
            return None;
        }
        // Stands for "PR is off": no facility has this bit.
        self.facilities |= msr::PR;
        let byte = msr::PR.trailing_zeros() / 8;
        self.asm.test8_mem_imm(cpu(field::MSR + byte as i32), (msr::PR >> (8 * byte)) as u8);
        Some(self.asm.jcc_hole(Cond::NotEqual))
    }

    /// The target of a branch by `displacement` from this instruction.
    fn relative(&self, displacement: i32) -> Target {
        let to = self.offset as i32 + displacement;
        if (0..0x1000).contains(&to) { Target::Page(to as u32) } else { Target::Away(to) }
    }

    /// Goes on at `target`.
    fn goto(&mut self, target: Target) {
        match target {
            Target::Page(offset) => match self.place(offset) {
                Some(place) => self.asm.jmp(place),
                None => {
                    let hole = self.asm.jmp_hole();
                    self.cold.push(Cold::Link { hole, offset });
                }
            },
            Target::Away(to) => {
                self.asm.lea(Reg::RAX, at(Reg::R13, to));
                self.asm.jmp(self.stubs.dispatch);
            }
            Target::Absolute(ea) => {
                self.asm.mov_imm(Reg::RAX, ea);
                self.asm.jmp(self.stubs.dispatch);
            }
        }
    }
    /// Goes on at `target` if the host's condition holds.
    fn goto_if(&mut self, cond: Cond, target: Target) {
        let rest = self.behind;
        match target {
            Target::Page(offset) if rest == 0 => match self.place(offset) {
                Some(place) => self.asm.jcc(cond, place),
                None => {
                    let hole = self.asm.jcc_hole(cond);
                    self.cold.push(Cold::Link { hole, offset });
                }
            },
            _ => {
                let hole = self.asm.jcc_hole(cond);
                self.cold.push(Cold::Taken { hole, rest, target });
            }
        }
    }
    /// The code for an offset of this page, if there is some.
    fn place(&self, offset: u32) -> Option<usize> {
        if offset == self.start {
            return Some(self.entry);
        }
        let place = self.entries[offset as usize >> 2] as usize;
        (place != self.stubs.no_block).then_some(place)
    }

    /// Emits what is rarely executed.
    fn finish(&mut self) {
        while let Some(cold) = self.cold.pop() {
            match cold {
                Cold::Call { holes, straddles, op, offset, rest, back, regs, access } => {
                    if let Some(Straddle { hole, back, len }) = straddles {
                        self.asm.fill(hole);
                        self.asm.mov(Size::W, Reg::RCX, Reg::RAX);
                        self.asm.alu_imm(Alu::And, Size::W, Reg::RCX, 0xFFF);
                        self.asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, 0x1000 - len);
                        self.asm.jcc(Cond::BelowEqual, back);
                    }
                    holes.into_iter().for_each(|hole| self.asm.fill(hole));
                    self.call(op, offset, rest, access);
                    regs.reload(self.asm);
                    self.asm.jmp(back);
                }
                Cold::Taken { hole, rest, target } => {
                    self.asm.fill(hole);
                    self.refund(rest);
                    self.goto(target);
                }
                Cold::Refetch { holes, offset, rest } => {
                    holes.into_iter().for_each(|hole| self.asm.fill(hole));
                    self.refund(rest);
                    self.asm.lea(Reg::RAX, at(Reg::R13, offset as i32 + 4));
                    self.asm.jmp(self.stubs.refetch);
                }
                Cold::Link { hole, offset } => {
                    self.asm.fill(hole);
                    self.asm.mov_imm(Reg::RAX, u64::from(offset));
                    self.asm.mov_imm(Reg::RCX, hole.0 as u64);
                    self.asm.jmp(self.stubs.link);
                }
            }
        }
    }
    /// `rest` instructions of the block are not executed.
    fn refund(&mut self, rest: u32) {
        if rest != 0 {
            self.asm.alu_imm(Alu::Add, Size::Q, Reg::R14, rest as i32);
        }
    }

    /// Stores the order that the host's flags hold to a CR field. The flags stay.
    fn set_cr(&mut self, field: usize, signed: bool) {
        let (less, greater) = if signed { (Cond::Less, Cond::Greater) } else { (Cond::Below, Cond::Above) };
        self.asm.load(Size::W, Reg::RAX, frame(place::EQUAL));
        self.asm.cmov_load(less, Reg::RAX, frame(place::LESS));
        self.asm.cmov_load(greater, Reg::RAX, frame(place::GREATER));
        self.asm.store8(frame(place::CR + field as i32), Reg::RAX);
        self.new_flags = Some(Flags { field, signed });
    }
    /// CR0 of a result, if `record`.
    fn record(&mut self, record: bool, result: Reg) {
        if record {
            self.asm.test(Size::Q, result, result);
            self.set_cr(0, true);
        }
    }
    /// Host flags "not equal" if a CR bit (IBM number) is set.
    fn test_cr_bit(&mut self, bit: usize) {
        self.asm.test8_mem_imm(frame(place::CR + (bit >> 2) as i32), 8 >> (bit & 3));
    }
}
