//! From guest instructions to host code.
//!
//! A block begins at one place and goes on along the usual way, past branches
//! that are seldom taken; branches to a later instruction of it stay inside.
//! It is gone through twice: the first time only to see which registers and CR
//! fields each instruction uses. Guest registers that it uses are kept in host
//! registers, see [`regs`]; how it is left, and how loops keep them, [`flow`].

mod atomic;
mod branch;
mod calls;
mod carry;
mod compare;
mod condition;
mod context;
mod convert;
mod elements;
mod fixed;
mod float;
mod flow;
mod lanes;
mod ldst;
pub mod regs;
mod rotate;
mod scalar;
mod share;
mod system;
mod vector;
mod vldst;

use crate::asm::{Alu, Asm, Cond, Reg, Size};
use crate::fpu::{Looks, Slots, looks};
use crate::stubs::Stubs;
use branch::Way;
use compare::{Compares, Flags};
use condition::Untouched;
use flow::{Cold, Forward, Straddle};
use isa::{Group, OpId, Word};
use regs::{NEVER, NUMBERS, NextRead, POOL, Regs, State};
use share::{Access, Plan};

pub use calls::{DOOR, Door};
pub use share::SHARED;

/// Most instructions of a block.
pub const LONGEST: usize = 64;
/// Most bytes of host code of a block; one that takes more is cut. So many for one instruction would be a mistake of an emitter.
pub const LARGEST: usize = 128 << 10;

/// Emits one instruction; false, with nothing emitted, if this form of it has
/// to be a call of the interpreter's function.
type Emit = fn(&mut Block<'_>, Word) -> bool;

/// [`block`] or [`singles`].
pub type Translate = fn(&Rows, &mut Asm, &Stubs, u32, (u32, &[u32]), &[Op]);

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
    untouched: Untouched,
}

/// Rows after which the run loop looks, or that usually branch.
const ENDS: &[&str] = &["sc", "scv", "rfid", "hrfid", "rfscv", "mtmsr", "stop", "firmware", "bctar"];

/// stcx.
fn is_conditional(id: OpId) -> bool {
    matches!(isa::rows()[id.0 as usize].name, "stbcx" | "sthcx" | "stwcx" | "stdcx")
}

/// The rows of floating point and vectors that have an emitter, by class: the name of its module.
#[cfg(test)]
pub fn simd_rows() -> [(&'static str, Vec<&'static str>); 5] {
    let names = |rows: &'static [(&'static str, Emit)]| rows.iter().map(|row| row.0).collect();
    [
        ("float", float::ROWS.iter().map(|row| row.0).collect()),
        ("scalar", names(scalar::ROWS)),
        ("vector", names(vector::ROWS)),
        ("lanes", names(lanes::ROWS)),
        ("elements", names(elements::ROWS)),
    ]
}

/// An instruction of a block.
#[derive(Clone, Copy)]
pub struct Op {
    word: Word,
    id: OpId,
    /// In the page. Offsets ascend in a block.
    offset: u32,
    way: Way,
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
            context::ROWS,
        ];
        let simd: &[_] =
            if vectors { &[scalar::ROWS, vector::ROWS, lanes::ROWS, elements::ROWS] } else { &[] };
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
                untouched: condition::untouched_by(row),
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
        // Words of the page that a branch of the block leads to.
        let mut reached = [0u64; 16];
        let mut at = offset;
        while at < 0x1000 && ops.len() < LONGEST {
            let Some(word) = word(at) else { return };
            let Some(id) = isa::decode(word.0) else { return };
            let behind_stcx = ops.last().is_some_and(|op| is_conditional(op.id));
            let way = branch::way(id, word, at, behind_stcx);
            ops.push(Op { word, id, offset: at, way });
            if self.0[id.0 as usize].ends {
                return;
            }
            if let Some(target) = way.forward {
                reached[target as usize >> 8] |= 1 << (target >> 2 & 63);
            }
            at += 4;
            let goes_on = at < 0x1000 && reached[at as usize >> 8] >> (at >> 2 & 63) & 1 != 0;
            match (way.ends, way.forward) {
                (true, Some(target)) if !goes_on => at = target,
                (true, None) if !goes_on => return,
                _ => {}
            }
        }
    }
}

