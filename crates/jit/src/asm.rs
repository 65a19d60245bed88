//! An encoder for the x86-64 instructions that blocks are made of.
//!
//! Own, because a block is emitted while the guest waits for it: a library
//! with operand objects costs a hundred times as much a block (iced-x86), and
//! the fast one (dynasmrt) has a licence that deny.toml does not allow.
//! Encodings: AMD64 Architecture Programmer's Manual, volume 3.

mod vex;

pub use vex::{Rm, Vex, op};

/// A 64-bit general-purpose register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(pub u8);

#[allow(missing_docs)]
impl Reg {
    pub const RAX: Reg = Reg(0);
    pub const RCX: Reg = Reg(1);
    pub const RDX: Reg = Reg(2);
    pub const RBX: Reg = Reg(3);
    pub const RSP: Reg = Reg(4);
    pub const RBP: Reg = Reg(5);
    pub const RSI: Reg = Reg(6);
    pub const RDI: Reg = Reg(7);
    pub const R8: Reg = Reg(8);
    pub const R9: Reg = Reg(9);
    pub const R10: Reg = Reg(10);
    pub const R11: Reg = Reg(11);
    pub const R12: Reg = Reg(12);
    pub const R13: Reg = Reg(13);
    pub const R14: Reg = Reg(14);
    pub const R15: Reg = Reg(15);
}

/// `[base + index + disp]`.
#[derive(Clone, Copy, Debug)]
pub struct Mem {
    base: Reg,
    index: Option<Reg>,
    disp: i32,
}

/// `[base + disp]`.
pub fn at(base: Reg, disp: i32) -> Mem {
    Mem { base, index: None, disp }
}
/// `[base + index + disp]`; the index is not RSP.
pub fn indexed(base: Reg, index: Reg, disp: i32) -> Mem {
    debug_assert_ne!(index, Reg::RSP);
    Mem { base, index: Some(index), disp }
}

/// Width of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 32 bits; the upper half of a register becomes 0.
    W,
    /// 64 bits.
    Q,
}

/// Two-operand arithmetic, by its number in the opcode map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Alu {
    Add = 0,
    Or = 1,
    Adc = 2,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts and rotates by a constant, by their number in group 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shift {
    Rol = 0,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// Conditions, by their number in `jcc`, `setcc` and `cmovcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cond {
    Below = 2,
    AboveEqual = 3,
    Equal = 4,
    NotEqual = 5,
    BelowEqual = 6,
    Above = 7,
    Sign = 8,
    NotSign = 9,
    Parity = 10,
    NotParity = 11,
    Less = 12,
    GreaterEqual = 13,
    LessEqual = 14,
    Greater = 15,
}

impl Cond {
    /// The condition that holds when this one does not.
    pub fn negated(self) -> Cond {
        use Cond::*;
        match self {
            Below => AboveEqual,
            AboveEqual => Below,
            Equal => NotEqual,
            NotEqual => Equal,
            BelowEqual => Above,
            Above => BelowEqual,
            Sign => NotSign,
            NotSign => Sign,
            Parity => NotParity,
            NotParity => Parity,
            Less => GreaterEqual,
            GreaterEqual => Less,
            LessEqual => Greater,
            Greater => LessEqual,
        }
    }
}

/// Where a 32-bit displacement is still to be filled in.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Hole(pub usize);

/// Code being emitted for the place `origin` of the code buffer.
#[derive(Debug, Default)]
pub struct Asm {
    bytes: Vec<u8>,
    origin: usize,
}

impl Asm {
    /// Starts anew at a place of the code buffer.
    pub fn restart(&mut self, origin: usize) {
        self.bytes.clear();
        self.origin = origin;
    }
    /// What was emitted.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// The place in the code buffer of what is emitted next.
    pub fn here(&self) -> usize {
        self.origin + self.bytes.len()
    }

