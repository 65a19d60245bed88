//! Instructions on XMM registers in their VEX form: three operands, the upper
//! halves become 0, and nothing that a mix with legacy forms would cost.

use super::{Asm, Mem, Reg, Size};
use crate::xmm::Xmm;

/// An instruction: opcode map (1 `0F`, 2 `0F38`, 3 `0F3A`), mandatory prefix
/// (0 none, 1 `66`, 2 `F3`, 3 `F2`), W, opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vex {
    map: u8,
    prefix: u8,
    wide: bool,
    opcode: u8,
}

const fn vex(map: u8, prefix: u8, opcode: u8) -> Vex {
    Vex { map, prefix, wide: false, opcode }
}
const fn wide(map: u8, prefix: u8, opcode: u8) -> Vex {
    Vex { map, prefix, wide: true, opcode }
}

/// The last operand: a register of either kind, or memory.
#[derive(Clone, Copy, Debug)]
pub enum Rm {
    Xmm(Xmm),
    Reg(Reg),
    Mem(Mem),
}
impl Vex {
    /// The mandatory prefix tells precisions apart.
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}
impl From<Xmm> for Rm {
    fn from(x: Xmm) -> Rm {
        Rm::Xmm(x)
    }
}
impl From<Reg> for Rm {
    fn from(r: Reg) -> Rm {
        Rm::Reg(r)
    }
}
impl From<Mem> for Rm {
    fn from(m: Mem) -> Rm {
        Rm::Mem(m)
    }
}

/// The instructions, by their mnemonics without the `v`.
#[allow(missing_docs)]
pub mod op {
    use super::{Vex, vex, wide};
    pub const MOVSD_LOAD: Vex = vex(1, 3, 0x10);
    pub const MOVSD_STORE: Vex = vex(1, 3, 0x11);
    pub const MOVSS_LOAD: Vex = vex(1, 2, 0x10);
    pub const MOVUPS_LOAD: Vex = vex(1, 0, 0x10);
    pub const MOVUPS_STORE: Vex = vex(1, 0, 0x11);
    pub const MOVAPS: Vex = vex(1, 0, 0x28);
    /// XMM from a 64-bit register.
    pub const MOVQ_FROM: Vex = wide(1, 1, 0x6E);
    /// To a 64-bit register, which is the last operand.
    pub const MOVQ_TO: Vex = wide(1, 1, 0x7E);

    pub const ADDSD: Vex = vex(1, 3, 0x58);
    pub const MULSD: Vex = vex(1, 3, 0x59);
    pub const SUBSD: Vex = vex(1, 3, 0x5C);
    pub const DIVSD: Vex = vex(1, 3, 0x5E);
    pub const SQRTSD: Vex = vex(1, 3, 0x51);
    pub const FMADD231SD: Vex = wide(2, 1, 0xB9);
    pub const FMSUB231SD: Vex = wide(2, 1, 0xBB);
    pub const ROUNDSD: Vex = vex(3, 1, 0x0B);
    pub const UCOMISD: Vex = vex(1, 1, 0x2E);
    pub const CVTSD2SS: Vex = vex(1, 3, 0x5A);
    pub const CVTSS2SD: Vex = vex(1, 2, 0x5A);
    pub const CVTSI2SD: Vex = wide(1, 3, 0x2A);
    pub const CVTSI2SS: Vex = wide(1, 2, 0x2A);
    /// To a 64-bit register.
    pub const CVTTSD2SI: Vex = wide(1, 3, 0x2C);

    /// To a 32-bit register.
    pub const CVTTSD2SI_W: Vex = vex(1, 3, 0x2C);

    pub const ADDPS: Vex = vex(1, 0, 0x58);
    pub const MULPS: Vex = vex(1, 0, 0x59);
    pub const SUBPS: Vex = vex(1, 0, 0x5C);
    pub const DIVPS: Vex = vex(1, 0, 0x5E);
    pub const SQRTPS: Vex = vex(1, 0, 0x51);
    pub const FMADD231PS: Vex = vex(2, 1, 0xB8);
    pub const FMSUB231PS: Vex = vex(2, 1, 0xBA);
    pub const CMPPS: Vex = vex(1, 0, 0xC2);
    pub const ADDPD: Vex = vex(1, 1, 0x58);
    pub const MULPD: Vex = vex(1, 1, 0x59);
    pub const SUBPD: Vex = vex(1, 1, 0x5C);
    pub const DIVPD: Vex = vex(1, 1, 0x5E);
    pub const SQRTPD: Vex = vex(1, 1, 0x51);
    pub const FMADD231PD: Vex = wide(2, 1, 0xB8);
    pub const FMSUB231PD: Vex = wide(2, 1, 0xBA);
    pub const CMPPD: Vex = vex(1, 1, 0xC2);
    pub const CVTDQ2PS: Vex = vex(1, 0, 0x5B);
    pub const CVTTPS2DQ: Vex = vex(1, 2, 0x5B);
    /// ZF: no sign bit is set in both operands.
    pub const TESTPS: Vex = vex(2, 1, 0x0E);
    pub const TESTPD: Vex = vex(2, 1, 0x0F);

