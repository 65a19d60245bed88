//! A guest: the steps of an input become a program that a CPU of a whole machine runs in a loop. What only meets there is
//! driven here: calls through the firmware entry, MMIO through the bus, interrupts, secondary CPUs, resets by firmware.

use capi::adapter::{Adapter, AdapterConfig};
use capi::afu::{AfuConfig, SisliteAfu};
use fabric::{NoInjection, PciFunction, Ticks};
use machine::build::MachineConfig;
use machine::kernel::{Content, KernelImage, Segment, Symbols};
use machine::machine::{Machine, Stop};
use powernv::map;

/// Bytes before the steps: CPUs and adapters, seed, quantum.
pub const HEAD: usize = 4;
/// Bytes of a step: kind, token, 6 of choices, 8 of value.
pub const STEP: usize = 16;
const STEPS: usize = 64;

const MEMORY: u64 = 64 << 20;
/// Arguments of the steps, 64 bytes each.
const TABLE: u64 = 0x4000;
const ARGUMENTS: u64 = 64;
const CODE: u64 = 0x8000;
const END: u64 = 0x2_0000;
/// How long it runs: some turns of the longest program, and far more of a short one.
const SPAN: Ticks = Ticks(60_000);

/// `ld rt,offset(r31)`: r31 is the step's place in the table.
fn load(rt: u32, offset: u32) -> u32 {
    58 << 26 | rt << 21 | 31 << 16 | offset
}
fn add_immediate(rt: u32, ra: u32, value: u32) -> u32 {
    14 << 26 | rt << 21 | ra << 16 | value & 0xFFFF
}
const MFSPR: u32 = 0x7C00_02A6;
const MTSPR: u32 = 0x7C00_03A6;
/// `mfspr` or `mtspr`: the halves of the number change places.
fn special(op: u32, register: u32, spr: u32) -> u32 {
    op | register << 21 | (spr & 31) << 16 | (spr >> 5) << 11
}
const CTR: u32 = 9;
const BCTRL: u32 = 0x4E80_0421;
/// r30 keeps the firmware entry, which r9 had at the start.
const KEEP_ENTRY: u32 = 0x7D3E_4B78;

/// Registers of the two kinds of interrupt, and the way back.
const SRR: (u32, u32) = (26, 0x4C00_0024);
const HSRR: (u32, u32) = (314, 0x4C00_0224);

/// Runs one input.
pub fn run(data: &[u8]) {
    play(data);
}

fn play(data: &[u8]) -> Machine {
    let head: [u8; HEAD] = std::array::from_fn(|n| data.get(n).copied().unwrap_or_default());
    let image = program(data.get(HEAD..).unwrap_or_default());
    let kernel = KernelImage {
        segments: vec![Segment { ra: 0, size: image.len() as u64, content: Content::Bytes(image) }],
        entry: CODE,
        end: END,
        symbols: Symbols::default(),
        banner: String::new(),
    };
    let quantum = u64::from(head[2]) * 16 + 50;
    let config = MachineConfig {
        cpus: usize::from(head[0] & 1) + 1,
        memory: MEMORY,
        cmdline: String::new(),
        seed: u64::from(head[1]),
        quantum: (quantum, quantum + u64::from(head[3])),
        initrd: vec![],
        adapters: adapters(head[0] >> 1),
    };
    let mut machine = Machine::new(config, &kernel).expect("64 MiB hold the program");
    let mut stops = 0;
    loop {
        match machine.run(SPAN, &mut NoInjection) {
            Stop::Activity => {
                machine.take_records();
                (0..2).for_each(|terminal| drop(machine.take_output(terminal)));
            }
            Stop::Watch { .. } => unreachable!("nothing is watched"),
            _ => break,
        }
        stops += 1;
        assert!(stops <= SPAN.0, "more stops than ticks: time does not pass");
    }
    machine
}

/// One adapter or two, of two kinds.
fn adapters(choice: u8) -> Vec<Box<dyn PciFunction>> {
    let kinds = [AfuConfig::corsa(), AfuConfig::flash_gt_plus()];
    let plug = |n: u8| -> Box<dyn PciFunction> {
        let afu = SisliteAfu::new(kinds[usize::from(choice >> 1 & 1 ^ n)].clone(), u64::from(n));
        Box::new(Adapter::new(AdapterConfig::of(afu.config()), afu))
    };
    (0..=choice & 1).map(plug).collect()
}

