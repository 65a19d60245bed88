//! The AFU on its bench, as the driver and the library use it.

mod faults;
mod flash_faults;
mod host_commands;
mod hostile;
mod more;
mod registers;

use super::bench::Bench;
use super::codes::*;
use super::config::{AfuConfig, TableCache};
use super::ioarcb::{Endian, Ioarcb};
use super::regs::{ctrl, fc, global, host};
use super::*;
use fabric::{Effect, Injector, Point, Record, Ticks};

const MASTER_CAP: u64 = 0x6000_0000_0000_000F;
/// Where things lie in the bench's memory.
const RCB: u64 = 0x1_0000;
const RRQ: u64 = 0x2_0000;
const RHT: u64 = 0x3_0000;
const LXT: u64 = 0x4_0000;
const DATA: u64 = 0x5_0000;
const SLOTS: u64 = 4;

fn reg(pe: u64, offset: u16) -> u64 {
    pe << 16 | u64::from(offset)
}
fn block(pe: u64, offset: u16) -> u64 {
    CTRL_BASE + pe * 0x80 + u64::from(offset)
}
fn glob(offset: u16) -> u64 {
    GLOBAL_BASE + u64::from(offset)
}

fn config() -> AfuConfig {
    AfuConfig { attention_after_reset: false, ..AfuConfig::corsa() }
}

/// A master (PE 0) and a user (PE 1), set up as the driver does it.
fn bench_with(config: AfuConfig) -> Bench {
    let mut b = Bench::new(config, 1 << 21);
    b.store(glob(global::AFU_CONFIG), 0x7F20);
    for (pe, cap) in [(0, MASTER_CAP), (1, 3)] {
        b.load(block(pe, ctrl::MBOX_R));
        b.store(block(pe, ctrl::CTX_CAP), cap);
        b.store(reg(pe, host::RRQ_START), RRQ + pe * 0x100);
        b.store(reg(pe, host::RRQ_END), RRQ + pe * 0x100 + (SLOTS - 1) * 8);
        b.store(reg(pe, host::CTX_CTRL), 1);
        b.store(reg(pe, host::INTR_MASK), !0x7FF);
    }
    b.store(block(1, ctrl::RHT_START), RHT);
    b.store(block(1, ctrl::RHT_CNT_ID), 4096 << 48);
    for port in 0..2 {
        b.store(GLOBAL_BASE + 0x4000 + port * 0x1000 + 7 * 8, 0); // LUN 0 at index 7
    }
    b
}
fn bench() -> Bench {
    bench_with(config())
}

fn rcb(pe: u16, flags: u16, cdb: &[u8]) -> Ioarcb {
    let mut r = Ioarcb::parse(&[0; 64], Endian::Little);
    r.cdb[..cdb.len()].copy_from_slice(cdb);
    Ioarcb { ctx_id: pe, req_flags: flags, res_hndl: 1, msi: 2, data_ea: DATA, ..r }
}
fn read16(lba: u64, blocks: u32) -> Vec<u8> {
    [&[0x88, 0][..], &lba.to_be_bytes(), &blocks.to_be_bytes()].concat()
}
fn write16(lba: u64, blocks: u32) -> Vec<u8> {
    [&[0x8A, 0][..], &lba.to_be_bytes(), &blocks.to_be_bytes()].concat()
}
fn sync(mode: u8, ctx: u16, handle: u32) -> Ioarcb {
    let cdb = [&[0xC0, mode][..], &ctx.to_be_bytes(), &handle.to_be_bytes()].concat();
    rcb(0, REQ_FLAGS_AFU_CMD, &cdb)
}

