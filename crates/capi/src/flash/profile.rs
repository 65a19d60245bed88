//! What a drive is like: plain data, read from `flash/*.toml` by the program
//! that embeds the model. All times are in nanoseconds, all sizes in bytes.

use fabric::Rng;
use serde::{Deserialize, Serialize};

/// A distribution of times by its quantiles; between two of them it is even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Least, 50 %, 90 %, 99 %, 99.9 %, greatest; none less than the one before.
    pub quantiles: [u64; 6],
}

/// Where the quantiles of [`Times`] lie, in millionths.
pub const RANKS: [u64; 6] = [0, 500_000, 900_000, 990_000, 999_000, 1_000_000];

impl Times {
    /// Even between two times.
    pub const fn even(least: u64, greatest: u64) -> Times {
        let mut quantiles = [least; 6];
        let mut i = 1;
        while i < 6 {
            quantiles[i] = least + (greatest - least) / 1_000 * (RANKS[i] / 1_000);
            i += 1;
        }
        quantiles[5] = greatest;
        Times { quantiles }
    }
    /// Draws a time, at least 1 ns: nothing completes in zero time.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        let rank = rng.below(1_000_000);
        let mut i = 0;
        while i < 4 && rank >= RANKS[i + 1] {
            i += 1;
        }
        let (low, high) = (self.quantiles[i], self.quantiles[i + 1]);
        let share = u128::from(rank - RANKS[i]) * u128::from(high.saturating_sub(low));
        (low + (share / u128::from(RANKS[i + 1] - RANKS[i])) as u64).max(1)
    }
}

/// Chips and how they are organised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chips {
    /// Buses to the chips.
    pub channels: u32,
    /// Dies on a channel. 0: as many as there are operations, nothing waits.
    pub dies: u32,
    /// Bytes programmed at once.
    pub page: u64,
    /// Pages erased at once.
    pub pages_per_block: u32,
    /// Moving 4 KiB over a channel.
    pub transfer: u64,
    /// What a read costs that finds its die programming; 0: it has to wait.
    pub suspend: u64,
    /// Memory beyond the size of the unit, in thousandths of it.
    pub spare: u32,
}

/// The write cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Bytes it holds.
    pub size: u64,
    /// It loses what it holds with the power; otherwise capacitors save it.
    pub volatile: bool,
    /// How long data stay in it before they are programmed.
    pub linger: u64,
    /// From the arrival of a write's data to its acknowledgement.
    pub accept: Times,
}

/// How the medium ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wear {
    /// Rated program and erase cycles.
    pub cycles: u32,
    /// Percentage used at which the unit refuses writes; 0: never.
    pub read_only: u32,
    /// Reads of 4 KiB that cannot be corrected, in a thousand millions, for
    /// each percent beyond 100.
    pub errors: u32,
    /// Reads of an area of 4 MiB after which it is rewritten; 0: never.
    pub disturb: u32,
}

/// A class of drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Chips.
    pub chips: Chips,
    /// A read of a page, with the controller's work.
    pub read: Times,
    /// Programming a page.
    pub program: Times,
    /// Erasing a block.
    pub erase: Times,
    /// A pause of a die for garbage collection, at a write amplification of 2.
    pub collect: Times,
    /// The write cache.
    pub cache: Cache,
    /// Ageing.
    pub wear: Wear,
    /// From power on to the first command that is not refused.
    pub start: u64,
    /// Degrees Celsius.
    pub temperature: u8,
}

impl Default for Profile {
    /// What programs written for the real card expect: about 100 us a
    /// command, and nothing that waits for anything else.
    fn default() -> Profile {
        Profile {
            name: "default".into(),
            chips: Chips {
                channels: 1,
                dies: 0,
                page: 16 << 10,
                pages_per_block: 256,
                transfer: 0,
                suspend: 0,
                spare: 280,
            },
            read: Times::even(80_000, 160_000),
            program: Times::even(600_000, 600_000),
            erase: Times::even(3_000_000, 5_000_000),
            collect: Times::even(0, 0),
            cache: Cache {
                size: 16 << 20,
                volatile: true,
                linger: 500_000_000,
                accept: Times::even(60_000, 140_000),
            },
            wear: Wear { cycles: 3_000, read_only: 0, errors: 0, disturb: 0 },
            start: 200_000_000,
            temperature: 38,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_quantiles() {
        let times = Times { quantiles: [70, 90, 120, 250, 2_000, 5_000] };
        let mut rng = Rng::named(1, "quantiles");
        let mut drawn: Vec<u64> = (0..100_000).map(|_| times.draw(&mut rng)).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 70 && drawn[99_999] <= 5_000);
        for (at, low, high) in
            [(50_000, 88, 92), (90_000, 117, 123), (99_000, 235, 300), (99_900, 1_500, 2_600)]
        {
            assert!((low..=high).contains(&drawn[at]), "{at}: {}", drawn[at]);
        }
    }

    #[test]
    fn an_even_distribution_is_even() {
        assert_eq!(
            Times::even(100, 1_100_100).quantiles,
            [100, 550_100, 990_100, 1_089_100, 1_099_000 - 1_000 + 900 + 100, 1_100_100]
        );
        let mut rng = Rng::named(1, "zero");
        assert_eq!(Times::even(0, 0).draw(&mut rng), 1);
    }
}
