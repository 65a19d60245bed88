//! Entry points for fuzzing: whatever the guest passes, the platform
//! neither panics nor allocates without bound.

use crate::map;
use crate::platform::{Message, Platform};
use crate::world::World;
use crate::{Breakage, PlatformConfig, layout};
use fabric::pci::Invalidate;
use fabric::translate::{Access, Translate, TranslateFault, Translation, TranslationSpace};
use fabric::{
    Agenda, BadState, BarRegion, Cx, GuestMemory, NoInjection, PciFunction, ResetKind, Ticks, Trace,
};

/// Bytes of one operation: what, which argument values, raw material.
const STEP: usize = 16;

/// A translator without any table.
pub(crate) struct NoTables;

impl Translate for NoTables {
    fn translate(
        &mut self,
        _: &GuestMemory,
        _: TranslationSpace,
        _: u64,
        _: Access,
    ) -> Result<Translation, TranslateFault> {
        Err(TranslateFault::NoTranslation)
    }
}

/// A PCI function with one 64-bit prefetchable BAR of 16 MiB: its first
/// quadword sends an interrupt, the rest reads as its own offset.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    command: u8,
    bar: u64,
    /// What the bridge did to it, in order.
    pub(crate) log: Vec<String>,
}

impl Probe {
    /// Size of the BAR.
    pub(crate) const BAR_BYTES: u64 = 16 << 20;
    /// Bytes of log kept.
    const LOG: usize = 64;

    fn say(&mut self, what: String) {
        if self.log.len() < Probe::LOG {
            self.log.push(what);
        }
    }
    fn register(&self, offset: u16) -> u32 {
        match offset & !3 {
            0x00 => 0x0477_1014,
            0x04 => u32::from(self.command),
            0x08 => 0x1200_0000,
            0x10 => self.bar as u32 | 0xc,
            0x14 => (self.bar >> 32) as u32,
            _ => 0,
        }
    }
}

impl PciFunction for Probe {
    fn config_read(&mut self, offset: u16, data: &mut [u8], _: &mut Cx<'_>) {
        for (n, byte) in data.iter_mut().enumerate() {
            let at = offset + n as u16;
            *byte = self.register(at).to_le_bytes()[usize::from(at & 3)];
        }
    }
    fn config_write(&mut self, offset: u16, data: &[u8], _: &mut Cx<'_>) {
        let mask = !(Probe::BAR_BYTES - 1);
        for (n, &byte) in data.iter().enumerate() {
            match offset + n as u16 {
                0x04 => self.command = byte & 7,
                at @ 0x10..=0x17 => {
                    let shift = 8 * u32::from(at - 0x10);
                    self.bar = (self.bar & !(0xff << shift) | u64::from(byte) << shift) & mask;
                }
                _ => {}
            }
        }
    }
    fn bars(&self) -> Vec<BarRegion> {
        let bar = BarRegion { bar: 0, address: self.bar, size: Probe::BAR_BYTES };
        if self.command & 2 != 0 { vec![bar] } else { Vec::new() }
    }
    fn mmio_read(&mut self, _: u8, offset: u64, data: &mut [u8], _: &mut Cx<'_>) {
        for (n, byte) in data.iter_mut().enumerate() {
            *byte = (offset + n as u64) as u8;
        }
    }
    fn mmio_write(&mut self, bar: u8, offset: u64, data: &[u8], cx: &mut Cx<'_>) {
        self.say(format!("store bar{bar}+{offset:#x}"));
        if let (0, &[a, b, ..]) = (offset, data) {
            cx.irq(u16::from_be_bytes([a, b]));
        }
    }
    fn event(&mut self, what: u64, cx: &mut Cx<'_>) {
        self.say(format!("event {what}"));
        cx.irq(what as u16);
    }
    fn reset(&mut self, kind: ResetKind, _: &mut Cx<'_>) {
        (self.command, self.bar) = (0, 0);
        self.say(format!("reset {kind:?}"));
    }
    fn snoop(&mut self, what: Invalidate, _: &mut Cx<'_>) {
        self.say(format!("snoop {what:?}"));
    }
    fn set_capi_mode(&mut self, on: bool, _: &mut Cx<'_>) {
        self.say(format!("capi {on}"));
    }
    fn set_dma_blocked(&mut self, blocked: bool, _: &mut Cx<'_>) {
        self.say(format!("dma blocked {blocked}"));
    }
    fn saved(&self) -> Vec<u8> {
        let mut bytes = self.bar.to_le_bytes().to_vec();
        bytes.push(self.command);
        bytes
    }
    fn restore(&mut self, saved: &[u8]) -> Result<(), BadState> {
        let bad = |reason: String| BadState { what: "the probe", reason };
        let (bar, command) = saved.split_first_chunk().ok_or_else(|| bad("too short".into()))?;
        let &[command] = command else { return Err(bad("not nine bytes".into())) };
        (self.bar, self.command) = (u64::from_le_bytes(*bar), command);
        Ok(())
    }
    fn has_outside_state(&self) -> bool {
        false
    }
    fn reseed(&mut self, _: u64) {}
    fn space_of(&self, _: u32) -> Option<TranslationSpace> {
        None
    }
}

/// Everything a platform needs around it.
pub(crate) struct Bench {
    pub(crate) platform: Platform,
    pub(crate) mem: GuestMemory,
    pub(crate) now: Ticks,
    pub(crate) agenda: Agenda,
    pub(crate) trace: Trace,
}