/// Puts a command at the `n`-th place and submits it.
fn submit_at(b: &mut Bench, pe: u64, n: u64, r: &Ioarcb) -> u64 {
    let ea = RCB + n * 0x100;
    b.host.mem[ea as usize..][..64].copy_from_slice(&r.bytes(Endian::Little));
    b.host.mem[ea as usize + 64..][..32].fill(0xEE);
    b.store(reg(pe, host::IOARRIN), ea);
    ea
}
/// The status of the command at `ea`; all EE if none was written.
fn status(b: &Bench, ea: u64) -> u32 {
    let raw = &b.host.mem[ea as usize + 64..];
    u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]])
}
/// Submits a command, waits, and gives its status.
fn run(b: &mut Bench, pe: u64, r: &Ioarcb) -> u32 {
    let ea = submit_at(b, pe, 0, r);
    b.pass(Ticks::millis(10));
    status(b, ea)
}
fn slot(b: &Bench, pe: u64, n: u64) -> u64 {
    let at = (RRQ + pe * 0x100 + n * 8) as usize;
    u64::from_le_bytes(b.host.mem[at..at + 8].try_into().expect("8 bytes"))
}
fn rht_f1(b: &mut Bench, handle: u64, lun_id: u64, perm: u8, ports: u8) {
    let at = (RHT + handle * 16) as usize;
    b.host.mem[at..at + 8].copy_from_slice(&lun_id.to_le_bytes());
    b.host.mem[at + 8..at + 16].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0x10 | perm, ports]);
}
fn rht_f0(b: &mut Bench, handle: u64, lxt: u64, count: u32, perm: u8) {
    let at = (RHT + handle * 16) as usize;
    b.host.mem[at..at + 8].copy_from_slice(&lxt.to_le_bytes());
    b.host.mem[at + 8..at + 12].copy_from_slice(&count.to_le_bytes());
    b.host.mem[at + 12..at + 16].copy_from_slice(&[0, 0, perm, 16]);
}
fn lxt(b: &mut Bench, index: u64, chunk: u64, perm: u64, ports: u64) {
    let at = (LXT + index * 8) as usize;
    let value = chunk << 16 | 7 << 8 | perm << 4 | ports;
    b.host.mem[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
fn records(b: &mut Bench, kind: &str) -> Vec<Record> {
    b.trace.take().into_iter().filter(|r| r.kind == kind).collect()
}

/// Does one thing at the nth point of a kind.
struct At(&'static str, Option<Effect>);
impl Injector for At {
    fn at(&mut self, _: Ticks, p: &Point<'_>) -> Option<Effect> {
        if p.name == "afu-command" && p.kind == self.0 { self.1.take() } else { None }
    }
}

#[test]
fn an_inquiry_completes_in_order_and_not_at_once() {
    let mut b = bench();
    let mut r = rcb(0, REQ_FLAGS_SUP_UNDERRUN, &[0x12, 0, 0, 0, 36]);
    (r.res_hndl, r.data_len) = (1, 36);
    b.host.dma.clear();
    let room = b.load(reg(0, host::CMD_ROOM));
    let ea = submit_at(&mut b, 0, 0, &r);
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), room - 1);
    b.pass(Ticks::micros(50));
    assert_eq!((b.load(reg(0, host::CMD_ROOM)), status(&b, ea)), (room, 0xEEEE_EEEE));
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, ea), 0);
    assert_eq!(&b.host.mem[DATA as usize + 8..][..8], b"IBM     ");
    assert_eq!((slot(&b, 0, 0), slot(&b, 0, 1)), (ea | 1, 0));
    assert_eq!(b.host.interrupts, [(0, 2)]);
    let stores: Vec<_> = b.host.dma.iter().filter(|d| d.3).map(|d| (d.1, d.2)).collect();
    assert_eq!(stores, [(DATA, 36), (ea + 64, 32), (RRQ, 8)], "data, IOASA without host_use, RRQ");
    let seen: Vec<_> =
        b.trace.take().iter().filter(|r| r.kind.starts_with("afu-command")).map(|r| r.kind).collect();
    assert_eq!(seen, ["afu-command", "afu-command-done"]);
}

