//! Hostile guests and the state hash.

use super::*;
use crate::psl::fuzzing::fuzz_mmio;
use fabric::{Rng, state_hash};

#[test]
fn random_steps_never_panic() {
    let mut rng = Rng::named(1, "psl fuzz");
    let runs = 250;
    for _ in 0..runs {
        let mut data = Vec::new();
        for _ in 0..400 {
            data.extend(rng.next_u64().to_be_bytes());
            // Small numbers and structure more often than noise.
            let value = match rng.below(6) {
                0 => rng.next_u64(),
                1 => rng.below(1 << 20),
                2 => rng.below(8) << 48 | rng.below(4),
                3 => 1 << rng.below(64),
                4 => rng.below(1 << 20) << 12 | 1,
                _ => 0x9600_0000_0000_0000 | rng.below(1 << 15),
            };
            data.extend(value.to_be_bytes());
        }
        fuzz_mmio(&data);
    }
}

#[test]
fn a_hostile_process_area_never_panics() {
    let mut rng = Rng::named(2, "spa");
    let mut c = Card::active();
    for round in 0..20_000u64 {
        let base = match rng.below(4) {
            0 => rng.next_u64(),
            1 => (16 << 20) - rng.below(1 << 18),
            _ => rng.below(16 << 20),
        };
        c.write(Area::P1n, SPAP_AN, (base & !0xFFF) | rng.below(256) << 4 | 1);
        let pe = rng.below(600) as u16;
        for word in 0..16 {
            c.poke((base & !0xFFF) + 128 * u64::from(pe) + 8 * word, rng.next_u64());
        }
        let code = rng.below(7);
        c.write(Area::P1n, LLCMD_AN, code << 48 | u64::from(pe));
        c.pass(Ticks::micros(2));
        let ea = rng.next_u64() >> rng.below(48);
        c.afu(pe & 0x1FF, rng.below(3) * 8, ea);
        c.write(Area::P2n, 0x78, 1 << (32 + rng.below(4)));
        if round % 64 == 0 {
            c.trace();
            c.irqs();
        }
    }
}

#[test]
fn every_field_counts_in_the_hash() {
    let mut c = Card::active();
    c.add(1, USER_SR, 5);
    let mut seen = vec![state_hash(&c.adapter)];
    let mut check = |c: &Card, what: &str| {
        let hash = state_hash(&c.adapter);
        assert!(!seen.contains(&hash), "{what}");
        seen.push(hash);
    };
    c.cfg_write(0x3C, 1, 5);
    check(&c, "configuration space");
    c.write(Area::P1, 0x350, 5);
    check(&c, "p1");
    c.write(Area::P1n, 0x10, 5);
    check(&c, "p1n");
    c.afu(1, 8, 0x1000);
    check(&c, "translation cache, AFU");
    c.world.tables.missing.insert(4);
    c.afu(1, 8, 0x4_0000);
    check(&c, "fault");
    c.world.tables.missing.insert(5);
    c.afu(1, 8, 0x5_0000);
    check(&c, "queued fault");
    c.cfg_write(0x4A, 2, 4);
    check(&c, "VPD access");
    c.adapter.set_dma_blocked(true, &mut c.world.cx());
    check(&c, "block");
    c.adapter.set_capi_mode(false, &mut c.world.cx());
    check(&c, "CAPI mode");
    c.write(Area::P1n, LLCMD_AN, 0x0001_0000_0000_0001);
    check(&c, "command");
    c.adapter.mmio_write(0, DESCRIPTOR + 0x104, &[6, 0, 0, 0], &mut c.world.cx());
    check(&c, "record");
}

#[test]
fn a_saved_adapter_comes_back_and_goes_on() {
    let mut c = Card::active();
    c.fill(1, USER_SR, 5);
    c.state(1, 0x8000_0000);
    c.poke(SPA_STATUS, 0x0005_0000_0000_0001);
    c.write(Area::P1n, LLCMD_AN, 0x0005_0000_0000_0001);
    let saved = c.adapter.saved();
    c.adapter = Adapter::from_saved(&saved).expect("just saved");
    assert_eq!(c.adapter.saved(), saved);
    c.pass(Ticks::micros(5));
    assert_eq!(c.world.mem.read_be64(SPA_STATUS), Some(0x0005_0005_0000_0001));
    assert!(Adapter::<FakeAfu>::from_saved(&saved[..9]).is_err());
}
