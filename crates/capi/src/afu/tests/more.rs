//! Ports, task management, shutdown, submission queues, saved states, and
//! random traffic.

use super::super::fuzzing;
use super::super::regs::fc;
use super::*;

fn port_reg(port: u64, offset: u16) -> u64 {
    GLOBAL_BASE + 0x2000 + port * 0x1000 + u64::from(offset)
}

#[test]
fn ports_go_offline_and_online_with_async_interrupts() {
    let mut b = bench();
    b.store(glob(global::AFU_CTRL), 3 << 40);
    b.store(glob(global::AINTR_CLEAR), u64::MAX);
    b.store(glob(global::AINTR_MASK), !0xFFFF_FFFF);
    let r = Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(9)))));
    let open = submit_at(&mut b, 0, 0, &r);
    b.pass(Ticks::micros(20));
    b.store(port_reg(0, fc::FC_MTIP_CMDCONFIG), 0x43);
    assert_eq!(b.load(port_reg(0, fc::FC_MTIP_STATUS)), 0x20);
    b.pass(Ticks::millis(101));
    assert_eq!(b.load(port_reg(0, fc::FC_MTIP_STATUS)), 0x10);
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x0200);
    assert_eq!(status(&b, open), 0x0000_0057, "open commands end with LINKDOWN");
    assert_eq!(run(&mut b, 0, &r), 0x0020_0000, "new ones find no port");
    b.store(glob(global::AINTR_CLEAR), 0x0200);
    b.store(port_reg(0, fc::FC_MTIP_CMDCONFIG), 0x23);
    b.pass(Ticks::millis(201));
    assert_eq!(b.load(port_reg(0, fc::FC_MTIP_STATUS)), 0x20);
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x0500);
    assert_eq!(b.host.interrupts.iter().filter(|i| **i == (0, 3)).count(), 2);
    assert_eq!(run(&mut b, 0, &r), 0);
    b.with(|afu, bus| afu.cable(1, false, bus));
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x0502);
    let states: Vec<_> =
        records(&mut b, "port-state").iter().filter_map(|r| r.text("state").map(String::from)).collect();
    assert_eq!(states, ["offline", "online", "down"]);
}

#[test]
fn afu_ctrl_is_cleared_when_its_context_exits() {
    let mut b = bench();
    b.store(glob(global::AFU_CTRL), 2 << 48 | 3 << 40);
    b.with(|afu, bus| afu.terminated(1, bus));
    assert_ne!(b.load(glob(global::AFU_CTRL)), 0);
    b.with(|afu, bus| afu.terminated(2, bus));
    assert_eq!(b.load(glob(global::AFU_CTRL)), 0);
}

#[test]
fn lun_reset_aborts_the_units_commands() {
    let mut b = bench();
    b.inject = Box::new(At("read", Some(Effect::Hold(Ticks::secs(9)))));
    let victim = submit_at(&mut b, 0, 0, &Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(0, 1)) });
    b.pass(Ticks::micros(20));
    let tmf = submit_at(&mut b, 0, 1, &rcb(0, REQ_FLAGS_TMF_CMD, &[1]));
    b.pass(Ticks::millis(1));
    assert_eq!((status(&b, victim), status(&b, tmf)), (0x0000_005C, 0));
    assert_eq!(run(&mut b, 0, &rcb(0, 0, &[0])), 0x8000_0200);
    assert_eq!(b.host.mem[RCB as usize + 64 + 12 + 2], 6, "unit attention");
    assert_eq!(run(&mut b, 0, &rcb(0, REQ_FLAGS_TMF_CMD, &[9])), 0x4000_0000);
}

#[test]
fn shutdown_completes_under_an_open_sync_and_refuses_commands() {
    let mut b = bench();
    b.inject = Box::new(At("afu-sync", Some(Effect::Drop)));
    submit_at(&mut b, 0, 0, &sync(AFU_LW_SYNC, 1, 1));
    b.pass(Ticks::millis(1));
    for port in 0..2 {
        b.store(port_reg(port, fc::FC_CONFIG2), 0x10);
    }
    assert_eq!(b.load(port_reg(0, fc::FC_STATUS)) & 0x30, 0x10);
    b.pass(Ticks::millis(100));
    assert_eq!(b.load(port_reg(0, fc::FC_STATUS)) & 0x30, 0x30);
    let r = rcb(0, 0, &[0]);
    let ea = submit_at(&mut b, 0, 1, &r);
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, ea), 0x0000_005E);
}

#[test]
fn submission_queues() {
    let gt = AfuConfig { attention_after_reset: false, ..AfuConfig::flash_gt_plus() };
    let mut b = bench_with(gt);
    let (first, last) = (RCB, RCB + 3 * 64);
    b.store(reg(0, host::SQ_START), first);
    b.store(reg(0, host::SQ_END), last);
    for n in 0..10u64 {
        let at = first + n % 4 * 64;
        let r = Ioarcb { ioasa: 0x6_0000 + n * 64, ..rcb(0, 0, &[0]) };
        b.host.mem[at as usize..][..64].copy_from_slice(&r.bytes(Endian::Little));
        b.store(reg(0, host::SQ_TAIL), first + (n + 1) % 4 * 64);
        b.pass(Ticks::millis(1));
        let toggle = (n / SLOTS + 1) & 1;
        assert_eq!(slot(&b, 0, n % SLOTS), (0x6_0000 + n * 64) | toggle, "entry {n}");
        assert_eq!(b.load(reg(0, host::SQ_HEAD)), first + (n + 1) % 4 * 64);
    }
    b.store(reg(0, host::SQ_TAIL), first + 32);
    assert_eq!(b.load(reg(0, host::INTR_STATUS)), ISTATUS_PERM_ERR_CMDROOM);
    b.store(reg(0, host::SQ_TAIL), first);
    b.store(reg(0, host::SQ_CTX_RESET), 1);
    b.host.dma.clear();
    b.pass(Ticks::millis(2));
    assert_eq!((b.load(reg(0, host::SQ_CTX_RESET)), b.host.dma.len(), b.afu.open_commands()), (0, 0, 0));
}

