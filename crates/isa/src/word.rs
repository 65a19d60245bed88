//! Instruction words and their fields, by the names and bit numbers of
//! Power ISA 3.0B, Book I, 1.6.

/// One instruction word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub u32);

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $from:literal ..= $to:literal;)*) => {
        $($(#[$doc])* #[inline(always)]
        pub const fn $name(self) -> usize {
            ((self.0 >> (31 - $to)) & ((1 << ($to - $from + 1)) - 1)) as usize
        })*
    };
}

impl Word {
    fields! {
        /// Primary opcode.
        opcd 0..=5;
        /// RT: target GPR.
        rt 6..=10;
        /// RS: source GPR (the same bits as RT).
        rs 6..=10;
        /// RA.
        ra 11..=15;
        /// RB.
        rb 16..=20;
        /// RC, FRC, VRC.
        rc_reg 21..=25;
        /// BF: target CR or FPSCR field.
        bf 6..=8;
        /// L of compares, one bit.
        l 10..=10;
        /// L of two bits (sync, darn, dcbf, ...).
        l2 9..=10;
        /// L of darn.
        l_darn 14..=15;
        /// BFA: source CR or FPSCR field.
        bfa 11..=13;
        /// BO.
        bo 6..=10;
        /// BI.
        bi 11..=15;
        /// BH.
        bh 19..=20;
        /// BT: target CR bit.
        bt 6..=10;
        /// BA: CR bit.
        ba 11..=15;
        /// BB: CR bit.
        bb 16..=20;
        /// TO: trap conditions.
        to 6..=10;
        /// SH of 32-bit shifts.
        sh5 16..=20;
        /// MB of M-form.
        mb5 21..=25;
        /// ME of M-form.
        me5 26..=30;
        /// FXM field mask.
        fxm 12..=19;
        /// VRT/VRS.
        vrt 6..=10;
        /// VRA.
        vra 11..=15;
        /// VRB.
        vrb 16..=20;
        /// VRC.
        vrc 21..=25;
        /// SHB of vsldoi.
        shb 22..=25;
        /// UIM of splats.
        uim 11..=15;
        /// NB of string instructions.
        nb 16..=20;
        /// FC: function code of atomic memory operations.
        fc 16..=20;
        /// DM of xxpermdi.
        dm 22..=23;
        /// SHW of xxsldwi.
        shw 22..=23;
        /// FLM of mtfsf.
        flm 7..=14;
        /// LEV of sc.
        lev 20..=26;
        /// SR or RIC (tlbie), two bits.
        ric 12..=13;
    }
    /// Rc bit: record in CR0, CR1 (bit 31).
    #[inline(always)]
    pub const fn rc(self) -> bool {
        self.0 & 1 != 0
    }
    /// OE bit (bit 21).
    #[inline(always)]
    pub const fn oe(self) -> bool {
        self.0 & 0x400 != 0
    }
    /// LK bit (bit 31).
    #[inline(always)]
    pub const fn lk(self) -> bool {
        self.0 & 1 != 0
    }
    /// AA bit (bit 30).
    #[inline(always)]
    pub const fn aa(self) -> bool {
        self.0 & 2 != 0
    }
    /// Rc of VC-form vector compares (bit 21).
    #[inline(always)]
    pub const fn vrc_bit(self) -> bool {
        self.0 & 0x400 != 0
    }
    /// SI, D: bits 16..31, sign-extended.
    #[inline(always)]
    pub const fn si(self) -> u64 {
        self.0 as u16 as i16 as i64 as u64
    }
    /// UI: bits 16..31.
    #[inline(always)]
    pub const fn ui(self) -> u64 {
        self.0 as u16 as u64
    }
    /// DS << 2, sign-extended.
    #[inline(always)]
    pub const fn ds(self) -> u64 {
        (self.0 as u16 & !3) as i16 as i64 as u64
    }
    /// DQ << 4, sign-extended.
    #[inline(always)]
    pub const fn dq(self) -> u64 {
        (self.0 as u16 & !15) as i16 as i64 as u64
    }
    /// D of DX-form (d0, d1, d2), sign-extended.
    #[inline(always)]
    pub const fn dx(self) -> u64 {
        (self.0 as u16 & 0xFFC0 | (self.0 >> 15 & 0x3E) as u16 | (self.0 & 1) as u16) as i16 as i64 as u64
    }
    /// LI << 2, sign-extended: displacement of b.
    #[inline(always)]
    pub const fn li(self) -> u64 {
        (((self.0 & 0x03FF_FFFC) << 6) as i32 >> 6) as i64 as u64
    }
    /// BD << 2, sign-extended: displacement of bc.
    #[inline(always)]
    pub const fn bd(self) -> u64 {
        self.ds()
    }
    /// SH of 64-bit shifts: bit 30 is its most significant bit.
    #[inline(always)]
    pub const fn sh6(self) -> u32 {
        (self.0 >> 11 & 31) | (self.0 & 2) << 4
    }
    /// MB or ME of MD- and MDS-form: bit 26 is its most significant bit.
    #[inline(always)]
    pub const fn mb6(self) -> u32 {
        (self.0 >> 6 & 31) | (self.0 & 0x20)
    }
    /// SPR or TBR number: the two halves are exchanged in the word.
    #[inline(always)]
    pub const fn spr(self) -> usize {
        ((self.0 >> 16 & 31) | (self.0 >> 6 & 0x3E0)) as usize
    }
    /// XT/XS of XX-forms: TX (bit 31) is the most significant bit.
    #[inline(always)]
    pub const fn xt(self) -> usize {
        self.rt() | ((self.0 & 1) as usize) << 5
    }
    /// XA of XX-forms: AX is bit 29.
    #[inline(always)]
    pub const fn xa(self) -> usize {
        self.ra() | ((self.0 >> 2 & 1) as usize) << 5
    }
    /// XB of XX-forms: BX is bit 30.
    #[inline(always)]
    pub const fn xb(self) -> usize {
        self.rb() | ((self.0 >> 1 & 1) as usize) << 5
    }
    /// XC of XX4-form: CX is bit 28.
    #[inline(always)]
    pub const fn xc(self) -> usize {
        self.rc_reg() | ((self.0 >> 3 & 1) as usize) << 5
    }
    /// XT of DQ-form (lxv, stxv): TX is bit 28.
    #[inline(always)]
    pub const fn xt_dq(self) -> usize {
        self.rt() | ((self.0 >> 3 & 1) as usize) << 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_as_the_assembler_puts_them() {
        // addi r3,r1,-16 · rldicl r5,r4,60,4 · mfspr r9,LPCR(318) · b .-8 · xxlor vs33,vs34,vs35
        assert_eq!((Word(0x3861_FFF0).rt(), Word(0x3861_FFF0).ra()), (3, 1));
        assert_eq!(Word(0x3861_FFF0).si(), -16i64 as u64);
        let r = Word(0x7885_E102);
        assert_eq!((r.rs(), r.ra(), r.sh6(), r.mb6()), (4, 5, 60, 4));
        assert_eq!(Word(0x7D3E_4AA6).spr(), 318);
        assert_eq!(Word(0x4BFF_FFF8).li(), -8i64 as u64);
        let x = Word(0xF022_1C97);
        assert_eq!((x.xt(), x.xa(), x.xb()), (33, 34, 35));
    }
}
