//! Mutexes by name, and the tasks that wait for those that conditions name.

use super::symbols::SymbolTable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many names are kept; a guest can initialise mutexes for ever.
const MAX_NAMES: usize = 1 << 16;
/// So many tasks are taken to wait at a time.
const MAX_WAITING: usize = 1 << 16;
/// Longest name.
pub const MAX_NAME: usize = 96;

/// Names of mutexes, as the kernel was told them when it initialised each:
/// `__mutex_init` gets the text of its argument, `&cfg->ctx_tbl_list_mutex`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    names: BTreeMap<u64, String>,
    /// Tasks in the slow path of a mutex that a condition names.
    waiting: BTreeMap<u64, Waiting>,
}

/// A task in the slow path of a mutex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Address of the mutex.
    pub lock: u64,
    /// Which of the named functions are on the back chain.
    pub under: Vec<String>,
    /// It has gone to sleep.
    pub asleep: bool,
}

/// A task that has to wait for a mutex, as a watched instruction tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contention {
    /// Address of the mutex.
    pub lock: u64,
    /// Its name; empty if it has none.
    pub name: String,
    /// Which of the named functions are on the back chain.
    pub under: Vec<String>,
    /// Whether a signal is pending.
    pub signal_pending: Option<bool>,
    /// In which of the named functions the mutex's owner sleeps.
    pub held_by: Vec<String>,
    /// Which task.
    pub task: String,
}

impl Locks {
    /// A mutex was initialised.
    pub fn named(&mut self, lock: u64, text: &str) {
        if self.names.len() < MAX_NAMES || self.names.contains_key(&lock) {
            self.names.insert(lock, text.trim_matches(['&', '(', ')']).to_owned());
        }
    }
    /// All names.
    pub fn names(&self) -> &BTreeMap<u64, String> {
        &self.names
    }
    /// Its name: the one it was given, or that of a static object.
    pub fn name(&self, lock: u64, table: &SymbolTable<'_>) -> Option<String> {
        self.names.get(&lock).cloned().or_else(|| table.kernel().data_at(lock).map(str::to_owned))
    }
    /// A task has come to the slow path of a mutex; true if it is the first.
    pub fn wait(&mut self, task: u64, lock: u64, under: Vec<String>) -> bool {
        let first = self.waiting.is_empty();
        if self.waiting.len() >= MAX_WAITING {
            return false;
        }
        self.waiting.insert(task, Waiting { lock, under, asleep: false });
        first
    }
    /// It has the mutex, or has given up; true if nobody else waits.
    pub fn done(&mut self, task: u64) -> bool {
        self.waiting.remove(&task);
        self.waiting.is_empty()
    }
    /// It goes to sleep, for the first time since it came.
    pub fn sleeps(&mut self, task: u64) -> Option<Waiting> {
        let waiting = self.waiting.get_mut(&task).filter(|w| !w.asleep)?;
        waiting.asleep = true;
        Some(waiting.clone())
    }
    /// What it sleeps for.
    pub fn asleep(&self, task: u64) -> Option<Waiting> {
        self.waiting.get(&task).filter(|w| w.asleep).cloned()
    }
    /// True if any task waits.
    pub fn any_waits(&self) -> bool {
        !self.waiting.is_empty()
    }
    /// True if a task waits.
    pub fn waits(&self, task: u64) -> bool {
        self.waiting.contains_key(&task)
    }
}

/// Whether `name` (`cfg->ctx_tbl_list_mutex`) is what a scenario calls
/// `wanted`: the whole, or the member.
pub fn is_called(name: &str, wanted: &str) -> bool {
    let member = name.rsplit(['>', '.']).next().unwrap_or(name);
    name == wanted || member == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_was_told() {
        let mut locks = Locks::default();
        locks.named(8, "&cfg->ctx_tbl_list_mutex");
        locks.named(16, "&(afu->sync_active)");
        assert_eq!(locks.names()[&8], "cfg->ctx_tbl_list_mutex");
        assert!(is_called(&locks.names()[&8], "ctx_tbl_list_mutex"));
        assert!(is_called(&locks.names()[&16], "sync_active") && is_called("global.mutex", "mutex"));
        assert!(is_called("afu->sync_active", "afu->sync_active"));
        assert!(!is_called("cfg->ctx_tbl_list_mutex", "list_mutex") && !is_called("a->b", "a"));
    }

    #[test]
    fn a_task_sleeps_once_for_a_mutex() {
        let mut locks = Locks::default();
        assert!(locks.wait(1, 8, vec!["f".into()]) && !locks.wait(2, 8, vec![]));
        assert_eq!(locks.asleep(1), None);
        assert_eq!(locks.sleeps(1).map(|w| w.lock), Some(8));
        assert_eq!(locks.sleeps(1), None, "once");
        assert_eq!(locks.asleep(1).map(|w| w.under), Some(vec!["f".to_owned()]));
        assert!(!locks.done(1) && locks.done(2));
        assert_eq!((locks.sleeps(3), locks.waits(1)), (None, false));
    }
}
