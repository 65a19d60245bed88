//! LUN provisioning (D0) and debug (E0), as `/dev/cxlflash/cxlflashN` sends
//! them, and the record of stale table entries.

use super::super::config::{PROVISION_BLOCK, Provision};
use super::super::debug::{BUFFER, SUBCOMMANDS};
use super::super::provision::Refused;
use super::super::regs::fc;
use super::*;
use crate::flash::LunConfig;

/// Blocks of the units that are there from the start: one on port 0.
const THERE: u64 = 1 << 20;

fn gt_plus() -> AfuConfig {
    let unit = LunConfig { ports: 1, ..LunConfig::new(0, THERE * PROVISION_BLOCK) };
    let base = AfuConfig { attention_after_reset: false, ..AfuConfig::flash_gt_plus() };
    AfuConfig {
        luns: vec![unit],
        provision: Provision { units: 3, blocks: THERE + 1000 },
        // The bench submits through `ioarrin`.
        cmd_mode: CmdMode::Ioarrin,
        ..base
    }
}

fn d0(what: u8, port: u8, size: u64, lun_id: u64) -> Ioarcb {
    let cdb = [&[0xD0, what, port, 0, 0, 0, 0, 0][..], &size.to_be_bytes()].concat();
    Ioarcb { lun_id, ..rcb(0, REQ_FLAGS_AFU_CMD, &cdb) }
}
fn e0(subcommand: u8, offset: u32, len: u32, flags: u16) -> Ioarcb {
    let cdb = [&[0xE0, 0, 0, 0, subcommand, 0, 0, 0][..], &offset.to_be_bytes()].concat();
    Ioarcb { data_len: len, ..rcb(0, REQ_FLAGS_AFU_CMD | REQ_FLAGS_SUP_UNDERRUN | flags, &cdb) }
}
/// Status and `afu_extra` of a refusal; 0 for a command that was done.
fn outcome(b: &mut Bench, r: &Ioarcb) -> (u32, u8) {
    let rc = run(b, 0, r);
    (rc, b.host.mem[RCB as usize + 64 + 9])
}
const REFUSED: u32 = (AFU_RC_REFUSED as u32) << 16;

/// Units and blocks in use, and the most of both, of a port.
fn port_space(b: &mut Bench, port: u64) -> [u64; 4] {
    let page = GLOBAL_BASE + [0x2000, 0x3000, 0x6000, 0x7000][port as usize];
    let at = [fc::FC_CUR_NUM_LUNS, fc::FC_CUR_CAP_PORT, fc::FC_MAX_NUM_LUNS, fc::FC_MAX_CAP_PORT];
    at.map(|register| b.load(page + u64::from(register)))
}

#[test]
fn what_provisioning_refuses() {
    use Refused::*;
    let lun = |n: u64| n << 48;
    for (what, command, why) in [
        ("unknown action", d0(2, 0, 1, 0), What),
        ("no such port", d0(0, 4, 1, 0), Port),
        ("no size", d0(0, 1, 0, 0), Size),
        ("a size beyond numbers", d0(0, 1, u64::MAX, 0), Size),
        ("more than the port has", d0(0, 1, THERE + 1001, 0), Space),
        ("more than the port has left", d0(0, 0, 1001, 0), Space),
        ("no such unit", d0(1, 0, 0, lun(1)), NoUnit),
        ("a unit of another port", d0(1, 1, 0, lun(0)), NoUnit),
        ("no LUN at all", d0(1, 0, 0, u64::MAX), NoUnit),
    ] {
        let mut b = bench_with(gt_plus());
        assert_eq!(outcome(&mut b, &command), (REFUSED, why as u8), "{what}");
        assert_eq!(port_space(&mut b, 0), [1, THERE, 3, THERE + 1000], "{what}");
    }
    let mut corsa = bench();
    assert_eq!(run(&mut corsa, 0, &d0(0, 0, 1, 0)), 0x0021_0000, "an image without provisioning");
    assert_eq!(run(&mut corsa, 0, &e0(0, 0, 0, 0)), 0x0021_0000, "an image without debug");
    assert_eq!(port_space(&mut corsa, 0), [0; 4]);
    let mut b = bench_with(gt_plus());
    assert_eq!(run(&mut b, 1, &Ioarcb { ctx_id: 1, ..d0(0, 1, 1, 0) }), 0x0021_0000, "not for users");
}