    pub(crate) fn byte(&mut self, b: u8) {
        self.bytes.push(b);
    }
    fn imm32(&mut self, v: i32) {
        self.bytes.extend_from_slice(&v.to_le_bytes());
    }
    /// `prefix`, REX, `map` (0x0F bytes), opcode, ModRM of two registers.
    pub(crate) fn rr(&mut self, size: Size, map: &[u8], opcode: u8, reg: Reg, rm: Reg) {
        self.rex(size, reg, None, rm, false);
        self.bytes.extend_from_slice(map);
        self.byte(opcode);
        self.byte(0xC0 | (reg.0 & 7) << 3 | rm.0 & 7);
    }
    fn rex(&mut self, size: Size, reg: Reg, index: Option<Reg>, base: Reg, force: bool) {
        let w = u8::from(size == Size::Q) << 3;
        let x = index.map_or(0, |i| i.0 >> 3) << 1;
        let rex = 0x40 | w | (reg.0 >> 3) << 2 | x | base.0 >> 3;
        if rex != 0x40 || force {
            self.byte(rex);
        }
    }
    pub(crate) fn rm(&mut self, size: Size, map: &[u8], opcode: u8, reg: Reg, m: Mem) {
        self.rex(size, reg, m.index, m.base, false);
        self.bytes.extend_from_slice(map);
        self.byte(opcode);
        self.operand(reg, m);
    }
    /// ModRM, SIB and displacement of a memory operand.
    fn operand(&mut self, reg: Reg, m: Mem) {
        let base = m.base.0 & 7;
        let short = i8::try_from(m.disp).is_ok();
        let mode = match (m.disp, short) {
            (0, _) if base != 5 => 0,
            (_, true) => 0x40,
            _ => 0x80,
        };
        let field = (reg.0 & 7) << 3;
        match m.index {
            Some(index) => {
                self.byte(mode | field | 4);
                self.byte((index.0 & 7) << 3 | base);
            }
            None if base == 4 => {
                self.byte(mode | field | 4);
                self.byte(0x24);
            }
            None => self.byte(mode | field | base),
        }
        match mode {
            0x40 => self.byte(m.disp as u8),
            0x80 => self.imm32(m.disp),
            _ => {}
        }
    }

