//! The card: bytes are accesses (see `capi::psl::fuzzing`), narrowed for some targets.

use capi::psl::fuzzing;

/// Bytes of one step of the card's entry point.
const STEP: usize = 16;
const CONFIG: u8 = 5;
const STORE_MEMORY: u8 = 6;
const RARE: u8 = 11;

/// The card with a small AFU.
pub fn psl(data: &[u8]) {
    fuzzing::fuzz_mmio(data);
}

/// The card with the SISLite AFU; the entry point chooses the variant by the input's length.
pub fn card(data: &[u8]) {
    capi::afu::fuzzing::fuzz_card(data);
}

/// Only configuration accesses, one step in sixteen a reset.
pub fn config(data: &[u8]) {
    psl(&each_step(data, |step| {
        let reset = step[0] & 15 == 15;
        (step[0], step[1]) = if reset { (RARE, step[1] % 3) } else { (CONFIG, step[1]) };
    }));
}

/// Half of the steps store into the first 128 KiB of the process area's memory.
pub fn spa(data: &[u8]) {
    psl(&each_step(data, |step| {
        if step[0] & 1 == 0 && step[0] > 11 {
            step[0] = STORE_MEMORY;
            (step[2], step[3], step[4], step[5]) = (0, 0, 0, 4 | step[5] & 1);
        }
    }));
}

fn each_step(data: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut data = data.to_vec();
    data.chunks_exact_mut(STEP).for_each(change);
    data
}
