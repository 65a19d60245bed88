//! A kernel made by hand in a machine that never runs: tasks, mutexes,
//! modules, whole and broken.

use super::{GuestOffsets, Inspector, Running, Task};
use crate::kernel::Symbols;
use crate::machine::Machine;
use std::collections::BTreeMap;

const BASE: u64 = 0xC000_0000_0000_0000;
const INIT: u64 = BASE + 0x1_0000;
/// Distance of tasks, of stacks.
const STEP: u64 = 0x1000;
const STACKS: u64 = BASE + 0x8_0000;
const STACK: u64 = 0x4000;
const MUTEX: u64 = BASE + 0x6_0000;
const PACA: u64 = BASE + 0x7_0000;
const MODULE: u64 = BASE + 0x7_8000;
const MODULES: u64 = BASE + 0x7_F000;

/// Offsets as a kernel might have them; eight bytes apart.
fn offsets() -> GuestOffsets {
    let fixed = BTreeMap::from([("TIF_SIGPENDING", 1), ("THREAD_SIZE", STACK)]);
    GuestOffsets::lookup(|key| {
        let at = super::offsets::KEYS.iter().position(|k| *k == key).expect("known") as u64;
        Some(fixed.get(key).copied().unwrap_or(0x20 + 0x18 * at))
    })
}

struct Guest {
    machine: Machine,
    offsets: GuestOffsets,
    symbols: Symbols,
}

impl Guest {
    /// `init_task` and `count` processes after it, all asleep.
    fn with_tasks(count: u64) -> Guest {
        let machine = Machine::bare(vec![0; 16]);
        let symbols = Symbols::of(&[("init_task", INIT), ("modules", MODULES), ("do_wait", BASE + 0x2000)]);
        let mut guest = Guest { machine, offsets: offsets(), symbols };
        let o = guest.offsets;
        for n in 0..=count {
            let task = task(n);
            let link = o.tasks.expect("known");
            guest.put(task + link, self::task((n + 1) % (count + 1)) + link);
            guest.put(task + o.stack.expect("known"), stack(n));
            guest.put(task + o.mm.expect("known"), u64::from(n > 1));
            guest.put(task + o.pid.expect("known"), n);
            guest.put(task + o.tgid.expect("known"), n);
            guest.put(task + o.state.expect("known"), 2);
            guest.put(task + o.comm.expect("known"), u64::from_le_bytes(*b"task\0\0\0\0"));
            guest.put(task + o.signal.expect("known"), task + 0x800);
            let head = task + 0x800 + o.thread_head.expect("known");
            guest.put(head, task + o.thread_node.expect("known"));
            guest.put(task + o.thread_node.expect("known"), head);
        }
        guest.put(MODULES, MODULES);
        guest
    }
    fn put(&mut self, ea: u64, value: u64) {
        let stored = self.machine.memory().write_bytes(ea - BASE, &value.to_le_bytes());
        assert_ne!(stored, fabric::memory::Store::Outside, "{ea:#x}");
    }
    fn look(&self) -> Inspector<'_> {
        Inspector::new(&self.machine, &self.offsets, &self.symbols)
    }
    /// Task `n` sleeps with a frame of `do_wait` and, above it, a link at `link(n)`.
    fn sleep(&mut self, n: u64) {
        let ksp = stack(n) + 0x3000;
        self.put(task(n) + self.offsets.ksp.expect("known"), ksp);
        self.put(ksp, ksp + 0x100);
        self.put(ksp + 0x100 + 16, BASE + 0x2010);
        self.put(ksp + 0x100, 0);
    }
    /// These wait for the mutex, in this order.
    fn queue(&mut self, owner: u64, waiters: &[u64]) {
        let o = self.offsets;
        self.put(MUTEX + o.mutex_owner.expect("known"), task(owner) | 1);
        let head = MUTEX + o.mutex_waiters.expect("known");
        let mut ring = vec![head];
        ring.extend(waiters.iter().map(|n| link(*n)));
        for (at, this) in ring.iter().enumerate() {
            let next = ring[(at + 1) % ring.len()];
            self.put(*this, next);
            self.put(next + 8, *this);
        }
    }
}

