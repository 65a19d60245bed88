use super::OUT;
use crate::fuzzing::Bench;
use crate::{Action, CALLS, Message, Need, RebootKind, map};

#[test]
fn table_is_sorted_and_agrees_with_check_token() {
    let mut b = Bench::new();
    assert!(CALLS.is_sorted_by(|a, b| a.token < b.token));
    for call in CALLS {
        let there = b.call(80, &[call.token]) == 1;
        assert_eq!(there, call.need != Need::Unsupported, "{}", call.name);
    }
    // Asked by the kernel: present, absent.
    for token in [117, 166, 3, 96, 101, 164, 165, 93] {
        assert_eq!(b.call(80, &[token]), 1, "{token}");
    }
    for token in [145, 71, 76, 83, 104, 102 + 1, 158, 118, 143, 0, 46, 179, u64::MAX] {
        assert_eq!(b.call(80, &[token]), 0, "{token}");
        assert_eq!(b.call(token, &[]), -7, "{token}");
    }
}

#[test]
fn cpus_start_once() {
    let mut b = Bench::new();
    let status = |b: &mut Bench, hwid| (b.call(42, &[hwid, OUT]), b.get8(OUT));
    assert_eq!(status(&mut b, 0), (0, 1));
    assert_eq!(status(&mut b, 4), (0, 0));
    assert_eq!(b.call(42, &[8, OUT]), -1);
    assert_eq!(b.call_on(0, 41, &[4, 0xcee4]), (0, Some(Action::StartCpu { hwid: 4, pa: 0xcee4 })));
    assert_eq!(b.call_on(0, 41, &[4, 0xcee4]), (-14, None));
    assert_eq!(status(&mut b, 4), (0, 1));
    assert!(b.platform.cpu_started(1));
    assert_eq!(b.call_on(1, 69, &[]), (0, Some(Action::ReturnCpu)));
    assert_eq!(status(&mut b, 4), (0, 0));
}

#[test]
fn machine_actions() {
    let check = |token, args: &[u64], want: (i64, Option<Action>)| {
        assert_eq!(Bench::new().call_on(0, token, args), want, "{token} {args:x?}");
    };
    check(70, &[0xe], (0, Some(Action::SetHile(true))));
    check(70, &[0xd], (0, Some(Action::SetHile(false))));
    check(70, &[0x10], (0, None));
    check(70, &[3], (-1, None));
    check(127, &[u64::MAX, 0x7bfb_0004], (0, Some(Action::SetPtcr(0x7bfb_0004))));
    check(5, &[0], (0, Some(Action::PowerOff)));
    check(6, &[], (0, Some(Action::Reboot { kind: RebootKind::Normal })));
    check(116, &[1, 0xc000], (0, Some(Action::Reboot { kind: RebootKind::PlatformError })));
    check(116, &[9], (-7, None));
    check(87, &[], (0, None));
}

#[test]
fn console_output() {
    let mut b = Bench::new();
    let virt = 0xc000_0000_0000_0000;
    let _ = b.mem.write_bytes(0x100, b"hello");
    b.set64(OUT, 5);
    assert_eq!(b.call(1, &[0, virt | OUT, virt | 0x100]), 0);
    assert_eq!(b.get64(OUT), 5);
    b.set64(OUT, u64::MAX);
    assert_eq!(b.call(1, &[1, OUT, 0x100]), 0);
    assert_eq!(b.get64(OUT), 4096, "a huge length is cut");
    assert_eq!(b.platform.take_output(0), b"hello");
    assert_eq!(b.platform.take_output(0), b"");
    assert_eq!(b.platform.take_output(1).len(), 4096);
    assert_eq!(b.call(25, &[1, OUT]), 0);
    assert_eq!(b.get64(OUT), 4096);
    assert_eq!(b.call(117, &[0]), 0);
    b.set64(OUT, 5);
    for (args, why) in [
        ([2, OUT, 0x100], "no such terminal"),
        ([0, 0, 0x100], "NULL length"),
        ([0, OUT, 0xf_fffe], "buffer past memory"),
        ([0, 0xf_fffc, 0x100], "length past memory"),
    ] {
        assert_eq!(b.call(1, &args), -1, "{why}");
    }
}

