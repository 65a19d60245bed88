//! Shifts that keep a sticky bit, and 256-bit significands as (high, low).

/// `x >> n`; bits shifted out are or-ed into the last bit.
pub(super) fn shr_jam(x: u128, n: u32) -> u128 {
    match n {
        0 => x,
        1..128 => x >> n | (x << (128 - n) != 0) as u128,
        _ => (x != 0) as u128,
    }
}

/// Product of two 128-bit integers.
pub(super) fn mul(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, mid1, mid2, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
    let mid = (low >> 64) + (mid1 & LOW) + (mid2 & LOW);
    (high + (mid1 >> 64) + (mid2 >> 64) + (mid >> 64), mid << 64 | low & LOW)
}
/// `x >> n` with a sticky last bit.
pub(super) fn shr_jam2((high, low): (u128, u128), n: u32) -> (u128, u128) {
    match n {
        0 => (high, low),
        1..128 => {
            let sticky = low << (128 - n) != 0;
            (high >> n, high << (128 - n) | low >> n | sticky as u128)
        }
        128 => (0, high | (low != 0) as u128),
        129..256 => {
            let sticky = low != 0 || high << (256 - n) != 0;
            (0, high >> (n - 128) | sticky as u128)
        }
        _ => (0, (high != 0 || low != 0) as u128),
    }
}
/// `x << n`.
pub(super) fn shl2((high, low): (u128, u128), n: u32) -> (u128, u128) {
    match n {
        0 => (high, low),
        1..128 => (high << n | low >> (128 - n), low << n),
        _ => (low.checked_shl(n - 128).unwrap_or(0), 0),
    }
}
/// Leading zeros.
pub(super) fn leading_zeros2((high, low): (u128, u128)) -> u32 {
    if high != 0 { high.leading_zeros() } else { 128 + low.leading_zeros() }
}
/// Sum and carry.
pub(super) fn add2(a: (u128, u128), b: (u128, u128)) -> ((u128, u128), bool) {
    let (low, carry) = a.1.overflowing_add(b.1);
    let (high, c1) = a.0.overflowing_add(b.0);
    let (high, c2) = high.overflowing_add(carry as u128);
    ((high, low), c1 | c2)
}
/// `a - b` for `a >= b`.
pub(super) fn sub2(a: (u128, u128), b: (u128, u128)) -> (u128, u128) {
    let (low, borrow) = a.1.overflowing_sub(b.1);
    (a.0.wrapping_sub(b.0).wrapping_sub(borrow as u128), low)
}
