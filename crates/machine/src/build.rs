//! From a description to a machine about to execute its first instruction.

use crate::kernel::{Content, KernelImage};
use crate::machine::Machine;
use fabric::memory::Store;
use fabric::{GuestMemory, OutOfMemory, PciFunction};
use powernv::{LayoutError, MemoryLayout, PlatformConfig};
use std::fs::File;
use std::sync::Arc;

/// A machine to build.
pub struct MachineConfig {
    /// Number of vCPUs, 1..=8, one thread per core.
    pub cpus: usize,
    /// Bytes of RAM.
    pub memory: u64,
    /// Kernel command line.
    pub cmdline: String,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Least and greatest quantum, in instructions.
    pub quantum: (u64, u64),
    /// Initial RAM file system.
    pub initrd: Vec<u8>,
    /// Adapters, each behind a host bridge of its own.
    pub adapters: Vec<Box<dyn PciFunction>>,
}

/// The quantum that scenarios get unless they say otherwise: short enough
/// that a spinning CPU wastes little, long enough that rounds cost nothing.
pub const DEFAULT_QUANTUM: (u64, u64) = (1_000, 8_000);
/// Most vCPUs of a machine.
pub const MAX_CPUS: usize = 8;

/// Why a machine cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Number of CPUs.
    #[error("{0} vCPUs; a machine has 1 to {MAX_CPUS}")]
    Cpus(usize),
    /// The host has too little memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// The kernel's file, of which a part was to be loaded.
    #[error("cannot read the kernel's file: {0}")]
    Kernel(std::io::Error),
    /// The pieces do not fit.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Hardware thread id of vCPU `n`: cores are four apart, as SMT4 cores are.
pub fn hwid(n: usize) -> u32 {
    4 * n as u32
}

/// Device index of the first host bridge in agenda and trace.
pub const FIRST_DEVICE: u32 = 1;

impl MachineConfig {
    pub(crate) fn platform(&self) -> PlatformConfig {
        PlatformConfig {
            cpus: (0..self.cpus).map(hwid).collect(),
            memory_bytes: self.memory,
            cmdline: self.cmdline.clone(),
            initrd_bytes: self.initrd.len() as u64,
            adapters: self.adapters.len(),
            first_device: FIRST_DEVICE,
            ..PlatformConfig::default()
        }
    }
}

/// Memory with a kernel's segments in it, made before all that a machine needs is known: the host
/// takes as long to give so many pages as to read everything else.
pub struct Loaded {
    memory: u64,
    mem: GuestMemory,
}

impl Loaded {
    /// Loads the kernel in `file` to memory of `memory` bytes. `None` if that is no kernel, or does not
    /// fit: whoever builds a machine of it says why.
    pub fn new(file: &Arc<File>, memory: u64) -> Option<Loaded> {
        let mem = GuestMemory::new(memory).ok()?;
        for s in KernelImage::segments_of(file).ok()? {
            let Content::File { file, offset, len } = &s.content else { return None };
            (mem.write_file(s.ra, file, *offset, *len).ok()? == Store::Done).then_some(())?;
        }
        Some(Loaded { memory, mem })
    }
    /// Size of the memory in bytes, as it was asked for.
    pub fn memory(&self) -> u64 {
        self.memory
    }
}

fn load_segments(mem: &GuestMemory, kernel: &KernelImage) -> Result<(), BuildError> {
    for s in &kernel.segments {
        match &s.content {
            Content::Bytes(bytes) => put(mem, s.ra, bytes),
            Content::File { file, offset, len } => {
                let stored = mem.write_file(s.ra, file, *offset, *len).map_err(BuildError::Kernel)?;
                placed(stored, s.ra);
            }
        }
    }
    Ok(())
}

/// Loads device tree, initrd, firmware entry, and the kernel unless it is `loaded`.
pub(crate) fn load(
    mem: &GuestMemory,
    loaded: bool,
    config: &MachineConfig,
    platform: &PlatformConfig,
    kernel: &KernelImage,
) -> Result<MemoryLayout, BuildError> {
    let layout = powernv::layout(platform, kernel.end)?;
    if !loaded {
        load_segments(mem, kernel)?;
    }
    put(mem, layout.fdt, &powernv::device_tree(platform, &layout));
    put(mem, layout.opal_entry, &powernv::map::OPAL_TRAP.to_be_bytes());
    if let Some((start, _)) = layout.initrd {
        put(mem, start, &config.initrd);
    }
    Ok(layout)
}

fn put(mem: &GuestMemory, ra: u64, bytes: &[u8]) {
    placed(mem.write_bytes(ra, bytes), ra);
}
fn placed(stored: Store, ra: u64) {
    assert_eq!(stored, Store::Done, "layout placed {ra:#x} inside memory");
}

impl Machine {
    /// Builds a machine with `kernel` in its memory.
    pub fn new(config: MachineConfig, kernel: &KernelImage) -> Result<Machine, BuildError> {
        Machine::with(config, kernel, None)
    }
    /// The same with memory that this kernel was loaded to, if it has the right size.
    pub fn with(
        config: MachineConfig,
        kernel: &KernelImage,
        loaded: Option<Loaded>,
    ) -> Result<Machine, BuildError> {
        if !(1..=MAX_CPUS).contains(&config.cpus) {
            return Err(BuildError::Cpus(config.cpus));
        }
        let loaded = loaded.filter(|loaded| loaded.memory == config.memory);
        let is_loaded = loaded.is_some();
        let mem = loaded.map_or_else(|| GuestMemory::new(config.memory), |loaded| Ok(loaded.mem))?;
        let platform = config.platform();
        let layout = load(&mem, is_loaded, &config, &platform, kernel)?;
        Ok(Machine::assemble(config, platform, layout, mem, kernel.entry))
    }
}

#[cfg(test)]
impl Machine {
    /// One CPU, no adapter, and these bytes from address 0 on.
    pub(crate) fn bare(bytes: Vec<u8>) -> Machine {
        use crate::kernel::{Segment, Symbols};
        let size = bytes.len() as u64;
        let kernel = KernelImage {
            segments: vec![Segment { ra: 0, content: Content::Bytes(bytes), size }],
            entry: 0,
            end: size,
            symbols: Symbols::default(),
            banner: String::new(),
        };
        let config = MachineConfig {
            cpus: 1,
            memory: 256 << 20,
            cmdline: String::new(),
            seed: 1,
            quantum: DEFAULT_QUANTUM,
            initrd: vec![],
            adapters: vec![],
        };
        Machine::new(config, &kernel).expect("a machine")
    }
}
