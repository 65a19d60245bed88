//! What a scenario breaks at a bridge, from outside the guest.

use super::eeh::{FREEZE_ALL, FREEZE_DMA, FREEZE_MMIO};
use super::{Errors, Phb};
use crate::world::World;
use fabric::{Mishap, NotDone};
use serde::{Deserialize, Serialize};

/// Something that breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Breakage {
    /// The adapter's PE freezes, as after any error of its own.
    Freeze,
    /// It freezes for loads and stores of CPUs alone.
    FreezeMmio,
    /// It freezes for DMA and interrupts alone.
    FreezeDma,
    /// The bridge fences: a fatal error. A complete reset cures it.
    Fence,
    /// The bridge fences, and every reset from now on fails.
    Permanent,
    /// The bridge is dead: firmware says so, and nothing cures it.
    Dead,
    /// The link goes down by surprise, and does not train again.
    LinkDown,
    /// A link that was down trains again.
    LinkUp,
    /// Loads from the adapter lose their answer: the `every`-th from now on,
    /// and so forth, `times` in all. They read all ones, and nothing freezes.
    Flaky {
        /// One of so many loads; 0 counts as 1.
        every: u64,
        /// How many answers are lost.
        times: u64,
    },
}

impl Breakage {
    /// The breakage that a scenario means.
    pub(crate) fn named(what: &Mishap<'_>) -> Result<Breakage, NotDone> {
        Ok(match what.name {
            "freeze" => Breakage::Freeze,
            "freeze-mmio" => Breakage::FreezeMmio,
            "freeze-dma" => Breakage::FreezeDma,
            "fence" => Breakage::Fence,
            "permanent" => Breakage::Permanent,
            "dead" => Breakage::Dead,
            "link-down" => Breakage::LinkDown,
            "link-up" => Breakage::LinkUp,
            "flaky" => Breakage::Flaky {
                every: what.get("every").unwrap_or(1),
                times: what.get("times").unwrap_or(1),
            },
            _ => return Err(NotDone::Unknown(what.name.to_owned())),
        })
    }
}

/// Loads that lose their answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Flaky {
    every: u64,
    /// Loads seen since the last one lost.
    seen: u64,
    /// Answers still to lose.
    left: u64,
}

impl Flaky {
    /// Counts a load; true if its answer is lost.
    pub(crate) fn loses(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.seen += 1;
        let lost = self.seen >= self.every;
        if lost {
            self.seen = 0;
            self.left -= 1;
        }
        lost
    }
}

impl Errors {
    /// True if a reset of the bridge or its link has no effect.
    pub(crate) fn resets_fail(&self) -> bool {
        self.dead || self.permanent
    }
}

impl Phb {
    /// Breaks something.
    pub(crate) fn break_down(&mut self, what: Breakage, world: &mut World<'_>) {
        let pe = self.adapter_pe();
        match what {
            Breakage::Freeze => self.freeze(pe, FREEZE_ALL, world),
            Breakage::FreezeMmio => self.freeze(pe, FREEZE_MMIO, world),
            Breakage::FreezeDma => self.freeze(pe, FREEZE_DMA, world),
            Breakage::Fence => self.fence(world),
            Breakage::Permanent => {
                self.errors.permanent = true;
                self.fence(world);
            }
            Breakage::Dead => {
                self.errors.dead = true;
                self.fence(world);
            }
            Breakage::LinkDown => self.set_link(false, world),
            Breakage::LinkUp => self.set_link(true, world),
            Breakage::Flaky { every, times } => self.flaky = Flaky { every, seen: 0, left: times },
        }
    }
}
