//! What an adapter is made of: plain data, so that a scenario can change
//! every part of it. The presets are the adapters the driver knows.

use crate::flash::LunConfig;
use crate::flash::pages::Identity;
use crate::ports::PortConfig;
use fabric::{Rng, Ticks};
use serde::{Deserialize, Serialize};

/// Most ports an AFU can have (`CXLFLASH_MAX_FC_PORTS`).
pub const MAX_PORTS: usize = 4;
/// Contexts of an AFU (`CXLFLASH_MAX_CONTEXT`).
pub const CONTEXTS: u16 = 512;

/// Which adapter it imitates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// FC, two ports.
    Corsa,
    /// NVMe, two ports.
    FlashGt,
    /// NVMe, four ports, SQ mode, LUN provisioning, debug.
    FlashGtPlus,
    /// FC, two ports, an image from before `interface_version` and
    /// `afu_port_sel` told anything.
    Legacy,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 4] = [Variant::Corsa, Variant::FlashGt, Variant::FlashGtPlus, Variant::Legacy];
    /// Their names in scenarios, in the same order.
    pub const NAMES: [&'static str; 4] = ["corsa", "flashgt", "flashgt+", "legacy"];
    /// The variant of this name.
    pub fn named(name: &str) -> Option<Variant> {
        let at = Variant::NAMES.iter().position(|n| *n == name)?;
        Variant::ALL.get(at).copied()
    }
}

/// `interface_version` 1.0 in its lower half.
const INTVER_1_0: u64 = 0x0001_0000;
/// `interface_version`: commands by `ioarrin`.
pub const INTVER_CAP_IOARRIN: u64 = 1 << 63;
/// `interface_version`: commands by the SQ.
pub const INTVER_CAP_SQ: u64 = 1 << 62;
/// `interface_version`: LUN provisioning.
pub const INTVER_CAP_LUN_PROVISION: u64 = 1 << 59;
/// `interface_version`: debug commands.
pub const INTVER_CAP_DEBUG: u64 = 1 << 58;

/// How commands are submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CmdMode {
    /// Addresses written to `ioarrin`.
    Ioarrin,
    /// A ring in host memory.
    Sq,
}

/// What the AFU keeps of RHT and LXT entries it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableCache {
    /// Everything until the matching sync: a missing sync shows.
    Strict,
    /// Nothing.
    None,
}

/// Unit in which space is provisioned, in bytes.
pub const PROVISION_BLOCK: u64 = 4096;

/// What LUN provisioning has to give on each port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// Most units of a port.
    pub units: u64,
    /// Space of a port in blocks of [`PROVISION_BLOCK`] bytes.
    pub blocks: u64,
}

/// A length of time drawn evenly from `min..=max` nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Shortest, in nanoseconds.
    pub min: u64,
    /// Longest, in nanoseconds.
    pub max: u64,
}

impl Span {
    const fn micros(min: u64, max: u64) -> Span {
        Span { min: min * 1000, max: max * 1000 }
    }
    /// Draws a length, at least 1 ns: nothing completes in zero time.
    pub fn draw(self, rng: &mut Rng) -> Ticks {
        Ticks(rng.range(self.min, self.max).max(1))
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// From the submission to the fetch of the IOARCB.
    pub fetch: Span,
    /// AFU commands.
    pub afu: Span,
    /// SCSI commands that do not reach the drive, and task management.
    pub other: Span,
    /// Moving 4 KiB of data, in nanoseconds, added to reads and writes.
    pub per_4k: u64,
    /// Context reset; the driver waits about 2 ms.
    pub context_reset: Span,
    /// A port going offline.
    pub port_offline: Span,
    /// A port coming online, with login.
    pub port_online: Span,
    /// From a shutdown request to its completion, at least.
    pub shutdown: Span,
    /// From the answer to a translation fault to the next attempt.
    pub fault_retry: Span,
}

impl Default for Latency {
    // Unspecified: all of them. About 100 us per command, as measured on the
    // real card by its users; programs exist that break when it is zero.
    fn default() -> Latency {
        Latency {
            fetch: Span { min: 800, max: 800 },
            afu: Span::micros(80, 120),
            other: Span::micros(80, 120),
            per_4k: 1_300,
            context_reset: Span::micros(10, 30),
            port_offline: Span::micros(50_000, 100_000),
            port_online: Span::micros(100_000, 200_000),
            shutdown: Span::micros(20_000, 50_000),
            fault_retry: Span { min: 500, max: 1_000 },
        }
    }
}

/// An AFU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfuConfig {
    /// Which adapter it imitates.
    pub variant: Variant,
    /// Which adapter of the machine it is, from 0.
    pub number: u16,
    /// One entry per port, at most [`MAX_PORTS`].
    pub ports: Vec<PortConfig>,
    /// How commands are submitted.
    pub cmd_mode: CmdMode,
    /// `interface_version`: bits 0 to 5 are capabilities (`SISL_INTVER_CAP_*`).
    pub interface_version: u64,
    /// `afu_port_sel` after a reset is the mask of the ports, not zero.
    pub tells_ports: bool,
    /// `afu_version`, 8 characters.
    pub afu_version: String,
    /// `ctx_ctrl` bit 0: the UNMAP bit of WRITE SAME is honoured.
    pub unmap_sector: bool,
    /// First value of `cmd_room`.
    pub cmd_room: u32,
    /// Commands of one context the AFU works on at a time; more wait unfetched.
    pub max_active: u32,
    /// What is kept of RHT and LXT.
    pub cache: TableCache,
    /// After a reset each unit reports a unit attention once per port.
    pub attention_after_reset: bool,
    /// `afu_rc` beside `fc_rc` 0x58 when a write is flagged as a read.
    pub direction_afu_rc: u8,
    /// How the target describes itself.
    pub identity: Identity,
    /// The logical units.
    pub luns: Vec<LunConfig>,
    /// What the LUN provisioning can give, if the image can do it at all.
    pub provision: Provision,
    /// How long things take.
    pub latency: Latency,
}