    pub const PAND: Vex = vex(1, 1, 0xDB);
    /// Not the second and the third.
    pub const PANDN: Vex = vex(1, 1, 0xDF);
    pub const POR: Vex = vex(1, 1, 0xEB);
    pub const PXOR: Vex = vex(1, 1, 0xEF);
    pub const PADDB: Vex = vex(1, 1, 0xFC);
    pub const PADDW: Vex = vex(1, 1, 0xFD);
    pub const PADDD: Vex = vex(1, 1, 0xFE);
    pub const PADDQ: Vex = vex(1, 1, 0xD4);
    pub const PSUBB: Vex = vex(1, 1, 0xF8);
    pub const PSUBW: Vex = vex(1, 1, 0xF9);
    pub const PSUBD: Vex = vex(1, 1, 0xFA);
    pub const PSUBQ: Vex = vex(1, 1, 0xFB);
    pub const PMULLD: Vex = vex(2, 1, 0x40);
    pub const PAVGB: Vex = vex(1, 1, 0xE0);
    pub const PAVGW: Vex = vex(1, 1, 0xE3);
    pub const PMAXUB: Vex = vex(1, 1, 0xDE);
    pub const PMAXUW: Vex = vex(2, 1, 0x3E);
    pub const PMAXUD: Vex = vex(2, 1, 0x3F);
    pub const PMAXSB: Vex = vex(2, 1, 0x3C);
    pub const PMAXSW: Vex = vex(1, 1, 0xEE);
    pub const PMAXSD: Vex = vex(2, 1, 0x3D);
    pub const PMINUB: Vex = vex(1, 1, 0xDA);
    pub const PMINUW: Vex = vex(2, 1, 0x3A);
    pub const PMINUD: Vex = vex(2, 1, 0x3B);
    pub const PMINSB: Vex = vex(2, 1, 0x38);
    pub const PMINSW: Vex = vex(1, 1, 0xEA);
    pub const PMINSD: Vex = vex(2, 1, 0x39);
    pub const PCMPEQB: Vex = vex(1, 1, 0x74);
    pub const PCMPEQW: Vex = vex(1, 1, 0x75);
    pub const PCMPEQD: Vex = vex(1, 1, 0x76);
    pub const PCMPEQQ: Vex = vex(2, 1, 0x29);
    pub const PCMPGTB: Vex = vex(1, 1, 0x64);
    pub const PCMPGTW: Vex = vex(1, 1, 0x65);
    pub const PCMPGTD: Vex = vex(1, 1, 0x66);
    pub const PCMPGTQ: Vex = vex(2, 1, 0x37);
    pub const PSLLVD: Vex = vex(2, 1, 0x47);
    pub const PSLLVQ: Vex = wide(2, 1, 0x47);
    pub const PSRLVD: Vex = vex(2, 1, 0x45);
    pub const PSRLVQ: Vex = wide(2, 1, 0x45);
    pub const PSRAVD: Vex = vex(2, 1, 0x46);
    pub const PSHUFD: Vex = vex(1, 1, 0x70);
    pub const PSHUFB: Vex = vex(2, 1, 0x00);
    pub const PALIGNR: Vex = vex(3, 1, 0x0F);
    pub const SHUFPD: Vex = vex(1, 1, 0xC6);
    /// The mask is the register in the immediate.
    pub const PBLENDVB: Vex = vex(3, 1, 0x4C);
    pub const PUNPCKLBW: Vex = vex(1, 1, 0x60);
    pub const PUNPCKLWD: Vex = vex(1, 1, 0x61);
    pub const PUNPCKLDQ: Vex = vex(1, 1, 0x62);
    pub const PUNPCKLQDQ: Vex = vex(1, 1, 0x6C);
    pub const PUNPCKHBW: Vex = vex(1, 1, 0x68);
    pub const PUNPCKHWD: Vex = vex(1, 1, 0x69);
    pub const PUNPCKHDQ: Vex = vex(1, 1, 0x6A);
    /// Immediate shifts of group 14; the register field says which.
    pub const SHIFT_Q: Vex = vex(1, 1, 0x73);
    /// The same of group 12.
    pub const SHIFT_W: Vex = vex(1, 1, 0x71);
    /// The same of group 13.
    pub const SHIFT_D: Vex = vex(1, 1, 0x72);
    /// To a general register: the first bits of all bytes.
    pub const PMOVMSKB: Vex = vex(1, 1, 0xD7);
    pub const PACKUSWB: Vex = vex(1, 1, 0x67);
    pub const PACKUSDW: Vex = vex(2, 1, 0x2B);
    pub const SHUFPS: Vex = vex(1, 0, 0xC6);
    pub const PMOVSXBW: Vex = vex(2, 1, 0x20);
    pub const PMOVSXWD: Vex = vex(2, 1, 0x23);
    pub const PMOVSXDQ: Vex = vex(2, 1, 0x25);
    pub const PMULUDQ: Vex = vex(1, 1, 0xF4);
    pub const PMULDQ: Vex = vex(2, 1, 0x28);
    pub const PMULLW: Vex = vex(1, 1, 0xD5);
    pub const PBLENDD: Vex = vex(3, 1, 0x02);
    pub const PBROADCASTB: Vex = vex(2, 1, 0x78);
    pub const PBROADCASTW: Vex = vex(2, 1, 0x79);
    pub const CVTDQ2PD: Vex = vex(1, 2, 0xE6);
    pub const CVTPS2PD: Vex = vex(1, 0, 0x5A);
}

