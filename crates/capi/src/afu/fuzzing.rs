//! Entry points for fuzzing: whatever a guest does, the AFU answers; it
//! neither panics nor works for ever nor grows without limit.

use super::bench::Bench;
use super::codes::*;
use super::config::{AfuConfig, CONTEXTS};
use super::ioarcb::Ioarcb;
use super::regs::{ctrl, global, host};
use super::{CTRL_BASE, GLOBAL_BASE, SisliteAfu};
use crate::flash::LunConfig;
use crate::port::{AfuModel, FaultAnswer};
use fabric::Ticks;

const MEMORY: usize = 1 << 18;

/// Bytes of the input as numbers; zero when they are used up.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
    fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |v, _| v << 8 | u64::from(self.byte()))
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where queues and tables of a hostile guest lie; every combination is allowed.
pub mod around {
    /// A response queue of one slot.
    pub const RRQ_OF_ONE: u8 = 1;
    /// A response queue whose first slot is the last of memory.
    pub const RRQ_AT_END: u8 = 2;
    /// A submission queue of one slot: its tail is its head.
    pub const SQ_OF_ONE: u8 = 4;
    /// A submission queue that ends before it starts.
    pub const SQ_BACKWARDS: u8 = 8;
    /// A submission queue on the response queue: each answer is a new command.
    pub const SQ_ON_RRQ: u8 = 16;
    /// An RHT of which two entries are in memory.
    pub const RHT_AT_END: u8 = 32;
    /// An LXT of which half an entry is in memory.
    pub const LXT_AT_END: u8 = 64;
    /// An LXT that lies on the RHT, so that entries lead back to themselves.
    pub const LXT_ON_RHT: u8 = 128;
}

/// Places of process element `pe`: response queue, submission queue, RHT.
struct Places {
    rrq: (u64, u64),
    sq: (u64, u64),
    rht: u64,
    lxt: u64,
}

impl Places {
    fn of(pe: u64, bits: u8) -> Places {
        let is = |bit: u8| bits & bit != 0;
        let end = MEMORY as u64;
        let rrq = if is(around::RRQ_AT_END) { end - 8 } else { 0x1000 + pe * 0x100 };
        let sq = if is(around::SQ_ON_RRQ) { rrq & !63 } else { 0x2000 + pe * 0x400 };
        let last = match (is(around::SQ_OF_ONE), is(around::SQ_BACKWARDS)) {
            (true, _) => sq,
            (_, true) => sq - 0x40,
            _ => sq + 0x3C0,
        };
        let rht = if is(around::RHT_AT_END) { end - 32 } else { 0x8000 };
        let lxt = if is(around::LXT_AT_END) { end - 4 } else { 0x9000 };
        let lxt = if is(around::LXT_ON_RHT) { rht } else { lxt };
        Places { rrq: (rrq, if is(around::RRQ_OF_ONE) { rrq } else { rrq + 0x38 }), sq: (sq, last), rht, lxt }
    }
}

/// Kind of the AFU, and [`around`].
fn bench(kind: u8, around: u8) -> Bench {
    let base = if kind & 1 == 0 { AfuConfig::corsa() } else { AfuConfig::flash_gt_plus() };
    let lun = |n| LunConfig { memory_limit: 1 << 20, ..LunConfig::new(n, 1 << 30) };
    let mut bench = Bench::new(AfuConfig { luns: vec![lun(0), lun(1)], ..base }, MEMORY);
    // A master as the driver leaves it, so that commands get far.
    let all = CTX_CAP_REAL_MODE | CTX_CAP_HOST_XLATE | 0xF;
    for (pe, cap) in [(0, all), (1, 3)] {
        let block = CTRL_BASE + pe * 0x80;
        bench.load(block + u64::from(ctrl::MBOX_R));
        bench.store(block + u64::from(ctrl::CTX_CAP), cap);
        let places = Places::of(pe, around);
        bench.store(block + u64::from(ctrl::RHT_START), places.rht);
        bench.store(block + u64::from(ctrl::RHT_CNT_ID), 64 << 48);
        bench.store(pe << 16 | u64::from(host::RRQ_START), places.rrq.0);
        bench.store(pe << 16 | u64::from(host::RRQ_END), places.rrq.1);
        bench.store(pe << 16 | u64::from(host::SQ_START), places.sq.0);
        bench.store(pe << 16 | u64::from(host::SQ_END), places.sq.1);
    }
    let auto_retry = if kind & 2 == 0 { 0x7F20 } else { 0x20 };
    bench.store(GLOBAL_BASE + u64::from(global::AFU_CONFIG), auto_retry);
    for port in 0..2 {
        bench.store(GLOBAL_BASE + 0x4000 + port * 0x1000 + 8, 0x0001_0000_0000_0000);
    }
    bench
}

