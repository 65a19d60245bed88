//! Durations, sizes and ranges as people write them: `500ms`, `3s..9.5s`,
//! `16GiB`.

use fabric::{Rng, Ticks};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A length of time between two bounds, drawn from a named stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Shortest, in nanoseconds.
    pub low: u64,
    /// Longest, in nanoseconds.
    pub high: u64,
}

impl Span {
    /// Exactly this long.
    pub const fn exactly(t: Ticks) -> Span {
        Span { low: t.0, high: t.0 }
    }
    /// The length that stream `name` of `seed` gives.
    pub fn draw(self, seed: u64, name: &str) -> Ticks {
        Ticks(Rng::named(seed, name).range(self.low, self.high))
    }
}

/// A whole number between two bounds, drawn from a named stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Least.
    pub low: u64,
    /// Greatest.
    pub high: u64,
}

impl Draw {
    /// The number that the stream of this draw gives with `seed`.
    pub fn draw(self, seed: u64, name: &str) -> u64 {
        Rng::named(seed, &format!("draw.{name}")).range(self.low, self.high)
    }
}

/// `8..64`: a whole number from 8 to 64.
pub fn parse_draw(text: &str) -> Result<Draw, String> {
    let number = |t: &str| t.trim().replace('_', "").parse::<u64>().ok();
    let bounds = text.split_once("..").and_then(|(low, high)| Some((number(low)?, number(high)?)));
    match bounds {
        Some((low, high)) if low <= high => Ok(Draw { low, high }),
        _ => Err(format!("`{text}` is no range of whole numbers such as `8..64`")),
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            return f.write_str(&show_duration(Ticks(self.low)));
        }
        write!(f, "{}..{}", show_duration(Ticks(self.low)), show_duration(Ticks(self.high)))
    }
}

/// A duration with the largest unit that keeps it short.
pub fn show_duration(t: Ticks) -> String {
    for (unit, ns) in TIME_UNITS.iter().rev() {
        if t.0 >= *ns && t.0.is_multiple_of(*ns) {
            return format!("{}{unit}", t.0 / ns);
        }
    }
    if t.0 == 0 { "0s".into() } else { format!("{}ns", t.0) }
}

const TIME_UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000)];
const SIZE_UNITS: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Splits `text` into a decimal number and its unit, and multiplies.
fn scaled(text: &str, units: &[(&str, u64)], what: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = (text[..digits].replace('_', ""), text[digits..].trim());
    let names = units.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
    if number.is_empty() {
        return Err(format!("`{text}` is no {what}: a number and a unit ({names}) are needed"));
    }
    let Some((_, factor)) = units.iter().find(|(n, _)| *n == unit) else {
        return Err(format!("`{text}` is no {what}: the unit must be one of {names}"));
    };
    multiply(&number, *factor)
        .ok_or_else(|| format!("`{text}` is no {what}: the number is malformed or too large"))
}

/// `number` (decimal digits, maybe a fraction) times `factor`, exactly.
fn multiply(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.checked_mul(factor)? };
    if fraction.is_empty() {
        return (!number.ends_with('.')).then_some(whole);
    }
    if fraction.len() > 12 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = fraction.parse::<u128>().ok()? * u128::from(factor) / 10u128.pow(fraction.len() as u32);
    whole.checked_add(u64::try_from(part).ok()?)
}

/// A duration such as `250us`, `1.5s` or `2min`.
pub fn parse_duration(text: &str) -> Result<Ticks, String> {
    scaled(text, &TIME_UNITS, "duration").map(Ticks)
}

/// A duration or a range of them, `low..high`.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let Some((low, high)) = text.split_once("..") else {
        return parse_duration(text).map(Span::exactly);
    };
    let (low, high) = (parse_duration(low)?, parse_duration(high)?);
    if low > high {
        return Err(format!("`{text}` is an empty range: the first bound is the greater one"));
    }
    Ok(Span { low: low.0, high: high.0 })
}

/// A size such as `64KiB` or `16GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZE_UNITS, "size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_exact() {
        for (text, ns) in [
            ("1ns", 1),
            ("2.5us", 2_500),
            ("9.5s", 9_500_000_000),
            ("2min", 120_000_000_000),
            ("1_000 ms", 1_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Ticks(ns)), "{text}");
        }
        assert_eq!(parse_size("1.5KiB"), Ok(1536));
        assert_eq!(parse_size("16GiB"), Ok(16 << 30));
        for bad in ["", "s", "1", "1h", "1..2", "-1s", "1.s", "99999999999999999999s", "99999999999min"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
        assert!(parse_size("1GB").unwrap_err().contains("GiB"));
    }

    #[test]
    fn a_range_is_drawn_from_its_own_stream() {
        let span = parse_span("3s..9.5s").unwrap();
        assert_eq!((span.low, span.high), (3_000_000_000, 9_500_000_000));
        let drawn: Vec<_> = (0..50).map(|seed| span.draw(seed, "step.hold")).collect();
        assert_eq!(drawn, (0..50).map(|seed| span.draw(seed, "step.hold")).collect::<Vec<_>>());
        assert!(drawn.iter().all(|t| (span.low..=span.high).contains(&t.0)));
        assert_ne!(span.draw(1, "step.hold"), span.draw(1, "step.other"));
        assert!(parse_span("9s..3s").unwrap_err().contains("empty range"));
        assert_eq!(parse_span("1s").unwrap().to_string(), "1s");
        assert_eq!(span.to_string(), "3s..9500ms");
    }
    #[test]
    fn a_number_is_drawn_within_its_bounds() {
        let draw = parse_draw("8..1_000").expect("a range");
        let drawn: Vec<u64> = (0..50).map(|seed| draw.draw(seed, "lba")).collect();
        assert!(drawn.iter().all(|n| (8..=1000).contains(n)) && drawn.iter().any(|n| *n != drawn[0]));
        assert_eq!(draw.draw(1, "lba"), draw.draw(1, "lba"));
        assert_eq!(parse_draw("7..7"), Ok(Draw { low: 7, high: 7 }));
        for wrong in ["8", "9..8", "1s..2s", "-1..3", ".."] {
            assert!(parse_draw(wrong).is_err(), "{wrong}");
        }
    }
}
