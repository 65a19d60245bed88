//! Fast-path views of the TLB, not state: direct-mapped arrays that answer
//! "which real address" for the current context in a few instructions. They
//! hold nothing that the TLB does not hold; whatever drops a TLB entry drops
//! what they know of its page.
//!
//! A context has a number, which is part of an entry's tag. Problem state has
//! one for each process, so that a change of process costs nothing; the
//! kernel has one for all, and its few entries of the process's own addresses
//! go when the process does.

use crate::msr;
use fabric::{Access, GuestMemory};
use std::mem::offset_of;

const ENTRIES: usize = 1024;
const EXEC_ENTRIES: usize = 1024;
/// Pages of decoded instructions have 4 KiB.
const CODE_SHIFT: u32 = 12;
/// Context numbers: ten bits of a tag, above PR and the relocation bit.
const NUMBERS: u64 = 1 << 10;
/// Processes whose number is remembered.
const PROCESSES: usize = 16;
/// Entries of user addresses in the kernel's context that are remembered.
const BORROWED: usize = 64;
/// Entries of one page that are dropped one by one.
const MOST_DROPPED: u64 = 64;
const READ: usize = 0;
const WRITE: usize = 1;

/// True for the addresses that are the same in all processes (quadrant 3).
fn is_global(ea: u64) -> bool {
    ea >> 62 == 3
}

/// A translator's code reads entries: `tag` first, then the rest.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Entry {
    tag: u64,
    /// Where the byte is in the host, minus effective address.
    delta: u64,
}

const EMPTY: Entry = Entry { tag: u64::MAX, delta: 0 };

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct ExecEntry {
    tag: u64,
    page: u32,
}

const NO_PAGE: ExecEntry = ExecEntry { tag: u64::MAX, page: 0 };

/// Views for reads, writes and fetches.
#[derive(Clone, Debug)]
pub struct MicroTlb {
    /// For reads, then for writes. Not in a box: a translator's code then finds an
    /// entry from the CPU and an index.
    data: [[Entry; ENTRIES]; 2],
    /// Where real address 0 of the memory that `data` leads to is in the host.
    base: u64,
    exec: Box<[ExecEntry; EXEC_ENTRIES]>,
    /// log2 of the granule: 16, or 12 once a 4 KiB page was seen.
    shift: u32,
    data_context: u64,
    fetch_context: u64,
    /// The numbers of the current contexts and the next free one.
    kernel: u64,
    user: u64,
    next: u64,
    /// Processes that ran before, with their numbers; reused in turn.
    processes: [Option<(u64, u64)>; PROCESSES],
    turn: usize,
    /// Places of entries of the kernel for addresses of the process.
    borrowed: Vec<u16>,
    msr: u64,
    code_epoch: u64,
    /// The run loop leaves the current page at this count of retired
    /// instructions; 0 asks it to look at once.
    pub(crate) stop_at: u64,
    /// The watched instruction at this address is to be executed.
    pub(crate) step_over: Option<u64>,
}

impl Default for MicroTlb {
    fn default() -> MicroTlb {
        let mut m = MicroTlb {
            data: [[EMPTY; ENTRIES]; 2],
            base: 0,
            exec: Box::new([NO_PAGE; EXEC_ENTRIES]),
            shift: 16,
            data_context: 0,
            fetch_context: 0,
            kernel: 0,
            user: 1,
            next: 2,
            processes: [None; PROCESSES],
            turn: 0,
            borrowed: Vec::with_capacity(BORROWED),
            msr: 0,
            code_epoch: u64::MAX,
            stop_at: 0,
            step_over: None,
        };
        m.set_context(0);
        m
    }
}

