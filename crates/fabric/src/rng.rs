//! Named random streams: a stream depends on the seed and its name alone,
//! so adding a consumer never shifts what the others draw.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One random stream (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The stream `name` of `seed`.
    pub fn named(seed: u64, name: &str) -> Rng {
        Rng { state: xxh3_64_with_seed(name.as_bytes(), seed) }
    }
    /// Goes on as another stream, which `seed` and this one's past decide.
    pub fn branch(&mut self, seed: u64) {
        self.state = xxh3_64_with_seed(&self.state.to_le_bytes(), seed);
    }
    /// Next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// A value in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.next_u64() as u128 * n as u128) >> 64) as u64
    }
    /// A value in `low..=high` (`low` if the range is empty).
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.next_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_name_and_seed_and_repeat() {
        let draw = |seed, name| Rng::named(seed, name).next_u64();
        assert_eq!(draw(1, "quanta"), draw(1, "quanta"));
        assert_ne!(draw(1, "quanta"), draw(1, "media"));
        assert_ne!(draw(1, "quanta"), draw(2, "quanta"));
        let branched = |seed, name| {
            let mut r = Rng::named(1, name);
            r.branch(seed);
            r.next_u64()
        };
        assert_eq!(branched(2, "quanta"), branched(2, "quanta"));
        assert_ne!(branched(2, "quanta"), branched(3, "quanta"));
        assert_ne!(branched(2, "quanta"), branched(2, "media"));
        let mut r = Rng::named(1, "x");
        for _ in 0..1000 {
            assert!((3..=5).contains(&r.range(3, 5)));
        }
        assert_eq!(r.range(7, 7), 7);
        r.range(0, u64::MAX);
    }
}
