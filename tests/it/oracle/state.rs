//! The state that both sides start from and end in, and random values of it.

use super::program::at;
use fabric::rng::Rng;

/// Bytes of memory that instructions may touch.
pub const WINDOW: usize = 512;

/// How the instruction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It completed and continues at this address.
    At(u64),
    /// It caused this signal of Linux.
    Signal(u32),
}

/// Problem state and a window of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub gpr: [u64; 32],
    pub vsr: [u128; 64],
    pub cr: u32,
    pub xer: u64,
    pub ctr: u64,
    pub lr: u64,
    pub fpscr: u64,
    pub vscr: u32,
    pub window: [u8; WINDOW],
}

impl State {
    /// Writes the state into a record.
    pub fn save(&self, record: &mut [u8]) {
        let mut put =
            |offset: usize, value: u64| record[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        self.gpr.iter().enumerate().for_each(|(i, v)| put(8 * i, *v));
        put(at::CR, self.cr as u64);
        put(at::XER, self.xer);
        put(at::CTR, self.ctr);
        put(at::LR, self.lr);
        put(at::FPSCR, self.fpscr);
        put(at::VSCR, self.vscr as u64);
        for (i, v) in self.vsr.iter().enumerate() {
            record[at::VSR + 16 * i..][..16].copy_from_slice(&v.to_le_bytes());
        }
        record[at::WINDOW..][..WINDOW].copy_from_slice(&self.window);
    }
    /// Reads the state of a record.
    pub fn load(record: &[u8]) -> State {
        let get = |offset: usize| {
            u64::from_le_bytes(*record[offset..].first_chunk().expect("a record is longer than its fields"))
        };
        let vsr = |i: usize| {
            u128::from_le_bytes(*record[at::VSR + 16 * i..].first_chunk().expect("64 registers fit"))
        };
        State {
            gpr: std::array::from_fn(|i| get(8 * i)),
            vsr: std::array::from_fn(vsr),
            cr: get(at::CR) as u32,
            xer: get(at::XER),
            ctr: get(at::CTR),
            lr: get(at::LR),
            fpscr: get(at::FPSCR),
            vscr: get(at::VSCR) as u32,
            window: *record[at::WINDOW..].first_chunk().expect("the window fits"),
        }
    }
    /// A random state.
    pub fn random(r: &mut Rng) -> State {
        State {
            gpr: std::array::from_fn(|_| integer(r)),
            vsr: std::array::from_fn(|_| vector(r)),
            cr: r.next_u64() as u32,
            xer: r.next_u64() & 0xE00C_007F,
            ctr: if r.below(2) == 0 { r.below(3) } else { integer(r) },
            lr: integer(r),
            fpscr: fpscr(r),
            vscr: r.next_u64() as u32 & 1,
            window: std::array::from_fn(|_| r.next_u64() as u8),
        }
    }
}

/// One of a list.
pub fn pick<T: Copy>(r: &mut Rng, list: &[T]) -> T {
    list[r.below(list.len() as u64) as usize]
}

/// Numbers at which integer instructions change their mind.
pub fn integer(r: &mut Rng) -> u64 {
    const EDGES: &[u64] = &[
        0,
        1,
        2,
        u64::MAX,
        u64::MAX - 1,
        i64::MAX as u64,
        i64::MIN as u64,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFF_FFFF,
        0x1_0000_0000,
        0xFFFF_FFFF_8000_0000,
        0xFFFF_FFFF_7FFF_FFFF,
        0x8000_0000_0000_0001,
    ];
    match r.below(8) {
        0 | 1 => pick(r, EDGES),
        2 => r.below(256),
        3 => (1 << r.below(64)) + r.below(3) - 1,
        4 => r.next_u64() as i32 as u64,
        5 => r.next_u64() >> r.below(64),
        _ => r.next_u64(),
    }
}

/// Doubles: specials, near 1, near the limits of single, any.
pub fn double(r: &mut Rng) -> u64 {
    const EDGES: &[u64] = &[
        0,
        1,
        0x000F_FFFF_FFFF_FFFF,
        0x0010_0000_0000_0000,
        0x3FF0_0000_0000_0000,
        0x3FF8_0000_0000_0000,
        0x3FE0_0000_0000_0000,
        0x7FEF_FFFF_FFFF_FFFF,
        0x7FF0_0000_0000_0000,
        0x7FF0_0000_0000_0001,
        0x7FF8_0000_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF,
        0x47EF_FFFF_E000_0000,
        0x47F0_0000_0000_0000,
        0x3810_0000_0000_0000,
        0x36A0_0000_0000_0000,
        0x41DF_FFFF_FFC0_0000,
        0x41E0_0000_0000_0000,
        0x43E0_0000_0000_0000,
        0x43F0_0000_0000_0000,
    ];
    let sign = r.next_u64() & 1 << 63;
    let exponent = match r.below(8) {
        0 | 1 => return sign | pick(r, EDGES),
        2 => r.next_u64() >> 53,
        3 => r.range(870, 900),
        4 => r.range(1145, 1155),
        5 => r.range(1050, 1090),
        _ => r.range(1015, 1031),
    };
    let fraction = match r.below(4) {
        0 => r.next_u64() >> 12 & 0xF_FFFF_E000_0000,
        1 => r.next_u64() >> 12 & 0xF_F000_0000_0000,
        _ => r.next_u64() >> 12,
    };
    sign | exponent << 52 | fraction
}
/// Singles, likewise.
pub fn single(r: &mut Rng) -> u32 {
    const EDGES: &[u32] = &[
        0,
        1,
        0x7F_FFFF,
        0x80_0000,
        0x3F80_0000,
        0x7F7F_FFFF,
        0x7F80_0000,
        0x7F80_0001,
        0x7FC0_0000,
        0x4F00_0000,
        0x4F80_0000,
        0x5F00_0000,
    ];
    let sign = (r.next_u64() as u32) << 31;
    let exponent = match r.below(5) {
        0 | 1 => return sign | pick(r, EDGES),
        2 => r.below(256) as u32,
        _ => r.range(118, 136) as u32,
    };
    sign | exponent << 23 | r.next_u64() as u32 >> 9
}
/// Quadword floating point, likewise.
fn quad(r: &mut Rng) -> u128 {
    let exponent = match r.below(4) {
        0 => r.below(2) * 0x7FFF,
        1 => r.below(0x8000),
        _ => r.range(0x3FF0, 0x4010),
    } as u128;
    let sign = (r.next_u64() as u128) << 127;
    let fraction = match r.below(3) {
        0 => (r.next_u64() as u128 & 0xFF) << 104,
        _ => (r.next_u64() as u128) << 64 | r.next_u64() as u128,
    };
    sign | exponent << 112 | fraction & ((1 << 112) - 1)
}
/// Packed decimal of up to 31 digits with a sign.
fn decimal(r: &mut Rng) -> u128 {
    let digits = r.below(32);
    let number = (0..digits).fold(0u128, |n, _| n << 4 | r.below(10) as u128);
    number << 4 | r.range(10, 15) as u128
}

/// A vector register: what its 128 bits are is a matter of the instruction.
pub fn vector(r: &mut Rng) -> u128 {
    let pair = |hi: u64, lo: u64| (hi as u128) << 64 | lo as u128;
    match r.below(8) {
        0 | 1 => pair(double(r), double(r)),
        2 => (0..4).fold(0, |v, _| v << 32 | single(r) as u128),
        3 => pair(integer(r), integer(r)),
        4 => (0..16).fold(0, |v, _| v << 8 | pick(r, &[0u128, 1, 0x7F, 0x80, 0xFF, 0x41, 0x10])),
        5 => quad(r),
        6 => decimal(r),
        _ => pair(r.next_u64(), r.next_u64()),
    }
}

/// Rounding modes, and sticky bits and FPRF or enabled exceptions. The
/// summary bits VX and FEX follow from the others.
fn fpscr(r: &mut Rng) -> u64 {
    const VX_BITS: u64 = 0x01F8_0700;
    const OTHER_STICKY: u64 = 0x9E00_0000;
    const FPRF_FI_FR: u64 = 0x0007_F000;
    const ENABLES: u64 = 0xF8;
    let mut bits = r.next_u64() & 3;
    match r.below(8) {
        0..4 => bits |= r.next_u64() & (VX_BITS | OTHER_STICKY | FPRF_FI_FR),
        4 => bits |= r.next_u64() & ENABLES,
        _ => {}
    }
    if bits & VX_BITS != 0 { bits | 0x2000_0000 } else { bits }
}
