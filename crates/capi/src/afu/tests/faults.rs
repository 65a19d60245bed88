//! Each injection point of the AFU, and each mishap.

use super::*;
use fabric::{Mishap, NotDone};

/// Does one thing at the first point of a name and kind.
struct Once(&'static str, &'static str, Option<Effect>);
impl Injector for Once {
    fn at(&mut self, _: Ticks, p: &Point<'_>) -> Option<Effect> {
        if p.name == self.0 && p.kind == self.1 { self.2.take() } else { None }
    }
}

fn read_one() -> Ioarcb {
    Ioarcb { res_hndl: 1, data_len: 4096, ..rcb(0, 0, &read16(0, 1)) }
}

/// A read with one fault: status, first two slots, interrupts, intr_status.
fn read_with(
    point: &'static str,
    kind: &'static str,
    effect: Effect,
) -> (u32, [u64; 2], Vec<(u16, u16)>, u64) {
    let mut b = bench();
    b.inject = Box::new(Once(point, kind, Some(effect)));
    let ea = submit_at(&mut b, 0, 0, &read_one());
    assert_eq!(ea, RCB_EA);
    b.pass(Ticks::secs(1));
    let bits = b.load(reg(0, host::INTR_STATUS));
    (status(&b, ea), [slot(&b, 0, 0), slot(&b, 0, 1)], b.host.interrupts.clone(), bits)
}

const RCB_EA: u64 = super::RCB;
const NONE: u32 = 0xEEEE_EEEE;

#[test]
fn every_point_of_a_read_changes_what_it_says() {
    let good = vec![(0, 2)];
    for (point, kind, effect, sa, slots, irqs, bits) in [
        ("none", "", Effect::Drop, 0, [RCB_EA | 1, 0], good.clone(), 0),
        ("afu-irq", "rrq", Effect::Drop, 0, [RCB_EA | 1, 0], vec![], 0),
        ("afu-irq", "rrq", Effect::Hold(Ticks::millis(5)), 0, [RCB_EA | 1, 0], good.clone(), 0),
        ("rrq", "toggle", Effect::Drop, 0, [RCB_EA, 0], good.clone(), 0),
        ("rrq", "address", Effect::Value(0x1230), 0, [0x1231, 0], good.clone(), 0),
        ("rrq", "duplicate", Effect::Drop, 0, [RCB_EA | 1, RCB_EA | 1], good.clone(), 0),
        ("rrq", "stalled", Effect::Drop, 0, [0, 0], vec![], 0),
        ("afu-dma", "ioarcb", Effect::Fail(0), NONE, [0, 0], vec![(0, 1)], ISTATUS_PERM_ERR_RCB_READ),
        ("afu-dma", "ioasa", Effect::Fail(0), NONE, [0, 0], vec![(0, 1)], ISTATUS_PERM_ERR_SA_WRITE),
        ("afu-dma", "rrq", Effect::Fail(0), 0, [0, 0], vec![(0, 1)], ISTATUS_PERM_ERR_RRQ_WRITE),
        ("afu-dma", "ioarcb", Effect::Drop, NONE, [0, 0], vec![(0, 1)], ISTATUS_TEMP_ERR_PAGEIN),
        ("afu-dma", "data", Effect::Fail(0), 0x0031_0000, [RCB_EA | 1, 0], good.clone(), 0),
        ("afu-dma", "data", Effect::Drop, 0x0031_0000, [RCB_EA | 1, 0], good.clone(), 0),
        ("afu-dma", "data", Effect::Hold(Ticks::millis(9)), 0, [RCB_EA | 1, 0], good.clone(), 0),
        ("fc", "read", Effect::Fail(0x57), 0x0000_0057, [RCB_EA | 1, 0], good.clone(), 0),
    ] {
        let seen = read_with(point, kind, effect);
        assert_eq!(seen, (sa, slots, irqs, bits), "{point} {kind} {effect:?}");
    }
}

#[test]
fn an_early_response_comes_before_data_and_status() {
    let mut b = bench();
    b.inject = Box::new(Once("rrq", "early", Some(Effect::Hold(Ticks::millis(10)))));
    let ea = submit_at(&mut b, 0, 0, &read_one());
    b.pass(Ticks::millis(5));
    assert_eq!((slot(&b, 0, 0), status(&b, ea), b.host.interrupts.len()), (ea | 1, NONE, 1));
    b.pass(Ticks::millis(20));
    assert_eq!((slot(&b, 0, 1), status(&b, ea), b.host.interrupts.len()), (0, 0, 1));
    assert_eq!(b.afu.open_commands(), 0);
}

