//! Special-purpose registers: one table of number, name, and who may read
//! and write (Power ISA 3.0B, Book III 4.4.5; POWER9 User's Manual 4.6).

use serde::{Deserialize, Serialize};

/// Least privilege for an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Problem state.
    U,
    /// Privileged.
    S,
    /// Hypervisor.
    H,
    /// Not allowed.
    N,
}

/// How a register behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keeps what is written under a mask.
    Keeps(u64),
    /// Has a meaning of its own in `exec::system`.
    Special,
    /// `Deviates:` no effect behind it; reads what was written (performance
    /// monitor, debug, scratch of firmware).
    Inert,
}

macro_rules! sprs {
    ($($field:ident : { $($number:literal $name:ident $read:ident $write:ident $kind:expr;)+ })*) => {
        /// Registers that are kept here rather than as fields of `Cpu`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub struct Sprs { $(pub $field: u64,)* }

        /// One number of the table.
        #[derive(Clone, Copy, Debug)]
        pub struct Spr {
            /// Number in mfspr and mtspr.
            pub number: u16,
            /// Name as printed.
            pub name: &'static str,
            /// Who may read.
            pub read: Level,
            /// Who may write.
            pub write: Level,
            /// Behaviour.
            pub kind: Kind,
            /// Where its value is in [`Sprs`], in bytes.
            pub offset: usize,
        }

        /// The table.
        pub const SPRS: &[Spr] = &[$($(Spr {
            number: $number, name: stringify!($name), read: Level::$read, write: Level::$write, kind: $kind,
            offset: std::mem::offset_of!(Sprs, $field),
        },)+)*];

        impl Sprs {
            /// Stored value of register `number`.
            pub fn get(&self, number: usize) -> u64 {
                match number { $($($number => self.$field,)+)* _ => 0 }
            }
            /// Stores the value of register `number`.
            pub fn set(&mut self, number: usize, value: u64) {
                match number { $($($number => self.$field = value,)+)* _ => {} }
            }
        }
    };
}

use Kind::{Inert, Keeps, Special};
const ALL: Kind = Keeps(u64::MAX);
const LOW32: Kind = Keeps(0xFFFF_FFFF);

