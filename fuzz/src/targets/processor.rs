//! The CPU: an input is a state and a page of instructions. Whatever they do, a run ends with its budget,
//! and the translator does to the bit what the interpreter does.

use cpu::{CodeCache, Cpu, Env, Exit, Platform, Translator, msr};
use fabric::hash::StateHasher;
use fabric::pci::Invalidate;
use fabric::{GuestMemory, Rng, Ticks};

use super::tables;

const MEMORY: u64 = 1 << 20;
/// Where the instructions are; the interrupt vectors lie below.
const CODE: u64 = 0x1_0000;
const BUDGET: u64 = 400;
/// Bytes before the instructions: seed of the registers, MSR choices.
const HEAD: usize = 16;

/// Answers loads with a counter, forgets stores.
struct Outside(u64);

impl Platform for Outside {
    fn mmio_read(&mut self, _: Ticks, ra: u64, data: &mut [u8]) {
        self.0 = self.0.wrapping_add(ra | 1);
        for (n, byte) in data.iter_mut().enumerate() {
            *byte = (self.0 >> (n % 8 * 8)) as u8;
        }
    }
    fn mmio_write(&mut self, _: Ticks, _: u64, _: &[u8]) {}
    fn doorbell(&mut self, _: u32) {}
    fn tlbie(&mut self, _: Ticks, _: Invalidate) {}
    fn process_over(&mut self, _: u32) {}
    fn process_not_flushed(&mut self, _: Ticks, _: u32, _: u32, _: u64) {}
    fn random(&mut self) -> u64 {
        self.0
    }
}

/// Every row of the instruction table once, in several states.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut rng = Rng::named(0, "instructions");
    let rows = isa::rows();
    rows.chunks(24)
        .map(|chunk| {
            let mut input: Vec<u8> = (0..HEAD).map(|_| rng.next_u64() as u8).collect();
            for row in chunk {
                let word = row.value | rng.next_u64() as u32 & !row.mask;
                input.extend(word.to_le_bytes());
            }
            input
        })
        .collect()
}

/// A CPU with its memory.
struct Side {
    cpu: Cpu,
    mem: GuestMemory,
    code: CodeCache,
    platform: Outside,
}

