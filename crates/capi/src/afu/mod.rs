//! The SISLite AFU: problem state area, command engine, interrupts.
//!
//! SISLite has no public text. What follows is what its clients rely on:
//! `sislite.h`, `main.c`, `superpipe.c` and `vlun.c` of the Linux driver
//! (drivers/scsi/cxlflash), and the capiflash library and tools. Where they
//! are silent the choice is marked `Unspecified:`.
//!
//! A command moves through the stages of [`command::Stage`]. Each access to
//! host memory may meet a translation fault: the command then keeps its
//! place and goes on when the driver has answered.

pub mod codes;
pub mod command;
pub mod config;
pub mod context;
pub mod fuzzing;
pub mod ioarcb;
pub mod regs;
pub mod tables;

mod admit;
mod afu_commands;
mod bench;
pub mod debug;
mod endings;
mod engine;
mod faults;
mod flash_faults;
mod interrupts;
mod mmio;
mod provision;
mod response;
mod shadow;
#[cfg(test)]
mod tests;

pub use config::{AfuConfig, CmdMode, Latency, Span, TableCache, Variant};

use crate::flash::internal::Geometry;
use crate::flash::{LunStore, Target, sense};
use crate::port::{AfuModel, AfuPort, ControlBlock, FaultAnswer, PageFault};
use crate::ports::FcPort;
use codes::AFU_CTRL_LOCAL_LUN;
use command::Command;
use config::CONTEXTS;
use context::Context;
use fabric::{Mishap, NotDone, Rng};
use regs::{RegFile, ctrl, global};
use serde::{Deserialize, Serialize};
use shadow::Shadow;
use std::collections::BTreeMap;
use tables::Copies;

/// Base of the control blocks in the problem state area.
pub const CTRL_BASE: u64 = 0x200_0000;
/// Base of the global area.
pub const GLOBAL_BASE: u64 = 0x201_0000;
/// End of the global area.
pub const GLOBAL_END: u64 = 0x202_0000;
/// Base of the debug areas.
pub const DEBUG_BASE: u64 = 0x204_0000;
/// Size of a debug area.
pub const DEBUG_SIZE: u64 = 0x2_0000;
/// Entries of a port's LUN table (`CXLFLASH_NUM_VLUNS`).
pub const PORT_LUNS: usize = 512;

/// A SISLite AFU with its ports and its flash.
#[derive(Serialize, Deserialize)]
pub struct SisliteAfu {
    config: AfuConfig,
    enabled: bool,
    contexts: Vec<Context>,
    global: RegFile,
    ports: Vec<FcPort>,
    port_luns: Vec<Vec<u64>>,
    target: Target,
    commands: BTreeMap<u64, Command>,
    next_id: u64,
    /// Commands that wait for the answer to a translation fault, by process
    /// element and fault, in the order in which they met it.
    waiters: BTreeMap<(u16, PageFault), Vec<u64>>,
    copies: Copies,
    shadow: Shadow,
    /// The open AFU sync.
    sync: Option<u64>,
    next_port: u8,
    /// Units that were ever provisioned.
    provisioned: u32,
    /// The debug buffer, as far as it was written.
    debug: Vec<u8>,
    /// AFU_ERR_An.
    error: u64,
    rng: Rng,
}

