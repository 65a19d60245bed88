//! Virtual time. One tick is one nanosecond of guest time, and by default
//! one retired instruction (architecture.md, "Time").

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};

/// A point in, or a length of, virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticks(pub u64);

/// Frequency of the POWER9 time base in Hz (Power ISA 3.0B, Book III 7.2).
pub const TIMEBASE_HZ: u64 = 512_000_000;

impl Ticks {
    /// The latest representable time: "never".
    pub const NEVER: Ticks = Ticks(u64::MAX);

    /// A length of `n` nanoseconds.
    pub const fn nanos(n: u64) -> Ticks {
        Ticks(n)
    }
    /// A length of `n` microseconds.
    pub const fn micros(n: u64) -> Ticks {
        Ticks(n.saturating_mul(1_000))
    }
    /// A length of `n` milliseconds.
    pub const fn millis(n: u64) -> Ticks {
        Ticks(n.saturating_mul(1_000_000))
    }
    /// A length of `n` seconds.
    pub const fn secs(n: u64) -> Ticks {
        Ticks(n.saturating_mul(1_000_000_000))
    }
    /// Value of the time base at this time: 512 MHz, rounded down.
    pub const fn timebase(self) -> u64 {
        // 512/1000 = 64/125; a far deadline would overflow 64 bits.
        if self.0 < 1 << 58 { self.0 * 64 / 125 } else { (self.0 as u128 * 64 / 125) as u64 }
    }
    /// First time at which the time base reads at least `tb`.
    pub const fn from_timebase(tb: u64) -> Ticks {
        if tb < 1 << 56 {
            return Ticks((tb * 125).div_ceil(64));
        }
        let ns = (tb as u128 * 125).div_ceil(64);
        if ns > u64::MAX as u128 { Ticks::NEVER } else { Ticks(ns as u64) }
    }
    /// This time plus `by`, or [`Ticks::NEVER`].
    pub const fn after(self, by: Ticks) -> Ticks {
        Ticks(self.0.saturating_add(by.0))
    }
    /// Seconds, for people.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for Ticks {
    type Output = Ticks;
    fn add(self, rhs: Ticks) -> Ticks {
        self.after(rhs)
    }
}
impl AddAssign for Ticks {
    fn add_assign(&mut self, rhs: Ticks) {
        *self = self.after(rhs);
    }
}
impl Sub for Ticks {
    type Output = Ticks;
    fn sub(self, rhs: Ticks) -> Ticks {
        Ticks(self.0.saturating_sub(rhs.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timebase_round_trip_reaches_the_value() {
        for tb in [0, 1, 2, 63, 64, 511, 512_000_000, 1 << 40, (1 << 55) - 1] {
            let t = Ticks::from_timebase(tb);
            assert!(t.timebase() >= tb, "tb {tb}: {t:?} reads {}", t.timebase());
            if t.0 > 0 {
                assert!(Ticks(t.0 - 1).timebase() < tb, "tb {tb}: {t:?} is not the first");
            }
        }
        assert_eq!(Ticks::secs(1).timebase(), TIMEBASE_HZ);
    }
}
