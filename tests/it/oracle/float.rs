//! Known differences of floating point and vectors.

use super::rules::{Exempt, Part};
use super::state::State;
use fabric::rng::Rng;

const FX: u64 = 0x8000_0000;
const STICKY: u64 = 0x1FF8_0700;
const FR: u64 = 0x4_0000;
const FI: u64 = 0x2_0000;
const FPRF: u64 = 0x1_F000;

/// Rows that may set exceptions.
const ARITHMETIC: &[&str] = &[
    "fadd*", "fsub*", "fmul*", "fdiv*", "fsqrt*", "fre", "fres", "frsqrte*", "fmadd*", "fmsub*", "fnmadd*",
    "fnmsub*", "frsp", "fct*", "fcf*", "fri*", "fcmp*", "xs*", "xv*", "mtfsb1",
];
/// Rows whose integer result leaves FPRF undefined.
const TO_INTEGERS: &[&str] = &[
    "fct*",
    "xscvdpsxds",
    "xscvdpsxws",
    "xscvdpuxds",
    "xscvdpuxws",
    "xscvqpsdz",
    "xscvqpswz",
    "xscvqpudz",
    "xscvqpuwz",
];
const ALWAYS: fn(u32, &State) -> bool = |_, _| true;

const OX: u64 = 0x1000_0000;
const XX: u64 = 0x200_0000;
const UX: u64 = 0x800_0000;
const ZX: u64 = 0x400_0000;
const VXSNAN: u64 = 0x100_0000;
const VX: u64 = 0x2000_0000;
const C: u64 = 0x1_0000;
const NI: u64 = 4;

fn vra(word: u32, s: &State) -> u128 {
    s.vsr[32 + (word as usize >> 16 & 31)]
}
fn vrb(word: u32, s: &State) -> u128 {
    s.vsr[32 + (word as usize >> 11 & 31)]
}
fn xb(word: u32, s: &State) -> u128 {
    s.vsr[(word as usize >> 11 & 31) | (word as usize & 2) << 4]
}
fn fp(word: u32, s: &State, shift: u32) -> u64 {
    (s.vsr[word as usize >> shift & 31] >> 64) as u64
}
fn nan64(x: u64) -> bool {
    x << 1 > 0x7FF << 53
}
fn nan32(x: u32) -> bool {
    x << 1 > 0xFF << 24
}
fn dword(v: u128, i: u32) -> u64 {
    (v >> (64 - 64 * i)) as u64
}
fn word_of(v: u128, i: u32) -> u32 {
    (v >> (96 - 32 * i)) as u32
}
fn nan_in_doubles(word: u32, s: &State) -> bool {
    (0..2).any(|i| nan64(dword(xb(word, s), i)))
}
fn nan_in_singles(word: u32, s: &State) -> bool {
    (0..4).any(|i| nan32(word_of(xb(word, s), i)))
}
/// A NaN operand of an A-form instruction.
fn nan_in_fprs(word: u32, s: &State) -> bool {
    [16, 11, 6].iter().any(|&shift| nan64(fp(word, s, shift)))
}
/// A NaN in XA, XB or XT.
fn nan_in_vsrs(word: u32, s: &State) -> bool {
    let high = |shift: u32, bit: u32| {
        dword(s.vsr[(word as usize >> shift & 31) | (word as usize >> bit & 1) << 5], 0)
    };
    nan64(high(16, 2)) || nan64(high(11, 1)) || nan64(high(21, 0))
}
/// Zero, infinity and a signaling NaN in one element of XA, XB, XT.
fn signaling_undefined(word: u32, s: &State) -> bool {
    let reg = |shift: u32, bit: u32| s.vsr[(word as usize >> shift & 31) | (word as usize >> bit & 1) << 5];
    let regs = [reg(16, 2), reg(11, 1), reg(21, 0)];
    let met = |zero: bool, infinity: bool, nan: bool| zero && infinity && nan;
    let doubles = (0..2).any(|i| {
        let e = regs.map(|v| dword(v, i) << 1);
        let signaling = |x: &u64| *x > 0x7FF << 53 && x >> 52 & 1 == 0;
        met(e.contains(&0), e.contains(&(0x7FF << 53)), e.iter().any(signaling))
    });
    let singles = (0..4).any(|i| {
        let e = regs.map(|v| word_of(v, i) << 1);
        let signaling = |x: &u32| *x > 0xFF << 24 && x >> 23 & 1 == 0;
        met(e.contains(&0), e.contains(&(0xFF << 24)), e.iter().any(signaling))
    });
    doubles || singles
}
fn uim(word: u32) -> u32 {
    word >> 16 & 15
}
fn digits(v: u128) -> bool {
    (0..32).all(|i| v >> (4 * i) & 15 < 10)
}
/// A valid signed packed number.
fn packed(v: u128) -> bool {
    digits(v >> 4) && v & 15 > 9
}
/// Rounds toward an infinity.
fn directed(_: u32, s: &State) -> bool {
    s.fpscr & 2 != 0
}

