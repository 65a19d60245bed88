//! A command on its way through the AFU.

use super::codes::{AFU_CMD_DEBUG, AFU_CMD_LUN_PROVISION, AFU_CMD_SYNC};
use super::flash_faults::DataFault;
use super::ioarcb::{Endian, Ioarcb, Ioasa};
use super::tables::RhtRaw;
use crate::flash::{Plan, commands};
use crate::port::PageFault;
use fabric::Ticks;
use fabric::agenda::EventId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a command is. It moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Its IOARCB is to be fetched.
    Fetch,
    /// Rights, RHT and LXT are to be checked, a port chosen.
    Translate,
    /// Data are to be fetched from the host.
    DataOut,
    /// The port, the target or the AFU works.
    Busy,
    /// A sync that waits for older commands.
    Drain,
    /// Data are to be stored to the host.
    DataIn,
    /// The IOASA is to be written.
    Ioasa,
    /// The RRQ entry is to be written.
    Rrq,
    /// Never completes, by fault injection.
    Dropped,
}

/// What an access to host memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Fetch of the IOARCB.
    Ioarcb,
    /// Fetch of an RHT entry.
    Rht,
    /// Fetch of an LXT entry.
    Lxt,
    /// Data.
    Data,
    /// Store of the IOASA.
    Ioasa,
    /// Store of the RRQ entry.
    Rrq,
}

/// No port chosen.
pub const NO_PORT: u8 = 0xFF;

/// A command from its submission to its response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Unique in the life of the adapter.
    pub id: u64,
    /// Issuing process element.
    pub pe: u16,
    /// Address of the IOARCB.
    pub ea: u64,
    /// Submitted through the SQ.
    pub via_sq: bool,
    /// Where it is.
    pub stage: Stage,
    /// Counted in `Context::active`.
    pub fetched: bool,
    /// An `afu-command` record was written.
    pub announced: bool,
    /// The IOARCB, once fetched.
    pub rcb: Ioarcb,
    /// Byte order at the time of the fetch.
    pub endian: Endian,
    /// The RHT entry, once fetched.
    pub rht: Option<RhtRaw>,
    /// Port chosen.
    pub port: u8,
    /// LUN on that port.
    pub lun_id: u64,
    /// First block and number of blocks on the unit.
    pub extent: (u64, u64),
    /// The unit.
    pub unit: Option<u32>,
    /// Data to move.
    pub plan: Plan,
    /// Byte of the transfer that an injected error changes.
    pub spoiled: Option<u64>,
    /// Bytes to move.
    pub limit: u64,
    /// Bytes moved.
    pub moved: u64,
    /// When the unit has done its part; 0: it has none.
    pub ready_at: Ticks,
    /// Its IOASA is in the host's memory.
    pub ioasa_written: bool,
    /// Its status.
    pub sa: Ioasa,
    /// Translation fault it waits for, and whose.
    pub waits_on: Option<(u16, PageFault)>,
    /// That fault was answered with an address error.
    pub address_error: bool,
    /// Commands a sync waits for.
    pub drain: BTreeSet<u64>,
    /// Its next step.
    pub event: Option<EventId>,
    /// Its timeout.
    pub timeout: Option<EventId>,
    /// Extra delay by fault injection.
    pub hold: u64,
    /// Its response was written before its data, by fault injection.
    pub early: bool,
    /// What a fault does to its data.
    pub data_fault: Option<DataFault>,
}

