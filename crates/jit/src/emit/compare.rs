//! CR fields of compares. A field that another compare of the block sets again
//! is not stored: its operands are kept in host registers, and it is made from
//! them where somebody asks for it or control leaves the block.

use super::regs::{ASKED, POOL, slot_of};
use super::{Block, convert};
use crate::asm::{Alu, Cond, Reg, Size};
use crate::frame::place;
use crate::stubs::frame;

/// The right side of a compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// A host register, by its slot.
    Slot(u8),
    Imm(i32),
}

/// A compare whose CR field is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    pub size: Size,
    pub signed: bool,
    /// Slot of the left side.
    pub left: u8,
    pub right: Right,
}

impl Compare {
    /// The slots that it keeps.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        let right = match self.right {
            Right::Slot(slot) => Some(slot as usize),
            Right::Imm(_) => None,
        };
        std::iter::once(self.left as usize).chain(right)
    }
    /// Differs from `other` in its slots at most.
    pub fn is_like(&self, other: &Compare) -> bool {
        let right = match (self.right, other.right) {
            (Right::Imm(a), Right::Imm(b)) => a == b,
            (Right::Slot(_), Right::Slot(_)) => true,
            _ => false,
        };
        right && self.size == other.size && self.signed == other.signed
    }
}

/// By CR field.
pub type Compares = [Option<Compare>; 8];

/// Whether a compare needs what the slot holds.
pub fn keeps(compares: &Compares, slot: usize) -> bool {
    compares.iter().flatten().any(|compare| compare.slots().any(|kept| kept == slot))
}

/// A CR field whose order the host's flags hold.
#[derive(Clone, Copy)]
pub struct Flags {
    pub field: usize,
    pub signed: bool,
}

/// The slot of a register of the pool, as a compare keeps it.
fn slot(reg: Reg) -> Option<u8> {
    slot_of(reg).map(|slot| slot as u8)
}