    /// `d = s`
    pub fn mov(&mut self, size: Size, d: Reg, s: Reg) {
        self.rr(size, &[], 0x8B, d, s);
    }
    /// `d = s`, unless they are the same.
    pub fn copy(&mut self, d: Reg, s: Reg) {
        if d != s {
            self.mov(Size::Q, d, s);
        }
    }
    /// `d = value`, in the shortest form.
    pub fn mov_imm(&mut self, d: Reg, value: u64) {
        if let Ok(small) = u32::try_from(value) {
            self.rex(Size::W, Reg::RAX, None, d, false);
            self.byte(0xB8 | d.0 & 7);
            self.imm32(small as i32);
        } else if i32::try_from(value as i64).is_ok() {
            self.rex(Size::Q, Reg::RAX, None, d, false);
            self.byte(0xC7);
            self.byte(0xC0 | d.0 & 7);
            self.imm32(value as i32);
        } else {
            self.rex(Size::Q, Reg::RAX, None, d, false);
            self.byte(0xB8 | d.0 & 7);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    /// `d = [m]`
    pub fn load(&mut self, size: Size, d: Reg, m: Mem) {
        self.rm(size, &[], 0x8B, d, m);
    }
    /// `[m] = s`
    pub fn store(&mut self, size: Size, m: Mem, s: Reg) {
        self.rm(size, &[], 0x89, s, m);
    }
    /// `[m] = low 8 bits of s`
    pub fn store8(&mut self, m: Mem, s: Reg) {
        self.rex(Size::W, s, m.index, m.base, s.0 >= 4);
        self.byte(0x88);
        self.operand(s, m);
    }
    /// `[m] = low 16 bits of s`
    pub fn store16(&mut self, m: Mem, s: Reg) {
        self.byte(0x66);
        self.rm(Size::W, &[], 0x89, s, m);
    }
    /// `[m] = value`, 8 bits.
    pub fn store_imm8(&mut self, m: Mem, value: u8) {
        self.rm(Size::W, &[], 0xC6, Reg(0), m);
        self.byte(value);
    }
    /// `[m] = value`, 16 bits.
    pub fn store_imm16(&mut self, m: Mem, value: u16) {
        self.byte(0x66);
        self.rm(Size::W, &[], 0xC7, Reg(0), m);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }
    /// `[m] = value`, 32 bits.
    pub fn store_imm32(&mut self, m: Mem, value: i32) {
        self.rm(Size::W, &[], 0xC7, Reg(0), m);
        self.imm32(value);
    }
    /// `[m] = value`, sign-extended to 64 bits.
    pub fn store_imm64(&mut self, m: Mem, value: i32) {
        self.rm(Size::Q, &[], 0xC7, Reg(0), m);
        self.imm32(value);
    }
    /// `d = zero-extended byte`
    pub fn load8z(&mut self, d: Reg, m: Mem) {
        self.rm(Size::W, &[0x0F], 0xB6, d, m);
    }
    /// `d = zero-extended halfword`
    pub fn load16z(&mut self, d: Reg, m: Mem) {
        self.rm(Size::W, &[0x0F], 0xB7, d, m);
    }
    /// `d = sign-extended halfword`
    pub fn load16s(&mut self, d: Reg, m: Mem) {
        self.rm(Size::Q, &[0x0F], 0xBF, d, m);
    }
    /// `d = sign-extended word`
    pub fn load32s(&mut self, d: Reg, m: Mem) {
        self.rm(Size::Q, &[], 0x63, d, m);
    }
    /// `d = zero-extended low byte of s`
    pub fn zero8(&mut self, d: Reg, s: Reg) {
        self.rex(Size::W, d, None, s, s.0 >= 4);
        self.bytes.extend_from_slice(&[0x0F, 0xB6, 0xC0 | (d.0 & 7) << 3 | s.0 & 7]);
    }
    /// `d = zero-extended low halfword of s`
    pub fn zero16(&mut self, d: Reg, s: Reg) {
        self.rr(Size::W, &[0x0F], 0xB7, d, s);
    }
    /// `d = sign-extended low byte of s`
    pub fn sign8(&mut self, d: Reg, s: Reg) {
        self.rr(Size::Q, &[0x0F], 0xBE, d, s);
    }
    /// `d = sign-extended low halfword of s`
    pub fn sign16(&mut self, d: Reg, s: Reg) {
        self.rr(Size::Q, &[0x0F], 0xBF, d, s);
    }
    /// `d = sign-extended low word of s`
    pub fn sign32(&mut self, d: Reg, s: Reg) {
        self.rr(Size::Q, &[], 0x63, d, s);
    }
    /// `d = address`
    pub fn lea(&mut self, d: Reg, m: Mem) {
        self.rm(Size::Q, &[], 0x8D, d, m);
    }
    /// `d op= s`
    pub fn alu(&mut self, op: Alu, size: Size, d: Reg, s: Reg) {
        self.rr(size, &[], (op as u8) << 3 | 3, d, s);
    }
    /// `d op= [m]`
    pub fn alu_load(&mut self, op: Alu, size: Size, d: Reg, m: Mem) {
        self.rm(size, &[], (op as u8) << 3 | 3, d, m);
    }
    /// `d op= value`, sign-extended.
    pub fn alu_imm(&mut self, op: Alu, size: Size, d: Reg, value: i32) {
        let short = i8::try_from(value).is_ok();
        self.rr(size, &[], if short { 0x83 } else { 0x81 }, Reg(op as u8), d);
        if short { self.byte(value as u8) } else { self.imm32(value) }
    }
    /// Flags of the 32 bits at `m` against `value`, which takes the last four bytes.
    pub fn cmp_mem_imm32(&mut self, m: Mem, value: u32) {
        self.rm(Size::W, &[], 0x81, Reg(7), m);
        self.imm32(value as i32);
    }
    /// `[m] op= value`, sign-extended.
    pub fn alu_mem_imm(&mut self, op: Alu, size: Size, m: Mem, value: i32) {
        let short = i8::try_from(value).is_ok();
        self.rm(size, &[], if short { 0x83 } else { 0x81 }, Reg(op as u8), m);
        if short { self.byte(value as u8) } else { self.imm32(value) }
    }
    /// Flags of the byte at `m` against `value`.
    pub fn cmp8_mem_imm(&mut self, m: Mem, value: u8) {
        self.rm(Size::W, &[], 0x80, Reg(7), m);
        self.byte(value);
    }
    /// Flags of the byte at `m` and `value`.
    pub fn test8_mem_imm(&mut self, m: Mem, value: u8) {
        self.rm(Size::W, &[], 0xF6, Reg(0), m);
        self.byte(value);
    }
    /// Flags of `a & b`.
    pub fn test(&mut self, size: Size, a: Reg, b: Reg) {
        self.rr(size, &[], 0x85, b, a);
    }
    /// Flags of `a & value`, the lower half.
    pub fn test_imm(&mut self, a: Reg, value: u32) {
        self.rr(Size::W, &[], 0xF7, Reg(0), a);
        self.imm32(value as i32);
    }
    /// `d <<= n` and the like.
    pub fn shift(&mut self, op: Shift, size: Size, d: Reg, n: u32) {
        self.rr(size, &[], 0xC1, Reg(op as u8), d);
        self.byte(n as u8);
    }
    /// `d = s shifted by count`, modulo the size; no flags (BMI2).
    pub fn shift_by(&mut self, op: Shift, size: Size, d: Reg, s: Reg, count: Reg) {
        let pp = match op {
            Shift::Shl => 1,
            Shift::Sar => 2,
            Shift::Shr => 3,
            Shift::Rol => unreachable!("has no such form"),
        };
        self.vex(size, pp, d, count, s, 0xF7);
    }
    /// A three-operand instruction of map 0F38 with prefix `pp`.
    fn vex(&mut self, size: Size, pp: u8, reg: Reg, v: Reg, rm: Reg, opcode: u8) {
        self.byte(0xC4);
        self.byte((!reg.0 >> 3 & 1) << 7 | 0x40 | (!rm.0 >> 3 & 1) << 5 | 2);
        self.byte(u8::from(size == Size::Q) << 7 | (!v.0 & 15) << 3 | pp);
        self.byte(opcode);
        self.byte(0xC0 | (reg.0 & 7) << 3 | rm.0 & 7);
    }
    /// `d` = the bits of `s` under `mask`, packed (BMI2).
    pub fn pext(&mut self, d: Reg, s: Reg, mask: Reg) {
        self.vex(Size::Q, 2, d, s, mask, 0xF5);
    }
    /// `d *= s`, signed.
    pub fn imul(&mut self, size: Size, d: Reg, s: Reg) {
        self.rr(size, &[0x0F], 0xAF, d, s);
    }
    /// `d = s * value`.
    pub fn imul_imm(&mut self, d: Reg, s: Reg, value: i32) {
        self.rr(Size::Q, &[], 0x69, d, s);
        self.imm32(value);
    }
    /// `RDX:RAX = RAX * s`, unsigned or signed.
    pub fn mul_wide(&mut self, signed: bool, s: Reg) {
        self.rr(Size::Q, &[], 0xF7, Reg(if signed { 5 } else { 4 }), s);
    }
    /// `d = -d`
    pub fn neg(&mut self, size: Size, d: Reg) {
        self.rr(size, &[], 0xF7, Reg(3), d);
    }
    /// `d = !d`
    pub fn not(&mut self, d: Reg) {
        self.rr(Size::Q, &[], 0xF7, Reg(2), d);
    }
    /// Reverses the bytes.
    pub fn bswap(&mut self, size: Size, d: Reg) {
        self.rex(size, Reg(0), None, d, false);
        self.byte(0x0F);
        self.byte(0xC8 | d.0 & 7);
    }
    fn counted(&mut self, size: Size, opcode: u8, d: Reg, s: Reg) {
        self.byte(0xF3);
        self.rr(size, &[0x0F], opcode, d, s);
    }
    /// Leading zeros (LZCNT).
    pub fn lzcnt(&mut self, size: Size, d: Reg, s: Reg) {
        self.counted(size, 0xBD, d, s);
    }
    /// Trailing zeros (BMI1).
    pub fn tzcnt(&mut self, size: Size, d: Reg, s: Reg) {
        self.counted(size, 0xBC, d, s);
    }
    /// Ones (POPCNT).
    pub fn popcnt(&mut self, size: Size, d: Reg, s: Reg) {
        self.counted(size, 0xB8, d, s);
    }
    /// `d = s` if the condition holds.
    pub fn cmov(&mut self, c: Cond, d: Reg, s: Reg) {
        self.rr(Size::Q, &[0x0F], 0x40 | c as u8, d, s);
    }
    /// `d = [m]`, 32 bits, if the condition holds.
    pub fn cmov_load(&mut self, c: Cond, d: Reg, m: Mem) {
        self.rm(Size::W, &[0x0F], 0x40 | c as u8, d, m);
    }
    /// Low byte of `d` = the condition.
    pub fn setcc(&mut self, c: Cond, d: Reg) {
        self.rex(Size::W, Reg(0), None, d, d.0 >= 4);
        self.bytes.extend_from_slice(&[0x0F, 0x90 | c as u8, 0xC0 | d.0 & 7]);
    }
    /// The byte at `m` = the condition.
    pub fn setcc_mem(&mut self, c: Cond, m: Mem) {
        self.rm(Size::W, &[0x0F], 0x90 | c as u8, Reg(0), m);
    }
    /// Carry flag = bit `n` of a word.
    pub fn bt(&mut self, r: Reg, n: u8) {
        self.rr(Size::W, &[0x0F], 0xBA, Reg(4), r);
        self.byte(n);
    }
    /// Carry flag = 1.
    pub fn stc(&mut self) {
        self.byte(0xF9);
    }
    /// `push`
    pub fn push(&mut self, r: Reg) {
        self.rex(Size::W, Reg(0), None, r, false);
        self.byte(0x50 | r.0 & 7);
    }
    /// `push value`, sign-extended.
    pub fn push_imm(&mut self, value: i8) {
        self.bytes.extend_from_slice(&[0x6A, value as u8]);
    }
    /// `pop`
    pub fn pop(&mut self, r: Reg) {
        self.rex(Size::W, Reg(0), None, r, false);
        self.byte(0x58 | r.0 & 7);
    }
    /// `ret`
    pub fn ret(&mut self) {
        self.byte(0xC3);
    }
    /// Jump to the address in a register.
    pub fn jmp_reg(&mut self, r: Reg) {
        self.rr(Size::W, &[], 0xFF, Reg(4), r);
    }
    /// Call of the address in memory.
    pub fn call_mem(&mut self, m: Mem) {
        self.rm(Size::W, &[], 0xFF, Reg(2), m);
    }
    fn to(&mut self, target: usize) {
        let next = self.here() + 4;
        self.imm32(target.wrapping_sub(next) as i32);
    }
    /// Call of a place in the buffer.
    pub fn call(&mut self, target: usize) {
        self.byte(0xE8);
        self.to(target);
    }
    /// Call of a place that is not known yet.
    pub fn call_hole(&mut self) -> Hole {
        self.call(0);
        Hole(self.here() - 4)
    }
    /// Jump to a place in the buffer.
    pub fn jmp(&mut self, target: usize) {
        self.byte(0xE9);
        self.to(target);
    }
    /// Conditional jump to a place in the buffer.
    pub fn jcc(&mut self, c: Cond, target: usize) {
        self.bytes.extend_from_slice(&[0x0F, 0x80 | c as u8]);
        self.to(target);
    }
    /// Jump to a place that is not known yet.
    pub fn jmp_hole(&mut self) -> Hole {
        self.jmp(0);
        Hole(self.here() - 4)
    }
    /// Conditional jump to a place that is not known yet.
    pub fn jcc_hole(&mut self, c: Cond) -> Hole {
        self.jcc(c, 0);
        Hole(self.here() - 4)
    }
    /// The hole leads here.
    pub fn fill(&mut self, hole: Hole) {
        let target = self.here();
        self.fill_to(hole, target);
    }
    /// The hole leads to a place in the buffer.
    pub fn fill_to(&mut self, hole: Hole, target: usize) {
        let displacement = displacement(hole.0, target);
        let at = hole.0 - self.origin;
        self.bytes[at..at + 4].copy_from_slice(&displacement);
    }
}

/// The bytes at place `hole` that make its jump lead to `target`.
pub fn displacement(hole: usize, target: usize) -> [u8; 4] {
    (target.wrapping_sub(hole + 4) as i32).to_le_bytes()
}
