//! Which of the CPUs that could run do run.

use fabric::Rng;
use serde::{Deserialize, Serialize};

/// A CPU that keeps others from running for so many instructions loses its
/// priority: the kernel has loops that wait for another CPU.
pub(crate) const PATIENCE: u64 = 2_000_000;

/// Who runs in a round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// All, one after the other.
    #[default]
    Fair,
    /// The one with the highest priority alone.
    Priorities(Priorities),
}

/// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random
/// priorities, and at d - 1 random points the one that runs gets a priority
/// below all others. A bug of depth d among k points and n CPUs is found with
/// a probability of at least 1/(n k^(d-1)) by each schedule.
///
/// `Deviates:` the paper schedules threads; here it is CPUs, and the guest's
/// own scheduler places its threads on them. A CPU that runs alone for too
/// long loses its priority, which the paper has no need of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priorities {
    /// By CPU; the highest runs.
    rank: Vec<i64>,
    /// Points at which a priority changes, ascending.
    changes: Vec<u64>,
    /// Priority that the next one to lose its own gets.
    lowest: i64,
    /// Points so far.
    points: u64,
    /// Instructions for which one CPU has kept others waiting.
    alone: u64,
    /// How often that was too long.
    demotions: u64,
}

impl Priorities {
    /// Priorities of `cpus` CPUs, with `depth` - 1 changes among `points` points.
    pub fn draw(cpus: usize, depth: u32, points: u64, rng: &mut Rng) -> Priorities {
        let mut rank: Vec<i64> = (0..cpus as i64).collect();
        for i in (1..cpus).rev() {
            rank.swap(i, rng.below(i as u64 + 1) as usize);
        }
        let mut changes: Vec<u64> = (1..depth).map(|_| rng.range(1, points.max(1))).collect();
        changes.sort_unstable();
        Priorities { rank, changes, lowest: -1, points: 0, alone: 0, demotions: 0 }
    }
    fn demote(&mut self, cpu: usize) {
        self.rank[cpu] = self.lowest;
        self.lowest -= 1;
        self.alone = 0;
    }
}

impl Policy {
    /// Leaves those of `order` in it that run.
    pub fn choose(&mut self, order: &mut Vec<usize>) {
        let Policy::Priorities(p) = self else { return };
        if order.len() < 2 {
            p.alone = 0;
            return;
        }
        if let Some(&first) = order.iter().max_by_key(|n| p.rank.get(**n)) {
            *order = vec![first];
        }
    }
    /// `cpu` has run `instructions` while others could have.
    pub fn ran_alone(&mut self, cpu: usize, instructions: u64) {
        let Policy::Priorities(p) = self else { return };
        p.alone += instructions;
        if p.alone >= PATIENCE {
            p.demote(cpu);
            p.demotions += 1;
        }
    }
    /// `cpu` is at a point at which a priority may change; true if it does.
    pub fn point(&mut self, cpu: usize) -> bool {
        let Policy::Priorities(p) = self else { return false };
        p.points += 1;
        let due = p.changes.iter().filter(|c| **c == p.points).count();
        (0..due).for_each(|_| p.demote(cpu));
        due > 0
    }
    /// Points met and priorities lost for running too long.
    pub fn counts(&self) -> (u64, u64) {
        match self {
            Policy::Fair => (0, 0),
            Policy::Priorities(p) => (p.points, p.demotions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(p: &mut Policy) -> usize {
        let mut order = vec![0, 1, 2];
        p.choose(&mut order);
        assert_eq!(order.len(), 1);
        order[0]
    }

    #[test]
    fn priorities_change_at_their_points_and_not_between() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut p = Policy::Priorities(Priorities::draw(3, 3, 10, &mut Rng::named(seed, "pct")));
            let mut order = vec![first(&mut p)];
            for _ in 0..10 {
                let runs = order[order.len() - 1];
                let changed = p.point(runs);
                let next = first(&mut p);
                assert_eq!(changed, next != runs);
                if changed {
                    order.push(next);
                }
            }
            assert!(order.len() <= 3, "two changes at most");
            seen.insert(order);
        }
        assert!(seen.len() > 8, "{} different schedules", seen.len());
    }

    #[test]
    fn who_runs_too_long_has_to_wait_and_it_is_counted() {
        let mut p = Policy::Priorities(Priorities::draw(3, 1, 10, &mut Rng::named(1, "pct")));
        let runs = first(&mut p);
        p.ran_alone(runs, PATIENCE - 1);
        assert_eq!(first(&mut p), runs);
        p.ran_alone(runs, 1);
        assert_ne!(first(&mut p), runs);
        assert_eq!(p.counts(), (0, 1));
        let mut alone = vec![runs];
        p.choose(&mut alone);
        assert_eq!(alone, [runs], "the only one that can run does");
    }
}
