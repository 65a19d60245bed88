//! Machine state register bits (Power ISA 3.0B, Book III 4.2.1).

use fabric::bits::b64;

/// Sixty-four-bit mode.
pub const SF: u64 = b64(0);
/// Hypervisor state.
pub const HV: u64 = b64(3);
/// Vector available.
pub const VEC: u64 = b64(38);
/// VSX available.
pub const VSX: u64 = b64(40);
/// External interrupt enable.
pub const EE: u64 = b64(48);
/// Problem state.
pub const PR: u64 = b64(49);
/// Floating-point available.
pub const FP: u64 = b64(50);
/// Machine check enable.
pub const ME: u64 = b64(51);
/// Floating-point exception mode 0.
pub const FE0: u64 = b64(52);
/// Trace enable, two bits.
pub const TE: u64 = b64(53) | b64(54);
/// Floating-point exception mode 1.
pub const FE1: u64 = b64(55);
/// Instruction relocate.
pub const IR: u64 = b64(58);
/// Data relocate.
pub const DR: u64 = b64(59);
/// Performance monitor mark.
pub const PMM: u64 = b64(61);
/// Recoverable interrupt.
pub const RI: u64 = b64(62);
/// Little-endian mode.
pub const LE: u64 = b64(63);
/// The bits this machine has: what `mtmsrd` and the return instructions can
/// set; the others read as zero.
///
/// `Deviates:` no transactional memory (TM, TS).
pub const IMPLEMENTED: u64 =
    SF | HV | VEC | VSX | EE | PR | FP | ME | FE0 | TE | FE1 | IR | DR | PMM | RI | LE;