fn identity(vendor: &str, product: &str, revision: &str) -> Identity {
    Identity { vendor: vendor.into(), product: product.into(), revision: revision.into() }
}

impl AfuConfig {
    /// Corsa: two FC ports to a FlashSystem, IOARRIN mode, two units.
    pub fn corsa() -> AfuConfig {
        let port = |n: u64| PortConfig { wwpn: 0x5005_0768_0140_0000 | n, plugged: true };
        AfuConfig {
            variant: Variant::Corsa,
            number: 0,
            ports: vec![port(1), port(2)],
            cmd_mode: CmdMode::Ioarrin,
            interface_version: INTVER_CAP_IOARRIN | INTVER_1_0,
            tells_ports: true,
            afu_version: "160512D1".into(),
            unmap_sector: true,
            cmd_room: 64,
            max_active: 512,
            cache: TableCache::Strict,
            attention_after_reset: true,
            direction_afu_rc: 0,
            identity: identity("IBM", "FlashSystem-9840", "1410"),
            luns: vec![LunConfig::new(0, 64 << 30), LunConfig::new(1, 64 << 30)],
            // Unspecified: a module of 1 TiB, and how many units it takes.
            provision: Provision { units: 16, blocks: (1 << 40) / PROVISION_BLOCK },
            latency: Latency::default(),
        }
    }
    /// FlashGT: two NVMe ports, IOARRIN mode.
    pub fn flash_gt() -> AfuConfig {
        AfuConfig {
            variant: Variant::FlashGt,
            ports: vec![PortConfig { wwpn: 0, plugged: true }; 2],
            afu_version: "171009N1".into(),
            attention_after_reset: false,
            direction_afu_rc: super::codes::AFU_RC_DIRECTION,
            identity: identity("NVMe", "FlashGT", "1009"),
            ..AfuConfig::corsa()
        }
    }
    /// FlashGT+: four NVMe ports, SQ mode, LUN provisioning, debug.
    pub fn flash_gt_plus() -> AfuConfig {
        AfuConfig {
            variant: Variant::FlashGtPlus,
            ports: vec![PortConfig { wwpn: 0, plugged: true }; 4],
            cmd_mode: CmdMode::Sq,
            interface_version: INTVER_CAP_SQ | INTVER_CAP_LUN_PROVISION | INTVER_CAP_DEBUG | INTVER_1_0,
            afu_version: "180413P1".into(),
            identity: identity("NVMe", "FlashGT+", "0413"),
            luns: vec![
                LunConfig::new(0, (64 << 30) - (36 << 20)),
                LunConfig::new(1, (64 << 30) - (36 << 20)),
            ],
            ..AfuConfig::flash_gt()
        }
    }
    /// An image that names no capabilities and no ports; else a Corsa.
    pub fn legacy() -> AfuConfig {
        AfuConfig {
            variant: Variant::Legacy,
            interface_version: INTVER_1_0,
            tells_ports: false,
            // Unspecified: a stamp older than that of the Corsa image.
            afu_version: "150925D0".into(),
            ..AfuConfig::corsa()
        }
    }
    /// The preset of a variant.
    pub fn of(variant: Variant) -> AfuConfig {
        match variant {
            Variant::Corsa => AfuConfig::corsa(),
            Variant::FlashGt => AfuConfig::flash_gt(),
            Variant::FlashGtPlus => AfuConfig::flash_gt_plus(),
            Variant::Legacy => AfuConfig::legacy(),
        }
    }
    /// The same for the `number`-th adapter of a machine: FC port names are
    /// unique in the world.
    pub fn numbered(mut self, number: u16) -> AfuConfig {
        self.number = number;
        for port in self.ports.iter_mut().filter(|p| p.wwpn != 0) {
            port.wwpn += u64::from(number) << 8;
        }
        self
    }
    /// The image has this capability (`INTVER_CAP_*`).
    pub fn can(&self, capability: u64) -> bool {
        self.interface_version & capability != 0
    }
    /// Ports on which the `nth` unit is seen unless somebody says otherwise,
    /// as a mask, and its LUN there: behind FC ports is one target, while
    /// each NVMe module has units of its own.
    pub fn place_of_unit(&self, nth: u16) -> (u8, u16) {
        match self.variant {
            Variant::Corsa | Variant::Legacy => (0xF, nth),
            Variant::FlashGt | Variant::FlashGtPlus => {
                let ports = self.ports.len().max(1) as u16;
                (1 << (nth % ports), nth / ports)
            }
        }
    }
    /// World wide name of the `nth` unit that was ever provisioned here: like
    /// those of the units that were there from the start, with a part of its own.
    pub fn provisioned_name(&self, nth: u32) -> [u8; 16] {
        let mut name = LunConfig::new(self.number, 0).wwid;
        name[9] = 0xB0;
        name[10..14].copy_from_slice(&nth.to_be_bytes());
        name
    }
    /// Size of the problem state area: contexts, control blocks, global area,
    /// debug areas of the AFU and of each port (the tools map them).
    pub fn psa_size(&self) -> u64 {
        super::DEBUG_BASE + super::DEBUG_SIZE * (1 + self.ports.len() as u64)
    }
    /// Brings what a user wrote into the range the model keeps: 1 to 4 ports.
    pub(super) fn clamp(mut self) -> AfuConfig {
        self.ports.truncate(MAX_PORTS);
        if self.ports.is_empty() {
            self.ports.push(PortConfig { wwpn: 0, plugged: false });
        }
        for lun in &mut self.luns {
            lun.block_size = if lun.block_size == 512 { 512 } else { 4096 };
        }
        self.cmd_room = self.cmd_room.clamp(1, 4096);
        self.max_active = self.max_active.clamp(1, 4096);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::AdapterConfig;

    #[test]
    fn variants_and_what_tells_them_apart() {
        // Ports, SQ mode, LUN provisioning, debug, PCI ids, keywords of the VPD.
        for (variant, name, ports, caps, ids, names) in [
            (Variant::Corsa, "corsa", 2, [false; 3], (0x04CF, 0x04F0), 2),
            (Variant::FlashGt, "flashgt", 2, [false; 3], (0x0601, 0x0600), 4),
            (Variant::FlashGtPlus, "flashgt+", 4, [true; 3], (0x0628, 0x0600), 4),
            (Variant::Legacy, "legacy", 2, [false; 3], (0x0477, 0x04F0), 2),
        ] {
            assert_eq!(Variant::named(name), Some(variant));
            let afu = AfuConfig::of(variant);
            assert_eq!((afu.variant, afu.ports.len()), (variant, ports));
            let can = [INTVER_CAP_SQ, INTVER_CAP_LUN_PROVISION, INTVER_CAP_DEBUG].map(|c| afu.can(c));
            assert_eq!(can, caps, "{name}");
            assert_eq!(afu.cmd_mode == CmdMode::Sq, afu.can(INTVER_CAP_SQ), "the driver asks only that bit");
            let card = AdapterConfig::of(&afu);
            assert_eq!((card.device_id, card.afu_device_id), ids, "{name}");
            assert_eq!(card.vpd.wwpns.len(), names, "{name}");
        }
        assert_eq!(Variant::named("corsar"), None);
        assert_eq!(Variant::ALL.len(), Variant::NAMES.len());
    }

    #[test]
    fn no_two_adapters_share_a_name() {
        for variant in Variant::ALL {
            let [first, second] = [0, 1].map(|n| AdapterConfig::of(&AfuConfig::of(variant).numbered(n)).vpd);
            assert_ne!(first.serial, second.serial);
            let fibre = first.wwpns.iter().any(|name| *name != 0);
            assert_eq!(fibre, first.wwpns != second.wwpns);
        }
    }

    #[test]
    fn where_units_are() {
        let places = |v| [0, 1, 2, 5].map(|n| AfuConfig::of(v).place_of_unit(n));
        assert_eq!(places(Variant::Corsa), [(0xF, 0), (0xF, 1), (0xF, 2), (0xF, 5)]);
        assert_eq!(places(Variant::FlashGt), [(1, 0), (2, 0), (1, 1), (2, 2)]);
        assert_eq!(places(Variant::FlashGtPlus), [(1, 0), (2, 0), (4, 0), (2, 1)]);
    }
}
