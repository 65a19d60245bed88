//! Mutexes: who has them, who waits.

use super::Inspector;
use super::tasks::{Running, Task};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Low bits of `mutex.owner` that are flags (MUTEX_FLAGS, kernel/locking/mutex.c).
pub const MUTEX_FLAGS: u64 = 7;
/// Of those: somebody waits (MUTEX_FLAG_WAITERS).
const HAS_WAITERS: u64 = 1;
/// So many are taken to wait for one mutex at most.
const MAX_WAITERS: usize = 4096;
/// So many links are followed in search of all mutexes. A kernel stack could
/// be full of what looks like one.
const MAX_STEPS: usize = 1 << 20;

/// A mutex that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutex {
    /// Its address.
    pub address: u64,
    /// Task that has it; `None` between two owners.
    pub owner: Option<u64>,
    /// Tasks that wait, first come first.
    pub waiters: Vec<u64>,
}

/// Kernel stacks of all tasks by their lowest address.
pub(super) type Stacks = BTreeMap<u64, (u64, u64)>;

impl Inspector<'_> {
    /// The mutex at `address` with its owner and its waiters. A waiter's
    /// link lies on the stack of the task that waits, which is how it is known.
    pub fn mutex(&self, address: u64, tasks: &[Task]) -> Option<Mutex> {
        self.mutex_on(address, tasks, &self.stacks(tasks), &Cell::new(MAX_STEPS))
    }

    pub(super) fn stacks(&self, tasks: &[Task]) -> Stacks {
        let range = |t: &Task| self.stack_range(t).map(|r| (r.start, (r.end, t.address)));
        tasks.iter().filter_map(range).collect()
    }

    fn mutex_on(&self, address: u64, tasks: &[Task], stacks: &Stacks, steps: &Cell<usize>) -> Option<Mutex> {
        let word = self.u64(address, self.offsets.mutex_owner)?;
        let owner = Some(word & !MUTEX_FLAGS).filter(|owner| *owner != 0);
        if owner.is_some_and(|owner| !tasks.iter().any(|t| t.address == owner)) {
            return None;
        }
        let head = address.wrapping_add(self.offsets.mutex_waiters?);
        let (mut waiters, mut seen) = (vec![], BTreeSet::new());
        let mut link = self.machine.read_kernel_u64(head)?;
        while link != head {
            let task = on(stacks, link)?;
            if waiters.len() >= MAX_WAITERS || !seen.insert(task) || !step(steps) {
                return None;
            }
            waiters.push(task);
            link = self.machine.read_kernel_u64(link)?;
        }
        Some(Mutex { address, owner, waiters })
    }

    /// Every mutex that a sleeping task waits for: found by the links on
    /// their stacks, so it needs neither name nor address.
    pub fn contended(&self, tasks: &[Task]) -> Vec<Mutex> {
        self.contended_within(tasks, &Cell::new(MAX_STEPS))
    }

    /// The same, following as many links as `steps` has left.
    pub(super) fn contended_within(&self, tasks: &[Task], steps: &Cell<usize>) -> Vec<Mutex> {
        let stacks = self.stacks(tasks);
        let mut found: BTreeMap<u64, Mutex> = BTreeMap::new();
        for task in tasks.iter().filter(|t| t.state != 0 && t.running == Running::No) {
            if found.values().any(|m| m.waiters.contains(&task.address)) {
                continue;
            }
            found.extend(self.waited_for(task, tasks, &stacks, steps).map(|m| (m.address, m)));
        }
        found.into_values().collect()
    }

    fn waited_for(&self, task: &Task, tasks: &[Task], stacks: &Stacks, steps: &Cell<usize>) -> Option<Mutex> {
        let range = self.stack_range(task)?;
        let ksp = self.u64(task.address, self.offsets.ksp).filter(|ksp| range.contains(ksp))?;
        let mut used = vec![0; (range.end - ksp) as usize];
        if !self.machine.read_kernel(ksp, &mut used) {
            return None;
        }
        let words: Vec<u64> =
            used.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap_or_default())).collect();
        let links =
            words.windows(2).enumerate().filter(|(_, pair)| pair.iter().all(|p| super::is_kernel(*p)));
        links.into_iter().find_map(|(n, pair)| {
            let link = ksp + 8 * n as u64;
            // Both neighbours point back at a link of a list.
            let next_back = self.machine.read_kernel_u64(pair[0].wrapping_add(8))?;
            let previous = self.machine.read_kernel_u64(pair[1])?;
            if next_back != link || previous != link {
                return None;
            }
            let head = self.head(link, stacks, steps)?;
            let address = head.wrapping_sub(self.offsets.mutex_waiters?);
            let waiters = self.u64(address, self.offsets.mutex_owner)? & HAS_WAITERS != 0;
            let mutex = self.mutex_on(address, tasks, stacks, steps).filter(|_| waiters)?;
            mutex.waiters.contains(&task.address).then_some(mutex)
        })
    }

    /// The head of a list of waiters: what of it lies on no stack.
    fn head(&self, link: u64, stacks: &Stacks, steps: &Cell<usize>) -> Option<u64> {
        let mut at = link;
        for _ in 0..MAX_WAITERS {
            if !step(steps) {
                return None;
            }
            at = self.machine.read_kernel_u64(at).filter(|next| super::is_kernel(*next))?;
            if on(stacks, at).is_none() {
                return Some(at);
            }
        }
        None
    }
}

/// One step more, if any is left.
fn step(steps: &Cell<usize>) -> bool {
    let left = steps.get();
    steps.set(left.saturating_sub(1));
    left > 0
}

/// The task on whose stack `address` lies.
fn on(stacks: &Stacks, address: u64) -> Option<u64> {
    let (_, (end, task)) = stacks.range(..=address).next_back()?;
    (address < *end).then_some(*task)
}