#[test]
fn registers_lie_once() {
    let mut b = bench();
    b.inject = Box::new(Once("afu-load", "CMD_ROOM", Some(Effect::Value(77))));
    assert_eq!(b.load(reg(0, host::CMD_ROOM)), 77);
    assert_ne!(b.load(reg(0, host::CMD_ROOM)), 77);
    b.inject = Box::new(Once("afu-load", "AFU_HB", Some(Effect::Drop)));
    assert_eq!(b.load(glob(global::AFU_HB)), u64::MAX);
    b.inject = Box::new(Once("afu-store", "AFU_PORT_SEL", Some(Effect::Drop)));
    b.store(glob(global::AFU_PORT_SEL), 2);
    assert_eq!(b.load(glob(global::AFU_PORT_SEL)), 3);
    b.inject = Box::new(Once("afu-store", "AFU_PORT_SEL", Some(Effect::Value(1))));
    b.store(glob(global::AFU_PORT_SEL), 2);
    assert_eq!(b.load(glob(global::AFU_PORT_SEL)), 1);
}

#[test]
fn an_ineffective_sync_leaves_the_stale_copy() {
    for (effect, want) in [(None, 0x0005_0000), (Some(Effect::Drop), 0)] {
        let mut b = bench_with(AfuConfig { cache: TableCache::Strict, ..config() });
        b.inject = Box::new(Once("sync-effect", "forget", effect));
        rht_f1(&mut b, 1, 0, 3, 3);
        let r = Ioarcb { data_len: 4096, ..rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1)) };
        assert_eq!(run(&mut b, 1, &r), 0);
        b.host.mem[RHT as usize + 16..][..16].fill(0);
        assert_eq!(run(&mut b, 0, &sync(AFU_HW_SYNC, 1, 1)), 0);
        assert_eq!(run(&mut b, 1, &r), want);
    }
}

#[test]
fn ports_get_stuck() {
    for (effect, state) in [(None, 0x10), (Some(Effect::Drop), 0x20)] {
        let mut b = bench();
        b.inject = Box::new(Once("port", "offline", effect));
        let port = |offset: u16| GLOBAL_BASE + 0x2000 + u64::from(offset);
        b.store(port(fc::FC_MTIP_CMDCONFIG), 0x40);
        b.pass(Ticks::secs(2));
        assert_eq!(b.load(port(fc::FC_MTIP_STATUS)), state);
    }
}

fn mishap(b: &mut Bench, name: &str, fields: &[(&str, u64)]) -> Result<(), NotDone> {
    let what = Mishap { name, fields };
    b.with(|afu, bus| afu.mishap(&what, bus))
}

#[test]
fn every_mishap_happens_or_says_why_not() {
    let mut b = bench();
    b.store(glob(global::AFU_CTRL), 3 << 40);
    b.store(glob(global::AINTR_MASK), 0);
    b.host.interrupts.clear();
    assert_eq!(mishap(&mut b, "lisn", &[("value", 2), ("times", 3), ("span", 1_000_000)]), Ok(()));
    b.pass(Ticks::secs(1));
    assert_eq!(b.host.interrupts, [(0, 2); 3]);
    assert_eq!(mishap(&mut b, "async", &[("value", 0x20), ("port", 1)]), Ok(()));
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x20);
    assert_eq!(mishap(&mut b, "logo", &[("port", 0)]), Ok(()));
    assert_eq!(b.load(glob(global::AINTR_STATUS)), 0x4020);
    assert_eq!(mishap(&mut b, "sync-error", &[("value", 0x10)]), Ok(()));
    assert_eq!(b.load(reg(0, host::INTR_STATUS)), 0x10);
    assert_eq!(mishap(&mut b, "cable-out", &[]), Ok(()));
    assert_eq!(run(&mut b, 0, &read_one()) >> 16 & 0xFF, u32::from(AFU_RC_NO_CHANNELS));
    assert_eq!(mishap(&mut b, "cable-in", &[("port", 0)]), Ok(()));
    b.pass(Ticks::secs(1));
    assert_eq!(run(&mut b, 0, &read_one()), 0);
    for (name, fields, why) in [
        ("async", &[("value", 0u64)][..], "bits of a port's byte"),
        ("lisn", &[("value", 0)], "a LISN"),
        ("logo", &[("port", 9)], "a port of this adapter"),
        ("sync-error", &[], "bits of intr_status"),
        ("port-store", &[("value", 0)], "given"),
        ("earthquake", &[], "earthquake"),
    ] {
        let refused = mishap(&mut b, name, fields).expect_err(name).to_string();
        assert!(refused.contains(why), "{name}: {refused}");
    }
}