#[rustfmt::skip]
pub const EXEMPT: &[Exempt] = &[
    Exempt {
        rows: ARITHMETIC,
        when: ALWAYS,
        part: Part::Fpscr(FR),
        reason: "QEMU does not model FR",
    },
    Exempt {
        rows: ARITHMETIC,
        when: |_, s| s.fpscr & FX == 0 && s.fpscr & STICKY != 0,
        part: Part::Fpscr(FX),
        reason: "QEMU sets FX for an exception whose bit was set before",
    },
    Exempt {
        rows: &["f*", "mtfsb1"],
        when: |word, s| word & 1 != 0 && s.fpscr & FX == 0 && s.fpscr & STICKY != 0,
        part: Part::Cr(0x800_0000),
        reason: "QEMU sets FX for an exception whose bit was set before",
    },
    Exempt {
        rows: TO_INTEGERS,
        when: ALWAYS,
        part: Part::Fpscr(FPRF),
        reason: "left open by the ISA: we leave it, QEMU clears it",
    },
    Exempt {
        rows: &["fcfidu", "fcfids", "fcfidus"],
        when: ALWAYS,
        part: Part::Fpscr(FPRF),
        reason: "QEMU does not set it",
    },
    Exempt {
        rows: &["fcmp*", "xscmp*", "xv*"],
        when: ALWAYS,
        part: Part::Fpscr(FI),
        reason: "QEMU sets and clears FI",
    },
    Exempt {
        rows: &["fcmpo"],
        when: ALWAYS,
        part: Part::Fpscr(C),
        reason: "QEMU changes C",
    },
    Exempt {
        rows: &["fadds", "fsubs", "fmuls", "fdivs", "fsqrts", "fres", "frsqrtes", "fmadds", "fmsubs", "fnmadds", "fnmsubs",
                "frsp", "xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp", "xsresp", "xsrsqrtesp", "xsrsp", "xsmadd*",
                "xsmsub*", "xsnmadd*", "xsnmsub*"],
        when: ALWAYS,
        part: Part::Fpscr(C),
        reason: "QEMU takes the class in double precision: no denormal singles",
    },
    Exempt {
        rows: &["fadds", "fsubs", "fmuls", "fdivs", "fsqrts", "fres", "frsqrtes", "fmadds", "fmsubs", "fnmadds", "fnmsubs"],
        when: nan_in_fprs,
        part: Part::Everything,
        reason: "QEMU cuts a NaN to single precision, the ISA in frsp alone",
    },
    Exempt {
        rows: &["xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp", "xsresp", "xsrsqrtesp", "xsmaddasp", "xsmaddmsp",
                "xsmsubasp", "xsmsubmsp", "xsnmaddasp", "xsnmaddmsp", "xsnmsubasp", "xsnmsubmsp"],
        when: nan_in_vsrs,
        part: Part::Everything,
        reason: "QEMU cuts a NaN to single precision",
    },
    Exempt {
        rows: &["fnmadd*", "fnmsub*", "xsnmadd*", "xsnmsub*", "xvnmadd*", "xvnmsub*"],
        when: directed,
        part: Part::Everything,
        reason: "QEMU negates before it rounds",
    },
    Exempt {
        rows: &["fre", "fres"],
        when: |word, s| fp(word, s, 11) << 1 == 0,
        part: Part::Everything,
        reason: "the reciprocal of zero: QEMU gives a half",
    },
    Exempt {
        rows: &["xsre*", "xsrsqrte*", "xvre*", "xvrsqrte*"],
        when: ALWAYS,
        part: Part::Fpscr(ZX | FX),
        reason: "QEMU does not set ZX",
    },
    Exempt {
        rows: &["xv*"],
        when: ALWAYS,
        part: Part::Fpscr(UX),
        reason: "QEMU forgets UX when another element set OX",
    },
    Exempt {
        rows: &["xvcvdpsxds", "xvcvdpsxws", "xvcvdpuxds", "xvcvdpuxws"],
        when: nan_in_doubles,
        part: Part::Everything,
        reason: "QEMU gives every element after an invalid one the value of invalid ones",
    },
    Exempt {
        rows: &["xvcvspsxds", "xvcvspsxws", "xvcvspuxds", "xvcvspuxws"],
        when: nan_in_singles,
        part: Part::Everything,
        reason: "QEMU gives every element after an invalid one the value of invalid ones",
    },
    Exempt {
        rows: &["mtfsb1"],
        when: ALWAYS,
        part: Part::Fpscr(FX | NI),
        reason: "QEMU sets neither FX nor NI",
    },
    Exempt {
        rows: &["xsrqpi"],
        when: |word, s| word & 0x1_0000 == 0 && (word & 0x600 != 0x600 && word & 0x600 != 0 || s.fpscr & 1 != 0),
        part: Part::Everything,
        reason: "QEMU takes RN for its own number of the mode; RMC 1 and 2 are reserved with R=0",
    },
    Exempt {
        rows: &["xsrqpxp"],
        when: |word, s| {
            let nan = vrb(word, s) << 1 > 0x7FFF << 113;
            nan || word & 0x1_0000 == 0 && (word & 0x600 != 0x600 && word & 0x600 != 0 || s.fpscr & 1 != 0)
        },
        part: Part::Everything,
        reason: "as xsrqpi; QEMU cuts a NaN to 64 bits",
    },
    Exempt {
        rows: &["mtvsrd", "mtvsrwa", "mtvsrwz"],
        when: ALWAYS,
        part: Part::Doubleword1,
        reason: "left open by the ISA: we clear it, QEMU keeps it",
    },
    Exempt {
        rows: &["xxextractuw", "xxinsertw", "vextractuw", "vinsertw"],
        when: |word, _| uim(word) > 12,
        part: Part::Everything,
        reason: "left open by the ISA: past the end of the register",
    },
    Exempt {
        rows: &["vextractuh", "vinserth"],
        when: |word, _| uim(word) > 14,
        part: Part::Everything,
        reason: "left open by the ISA: past the end of the register",
    },
    Exempt {
        rows: &["vextractd", "vinsertd"],
        when: |word, _| uim(word) > 8,
        part: Part::Everything,
        reason: "left open by the ISA: past the end of the register",
    },
    Exempt {
        rows: &["vextuhlx", "vextuhrx"],
        when: |word, s| s.gpr[word as usize >> 16 & 31] & 15 > 14,
        part: Part::Rt,
        reason: "left open by the ISA: past the end of the register",
    },
    Exempt {
        rows: &["vextuwlx", "vextuwrx"],
        when: |word, s| s.gpr[word as usize >> 16 & 31] & 15 > 12,
        part: Part::Rt,
        reason: "left open by the ISA: past the end of the register",
    },
    Exempt {
        rows: &["vrldmi"],
        when: ALWAYS,
        part: Part::Target,
        reason: "QEMU executes vrldnm",
    },
    Exempt {
        rows: &["vexptefp"],
        when: ALWAYS,
        part: Part::Target,
        reason: "an estimate; QEMU's is -infinity for large negative numbers",
    },
    Exempt {
        rows: &["mtvscr"],
        when: ALWAYS,
        part: Part::Vscr,
        reason: "QEMU keeps bits that do not exist",
    },
    Exempt {
        rows: &["bcdsetsgn", "bcds", "bcdsr", "bcdtrunc"],
        when: |word, s| !packed(vrb(word, s)),
        part: Part::Target,
        reason: "left open by the ISA: an invalid operand",
    },
    Exempt {
        rows: &["bcdadd", "bcdsub"],
        when: |word, s| !packed(vra(word, s)) || !packed(vrb(word, s)) || vra(word, s) < 16 && vrb(word, s) < 16,
        part: Part::Everything,
        reason: "QEMU does not see all invalid digits, and takes 0 + 0 for greater",
    },
    Exempt {
        rows: &["bcdctn", "bcdctz", "bcdctsq"],
        when: |word, s| !packed(vrb(word, s)),
        part: Part::Everything,
        reason: "an invalid operand: QEMU sets CR6 by its sign too",
    },
    Exempt {
        rows: &["bcdcfn", "bcdcfz"],
        when: ALWAYS,
        part: Part::InvalidDecimal,
        reason: "left open by the ISA: an invalid operand",
    },
    Exempt {
        rows: &["bcdtrunc", "bcdutrunc"],
        when: |word, s| vra(word, s) >> 79 & 1 != 0,
        part: Part::Everything,
        reason: "QEMU takes the length for a signed number",
    },
    Exempt {
        rows: &["xststdcsp"],
        when: |word, s| (1..0x381).contains(&(dword(xb(word, s), 0) >> 52 & 0x7FF)),
        part: Part::Everything,
        reason: "QEMU takes every denormal single for a match",
    },
    Exempt {
        rows: &["xsnmsubqp"],
        when: |word, _| word & 1 != 0,
        part: Part::Everything,
        reason: "QEMU does not round to odd",
    },
    Exempt {
        rows: &["fre*", "frsqrte*", "xsre*", "xsrsqrte*", "xvre*", "xvrsqrte*"],
        when: ALWAYS,
        part: Part::Fpscr(XX | FI | FX),
        reason: "left open by the ISA",
    },
    Exempt {
        rows: &["fre*", "frsqrte*", "xsre*", "xsrsqrte*", "xvre*", "xvrsqrte*"],
        when: |_, s| s.fpscr & 0x18 != 0,
        part: Part::Everything,
        reason: "QEMU does not set ZX, the ISA leaves XX open",
    },
    Exempt {
        rows: &["xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp", "xsmaddasp", "xsmaddmsp", "xsmsubasp", "xsmsubmsp",
                "xsnmaddasp", "xsnmaddmsp", "xsnmsubasp", "xsnmsubmsp"],
        when: |_, s| s.fpscr & 0x60 != 0,
        part: Part::Everything,
        reason: "QEMU rounds to double, then to single",
    },
    Exempt {
        rows: &["xv*"],
        when: |_, s| s.fpscr & 0x20 != 0,
        part: Part::Everything,
        reason: "QEMU forgets UX when another element set OX",
    },
    Exempt {
        rows: &["xsmax*", "xsmin*", "xvmax*", "xvmin*", "xvcmp*", "xvcvsxdsp", "xvcvuxdsp"],
        when: |_, s| s.fpscr & 0xF8 != 0,
        part: Part::Everything,
        reason: "QEMU reports exceptions of the instruction before",
    },
    Exempt {
        rows: &["xsmax*", "xsmin*", "xvmax*", "xvmin*", "xvcmp*", "xvcvsxdsp", "xvcvuxdsp"],
        when: ALWAYS,
        part: Part::Fpscr(FX | UX | ZX | XX | OX),
        reason: "QEMU reports exceptions of the instruction before",
    },
    Exempt {
        rows: &["mtfsb1"],
        when: |word, _| word & 1 != 0,
        part: Part::Cr(0x800_0000),
        reason: "QEMU does not set FX",
    },
    Exempt {
        rows: &["xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp", "xsmaddasp", "xsmaddmsp", "xsmsubasp", "xsmsubmsp",
                "xsnmaddasp", "xsnmaddmsp", "xsnmsubasp", "xsnmsubmsp"],
        when: ALWAYS,
        part: Part::Fpscr(UX | FX),
        reason: "QEMU rounds to double, then to single, and misses what the first rounding hid",
    },
    Exempt {
        rows: &["bcdcfsq"],
        when: |word, s| (vrb(word, s) as i128).unsigned_abs() >= 10u128.pow(31),
        part: Part::Target,
        reason: "left open by the ISA: overflow",
    },
    Exempt {
        rows: &["bcdctsq", "bcdsetsgn", "bcdcpsgn"],
        when: |word, _| word >> 21 & 31 == word >> 11 & 31,
        part: Part::Everything,
        reason: "QEMU reads VRB again after it wrote VRT",
    },
    Exempt {
        rows: &["bcdcpsgn"],
        when: |word, s| !packed(vra(word, s)) || !packed(vrb(word, s)),
        part: Part::Target,
        reason: "left open by the ISA: an invalid operand",
    },
    Exempt {
        rows: &["bcdsr"],
        when: |word, s| ((vra(word, s) >> 64) as i8) < -31,
        part: Part::Everything,
        reason: "QEMU shifts by 31 at most, and rounds by a digit that stays",
    },
    Exempt {
        rows: &["bcdus"],
        when: ALWAYS,
        part: Part::Cr(0xE0),
        reason: "QEMU takes the last digit for a sign",
    },
    Exempt {
        rows: &["fre*", "frsqrte*"],
        when: |word, _| word & 1 != 0,
        part: Part::Cr(0x800_0000),
        reason: "left open by the ISA: XX, and FX with it",
    },
    Exempt {
        rows: &["xsmaxjdp", "xsminjdp"],
        when: |word, s| nan64(dword(xb(word, s), 0)),
        part: Part::Fpscr(VXSNAN | VX | FX),
        reason: "QEMU does not look at the second operand if the first is a NaN",
    },
    Exempt {
        rows: &["xvmadd*", "xvmsub*", "xvnmadd*", "xvnmsub*", "xsmadd*", "xsmsub*", "xsnmadd*", "xsnmsub*"],
        when: signaling_undefined,
        part: Part::Fpscr(VXSNAN | VX | FX),
        reason: "QEMU misses VXSNAN besides VXIMZ",
    },
    Exempt {
        rows: &["bcdus"],
        when: |word, s| (vra(word, s) >> 64) as i8 > 31,
        part: Part::Cr(0xF0),
        reason: "QEMU finds zero too large",
    },
    Exempt {
        rows: &["xscvsxdsp", "xscvuxdsp"],
        when: |word, s| dword(xb(word, s), 0).wrapping_add(1 << 53) >> 54 != 0,
        part: Part::Everything,
        reason: "QEMU rounds to double, then to single",
    },
];

