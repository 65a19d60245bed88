//! A guest made of the prepared artifacts: the stock kernel and our init.

use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu};
use capisim::artifacts::{Artifacts, cache_dir};
use capisim::initramfs::{Contents, compose};
use fabric::{NoInjection, Ticks};
use machine::{KernelImage, Machine, MachineConfig, Stop};

/// The command line of measurements and of this package's boots.
pub const CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1 panic=-1 oops=panic";
/// Init prints what it found and powers off; it loads nothing.
const INIT_CONFIG: &str = "mode probe\nhelper -\n";
/// RAM of the guest.
const MEMORY: u64 = 1 << 30;

/// Kernel and initramfs.
pub struct Guest {
    /// The stock kernel.
    pub kernel: KernelImage,
    /// Our init alone.
    pub initrd: Vec<u8>,
    /// What was prepared.
    pub artifacts: Artifacts,
}

impl Guest {
    /// Reads the prepared artifacts; the text says what is missing.
    pub fn prepared() -> Result<Guest, String> {
        let cache = cache_dir().map_err(|error| error.to_string())?;
        let artifacts = Artifacts::load(&cache, None).map_err(|error| error.to_string())?;
        let path = &artifacts.vmlinux.path;
        let file = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let kernel = KernelImage::parse(&file).map_err(|error| format!("{}: {error}", path.display()))?;
        let init =
            artifacts.programs.get("init").ok_or("no guest program `init`: run `cargo xtask guest`")?;
        let contents = Contents { init: Some(&init.file.path), config: INIT_CONFIG, ..Contents::default() };
        let initrd = compose(&contents).map_err(|error| error.to_string())?;
        Ok(Guest { kernel, initrd, artifacts })
    }

    /// A machine about to boot it, with a Corsa in the slot.
    pub fn machine(&self, cpus: usize, seed: u64) -> Result<Machine, String> {
        Machine::new(self.config(cpus, seed), &self.kernel).map_err(|error| error.to_string())
    }
    /// What that machine is made of.
    pub fn config(&self, cpus: usize, seed: u64) -> MachineConfig {
        let afu = SisliteAfu::new(AfuConfig::corsa(), seed);
        MachineConfig {
            cpus,
            memory: MEMORY,
            cmdline: CMDLINE.to_owned(),
            seed,
            quantum: machine::build::DEFAULT_QUANTUM,
            initrd: self.initrd.clone(),
            adapters: vec![Box::new(Adapter::new(AdapterConfig::default(), afu))],
        }
    }
}

/// Instructions between two samples.
pub const SAMPLE: u64 = 1 << 20;

/// A machine's state at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Instructions retired.
    pub instructions: u64,
    /// Virtual time.
    pub now: Ticks,
    /// Hash of everything that can influence the future.
    pub hash: u128,
}

/// Runs `machine` for `instructions` and samples it about every [`SAMPLE`]; the moments are the machine's own, so equal
/// machines are sampled at equal moments.
pub fn samples(machine: &mut Machine, instructions: u64) -> Vec<Sample> {
    let mut out = vec![];
    let end = machine.instructions() + instructions;
    while machine.instructions() < end {
        let next = (machine.instructions() + SAMPLE).min(end);
        let good = advance(machine, next);
        let (instructions, now, hash) = (machine.instructions(), machine.now(), machine.state_hash());
        out.push(Sample { instructions, now, hash });
        if !good {
            break;
        }
    }
    out
}

/// Runs until `instructions` have been retired; false if the guest ended before.
pub fn advance(machine: &mut Machine, instructions: u64) -> bool {
    while machine.instructions() < instructions {
        let left = instructions - machine.instructions();
        let limit = machine.now() + Ticks(left.div_ceil(machine.cpus().len() as u64));
        match machine.run(limit, &mut NoInjection) {
            Stop::Limit | Stop::Activity => {
                machine.take_output(0);
                machine.take_records();
            }
            _ => return false,
        }
    }
    true
}