#[test]
fn units_come_and_go() {
    let mut b = bench_with(gt_plus());
    let mut names = vec![];
    for n in 1..3u64 {
        assert_eq!(outcome(&mut b, &d0(0, 0, 500, 0)), (0, 0));
        let sa = b.host.mem[RCB as usize + 64..][..32].to_vec();
        // lunid_hi, lunid_lo and the name (sisl_ioasa); numbers are the context's.
        let half = |at: usize| u64::from(Endian::Little.get(&sa[at..at + 4]) as u32);
        assert_eq!(half(4) << 32 | half(0x0C), n << 48);
        assert_eq!(sa[0x10] >> 4, 6, "NAA 6");
        names.push(sa[0x10..].to_vec());
        assert_eq!(port_space(&mut b, 0), [n + 1, THERE + 500 * n, 3, THERE + 1000]);
    }
    assert_eq!(outcome(&mut b, &d0(0, 0, 1, 0)), (REFUSED, Refused::Units as u8));
    assert_eq!(port_space(&mut b, 1), [0, 0, 3, THERE + 1000], "other ports");
    // Whoever uses a unit of that port hears of it, once.
    let tur = Ioarcb { res_hndl: 1, ..rcb(0, 0, &[0]) };
    assert_eq!((run(&mut b, 0, &tur), run(&mut b, 0, &tur)), (0x8000_0200, 0));
    assert_eq!(outcome(&mut b, &d0(1, 0, 0, 1 << 48)), (0, 0));
    assert_eq!(port_space(&mut b, 0), [2, THERE + 500, 3, THERE + 1000]);
    assert_eq!(outcome(&mut b, &d0(0, 0, 100, 0)), (0, 0), "the LUN is free again");
    let sa = &b.host.mem[RCB as usize + 64..];
    assert_eq!((sa[6], sa[7]), (1, 0), "LUN 1");
    assert!(!names.contains(&sa[0x10..0x20].to_vec()), "a name is given once");
    let seen: Vec<_> = records(&mut b, "lun-provisioned").iter().map(|r| r.u64("blocks")).collect();
    assert_eq!(seen, [Some(500), Some(500), Some(0), Some(100)]);
}

#[test]
fn a_deleted_unit_ends_its_commands_and_keeps_nothing() {
    let mut b = bench_with(gt_plus());
    let write = Ioarcb { data_len: 4096, ..rcb(0, REQ_FLAGS_HOST_WRITE, &write16(0, 1)) };
    b.host.mem[DATA as usize..][..4096].fill(7);
    assert_eq!(run(&mut b, 0, &write), 0);
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(1)))));
    let read = Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    let ea = submit_at(&mut b, 0, 1, &read);
    b.pass(Ticks::millis(1));
    assert_eq!(outcome(&mut b, &d0(1, 0, 0, 0)), (0, 0));
    assert_eq!(status(&b, ea), 0x8000_0200, "logical unit not supported");
    assert_eq!(outcome(&mut b, &d0(0, 0, 8, 0)), (0, 0));
    assert_eq!(run(&mut b, 0, &Ioarcb { res_hndl: 1, ..read.clone() }), 0);
    assert!(b.host.mem[DATA as usize..][..4096].iter().all(|&byte| byte == 0), "a new unit is empty");
}

#[test]
fn debug_subcommands() {
    const UNKNOWN: u8 = 0x7F;
    assert!(SUBCOMMANDS.iter().all(|s| s.code != UNKNOWN && !s.doc.is_empty()));
    let write = REQ_FLAGS_HOST_WRITE;
    let refused = |why: Refused| (REFUSED, why as u8);
    for (what, command, want) in [
        ("nothing", e0(0, 0, 0, 0), (0, 0)),
        ("nothing, with a buffer", e0(0, 0, 64, 0), (0, 0)),
        ("identify", e0(1, 0, 64, 0), (0, 0)),
        ("identify, written", e0(1, 0, 64, write), (0x0062_0058, 0)),
        ("health", e0(2, 0, 4096, 0), (0, 0)),
        ("whole buffer", e0(16, 0, 4096, write), (0, 0)),
        ("end of the buffer", e0(16, BUFFER as u32 - 16, 16, write), (0, 0)),
        ("beyond the buffer", e0(16, BUFFER as u32 - 15, 16, write), refused(Refused::Length)),
        ("offset beyond numbers", e0(16, u32::MAX, 16, 0), refused(Refused::Length)),
        ("more than the driver sends", e0(16, 0, BUFFER as u32 + 1, 0), refused(Refused::Length)),
        ("unknown", e0(UNKNOWN, 0, 0, 0), refused(Refused::What)),
    ] {
        let mut b = bench_with(gt_plus());
        let (rc, extra) = outcome(&mut b, &command);
        assert_eq!((rc, if rc == 0 { 0 } else { extra }), want, "{what}");
    }
    let mut b = bench_with(gt_plus());
    assert_eq!(run(&mut b, 0, &e0(1, 0, 32, 0)), 0);
    let words: Vec<u64> = b.host.mem[DATA as usize..][..32].chunks(8).map(|w| Endian::Big.get(w)).collect();
    assert_eq!(words, [u64::from_be_bytes(*b"180413P1"), gt_plus().interface_version, 4, 1]);
    for (n, byte) in (0u8..).zip(&mut b.host.mem[DATA as usize..][..200]) {
        *byte = n;
    }
    assert_eq!(run(&mut b, 0, &e0(16, 1000, 200, write)), 0);
    b.host.mem[DATA as usize..][..300].fill(0xAA);
    assert_eq!(run(&mut b, 0, &e0(16, 1100, 200, 0)), 0);
    let back = &b.host.mem[DATA as usize..][..300];
    assert!(back[..100].iter().zip(100..).all(|(a, n)| *a == n), "what was written");
    assert!(back[100..200].iter().all(|a| *a == 0) && back[200] == 0xAA, "zeros behind it");
    b.with(|afu, bus| afu.reset(bus));
    assert!(b.afu.debug.is_empty());
}

