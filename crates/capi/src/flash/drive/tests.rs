use super::super::profile::{Cache, Chips, Times, Wear};
use super::*;

const BLOCK: u64 = 4096;
const SIZE: u64 = 1 << 30;

/// Four dies on two channels, times without chance.
fn profile() -> Profile {
    Profile {
        name: "bench".into(),
        chips: Chips {
            channels: 2,
            dies: 2,
            page: 16 << 10,
            pages_per_block: 16,
            transfer: 5_000,
            suspend: 0,
            spare: 100,
        },
        read: Times::even(80_000, 80_000),
        program: Times::even(600_000, 600_000),
        erase: Times::even(3_000_000, 3_000_000),
        collect: Times::even(10_000_000, 10_000_000),
        cache: Cache { size: 1 << 20, volatile: true, linger: 0, accept: Times::even(20_000, 20_000) },
        wear: Wear { cycles: 100, read_only: 110, errors: 0, disturb: 0 },
        start: 1_000_000_000,
        temperature: 40,
    }
}

fn drive(p: &Profile) -> Drive {
    Drive::new(p, SIZE, BLOCK, 0, Rng::named(1, "drive"))
}

/// Writes one block; when it is acknowledged.
fn write(d: &mut Drive, p: &Profile, now: u64, block: u64, through: bool) -> u64 {
    let blocks = block..block + 1;
    d.write(p, Ticks(now), blocks.clone(), &mut |_| Image::of(&[1; 4096]));
    d.written(p, Ticks(now), blocks, through).0
}

/// Reads a page of each address at once; when the last is done.
fn read_all(d: &mut Drive, p: &Profile, now: u64, pages: impl Iterator<Item = u64>) -> u64 {
    pages.map(|page| d.read(p, Ticks(now), page * (16 << 10), BLOCK, false).0).max().unwrap_or(now)
}

/// Writes one block of each of the first pages.
fn write_many(d: &mut Drive, p: &Profile, pages: u64, through: bool) {
    (0..pages).for_each(|n| assert!(write(d, p, 0, n * 4, through) > 0));
}

/// Reads the first block 250 times.
fn read_often(d: &mut Drive, p: &Profile) {
    (0..250).for_each(|n| assert!(d.read(p, Ticks(n << 30), 0, BLOCK, true) > Ticks(n << 30)));
}

#[test]
fn dies_work_at_once_and_one_die_in_turn() {
    let p = profile();
    assert_eq!(read_all(&mut drive(&p), &p, 0, 0..1), 85_000);
    assert_eq!(read_all(&mut drive(&p), &p, 0, 0..4), 90_000, "two dies share a channel");
    assert_eq!(read_all(&mut drive(&p), &p, 0, (0..4).map(|n| n * 4)), 4 * 80_000 + 3 * 5_000 + 5_000);
    let (mut d, now) = (drive(&p), 1_000_000);
    assert_eq!(
        d.read(&p, Ticks(now), 0, 64 << 10, false).0,
        now + 80_000 + 40_000,
        "four pages, two a channel"
    );
    let free = Profile::default();
    let mut d = drive(&free);
    assert!(read_all(&mut d, &free, 0, 0..10_000) <= 160_000, "without dies nothing waits");
}

#[test]
fn the_cache_answers_early_until_it_is_full() {
    let p = profile();
    let mut d = drive(&p);
    assert_eq!(write(&mut d, &p, 0, 0, false), 20_000);
    assert_eq!(d.read(&p, Ticks(1), 0, BLOCK, false).0, 20_001, "from the cache");
    assert!(d.read(&p, Ticks(1), 0, BLOCK, true).0 > 80_000, "from the medium");
    assert_eq!(write(&mut d, &p, 0, 1 << 10, true), 620_000, "through: programmed when acknowledged");
    let late = (1..400).map(|n| write(&mut d, &p, 30_000, n * 4, false)).max();
    assert!(late > Some(1_000_000), "{late:?}: one MiB of cache, four dies");
}

