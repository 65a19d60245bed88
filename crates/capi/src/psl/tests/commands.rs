//! The driver's initialisation order, AFU control, purge, linked list
//! commands, resets.

use super::*;
use crate::psl::element::malformed;
use crate::psl::fake::Told;
use fabric::{Effect, ResetKind, state_hash};

const ADDED: u64 = 0x0005_0005_0000_0000;
const TERMINATED: u64 = 0x0001_0001_0000_0000;
const REMOVED: u64 = 0x0002_0002_0000_0000;

/// Named numbers of the newest record of a kind.
fn last(records: &[Record], kind: &str, names: &[&str]) -> Vec<u64> {
    let record = records.iter().rev().find(|r| r.kind == kind).expect(kind);
    names.iter().map(|n| record.u64(n).unwrap_or_else(|| panic!("{kind} has no {n}"))).collect()
}

#[test]
fn initialisation_as_cxl_does_it() {
    let mut c = Card::configured();
    c.write(Area::P1, ERR_IVTE, 1 << 32);
    let sets: &[(u16, u64)] = &[
        (0x168, 0x02C0_0048_0003_0C00),
        (0x348, 0x2200_0000_0000_0001),
        (0x350, 0x0001_0010_0001_2A10),
        (0x140, 0x51F8_0000_0000_0005),
        (0x110, 0x0000_0400_07FF_C200),
        (0x378, 0x800F_0002_0000_0000),
        (DEBUG, 0xC000_0000_0000_0000),
    ];
    for &(at, value) in sets {
        c.write(Area::P1, at, value);
    }
    assert_ne!(c.read(Area::P1, DEBUG) & 1 << 36, 0, "no data cache");
    c.write(Area::P1, ERR_IVTE, 0x70);
    // Quiet values before the first AFU reset.
    let quiet = [
        (Area::P2n, AFU_CNTL_AN, 0),
        (Area::P2n, DSISR_AN, 0),
        (Area::P1n, SERR_AN, 0x7F80_0000),
        (Area::P2n, super::super::regs::ERRSTAT_AN, 0),
    ];
    for (area, at, want) in quiet {
        assert_eq!(c.read(area, at), want, "{at:#x}");
    }
    c.write(Area::P1n, SERR_AN, 0x7F80_0000);
    c.write(Area::P2n, AFU_CNTL_AN, 1 << 56);
    assert_eq!(c.read(Area::P2n, AFU_CNTL_AN) >> 58 & 3, 1, "pending");
    c.pass(Ticks::micros(30));
    assert_eq!(c.read(Area::P2n, AFU_CNTL_AN), 2 << 58);
    c.write(Area::P1n, SERR_AN, 0);
    c.write(Area::P1n, SERR_AN, 0x71);
    c.write(Area::P1n, SPAP_AN, SPA | 0x1F1);
    c.write(Area::P1n, SCNTL_AN, 4 << 32);
    c.write(Area::P1n, 0x20, 3 << 32);
    c.write(Area::P2n, AFU_CNTL_AN, 2 << 58 | 1 << 60);
    c.pass(Ticks::micros(5));
    assert_eq!(c.read(Area::P2n, AFU_CNTL_AN) >> 61, 4);
    assert_eq!(c.errors(), [""; 0]);
    assert_eq!(c.adapter.afu().told, [Told::Reset, Told::Enabled(true)]);
    assert!(c.irqs().is_empty());
}

#[test]
fn afu_control() {
    const E: u64 = 1 << 60;
    const RA: u64 = 1 << 56;
    // Stores, and ES, RS, E, RA once they are through.
    let rows: &[(&[u64], u64)] = &[
        (&[E], 4 << 61 | E),
        (&[E, 0], 0),
        (&[RA], 2 << 58),
        (&[RA | E], 2 << 58),
        (&[E, 4 << 61 | E | RA], 2 << 58),
        (&[E, E | RA, E], 4 << 61 | E | 2 << 58),
        (&[RA, 0], 2 << 58),
        (&[RA, RA], 2 << 58),
        (&[0], 0),
    ];
    for (stores, want) in rows {
        let mut c = Card::configured();
        for value in *stores {
            c.write(Area::P2n, AFU_CNTL_AN, *value);
            c.pass(Ticks::micros(50));
        }
        assert_eq!(c.read(Area::P2n, AFU_CNTL_AN), *want, "{stores:x?}");
    }
}

