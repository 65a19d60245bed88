//! Register sequences as the driver performs them, one check a line.

mod commands;
mod faults;
mod properties;
mod suspend;

use super::P1N_OFFSET;
use super::config;
use super::fake::{FakeAfu, World};
use super::regs::{
    AFU_CNTL_AN, AFU_ERR_AN, Area, CONTROL, DAR_AN, DEBUG, DSISR_AN, ERR_IVTE, FIR1, LLCMD_AN,
};
use super::regs::{SCNTL_AN, SERR_AN, SPAP_AN, TIMEBASE};
use crate::adapter::{Adapter, AdapterConfig};
use crate::afu::AfuConfig;
use crate::port::DmaError;
use fabric::{PciFunction, Record, Ticks};

const SPA: u64 = 0x20_0000;
/// 128 KiB: 958 elements.
const SPA_STATUS: u64 = SPA + 0x1E080;
const DESCRIPTOR: u64 = 0x10_0000;
const PSA: u64 = 0x100_0000;
const KERNEL_SR: u64 = 0x9600_0000_0000_0013;
const USER_SR: u64 = 0x9600_0000_0000_4011;

struct Card {
    world: World,
    adapter: Adapter<FakeAfu>,
}

impl Card {
    fn new() -> Card {
        let world = World::new(16 << 20).expect("16 MiB");
        Card { world, adapter: Adapter::new(AdapterConfig::default(), FakeAfu::default()) }
    }
    /// As far as cxl gets before it activates the AFU.
    fn configured() -> Card {
        let mut c = Card::new();
        c.cfg_write(0x04, 2, 0x6);
        c.cfg_write(0x24, 4, 0x0002_0000);
        c.cfg_write(config::VSEC_MODE, 1, 0x21);
        c.adapter.set_capi_mode(true, &mut c.world.cx());
        c.pass(Ticks::millis(100));
        c
    }
    /// Directed mode, enabled.
    fn active() -> Card {
        let mut c = Card::configured();
        c.write(Area::P1n, SPAP_AN, SPA | 0x1F1);
        c.write(Area::P1n, SCNTL_AN, 4 << 32);
        c.write(Area::P1n, 0x20, 3 << 32);
        c.write(Area::P1n, SERR_AN, 0x77);
        c.write(Area::P2n, AFU_CNTL_AN, 1 << 60);
        c.pass(Ticks::micros(5));
        assert_eq!(c.read(Area::P2n, AFU_CNTL_AN) >> 61, 4);
        c.trace();
        c
    }
    fn pass(&mut self, time: Ticks) {
        self.world.pass(time, &mut self.adapter);
    }
    fn place(area: Area, offset: u16) -> (u8, u64) {
        match area {
            Area::P1 => (2, u64::from(offset)),
            Area::P1n => (2, P1N_OFFSET + u64::from(offset)),
            Area::P2n => (0, u64::from(offset)),
        }
    }
    fn read(&mut self, area: Area, offset: u16) -> u64 {
        let (bar, at) = Card::place(area, offset);
        self.load(bar, at)
    }
    fn write(&mut self, area: Area, offset: u16, value: u64) {
        let (bar, at) = Card::place(area, offset);
        self.store(bar, at, value);
    }
    fn load(&mut self, bar: u8, at: u64) -> u64 {
        let mut data = [0; 8];
        self.adapter.mmio_read(bar, at, &mut data, &mut self.world.cx());
        u64::from_be_bytes(data)
    }
    fn store(&mut self, bar: u8, at: u64, value: u64) {
        self.adapter.mmio_write(bar, at, &value.to_be_bytes(), &mut self.world.cx());
    }
    fn cfg_write(&mut self, at: u16, size: usize, value: u32) {
        self.adapter.config_write(at, &value.to_le_bytes()[..size], &mut self.world.cx());
    }
    fn cfg_read(&mut self, at: u16, size: usize) -> u32 {
        let mut data = [0; 4];
        self.adapter.config_read(at, &mut data[..size], &mut self.world.cx());
        u32::from_le_bytes(data)
    }
    fn trace(&mut self) -> Vec<Record> {
        self.world.trace.take()
    }
    fn irqs(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.world.irqs)
    }
    /// The texts of `protocol-error` records since the last look.
    fn errors(&mut self) -> Vec<String> {
        let records = self.trace();
        let errors = records.iter().filter(|r| r.kind == "protocol-error");
        errors.map(|r| r.text("what").unwrap_or_default().to_owned()).collect()
    }
    fn poke(&mut self, ra: u64, value: u64) {
        let _ = self.world.mem.write_be64(ra, value);
    }
    /// Fills element `pe` as the driver does: PSL IVTE 0x50, AFU IVTEs from 0x60.
    fn fill(&mut self, pe: u16, sr: u64, pid: u32) {
        let at = SPA + 128 * u64::from(pe);
        self.poke(at, sr);
        let afu_ivte = 0x60 + 8 * u64::from(pe);
        self.poke(at + 0x20, 0x50 << 16 | afu_ivte);
        // offsets[2..4], ranges[0..2]: one for the PSL, three for the AFU.
        self.poke(at + 0x28, 1 << 16 | 3);
        self.poke(at + 0x38, u64::from(pid));
    }
    fn state(&mut self, pe: u16, state: u32) {
        let _ = self.world.mem.write_be32(SPA + 128 * u64::from(pe) + 0x7C, state);
    }
    /// The whole handshake; the status word after `time`.
    fn llcmd(&mut self, code: u64, pe: u16, state: u32) -> u64 {
        self.state(pe, state);
        let word = code << 48 | u64::from(pe);
        self.poke(SPA_STATUS, word);
        self.write(Area::P1n, LLCMD_AN, word);
        self.pass(Ticks::micros(2));
        self.world.mem.read_be64(SPA_STATUS).expect("in memory")
    }
    fn add(&mut self, pe: u16, sr: u64, pid: u32) {
        self.fill(pe, sr, pid);
        assert_eq!(self.llcmd(5, pe, 0x8000_0000), 0x0005_0005_0000_0000 | u64::from(pe));
    }
    /// Lets the fake AFU do something for `pe`.
    fn afu(&mut self, pe: u16, register: u64, value: u64) {
        self.store(0, PSA + 0x10000 * u64::from(pe) + register, value);
    }
    fn last_result(&self) -> Option<Result<(), DmaError>> {
        self.adapter.afu().results.last().copied()
    }
}

