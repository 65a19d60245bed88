//! Mutations: from one input another.

use fabric::Rng;

use crate::coverage;
use crate::targets::Target;

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

/// A mutated copy of `from`, at most as long as the target's longest; `other` lends pieces.
pub fn mutate(rng: &mut Rng, from: &[u8], other: &[u8], target: &Target) -> Vec<u8> {
    let mut out = from.to_vec();
    for _ in 0..=rng.below(6) {
        match rng.below(8) {
            0 | 1 => whole_steps(rng, &mut out, other, target),
            2 | 3 => compared(rng, &mut out),
            _ => step(rng, &mut out, other),
        }
    }
    out.truncate(target.longest);
    out
}

/// Moves, copies, drops or borrows whole steps, so that the rest of the input keeps its meaning.
fn whole_steps(rng: &mut Rng, out: &mut Vec<u8>, other: &[u8], target: &Target) {
    let Target { head, step, .. } = *target;
    let steps = |bytes: &[u8]| bytes.len().saturating_sub(head) / step;
    let (own, theirs) = (steps(out), steps(other));
    let piece = |rng: &mut Rng, bytes: &[u8], count: usize| {
        let from = rng.below(count as u64) as usize;
        let to = (from + 1 + rng.below(16) as usize).min(count);
        (head + from * step, head + to * step, bytes[head + from * step..head + to * step].to_vec())
    };
    if own == 0 {
        return;
    }
    let at = head + rng.below(own as u64 + 1) as usize * step;
    match rng.below(4) {
        0 => {
            let (from, to, _) = piece(rng, out, own);
            out.drain(from..to);
        }
        1 => {
            let (_, _, copy) = piece(rng, out, own);
            out.splice(at..at, copy);
        }
        _ if theirs > 0 => {
            let (_, _, borrowed) = piece(rng, other, theirs);
            out.splice(at..at, borrowed);
        }
        _ => {}
    }
}

/// Puts in what the code compared something with: in place of what it was if that is found, anywhere if not.
fn compared(rng: &mut Rng, out: &mut [u8]) {
    let Some((wanted, had)) = coverage::compared(rng.below(coverage::SLOTS as u64) as usize) else { return };
    let wanted =
        wanted.wrapping_add(rng.below(8).saturating_sub(6)).wrapping_sub(u64::from(rng.below(8) == 0));
    let width = [1, 2, 4, 8].into_iter().find(|n| (wanted | had) >> (n * 8 - 1) >> 1 == 0).unwrap_or(8);
    if out.len() < width {
        return;
    }
    let big = rng.below(2) == 0;
    let bytes = |value: u64| {
        if big { value.to_be_bytes()[8 - width..].to_vec() } else { value.to_le_bytes()[..width].to_vec() }
    };
    let start = rng.below((out.len() - width + 1) as u64) as usize;
    let found = out[start..].windows(width).position(|window| window == bytes(had));
    let at = found.map_or(start, |offset| start + offset);
    out[at..at + width].copy_from_slice(&bytes(wanted));
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