#[test]
fn reset_leaves_complete_before_the_next_poll() {
    let mut c = Card::configured();
    c.write(Area::P2n, AFU_CNTL_AN, 1 << 56);
    c.pass(Ticks::micros(50));
    c.write(Area::P2n, AFU_CNTL_AN, 2 << 58 | 1 << 56);
    assert_eq!(c.read(Area::P2n, AFU_CNTL_AN) >> 58 & 3, 1);
    c.write(Area::P2n, AFU_CNTL_AN, 1 << 60);
    c.pass(Ticks::micros(50));
    assert_eq!(c.read(Area::P2n, AFU_CNTL_AN), 2 << 58, "E during a reset is ignored");
}

#[test]
fn problem_state_needs_an_enabled_afu() {
    let mut c = Card::configured();
    c.write(Area::P1n, SERR_AN, 0x77);
    assert_eq!(c.load(0, PSA + 8), u64::MAX);
    c.store(0, PSA, 1);
    assert_eq!(c.read(Area::P1n, SERR_AN), 1 << 62 | 0x77, "afudis");
    assert_eq!(c.irqs(), [0x77], "once");
    c.write(Area::P1n, SERR_AN, 1 << 62 | 1 << 30 | 0x77);
    assert_eq!(c.read(Area::P1n, SERR_AN), 1 << 30 | 0x77);
    c.load(0, PSA);
    assert!(c.irqs().is_empty(), "masked");
    let mut c = Card::active();
    assert_eq!(c.load(0, PSA + 0x18), 0x18);
    let mut data = [0; 16];
    c.adapter.mmio_read(0, PSA + 0x20, &mut data, &mut c.world.cx());
    assert_eq!(data[7..], [0x20, 0, 0, 0, 0, 0, 0, 0, 0x28], "two loads of 8");
    for (at, size) in [(0x21, 4), (0x20, 2), (0x24, 8), (0x20, 3), (0x20, 1)] {
        c.adapter.mmio_read(0, PSA + at, &mut data[..size], &mut c.world.cx());
        assert!(data[..size].iter().all(|b| *b == 0xFF), "{at:#x} {size}");
        c.adapter.mmio_write(0, PSA + at, &data[..size], &mut c.world.cx());
    }
    assert!(c.adapter.afu().results.is_empty());
}

#[test]
fn add_terminate_remove() {
    let mut c = Card::active();
    c.fill(3, USER_SR, 7);
    c.state(3, 0x8000_0000);
    c.poke(SPA_STATUS, 0x0005_0000_0000_0003);
    c.write(Area::P1n, LLCMD_AN, 0x0005_0000_0000_0003);
    assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(0x0005_0000_0000_0003), "not at once");
    c.pass(Ticks::micros(2));
    assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(ADDED | 3));
    assert!(c.adapter.psl().is_running(3));
    let space = c.adapter.space_of(3).expect("added");
    assert_eq!((space.lpid, space.pid, space.problem_state), (0, 7, true));
    assert_eq!(c.errors(), [""; 0]);
    c.afu(3, 0x18, 3);
    assert_eq!(c.llcmd(1, 3, 0x8000_0001), TERMINATED | 3);
    let records = c.trace();
    let names =
        ["pe", "word", "state", "prev_pending", "ctx_cap", "rht_start", "rht_cnt_id", "enabled", "added"];
    let want = [3, 0x0001_0000_0000_0003, 0x8000_0001, 0, 3, 1, 2, 1, 1];
    assert_eq!(last(&records, "llcmd", &names), want);
    assert_eq!(last(&records, "llcmd-done", &["pe", "status"]), [3, TERMINATED | 3]);
    assert!(c.adapter.psl().is_added(3) && !c.adapter.psl().is_running(3));
    assert_eq!(c.llcmd(2, 3, 0), REMOVED | 3);
    assert!(!c.adapter.psl().is_added(3));
    assert_eq!(c.errors(), [""; 0]);
    let told = [Told::Enabled(true), Told::Added(3), Told::Terminated(3), Told::Removed(3)];
    assert_eq!(c.adapter.afu().told, told);
}

