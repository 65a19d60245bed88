//! Binary-coded decimal assist (Book I 3.3.15, appendix B).

use crate::env::Env;
use crate::exec::Step;
use crate::state::Cpu;
use isa::Word;

/// Ten bits of densely packed decimal to three digits.
fn dpd_to_bcd(dpd: u64) -> u64 {
    let bit = |n: u32| dpd >> (9 - n) & 1 != 0;
    let [p, q, r, s, t, u, v, w, x, y] = std::array::from_fn(|i| bit(i as u32));
    let digits = [
        (!s & v & w) | (t & v & w & s) | (v & w & !x),
        (p & s & x & !t) | (p & !w) | (p & !v),
        (q & s & x & !t) | (q & !w) | (q & !v),
        r,
        (v & !w & x) | (s & v & w & x) | (!t & v & x & w),
        (p & t & v & w & x & !s) | (s & !x & v) | (s & !v),
        (q & t & w & v & x & !s) | (t & !x & v) | (t & !v),
        u,
        (t & v & w & x) | (s & v & w & x) | (v & !w & !x),
        (p & !s & !t & w & v) | (s & v & !w & x) | (p & w & !x & v) | (w & !v),
        (q & !s & !t & v & w) | (t & v & !w & x) | (q & v & w & !x) | (x & !v),
        y,
    ];
    digits.iter().fold(0, |n, &d| n << 1 | d as u64)
}
/// Three digits to ten bits of densely packed decimal.
fn bcd_to_dpd(bcd: u64) -> u64 {
    let bit = |n: u32| bcd >> (11 - n) & 1 != 0;
    let [a, b, c, d, e, f, g, h, i, j, k, m] = std::array::from_fn(|n| bit(n as u32));
    let bits = [
        (f & a & i & !e) | (j & a & !i) | (b & !a),
        (g & a & i & !e) | (k & a & !i) | (c & !a),
        d,
        (j & !a & e & !i) | (f & !i & !e) | (f & !a & !e) | (e & i),
        (k & !a & e & !i) | (g & !i & !e) | (g & !a & !e) | (a & i),
        h,
        a | e | i,
        (!e & j & !i) | (e & i) | a,
        (!a & k & !i) | (a & i) | e,
        m,
    ];
    bits.iter().fold(0, |n, &x| n << 1 | x as u64)
}
/// cdtbcd
pub fn cdtbcd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let word = |x: u64| dpd_to_bcd(x >> 10 & 0x3FF) << 12 | dpd_to_bcd(x & 0x3FF);
    let s = c.gpr[w.rs()];
    c.gpr[w.ra()] = word(s >> 32) << 32 | word(s);
    Ok(())
}
/// cbcdtd
pub fn cbcdtd(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let word = |x: u64| bcd_to_dpd(x >> 12 & 0xFFF) << 10 | bcd_to_dpd(x & 0xFFF);
    let s = c.gpr[w.rs()];
    c.gpr[w.ra()] = word(s >> 32) << 32 | word(s);
    Ok(())
}
/// addg6s: a 6 for each digit position that carries nothing out.
pub fn addg6s(c: &mut Cpu, _: &mut Env<'_>, w: Word) -> Step {
    let (a, b) = (c.gpr[w.ra()] as u128, c.gpr[w.rb()] as u128);
    let carries_in = (a + b) ^ a ^ b;
    let without = !(carries_in >> 4) as u64 & 0x1111_1111_1111_1111;
    c.gpr[w.rt()] = without * 6;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpd_round_trips_all_thousand_numbers() {
        for n in 0..1000u64 {
            let bcd = ((n / 100) << 8) | ((n / 10 % 10) << 4) | (n % 10);
            assert_eq!(dpd_to_bcd(bcd_to_dpd(bcd)), bcd);
        }
    }
}
