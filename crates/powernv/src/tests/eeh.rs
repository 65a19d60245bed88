use super::{OUT, PE};
use crate::fuzzing::Bench;
use crate::map;
use crate::phb::Breakage;
use fabric::Ticks;

const FIRST: u64 = 0x0001_0203_0405_0607;

/// State and error of a PE.
fn status(b: &mut Bench, pe: u64) -> (u8, u16) {
    assert_eq!(b.call(23, &[0, pe, OUT, OUT + 2, 0]), 0);
    (b.get8(OUT), b.get16(OUT + 2))
}
/// PE, type and severity of the next error.
fn next(b: &mut Bench) -> (u64, u16, u16) {
    assert_eq!(b.call(60, &[0, OUT, OUT + 8, OUT + 10]), 0);
    (b.get64(OUT), b.get16(OUT + 8), b.get16(OUT + 10))
}

#[test]
fn frozen_pe() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    assert_eq!(status(&mut b, PE), (0, 0));
    b.with(|p, w| p.break_down(0, Breakage::Freeze, w));
    assert_eq!(status(&mut b, PE), (3, 3));
    assert_eq!(status(&mut b, 0x1fe), (0, 0), "the parent lives");
    assert_eq!(b.load8(bar), u64::MAX);
    let calls = b.log(0).len();
    b.store8(bar + 8, 1);
    assert_eq!(b.log(0).len(), calls, "the store is dropped");
    assert_eq!(b.config(0x100, 0), 0x0477_1014, "config space works");
    assert_eq!(b.log(0).last().unwrap(), "dma blocked true");
    assert_eq!(b.events(), 0x200);
    assert_eq!(next(&mut b), (PE, 3, 4));
    assert_eq!(next(&mut b), (u64::MAX, 0, 0));
    assert_eq!(b.events(), 0);
    // MMIO first, then DMA, as the kernel thaws.
    assert_eq!(b.call(26, &[0, PE, 1]), 0);
    assert_eq!(status(&mut b, PE), (2, 3));
    assert_eq!(b.load8(bar), FIRST);
    assert!(!b.platform.phbs()[0].dma_allowed(b.now));
    b.store8(bar, 0x8005 << 48);
    assert!(!b.platform.interrupt_pending(1), "messages are blocked");
    assert_eq!(b.call(26, &[0, PE, 2]), 0);
    assert_eq!(status(&mut b, PE), (0, 0));
    assert_eq!(b.log(0).last().unwrap(), "dma blocked false");
}

#[test]
fn freezing_by_call_is_silent_and_spreads_downwards() {
    let mut b = Bench::new();
    b.bring_up();
    assert_eq!(b.call(97, &[0, 0x1fe, 3]), 0);
    assert_eq!(b.events(), 0);
    assert_eq!(status(&mut b, 0x1fe), (3, 3));
    assert_eq!(status(&mut b, PE), (3, 3), "PELT-V");
    for args in [[0, 512, 3], [0, PE, 0], [0, PE, 4], [5, PE, 3]] {
        assert_eq!(b.call(97, &args), -1, "{args:?}");
        assert_eq!(b.call(26, &args), -1, "{args:?}");
    }
    let frozen: Vec<_> =
        b.trace.take().iter().filter(|r| r.kind == "eeh-freeze").map(|r| r.u64("pe")).collect();
    assert_eq!(frozen, [Some(0x1fe), Some(PE)]);
}

#[test]
fn hot_reset_recovers_a_frozen_pe() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    b.with(|p, w| p.break_down(0, Breakage::Freeze, w));
    assert_eq!(b.call(49, &[0, 4, 1]), 250);
    assert_eq!(b.config(0x100, 0), u32::MAX, "the link trains");
    assert_eq!(b.config(0, 0), 0x04c1_1014);
    assert_eq!(b.config(0, 0x50) >> 29 & 1, 0, "data link layer inactive");
    b.advance(Ticks::micros(249_500));
    assert_eq!(b.call(62, &[0]), 1, "rounded up");
    b.advance(Ticks::millis(1));
    assert_eq!(b.call(62, &[0]), 0);
    assert_eq!(b.call(49, &[0, 4, 0]), 0);
    assert_eq!(b.config(0x100, 4), 0, "the function lost its state");
    assert_eq!(b.config(0, 0x50) >> 29 & 1, 1);
    assert_ne!(b.config(0, 4) & 2, 0, "the root port did not");
    b.bars(bar);
    assert_eq!(status(&mut b, PE), (3, 3), "still frozen until cleared");
    assert_eq!(b.call(53, &[0, 1000, 0x100]), 0);
    assert_eq!(b.call(26, &[0, PE, 3]), 0);
    assert_eq!(b.load8(bar), FIRST);
    assert!(b.log(0).contains(&"reset Hot".to_owned()));
    assert_eq!(b.call(49, &[1 << 63 | 0x100 << 16, 4, 1]), 250, "a slot id");
    assert_eq!(b.call(49, &[0, 9, 1]), -1);
}