/// For a translator, whose code probes the views itself. An entry of 16 bytes
/// at index `page number % ENTRIES` begins with the tag `first address of the
/// page | context`; then follows what to add to the address to come to the byte
/// in the host (data) or the number of the decoded page (fetches, 32 bits).
impl MicroTlb {
    /// Entries of each view; a power of two.
    pub const ENTRIES: usize = ENTRIES;
    /// Where the context of data tags is, in bytes.
    pub const DATA_CONTEXT: usize = offset_of!(MicroTlb, data_context);
    /// Where the context of fetch tags is, in bytes.
    pub const FETCH_CONTEXT: usize = offset_of!(MicroTlb, fetch_context);
    /// Where the MSR is that the contexts were made for, in bytes.
    pub const MSR: usize = offset_of!(MicroTlb, msr);
    /// Where the number of the kernel's context is, in bytes. A context is
    /// `number << 2 | PR << 1 | (DR or IR)`, see [`Self::set_context`].
    pub const KERNEL: usize = offset_of!(MicroTlb, kernel);
    /// Where that of the process's is, in bytes.
    pub const USER: usize = offset_of!(MicroTlb, user);
    /// Where the view for reads is, in bytes; that for writes follows.
    pub const DATA_VIEW: usize = offset_of!(MicroTlb, data);
    /// The data views lead to this memory and to no other.
    pub fn follow(&mut self, mem: &GuestMemory) {
        let base = mem.host_base() as u64;
        if self.base != base {
            self.base = base;
            self.forget_data();
        }
    }
    fn forget_data(&mut self) {
        self.data.iter_mut().for_each(|view| view.fill(EMPTY));
        self.borrowed.clear();
    }
    /// The view for fetches, in pages of 4 KiB.
    pub fn exec_view(&self) -> *const u8 {
        self.exec.as_ptr().cast()
    }
    /// log2 of the page size of the data views.
    pub fn data_shift(&self) -> u32 {
        self.shift
    }
    /// Makes the page size of the data views 2^`shift` if it is larger.
    pub fn narrow(&mut self, shift: u32) {
        if shift < self.shift {
            self.shift = shift;
            self.forget_data();
        }
    }
    /// The count of retired instructions at which the run loop wants to look.
    pub fn stop_at(&self) -> u64 {
        self.stop_at
    }
}

const _: () = assert!(ENTRIES == EXEC_ENTRIES && size_of::<Entry>() == 16 && size_of::<ExecEntry>() == 16);

impl MicroTlb {
    /// Follows a change of MSR[PR], [IR] or [DR].
    #[inline]
    pub fn set_context(&mut self, msr: u64) {
        self.msr = msr;
        let problem = msr & msr::PR != 0;
        let number = if problem { self.user } else { self.kernel };
        let context = number << 2 | u64::from(problem) << 1;
        self.data_context = context | u64::from(msr & msr::DR != 0);
        self.fetch_context = context | u64::from(msr & msr::IR != 0);
    }

    /// A number that no entry has.
    fn number(&mut self) -> u64 {
        if self.next == NUMBERS {
            self.forget_data();
            self.exec.fill(NO_PAGE);
            self.processes = [None; PROCESSES];
            (self.kernel, self.user, self.next) = (0, 1, 2);
        }
        self.next += 1;
        self.next - 1
    }

    /// Forgets everything.
    pub fn flush(&mut self) {
        self.processes = [None; PROCESSES];
        self.borrowed.clear();
        self.kernel = self.number();
        self.user = self.number();
        self.set_context(self.msr);
    }

    /// PIDR was `old` and is `new` now.
    pub fn switch_process(&mut self, old: u64, new: u64) {
        self.drop_borrowed();
        self.forget_process(old);
        self.processes[self.turn] = Some((old, self.user));
        self.turn = (self.turn + 1) % PROCESSES;
        let known = self.processes.iter_mut().find(|p| p.is_some_and(|(pid, _)| pid == new));
        self.user = match known.and_then(Option::take) {
            Some((_, number)) => number,
            None => self.number(),
        };
        self.set_context(self.msr);
    }
    fn forget_process(&mut self, pid: u64) {
        self.processes.iter_mut().filter(|p| p.is_some_and(|(p, _)| p == pid)).for_each(|p| *p = None);
    }
    fn drop_borrowed(&mut self) {
        for at in self.borrowed.drain(..) {
            self.data.iter_mut().for_each(|view| view[at as usize] = EMPTY);
        }
    }

    /// The TLB dropped everything of process `pid`, while PIDR is `current`.
    pub fn drop_process(&mut self, pid: u64, current: u64) {
        if pid == 0 {
            // The kernel's own addresses.
            self.flush();
            return;
        }
        self.forget_process(pid);
        if pid == current {
            self.drop_borrowed();
            self.user = self.number();
            self.set_context(self.msr);
        }
    }

