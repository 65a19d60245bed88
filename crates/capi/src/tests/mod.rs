//! The whole card: PSL and SISLite AFU together, driven as the driver and a
//! user process drive it.

mod life;
mod state;
mod traffic;

use crate::adapter::{Adapter, AdapterConfig};
use crate::afu::ioarcb::{Endian, Ioarcb};
use crate::afu::regs::{ctrl, global, host};
use crate::afu::{AfuConfig, CTRL_BASE, GLOBAL_BASE, SisliteAfu};
use crate::psl::config;
use crate::psl::fake::{FakeInjector, World};
use crate::psl::regs::{AFU_CNTL_AN, DSISR_AN, LLCMD_AN, SCNTL_AN, SERR_AN, SPAP_AN, TFC_AN};
use fabric::{Effect, PciFunction, Record, ResetKind, Ticks};

const SPA: u64 = 0x20_0000;
/// 128 KiB: 958 elements.
const SPA_STATUS: u64 = SPA + 0x1E080;
const P1N: u64 = 0x1_0000;
const PSA: u64 = 0x100_0000;
const KERNEL_SR: u64 = 0x9600_0000_0000_0013;
const USER_SR: u64 = 0x9600_0000_0000_4011;
const PAGE: u64 = 0x1_0000;

/// Guest memory: 64 KiB for each kind of thing, so that pages can be missed
/// one by one; PE k has its own at `AT + 0x40_0000 * k`.
const RCB: u64 = 0x40_0000;
const RRQ: u64 = RCB + PAGE;
const RHT: u64 = RCB + 2 * PAGE;
const DATA: u64 = RCB + 4 * PAGE;
const STRIDE: u64 = 0x40_0000;
const SLOTS: u64 = 16;

const R: u64 = 1 << 32;
const AE: u64 = 1 << 33;
const NONE: u32 = 0xEEEE_EEEE;

/// The card in its world.
struct Rig {
    world: World,
    adapter: Adapter<SisliteAfu>,
}

