//! Inputs on disk: `fuzz/corpus/TARGET/`, one file each, named by its content.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::coverage;
use crate::targets::Target;

/// A minimised corpus is committed, so it is small: inputs, and bytes of all together.
const INPUTS: usize = 64;
const BYTES: usize = 200 << 10;
/// Worth of a counter that no other input reaches, in features.
const COUNTER: usize = 16;

/// The folder of a target.
pub fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// All inputs of a folder in the order of their names; none where there is no folder.
pub fn load(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    if !folder.exists() {
        return Ok(vec![]);
    }
    let mut paths = vec![];
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// Writes one input.
pub fn store(folder: &Path, input: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(format!("{:016x}", fabric::state_hash(input) as u64));
    std::fs::create_dir_all(folder)?;
    std::fs::write(&path, input)?;
    Ok(path)
}

/// Replaces the corpus by few inputs that reach most of what it and the inputs of `more` reach. What the seeds reach
/// needs no input.
pub fn minimise(target: &Target, more: &Path) -> io::Result<()> {
    let folder = &folder(target);
    let mut inputs = load(folder)?;
    inputs.extend(load(more)?);
    inputs.sort();
    inputs.dedup();
    let reached = |input: &Vec<u8>| {
        coverage::clear();
        (target.run)(input);
        coverage::features()
    };
    // Tables that are built once count for the first input: they are built before.
    let seeds = (target.seeds)();
    seeds.first().map(reached);
    let known: BTreeSet<u32> = seeds.iter().flat_map(reached).collect();
    let all: Vec<Vec<u32>> = inputs.iter().map(reached).collect();
    let kept = cover(&inputs, &all, known);
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    for n in &kept {
        store(folder, &inputs[*n])?;
    }
    let bytes: usize = kept.iter().map(|n| inputs[*n].len()).sum();
    println!("fuzz {}: {} inputs, {bytes} bytes of {} kept", target.name, kept.len(), inputs.len());
    Ok(())
}

/// Greedy: always the input that adds most, the shorter of two that add as much.
fn cover(inputs: &[Vec<u8>], features: &[Vec<u32>], known: BTreeSet<u32>) -> Vec<usize> {
    let mut counters: BTreeSet<u32> = known.iter().map(|feature| feature / 8).collect();
    let (mut known, mut kept, mut bytes) = (known, vec![], 0);
    let mut left: Vec<usize> = (0..inputs.len()).collect();
    while kept.len() < INPUTS {
        let worth = |n: usize| -> usize {
            let new = features[n].iter().filter(|feature| !known.contains(feature));
            new.map(|feature| if counters.contains(&(feature / 8)) { 1 } else { COUNTER }).sum()
        };
        left.retain(|n| bytes + inputs[*n].len() <= BYTES);
        let scored = left.iter().map(|n| (worth(*n), usize::MAX - inputs[*n].len(), *n));
        let Some((1.., _, best)) = scored.max() else { break };
        known.extend(&features[best]);
        counters.extend(features[best].iter().map(|feature| feature / 8));
        bytes += inputs[best].len();
        left.retain(|n| *n != best);
        kept.push(best);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_takes_what_adds_most_and_nothing_that_adds_nothing() {
        let inputs = vec![vec![0; 9], vec![0; 3], vec![0; 2], vec![0; 1]];
        // The second reaches two counters, the first the same with more bytes, the third nothing new, the fourth a magnitude.
        let features = vec![vec![8, 16], vec![8, 16], vec![80], vec![81]];
        assert_eq!(cover(&inputs, &features, BTreeSet::from([80])), [1, 3]);
    }

    #[test]
    fn a_cover_is_small() {
        let inputs: Vec<Vec<u8>> = (0..100).map(|n| vec![n; 4096]).collect();
        let features: Vec<Vec<u32>> = (0..100).map(|n| vec![n * 8]).collect();
        let kept = cover(&inputs, &features, BTreeSet::new());
        assert_eq!(kept.len(), BYTES / 4096);
    }
}
