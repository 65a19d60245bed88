//! SCSI commands, one line each.

use super::pages::Identity;
use super::target::finish;
use super::*;
use std::sync::{Arc, Mutex};

fn target() -> Target {
    let id = Identity { vendor: "IBM".into(), product: "FlashSystem-9840".into(), revision: "1410".into() };
    Target::new(id, &[LunConfig::new(0, 16 << 30), LunConfig { ports: 1, ..LunConfig::new(300, 512 << 30) }])
}

fn cdb(hex: &str) -> [u8; 16] {
    let mut out = [0; 16];
    for (place, byte) in out.iter_mut().zip(hex.split(' ')) {
        *place = u8::from_str_radix(byte, 16).expect("hex");
    }
    out
}

fn run(t: &mut Target, lun: u64, hex: &str) -> Result<Plan, Sense> {
    let cdb = cdb(hex);
    t.plan(&Request { port: 0, lun_id: lun << 48, cdb: &cdb, extent: commands::extent(&cdb) })
}

/// `want` is the beginning of the reply, or key/asc/ascq, or "done".
fn check(lun: u64, hex: &str, want: &str) {
    let got = match run(&mut target(), lun, hex) {
        Ok(Plan::Reply(b)) => b.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
        Ok(Plan::Done) => "done".into(),
        Ok(plan) => format!("{plan:?}"),
        Err(s) => format!("{:x}/{:02x}/{:02x}", s.key, s.asc, s.ascq),
    };
    assert!(got.starts_with(want), "{hex}: got {got}, want {want}");
}

#[test]
fn replies() {
    check(0, "00", "done");
    check(0, "12 00 00 00 24", "00 00 06 22 1f 00 00 02 49 42 4d 20");
    check(0, "12 00 00 00 05", "00 00 06 22 1f");
    check(5, "12 00 00 00 24", "7f");
    check(0, "12 01 00 00 ff", "00 00 00 06 00 80 83 b0 b1 b2");
    check(0, "12 01 83 00 ff", "00 83 00 14 01 03 00 10 60 05 07 68");
    check(0, "12 01 80 00 ff", "00 80 00 20 36 30 30 35");
    check(0, "12 01 b0 00 ff", "00 b0 00 3c 01 00 00 01 00 00 10 00");
    check(0, "12 01 b1 00 ff", "00 b1 00 3c 00 01");
    check(0, "12 01 b2 00 ff", "00 b2 00 04 00 e4 02 00");
    check(0, "25", "00 3f ff ff 00 00 10 00");
    check(0, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20", "00 00 00 00 00 3f ff ff 00 00 10 00 00 00 c0");
    check(0, "a0 00 00 00 00 00 00 00 10 00", "00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 41 2c");
    check(0, "1a 00 3f 00 04", "23 00 10 00");
    check(0, "1a 00 08 00 ff", "17 00 10 00 08 12 04");
    check(0, "5a 00 08 00 00 00 00 00 ff", "00 1a 00 10 00 00 00 00 08 12 04");
    check(0, "03 00 00 00 12", "70 00 00 00 00 00 00 0a");
    check(0, "1b 00 00 00 01", "done");
    check(0, "4d 00 0d 00 00 00 00 00 ff", "0d 00 00 0c 00 00 03 02 00 26");
    check(0, "a3 0c 01 93 00 00 00 00 00 14", "00 03 00 10 93 09");
    check(0, "a3 0c 01 41 00 00 00 00 00 0e", "00 03 00 0a 41 08");
    check(0, "a3 0c 03 a2 b5 00 00 00 00 0e", "00 01 00 00");
    check(0, "35", "done");
    check(0, "91", "done");
}

#[test]
fn errors() {
    check(0, "12 01 89 00 ff", "5/24/00");
    check(5, "00", "5/25/00");
    check(0, "5e", "5/20/00");
    check(0, "5f", "5/20/00");
    check(0, "ff", "5/20/00");
    check(0, "9e 12", "5/24/00");
    check(0, "1a 00 ff 00 ff", "5/39/00");
    check(0, "1a 00 1c 00 ff", "5/24/00");
    check(0, "a0 00 00 00 00 00 00 00 00 0f", "5/24/00");
    check(0, "28 00 00 40 00 00 00 00 01", "5/21/00");
    check(0, "28 00 00 3f ff ff 00 00 02", "5/21/00");
    check(0, "88 00 ff ff ff ff ff ff ff ff 00 00 00 02", "5/21/00");
    check(0, "88 00 00 00 00 00 00 00 00 00 00 00 20 00", "5/24/00");
    check(0, "28 20 00 00 00 00 00 00 01", "5/24/00");
    check(0, "93 00 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00");
    check(0, "93 00 00 00 00 00 00 00 00 00 00 01 00 01", "5/24/00");
    check(0, "42 00 00 00 00 00 00 00 07", "5/1a/00");
}

#[test]
fn transfers() {
    check(0, "28 08 00 3f ff ff 00 00 01", "Read { offset: 17179865088, len: 4096 }");
    check(0, "8a 00 00 00 00 00 00 00 00 01 00 00 10 00", "Write { offset: 4096, len: 16777216 }");
    check(0, "a8 00 00 00 00 02 00 00 00 01", "Read { offset: 8192, len: 4096 }");
    check(0, "93 08 00 00 00 00 00 00 00 00 00 01 00 00", "WriteSame { lba: 0, blocks: 65536, len: 4096 }");
    check(0, "42 00 00 00 00 00 00 00 18", "Unmap { len: 24 }");
    check(300, "28 00 00 00 00 00 00 00 01", "Read");
}

#[test]
fn attention_is_reported_once_per_port_and_not_to_inquiry() {
    let mut t = target();
    t.luns_mut()[0].attend(sense::POWER_ON);
    assert!(run(&mut t, 0, "12 00 00 00 24").is_ok());
    assert!(run(&mut t, 0, "a0 00 00 00 00 00 00 00 10 00").is_ok());
    assert_eq!(run(&mut t, 0, "00"), Err(sense::POWER_ON));
    assert_eq!(run(&mut t, 0, "00"), Ok(Plan::Done));
    let tur = cdb("00");
    let other = Request { port: 1, lun_id: 0, cdb: &tur, extent: (0, 0) };
    assert_eq!(t.plan(&other), Err(sense::POWER_ON));
}

#[test]
fn write_same_and_unmap_change_blocks() {
    let mut t = target();
    let lun = t.unit(0).expect("unit");
    let same = Plan::WriteSame { lba: 2, blocks: 3, len: 4096 };
    finish(lun, &same, &[9; 4096]).expect("pattern");
    let mut out = [0; 4096 * 5];
    lun.read(4096, &mut out).expect("read");
    assert_eq!((out[4095], out[4096], out[4096 * 4 - 1], out[4096 * 4]), (0, 9, 9, 0));
    let mut list = vec![0, 22, 0, 16, 0, 0, 0, 0];
    list.extend(3u64.to_be_bytes());
    list.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    finish(lun, &Plan::Unmap { len: 24 }, &list).expect("list");
    lun.read(4096, &mut out).expect("read");
    assert_eq!((out[4096], out[8192], out[12288]), (9, 0, 9));
    list[15] = 0xFF;
    list[8] = 0xFF;
    assert_eq!(finish(lun, &Plan::Unmap { len: 24 }, &list), Err(sense::LBA_RANGE));
}

#[test]
fn every_row_is_answered() {
    for c in commands::COMMANDS {
        let mut cdb = [0; 16];
        cdb[0] = c.opcode;
        cdb[1] = c.action.unwrap_or(0);
        let got = target().plan(&Request { port: 0, lun_id: 0, cdb: &cdb, extent: (0, 1) });
        assert_ne!(got, Err(sense::INVALID_OPCODE), "{:02x}", c.opcode);
    }
}

/// A disk of the embedding program: it outlives the unit and may fail.
#[derive(Clone)]
struct Disk(Arc<Mutex<(MemStore, Option<StoreError>, u32)>>);

impl Disk {
    fn new() -> Disk {
        Disk(Arc::new(Mutex::new((MemStore::new(1 << 20), None, 0))))
    }
    fn fail(&self, with: Option<StoreError>) {
        self.0.lock().expect("one thread").1 = with;
    }
    fn flushes(&self) -> u32 {
        self.0.lock().expect("one thread").2
    }
    fn with<T>(&self, act: impl FnOnce(&mut MemStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut disk = self.0.lock().expect("one thread");
        disk.1.map_or_else(|| act(&mut disk.0), Err)
    }
}

impl LunStore for Disk {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.with(|m| m.read(offset, out))
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.with(|m| m.write(offset, data))
    }
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
        self.with(|m| m.unmap(offset, len))
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        self.with(|_| Ok(()))?;
        self.0.lock().expect("one thread").2 += 1;
        Ok(())
    }
}

