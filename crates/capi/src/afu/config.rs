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
    /// NVMe, four ports, SQ mode, LUN provisioning.
    FlashGtPlus,
}

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
    /// Reads.
    pub read: Span,
    /// Writes.
    pub write: Span,
    /// Other SCSI commands and task management.
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
            read: Span::micros(80, 160),
            write: Span::micros(60, 140),
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
    /// One entry per port, at most [`MAX_PORTS`].
    pub ports: Vec<PortConfig>,
    /// How commands are submitted.
    pub cmd_mode: CmdMode,
    /// `interface_version`.
    pub interface_version: u64,
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
            ports: vec![port(1), port(2)],
            cmd_mode: CmdMode::Ioarrin,
            interface_version: 0x8000_0000_0001_0000,
            afu_version: "160512D1".into(),
            unmap_sector: true,
            cmd_room: 64,
            max_active: 512,
            cache: TableCache::Strict,
            attention_after_reset: true,
            direction_afu_rc: 0,
            identity: identity("IBM", "FlashSystem-9840", "1410"),
            luns: vec![LunConfig::new(0, 64 << 30), LunConfig::new(1, 64 << 30)],
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
            interface_version: 0x4C00_0000_0001_0000,
            afu_version: "180413P1".into(),
            identity: identity("NVMe", "FlashGT+", "0413"),
            luns: vec![
                LunConfig::new(0, (64 << 30) - (36 << 20)),
                LunConfig::new(1, (64 << 30) - (36 << 20)),
            ],
            ..AfuConfig::flash_gt()
        }
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
