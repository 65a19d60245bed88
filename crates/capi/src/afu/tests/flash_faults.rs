//! Faults of the units and their drives, through the AFU.

use super::*;
use fabric::{Mishap, NotDone};

/// Does one thing at the next `scsi` point of a kind.
struct Unit(&'static str, Option<Effect>);
impl Injector for Unit {
    fn at(&mut self, _: Ticks, p: &Point<'_>) -> Option<Effect> {
        if p.name == "scsi" && p.kind == self.0 { self.1.take() } else { None }
    }
}

fn once(b: &mut Bench, kind: &'static str, effect: Effect) {
    b.inject = Box::new(Unit(kind, Some(effect)));
}
fn io(write: bool, lba: u64, blocks: u32) -> Ioarcb {
    let flags = if write { REQ_FLAGS_HOST_WRITE } else { 0 };
    let cdb = if write { write16(lba, blocks) } else { read16(lba, blocks) };
    Ioarcb { data_len: blocks * 4096, ..rcb(0, flags, &cdb) }
}
fn write(b: &mut Bench, lba: u64, blocks: u32, byte: u8) -> u32 {
    b.host.mem[DATA as usize..][..blocks as usize * 4096].fill(byte);
    run(b, 0, &io(true, lba, blocks))
}
/// The first byte of each block, or the status.
fn read(b: &mut Bench, lba: u64, blocks: u32) -> Result<Vec<u8>, u32> {
    match run(b, 0, &io(false, lba, blocks)) {
        0 => {
            Ok(b.host.mem[DATA as usize..][..blocks as usize * 4096].iter().step_by(4096).copied().collect())
        }
        status => Err(status),
    }
}
fn mishap(b: &mut Bench, name: &str, fields: &[(&str, u64)]) -> Result<(), NotDone> {
    b.with(|afu, bus| afu.flash_mishap(&Mishap { name, fields }, bus))
}
fn sense(b: &Bench) -> [u8; 3] {
    let raw = &b.host.mem[RCB as usize + 64 + 12..];
    [raw[2], raw[12], raw[13]]
}

#[test]
fn statuses_and_sense_of_every_kind() {
    for (code, ioasc, key) in [
        (0x0800_0000, 0x0000_0800, [0; 3]),
        (0x2800_0000, 0x0000_2800, [0; 3]),
        (0x1800_0000, 0x0000_1800, [0; 3]),
        (0x0203_1100, 0x8000_0200, [3, 0x11, 0]),
        (0x020B_4400, 0x8000_0200, [0xB, 0x44, 0]),
        (0x0200_0000, 0x0000_0200, [0; 3]),
        (0x0003_1100, 0x8000_0000, [3, 0x11, 0]),
    ] {
        let mut b = bench();
        once(&mut b, "read", Effect::Fail(code));
        assert_eq!(read(&mut b, 7, 1), Err(ioasc), "{code:08x}");
        assert_eq!(sense(&b), key, "{code:08x}");
        assert!(read(&mut b, 7, 1).is_ok(), "only once");
    }
}

#[test]
fn spoiled_data() {
    let mut b = bench();
    assert_eq!(write(&mut b, 0, 8, 1), 0);
    once(&mut b, "write", Effect::Value(1));
    assert_eq!(write(&mut b, 0, 2, 2), 0, "lost");
    assert_eq!(read(&mut b, 0, 2), Ok(vec![1, 1]));
    once(&mut b, "write", Effect::Value(2));
    assert_eq!(write(&mut b, 0, 4, 3), 0, "torn");
    assert_eq!(read(&mut b, 0, 5), Ok(vec![3, 3, 1, 1, 1]));
    once(&mut b, "write", Effect::Value(2));
    assert_eq!(write(&mut b, 7, 1, 3), 0, "torn inside a block");
    assert_eq!(read(&mut b, 7, 1), Ok(vec![3]));
    let at = |n: usize| b.host.mem[DATA as usize + n];
    assert_eq!((at(511), at(512)), (3, 1));
    once(&mut b, "write", Effect::Value(3));
    assert_eq!(write(&mut b, 4, 1, 4), 0, "misdirected");
    assert_eq!(read(&mut b, 4, 2), Ok(vec![1, 4]));
    once(&mut b, "read", Effect::Value(5));
    assert_eq!(read(&mut b, 0, 1), Ok(vec![3]));
    assert_eq!((b.host.mem[DATA as usize + 2047], b.host.mem[DATA as usize + 2048]), (3, 2), "one bit");
    once(&mut b, "read", Effect::Value(4));
    assert_eq!(read(&mut b, 4, 2), Ok(vec![0, 0]), "stale: the medium has never seen them");
    for (value, status) in [(6, 0x1000_005A), (7, 0x2000_005A), (8, 0x0000_005B)] {
        once(&mut b, "read", Effect::Value(value));
        assert_eq!(read(&mut b, 0, 2), Err(status));
    }
}

#[test]
fn a_unit_that_is_late_or_silent() {
    let mut b = bench();
    once(&mut b, "read", Effect::Hold(Ticks::secs(1)));
    let late = submit_at(&mut b, 0, 0, &io(false, 0, 1));
    b.pass(Ticks::millis(999));
    assert_eq!(status(&b, late), 0xEEEE_EEEE);
    b.pass(Ticks::millis(2));
    assert_eq!(status(&b, late), 0);
    once(&mut b, "read", Effect::Drop);
    let silent = submit_at(&mut b, 0, 0, &Ioarcb { timeout: 2, ..io(false, 0, 1) });
    b.pass(Ticks::secs(30));
    assert_eq!(status(&b, silent) & 0x00FF_0000, 0x0051_0000, "the AFU's own timeout ends it");
}

#[test]
fn power_loss_takes_unflushed_blocks_and_leaves_the_flushed() {
    let mut b = bench();
    assert_eq!(write(&mut b, 0, 8, 1), 0);
    assert_eq!(run(&mut b, 0, &rcb(0, 0, &[0x35])), 0);
    b.pass(Ticks::millis(10));
    assert_eq!(write(&mut b, 0, 4, 2), 0);
    assert_eq!(write(&mut b, 8, 8, 3), 0);
    let open = submit_at(&mut b, 0, 1, &io(false, 0, 1));
    b.pass(Ticks::micros(20));
    assert_eq!(mishap(&mut b, "power-loss", &[]), Ok(()));
    b.pass(Ticks::millis(1));
    assert_eq!(status(&b, open), 0x0000_0057, "the link went with the power");
    b.pass(Ticks::millis(250));
    assert_eq!(read(&mut b, 0, 1), Err(0x8000_0200));
    assert_eq!(sense(&b), [6, 0x29, 0]);
    let now = read(&mut b, 0, 16).expect("ready again");
    assert!(now[..4].iter().all(|v| [1, 2].contains(v)) && now[4..8] == [1; 4], "{now:?}");
    assert!(now[8..].iter().all(|v| [0, 3].contains(v)), "{now:?}");
    let lost =
        now.iter().zip([2, 2, 2, 2, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3]).filter(|(a, b)| **a != *b).count();
    assert!((1..12).contains(&lost), "by chance some: {now:?}");
}

#[test]
fn units_change_under_the_host() {
    let mut b = bench();
    assert_eq!(mishap(&mut b, "capacity", &[("lun", 0), ("value", 1 << 20)]), Ok(()));
    assert_eq!(read(&mut b, 0, 1), Err(0x8000_0200));
    assert_eq!(sense(&b), [6, 0x2A, 9]);
    assert_eq!(read(&mut b, 256, 1), Err(0x8000_0200));
    assert_eq!(sense(&b), [5, 0x21, 0]);
    assert_eq!(mishap(&mut b, "bad-block", &[("lba", 9)]), Ok(()));
    assert_eq!(read(&mut b, 8, 4), Err(0x8000_0200));
    assert_eq!(sense(&b), [3, 0x11, 0]);
    assert_eq!(b.host.mem[RCB as usize + 64 + 12 + 6], 9, "INFORMATION");
    assert_eq!(write(&mut b, 9, 1, 1), 0);
    assert!(read(&mut b, 8, 4).is_ok(), "written, it can be read");
    assert_eq!(mishap(&mut b, "worn-out", &[]), Ok(()));
    assert_eq!(write(&mut b, 0, 1, 1), 0x8000_0200);
    assert_eq!(sense(&b), [7, 0x27, 0]);
    assert_eq!(mishap(&mut b, "stuck", &[("span", 5_000_000_000)]), Ok(()));
    let stuck = submit_at(&mut b, 0, 0, &io(false, 0, 1));
    b.pass(Ticks::millis(4_900));
    assert_eq!(status(&b, stuck), 0xEEEE_EEEE);
    b.pass(Ticks::millis(200));
    assert_eq!(status(&b, stuck), 0);
    assert_eq!(mishap(&mut b, "lun-gone", &[("lun", 0)]), Ok(()));
    assert_eq!(read(&mut b, 0, 1), Err(0x8000_0200));
    assert_eq!(sense(&b), [5, 0x25, 0]);
    assert_eq!(mishap(&mut b, "lun-back", &[("lun", 0)]), Ok(()));
    assert_eq!(read(&mut b, 0, 1), Err(0x8000_0200));
    assert_eq!(sense(&b), [6, 0x3F, 0xE]);
    assert_eq!(mishap(&mut b, "wwid", &[("lun", 0), ("value", 1)]), Ok(()));
    let names: Vec<_> = b.afu.target_mut().luns().iter().map(|l| l.config.wwid).collect();
    assert_eq!(names[0], names[1]);
    let must = "the number of a unit";
    assert_eq!(mishap(&mut b, "bad-block", &[("lun", 99)]), Err(NotDone::Field { field: "lun", must }));
    assert_eq!(mishap(&mut b, "rain", &[]), Err(NotDone::Unknown("rain".into())));
}
