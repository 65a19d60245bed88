use super::{OUT, PE};
use crate::Platform;
use crate::fuzzing::{Bench, Probe};
use crate::map;
use fabric::pci::Invalidate;

#[test]
fn root_port_header() {
    let mut b = Bench::new();
    for (offset, want) in [
        (0x00, 0x04c1_1014),
        (0x08, 0x0604_0000),
        (0x0c, 0x0001_0000),
        (0x10, 0),
        (0x18, 0x0001_0100),
        (0x24, 0x0001_0001),
        (0x34, 0x40),
        (0x40, 0x0042_0010),
        (0x100, 0),
        (0xffc, 0),
    ] {
        assert_eq!(b.config(0, offset), want, "{offset:x}");
    }
    // Sizing: what sticks of all ones.
    for (offset, want) in [
        (0x00, 0x04c1_1014),
        (0x10, 0),
        (0x14, 0),
        (0x20, 0xfff0_fff0),
        (0x24, 0xfff1_fff1),
        (0x30, 0),
        (0x38, 0),
    ] {
        assert_eq!(b.call(18, &[0, 0, offset, 0xffff_ffff]), 0);
        assert_eq!(b.config(0, offset), want, "{offset:x}");
    }
}

#[test]
fn bar_sizing_and_bus_numbers() {
    let mut b = Bench::new();
    assert_eq!(b.config(0x100, 0), 0x0477_1014);
    for offset in [0x10, 0x14] {
        assert_eq!(b.call(18, &[0, 0x100, offset, 0xffff_ffff]), 0);
    }
    let bar = u64::from(b.config(0x100, 0x10)) | u64::from(b.config(0x100, 0x14)) << 32;
    assert_eq!((!(bar & !0xf)).wrapping_add(1), Probe::BAR_BYTES);
    // The function is where the root port says.
    assert_eq!(b.call(18, &[0, 0, 0x18, 0x0005_0500]), 0);
    assert_eq!(b.config(0x100, 0), 0xffff_ffff);
    assert_eq!(b.config(0x500, 0), 0x0477_1014);
    assert_eq!(b.call(16, &[0, 0, 0x19, 0]), 0);
    assert_eq!(b.config(0, 0), 0x04c1_1014, "bus 0 is the root bus whatever the numbers");
}

#[test]
fn config_access_rules() {
    let mut b = Bench::new();
    for (token, args, want) in [
        (15, [0, 0xff00, 0, OUT], -6),
        (15, [0, 0x108, 0, OUT], -6),
        (15, [0, 0x200, 0, OUT], -6),
        (15, [1, 0, 0, OUT], -1),
        (15, [0, 0, 2, OUT], -1),
        (14, [0, 0, 1, OUT], -1),
        (13, [0, 0, 3, OUT], 0),
        (13, [0, 0, 0x1000, OUT], -1),
        (15, [0, 0, u64::MAX - 3, OUT], -1),
        (15, [0, 0x1_0000, 0, OUT], -1),
        (15, [0, 0, 0, 0], -1),
        (15, [3, 0x100, 0, OUT], 0),
    ] {
        assert_eq!(b.call(token, &args), want, "{token} {args:x?}");
    }
    b.call(15, &[0, 0xff00, 0, OUT]);
    assert_eq!(b.get32(OUT), u32::MAX);
    assert_eq!(b.call(23, &[0, 511, OUT, OUT + 2, 0]), 0);
    assert_eq!(b.get8(OUT), 0, "an unanswered access freezes nothing");
    b.call(14, &[0, 0, 0, OUT]);
    assert_eq!(b.get16(OUT), 0x1014, "values are big-endian in memory");
    b.call(13, &[0, 0, 0xb, OUT]);
    assert_eq!(b.get8(OUT), 0x06);
}

