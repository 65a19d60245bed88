//! SCSI commands, one line each.

use super::pages::Identity;
use super::*;
use fabric::Ticks;
use std::sync::{Arc, Mutex};

pub(super) fn target() -> Target {
    let id = Identity { vendor: "IBM".into(), product: "FlashSystem-9840".into(), revision: "1410".into() };
    let small = LunConfig { block_size: 512, ..LunConfig::new(2, 1 << 30) };
    let one_port = LunConfig { ports: 1, ..LunConfig::new(300, 512 << 30) };
    let plain = LunConfig { unmap: false, write_protected: true, ..LunConfig::new(3, 1 << 30) };
    Target::new(id, &[LunConfig::new(0, 16 << 30), one_port, small, plain], 1)
}

fn cdb(hex: &str) -> [u8; 16] {
    let mut out = [0; 16];
    for (place, byte) in out.iter_mut().zip(hex.split(' ')) {
        *place = u8::from_str_radix(byte, 16).expect("hex");
    }
    out
}

fn request(port: u8, lun_id: u64, cdb: &[u8; 16]) -> Request<'_> {
    Request { now: Ticks(0), port, lun_id, cdb, extent: commands::extent(cdb) }
}

fn ask(t: &mut Target, port: u8, lun: u64, hex: &str) -> Result<Plan, Refusal> {
    let cdb = cdb(hex);
    t.plan(&request(port, lun << 48, &cdb))
}

fn run(t: &mut Target, lun: u64, hex: &str) -> Result<Plan, Refusal> {
    ask(t, 0, lun, hex)
}

/// A refusal as text: key/asc/ascq, then `cdb N.B` or `list N` if it points
/// there, then `@N` for the INFORMATION field; or `status XX`.
fn refusal(r: Refusal) -> String {
    let s = match r {
        Refusal::Status(s) => return format!("status {:02x}", s.0),
        Refusal::Check(s) => s,
    };
    let mut text = format!("{:x}/{:02x}/{:02x}", s.key, s.asc, s.ascq);
    if let Some(p) = s.pointer {
        text += if p.in_cdb { " cdb " } else { " list " };
        text += &p.byte.to_string();
        text += &p.bit.map(|b| format!(".{b}")).unwrap_or_default();
    }
    text + &s.info.map(|i| format!(" @{i:x}")).unwrap_or_default()
}