fn finish(mut bench: Bench) {
    bench.run(bench.now + Ticks::secs(1), 20_000);
    bench.host.absent.clear();
    for pe in 0..3 {
        bench.answer(pe, FaultAnswer::Retry);
    }
    bench.run(bench.now + Ticks::secs(1), 20_000);
    let most =
        usize::from(CONTEXTS) * (bench.afu.config().cmd_room + bench.afu.config().max_active + 1) as usize;
    assert!(bench.afu.open_commands() <= most, "commands without limit");
    assert!(bench.events() <= 2 * most + 4 * usize::from(CONTEXTS) + 64, "events without limit");
    bench.with(|afu, bus| afu.reset(bus));
    assert_eq!(bench.afu.open_commands(), 0);
    fabric::state_hash(&bench.afu);
}

/// Loads, stores, events, faults and resets as the input says.
pub fn fuzz_mmio(data: &[u8]) {
    let mut input = Input(data);
    let (kind, around) = (input.byte(), input.byte());
    let mut bench = bench(kind, around);
    while !input.is_empty() {
        let what = input.byte();
        let offset = match what & 3 {
            0 => input.number(1) & 3 << 16 | input.number(1) & 0x7F,
            1 => CTRL_BASE + input.number(1) % 0xC0,
            2 => GLOBAL_BASE + input.number(2) % 0xA000,
            _ => input.number(8),
        };
        let size = [8, 8, 8, 4, 16, 1, 2, 3][usize::from(what >> 2 & 7)];
        match what >> 5 {
            0..3 => {
                let near = input.number(3) % MEMORY as u64;
                let value = [near, near & !15, input.number(1), u64::MAX][usize::from(input.byte() & 3)];
                let bytes = [value.to_be_bytes(), value.to_le_bytes()].concat();
                bench.with(|afu, bus| afu.mmio_write(offset, &bytes[..size], bus));
            }
            3 => {
                let mut out = [0; 16];
                bench.with(|afu, bus| afu.mmio_read(offset, &mut out[..size], bus));
            }
            4 => {
                bench.run(bench.now + Ticks::micros(input.number(2)), 1_000);
            }
            5 => drop(bench.host.absent.insert(input.number(1) % (MEMORY as u64 >> 12))),
            6 => {
                let pe = u16::from(input.byte() % 3);
                let answer = if what & 4 == 0 { FaultAnswer::Retry } else { FaultAnswer::AddressError };
                bench.host.absent.clear();
                bench.answer(pe, answer);
            }
            _ => life(&mut bench, &mut input),
        }
    }
    finish(bench);
}

/// Process elements come and go, the AFU is reset, cables are pulled.
fn life(bench: &mut Bench, input: &mut Input<'_>) {
    let pe = u16::from(input.byte() % 3);
    match input.byte() % 6 {
        0 => {
            bench.host.running.remove(&pe);
            bench.with(|afu, bus| afu.terminated(pe, bus));
        }
        1 => {
            bench.host.running.insert(pe);
            bench.with(|afu, bus| afu.added(pe, bus));
        }
        2 => bench.with(|afu, bus| afu.reset(bus)),
        3 => {
            let on = input.byte() & 3 != 0;
            bench.with(|afu, bus| afu.set_enabled(on, bus));
        }
        4 => {
            let (port, plugged) = (input.byte() & 3, input.byte() & 1 == 0);
            bench.with(|afu, bus| afu.cable(port, plugged, bus));
        }
        _ => {
            let bits = input.byte();
            bench.with(|afu, bus| afu.async_error(pe as u8, bits, bus));
        }
    }
}

