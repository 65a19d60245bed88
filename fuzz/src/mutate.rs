//! Mutations: from one input another.

use fabric::Rng;

/// Numbers at which programs go wrong.
const EDGES: &[u64] = &[
    0,
    1,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0xFFF,
    0x1000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xC000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_F000,
    u64::MAX,
];

/// A mutated copy of `from`, at most `longest` bytes; `other` lends pieces.
pub fn mutate(rng: &mut Rng, from: &[u8], other: &[u8], longest: usize) -> Vec<u8> {
    let mut out = from.to_vec();
    for _ in 0..=rng.below(6) {
        step(rng, &mut out, other);
    }
    out.truncate(longest);
    out
}

/// A random input of up to `longest` bytes.
pub fn random(rng: &mut Rng, longest: usize) -> Vec<u8> {
    let length = rng.below(longest as u64 + 1);
    (0..length).map(|_| rng.next_u64() as u8).collect()
}

fn step(rng: &mut Rng, out: &mut Vec<u8>, other: &[u8]) {
    if out.is_empty() {
        out.extend_from_slice(&other[..other.len().min(64)]);
        out.push(rng.next_u64() as u8);
        return;
    }
    let at = rng.below(out.len() as u64) as usize;
    match rng.below(10) {
        0 | 1 => out[at] ^= 1 << rng.below(8),
        2 => out[at] = rng.next_u64() as u8,
        3 => out[at] = out[at].wrapping_add(rng.below(17) as u8).wrapping_sub(8),
        4 | 5 => number(rng, out, at),
        6 => {
            let end = (at + 1 + rng.below(64) as usize).min(out.len());
            out.drain(at..end);
        }
        7 => {
            let piece = slice(rng, other);
            out.splice(at..at, piece);
        }
        8 => {
            let piece = slice(rng, other);
            let end = (at + piece.len()).min(out.len());
            out.splice(at..end, piece);
        }
        _ => {
            let own = slice(rng, out);
            out.splice(at..at, own);
        }
    }
}

/// Overwrites 2, 4 or 8 bytes with an edge, in either byte order.
fn number(rng: &mut Rng, out: &mut [u8], at: usize) {
    let edge = EDGES[rng.below(EDGES.len() as u64) as usize].wrapping_add(rng.below(3)).wrapping_sub(1);
    let width = [2, 4, 8][rng.below(3) as usize].min(out.len() - at);
    let bytes = if rng.below(2) == 0 { edge.to_le_bytes() } else { edge.swap_bytes().to_le_bytes() };
    out[at..at + width].copy_from_slice(&bytes[..width]);
}

fn slice(rng: &mut Rng, from: &[u8]) -> Vec<u8> {
    if from.is_empty() {
        return vec![];
    }
    let at = rng.below(from.len() as u64) as usize;
    let end = (at + 1 + rng.below(128) as usize).min(from.len());
    from[at..end].to_vec()
}