#[test]
fn console_input_raises_the_event_until_drained() {
    let mut b = Bench::new();
    let lsi = u64::from(map::OPAL_LSI);
    assert_eq!(b.call(19, &[lsi, 0, 5]), 0);
    assert_eq!(b.call(123, &[0xff]), 0);
    assert!(b.platform.push_input(1, b"abcdef"));
    assert!(!b.platform.push_input(2, b"x"));
    assert!(b.platform.interrupt_pending(0));
    assert_eq!(b.call(122, &[OUT]), 0);
    assert_eq!(b.get32(OUT), 0xff << 24 | map::OPAL_LSI);
    assert_eq!(b.call(9, &[lsi, OUT]), 0);
    assert_eq!(b.get64(OUT), 0x10);
    assert_eq!(b.call(124, &[0xff00_0000 | lsi]), 0, "the line is down: no storm");
    // Terminal 0 has nothing; terminal 1 gives it in two reads.
    for (terminal, room, want) in [(0, 16, ""), (1, 4, "abcd"), (1, 4, "ef"), (1, 4, "")] {
        b.set64(OUT, room);
        assert_eq!(b.call(2, &[terminal, OUT, 0x100]), 0);
        let mut got = vec![0; b.get64(OUT) as usize];
        b.mem.read_bytes(0x100, &mut got);
        assert_eq!(got, want.as_bytes());
    }
    assert_eq!(b.events(), 0);
    b.platform.push_input(0, b"x");
    b.set64(OUT, 1);
    assert_eq!(b.call(2, &[0, OUT, u64::MAX]), -1);
    assert_eq!(b.events(), 0x10, "nothing is lost to a bad pointer");
    assert_eq!(b.call(9, &[lsi + 1, OUT]), -1);
    assert_eq!(b.call(10, &[0]), 0, "NULL is legal");
}

#[test]
fn clock_messages_regions() {
    let mut b = Bench::new();
    b.advance(fabric::Ticks::secs(90));
    assert_eq!(b.call(3, &[OUT, OUT + 8]), 0);
    assert_eq!((b.get32(OUT), b.get64(OUT + 8)), (0x2020_0101, 0x0001_3000_0000_0000));
    assert_eq!(b.call(85, &[OUT, 72]), -10);
    b.platform.send_message(Message::shutdown(true));
    assert_eq!(b.events(), 0x800);
    assert_eq!(b.call(85, &[OUT, 71]), -1);
    assert_eq!(b.call(85, &[OUT, 72]), 0);
    assert_eq!((b.get32(OUT), b.get64(OUT + 8)), (3, 1));
    assert_eq!(b.events(), 0);
    assert_eq!(b.call(101, &[0x80, 0xc000_0000_0001_0000, 0x1000]), 0);
    assert_eq!(b.call(101, &[0x81, 0xf_0000, 0x1_0001]), -1);
    assert_eq!(b.platform.dump_regions()[&0x80].address, 0x1_0000);
    assert_eq!(b.call(102, &[0x80]), 0);
    assert_eq!(b.call(102, &[0x80]), -1);
    assert_eq!(b.call(166, &[OUT]), 0);
}

#[test]
fn trace_names_the_rare_calls_only() {
    let mut b = Bench::new();
    b.call(80, &[1]);
    b.call(117, &[0]);
    b.call(128, &[1]);
    b.call(5, &[0]);
    let kinds: Vec<_> = b.trace.take().iter().map(|r| (r.kind, r.text("call").map(String::from))).collect();
    assert_eq!(
        kinds,
        [
            ("opal", Some("OPAL_XIVE_RESET".into())),
            ("power", None),
            ("opal", Some("OPAL_CEC_POWER_DOWN".into()))
        ]
    );
}