/// `want` is the beginning of the reply, a refusal, or "done".
fn check(lun: u64, hex: &str, want: &str) {
    let got = match run(&mut target(), lun, hex) {
        Ok(Plan::Reply(b)) => b.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
        Ok(Plan::Done) => "done".into(),
        Ok(plan) => format!("{plan:?}"),
        Err(r) => {
            assert_eq!(refusal(r), want, "{hex}");
            return;
        }
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
    check(2, "12 01 b0 00 ff", "00 b0 00 3c 01 00 00 01 00 00 80 00");
    check(0, "12 01 b1 00 ff", "00 b1 00 3c 00 01");
    check(0, "12 01 b2 00 ff", "00 b2 00 04 00 e4 02 00");
    check(3, "12 01 b2 00 ff", "00 b2 00 04 00 00 00 00");
    check(0, "25", "00 3f ff ff 00 00 10 00");
    check(2, "25", "00 1f ff ff 00 00 02 00");
    check(0, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20", "00 00 00 00 00 3f ff ff 00 00 10 00 00 00 c0");
    check(2, "9e 10 00 00 00 00 00 00 00 00 00 00 00 0c", "00 00 00 00 00 1f ff ff 00 00 02 00");
    check(0, "a0 00 00 00 00 00 00 00 10 00", "00 00 00 20 00 00 00 00 00 00 00 00 00 00 00 00 41 2c");
    check(0, "a0 00 01 00 00 00 00 00 10 00", "00 00 00 00 00 00 00 00");
    check(0, "1a 00 3f 00 04", "23 00 10 00");
    check(3, "1a 00 3f 00 04", "23 00 90 00");
    check(0, "1a 00 08 00 ff", "17 00 10 00 08 12 04");
    check(0, "1a 00 48 00 ff", "17 00 10 00 08 12 04 00 00 00 00 00");
    check(0, "1a 00 4a 00 ff", "0f 00 10 00 0a 0a 00 00");
    check(0, "5a 00 08 00 00 00 00 00 ff", "00 1a 00 10 00 00 00 00 08 12 04");
    check(0, "03 00 00 00 12", "70 00 00 00 00 00 00 0a");
    check(5, "03 00 00 00 12", "70 00 05 00 00 00 00 0a 00 00 00 00 25 00");
    check(0, "1b 00 00 00 01", "done");
    check(0, "4d 00 00 00 00 00 00 00 ff", "00 00 00 03 00 0d 11");
    check(0, "4d 00 0d 00 00 00 00 00 ff", "0d 00 00 0c 00 00 03 02 00 26 00 01");
    check(0, "4d 00 0d 00 00 00 01 00 ff", "0d 00 00 06 00 01");
    check(0, "4d 00 11 00 00 00 00 00 ff", "11 00 00 08 00 01 03 04 00 00 00 00");
    check(0, "a3 0c 01 93 00 00 00 00 00 14", "00 03 00 10 93 09");
    check(0, "a3 0c 01 41 00 00 00 00 00 0e", "00 03 00 0a 41 08");
    check(0, "a3 0c 02 5e 00 02 00 00 00 0e", "00 03 00 0a 5e 02");
    check(0, "a3 0c 03 a2 b5 00 00 00 00 0e", "00 01 00 00");
    check(0, "5e 00 00 00 00 00 00 00 ff", "00 00 00 00 00 00 00 00");
    check(0, "5e 02 00 00 00 00 00 00 ff", "00 08 00 80 ea 01 00 00");
    check(0, "16", "done");
    check(0, "57", "done");
    check(0, "35", "Flush { immediate: false }");
    check(0, "91 02", "Flush { immediate: true }");
    check(0, "1b 01 00 00 00", "Flush { immediate: true }");
}

#[test]
fn errors() {
    check(0, "12 01 89 00 ff", "5/24/00 cdb 2");
    check(0, "12 00 80 00 ff", "5/24/00 cdb 2");
    check(0, "12 02 00 00 ff", "5/24/00 cdb 1.1");
    check(5, "00", "5/25/00");
    check(5, "12 01 00 00 ff", "5/25/00");
    check(0, "9f", "5/20/00");
    check(0, "3b", "5/20/00");
    check(0, "ff", "5/20/00");
    check(3, "42 00 00 00 00 00 00 00 18", "5/20/00");
    check(0, "9e 12", "5/24/00 cdb 1.4");
    check(0, "5e 04", "5/24/00 cdb 1.4");
    check(0, "5f 05 01 00 00 00 00 00 18", "5/24/00 cdb 1.4");
    check(0, "5f 00 00 00 00 00 00 00 17", "5/1a/00");
    check(0, "1a 00 ff 00 ff", "5/39/00");
    check(0, "1a 00 1c 00 ff", "5/24/00 cdb 2.5");
    check(0, "1a 00 08 01 ff", "5/24/00 cdb 3");
    check(0, "15 00 00 00 18", "5/24/00 cdb 1.4");
    check(0, "15 11 00 00 18", "5/24/00 cdb 1.0");
    check(0, "03 01 00 00 12", "5/24/00 cdb 1.0");
    check(0, "1b 00 00 00 02", "5/24/00 cdb 4.1");
    check(0, "4d 00 2f 00 00 00 00 00 ff", "5/24/00 cdb 2.5");
    check(0, "4d 00 0d 01 00 00 00 00 ff", "5/24/00 cdb 3");
    check(0, "4d 00 0d 00 00 00 02 00 ff", "5/24/00 cdb 5");
    check(0, "4d 01 0d 00 00 00 00 00 ff", "5/24/00 cdb 1.0");
    check(0, "a0 00 00 00 00 00 00 00 00 0f", "5/24/00 cdb 6");
    check(0, "a0 00 03 00 00 00 00 00 00 10", "5/24/00 cdb 2");
    check(0, "a3 0c 01 5e 00 00 00 00 00 14", "5/24/00 cdb 2.2");
    check(0, "a3 0c 02 28 00 00 00 00 00 14", "5/24/00 cdb 2.2");
    check(0, "28 00 00 40 00 00 00 00 01", "5/21/00");
    check(0, "28 00 00 3f ff ff 00 00 02", "5/21/00");
    check(0, "35 00 00 40 00 00 00 00 00", "5/21/00");
    check(0, "2f 00 00 40 00 00 00 00 01", "5/21/00");
    check(0, "88 00 ff ff ff ff ff ff ff ff 00 00 00 02", "5/21/00");
    check(0, "88 00 00 00 00 00 00 00 00 00 00 00 20 00", "5/24/00 cdb 10");
    check(0, "a8 00 00 00 00 00 00 00 20 00", "5/24/00 cdb 6");
    check(0, "28 20 00 00 00 00 00 00 01", "5/24/00 cdb 1.5");
    check(0, "28 00 00 00 00 00 80 00 01", "5/24/00 cdb 6.7");
    check(0, "93 00 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00 cdb 10");
    check(0, "41 00 00 00 00 00 00 00 00", "5/24/00 cdb 7");
    check(0, "93 10 00 00 00 00 00 00 00 00 00 00 00 01", "5/24/00 cdb 1.4");
    check(0, "93 00 00 00 00 00 00 00 00 00 00 01 00 01", "5/24/00 cdb 10");
    check(3, "93 08 00 00 00 00 00 00 00 00 00 00 00 01", "5/24/00 cdb 1.3");
    check(3, "93 00 00 00 00 00 00 00 00 00 00 00 00 01", "7/27/00");
    check(3, "2a 00 00 00 00 00 00 00 01", "7/27/00");
    check(0, "42 01 00 00 00 00 00 00 18", "5/24/00 cdb 1.0");
    check(0, "42 00 00 00 00 00 00 00 07", "5/1a/00");
}

#[test]
fn transfers() {
    check(0, "28 08 00 3f ff ff 00 00 01", "Read { offset: 17179865088, len: 4096 }");
    check(0, "08 1f ff ff 00", "Read { offset: 8589930496, len: 1048576 }");
    check(2, "0a 00 00 08 01", "Write { offset: 4096, len: 512 }");
    check(0, "8a 00 00 00 00 00 00 00 00 01 00 00 10 00", "Write { offset: 4096, len: 16777216 }");
    check(2, "8a 18 00 00 00 00 00 00 00 01 00 00 80 00", "Write { offset: 512, len: 16777216 }");
    check(0, "a8 00 00 00 00 02 00 00 00 01", "Read { offset: 8192, len: 4096 }");
    check(0, "28 00 00 00 00 02 00 00 00", "Read { offset: 8192, len: 0 }");
    check(0, "2f 00 00 00 00 02 00 00 01", "Verify { offset: 8192, len: 4096 }");
    check(0, "8f 02 00 00 00 00 00 00 00 02 00 00 00 01", "Compare { offset: 8192, len: 4096 }");
    check(0, "93 08 00 00 00 00 00 00 00 00 00 01 00 00", "WriteSame { lba: 0, blocks: 65536, len: 4096 }");
    check(0, "93 01 00 00 00 00 00 00 00 00 00 00 00 01", "WriteSame { lba: 0, blocks: 1, len: 0 }");
    check(0, "42 00 00 00 00 00 00 00 18", "List { list: Unmap, len: 24 }");
    check(0, "15 10 00 00 18", "List { list: ModeSelect, len: 24 }");
    check(0, "5f 06 00 00 00 00 00 00 18", "List { list: PersistentReserveOut, len: 24 }");
    check(300, "28 00 00 00 00 00 00 00 01", "Read");
}

#[test]
fn attention_is_reported_once_per_port_and_not_to_inquiry() {
    let mut t = target();
    t.luns_mut()[0].attend(sense::POWER_ON);
    assert!(run(&mut t, 0, "12 00 00 00 24").is_ok());
    assert!(run(&mut t, 0, "a0 00 00 00 00 00 00 00 10 00").is_ok());
    assert_eq!(run(&mut t, 0, "00"), Err(sense::POWER_ON.into()));
    assert_eq!(run(&mut t, 0, "00"), Ok(Plan::Done));
    assert_eq!(ask(&mut t, 1, 0, "00"), Err(sense::POWER_ON.into()));
}

#[test]
fn a_stopped_unit_is_not_ready() {
    let mut t = target();
    assert_eq!(run(&mut t, 0, "1b 00 00 00 00"), Ok(Plan::Flush { immediate: false }));
    for media in ["00", "28 00 00 00 00 00 00 00 01", "25", "35"] {
        assert_eq!(run(&mut t, 0, media), Err(sense::STOPPED.into()), "{media}");
    }
    let Ok(Plan::Reply(now)) = run(&mut t, 0, "03 00 00 00 12") else { panic!("sense data") };
    assert_eq!((now[2], now[12], now[13]), (2, 4, 2));
    assert!(run(&mut t, 0, "12 00 00 00 24").is_ok() && run(&mut t, 0, "1a 00 08 00 ff").is_ok());
    assert_eq!(run(&mut t, 0, "1b 00 00 00 01"), Ok(Plan::Done));
    assert_eq!(run(&mut t, 0, "00"), Ok(Plan::Done));
}

/// Sends data that came with a CDB to the first unit.
fn send(t: &mut Target, port: u8, hex: &str, data: &[u8]) -> String {
    let bytes = cdb(hex);
    let plan = match ask(t, port, 0, hex) {
        Ok(plan) => plan,
        Err(r) => return refusal(r),
    };
    t.finish(0, &request(port, 0, &bytes), &plan, data).map_or_else(refusal, |()| "ok".into())
}

#[test]
fn write_same_and_unmap_change_blocks() {
    let mut t = target();
    assert_eq!(send(&mut t, 0, "41 00 00 00 00 02 00 00 03", &[9; 4096]), "ok");
    let mut out = [0; 4096 * 5];
    t.luns_mut()[0].read(4096, &mut out, false).expect("read");
    assert_eq!((out[4095], out[4096], out[4096 * 4 - 1], out[4096 * 4]), (0, 9, 9, 0));
    let mut list = vec![0, 22, 0, 16, 0, 0, 0, 0];
    list.extend(3u64.to_be_bytes());
    list.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    let unmap = "42 00 00 00 00 00 00 00 18";
    assert_eq!(send(&mut t, 0, unmap, &list), "ok");
    t.luns_mut()[0].read(4096, &mut out, false).expect("read");
    assert_eq!((out[4096], out[8192], out[12288]), (9, 0, 9));
    list[15] = 0xFF;
    list[8] = 0xFF;
    assert_eq!(send(&mut t, 0, unmap, &list), "5/21/00");
    assert_eq!(send(&mut t, 0, unmap, &list[..7]), "5/1a/00");
    assert_eq!(
        send(
            &mut t,
            0,
            "42 00 00 00 00 00 00 10 18",
            &[&[0, 0, 0x10, 0x10, 0, 0, 0, 0][..], &[0; 4112]].concat()
        ),
        "5/26/00 list 2"
    );
    assert_eq!(send(&mut t, 0, "93 01 00 00 00 00 00 00 00 02 00 00 00 01", &[]), "ok");
    t.luns_mut()[0].read(8192, &mut out[..4096], false).expect("read");
    assert_eq!(out[0], 0, "NDOB writes zeros");
    assert_eq!(send(&mut t, 0, "93 00 00 00 00 00 00 00 00 02 00 00 00 01", &[7; 512]), "5/0e/03");
}

#[test]
fn verify_compares() {
    let mut t = target();
    let lun = &mut t.luns_mut()[0];
    lun.write(Ticks(0), 8192, &[7; 4096], false).expect("written");
    assert_eq!(lun.verify(0, 1 << 20), Ok(()));
    assert_eq!(lun.compare(8192, 0, &[7; 4096]), Ok(()));
    let mut other = [7; 4096];
    other[100] = 8;
    assert_eq!(lun.compare(8192, 65536, &other), Err(sense::MISCOMPARE.at(65636)));
}

#[test]
fn the_write_cache_can_be_switched_and_nothing_else() {
    let mut t = target();
    let mut page = vec![0, 0, 0, 0, 8, 18, 0];
    page.resize(24, 0);
    assert_eq!(send(&mut t, 1, "15 10 00 00 18", &page), "ok");
    assert!(!t.luns_mut()[0].write_cache());
    assert_eq!(run(&mut t, 0, "00"), Err(sense::MODE_CHANGED.into()), "the other initiator hears of it");
    assert_eq!(ask(&mut t, 1, 0, "00"), Ok(Plan::Done));
    let Ok(Plan::Reply(now)) = run(&mut t, 0, "1a 00 08 00 ff") else { panic!("mode data") };
    assert_eq!(now[6], 0);
    page[6] = 4;
    page[7] = 1;
    assert_eq!(send(&mut t, 1, "15 10 00 00 18", &page), "5/26/00 list 7");
    page[4] = 0x1C;
    assert_eq!(send(&mut t, 1, "15 10 00 00 18", &page), "5/26/00 list 4.5");
    page[3] = 8;
    assert_eq!(send(&mut t, 1, "15 10 00 00 18", &page), "5/26/00 list 3");
    assert_eq!(send(&mut t, 1, "15 10 00 00 03", &page[..3]), "5/1a/00");
    assert_eq!(send(&mut t, 1, "15 10 00 00 0a", &[0, 0, 0, 0, 8, 18, 4, 0, 0, 0]), "5/1a/00");
    let long = [&[0; 8][..], &[8, 18, 4], &[0; 17]].concat();
    assert_eq!(send(&mut t, 1, "55 10 00 00 00 00 00 00 1c", &long), "ok");
    assert!(t.luns_mut()[0].write_cache());
}

#[test]
fn reservations_bind_the_other_port() {
    let mut t = target();
    let list = |key: u64, new: u64| [key.to_be_bytes(), new.to_be_bytes(), [0; 8]].concat();
    let (register, reserve) = ("5f 00 00 00 00 00 00 00 18", "5f 01 03 00 00 00 00 00 18");
    assert_eq!(send(&mut t, 0, register, &list(0, 7)), "ok");
    assert_eq!(send(&mut t, 0, reserve, &list(7, 0)), "ok");
    assert_eq!(ask(&mut t, 1, 0, "28 00 00 00 00 00 00 00 01"), Err(sense::RESERVATION_CONFLICT.into()));
    assert!(ask(&mut t, 0, 0, "28 00 00 00 00 00 00 00 01").is_ok());
    assert!(ask(&mut t, 1, 2, "28 00 00 00 00 00 00 00 01").is_ok(), "another unit");
    assert_eq!(send(&mut t, 1, register, &list(0, 8)), "ok");
    assert_eq!(send(&mut t, 1, "5f 04 03 00 00 00 00 00 18", &list(8, 7)), "ok");
    assert_eq!(run(&mut t, 0, "00"), Err(sense::REGISTRATIONS_PREEMPTED.into()));
    assert_eq!(run(&mut t, 0, "28 00 00 00 00 00 00 00 01"), Err(sense::RESERVATION_CONFLICT.into()));
    t.luns_mut()[0].reset(sense::LUN_RESET);
    assert_eq!(run(&mut t, 0, "00"), Err(sense::LUN_RESET.into()));
    let again = run(&mut t, 0, "28 00 00 00 00 00 00 00 01");
    assert_eq!(again, Err(sense::RESERVATION_CONFLICT.into()), "a reset does not end it");
    assert_eq!(send(&mut t, 0, register, &list(0, 9)[..16]), "5/1a/00");
}

#[test]
fn every_row_is_answered() {
    for c in commands::COMMANDS {
        let mut cdb = [0; 16];
        cdb[0] = c.opcode;
        cdb[1] = c.action.unwrap_or(0);
        let got = target().plan(&Request { extent: (0, 1), ..request(0, 0, &cdb) });
        assert_ne!(got, Err(sense::INVALID_OPCODE.into()), "{:02x}", c.opcode);
    }
}

/// Whatever is asked: no panic, sense well formed, replies within the
/// allocation length, transfers within the unit.
#[test]
fn random_commands_get_well_formed_answers() {
    for seed in 0..4 {
        let mut rng = fabric::Rng::named(seed, "random cdbs");
        let mut t = target();
        for _ in 0..20_000 {
            let row = &commands::COMMANDS[rng.below(commands::COMMANDS.len() as u64) as usize];
            let mut cdb: [u8; 16] = std::array::from_fn(|_| rng.next_u64() as u8 & rng.next_u64() as u8);
            if rng.below(16) != 0 {
                cdb[0] = row.opcode;
                cdb[1] = row.action.unwrap_or(cdb[1] & row.usage[1]);
                (2..row.usage.len()).for_each(|i| cdb[i] &= row.usage[i]);
                if row.usage.len() > 10 {
                    cdb[2..9].fill(0);
                }
            }
            let lun_id = [0, 2, 3, 300, 9][rng.below(5) as usize] << 48;
            let port = rng.below(4) as u8;
            let request = request(port, lun_id, &cdb);
            let unit = t.find(port, lun_id);
            match t.plan(&request) {
                Err(Refusal::Status(s)) => assert_eq!(s, sense::RESERVATION_CONFLICT),
                Err(Refusal::Check(s)) => {
                    assert!((1..=0xE).contains(&s.key), "seed {seed} {cdb:02x?}");
                    assert!(s.pointer.is_none_or(|p| s.key == 5 && p.byte < 16), "seed {seed} {cdb:02x?}");
                }
                Ok(Plan::Reply(bytes)) => assert!(bytes.len() < 1 << 16),
                Ok(plan) => {
                    let unit = unit.expect("only a unit moves data");
                    let data: Vec<u8> =
                        (0..plan.transfer().0.min(1 << 16)).map(|_| rng.next_u64() as u8).collect();
                    let size = t.luns()[unit].config.size;
                    if let Plan::Read { offset, len } | Plan::Write { offset, len } = plan {
                        assert!(offset + len <= size, "seed {seed} {cdb:02x?}");
                    }
                    if !plan.is_streamed() {
                        // Refused or done; well formed either way.
                        let _ = t.finish(unit, &request, &plan, &data);
                    }
                }
            }
        }
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
    fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        self.with(|m| m.resize(size))
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
    lun.write(Ticks(0), 8192, &[7; 4096], false).expect("works");
    assert_eq!(t.luns_mut()[0].sync(), Ok(()));
    assert_eq!(disk.flushes(), 1);
    // Another run with the same disk.
    let mut t = target();
    let lun = t.unit(0).expect("unit");
    lun.backing.attach(Box::new(disk.clone()));
    let mut out = [0; 4096];
    lun.read(8192, &mut out, false).expect("works");
    assert_eq!(out, [7; 4096]);
    disk.fail(Some(StoreError::Failed));
    assert_eq!(lun.read(8192, &mut out, false), Err(sense::READ_ERROR.at(2)));
    assert_eq!(lun.write(Ticks(0), 8192, &out, false), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(lun.unmap(2, 1), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(lun.write_same(2, 1, &[1; 4096]), Err(sense::WRITE_ERROR.at(2)));
    assert_eq!(t.luns_mut()[0].sync(), Err(sense::WRITE_ERROR));
    disk.fail(Some(StoreError::Full));
    let lun = t.unit(0).expect("unit");
    assert_eq!(lun.write(Ticks(0), 8192, &out, false), Err(sense::SPACE_ALLOCATION.at(2)));
    disk.fail(None);
    // A loaded state waits for its store.
    let bytes = postcard::to_stdvec(&t).expect("serializes");
    let mut t: Target = postcard::from_bytes(&bytes).expect("its own bytes");
    assert_eq!(run(&mut t, 0, "28 00 00 00 00 02 00 00 01"), Err(sense::NOT_READY.into()));
    assert!(run(&mut t, 0, "12 00 00 00 24").is_ok());
    t.unit(0).expect("unit").backing.attach(Box::new(disk));
    assert!(run(&mut t, 0, "28 00 00 00 00 02 00 00 01").is_ok());
}
