//! The guest program: a static ppc64le ELF that loads the state of a record,
//! executes one instruction, stores the state back, and so on for all records.
//!
//! Memory: code and stubs at [`CODE`], a control block and the records at
//! [`DATA`], a signal stack behind them. TAR carries the address of the stub
//! in and the value of r1 out; VRSAVE tells which pad the instruction led to.

use super::state::State;
use isa::assemble;

/// Code; low, so that `ba` reaches it.
const CODE: u64 = 0x0100_0000;
/// One stub per record.
const STUBS: u64 = 0x0102_0000;
/// Words of a stub: three of prefix, the instruction, then pads.
const STUB_BYTES: u64 = 64;
const INSN_OFFSET: u64 = 16;
/// Control block, then records.
pub const DATA: u64 = 0x0200_0000;
const RECORDS: u64 = DATA + 0x1000;
/// Bytes of a record.
pub const RECORD: u64 = 2048;
const SIGNAL_STACK: u64 = 0x1_0000;

/// Offsets in a record.
pub mod at {
    pub const VSR: usize = 0x100;
    pub const CR: usize = 0x500;
    pub const XER: usize = 0x508;
    pub const CTR: usize = 0x510;
    pub const LR: usize = 0x518;
    pub const FPSCR: usize = 0x520;
    pub const VSCR: usize = 0x530;
    pub const ENTRY: usize = 0x540;
    pub const PAD: usize = 0x548;
    pub const WINDOW: usize = 0x600;
}

/// What runs: where it stands and what precedes it.
#[derive(Clone, Debug)]
pub struct Vector {
    pub row: usize,
    /// Number within the row; with seed and row name it gives the vector.
    pub number: u64,
    pub word: u32,
    /// Words executed before it (a larx, a move to TAR), at most three.
    pub prefix: Vec<u32>,
    pub input: State,
    /// Place in the batch.
    pub slot: u64,
}

/// Where an instruction may lead, relative to it: the next word, two words
/// after it, one before (not with a prefix). `pads()[i]` is recorded as `i`.
pub const PADS: [i64; 4] = [4, 8, 12, -4];

impl Vector {
    /// Address of the instruction.
    pub fn cia(&self) -> u64 {
        cia(self.slot)
    }
    /// Address of the window, where loads and stores go.
    pub fn window(&self) -> u64 {
        window(self.slot)
    }
}
/// Address of the instruction of a slot.
pub fn cia(slot: u64) -> u64 {
    STUBS + slot * STUB_BYTES + INSN_OFFSET
}
/// Address of the window of a slot.
pub fn window(slot: u64) -> u64 {
    RECORDS + slot * RECORD + at::WINDOW as u64
}
/// End of the memory that a batch of `n` uses.
pub fn memory_size(n: usize) -> u64 {
    RECORDS + n as u64 * RECORD + SIGNAL_STACK
}

/// Straight-line assembly.
struct Code {
    base: u64,
    bytes: Vec<u8>,
}

impl Code {
    fn here(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }
    fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }
    fn asm(&mut self, text: &str) {
        let word = assemble(text, self.here()).unwrap_or_else(|e| panic!("oracle program: {e}"));
        self.word(word);
    }
    fn lines(&mut self, text: &str) {
        text.lines().map(str::trim).filter(|l| !l.is_empty()).for_each(|l| self.asm(l));
    }
    fn load(&mut self, reg: &str, value: u64) {
        self.asm(&format!("addis {reg},0,{}", value >> 16));
        self.asm(&format!("ori {reg},{reg},{}", value & 0xFFFF));
    }
}

// The program does not lean on rows of groups it may be testing for the first time.
const MTFSF_ALL_F0: u32 = 63 << 26 | 1 << 25 | 0xFF << 17 | 711 << 1;
const MFFS_F0: u32 = 63 << 26 | 583 << 1;
const MTVSCR_V0: u32 = 4 << 26 | 1604;
const MFVSCR_V0: u32 = 4 << 26 | 1540;
const OTHER_GPRS: [usize; 30] = {
    let mut regs = [0; 30];
    let mut i = 0;
    while i < 30 {
        regs[i] = i + 2;
        i += 1;
    }
    regs
};