#[test]
fn mmio_routes_through_window_port_and_bar() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    assert_eq!(b.load8(bar + 0x10), 0x1011_1213_1415_1617);
    assert_eq!(b.load8(bar + Probe::BAR_BYTES), u64::MAX, "past the BAR");
    assert_eq!(b.load8(bar + Probe::BAR_BYTES - 4), u64::MAX, "straddling its end");
    assert_eq!(b.load8(bar - 8), u64::MAX);
    let m = map::phb(0);
    assert_eq!(b.load8(m.m32), u64::MAX, "a hole of the 32-bit window");
    assert!(b.with(|p, w| p.mmio_read(m.m32, &mut [0; 4], w)));
    assert!(!b.with(|p, w| p.mmio_read(1 << 40, &mut [0; 4], w)), "nobody's");
    assert!(b.platform.claims(bar) && !b.platform.claims(m.m32 + map::M32_BYTES - 1));
    // Each of these closes the way and opens it again.
    for (close, open) in [
        ((18, [0, 0x100, 4, 0]), (18, [0, 0x100, 4, 6])),
        ((18, [0, 0, 4, 4]), (18, [0, 0, 4, 6])),
        ((18, [0, 0, 0x28, 0]), (18, [0, 0, 0x28, bar >> 32])),
    ] {
        let is = |b: &mut Bench, want: bool| assert_eq!(b.load8(bar) != u64::MAX, want, "{close:x?}");
        b.call(close.0, &close.1);
        // A window base of 0 still holds the BAR.
        is(&mut b, close.1[2] == 0x28);
        b.call(open.0, &open.1);
        is(&mut b, true);
    }
    b.store8(bar + 8, 1);
    assert_eq!(b.log(0).last().unwrap(), "store bar0+0x8");
    assert!(b.log(1).is_empty());
}

#[test]
fn m32_window_reaches_a_low_bar() {
    let mut b = Bench::new();
    b.bring_up();
    let m = map::phb(0);
    assert_eq!(b.call(29, &[0, PE, 1, 0, 4]), 0);
    for (bdfn, offset, value) in
        [(0, 0x20, 0x81f0_8100), (0x100, 0x10, 0x8100_0000), (0x100, 0x14, 0), (0, 4, 6)]
    {
        assert_eq!(b.call(18, &[0, bdfn, offset, value]), 0);
    }
    assert_eq!(b.load8(m.m32 + 0x100_0000), 0x0001_0203_0405_0607);
    assert_eq!(b.call(97, &[0, PE, 1]), 0);
    assert_eq!(b.load8(m.m32 + 0x100_0000), u64::MAX, "segment 4 belongs to the frozen PE");
    assert_eq!(b.call(29, &[0, 511, 1, 0, 4]), 0);
    assert_eq!(b.load8(m.m32 + 0x100_0000), 0x0001_0203_0405_0607);
}

#[test]
fn interrupts_carry_sixteen_bits() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    let irq = u64::from(map::phb(0).msi_base) + 5;
    b.store8(bar, irq << 48);
    assert!(b.platform.interrupt_pending(1) && !b.platform.interrupt_pending(0));
    assert_eq!(b.call_on(1, 122, &[OUT]).0, 0);
    assert_eq!(b.get32(OUT), 0xff << 24 | irq as u32);
    assert_eq!(b.call_on(1, 124, &[0xff00_0000 | irq]).0, 0);
    let note = b.trace.take().into_iter().find(|r| r.kind == "irq").unwrap();
    assert_eq!((note.u64("hwirq"), note.u64("server")), (Some(irq), Some(4)));
    // One that no SET_XIVE_PE gave to this PE freezes it; so does one beyond.
    for wrong in [irq + 1, 0x9000, 0] {
        assert_eq!(b.call(26, &[0, PE, 3]), 0);
        b.store8(bar, wrong << 48);
        assert!(!b.platform.interrupt_pending(1), "{wrong:x}");
        b.call(23, &[0, PE, OUT, OUT + 2, 0]);
        assert_eq!(b.get8(OUT), 3, "{wrong:x}");
    }
    assert_eq!(b.call(40, &[0, 0, 7, 1, OUT, OUT + 8]), 0);
    assert_eq!((b.get64(OUT), b.get32(OUT + 8)), (1 << 60, 7));
    assert_eq!(b.call(39, &[0, 0, 7, 1, OUT, OUT + 8]), 0);
    assert_eq!((b.get32(OUT), b.get32(OUT + 8)), (0xffff_0000, 7));
    assert_eq!(b.call(40, &[0, 0, 0x1000, 1, OUT, OUT + 8]), -1);
}

