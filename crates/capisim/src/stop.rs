//! What ends a run from outside: Ctrl-C, a signal, the wall-clock limit.
#![allow(clippy::disallowed_types)] // The program, not the model, looks at the wall clock.

use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Exit code after the wall-clock limit, as timeout(1) has it.
pub const TIMEOUT: i32 = 124;
/// Exit code after SIGINT, as shells have it.
pub const INTERRUPTED: i32 = 130;

/// Tells runs to end. The first signal ends them cleanly, with partial
/// results; the second ends the program.
#[derive(Clone, Debug)]
#[allow(clippy::disallowed_types)]
pub struct Stop {
    signal: Arc<AtomicBool>,
    expired: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Catches SIGINT and SIGTERM and starts the clock.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)] // The program, unlike the model, knows the wall clock.
    pub fn install(timeout: Option<u64>) -> Result<Stop, Error> {
        let signal = Arc::new(AtomicBool::new(false));
        for number in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let failed = |e: std::io::Error| Error::Environment(format!("cannot catch signal {number}: {e}"));
            signal_hook::flag::register_conditional_shutdown(number, INTERRUPTED, signal.clone())
                .map_err(failed)?;
            signal_hook::flag::register(number, signal.clone()).map_err(failed)?;
        }
        let deadline = timeout.map(|secs| Instant::now() + Duration::from_secs(secs));
        Ok(Stop { signal, expired: Arc::new(AtomicBool::new(false)), deadline })
    }
    /// True once runs should end.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    pub fn wanted(&self) -> bool {
        if self.deadline.is_some_and(|d| Instant::now() >= d) {
            self.expired.store(true, Ordering::Relaxed);
        }
        self.code().is_some()
    }
    /// Exit code, if runs were told to end.
    pub fn code(&self) -> Option<i32> {
        if self.signal.load(Ordering::Relaxed) {
            Some(INTERRUPTED)
        } else {
            self.expired.load(Ordering::Relaxed).then_some(TIMEOUT)
        }
    }
}
