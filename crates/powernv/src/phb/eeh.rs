//! Frozen PEs, the fence, and injected errors.

use super::Phb;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Freeze bit: loads and stores of CPUs.
pub(crate) const FREEZE_MMIO: u8 = 1;
/// Freeze bit: DMA and interrupts.
pub(crate) const FREEZE_DMA: u8 = 2;
/// Both.
pub const FREEZE_ALL: u8 = FREEZE_MMIO | FREEZE_DMA;

/// An error to inject at the next access that matches
/// (OPAL_PCI_ERR_INJECT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Armed {
    pub(crate) pe: u16,
    pub(crate) function: u8,
    pub(crate) address: u64,
    pub(crate) mask: u64,
}

impl Armed {
    pub(crate) fn memory_load(&self) -> bool {
        self.function <= 1
    }
    pub(crate) fn config_load(&self) -> bool {
        matches!(self.function, 4 | 5)
    }
    pub(crate) fn memory_store(&self) -> bool {
        matches!(self.function, 6 | 7)
    }
    pub(crate) fn config_store(&self) -> bool {
        matches!(self.function, 10 | 11)
    }
    fn dma(&self) -> bool {
        self.function >= 12
    }
}

/// What is wrong with the bridge.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Errors {
    frozen: BTreeMap<u16, u8>,
    unreported: BTreeSet<u16>,
    pub(crate) fenced: bool,
    fence_unreported: bool,
    /// Fenced, and no reset helps.
    pub(crate) permanent: bool,
    /// Fenced for good, and firmware knows.
    pub(crate) dead: bool,
    armed: Option<Armed>,
}

impl Errors {
    /// Freeze bits of a PE.
    pub(crate) fn frozen(&self, pe: u16) -> u8 {
        self.frozen.get(&pe).copied().unwrap_or(0)
    }
    pub(crate) fn mmio_frozen(&self, pe: u16) -> bool {
        self.frozen(pe) & FREEZE_MMIO != 0
    }
    pub(crate) fn dma_frozen(&self, pe: u16) -> bool {
        self.frozen(pe) & FREEZE_DMA != 0
    }
    /// True while an error waits for NEXT_ERROR: the PCI_ERROR event.
    pub(crate) fn event(&self) -> bool {
        self.fence_unreported || !self.unreported.is_empty()
    }
    /// All frozen PEs with their bits.
    pub(crate) fn all_frozen(&self) -> impl Iterator<Item = (u16, u8)> {
        self.frozen.iter().map(|(&pe, &bits)| (pe, bits))
    }
    pub(crate) fn clear(&mut self, pe: u16, bits: u8) {
        let left = self.frozen(pe) & !bits;
        if left == 0 {
            self.frozen.remove(&pe);
            self.unreported.remove(&pe);
        } else {
            self.frozen.insert(pe, left);
        }
    }
    /// Thaws every PE; a fence stays.
    pub(crate) fn clear_all(&mut self) {
        self.frozen.clear();
        self.unreported.clear();
    }
    /// What NEXT_ERROR says: PE, type, severity. A frozen PE is told once,
    /// a fence as long as it lasts; telling clears the event.
    pub(crate) fn take_next(&mut self) -> Option<(u64, u16, u16)> {
        const PHB_ERROR: u16 = 2;
        const PE_ERROR: u16 = 3;
        const SEVERITY_DEAD: u16 = 2;
        const SEVERITY_FENCED: u16 = 3;
        const SEVERITY_PE: u16 = 4;
        if self.fenced {
            self.fence_unreported = false;
            let severity = if self.dead { SEVERITY_DEAD } else { SEVERITY_FENCED };
            return Some((0, PHB_ERROR, severity));
        }
        self.unreported.pop_first().map(|pe| (u64::from(pe), PE_ERROR, SEVERITY_PE))
    }
}

impl Phb {
    /// Freezes a PE and those that freeze with it because of an error; the
    /// kernel is told through the PCI_ERROR event.
    pub(crate) fn freeze(&mut self, pe: u16, bits: u8, world: &mut World<'_>) {
        if self.errors.frozen(pe) & bits != bits {
            self.errors.unreported.insert(pe);
        }
        self.set_frozen(pe, bits, false, world);
    }
    /// Sets freeze bits of a PE (and, all of them, of those that follow it);
    /// `asked` by the guest, or because of an error.
    pub(crate) fn set_frozen(&mut self, pe: u16, bits: u8, asked: bool, world: &mut World<'_>) {
        for pe in self.ioda.freezes_with(pe) {
            let new = self.errors.frozen(pe) | bits;
            if self.errors.frozen.insert(pe, new) != Some(new) {
                let fields = [("pe", u64::from(pe)), ("bits", u64::from(new)), ("asked", u64::from(asked))];
                world.note(self.bridge_device(), "eeh-freeze", &fields);
            }
        }
    }
    /// Clears freeze bits of a PE. Who thaws the adapter's PE has finished
    /// its reset.
    pub(crate) fn thaw(&mut self, pe: u16, bits: u8, world: &mut World<'_>) {
        self.errors.clear(pe, bits);
        if pe == self.adapter_pe() {
            self.deassert_reset(world);
        }
    }
    /// A fatal error: the bridge stops altogether.
    pub(crate) fn fence(&mut self, world: &mut World<'_>) {
        if !self.errors.fenced {
            self.errors.fenced = true;
            self.errors.fence_unreported = true;
            world.note(self.bridge_device(), "eeh-fence", &[("phb", self.map.opal_id)]);
        }
    }
    /// Arms an injected error. Deviates: a DMA error strikes at once, since
    /// the adapter's DMA does not pass the bridge's matchers in CAPI mode.
    pub(crate) fn arm(&mut self, armed: Armed, world: &mut World<'_>) {
        if armed.dma() {
            self.freeze(armed.pe, FREEZE_ALL, world);
        } else {
            self.errors.armed = Some(armed);
        }
    }
    /// Freezes the PE if an error is armed for this access. The mask chooses
    /// the address bits that are compared; a config access has none
    /// (`Unspecified:`).
    pub(crate) fn fire_armed(
        &mut self,
        pe: u16,
        address: Option<u64>,
        kind: fn(&Armed) -> bool,
        world: &mut World<'_>,
    ) {
        let matches = |a: &Armed| {
            a.pe == pe && kind(a) && address.is_none_or(|address| address & a.mask == a.address & a.mask)
        };
        if self.errors.armed.as_ref().is_some_and(matches) {
            self.errors.armed = None;
            self.freeze(pe, FREEZE_ALL, world);
        }
    }
}