/// The whole card: PCI function, PSL and this AFU, as the input says.
pub fn fuzz_card(data: &[u8]) {
    let config = if data.len() & 1 == 0 { AfuConfig::corsa() } else { AfuConfig::flash_gt_plus() };
    crate::psl::fuzzing::fuzz_adapter(SisliteAfu::new(config, 1), data);
}

/// Commands, RHT and LXT with contents as the input says.
pub fn fuzz_ioarcb(data: &[u8]) {
    let mut input = Input(data);
    let (kind, around) = (input.byte(), input.byte());
    let mut bench = bench(kind, around);
    let places = Places::of(0, around);
    for entry in 0..4u64 {
        let mut bytes: [u8; 16] = std::array::from_fn(|_| input.byte());
        if kind & 4 << entry != 0 {
            // A table that leads somewhere: an LXT of 8 entries.
            bytes[..8].copy_from_slice(&places.lxt.to_le_bytes());
            bytes[8..12].copy_from_slice(&8u32.to_le_bytes());
            bytes[14..].copy_from_slice(&[3, 16]);
        }
        place(&mut bench, places.rht + 16 * entry, &bytes);
    }
    for i in 0..64 {
        let byte = input.byte();
        place(&mut bench, 0x9000 + i, &[byte]);
    }
    let mut slot = 0u64;
    while !input.is_empty() {
        let pe = u64::from(input.byte() & 1);
        let shape = input.byte() & input.byte() & 0x7F | input.byte() & 0x80;
        let raw: [u8; 64] = std::array::from_fn(|_| input.byte());
        let mut rcb = Ioarcb::parse(&raw, super::ioarcb::Endian::Little);
        shape_command(&mut rcb, shape, pe as u16);
        let (start, last) = Places::of(pe, around).sq;
        let slots = last.saturating_sub(start) / 64 + 1;
        let ea = start + slot % slots * 64;
        place(&mut bench, ea, &rcb.bytes(super::ioarcb::Endian::Little));
        slot += 1;
        bench.store(pe << 16 | u64::from(host::IOARRIN), ea);
        bench.store(pe << 16 | u64::from(host::SQ_TAIL), start + slot % slots * 64);
        if shape & 0x80 != 0 {
            bench.run(bench.now + Ticks::micros(300), 1_000);
        }
    }
    finish(bench);
}

/// What of `bytes` is inside memory.
fn place(bench: &mut Bench, ea: u64, bytes: &[u8]) {
    let memory = bench.host.mem.iter_mut().skip(ea as usize);
    memory.zip(bytes).for_each(|(at, byte)| *at = *byte);
}

/// Makes a random command plausible in some respects, so that it gets past
/// the first checks often enough.
fn shape_command(rcb: &mut Ioarcb, shape: u8, pe: u16) {
    // What the driver sends comes often, AFU commands and TMFs too.
    const USUAL: [u8; 16] =
        [0x88, 0x8A, 0x93, 0x28, 0x2A, 0x12, 0xA0, 0x9E, 0x42, 0xD0, 0x1A, 0xA3, 0x35, 0xE0, 0xC0, 0x01];
    if shape & 1 == 0 {
        rcb.ctx_id = pe;
    }
    if shape & 2 == 0 {
        let all = crate::flash::commands::COMMANDS;
        let row = &all[usize::from(rcb.cdb[0]) % all.len()];
        if rcb.cdb[0] & 0x40 == 0 {
            rcb.cdb[0] = USUAL[usize::from(rcb.cdb[0] & 15)];
        } else {
            rcb.cdb[0] = row.opcode;
            rcb.cdb[1] = row.action.unwrap_or(rcb.cdb[1] & row.usage[1]);
        }
        rcb.cdb[2..9].fill(0);
        rcb.cdb[10..13].fill(0);
    }
    if shape & 4 == 0 {
        rcb.res_hndl &= 7;
        rcb.lun_id &= 1 << 48;
    }
    if shape & 8 == 0 {
        rcb.data_ea %= MEMORY as u64;
        rcb.data_len = 4096;
    }
    if shape & 16 == 0 {
        rcb.ioasa = 0x7000;
    }
    if shape & 32 == 0 {
        rcb.req_flags &= 0x8001;
    }
}
