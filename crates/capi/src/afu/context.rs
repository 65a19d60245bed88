//! One context: its host transport page, control block, rings and resets.

use super::codes::{ENDIAN_CTRL_BE, ISTATUS_PERM_ERR_CMDROOM};
use super::ioarcb::{Endian, IOARCB_LEN};
use super::regs::{RegFile, ctrl, host};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A response queue in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rrq {
    /// First slot.
    pub start: u64,
    /// Last slot.
    pub end: u64,
    /// Slot to be written next.
    pub cur: u64,
    /// Toggle bit of the entry to be written next.
    pub toggle: u64,
}

impl Rrq {
    /// After an entry was written.
    pub fn advance(&mut self) {
        if self.cur >= self.end {
            self.cur = self.start;
            self.toggle ^= 1;
        } else {
            self.cur = self.cur.wrapping_add(8);
        }
    }
}

/// A submission queue in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sq {
    /// First slot.
    pub start: u64,
    /// Last slot.
    pub end: u64,
    /// Slot to be fetched next.
    pub head: u64,
    /// Slot after the last one submitted.
    pub tail: u64,
    /// The command that is fetching the head.
    pub fetching: Option<u64>,
}

impl Sq {
    /// True if `ea` is one of the slots.
    pub fn has(&self, ea: u64) -> bool {
        (self.start..=self.end).contains(&ea) && (ea - self.start).is_multiple_of(IOARCB_LEN as u64)
    }
    /// After the head was fetched.
    pub fn advance(&mut self) {
        let next = self.head.wrapping_add(IOARCB_LEN as u64);
        self.head = if next > self.end || next < self.start { self.start } else { next };
    }
}

/// State of one context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Host transport page.
    pub host: RegFile,
    /// Control block.
    pub ctrl: RegFile,
    /// `mbox_r` was read since the context started: `ctx_cap` can be written.
    pub cap_unlocked: bool,
    /// Response queue, once `rrq_end` was written.
    pub rrq: Option<Rrq>,
    /// Submission queue, once `sq_end` was written.
    pub sq: Option<Sq>,
    /// A context reset is running.
    pub resetting: bool,
    /// Tells context resets apart.
    pub resets: u32,
    /// Commands fetched and not finished.
    pub active: u32,
    /// Commands that wait for one of those to finish, oldest first.
    pub backlog: VecDeque<u64>,
}

impl Context {
    /// A context after an AFU reset.
    pub fn new(room: u32) -> Context {
        let mut c = Context {
            host: RegFile::new(host::TABLE),
            ctrl: RegFile::new(ctrl::TABLE),
            cap_unlocked: false,
            rrq: None,
            sq: None,
            resetting: false,
            resets: 0,
            active: 0,
            backlog: VecDeque::new(),
        };
        c.set_room(room);
        c
    }
    /// The page as a new process finds it; the control block stays.
    /// No command of the context may be left.
    pub fn restart_page(&mut self, room: u32) {
        self.host.reset(host::TABLE);
        self.set_room(room);
        self.rrq = None;
        self.sq = None;
        self.resetting = false;
        self.resets = self.resets.wrapping_add(1);
        self.active = 0;
        self.backlog.clear();
    }
    /// A register of the page.
    pub fn host(&self, offset: u16) -> u64 {
        self.host.get(host::TABLE, offset)
    }
    /// A register of the control block.
    pub fn ctrl(&self, offset: u16) -> u64 {
        self.ctrl.get(ctrl::TABLE, offset)
    }
    /// Byte order of the context's structures. Unspecified: values other than
    /// the two of `endian_ctrl` count as little-endian.
    pub fn endian(&self) -> Endian {
        if self.host(host::ENDIAN_CTRL) == ENDIAN_CTRL_BE { Endian::Big } else { Endian::Little }
    }
    /// `ctx_cap`.
    pub fn cap(&self) -> u64 {
        self.ctrl(ctrl::CTX_CAP)
    }
    /// IOARCBs that may still be written.
    pub fn room(&self) -> u64 {
        self.host(host::CMD_ROOM)
    }
    /// Sets `cmd_room`.
    pub fn set_room(&mut self, room: u32) {
        self.host.set(host::TABLE, host::CMD_ROOM, room.into());
    }
    /// Takes one place, or says which error it is that there is none.
    pub fn take_room(&mut self) -> Result<(), u64> {
        let room = self.room().checked_sub(1).ok_or(ISTATUS_PERM_ERR_CMDROOM)?;
        self.host.set(host::TABLE, host::CMD_ROOM, room);
        Ok(())
    }
    /// Gives one place back.
    pub fn give_room(&mut self, most: u32) {
        let room = (self.room() + 1).min(most.into());
        self.host.set(host::TABLE, host::CMD_ROOM, room);
    }
    /// Writing `rrq_end` starts the response queue at its first slot.
    pub fn arm_rrq(&mut self) {
        let (start, end) = (self.host(host::RRQ_START), self.host(host::RRQ_END));
        self.rrq = Some(Rrq { start, end, cur: start, toggle: 1 });
    }
    /// Writing `sq_end` starts the submission queue, empty.
    pub fn arm_sq(&mut self) {
        let (start, end) = (self.host(host::SQ_START), self.host(host::SQ_END));
        self.host.set(host::TABLE, host::SQ_TAIL, start);
        self.sq = Some(Sq { start, end, head: start, tail: start, fetching: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_wrap_after_their_last_slot() {
        let mut r = Rrq { start: 0x100, end: 0x108, cur: 0x100, toggle: 1 };
        let mut seen = vec![];
        for _ in 0..5 {
            seen.push((r.cur, r.toggle));
            r.advance();
        }
        assert_eq!(seen, [(0x100, 1), (0x108, 1), (0x100, 0), (0x108, 0), (0x100, 1)]);
        let mut q = Sq { start: 0x1000, end: 0x1040, head: 0x1000, tail: 0x1000, fetching: None };
        q.advance();
        assert_eq!(q.head, 0x1040);
        q.advance();
        assert_eq!(q.head, 0x1000);
        assert!(q.has(0x1040) && !q.has(0x1080) && !q.has(0x1020));
        let mut odd = Rrq { start: u64::MAX, end: 0, cur: u64::MAX, toggle: 1 };
        odd.advance();
        assert_eq!(odd.cur, u64::MAX);
    }
}