    /// The TLB dropped or changed the page of 2^`shift` bytes at `ea`, of
    /// whatever process.
    pub fn drop_page(&mut self, ea: u64, shift: u32) {
        let first = ea & !((1u64 << shift) - 1);
        let same = |tag: u64, page: u64| (tag ^ page) >> CODE_SHIFT == 0;
        if shift > self.shift && 1 << (shift - self.shift) > MOST_DROPPED {
            self.flush();
            return;
        }
        for n in 0..1u64 << shift.saturating_sub(self.shift) {
            let page = (first + (n << self.shift)) & !((1u64 << self.shift) - 1);
            let at = (page >> self.shift) as usize & (ENTRIES - 1);
            self.data.iter_mut().filter(|view| same(view[at].tag, page)).for_each(|view| view[at] = EMPTY);
        }
        for n in 0..1u64 << (shift - CODE_SHIFT) {
            let page = first + (n << CODE_SHIFT);
            let e = &mut self.exec[(page >> CODE_SHIFT) as usize & (EXEC_ENTRIES - 1)];
            if same(e.tag, page) {
                *e = NO_PAGE;
            }
        }
    }

    /// Forgets where decoded instructions are.
    pub fn flush_code(&mut self) {
        self.exec.fill(NO_PAGE);
    }

    /// Forgets decoded pages if any code changed since the last call.
    pub fn sync_code(&mut self, mem: &GuestMemory) {
        if self.code_epoch != mem.code_epoch() {
            self.code_epoch = mem.code_epoch();
            self.flush_code();
        }
    }

    #[inline(always)]
    fn hit(&self, entries: &[Entry; ENTRIES], ea: u64, len: u64) -> Option<u64> {
        let offset = (1u64 << self.shift) - 1;
        let e = entries[(ea >> self.shift) as usize & (ENTRIES - 1)];
        (e.tag == (ea & !offset | self.data_context) && (ea & offset) + len <= offset + 1)
            .then(|| ea.wrapping_add(e.delta).wrapping_sub(self.base))
    }

    /// Real address for a load of `len` bytes within one granule.
    #[inline(always)]
    pub fn read(&self, ea: u64, len: u64) -> Option<u64> {
        self.hit(&self.data[READ], ea, len)
    }
    /// Real address for a store.
    #[inline(always)]
    pub fn write(&self, ea: u64, len: u64) -> Option<u64> {
        self.hit(&self.data[WRITE], ea, len)
    }

    /// Remembers, for accesses of this kind, a translation of a page that is
    /// all memory.
    pub fn fill_data(&mut self, mem: &GuestMemory, ea: u64, ra: u64, page_shift: u32, access: Access) {
        self.narrow(page_shift);
        self.follow(mem);
        let offset = (1u64 << self.shift) - 1;
        if !mem.contains(ra & !offset, offset + 1) {
            return;
        }
        let at = (ea >> self.shift) as usize & (ENTRIES - 1);
        if self.msr & (msr::PR | msr::DR) == msr::DR && !is_global(ea) {
            if self.borrowed.len() == BORROWED {
                self.drop_borrowed();
            }
            self.borrowed.push(at as u16);
        }
        let view = if access == Access::Write { WRITE } else { READ };
        let delta = self.base.wrapping_add(ra).wrapping_sub(ea);
        self.data[view][at] = Entry { tag: ea & !offset | self.data_context, delta };
    }

    /// The decoded page that holds `ea`.
    #[inline(always)]
    pub fn code_page(&self, ea: u64) -> Option<u32> {
        let e = self.exec[(ea >> CODE_SHIFT) as usize & (EXEC_ENTRIES - 1)];
        (e.tag == (ea & !0xFFF | self.fetch_context)).then_some(e.page)
    }
    /// Remembers the decoded page of `ea`, unless the kernel executes at an
    /// address of the process.
    pub fn fill_code(&mut self, ea: u64, page: u32) {
        if self.msr & (msr::PR | msr::IR) == msr::IR && !is_global(ea) {
            return;
        }
        let at = (ea >> CODE_SHIFT) as usize & (EXEC_ENTRIES - 1);
        self.exec[at] = ExecEntry { tag: ea & !0xFFF | self.fetch_context, page };
    }
}