#[test]
fn bring_up_registers() {
    let mut b = Bench::new(AfuConfig::corsa(), 1 << 16);
    assert_eq!(b.load(glob(global::AFU_VERSION)).to_be_bytes(), *b"160512D1");
    assert_eq!(b.load(glob(global::INTERFACE_VERSION)), 0x8000_0000_0001_0000);
    assert_eq!(b.load(glob(global::AFU_PORT_SEL)), 3);
    assert_eq!(b.load(reg(0, host::CTX_CTRL)), 1 << 63);
    assert_eq!(b.load(glob(global::AFU_HB)) + 1, b.load(glob(global::AFU_HB)));
    b.store(reg(0, host::CTX_CTRL), 0x55);
    assert_eq!(b.load(reg(0, host::CTX_CTRL)), 1 << 63 | 0x55);
    let mut four = [0; 4];
    b.with(|afu, bus| afu.mmio_read(glob(global::AFU_VERSION), &mut four, bus));
    assert_eq!(four, *b"1605");
    b.with(|afu, bus| afu.mmio_write(reg(0, host::RRQ_START), &[1, 2, 3, 4], bus));
    assert_eq!(b.load(reg(0, host::RRQ_START)), 0x0102_0304_0000_0000);
    assert_eq!(b.load(0x20A_0000), u64::MAX);
    b.with(|afu, bus| afu.set_enabled(false, bus));
    assert_eq!(b.load(glob(global::AFU_PORT_SEL)), u64::MAX);
}

#[test]
fn ctx_cap_is_locked_until_mbox_r_is_read() {
    let mut b = Bench::new(config(), 1 << 16);
    let cap = block(1, ctrl::CTX_CAP);
    b.store(cap, 3);
    assert_eq!(b.load(cap), 0);
    b.load(block(1, ctrl::MBOX_R));
    b.store(cap, 3);
    assert_eq!(b.load(cap), 3);
    b.host.running.remove(&1);
    b.with(|afu, bus| afu.terminated(1, bus));
    b.store(cap, 0);
    b.load(block(1, ctrl::MBOX_R));
    b.store(cap, 0);
    assert_eq!(b.load(cap), 3, "re-locked, kept, and a closed context does not unlock");
    assert_eq!(b.afu.control_block(1).ctx_cap, 3);
    let seen: Vec<_> = records(&mut b, "ctx-cap").iter().map(|r| r.u64("accepted")).collect();
    assert_eq!(seen, [Some(0), Some(1), Some(0), Some(0)]);
    b.with(|afu, bus| afu.reset(bus));
    assert_eq!(b.load(cap), 0);
    b.store(reg(1, host::MBOX_W), 77);
    assert_eq!(b.load(block(1, ctrl::MBOX_R)), 77);
}

#[test]
fn direct_write_and_read_move_blocks() {
    let mut b = bench();
    for (i, byte) in b.host.mem[DATA as usize..][..3 * 4096].iter_mut().enumerate() {
        *byte = (i / 7) as u8;
    }
    let want = b.host.mem[DATA as usize..][..3 * 4096].to_vec();
    let r = Ioarcb { data_len: 3 * 4096, ..rcb(0, REQ_FLAGS_HOST_WRITE, &write16(5, 3)) };
    assert_eq!(run(&mut b, 0, &r), 0);
    b.host.mem[DATA as usize..][..3 * 4096].fill(0);
    let r = Ioarcb { data_len: 3 * 4096, ..rcb(0, 0, &read16(5, 3)) };
    assert_eq!(run(&mut b, 0, &r), 0);
    assert!(b.host.mem[DATA as usize..][..3 * 4096] == want[..]);
}