fn task(n: u64) -> u64 {
    INIT + n * STEP
}
fn stack(n: u64) -> u64 {
    STACKS + n * STACK
}
fn link(n: u64) -> u64 {
    stack(n) + 0x3080
}

#[test]
fn tasks_are_listed_with_their_threads_and_signals() {
    let mut g = Guest::with_tasks(3);
    let o = g.offsets;
    // Process 2 has a thread of its own at task(5).
    let head = task(2) + 0x800 + o.thread_head.expect("known");
    let node = o.thread_node.expect("known");
    g.put(task(2) + node, task(5) + node);
    g.put(task(5) + node, head);
    g.put(task(5) + o.pid.expect("known"), 9);
    g.put(task(5) + o.tgid.expect("known"), 2);
    g.put(task(2) + o.private_signals.expect("known"), 1 << 8);
    g.put(task(2) + 0x800 + o.shared_signals.expect("known"), 1 << 14);
    g.put(task(2) + o.thread_flags.expect("known"), 2);
    g.machine.cpus[0].sprs.hsprg0 = PACA;
    g.put(PACA + o.current.expect("known"), task(3));
    let tasks = g.look().tasks().expect("tasks");
    let ids: Vec<(u32, u32)> = tasks.iter().map(|t| (t.pid, t.tgid)).collect();
    assert_eq!(ids, [(0, 0), (3, 3), (1, 1), (2, 2), (9, 2)]);
    let find = |pid| tasks.iter().find(|t: &&Task| t.pid == pid).expect("listed");
    assert_eq!((find(3).running, find(1).running), (Running::On(0), Running::No));
    assert_eq!((find(1).kernel, find(2).kernel, find(2).signal_pending), (true, false, true));
    let report = g.look().report(&BTreeMap::new());
    let two = report.tasks.iter().find(|t| t.pid == 2).expect("reported");
    assert_eq!((&*two.name, two.state, &two.signals[..]), ("task", 'D', &[9, 15][..]));
}

#[test]
fn lists_that_do_not_end_or_lead_astray_are_cut() {
    for wild in [0, 8, BASE + 0x0FFF_FFFF_FFF8, u64::MAX, task(2)] {
        let mut g = Guest::with_tasks(3);
        g.put(task(2) + g.offsets.tasks.expect("known"), wild);
        let tasks = g.look().tasks().expect("tasks");
        assert!(tasks.len() >= 3 && tasks.len() < 10, "{wild:#x}: {}", tasks.len());
    }
    let nothing = GuestOffsets::default();
    let g = Guest::with_tasks(1);
    assert_eq!(Inspector::new(&g.machine, &nothing, &g.symbols).tasks(), None);
}

/// Rings of threads that do not pass their head, for every process: what is
/// followed is bounded for all of them together.
#[test]
fn many_lists_that_do_not_end_cost_no_more_than_one() {
    let mut g = Guest::with_tasks(5);
    let o = g.offsets;
    let (head, node) = (o.thread_head.expect("known"), o.thread_node.expect("known"));
    for n in 1..=5 {
        g.put(task(n) + o.signal.expect("known"), task(n) + 0x800);
        g.put(task(n) + 0x800 + head, task(n) + node);
        g.put(task(n) + node, task(n) + node);
    }
    let mut left = 50;
    assert_eq!(g.look().tasks_within(&mut left).map(|t| t.len()), Some(6));
    assert_eq!(left, 0, "and not 5 times as many as a list may have");
}

/// The same of waiters.
#[test]
fn rings_on_stacks_are_followed_within_bounds() {
    let mut g = Guest::with_tasks(4);
    [2, 3].into_iter().for_each(|n| g.sleep(n));
    g.queue(4, &[3, 2]);
    let tasks = g.look().tasks().expect("tasks");
    for (steps, found) in [(0, 0), (2, 0), (50, 1)] {
        let steps = std::cell::Cell::new(steps);
        assert_eq!(g.look().contended_within(&tasks, &steps).len(), found, "{steps:?} left");
        assert_eq!(steps.get() > 0, found > 0);
    }
}