#[test]
fn attention_after_reset_on_corsa() {
    let mut b = bench_with(AfuConfig::corsa());
    let tur = rcb(0, 0, &[0]);
    assert_eq!(run(&mut b, 0, &tur), 0x8000_0200);
    assert_eq!(run(&mut b, 0, &tur), 0);
}

#[test]
fn a_saved_state_goes_on_like_the_original() {
    let mut b = bench();
    submit_at(&mut b, 0, 0, &rcb(0, 0, &[0]));
    b.pass(Ticks::micros(20));
    let saved = postcard::to_stdvec(&b.afu).expect("saved");
    let before = fabric::state_hash(&b.afu);
    b.afu = postcard::from_bytes(&saved).expect("loaded");
    assert_eq!(fabric::state_hash(&b.afu), before);
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, RCB), 0);
    assert_ne!(fabric::state_hash(&b.afu), before);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run_once = || {
        let mut b = bench();
        for n in 0..20 {
            submit_at(&mut b, 0, n % 8, &Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(n, 1)) });
            b.pass(Ticks::micros(30));
        }
        (b.now, fabric::state_hash(&b.afu), b.trace.take())
    };
    assert_eq!(run_once(), run_once());
    let mut fast = config();
    fast.luns.iter_mut().for_each(|l| l.profile.read = crate::flash::profile::Times::even(0, 0));
    let mut b = bench_with(fast);
    let r = Ioarcb { data_len: 4096, ..rcb(0, 0, &read16(0, 1)) };
    assert_eq!(run(&mut b, 0, &r), 0, "a latency of zero is one tick");
}

/// Random input of changing length for a fuzz entry point.
fn storm(name: &str, rounds: usize, longest: u64, target: fn(&[u8])) {
    let mut rng = fabric::Rng::named(1, name);
    for _ in 0..rounds {
        let len = rng.below(longest);
        let data: Vec<u8> = (0..len).map(|_| rng.next_u64() as u8).collect();
        target(&data);
    }
}

#[test]
fn random_register_traffic_is_survived() {
    storm("mmio", 1_500, 2_000, fuzzing::fuzz_mmio);
}

#[test]
fn random_commands_and_tables_are_survived() {
    storm("ioarcb", 1_500, 12_000, fuzzing::fuzz_ioarcb);
}

#[test]
fn a_random_card_is_survived() {
    storm("card", 200, 8_000, fuzzing::fuzz_card);
}

/// An answer is for the commands that met this fault, whatever their age.
#[test]
fn an_answer_reaches_the_commands_of_its_page() {
    let mut b = bench();
    let slow = Ioarcb { data_len: 4096, data_ea: DATA, ..rcb(0, 0, &read16(0, 1)) };
    let bad = Ioarcb { data_ea: DATA + 0x1000, ..slow.clone() };
    b.host.absent.extend([DATA >> 12, (DATA >> 12) + 1]);
    let mut eas = vec![];
    for (n, r) in [&slow, &bad, &bad].into_iter().enumerate() {
        eas.push(submit_at(&mut b, 0, n as u64, r));
        b.pass(Ticks::millis(1));
    }
    let fault = PageFault::at(DATA + 0x1234, true);
    let other = PageFault { store: false, ..fault };
    b.with(|afu, bus| afu.fault_answered(0, other, FaultAnswer::AddressError, bus));
    b.with(|afu, bus| afu.fault_answered(1, fault, FaultAnswer::AddressError, bus));
    b.pass(Ticks::millis(1));
    assert!(eas.iter().all(|ea| status(&b, *ea) == 0xEEEE_EEEE), "other faults");
    b.with(|afu, bus| afu.fault_answered(0, fault, FaultAnswer::AddressError, bus));
    b.pass(Ticks::millis(1));
    let seen: Vec<u32> = eas.iter().map(|ea| status(&b, *ea)).collect();
    assert_eq!(seen, [0xEEEE_EEEE, 0x0031_0000, 0x0031_0000]);
    b.host.absent.clear();
    b.answer(0, FaultAnswer::Retry);
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, eas[0]), 0);
}

#[test]
fn a_suspension_costs_time_and_nothing_else() {
    // Whose suspension, and whether missing pages are retried: a suspension is no missing page.
    for (pe, config) in [(0, 0x7F20), (1, 0x7F20), (0, 0x20), (1, 0x20)] {
        let mut b = bench();
        rht_f0(&mut b, 1, LXT, 1, 3);
        lxt(&mut b, 0, 0, 3, 3);
        b.store(glob(global::AFU_CONFIG), config);
        b.host.suspended.insert(pe);
        let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
        let ea = submit_at(&mut b, 1, 0, &r);
        b.pass(Ticks::secs(1));
        assert_eq!(status(&b, ea), 0xEEEE_EEEE, "PE {pe}");
        assert!(b.host.interrupts.is_empty());
        b.host.suspended.clear();
        b.answer(pe, FaultAnswer::Retry);
        b.pass(Ticks::millis(1));
        assert_eq!((status(&b, ea), slot(&b, 1, 0)), (0, RCB | 1), "PE {pe}");
    }
}
