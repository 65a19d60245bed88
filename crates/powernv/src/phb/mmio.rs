//! CPU loads and stores: PHB registers and the memory windows.
//!
//! A load that nobody answers, or that a frozen PE blocks, gives all ones;
//! such a store is dropped. Neither is ever a machine check.

use super::{Armed, Phb};
use crate::map;
use crate::world::World;
use serde::{Deserialize, Serialize};

/// Error injection registers: outbound, inbound A, inbound B.
const INJECT: [u64; 3] = [0xd10, 0xd90, 0xe10];

enum Place {
    /// A register of the bridge.
    Register(u64),
    /// A PCI memory address and the PE its segment belongs to.
    Memory { pci: u64, pe: u16 },
}

/// Most records of accesses lost in one way, one after the other: a guest may
/// poll a card that is gone for ever.
const MOST_LOST: u32 = 256;

/// Accesses that were lost, for the trace.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lost {
    /// Why the last one was.
    why: String,
    /// How many before it were for the same reason, with no reset in between.
    times: u32,
}

impl Lost {
    /// Counts one; true if it is to be told.
    fn counts(&mut self, why: &str) -> bool {
        if self.why != why {
            *self = Lost { why: why.to_owned(), times: 0 };
        }
        self.times = self.times.saturating_add(1);
        self.times <= MOST_LOST
    }
}

impl Phb {
    fn place(&self, ra: u64) -> Option<Place> {
        let within = |base: u64, size: u64| ra.checked_sub(base).filter(|&offset| offset < size);
        if let Some(offset) = within(self.map.registers, map::PHB_REGISTER_BYTES) {
            return Some(Place::Register(offset));
        }
        if let Some(offset) = within(self.map.m32, map::M32_BYTES - map::M32_MSI_HOLE) {
            return Some(Place::Memory { pci: map::M32_PCI + offset, pe: self.ioda.pe_of_m32(offset) });
        }
        within(self.map.m64, map::M64_BYTES)?;
        // No window enabled there: an address of the bridge that is a hole.
        let pe = self.ioda.pe_of_m64(ra).unwrap_or(map::RESERVED_PE);
        Some(Place::Memory { pci: ra, pe })
    }
    /// True if the bridge owns this real address.
    pub(crate) fn claims(&self, ra: u64) -> bool {
        self.place(ra).is_some()
    }
    /// A load of 1..=16 bytes, in address order; false if not ours.
    pub(crate) fn mmio_read(&mut self, ra: u64, data: &mut [u8], world: &mut World<'_>) -> bool {
        let Some(place) = self.place(ra) else { return false };
        data.fill(0xff);
        match place {
            Place::Register(_) if self.errors.fenced => {}
            // The injectors read back 0, as does what we do not model.
            Place::Register(_) => data.fill(0),
            Place::Memory { pci, pe } => {
                self.fire_armed(pe, Some(pci), Armed::memory_load, world);
                let target = self.target(pci, pe, data.len(), world);
                if target.is_none() {
                    self.note_lost(pci, pe, false, world);
                }
                if let Some((bar, offset)) = target {
                    self.call(world, |f, cx| f.mmio_read(bar, offset, data, cx));
                    if self.flaky.loses() {
                        data.fill(0xff);
                        world.note(
                            self.bridge_device(),
                            "answer-lost",
                            &[("bar", bar.into()), ("offset", offset)],
                        );
                    }
                }
            }
        }
        true
    }
    /// A store of 1..=16 bytes, in address order; false if not ours.
    pub(crate) fn mmio_write(&mut self, ra: u64, data: &[u8], world: &mut World<'_>) -> bool {
        let Some(place) = self.place(ra) else { return false };
        match place {
            Place::Register(offset) => self.write_register(offset, data, world),
            Place::Memory { pci, pe } => {
                self.fire_armed(pe, Some(pci), Armed::memory_store, world);
                match self.target(pci, pe, data.len(), world) {
                    Some((bar, offset)) => {
                        self.call(world, |f, cx| f.mmio_write(bar, offset, data, cx));
                    }
                    None => self.note_lost(pci, pe, true, world),
                }
            }
        }
        true
    }
    /// Records an access that did not reach the function, and why.
    fn note_lost(&mut self, pci: u64, pe: u16, store: bool, world: &mut World<'_>) {
        let why = if self.errors.fenced {
            "fenced"
        } else if self.errors.mmio_frozen(pe) {
            "frozen"
        } else if !self.reaches_function(world.now) {
            "link-down"
        } else {
            "no-window"
        };
        if !self.lost.counts(why) {
            return;
        }
        let fields = [("pci", pci), ("pe", u64::from(pe)), ("store", u64::from(store))];
        world.note_text(self.bridge_device(), "mmio-lost", ("why", why), &fields);
    }
    /// BAR and offset that an access reaches, if any.
    fn target(&self, pci: u64, pe: u16, len: usize, world: &World<'_>) -> Option<(u8, u64)> {
        let open =
            self.reaches_function(world.now) && !self.errors.mmio_frozen(pe) && self.port.forwards(pci);
        let bars = self.function().filter(|_| open)?.bars();
        bars.iter().find_map(|bar| {
            let offset = pci.checked_sub(bar.address)?;
            let room = bar.size.checked_sub(offset)?;
            (room >= len as u64).then_some((bar.bar, offset))
        })
    }
    /// Registers are 8 bytes, big-endian. Unspecified: any bit in an
    /// injection register is a fatal error, so the bridge fences.
    fn write_register(&mut self, offset: u64, data: &[u8], world: &mut World<'_>) {
        if INJECT.contains(&offset) && data.len() == 8 && data.iter().any(|&b| b != 0) {
            self.fence(world);
        }
    }
}
