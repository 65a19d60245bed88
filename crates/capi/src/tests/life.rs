//! Process elements and the card itself come and go under load.

use super::*;

#[test]
fn terminate_ends_commands_in_flight() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.user(2);
    let mine: Vec<u64> = (0..4).map(|n| rig.submit(1, n, &user_io(1, false, 0, 1))).collect();
    let other = rig.submit(2, 0, &user_io(2, false, 0, 1));
    rig.pass(Ticks::micros(20));
    rig.fill(DATA + STRIDE, 4096, 0x33);
    rig.irqs();
    assert!(rig.terminate(1));
    assert!(rig.remove(1));
    rig.pass(Ticks::secs(1));
    assert!(mine.iter().all(|ea| rig.status(*ea) == NONE));
    assert_eq!((rig.byte(DATA + STRIDE), rig.status(other)), (0x33, 0));
    assert_eq!(rig.irqs(), [0x71], "only element 2's");
    assert_eq!(rig.adapter.afu().open_commands(), 0);
    rig.user(1);
    let again = rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(again), 0);
}

#[test]
fn terminate_waits_for_its_own_fault_and_forgets_the_command() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.world.tables.missing.insert((DATA + STRIDE) >> 16);
    let ea = rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::millis(1));
    assert!(rig.fault_is_shown());
    assert!(!rig.terminate(1), "the driver owes an answer");
    rig.tfc(AE);
    rig.pass(Ticks::micros(5));
    assert!(rig.acknowledged() && !rig.fault_is_shown());
    assert!(rig.remove(1));
    rig.pass(Ticks::secs(1));
    assert_eq!((rig.status(ea), rig.adapter.afu().open_commands()), (NONE, 0));
}

#[test]
fn a_reset_forgets_contexts_but_not_elements() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.user(2);
    let ea = rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::micros(20));
    rig.store(0, AFU_CNTL_AN.into(), 1 << 56);
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.load(0, AFU_CNTL_AN.into()) >> 61, 0, "disabled");
    // Between reset and enable the driver closes what it had.
    assert!(rig.terminate(2) && rig.remove(2));
    assert!(rig.terminate(0) && rig.remove(0));
    rig.enable();
    rig.start();
    rig.pass(Ticks::secs(1));
    assert_eq!(rig.status(ea), NONE);
    assert!(rig.adapter.psl().is_running(1));
    // The user's rings and rights are gone; it sets its rings up again.
    let silent = rig.submit(1, 1, &user_io(1, false, 0, 1));
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(silent), 0x0021_0000);
    assert!(rig.terminate(1) && rig.remove(1));
}

#[test]
fn a_held_sync_does_not_delay_another_element() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.user(2);
    rig.inject("afu-sync", Effect::Hold(Ticks::secs(6)));
    let c0 = rig.submit(0, 0, &sync(0, 1));
    rig.pass(Ticks::millis(1));
    rig.world.trace.take();
    assert!(rig.terminate(2) && rig.remove(2), "acknowledged while C0 is open");
    let seen = rig.records("llcmd");
    assert_eq!(seen.iter().map(|r| r.u64("ctx_cap")).collect::<Vec<_>>(), [Some(3); 2], "not cleared");
    assert_eq!(rig.status(c0), NONE);
    rig.pass(Ticks::secs(6));
    assert_eq!(rig.status(c0), 0);
}

#[test]
fn a_heavy_sync_outlives_the_context_it_waits_for() {
    let mut rig = Rig::new();
    rig.user(1);
    rig.inject("read", Effect::Hold(Ticks::secs(9)));
    rig.submit(1, 0, &user_io(1, false, 0, 1));
    rig.pass(Ticks::micros(20));
    let c0 = rig.submit(0, 0, &sync(1, 1));
    rig.pass(Ticks::secs(1));
    assert_eq!(rig.status(c0), NONE, "the read still uses the translation");
    assert!(rig.terminate(1));
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(c0), 0);
}

