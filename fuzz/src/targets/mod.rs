//! What is fuzzed: a name, inputs to start from, and what one input does.

mod adapter;
mod elf;
mod platform;
mod processor;
mod scenario;
mod seeds;
mod tables;

/// One target.
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longest input.
    pub longest: usize,
    /// Executions in a second below which a run with `--floor` fails: about a tenth of what the host of docs/fuzzing.md does.
    pub floor: u64,
    /// Runs one input; a panic is a failure.
    pub run: fn(&[u8]),
}

/// All targets; `cargo xtask test` runs each.
pub const ALL: &[Target] = &[
    Target {
        name: "psl",
        about: "MMIO, configuration space, memory and resets of the card with a small AFU",
        seeds: seeds::card,
        longest: 2048,
        floor: 1000,
        run: adapter::psl,
    },
    Target {
        name: "card",
        about: "the same with the SISLite AFU",
        seeds: seeds::card,
        longest: 2048,
        floor: 240,
        run: adapter::card,
    },
    Target {
        name: "config",
        about: "configuration space only, with resets",
        seeds: seeds::config,
        longest: 2048,
        floor: 2500,
        run: adapter::config,
    },
    Target {
        name: "spa",
        about: "contents of the process area and linked list commands",
        seeds: seeds::spa,
        longest: 2048,
        floor: 800,
        run: adapter::spa,
    },
    Target {
        name: "afu",
        about: "registers of the SISLite AFU",
        seeds: seeds::random,
        longest: 2048,
        floor: 60,
        run: capi::afu::fuzzing::fuzz_mmio,
    },
    Target {
        name: "ioarcb",
        about: "contents of IOARCB, RHT and LXT",
        seeds: seeds::commands,
        longest: 1400,
        floor: 60,
        run: capi::afu::fuzzing::fuzz_ioarcb,
    },
    Target {
        name: "opal",
        about: "firmware calls, bridge registers, time",
        seeds: seeds::opal,
        longest: 2048,
        floor: 250,
        run: powernv::fuzzing::fuzz_opal,
    },
    Target {
        name: "tree",
        about: "memory layouts and device trees of odd machines",
        seeds: platform::tree_seeds,
        longest: 64,
        floor: 11_000,
        run: platform::tree,
    },
    Target {
        name: "cpu",
        about: "random instructions on random states, with and without translation",
        seeds: processor::seeds,
        longest: 2048,
        floor: 200,
        run: processor::run,
    },
    Target {
        name: "radix",
        about: "hostile page tables",
        seeds: tables::seeds,
        longest: 4096,
        floor: 2000,
        run: tables::run,
    },
    Target {
        name: "kernel",
        about: "kernel images, parsed and placed in memory",
        seeds: elf::kernel_seeds,
        longest: 8192,
        floor: 3000,
        run: elf::kernel,
    },
    Target {
        name: "module",
        about: "kernel modules, plain and compressed",
        seeds: elf::module_seeds,
        longest: 8192,
        floor: 35_000,
        run: elf::module,
    },
    Target {
        name: "scenario",
        about: "scenario files",
        seeds: scenario::seeds,
        longest: 4096,
        floor: 2500,
        run: scenario::run,
    },
];