#[test]
fn every_translation_error() {
    type Prepare = fn(&mut Bench, &mut Ioarcb);
    let cases: &[(&str, u32, Prepare)] = &[
        ("good", 0, |_, _| {}),
        ("foreign context", 0x0021_0000, |_, r| r.ctx_id = 2),
        ("context out of range", 0x0021_0000, |_, r| r.ctx_id = 600),
        ("no capability", 0x0021_0000, |b, _| b.store(block(1, ctrl::CTX_CAP), 2)),
        ("real mode", 0x0021_0000, |_, r| r.req_flags = 0),
        ("AFU command", 0x0021_0000, |_, r| r.req_flags = REQ_FLAGS_AFU_CMD),
        ("opcode FA", 0x0021_0000, |_, r| r.cdb[0] = 0xFA),
        ("TEST UNIT READY", 0x0021_0000, |_, r| r.cdb[0] = 0x00),
        ("handle 4096", 0x0003_0000, |_, r| r.res_hndl = 4096),
        ("master lost HOST_XLATE", 0x001A_0000, |b, _| b.store(block(0, ctrl::CTX_CAP), 0xF)),
        ("RHT unaligned", 0x0002_0000, |b, _| b.store(block(1, ctrl::RHT_START), RHT + 8)),
        ("RHT not memory", 0x0004_0000, |b, _| b.store(block(1, ctrl::RHT_START), 1 << 40)),
        ("handle not open", 0x0005_0000, |_, r| r.res_hndl = 9),
        ("no permission", 0x0005_0000, |b, _| rht_f0(b, 1, LXT, 2, 2)),
        ("unknown format", 0x0001_0000, |b, _| b.host.mem[RHT as usize + 30] = 0x23),
        ("format 1 not valid", 0x0001_0000, |b, _| b.host.mem[RHT as usize + 30] = 0x13),
        ("beyond the LXT", 0x0013_0000, |_, r| r.cdb[..10].copy_from_slice(&read16(2 << 16, 1)[..10])),
        ("LXT unaligned", 0x0012_0000, |b, _| rht_f0(b, 1, LXT + 4, 2, 3)),
        ("LXT not memory", 0x0014_0000, |b, _| rht_f0(b, 1, 1 << 40, 2, 3)),
        ("LXT permission", 0x0015_0000, |b, _| lxt(b, 0, 3, 2, 3)),
        ("more than 4 KiB", 0x0013_0000, |_, r| (r.cdb[13], r.data_len) = (2, 8192)),
        ("no port", 0x0020_0000, |b, _| lxt(b, 0, 3, 3, 0)),
        ("port not enabled", 0x0020_0000, |b, _| {
            b.store(glob(global::AFU_PORT_SEL), 1);
            lxt(b, 0, 3, 3, 2);
        }),
        ("data not memory", 0x0031_0000, |_, r| r.data_ea = 1 << 40),
        ("buffer too short", 0xA000_0200, |_, r| r.data_len = 512),
        ("buffer too long", 0x9000_0200, |_, r| r.data_len = 8192),
        ("no blocks", 0, |_, r| r.cdb[13] = 0),
        ("read flagged as write", 0x0000_0058, |_, r| r.req_flags |= REQ_FLAGS_HOST_WRITE),
        ("LUN table empty", 0x8000_0200, |b, _| {
            for port in 0..2 {
                b.store(GLOBAL_BASE + 0x4000 + port * 0x1000 + 7 * 8, 0x0009 << 48);
            }
        }),
        ("chunk past the end", 0x8000_0200, |b, _| lxt(b, 0, 1 << 20, 3, 3)),
    ];
    for (name, want, prepare) in cases {
        let mut b = bench();
        rht_f0(&mut b, 1, LXT, 2, 3);
        lxt(&mut b, 0, 3, 3, 3);
        lxt(&mut b, 1, 4, 3, 3);
        let mut r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0x1234, 1)) };
        prepare(&mut b, &mut r);
        let got = run(&mut b, 1, &r);
        assert_eq!(got, *want, "{name}: got {got:08x} want {want:08x}");
        assert_eq!(slot(&b, 1, 0), RCB | 1, "{name}: a response in any case");
        assert_eq!(b.host.interrupts, [(1, 2)], "{name}");
    }
}

