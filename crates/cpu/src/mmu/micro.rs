//! Fast-path views of the TLB, not state: direct-mapped arrays that answer
//! "which real address" for the current context in a few instructions. They
//! hold nothing that the TLB does not hold; whatever drops a TLB entry
//! flushes them.

use crate::msr;
use fabric::GuestMemory;
use std::mem::offset_of;

const ENTRIES: usize = 512;
const EXEC_ENTRIES: usize = 512;
/// Pages of decoded instructions have 4 KiB.
const CODE_SHIFT: u32 = 12;
const GENERATIONS: u64 = 1 << 10;
const READ: usize = 0;
const WRITE: usize = 1;

/// A translator's code reads entries: `tag` first, then the rest.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Entry {
    tag: u64,
    /// Real address minus effective address.
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
    /// For reads, then for writes.
    data: Box<[[Entry; ENTRIES]; 2]>,
    exec: Box<[ExecEntry; EXEC_ENTRIES]>,
    /// log2 of the granule: 16, or 12 once a 4 KiB page was seen.
    shift: u32,
    data_context: u64,
    fetch_context: u64,
    data_generation: u64,
    fetch_generation: u64,
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
            data: Box::new([[EMPTY; ENTRIES]; 2]),
            exec: Box::new([NO_PAGE; EXEC_ENTRIES]),
            shift: 16,
            data_context: 0,
            fetch_context: 0,
            data_generation: 0,
            fetch_generation: 0,
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
/// page | context`; then follows what to add to the address (data) or the
/// number of the decoded page (fetches, 32 bits).
impl MicroTlb {
    /// Entries of each view; a power of two.
    pub const ENTRIES: usize = ENTRIES;
    /// Where the context of data tags is, in bytes.
    pub const DATA_CONTEXT: usize = offset_of!(MicroTlb, data_context);
    /// Where the context of fetch tags is, in bytes.
    pub const FETCH_CONTEXT: usize = offset_of!(MicroTlb, fetch_context);
    /// The view for reads; that for writes follows.
    pub fn data_view(&self) -> *const u8 {
        self.data.as_ptr().cast()
    }
    /// The view for fetches, in pages of 4 KiB.
    pub fn exec_view(&self) -> *const u8 {
        self.exec.as_ptr().cast()
    }
    /// log2 of the page size of the data views.
    pub fn data_shift(&self) -> u32 {
        self.shift
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
        let pr = u64::from(msr & msr::PR != 0) << 1;
        self.data_context = self.data_generation << 2 | pr | u64::from(msr & msr::DR != 0);
        self.fetch_context = self.fetch_generation << 2 | pr | u64::from(msr & msr::IR != 0);
    }

    /// Forgets everything: a translation went away or PIDR changed.
    pub fn flush(&mut self) {
        self.data_generation += 1;
        if self.data_generation == GENERATIONS {
            self.data_generation = 0;
            self.data.fill([EMPTY; ENTRIES]);
        }
        self.flush_code();
    }

    /// Forgets where decoded instructions are.
    pub fn flush_code(&mut self) {
        self.fetch_generation += 1;
        if self.fetch_generation == GENERATIONS {
            self.fetch_generation = 0;
            self.exec.fill(NO_PAGE);
        }
        self.set_context(self.msr);
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
            .then(|| ea.wrapping_add(e.delta))
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

    /// Remembers a translation of a page that is all memory.
    pub fn fill_data(
        &mut self,
        mem: &GuestMemory,
        ea: u64,
        ra: u64,
        page_shift: u32,
        read: bool,
        write: bool,
    ) {
        if page_shift < self.shift {
            self.shift = page_shift;
            self.data.fill([EMPTY; ENTRIES]);
        }
        let offset = (1u64 << self.shift) - 1;
        if !mem.contains(ra & !offset, offset + 1) {
            return;
        }
        let entry = Entry { tag: ea & !offset | self.data_context, delta: ra.wrapping_sub(ea) };
        let at = (ea >> self.shift) as usize & (ENTRIES - 1);
        if read {
            self.data[READ][at] = entry;
        }
        if write {
            self.data[WRITE][at] = entry;
        }
    }

    /// The decoded page that holds `ea`.
    #[inline(always)]
    pub fn code_page(&self, ea: u64) -> Option<u32> {
        let e = self.exec[(ea >> CODE_SHIFT) as usize & (EXEC_ENTRIES - 1)];
        (e.tag == (ea & !0xFFF | self.fetch_context)).then_some(e.page)
    }
    /// Remembers the decoded page of `ea`.
    pub fn fill_code(&mut self, ea: u64, page: u32) {
        let at = (ea >> CODE_SHIFT) as usize & (EXEC_ENTRIES - 1);
        self.exec[at] = ExecEntry { tag: ea & !0xFFF | self.fetch_context, page };
    }
}
