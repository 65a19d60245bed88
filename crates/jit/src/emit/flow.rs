//! Where control goes: on in the block, back to its start, out of it.

use super::compare::{Compare, keeps};
use super::regs::{POOL, State, bits, home, of_guest, without_aliases};
use super::{Block, Op};
use crate::asm::{Alu, Cond, Hole, Reg, Size, at};
use crate::frame::{field, place};
use crate::stubs::{cpu, frame, probe_fetch};
use cpu::msr;

/// Where a branch leads.
#[derive(Clone, Copy)]
pub enum Target {
    /// To an offset of this page.
    Page(u32),
    /// To another page, relative to the start of this one.
    Away(i32),
    /// To an address.
    Absolute(u64),
}

/// Code that is rarely executed: it stands behind the block.
pub enum Cold {
    /// The interpreter's function instead of the inline code.
    Call(Box<Call>),
    /// A branch out of the block.
    Taken { hole: Hole, rest: u32, target: Target, state: State },
    /// A branch on in the block, or back to its start: to a place where the
    /// registers hold what `to` says.
    Edge { hole: Hole, rest: u32, state: State, to: Label },
    /// The budget does not suffice for another turn of the loop.
    TooLong { hole: Hole, state: State },
    /// It is used up before the instruction at `offset`.
    UsedUp { hole: Hole, offset: u32, state: State },
    /// The fetch view has to be asked for the instruction behind `offset`; control goes on at `back`
    /// if it leads to this page.
    Ask { hole: Hole, back: usize, offset: u32, rest: u32, state: State },
    /// A jump to a block that does not exist yet.
    Link { hole: Hole, offset: u32 },
    /// The same, to the address in RAX, in another page.
    Far { hole: Hole },
    /// The return stack is full. Control goes on at `back`.
    Full { hole: Hole, back: usize },
    /// A return to `offset` of this page, RCX, from another page.
    Back { hole: Hole, offset: u32 },
}

/// The interpreter's function does an instruction, and control goes on at `back`.
pub struct Call {
    /// With what was held there.
    holes: Vec<(Hole, State)>,
    straddles: Option<(Straddle, State)>,
    op: Op,
    rest: u32,
    back: usize,
    after: State,
    access: bool,
    /// The function may make untrue what the block goes on with: control leaves.
    leaves: bool,
}

/// An unaligned store of `len` bytes at RAX: it goes on at `back` if it lies
/// within a page of 4 KiB.
#[derive(Clone, Copy)]
pub struct Straddle {
    pub hole: Hole,
    pub back: usize,
    pub len: i32,
}

/// A place in the block with its state.
#[derive(Clone)]
pub enum Label {
    /// The second copy of a loop.
    Loop,
    At(usize, Box<State>),
}

/// A branch to an instruction of the block that is not emitted yet.
pub struct Forward {
    pub to: usize,
    hole: Hole,
    rest: u32,
    state: State,
}

/// From where a slot gets its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Slot(usize),
    Memory(u8),
}
type Sources = [Option<Source>; POOL.len()];

/// A place, counted from the start of the page.
fn within_page(to: i32) -> Target {
    if (0..0x1000).contains(&to) { Target::Page(to as u32) } else { Target::Away(to) }
}

/// How to come from one state to another; `None` if `to` expects of a compare
/// what `from` does not have, or one value for GPRs that it has apart.
fn sources(from: &State, to: &State) -> Option<Sources> {
    let mut sources = [None; POOL.len()];
    for (slot, held) in to.held.iter().enumerate() {
        for gpr in bits(held.gprs) {
            let source = Some(from.find(gpr as u8).map_or(Source::Memory(gpr as u8), Source::Slot));
            if sources[slot].is_some() && sources[slot] != source {
                return None;
            }
            sources[slot] = source;
        }
    }
    for (has, wants) in from.compares.iter().zip(&to.compares) {
        let Some(wants) = wants else { continue };
        let has = has.filter(|has| has.is_like(wants))?;
        for (from, to) in has.slots().zip(wants.slots()) {
            let source = Some(Source::Slot(from));
            if sources[to].is_some() && sources[to] != source {
                return None;
            }
            sources[to] = source;
        }
    }
    Some(sources)
}

