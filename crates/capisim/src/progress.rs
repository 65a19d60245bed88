//! Progress on standard error: bars on a terminal, a line every 10 s elsewhere.
#![allow(clippy::disallowed_types)] // The program, not the model, looks at the wall clock.

use crate::cli::When;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use machine::engine::Status;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two plain lines.
const LINE: Duration = Duration::from_secs(10);
/// Between two changes of a bar.
const REDRAW: Duration = Duration::from_millis(200);

/// Progress of all runs of a command.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: Option<MultiProgress>,
    lines: bool,
}

impl Progress {
    /// As the user asked.
    pub fn new(when: When) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress {
            bars: (terminal && when != When::Never).then(MultiProgress::new),
            lines: !terminal && when != When::Never,
        }
    }
    /// None at all.
    pub fn silent() -> Progress {
        Progress { bars: None, lines: false }
    }
    /// Progress of one run, called `name`.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)] // The program, unlike the model, knows the wall clock.
    pub fn start(&self, name: &str) -> Meter {
        let bar = self.bars.as_ref().map(|m| {
            let bar = m.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix:12} {elapsed:>5} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(name.to_owned());
            bar
        });
        let now = Instant::now();
        Meter { name: name.to_owned(), bar, lines: self.lines, started: now, shown: now }
    }
}

/// Progress of one run.
#[derive(Debug)]
#[allow(clippy::disallowed_types)]
pub struct Meter {
    name: String,
    bar: Option<ProgressBar>,
    lines: bool,
    started: Instant,
    shown: Instant,
}

impl Meter {
    /// Shows where the run is, if it is time to.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    pub fn show(&mut self, status: &Status) {
        let every = if self.bar.is_some() { REDRAW } else { LINE };
        if self.shown.elapsed() < every || (self.bar.is_none() && !self.lines) {
            return;
        }
        self.shown = Instant::now();
        let wall = self.started.elapsed().as_secs_f64();
        let mips = status.instructions as f64 / 1e6 / wall.max(1e-3);
        let text = format!(
            "{:<15} t={:.2}s  {:.0} M instructions  {mips:.0} MIPS",
            status.phase,
            status.now.as_secs_f64(),
            status.instructions as f64 / 1e6
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None => eprintln!("{:12} {wall:6.0}s {text}", self.name),
        }
    }
    /// Shows how far a campaign is, if it is time to; `text` gets the seconds
    /// since the start.
    #[allow(clippy::disallowed_types, clippy::disallowed_methods)]
    pub fn tell(&mut self, text: impl FnOnce(f64) -> String) {
        let every = if self.bar.is_some() { REDRAW } else { LINE };
        if self.shown.elapsed() < every || (self.bar.is_none() && !self.lines) {
            return;
        }
        self.shown = Instant::now();
        let wall = self.seconds();
        match &self.bar {
            Some(bar) => {
                bar.set_message(text(wall));
                bar.tick();
            }
            None => eprintln!("{:12} {wall:6.0}s {}", self.name, text(wall)),
        }
    }
    /// Says something that stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
    /// Wall-clock seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
    /// The run is over.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