impl SisliteAfu {
    /// An AFU after power on. Latencies come from a stream of `seed`.
    pub fn new(config: AfuConfig, seed: u64) -> SisliteAfu {
        let config = config.clamp();
        let ports: Vec<FcPort> = (0u8..).zip(&config.ports).map(|(n, p)| FcPort::new(p.clone(), n)).collect();
        let mut afu = SisliteAfu {
            enabled: false,
            contexts: Vec::new(),
            global: RegFile::new(global::TABLE),
            port_luns: Vec::new(),
            target: Target::new(config.identity.clone(), &config.luns, seed),
            commands: BTreeMap::new(),
            next_id: 1,
            waiters: BTreeMap::new(),
            copies: Copies::default(),
            shadow: Shadow::default(),
            sync: None,
            next_port: 0,
            provisioned: 0,
            debug: Vec::new(),
            error: 0,
            rng: Rng::named(seed, "afu-latency"),
            ports,
            config,
        };
        afu.target.name_initiators(afu.config.ports.iter().map(|p| p.wwpn));
        afu.power_on_registers();
        afu
    }
    /// What it is made of.
    pub fn config(&self) -> &AfuConfig {
        &self.config
    }
    /// The target behind the ports, for tools and tests.
    pub fn target_mut(&mut self) -> &mut Target {
        &mut self.target
    }
    /// Puts unit `index` of the configuration on a store of the embedding
    /// program: after construction, and again after a state was loaded.
    /// False if there is no such unit.
    pub fn attach_store(&mut self, index: usize, store: Box<dyn LunStore>) -> bool {
        let Some(lun) = self.target.unit(index) else { return false };
        lun.backing.attach(store);
        true
    }
    /// Number of commands in the AFU, for tools and tests.
    pub fn open_commands(&self) -> usize {
        self.commands.len()
    }
    /// Pulls the cable of an FC port, or plugs it in.
    pub fn cable(&mut self, fc_port: u8, plugged: bool, bus: &mut dyn AfuPort<'_>) {
        let Some(p) = self.ports.get_mut(usize::from(fc_port)) else { return };
        let was = p.link();
        let (bits, ask) = p.cable(plugged);
        if p.link() != was {
            self.link_changed(fc_port, bits, bus);
        }
        self.ask(fc_port, ask, bus);
    }
    /// Sets bits of a port's byte of `aintr_status`, as a fault would, with
    /// what the port's error registers then say.
    pub fn async_error(&mut self, fc_port: u8, bits: u8, bus: &mut dyn AfuPort<'_>) {
        let detail = [(codes::ASTATUS_LOGI_F, 1), (codes::ASTATUS_OTHER, 1 << 20)];
        let errors = detail.iter().filter(|(bit, _)| bits & bit != 0).fold(0, |e, (_, error)| e | error);
        if let Some(p) = self.ports.get_mut(usize::from(fc_port)).filter(|_| errors != 0) {
            p.error(errors);
        }
        self.raise_async(fc_port, bits, bus);
    }
    /// Frames with a wrong CRC arrive at a port. More of them than its
    /// threshold, since its counter was read, raise `CRC_T`.
    pub fn crc_errors(&mut self, fc_port: u8, count: u64, bus: &mut dyn AfuPort<'_>) {
        let over = self.ports.get_mut(usize::from(fc_port)).is_some_and(|p| p.crc_errors(count));
        if over {
            self.raise_async(fc_port, codes::ASTATUS_CRC_T, bus);
        }
    }

    fn power_on_registers(&mut self) {
        let room = self.config.cmd_room;
        self.contexts = (0..CONTEXTS).map(|_| Context::new(room)).collect();
        let unmap = if self.config.unmap_sector { 1 << 63 } else { 0 };
        for c in &mut self.contexts {
            c.host.set(regs::host::TABLE, regs::host::CTX_CTRL, unmap);
        }
        let mut version = [b' '; 8];
        for (place, byte) in version.iter_mut().zip(self.config.afu_version.bytes()) {
            *place = byte;
        }
        self.global.reset(global::TABLE);
        self.global.set(global::TABLE, global::AFU_VERSION, u64::from_be_bytes(version));
        self.global.set(global::TABLE, global::INTERFACE_VERSION, self.config.interface_version);
        let ports = if self.config.tells_ports { (1 << self.ports.len()) - 1 } else { 0 };
        self.global.set(global::TABLE, global::AFU_PORT_SEL, ports);
        self.port_luns = vec![vec![0; PORT_LUNS]; self.ports.len()];
        self.tell_space();
        if self.config.attention_after_reset {
            self.target.luns_mut().iter_mut().for_each(|l| l.reset(sense::POWER_ON));
        }
    }

    /// `afu_ctrl` bit 63 leads port 0 to the internal units, whose geometry
    /// is in that port's `FC_CONFIG2`.
    fn choose_units(&mut self) {
        let local = self.global.get(global::TABLE, global::AFU_CTRL) & AFU_CTRL_LOCAL_LUN != 0;
        let geometry = self.ports.first().map(|p| Geometry::of(p.register(regs::fc::FC_CONFIG2)));
        let was = self.target.is_internal();
        self.target.set_internal(geometry.filter(|_| local));
        if was || local {
            // The same numbers may now name other units.
            self.shadow = Shadow::default();
        }
    }
    fn context(&mut self, pe: u16) -> Option<&mut Context> {
        self.contexts.get_mut(usize::from(pe))
    }

