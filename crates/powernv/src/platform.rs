//! The platform as one state, and what the machine calls besides OPAL.

use crate::console::{Console, TERMINALS};
use crate::layout::PlatformConfig;
use crate::map;
use crate::phb::{Breakage, FREEZE_ALL, Phb};
use crate::rtc::Rtc;
use crate::world::World;
use crate::xics::Xics;
use fabric::pci::Invalidate;
use fabric::{Mishap, NotDone, PciFunction};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// OPAL_EVENT_CONSOLE_INPUT.
const EVENT_CONSOLE_INPUT: u64 = 0x10;
/// OPAL_EVENT_PCI_ERROR.
const EVENT_PCI_ERROR: u64 = 0x200;
/// OPAL_EVENT_MSG_PENDING.
const EVENT_MSG_PENDING: u64 = 0x800;

/// Devices each host bridge takes in agenda and trace: function and bridge.
const DEVICES_PER_PHB: u32 = 2;
/// Memory regions the kernel may register for a dump.
pub(crate) const MAX_DUMP_REGIONS: usize = 16;

/// A message to the kernel (OPAL_GET_MSG).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Message type; 3 is a shutdown request.
    pub kind: u32,
    /// Its parameters.
    pub params: [u64; 8],
}

impl Message {
    /// Asks the kernel to power off, or to reboot.
    pub fn shutdown(reboot: bool) -> Message {
        Message { kind: 3, params: [u64::from(reboot), 0, 0, 0, 0, 0, 0, 0] }
    }
}

/// Memory the kernel wants in a dump; region 0x80 is its log buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpRegion {
    /// Real address.
    pub address: u64,
    /// Bytes.
    pub bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CpuSlot {
    pub(crate) hwid: u32,
    pub(crate) started: bool,
}

/// The platform. Serialized, it is the saved state; the PCI functions are
/// not in it and are plugged in again with [`Platform::attach`].
#[derive(Serialize, Deserialize)]
pub struct Platform {
    pub(crate) cpus: Vec<CpuSlot>,
    pub(crate) consoles: Vec<Console>,
    pub(crate) xics: Xics,
    pub(crate) phbs: Vec<Phb>,
    pub(crate) rtc: Rtc,
    pub(crate) messages: VecDeque<Message>,
    pub(crate) dump_regions: BTreeMap<u32, DumpRegion>,
    first_device: u32,
    /// Events the interrupt line has been raised for.
    events_told: u64,
    /// Calls by token, for coverage; no state.
    #[serde(skip)]
    pub(crate) calls: BTreeMap<u64, u64>,
}

impl Platform {
    /// A platform at power-on, with empty slots.
    pub fn new(config: &PlatformConfig) -> Platform {
        let adapters = config.adapters.min(map::MAX_ADAPTERS);
        let maps: Vec<_> = (0..adapters).map(map::phb).collect();
        let mut ranges = vec![(map::OPAL_LSI, 1)];
        ranges.extend(maps.iter().map(|m| (m.msi_base, map::MSI_COUNT)));
        let device = |n: usize| config.first_device + n as u32 * DEVICES_PER_PHB;
        let slot = |(i, &hwid)| CpuSlot { hwid, started: i == 0 };
        Platform {
            cpus: config.cpus.iter().enumerate().map(slot).collect(),
            consoles: (0..TERMINALS).map(|_| Console::default()).collect(),
            xics: Xics::new(&config.cpus, ranges),
            phbs: maps.into_iter().enumerate().map(|(n, m)| Phb::new(m, device(n))).collect(),
            rtc: Rtc::new(config.epoch_secs),
            messages: VecDeque::new(),
            dump_regions: BTreeMap::new(),
            first_device: config.first_device,
            events_told: 0,
            calls: BTreeMap::new(),
        }
    }

