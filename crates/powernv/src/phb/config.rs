//! Configuration space: the root port's own, and who answers for a RID.

use super::{Armed, Phb};
use crate::world::World;
use fabric::ResetKind;
use serde::{Deserialize, Serialize};

/// PCI device id of the root port (vendor IBM).
pub const ROOT_PORT_DEVICE: u32 = 0x04c1;

const SIZE: usize = 0x100;
const PCIE: usize = 0x40;
const COMMAND: usize = 0x04;
const PRIMARY: usize = 0x18;
const SECONDARY: usize = 0x19;
const SUBORDINATE: usize = 0x1a;
const MEMORY_BASE: usize = 0x20;
const PREFETCH_BASE: usize = 0x24;
const PREFETCH_BASE_HIGH: usize = 0x28;
const PREFETCH_LIMIT_HIGH: usize = 0x2c;
const BRIDGE_CONTROL: usize = 0x3e;
const LINK_CONTROL: usize = PCIE + 0x10;
/// Upper byte of the link status, and "data link layer active" in it.
const LINK_STATUS_HIGH: usize = PCIE + 0x13;
const LINK_ACTIVE: u8 = 0x20;

const COMMAND_MEMORY: u16 = 2;
const BUS_RESET: u16 = 0x40;
const LINK_DISABLE: u16 = 0x10;

/// Power-on contents: offset and 32-bit value (PCIe Base 3.1, chapter 7:
/// type 1 header and PCI Express capability of a root port).
const POWER_ON: &[(usize, u32)] = &[
    (0x00, ROOT_PORT_DEVICE << 16 | 0x1014),
    (0x04, 0x0010_0000), // status: capability list
    (0x08, 0x0604_0000),
    (0x0c, 0x0001_0000), // header type 1
    (PRIMARY, 0x0001_0100),
    (PREFETCH_BASE, 0x0001_0001), // 64-bit prefetchable window
    (0x34, PCIE as u32),
    (PCIE, 0x0042_0010),        // version 2, root port
    (PCIE + 0x04, 0x0000_8022), // 512-byte payload, role-based errors
    (PCIE + 0x0c, 0x0010_0083), // x8, 8 GT/s, reports link active
    (PCIE + 0x10, 0x2083_0000), // link active, x8, 8 GT/s
    (PCIE + 0x24, 0x0000_0012), // completion timeouts, no more
    (PCIE + 0x2c, 0x0000_000e), // speeds
    (PCIE + 0x30, 0x0000_0003),
];
/// Bits that software can change, by 32-bit word.
const WRITABLE: &[(usize, u32)] = &[
    (0x04, 0x0000_0547),
    (0x0c, 0x0000_00ff),
    (0x18, 0xffff_ffff),
    (0x20, 0xfff0_fff0),
    (0x24, 0xfff0_fff0),
    (0x28, 0xffff_ffff),
    (0x2c, 0xffff_ffff),
    (0x3c, 0x0fff_00ff),
    (PCIE + 0x08, 0x0000_7fff),
    (PCIE + 0x10, 0x0000_0fdb),
    (PCIE + 0x1c, 0x0000_001f),
    (PCIE + 0x28, 0x0000_ffff),
    (PCIE + 0x30, 0x0000_ffff),
];

/// Why a config access got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// Misaligned or outside the 4 KiB.
    Parameter,
    /// Nobody there, or the bridge is fenced.
    NoDevice,
}

/// The root port's configuration space.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RootPort {
    bytes: Vec<u8>,
}

