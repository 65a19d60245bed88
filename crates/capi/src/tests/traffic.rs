//! Commands, faults on the way, interrupts.

use super::*;
use fabric::pci::Invalidate;

#[test]
fn a_user_reads_what_it_wrote() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.irqs();
    rig.fill(DATA + STRIDE, 3 * 4096, 0x5A);
    let ea = rig.submit(1, 0, &user_io(1, true, 7, 3));
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(ea), rig.irqs()), (0, vec![0x69]), "LISN 2 of element 1");
    rig.fill(DATA + STRIDE, 3 * 4096, 0);
    let ea = rig.submit(1, 1, &user_io(1, false, 7, 3));
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(ea), rig.byte(DATA + STRIDE + 3 * 4096 - 1)), (0, 0x5A));
}

#[test]
fn every_page_of_a_command_may_be_missing() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.irqs();
    // Of the user but for the handle table, which is the master's.
    let places = [(RCB, 1), (RHT, 0), (DATA, 1), (RRQ, 1)];
    rig.world.tables.missing.extend(places.map(|(at, _)| (at + STRIDE) >> 16));
    rig.adapter.snoop(Invalidate::All, &mut rig.world.cx());
    let ea = rig.submit(1, 0, &user_io(1, false, 0, 1));
    for (at, pe) in places {
        rig.pass(Ticks::millis(5));
        assert!(rig.fault_is_shown(), "{at:#x}");
        assert_eq!(rig.load(0, crate::psl::regs::PEHANDLE_AN.into()), pe, "{at:#x}");
        assert_eq!(rig.load(0, crate::psl::regs::DAR_AN.into()) >> 16, (at + STRIDE) >> 16);
        assert_eq!(rig.irqs(), [0x50]);
        rig.world.tables.missing.remove(&((at + STRIDE) >> 16));
        rig.tfc(R);
    }
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(ea), rig.irqs(), rig.fault_is_shown()), (0, vec![0x69], false));
}

#[test]
fn an_address_error_ends_the_command_and_no_other() {
    let mut rig = Rig::new();
    rig.user(1);
    let bad = DATA + STRIDE + 8 * PAGE;
    rig.world.tables.missing.extend([bad >> 16, (DATA + STRIDE) >> 16]);
    let slow = rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::millis(1));
    let wrong = rig.submit(1, 1, &Ioarcb { data_ea: bad, ..user_io(1, false, 0, 1) });
    rig.pass(Ticks::millis(1));
    let fine = rig.submit(1, 2, &Ioarcb { data_ea: DATA + STRIDE + PAGE, ..user_io(1, false, 0, 1) });
    rig.pass(Ticks::millis(1));
    assert_eq!([slow, wrong, fine].map(|ea| rig.status(ea)), [NONE, NONE, 0]);
    rig.world.tables.missing.remove(&((DATA + STRIDE) >> 16));
    rig.tfc(R);
    rig.pass(Ticks::millis(1));
    assert_eq!([slow, wrong].map(|ea| rig.status(ea)), [0, NONE]);
    rig.tfc(AE);
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(wrong), rig.byte(wrong + 64 + 9)), (0x0031_0000, 0x0B));
}

#[test]
fn a_tlbie_reaches_a_transfer_that_runs() {
    let mut rig = Rig::new();
    rig.user(1);
    let page = (DATA + STRIDE) >> 16;
    let warm = rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(warm), 0);
    let ea = rig.submit(1, 1, &user_io(1, false, 0, 1));
    rig.pass(Ticks::micros(20));
    rig.world.tables.missing.insert(page);
    let what = Invalidate::Page { pid: 5, ea: page << 16, page_shift: 16 };
    rig.adapter.snoop(what, &mut rig.world.cx());
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(ea), rig.fault_is_shown()), (NONE, true), "not through the old translation");
    rig.world.tables.missing.clear();
    rig.tfc(R);
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(ea), 0);
}