    /// Plugs a function into slot `n`, and gives back what was there.
    /// A slot that does not exist gives the function back.
    pub fn attach(&mut self, n: usize, function: Box<dyn PciFunction>) -> Option<Box<dyn PciFunction>> {
        match self.phbs.get_mut(n) {
            Some(phb) => phb.attach(Some(function)),
            None => Some(function),
        }
    }
    /// The host bridges, in order of the adapters.
    pub fn phbs(&self) -> &[Phb] {
        &self.phbs
    }
    /// One host bridge, to reach its function from outside the guest.
    pub fn phb_mut(&mut self, n: usize) -> Option<&mut Phb> {
        self.phbs.get_mut(n)
    }
    /// Number of devices the platform uses in agenda and trace.
    pub fn devices(&self) -> u32 {
        self.phbs.len() as u32 * DEVICES_PER_PHB
    }
    /// True if CPU `cpu` (its index) runs: the boot CPU, or started since.
    pub fn cpu_started(&self, cpu: usize) -> bool {
        self.cpus.get(cpu).is_some_and(|c| c.started)
    }
    /// Index of the CPU with this hardware id.
    pub fn cpu_of(&self, hwid: u64) -> Option<usize> {
        self.cpus.iter().position(|c| u64::from(c.hwid) == hwid)
    }
    /// The interrupt line of a CPU: the hypervisor virtualization interrupt.
    pub fn interrupt_pending(&self, cpu: usize) -> bool {
        self.xics.pending(cpu)
    }
    /// Memory regions registered for a dump, by the kernel's number.
    pub fn dump_regions(&self) -> &BTreeMap<u32, DumpRegion> {
        &self.dump_regions
    }
    /// How often each call was made.
    pub fn call_counts(&self) -> &BTreeMap<u64, u64> {
        &self.calls
    }

    /// Output of a terminal since the last call.
    pub fn take_output(&mut self, terminal: usize) -> Vec<u8> {
        self.consoles.get_mut(terminal).map(Console::take_output).unwrap_or_default()
    }
    /// True if output of any terminal waits to be taken.
    pub fn has_output(&self) -> bool {
        self.consoles.iter().any(Console::has_output)
    }
    /// Takes the functions out of another platform, each into the same slot,
    /// as they are: nothing is reset.
    pub fn take_functions(&mut self, from: &mut Platform) {
        for (to, from) in self.phbs.iter_mut().zip(&mut from.phbs) {
            to.move_function(from);
        }
    }
    /// The plugged-in functions, to be changed.
    pub fn functions_mut(&mut self) -> impl Iterator<Item = &mut (dyn PciFunction + 'static)> {
        self.phbs.iter_mut().filter_map(Phb::function_mut)
    }
    /// The plugged-in functions, in order of their slots.
    pub fn functions(&self) -> impl Iterator<Item = &dyn PciFunction> {
        self.phbs.iter().filter_map(Phb::function)
    }
    /// Enters input at a terminal; false if there is no such terminal.
    pub fn push_input(&mut self, terminal: usize, bytes: &[u8]) -> bool {
        let Some(console) = self.consoles.get_mut(terminal) else { return false };
        console.push_input(bytes);
        self.tell_events();
        true
    }
    /// Sends the kernel a message.
    pub fn send_message(&mut self, message: Message) {
        self.messages.push_back(message);
        self.tell_events();
    }