#[test]
fn no_channels_tells_the_masks() {
    let mut b = bench();
    b.store(glob(global::AFU_PORT_SEL), 1);
    let r = Ioarcb { res_hndl: 2, data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    assert_eq!(run(&mut b, 0, &r), 0x0020_0000);
    assert_eq!(b.host.mem[RCB as usize + 64 + 9], 1 << 2 | 2);
}

#[test]
fn a_physical_handle_reaches_its_unit_and_a_virtual_one_its_chunk() {
    let mut b = bench();
    b.host.mem[DATA as usize..][..4096].fill(0xA5);
    rht_f1(&mut b, 1, 0, 3, 3);
    let flags = REQ_FLAGS_RES_HNDL | REQ_FLAGS_HOST_WRITE;
    let r = Ioarcb { data_len: 4096, ..rcb(1, flags, &write16(3 << 16 | 0x11, 1)) };
    assert_eq!(run(&mut b, 1, &r), 0);
    b.host.mem[DATA as usize..][..4096].fill(0);
    rht_f0(&mut b, 2, LXT, 1, 3);
    lxt(&mut b, 0, 3, 3, 3);
    let r = Ioarcb { res_hndl: 2, data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0x11, 1)) };
    assert_eq!(run(&mut b, 1, &r), 0);
    assert_eq!(b.host.mem[DATA as usize + 4095], 0xA5);
}

#[test]
fn a_strict_cache_is_stale_until_the_sync() {
    for (cache, stale) in [(TableCache::Strict, 0), (TableCache::None, 0x0005_0000)] {
        let mut b = bench_with(AfuConfig { cache, ..config() });
        rht_f1(&mut b, 1, 0, 3, 3);
        let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
        assert_eq!(run(&mut b, 1, &r), 0);
        b.host.mem[RHT as usize + 16..][..16].fill(0);
        assert_eq!(run(&mut b, 1, &r), stale);
        assert_eq!(run(&mut b, 0, &sync(AFU_LW_SYNC, 1, 2)), 0, "another handle");
        assert_eq!(run(&mut b, 1, &r), stale);
        assert_eq!(run(&mut b, 0, &sync(AFU_HW_SYNC, 1, 1)), 0);
        assert_eq!(run(&mut b, 1, &r), 0x0005_0000);
    }
}

#[test]
fn a_second_sync_is_refused_while_one_is_open() {
    let mut b = bench();
    b.inject = Box::new(At("afu-sync", Some(Effect::Hold(Ticks::secs(5)))));
    let first = submit_at(&mut b, 0, 0, &sync(AFU_LW_SYNC, 1, 1));
    b.pass(Ticks::millis(1));
    let second = submit_at(&mut b, 0, 1, &sync(AFU_LW_SYNC, 1, 2));
    b.pass(Ticks::millis(1));
    assert_eq!((status(&b, first), status(&b, second)), (0xEEEE_EEEE, 0x0022_0000));
    b.pass(Ticks::millis(4990));
    assert_eq!(status(&b, first), 0xEEEE_EEEE, "its own timeout of 5 s does not end it");
    b.pass(Ticks::millis(20));
    assert_eq!(status(&b, first), 0);
    let trace = b.trace.take();
    let held = trace.iter().find(|r| r.kind == "held").and_then(|r| r.u64("ns"));
    assert_eq!(held, Some(5_000_000_000));
    let c0 = trace.iter().find(|r| r.kind == "afu-command").expect("record");
    assert_eq!(
        (c0.text("kind"), c0.u64("pe"), c0.u64("ctx"), c0.u64("mode")),
        (Some("afu-sync"), Some(0), Some(1), Some(0))
    );
    assert_eq!(run(&mut b, 0, &sync(AFU_LW_SYNC, 1, 1)), 0);
}

#[test]
fn a_heavy_sync_waits_for_commands_of_the_old_translation() {
    let mut b = bench();
    rht_f1(&mut b, 1, 0, 3, 3);
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::millis(50)))));
    let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
    let read = submit_at(&mut b, 1, 0, &r);
    b.pass(Ticks::micros(20));
    let light = submit_at(&mut b, 0, 1, &sync(AFU_LW_SYNC, 1, 1));
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, light), 0);
    let heavy = submit_at(&mut b, 0, 2, &sync(AFU_HW_SYNC, 1, 1));
    b.pass(Ticks::millis(40));
    assert_eq!((status(&b, read), status(&b, heavy)), (0xEEEE_EEEE, 0xEEEE_EEEE));
    b.pass(Ticks::millis(20));
    assert_eq!((status(&b, read), status(&b, heavy)), (0, 0));
}

