//! The console of a simulator that we time, line by line, and what the host says of its process.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The task, unlike the model, may have clocks and threads.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Lines that an error shows.
const TAIL: usize = 5;
/// Clock ticks of `/proc/PID/stat` in a second: `USER_HZ` of every Linux.
const TICKS: f64 = 100.0;

/// The lines of a child's standard output as they come.
pub struct Console {
    lines: Receiver<String>,
    until: Instant,
    limit: Duration,
    tail: VecDeque<String>,
}

impl Console {
    /// Takes over the piped output of `child`; after `limit` there are no more lines.
    pub fn of(child: &mut Child, limit: Duration) -> Console {
        let out = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        // Reads on when nobody listens any more: a console that nobody reads stops the guest.
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        });
        Console { lines, until: Instant::now() + limit, limit, tail: VecDeque::new() }
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// The output ended or the time is up; the text has the last lines.
    pub fn line(&mut self) -> Result<String, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|error| {
            let why = match error {
                RecvTimeoutError::Timeout => format!("nothing more in {} s", self.limit.as_secs()),
                RecvTimeoutError::Disconnected => "it ended".to_owned(),
            };
            format!("{why}; the console's last lines: {:?}", self.tail)
        })?;
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        Ok(line)
    }

    /// Reads on to a line with `text` in it.
    ///
    /// # Errors
    /// As [`Console::line`], and says what was waited for.
    pub fn until(&mut self, text: &str) -> Result<String, String> {
        loop {
            let line = self.line().map_err(|error| format!("no {text:?}: {error}"))?;
            if line.contains(text) {
                return Ok(line);
            }
        }
    }
}

/// Processor seconds of a process, all threads.
pub fn processor_of(pid: u32) -> Result<f64, String> {
    ticks(&format!("/proc/{pid}/stat"), 14)
}

/// Processor seconds of this process's children that have ended.
pub fn processor_of_children() -> Result<f64, String> {
    ticks("/proc/self/stat", 16)
}

/// Most bytes that a process has had in memory.
pub fn peak_resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// Field `first` of proc(5)'s `stat`, counted from 1, and the one behind it: user and system time.
fn ticks(path: &str, first: usize) -> Result<f64, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    // The second field, a name in parentheses, may have spaces.
    let fields: Vec<&str> =
        text.rsplit_once(')').map_or(vec![], |(_, rest)| rest.split_whitespace().collect());
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    match (field(first), field(first + 1)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS),
        _ => Err(format!("{path} is not as proc(5) says")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn said(script: &str, limit: Duration) -> (Child, Console) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a shell");
        let console = Console::of(&mut child, limit);
        (child, console)
    }

    #[test]
    fn lines_come_until_the_end_which_is_told_with_the_last_of_them() {
        let (mut child, mut console) = said("echo one; echo two; echo three", Duration::from_secs(60));
        assert_eq!(console.line().as_deref(), Ok("one"));
        assert_eq!(console.until("thr").as_deref(), Ok("three"));
        let error = console.until("four").expect_err("there is no such line");
        assert!(error.contains("four") && error.contains("it ended") && error.contains("three"), "{error}");
        child.wait().expect("it has ended");
    }

    #[test]
    fn a_silent_console_is_given_up() {
        let (mut child, mut console) = said("echo one; exec sleep 600", Duration::from_millis(300));
        let said = console.until("two");
        // Before anything can fail: who sleeps on keeps the output of this test open.
        child.kill().and_then(|()| child.wait().map(drop)).expect("it sleeps");
        let error = said.expect_err("it sleeps");
        assert!(error.contains("nothing more") && error.contains("one"), "{error}");
    }

    #[test]
    fn processor_time_is_read_from_the_right_fields() {
        assert!(processor_of(std::process::id()).expect("this process has one") >= 0.0);
        assert!(processor_of_children().expect("its children too") >= 0.0);
        assert!(processor_of(u32::MAX).is_err());
    }
}