#[test]
fn what_a_command_may_get_wrong() {
    // Command, element, software_state, status, protocol errors. Element 1 is added.
    let rows: &[(u64, u16, u32, u64, &[&str])] = &[
        (5, 2, 0x8000_0000, ADDED | 2, &[]),
        (5, 2, 0x8000_0001, ADDED | 2, &["add-state"]),
        (5, 1, 0x8000_0000, u64::MAX, &["add-twice"]),
        (5, 512, 0x8000_0000, u64::MAX, &["llcmd-link-range"]),
        (5, 3, 0x8000_0000, ADDED | 3, &["add-malformed"]),
        (1, 1, 0x8000_0000, TERMINATED | 1, &["terminate-state"]),
        (1, 2, 0x8000_0001, TERMINATED | 2, &["terminate-not-added"]),
        (2, 2, 0, REMOVED | 2, &[]),
        (2, 1, 0, REMOVED | 1, &["remove-before-terminate"]),
        (2, 2, 1, REMOVED | 2, &["remove-state"]),
        (3, 1, 0x8000_0002, 0x0003_0003_0000_0001, &[]),
        (3, 1, 0x8000_0000, 0x0003_0003_0000_0001, &["suspend-state"]),
        (3, 2, 0x8000_0002, u64::MAX, &["suspend-not-added"]),
        (4, 1, 0x8000_0000, 0x0004_0004_0000_0001, &[]),
        (4, 1, 0x8000_0002, 0x0004_0004_0000_0001, &["resume-state"]),
        (4, 2, 0x8000_0000, u64::MAX, &["suspend-not-added"]),
        (6, 1, 0x8000_0000, 0x0006_0006_0000_0001, &[]),
        (9, 1, 0x8000_0000, u64::MAX, &["llcmd-code"]),
    ];
    for &(code, pe, state, status, errors) in rows {
        let mut c = Card::active();
        c.add(1, USER_SR, 5);
        c.fill(2, USER_SR, 6);
        c.fill(512, USER_SR, 6);
        c.trace();
        assert_eq!(c.llcmd(code, pe, state), status, "{code} of {pe}");
        assert_eq!(c.errors(), errors, "{code} of {pe}");
    }
}

#[test]
fn add_with_the_afu_disabled() {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    c.write(Area::P2n, AFU_CNTL_AN, 1 << 56);
    c.pass(Ticks::micros(50));
    c.fill(2, USER_SR, 5);
    c.trace();
    assert_eq!(c.llcmd(5, 2, 0x8000_0000), u64::MAX);
    assert_eq!(c.errors(), ["add-while-disabled"]);
    assert_eq!(c.read(Area::P1n, SERR_AN), 1 << 58 | 0x77, "llcmdis");
    assert_eq!(c.irqs(), [0x77]);
    // The element outlives the AFU reset and goes in the usual way.
    assert!(c.adapter.psl().is_added(1));
    assert_eq!(c.llcmd(1, 1, 0x8000_0001), TERMINATED | 1);
    assert_eq!(c.llcmd(2, 1, 0), REMOVED | 1);
    assert_eq!(c.errors(), [""; 0]);
}

#[test]
fn malformed_elements() {
    let element = SPA + 256;
    // Where to poke 4 bytes, the value, the bit.
    let rows: &[(u64, u32, u64)] = &[
        (0x2C, 0x0002_0003, malformed::RANGE0_NOT_ONE),
        (0x24, 0x0000_0070, malformed::PSL_IVTE_ZERO | malformed::PSL_IVTE_DIFFERS),
        (0x20, 1, malformed::RESERVED_NOT_ZERO),
        (0x1C, 1, malformed::RESERVED_NOT_ZERO),
        (0x44, 1, malformed::RESERVED_NOT_ZERO),
        (0x3C, 0, malformed::PROBLEM_STATE_AND_PID),
        (0x00, 0x9000_0000, malformed::NOT_RADIX),
        (0x00, 0x8600_0000, malformed::NOT_HYPERVISOR),
        (0x34, 1, malformed::LPID_NOT_ZERO),
        (0x24, 0x0051_0070, malformed::PSL_IVTE_DIFFERS),
        (0x24, 0x0050_006A, malformed::IVTE_SHARED),
        (0x24, 0x0050_0066, malformed::IVTE_SHARED),
        (0x24, 0x0050_0076, malformed::IVTE_SHARED),
        (0x24, 0x0050_004E, malformed::IVTE_SHARED),
        (0x78, 1, 0),
    ];
    for &(at, value, bit) in rows {
        let mut c = Card::active();
        c.add(1, USER_SR, 5);
        c.fill(2, USER_SR, 5);
        let _ = c.world.mem.write_be32(element + at, value);
        c.llcmd(5, 2, 0x8000_0000);
        assert_eq!(last(&c.trace(), "llcmd", &["malformed"]), [bit], "{at:#x} = {value:#x}");
    }
}