#[test]
fn tables_are_sorted_and_masks_are_disjoint() {
    for area in [Area::P1, Area::P1n, Area::P2n] {
        for pair in area.table().windows(2) {
            assert!(pair[0].offset < pair[1].offset, "{}", pair[1].name);
        }
        for reg in area.table() {
            assert_eq!(reg.offset % 8, 0, "{}", reg.name);
            let mut seen = 0;
            for field in reg.fields {
                assert_eq!(seen & field.mask(), 0, "{} {}", reg.name, field.name);
                seen |= field.mask();
            }
        }
    }
    for table in [config::FUNCTION, config::RECORD] {
        for pair in table.windows(2) {
            assert!(pair[0].offset + u16::from(pair[0].size) <= pair[1].offset, "{}", pair[1].name);
        }
    }
}

#[test]
fn configuration_space_reads() {
    let mut c = Card::new();
    #[rustfmt::skip]
    let rows: &[(u16, usize, u32)] = &[
        (0x00, 4, 0x04CF_1014), (0x08, 4, 0x1200_0001), (0x0E, 1, 0), (0x2C, 4, 0x04CF_1014), (0x34, 1, 0x48),
        (0x48, 2, 0x7003), (0x70, 1, 0x10), (0x100, 4, 0x1802_0001), (0x180, 4, 0x0001_000B),
        (0x184, 4, 0x0800_1280), (0x188, 1, 1), (0x189, 1, 0), (0x18A, 1, 0), (0x18C, 2, 0x1001),
        (0x18E, 2, 0x0200), (0x193, 1, 0xB0), (0x1A0, 4, 0x10), (0x1A4, 4, 1), (0x1A8, 4, 0x100), (0x1AC, 4, 0x20E),
        (0xFFC, 4, 0), (0x06, 2, 0x0010),
    ];
    for &(at, size, want) in rows {
        assert_eq!(c.cfg_read(at, size), want, "{at:#x}");
    }
}

