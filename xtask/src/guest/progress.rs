//! Progress on stderr: a bar on a terminal, a plain line every ten seconds elsewhere.

#![allow(clippy::disallowed_types)] // Progress is about the wall clock.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Says what is going on.
pub struct Progress {
    terminal: bool,
}

/// A download or another thing whose size is known.
pub struct Transfer {
    what: String,
    total: u64,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// One line for one step of the work.
    pub fn step(&self, text: &str) {
        eprintln!("guest: {text}");
    }

    pub fn transfer(&self, what: &str, total: u64) -> Transfer {
        let bar = self.terminal.then(|| {
            let template = "guest: {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
            let style = ProgressStyle::with_template(template)
                .expect("the template is constant")
                .progress_chars("=> ");
            ProgressBar::new(total).with_style(style).with_message(what.to_owned())
        });
        if bar.is_none() {
            eprintln!("guest: {what}, {}", megabytes(total));
        }
        Transfer { what: what.to_owned(), total, bar, said: Instant::now() }
    }
}

impl Transfer {
    pub fn at(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        } else if self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = Instant::now();
            eprintln!("guest: {}: {} of {}", self.what, megabytes(bytes), megabytes(self.total));
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