#[test]
fn reads_interrupt_programs_where_the_drive_can() {
    let mut p = profile();
    for (suspend, done) in [(0, 600_000 + 20_000), (50_000, 50_000)] {
        p.chips.suspend = suspend;
        let mut d = drive(&p);
        write(&mut d, &p, 0, 0, true);
        assert_eq!(d.read(&p, Ticks(0), 0, BLOCK, true).0, done + 80_000 + 5_000);
    }
}

#[test]
fn a_full_medium_pauses_for_garbage_collection() {
    let p = profile();
    let pauses = |filled: u64| {
        let mut d = drive(&p);
        (0..filled).for_each(|area| d.discard(area * 1024..(area + 1) * 1024, false));
        // 16 pages a block on 4 dies: after 64 pages each has erased one.
        write_many(&mut d, &p, 64, true);
        (d.amplification(&p), d.dies.iter().map(|die| die.free).max().unwrap_or(0))
    };
    let (low, quick) = pauses(1);
    let (high, slow) = pauses(SIZE / AREA);
    assert_eq!((low, high), (1_000, 5_500), "10 % spare: (1 + 0.1) / 0.2");
    assert_eq!(slow - quick, 45_000_000, "4.5 times the pause at an amplification of 2");
}

#[test]
fn wear_ends_in_errors_and_in_write_protection() {
    let mut p = profile();
    p.wear.errors = 10_000_000;
    let mut d = Drive::new(&p, SIZE, BLOCK, 99, Rng::named(1, "old"));
    assert_eq!((d.used(&p), d.is_worn_out(&p), d.bad_block(&p, 0..1)), (99, false, None));
    d.age_to(&p, 109);
    let hit = (0..1_000).filter(|n| d.bad_block(&p, *n..n + 1).is_some()).count();
    assert!((30..200).contains(&hit), "{hit} of 1000 at 9 percent each");
    let bad = (0..1_000).find(|n| d.bad.contains(n)).expect("one");
    write(&mut d, &p, 0, bad, false);
    assert!(!d.bad.contains(&bad), "written again");
    d.age_to(&p, 110);
    assert!(d.is_worn_out(&p));
    let cycle = u64::from(p.wear.cycles) * d.raw(&p) / p.chips.page / 100;
    let mut d = drive(&p);
    for n in 0..=cycle / 64 {
        (0..64).for_each(|i| assert!(d.program(&p, n * 64 + i) > 0));
    }
    assert_eq!(d.used(&p), 1, "one percent of the rated cycles was programmed");
}

#[test]
fn an_area_read_too_often_is_rewritten() {
    let mut p = profile();
    p.wear.disturb = 100;
    let mut d = drive(&p);
    read_often(&mut d, &p);
    assert_eq!(d.refreshed(), 0, "nothing was ever written there");
    write(&mut d, &p, 0, 0, true);
    read_often(&mut d, &p);
    assert_eq!(d.refreshed(), 2);
}

#[test]
fn power_loss_takes_what_was_not_programmed_and_time() {
    let p = profile();
    let mut d = drive(&p);
    write_many(&mut d, &p, 100, false);
    let mut capacitor = p.clone();
    capacitor.cache.volatile = false;
    assert!(d.clone().power_loss(&capacitor, Ticks(50_000)).is_empty());
    let in_flight = d.clone().power_loss(&capacitor, Ticks(10_000)).len();
    assert!((20..80).contains(&in_flight), "{in_flight} of 100 that were not acknowledged");
    let lost = d.power_loss(&p, Ticks(50_000)).len();
    assert!((20..80).contains(&lost), "{lost} of 100");
    assert!(!d.is_ready(Ticks(50_001)) && d.is_ready(Ticks(1_000_050_000)));
    write_many(&mut d, &p, 100, false);
    let flushed = d.flush(&p, Ticks(0));
    assert!(d.power_loss(&p, flushed).is_empty());
}