#[test]
fn resets_of_the_function_start_it_afresh() {
    for kind in [ResetKind::Hot, ResetKind::Fundamental] {
        let mut rig = Rig::new();
        rig.user(1);
        rig.world.tables.missing.insert((DATA + STRIDE) >> 16);
        rig.submit(1, 0, &user_io(1, false, 0, 1));
        rig.submit(1, 1, &Ioarcb { data_ea: DATA, ..user_io(1, false, 0, 1) });
        rig.pass(Ticks::millis(1));
        rig.adapter.reset(kind, &mut rig.world.cx());
        rig.pass(Ticks::secs(1));
        assert_eq!(rig.adapter.psl().added().count(), 0);
        assert_eq!((rig.fault_is_shown(), rig.adapter.afu().open_commands()), (false, 0));
        assert_eq!(rig.load(0, PSA + GLOBAL_BASE + 0x30), u64::MAX, "disabled");
        rig.world.tables.missing.clear();
        rig.irqs();
        rig.configure();
        rig.start();
        rig.user(1);
        let ea = rig.submit(1, 0, &user_io(1, false, 0, 1));
        rig.pass(Ticks::millis(1));
        assert_eq!((rig.status(ea), rig.irqs()), (0, vec![0x69]), "{kind:?}");
    }
}

#[test]
fn internal_units_replace_the_others_until_the_reset() {
    let mut rig = Rig::new();
    rig.user(1);
    // Mode, last block and block size of unit 0, number of units.
    for (mode, last, size, units) in
        [(1u64, 65_535u64, 512u32, 1), (2, 65_535, 4096, 1), (3, 32_767, 512, 2), (4, 32_767, 4096, 2)]
    {
        rig.global(global::AFU_PORT_SEL, 1);
        rig.global(global::AFU_CTRL, 3 << 40 | 1);
        rig.store(0, PSA + GLOBAL_BASE + 0x2328, (mode - 1) << 32);
        let capacity = scsi(&mut rig, &[0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32], 32);
        assert_eq!(capacity[..8], last.to_be_bytes(), "mode {mode}");
        assert_eq!(capacity[8..12], size.to_be_bytes(), "mode {mode}");
        let list = scsi(&mut rig, &[0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 256);
        assert_eq!(list[3], 8 * units, "mode {mode}");
    }
    // Data survive as long as the geometry does, and no link is needed.
    rig.with_cable(false);
    let write = Ioarcb { data_len: 4096, ..user_io(1, true, 3, 1) };
    rig.fill(DATA + STRIDE, 4096, 0x44);
    let ea = rig.submit(1, 0, &write);
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(ea), 0);
    rig.store(0, PSA + GLOBAL_BASE + 0x2328, 3 << 32);
    let ea = rig.submit(1, 0, &user_io(1, false, 3, 1));
    rig.pass(Ticks::millis(1));
    assert_eq!((rig.status(ea), rig.byte(DATA + STRIDE)), (0, 0x44));
    rig.global(global::AFU_CTRL, 3 << 40);
    rig.with_cable(true);
    rig.pass(Ticks::secs(1));
    let capacity = scsi(&mut rig, &[0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32], 32);
    assert_eq!(capacity[..8], ((64u64 << 30) / 4096 - 1).to_be_bytes(), "the external unit again");
}

/// A command of the master to unit 0 of port 0, and its reply.
fn scsi(rig: &mut Rig, cdb: &[u8], len: usize) -> Vec<u8> {
    let mut rcb = Ioarcb::parse(&[0; 64], Endian::Little);
    rcb.cdb[..cdb.len()].copy_from_slice(cdb);
    rig.fill(DATA, len, 0);
    let rcb = Ioarcb { req_flags: 0x4000, res_hndl: 1, data_len: len as u32, data_ea: DATA, ..rcb };
    let ea = rig.submit(0, 0, &rcb);
    rig.pass(Ticks::millis(1));
    assert_eq!(rig.status(ea), 0, "{cdb:x?}");
    let mut out = vec![0; len];
    assert!(rig.world.mem.read_bytes(DATA, &mut out));
    out
}

impl Rig {
    fn with_cable(&mut self, plugged: bool) {
        self.adapter.with_afu(&mut self.world.cx(), |afu, bus| {
            for port in 0..2 {
                afu.cable(port, plugged, bus);
            }
        });
    }
}
