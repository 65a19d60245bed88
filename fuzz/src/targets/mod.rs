//! What is fuzzed: a name, inputs to start from, and what one input does.

mod adapter;
mod btf;
mod elf;
mod guest;
mod platform;
mod processor;
mod scenario;
mod seeds;
mod snapshot;
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
    /// Bytes before the first step.
    pub head: usize,
    /// Bytes of a step; 1 where an input has no such form.
    pub step: usize,
    /// Executions in a second of CPU time below which a run with `--floor` fails: about a fifth of what they are usually.
    pub floor: u64,
    /// Counters that seeds and corpus have to reach with `--floor`: four fifths of what they did when it was written.
    pub counters: usize,
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
        head: 0,
        step: 16,
        floor: 1600,
        counters: 1120,
        run: adapter::psl,
    },
    Target {
        name: "card",
        about: "the same with the SISLite AFU",
        seeds: seeds::card,
        longest: 2048,
        head: 0,
        step: 16,
        floor: 450,
        counters: 1650,
        run: adapter::card,
    },
    Target {
        name: "config",
        about: "configuration space only, with resets",
        seeds: seeds::config,
        longest: 2048,
        head: 0,
        step: 16,
        floor: 1500,
        counters: 340,
        run: adapter::config,
    },
    Target {
        name: "spa",
        about: "contents of the process area and linked list commands",
        seeds: seeds::spa,
        longest: 2048,
        head: 0,
        step: 16,
        floor: 1500,
        counters: 1100,
        run: adapter::spa,
    },
    Target {
        name: "afu",
        about: "registers of the SISLite AFU",
        seeds: seeds::random,
        longest: 2048,
        head: 2,
        step: 1,
        floor: 80,
        counters: 1780,
        run: capi::afu::fuzzing::fuzz_mmio,
    },
    Target {
        name: "ioarcb",
        about: "contents of IOARCB, RHT and LXT",
        seeds: seeds::commands,
        longest: 1400,
        head: seeds::COMMANDS_HEAD,
        step: seeds::COMMAND,
        floor: 280,
        counters: 2150,
        run: capi::afu::fuzzing::fuzz_ioarcb,
    },
    Target {
        name: "opal",
        about: "firmware calls, bridge registers, time",
        seeds: seeds::opal,
        longest: 2048,
        head: 0,
        step: 16,
        floor: 700,
        counters: 1750,
        run: powernv::fuzzing::fuzz_opal,
    },
    Target {
        name: "guest",
        about: "firmware calls, MMIO and instructions of a CPU in a whole machine",
        seeds: guest::seeds,
        longest: 1028,
        head: guest::HEAD,
        step: guest::STEP,
        floor: 30,
        counters: 2240,
        run: guest::run,
    },
    Target {
        name: "tree",
        about: "memory layouts and device trees of odd machines",
        seeds: platform::tree_seeds,
        longest: 64,
        head: 0,
        step: 1,
        floor: 5000,
        counters: 120,
        run: platform::tree,
    },
    Target {
        name: "cpu",
        about: "random instructions on random states, with and without translation",
        seeds: processor::seeds,
        longest: 2048,
        head: 16,
        step: 4,
        floor: 600,
        counters: 4050,
        run: processor::run,
    },
    Target {
        name: "jit",
        about: "the same by the interpreter and by the translator, a few instructions at a time",
        seeds: processor::seeds,
        longest: 2048,
        head: 16,
        step: 4,
        floor: 19,
        counters: 4400,
        run: processor::run_translated,
    },
    Target {
        name: "radix",
        about: "hostile page tables",
        seeds: tables::seeds,
        longest: 4096,
        head: 0,
        step: 16,
        floor: 3500,
        counters: 79,
        run: tables::run,
    },
    Target {
        name: "kernel",
        about: "kernel images, parsed and placed in memory",
        seeds: elf::kernel_seeds,
        longest: 8192,
        head: 0,
        step: 1,
        floor: 2500,
        counters: 740,
        run: elf::kernel,
    },
    Target {
        name: "module",
        about: "kernel modules, plain and compressed",
        seeds: elf::module_seeds,
        longest: 8192,
        head: 0,
        step: 1,
        floor: 5500,
        counters: 340,
        run: elf::module,
    },
    Target {
        name: "btf",
        about: "types of a kernel, and of a module that adds to them",
        seeds: btf::seeds,
        longest: 2048,
        head: 2,
        step: 4,
        floor: 3200,
        counters: 290,
        run: btf::run,
    },
    Target {
        name: "scenario",
        about: "scenario files",
        seeds: scenario::seeds,
        longest: 4096,
        head: 0,
        step: 1,
        floor: 3500,
        counters: 1270,
        run: scenario::run,
    },
    Target {
        name: "snapshot",
        about: "files of snapshots, with and without a right checksum",
        seeds: snapshot::seeds,
        longest: snapshot::LONGEST,
        head: 1,
        step: 1,
        floor: 210,
        counters: 3250,
        run: snapshot::run,
    },
];
