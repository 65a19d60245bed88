//! The MMIO registers of the PSL as tables: offset, name, reset value,
//! fields with IBM bit numbers and what a guest store does to each.
//!
//! Offsets and names are those of the CAIA and of Linux's
//! `drivers/misc/cxl/cxl.h`; only what a PSL9 has is listed. Public text of
//! CAIA 2.0 was not found, so fields that no driver looks at are one field
//! of 64 bits: `Unspecified:` they read back what was stored.

use fabric::bits::{b64s, field64, with_field64};
use serde::{Deserialize, Serialize};

/// What a guest store does to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Takes the stored value.
    Rw,
    /// Keeps its value.
    Ro,
    /// Stored ones clear.
    W1c,
}

/// A field of a register, by IBM bit numbers.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name in the CAIA.
    pub name: &'static str,
    from: u32,
    to: u32,
    /// What a guest store does.
    pub kind: Kind,
}

const fn field(name: &'static str, from: u32, to: u32, kind: Kind) -> Field {
    Field { name, from, to, kind }
}
const fn rw(name: &'static str, from: u32, to: u32) -> Field {
    field(name, from, to, Kind::Rw)
}
const fn ro(name: &'static str, from: u32, to: u32) -> Field {
    field(name, from, to, Kind::Ro)
}
const fn w1c(name: &'static str, from: u32, to: u32) -> Field {
    field(name, from, to, Kind::W1c)
}

impl Field {
    /// Mask of the field in its register.
    pub const fn mask(self) -> u64 {
        b64s(self.from, self.to)
    }
    /// The field's value, right-aligned.
    pub const fn get(self, register: u64) -> u64 {
        field64(register, self.from, self.to)
    }
    /// `register` with the field replaced.
    pub const fn with(self, register: u64, value: u64) -> u64 {
        with_field64(register, self.from, self.to, value)
    }
}

/// A register.
#[derive(Clone, Copy, Debug)]
pub struct Reg {
    /// Offset in its area.
    pub offset: u16,
    /// Name in the CAIA and the driver.
    pub name: &'static str,
    /// Value after a reset.
    pub reset: u64,
    /// Fields; what no field covers is read-only.
    pub fields: &'static [Field],
}

impl Reg {
    fn mask(&self, kind: Kind) -> u64 {
        self.fields.iter().filter(|f| f.kind == kind).map(|f| f.mask()).fold(0, |a, m| a | m)
    }
    /// What the register holds after a guest stored `value` over `old`.
    pub fn stored(&self, old: u64, value: u64) -> u64 {
        let rw = self.mask(Kind::Rw);
        ((old & !rw) | (value & rw)) & !(value & self.mask(Kind::W1c))
    }
}

const fn reg(offset: u16, name: &'static str, reset: u64, fields: &'static [Field]) -> Reg {
    Reg { offset, name, reset, fields }
}

/// All 64 bits, read back as stored.
const ALL: &[Field] = &[rw("value", 0, 63)];

