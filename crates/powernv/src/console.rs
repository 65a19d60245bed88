//! OPAL consoles: terminal 0 is hvc0, terminal 1 is hvc1, the channel to the
//! helper inside the guest.
//!
//! The kernel reads a terminal only while POLL_EVENTS shows CONSOLE_INPUT,
//! whichever terminal it is, so the one bit stands for all terminals. A bit
//! that stays set keeps kopald looping: push input only to a terminal that
//! a process in the guest has opened.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Number of terminals.
pub const TERMINALS: usize = 2;
/// Output kept when nobody takes it; the oldest is dropped beyond.
const KEEP: usize = 1 << 20;
/// Most bytes moved by one call.
pub const MAX_TRANSFER: u64 = 4096;

/// One terminal.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Console {
    input: VecDeque<u8>,
    /// Already outside: not part of the machine's state.
    #[serde(skip)]
    output: Vec<u8>,
}

impl Console {
    /// Output since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }
    /// Enters input.
    pub fn push_input(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }
    /// True while output waits to be taken.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }
    /// True while input waits.
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }
    /// Adds output of the guest.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        if self.output.len() > KEEP {
            self.output.drain(..self.output.len() - KEEP);
        }
    }
    /// The next `most` bytes of input, or fewer; they stay until [`Self::consume`].
    pub(crate) fn peek(&self, most: usize) -> Vec<u8> {
        self.input.iter().copied().take(most).collect()
    }
    /// Removes `n` bytes of input.
    pub(crate) fn consume(&mut self, n: usize) {
        self.input.drain(..n.min(self.input.len()));
    }
}
