//! Code that is emitted once: the way in, the ways out, the way from page to
//! page, and the calls of the interpreter's functions.
//!
//! Registers in emitted code:
//! | register | holds |
//! |---|---|
//! | RBX | the CPU, `field::BIAS` bytes in |
//! | R13 | first effective address of the page of code |
//! | R14 | instructions that may still be retired |
//! | R15 | the frame |
//! | RSP | the return stack, see `emit::calls` |
//! | RSI RDI R8 R9 R10 R11 RBP R12 | guest registers, see `emit::regs` |
//! | RAX RCX RDX | free |

use crate::asm::{Alu, Asm, Cond, Hole, Mem, Reg, Shift, Size, at, indexed};
use crate::buffer::Buffer;
use crate::frame::{AFRESH, Exit, field, place};
use cpu::mmu::MicroTlb;
use cpu::msr;

const SAVED: [Reg; 6] = [Reg::RBX, Reg::RBP, Reg::R12, Reg::R13, Reg::R14, Reg::R15];
/// Bytes of a view's entry, as a shift.
const ENTRY_SHIFT: u32 = 4;

/// Bytes of the host's stack that the return stack takes: entries of 16 bytes.
const RETURNS: i32 = 16 * 256;

/// Places of the stubs in the code buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stubs {
    /// `extern "C" fn(frame, code)`.
    pub enter: usize,
    /// No block at RAX.
    pub no_block: usize,
    /// No block at offset EAX of the page; ECX is the jump to link.
    pub link: usize,
    /// No block is known for the address in RAX, in another page; ECX is the jump to link.
    pub far: usize,
    /// The block at offset EAX has more instructions than the budget; ECX is the
    /// jump to link, if any.
    pub too_long: usize,
    /// Goes on at the address in RAX.
    pub dispatch: usize,
    /// The same, and looks at the fetch view even if the page is the same.
    pub refetch: usize,
    /// RAX becomes the MSR; returns.
    pub context: usize,
    /// Calls `step`: ESI word, EDX row and (in the upper half) the rest of the
    /// block with this instruction, ECX offset in the page.
    pub step: usize,
    /// The same for instructions that leave CR alone.
    pub access: usize,
    /// Emitted blocks begin here.
    pub end: usize,
}

/// `[R15 + displacement]`
pub fn frame(displacement: i32) -> Mem {
    at(Reg::R15, displacement)
}
/// `[RBX + displacement]`
pub fn cpu(displacement: i32) -> Mem {
    at(Reg::RBX, displacement)
}

impl Stubs {
    /// Emits them at the start of `buffer`.
    pub fn emit(buffer: &mut Buffer) -> Stubs {
        let mut asm = Asm::default();
        asm.restart(buffer.used());
        let mut s = Stubs { enter: asm.here(), ..Stubs::default() };
        enter(&mut asm);
        let leave = asm.here();
        leave_frame(&mut asm);
        let out = asm.here();
        way_out(&mut asm, leave);
        s.no_block = asm.here();
        asm.store_imm32(frame(place::SITE), 0);
        exit(&mut asm, Exit::NoBlock, out);
        s.link = asm.here();
        asm.alu(Alu::Add, Size::Q, Reg::RAX, Reg::R13);
        asm.store(Size::W, frame(place::SITE), Reg::RCX);
        exit(&mut asm, Exit::NoBlock, out);
        s.far = asm.here();
        asm.store(Size::W, frame(place::SITE), Reg::RCX);
        exit(&mut asm, Exit::Far, out);
        s.too_long = asm.here();
        asm.alu(Alu::Add, Size::Q, Reg::RAX, Reg::R13);
        asm.store(Size::W, frame(place::SITE), Reg::RCX);
        exit(&mut asm, Exit::TooLong, out);
        s.dispatch = asm.here();
        s.refetch = dispatch(&mut asm, out);
        s.context = asm.here();
        set_msr(&mut asm);
        s.step = asm.here();
        call(&mut asm, place::STEP, leave, s.refetch);
        s.access = asm.here();
        call(&mut asm, place::ACCESS, leave, s.refetch);
        s.end = asm.here();
        buffer.append(asm.bytes());
        s
    }
}