#[test]
fn a_global_sync_waits_for_the_port_taken_away() {
    let mut b = bench();
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::millis(50)))));
    let r = Ioarcb { res_hndl: 2, data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    submit_at(&mut b, 0, 0, &r);
    b.pass(Ticks::micros(20));
    b.store(glob(global::AFU_PORT_SEL), 1);
    let gsync = submit_at(&mut b, 0, 1, &sync(AFU_GSYNC, 0, 0));
    b.pass(Ticks::millis(40));
    assert_eq!(status(&b, gsync), 0xEEEE_EEEE);
    b.pass(Ticks::millis(20));
    assert_eq!(status(&b, gsync), 0);
}

#[test]
fn a_context_reset_leaves_no_response() {
    let mut b = bench();
    let ea = submit_at(&mut b, 0, 0, &sync(AFU_LW_SYNC, 1, 1));
    b.pass(Ticks::micros(20));
    b.store(reg(0, host::IOARRIN), 1);
    assert_eq!(b.load(reg(0, host::IOARRIN)) & 1, 1);
    b.host.dma.clear();
    b.pass(Ticks::millis(2));
    assert_eq!(b.load(reg(0, host::IOARRIN)) & 1, 0);
    b.pass(Ticks::secs(1));
    assert_eq!((status(&b, ea), slot(&b, 0, 0)), (0xEEEE_EEEE, 0));
    assert!(b.host.dma.is_empty() && b.host.interrupts.is_empty());
    let seen: Vec<_> =
        b.trace.take().iter().map(|r| r.kind).filter(|k| !k.starts_with("ctx-cap") && *k != "rht").collect();
    assert_eq!(seen, ["afu-command", "context-reset", "afu-command-aborted"]);
    assert_eq!(run(&mut b, 0, &sync(AFU_LW_SYNC, 1, 1)), 0, "the rings are kept");
    assert_eq!(slot(&b, 0, 0), RCB | 1);
}

#[test]
fn a_stuck_context_reset_stays_until_the_afu_is_reset() {
    let mut b = bench();
    b.inject = Box::new(At("context-reset", Some(Effect::Drop)));
    b.store(reg(0, host::IOARRIN), 1);
    b.pass(Ticks::secs(10));
    assert_eq!(b.load(reg(0, host::IOARRIN)) & 1, 1);
    b.with(|afu, bus| afu.reset(bus));
    assert_eq!(b.load(reg(0, host::IOARRIN)), 0);
}

#[test]
fn terminate_and_afu_reset_silence_commands() {
    for end in ["terminate", "afu-reset"] {
        let mut b = bench();
        rht_f1(&mut b, 1, 0, 3, 3);
        let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
        let ea = submit_at(&mut b, 1, 0, &r);
        let c0 = submit_at(&mut b, 0, 1, &sync(AFU_LW_SYNC, 2, 0));
        b.pass(Ticks::micros(20));
        b.host.dma.clear();
        if end == "terminate" {
            b.with(|afu, bus| afu.terminated(1, bus));
            b.host.running.remove(&1);
        } else {
            b.with(|afu, bus| afu.reset(bus));
        }
        b.pass(Ticks::secs(1));
        assert_eq!(status(&b, ea), 0xEEEE_EEEE, "{end}");
        // A sync of another context goes on at TERMINATE: LLCMD is independent.
        let alive = end == "terminate";
        assert_eq!(status(&b, c0), if alive { 0 } else { 0xEEEE_EEEE }, "{end}");
        assert_eq!(b.host.dma.is_empty(), !alive, "{end}");
        assert_eq!(records(&mut b, "afu-command-aborted").len(), if alive { 1 } else { 2 });
    }
}

