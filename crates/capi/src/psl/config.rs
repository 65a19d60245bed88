//! Configuration space as tables: the 4 KiB of the PCI function and the
//! 256 bytes of the AFU configuration record (PCI 3.0, PCI Express 2.1;
//! the VSEC as in CAIA 1.0, 12.3).

use serde::{Deserialize, Serialize};

/// A field of configuration space, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct CfgField {
    /// Offset of its first byte.
    pub offset: u16,
    /// Bytes: 1 to 4.
    pub size: u8,
    /// Name for people.
    pub name: &'static str,
    /// Value after a reset.
    pub reset: u32,
    /// Bits a store sets.
    pub rw: u32,
    /// Bits a stored one clears.
    pub w1c: u32,
}

const fn ro(offset: u16, size: u8, name: &'static str, reset: u32) -> CfgField {
    CfgField { offset, size, name, reset, rw: 0, w1c: 0 }
}
const fn rw(offset: u16, size: u8, name: &'static str, reset: u32, rw: u32) -> CfgField {
    CfgField { offset, size, name, reset, rw, w1c: 0 }
}
const fn w1c(offset: u16, size: u8, name: &'static str, reset: u32, w1c: u32) -> CfgField {
    CfgField { offset, size, name, reset, rw: 0, w1c }
}

/// Size of BAR0: slice registers, AFU descriptor, problem state area.
pub const BAR0_SIZE: u64 = 64 << 20;
/// Size of BAR2: adapter registers and privilege 1 slice registers.
pub const BAR2_SIZE: u64 = 128 << 10;
/// Bytes of an offset or size unit in the VSEC.
pub const UNIT: u64 = 64 << 10;
/// VSEC: AFU descriptor offset and size in BAR0, in units.
pub const DESCRIPTOR: (u64, u64) = (0x10, 1);
/// VSEC: problem state area offset and size in BAR0, in units. 0x202 would
/// do for SISLite; the debug windows end at 0x20E.
pub const PROBLEM_STATE: (u64, u64) = (0x100, 0x20E);

/// Command register.
pub const COMMAND: u16 = 0x04;
/// Command: memory space enabled.
pub const COMMAND_MEMORY: u16 = 0x0002;
/// Command: bus master.
pub const COMMAND_MASTER: u16 = 0x0004;
/// First BAR register.
pub const BAR0: u16 = 0x10;
/// The CAPI window: a raw address, not a sized BAR.
pub const BAR4: u16 = 0x20;
/// VPD capability.
pub const VPD_CAP: u16 = 0x48;
/// VPD address register with the F bit.
pub const VPD_ADDRESS: u16 = VPD_CAP + 2;
/// VPD data register.
pub const VPD_DATA: u16 = VPD_CAP + 4;
/// PCI Express capability.
const PCIE: u16 = 0x70;
/// Advanced error reporting.
const AER: u16 = 0x100;
/// Vendor specific extended capability of the CAIA.
pub const VSEC: u16 = 0x180;
/// VSEC mode control byte.
pub const VSEC_MODE: u16 = VSEC + 0x0A;
/// VSEC mode control: CAPI protocol enabled.
pub const VSEC_MODE_ENABLE: u8 = 0x01;

/// Configuration space of the PCI function. Identifiers that depend on the
/// variant are filled in at reset.
#[rustfmt::skip]
pub const FUNCTION: &[CfgField] = &[
    ro (0x00, 2, "vendor",                 0x1014),
    ro (0x02, 2, "device",                 0),
    rw (COMMAND, 2, "command",             0, 0x0546),
    w1c(0x06, 2, "status",                 0x0010, 0xF900),
    ro (0x08, 1, "revision",               0x01),
    ro (0x09, 3, "class",                  0x12_0000),
    rw (0x0C, 1, "cache line size",        0, 0xFF),
    ro (0x0E, 1, "header type",            0),
    rw (BAR0, 4, "BAR0",                   0xC, !(BAR0_SIZE as u32 - 1)),
    rw (0x14, 4, "BAR1",                   0, u32::MAX),
    rw (0x18, 4, "BAR2",                   0xC, !(BAR2_SIZE as u32 - 1)),
    rw (0x1C, 4, "BAR3",                   0, u32::MAX),
    rw (BAR4, 4, "BAR4",                   0, u32::MAX),
    rw (BAR4 + 4, 4, "BAR5",               0, u32::MAX),
    ro (0x2C, 2, "subsystem vendor",       0x1014),
    ro (0x2E, 2, "subsystem",              0),
    ro (0x34, 1, "capabilities",           VPD_CAP as u32),
    rw (0x3C, 1, "interrupt line",         0, 0xFF),
    ro (VPD_CAP, 2, "VPD id, next",        0x0003 | (PCIE as u32) << 8),
    rw (VPD_ADDRESS, 2, "VPD address",     0, 0xFFFF),
    rw (VPD_DATA, 4, "VPD data",           0, u32::MAX),
    ro (PCIE, 2, "PCIe id, next",          0x0010),
    ro (PCIE + 0x02, 2, "PCIe caps",       0x0002),
    ro (PCIE + 0x04, 4, "device caps",     0x0000_8021),
    rw (PCIE + 0x08, 2, "device control",  0x2810, 0x7FFF),
    w1c(PCIE + 0x0A, 2, "device status",   0, 0x000F),
    ro (PCIE + 0x0C, 4, "link caps",       0x0040_0083),
    rw (PCIE + 0x10, 2, "link control",    0, 0x01FB),
    ro (PCIE + 0x12, 2, "link status",     0x1083),
    ro (PCIE + 0x24, 4, "device caps 2",   0x0000_001F),
    rw (PCIE + 0x28, 2, "device control 2", 0, 0x001F),
    ro (PCIE + 0x2C, 4, "link caps 2",     0x0000_000E),
    rw (PCIE + 0x30, 2, "link control 2",  0x0003, 0x000F),
    ro (AER, 4, "AER header",              0x0002_0001 | (VSEC as u32) << 20),
    w1c(AER + 0x04, 4, "uncorrectable status", 0, 0x003F_F030),
    rw (AER + 0x08, 4, "uncorrectable mask", 0, 0x007F_F030),
    rw (AER + 0x0C, 4, "uncorrectable severity", 0x0046_2030, 0x007F_F030),
    w1c(AER + 0x10, 4, "correctable status", 0, 0x0000_F1C1),
    rw (AER + 0x14, 4, "correctable mask", 0x0000_2000, 0x0000_F1C1),
    rw (AER + 0x18, 4, "AER control",      0x0000_00A0, 0x0000_0140),
    ro (VSEC, 4, "VSEC header",            0x0001_000B),
    ro (VSEC + 0x04, 4, "VSEC id, revision, length", 0x0800_1280),
    ro (VSEC + 0x08, 1, "AFUs",            1),
    ro (VSEC + 0x09, 1, "VSEC status",     0),
    rw (VSEC_MODE, 1, "mode control",      0, 0xE1),
    ro (VSEC + 0x0C, 2, "PSL revision",    0),
    ro (VSEC + 0x0E, 1, "CAIA minor",      0),
    ro (VSEC + 0x0F, 1, "CAIA major",      2),
    ro (VSEC + 0x10, 2, "base image",      0),
    rw (VSEC + 0x13, 1, "image control",   0xB0, 0x30),
    ro (VSEC + 0x20, 4, "descriptor offset", DESCRIPTOR.0 as u32),
    ro (VSEC + 0x24, 4, "descriptor size", DESCRIPTOR.1 as u32),
    ro (VSEC + 0x28, 4, "problem state offset", PROBLEM_STATE.0 as u32),
    ro (VSEC + 0x2C, 4, "problem state size", PROBLEM_STATE.1 as u32),
];