/// What an instruction asks of the allocator.
#[derive(Clone, Copy, Default)]
struct Use {
    reads: u64,
    writes: u64,
    /// CR fields that a compare sets, and that are needed in memory.
    written: u8,
    asked: u8,
    /// It is a call: host registers are lost.
    call: bool,
    /// Control may leave here: the CPU needs every GPR.
    leaves: bool,
    /// A load or store by base and displacement.
    access: Option<Access>,
    /// A GPR takes another one plus a constant.
    derived: Option<(usize, usize, i32)>,
}

/// A block being emitted.
pub struct Block<'a> {
    asm: &'a mut Asm,
    stubs: &'a Stubs,
    /// Number of the decoded page, and its code places by word.
    page: u32,
    entries: &'a [u32],
    /// log2 of the page size of the data views.
    view_shift: u32,
    ops: &'a [Op],
    entry: usize,
    rows: &'a Rows,
    /// The next instruction was emitted together with its branch.
    consumed: bool,
    ahead: &'a Ahead,
    /// Accesses share probes as planned.
    shares: bool,
    /// The instruction being emitted, and its place in `ops`.
    op: Op,
    index: usize,
    /// Instructions behind it in the block.
    behind: u32,
    /// The next one overwrites what this one would record for the FPSCR.
    overwritten: bool,
    regs: Regs,
    /// Compares whose CR field is not stored; as of the instruction's begin.
    compares: Compares,
    compares_before: Compares,
    /// CR fields that this instruction sets by a compare, and asks for.
    written: u8,
    asked: u8,
    /// What this instruction says of itself.
    access: Option<Access>,
    derived: Option<(usize, usize, i32)>,
    cold: Vec<Cold>,
    forward: Vec<Forward>,
    /// Left by the instruction before, and by this one.
    flags: Option<Flags>,
    new_flags: Option<Flags>,
    /// Of the store being emitted.
    straddles: Option<Straddle>,
    /// MSR bits that are known to be set.
    facilities: u64,
    /// Every instruction is paid for alone: the rest of a budget that does not
    /// suffice for the whole block.
    single: bool,
    /// Control does not go on behind this instruction.
    ended: bool,
    /// A branch leads back to the start. Then the block is emitted twice, and
    /// the second copy, at `loop_place`, begins with registers loaded.
    loops: bool,
    loop_place: Option<usize>,
    loop_state: Option<State>,
    /// Compares are kept from turn to turn of a loop; some way back cannot.
    keeps_around: bool,
    mismatch: bool,
}

/// Emits the block `ops` of a page: its number and its code places.
pub fn block(rows: &Rows, asm: &mut Asm, stubs: &Stubs, view_shift: u32, page: (u32, &[u32]), ops: &[Op]) {
    let entry = asm.here();
    let loops = ops.iter().any(|op| op.way.back == Some(ops[0].offset));
    let mut blank = Ahead::blank(ops.len());
    blank.conversions = convert::conversions(ops);
    let mut dry = Block::new(rows, asm, stubs, view_shift, page, ops, &blank);
    let mut uses: Vec<Use> = (0..ops.len()).map(|index| dry.instruction(rows, index)).collect();
    let ahead = Ahead::of(ops, &mut uses, loops, blank.conversions);
    for (keeps_around, shares) in [(true, true), (false, true), (false, false)] {
        asm.restart(entry);
        let mut block = Block::new(rows, asm, stubs, view_shift, page, ops, &ahead);
        (block.loops, block.keeps_around, block.shares) = (loops, keeps_around, shares);
        block.whole(rows);
        if !block.mismatch {
            return;
        }
    }
}