impl Bench {
    /// Two CPUs, two bridges with a [`Probe`] each, 1 MiB of memory.
    pub(crate) fn new() -> Bench {
        let config = PlatformConfig { adapters: 2, first_device: 10, ..PlatformConfig::default() };
        let mut platform = Platform::new(&config);
        for n in 0..2 {
            platform.attach(n, Box::new(Probe::default()));
        }
        let mem = GuestMemory::new(1 << 20).expect("the host has a mebibyte");
        let (agenda, trace) = (Agenda::default(), Trace::default());
        Bench { platform, mem, now: Ticks(0), agenda, trace }
    }
    /// Calls something with platform and world.
    pub(crate) fn with<R>(&mut self, f: impl FnOnce(&mut Platform, &mut World<'_>) -> R) -> R {
        let mut world = World {
            now: self.now,
            mem: &self.mem,
            agenda: &mut self.agenda,
            translate: &mut NoTables,
            inject: &mut NoInjection,
            trace: &mut self.trace,
        };
        f(&mut self.platform, &mut world)
    }
    /// Advances time and fires what comes due.
    pub(crate) fn advance(&mut self, by: Ticks) {
        let until = self.now + by;
        while let Some((at, due)) = self.agenda.take_due(until) {
            self.now = at;
            self.with(|p, w| p.event(due.device, due.what, w));
        }
        self.now = until;
    }
}

/// An argument: mostly a value that some call gives a meaning to.
fn argument(choice: u8, raw: u64) -> u64 {
    let small = raw & 0x3ff;
    match choice % 16 {
        0 => 0,
        1 => small % 8,
        2 => [0, 3][(raw & 1) as usize],
        3 => raw & 0xf_ffff,
        4 => 0xc000_0000_0000_0000 | raw & 0xf_ffff,
        5 => u64::MAX,
        6 => 1 << 63 | raw & 0xffff,
        7 => u64::from(map::MSI_BASE) + small,
        8 => u64::from(map::OPAL_LSI),
        9 => raw & 0xffff,
        10 => [0, 4, 16][(raw % 3) as usize],
        11 => 0xf_fff8 + raw % 16,
        12 => small,
        _ => raw,
    }
}

/// The eight arguments of a firmware call.
pub fn arguments(choices: [u8; 7], raw: u64) -> [u64; 8] {
    std::array::from_fn(|n| argument(choices[n % 7].rotate_right(n as u32), raw.rotate_left(8 * n as u32)))
}

/// An address of a bridge's registers or windows, or any.
pub fn address(choice: u8, raw: u64) -> u64 {
    let m = map::phb(usize::from(choice & 1));
    match choice % 8 {
        0 | 1 => m.registers + (raw & 0xfff),
        2 | 3 => m.m32 + (raw & 0xffff_ffff),
        4 | 5 => m.m64 + (raw & (map::M64_BYTES - 1)),
        _ => raw,
    }
}

/// Plays `data` as a guest: OPAL calls, loads, stores, time.
pub fn fuzz_opal(data: &[u8]) {
    let mut bench = Bench::new();
    for step in data.chunks_exact(STEP) {
        let raw = u64::from_le_bytes(step[8..16].try_into().expect("eight bytes"));
        let mut bytes = [0xa5; 16];
        let len = 1 << (step[2] % 5);
        match step[0] {
            0..=199 => {
                let args = arguments(std::array::from_fn(|n| step[1 + n]), raw);
                bench.with(|p, w| p.opal_call(usize::from(step[7] & 3), u64::from(step[0]), args, w));
            }
            200..=215 => {
                bench.with(|p, w| p.mmio_read(address(step[1], raw), &mut bytes[..len], w));
            }
            216..=231 => {
                bench.with(|p, w| p.mmio_write(address(step[1], raw), &bytes[..len], w));
            }
            232..=239 => bench.advance(Ticks(raw >> 24)),
            240..=243 => {
                bench.platform.push_input(usize::from(step[1] & 3), &step[2..8]);
            }
            244..=245 => {
                let what = breakage(step[2], raw);
                bench.with(|p, w| p.break_down(usize::from(step[1] & 3), what, w));
            }
            246 => bench.platform.send_message(Message::shutdown(step[1] & 1 == 0)),
            247 => bench.with(|p, w| p.snoop(Invalidate::Pid(raw as u32), w)),
            _ => {
                bench.with(|p, w| p.event(u32::from(step[1]), raw, w));
            }
        }
        // A log nobody reads.
        bench.trace.take();
    }
    fabric::state_hash(&bench.platform);
}

fn breakage(choice: u8, raw: u64) -> Breakage {
    match choice % 16 {
        0..=3 => Breakage::Freeze,
        4 => Breakage::FreezeMmio,
        5 => Breakage::FreezeDma,
        6..=7 => Breakage::Fence,
        8 => Breakage::Permanent,
        9 => Breakage::Dead,
        10..=11 => Breakage::LinkDown,
        12..=14 => Breakage::LinkUp,
        _ => Breakage::Flaky { every: raw & 0xff, times: raw >> 8 & 0xff },
    }
}

/// Asks for a layout and a tree of a machine with hostile sizes.
pub fn fuzz_tree(memory: u64, kernel_end: u64, initrd_bytes: u64, cpus: u8, adapters: u8) {
    let config = PlatformConfig {
        cpus: (0..u32::from(cpus)).map(|n| 4 * n).collect(),
        memory_bytes: memory,
        initrd_bytes,
        adapters: usize::from(adapters),
        ..PlatformConfig::default()
    };
    if let Ok(place) = layout(&config, kernel_end) {
        let tree = crate::device_tree(&config, &place);
        assert!(tree.len() as u64 <= map::FDT_BYTES, "the tree fits its space");
    }
}