    /// The page of a context as the next process finds it.
    fn restart_page(&mut self, pe: u16) {
        let (room, unmap) = (self.config.cmd_room, self.config.unmap_sector);
        let Some(c) = self.context(pe) else { return };
        c.restart_page(room);
        c.cap_unlocked = false;
        c.host.set(regs::host::TABLE, regs::host::CTX_CTRL, u64::from(unmap) << 63);
    }
}

impl AfuModel for SisliteAfu {
    fn mmio_read(&mut self, offset: u64, data: &mut [u8], port: &mut dyn AfuPort<'_>) {
        self.load_bytes(offset, data, port);
    }
    fn mmio_write(&mut self, offset: u64, data: &[u8], port: &mut dyn AfuPort<'_>) {
        self.store_bytes(offset, data, port);
    }
    fn event(&mut self, what: u64, port: &mut dyn AfuPort<'_>) {
        self.fired(what, port);
    }
    fn reset(&mut self, port: &mut dyn AfuPort<'_>) {
        self.abort_where("afu-reset", port, |_| true);
        self.waiters.clear();
        self.copies.clear();
        self.sync = None;
        self.debug = Vec::new();
        self.error = 0;
        self.ports.iter_mut().for_each(FcPort::reset);
        if self.target.is_internal() {
            self.shadow = Shadow::default();
        }
        self.target.set_internal(None);
        // Reset counters go on, so that no event of the past fits again.
        let resets: Vec<u32> = self.contexts.iter().map(|c| c.resets.wrapping_add(1)).collect();
        self.power_on_registers();
        for (c, resets) in self.contexts.iter_mut().zip(resets) {
            c.resets = resets;
        }
    }
    fn set_enabled(&mut self, on: bool, port: &mut dyn AfuPort<'_>) {
        if !on {
            self.abort_where("disabled", port, |_| true);
        }
        self.enabled = on;
    }
    fn added(&mut self, pe: u16, _port: &mut dyn AfuPort<'_>) {
        self.restart_page(pe);
    }
    fn terminated(&mut self, pe: u16, port: &mut dyn AfuPort<'_>) {
        self.abort_where("terminate", port, |c| c.pe == pe);
        // Commands of others that read tables in this process element's
        // memory: nobody answers their fault any more.
        self.retry_all(pe, port);
        // Unspecified: ctx_cap keeps its value until rewritten or reset.
        self.restart_page(pe);
        self.copies.forget_context(pe);
        // sislite: the AFU clears afu_ctrl when the context it names exits.
        if self.global.get(global::TABLE, global::AFU_CTRL) >> 48 == u64::from(pe) {
            self.global.set(global::TABLE, global::AFU_CTRL, 0);
            self.choose_units();
        }
    }
    fn removed(&mut self, _pe: u16, _port: &mut dyn AfuPort<'_>) {}
    fn fault_answered(&mut self, pe: u16, fault: PageFault, answer: FaultAnswer, port: &mut dyn AfuPort<'_>) {
        self.answer((pe, fault), answer, port);
    }
    fn mishap(&mut self, what: &Mishap<'_>, port: &mut dyn AfuPort<'_>) -> Result<(), NotDone> {
        self.mishap_here(what, port)
    }
    fn reseed(&mut self, seed: u64) {
        self.rng.branch(seed);
        self.target.units_mut().for_each(|unit| unit.drive.reseed(seed));
    }
    fn has_outside_state(&self) -> bool {
        self.target.units().any(|unit| unit.backing.is_outside())
    }
    fn control_block(&self, pe: u16) -> ControlBlock {
        let Some(c) = self.contexts.get(usize::from(pe)) else { return ControlBlock::default() };
        ControlBlock {
            rht_start: c.ctrl(ctrl::RHT_START),
            rht_cnt_id: c.ctrl(ctrl::RHT_CNT_ID),
            ctx_cap: c.cap(),
        }
    }
    fn error_register(&self) -> u64 {
        self.error
    }
    fn set_error_register(&mut self, value: u64) {
        self.error = value;
    }
}
