//! Translation, faults and their answers, interrupts.

use super::*;
use crate::port::PageFault;
use crate::psl::PslError;
use crate::psl::fake::{PATTERN, Told};
use crate::psl::regs::{ERRSTAT_AN, PEHANDLE_AN, TFC_AN};
use fabric::pci::Invalidate;

const A: u64 = 1 << 35;
const AE: u64 = 1 << 33;
const R: u64 = 1 << 32;
const TF: u64 = 1 << 60;
const STORE: u64 = 0x0200_0000;
const NO_PTE: u64 = 0x94;
const PAGE: u64 = 0x10000;

fn user() -> Card {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    c.trace();
    c
}

fn registers(c: &mut Card) -> (u64, u64, u64) {
    (c.read(Area::P2n, PEHANDLE_AN), c.read(Area::P2n, DSISR_AN), c.read(Area::P2n, DAR_AN))
}

#[test]
fn dma_crosses_pages_and_the_cache_spares_walks() {
    let mut c = user();
    c.afu(1, 0x20, 0x3000);
    let at = 3 * PAGE - 0x1800;
    c.afu(1, 0, at);
    assert_eq!(c.last_result(), Some(Ok(())));
    let mut seen = vec![0; 0x3002];
    assert!(c.world.mem.read_bytes(at - 1, &mut seen));
    assert_eq!((seen[0], seen[0x3001]), (0, 0));
    assert!(seen[1..=0x3000].iter().all(|b| *b == PATTERN));
    assert_eq!(c.world.tables.walks, 2);
    c.afu(1, 8, at);
    assert_eq!(c.adapter.afu().loaded, vec![PATTERN; 0x3000]);
    assert_eq!(c.world.tables.walks, 2, "hits");
}

#[test]
fn invalidations() {
    // What is broadcast, and how many of two cached pages survive.
    let rows = [
        (Invalidate::All, 0),
        (Invalidate::Lpid(0), 0),
        (Invalidate::Lpid(1), 2),
        (Invalidate::Pid(5), 0),
        (Invalidate::Pid(6), 2),
        (Invalidate::Page { pid: 5, ea: PAGE + 5, page_shift: 16 }, 1),
        (Invalidate::Page { pid: 5, ea: PAGE + 5, page_shift: 12 }, 1),
        (Invalidate::Page { pid: 5, ea: 0, page_shift: 21 }, 0),
        (Invalidate::Page { pid: 0, ea: PAGE, page_shift: 16 }, 2),
    ];
    for (what, left) in rows {
        let mut c = user();
        c.afu(1, 8, PAGE);
        c.afu(1, 8, 2 * PAGE);
        assert_eq!(c.adapter.psl().translations().len(), 2);
        c.adapter.snoop(what, &mut c.world.cx());
        assert_eq!(c.adapter.psl().translations().len(), left, "{what:?}");
    }
}

#[test]
fn quadrants() {
    let mut c = user();
    c.afu(1, 8, 0x4000_0000_0000_0000);
    assert_eq!(registers(&mut c), (1, TF | 0xB4, 0x4000_0000_0000_0000));
    let mut c = user();
    c.afu(1, 8, 0xC000_0000_0000_1000);
    assert_eq!(c.last_result(), Some(Ok(())), "quadrant 3 is process 0's, here without a privilege bit");
    c.adapter.snoop(Invalidate::Pid(5), &mut c.world.cx());
    assert_eq!(c.adapter.psl().translations().len(), 1);
    c.adapter.snoop(Invalidate::Pid(0), &mut c.world.cx());
    assert!(c.adapter.psl().translations().is_empty());
    c.afu(1, 8, u64::MAX - 3);
    assert_eq!(c.last_result(), Some(Err(DmaError::BadAddress)), "wraps");
    c.afu(1, 8, 0x4000_0000);
    assert_eq!(c.last_result(), Some(Err(DmaError::BadAddress)), "translates to where no memory is");
}