impl RootPort {
    pub(crate) fn new() -> RootPort {
        let mut bytes = vec![0; SIZE];
        for &(at, value) in POWER_ON {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        RootPort { bytes }
    }
    fn half(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }
    fn word(&self, at: usize) -> u32 {
        u32::from(self.half(at)) | u32::from(self.half(at + 2)) << 16
    }
    /// Secondary bus number.
    pub(crate) fn secondary(&self) -> u8 {
        self.bytes[SECONDARY]
    }
    /// Software holds the link down: bus reset or link disable.
    pub(crate) fn link_held_down(&self) -> bool {
        self.half(BRIDGE_CONTROL) & BUS_RESET != 0 || self.half(LINK_CONTROL) & LINK_DISABLE != 0
    }
    /// True if a memory access to this PCI address goes downstream.
    pub(crate) fn forwards(&self, pci: u64) -> bool {
        let window = |at: usize, high: (u64, u64)| {
            let base = u64::from(self.half(at) & 0xfff0) << 16 | high.0 << 32;
            let limit = u64::from(self.half(at + 2) & 0xfff0) << 16 | 0xf_ffff | high.1 << 32;
            (base..=limit).contains(&pci)
        };
        let high = [PREFETCH_BASE_HIGH, PREFETCH_LIMIT_HIGH].map(|at| u64::from(self.word(at)));
        self.half(COMMAND) & COMMAND_MEMORY != 0
            && (window(MEMORY_BASE, (0, 0)) || window(PREFETCH_BASE, (high[0], high[1])))
    }
    fn read(&self, offset: usize, data: &mut [u8], link_up: bool) {
        // Beyond 0x100 an extended header of zeroes: no extended capability.
        for (at, byte) in (offset..).zip(data) {
            *byte = self.bytes.get(at).copied().unwrap_or(0);
            if at == LINK_STATUS_HIGH && !link_up {
                *byte &= !LINK_ACTIVE;
            }
        }
    }
    fn write(&mut self, offset: usize, data: &[u8]) {
        for (i, &byte) in data.iter().enumerate() {
            let at = offset + i;
            let Some(&(word, mask)) = WRITABLE.iter().find(|&&(word, _)| word == at & !3) else { continue };
            let mask = mask.to_le_bytes()[at - word];
            self.bytes[at] = self.bytes[at] & !mask | byte & mask;
        }
    }
    /// True if `bus` lies below the port.
    fn below(&self, bus: u8) -> bool {
        bus != 0 && (self.secondary()..=self.bytes[SUBORDINATE]).contains(&bus)
    }
}

impl Phb {
    /// Reads configuration space; data is in address order. Config space
    /// works while a PE is frozen, not while the bridge is fenced.
    pub(crate) fn config_read(
        &mut self,
        bdfn: u64,
        offset: u64,
        data: &mut [u8],
        world: &mut World<'_>,
    ) -> Result<(), ConfigError> {
        data.fill(0xff);
        let who = self.answers(bdfn, offset, data.len(), world)?;
        self.injected(who, Armed::config_load, world);
        match who {
            Who::RootPort => {
                let link_up = self.function().is_some() && self.reaches_function(world.now);
                self.port.read(offset as usize, data, link_up);
            }
            Who::Function => {
                self.call(world, |f, cx| f.config_read(offset as u16, data, cx));
            }
        }
        Ok(())
    }
    /// Writes configuration space.
    pub(crate) fn config_write(
        &mut self,
        bdfn: u64,
        offset: u64,
        data: &[u8],
        world: &mut World<'_>,
    ) -> Result<(), ConfigError> {
        let who = self.answers(bdfn, offset, data.len(), world)?;
        self.injected(who, Armed::config_store, world);
        match who {
            Who::RootPort => {
                let was_down = self.port.link_held_down();
                self.port.write(offset as usize, data);
                if self.port.link_held_down() && !was_down {
                    self.reset_function(ResetKind::Hot, world);
                }
            }
            Who::Function => {
                self.call(world, |f, cx| f.config_write(offset as u16, data, cx));
            }
        }
        Ok(())
    }
    /// Deviates: an access nobody answers freezes nothing; skiboot would
    /// clear the freeze that a real PHB raises.
    fn answers(&self, bdfn: u64, offset: u64, len: usize, world: &World<'_>) -> Result<Who, ConfigError> {
        if offset >= 0x1000 || !offset.is_multiple_of(len.max(1) as u64) || bdfn > 0xffff {
            return Err(ConfigError::Parameter);
        }
        if self.errors.fenced {
            return Err(ConfigError::NoDevice);
        }
        let (bus, devfn) = ((bdfn >> 8) as u8, bdfn as u8);
        let on_link = bus == self.port.secondary() && self.port.below(bus) && self.function().is_some();
        match (bus, devfn) {
            (0, 0) => Ok(Who::RootPort),
            (_, 0) if on_link && self.reaches_function(world.now) => Ok(Who::Function),
            _ => Err(ConfigError::NoDevice),
        }
    }
    fn injected(&mut self, who: Who, kind: fn(&Armed) -> bool, world: &mut World<'_>) {
        let bus = if who == Who::RootPort { 0 } else { self.port.secondary() };
        let pe = self.ioda.pe_of_bus(bus);
        self.fire_armed(pe, None, kind, world);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    RootPort,
    Function,
}