/// Loads everything from the current record and jumps to its stub.
fn emit_load(c: &mut Code) -> u64 {
    let address = c.here();
    c.load("r1", DATA);
    c.asm("ld r1,0(r1)");
    c.asm(&format!("lfd f0,{}(r1)", at::FPSCR));
    c.word(MTFSF_ALL_F0);
    c.asm(&format!("lxv vs32,{}(r1)", at::VSCR));
    c.word(MTVSCR_V0);
    for i in 0..64 {
        c.asm(&format!("lxv vs{i},{}(r1)", at::VSR + 16 * i));
    }
    c.asm(&format!("ld r0,{}(r1)", at::CR));
    c.asm("mtcrf 255,r0");
    for (offset, spr) in [(at::XER, 1), (at::CTR, 9), (at::LR, 8), (at::ENTRY, 815)] {
        c.asm(&format!("ld r0,{offset}(r1)"));
        c.asm(&format!("mtspr {spr},r0"));
    }
    for r in [0].into_iter().chain(OTHER_GPRS).chain([1]) {
        c.asm(&format!("ld r{r},{}(r1)", 8 * r));
    }
    c.asm("bctar 20,0,0");
    address
}
/// Stores everything to the current record; r1 is in TAR, the pad in VRSAVE.
fn emit_dump(c: &mut Code) -> u64 {
    let address = c.here();
    c.load("r1", DATA);
    c.asm("ld r1,0(r1)");
    c.lines("std r0,0(r1)\n mfspr r0,815\n std r0,8(r1)");
    for r in OTHER_GPRS {
        c.asm(&format!("std r{r},{}(r1)", 8 * r));
    }
    c.asm("mfcr r0");
    c.asm(&format!("std r0,{}(r1)", at::CR));
    for (offset, spr) in [(at::XER, 1), (at::CTR, 9), (at::LR, 8), (at::PAD, 256)] {
        c.asm(&format!("mfspr r0,{spr}"));
        c.asm(&format!("std r0,{offset}(r1)"));
    }
    for i in 0..64 {
        c.asm(&format!("stxv vs{i},{}(r1)", at::VSR + 16 * i));
    }
    c.word(MFFS_F0);
    c.asm(&format!("stfd f0,{}(r1)", at::FPSCR));
    c.word(MFVSCR_V0);
    c.asm(&format!("stxv vs32,{}(r1)", at::VSCR));
    address
}
/// Next record, or write them all to standard output and exit.
fn emit_next(c: &mut Code, load: u64) -> u64 {
    let address = c.here();
    c.load("r2", DATA);
    c.lines("ld r1,0(r2)\n addi r1,r1,2048\n std r1,0(r2)\n ld r3,8(r2)\n cmpl cr0,1,r1,r3");
    c.asm(&format!("bc 12,0,{load:#x}"));
    c.load("r30", RECORDS);
    c.asm("subf r31,r30,r3");
    let again = c.here();
    c.lines("addi r0,0,4\n addi r3,0,1\n or r4,r30,r30\n or r5,r31,r31\n sc 0");
    c.lines("add r30,r30,r3\n subf. r31,r3,r31");
    c.asm(&format!("bc 12,1,{again:#x}"));
    c.lines("addi r0,0,234\n addi r3,0,0\n sc 0");
    address
}
/// A signal: its number in the record, then the next record. Never returns
/// to the kernel, which SA_NODEFER allows.
fn emit_handler(c: &mut Code, next: u64) -> u64 {
    let address = c.here();
    c.load("r1", DATA);
    c.lines("ld r1,0(r1)\n ori r3,r3,256");
    c.asm(&format!("std r3,{}(r1)", at::PAD));
    c.asm(&format!("b {next:#x}"));
    address
}
/// One place per pad: r1 to TAR, the number of the pad to VRSAVE.
fn emit_pad(c: &mut Code, number: usize, dump: u64) -> u64 {
    let address = c.here();
    c.lines(&format!("mtspr 815,r1\n addi r1,0,{number}\n mtspr 256,r1\n b {dump:#x}"));
    address
}
/// Signals that instructions cause: ILL, TRAP, BUS, FPE, SEGV.
const SIGNALS: [u32; 5] = [4, 5, 7, 8, 11];
fn emit_start(c: &mut Code, load: u64) -> u64 {
    let address = c.here();
    // alarm(60): an instruction that leads nowhere ends the program.
    c.lines("addi r3,0,60\n addi r0,0,27\n sc 0");
    c.load("r3", DATA + 0x100);
    c.lines("addi r4,0,0\n addi r0,0,185\n sc 0");
    for signal in SIGNALS {
        c.load("r4", DATA + 0x200);
        c.lines(&format!("addi r3,0,{signal}\n addi r5,0,0\n addi r6,0,8\n addi r0,0,173\n sc 0"));
    }
    c.asm(&format!("b {load:#x}"));
    address
}