#[test]
fn waiters_of_a_mutex_are_found_by_their_stacks() {
    let mut g = Guest::with_tasks(4);
    [2, 3].into_iter().for_each(|n| g.sleep(n));
    g.queue(4, &[3, 2]);
    let tasks = g.look().tasks().expect("tasks");
    let found = g.look().contended(&tasks);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].address, found[0].owner), (MUTEX, Some(task(4))));
    assert_eq!(found[0].waiters, [task(3), task(2)]);
    assert_eq!(g.look().mutex(MUTEX, &tasks).as_ref(), found.first());
    let report = g.look().report(&BTreeMap::from([(MUTEX, "lock".to_owned())]));
    assert_eq!(report.mutexes[0].name.as_deref(), Some("lock"));
    assert_eq!(report.mutexes[0].owner.as_deref(), Some("task/4"));
    let waiter = report.tasks.iter().find(|t| t.pid == 2).expect("reported");
    assert_eq!(waiter.waits_for, Some(format!("{MUTEX:#x}")));
    assert_eq!(waiter.stack, ["do_wait+0x10"]);
}

#[test]
fn where_tasks_sleep_in_modules_is_told_without_distances() {
    let task = |state, cpu, stack: &[&str]| super::TaskReport {
        state,
        cpu,
        stack: stack.iter().map(|f| (*f).to_owned()).collect(),
        ..super::TaskReport::default()
    };
    let waits = ["schedule+0x6c", "cxlflash:get_context+0x58", "cxlflash:release+0x10"];
    let tasks = vec![
        task('D', None, &waits),
        task('S', None, &["schedule+0x70", "cxlflash:get_context+0x1c"]),
        task('R', Some(1), &["cxlflash:ioctl+0x4"]),
        task('R', None, &["cxlflash:ioctl+0x8"]),
        task('D', None, &["schedule+0x70"]),
    ];
    let report = super::GuestReport { tasks, ..super::GuestReport::default() };
    assert_eq!(report.sleeps_in().into_iter().collect::<Vec<_>>(), ["cxlflash:get_context"]);
}

#[test]
fn what_is_no_mutex_is_not_taken_for_one() {
    let broken: [fn(&mut Guest); 4] = [
        // The owner is no task.
        |g| g.put(MUTEX + g.offsets.mutex_owner.expect("known"), BASE + 0x5_0001),
        // Nobody is said to wait.
        |g| g.put(MUTEX + g.offsets.mutex_owner.expect("known"), task(4)),
        // A ring that does not pass the head again.
        |g| g.put(link(3), link(3)),
        |g| g.put(link(3), 0),
    ];
    for (n, spoil) in broken.into_iter().enumerate() {
        let mut g = Guest::with_tasks(4);
        [2, 3].into_iter().for_each(|n| g.sleep(n));
        g.queue(4, &[3, 2]);
        spoil(&mut g);
        let tasks = g.look().tasks().expect("tasks");
        assert_eq!(g.look().contended(&tasks), [], "case {n}");
    }
}

#[test]
fn functions_of_modules_come_from_the_kernels_table() {
    let mut g = Guest::with_tasks(1);
    let o = g.offsets;
    let link = o.module_link.expect("known");
    g.put(MODULES, MODULE + link);
    g.put(MODULE + link, MODULES);
    g.put(MODULE + o.module_name.expect("known"), u64::from_le_bytes(*b"cxl\0\0\0\0\0"));
    let (tables, table, names) = (MODULE + 0x1000, MODULE + 0x1100, MODULE + 0x1200);
    g.put(MODULE + o.module_symbols.expect("known"), tables);
    g.put(tables + o.symbols_table.expect("known"), table);
    g.put(tables + o.symbols_names.expect("known"), names);
    g.put(tables + o.symbols_count.expect("known"), 2);
    g.put(names, u64::from_le_bytes(*b"\0probe\0\0"));
    g.put(table + 24, 1 | 2 << 48);
    g.put(table + 32, BASE + 0x0800_0000_0000);
    let modules = g.look().modules();
    assert_eq!(modules.len(), 1);
    assert_eq!(g.look().describe(BASE + 0x0800_0000_0024, &modules), "cxl:probe+0x24");
    assert_eq!(g.look().describe(BASE + 0x0900_0000_0000, &modules), "0xc000090000000000");
    // A number of symbols that no module has.
    g.put(tables + o.symbols_count.expect("known"), u64::MAX);
    assert_eq!(g.look().modules()[0].name, "cxl");
}
