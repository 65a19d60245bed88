//! Standard input as the guest's keyboard: raw on a terminal, lines from a pipe.

use crate::error::Error;
use crossbeam::channel::{Receiver, RecvTimeoutError, TryRecvError, bounded};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{IsTerminal, Read, stdin};
use std::os::fd::AsFd;
use std::time::Duration;
use vmm_sys_util::terminal::Terminal as _;

/// Ctrl-A, the escape key.
const ESCAPE: u8 = 1;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Nothing now.
    None,
    /// These bytes.
    Bytes(Vec<u8>),
    /// The user wants to leave.
    Leave,
    /// There will be no more.
    End,
}

/// Finds Ctrl-A commands in what is typed: `x` leaves, Ctrl-A is itself.
#[derive(Clone, Debug, Default)]
struct Escape {
    pending: bool,
}

impl Escape {
    fn filter(&mut self, typed: &[u8]) -> Keys {
        let mut out = vec![];
        for &b in typed {
            match (std::mem::take(&mut self.pending), b) {
                (false, ESCAPE) => self.pending = true,
                (true, b'x' | b'X') => return Keys::Leave,
                (true, ESCAPE) | (false, _) => out.push(b),
                (true, _) => out.extend([ESCAPE, b]),
            }
        }
        if out.is_empty() { Keys::None } else { Keys::Bytes(out) }
    }
}

/// Standard input.
#[derive(Debug)]
pub struct Terminal {
    tty: bool,
    escape: Escape,
    typed: Receiver<Vec<u8>>,
    /// From a pipe and not yet typed.
    waiting: VecDeque<u8>,
    closed: bool,
}

impl Terminal {
    /// Takes standard input; a terminal becomes raw until this is dropped.
    #[allow(clippy::disallowed_methods)] // A blocking read needs a thread; the model never sees it.
    pub fn open() -> Result<Terminal, Error> {
        let tty = stdin().is_terminal();
        if tty {
            let failed = |e| Error::Environment(format!("cannot set the terminal to raw mode: {e}"));
            stdin().lock().set_raw_mode().map_err(failed)?;
        }
        // A descriptor of its own: a blocked read of `stdin()` would keep its
        // lock, and the terminal could not be set back.
        let input = stdin().as_fd().try_clone_to_owned();
        let mut input = File::from(input.map_err(|e| Error::Environment(format!("standard input: {e}")))?);
        let (sender, typed) = bounded(64);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = input.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Terminal { tty, escape: Escape::default(), typed, waiting: VecDeque::new(), closed: false })
    }
    /// True on a terminal.
    pub fn is_tty(&self) -> bool {
        self.tty
    }
    /// Keys of a terminal; waits up to `wait` nanoseconds for them.
    pub fn keys(&mut self, wait: Option<u64>) -> Keys {
        let got = match wait {
            Some(ns) => self
                .typed
                .recv_timeout(Duration::from_nanos(ns))
                .map_err(|e| e == RecvTimeoutError::Disconnected),
            None => self.typed.try_recv().map_err(|e| e == TryRecvError::Disconnected),
        };
        match got {
            Ok(bytes) => self.escape.filter(&bytes),
            Err(true) => Keys::End,
            Err(false) => Keys::None,
        }
    }
    /// The next line of a pipe.
    pub fn line(&mut self) -> Keys {
        while !self.closed && !self.waiting.contains(&b'\n') {
            match self.typed.try_recv() {
                Ok(bytes) => self.waiting.extend(bytes),
                Err(TryRecvError::Empty) => return Keys::None,
                Err(TryRecvError::Disconnected) => self.closed = true,
            }
        }
        if self.waiting.is_empty() {
            return Keys::End;
        }
        let end = self.waiting.iter().position(|b| *b == b'\n').map_or(self.waiting.len(), |n| n + 1);
        Keys::Bytes(self.waiting.drain(..end).collect())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.tty {
            // Nothing can be done about a terminal that is gone.
            let _ = stdin().lock().set_canon_mode();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_a_x_leaves_and_ctrl_a_ctrl_a_is_typed() {
        let mut e = Escape::default();
        assert_eq!(e.filter(b"ls\r"), Keys::Bytes(b"ls\r".to_vec()));
        assert_eq!(e.filter(b"\x01"), Keys::None);
        assert_eq!(e.filter(b"x"), Keys::Leave);
        let mut e = Escape::default();
        assert_eq!(e.filter(b"\x01\x01"), Keys::Bytes(vec![1]));
        assert_eq!(e.filter(b"\x01q"), Keys::Bytes(b"\x01q".to_vec()));
    }
}
