//! What the second run does otherwise, for tests of the comparison: runs of
//! one machine are equal, so without this nothing would show that a
//! difference is found.

use crate::error::Error;
use machine::engine::Bit;

/// A disturbance of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Perturbation {
    /// A bit changes when so many instructions have retired.
    Bit(u64, Bit),
    /// The record of this number, counted from 1, is not told.
    Record(u64),
}

impl Perturbation {
    /// `gpr:CPU:REGISTER:BIT@N`, `memory:ADDRESS:BIT@N`, `schedule@N` or `event@N`.
    pub fn parse(text: &str) -> Result<Perturbation, Error> {
        let wrong = || {
            Error::Usage(format!(
                "--verify-perturb {text}: gpr:CPU:REGISTER:BIT@N, memory:ADDRESS:BIT@N, schedule@N or event@N"
            ))
        };
        let number = |t: &str| match t.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).map_err(|_| wrong()),
            None => t.parse().map_err(|_| wrong()),
        };
        let (what, at) = text.split_once('@').ok_or_else(wrong)?;
        let at = number(at)?;
        let words: Vec<&str> = what.split(':').collect();
        let bit = match words[..] {
            ["event"] => return Ok(Perturbation::Record(at)),
            ["schedule"] => Bit::Schedule,
            ["memory", ra, bit] => Bit::Memory { ra: number(ra)?, bit: number(bit)? as u32 },
            ["gpr", cpu, gpr, bit] => {
                Bit::Gpr { cpu: number(cpu)? as usize, gpr: number(gpr)? as usize, bit: number(bit)? as u32 }
            }
            _ => return Err(wrong()),
        };
        Ok(Perturbation::Bit(at, bit))
    }
    /// The bit and when it changes.
    pub fn bit(&self) -> Option<(u64, Bit)> {
        match self {
            Perturbation::Bit(at, bit) => Some((*at, *bit)),
            Perturbation::Record(_) => None,
        }
    }
    /// The record that is left away.
    pub fn record(&self) -> Option<u64> {
        match self {
            Perturbation::Record(n) => Some(*n),
            Perturbation::Bit(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbances_are_read() {
        let read = |text| Perturbation::parse(text).expect(text);
        assert_eq!(read("gpr:1:31:5@77"), Perturbation::Bit(77, Bit::Gpr { cpu: 1, gpr: 31, bit: 5 }));
        assert_eq!(read("memory:0x1000:7@9"), Perturbation::Bit(9, Bit::Memory { ra: 0x1000, bit: 7 }));
        assert_eq!(read("schedule@3"), Perturbation::Bit(3, Bit::Schedule));
        assert_eq!(read("event@4"), Perturbation::Record(4));
        for bad in ["", "gpr@1", "gpr:1:2@3", "event", "memory:x:1@2", "event@"] {
            assert_eq!(Perturbation::parse(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
