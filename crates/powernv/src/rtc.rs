//! The clock on the wall. Deviates: it shows a fixed date plus virtual
//! time, so that a run does not depend on the day it is made.

use fabric::Ticks;
use serde::{Deserialize, Serialize};

/// A real-time clock that follows virtual time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rtc {
    /// Seconds since 1970 at virtual time 0.
    epoch: i64,
}

const DAY: i64 = 86_400;

impl Rtc {
    pub(crate) fn new(epoch_secs: u64) -> Rtc {
        Rtc { epoch: epoch_secs.min(1 << 36) as i64 }
    }
    /// Date as BCD YYYYMMDD, time as BCD HHMMSS in the upper bytes.
    pub(crate) fn read(&self, now: Ticks) -> (u32, u64) {
        let secs = self.epoch.saturating_add((now.0 / 1_000_000_000) as i64).max(0);
        let (y, m, d) = civil_from_days(secs / DAY);
        let in_day = secs % DAY;
        let date = bcd(y as u64 % 10_000) << 16 | bcd(m as u64) << 8 | bcd(d as u64);
        let time = bcd(in_day as u64 / 3600) << 56
            | bcd(in_day as u64 / 60 % 60) << 48
            | bcd(in_day as u64 % 60) << 40;
        (date as u32, time)
    }
    /// Sets the clock; false if the values are no date.
    pub(crate) fn write(&mut self, now: Ticks, date: u32, time: u64) -> bool {
        let fields = [date >> 16, date >> 8 & 0xff, date & 0xff].map(|f| from_bcd(u64::from(f)));
        let clock = [56, 48, 40].map(|shift| from_bcd(time >> shift & 0xff));
        let ([Some(y), Some(m), Some(d)], [Some(hh), Some(mm), Some(ss)]) = (fields, clock) else {
            return false;
        };
        if !(1970..=2200).contains(&y) || !(1..=12).contains(&m) || !(1..=31).contains(&d) {
            return false;
        }
        let secs = days_from_civil(y, m, d) * DAY + hh * 3600 + mm * 60 + ss;
        self.epoch = secs - (now.0 / 1_000_000_000) as i64;
        true
    }
}

fn bcd(v: u64) -> u64 {
    (0..4).fold(0, |acc, digit| acc | (v / 10u64.pow(digit) % 10) << (4 * digit))
}
fn from_bcd(v: u64) -> Option<i64> {
    (0..4).try_fold(0, |acc, digit| {
        let d = (v >> (4 * digit) & 0xf) as i64;
        (d < 10).then_some(acc + d * 10i64.pow(digit))
    })
}

/// Days since 1970-01-01 of a date of the Gregorian calendar: years begin
/// in March here, so that the leap day is their last.
fn days_from_civil(y: i64, m: i64, d: i64) -> i64 {
    let year = if m < 3 { y - 1 } else { y };
    let month = (m + 9) % 12;
    let before_month = (month * 153 + 2) / 5;
    year * 365 + year / 4 - year / 100 + year / 400 + before_month + d - 1 - 719_468
}
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let mut y = 1970 + days / 366;
    while days_from_civil(y + 1, 1, 1) <= days {
        y += 1;
    }
    let m = (2..=12).rev().find(|&m| days_from_civil(y, m, 1) <= days).unwrap_or(1);
    (y, m, days - days_from_civil(y, m, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |secs: u64, want: (u32, u64)| {
            assert_eq!(Rtc::new(secs).read(Ticks(0)), want, "{secs}");
            let mut rtc = Rtc::new(0);
            assert!(rtc.write(Ticks(0), want.0, want.1));
            assert_eq!(rtc.read(Ticks(0)), want, "set {secs}");
        };
        check(0, (0x1970_0101, 0));
        check(1_577_836_800, (0x2020_0101, 0));
        check(1_582_934_400, (0x2020_0229, 0));
        check(951_868_799, (0x2000_0229, 0x2359_5900_0000_0000));
        check(4_102_444_799, (0x2099_1231, 0x2359_5900_0000_0000));
        assert_eq!(Rtc::new(0).read(Ticks::secs(61)), (0x1970_0101, 0x0001_0100_0000_0000));
        assert!(!Rtc::new(0).write(Ticks(0), 0x2020_0a01, 0));
    }
}
