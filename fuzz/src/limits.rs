//! What one input may cost: time and memory of the host.
//!
//! An input that never ends cannot be caught from inside: a second thread looks at clock and memory, stores the input and
//! ends the process.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A fuzzer is about the wall clock.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An input that takes longer is a failure.
const TIME: Duration = Duration::from_secs(10);
/// Growth of the process above what it had before the first input that is a failure, in KiB. The targets together stay
/// below 60 MiB, most of it the inputs that are kept; a leak or a table without bound passes this in one run.
const GROWTH: u64 = 256 << 10;
/// How often the second thread looks. A process gets a few GiB of zeroed memory in this time at most.
const LOOK: Duration = Duration::from_millis(200);
/// An input that ends sooner cannot have touched much of [`GROWTH`] (a page fault of the host takes about 0.1 µs per KiB).
const SOON: Duration = Duration::from_millis(2);
/// Inputs between two looks at the memory when all end soon: what leaks slowly.
const EVERY: u64 = 256;

type Running = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

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
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let now = seen.lock().expect("nobody panics with the lock held");
                let Some((since, input)) = &*now else { continue };
                let wrong = grown(start).or_else(|| {
                    (since.elapsed() > TIME).then(|| format!("did not end within {} s", TIME.as_secs()))
                });
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
        let now = Some((Instant::now(), input.to_vec()));
        *self.running.lock().expect("nobody panics with the lock held") = now;
    }

    /// It has ended; what it did to the host if that is too much.
    pub fn end(&mut self) -> Option<String> {
        let ended = self.running.lock().expect("nobody panics with the lock held").take();
        self.inputs += 1;
        let soon = ended.is_none_or(|(since, _)| since.elapsed() < SOON);
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

/// Time this thread was on a CPU (`schedstat` of proc(5)), which runs all inputs; the wall clock where the host does not tell.
pub fn cpu_time(since: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}