impl Rig {
    /// Configured, enabled, with a master as element 0.
    fn new() -> Rig {
        let mut config = AfuConfig { attention_after_reset: false, ..AfuConfig::corsa() };
        config.luns.truncate(1);
        let world = World::new(32 << 20).expect("32 MiB");
        let adapter = Adapter::new(AdapterConfig::default(), SisliteAfu::new(config, 1));
        let mut rig = Rig { world, adapter };
        rig.configure();
        rig.start();
        rig
    }
    fn configure(&mut self) {
        for (at, bytes) in [(4u16, vec![6, 0]), (0x24, vec![0, 0, 2, 0]), (config::VSEC_MODE, vec![0x21])] {
            self.adapter.config_write(at, &bytes, &mut self.world.cx());
        }
        self.adapter.set_capi_mode(true, &mut self.world.cx());
        self.pass(Ticks::millis(100));
        self.store(2, P1N + u64::from(SPAP_AN), SPA | 0x1F1);
        self.store(2, P1N + u64::from(SCNTL_AN), 4 << 32);
        self.store(2, P1N + u64::from(SERR_AN), 0x77);
        self.enable();
    }
    fn enable(&mut self) {
        self.store(0, AFU_CNTL_AN.into(), 1 << 60);
        self.pass(Ticks::micros(5));
        assert_eq!(self.load(0, AFU_CNTL_AN.into()) >> 61, 4);
    }
    /// What the driver does from the reset to the first command.
    fn start(&mut self) {
        self.add(0);
        self.global(global::AFU_CONFIG, 0x7F20);
        self.open(0, 0x6000_0000_0000_000F);
        self.global(global::AFU_CTRL, 3 << 40);
    }
    fn pass(&mut self, time: Ticks) {
        self.world.pass(time, &mut self.adapter);
    }
    fn load(&mut self, bar: u8, at: u64) -> u64 {
        let mut data = [0; 8];
        self.adapter.mmio_read(bar, at, &mut data, &mut self.world.cx());
        u64::from_be_bytes(data)
    }
    fn store(&mut self, bar: u8, at: u64, value: u64) {
        self.adapter.mmio_write(bar, at, &value.to_be_bytes(), &mut self.world.cx());
    }
    fn host(&mut self, pe: u16, reg: u16, value: u64) {
        self.store(0, PSA + (u64::from(pe) << 16) + u64::from(reg), value);
    }
    fn ctrl(&mut self, pe: u16, reg: u16) -> u64 {
        PSA + CTRL_BASE + u64::from(pe) * 0x80 + u64::from(reg)
    }
    fn global(&mut self, reg: u16, value: u64) {
        self.store(0, PSA + GLOBAL_BASE + u64::from(reg), value);
    }
    fn irqs(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.world.irqs)
    }
    fn records(&mut self, kind: &str) -> Vec<Record> {
        self.world.trace.take().into_iter().filter(|r| r.kind == kind).collect()
    }
    /// Submits a linked list command with its state; the status word later.
    fn llcmd(&mut self, code: u64, pe: u16, state: u32) {
        let _ = self.world.mem.write_be32(SPA + 128 * u64::from(pe) + 0x7C, state);
        let word = code << 48 | u64::from(pe);
        let _ = self.world.mem.write_be64(SPA_STATUS, word);
        self.store(2, P1N + u64::from(LLCMD_AN), word);
        self.pass(Ticks::micros(2));
    }
    /// The last linked list command was acknowledged.
    fn acknowledged(&self) -> bool {
        let word = self.world.mem.read_be64(SPA_STATUS).expect("in memory");
        word >> 48 == word >> 32 & 0xFFFF
    }
    /// ADD: PSL interrupt 0x50, AFU interrupts from 0x60 + 8 * pe.
    fn add(&mut self, pe: u16) {
        let (at, id) = (SPA + 128 * u64::from(pe), u64::from(pe));
        let sr = if pe == 0 { KERNEL_SR } else { USER_SR };
        let pid = if pe == 0 { 0 } else { 4 + id };
        for (offset, value) in
            [(0, sr), (0x20, 0x50 << 16 | (0x60 + 8 * id)), (0x28, 1 << 16 | 3), (0x38, pid)]
        {
            let _ = self.world.mem.write_be64(at + offset, value);
        }
        self.llcmd(5, pe, 0x8000_0000);
        assert!(self.acknowledged());
    }
    fn terminate(&mut self, pe: u16) -> bool {
        self.llcmd(1, pe, 0x8000_0001);
        self.acknowledged()
    }
    fn remove(&mut self, pe: u16) -> bool {
        self.llcmd(2, pe, 0);
        self.acknowledged()
    }
    /// Capabilities, handle table and rings of a context.
    fn open(&mut self, pe: u16, cap: u64) {
        let base = STRIDE * u64::from(pe);
        let mbox = self.ctrl(pe, ctrl::MBOX_R);
        self.load(0, mbox);
        for (reg, value) in
            [(ctrl::CTX_CAP, cap), (ctrl::RHT_START, RHT + base), (ctrl::RHT_CNT_ID, 4096 << 48)]
        {
            let at = self.ctrl(pe, reg);
            self.store(0, at, value);
        }
        for (reg, value) in [
            (host::RRQ_START, RRQ + base),
            (host::RRQ_END, RRQ + base + (SLOTS - 1) * 8),
            (host::CTX_CTRL, 1),
            (host::INTR_MASK, !0x7FF),
        ] {
            self.host(pe, reg, value);
        }
    }
    /// A user with a physical handle 0 on unit 0.
    fn user(&mut self, pe: u16) {
        self.add(pe);
        self.open(pe, 3);
        let entry = RHT + STRIDE * u64::from(pe);
        assert!(self.world.mem.read_be64(entry).is_some());
        let _ = self.world.mem.write_be64(entry, 0);
        let _ = self.world.mem.write_be64(entry + 8, 0x80 << 56 | 0x13 << 8 | 3);
    }
    /// Writes a command at place `n` of its context and submits it.
    fn submit(&mut self, pe: u16, n: u64, rcb: &Ioarcb) -> u64 {
        let ea = RCB + STRIDE * u64::from(pe) + n * 0x100;
        let _ = self.world.mem.write_bytes(ea, &rcb.bytes(Endian::Little));
        let _ = self.world.mem.write_bytes(ea + 64, &[0xEE; 32]);
        self.host(pe, host::IOARRIN, ea);
        ea
    }
    /// The status at `ea`; [`NONE`] if there is none.
    fn status(&self, ea: u64) -> u32 {
        self.world.mem.read_be32(ea + 64).expect("in memory")
    }
    fn byte(&self, ea: u64) -> u8 {
        self.world.mem.read::<1>(ea).expect("in memory")[0]
    }
    fn fill(&mut self, ea: u64, len: usize, byte: u8) {
        let _ = self.world.mem.write_bytes(ea, &vec![byte; len]);
    }
    /// Adds an effect at a fault point of the AFU.
    fn inject(&mut self, kind: &'static str, effect: Effect) {
        self.world.injector = FakeInjector(Some(("afu-command", kind, effect)));
    }
    fn tfc(&mut self, answer: u64) {
        self.store(0, TFC_AN.into(), answer);
    }
    fn fault_is_shown(&mut self) -> bool {
        self.load(0, DSISR_AN.into()) != 0
    }
}

/// A read or write by handle 0, `blocks` of 4 KiB, from or to the context's data.
fn user_io(pe: u16, write: bool, lba: u64, blocks: u32) -> Ioarcb {
    let mut rcb = Ioarcb::parse(&[0; 64], Endian::Little);
    rcb.cdb[0] = if write { 0x8A } else { 0x88 };
    rcb.cdb[2..10].copy_from_slice(&lba.to_be_bytes());
    rcb.cdb[10..14].copy_from_slice(&blocks.to_be_bytes());
    let req_flags = 0x8000 | u16::from(write);
    let data_ea = DATA + STRIDE * u64::from(pe);
    Ioarcb { ctx_id: pe, req_flags, data_len: blocks * 4096, data_ea, msi: 2, ..rcb }
}

/// A sync of a handle of `ctx`, by the master.
fn sync(mode: u8, ctx: u16) -> Ioarcb {
    let mut rcb = Ioarcb::parse(&[0; 64], Endian::Little);
    rcb.cdb[..2].copy_from_slice(&[0xC0, mode]);
    rcb.cdb[2..4].copy_from_slice(&ctx.to_be_bytes());
    Ioarcb { req_flags: 2, msi: 2, ..rcb }
}
