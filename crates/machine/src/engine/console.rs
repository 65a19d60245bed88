//! What the kernel says on its console, as far as it tells how a run went.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Lines kept for reports.
const TAIL: usize = 40;
/// Longest line that is kept whole.
const MAX_LINE: usize = 4096;

/// A line that means trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trouble {
    /// `WARNING: CPU: …`.
    Warn,
    /// A task hangs in the kernel.
    HungTask,
    /// A CPU does not get out of the kernel.
    Lockup,
    /// Oops or BUG.
    Oops,
    /// Panic.
    Panic,
}

/// Texts that tell trouble, most specific first.
const PATTERNS: &[(&str, Trouble)] = &[
    ("Kernel panic - not syncing", Trouble::Panic),
    ("Oops: ", Trouble::Oops),
    ("BUG: Unable to handle kernel", Trouble::Oops),
    ("BUG: Kernel NULL pointer dereference", Trouble::Oops),
    ("Unable to handle kernel", Trouble::Oops),
    ("kernel BUG at ", Trouble::Oops),
    ("WARNING: CPU: ", Trouble::Warn),
    ("blocked for more than", Trouble::HungTask),
    ("BUG: soft lockup", Trouble::Lockup),
    ("rcu_sched self-detected stall", Trouble::Lockup),
    ("rcu_sched detected stalls", Trouble::Lockup),
    ("Hard LOCKUP", Trouble::Lockup),
];

/// Assembles lines and remembers the last ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Console {
    partial: Vec<u8>,
    tail: VecDeque<String>,
    oops: Option<String>,
}

impl Console {
    /// Takes output; the lines it completes.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = vec![];
        for &b in bytes {
            if b == b'\n' || self.partial.len() >= MAX_LINE {
                let line = String::from_utf8_lossy(&self.partial).trim_end_matches('\r').to_owned();
                self.partial.clear();
                self.note_oops(&line);
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
                lines.push(line);
            }
            if b != b'\n' {
                self.partial.push(b);
            }
        }
        lines
    }
    /// What trouble a line tells.
    pub fn trouble(line: &str) -> Option<Trouble> {
        PATTERNS.iter().find(|(text, _)| line.contains(text)).map(|(_, t)| *t)
    }
    /// The first Oops in one line: what, and where if the console said so.
    pub fn oops(&self) -> Option<&str> {
        self.oops.as_deref()
    }
    /// The last lines, with the unfinished one.
    pub fn tail(&self) -> Vec<String> {
        let mut tail: Vec<String> = self.tail.iter().cloned().collect();
        if !self.partial.is_empty() {
            tail.push(String::from_utf8_lossy(&self.partial).into_owned());
        }
        tail
    }
    fn note_oops(&mut self, line: &str) {
        let text = strip_time(line);
        match &mut self.oops {
            None if Console::trouble(line) == Some(Trouble::Oops) => self.oops = Some(text.to_owned()),
            Some(oops) if !oops.contains(" in ") && text.starts_with("NIP [") => {
                if let Some((_, place)) = text.split_once("] ") {
                    oops.push_str(&format!(" in {place}"));
                }
            }
            _ => {}
        }
    }
}

/// A line without the kernel's `[   1.234567] ` in front.
pub fn strip_time(line: &str) -> &str {
    let rest = line.strip_prefix('[').and_then(|l| l.split_once("] "));
    match rest {
        Some((time, rest)) if time.trim().parse::<f64>().is_ok() => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oops_is_told_in_one_line() {
        let mut c = Console::default();
        let text = "[    9.5] BUG: Kernel NULL pointer dereference at 0x00000058\r\n[    9.5] Oops: Kernel access of bad area, sig: 11 [#1]\r\n\
                    [    9.6] NIP [c000000000dc5f00] down_read+0x20/0x90\r\npart";
        let lines = c.receive(text.as_bytes());
        assert_eq!(lines.len(), 3);
        assert_eq!(Console::trouble(&lines[0]), Some(Trouble::Oops));
        assert_eq!(
            c.oops(),
            Some("BUG: Kernel NULL pointer dereference at 0x00000058 in down_read+0x20/0x90")
        );
        assert_eq!(c.tail().last().map(String::as_str), Some("part"));
    }

    #[test]
    fn trouble_is_classified() {
        for (line, trouble) in [
            ("Kernel panic - not syncing: Attempted to kill init!", Some(Trouble::Panic)),
            ("WARNING: CPU: 1 PID: 3 at drivers/x.c:1 f+0x1/0x2", Some(Trouble::Warn)),
            ("INFO: task sh:77 blocked for more than 120 seconds.", Some(Trouble::HungTask)),
            ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", Some(Trouble::Lockup)),
            ("scsi host0: cxlflash", None),
        ] {
            assert_eq!(Console::trouble(line), trouble, "{line}");
        }
        assert_eq!(strip_time("[    1.5] x"), "x");
        assert_eq!(strip_time("[foo] x"), "[foo] x");
    }
}