macro_rules! fields {
    ($(#[$doc:meta])* $module:ident { $($name:ident $kind:ident $from:literal ..= $to:literal),* $(,)? }) => {
        $(#[$doc])*
        #[allow(missing_docs)]
        pub mod $module {
            use super::*;
            $(pub const $name: Field = $kind(stringify!($name), $from, $to);)*
            pub(super) const FIELDS: &[Field] = &[$($name),*];
        }
    };
}

fields! { /// PSL_ErrIVTE: adapter error interrupt.
err_ivte { TBERROR w1c 31..=31, IVTE rw 48..=63 } }
fields! { /// PSL_Control: data cache flush, time base.
control { FS ro 28..=29, FR rw 31..=31, TB rw 63..=63 } }
fields! { /// PSL9_DEBUG. CDC set means that there is no data cache to flush.
debug { LOW rw 28..=63, CDC ro 27..=27, HIGH rw 0..=26 } }
fields! { /// XSL9_IERAT: invalidation of translations.
ierat { COMMAND rw 0..=62, IINPROG ro 63..=63 } }
fields! { /// PSL_SERR_An (CAIA 1.0, 10): status in IBM bits 0..=8, their masks 32 bits to the right.
serr { STATUS w1c 0..=8, AE w1c 30..=30, MASK rw 32..=40, IVTE rw 48..=63 } }
fields! { /// PSL_SPAP_An: where the scheduled process area is.
spap { BASE rw 4..=51, SIZE rw 52..=59, V rw 63..=63 } }
fields! { /// PSL_SCNTL_An: programming mode, purge, suspend.
scntl { CR rw 15..=15, PM rw 16..=31, PS ro 38..=39, PC rw 48..=48, SS ro 54..=55, SC rw 63..=63 } }
fields! { /// PSL_DSISR_An as CAIA 2 has it: translation fault, PSL error, AFU error, store, checkout response.
dsisr { TF ro 3..=3, PE ro 4..=4, AE ro 5..=5, OC ro 6..=6, S ro 38..=38, CO ro 56..=63 } }
fields! { /// PSL_TFC_An: the driver's answer.
tfc { A ro 28..=28, C ro 29..=29, AE ro 30..=30, R ro 31..=31 } }
fields! { /// AFU_Cntl_An: enable and reset of the AFU.
afu_cntl { ES ro 0..=2, E rw 3..=3, RS ro 4..=5, RA rw 7..=7 } }

macro_rules! offsets {
    ($($name:ident = $offset:literal),* $(,)?) => { $(#[allow(missing_docs)] pub const $name: u16 = $offset;)* };
}
offsets! {
    // p1
    ERR_IVTE = 0x008, CONTROL = 0x020, FIR1 = 0x300, TIMEBASE = 0x310, DEBUG = 0x320, XSL9_IERAT = 0x588,
    // p1n
    ID_AN = 0x20, SERR_AN = 0x28, SPAP_AN = 0x88, LLCMD_AN = 0x90, SCNTL_AN = 0xA0,
    // p2n
    DSISR_AN = 0x60, DAR_AN = 0x68, TFC_AN = 0x78, PEHANDLE_AN = 0x80, ERRSTAT_AN = 0x88, AFU_CNTL_AN = 0x90,
    AFU_ERR_AN = 0x98,
}

/// Registers of the adapter (privilege 1), by offset.
#[rustfmt::skip]
pub const P1: &[Reg] = &[
    reg(ERR_IVTE,   "PSL_ErrIVTE",      0, err_ivte::FIELDS),
    reg(CONTROL,    "PSL_Control",      0, control::FIELDS),
    reg(0x060,      "PSL_DLCNTL",       0, ALL),
    reg(0x068,      "PSL_DLADDR",       0, ALL),
    reg(0x110,      "XSL9_INV",         0, ALL),
    reg(0x130,      "XSL9_DBG",         0, ALL),
    reg(0x140,      "XSL9_DEF",         0, ALL),
    reg(0x168,      "XSL9_DSNCTL",      0, ALL),
    reg(FIR1,       "PSL9_FIR1",        0, &[w1c("value", 0, 63)]),
    reg(0x308,      "PSL9_FIR_MASK",    0, ALL),
    reg(TIMEBASE,   "PSL9_Timebase",    0, &[]),
    reg(DEBUG,      "PSL9_DEBUG",       1 << 36, debug::FIELDS),
    reg(0x340,      "PSL9_TB_CTLSTAT",  0, ALL),
    reg(0x348,      "PSL9_FIR_CNTL",    0, ALL),
    reg(0x350,      "PSL9_DSNDCTL",     0, ALL),
    reg(0x368,      "PSL9_TRACECFG",    0, ALL),
    reg(0x378,      "PSL9_APCDEDALLOC", 0, ALL),
    reg(0x380,      "PSL9_APCDEDTYPE",  0, ALL),
    reg(0x388,      "PSL9_TNR_ADDR",    0x0002_0000_E000_0000, ALL),
    // Two bits for each of 11 trace arrays, all "finished": nothing to stop.
    reg(0x390,      "PSL9_CTCCFG",      0xFFFF_FC00_0000_0000, &[]),
    reg(XSL9_IERAT, "XSL9_IERAT",       0, ierat::FIELDS),
];

/// Registers of a slice (privilege 1), by offset.
#[rustfmt::skip]
pub const P1N: &[Reg] = &[
    reg(0x00,       "PSL_SR_An",        0, ALL),
    reg(0x10,       "PSL_AMBAR_An",     0, ALL),
    reg(ID_AN,      "PSL_ID_An",        0, ALL),
    // All sources masked; nothing set in IBM bits 0..=32, else Linux warns.
    reg(SERR_AN,    "PSL_SERR_An",      0x7F80_0000, serr::FIELDS),
    reg(SPAP_AN,    "PSL_SPAP_An",      0, spap::FIELDS),
    reg(LLCMD_AN,   "PSL_LLCMD_An",     0, ALL),
    reg(SCNTL_AN,   "PSL_SCNTL_An",     0, scntl::FIELDS),
];

/// Registers of a slice (privilege 2), by offset.
#[rustfmt::skip]
pub const P2N: &[Reg] = &[
    reg(DSISR_AN,    "PSL_DSISR_An",    0, dsisr::FIELDS),
    reg(DAR_AN,      "PSL_DAR_An",      0, &[]),
    reg(TFC_AN,      "PSL_TFC_An",      0, tfc::FIELDS),
    reg(PEHANDLE_AN, "PSL_PEHandle_An", 0, &[]),
    reg(ERRSTAT_AN,  "PSL_ErrStat_An",  0, &[w1c("value", 0, 63)]),
    reg(AFU_CNTL_AN, "AFU_Cntl_An",     0, afu_cntl::FIELDS),
    reg(AFU_ERR_AN,  "AFU_ERR_An",      0, &[]),
];

/// A register area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Area {
    /// Adapter, privilege 1.
    P1,
    /// Slice, privilege 1.
    P1n,
    /// Slice, privilege 2.
    P2n,
}

impl Area {
    /// The area's registers.
    pub const fn table(self) -> &'static [Reg] {
        match self {
            Area::P1 => P1,
            Area::P1n => P1N,
            Area::P2n => P2N,
        }
    }
    /// The register at `offset`.
    pub fn find(self, offset: u64) -> Option<&'static Reg> {
        let offset = u16::try_from(offset).ok()?;
        let table = self.table();
        table.binary_search_by_key(&offset, |r| r.offset).ok().map(|i| &table[i])
    }
}

/// Values of the registers of one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegFile {
    area: Area,
    values: Vec<u64>,
}

impl RegFile {
    /// The area after a reset.
    pub fn new(area: Area) -> RegFile {
        RegFile { area, values: area.table().iter().map(|r| r.reset).collect() }
    }
    fn index(&self, offset: u16) -> Option<usize> {
        self.area.table().binary_search_by_key(&offset, |r| r.offset).ok()
    }
    /// The value at `offset`; 0 if there is no register.
    pub fn get(&self, offset: u16) -> u64 {
        self.index(offset).and_then(|i| self.values.get(i)).copied().unwrap_or(0)
    }
    /// The PSL itself changes a register.
    pub fn set(&mut self, offset: u16, value: u64) {
        if let Some(slot) = self.index(offset).and_then(|i| self.values.get_mut(i)) {
            *slot = value;
        }
    }
    /// A guest store, by the rules of the table; the new value.
    pub fn store(&mut self, reg: &Reg, value: u64) -> u64 {
        let new = reg.stored(self.get(reg.offset), value);
        self.set(reg.offset, new);
        new
    }
}