#[rustfmt::skip]
mod table {
    use super::*;
    sprs! {
        dscr:   { 17 DSCR S S Keeps(0x1FF_FFFF); 3 DSCR_user U U Special; }
        dsisr:  { 18 DSISR S S LOW32; }
        dar:    { 19 DAR S S ALL; }
        dec:    { 22 DEC S S Special; }
        srr0:   { 26 SRR0 S S ALL; }
        srr1:   { 27 SRR1 S S ALL; }
        cfar:   { 28 CFAR S S ALL; }
        amr:    { 29 AMR S S ALL; 13 AMR_user U U Special; }
        pidr:   { 48 PIDR S S Special; }
        iamr:   { 61 IAMR S S ALL; }
        ctrl:   { 136 CTRL_read U N Special; 152 CTRL_write N S Inert; }
        tidr:   { 144 TIDR S S ALL; }
        fscr:   { 153 FSCR S S ALL; }
        uamor:  { 157 UAMOR S S ALL; }
        pspb:   { 159 PSPB S S LOW32; }
        dpdes:  { 176 DPDES S H Inert; }
        dawr0:  { 180 DAWR0 H H Inert; }
        rpr:    { 186 RPR H H Inert; }
        ciabr:  { 187 CIABR H H Inert; }
        dawrx0: { 188 DAWRX0 H H Inert; }
        hfscr:  { 190 HFSCR H H ALL; }
        vrsave: { 256 VRSAVE U U LOW32; }
        tb:     { 268 TB U N Special; 269 TBU U N Special; 284 TBL N H Special; 285 TBU_write N H Special; 286 TBU40 N H Special; }
        sprg0:  { 272 SPRG0 S S ALL; }
        sprg1:  { 273 SPRG1 S S ALL; }
        sprg2:  { 274 SPRG2 S S ALL; }
        sprg3:  { 275 SPRG3 S S ALL; 259 SPRG3_user U N ALL; }
        scomc:  { 276 SPRC H H Inert; }
        scomd:  { 277 SPRD H H Inert; }
        pvr:    { 287 PVR S N Special; }
        hsprg0: { 304 HSPRG0 H H ALL; }
        hsprg1: { 305 HSPRG1 H H ALL; }
        hdsisr: { 306 HDSISR H H LOW32; }
        hdar:   { 307 HDAR H H ALL; }
        spurr:  { 308 SPURR S H Special; }
        purr:   { 309 PURR S H Special; }
        hdec:   { 310 HDEC H H Inert; }
        hrmor:  { 313 HRMOR H H Inert; }
        hsrr0:  { 314 HSRR0 H H ALL; }
        hsrr1:  { 315 HSRR1 H H ALL; }
        tfmr:   { 317 TFMR H H Inert; }
        lpcr:   { 318 LPCR H H Special; }
        lpidr:  { 319 LPIDR H H Special; }
        hmer:   { 336 HMER H H Special; }
        hmeer:  { 337 HMEER H H ALL; }
        pcr:    { 338 PCR H H Inert; }
        heir:   { 339 HEIR H H LOW32; }
        amor:   { 349 AMOR H H ALL; }
        tir:    { 446 TIR S N ALL; }
        ptcr:   { 464 PTCR H H Special; }
        usier:  { 768 SIER_user U N Inert; 784 SIER S S Inert; }
        mmcr2:  { 769 MMCR2_user U U Inert; 785 MMCR2 S S Inert; }
        mmcra:  { 770 MMCRA_user U U Inert; 786 MMCRA S S Inert; }
        pmc1:   { 771 PMC1_user U U Inert; 787 PMC1 S S Inert; }
        pmc2:   { 772 PMC2_user U U Inert; 788 PMC2 S S Inert; }
        pmc3:   { 773 PMC3_user U U Inert; 789 PMC3 S S Inert; }
        pmc4:   { 774 PMC4_user U U Inert; 790 PMC4 S S Inert; }
        pmc5:   { 775 PMC5_user U U Inert; 791 PMC5 S S Inert; }
        pmc6:   { 776 PMC6_user U U Inert; 792 PMC6 S S Inert; }
        mmcr0:  { 779 MMCR0_user U U Inert; 795 MMCR0 S S Inert; }
        siar:   { 780 SIAR_user U N Inert; 796 SIAR S S Inert; }
        sdar:   { 781 SDAR_user U N Inert; 797 SDAR S S Inert; }
        mmcr1:  { 782 MMCR1_user U N Inert; 798 MMCR1 S S Inert; }
        bescrs: { 800 BESCRS U U Inert; 801 BESCRSU U U Inert; 802 BESCRR U U Inert; 803 BESCRRU U U Inert; }
        ebbhr:  { 804 EBBHR U U Inert; }
        ebbrr:  { 805 EBBRR U U Inert; }
        bescr:  { 806 BESCR U U Inert; }
        tar:    { 815 TAR U U Special; }
        asdr:   { 816 ASDR H H ALL; }
        psscr:  { 855 PSSCR H H ALL; 823 PSSCR_supervisor S S ALL; }
        ic:     { 848 IC S H Inert; }
        vtb:    { 849 VTB S H Special; }
        ldbar:  { 850 LDBAR H H Inert; }
        mmcrc:  { 851 MMCRC H H Inert; }
        pmsr:   { 853 PMSR H N Inert; }
        pmcr:   { 884 PMCR H H Inert; }
        ppr:    { 896 PPR U U ALL; 898 PPR32 U U Special; }
        hid:    { 1008 HID H H Special; }
        pir:    { 1023 PIR S N Special; }
        xer:    { 1 XER U U Special; }
        lr:     { 8 LR U U Special; }
        ctr:    { 9 CTR U U Special; }
    }
}
pub use table::{SPRS, Spr, Sprs};

/// The row of register `number`.
pub fn find(number: usize) -> Option<&'static Spr> {
    SPRS.iter().find(|s| s.number as usize == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_listed_once() {
        let mut seen = BTreeSet::new();
        for s in SPRS {
            assert!(seen.insert(s.number), "{} twice", s.name);
        }
    }

    /// Book III 4.4.5: bit spr[0] of the number says privileged.
    #[test]
    fn privilege_follows_the_number() {
        for s in SPRS {
            let privileged = s.number & 0x10 != 0;
            let needs = s.read.min(s.write) > Level::U;
            assert_eq!(privileged, needs || matches!(s.number, 152), "{} {}", s.number, s.name);
        }
    }
}