#[test]
fn faults_suspend_and_the_answer_resumes() {
    // One page of each thing a command touches, in the order it touches them.
    let mut b = bench();
    rht_f0(&mut b, 1, LXT, 1, 3);
    lxt(&mut b, 0, 0, 3, 3);
    let pages = [RCB, RHT, LXT, DATA, RRQ].map(|a| a >> 12);
    b.host.absent.extend(pages);
    let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
    let ea = submit_at(&mut b, 1, 0, &r);
    for (page, pe) in pages.iter().zip([1, 0, 0, 1, 1]) {
        b.pass(Ticks::millis(1));
        let faults: Vec<_> = b.host.faults.iter().map(|f| (f.0, f.1.ea >> 12)).collect();
        assert_eq!(faults, [(pe, *page)]);
        b.host.absent.remove(page);
        b.answer(pe, FaultAnswer::Retry);
    }
    b.pass(Ticks::millis(1));
    assert_eq!((status(&b, ea), slot(&b, 1, 0)), (0, RCB | 1));
}

#[test]
fn address_errors_and_auto_retry_off() {
    // What is missing, retry, the answer: status or sync error bits.
    let cases: &[(u64, bool, u32, u64)] = &[
        (RCB, true, 0xEEEE_EEEE, 0x08),
        (RHT, true, 0x0004_0000, 0),
        (LXT, true, 0x0014_0000, 0),
        (DATA, true, 0x0031_0000, 0),
        (RRQ, true, 0, 0x02),
        (RCB, false, 0xEEEE_EEEE, 0x01),
        (RHT, false, 0x0004_0000, 0),
        (DATA, false, 0x0031_0000, 0),
        (RRQ, false, 0, 0x01),
    ];
    for &(page, retry, want, bits) in cases {
        let mut b = bench();
        rht_f0(&mut b, 1, LXT, 1, 3);
        lxt(&mut b, 0, 0, 3, 3);
        b.store(glob(global::AFU_CONFIG), if retry { 0x7F20 } else { 0x20 });
        b.host.absent.insert(page >> 12);
        let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
        let ea = submit_at(&mut b, 1, 0, &r);
        b.pass(Ticks::millis(1));
        for pe in 0..2 {
            b.answer(pe, FaultAnswer::AddressError);
        }
        b.pass(Ticks::millis(1));
        assert_eq!(status(&b, ea), want, "{page:#x} retry {retry}");
        assert_eq!(b.load(reg(1, host::INTR_STATUS)), bits, "{page:#x} retry {retry}");
        assert_eq!(b.host.interrupts, [(1, if bits == 0 { 2 } else { 1 })]);
        if want & 0x00FF_0000 != 0 && bits == 0 {
            let extra = if retry { AFU_DMA_ERR_INVALID_EA } else { AFU_DMA_ERR_PAGE_IN };
            assert_eq!(b.host.mem[ea as usize + 64 + 9], extra);
        }
        b.store(reg(1, host::INTR_CLEAR), bits);
        assert_eq!(b.load(reg(1, host::INTR_STATUS)), 0);
        assert_eq!(b.afu.open_commands(), 0);
    }
}

#[test]
fn the_rrq_wraps_with_its_toggle() {
    let mut b = bench();
    let tur = rcb(0, 0, &[0]);
    for n in 0..10 {
        assert_eq!(run(&mut b, 0, &tur), 0);
        let toggle = (n / SLOTS + 1) & 1;
        assert_eq!(slot(&b, 0, n % SLOTS), RCB | toggle, "entry {n}");
    }
}

#[test]
fn no_room_is_a_sync_error() {
    let mut b = bench_with(AfuConfig { cmd_room: 2, ..config() });
    for n in 0..3 {
        submit_at(&mut b, 0, n, &rcb(0, 0, &[0]));
    }
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), 0);
    assert_eq!(b.load(reg(0, host::INTR_STATUS)), ISTATUS_PERM_ERR_CMDROOM);
    assert_eq!(b.host.interrupts, [(0, 1)]);
    b.pass(Ticks::millis(1));
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), 2);
}