#[test]
fn bridge_control_resets_the_function() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    assert_eq!(b.call(17, &[0, 0, 0x3e, 0x40]), 0);
    assert_eq!(b.load8(bar), u64::MAX);
    assert_eq!(b.call(17, &[0, 0, 0x3e, 0]), 0);
    assert_eq!(b.config(0x100, 4), 0);
    assert!(b.log(0).contains(&"reset Hot".to_owned()));
}

#[test]
fn register_store_fences() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    let register = map::phb(0).registers + 0xd10;
    assert_eq!(b.load8(register), 0);
    b.store8(register, 0);
    assert_eq!(status(&mut b, PE), (0, 0));
    b.store8(register, 1 << 63);
    assert_eq!(status(&mut b, 0), (3, 2));
    assert_eq!(b.load8(bar), u64::MAX);
    assert_eq!(b.load8(register), u64::MAX);
    assert_eq!(b.config(0, 0), u32::MAX);
    assert_eq!(b.events(), 0x200);
    assert_eq!(next(&mut b), (0, 2, 3));
    assert_eq!(b.events(), 0, "told: the event is gone");
    assert_eq!(next(&mut b), (0, 2, 3), "but the fence lasts");
    assert_eq!(b.call(49, &[0, 4, 1]), -6);
    assert_eq!(
        (b.call(97, &[0, PE, 3]), b.call(26, &[0, PE, 3])),
        (0, -6),
        "freezing works, thawing does not"
    );
    // Another bridge is not concerned.
    assert_eq!(b.call(15, &[3, 0, 0, OUT]), 0);
    assert_eq!(b.call(49, &[0, 1, 1]), 1000);
    b.advance(Ticks::secs(1));
    assert_eq!(b.call(49, &[0, 1, 0]), 0);
    assert_eq!(status(&mut b, PE), (0, 0));
    b.bars(bar);
    assert_eq!(b.load8(bar), FIRST, "the tables survived");
    assert!(b.log(0).contains(&"reset Fundamental".to_owned()));
}

#[test]
fn perst_in_capi_mode_fences_unless_finished() {
    let perst = |finish: &[u64], capi: bool| {
        let mut b = Bench::new();
        b.bring_up();
        if capi {
            assert_eq!(b.call(93, &[0, 1, PE]), 0);
        }
        assert_eq!(b.call(49, &[0, 5, 1]), 1000);
        b.advance(Ticks::secs(1));
        if let [token, args @ ..] = finish {
            assert_eq!(b.call(*token, args), 0);
        }
        b.advance(Ticks::secs(1));
        let fenced = status(&mut b, PE) == (3, 2);
        assert_eq!(b.events() == 0x200, fenced);
        assert_eq!(b.log(0).contains(&"capi false".to_owned()), capi);
        fenced
    };
    assert!(perst(&[], true), "a warm reset from sysfs");
    assert!(!perst(&[49, 0, 4, 0], true), "a deassert");
    assert!(!perst(&[26, 0, PE, 3], true), "EEH recovery");
    assert!(!perst(&[], false));
}

#[test]
fn diag_data() {
    let mut b = Bench::new();
    b.bring_up();
    b.with(|p, w| p.break_down(0, Breakage::Freeze, w));
    assert_eq!(b.call(26, &[0, PE, 1]), 0);
    assert_eq!(b.call(64, &[0, OUT, map::DIAG_BYTES as u64 - 1]), -1);
    assert_eq!(b.call(64, &[0, 0xf_f000, map::DIAG_BYTES as u64]), -1);
    b.set64(OUT + map::DIAG_BYTES as u64, 0x55);
    assert_eq!(b.call(64, &[0, OUT, u64::MAX]), 0);
    assert_eq!((b.get32(OUT), b.get32(OUT + 4), b.get32(OUT + 8)), (1, 3, 0x2180));
    let (a, bb) = (OUT + 0x2180 - 2 * 4096 + 8 * PE, OUT + 0x2180 - 4096 + 8 * PE);
    assert_eq!((b.get64(a), b.get64(bb)), (0, 1 << 63));
    assert_eq!(b.get64(OUT + map::DIAG_BYTES as u64), 0x55, "not a byte more");
}