impl Command {
    /// A command to be fetched.
    pub fn new(id: u64, pe: u16, ea: u64, via_sq: bool) -> Command {
        Command {
            id,
            pe,
            ea,
            via_sq,
            stage: Stage::Fetch,
            fetched: false,
            announced: false,
            rcb: Ioarcb::parse(&[0; 64], Endian::Little),
            endian: Endian::Little,
            rht: None,
            port: NO_PORT,
            lun_id: 0,
            extent: (0, 0),
            unit: None,
            plan: Plan::Done,
            spoiled: None,
            limit: 0,
            moved: 0,
            ready_at: Ticks(0),
            ioasa_written: false,
            sa: Ioasa::default(),
            waits_on: None,
            address_error: false,
            drain: BTreeSet::new(),
            event: None,
            timeout: None,
            hold: 0,
            early: false,
            data_fault: None,
        }
    }
    /// Its name in traces and at fault points.
    pub fn kind(&self) -> &'static str {
        match self.rcb.cdb[0] {
            AFU_CMD_SYNC if self.rcb.is_afu() => "afu-sync",
            AFU_CMD_LUN_PROVISION if self.rcb.is_afu() => "lun-provision",
            AFU_CMD_DEBUG if self.rcb.is_afu() => "afu-debug",
            _ if self.rcb.is_afu() => "afu-other",
            _ if self.rcb.is_tmf() => "tmf",
            _ => commands::name(&self.rcb.cdb),
        }
    }
    /// An AFU sync.
    pub fn is_sync(&self) -> bool {
        self.rcb.is_afu() && self.rcb.cdb[0] == AFU_CMD_SYNC
    }
    /// LUN provisioning.
    pub fn is_provision(&self) -> bool {
        self.rcb.is_afu() && self.rcb.cdb[0] == AFU_CMD_LUN_PROVISION
    }
    /// Mode of an AFU sync; 0 for everything else.
    pub fn mode(&self) -> u8 {
        if self.is_sync() { self.rcb.cdb[1] } else { 0 }
    }
    /// The context it concerns: for a sync the one it names.
    pub fn subject(&self) -> u16 {
        if self.is_sync() { u16::from_be_bytes([self.rcb.cdb[2], self.rcb.cdb[3]]) } else { self.rcb.ctx_id }
    }
    /// The resource handle it concerns; all ones if there is none.
    pub fn handle(&self) -> u32 {
        let c = &self.rcb.cdb;
        match () {
            () if self.is_sync() => u32::from_be_bytes([c[4], c[5], c[6], c[7]]),
            () if self.rcb.by_handle() => self.rcb.res_hndl,
            () => u32::MAX,
        }
    }
    /// Bytes of this step, at most one piece of 64 KiB.
    pub fn piece(&self) -> usize {
        (self.limit - self.moved).min(1 << 16) as usize
    }
    /// Block of the unit that the next piece begins with, and bytes of one.
    pub fn block_at(&self) -> Option<(u64, usize)> {
        let block = self.limit.checked_div(self.extent.1).filter(|b| matches!(b, 512 | 4096))?;
        let whole = self.moved.is_multiple_of(block) && self.limit.is_multiple_of(self.extent.1);
        whole.then_some((self.extent.0 + self.moved / block, usize::try_from(block).ok()?))
    }
    /// Changes a byte of a piece that starts at `moved`, if an injected error
    /// says so.
    pub fn spoil(&self, piece: &mut [u8]) {
        let at = self.spoiled.and_then(|at| at.checked_sub(self.moved));
        if let Some(byte) = at.and_then(|at| piece.get_mut(at as usize)) {
            *byte ^= if self.data_fault == Some(DataFault::Flipped) { 1 } else { 0xFF };
        }
    }
    /// The target works on it.
    pub fn at_target(&self) -> bool {
        self.port != NO_PORT && matches!(self.stage, Stage::DataOut | Stage::Busy | Stage::DataIn)
    }
    /// Fields of its records and of its fault point.
    pub fn fields(&self) -> [(&'static str, u64); 9] {
        [
            ("id", self.id),
            ("pe", self.pe.into()),
            ("ctx", self.subject().into()),
            ("mode", self.mode().into()),
            ("handle", none_if(self.handle() == u32::MAX, self.handle().into())),
            ("opcode", self.rcb.cdb[0].into()),
            ("lba", self.extent.0),
            ("blocks", self.extent.1),
            ("port", none_if(self.port == NO_PORT, self.port.into())),
        ]
    }
}

/// In records all ones stand for "there is none".
fn none_if(none: bool, value: u64) -> u64 {
    if none { u64::MAX } else { value }
}