/// Memory from 0: interrupt vectors that skip what was interrupted, arguments, code.
fn program(steps: &[u8]) -> Vec<u8> {
    let mut image = vec![0; END as usize];
    let mut put = |at: u64, words: &[u32]| {
        for (n, word) in words.iter().enumerate() {
            let at = at as usize + 4 * n;
            image[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
    };
    for vector in (0x100..0x2000).step_by(0x20) {
        let hypervisor = matches!(vector, 0x500 | 0x980 | 0xE00..=0xEFF | 0xF80);
        let (spr, back) = if hypervisor { HSRR } else { SRR };
        put(vector, &[special(MFSPR, 29, spr), add_immediate(29, 29, 4), special(MTSPR, 29, spr), back]);
    }
    let first = CODE + 4;
    put(CODE, &[KEEP_ENTRY]);
    let mut code = vec![add_immediate(31, 0, TABLE as u32)];
    for (n, step) in steps.chunks_exact(STEP).take(STEPS).enumerate() {
        let arguments = one_step(step, &mut code);
        let at = TABLE + n as u64 * ARGUMENTS;
        let words: Vec<u32> =
            arguments.iter().flat_map(|value| [(value >> 32) as u32, *value as u32]).collect();
        put(at, &words);
        code.push(add_immediate(31, 31, ARGUMENTS as u32));
    }
    // Back to the first step.
    let distance = (4 * code.len() as u32).wrapping_neg() & 0x03FF_FFFC;
    code.push(18 << 26 | distance);
    put(first, &code);
    image
}

/// Code of one step, and what it loads.
fn one_step(step: &[u8], code: &mut Vec<u32>) -> [u64; 8] {
    let value = u64::from_be_bytes(step[8..16].try_into().expect("eight bytes"));
    let choices: [u8; 7] = std::array::from_fn(|n| step[1 + n]);
    let number = |bytes: std::ops::Range<usize>| step[bytes].iter().fold(0, |v, b| v << 8 | u64::from(*b));
    match step[0] % 8 {
        0..=1 => {
            call(step[1], code);
            powernv::fuzzing::arguments(choices, value)
        }
        2..=3 => {
            call(step[1], code);
            let phb = map::phb(usize::from(step[2] & 1));
            [phb.opal_id, number(3..5), number(5..8), value, 0, map::M64_BYTES, 0, 0]
        }
        4..=6 => {
            // lbz lhz lwz ld, stb sth stw std.
            let load_or_store = [34, 40, 32, 58, 38, 44, 36, 62][usize::from(step[1] & 7)];
            code.extend([load(4, 0), load(5, 8), load_or_store << 26 | 5 << 21 | 4 << 16]);
            [powernv::fuzzing::address(step[2], number(3..8)), value, 0, 0, 0, 0, 0, 0]
        }
        _ => {
            code.extend(step[4..16].chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]])));
            [value; 8]
        }
    }
}

/// `OPAL(token)` with the arguments in the table.
fn call(token: u8, code: &mut Vec<u32>) {
    code.extend((0..8).map(|n| load(3 + n, 8 * n)));
    code.extend([add_immediate(0, 0, u32::from(token)), special(MTSPR, 30, CTR), BCTRL]);
}

/// A call with plain arguments: adapter, 16 bits, 24 bits, 64 bits.
fn plain(token: u8, second: u64, third: u64, fourth: u64) -> [u8; STEP] {
    let mut step = [0; STEP];
    (step[0], step[1]) = (2, token);
    step[3..5].copy_from_slice(&second.to_be_bytes()[6..]);
    step[5..8].copy_from_slice(&third.to_be_bytes()[5..]);
    step[8..].copy_from_slice(&fourth.to_be_bytes());
    step
}

/// A load (3) or store (7) of 8 bytes in the 64-bit window of the first bridge.
fn access(kind: u8, offset: u64, value: u64) -> [u8; STEP] {
    let mut step = [0; STEP];
    (step[0], step[1], step[2]) = (4, kind, 4);
    step[3..8].copy_from_slice(&offset.to_be_bytes()[3..]);
    step[8..].copy_from_slice(&value.to_be_bytes());
    step
}

fn input(head: [u8; HEAD], steps: &[[u8; STEP]]) -> Vec<u8> {
    [&head[..], &steps.concat()].concat()
}