#[test]
fn an_element_that_changes_is_seen() {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    c.poke(SPA + 128 + 0x68, 1);
    assert_eq!(c.llcmd(1, 1, 0x8000_0001), TERMINATED | 1);
    assert_eq!(c.errors(), ["element-changed"]);
}

#[test]
fn commands_without_a_process_area_are_lost() {
    for spap in [0, SPA | 0x1F0, 0x0FFF_FFFF_FFFF_F001, u64::MAX] {
        let mut c = Card::active();
        c.write(Area::P1n, SPAP_AN, spap);
        c.trace();
        c.write(Area::P1n, LLCMD_AN, 0x0005_0000_0000_0001);
        c.pass(Ticks::micros(5));
        assert_eq!(c.adapter.psl().added().count(), 0, "{spap:#x}");
        assert!(!c.errors().is_empty());
    }
}

#[test]
fn an_overtaken_command_is_abandoned() {
    let mut c = Card::active();
    c.fill(1, USER_SR, 5);
    c.fill(2, USER_SR, 6);
    c.state(1, 0x8000_0000);
    c.poke(SPA_STATUS, 0x0005_0000_0000_0001);
    c.write(Area::P1n, LLCMD_AN, 0x0005_0000_0000_0001);
    assert_eq!(c.llcmd(5, 2, 0x8000_0000), ADDED | 2);
    assert_eq!(c.errors(), ["llcmd-while-pending"]);
    assert_eq!(c.adapter.psl().added().collect::<Vec<_>>(), [2]);
}

#[test]
fn injected_effects_on_commands() {
    #[rustfmt::skip]
    let rows = [
        (Effect::Hold(Ticks::millis(1)), 0x0005_0000_0000_0001, ADDED | 1),
        (Effect::Drop, 0x0005_0000_0000_0001, 0x0005_0000_0000_0001),
        (Effect::Fail(0), u64::MAX, u64::MAX),
    ];
    for (effect, early, late) in rows {
        let mut c = Card::active();
        c.fill(1, USER_SR, 5);
        c.world.injector.0 = Some(("llcmd", "add", effect));
        assert_eq!(c.llcmd(5, 1, 0x8000_0000), early, "{effect:?}");
        c.pass(Ticks::millis(2));
        assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(late), "{effect:?}");
    }
}

#[test]
fn purge_ends_and_its_status_goes_with_it() {
    let mut c = Card::active();
    c.write(Area::P1n, SCNTL_AN, 4 << 32 | 0x8000);
    assert_eq!(c.read(Area::P1n, SCNTL_AN), 4 << 32 | 0x8000 | 0x100_0000);
    c.pass(Ticks::micros(5));
    assert_eq!(c.read(Area::P1n, SCNTL_AN), 4 << 32 | 0x8000 | 0x300_0000);
    c.write(Area::P1n, SCNTL_AN, 4 << 32 | 0x300_0000);
    assert_eq!(c.read(Area::P1n, SCNTL_AN), 4 << 32);
}

#[test]
fn a_bus_reset_is_a_power_on() {
    for kind in [ResetKind::Hot, ResetKind::Fundamental] {
        let mut c = Card::active();
        c.add(0, KERNEL_SR, 0);
        c.write(Area::P1n, LLCMD_AN, 0x0001_0000_0000_0000);
        c.cfg_write(0x4A, 2, 4);
        c.adapter.reset(kind, &mut c.world.cx());
        assert!(c.world.agenda.is_empty(), "no event survives");
        let mut fresh = Card::new();
        // What the AFU does at a reset is its own matter.
        fresh.adapter.afu_mut().told = c.adapter.afu().told.clone();
        assert_eq!(state_hash(&c.adapter), state_hash(&fresh.adapter));
    }
}

#[test]
fn a_blocked_card_does_not_touch_memory() {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    c.fill(2, USER_SR, 6);
    c.state(2, 0x8000_0000);
    c.poke(SPA_STATUS, 0x0005_0000_0000_0002);
    c.write(Area::P1n, LLCMD_AN, 0x0005_0000_0000_0002);
    c.adapter.set_dma_blocked(true, &mut c.world.cx());
    c.afu(1, 0, 0x1000);
    c.pass(Ticks::micros(5));
    assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(0x0005_0000_0000_0002));
    assert_eq!(c.last_result(), Some(Err(DmaError::NoContext)));
}