fn enter(asm: &mut Asm) {
    SAVED.iter().for_each(|r| asm.push(*r));
    // The stack is now 16-byte aligned less 8, as the call pushed one word.
    asm.alu_imm(Alu::Sub, Size::Q, Reg::RSP, 8);
    asm.mov(Size::Q, Reg::R15, Reg::RDI);
    asm.load(Size::Q, Reg::RBX, frame(place::CPU));
    asm.alu_imm(Alu::Add, Size::Q, Reg::RBX, field::BIAS);
    asm.load(Size::Q, Reg::R13, frame(place::PAGE_EA));
    asm.load(Size::Q, Reg::R14, frame(place::BUDGET));
    // What no return matches, and how deep the stack may become.
    asm.push_imm(-1);
    asm.push_imm(-1);
    asm.store(Size::Q, frame(place::RETURNS), Reg::RSP);
    asm.lea(Reg::RAX, at(Reg::RSP, -RETURNS));
    asm.store(Size::Q, frame(place::DEEPEST), Reg::RAX);
    asm.jmp_reg(Reg::RSI);
}

fn leave_frame(asm: &mut Asm) {
    asm.store(Size::Q, frame(place::PAGE_EA), Reg::R13);
    asm.load(Size::Q, Reg::RSP, frame(place::RETURNS));
    asm.alu_imm(Alu::Add, Size::Q, Reg::RSP, 24);
    SAVED.iter().rev().for_each(|r| asm.pop(*r));
    asm.ret();
}

/// RAX is the address at which the guest goes on.
fn way_out(asm: &mut Asm, leave: usize) {
    asm.store(Size::Q, cpu(field::CIA), Reg::RAX);
    asm.store(Size::Q, cpu(field::NIA), Reg::RAX);
    asm.load(Size::Q, Reg::RCX, frame(place::STOP));
    asm.alu(Alu::Sub, Size::Q, Reg::RCX, Reg::R14);
    asm.store(Size::Q, cpu(field::RETIRED), Reg::RCX);
    asm.jmp(leave);
}

fn exit(asm: &mut Asm, why: Exit, out: usize) {
    asm.store_imm32(frame(place::EXIT), why as i32);
    asm.jmp(out);
}

/// RCX = the entry of the fetch view for the page at `page`; the host's flags
/// say "equal" if it is the page's. RDX is lost.
pub fn probe_fetch(asm: &mut Asm, page: Reg) {
    asm.mov(Size::W, Reg::RCX, page);
    asm.shift(Shift::Shr, Size::W, Reg::RCX, 12 - ENTRY_SHIFT);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, ((MicroTlb::ENTRIES - 1) << ENTRY_SHIFT) as i32);
    asm.alu_load(Alu::Add, Size::Q, Reg::RCX, frame(place::EXEC_VIEW));
    asm.load(Size::Q, Reg::RDX, cpu(field::FETCH_CONTEXT));
    asm.alu(Alu::Or, Size::Q, Reg::RDX, page);
    asm.alu_load(Alu::Cmp, Size::Q, Reg::RDX, at(Reg::RCX, 0));
}

/// The same page: its block for RAX. Another page: the fetch view says which;
/// the place of this part is returned.
fn dispatch(asm: &mut Asm, out: usize) -> usize {
    asm.mov(Size::Q, Reg::RCX, Reg::RAX);
    asm.alu(Alu::Xor, Size::Q, Reg::RCX, Reg::R13);
    asm.alu_imm(Alu::Cmp, Size::Q, Reg::RCX, 0x1000);
    let same_page = asm.jcc_hole(Cond::Below);
    let refetch = asm.here();
    asm.mov(Size::Q, Reg::RSI, Reg::RAX);
    asm.alu_imm(Alu::And, Size::Q, Reg::RSI, -0x1000);
    probe_fetch(asm, Reg::RSI);
    let unknown = asm.jcc_hole(Cond::NotEqual);
    asm.mov(Size::Q, Reg::R13, Reg::RSI);
    asm.load(Size::W, Reg::RCX, at(Reg::RCX, 8));
    asm.store(Size::W, frame(place::PAGE), Reg::RCX);
    asm.load(Size::Q, Reg::RDX, frame(place::TABLES));
    asm.shift(Shift::Shl, Size::W, Reg::RCX, 3);
    asm.load(Size::Q, Reg::RDX, indexed(Reg::RDX, Reg::RCX, 0));
    asm.store(Size::Q, frame(place::ENTRIES), Reg::RDX);
    let known = asm.jmp_hole();
    asm.fill(same_page);
    asm.load(Size::Q, Reg::RDX, frame(place::ENTRIES));
    asm.fill(known);
    asm.mov(Size::W, Reg::RCX, Reg::RAX);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, 0xFFC);
    asm.load(Size::W, Reg::RCX, indexed(Reg::RDX, Reg::RCX, 0));
    asm.alu_load(Alu::Add, Size::Q, Reg::RCX, frame(place::CODE));
    asm.jmp_reg(Reg::RCX);
    asm.fill(unknown);
    exit(asm, Exit::Look, out);
    refetch
}