/// The AFU configuration record: a type 0 header without capabilities and
/// without BARs. Class ISA bridge, so that EEH leaves the AFU's device on
/// the virtual host bridge alone.
#[rustfmt::skip]
pub const RECORD: &[CfgField] = &[
    ro (0x00, 2, "vendor",                 0x1014),
    ro (0x02, 2, "device",                 0),
    rw (COMMAND, 2, "command",             0, 0x0547),
    w1c(0x06, 2, "status",                 0, 0xF900),
    ro (0x08, 1, "revision",               0x01),
    ro (0x09, 3, "class",                  0x06_0100),
    rw (0x0C, 1, "cache line size",        0, 0xFF),
    ro (0x0E, 1, "header type",            0),
    ro (0x2C, 2, "subsystem vendor",       0x1014),
    ro (0x2E, 2, "subsystem",              0),
];

/// Which table a space follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// [`FUNCTION`], 4 KiB.
    Function,
    /// [`RECORD`], 256 bytes.
    Record,
}

/// A configuration space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSpace {
    layout: Layout,
    bytes: Vec<u8>,
}

impl ConfigSpace {
    /// The space after a reset.
    pub fn new(layout: Layout) -> ConfigSpace {
        let len = match layout {
            Layout::Function => 4096,
            Layout::Record => 256,
        };
        let mut space = ConfigSpace { layout, bytes: vec![0; len] };
        for field in space.table() {
            space.poke(field.offset, &field.reset.to_le_bytes()[..usize::from(field.size)]);
        }
        space
    }
    fn table(&self) -> &'static [CfgField] {
        match self.layout {
            Layout::Function => FUNCTION,
            Layout::Record => RECORD,
        }
    }
    /// Bytes as the adapter itself sets them.
    pub fn poke(&mut self, offset: u16, data: &[u8]) {
        for (slot, b) in self.bytes.iter_mut().skip(usize::from(offset)).zip(data) {
            *slot = *b;
        }
    }
    /// One byte; zero outside.
    pub fn byte(&self, offset: u16) -> u8 {
        self.bytes.get(usize::from(offset)).copied().unwrap_or(0)
    }
    /// Two bytes.
    pub fn half(&self, offset: u16) -> u16 {
        u16::from_le_bytes([self.byte(offset), self.byte(offset.wrapping_add(1))])
    }
    /// Four bytes.
    pub fn word(&self, offset: u16) -> u32 {
        u32::from(self.half(offset)) | u32::from(self.half(offset.wrapping_add(2))) << 16
    }
    /// A guest load: zero where nothing is defined, all ones outside.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        for (i, b) in data.iter_mut().enumerate() {
            let at = offset.saturating_add(i as u64);
            *b = usize::try_from(at).ok().and_then(|at| self.bytes.get(at)).copied().unwrap_or(0xFF);
        }
    }
    /// A guest store by the rules of the table.
    pub fn write(&mut self, offset: u64, data: &[u8]) {
        for (i, value) in data.iter().enumerate() {
            let Ok(at) = u16::try_from(offset.saturating_add(i as u64)) else { return };
            let (rw, w1c) = self.masks(at);
            if let Some(slot) = self.bytes.get_mut(usize::from(at)) {
                *slot = ((*slot & !rw) | (value & rw)) & !(value & w1c);
            }
        }
    }
    fn masks(&self, at: u16) -> (u8, u8) {
        let field = self.table().iter().find(|f| at >= f.offset && at - f.offset < u16::from(f.size));
        field.map_or((0, 0), |f| {
            let byte = usize::from(at - f.offset);
            (f.rw.to_le_bytes()[byte], f.w1c.to_le_bytes()[byte])
        })
    }
}
