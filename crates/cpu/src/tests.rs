//! Instructions as lines of data: assembler text, state before, state after.

mod floats;

use crate::env::NoPlatform;
use crate::interrupt::Trap;
use crate::{Cpu, Env, msr};
use fabric::GuestMemory;
use isa::Word;

/// A CPU in hypervisor real mode, little-endian, with everything available,
/// at [`CIA`], and 64 KiB of memory.
pub(crate) struct Bench {
    pub cpu: Cpu,
    pub mem: GuestMemory,
}

const CIA: u64 = 0x1000;

impl Bench {
    pub fn new() -> Bench {
        let mut cpu = Cpu::new(0);
        cpu.set_msr(msr::SF | msr::HV | msr::ME | msr::RI | msr::LE | msr::FP | msr::VEC | msr::VSX);
        cpu.cia = CIA;
        Bench { cpu, mem: GuestMemory::new(1 << 16).expect("64 KiB") }
    }
    /// Executes one instruction and says how it ended.
    pub fn step(&mut self, text: &str) -> Result<(), Trap> {
        let word = Word(isa::assemble(text, self.cpu.cia).expect("the test's instruction"));
        self.cpu.nia = self.cpu.cia + 4;
        let mut env = Env { mem: &self.mem, platform: &mut NoPlatform };
        match crate::exec::handler_of(word)(&mut self.cpu, &mut env, word) {
            Err(Trap::Branched) => Ok(()),
            other => other,
        }
    }
    /// `r4=-1 cr0=EQ m2000=0x1122`: sets (memory: a doubleword, little-endian).
    fn set(&mut self, name: &str, value: &str) {
        let v = parse(value);
        let index = |prefix: &str| name.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok());
        match name {
            "ctr" => self.cpu.ctr = v as u64,
            "lr" => self.cpu.lr = v as u64,
            "xer" => self.cpu.xer = v as u64,
            "cr" => self.cpu.cr = v as u32,
            _ => {
                if let Some(i) = index("cr") {
                    self.cpu.set_crf(i, v as u32);
                } else if let Some(i) = index("vs") {
                    self.cpu.set_vsr(i, v);
                } else if let Some(i) = index("r") {
                    self.cpu.gpr[i] = v as u64;
                } else {
                    let _ = self.mem.write(address(name), (v as u64).to_le_bytes());
                }
            }
        }
    }
    fn get(&self, name: &str) -> u128 {
        let index = |prefix: &str| name.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok());
        match name {
            "ctr" => self.cpu.ctr as u128,
            "lr" => self.cpu.lr as u128,
            "xer" => self.cpu.xer as u128,
            "cr" => self.cpu.cr as u128,
            "nia" => self.cpu.nia as u128,
            _ => {
                if let Some(i) = index("cr") {
                    self.cpu.crf(i) as u128
                } else if let Some(i) = index("vs") {
                    self.cpu.vsr(i)
                } else if let Some(i) = index("r") {
                    self.cpu.gpr[i] as u128
                } else {
                    u64::from_le_bytes(self.mem.read(address(name)).expect("in memory")) as u128
                }
            }
        }
    }
}

/// `m2000`: the doubleword at 0x2000.
fn address(name: &str) -> u64 {
    let hex = name.strip_prefix('m').unwrap_or_else(|| panic!("{name}: no such register"));
    u64::from_str_radix(hex, 16).expect("an address")
}
/// Hexadecimal, decimal, negative, or the letters of a CR field.
fn parse(text: &str) -> u128 {
    if let Some(hex) = text.strip_prefix("0x") {
        return u128::from_str_radix(&hex.replace('_', ""), 16).expect("hexadecimal");
    }
    match text {
        "LT" => 8,
        "GT" => 4,
        "EQ" => 2,
        "SO" => 1,
        "-" => 0,
        _ => text.parse::<i64>().expect("a number") as u64 as u128,
    }
}
fn pairs(list: &str) -> Vec<(&str, &str)> {
    list.split_whitespace().map(|p| p.split_once('=').expect("name=value")).collect()
}

