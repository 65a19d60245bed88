//! IBM bit numbers: bit 0 is the most significant. One place turns the
//! manuals' numbers into masks, so that no model counts by hand.

/// Mask of IBM bit `n` of a 64-bit value.
pub const fn b64(n: u32) -> u64 {
    1 << (63 - n)
}
/// Mask of IBM bits `from..=to` of a 64-bit value.
pub const fn b64s(from: u32, to: u32) -> u64 {
    let width = to - from + 1;
    let ones = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    ones << (63 - to)
}
/// The field in IBM bits `from..=to` of `value`, right-aligned.
pub const fn field64(value: u64, from: u32, to: u32) -> u64 {
    (value & b64s(from, to)) >> (63 - to)
}
/// `value` with IBM bits `from..=to` replaced by `field`.
pub const fn with_field64(value: u64, from: u32, to: u32, field: u64) -> u64 {
    (value & !b64s(from, to)) | ((field << (63 - to)) & b64s(from, to))
}
/// Mask of IBM bit `n` of a 32-bit value.
pub const fn b32(n: u32) -> u32 {
    1 << (31 - n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_as_the_manual_counts() {
        assert_eq!(b64(0), 1 << 63);
        assert_eq!(b64(63), 1);
        assert_eq!(b64s(0, 63), u64::MAX);
        assert_eq!(b64s(3, 3), 1 << 60);
        assert_eq!(field64(0x8000_0000_0000_0001, 63, 63), 1);
        assert_eq!(field64(0xABCD_0000_0000_0000, 0, 15), 0xABCD);
        assert_eq!(with_field64(0, 16, 31, 0x1234), 0x0000_1234_0000_0000);
        assert_eq!(b32(31), 1);
    }
}