impl Side {
    fn new(data: &[u8], translator: Option<Box<dyn Translator>>) -> Side {
        let head: [u8; HEAD] = std::array::from_fn(|n| data.get(n).copied().unwrap_or_default());
        let mem = GuestMemory::new(MEMORY).expect("the host has a mebibyte");
        tables::identity(&mem);
        let cpu = state(&head);
        place(&mem, data.get(HEAD..).unwrap_or_default(), cpu.little_endian());
        let mut code = CodeCache::new();
        code.set_translator(translator);
        Side { cpu, mem, code, platform: Outside(u64::from(head[0])) }
    }
    /// Runs `left` instructions or fewer, and says how many and why it ended.
    fn turn(&mut self, left: u64) -> (u64, Exit) {
        let before = self.cpu.retired;
        let mut env = Env { mem: &self.mem, platform: &mut self.platform };
        let exit = self.cpu.run(&mut env, &mut self.code, left);
        let used = self.cpu.retired - before;
        assert!(used <= left, "{used} instructions retired of {left}");
        match exit {
            Exit::Budget => {}
            Exit::Idle => self.cpu.doorbell = true,
            Exit::Firmware => self.cpu.firmware_return(0),
            Exit::Watched => self.cpu.step_over_watch(),
        }
        (used, exit)
    }
    /// The machine does not go on by itself.
    fn sleeps(&self, exit: Exit) -> bool {
        exit == Exit::Idle && !self.cpu.wakes()
    }
    fn memory_hash(&self) -> u128 {
        let mut hasher = StateHasher::new();
        self.mem.hash_into(&mut hasher);
        hasher.finish()
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut side = Side::new(data, None);
    let mut left = BUDGET;
    for _ in 0..BUDGET {
        let (used, exit) = side.turn(left);
        left -= used;
        if exit == Exit::Budget || side.sleeps(exit) {
            break;
        }
    }
    fabric::state_hash(&side.cpu);
}

/// Runs one input by the interpreter and by the translator, some instructions
/// at a time: byte 15 of the head says how many.
pub fn run_translated(data: &[u8]) {
    let Some(translator) = jit::translator(jit::Threshold::Times(0)) else { return };
    let (mut interpreted, mut translated) = (Side::new(data, None), Side::new(data, Some(translator)));
    let most = 1 + u64::from(data.get(HEAD - 1).copied().unwrap_or_default());
    let mut left = 2 * BUDGET;
    while left > 0 {
        let turn = left.min(most);
        let (a, b) = (interpreted.turn(turn), translated.turn(turn));
        assert_eq!(a, b, "instructions and exit, with {left} instructions left");
        assert_eq!(interpreted.cpu.cia, translated.cpu.cia, "with {left} instructions left");
        let [a_state, b_state] = [&interpreted, &translated].map(|side| fabric::state_hash(&side.cpu));
        assert_eq!(a_state, b_state, "state, with {left} instructions left");
        // An exit that retires nothing is one of the turn too.
        left -= turn;
        if interpreted.sleeps(a.1) {
            break;
        }
    }
    assert_eq!(interpreted.memory_hash(), translated.memory_hash(), "memory");
}

/// Instructions at [`CODE`], and at each vector a way back.
fn place(mem: &GuestMemory, words: &[u8], little: bool) {
    let put = |ra: u64, word: [u8; 4]| {
        let _ = mem.write_bytes(ra, &word);
    };
    const RFID: u32 = 0x4C00_0024;
    for vector in (0x100..0x2000).step_by(0x20) {
        put(vector, if little { RFID.to_le_bytes() } else { RFID.to_be_bytes() });
    }
    for (n, word) in words.chunks_exact(4).enumerate() {
        put(CODE + 4 * n as u64, [word[0], word[1], word[2], word[3]]);
    }
}

/// Registers from the head: mostly addresses of memory and edges.
fn state(head: &[u8; HEAD]) -> Cpu {
    let seed = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
    let mut rng = Rng::named(seed, "state");
    let mut cpu = Cpu::new(0);
    for gpr in &mut cpu.gpr {
        *gpr = value(&mut rng);
    }
    for n in 0..64 {
        let value = u128::from(value(&mut rng)) << 64 | u128::from(value(&mut rng));
        cpu.set_vsr(n, value);
    }
    (cpu.lr, cpu.ctr) = (CODE + rng.below(64) * 4, CODE + rng.below(64) * 4);
    (cpu.cr, cpu.xer) = (rng.next_u64() as u32, rng.next_u64() & cpu::state::xer::WRITABLE);
    cpu.fpscr = rng.next_u64() & u64::from(head[8]).wrapping_mul(0x0101_0101) & 0xFFFF_FFFF;
    cpu.hile = head[9] & 1 != 0;
    cpu.sprs.ptcr = tables::PTCR;
    cpu.sprs.lpcr = rng.next_u64() & if head[9] & 2 == 0 { 0 } else { u64::MAX };
    cpu.sprs.pidr = u64::from(head[10] & 3);
    let mut bits = msr::SF | msr::ME | msr::LE;
    let choices = [msr::HV, msr::EE, msr::PR, msr::FP, msr::VEC, msr::VSX, msr::IR, msr::DR];
    for (n, bit) in choices.iter().enumerate() {
        bits |= if head[11] >> n & 1 != 0 { *bit } else { 0 };
    }
    if head[12] & 7 == 0 {
        bits &= !msr::LE;
    }
    cpu.start(CODE, cpu.gpr[3]);
    cpu.set_msr(bits | rng.next_u64() & u64::from(head[13] & 1).wrapping_mul(msr::FE0 | msr::FE1 | msr::TE));
    cpu.dec_due = u64::from(head[14]);
    cpu
}

fn value(rng: &mut Rng) -> u64 {
    let raw = rng.next_u64();
    match rng.below(8) {
        0 => 0,
        1 => raw & 0xFF,
        2 => MEMORY - 8 + (raw & 15),
        3 => u64::MAX - (raw & 15),
        4 => 0x7FF0_0000_0000_0000 ^ raw & 0x800F_FFFF_0000_0001,
        5 => raw,
        _ => raw & (MEMORY - 1),
    }
}
