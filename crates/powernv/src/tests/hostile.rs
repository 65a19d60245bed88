use crate::CALLS;
use crate::fuzzing::{Bench, fuzz_opal};
use fabric::Rng;

#[test]
fn random_guests_do_no_harm() {
    let mut r = Rng::named(7, "hostile");
    for _ in 0..60 {
        let data: Vec<u8> = (0..4000).flat_map(|_| r.next_u64().to_le_bytes()).collect();
        fuzz_opal(&data);
    }
}

#[test]
fn every_call_survives_every_extreme() {
    let mut b = Bench::new();
    let values = [0, 1, 3, 0x8000, 0xf_fff9, 0xf_ffff, 1 << 63, 0xc000_0000_0000_8000, u64::MAX];
    for call in CALLS {
        for &a in &values {
            for &z in &values {
                b.call(call.token, &[a, z, z, a, z, a, z, a]);
                b.call(call.token, &[0, a, z, a, z, a, z, a]);
            }
        }
        b.trace.take();
    }
}