impl Asm {
    fn encode(&mut self, op: Vex, reg: u8, second: u8, rm: Rm) {
        let (index, base) = match rm {
            Rm::Xmm(x) => (0, x.0),
            Rm::Reg(r) => (0, r.0),
            Rm::Mem(m) => (m.index.map_or(0, |i| i.0), m.base.0),
        };
        let (r, x, b) = (!reg >> 3 & 1, !index >> 3 & 1, !base >> 3 & 1);
        let last = (!second & 15) << 3 | op.prefix;
        if op.map == 1 && !op.wide && x == 1 && b == 1 {
            self.byte(0xC5);
            self.byte(r << 7 | last);
        } else {
            self.byte(0xC4);
            self.byte(r << 7 | x << 6 | b << 5 | op.map);
            self.byte(u8::from(op.wide) << 7 | last);
        }
        self.byte(op.opcode);
        match rm {
            Rm::Mem(m) => self.operand(Reg(reg), m),
            Rm::Xmm(Xmm(n)) | Rm::Reg(Reg(n)) => self.byte(0xC0 | (reg & 7) << 3 | n & 7),
        }
    }
    /// `d = a & !b`; the flags are those of the result (BMI1).
    pub fn andn(&mut self, size: Size, d: Reg, a: impl Into<Rm>, b: Reg) {
        let wide = size == Size::Q;
        self.encode(Vex { map: 2, prefix: 0, wide, opcode: 0xF2 }, d.0, b.0, a.into());
    }
    /// `d = s` rotated right by `n`; no flags (BMI2).
    pub fn rorx(&mut self, size: Size, d: Reg, s: impl Into<Rm>, n: u32) {
        let wide = size == Size::Q;
        self.encode(Vex { map: 3, prefix: 3, wide, opcode: 0xF0 }, d.0, 0, s.into());
        self.byte(n as u8);
    }
    /// `d = a op b`
    pub fn v3(&mut self, op: Vex, d: Xmm, a: Xmm, b: impl Into<Rm>) {
        self.encode(op, d.0, a.0, b.into());
    }
    /// `d = op s`; also stores, whose memory operand is `s`.
    pub fn v2(&mut self, op: Vex, d: Xmm, s: impl Into<Rm>) {
        self.encode(op, d.0, 0, s.into());
    }
    /// `d = a op b` with an immediate.
    pub fn v3_imm(&mut self, op: Vex, d: Xmm, a: Xmm, b: impl Into<Rm>, imm: u8) {
        self.v3(op, d, a, b);
        self.byte(imm);
    }
    /// `d = op s` with an immediate.
    pub fn v2_imm(&mut self, op: Vex, d: Xmm, s: impl Into<Rm>, imm: u8) {
        self.v2(op, d, s);
        self.byte(imm);
    }
    /// A general register from an XMM register or memory.
    pub fn v_to_reg(&mut self, op: Vex, d: Reg, s: impl Into<Rm>) {
        self.encode(op, d.0, 0, s.into());
    }
    /// `d = s` shifted by a constant; `which` is the number in the group.
    pub fn v_shift(&mut self, group: Vex, which: u8, d: Xmm, s: Xmm, n: u8) {
        self.encode(group, which, d.0, s.into());
        self.byte(n);
    }
}