#[test]
fn more_commands_than_the_afu_works_on_wait_their_turn() {
    let mut b = bench_with(AfuConfig { max_active: 2, cmd_room: 8, ..config() });
    let eas: Vec<u64> = (0..8).map(|n| submit_at(&mut b, 0, n, &rcb(0, 0, &[0]))).collect();
    b.pass(Ticks::micros(50));
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), 2);
    b.pass(Ticks::millis(5));
    assert!(eas.iter().all(|&ea| status(&b, ea) == 0));
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), 8);
}

#[test]
fn big_endian_contexts() {
    let mut b = bench();
    b.store(reg(0, host::ENDIAN_CTRL), ENDIAN_CTRL_BE);
    let mut r = rcb(0, REQ_FLAGS_SUP_UNDERRUN, &[0x12, 0, 0, 0, 36]);
    r.data_len = 64;
    b.host.mem[RCB as usize..][..64].copy_from_slice(&r.bytes(Endian::Big));
    b.store(reg(0, host::IOARRIN), RCB);
    b.pass(Ticks::millis(1));
    assert_eq!(b.host.mem[RCB as usize + 64..][..8], [0, 0, 0, 0, 0, 0, 0, 28], "resid");
    assert_eq!(b.host.mem[RRQ as usize..][..8], (RCB | 1).to_be_bytes());
}

#[test]
fn underrun_is_an_error_unless_suppressed() {
    for (flags, want) in [(REQ_FLAGS_SUP_UNDERRUN, 0), (0, 0x1000_005A)] {
        let mut b = bench();
        let r = Ioarcb { data_len: 64, ..rcb(0, flags, &[0x12, 0, 0, 0, 36]) };
        assert_eq!(run(&mut b, 0, &r), want);
        assert_eq!(b.host.mem[DATA as usize + 8], b'I', "data moves all the same");
    }
    let mut b = bench();
    let r = Ioarcb { data_len: 8, ..rcb(0, 0, &[0x12, 0, 0, 0, 36]) };
    assert_eq!(run(&mut b, 0, &r), 0x2000_005A);
}

#[test]
fn timeouts_end_target_commands() {
    let mut b = bench();
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(9)))));
    let r = Ioarcb { data_len: 4096, timeout: 5, ..rcb(0, 0, &read16(0, 1)) };
    let ea = submit_at(&mut b, 0, 0, &r);
    b.pass(Ticks::millis(4999));
    assert_eq!(status(&b, ea), 0xEEEE_EEEE);
    b.pass(Ticks::millis(10));
    assert_eq!(status(&b, ea), 0x0051_0000);
    b.pass(Ticks::secs(10));
    assert_eq!(slot(&b, 0, 1), 0, "one response");
    // While its data wait for a page, too.
    b.host.absent.insert(DATA >> 12);
    let r = Ioarcb { timeout: 2, ..r };
    let ea = submit_at(&mut b, 0, 1, &r);
    b.pass(Ticks::secs(3));
    assert_eq!(status(&b, ea), 0x0051_0000);
    b.answer(0, FaultAnswer::Retry);
    b.pass(Ticks::secs(1));
    assert_eq!(b.afu.open_commands(), 0);
}

#[test]
fn injected_failures_and_drops() {
    for (effect, want) in [
        (Effect::Fail(0x30), 0x0030_0000),
        (Effect::Fail(0x0000_0800), 0x0000_0800),
        (Effect::Drop, 0xEEEE_EEEE),
    ] {
        let mut b = bench();
        b.inject = Box::new(At("afu-sync", Some(effect)));
        let ea = submit_at(&mut b, 0, 0, &sync(AFU_HW_SYNC, 1, 1));
        b.pass(Ticks::secs(20));
        assert_eq!(status(&b, ea), want);
    }
}