/// Executes `text` from the state `before`; `after` names what must hold.
/// Registers that neither names must keep their zero.
#[track_caller]
fn check(text: &str, before: &str, after: &str) {
    let mut bench = Bench::new();
    pairs(before).into_iter().for_each(|(name, value)| bench.set(name, value));
    bench.step(text).unwrap_or_else(|trap| panic!("{text}: {trap:?} {:x?}", bench.cpu.raised));
    for (name, value) in pairs(after) {
        let (is, wanted) = (bench.get(name), parse(value));
        assert!(is == wanted, "{text} from {before}: {name} is {is:#x}, not {wanted:#x}");
    }
    for i in 0..32 {
        let name = format!("r{i}");
        let named = pairs(before).into_iter().chain(pairs(after)).any(|(n, _)| n == name);
        assert!(named || bench.cpu.gpr[i] == 0, "{text} changed {name}");
    }
}
/// Executes `text`; it must raise the interrupt at `vector`.
#[track_caller]
fn traps(text: &str, before: &str, vector: u16, srr1: u64) {
    let mut bench = Bench::new();
    pairs(before).into_iter().for_each(|(name, value)| bench.set(name, value));
    assert_eq!(bench.step(text), Err(Trap::Interrupt), "{text}");
    assert_eq!((bench.cpu.raised.vector, bench.cpu.raised.srr1), (vector, srr1), "{text}");
}

