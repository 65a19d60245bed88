//! An input that never ends cannot be caught from inside: a second thread looks at the clock, stores it and ends the process.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // A fuzzer is about the wall clock.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An input that takes longer is a failure.
const LIMIT: Duration = Duration::from_secs(10);

type Running = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Watches one input at a time.
pub struct Watchdog(Running);

impl Watchdog {
    /// Starts the thread; `store` keeps the input and says so.
    pub fn new(store: impl Fn(&[u8], &str) + Send + 'static) -> Self {
        let running: Running = Arc::default();
        let seen = Arc::clone(&running);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let now = seen.lock().expect("nobody panics with the lock held");
                if let Some((since, input)) = &*now
                    && since.elapsed() > LIMIT
                {
                    store(input, &format!("did not end within {} s", LIMIT.as_secs()));
                    std::process::exit(1);
                }
            }
        });
        Self(running)
    }

    /// `input` begins to run.
    pub fn begin(&self, input: &[u8]) {
        *self.0.lock().expect("nobody panics with the lock held") = Some((Instant::now(), input.to_vec()));
    }

    /// It has ended.
    pub fn end(&self) {
        *self.0.lock().expect("nobody panics with the lock held") = None;
    }
}