#[test]
fn a_store_of_the_program_keeps_data_and_its_errors_become_sense() {
    let disk = Disk::new();
    let mut t = target();
    let lun = t.unit(0).expect("unit");
    lun.backing.attach(Box::new(disk.clone()));
    lun.write(8192, &[7; 4096]).expect("works");
    assert_eq!(run(&mut t, 0, "35"), Ok(Plan::Done));
    assert_eq!(disk.flushes(), 1);
    // Another run with the same disk.
    let mut t = target();
    let lun = t.unit(0).expect("unit");
    lun.backing.attach(Box::new(disk.clone()));
    let mut out = [0; 4096];
    lun.read(8192, &mut out).expect("works");
    assert_eq!(out, [7; 4096]);
    disk.fail(Some(StoreError::Failed));
    assert_eq!(lun.read(8192, &mut out), Err(sense::READ_ERROR.at(2)));
    assert_eq!(lun.write(8192, &out), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(lun.unmap(2, 1), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(lun.write_same(2, 1, &[1; 4096]), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(run(&mut t, 0, "35"), Err(sense::WRITE_ERROR));
    disk.fail(Some(StoreError::Full));
    let lun = t.unit(0).expect("unit");
    assert_eq!(lun.write(8192, &out), Err(sense::SPACE_ALLOCATION.at(2)));
    disk.fail(None);
    // A loaded state waits for its store.
    let bytes = postcard::to_stdvec(&t).expect("serializes");
    let mut t: Target = postcard::from_bytes(&bytes).expect("its own bytes");
    assert_eq!(run(&mut t, 0, "28 00 00 00 00 02 00 00 01"), Err(sense::NOT_READY));
    assert!(run(&mut t, 0, "12 00 00 00 24").is_ok());
    t.unit(0).expect("unit").backing.attach(Box::new(disk));
    assert!(run(&mut t, 0, "28 00 00 00 00 02 00 00 01").is_ok());
}
