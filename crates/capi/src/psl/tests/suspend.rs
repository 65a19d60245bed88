//! Suspension of an element and of the slice.

use super::*;
use crate::psl::fake::{PATTERN, Told};
use crate::psl::regs::TFC_AN;

const SUSPENDED: u64 = 0x0003_0003_0000_0000;
const RESUMED: u64 = 0x0004_0004_0000_0000;
const PM: u64 = 4 << 32;
const SC: u64 = 1;
const PAGE: u64 = 0x10000;

fn two() -> Card {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    c.add(2, USER_SR, 6);
    c.trace();
    c
}
fn suspend(c: &mut Card) {
    assert_eq!(c.llcmd(3, 1, 0x8000_0002), SUSPENDED | 1);
}
fn resume(c: &mut Card) {
    assert_eq!(c.llcmd(4, 1, 0x8000_0000), RESUMED | 1);
}
fn memory(c: &Card, at: u64) -> Option<u64> {
    c.world.mem.read_be64(at)
}
const WRITTEN: Option<u64> = Some(u64::from_be_bytes([PATTERN; 8]));

#[test]
fn what_a_suspended_element_asks_for_happens_when_it_goes_on() {
    let mut c = two();
    suspend(&mut c);
    c.afu(1, 0, PAGE);
    c.afu(1, 0, 3 * PAGE);
    c.afu(1, 0x10, 2);
    c.afu(1, 0x10, 2);
    assert!(matches!(c.last_result(), Some(Err(DmaError::Held(_)))));
    assert_eq!((memory(&c, PAGE), memory(&c, 3 * PAGE)), (Some(0), Some(0)));
    assert!(c.irqs().is_empty());
    c.afu(2, 0, 2 * PAGE);
    assert_eq!(memory(&c, 2 * PAGE), WRITTEN, "nobody else waits");
    assert_eq!(c.read(Area::P1n, SERR_AN), 0x77, "no error");
    resume(&mut c);
    assert_eq!((memory(&c, PAGE), memory(&c, 3 * PAGE)), (WRITTEN, WRITTEN));
    assert_eq!(c.irqs(), [0x60 + 8 + 1], "one edge");
    c.afu(1, 0, 4 * PAGE);
    assert_eq!(memory(&c, 4 * PAGE), WRITTEN, "it goes on");
}

#[test]
fn a_missing_page_is_found_after_the_suspension() {
    let mut c = two();
    suspend(&mut c);
    c.world.tables.missing.insert(4);
    c.afu(1, 0, 4 * PAGE);
    assert!(c.irqs().is_empty(), "no fault meanwhile");
    resume(&mut c);
    assert_eq!(c.irqs(), [0x50]);
    c.world.tables.missing.clear();
    c.write(Area::P2n, TFC_AN, 1 << 32);
    assert_eq!(memory(&c, 4 * PAGE), WRITTEN);
}

#[test]
fn a_suspension_waits_for_the_faults_answer() {
    let mut c = two();
    c.world.tables.missing.insert(4);
    c.afu(1, 0, 4 * PAGE);
    assert_eq!(c.llcmd(3, 1, 0x8000_0002), 0x0003_0000_0000_0001, "held back");
    c.world.tables.missing.clear();
    c.write(Area::P2n, TFC_AN, 1 << 32);
    assert_eq!(memory(&c, SPA_STATUS), Some(SUSPENDED | 1));
    assert_eq!(memory(&c, 4 * PAGE), Some(0), "a new transaction");
    resume(&mut c);
    assert_eq!(memory(&c, 4 * PAGE), WRITTEN);
}

#[test]
fn what_is_held_goes_with_the_element() {
    // TERMINATE, AFU reset, purge; what the AFU is told.
    let ends: [(&str, Option<Told>); 3] = [
        ("terminate", Some(Told::Terminated(1))),
        ("reset", Some(Told::Reset)),
        ("purge", Some(Told::Answered(1, false))),
    ];
    for (end, told) in ends {
        let mut c = two();
        suspend(&mut c);
        c.afu(1, 0, PAGE);
        c.afu(1, 0x10, 2);
        match end {
            "terminate" => assert_eq!(c.llcmd(1, 1, 0x8000_0001), 0x0001_0001_0000_0001),
            "reset" => c.write(Area::P2n, AFU_CNTL_AN, 1 << 56),
            _ => c.write(Area::P1n, SCNTL_AN, PM | 0x8000),
        }
        c.pass(Ticks::micros(50));
        assert_eq!(c.adapter.afu().told.last().copied(), told, "{end}");
        if end != "terminate" {
            resume(&mut c);
        }
        assert_eq!(memory(&c, PAGE), Some(0), "{end}");
        assert!(c.irqs().is_empty(), "{end}");
    }
}

#[test]
fn the_slice_is_suspended_as_a_whole() {
    let mut c = two();
    c.write(Area::P1n, SCNTL_AN, PM | SC);
    assert_eq!(c.read(Area::P1n, SCNTL_AN), PM | SC | 0x100, "pending");
    c.pass(Ticks::micros(3));
    assert_eq!(c.read(Area::P1n, SCNTL_AN), PM | SC | 0x300, "suspended");
    c.write(Area::P1n, SCNTL_AN, PM | SC);
    assert_eq!(c.read(Area::P1n, SCNTL_AN), PM | SC | 0x300, "still");
    c.afu(1, 0, PAGE);
    c.afu(2, 0, 2 * PAGE);
    suspend(&mut c);
    c.trace();
    c.write(Area::P1n, SCNTL_AN, PM);
    let released: Vec<_> = c.trace().iter().filter(|r| r.kind == "released").map(|r| r.u64("pe")).collect();
    assert_eq!(released, [Some(2)]);
    assert_eq!(c.read(Area::P1n, SCNTL_AN), PM);
    assert_eq!((memory(&c, PAGE), memory(&c, 2 * PAGE)), (Some(0), WRITTEN), "element 1 has its own");
    c.write(Area::P1n, SCNTL_AN, PM | SC);
    resume(&mut c);
    assert_eq!(memory(&c, PAGE), Some(0), "now the slice holds it");
    c.write(Area::P1n, SCNTL_AN, PM);
    assert_eq!(memory(&c, PAGE), WRITTEN);
    c.pass(Ticks::micros(5));
    assert_eq!(c.read(Area::P1n, SCNTL_AN), PM, "no event is left");
}

#[test]
fn a_terminated_element_does_not_come_back_with_the_slice() {
    let mut c = two();
    c.write(Area::P1n, SCNTL_AN, PM | SC);
    c.afu(1, 0, PAGE);
    c.afu(1, 0x10, 2);
    assert_eq!(c.llcmd(1, 1, 0x8000_0001), 0x0001_0001_0000_0001);
    c.trace();
    c.write(Area::P1n, SCNTL_AN, PM);
    assert_eq!(c.adapter.afu().told.last(), Some(&Told::Terminated(1)));
    assert_eq!(c.errors(), [""; 0]);
    assert_eq!((memory(&c, PAGE), c.irqs().is_empty()), (Some(0), true));
}

#[test]
fn a_suspension_is_saved_and_hashed() {
    let mut c = two();
    suspend(&mut c);
    let before = fabric::state_hash(&c.adapter);
    c.afu(1, 0x10, 2);
    assert_ne!(fabric::state_hash(&c.adapter), before);
    let saved = c.adapter.saved();
    c.adapter = Adapter::from_saved(&saved).expect("just saved");
    assert_eq!(c.adapter.saved(), saved);
    resume(&mut c);
    assert_eq!(c.irqs(), [0x60 + 8 + 1]);
}