#[test]
fn configuration_space_writes() {
    #[rustfmt::skip]
    let rows: &[(u16, usize, u32, u32)] = &[
        (0x04, 2, 0xFFFF, 0x0546), (0x06, 2, 0xFFFF, 0x0010), (0x00, 4, 0, 0x04CF_1014),
        (0x10, 4, u32::MAX, 0xFC00_000C), (0x14, 4, u32::MAX, u32::MAX),
        (0x18, 4, u32::MAX, 0xFFFE_000C), (0x1C, 4, u32::MAX, u32::MAX),
        (0x20, 4, u32::MAX, 0), (0x24, 4, u32::MAX, 0), (0x24, 4, 0x0002_0000, 0x0002_0000), (0x30, 4, u32::MAX, 0),
        (0x18A, 1, 0x21, 0x21), (0x18A, 1, 0xFF, 0xE1), (0x193, 1, 0x00, 0x80), (0x193, 1, 0xFF, 0xB0),
        (0x3C, 1, 0x55, 0x55), (0x11, 1, 0xFF, 0), (0x13, 1, 0xFF, 0xFC),
    ];
    for &(at, size, write, want) in rows {
        let mut c = Card::new();
        c.cfg_write(at, size, write);
        assert_eq!(c.cfg_read(at, size), want, "{at:#x} = {write:#x}");
    }
}

#[test]
fn bars_follow_command_and_address() {
    let mut c = Card::new();
    c.cfg_write(0x10, 4, 0x4000_0000);
    c.cfg_write(0x14, 4, 0x60);
    c.cfg_write(0x18, 4, 0x4402_0000);
    c.cfg_write(0x1C, 4, 0x60);
    assert!(c.adapter.bars().is_empty());
    c.cfg_write(0x04, 2, 2);
    let bars: Vec<_> = c.adapter.bars().iter().map(|b| (b.bar, b.address, b.size)).collect();
    assert_eq!(bars, [(0, 0x60_4000_0000, 64 << 20), (2, 0x60_4402_0000, 128 << 10)]);
}

#[test]
fn vpd_handshake_delivers_a_well_formed_list() {
    let mut c = Card::new();
    let mut vpd = Vec::new();
    for at in (0..256).step_by(4) {
        c.cfg_write(0x4A, 2, at);
        assert_eq!(c.cfg_read(0x4A, 2) & 0x8000, 0, "not at once");
        c.pass(Ticks::micros(10));
        assert_eq!(c.cfg_read(0x4A, 2), 0x8000 | at);
        vpd.extend(c.cfg_read(0x4C, 4).to_le_bytes());
    }
    assert_eq!(vpd[0], 0x82);
    let ro = 3 + usize::from(u16::from_le_bytes([vpd[1], vpd[2]]));
    assert_eq!(vpd[ro], 0x90);
    let len = usize::from(u16::from_le_bytes([vpd[ro + 1], vpd[ro + 2]]));
    assert_eq!(vpd[ro + 3 + len], 0x78);
    assert_eq!(vpd[..ro + 3 + len].iter().fold(0u8, |s, b| s.wrapping_add(*b)), 0, "checksum");
    let (mut at, mut found) = (ro + 3, vec![]);
    while at < ro + 3 + len {
        let value = &vpd[at + 3..at + 3 + usize::from(vpd[at + 2])];
        found.push((String::from_utf8_lossy(&vpd[at..at + 2]).into_owned(), value.to_vec()));
        at += 3 + value.len();
    }
    let names: Vec<_> = found.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["PN", "SN", "V5", "V6", "RV"]);
    assert_eq!(found[2].1, b"5005076801400001");
    // A store attempt completes and changes nothing.
    c.cfg_write(0x4C, 4, 0x1234_5678);
    c.cfg_write(0x4A, 2, 0x8000);
    c.pass(Ticks::micros(10));
    assert_eq!(c.cfg_read(0x4A, 2), 0);
    assert!(AdapterConfig::of(&AfuConfig::flash_gt_plus()).vpd.bytes().len() <= 256);
}