#[test]
fn debug_sets_temperature_and_wear() {
    let set = |degrees, used, which, unit| {
        let mut r = e0(3, unit, 0, 0);
        r.cdb[5..8].copy_from_slice(&[degrees, used, which]);
        r
    };
    let health = |b: &mut Bench| {
        assert_eq!(run(b, 0, &e0(2, 0, 24, 0)), 0);
        b.host.mem[DATA as usize..][4..8].to_vec()
    };
    let mut b = bench_with(gt_plus());
    assert_eq!(health(&mut b), [0, 38, 0, 0]);
    for (command, want) in [
        (set(85, 7, 1, 0), [0, 85, 0, 0]),
        (set(10, 90, 2, 0), [0, 85, 0, 90]),
        (set(20, 3, 3, 0), [0, 20, 0, 3]),
    ] {
        assert_eq!(outcome(&mut b, &command).0, 0);
        assert_eq!(health(&mut b), want);
    }
    for refused in [set(1, 1, 0, 0), set(1, 1, 4, 0), set(1, 1, 1, 1), set(1, 1, 1, u32::MAX)] {
        assert_eq!(outcome(&mut b, &refused), (REFUSED, Refused::What as u8));
    }
    assert_eq!(health(&mut b), [0, 20, 0, 3], "what is refused changes nothing");
    b.with(|afu, bus| afu.reset(bus));
    assert_eq!(b.afu.target_mut().luns()[0].temperature(), 20, "a drive keeps it over a reset of the AFU");
}

#[test]
fn debug_data_may_fault() {
    let mut b = bench_with(gt_plus());
    b.host.mem[DATA as usize..][..8192].fill(9);
    b.host.absent.insert((DATA + 4096) >> 12);
    let ea = submit_at(&mut b, 0, 0, &e0(16, 0, 8192, REQ_FLAGS_HOST_WRITE));
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, ea), 0xEEEE_EEEE);
    b.host.absent.clear();
    b.answer(0, FaultAnswer::Retry);
    b.pass(Ticks::millis(1));
    assert_eq!((status(&b, ea), b.afu.debug.len()), (0, 8192));
    assert!(b.afu.debug.iter().all(|byte| *byte == 9));
}

#[test]
fn stale_entries_are_recorded_until_the_sync() {
    let io = || Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
    for (cache, table, uses) in [
        (TableCache::Strict, "lxt", 2),
        (TableCache::Strict, "rht", 2),
        (TableCache::None, "lxt", 0),
        (TableCache::None, "rht", 0),
    ] {
        let mut b = bench_with(AfuConfig { cache, ..config() });
        rht_f0(&mut b, 1, LXT, 1, 3);
        lxt(&mut b, 0, 1, 3, 3);
        for _ in 0..2 {
            assert_eq!(run(&mut b, 1, &io()), 0);
        }
        assert!(records(&mut b, "stale-table").is_empty(), "nothing has changed");
        if table == "lxt" {
            lxt(&mut b, 0, 2, 3, 3);
        } else {
            rht_f0(&mut b, 1, LXT + 64, 1, 3);
            lxt(&mut b, 8, 2, 3, 3);
        }
        for _ in 0..2 {
            assert_eq!(run(&mut b, 1, &io()), 0);
        }
        let seen = records(&mut b, "stale-table");
        assert_eq!(seen.len(), uses, "{cache:?} {table}");
        let from = if table == "lxt" { LXT } else { RHT + 16 };
        assert!(seen.iter().all(|r| r.u64("ea") == Some(from) && r.u64("ctx") == Some(1)));
        assert_eq!(run(&mut b, 0, &sync(AFU_LW_SYNC, 1, 1)), 0);
        assert_eq!(run(&mut b, 1, &io()), 0);
        assert!(records(&mut b, "stale-table").is_empty(), "the sync told it");
    }
}
