//! The PCI function seam between the host bridge (`powernv`) and an adapter
//! (`capi`). Neither knows the other.

use crate::cx::Cx;
use crate::inject::{Mishap, NotDone};
use crate::translate::TranslationSpace;
use serde::{Deserialize, Serialize};

/// Kinds of reset a host bridge can give a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResetKind {
    /// Power-on, PERST (fundamental).
    Fundamental,
    /// Hot reset through the link.
    Hot,
}

/// A decoded memory BAR as programmed by the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarRegion {
    /// Index of the BAR register (0, 2, ...).
    pub bar: u8,
    /// PCI address the guest gave it.
    pub address: u64,
    /// Size in bytes.
    pub size: u64,
}

/// A tlbie broadcast, as far as others than the CPU care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Invalidate {
    /// One page of one process: effective address and log2 of its size.
    Page {
        /// Process id.
        pid: u32,
        /// Effective address of the page.
        ea: u64,
        /// log2 of the page size.
        page_shift: u32,
    },
    /// Everything of one process.
    Pid(u32),
    /// Everything of one partition.
    Lpid(u32),
    /// Everything.
    All,
}

/// Bytes that are not a saved state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the saved state of {what}: {reason}")]
pub struct BadState {
    /// Of what the state should be.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// One PCI function behind a host bridge.
///
/// Data is in address order: `data[0]` is the byte at `offset`. A function
/// decides itself what an access of an unusual size or alignment does.
pub trait PciFunction: std::any::Any {
    /// Reads configuration space, `data.len()` 1, 2 or 4, naturally aligned.
    fn config_read(&mut self, offset: u16, data: &mut [u8], cx: &mut Cx<'_>);
    /// Writes configuration space.
    fn config_write(&mut self, offset: u16, data: &[u8], cx: &mut Cx<'_>);
    /// The memory BARs decoded now (empty while memory space is disabled).
    fn bars(&self) -> Vec<BarRegion>;
    /// Reads `data.len()` (1..=16) bytes of a BAR.
    fn mmio_read(&mut self, bar: u8, offset: u64, data: &mut [u8], cx: &mut Cx<'_>);
    /// Writes `data.len()` (1..=16) bytes to a BAR.
    fn mmio_write(&mut self, bar: u8, offset: u64, data: &[u8], cx: &mut Cx<'_>);
    /// An event the function entered in the agenda has come due.
    fn event(&mut self, what: u64, cx: &mut Cx<'_>);
    /// The host bridge resets the function.
    fn reset(&mut self, kind: ResetKind, cx: &mut Cx<'_>);
    /// A tlbie broadcast reaches the function's translation caches.
    fn snoop(&mut self, what: Invalidate, cx: &mut Cx<'_>);
    /// The host bridge put the function into, or out of, CAPI mode.
    fn set_capi_mode(&mut self, on: bool, cx: &mut Cx<'_>);
    /// The host bridge blocks, or allows again, the function's DMA and
    /// interrupts: its PE is frozen, the bridge fenced, the link down. While
    /// blocked the function must not touch guest memory; the bridge itself
    /// drops the interrupts.
    fn set_dma_blocked(&mut self, _blocked: bool, _cx: &mut Cx<'_>) {}
    /// Something goes wrong in the function by itself.
    fn mishap(&mut self, what: &Mishap<'_>, _cx: &mut Cx<'_>) -> Result<(), NotDone> {
        Err(NotDone::Unknown(what.name.to_owned()))
    }
    /// The saved form of the function's whole state, for snapshots and the
    /// state hash.
    fn saved(&self) -> Vec<u8>;
    /// The values of that state by their paths, for tools that compare.
    fn listing(&self) -> Vec<(String, String)> {
        crate::listing::listing("saved", &self.saved())
    }
    /// Takes on the state whose [`PciFunction::saved`] form this is; its own
    /// is untouched if that is not one.
    fn restore(&mut self, saved: &[u8]) -> Result<(), BadState>;
    /// True if its saved form is not all of it: a disk in a file of the host
    /// cannot be put back.
    fn has_outside_state(&self) -> bool;
    /// Draws differently from here on.
    fn reseed(&mut self, seed: u64);
    /// Whose memory a DMA with process element `pe` would touch, for tools.
    fn space_of(&self, pe: u32) -> Option<TranslationSpace>;
}