#[test]
fn arithmetic() {
    check("add. r3,r4,r5", "r4=-1 r5=1", "r3=0 cr0=EQ xer=0");
    check("addo r3,r4,r5", "r4=0x7fffffffffffffff r5=1", "r3=0x8000000000000000 xer=0xc0000000");
    check("addo r3,r4,r5", "r4=0x7fffffff r5=1", "r3=0x80000000 xer=0x00080000");
    check("addc r3,r4,r5", "r4=-1 r5=1", "r3=0 xer=0x20040000");
    check("adde r3,r4,r5", "r4=1 r5=1 xer=0x20000000", "r3=3 xer=0");
    check("subf r3,r4,r5", "r4=1 r5=3", "r3=2");
    check("subfic r3,r4,0", "r4=0", "r3=0 xer=0x20040000");
    check("nego. r3,r4", "r4=0x8000000000000000", "r3=0x8000000000000000 cr0=9");
    check("addi r3,0,-1", "", "r3=-1");
    check("addis r3,r4,-32768", "r4=1", "r3=0xffffffff80000001");
    check("addpcis r3,1", "", "r3=0x11004");
    check("mulld r3,r4,r5", "r4=-3 r5=7", "r3=-21");
    check("mulhd r3,r4,r5", "r4=-1 r5=1", "r3=-1");
    check("mulhdu r3,r4,r5", "r4=-1 r5=-1", "r3=-2");
    check("divd r3,r4,r5", "r4=-7 r5=2", "r3=-3");
    check("divwuo r3,r4,r5", "r4=7 r5=0", "xer=0xc0080000 r3=7");
    check("divdeo r3,r4,r5", "r4=1 r5=2", "r3=0 xer=0xc0080000");
    check("modsd r3,r4,r5", "r4=-7 r5=2", "r3=-1");
    check("maddld r3,r4,r5,r6", "r4=3 r5=4 r6=5", "r3=17");
    check("darn r3,1", "", "r3=0x0123456789abcdef");
    check("darn r3,0", "", "r3=0x89abcdef");
    check("darn r3,3", "", "r3=-1");
}
#[test]
fn logic_and_rotates() {
    check("or. r4,r3,r3", "r3=-1", "r4=-1 cr0=LT");
    check("rlwinm r4,r3,8,24,31", "r3=0x12345678", "r4=0x12");
    check("rlwinm r4,r3,0,31,0", "r3=0x80000001", "r4=0x8000000180000001");
    check("rldicl r4,r3,32,32", "r3=0x1122334455667788", "r4=0x11223344");
    check("rldimi r4,r3,32,0", "r3=1 r4=2", "r4=0x100000002");
    check("sld r4,r3,r5", "r3=1 r5=64", "r4=0");
    check("srawi r4,r3,1", "r3=-1", "r4=-1 xer=0x20040000");
    check("sradi r4,r3,63", "r3=0x8000000000000000", "r4=-1 xer=0");
    check("cmpb r4,r3,r5", "r3=0x1122 r5=0x1133", "r4=0xffffffffffffff00");
    check("bpermd r4,r3,r5", "r3=0x3f3e3d3c3b3a3938 r5=0x81", "r4=0x81");
    check("extswsli r4,r3,4", "r3=0x80000000", "r4=0xfffffff800000000");
    check("cntlzd r4,r3", "r3=0", "r4=64");
    check("popcntb r4,r3", "r3=0xff01", "r4=0x0801");
}
#[test]
fn compares_and_condition_register() {
    check("cmpi cr1,1,r3,-1", "r3=-1 xer=0x80000000", "cr1=3");
    check("cmpl cr7,0,r3,r4", "r3=0xffffffff00000000 r4=1", "cr7=LT");
    check("cmpeqb cr2,r3,r4", "r3=0x41 r4=0x0000410000000000", "cr2=GT");
    check("setb r3,cr1", "cr1=LT", "r3=-1");
    check("mfocrf r3,128", "cr=0x12345678", "r3=0x10000000");
    check("mtcrf 129,r3", "r3=0xabcdef98 cr=0x12345678", "cr=0xa2345678");
    check("crxor 31,31,31", "cr=0xffffffff", "cr=0xfffffffe");
    check("isel r3,0,r4,2", "cr0=EQ r4=9", "r3=0");
    check("mcrxrx cr3", "xer=0xe0000000", "cr3=10");
}
#[test]
fn branches() {
    check("bl 0x800", "", "nia=0x800 lr=0x1004");
    check("ba 0x200", "", "nia=0x200");
    check("bc 16,0,0x1010", "ctr=2", "nia=0x1010 ctr=1");
    check("bc 18,0,0x1010", "ctr=2", "nia=0x1004 ctr=1");
    check("bc 12,2,0x1010", "cr0=EQ", "nia=0x1010");
    check("bclrl 20,0,0", "lr=0x2003", "nia=0x2000 lr=0x1004");
    check("bcctr 4,2,0", "ctr=0x3000 cr0=GT", "nia=0x3000");
    traps("tdi 31,r3,0", "", 0x700, 0x2_0000);
    traps("twi 16,r3,0", "r3=0x80000000", 0x700, 0x2_0000);
    check("twi 16,r3,0", "r3=0x100000000", "nia=0x1004");
}
#[test]
fn loads_and_stores() {
    check("lwzu r3,8(r4)", "r4=0x1ff8 m2000=0x8877665544332211", "r3=0x44332211 r4=0x2000");
    check("lha r3,0(r4)", "r4=0x2000 m2000=0x8000", "r3=-32768");
    check("ldbrx r3,0,r4", "r4=0x2000 m2000=0x8877665544332211", "r3=0x1122334455667788");
    check("stbx r3,r4,r5", "r3=0x1ff r4=0x2000 r5=1", "m2000=0xff00");
    check("stdu r1,-16(r1)", "r1=0x2010", "m2000=0x2010 r1=0x2000");
    check("lq r4,0(r6)", "r6=0x2000 m2000=1 m2008=2", "r4=2 r5=1");
    check("lfs f1,0(r4)", "r4=0x2000 m2000=0x3fc00000", "vs1=0x3ff80000000000000000000000000000");
    check("lxvd2x vs1,0,r4", "r4=0x2000 m2000=1 m2008=2", "vs1=0x10000000000000002");
    check("lxvx vs1,0,r4", "r4=0x2000 m2000=1 m2008=2", "vs1=0x20000000000000001");
    check("lxvl vs1,r4,r5", "r4=0x2000 r5=0x0300000000000000 m2000=0x44332211", "vs1=0x332211");
    check("dcbz 0,r4", "r4=0x20ff m2078=1 m2080=1 m20f8=1 m2100=1", "m2078=1 m2080=0 m20f8=0 m2100=1");
    check("paste. 0,r4", "r4=0x2000 cr0=EQ", "cr0=-");
}
#[test]
fn what_the_oracle_cannot_reach() {
    // Alignment interrupts end QEMU's user mode.
    traps("lmw r29,0(r4)", "r4=0x2000", 0x600, 0);
    traps("stswi r5,r4,4", "r4=0x2000", 0x600, 0);
    traps("lwarx r3,0,r4,0", "r4=0x2001", 0x600, 0);
    traps("stdcx. r3,0,r4", "r4=0x2004", 0x600, 0);
    traps("lq r6,0(r4)", "r4=0x2008", 0x600, 0);
    // Signed words, and the answer of a bounded operation that did nothing.
    check("lwat r3,r6,5", "r6=0x2000 r4=1 m2000=0xfffffffe", "r3=0xfffffffe m2000=1");
    check("lwat r3,r6,7", "r6=0x2000 r4=1 m2000=0xfffffffe", "r3=0xfffffffe m2000=0xfffffffe");
    check("ldat r3,r6,24", "r6=0x2000 m2000=5 m2008=5", "r3=0x8000000000000000 m2000=5");
    traps("ldat r3,r6,9", "r6=0x2000", 0x300, 0);
}
#[test]
fn reservations() {
    let mut b = Bench::new();
    b.set("r4", "0x2000");
    b.set("r6", "1");
    b.set("r7", "2");
    b.step("lqarx r8,0,r4,0").expect("aligned");
    b.step("stqcx. r6,0,r4").expect("aligned");
    assert_eq!((b.get("m2000"), b.get("m2008"), b.get("cr0")), (2, 1, 2));
    b.step("stqcx. r8,0,r4").expect("aligned");
    assert_eq!((b.get("m2000"), b.get("cr0")), (2, 0), "the reservation is used up");
    b.step("ldarx r8,0,r4,0").expect("aligned");
    b.step("stwcx. r8,0,r4").expect("aligned");
    assert_eq!(b.get("cr0"), 0, "another length");
}
#[test]
fn string_and_multiple_in_big_endian_mode() {
    let mut b = Bench::new();
    b.cpu.set_msr(b.cpu.msr & !msr::LE);
    b.set("m2000", "0x8877665544332211");
    b.set("r4", "0x2000");
    b.step("lswi r31,r4,6").expect("big-endian");
    assert_eq!((b.get("r31"), b.get("r0")), (0x1122_3344, 0x5566_0000));
    b.step("lmw r30,0(r4)").expect("big-endian");
    assert_eq!((b.get("r30"), b.get("r31")), (0x1122_3344, 0x5566_7788));
    b.step("stswi r30,r4,5").expect("big-endian");
    assert_eq!(b.get("m2000"), 0x8877_6655_4433_2211);
}
#[test]
fn facilities() {
    let mut b = Bench::new();
    b.cpu.set_msr(b.cpu.msr & !(msr::VSX | msr::VEC | msr::FP));
    let vectors = [
        ("lfd f0,0(r4)", 0x800),
        ("lvx v0,0,r4", 0xF20),
        ("lxv vs0,0(r4)", 0xF40),
        ("lxv vs32,0(r4)", 0xF20),
        ("lxvd2x vs32,0,r4", 0xF40),
        ("stxsd v0,0(r4)", 0xF20),
    ];
    for (text, vector) in vectors {
        assert_eq!(b.step(text), Err(Trap::Interrupt), "{text}");
        assert_eq!(b.cpu.raised.vector, vector, "{text}");
    }
}
