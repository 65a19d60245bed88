//! Same inputs, same bytes; a saved state goes on as if nothing had happened.

use super::*;

/// Everything that a run leaves behind.
type Outcome = (Vec<u8>, u128, Vec<Record>, Vec<u16>);

/// A busy time: two users, faults, a sync that is held, a TERMINATE, a reset
/// of a context. `between` is done after each of its steps.
fn scenario(mut between: impl FnMut(&mut Rig)) -> Outcome {
    let mut rig = Rig::new();
    rig.user(1);
    rig.user(2);
    rig.world.tables.missing.insert((DATA + 2 * STRIDE) >> 16);
    rig.inject("afu-sync", Effect::Hold(Ticks::millis(3)));
    for step in 0..40u64 {
        let pe = 1 + (step % 2) as u16;
        rig.submit(pe, step % 8, &user_io(pe, step % 3 == 0, step, 1 + step as u32 % 5));
        match step {
            5 => drop(rig.submit(0, 0, &sync(1, 1))),
            11 => rig.world.tables.missing.clear(),
            12 | 13 => rig.tfc(R),
            20 => rig.host(1, host::IOARRIN, 1),
            30 => assert!(rig.terminate(2) && rig.remove(2)),
            _ => {}
        }
        between(&mut rig);
        rig.pass(Ticks::micros(37));
        between(&mut rig);
    }
    rig.pass(Ticks::secs(1));
    let mut memory = vec![0; 4 << 22];
    assert!(rig.world.mem.read_bytes(0, &mut memory));
    let mut hash = fabric::hash::StateHasher::new();
    hash.bytes(&memory);
    (rig.adapter.saved(), hash.finish(), rig.world.trace.take(), rig.irqs())
}

#[test]
fn two_runs_are_the_same() {
    let (one, two) = (scenario(|_| {}), scenario(|_| {}));
    assert!(one == two);
    assert!(one.2.iter().any(|r| r.kind == "psl-fault"));
    assert!(one.2.iter().any(|r| r.kind == "afu-command-aborted"));
    assert!(one.2.iter().filter(|r| r.kind == "afu-command-done").count() > 20);
}

#[test]
fn a_loaded_state_goes_on_alike() {
    let straight = scenario(|_| {});
    let reloaded = scenario(|rig| {
        let bytes = rig.adapter.saved();
        rig.adapter = Adapter::from_saved(&bytes).expect("its own saved state");
        assert!(rig.adapter.saved() == bytes);
    });
    assert!(straight == reloaded);
}

/// The card in the middle of its work: commands under way, a fault open and
/// one queued, a sync held, a context being reset.
fn busy() -> Rig {
    let mut rig = Rig::new();
    rig.user(1);
    rig.user(2);
    rig.world.tables.missing.insert((DATA + STRIDE) >> 16);
    rig.world.tables.missing.insert((DATA + 2 * STRIDE) >> 16);
    rig.inject("afu-sync", Effect::Hold(Ticks::millis(3)));
    rig.submit(0, 0, &sync(1, 1));
    for n in 0..6 {
        let pe = 1 + (n % 2) as u16;
        rig.submit(pe, n, &user_io(pe, n > 2, n, 2));
        rig.pass(Ticks::micros(40));
    }
    rig
}

#[test]
fn every_saved_bit_of_a_busy_card_counts() {
    let rig = busy();
    let bytes = rig.adapter.saved();
    let (mut other, mut refused) = (0, 0);
    // One bit of each of many bytes; the integration test has all of a card at rest.
    let every = bytes.len().div_ceil(1500) | 1;
    for at in (0..bytes.len()).step_by(every) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        match Adapter::<SisliteAfu>::from_saved(&changed) {
            Ok(state) => {
                assert!(state.saved() != bytes, "byte {at} bit {} does not count", at % 8);
                other += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(other > refused, "{other} other states, {refused} refused, {} bytes", bytes.len());
}
