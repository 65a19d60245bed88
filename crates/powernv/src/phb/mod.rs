//! One PHB4 with a root port and the adapter behind it, as OPAL shows it.
//!
//! Function 0 of the secondary bus is the only device; nothing else answers.

mod breakage;
mod config;
mod diag;
mod eeh;
mod ioda;
mod mmio;
mod reset;

pub use breakage::Breakage;
pub(crate) use breakage::Flaky;
pub use config::ROOT_PORT_DEVICE;
pub(crate) use config::{ConfigError, RootPort};
pub use eeh::FREEZE_ALL;
pub(crate) use eeh::{Armed, Errors};
pub(crate) use ioda::{Ioda, M64Mode, Tve};
pub(crate) use reset::Link;

use crate::map::PhbMap;
use crate::world::World;
use fabric::{Cx, PciFunction};
use serde::{Deserialize, Serialize};

/// A host bridge. Everything but the function itself is its saved state.
#[derive(Serialize, Deserialize)]
pub struct Phb {
    pub(crate) map: PhbMap,
    /// Device index of the function; the bridge's own is the next.
    device: u32,
    pub(crate) port: RootPort,
    pub(crate) ioda: Ioda,
    pub(crate) errors: Errors,
    pub(crate) link: Link,
    flaky: Flaky,
    capi_mode: bool,
    snooping: bool,
    pub(crate) tunnel_bar: u64,
    /// Accesses that were lost since the last reset.
    lost: mmio::Lost,
    /// What the function was last told about its DMA.
    dma_blocked: bool,
    /// Messages the function sent in calls not yet settled.
    #[serde(skip)]
    pub(crate) irqs: Vec<u16>,
    /// Saves itself (`PciFunction::saved`) and is attached anew.
    #[serde(skip)]
    function: Option<Box<dyn PciFunction>>,
}

impl Phb {
    pub(crate) fn new(map: PhbMap, device: u32) -> Phb {
        Phb {
            map,
            device,
            port: RootPort::new(),
            ioda: Ioda::new(),
            errors: Errors::default(),
            link: Link::default(),
            flaky: Flaky::default(),
            capi_mode: false,
            snooping: false,
            tunnel_bar: 0,
            lost: mmio::Lost::default(),
            dma_blocked: false,
            irqs: Vec::new(),
            function: None,
        }
    }
    /// Places and numbers of this bridge.
    pub fn map(&self) -> PhbMap {
        self.map
    }
    /// Device index of the function in agenda and trace.
    pub fn function_device(&self) -> u32 {
        self.device
    }
    /// Device index of the bridge itself.
    pub fn bridge_device(&self) -> u32 {
        self.device + 1
    }
    /// True while the bridge is in CAPI mode.
    pub fn in_capi_mode(&self) -> bool {
        self.capi_mode
    }
    /// Plugs a function in, and gives back the one that was there.
    pub fn attach(&mut self, function: Option<Box<dyn PciFunction>>) -> Option<Box<dyn PciFunction>> {
        self.dma_blocked = false;
        std::mem::replace(&mut self.function, function)
    }
    /// Moves the function of another bridge here, as it is.
    pub(crate) fn move_function(&mut self, from: &mut Phb) {
        self.function = from.function.take();
    }
    /// The function, for oracles and tools.
    pub fn function(&self) -> Option<&dyn PciFunction> {
        self.function.as_deref()
    }
    /// The function, to change it from outside the guest.
    pub fn function_mut(&mut self) -> Option<&mut (dyn PciFunction + 'static)> {
        self.function.as_deref_mut()
    }

    /// Calls the function, if there is one.
    pub(crate) fn call<R>(
        &mut self,
        world: &mut World<'_>,
        f: impl FnOnce(&mut dyn PciFunction, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let function = self.function.as_deref_mut()?;
        Some(f(function, &mut world.cx(self.device, &mut self.irqs)))
    }
    /// Number of the PE of the adapter's bus.
    pub fn adapter_pe(&self) -> u16 {
        self.ioda.pe_of_bus(self.port.secondary())
    }
    /// True if the function may read and write memory and send interrupts.
    pub fn dma_allowed(&self, now: fabric::Ticks) -> bool {
        self.reaches_function(now) && !self.errors.dma_frozen(self.adapter_pe())
    }
    /// True if the function can be reached at all: no fence, link up.
    pub(crate) fn reaches_function(&self, now: fabric::Ticks) -> bool {
        !self.errors.fenced && self.link.is_up(now) && !self.port.link_held_down()
    }
    /// Tells the function when its DMA becomes blocked or allowed.
    pub(crate) fn tell_dma(&mut self, world: &mut World<'_>) {
        let blocked = !self.dma_allowed(world.now);
        if blocked != self.dma_blocked {
            self.dma_blocked = blocked;
            self.call(world, |f, cx| f.set_dma_blocked(blocked, cx));
        }
    }
    /// Puts bridge and function into, or out of, CAPI mode.
    pub(crate) fn set_capi_mode(&mut self, on: bool, world: &mut World<'_>) {
        if on != self.capi_mode {
            self.capi_mode = on;
            self.snooping &= on;
            self.call(world, |f, cx| f.set_capi_mode(on, cx));
        }
    }
    /// Turns snooping of the adapter's cache on or off; CAPI mode only.
    pub(crate) fn set_snooping(&mut self, on: bool) -> bool {
        self.snooping = on && self.capi_mode;
        self.capi_mode
    }
}
