//! What machine to describe, and where its pieces go in memory.

use crate::map;

/// The machine the platform is built for.
#[derive(Clone, Debug)]
pub struct PlatformConfig {
    /// Hardware thread ids (PIR); the first is the boot CPU.
    pub cpus: Vec<u32>,
    /// Bytes of RAM, from real address 0.
    pub memory_bytes: u64,
    /// Kernel command line.
    pub cmdline: String,
    /// Size of the initrd; 0 for none.
    pub initrd_bytes: u64,
    /// Adapters, each behind a host bridge of its own.
    pub adapters: usize,
    /// Device index of the first host bridge in agenda and trace; each
    /// bridge takes two, its adapter's and its own.
    pub first_device: u32,
    /// Period of the kernel's OPAL poller. Without it no event is handled.
    pub heartbeat_ms: u32,
    /// Wall clock at time 0, in seconds since 1970.
    pub epoch_secs: u64,
}

impl Default for PlatformConfig {
    fn default() -> PlatformConfig {
        PlatformConfig {
            cpus: vec![0, 4],
            memory_bytes: 1 << 30,
            cmdline: String::new(),
            initrd_bytes: 0,
            adapters: 1,
            first_device: 0,
            heartbeat_ms: 1000,
            epoch_secs: 1_577_836_800, // 2020-01-01
        }
    }
}

/// Where OPAL, device tree and initrd are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLayout {
    /// `opal-base-address`.
    pub opal_base: u64,
    /// `opal-entry-address`: put [`map::OPAL_TRAP`] there, big-endian.
    pub opal_entry: u64,
    /// Where to copy the device tree, [`map::FDT_BYTES`] at most.
    pub fdt: u64,
    /// First byte of the initrd and the byte after its last.
    pub initrd: Option<(u64, u64)>,
}

/// The machine cannot be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// RAM is too small for what has to be in it.
    #[error(
        "{memory} bytes of memory do not hold the kernel ({kernel} bytes) and the initrd ({initrd} bytes)"
    )]
    Memory {
        /// Bytes of RAM.
        memory: u64,
        /// End of the kernel.
        kernel: u64,
        /// Bytes of initrd.
        initrd: u64,
    },
    /// More adapters than host bridges with a CAPP.
    #[error("{0} adapters; a machine holds {max} at most", max = map::MAX_ADAPTERS)]
    Adapters(usize),
    /// No CPU, or one named twice or out of range.
    #[error("bad list of CPUs")]
    Cpus,
}

/// Places OPAL, device tree and initrd at the end of the RAM below 2 GiB,
/// above the kernel, which occupies `0..kernel_end`.
pub fn layout(config: &PlatformConfig, kernel_end: u64) -> Result<MemoryLayout, LayoutError> {
    check(config)?;
    let too_small =
        LayoutError::Memory { memory: config.memory_bytes, kernel: kernel_end, initrd: config.initrd_bytes };
    let down = |from: u64, bytes: u64| from.checked_sub(bytes).map(|at| at & !(map::PLACE_ALIGN - 1));
    let place = || {
        let opal_base = down(config.memory_bytes.min(map::LOW_LIMIT), map::OPAL_BYTES)?;
        let fdt = down(opal_base, map::FDT_BYTES)?;
        let start = down(fdt, config.initrd_bytes)?;
        let initrd = (config.initrd_bytes > 0).then_some((start, start + config.initrd_bytes));
        (start >= kernel_end).then_some(MemoryLayout {
            opal_base,
            opal_entry: opal_base + map::OPAL_ENTRY,
            fdt,
            initrd,
        })
    };
    place().ok_or(too_small)
}

fn check(config: &PlatformConfig) -> Result<(), LayoutError> {
    if config.adapters > map::MAX_ADAPTERS {
        return Err(LayoutError::Adapters(config.adapters));
    }
    let mut sorted = config.cpus.clone();
    sorted.sort_unstable();
    sorted.dedup();
    // A server number is hwid << 2 in 16 bits.
    let fits = sorted.last().is_some_and(|&last| last < 1 << 13);
    if sorted.len() != config.cpus.len() || !fits { Err(LayoutError::Cpus) } else { Ok(()) }
}
