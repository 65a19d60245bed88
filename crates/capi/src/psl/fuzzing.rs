//! Entry points for fuzzers: bytes become accesses to a fresh adapter. The
//! interpretation is fixed, so an input that fails once fails always.

use super::fake::{FakeAfu, World};
use crate::adapter::{Adapter, AdapterConfig};
use crate::port::SavedAfu;
use crate::psl::PslError;
use fabric::pci::Invalidate;
use fabric::{PciFunction, ResetKind, Ticks};

const MEMORY: u64 = 1 << 20;
/// Bytes of one step: operation, size, 6 of place, 8 of value. With [`ANYWHERE`] in the size, a place is a BAR and an offset
/// of 5 bytes, otherwise one of [`OFFSETS`].
const STEP: usize = 16;
const ANYWHERE: u8 = 0x80;

/// Places that random numbers would miss.
const OFFSETS: &[(u8, u64)] = &[
    (2, 0x10088),
    (2, 0x10090),
    (2, 0x100A0),
    (2, 0x10028),
    (2, 0x20),
    (0, 0x90),
    (0, 0x78),
    (0, 0x60),
    (0, 0x100_0000),
    (0, 0x100_0008),
    (0, 0x100_0010),
    (0, 0x100_0018),
    (0, 0x10_0100),
    (0, 0x10_0000),
];

/// Runs an adapter with a small AFU on `data`.
pub fn fuzz_mmio(data: &[u8]) {
    fuzz_adapter(FakeAfu::default(), data);
}

/// Runs an adapter with `afu` on `data`: accesses of all kinds to all
/// spaces, stores to memory (where the process area may be), tlbie, resets.
/// Nothing it does may panic, hang or reach outside memory.
pub fn fuzz_adapter<A: SavedAfu>(afu: A, data: &[u8]) {
    let Some(mut world) = World::new(MEMORY) else { return };
    let mut adapter = Adapter::new(AdapterConfig::default(), afu);
    adapter.set_capi_mode(true, &mut world.cx());
    for (at, bytes) in [(4u16, vec![6, 0]), (0x24, vec![0, 0, 2, 0]), (0x18A, vec![0x21])] {
        adapter.config_write(at, &bytes, &mut world.cx());
    }
    for step in data.chunks_exact(STEP) {
        let place = step[2..8].iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let value = [step[8], step[9], step[10], step[11], step[12], step[13], step[14], step[15]];
        one_step(step[0], step[1], place, value, &mut adapter, &mut world);
        world.irqs.clear();
        world.trace.take();
    }
    world.pass(Ticks::millis(1), &mut adapter);
}

fn one_step<A: SavedAfu>(
    operation: u8,
    size: u8,
    place: u64,
    value: [u8; 8],
    adapter: &mut Adapter<A>,
    world: &mut World,
) {
    let mut data = [0u8; 16];
    data[..8].copy_from_slice(&value);
    let data = &mut data[..usize::from(size % 16) + 1];
    let (bar, offset) = if size & ANYWHERE == 0 {
        OFFSETS[place as usize % OFFSETS.len()]
    } else {
        ((place >> 40) as u8 % 6, place & 0xFF_FFFF_FFFF)
    };
    let number = u64::from_be_bytes(value);
    match operation % 12 {
        0..=2 => adapter.mmio_write(bar, offset, &value, &mut world.cx()),
        3 => adapter.mmio_write(bar, offset, data, &mut world.cx()),
        4 => adapter.mmio_read(bar, offset, data, &mut world.cx()),
        5 => {
            let len = data.len().min(4);
            adapter.config_write(place as u16, &data[..len], &mut world.cx());
            adapter.config_read(place as u16, &mut data[..len], &mut world.cx());
        }
        6..=8 => {
            let _ = world.mem.write_be64(place % MEMORY, number);
        }
        9 => world.pass(Ticks(number & 0xFFFF), adapter),
        10 => {
            let pid = place as u32;
            let what = match size % 4 {
                0 => Invalidate::All,
                1 => Invalidate::Pid(pid),
                2 => Invalidate::Lpid(pid),
                _ => Invalidate::Page { pid, ea: number, page_shift: u32::from(size) },
            };
            adapter.snoop(what, &mut world.cx());
        }
        _ => rare_step(size, number, adapter, world),
    }
}

fn rare_step<A: SavedAfu>(size: u8, number: u64, adapter: &mut Adapter<A>, world: &mut World) {
    match size {
        0 => adapter.reset(ResetKind::Hot, &mut world.cx()),
        1 => adapter.reset(ResetKind::Fundamental, &mut world.cx()),
        2 => adapter.set_capi_mode(number & 1 == 0, &mut world.cx()),
        3..=60 => {
            world.tables.missing.insert(number & 0x1F);
        }
        61..=63 => {
            let error =
                [PslError::Psl(number >> 16), PslError::Afu, PslError::Adapter][usize::from(size - 61)];
            adapter.raise_error(error, number as u16, &mut world.cx());
        }
        _ => world.tables.missing.clear(),
    }
}
