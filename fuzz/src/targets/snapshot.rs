//! Files of snapshots: whatever is in one, also with a checksum that fits, it is refused, or a machine can be put to it.

use std::sync::OnceLock;

use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu};
use fabric::{MemoryImage, PciFunction, Ticks};
use machine::KernelImage;
use machine::engine::{BranchPoint, GuestOffsets, Host, Setup, Status, Trunk, Wish};
use machine::scenario::Scenario;
use machine::snapshot_file::{Facts, decode, encode, sealed};

/// The first byte of an input: what the rest is.
const FILE: u8 = 0;
const BODY: u8 = 1;
const STATE: u8 = 2;

const MEMORY: u64 = 64 << 20;
const SCENARIO: &str = r#"schema = 1
name = "snapshot"

[machine]
cpus = 1
memory = "64MiB"

[[adapter]]
variant = "corsa"

[[actor]]
name = "p1"

[[step]]
name = "begin"
when = { at = "1us" }
then = { input = "x" }

[[step]]
name = "hold"
when = { command = "afu-sync", from = "p1" }
fault = { hold = "3s..9s" }

[explore]
from = { step = "begin" }
"#;

struct Idle;

impl Host for Idle {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, _: &machine::Record) {}
    fn poll(&mut self, _: &Status) -> Wish {
        Wish::Continue
    }
}

fn setup() -> Setup<'static> {
    static MADE: OnceLock<(Scenario, KernelImage)> = OnceLock::new();
    let (scenario, kernel) = MADE.get_or_init(|| {
        let scenario = machine::scenario::parse(SCENARIO).expect("the scenario is well formed");
        let kernel = KernelImage::parse(&super::elf::kernel_seeds()[0]).expect("the seed is a kernel");
        (scenario, kernel)
    });
    let adapter = Adapter::new(AdapterConfig::default(), SisliteAfu::new(AfuConfig::corsa(), 1));
    let adapters: Vec<Box<dyn PciFunction>> = vec![Box::new(adapter)];
    Setup {
        memory: None,
        scenario,
        kernel,
        modules: vec![],
        offsets: GuestOffsets::default(),
        initrd: vec![],
        adapters,
        seed: 1,
        slice: Ticks::millis(10),
    }
}

/// A whole file, its body, its state, and a head by itself.
pub fn seeds() -> Vec<Vec<u8>> {
    let trunk = Trunk::grow(setup(), &mut Idle).unwrap_or_else(|e| panic!("the seed's branch point: {e}"));
    let file = trunk.point().encode(&Facts::default()).expect("it is small");
    let (state, _) = decode(&file, &Facts::default(), MEMORY).expect("its own file");
    let body = file[HEAD..].to_vec();
    let with = |kind: u8, rest: &[u8]| [&[kind], rest].concat();
    let seeds = vec![with(FILE, &file), with(BODY, &body), with(STATE, &state), with(FILE, &file[..HEAD])];
    assert!(seeds.iter().all(|s| s.len() <= LONGEST), "a seed is cut off");
    assert!(BranchPoint::decode(&file, &Facts::default(), &setup()).is_ok(), "the seed is a snapshot");
    seeds
}

/// Longest input: a state has a whole TLB in it.
pub const LONGEST: usize = 80 << 10;

/// Bytes of a file before its body.
const HEAD: usize = 36;

/// Reads one file; a machine is put to what can be read.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let file = match *kind {
        FILE => rest.to_vec(),
        BODY => sealed(rest),
        _ => match encode(&Facts::default(), rest, &MemoryImage::new(MEMORY)) {
            Ok(file) => file,
            Err(_) => return,
        },
    };
    if let Ok(point) = BranchPoint::decode(&file, &Facts::default(), &setup()) {
        let _ = Trunk::plant(setup(), point);
    }
}
