use crate::map::{MSI_BASE, OPAL_LSI};
use crate::xics::Xics;

const A: u32 = MSI_BASE;
const B: u32 = MSI_BASE + 1;

/// Two CPUs (hwid 0 and 4), open to everything; A and B aimed at CPU 1.
fn two_cpus() -> Xics {
    let mut x = Xics::new(&[0, 4], vec![(OPAL_LSI, 1), (MSI_BASE, 16)]);
    for cpu in 0..2 {
        x.set_cppr(cpu, 0xff);
    }
    for irq in [A, B, OPAL_LSI] {
        assert!(x.set_xive(irq, 4 << 2, 5));
    }
    x
}

/// Steps separated by spaces: `+A` trigger, `^L`/`vL` level up/down, `x1`
/// GET_XIRR of CPU 1, `eA` EOI restoring CPPR 0xff, `mA`/`uA` mask/unmask,
/// `i5`/`i-` IPI to CPU 1. Answers: vector or `.`, EOI `0`/`1`, then the line.
fn check(steps: &str, want: &str) {
    let mut x = two_cpus();
    let mut got = Vec::new();
    let irq = |c: &str| match c {
        "A" => A,
        "B" => B,
        "L" => OPAL_LSI,
        "I" => crate::xics::IPI,
        other => panic!("{other}"),
    };
    for step in steps.split(' ') {
        let (op, arg) = step.split_at(1);
        match op {
            "+" => _ = x.trigger(irq(arg)),
            "^" => _ = x.set_level(irq(arg), true),
            "v" => _ = x.set_level(irq(arg), false),
            "m" => _ = x.set_xive(irq(arg), 4 << 2, 0xff),
            "u" => _ = x.set_xive(irq(arg), 4 << 2, 5),
            "<" => _ = x.set_xive(irq(arg), 4 << 2, 4),
            "0" => _ = x.set_xive(irq(arg), 0, 5),
            "i" => _ = x.set_mfrr(4, arg.parse().unwrap_or(0xff)),
            "c" => x.set_cppr(1, arg.parse().unwrap()),
            "e" => got.push(if x.eoi(1, 0xff00_0000 | irq(arg)) { "1" } else { "0" }.to_owned()),
            "x" => {
                let xirr = x.get_xirr(arg.parse().unwrap());
                got.push(match xirr & 0xff_ffff {
                    0 => ".".into(),
                    A => "A".into(),
                    B => "B".into(),
                    OPAL_LSI => "L".into(),
                    2 => "I".into(),
                    other => format!("{other:x}"),
                });
            }
            other => panic!("{other}"),
        }
    }
    got.push(if x.pending(1) { "line" } else { "quiet" }.into());
    assert_eq!(got.join(" "), want, "{steps}");
}

#[test]
fn scenarios() {
    check("x1", ". quiet");
    check("+A", "line");
    check("+A x0", ". line");
    check("+A x1", "A quiet");
    check("+A x1 x1", "A . quiet");
    check("+A x1 eA x1", "A 0 . quiet");
    // An edge in service is latched once.
    check("+A x1 +A +A eA x1 eA x1", "A 1 A 0 . quiet");
    // Equal priority waits for the EOI; among equals the lowest number first.
    check("+B +A x1 x1 eA x1 eB", "A . 1 B 0 quiet");
    check("+A +B <B x1 x1", "B . quiet");
    check("+A x1 <B +B x1", "A B quiet");
    // A level stays until it is lowered.
    check("^L x1 eL x1 vL eL x1", "L 1 L 0 . quiet");
    check("^L vL x1", ". quiet");
    // Masked sources keep their edge.
    check("mA +A x1 uA x1", ". A quiet");
    check("+A mA x1", ". quiet");
    check("+A 0A x1 x0", ". A quiet");
    // CPPR holds back.
    check("c5 +A x1", ". quiet");
    check("c0 +A x1 c6 x1", ". A quiet");
    // IPIs: MFRR stays until software clears it.
    check("i4 x1 i- eI x1", "I 0 . quiet");
    check("i4 x1 eI x1", "I 1 I quiet");
    check("+A i4 x1 i- eI x1", "I 1 A quiet");
    check("+A i5 x1", "I quiet");
    check("<A +A i5 x1", "A quiet");
}

#[test]
fn what_does_not_exist_is_refused() {
    let mut x = two_cpus();
    assert!(!x.set_xive(0, 0, 5) && !x.set_xive(2, 0, 5) && !x.set_xive(MSI_BASE + 16, 0, 5));
    assert!(!x.set_xive(A, 4, 5), "server is hwid << 2");
    assert!(!x.set_xive(A, 1 << 40, 5));
    assert!(!x.trigger(MSI_BASE + 16));
    assert_eq!(x.get_xive(MSI_BASE + 16), None);
    assert_eq!(x.get_xive(A), Some((16, 5)));
    assert_eq!(x.get_xive(MSI_BASE + 2), Some((0, 0xff)), "never set: masked");
    assert_eq!(x.get_xirr(7), 0);
    assert!(!x.pending(7));
    let xirr = {
        x.set_cppr(1, 7);
        x.trigger(A);
        x.get_xirr(1)
    };
    assert_eq!(xirr, 7 << 24 | A, "XIRR holds the old CPPR");
}