/// What is known of a block before it is emitted.
#[derive(Default)]
struct Ahead {
    /// By instruction: when each GPR is read next, and which CR fields are set
    /// again before anybody asks for them.
    next: Vec<NextRead>,
    dead: Vec<u8>,
    /// GPRs, one bit each, that are set again before anybody needs them.
    unneeded: Vec<u64>,
    plan: Plan,
    /// Branches, one bit for each instruction, that become conditional moves.
    conversions: u64,
    /// The block uses more registers than there are to hold them.
    crowded: bool,
}

impl Ahead {
    /// Nothing is known of a block of so many instructions.
    fn blank(ops: usize) -> Ahead {
        let (next, dead, unneeded) = (vec![[NEVER; NUMBERS]; ops], vec![0; ops], vec![0; ops]);
        Ahead { next, dead, unneeded, ..Ahead::default() }
    }
    fn of(ops: &[Op], uses: &mut [Use], loops: bool, conversions: u64) -> Ahead {
        let plan = share::plan(ops, uses);
        plan.note(uses);
        let (next, dead) = foresight(uses, loops);
        let used = uses.iter().fold(0, |all, using| all | using.reads | using.writes);
        let crowded = used.count_ones() as usize > POOL.len();
        Ahead { next, dead, unneeded: unneeded(uses), plan, conversions, crowded }
    }
}

/// When each GPR is read next, from each instruction on, and which CR fields
/// are set again behind it before anybody asks for them.
fn foresight(uses: &[Use], loops: bool) -> (Vec<NextRead>, Vec<u8>) {
    let mut next = vec![[NEVER; NUMBERS]; uses.len()];
    let mut dead = vec![0; uses.len()];
    let (mut reads, mut rewritten) = ([NEVER; NUMBERS], 0);
    for turn in (0..1 + usize::from(loops)).rev() {
        for (i, using) in uses.iter().enumerate().rev() {
            dead[i] = rewritten;
            rewritten = (rewritten | using.written) & !using.asked;
            if using.call {
                reads = [NEVER; NUMBERS];
            }
            for (gpr, read) in reads.iter_mut().enumerate() {
                if using.reads >> gpr & 1 != 0 {
                    *read = (i + turn * uses.len()) as u8;
                } else if using.writes >> gpr & 1 != 0 {
                    *read = NEVER;
                }
            }
            next[i] = reads;
        }
    }
    (next, dead)
}

/// GPRs that are set again before they are read and before control may leave,
/// from each instruction on.
fn unneeded(uses: &[Use]) -> Vec<u64> {
    let mut unneeded = vec![0; uses.len()];
    let mut set_again = 0;
    for (using, unneeded) in uses.iter().zip(&mut unneeded).rev() {
        set_again = if using.leaves { 0 } else { (set_again | using.writes) & !using.reads };
        *unneeded = set_again;
    }
    unneeded
}

/// The same, but control can leave before each instruction: for the rest of a
/// budget that does not suffice for the block.
pub fn singles(rows: &Rows, asm: &mut Asm, stubs: &Stubs, view_shift: u32, page: (u32, &[u32]), ops: &[Op]) {
    let ahead = Ahead::blank(ops.len());
    let mut block = Block::new(rows, asm, stubs, view_shift, page, ops, &ahead);
    block.single = true;
    block.copy(rows);
    block.finish();
}

impl<'a> Block<'a> {
    fn new(
        rows: &'a Rows,
        asm: &'a mut Asm,
        stubs: &'a Stubs,
        view_shift: u32,
        (page, entries): (u32, &'a [u32]),
        ops: &'a [Op],
        ahead: &'a Ahead,
    ) -> Block<'a> {
        Block {
            entry: asm.here(),
            asm,
            stubs,
            page,
            entries,
            view_shift,
            ops,
            rows,
            consumed: false,
            ahead,
            shares: false,
            op: ops[0],
            index: 0,
            behind: 0,
            single: false,
            overwritten: false,
            regs: Regs::default(),
            compares: Default::default(),
            compares_before: Default::default(),
            written: 0,
            asked: 0,
            access: None,
            derived: None,
            cold: vec![],
            forward: vec![],
            flags: None,
            new_flags: None,
            straddles: None,
            facilities: 0,
            ended: false,
            loops: false,
            loop_place: None,
            loop_state: None,
            keeps_around: false,
            mismatch: false,
        }
    }