#[test]
fn a_fault_holds_the_registers_until_its_answer() {
    let mut c = user();
    c.world.tables.missing.insert(4);
    c.afu(1, 0x20, 0x2000);
    c.afu(1, 0, 4 * PAGE - 0x1000);
    assert_eq!(c.last_result(), Some(Err(DmaError::Faulted(PageFault::at(4 * PAGE, true)))));
    assert_eq!(c.world.mem.read_be64(4 * PAGE - 0x1000), Some(0), "nothing was transferred");
    let first = (1, TF | STORE | NO_PTE, 4 * PAGE);
    assert_eq!(registers(&mut c), first);
    assert_eq!(c.irqs(), [0x50]);
    c.afu(1, 8, 4 * PAGE + 8);
    assert_eq!(registers(&mut c), first, "the load's fault waits");
    assert!(c.irqs().is_empty());
    c.world.tables.missing.clear();
    c.write(Area::P2n, TFC_AN, R);
    assert_eq!(c.last_result(), Some(Ok(())), "both went through, the second without the driver");
    assert_eq!(registers(&mut c).1, 0);
    assert!(c.irqs().is_empty());
    assert_eq!(c.world.mem.read::<1>(4 * PAGE - 0x1000), Some([PATTERN]));
}

#[test]
fn read_only_pages_fault_as_stores() {
    let mut c = user();
    c.world.tables.read_only.insert(4);
    c.afu(1, 8, 4 * PAGE);
    assert_eq!(c.last_result(), Some(Ok(())));
    c.afu(1, 0, 4 * PAGE);
    assert_eq!(registers(&mut c), (1, TF | STORE | NO_PTE, 4 * PAGE), "cached for loads alone");
    c.write(Area::P2n, TFC_AN, AE);
    assert_eq!(c.adapter.afu().told.last(), Some(&Told::Answered(1, false)));
    assert_eq!(registers(&mut c).1, 0);
}

#[test]
fn faults_of_several_elements_queue() {
    let mut c = user();
    c.add(2, USER_SR, 6);
    c.world.tables.missing.extend([4, 5]);
    c.afu(1, 8, 4 * PAGE);
    c.afu(1, 8, 4 * PAGE + 0x10);
    c.afu(2, 8, 5 * PAGE);
    assert_eq!(c.irqs(), [0x50]);
    c.write(Area::P2n, TFC_AN, AE);
    // Both loads of element 1 need the same page: one fault, one answer.
    assert_eq!(registers(&mut c), (2, TF | NO_PTE, 5 * PAGE));
    c.write(Area::P2n, TFC_AN, AE);
    assert_eq!(registers(&mut c).1, 0);
    assert_eq!(c.irqs(), [0x50]);
    let records = c.trace();
    let answers: Vec<_> = records.iter().filter(|r| r.kind == "tfc").map(|r| r.text("answer")).collect();
    assert_eq!(answers, [Some("AE"); 2]);
}

#[test]
fn terminate_waits_for_the_faults_answer() {
    let mut c = user();
    c.world.tables.missing.insert(4);
    c.afu(1, 8, 4 * PAGE);
    assert_eq!(c.llcmd(1, 1, 0x8000_0001), 0x0001_0000_0000_0001, "held back");
    c.write(Area::P2n, TFC_AN, R);
    assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(0x0001_0001_0000_0001));
    assert_eq!(c.adapter.afu().told.last(), Some(&Told::Answered(1, false)), "no retry after TERMINATE");
    c.afu(1, 8, 0);
    assert_eq!(c.last_result(), Some(Err(DmaError::NoContext)));
    assert_eq!(c.read(Area::P1n, SERR_AN), 0x77, "a terminated element is not an error");
}

#[test]
fn terminate_of_another_element_does_not_wait() {
    let mut c = user();
    c.add(2, USER_SR, 6);
    c.world.tables.missing.extend([4, 5]);
    c.afu(1, 8, 4 * PAGE);
    c.afu(2, 8, 5 * PAGE);
    assert_eq!(c.llcmd(1, 2, 0x8000_0001), 0x0001_0001_0000_0002);
    c.write(Area::P2n, TFC_AN, AE);
    assert_eq!(registers(&mut c).1, 0, "element 2's queued fault went with it");
}

#[test]
fn afu_reset_and_purge_forget_faults() {
    for reset in [false, true] {
        let mut c = user();
        c.world.tables.missing.insert(4);
        c.afu(1, 8, 4 * PAGE);
        c.llcmd(1, 1, 0x8000_0001);
        if reset {
            c.write(Area::P2n, AFU_CNTL_AN, 1 << 56);
        } else {
            c.write(Area::P1n, SCNTL_AN, 4 << 32 | 0x8000);
        }
        c.pass(Ticks::micros(50));
        assert_eq!(registers(&mut c).1, 0);
        assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(0x0001_0001_0000_0001), "{reset}");
    }
}

