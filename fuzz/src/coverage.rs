//! Which edges of our crates an input reached, and what it was compared with.
//!
//! `cargo xtask fuzz` compiles our crates with LLVM's SanitizerCoverage (clang's page of that name: "Inline 8bit-counters",
//! "Tracing data flow"). Each edge of the program counts in a byte of its own; before `main` the program is told where
//! these bytes are; each comparison calls a function of ours. A plain `cargo run -p fuzz` has none of it and measures nothing.
//!
//! Unsafe, the only such file beside guest memory: names and forms of the callbacks are the compiler's, the bytes have no
//! owner in Rust. No crate gives a safe view of them: `sancov` is the other side of the interface, `libafl_targets` hands out
//! raw maps, `libfuzzer-sys` brings a loop of its own in C++.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

static START: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Called before `main` by each instrumented object file, always with the whole range: the linker has joined the pieces.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    START.store(start, Relaxed);
    COUNT.store(stop as usize - start as usize, Relaxed);
}

/// Number of counters; 0 in a program without instrumentation.
pub fn counters() -> usize {
    COUNT.load(Relaxed)
}

/// Sets all counters to 0.
pub fn clear() {
    // SAFETY: the range is a writable section of this program (or empty), and nobody holds a reference into it. Only this
    // thread runs instrumented code: the watchdog's thread has none, as `fuzz` itself is not instrumented.
    unsafe { START.load(Relaxed).write_bytes(0, counters()) }
}

/// Copies all counters.
fn snapshot(into: &mut Vec<u8>) {
    into.resize(counters(), 0);
    if !into.is_empty() {
        // SAFETY: as in `clear`; `into` has that length and is elsewhere.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(START.load(Relaxed), into.len()) }
    }
}

/// Slots for comparisons: one for each hash of what was wanted.
pub const SLOTS: usize = 512;
static WANTED: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];
static HAD: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];
static TURN: AtomicU64 = AtomicU64::new(0);

/// Small numbers are found without help.
const SMALL: u64 = 64;

fn note(wanted: u64, had: u64) {
    if wanted != had && wanted >= SMALL {
        let slot = (wanted.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize;
        WANTED[slot].store(wanted, Relaxed);
        HAD[slot].store(had, Relaxed);
    }
}

/// A number that something was compared with since the process began, and what it was; `slot` below [`SLOTS`].
pub fn compared(slot: usize) -> Option<(u64, u64)> {
    let wanted = WANTED[slot].load(Relaxed);
    (wanted != 0).then(|| (wanted, HAD[slot].load(Relaxed)))
}

macro_rules! callbacks {
    ($($name:ident $number:ty),* $(,)?) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name(wanted: $number, had: $number) {
            note(u64::from(wanted), u64::from(had));
        }
    )*};
}

// A constant comes first; of two variables either may be the one to want, and the first is taken.
callbacks! {
    __sanitizer_cov_trace_const_cmp1 u8, __sanitizer_cov_trace_const_cmp2 u16,
    __sanitizer_cov_trace_const_cmp4 u32, __sanitizer_cov_trace_const_cmp8 u64,
    __sanitizer_cov_trace_cmp1 u8, __sanitizer_cov_trace_cmp2 u16,
    __sanitizer_cov_trace_cmp4 u32, __sanitizer_cov_trace_cmp8 u64,
}

/// A `match` on a number: `cases` holds the number of cases, the width in bits, and the cases. They take turns.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_trace_switch(had: u64, cases: *const u64) {
    let turn = TURN.load(Relaxed);
    TURN.store(turn.wrapping_add(1), Relaxed);
    // SAFETY: the compiler's table, constant, of that form.
    let wanted = unsafe {
        let count = *cases;
        if count == 0 { had } else { *cases.add(2 + (turn % count) as usize) }
    };
    note(wanted, had);
}

/// What inputs have reached so far. A feature is a counter with one of eight magnitudes, as fuzzers usually count.
#[derive(Default)]
pub struct Seen {
    magnitudes: Vec<u8>,
    last: Vec<u8>,
}

/// Magnitudes of a counter: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
fn magnitude(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..8 => 8,
        8..16 => 16,
        16..32 => 32,
        32..128 => 64,
        _ => 128,
    }
}

/// Place and value of the bytes that are not 0.
fn counted(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let words = bytes.chunks(8).enumerate().filter(|(_, word)| word.iter().any(|byte| *byte != 0));
    words
        .flat_map(|(n, word)| word.iter().enumerate().map(move |(at, byte)| (n * 8 + at, *byte)))
        .filter(|(_, byte)| *byte != 0)
}

impl Seen {
    /// Adds what ran since [`clear`]; whether any of it is new.
    pub fn add(&mut self) -> bool {
        snapshot(&mut self.last);
        self.magnitudes.resize(self.last.len(), 0);
        let mut new = false;
        for (at, count) in counted(&self.last) {
            let bit = magnitude(count);
            new |= self.magnitudes[at] & bit == 0;
            self.magnitudes[at] |= bit;
        }
        new
    }
    /// Counters that were reached.
    pub fn reached(&self) -> usize {
        self.magnitudes.iter().filter(|bits| **bits != 0).count()
    }
    /// Features that were reached.
    pub fn features(&self) -> usize {
        self.magnitudes.iter().map(|bits| bits.count_ones() as usize).sum()
    }
}

/// Features of what ran since [`clear`]: counter times eight plus magnitude.
pub fn features() -> Vec<u32> {
    let mut bytes = vec![];
    snapshot(&mut bytes);
    counted(&bytes).map(|(at, count)| at as u32 * 8 + magnitude(count).trailing_zeros()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_in_any_word() {
        let mut bytes = [0; 21];
        (bytes[0], bytes[9], bytes[20]) = (1, 3, 200);
        assert_eq!(counted(&bytes).collect::<Vec<_>>(), [(0, 1), (9, 3), (20, 200)]);
        let steps: Vec<u8> = [0, 1, 2, 3, 4, 7, 8, 31, 127, 128, 255].map(magnitude).to_vec();
        assert_eq!(steps, [0, 1, 2, 4, 8, 8, 16, 32, 64, 128, 128]);
    }

    #[test]
    fn comparisons_are_remembered_by_what_was_wanted() {
        note(0x1234_5678, 9);
        note(0x1234_5678, 10);
        note(5, 10);
        let known: Vec<_> = (0..SLOTS).filter_map(compared).collect();
        assert!(known.contains(&(0x1234_5678, 10)));
        assert!(!known.contains(&(5, 10)));
    }
}