#[test]
fn adapter_registers() {
    let mut c = Card::configured();
    #[rustfmt::skip]
    let rows: &[(Area, u16, u64, u64)] = &[
        (Area::P1, DEBUG, 0xC000_0000_0000_0000, 0xC000_0010_0000_0000),
        (Area::P1, ERR_IVTE, 0x1_0000_1234, 0x1234),
        (Area::P1, 0x390, 0, 0xFFFF_FC00_0000_0000),
        (Area::P1, 0x588, u64::MAX, u64::MAX - 1),
        (Area::P1, CONTROL, 1 << 32, 0xD_0000_0000),
        (Area::P1, CONTROL, 0, 0),
        (Area::P1n, SERR_AN, 0x7F80_0077, 0x7F80_0077),
        (Area::P1n, SPAP_AN, u64::MAX, 0x0FFF_FFFF_FFFF_FFF1),
        (Area::P2n, DAR_AN, u64::MAX, 0),
        (Area::P2n, DSISR_AN, u64::MAX, 0),
        (Area::P2n, AFU_ERR_AN, 1, 0xAFE),
    ];
    for &(area, at, write, want) in rows {
        c.write(area, at, write);
        assert_eq!(c.read(area, at), want, "{area:?} {at:#x}");
    }
    assert_eq!(c.read(Area::P1, TIMEBASE), 0);
    c.write(Area::P1, CONTROL, 1);
    assert_eq!(c.read(Area::P1, TIMEBASE), c.world.now.timebase());
}

#[test]
fn undefined_accesses_read_ones_and_are_noted() {
    let mut c = Card::configured();
    assert_eq!(c.errors(), [""; 0]);
    assert_eq!(c.read(Area::P1, 0x90), 0, "a register of PSL8");
    assert_eq!(c.load(0, 0x94), u64::MAX, "not aligned");
    let mut half = [0; 4];
    c.adapter.mmio_read(0, 0x90, &mut half, &mut c.world.cx());
    assert_eq!(half, [0xFF; 4]);
    assert_eq!(c.load(0, 0x3FF_0000), u64::MAX, "behind problem state");
    assert_eq!(c.load(1, 0), u64::MAX);
    assert_eq!(c.errors(), ["reserved-register", "register-size", "register-size"]);
}

#[test]
fn descriptor_and_record() {
    let mut c = Card::configured();
    #[rustfmt::skip]
    let rows: &[(u64, u64)] = &[
        (0x00, 0x0003_0200_0001_8004), (0x08, 0), (0x20, 1), (0x28, 0x100), (0x30, 0x0300_0000_0000_0010),
        (0x38, 0), (0x40, 1), (0x48, 0x1000), (0x1000, 0xAFE), (0x1008, 0),
    ];
    for &(at, want) in rows {
        assert_eq!(c.load(0, DESCRIPTOR + at), want, "{at:#x}");
    }
    let mut record = |at: u64, write: Option<u32>| {
        let at = DESCRIPTOR + 0x100 + at;
        if let Some(value) = write {
            c.adapter.mmio_write(0, at, &value.to_le_bytes(), &mut c.world.cx());
        }
        let mut data = [0; 4];
        c.adapter.mmio_read(0, at, &mut data, &mut c.world.cx());
        u32::from_le_bytes(data)
    };
    assert_eq!(record(0, None), 0x04F0_1014);
    assert_eq!(record(8, None) >> 8, 0x06_0100);
    assert_eq!(record(0x0C, Some(0xFFFF_FFFF)), 0xFF);
    assert_eq!(record(4, Some(0x0006)), 6);
    for bar in (0x10..0x28).step_by(4).chain([0x30]) {
        assert_eq!(record(bar, Some(u32::MAX)), 0, "{bar:#x}");
    }
    c.store(0, DESCRIPTOR, 5);
    assert_eq!(c.errors(), ["descriptor-store"]);
}
