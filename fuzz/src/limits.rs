//! What one input may cost: time and memory of the host.
//!
//! An input that never ends cannot be caught from inside: a second thread looks at clock and memory, stores the input and
//! ends the process.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A fuzzer is about the wall clock.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An input that takes more processor time is a failure: a host that has much else to do must not look like one.
const TIME: Duration = Duration::from_secs(10);
/// So is one that takes longer by the clock: it waits for something.
const WAIT: Duration = Duration::from_secs(600);
/// Growth of the process above what it had before the first input that is a failure, in KiB. The targets together stay
/// below 60 MiB, most of it the inputs that are kept; a leak or a table without bound passes this in one run.
const GROWTH: u64 = 256 << 10;
/// How often the second thread looks. A process gets a few GiB of zeroed memory in this time at most.
const LOOK: Duration = Duration::from_millis(200);
/// An input that ends sooner cannot have touched much of [`GROWTH`] (a page fault of the host takes about 0.1 µs per KiB).
const SOON: Duration = Duration::from_millis(2);
/// Inputs between two looks at the memory when all end soon: what leaks slowly.
const EVERY: u64 = 256;

/// An input that runs: how many ran before it, since when, and what it is.
type Running = Arc<Mutex<Option<(u64, Instant, Vec<u8>)>>>;

/// Watches one input at a time.
pub struct Limits {
    running: Running,
    start: u64,
    inputs: u64,
}

impl Limits {
    /// Starts the thread; `store` keeps the input and says so.
    pub fn new(store: impl Fn(&[u8], &str) + Send + 'static) -> Self {
        let running: Running = Arc::default();
        let seen = Arc::clone(&running);
        let start = peak_kib();
        let thread = this_thread();
        std::thread::spawn(move || {
            let mut watched = Watched::default();
            loop {
                std::thread::sleep(LOOK);
                let now = seen.lock().expect("nobody panics with the lock held");
                let Some((number, since, input)) = &*now else { continue };
                let used = watched.used(*number, on_cpu(&thread), since.elapsed());
                let wrong = grown(start).or_else(|| too_long(used, since.elapsed()));
                if let Some(text) = wrong {
                    store(input, &text);
                    std::process::exit(1);
                }
            }
        });
        Self { running, start, inputs: 0 }
    }

    /// `input` begins to run.
    pub fn begin(&self, input: &[u8]) {
        let now = Some((self.inputs, Instant::now(), input.to_vec()));
        *self.running.lock().expect("nobody panics with the lock held") = now;
    }

    /// It has ended; what it did to the host if that is too much.
    pub fn end(&mut self) -> Option<String> {
        let ended = self.running.lock().expect("nobody panics with the lock held").take();
        self.inputs += 1;
        let soon = ended.is_none_or(|(_, since, _)| since.elapsed() < SOON);
        if soon && !self.inputs.is_multiple_of(EVERY) { None } else { grown(self.start) }
    }
}

fn grown(start: u64) -> Option<String> {
    let more = peak_kib().saturating_sub(start);
    (more > GROWTH).then(|| format!("the process grew by {more} KiB, more than {GROWTH} KiB"))
}

/// Most memory the process ever had in use, KiB (`VmHWM` of proc(5)).
pub fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time of one input, as far as the second thread has seen it.
#[derive(Default)]
struct Watched {
    input: Option<u64>,
    first: Duration,
}

impl Watched {
    /// What input `number` has used since it was seen first, if the thread was on a CPU for `cpu` in all; the
    /// clock's `elapsed` where the host does not tell.
    fn used(&mut self, number: u64, cpu: Option<Duration>, elapsed: Duration) -> Duration {
        let Some(cpu) = cpu else { return elapsed };
        if self.input != Some(number) {
            (self.input, self.first) = (Some(number), cpu);
        }
        cpu.saturating_sub(self.first)
    }
}

/// What is wrong with an input that has used so much processor time in so long a time.
fn too_long(used: Duration, elapsed: Duration) -> Option<String> {
    let limit = match (used > TIME, elapsed > WAIT) {
        (true, _) => TIME,
        (_, true) => WAIT,
        _ => return None,
    };
    let what = if used > TIME { "of processor time" } else { "by the clock" };
    Some(format!("did not end within {} s {what}", limit.as_secs()))
}

/// Where proc(5) has this thread.
fn this_thread() -> PathBuf {
    std::fs::read_link("/proc/thread-self")
        .map_or_else(|_| PathBuf::new(), |link| Path::new("/proc").join(link))
}
/// Time a thread was on a CPU (`schedstat` of proc(5)).
fn on_cpu(thread: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
/// That of this thread, which runs all inputs; the wall clock where the host does not tell.
pub fn cpu_time(since: Instant) -> Duration {
    on_cpu(&this_thread()).unwrap_or_else(|| since.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn processor_time_counts_and_waiting_does_much_later() {
        assert_eq!(too_long(9 * SECOND, 500 * SECOND), None);
        assert!(too_long(11 * SECOND, 12 * SECOND).expect("too long").contains("10 s of processor time"));
        assert!(too_long(SECOND, 601 * SECOND).expect("too long").contains("600 s by the clock"));
    }

    #[test]
    fn each_input_has_its_own_time() {
        let mut watched = Watched::default();
        assert_eq!(watched.used(1, Some(100 * SECOND), SECOND), Duration::ZERO);
        assert_eq!(watched.used(1, Some(109 * SECOND), 50 * SECOND), 9 * SECOND);
        assert_eq!(watched.used(2, Some(109 * SECOND), SECOND), Duration::ZERO);
        assert_eq!(watched.used(2, None, 7 * SECOND), 7 * SECOND);
    }

    #[test]
    fn a_thread_that_computes_is_seen_to() {
        let thread = this_thread();
        let Some(before) = on_cpu(&thread) else { return };
        let mut sum = 0u64;
        while on_cpu(&thread).is_some_and(|now| now == before) {
            sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(on_cpu(&thread) > Some(before));
    }
}