    /// What accesses share; nothing where that was given up.
    fn plan(&self) -> &'a Plan {
        const NOTHING: &Plan = &Plan::nothing();
        if self.shares { &self.ahead.plan } else { NOTHING }
    }

    fn whole(&mut self, rows: &Rows) {
        self.asm.alu_imm(Alu::Sub, Size::Q, Reg::R14, self.ops.len() as i32);
        let too_long = self.asm.jcc_hole(Cond::Sign);
        self.copy(rows);
        if let Some(state) = self.loop_state {
            self.begin_again(state);
            self.copy(rows);
        }
        self.finish();
        self.asm.fill(too_long);
        self.too_long();
    }
    fn copy(&mut self, rows: &Rows) {
        for index in 0..self.ops.len() {
            self.instruction(rows, index);
        }
        if !self.ended {
            let next = self.relative(4);
            self.goto(next);
        }
    }

    fn instruction(&mut self, rows: &Rows, index: usize) -> Use {
        if std::mem::take(&mut self.consumed) {
            return Use::default();
        }
        (self.op, self.index) = (self.ops[index], index);
        self.behind = if self.single { 0 } else { (self.ops.len() - 1 - index) as u32 };
        self.overwritten =
            !self.single && self.ops.get(index + 1).is_some_and(|next| rows.overwrites(self.op, *next));
        self.join();
        if self.single {
            self.one_more();
        }
        self.flags = self.new_flags.take();
        (self.written, self.asked) = (0, 0);
        (self.access, self.derived) = (None, None);
        let Op { word, id, .. } = self.op;
        if touches_cr(rows.0[id.0 as usize], id, word) {
            self.settle(u8::MAX);
        }
        self.keep_few();
        self.regs.begin(self.asm.here());
        self.compares_before = self.compares;
        let ways_out = self.cold.len();
        let call = !rows.0[id.0 as usize].emit.is_some_and(|emit| emit(self, word));
        if call {
            self.settle(u8::MAX);
            self.store_state(&self.state());
            self.call(self.op, self.behind + 1, rows.0[id.0 as usize].untouched.holds(word));
            self.regs.held = Default::default();
            self.new_flags = None;
            self.mismatch |= self.plan().is_live(index);
        }
        self.end_shares();
        let Regs { reads, writes, .. } = self.regs;
        let branch = isa::rows()[id.0 as usize].group == Group::Branch;
        let leaves = call || branch || self.cold.len() > ways_out;
        debug_assert!(!leaves || self.ahead.unneeded[index] == 0, "what an instruction needs was foreseen");
        let Block { written, asked, access, derived, .. } = *self;
        Use { reads, writes, written, asked, call, leaves, access, derived }
    }

    /// A call of the interpreter's function; `rest` instructions of the block
    /// are not retired yet; `access` if it leaves CR alone.
    fn call(&mut self, op: Op, rest: u32, access: bool) {
        self.asm.mov_imm(Reg::RSI, u64::from(op.word.0));
        self.asm.mov_imm(Reg::RDX, u64::from(rest << 16 | u32::from(op.id.0)));
        self.asm.mov_imm(Reg::RCX, u64::from(op.offset));
        self.asm.call(if access { self.stubs.access } else { self.stubs.step });
    }
}

/// Whether CR fields have to be in memory before the instruction is emitted.
/// Emitters of fixed-point instructions, branches and stcx. see to it themselves.
fn touches_cr(row: Row, id: OpId, word: Word) -> bool {
    let group = isa::rows()[id.0 as usize].group;
    let own = matches!(group, Group::Fixed | Group::Branch) || is_conditional(id);
    !own && !row.untouched.holds(word)
}
