//! The seam inside the card: what the AFU asks of the PSL, and what the PSL
//! tells the AFU. The PSL side lives in `psl`, the AFU side in `afu`;
//! neither reaches into the other's state.

use fabric::{Cx, Mishap, NotDone};
use serde::{Deserialize, Serialize};

/// Why a DMA did not happen (nothing was transferred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DmaError {
    /// The page is not there (or forbids it). The PSL has raised, or queued,
    /// this translation fault; the AFU keeps the command and hears of the
    /// answer through [`AfuModel::fault_answered`].
    Faulted(PageFault),
    /// The process element, or the whole slice, is suspended. The AFU keeps the command, as for a fault, and is told
    /// to try again when it goes on; no fault is raised.
    Held(PageFault),
    /// The process element is not added, or is terminated.
    NoContext,
    /// The real address is not memory.
    BadAddress,
}

/// What a translation fault is about, or an access that is held. Accesses of one process element that
/// need the same page in the same direction share one fault and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PageFault {
    /// Effective address of the 4 KiB that could not be reached.
    pub ea: u64,
    /// The access was a store.
    pub store: bool,
}

impl PageFault {
    /// The fault of an access to `ea`.
    pub fn at(ea: u64, store: bool) -> PageFault {
        PageFault { ea: ea & !0xFFF, store }
    }
}

/// The driver's answer to a translation fault (TFC_An).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultAnswer {
    /// TFC R: the page is there now, try again. Also: the element goes on after a suspension.
    Retry,
    /// TFC AE: give up with an address error.
    AddressError,
}

/// What an AFU may ask of its PSL, for the length of one call.
pub trait AfuPort<'w> {
    /// The world: time, agenda, trace, fault injection, random streams.
    fn cx(&mut self) -> &mut Cx<'w>;
    /// Reads `out.len()` bytes at effective address `ea` of `pe`, all or nothing.
    fn dma_read(&mut self, pe: u16, ea: u64, out: &mut [u8]) -> Result<(), DmaError>;
    /// Writes `bytes` at effective address `ea` of `pe`, all or nothing.
    fn dma_write(&mut self, pe: u16, ea: u64, bytes: &[u8]) -> Result<(), DmaError>;
    /// Checks that `len` bytes at `ea` of `pe` can be written, without writing.
    fn dma_probe_write(&mut self, pe: u16, ea: u64, len: usize) -> Result<(), DmaError>;
    /// What is at `ea` of `pe` now, for oracles: no fault, no trace in the
    /// tables or in a cache. False if nobody can tell.
    fn look(&mut self, _pe: u16, _ea: u64, _out: &mut [u8]) -> bool {
        false
    }
    /// Raises AFU interrupt `lisn` (1..) of `pe`.
    fn interrupt(&mut self, pe: u16, lisn: u16);
    /// True if `pe` is added and not terminated.
    fn is_running(&self, pe: u16) -> bool;
}

/// The control block of a context as an oracle samples it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlBlock {
    /// Effective address of the resource handle table.
    pub rht_start: u64,
    /// Count and owning context of the table.
    pub rht_cnt_id: u64,
    /// Capabilities.
    pub ctx_cap: u64,
}

/// What a PSL may tell its AFU.
pub trait AfuModel {
    /// A load from the problem state area, `offset` from its base.
    fn mmio_read(&mut self, offset: u64, data: &mut [u8], port: &mut dyn AfuPort<'_>);
    /// A store to the problem state area.
    fn mmio_write(&mut self, offset: u64, data: &[u8], port: &mut dyn AfuPort<'_>);
    /// An agenda event the AFU entered; `what` has its top bit clear (the
    /// PSL keeps events with the top bit set for itself).
    fn event(&mut self, what: u64, port: &mut dyn AfuPort<'_>);
    /// AFU reset (AFU_Cntl RA): back to power-on SISLite state.
    fn reset(&mut self, port: &mut dyn AfuPort<'_>);
    /// AFU_Cntl E changed.
    fn set_enabled(&mut self, on: bool, port: &mut dyn AfuPort<'_>);
    /// LLCMD ADD of `pe`.
    fn added(&mut self, pe: u16, port: &mut dyn AfuPort<'_>);
    /// LLCMD TERMINATE of `pe`: start no more transactions for it.
    fn terminated(&mut self, pe: u16, port: &mut dyn AfuPort<'_>);
    /// LLCMD REMOVE of `pe`.
    fn removed(&mut self, pe: u16, port: &mut dyn AfuPort<'_>);
    /// A translation fault of `pe` was answered, or a suspension is over: the answer is for every
    /// access that ended with [`DmaError::Faulted`] or [`DmaError::Held`] of that [`PageFault`], and
    /// for no other. Faults still queued, and accesses still held, at TERMINATE, and all of them at an
    /// AFU reset, are forgotten without an answer.
    fn fault_answered(&mut self, pe: u16, fault: PageFault, answer: FaultAnswer, port: &mut dyn AfuPort<'_>);
    /// Something goes wrong in the AFU by itself.
    fn mishap(&mut self, what: &Mishap<'_>, _port: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        Err(NotDone::Unknown(what.name.to_owned()))
    }
    /// Draws differently from here on.
    fn reseed(&mut self, _seed: u64) {}
    /// True if its saved form is not all of it.
    fn has_outside_state(&self) -> bool {
        false
    }
    /// The control block of context `pe`, for oracles; no side effect.
    fn control_block(&self, pe: u16) -> ControlBlock;
    /// AFU error information register contents (AFU_ERR_An), also the first word of the error buffer.
    fn error_register(&self) -> u64;
    /// The AFU says this of itself from now on, until its reset.
    fn set_error_register(&mut self, _value: u64) {}
}

/// An AFU whose state can be saved: one that can be in an adapter.
pub trait SavedAfu: AfuModel + serde::Serialize + serde::de::DeserializeOwned + 'static {}

impl<A: AfuModel + serde::Serialize + serde::de::DeserializeOwned + 'static> SavedAfu for A {}