#[test]
fn injected_errors_strike_once_where_armed() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    let strikes = |b: &mut Bench, function: u64, address: u64, mask: u64, access: &dyn Fn(&mut Bench)| {
        b.call(26, &[0, PE, 3]);
        assert_eq!(b.call(96, &[0, PE, 1, function, address, mask]), 0);
        access(b);
        status(b, PE) == (3, 3)
    };
    assert!(strikes(&mut b, 0, bar, u64::MAX, &|b| assert_eq!(b.load8(bar), u64::MAX)));
    assert!(!strikes(&mut b, 0, bar, u64::MAX, &|b| assert_eq!(b.load8(bar + 8), 0x0809_0a0b_0c0d_0e0f)));
    assert!(strikes(&mut b, 0, 0, 0, &|b| _ = b.load8(bar + 8)));
    assert!(!strikes(&mut b, 6, 0, 0, &|b| _ = b.load8(bar)));
    assert!(strikes(&mut b, 6, 0, 0, &|b| b.store8(bar + 8, 0)));
    assert!(strikes(&mut b, 4, 0, 0, &|b| _ = b.config(0x100, 0)));
    assert!(!strikes(&mut b, 4, 0, 0, &|b| _ = b.config(0, 0)));
    assert!(strikes(&mut b, 10, 0, 0, &|b| _ = b.call(18, &[0, 0x100, 0x3c, 0])));
    assert!(strikes(&mut b, 12, 0, 0, &|_| {}));
    b.call(26, &[0, PE, 3]);
    assert_eq!(b.load8(bar), FIRST);
    for args in [[0, 512, 0, 0], [0, PE, 2, 0], [0, PE, 0, 20], [4, PE, 0, 0]] {
        assert_eq!(b.call(96, &args), -1, "{args:?}");
    }
}

#[test]
fn link_down_by_surprise() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    b.with(|p, w| p.break_down(0, Breakage::LinkDown, w));
    assert_eq!(status(&mut b, PE), (3, 3));
    assert_eq!(b.config(0x100, 0), u32::MAX);
    b.with(|p, w| p.break_down(0, Breakage::LinkUp, w));
    b.advance(Ticks::millis(250));
    assert_eq!(b.config(0x100, 0), 0x0477_1014);
    b.bars(bar);
    b.call(26, &[0, PE, 3]);
    assert_eq!(b.load8(bar), FIRST);
}

#[test]
fn what_is_broken_for_good() {
    for (what, severity) in [(Breakage::Permanent, 3), (Breakage::Dead, 2)] {
        let mut b = Bench::new();
        b.bring_up();
        b.with(|p, w| p.break_down(0, what, w));
        assert_eq!(next(&mut b), (0, 2, severity));
        for scope in [1, 2, 4, 5] {
            assert_eq!(b.call(49, &[0, scope, 1]), -6, "{what:?}: reset {scope}");
        }
        assert_eq!(status(&mut b, PE), (3, 2));
        assert_eq!(b.config(0, 0), u32::MAX);
    }
}

#[test]
fn a_freeze_of_one_kind() {
    for (what, bits) in [(Breakage::FreezeMmio, 1), (Breakage::FreezeDma, 2)] {
        let mut b = Bench::new();
        let bar = b.bring_up();
        b.with(|p, w| p.break_down(0, what, w));
        assert_eq!(status(&mut b, PE), (bits, 3));
        assert_eq!(next(&mut b), (PE, 3, 4), "{what:?} is told");
        assert_eq!(b.load8(bar) == FIRST, bits == 2);
        assert_eq!(b.platform.phbs()[0].dma_allowed(b.now), bits == 1);
        b.with(|p, w| p.break_down(0, what, w));
        assert_eq!(next(&mut b), (u64::MAX, 0, 0), "{what:?} again is no news");
    }
}

#[test]
fn answers_get_lost_and_nothing_freezes() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    b.with(|p, w| p.break_down(0, Breakage::Flaky { every: 3, times: 2 }, w));
    let lost: Vec<_> = (0..9).map(|_| b.load8(bar) == u64::MAX).collect();
    assert_eq!(lost, [false, false, true, false, false, true, false, false, false]);
    assert_eq!((status(&mut b, PE), b.events()), ((0, 0), 0));
}