/// `Cpu::set_msr` of RAX.
fn set_msr(asm: &mut Asm) {
    let bit = |of: u64| of.trailing_zeros();
    asm.store(Size::Q, cpu(field::MSR), Reg::RAX);
    asm.store(Size::Q, cpu(field::CONTEXT_MSR), Reg::RAX);
    asm.load(Size::W, Reg::RDX, cpu(field::KERNEL));
    asm.test_imm(Reg::RAX, msr::PR as u32);
    asm.cmov_load(Cond::NotEqual, Reg::RDX, cpu(field::USER));
    asm.shift(Shift::Shl, Size::W, Reg::RDX, 2);
    asm.mov(Size::W, Reg::RCX, Reg::RAX);
    asm.shift(Shift::Shr, Size::W, Reg::RCX, bit(msr::PR) - 1);
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, 2);
    asm.alu(Alu::Or, Size::W, Reg::RDX, Reg::RCX);
    asm.mov(Size::W, Reg::RCX, Reg::RAX);
    asm.shift(Shift::Shr, Size::W, Reg::RCX, bit(msr::DR));
    asm.alu_imm(Alu::And, Size::W, Reg::RCX, 1);
    asm.alu(Alu::Or, Size::W, Reg::RCX, Reg::RDX);
    asm.store(Size::Q, cpu(field::DATA_CONTEXT), Reg::RCX);
    asm.shift(Shift::Shr, Size::W, Reg::RAX, bit(msr::IR));
    asm.alu_imm(Alu::And, Size::W, Reg::RAX, 1);
    asm.alu(Alu::Or, Size::W, Reg::RAX, Reg::RDX);
    asm.store(Size::Q, cpu(field::FETCH_CONTEXT), Reg::RAX);
    asm.ret();
}

/// Makes the CPU's counters exact, calls, and leaves or goes on at CIA if the
/// function says so.
fn call(asm: &mut Asm, function: i32, leave: usize, refetch: usize) {
    asm.alu_imm(Alu::Sub, Size::Q, Reg::RSP, 8);
    asm.mov(Size::W, Reg::RAX, Reg::RDX);
    asm.shift(Shift::Shr, Size::W, Reg::RAX, 16);
    asm.alu(Alu::Add, Size::Q, Reg::RAX, Reg::R14);
    asm.load(Size::Q, Reg::RDI, frame(place::STOP));
    asm.alu(Alu::Sub, Size::Q, Reg::RDI, Reg::RAX);
    asm.store(Size::Q, cpu(field::RETIRED), Reg::RDI);
    asm.alu(Alu::Add, Size::Q, Reg::RCX, Reg::R13);
    asm.store(Size::Q, cpu(field::CIA), Reg::RCX);
    asm.alu_imm(Alu::Add, Size::Q, Reg::RCX, 4);
    asm.store(Size::Q, cpu(field::NIA), Reg::RCX);
    asm.zero16(Reg::RDX, Reg::RDX);
    asm.mov(Size::Q, Reg::RDI, Reg::R15);
    asm.call_mem(frame(function));
    asm.alu_imm(Alu::Add, Size::Q, Reg::RSP, 8);
    asm.test(Size::W, Reg::RAX, Reg::RAX);
    let ends: Hole = asm.jcc_hole(Cond::NotEqual);
    asm.ret();
    asm.fill(ends);
    // The return address into the block.
    asm.pop(Reg::RCX);
    asm.alu_imm(Alu::Cmp, Size::W, Reg::RAX, AFRESH as i32);
    asm.jcc(Cond::NotEqual, leave);
    asm.load(Size::Q, Reg::R14, frame(place::STOP));
    asm.alu_load(Alu::Sub, Size::Q, Reg::R14, cpu(field::RETIRED));
    asm.load(Size::Q, Reg::RAX, cpu(field::CIA));
    asm.jmp(refetch);
}
