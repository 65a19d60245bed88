//! The scenario's adapters as PCI functions.

use crate::scenario::{AdapterSpec, LunSpec, Scenario};
use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu, TableCache, Variant};
use capi::flash::LunConfig;
pub use capi::flash::{LunStore, Profile, StoreError};
use fabric::PciFunction;

/// Stores that the embedding program gives to logical units: by adapter and
/// index of the unit. Units without one are in memory.
pub type Stores = Vec<((usize, usize), Box<dyn LunStore>)>;

/// A kind of operation that a condition can await and a step's `fault` can meet.
pub struct Operation {
    /// Key of a step's `when`.
    pub key: &'static str,
    /// What can stand there.
    pub kinds: fn() -> Vec<&'static str>,
    /// Keys of a step's `fault`.
    pub effects: &'static [&'static str],
    /// What happens.
    pub doc: &'static str,
}

/// All of them.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        key: "command",
        kinds: crate::scenario::check::command_kinds,
        effects: &["hold", "drop", "fail"],
        doc: "an AFU command is answered late, never, or with this IOASC; `from`, `pe` and `mode` choose which",
    },
    Operation {
        key: "llcmd",
        kinds: || crate::scenario::shape::LLCMDS.to_vec(),
        effects: &["hold", "drop", "fail"],
        doc: "a linked list command is acknowledged late, never, or with an error",
    },
    Operation {
        key: "control",
        kinds: || vec!["enable", "disable", "reset"],
        effects: &["hold", "drop"],
        doc: "AFU enable, disable or reset takes longer, or never ends",
    },
];

/// Builds the adapters of `scenario`; random latencies come from `seed`.
pub fn build(scenario: &Scenario, seed: u64, stores: Stores) -> Vec<Box<dyn PciFunction>> {
    let mut afus: Vec<SisliteAfu> =
        scenario.adapters.iter().enumerate().map(|(n, spec)| afu(spec, n, seed)).collect();
    for ((adapter, unit), store) in stores {
        if let Some(afu) = afus.get_mut(adapter) {
            afu.attach_store(unit, store);
        }
    }
    let plug = |afu: SisliteAfu| -> Box<dyn PciFunction> {
        let card = AdapterConfig::of(afu.config());
        Box::new(Adapter::new(card, afu))
    };
    afus.into_iter().map(plug).collect()
}

fn afu(spec: &AdapterSpec, adapter: usize, seed: u64) -> SisliteAfu {
    let variant = Variant::named(&spec.variant).expect("the reader knows the same names");
    let base = AfuConfig::of(variant).numbered(adapter as u16);
    let unit = |(n, lun): (u16, &LunSpec)| {
        let (ports, number) = base.place_of_unit(n);
        // Units of different adapters are different disks.
        let named = LunConfig::new(n + 256 * adapter as u16, lun.size);
        LunConfig {
            lun: number,
            ports,
            block_size: lun.block,
            write_protected: lun.write_protected,
            profile: lun.profile.clone(),
            worn: lun.worn,
            ..named
        }
    };
    let luns = (0..).zip(&spec.luns).map(unit).collect();
    let cache = if spec.strict_tables { TableCache::Strict } else { TableCache::None };
    SisliteAfu::new(AfuConfig { luns, cache, ..base }, seed.wrapping_add(adapter as u64))
}
