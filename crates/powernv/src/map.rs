//! The physical memory map and the numbers that go with it: each is
//! written here and nowhere else.
//!
//! The places are those of a POWER9 machine: RAM from 0; per chip (at
//! `chip << 42`) 64-bit PCI windows from 6_0000_0000_0000, 32-bit windows
//! from 6_00c0_0000_0000 and PHB registers from 6_00c3_c000_0000.

use serde::{Deserialize, Serialize};

/// Size of the region OPAL keeps for itself.
pub const OPAL_BYTES: u64 = 0x10_0000;
/// Place of the entry point in OPAL's region.
pub const OPAL_ENTRY: u64 = 0x3000;
/// Space left for the device tree.
pub const FDT_BYTES: u64 = 0x10_0000;
/// Highest address for OPAL, device tree and initrd.
pub const LOW_LIMIT: u64 = 0x8000_0000;
/// Alignment of OPAL, device tree and initrd.
pub const PLACE_ALIGN: u64 = 0x1_0000;

/// Instruction word at the OPAL entry, stored big-endian: reserved (primary
/// opcode 0), so that the CPU recognises the call.
pub const OPAL_TRAP: u32 = 0x0000_0200;

/// Hardware irq of OPAL's own level interrupt. 0 and 2 mean "spurious" and
/// "IPI" in an XIRR, so they are no irqs.
pub const OPAL_LSI: u32 = 0x20;
/// First MSI irq of the first host bridge; all lie below 0x10000 because a
/// PSL keeps 16 bits of an irq number (errata, "Interrupts").
pub const MSI_BASE: u32 = 0x8000;
/// MSIs of each host bridge; bases are aligned to it.
pub const MSI_COUNT: u32 = 0x1000;

/// Partitionable endpoints of a host bridge.
pub const NUM_PES: u16 = 512;
/// The PE that collects what nobody mapped.
pub const RESERVED_PE: u16 = 511;
/// Size of the PHB register space.
pub const PHB_REGISTER_BYTES: u64 = 0x1000;
/// PCI address of the 32-bit window.
pub const M32_PCI: u64 = 0x8000_0000;
/// Size of the 32-bit window with the 64 KiB that PCI MSIs take at its end.
pub const M32_BYTES: u64 = 0x8000_0000;
/// The part at its end that is no memory window.
pub const M32_MSI_HOLE: u64 = 0x1_0000;
/// Size of the 64-bit window; PCI and CPU addresses are the same.
pub const M64_BYTES: u64 = 0x40_0000_0000;
/// Number of M64 windows; 0 is the firmware's.
pub const M64_WINDOWS: usize = 32;
/// Size of the diagnostic data of a PHB4.
pub const DIAG_BYTES: usize = 0x2180;
/// Address bit of an MSI write.
pub const MSI64_ADDRESS: u64 = 1 << 60;
/// 32-bit MSI address.
pub const MSI32_ADDRESS: u32 = 0xffff_0000;

/// Most adapters a machine can hold: two CAPPs on each of two chips.
pub const MAX_ADAPTERS: usize = 4;

const CHIP_SHIFT: u32 = 42;
const M64_CPU: u64 = 0x6_0000_0000_0000;
/// The 64-bit window of bridge 3 lies beyond the 32-bit windows.
const M64_CPU_3: u64 = 0x6_0200_0000_0000;
const M32_CPU: u64 = 0x6_00c0_0000_0000;
const REGISTERS: u64 = 0x6_00c3_c000_0000;
const REGISTER_STRIDE: u64 = 0x10_0000;

/// Where one host bridge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhbMap {
    /// `ibm,opal-phbid`, which Linux makes the PCI domain.
    pub opal_id: u64,
    /// `ibm,chip-id`.
    pub chip: u32,
    /// `ibm,phb-index`: 0 and 3 have a CAPP.
    pub index: u32,
    /// CPU address of the register space.
    pub registers: u64,
    /// CPU address of the 32-bit window.
    pub m32: u64,
    /// CPU and PCI address of the 64-bit window.
    pub m64: u64,
    /// First MSI irq.
    pub msi_base: u32,
}

/// Place of the host bridge of adapter `n` (below [`MAX_ADAPTERS`]).
pub const fn phb(n: usize) -> PhbMap {
    let chip = if n < 2 { 0 } else { 8 };
    let index = if n.is_multiple_of(2) { 0 } else { 3 };
    let chip_base = (chip as u64) << CHIP_SHIFT;
    PhbMap {
        opal_id: chip as u64 * 6 + index as u64,
        chip,
        index,
        registers: REGISTERS + chip_base + index as u64 * REGISTER_STRIDE,
        m32: M32_CPU + chip_base + index as u64 * M32_BYTES,
        m64: chip_base + if index == 0 { M64_CPU } else { M64_CPU_3 },
        msi_base: MSI_BASE + n as u32 * MSI_COUNT,
    }
}