#[test]
fn capi_mode_and_tunnel_bar() {
    let mut b = Bench::new();
    for (args, want) in [
        ([0, 3, PE], -14),
        ([0, 1, PE], 0),
        ([0, 3, PE], 0),
        ([0, 1, PE], 0),
        ([0, 4, PE], -7),
        ([0, 1, 512], -1),
        ([9, 1, PE], -1),
        ([0, 0, PE], 0),
    ] {
        assert_eq!(b.call(93, &args), want, "{args:?}");
    }
    assert_eq!(b.log(0), ["capi true", "capi false"]);
    let bar = 0x0002_0000_E000_0000;
    assert_eq!(b.call(164, &[0, OUT]), 0);
    assert_eq!(b.get64(OUT), 0);
    assert_eq!(b.call(165, &[0, bar]), 0);
    assert_eq!(b.call(164, &[0, OUT]), 0);
    assert_eq!(b.get64(OUT), bar);
}

#[test]
fn table_calls_check_their_arguments() {
    let mut b = Bench::new();
    for (token, args, want) in [
        (31, [0, 512, 0x100, 7, 0, 0, 1], -1),
        (31, [0, PE, 0x1_0000, 7, 0, 0, 1], -1),
        (31, [0, PE, 0x100, 1, 0, 0, 1], -1),
        (31, [0, PE, 0x100, 7, 0, 0, 2], -1),
        (31, [0, PE, 0x100, 0, 0, 0, 1], 0),
        (44, [0, PE, 0x3fa, 2, 0x2837_0000, 0x1_0000, 0x1_0000], 0),
        (44, [0, PE, 0x3fc, 2, 0, 0, 0], -1),
        (44, [0, PE, 0x3fa, 0, 0, 0, 0], 0),
        (45, [0, PE, 0x3fb, 1 << 59, 1 << 31, 0, 0], 0),
        (45, [0, PE, 0x3fb, 1 << 59, 0, 0, 0], 0),
        (126, [0, 1, PE, 0, 0, 0, 0], 0),
        (28, [0, 2, 32, 0, 0, 0, 0], -1),
        (28, [0, 2, 31, u64::MAX, 0, 2, 0], -1),
        (27, [0, 2, 31, 3, 0, 0, 0], -1),
        (29, [0, PE, 3, 0, 0, 0, 0], -1),
        (29, [0, PE, 1, 0, 512, 0, 0], -1),
        (37, [0, PE, 0x1000, 0, 0, 0, 0], -1),
        (53, [0, 1000, 0x100, 0, 0, 0, 0], 0),
        (32, [0, 0x1fe, PE, 1, 0, 0, 0], 0),
    ] {
        assert_eq!(b.call(token, &args), want, "{token} {args:x?}");
    }
    // bcmp 0 took every bus; 3 takes those whose upper four bits agree.
    assert_eq!(b.platform.phbs()[0].adapter_pe(), 0x1fd);
    b.call(31, &[0, 7, 0x0f00, 3, 1, 1, 1]);
    assert_eq!(b.platform.phbs()[0].adapter_pe(), 7);
    b.call(31, &[0, 9, 0x1f00, 3, 1, 1, 1]);
    b.call(31, &[0, 9, 0x0108, 7, 1, 0, 1]);
    assert_eq!(b.platform.phbs()[0].adapter_pe(), 7);
}

#[test]
fn events_and_snoops_find_their_function() {
    let mut b = Bench::new();
    b.agenda.enter(fabric::Ticks(5), 12, 77);
    b.advance(fabric::Ticks(5));
    assert!(!b.with(|p, w| p.event(14, 1, w)) && !b.with(|p, w| p.event(9, 1, w)));
    b.with(|p, w| p.snoop(Invalidate::Pid(3), w));
    assert_eq!(b.log(0), ["snoop Pid(3)"]);
    assert_eq!(b.log(1)[..1], ["event 77"]);
    assert!(b.with(|p, w| p.with_function(0, w, |_, cx| cx.device)) == Some(10));
    assert_eq!(b.platform.devices(), 4);
}

#[test]
fn saved_state_comes_back() {
    let mut b = Bench::new();
    let bar = b.bring_up();
    b.platform.push_input(1, b"xyz");
    let saved = postcard::to_allocvec(&b.platform).unwrap();
    let mut back: Platform = postcard::from_bytes(&saved).unwrap();
    assert_eq!(fabric::state_hash(&back), fabric::state_hash(&b.platform));
    let mut function = b.platform.phb_mut(0).unwrap().attach(None);
    assert_eq!(b.load8(bar), u64::MAX, "an empty slot");
    back.attach(0, function.take().unwrap());
    b.platform = back;
    assert_eq!(b.load8(bar), 0x0001_0203_0405_0607);
    assert!(b.platform.attach(7, Box::new(Probe::default())).is_some());
}