/// What firmware is asked before a card can be reached: windows, bus numbers and bridge windows of the root port, BARs 0
/// and 2 at the window and 4 GiB above it, memory enable, CAPI mode.
fn bring_up() -> Vec<[u8; STEP]> {
    const CONFIG_WRITE_HALF: u8 = 17;
    const CONFIG_WRITE_WORD: u8 = 18;
    const BUS_1: u64 = 0x100;
    let m64 = map::phb(0).m64;
    let word = |bus, offset, value| plain(CONFIG_WRITE_WORD, bus, offset, value);
    vec![
        plain(27, 2, 0, 1),
        plain(28, 2, 0, m64),
        word(0, 0x18, 0x00FF_0100),
        word(0, 0x20, 0x0000_FFF0),
        word(0, 0x24, 0xFFF1_0001),
        word(0, 0x28, m64 >> 32),
        word(0, 0x2C, (m64 + map::M64_BYTES - 1) >> 32),
        plain(CONFIG_WRITE_HALF, 0, 4, 6),
        word(BUS_1, 0x10, m64 & 0xFFFF_FFFF),
        word(BUS_1, 0x14, m64 >> 32),
        word(BUS_1, 0x18, (m64 + (1 << 32)) & 0xFFFF_FFFF),
        word(BUS_1, 0x1C, (m64 + (1 << 32)) >> 32),
        plain(CONFIG_WRITE_HALF, BUS_1, 4, 6),
        plain(93, 1, 0, 0),
    ]
}

/// Firmware calls of the bring-up, then accesses to the card; and every call by itself.
pub fn seeds() -> Vec<Vec<u8>> {
    let up = bring_up();
    let touch = (0..24).map(|n| access(if n & 1 == 0 { 3 } else { 7 }, n * 0x10, u64::MAX >> n));
    let whole: Vec<[u8; STEP]> = up.iter().copied().chain(touch).collect();
    let mut all = vec![input([0, 1, 10, 10], &up), input([1, 2, 200, 0], &whole)];
    let tokens: Vec<u8> = powernv::CALLS.iter().map(|call| call.token as u8).collect();
    for chunk in tokens.chunks(40) {
        // Calls that end the run or this CPU would hide those behind them: they come last.
        let last = |token: &u8| matches!(token, 5 | 6 | 69 | 116);
        let order = chunk.iter().filter(|t| !last(t)).chain(chunk.iter().filter(|t| last(t)));
        let steps: Vec<[u8; STEP]> = order.map(|token| plain(*token, 1, 1, 1)).collect();
        all.push(input([3, 3, 30, 0], &steps));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program is what it is meant to be: the firmware answers it, and time passes in its loop.
    #[test]
    fn a_step_is_a_firmware_call() {
        const CHECK_TOKEN: u8 = 80;
        let image = program(&plain(CHECK_TOKEN, 0, 0, 0));
        let word = |at: u64| {
            let at = at as usize;
            u32::from_be_bytes(image[at..at + 4].try_into().expect("four bytes"))
        };
        let text: Vec<String> =
            (0..15).map(|n| isa::disasm::disassemble(word(CODE + 4 * n), CODE + 4 * n)).collect();
        assert_eq!(
            text,
            [
                "or r30,r9,r9",
                "addi r31,0,16384",
                "ld r3,0(r31)",
                "ld r4,8(r31)",
                "ld r5,16(r31)",
                "ld r6,24(r31)",
                "ld r7,32(r31)",
                "ld r8,40(r31)",
                "ld r9,48(r31)",
                "ld r10,56(r31)",
                "addi r0,0,80",
                "mtspr 9,r30",
                "bcctrl 20,0,0",
                "addi r31,r31,64",
                "b 0x8004",
            ]
        );
        assert_eq!(isa::disasm::disassemble(word(0x500), 0x500), "mfspr r29,314");
        assert_eq!(isa::disasm::disassemble(word(0x700), 0x700), "mfspr r29,26");
    }

    /// A register of the PSL keeps what the program stored: the bring-up leads to the card.
    #[test]
    fn the_card_is_reached() {
        const PROCESS_AREA: u64 = (1 << 32) + capi::psl::P1N_OFFSET + 0x88;
        const VALUE: u64 = 0x4_01F1;
        let tail = [access(7, PROCESS_AREA, VALUE), access(3, PROCESS_AREA, 0)];
        let stop = [[7, 0, 0, 0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0x48, 0, 0, 0]];
        let machine = play(&input([0, 1, 10, 10], &[&bring_up(), &tail[..], &stop[..]].concat()));
        assert_eq!(machine.cpus()[0].gpr[5], VALUE);
    }

    #[test]
    fn seeds_run() {
        seeds().iter().for_each(|seed| run(seed));
    }
}