#[test]
fn a_wrong_msi_cannot_storm_the_host() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.irqs();
    let bad = Ioarcb { msi: 200, ..user_io(1, false, 0, 1) };
    for n in 0..8 {
        rig.submit(1, n, &bad);
    }
    rig.pass(Ticks::millis(5));
    assert_eq!(rig.irqs(), [0x77], "one slice error, and the driver has not looked yet");
    let serr = P1N + u64::from(SERR_AN);
    let status = rig.load(2, serr);
    assert_eq!(status, 1 << 60 | 0x77, "badsrc");
    // The driver's handler: acknowledge, and mask what it saw.
    rig.store(2, serr, status | status >> 32);
    for n in 0..8 {
        rig.submit(1, n, &bad);
    }
    rig.pass(Ticks::millis(5));
    assert_eq!(rig.irqs(), [0u16; 0]);
    assert!(rig.records("slice-error").len() <= 2);
}

#[test]
fn a_frozen_card_touches_nothing_and_stays_alive() {
    let mut rig = Rig::new();
    rig.user(1);
    let ea = rig.submit(1, 0, &user_io(1, false, 0, 4));
    rig.pass(Ticks::micros(20));
    rig.fill(DATA + STRIDE, 16384, 0x77);
    rig.adapter.set_dma_blocked(true, &mut rig.world.cx());
    rig.irqs();
    rig.pass(Ticks::secs(1));
    assert_eq!((rig.status(ea), rig.byte(DATA + STRIDE)), (NONE, 0x77));
    assert!(rig.irqs().is_empty());
}

#[test]
fn port_errors_by_its_own_registers() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.global(global::AINTR_MASK, !0xFFFF_FFFF);
    rig.global(global::AINTR_CLEAR, u64::MAX);
    rig.global(global::AFU_PORT_SEL, 1);
    let port = PSA + GLOBAL_BASE + 0x2000;
    let run = |rig: &mut Rig, write: bool| {
        let ea = rig.submit(1, 0, &user_io(1, write, 8, 4));
        rig.pass(Ticks::millis(1));
        let sense = rig.world.mem.read::<20>(ea + 64 + 12).expect("in memory");
        (rig.status(ea), sense[2], sense[12], sense[6])
    };
    rig.store(0, port + 0x3A0, 0x8021_0000);
    rig.store(0, port + 0x3A8, 9);
    assert_eq!(run(&mut rig, false), (0x8000_0200, 3, 0x11, 9), "read, medium");
    assert_eq!(run(&mut rig, false).0, 0, "one shot");
    rig.store(0, port + 0x3A0, 0x8011_0000);
    assert_eq!(run(&mut rig, true), (0x8000_0200, 3, 0x0C, 9), "write, medium");
    rig.fill(DATA + STRIDE, 16384, 0x11);
    assert_eq!(run(&mut rig, true).0, 0);
    rig.store(0, port + 0x3A0, 0x8041_0000);
    assert_eq!(run(&mut rig, false).0, 0, "nobody is told");
    let data = DATA + STRIDE + 4096;
    assert_eq!((rig.byte(data), rig.byte(data + 1), rig.byte(data - 1)), (0xEE, 0x11, 0x11));
    rig.store(0, port + 0x3A0, 0x8031_0000);
    rig.fill(DATA + STRIDE, 16384, 0x22);
    run(&mut rig, true);
    run(&mut rig, false);
    assert_eq!((rig.byte(data), rig.byte(data + 4096)), (0xDD, 0x22), "spoiled on the medium");
    rig.store(0, port + 0x3A0, 0x8071_0000);
    assert_eq!(run(&mut rig, false).0, 0x0000_005B);
    rig.store(0, port + 0x3B8, 0x10_0400);
    rig.store(0, port + 0x3B0, 1);
    rig.irqs();
    assert_eq!(run(&mut rig, true).0, 0x0000_0058);
    assert!(rig.irqs().contains(&0x62), "async interrupt to the master");
    assert_eq!(rig.load(0, PSA + GLOBAL_BASE), 0x8000, "port 0: other error");
    assert_eq!((rig.load(0, port + 0x380), rig.load(0, port + 0x548)), (1 << 20, 1));
}
