//! Resets of the bridge, of the link and of the tables.

use super::mmio::Lost;
use super::{Errors, FREEZE_ALL, Ioda, Phb, RootPort};
use crate::world::World;
use fabric::agenda::EventId;
use fabric::{ResetKind, Ticks};
use serde::{Deserialize, Serialize};

/// How long a link stays down after a hot reset (`Unspecified:`).
const HOT: Ticks = Ticks::millis(250);
/// The same after PERST.
const FUNDAMENTAL: Ticks = Ticks::millis(1000);
/// How long after PERST in CAPI mode a fence is noticed when nobody
/// finishes the reset.
const UNFINISHED: Ticks = Ticks::millis(500);

/// State of the link to the function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Link {
    /// When the link is up again after a reset.
    up_at: Ticks,
    /// Pulled down by the scenario.
    down: bool,
    /// The fence that follows an unfinished PERST in CAPI mode.
    fence: Option<EventId>,
}

impl Link {
    pub(crate) fn is_up(&self, now: Ticks) -> bool {
        !self.down && now >= self.up_at
    }
    /// Milliseconds until the last reset is done, rounded up.
    pub(crate) fn wait_ms(&self, now: Ticks) -> i64 {
        (self.up_at - now).0.div_ceil(1_000_000) as i64
    }
}

impl Phb {
    /// Resets the function; CAPI mode ends.
    pub(crate) fn reset_function(&mut self, kind: ResetKind, world: &mut World<'_>) {
        self.set_capi_mode(false, world);
        self.irqs.clear();
        self.lost = Lost::default();
        self.call(world, |f, cx| f.reset(kind, cx));
    }
    /// Hot reset (OPAL_RESET_PCI_HOT, and LINK): milliseconds to wait.
    pub(crate) fn hot_reset(&mut self, world: &mut World<'_>) -> i64 {
        self.reset_function(ResetKind::Hot, world);
        self.link.up_at = world.now + HOT;
        self.link.wait_ms(world.now)
    }
    /// PERST (OPAL_RESET_PCI_FUNDAMENTAL). In CAPI mode the coherent link is
    /// lost with it: unless someone finishes the reset, as EEH recovery
    /// does, the bridge is found fenced soon after.
    pub(crate) fn fundamental_reset(&mut self, world: &mut World<'_>) -> i64 {
        let in_capi_mode = self.in_capi_mode();
        self.reset_function(ResetKind::Fundamental, world);
        self.link.up_at = world.now + FUNDAMENTAL;
        if in_capi_mode && self.link.fence.is_none() {
            let at = self.link.up_at + UNFINISHED;
            self.link.fence = Some(world.agenda.enter(at, self.bridge_device(), 0));
        }
        self.link.wait_ms(world.now)
    }
    /// The reset is finished: no fence follows.
    pub(crate) fn deassert_reset(&mut self, world: &mut World<'_>) -> i64 {
        if let Some(id) = self.link.fence.take() {
            world.agenda.cancel(id);
        }
        self.link.wait_ms(world.now)
    }
    /// OPAL_RESET_PHB_COMPLETE: bridge, root port and function; the IODA
    /// tables are kept, because firmware restores them.
    pub(crate) fn complete_reset(&mut self, world: &mut World<'_>) -> i64 {
        self.deassert_reset(world);
        self.errors = Errors::default();
        self.port = RootPort::new();
        self.reset_function(ResetKind::Fundamental, world);
        self.link.up_at = world.now + FUNDAMENTAL;
        self.link.wait_ms(world.now)
    }
    /// OPAL_RESET_PCI_IODA_TABLE.
    pub(crate) fn reset_tables(&mut self) {
        self.ioda = Ioda::new();
        self.errors.clear_all();
    }
    /// The bridge's own event: PERST in CAPI mode was not finished.
    pub(crate) fn bridge_event(&mut self, world: &mut World<'_>) {
        if self.link.fence.take().is_some() {
            self.fence(world);
        }
    }
    /// Pulls the link down, or lets it train again. Unspecified: a link that
    /// goes down by surprise freezes the adapter's PE.
    pub(crate) fn set_link(&mut self, up: bool, world: &mut World<'_>) {
        if self.link.down == up {
            self.link.down = !up;
            world.note(self.bridge_device(), "link", &[("up", u64::from(up))]);
            if up {
                self.reset_function(ResetKind::Hot, world);
                self.link.up_at = self.link.up_at.max(world.now + HOT);
            } else {
                self.freeze(self.adapter_pe(), FREEZE_ALL, world);
            }
        }
    }
}
