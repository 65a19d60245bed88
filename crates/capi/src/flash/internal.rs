//! Internal units: memory of the AFU itself, shown as one or two small
//! units on port 0 (`lun_mode` of the Linux driver). No link and no target
//! is needed for them.

use super::lun::{Lun, LunConfig};
use serde::{Deserialize, Serialize};

/// The two bits of `FC_CONFIG2` (33:32) that say what the memory looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry(u8);

impl Geometry {
    /// Reads `FC_CONFIG2`.
    pub fn of(config2: u64) -> Geometry {
        Geometry((config2 >> 32 & 3) as u8)
    }
    fn units(self) -> u16 {
        if self.0 < 2 { 1 } else { 2 }
    }
    fn blocks(self) -> u64 {
        if self.0 < 2 { 64 << 10 } else { 32 << 10 }
    }
    fn block_size(self) -> u32 {
        if self.0 & 1 == 0 { 512 } else { 4096 }
    }
}

/// The units in use. `Unspecified:` whether their data survive an AFU reset;
/// here they do, until another geometry is chosen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Internal {
    geometry: Geometry,
    /// The units, by number.
    pub luns: Vec<Lun>,
}

impl Internal {
    /// Units of a geometry, all zero; `seed` as for [`Lun::new`].
    pub fn new(geometry: Geometry, seed: u64) -> Internal {
        let luns = (0..geometry.units()).map(|number| Lun::new(config(geometry, number), seed)).collect();
        Internal { geometry, luns }
    }
    /// What they look like.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }
}

fn config(geometry: Geometry, number: u16) -> LunConfig {
    let size = geometry.blocks() * u64::from(geometry.block_size());
    let mut config = LunConfig::new(number, size);
    config.block_size = geometry.block_size();
    config.ports = 1;
    // Names of their own, one per geometry: the host must not take one for
    // an external unit, nor for what was there before a change of mode.
    config.wwid[9] = 0xA0 | geometry.0;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_geometries() {
        for (bits, want) in [
            (0u64, vec![(64 << 10, 512)]),
            (1, vec![(64 << 10, 4096)]),
            (2, vec![(32 << 10, 512); 2]),
            (3, vec![(32 << 10, 4096); 2]),
        ] {
            let internal = Internal::new(Geometry::of(bits << 32 | 0xFF), 1);
            let got: Vec<_> = internal.luns.iter().map(|l| (l.config.blocks(), l.block())).collect();
            assert_eq!(got, want);
        }
    }
}
