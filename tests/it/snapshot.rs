//! A machine that was saved and put back goes on as if nothing had happened.

use fabric::Rng;
use it::boot::{Guest, Sample, advance, samples};
use machine::Machine;

/// Instructions after the moment of the snapshot.
const AFTER: u64 = 6 << 20;

fn guest() -> Guest {
    Guest::prepared().unwrap_or_else(|reason| panic!("{reason}"))
}

fn reach(guest: &Guest, cpus: usize, instructions: u64) -> Machine {
    let mut machine = guest.machine(cpus, 3).expect("built");
    assert!(advance(&mut machine, instructions), "the guest ended before {instructions} instructions");
    machine
}

fn goes_on_alike(machine: &mut Machine, straight: &[Sample], what: &str) {
    for (n, (a, b)) in samples(machine, AFTER).iter().zip(straight).enumerate() {
        assert_eq!(a, b, "{what}: sample {n} differs from the straight run");
    }
}

#[test]
fn restored_runs_equal_the_straight_run() {
    let guest = guest();
    let mut moments = Rng::named(1, "moments of snapshots");
    for cpus in [1, 2] {
        let at = moments.range(1 << 20, 24 << 20);
        let straight = samples(&mut reach(&guest, cpus, at), AFTER);
        let mut machine = reach(&guest, cpus, at);
        let before = machine.state_hash();
        let snapshot = machine.save().expect("nothing waits");
        assert_eq!(machine.state_hash(), before, "saving changes nothing");
        let what = format!("{cpus} CPUs, {at} instructions");
        goes_on_alike(&mut machine, &straight, &format!("{what}, went on"));
        for turn in 0..2 {
            machine.restore(&snapshot).expect("its own snapshot");
            assert_eq!(machine.state_hash(), before, "{what}, put back");
            goes_on_alike(&mut machine, &straight, &format!("{what}, put back, turn {turn}"));
        }
        let mut other = guest.machine(cpus, 99).expect("built");
        advance(&mut other, 1 << 20);
        other.restore(&snapshot).expect("a snapshot of such a machine");
        assert_eq!(other.state_hash(), before, "{what}, in another machine");
        goes_on_alike(&mut other, &straight, &format!("{what}, in another machine"));
    }
}

#[test]
fn another_seed_from_a_snapshot_is_another_run() {
    let guest = guest();
    let mut machine = reach(&guest, 2, 4 << 20);
    let snapshot = machine.save().expect("nothing waits");
    let mut last = |seed: u64| {
        machine.restore(&snapshot).expect("its own snapshot");
        machine.reseed(seed);
        samples(&mut machine, 2 << 20).last().copied().expect("a sample")
    };
    let (one, two, again) = (last(1), last(2), last(1));
    assert_eq!(one, again);
    assert_ne!(one.hash, two.hash);
}

#[test]
fn a_snapshot_of_another_make_is_refused() {
    let guest = guest();
    let snapshot = guest.machine(1, 1).expect("built").save().expect("nothing waits");
    let refused = guest.machine(2, 1).expect("built").restore(&snapshot);
    let reason = refused.expect_err("two CPUs are not one").to_string();
    assert!(reason.contains("another number of CPUs"), "{reason}");
}
