//! Inputs to start from: what a driver does, in the form of the entry points.

use fabric::Rng;

/// Place of the table of known offsets in `capi::psl::fuzzing`, by index.
fn step(operation: u8, size: u8, place: u64, value: u64) -> [u8; 16] {
    let mut out = [0; 16];
    (out[0], out[1]) = (operation, size);
    out[2..8].copy_from_slice(&place.to_be_bytes()[2..]);
    out[8..].copy_from_slice(&value.to_be_bytes());
    out
}

/// A store to `bar` at `offset` by explicit address.
fn store(bar: u8, offset: u64, value: u64) -> [u8; 16] {
    step(0, 0x87, u64::from(bar) << 40 | offset, value)
}

fn pass(ticks: u64) -> [u8; 16] {
    step(9, 0, 0, ticks)
}

/// The process area, 128 KiB, and its status word behind 958 elements.
const SPA: u64 = 0x4_0000;
const SPA_STATUS: u64 = SPA + 0x1_E080;
const SPA_VALUE: u64 = SPA | 0x1F1;
/// `AFU_Cntl_An`: enable, reset.
const ENABLE: u64 = 1 << 60;
const RESET: u64 = 1 << 56;
/// The slice's privileged area in BAR 2.
const P1N: u64 = capi::psl::P1N_OFFSET;
const AFU_CNTL: u64 = 0x90;
const PROBLEM_STATE: u64 = 0x100_0000;

fn memory(ra: u64, value: u64) -> [u8; 16] {
    step(6, 0, ra, value)
}

/// Resets and enables the AFU with a process area at [`SPA`].
fn enabled() -> Vec<[u8; 16]> {
    vec![
        store(0, AFU_CNTL, RESET),
        pass(50_000),
        store(2, P1N + 0x88, SPA_VALUE),
        store(2, P1N + 0xA0, 4 << 32),
        store(2, P1N + 0x20, 3 << 32),
        store(2, P1N + 0x28, 0x77),
        store(0, AFU_CNTL, 2 << 58 | ENABLE),
        pass(20_000),
    ]
}

/// An element as the driver fills it, state `software state`.
fn element(pe: u64, state: u64) -> Vec<[u8; 16]> {
    let at = SPA + pe * 128;
    let words = [
        (0x00, 0x9600_0000_0000_4011),
        (0x20, 0x50 << 16 | (0x60 + 8 * pe)),
        (0x28, 1 << 16 | 3),
        (0x38, 7),
        (0x78, state),
    ];
    words.iter().map(|(offset, value)| memory(at + offset, *value)).collect()
}

fn link_command(code: u64, pe: u64) -> Vec<[u8; 16]> {
    let word = code << 48 | pe;
    vec![memory(SPA_STATUS, word), store(2, P1N + 0x90, word), pass(3_000)]
}

fn added(pe: u64) -> Vec<[u8; 16]> {
    [element(pe, 0x8000_0000), link_command(5, pe)].concat()
}

fn removed(pe: u64) -> Vec<[u8; 16]> {
    [element(pe, 0x8000_0000 | 4), link_command(1, pe), link_command(2, pe)].concat()
}

fn joined(parts: &[Vec<[u8; 16]>]) -> Vec<u8> {
    parts.iter().flatten().flatten().copied().collect()
}

/// What a driver does to a card.
pub fn card() -> Vec<Vec<u8>> {
    let work: Vec<_> = (0..8).map(|n| store(0, PROBLEM_STATE + n * 8, SPA + n)).collect();
    let mut all = vec![
        joined(&[enabled()]),
        joined(&[enabled(), added(0), work]),
        joined(&[enabled(), added(1), removed(1), added(1)]),
    ];
    all.extend(config());
    all.extend(random());
    all
}

/// Configuration accesses as enumeration does them.
pub fn config() -> Vec<Vec<u8>> {
    let sizing: Vec<_> = (0..6).map(|n| step(5, 3, 0x10 + n * 4, u64::MAX)).collect();
    let walk: Vec<_> = (0..64).map(|n| step(5, 3, n * 4, 0)).collect();
    let vsec: Vec<_> = (0..32).map(|n| step(5, 3, 0x400 + n * 4, u64::MAX)).collect();
    vec![joined(&[sizing]), joined(&[walk]), joined(&[vsec])]
}

/// Process elements come and go.
pub fn spa() -> Vec<Vec<u8>> {
    let odd = [link_command(3, 511), link_command(4, 511), link_command(6, 511)].concat();
    vec![
        joined(&[enabled(), added(0), added(1), added(2), removed(1), removed(0), removed(2)]),
        joined(&[enabled(), added(511), odd]),
        joined(&[enabled(), added(957), removed(957), added(958)]),
    ]
}

/// Random bytes of several lengths.
pub fn random() -> Vec<Vec<u8>> {
    let mut rng = Rng::named(0, "seeds");
    [16, 256, 2048].map(|length| (0..length).map(|_| rng.next_u64() as u8).collect()).to_vec()
}

/// Bytes of an input of `ioarcb` before its first command: kind, surroundings, four RHT entries, an LXT.
pub const COMMANDS_HEAD: usize = 2 + 64 + 64;
/// Process element, three bytes of shape, IOARCB.
pub const COMMAND: usize = 68;

/// Commands of every kind, in orderly surroundings and in each hostile one.
pub fn commands() -> Vec<Vec<u8>> {
    let usual = (0..16u8).map(|kind| command_input(kind.wrapping_mul(0x1D), 0, kind.wrapping_mul(8), 0));
    // All four entries lead to the LXT; a data_len of 4 GiB less one where the shape does not set it.
    let hostile =
        (0..8).flat_map(|bit| [0, 8].map(|shape| command_input(0x3C | bit & 1, 1 << bit, shape, 0xFF)));
    usual.chain(hostile).collect()
}

fn command_input(kind: u8, around: u8, shape: u8, length: u8) -> Vec<u8> {
    // Offsets in an IOARCB.
    const DATA_LEN: std::ops::Range<usize> = 0x10..0x14;
    const CDB: usize = 0x28;
    let mut input = vec![kind, around];
    input.extend((0..128).map(|n| if n % 16 == 15 { 3 } else { 0 }));
    for command in 0..8u8 {
        input.extend([command & 1, shape, shape, 0x80]);
        input.extend((0..64).map(|n| {
            if n == CDB {
                command
            } else if DATA_LEN.contains(&n) {
                length
            } else {
                0
            }
        }));
    }
    input
}

/// Every firmware call with arguments of every choice.
pub fn opal() -> Vec<Vec<u8>> {
    let call = |token: u8, choice: u8| -> Vec<u8> {
        let mut out = vec![token];
        out.extend([choice; 7]);
        out.extend(u64::from(token).to_le_bytes());
        out
    };
    let sweep = |choice| (0..200).flat_map(|token| call(token, choice)).take(2048).collect();
    let tail = |choice| (100..200).flat_map(|token| call(token, choice)).collect();
    (0..14).map(sweep).chain((0..14).map(tail)).collect()
}
