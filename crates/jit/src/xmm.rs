//! Loads, stores and moves of XMM registers.

use crate::asm::{Asm, Mem, Reg, Size};

/// An XMM register; all are free between guest instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xmm(pub u8);

impl Xmm {
    fn reg(self) -> Reg {
        Reg(self.0)
    }
}

impl Asm {
    /// `d = 16 bytes at m`
    pub fn xmm_load(&mut self, d: Xmm, m: Mem) {
        self.rm(Size::W, &[0x0F], 0x10, d.reg(), m);
    }
    /// `16 bytes at m = s`
    pub fn xmm_store(&mut self, m: Mem, s: Xmm) {
        self.rm(Size::W, &[0x0F], 0x11, s.reg(), m);
    }
    /// Low 32 bits of `d` = `[m]`, the others 0.
    pub fn xmm_load32(&mut self, d: Xmm, m: Mem) {
        self.byte(0x66);
        self.rm(Size::W, &[0x0F], 0x6E, d.reg(), m);
    }
    /// Low 64 bits of `d` = `[m]`, the others 0.
    pub fn xmm_load64(&mut self, d: Xmm, m: Mem) {
        self.byte(0xF3);
        self.rm(Size::W, &[0x0F], 0x7E, d.reg(), m);
    }
    /// Low 64 bits of `d` = `s`, the others 0.
    pub fn xmm_from(&mut self, d: Xmm, s: Reg) {
        self.byte(0x66);
        self.rr(Size::Q, &[0x0F], 0x6E, d.reg(), s);
    }
    /// Low half of `d` = the single at `m` as a double; the other half stays.
    pub fn xmm_load_single(&mut self, d: Xmm, m: Mem) {
        self.byte(0xF3);
        self.rm(Size::W, &[0x0F], 0x5A, d.reg(), m);
    }
    /// The low half moves to the high half, the low half becomes 0.
    pub fn xmm_to_high(&mut self, d: Xmm) {
        self.byte(0x66);
        self.rr(Size::W, &[0x0F], 0x73, Reg(7), d.reg());
        self.byte(8);
    }
    /// The words of `d` are those of `s` that `order` names, two bits each.
    pub fn xmm_words(&mut self, d: Xmm, s: Xmm, order: u8) {
        self.byte(0x66);
        self.rr(Size::W, &[0x0F], 0x70, d.reg(), s.reg());
        self.byte(order);
    }
    /// High half of `d` = low half of `s`.
    pub fn xmm_join(&mut self, d: Xmm, s: Xmm) {
        self.byte(0x66);
        self.rr(Size::W, &[0x0F], 0x6C, d.reg(), s.reg());
    }
    /// `d = 0`
    pub fn xmm_zero(&mut self, d: Xmm) {
        self.byte(0x66);
        self.rr(Size::W, &[0x0F], 0xEF, d.reg(), d.reg());
    }
}
