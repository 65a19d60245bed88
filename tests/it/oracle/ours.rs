//! The vector on our CPU: by the instruction's function, and by the translator.

use super::program::{Vector, memory_size};
use super::state::{End, State};
use cpu::env::NoPlatform;
use cpu::interrupt::{program, vector};
use cpu::{CodeCache, Cpu, Env, Exit, Trap, msr};
use fabric::GuestMemory;
use isa::Word;

/// Problem state, real mode, little-endian, all facilities.
const STATE: u64 = msr::SF
    | msr::HV
    | msr::PR
    | msr::ME
    | msr::RI
    | msr::LE
    | msr::FP
    | msr::VEC
    | msr::VSX
    | msr::FE0
    | msr::FE1;
/// Interrupt vectors lie below.
const VECTORS: u64 = 0x1000;

/// One CPU.
pub struct Ours {
    cpu: Cpu,
    mem: GuestMemory,
}

impl Ours {
    pub fn new(batch: usize) -> Ours {
        let mut cpu = Cpu::new(0);
        cpu.set_msr(STATE);
        cpu.sprs.fscr = u64::MAX >> 8;
        cpu.hile = true;
        Ours { cpu, mem: GuestMemory::new(memory_size(batch)).expect("a few megabytes") }
    }

    /// Executes the vector from memory, as `code` does it.
    pub fn run_from_memory(&mut self, code: &mut CodeCache, v: &Vector) -> (State, End) {
        self.set(v);
        let first = v.cia() - 4 * v.prefix.len() as u64;
        // The word behind it is no instruction: a block ends there.
        for (i, word) in v.prefix.iter().chain([&v.word, &0]).enumerate() {
            let _ = self.mem.write(first + 4 * i as u64, word.to_le_bytes());
        }
        let c = &mut self.cpu;
        c.set_msr(STATE);
        (c.cia, c.nia) = (first, first);
        let mut env = Env { mem: &self.mem, platform: &mut NoPlatform };
        let end = match c.run(&mut env, code, v.prefix.len() as u64 + 1) {
            Exit::Budget if c.cia < VECTORS => End::Signal(signal(c)),
            Exit::Budget => End::At(c.cia),
            Exit::Watched => End::Signal(signal(c)),
            other => panic!("{:#010x}: {other:?} of a problem-state instruction", v.word),
        };
        (self.get(v), end)
    }

    /// Executes the vector.
    pub fn run(&mut self, v: &Vector) -> (State, End) {
        self.set(v);
        let mut end = End::At(v.cia());
        let first = v.cia() - 4 * v.prefix.len() as u64;
        for (i, word) in v.prefix.iter().chain([&v.word]).enumerate() {
            self.cpu.cia = first + 4 * i as u64;
            end = self.step(*word);
            if let End::Signal(_) = end {
                break;
            }
        }
        (self.get(v), end)
    }

    fn step(&mut self, word: u32) -> End {
        let c = &mut self.cpu;
        c.nia = c.cia + 4;
        let mut env = Env { mem: &self.mem, platform: &mut NoPlatform };
        match cpu::exec::handler_of(Word(word))(c, &mut env, Word(word)) {
            Ok(()) | Err(Trap::Branched | Trap::Resync) => End::At(c.nia),
            Err(Trap::Interrupt) => End::Signal(signal(c)),
            Err(other) => panic!("{word:#010x}: {other:?} in a problem-state instruction"),
        }
    }

    fn set(&mut self, v: &Vector) {
        let (c, s) = (&mut self.cpu, &v.input);
        c.gpr = s.gpr;
        s.vsr.iter().enumerate().for_each(|(i, x)| c.set_vsr(i, *x));
        (c.cr, c.xer, c.ctr, c.lr, c.fpscr, c.vscr) = (s.cr, s.xer, s.ctr, s.lr, s.fpscr, s.vscr);
        c.reservation = Default::default();
        let _ = self.mem.write_bytes(v.window(), &s.window);
    }

    fn get(&self, v: &Vector) -> State {
        let c = &self.cpu;
        let mut window = v.input.window;
        assert!(self.mem.read_bytes(v.window(), &mut window), "the window is in memory");
        State {
            gpr: c.gpr,
            vsr: std::array::from_fn(|i| c.vsr(i)),
            cr: c.cr,
            xer: c.xer,
            ctr: c.ctr,
            lr: c.lr,
            fpscr: c.fpscr,
            vscr: c.vscr,
            window,
        }
    }
}

/// What Linux makes of the interrupt.
fn signal(c: &Cpu) -> u32 {
    match c.raised.vector {
        vector::PROGRAM if c.raised.srr1 == program::TRAP => 5,
        vector::PROGRAM if c.raised.srr1 == program::FP_ENABLED => 8,
        vector::ALIGNMENT => 7,
        vector::DATA_STORAGE | vector::DATA_SEGMENT => 11,
        _ => 4,
    }
}