    /// True if a host bridge owns this real address.
    pub fn claims(&self, ra: u64) -> bool {
        self.phbs.iter().any(|phb| phb.claims(ra))
    }
    /// A CPU load of 1..=16 bytes outside memory, in address order. False,
    /// and all ones, if nothing owns the address.
    pub fn mmio_read(&mut self, ra: u64, data: &mut [u8], world: &mut World<'_>) -> bool {
        data.fill(0xff);
        self.on_owner(ra, world, |phb, world| phb.mmio_read(ra, data, world))
    }
    /// A CPU store of 1..=16 bytes outside memory, in address order. False
    /// if nothing owns the address.
    pub fn mmio_write(&mut self, ra: u64, data: &[u8], world: &mut World<'_>) -> bool {
        self.on_owner(ra, world, |phb, world| phb.mmio_write(ra, data, world))
    }
    fn on_owner(
        &mut self,
        ra: u64,
        world: &mut World<'_>,
        f: impl FnOnce(&mut Phb, &mut World<'_>) -> bool,
    ) -> bool {
        let Some(n) = self.phbs.iter().position(|phb| phb.claims(ra)) else { return false };
        self.phbs[n].tell_dma(world);
        let owned = f(&mut self.phbs[n], world);
        self.settle(n, world);
        owned
    }
    /// A tlbie broadcast reaches every adapter.
    pub fn snoop(&mut self, what: Invalidate, world: &mut World<'_>) {
        for n in 0..self.phbs.len() {
            self.phbs[n].call(world, |f, cx| f.snoop(what, cx));
            self.settle(n, world);
        }
    }
    /// An agenda event of one of the platform's devices has come due; false
    /// if the device is not ours.
    pub fn event(&mut self, device: u32, what: u64, world: &mut World<'_>) -> bool {
        let Some(nth) = device.checked_sub(self.first_device) else { return false };
        let n = (nth / DEVICES_PER_PHB) as usize;
        let Some(phb) = self.phbs.get_mut(n) else { return false };
        phb.tell_dma(world);
        if device == phb.bridge_device() {
            phb.bridge_event(world);
        } else {
            phb.call(world, |f, cx| f.event(what, cx));
        }
        self.settle(n, world);
        true
    }
    /// Calls the function in slot `n` from outside the guest, as a scenario
    /// does; interrupts it sends are delivered.
    pub fn with_function<R>(
        &mut self,
        n: usize,
        world: &mut World<'_>,
        f: impl FnOnce(&mut dyn PciFunction, &mut fabric::Cx<'_>) -> R,
    ) -> Option<R> {
        let phb = self.phbs.get_mut(n)?;
        phb.tell_dma(world);
        let answer = phb.call(world, f);
        self.settle(n, world);
        answer
    }
    /// Something goes wrong by itself in the host bridge of slot `n`.
    pub fn mishap(&mut self, n: usize, what: &Mishap<'_>, world: &mut World<'_>) -> Result<(), NotDone> {
        if n >= self.phbs.len() {
            return Err(NotDone::NotNow("there is no such host bridge"));
        }
        self.break_down(n, Breakage::named(what)?, world);
        Ok(())
    }
    /// Breaks something at the host bridge of slot `n`.
    pub fn break_down(&mut self, n: usize, what: Breakage, world: &mut World<'_>) {
        if let Some(phb) = self.phbs.get_mut(n) {
            phb.break_down(what, world);
            self.settle(n, world);
        }
    }

    /// Passes on what the last call to a bridge left behind: interrupts to
    /// the CPUs, the state of its DMA to the function, errors to the kernel.
    pub(crate) fn settle(&mut self, n: usize, world: &mut World<'_>) {
        let Some(phb) = self.phbs.get_mut(n) else { return };
        phb.tell_dma(world);
        for ivte in std::mem::take(&mut phb.irqs) {
            deliver(phb, &mut self.xics, ivte, world);
        }
        phb.tell_dma(world);
        self.tell_events();
    }
    /// The pending events.
    pub(crate) fn events(&self) -> u64 {
        let bit = |on: bool, event: u64| if on { event } else { 0 };
        bit(self.consoles.iter().any(Console::has_input), EVENT_CONSOLE_INPUT)
            | bit(self.phbs.iter().any(|phb| phb.errors.event()), EVENT_PCI_ERROR)
            | bit(!self.messages.is_empty(), EVENT_MSG_PENDING)
    }
    /// Raises OPAL's interrupt when an event is new, drops it when none is
    /// left. In between HANDLE_INTERRUPT drops it, so that a line that stays
    /// up until a thread has run does not storm.
    pub(crate) fn tell_events(&mut self) {
        let events = self.events();
        if events & !self.events_told != 0 {
            self.xics.set_level(map::OPAL_LSI, true);
        } else if events == 0 {
            self.xics.set_level(map::OPAL_LSI, false);
        }
        self.events_told = events;
    }
}

/// An interrupt message of an adapter: only 16 bits of the irq reach the
/// card, so the rest comes from the bridge's base.
fn deliver(phb: &mut Phb, xics: &mut Xics, ivte: u16, world: &mut World<'_>) {
    let base = phb.map().msi_base;
    let index = ivte.wrapping_sub(base as u16);
    let pe = phb.adapter_pe();
    let device = phb.bridge_device();
    if !phb.dma_allowed(world.now) {
        world.note(device, "irq-blocked", &[("ivte", u64::from(ivte))]);
        return;
    }
    if phb.ioda.pe_of_msi(index) != Some(pe) {
        // Not an MSI of this bridge, or one another PE may raise.
        world.note(device, "irq-refused", &[("ivte", u64::from(ivte)), ("pe", u64::from(pe))]);
        phb.freeze(pe, FREEZE_ALL, world);
        return;
    }
    let hwirq = base + u32::from(index);
    xics.trigger(hwirq);
    let server = xics.target(hwirq).map_or(u64::MAX, u64::from);
    world.note(device, "irq", &[("hwirq", u64::from(hwirq)), ("server", server)]);
}