/// The program for a batch.
pub fn elf(batch: &[Vector]) -> Vec<u8> {
    let mut c = Code { base: CODE, bytes: vec![0; 0x1000] };
    let load = emit_load(&mut c);
    let dump = emit_dump(&mut c);
    let next = emit_next(&mut c, load);
    let handler = emit_handler(&mut c, next);
    let pads: Vec<u64> = (0..PADS.len()).map(|n| emit_pad(&mut c, n, dump)).collect();
    let start = emit_start(&mut c, load);
    c.bytes.resize((STUBS - CODE) as usize, 0);
    for v in batch {
        emit_stub(&mut c, v, &pads);
    }
    let data = data(batch, handler);
    header(&mut c.bytes, start, data.len() as u64);
    let mut file = c.bytes;
    file.resize(file.len().next_multiple_of(0x1_0000), 0);
    file.extend(data);
    file
}
fn emit_stub(c: &mut Code, v: &Vector, pads: &[u64]) {
    let mut words = [0u32; 16];
    let at = |offset: i64| ((INSN_OFFSET as i64 + offset) / 4) as usize;
    for (offset, pad) in PADS.into_iter().zip(pads) {
        let from = v.cia().wrapping_add_signed(offset);
        words[at(offset)] = assemble(&format!("b {pad:#x}"), from).expect("a pad is near");
    }
    words[at(0)] = v.word;
    for (i, word) in v.prefix.iter().rev().enumerate() {
        words[at(-4 * (i as i64 + 1))] = *word;
    }
    words.iter().for_each(|w| c.word(*w));
}
/// Control block (current record, end; signal stack and action) and records.
fn data(batch: &[Vector], handler: u64) -> Vec<u8> {
    let end = RECORDS + batch.len() as u64 * RECORD;
    let mut data = vec![0; 0x1000];
    let mut put = |offset: usize, value: u64| data[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    put(0, RECORDS);
    put(8, end);
    // stack_t: ss_sp, ss_flags, ss_size.
    put(0x100, end);
    put(0x110, SIGNAL_STACK);
    // sigaction: handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER.
    put(0x200, handler);
    put(0x208, 0x4800_0004);
    for v in batch {
        let mut record = vec![0; RECORD as usize];
        v.input.save(&mut record);
        let entry = v.cia() - 4 * v.prefix.len() as u64;
        record[at::ENTRY..at::ENTRY + 8].copy_from_slice(&entry.to_le_bytes());
        data.extend(record);
    }
    data
}
/// ELF64, little-endian, EM_PPC64, ABI version 2, two segments.
fn header(bytes: &mut [u8], start: u64, data_len: u64) {
    let code_len = bytes.len() as u64;
    let data_offset = code_len.next_multiple_of(0x1_0000);
    let mut h: Vec<u8> = vec![0x7F, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |h: &mut Vec<u8>, v: u16| h.extend(v.to_le_bytes());
    let word = |h: &mut Vec<u8>, v: u32| h.extend(v.to_le_bytes());
    let long = |h: &mut Vec<u8>, v: u64| h.extend(v.to_le_bytes());
    half(&mut h, 2);
    half(&mut h, 21);
    word(&mut h, 1);
    long(&mut h, start);
    long(&mut h, 64);
    long(&mut h, 0);
    word(&mut h, 2);
    [64, 56, 2, 64, 0, 0].iter().for_each(|v| half(&mut h, *v));
    for (flags, offset, address, size, memory) in
        [(7, 0, CODE, code_len, code_len), (6, data_offset, DATA, data_len, data_len + SIGNAL_STACK)]
    {
        word(&mut h, 1);
        word(&mut h, flags);
        [offset, address, address, size, memory, 0x1_0000].iter().for_each(|v| long(&mut h, *v));
    }
    bytes[..h.len()].copy_from_slice(&h);
}
