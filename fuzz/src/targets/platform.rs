//! Layouts and device trees of machines as nobody would ask for them.

/// Sizes at the edges: memory, end of the kernel, initrd, CPUs, adapters.
pub fn tree_seeds() -> Vec<Vec<u8>> {
    let sizes = [0, 1 << 20, 64 << 20, 1 << 30, 3 << 30, 1 << 40, u64::MAX];
    let mut all = vec![];
    for memory in sizes {
        for kernel_end in [0, 0x300_0000, memory, u64::MAX] {
            let numbers = [memory, kernel_end, memory / 2];
            let mut input: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            input.extend([2, 1]);
            all.push(input);
        }
    }
    all
}

/// One machine.
pub fn tree(data: &[u8]) {
    let number = |n: usize| {
        let bytes = data.get(n * 8..n * 8 + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    let byte = |n: usize| data.get(n).copied().unwrap_or_default();
    // `machine::MachineConfig` has refused other counts before.
    let cpus = byte(24) % machine::build::MAX_CPUS as u8 + 1;
    powernv::fuzzing::fuzz_tree(number(0), number(1), number(2), cpus, byte(25) % 3);
}