impl Block<'_> {
    /// CR field `field` = the order of `left` and `right`.
    pub(super) fn compare(&mut self, field: usize, size: Size, signed: bool, left: Reg, right: Reg) {
        let kept = slot(left).zip(slot(right)).map(|(left, right)| (left, Right::Slot(right)));
        if !self.keep(field, size, signed, kept) {
            self.asm.alu(Alu::Cmp, size, left, right);
            self.set_cr(field, signed);
        }
    }
    /// CR field `field` = the order of `left` and `value`.
    pub(super) fn compare_with(&mut self, field: usize, size: Size, signed: bool, left: Reg, value: i32) {
        if !self.keep(field, size, signed, slot(left).map(|left| (left, Right::Imm(value)))) {
            self.compare_flags(size, left, value);
            self.set_cr(field, signed);
        }
    }
    fn compare_flags(&mut self, size: Size, left: Reg, value: i32) {
        if value == 0 {
            self.asm.test(size, left, left);
        } else {
            self.asm.alu_imm(Alu::Cmp, size, left, value);
        }
    }
    /// Keeps the operands alone if the field will be set again; whoever asks
    /// for it compares then.
    fn keep(&mut self, field: usize, size: Size, signed: bool, operands: Option<(u8, Right)>) -> bool {
        let Some((left, right)) = operands.filter(|_| self.rewritten() >> field & 1 != 0) else {
            return false;
        };
        self.written |= 1 << field;
        self.compares[field] = Some(Compare { size, signed, left, right });
        true
    }
    /// CR fields that a later instruction sets before anybody asks for them.
    fn rewritten(&self) -> u8 {
        self.ahead.dead[self.index]
    }

    /// Stores the order that the host's flags hold to a CR field. The flags stay.
    pub(super) fn set_cr(&mut self, field: usize, signed: bool) {
        self.written |= 1 << field;
        self.compares[field] = None;
        self.store_order(field, signed);
        self.new_flags = Some(Flags { field, signed });
    }
    fn store_order(&mut self, field: usize, signed: bool) {
        let (less, greater) = if signed { (Cond::Less, Cond::Greater) } else { (Cond::Below, Cond::Above) };
        self.asm.load(Size::W, Reg::RAX, frame(place::EQUAL));
        self.asm.cmov_load(less, Reg::RAX, frame(place::LESS));
        self.asm.cmov_load(greater, Reg::RAX, frame(place::GREATER));
        self.asm.store8(frame(place::CR + field as i32), Reg::RAX);
    }
    /// CR field `field` = equal. `reg` holds some value.
    pub(super) fn always_equal(&mut self, field: usize, reg: Reg) {
        if !self.keep(field, Size::Q, true, slot(reg).map(|slot| (slot, Right::Slot(slot)))) {
            self.asm.load(Size::W, Reg::RAX, frame(place::EQUAL));
            self.asm.store8(frame(place::CR + field as i32), Reg::RAX);
            self.sets_cr(field);
        }
    }
    /// CR field `field` was set in memory.
    pub(super) fn sets_cr(&mut self, field: usize) {
        self.written |= 1 << field;
        self.compares[field] = None;
    }
    /// The same if the host's flags are those of `result`, of a logic operation.
    pub(super) fn record_logic(&mut self, record: bool, result: Reg) {
        if !record {
            return;
        }
        if self.keep(0, Size::Q, true, slot(result).map(|left| (left, Right::Imm(0)))) {
            self.new_flags = Some(Flags { field: 0, signed: true });
        } else {
            self.set_cr(0, true);
        }
    }
    /// CR0 of a result, if `record`.
    pub(super) fn record(&mut self, record: bool, result: Reg) {
        if record {
            self.compare_with(0, Size::Q, true, result, 0);
        }
    }

    /// Host flags of a compare that is kept.
    fn compare_again(&mut self, compare: &Compare) {
        let left = POOL[compare.left as usize];
        match compare.right {
            Right::Slot(right) => self.asm.alu(Alu::Cmp, compare.size, left, POOL[right as usize]),
            Right::Imm(value) => self.compare_flags(compare.size, left, value),
        }
    }
    /// Stores the CR fields of `compares`. RAX and the flags are lost.
    pub(super) fn store_compares(&mut self, compares: &Compares) {
        for (field, compare) in compares.iter().enumerate() {
            if let Some(compare) = compare {
                self.compare_again(compare);
                self.store_order(field, compare.signed);
            }
        }
    }
    /// CR fields of `mask` (bit 0 is field 0) are in memory from here on.
    /// RAX and the flags are lost.
    pub(super) fn settle(&mut self, mask: u8) {
        self.asked |= mask;
        for field in (0..8).filter(|field| mask >> field & 1 != 0) {
            self.store_kept(field);
        }
    }
    fn store_kept(&mut self, field: usize) {
        if let Some(compare) = self.compares[field].take() {
            self.compare_again(&compare);
            self.store_order(field, compare.signed);
            self.flags = None;
        }
    }
    /// Leaves enough registers to the next instruction.
    pub(super) fn keep_few(&mut self) {
        for field in 0..8 {
            let kept = (0..POOL.len()).filter(|&slot| keeps(&self.compares, slot)).count();
            let asked = if self.converts() { convert::ASKED } else { ASKED };
            if kept + asked <= POOL.len() {
                break;
            }
            self.store_kept(field);
        }
    }

    /// The host's condition for "CR bit `bit` (IBM number) is set", and the
    /// code for it. RAX is lost.
    pub(super) fn cr_bit_is_set(&mut self, bit: usize) -> Cond {
        let (field, bit) = (bit >> 2, bit & 3);
        let order = |signed: bool| match (bit, signed) {
            (0, true) => Some(Cond::Less),
            (0, false) => Some(Cond::Below),
            (1, true) => Some(Cond::Greater),
            (1, false) => Some(Cond::Above),
            (2, _) => Some(Cond::Equal),
            _ => None,
        };
        if let Some(flags) = self.flags.filter(|flags| flags.field == field)
            && let Some(cond) = order(flags.signed)
        {
            return cond;
        }
        if let Some(compare) = self.compares[field]
            && let Some(cond) = order(compare.signed)
        {
            self.compare_again(&compare);
            self.flags = Some(Flags { field, signed: compare.signed });
            return cond;
        }
        if bit == 3 {
            self.settle(1 << field);
        }
        self.flags = None;
        self.asm.test8_mem_imm(frame(place::CR + field as i32), 8 >> bit);
        Cond::NotEqual
    }
}
