//! Floats and vectors where the oracle is no help: what it does not model or
//! gets wrong, what suppresses a result, what traps.

use super::{Bench, check};
use crate::fpscr::bit::*;
use crate::interrupt::{program, vector};
use crate::msr;

const ONE: &str = "0x3ff0000000000000_0000000000000000";
const THREE: &str = "0x4008000000000000_0000000000000000";

/// `text` with vs1=`a` and vs2=`b` under `fpscr`: vs3 and the FPSCR.
fn run(text: &str, a: u128, b: u128, fpscr: u64) -> (u128, u64) {
    let mut bench = Bench::new();
    bench.cpu.set_vsr(1, a);
    bench.cpu.set_vsr(2, b);
    bench.cpu.set_fpscr(fpscr);
    bench.step(text).unwrap_or_else(|trap| panic!("{text}: {trap:?}"));
    (bench.cpu.vsr(3), bench.cpu.fpscr)
}
fn high(x: u64) -> u128 {
    (x as u128) << 64
}
const F1: u64 = 0x3FF0_0000_0000_0000;
const F3: u64 = 0x4008_0000_0000_0000;
const F10: u64 = 0x4024_0000_0000_0000;
const SNAN: u64 = 0x7FF0_0000_0000_0001;

#[test]
fn fr_tells_that_the_magnitude_grew() {
    // 1/3 rounds down, 1/10 up; toward zero neither grows.
    assert_eq!(run("fdiv f3,f1,f2", high(F1), high(F3), 0).1 & (FR | FI), FI);
    assert_eq!(run("fdiv f3,f1,f2", high(F1), high(F10), 0).1 & (FR | FI), FR | FI);
    assert_eq!(run("fdiv f3,f1,f2", high(F1), high(F10), 1).1 & (FR | FI), FI);
}
#[test]
fn fx_is_set_by_a_change_alone() {
    assert_eq!(run("fdiv f3,f1,f2", high(F1), high(F3), 0).1 & (FX | XX), FX | XX);
    assert_eq!(run("fdiv f3,f1,f2", high(F1), high(F3), XX).1 & (FX | XX), XX);
    assert_eq!(run("mtfsb1 6", 0, 0, 0).1, FX | XX);
}
#[test]
fn negative_multiply_add_rounds_before_it_negates() {
    // 1 × 1 + 2^-60 toward +infinity is the number above 1.
    let mut bench = Bench::new();
    bench.cpu.set_fpr(1, F1);
    bench.cpu.set_fpr(2, 0x3C30_0000_0000_0000);
    bench.cpu.set_fpscr(2);
    bench.step("fnmadd f3,f1,f1,f2").expect("nothing is enabled");
    assert_eq!(bench.cpu.fpr(3), 0xBFF0_0000_0000_0001);
}
#[test]
fn an_enabled_invalid_operation_keeps_the_target() {
    assert_eq!(run("fadd f3,f1,f2", high(SNAN), high(F1), 0).0, high(SNAN | 1 << 51));
    let (target, fpscr) = run("fadd f3,f1,f2", high(SNAN), high(F1), VE | FR | FI);
    assert_eq!((target, fpscr), (0, VE | VXSNAN | VX | FX | FEX));
    // One element of a vector suffices.
    let (target, _) = run("xvadddp vs3,vs1,vs2", high(SNAN), high(F1), VE);
    assert_eq!(target, 0);
    let (target, _) = run("xvdivdp vs3,vs1,vs2", high(F1) | F1 as u128, high(F3) | F1 as u128, XE);
    assert_eq!(target, 0);
}
#[test]
fn an_enabled_exception_traps_if_msr_says_so() {
    let fdiv = |msr: u64| {
        let mut bench = Bench::new();
        bench.cpu.set_fpr(1, F1);
        bench.cpu.set_fpscr(ZE);
        bench.cpu.set_msr(bench.cpu.msr | msr);
        let end = bench.step("fdiv f3,f1,f2");
        (end.is_err(), bench.cpu.raised.srr1, bench.cpu.fpscr & (ZX | FEX))
    };
    assert_eq!(fdiv(0), (false, 0, ZX | FEX));
    assert_eq!(fdiv(msr::FE0), (true, program::FP_ENABLED, ZX | FEX));
    assert_eq!(fdiv(msr::FE1), (true, program::FP_ENABLED, ZX | FEX));
}
#[test]
fn facilities() {
    let unavailable = |text: &str, off: u64, vector: u16| {
        let mut bench = Bench::new();
        bench.cpu.set_msr(bench.cpu.msr & !off);
        assert!(bench.step(text).is_err(), "{text}");
        assert_eq!(bench.cpu.raised.vector, vector, "{text}");
    };
    unavailable("fadd f1,f2,f3", msr::FP, vector::FP_UNAVAILABLE);
    unavailable("vaddubm v1,v2,v3", msr::VEC, vector::VECTOR_UNAVAILABLE);
    unavailable("xxlor vs1,vs2,vs3", msr::VSX, vector::VSX_UNAVAILABLE);
    unavailable("mfvsrd r1,vs2", msr::FP, vector::FP_UNAVAILABLE);
    unavailable("mfvsrd r1,vs34", msr::VEC, vector::VECTOR_UNAVAILABLE);
    unavailable("mtvsrdd vs1,r2,r3", msr::VSX, vector::VSX_UNAVAILABLE);
    unavailable("xxspltib vs33,1", msr::VEC, vector::VECTOR_UNAVAILABLE);
    unavailable("xsaddqp v1,v2,v3", msr::VSX, vector::VSX_UNAVAILABLE);
}
#[test]
fn vectors_the_oracle_gets_wrong() {
    // SH=4, MB=32, ME=63: the low word of the rotated doubleword is inserted.
    check(
        "vrldmi v1,v2,v3",
        "vs33=0xffffffffffffffff_ffffffffffffffff vs34=0x0123456789abcdef_0000000000000000 vs35=0x0000000000203f04_0000000000203f04",
        "vs33=0xffffffff9abcdef0_ffffffff00000000",
    );
    // 2^1 = 2, 2^-1 = 1/2, 2^-200 = 0, 2^(1/2).
    check(
        "vexptefp v1,v2",
        "vs34=0x3f800000_bf800000_c3480000_3f000000",
        "vs33=0x40000000_3f000000_00000000_3fb504f3",
    );
    // log2 of 8, 1/2, 0, -1.
    check(
        "vlogefp v1,v2",
        "vs34=0x41000000_3f000000_00000000_bf800000",
        "vs33=0x40400000_bf800000_ff800000_7fc00000",
    );
    // A denormal single is in class 2 (+) alone; 2^-200 is no single.
    check("xststdcsp cr1,vs1,2", "vs1=0x36a0000000000000_0000000000000000", "cr1=EQ");
    check("xststdcsp cr1,vs1,125", "vs1=0x36a0000000000000_0000000000000000", "cr1=-");
    check("xststdcsp cr1,vs1,2", "vs1=0x3370000000000000_0000000000000000", "cr1=3");
    check("bcdus. v1,v2,v3", "vs34=0x1_0000000000000000 vs35=0x12", "vs33=0x120 cr6=GT");
    check("fre f3,f1", "vs1=0", "vs3=0x7ff0000000000000_0000000000000000");
    check(
        "xvcvdpsxds vs3,vs1",
        "vs1=0x7ff8000000000000_3ff0000000000000",
        "vs3=0x8000000000000000_0000000000000001",
    );
}
#[test]
fn vscr_has_two_bits() {
    let mut bench = Bench::new();
    bench.cpu.set_vr(1, u128::MAX);
    bench.step("mtvscr v1").expect("MSR[VEC] is on");
    assert_eq!(bench.cpu.vscr, 0x1_0001);
}
#[test]
fn quad_rounds_to_odd() {
    let quad = |x: u128| x << 112;
    let run = |text: &str| {
        let mut bench = Bench::new();
        bench.cpu.set_vr(1, quad(0x3FFF));
        bench.cpu.set_vr(2, quad(0x3FFF - 200));
        bench.step(text).expect("nothing is enabled");
        (bench.cpu.vr(3), bench.cpu.fpscr & (FR | FI))
    };
    assert_eq!(run("xsaddqp v3,v1,v2"), (quad(0x3FFF), FI));
    assert_eq!(run("xsaddqpo v3,v1,v2"), (quad(0x3FFF) | 1, FI));
}
#[test]
fn moves_and_choices() {
    check("fsel f3,f1,f2,f4", &format!("vs1={ONE} vs2={THREE}"), &format!("vs3={THREE}"));
    check(
        "fsel f3,f1,f2,f4",
        &format!("vs1=0x7ff8000000000000_0000000000000000 vs4={ONE}"),
        &format!("vs3={ONE}"),
    );
}