/// Operands that random bits hardly ever are.
pub fn prepare(r: &mut Rng, name: &str, word: u32, s: &mut State) {
    let (a, b) = (32 + (word as usize >> 16 & 31), 32 + (word as usize >> 11 & 31));
    let ps = word & 0x200 != 0;
    if !name.starts_with("bcd") || r.below(4) == 0 {
        return;
    }
    let digits = r.below(32) as usize;
    let number = (0..digits).fold(0u128, |n, _| n << 4 | r.below(10) as u128);
    let number = if r.below(16) == 0 { 0x9999_9999_9999_9999_9999_9999_9999_9999 } else { number };
    let sign = r.range(10, 15) as u128;
    s.vsr[b] = number << 4 | sign;
    match name {
        "bcdadd" | "bcdsub" | "bcdcpsgn" => {
            let sum = (0..r.below(32)).fold(0u128, |n, _| n << 4 | r.below(10) as u128);
            s.vsr[a] = sum << 4 | r.range(10, 15) as u128;
        }
        "bcdcfn" => {
            let digits = (0..7).fold(0u128, |n, _| n << 16 | 0x30 | r.below(10) as u128);
            s.vsr[b] = digits << 16 | if r.below(2) == 0 { 0x2B } else { 0x2D };
        }
        "bcdcfz" => {
            let zone = if ps { 0xF0 } else { 0x30 };
            let digits = (0..15).fold(0u128, |n, _| n << 8 | zone | r.below(10) as u128);
            s.vsr[b] = digits << 8 | (r.below(16) << 4) as u128 | r.below(10) as u128;
        }
        "bcdcfsq" => s.vsr[b] = (s.vsr[b] as i128 >> r.below(128)) as u128,
        "bcds" | "bcdsr" | "bcdus" => {
            s.vsr[a] = (r.range(0, 70).wrapping_sub(35) as u8 as u128) << 64;
            s.vsr[b] = if name == "bcdus" { number } else { s.vsr[b] };
        }
        "bcdtrunc" => s.vsr[a] = (r.below(40) as u128) << 64,
        "bcdutrunc" => {
            s.vsr[a] = (r.below(40) as u128) << 64;
            s.vsr[b] = number;
        }
        _ => {}
    }
}
