//! A branch over one simple instruction that depends on one bit of a number
//! becomes a conditional move: the host's predictor seldom knows a bit of, say,
//! a checksum. Other branches mostly go one way, and predicted ones cost less.

use super::regs::{bits, slot_of};
use super::{Block, Op, branch, compare};
use crate::asm::{Alu, Cond, Reg, Size};
use isa::Word;

/// Host registers that such a pair asks for: the condition, the old value, and
/// what the instruction asks for with its result.
pub const ASKED: usize = 6;

/// Instructions that set the GPR `RT` (first list) or `RA` from GPRs and
/// immediates, and nothing else if neither Rc nor OE is set.
const TO_RT: &[&str] = &["addi", "addis", "add", "subf", "neg", "mulli"];
const TO_RA: &[&str] = &[
    "and", "andc", "or", "orc", "xor", "nand", "nor", "eqv", "ori", "oris", "xori", "xoris", "extsb",
    "extsh", "extsw", "rlwinm", "rldicl", "rldicr",
];

/// The GPR that `op` sets, if that is all it does.
fn target(op: &Op) -> Option<usize> {
    let (name, w) = (isa::rows()[op.id.0 as usize].name, op.word);
    let d_form = matches!(name, "addi" | "addis" | "mulli" | "ori" | "oris" | "xori" | "xoris");
    if !d_form && w.rc() || TO_RT.contains(&name) && !d_form && w.oe() {
        return None;
    }
    if TO_RT.contains(&name) {
        return Some(w.rt());
    }
    // A word rotated around the end of its mask is a call.
    let called = name == "rlwinm" && w.mb5() > w.me5();
    (TO_RA.contains(&name) && !called).then(|| w.ra())
}

/// Whether the branch `ops[i]` asks if a single bit is 0, as far as the last
/// instructions before it tell.
fn asks_for_a_bit(ops: &[Op], i: usize) -> bool {
    const EQ_OF_CR0: usize = 2;
    let name = |op: &Op| isa::rows()[op.id.0 as usize].name;
    let before = ops[..i].iter().rev().take(8);
    let mut setters = before.filter(|op| name(op).starts_with("and") || name(op).starts_with("cmp"));
    let setter = setters.find(|op| matches!(name(op), "andi" | "andis") || op.word.rc() || op.word.bf() == 0);
    ops[i].word.bi() == EQ_OF_CR0
        && setter.is_some_and(|op| matches!(name(op), "andi" | "andis") && op.word.ui().is_power_of_two())
}

/// The instructions of a block, one bit each, that are branches to convert.
pub fn conversions(ops: &[Op]) -> u64 {
    let leads = |op: &Op, to: &Op| op.way.forward == Some(to.offset);
    (0..ops.len().saturating_sub(2))
        .filter(|&i| {
            let (this, next, behind) = (&ops[i], &ops[i + 1], &ops[i + 2]);
            branch::only_tests(this.id, this.word)
                && next.offset == this.offset + 4
                && leads(this, behind)
                && asks_for_a_bit(ops, i)
                && target(next).is_some()
                && !ops[..i].iter().any(|op| leads(op, next))
        })
        .fold(0, |all, i| all | 1 << i)
}

impl Block<'_> {
    /// Whether the branch being emitted is one of [`conversions`].
    pub(super) fn converts(&self) -> bool {
        self.ahead.conversions >> self.index & 1 != 0
    }
    /// The next instruction is executed unless `w`, the branch being emitted, is taken.
    pub(super) fn convert(&mut self, w: Word) {
        let next = self.ops[self.index + 1];
        let Some(gpr) = target(&next) else { unreachable!("one of `conversions`") };
        // Flags that can be had again need not outlive the instruction.
        let early = self.compares[w.bi() >> 2].is_none().then(|| {
            let taken = branch::condition(self, w);
            self.asm.setcc(taken, Reg::RAX);
            let skipped = self.spare();
            self.asm.zero8(skipped, Reg::RAX);
            skipped
        });
        let old = self.get(gpr);
        self.regs.kept = slot_of(old);
        let inline = self.rows.0[next.id.0 as usize].emit.is_some_and(|emit| emit(self, next.word));
        assert!(inline, "an instruction to convert has an emitter for all its forms");
        self.regs.kept = None;
        let result = self.alone(gpr);
        let (taken, skipped) = match early {
            Some(skipped) => {
                self.asm.test(Size::W, skipped, skipped);
                (Cond::NotEqual, skipped)
            }
            None => {
                self.flags = None;
                let taken = branch::condition(self, w);
                self.asm.setcc(taken, Reg::RCX);
                (taken, Reg::RCX)
            }
        };
        self.asm.cmov(taken, result, old);
        if skipped == Reg::RCX {
            self.asm.zero8(Reg::RCX, Reg::RCX);
        }
        self.asm.alu(Alu::Add, Size::Q, Reg::R14, skipped);
        self.set(gpr, result);
        (self.consumed, self.derived) = (true, None);
    }
    /// GPR `gpr` in a register that nobody else needs.
    fn alone(&mut self, gpr: usize) -> Reg {
        let made = self.get(gpr);
        let slot = slot_of(made).expect("a register of the pool");
        if bits(self.regs.held[slot].gprs).count() == 1 && !compare::keeps(&self.compares, slot) {
            return made;
        }
        let result = self.spare();
        self.asm.mov(Size::Q, result, made);
        result
    }
}
