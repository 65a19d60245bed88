//! Law 1: the same run, to the bit. Debug against release is a stage of `cargo xtask test`.

use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu};
use fabric::hash::StateHasher;
use fabric::memory::Store;
use fabric::{Agenda, GuestMemory, Rng, Ticks, state_hash};
use it::boot::{Guest, advance, samples};
use powernv::{Platform, PlatformConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Instructions of a boot: page tables are on, drivers begin.
const BOOT: u64 = 16 << 20;
/// Most bytes of a state whose bits are all flipped; of a longer one every n-th byte is.
const MOST_FLIPS: usize = 6000;

fn guest() -> Guest {
    Guest::prepared().unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn one_seed_is_one_run() {
    let guest = guest();
    for cpus in [1, 2] {
        let run = || samples(&mut guest.machine(cpus, 7).expect("built"), BOOT);
        let (first, second) = (run(), run());
        assert!(first.len() >= 16, "{} samples", first.len());
        for (n, (a, b)) in first.iter().zip(&second).enumerate() {
            assert_eq!(a, b, "{cpus} CPUs: sample {n} differs");
        }
        assert_eq!(first.len(), second.len());
        assert!(first.windows(2).all(|pair| pair[0].hash != pair[1].hash), "time passes");
    }
}

#[test]
fn another_seed_is_another_run() {
    let guest = guest();
    let run = |seed| {
        let mut machine = guest.machine(2, seed).expect("built");
        samples(&mut machine, 4 << 20).last().copied().expect("a sample")
    };
    let (a, b) = (run(1), run(2));
    assert_ne!(a.hash, b.hash);
}

#[test]
fn what_comes_from_outside_counts() {
    let guest = guest();
    let mut machine = guest.machine(1, 1).expect("built");
    assert!(advance(&mut machine, 1 << 20));
    let before = machine.state_hash();
    assert_eq!(before, machine.state_hash(), "looking changes nothing");
    machine.push_input(0, b"x");
    let typed = machine.state_hash();
    assert_ne!(before, typed, "console input");
    let at = machine.memory().len() - 8;
    let old = machine.memory().read::<1>(at).expect("memory")[0];
    assert_eq!(machine.memory().write(at, [old ^ 1]), Store::Done);
    assert_ne!(typed, machine.state_hash(), "a bit of memory nobody has touched");
    assert_eq!(machine.memory().write(at, [old]), Store::Done);
}

/// Flips bits of the saved form: what still is a state is another state.
fn flips<T: Serialize + DeserializeOwned>(name: &str, state: &T) {
    let bytes = postcard::to_stdvec(state).expect("states have a postcard form");
    let hash = state_hash(state);
    let copy: T = postcard::from_bytes(&bytes).expect("what is saved can be loaded");
    assert_eq!(state_hash(&copy), hash, "{name}: loading gives the same state");
    let every = bytes.len().div_ceil(MOST_FLIPS);
    let (mut other, mut refused) = (0, 0);
    for at in (0..bytes.len()).step_by(every) {
        let bits = if every == 1 { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            match postcard::from_bytes::<T>(&changed) {
                Ok(state) => {
                    assert_ne!(state_hash(&state), hash, "{name}: byte {at} bit {bit} does not count");
                    other += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(other > 0, "{name}: no flip gave a state ({refused} refused of {} bytes)", bytes.len());
}

#[test]
fn every_saved_bit_counts() {
    let guest = guest();
    let mut machine = guest.machine(2, 3).expect("built");
    assert!(advance(&mut machine, 6 << 20));
    flips("cpu", &machine.cpus()[0]);
    flips("platform", &Platform::new(&PlatformConfig { adapters: 2, ..PlatformConfig::default() }));
    let adapter = Adapter::new(AdapterConfig::default(), SisliteAfu::new(AfuConfig::corsa(), 1));
    flips("adapter", &adapter);
    flips("nest", &machine::nest::NestMmu { ptcr: 0x1234_5678_9ABC_D00F });
    flips("random stream", &Rng::named(5, "schedule"));
    let mut agenda = Agenda::default();
    (0..9).for_each(|n| {
        agenda.enter(Ticks(1000 * n), n as u32, n << 30);
    });
    flips("agenda", &agenda);
}

#[test]
fn every_bit_of_memory_counts() {
    let mem = GuestMemory::new(1 << 20).expect("memory");
    let hash = || {
        let mut hasher = StateHasher::new();
        mem.hash_into(&mut hasher);
        hasher.finish()
    };
    let empty = hash();
    for ra in [0u64, 1, 4095, 4096, 0x8_0007, (1 << 20) - 1] {
        for bit in 0..8 {
            assert_eq!(mem.write(ra, [1 << bit]), Store::Done);
            let with = hash();
            assert_ne!(with, empty, "bit {bit} of {ra:#x}");
            assert_eq!(mem.write(ra, [0]), Store::Done);
            assert_ne!(hash(), with);
        }
    }
    assert_eq!(hash(), empty, "a page stored to and zero again is a page of zeros");
}