impl Block<'_> {
    pub(super) fn state(&self) -> State {
        State { held: self.regs.held, compares: self.compares, facilities: self.facilities }
    }

    /// The instruction, if one of `holes` is taken, is done by the
    /// interpreter's function; then control goes on here.
    pub(super) fn unless(&mut self, holes: Vec<Hole>, access: bool) {
        let at = |hole: Hole| State {
            held: self.regs.held_at(hole.0),
            compares: self.compares_before,
            ..State::default()
        };
        let straddles = self.straddles.take().map(|straddle| (straddle, at(straddle.hole)));
        let holes: Vec<_> = holes.into_iter().map(|hole| (hole, at(hole))).collect();
        if holes.is_empty() && straddles.is_none() {
            return;
        }
        let (back, rest, after) = (self.asm.here(), self.behind + 1, self.state());
        let leaves = self.plan().is_live(self.index);
        let call = Call { holes, straddles, op: self.op, rest, back, after, access, leaves };
        self.cold.push(Cold::Call(Box::new(call)));
    }

    /// A hole that is taken if the MSR bit `facility` is off; `None` if it is
    /// known to be on. The instruction has to give it to [`Self::unless`]:
    /// the interpreter's function raises the interrupt.
    pub(super) fn facility(&mut self, facility: u64) -> Option<Hole> {
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
    pub(super) fn privileged(&mut self) -> Option<Hole> {
        if self.facilities & msr::PR != 0 {
            return None;
        }
        // Stands for "PR is off": no facility has this bit.
        self.facilities |= msr::PR;
        let byte = msr::PR.trailing_zeros() / 8;
        self.asm.test8_mem_imm(cpu(field::MSR + byte as i32), (msr::PR >> (8 * byte)) as u8);
        Some(self.asm.jcc_hole(Cond::NotEqual))
    }
    /// Asks the fetch view for the next instruction, unless it is known to lead there.
    pub(super) fn ask(&mut self) {
        self.asm.cmp8_mem_imm(frame(place::ASKED), 0);
        let hole = self.asm.jcc_hole(Cond::Equal);
        let (back, offset, rest, state) = (self.asm.here(), self.op.offset, self.behind, self.state());
        self.cold.push(Cold::Ask { hole, back, offset, rest, state });
    }

    /// The target of a branch by `displacement` from this instruction.
    pub(super) fn relative(&self, displacement: i32) -> Target {
        within_page(self.op.offset as i32 + displacement)
    }
    /// A later instruction of the block at this target.
    fn within(&self, target: Target) -> Option<usize> {
        let Target::Page(offset) = target else { return None };
        let behind = &self.ops[self.index + 1..];
        behind.binary_search_by_key(&offset, |op| op.offset).ok().map(|at| self.index + 1 + at)
    }
    fn leads_back(&self, target: Target) -> bool {
        self.loops && matches!(target, Target::Page(offset) if offset == self.ops[0].offset)
    }

    /// Goes on at `target`.
    pub(super) fn goto(&mut self, target: Target) {
        let rest = self.behind;
        if let Some(to) = self.within(target) {
            if to == self.index + 1 {
                return;
            }
            let hole = self.asm.jmp_hole();
            self.forward.push(Forward { to, hole, rest: self.skipped(to), state: self.state() });
        } else if self.leads_back(target) {
            self.close(rest);
        } else {
            self.refund(rest);
            self.leave(target);
        }
        self.ended = true;
    }
    /// Goes on at `target`, out of the block, with what the CPU is owed.
    fn leave(&mut self, target: Target) {
        self.store_state(&self.state());
        self.jump(target);
    }
    pub(super) fn jump(&mut self, target: Target) {
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
                let hole = self.asm.jmp_hole();
                self.cold.push(Cold::Far { hole });
            }
            Target::Absolute(ea) => {
                self.asm.mov_imm(Reg::RAX, ea);
                self.asm.jmp(self.stubs.dispatch);
            }
        }
    }
    /// Goes on at `target` if the host's condition holds. `whole`: if it does
    /// not, control goes on behind this instruction and nowhere else.
    pub(super) fn goto_if(&mut self, cond: Cond, target: Target, whole: bool) {
        let (rest, state) = (self.behind, self.state());
        if let Some(to) = self.within(target) {
            let hole = self.asm.jcc_hole(cond);
            self.forward.push(Forward { to, hole, rest: self.skipped(to), state });
        } else if self.leads_back(target) {
            if rest == 0 && whole {
                // The loop goes straight on; the way out is the branch.
                let hole = self.asm.jcc_hole(cond.negated());
                self.cold.push(Cold::Taken { hole, rest, target: self.relative(4), state });
                self.close(rest);
                self.ended = true;
            } else {
                let hole = self.asm.jcc_hole(cond);
                self.expect_back(state);
                self.cold.push(Cold::Edge { hole, rest, state, to: Label::Loop });
            }
        } else {
            match target {
                Target::Page(offset) if rest == 0 && state.is_stored() => match self.place(offset) {
                    Some(place) => self.asm.jcc(cond, place),
                    None => {
                        let hole = self.asm.jcc_hole(cond);
                        self.cold.push(Cold::Link { hole, offset });
                    }
                },
                _ => {
                    let hole = self.asm.jcc_hole(cond);
                    self.cold.push(Cold::Taken { hole, rest, target, state });
                }
            }
        }
    }
    /// The code for an offset of this page, if there is some.
    pub(super) fn place(&self, offset: u32) -> Option<usize> {
        if offset == self.ops[0].offset {
            return Some(self.entry);
        }
        let place = self.entries[offset as usize >> 2] as usize;
        (place != self.stubs.no_block).then_some(place)
    }

    /// Control comes back to the start of the loop with `state`.
    fn expect_back(&mut self, mut state: State) {
        if !self.keeps_around {
            state = State { held: without_aliases(&state.held), compares: Default::default(), ..state };
        }
        let expected = self.loop_state.get_or_insert(state);
        // The second copy only ever knows more than it began with.
        expected.facilities &= state.facilities;
        if sources(&state, expected).is_none() {
            self.mismatch = true;
        }
    }
    /// Goes back to the start of the loop, at the end of a copy of it.
    fn close(&mut self, rest: u32) {
        let state = self.state();
        self.expect_back(state);
        self.refund(rest);
        let expected = self.loop_state.expect("just set");
        self.pass(&state, &expected);
        match self.loop_place {
            Some(place) => self.asm.jmp(place),
            // The second copy begins right here.
            None if rest == 0 => {}
            None => {
                let hole = self.asm.jmp_hole();
                self.cold.push(Cold::Edge { hole, rest: 0, state: expected, to: Label::Loop });
            }
        }
    }
    /// The second copy of the loop: it begins with what the first ended with.
    pub(super) fn begin_again(&mut self, state: State) {
        self.assume(&state);
        self.loop_place = Some(self.asm.here());
        self.asm.alu_imm(Alu::Sub, Size::Q, Reg::R14, self.ops.len() as i32);
        let hole = self.asm.jcc_hole(Cond::Sign);
        self.cold.push(Cold::TooLong { hole, state });
        (self.flags, self.new_flags, self.ended) = (None, None, false);
    }

    /// Branches lead to the instruction that is emitted next.
    pub(super) fn join(&mut self) {
        let edges: Vec<Forward> = self.forward.extract_if(.., |edge| edge.to == self.index).collect();
        let Some(first) = edges.first() else { return };
        let mut to = if self.ended { first.state } else { self.state() };
        if edges
            .iter()
            .any(|edge| sources(&edge.state, &State { held: to.held, ..State::default() }).is_none())
        {
            let held = without_aliases(&to.held);
            if !self.ended {
                let lost = |slot: usize| to.held[slot].dirty & !held[slot].dirty;
                (0..POOL.len()).for_each(|slot| self.store_slot(slot, lost(slot)));
            }
            to.held = held;
        }
        for field in 0..8 {
            let mut alone = State { held: to.held, ..State::default() };
            alone.compares[field] = to.compares[field];
            if edges.iter().any(|edge| sources(&edge.state, &alone).is_none()) {
                if !self.ended {
                    self.store_compares(&alone.compares);
                }
                to.compares[field] = None;
            }
        }
        if edges.iter().any(|edge| sources(&edge.state, &to).is_none()) {
            // Two compares want one slot.
            if !self.ended {
                self.store_compares(&to.compares);
            }
            to.compares = Default::default();
        }
        edges.iter().for_each(|edge| to.facilities &= edge.state.facilities);
        self.assume(&to);
        let label = Label::At(self.asm.here(), Box::new(to));
        let cold = |edge: Forward| Cold::Edge {
            hole: edge.hole,
            rest: edge.rest,
            state: edge.state,
            to: label.clone(),
        };
        self.cold.extend(edges.into_iter().map(cold));
        (self.flags, self.new_flags, self.ended) = (None, None, false);
    }

    fn assume(&mut self, state: &State) {
        self.regs.held = state.held;
        (self.compares, self.facilities) = (state.compares, state.facilities);
    }

    /// Stores what the CPU does not have. RAX and the flags are lost if a
    /// compare is kept.
    pub(super) fn store_state(&mut self, state: &State) {
        for (slot, held) in state.held.iter().enumerate() {
            self.store_slot(slot, of_guest(held.dirty));
        }
        self.store_compares(&state.compares);
    }
    /// From one state to another. RAX and the flags are lost.
    fn pass(&mut self, from: &State, to: &State) {
        let Some(mut sources) = sources(from, to) else { return };
        for (slot, held) in from.held.iter().enumerate() {
            self.store_slot(slot, held.dirty & !to.dirty());
        }
        let owed = |field: usize| from.compares[field].filter(|_| to.compares[field].is_none());
        self.store_compares(&std::array::from_fn::<Option<Compare>, 8, _>(owed));
        self.move_slots(&mut sources);
        for (slot, source) in sources.iter().enumerate() {
            if let Some(Source::Memory(gpr)) = source {
                self.asm.load(Size::Q, POOL[slot], home(*gpr as usize));
            }
        }
    }
    /// Moves between slots, as if all at once.
    fn move_slots(&mut self, sources: &mut Sources) {
        let mut from: [Option<Reg>; POOL.len()] = std::array::from_fn(|slot| match sources[slot] {
            Some(Source::Slot(other)) if other != slot => Some(POOL[other]),
            _ => None,
        });
        while let Some(some) = from.iter().position(Option::is_some) {
            let ready = (0..POOL.len()).find(|&to| from[to].is_some() && !from.contains(&Some(POOL[to])));
            if let Some(to) = ready {
                let source = from[to].take().expect("there is one");
                self.asm.mov(Size::Q, POOL[to], source);
            } else {
                // A ring: RAX takes the place of one.
                self.asm.mov(Size::Q, Reg::RAX, POOL[some]);
                let reads = from.iter_mut().filter(|source| **source == Some(POOL[some]));
                reads.for_each(|source| *source = Some(Reg::RAX));
            }
        }
    }

    /// Emits what is rarely executed.
    pub(super) fn finish(&mut self) {
        while let Some(cold) = self.cold.pop() {
            match cold {
                Cold::Call(call) => self.cold_call(*call),
                Cold::Taken { hole, rest, target, state } => {
                    self.asm.fill(hole);
                    self.refund(rest);
                    self.store_state(&state);
                    self.jump(target);
                }
                Cold::Edge { hole, rest, state, to } => self.edge(hole, rest, &state, to),
                Cold::TooLong { hole, state } => {
                    self.asm.fill(hole);
                    self.store_state(&state);
                    self.too_long();
                }
                Cold::UsedUp { hole, offset, state } => {
                    self.asm.fill(hole);
                    self.refund(1);
                    self.store_state(&state);
                    self.asm.mov_imm(Reg::RAX, u64::from(offset));
                    self.asm.mov_imm(Reg::RCX, 0);
                    self.asm.jmp(self.stubs.too_long);
                }
                Cold::Ask { hole, back, offset, rest, state } => {
                    self.asm.fill(hole);
                    let unknown = self.unknown_page();
                    self.asm.store_imm32(frame(place::ASKED), 1);
                    self.asm.jmp(back);
                    unknown.into_iter().for_each(|hole| self.asm.fill(hole));
                    self.refund(rest);
                    self.store_state(&state);
                    self.asm.lea(Reg::RAX, at(Reg::R13, offset as i32 + 4));
                    self.asm.jmp(self.stubs.refetch);
                }
                Cold::Link { hole, offset } => {
                    self.asm.fill(hole);
                    self.asm.mov_imm(Reg::RAX, u64::from(offset));
                    self.asm.mov_imm(Reg::RCX, hole.0 as u64);
                    self.asm.jmp(self.stubs.link);
                }
                Cold::Far { hole } => {
                    self.asm.fill(hole);
                    self.asm.mov_imm(Reg::RCX, hole.0 as u64);
                    self.asm.jmp(self.stubs.far);
                }
                Cold::Full { hole, back } => {
                    self.asm.fill(hole);
                    self.asm.load(Size::Q, Reg::RSP, frame(place::RETURNS));
                    self.asm.jmp(back);
                }
                Cold::Back { hole, offset } => self.come_back(hole, offset),
            }
        }
    }
    /// Holes that are taken unless the fetch view leads to this page. RAX, RCX and RDX are lost.
    fn unknown_page(&mut self) -> [Hole; 2] {
        let asm = &mut *self.asm;
        probe_fetch(asm, Reg::R13);
        let unknown = asm.jcc_hole(Cond::NotEqual);
        asm.load(Size::W, Reg::RAX, frame(place::PAGE));
        asm.alu_load(Alu::Cmp, Size::W, Reg::RAX, at(Reg::RCX, 8));
        [unknown, asm.jcc_hole(Cond::NotEqual)]
    }
    /// The block has more instructions than may be executed.
    pub(super) fn too_long(&mut self) {
        self.refund(self.ops.len() as u32);
        // To be linked to the same block instruction by instruction.
        let site = self.asm.jmp_hole();
        self.asm.fill(site);
        self.asm.mov_imm(Reg::RAX, u64::from(self.ops[0].offset));
        self.asm.mov_imm(Reg::RCX, site.0 as u64);
        self.asm.jmp(self.stubs.too_long);
    }
    /// In a block of single instructions: may one more be executed?
    pub(super) fn one_more(&mut self) {
        self.asm.alu_imm(Alu::Sub, Size::Q, Reg::R14, 1);
        let hole = self.asm.jcc_hole(Cond::Sign);
        self.cold.push(Cold::UsedUp { hole, offset: self.op.offset, state: self.state() });
        self.new_flags = None;
    }
    /// Instructions between this one and a later one that are not executed, but paid for.
    fn skipped(&self, to: usize) -> u32 {
        if self.single { 0 } else { (to - self.index - 1) as u32 }
    }
    fn edge(&mut self, hole: Hole, rest: u32, state: &State, to: Label) {
        let (place, to) = match to {
            Label::Loop => match (self.loop_place, self.loop_state) {
                (Some(place), Some(state)) => (place, state),
                _ => unreachable!("a block that leads back has a second copy"),
            },
            Label::At(place, state) => (place, *state),
        };
        if rest == 0 && (state.held, state.compares) == (to.held, to.compares) {
            return self.asm.fill_to(hole, place);
        }
        self.asm.fill(hole);
        self.refund(rest);
        self.pass(state, &to);
        self.asm.jmp(place);
    }
    fn cold_call(&mut self, call: Call) {
        let Call { mut holes, straddles, op, rest, back, after, access, leaves } = call;
        if let Some((Straddle { hole, back, len }, state)) = straddles {
            self.asm.fill(hole);
            self.asm.mov(Size::W, Reg::RCX, Reg::RAX);
            self.asm.alu_imm(Alu::And, Size::W, Reg::RCX, 0xFFF);
            self.asm.alu_imm(Alu::Cmp, Size::W, Reg::RCX, 0x1000 - len);
            self.asm.jcc(Cond::BelowEqual, back);
            holes.push((self.asm.jmp_hole(), state));
        }
        let compares = holes[0].1.compares;
        self.store_held(holes);
        self.store_compares(&compares);
        if leaves {
            self.call(op, rest, access);
            self.refund(rest - 1);
            return self.jump(within_page(op.offset as i32 + 4));
        }
        // Values of compares that are no longer those of a register.
        let kept: Vec<usize> = (0..POOL.len())
            .filter(|&slot| after.held[slot].gprs == 0 && keeps(&after.compares, slot))
            .collect();
        let save = |slot: usize| frame(place::KEPT + 8 * slot as i32);
        kept.iter().for_each(|&slot| self.asm.store(Size::Q, save(slot), POOL[slot]));
        self.call(op, rest, access);
        kept.iter().for_each(|&slot| self.asm.load(Size::Q, POOL[slot], save(slot)));
        for (slot, held) in after.held.iter().enumerate() {
            if let Some(gpr) = bits(held.gprs).next() {
                self.asm.load(Size::Q, POOL[slot], home(gpr));
            }
        }
        self.asm.jmp(back);
    }
    /// From every hole to here, with the registers stored that were dirty there.
    fn store_held(&mut self, mut holes: Vec<(Hole, State)>) {
        let dirty = |state: &State| state.held.map(|slot| slot.dirty);
        let mut joins = vec![];
        while let Some(&(_, state)) = holes.first() {
            let alike = holes.extract_if(.., |(_, other)| dirty(other) == dirty(&state));
            alike.for_each(|(hole, _)| self.asm.fill(hole));
            self.store_state(&State { held: state.held, ..State::default() });
            if !holes.is_empty() {
                joins.push(self.asm.jmp_hole());
            }
        }
        joins.into_iter().for_each(|join| self.asm.fill(join));
    }
    /// `rest` instructions of the block are not executed.
    pub(super) fn refund(&mut self, rest: u32) {
        if rest != 0 {
            self.asm.alu_imm(Alu::Add, Size::Q, Reg::R14, rest as i32);
        }
    }
}