#[test]
fn psl_and_afu_errors() {
    let mut c = user();
    let cx = &mut c.world.cx();
    assert!(!c.adapter.raise_error(PslError::Psl(0), 1, cx), "the driver would never clear it");
    assert!(!c.adapter.raise_error(PslError::Afu, 2, cx), "not added");
    assert_eq!(c.read(Area::P1, FIR1), 0);
    let cx = &mut c.world.cx();
    assert!(c.adapter.raise_error(PslError::Psl(6), 1, cx));
    assert!(c.adapter.raise_error(PslError::Afu, 1, cx));
    assert_eq!(c.read(Area::P2n, DSISR_AN), 1 << 59);
    assert_eq!(c.read(Area::P2n, ERRSTAT_AN), 6);
    assert_eq!(c.read(Area::P1, FIR1), 1 << 63);
    c.write(Area::P2n, DSISR_AN, 0);
    c.write(Area::P2n, ERRSTAT_AN, 6);
    assert_eq!(c.read(Area::P2n, DSISR_AN), 1 << 58, "the AFU error is next");
    assert_eq!(c.read(Area::P2n, ERRSTAT_AN), 0);
    c.write(Area::P2n, TFC_AN, A);
    assert_eq!(c.read(Area::P2n, DSISR_AN), 0);
    assert_eq!(c.irqs(), [0x50, 0x50]);
    assert!(!c.adapter.raise_error(PslError::Adapter, 0, &mut c.world.cx()), "no interrupt set");
    c.write(Area::P1, ERR_IVTE, 0x70);
    assert!(c.adapter.raise_error(PslError::Adapter, 0, &mut c.world.cx()));
    assert_eq!(c.read(Area::P1, ERR_IVTE), 1 << 32 | 0x70);
    assert_eq!(c.irqs(), [0x70]);
}

#[test]
fn interrupts_walk_the_ranges() {
    // Ranges 1, 3, 0, 2 at 0x50, 0x68, 0x90, 0xA0.
    let rows = [(1, Some(0x68)), (3, Some(0x6A)), (4, Some(0xA0)), (5, Some(0xA1)), (6, None), (0, None)];
    for (lisn, want) in rows {
        let mut c = Card::active();
        c.fill(1, USER_SR, 5);
        c.poke(SPA + 128 + 0x28, 0x0090_00A0_0001_0003);
        c.poke(SPA + 128 + 0x30, 0x0000_0002_0000_0000);
        c.llcmd(5, 1, 0x8000_0000);
        c.afu(1, 0x10, lisn);
        let expected = want.or(Some(0x77));
        assert_eq!(c.irqs(), expected.into_iter().collect::<Vec<u16>>(), "{lisn}");
        let badsrc = c.read(Area::P1n, SERR_AN) >> 60 & 1;
        assert_eq!(badsrc == 1, want.is_none(), "{lisn}");
    }
}

#[test]
fn strangers_get_nothing() {
    let mut c = user();
    c.afu(9, 0x10, 1);
    c.afu(9, 0, 0x1000);
    assert_eq!(c.last_result(), Some(Err(DmaError::NoContext)));
    assert_eq!(c.irqs(), [0x77]);
    assert_eq!(c.read(Area::P1n, SERR_AN), 1 << 59 | 0x77, "badctx");
    assert_eq!(c.world.mem.read_be64(0x1000), Some(0));
}

#[test]
fn dma_needs_every_switch() {
    for (at, size, value) in [(0x04u16, 2, 2u32), (0x24, 4, 0), (config::VSEC_MODE, 1, 0x20)] {
        let mut c = user();
        c.cfg_write(at, size, value);
        c.trace();
        c.afu(1, 0, 0x1000);
        assert_eq!(c.errors(), ["dma-not-enabled"], "{at:#x}");
        assert_eq!(c.world.mem.read_be64(0x1000), Some(0));
    }
}

#[test]
fn registers_in_the_time_after_the_switch() {
    let mut c = Card::new();
    c.cfg_write(config::VSEC_MODE, 1, 0x21);
    c.read(Area::P1, DEBUG);
    assert_eq!(c.errors(), ["access-after-mode-switch"]);
}
