//! Guest memory: one contiguous range of real addresses from 0.
//!
//! The bytes live in a `vm-memory` mapping. This module holds the only
//! unsafe code of the crate: the interpreter's loads and stores go through
//! [`GuestMemory::read`] and [`GuestMemory::write`], which cost a bounds
//! check and one flag byte; the safe `VolatileSlice` path of vm-memory
//! costs several times as much (docs/performance.md).
//!
//! Each 4 KiB page has a flag byte. `TOUCHED` says that the page may differ
//! from zero (hash, snapshots); `DIRTY` that it may differ from the image it
//! was last saved to or restored from; `CODE` that decoded instructions of it
//! are cached. A store to a `CODE` page clears the flag and says so, and the
//! cache entry is dead from then on.

use crate::hash::StateHasher;
use crate::image::MemoryImage;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use vm_memory::mmap::{MmapRegion, MmapRegionBuilder};

const TOUCHED: u8 = 1;
const CODE: u8 = 2;
const DIRTY: u8 = 4;
/// Flags of a page to which a store needs no look.
pub const WRITABLE: u8 = TOUCHED | DIRTY;
/// log2 of the flag granularity.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes of a page.
pub const PAGE: usize = 1 << PAGE_SHIFT;

/// Size of the memory that who asks for `bytes` gets: whole 64 KiB.
pub fn rounded(bytes: u64) -> u64 {
    bytes.max(1).checked_next_multiple_of(1 << 16).unwrap_or(u64::MAX << 16)
}

/// The host could not give the memory.
#[derive(Debug, thiserror::Error)]
#[error("cannot map {bytes} bytes of guest memory: {reason}; give the guest less memory (--memory)")]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub bytes: u64,
    /// The host's answer.
    pub reason: String,
}

/// What a store found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Store {
    /// Stored.
    Done,
    /// Stored, and decoded instructions of that page are now stale.
    CodeChanged,
    /// Nothing there: outside memory.
    Outside,
}

/// Guest memory from real address 0 to its size.
pub struct GuestMemory {
    region: MmapRegion,
    base: *mut u8,
    len: u64,
    flags: Box<[Cell<u8>]>,
    code_epoch: Cell<u64>,
    /// Pages with the flag `DIRTY`, in the order in which they got it.
    dirty: RefCell<Vec<u32>>,
    /// What `DIRTY` is relative to: zeroed memory if there is none.
    base_image: Option<Arc<MemoryImage>>,
}

// SAFETY: `base` points into `region`, which this value owns and which does
// not move; nothing else holds the pointer. `Cell` and `RefCell` make the type
// not Sync, so one thread at a time uses it, whichever that is.
unsafe impl Send for GuestMemory {}

impl GuestMemory {
    /// Zeroed memory of `bytes`, rounded up to 64 KiB.
    pub fn new(bytes: u64) -> Result<GuestMemory, OutOfMemory> {
        let len = rounded(bytes);
        let fail = |reason: String| OutOfMemory { bytes: len, reason };
        let size = usize::try_from(len).map_err(|e| fail(e.to_string()))?;
        let region = MmapRegionBuilder::<()>::new(size)
            .with_mmap_prot(3 /* PROT_READ | PROT_WRITE */)
            .with_mmap_flags(0x4022 /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE */)
            .build()
            .map_err(|e| fail(e.to_string()))?;
        let base = region.as_ptr();
        let flags = vec![Cell::new(0); size >> PAGE_SHIFT].into_boxed_slice();
        let dirty = RefCell::new(vec![]);
        Ok(GuestMemory { region, base, len, flags, code_epoch: Cell::new(0), dirty, base_image: None })
    }
    /// Size in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }
    /// Never: there is no empty guest memory.
    pub fn is_empty(&self) -> bool {
        self.region.size() == 0
    }
    /// True if `len` bytes at `ra` are all memory.
    #[inline]
    pub fn contains(&self, ra: u64, len: u64) -> bool {
        ra <= self.len && len <= self.len - ra
    }

    /// Where real address 0 is in the host, for a translator's code: it may
    /// load from all of memory while this value lives, and store to pages
    /// whose flag byte is [`WRITABLE`].
    pub fn host_base(&self) -> *mut u8 {
        self.base
    }
    /// One flag byte for each page of 4 KiB, for a translator's code.
    pub fn page_flags(&self) -> *const u8 {
        self.flags.as_ptr().cast()
    }

    /// The `N` (1..=16) bytes at `ra`, in address order.
    #[inline(always)]
    pub fn read<const N: usize>(&self, ra: u64) -> Option<[u8; N]> {
        if ra > self.len - N as u64 {
            return None;
        }
        // SAFETY: `len` is at least 64 KiB, so the subtraction did not wrap and
        // ra + N <= len, the size of the mapping at `base`, which lives as long
        // as self. Guest bytes have no invalid values; alignment 1 is asked for.
        Some(unsafe { self.base.add(ra as usize).cast::<[u8; N]>().read_unaligned() })
    }

    /// Stores `N` (1..=16) bytes at `ra`.
    #[inline(always)]
    pub fn write<const N: usize>(&self, ra: u64, bytes: [u8; N]) -> Store {
        if ra > self.len - N as u64 {
            return Store::Outside;
        }
        let first = (ra >> PAGE_SHIFT) as usize;
        let straddles = (ra as usize & (PAGE - 1)) + N > PAGE;
        let outcome = if self.flags[first].get() == WRITABLE && !straddles {
            Store::Done
        } else {
            self.note_store(ra, N)
        };
        // SAFETY: in bounds as in `read`; no reference into the mapping is ever
        // handed out, so nothing aliases the destination.
        unsafe { self.base.add(ra as usize).cast::<[u8; N]>().write_unaligned(bytes) };
        outcome
    }

    /// Marks the pages of a store; the cold half of `write`.
    #[cold]
    #[inline(never)]
    fn note_store(&self, ra: u64, len: usize) -> Store {
        if len == 0 {
            return Store::Done;
        }
        let first = (ra >> PAGE_SHIFT) as usize;
        let last = ((ra + len as u64 - 1) >> PAGE_SHIFT) as usize;
        let mut outcome = Store::Done;
        for (page, flag) in (first..=last).zip(&self.flags[first..=last]) {
            if flag.get() & CODE != 0 {
                outcome = Store::CodeChanged;
                self.code_epoch.set(self.code_epoch.get() + 1);
            }
            if flag.get() & DIRTY == 0 {
                self.dirty.borrow_mut().push(page as u32);
            }
            flag.set(WRITABLE);
        }
        outcome
    }

    /// Copies memory into `out`; false, and `out` untouched, if any is outside.
    pub fn read_bytes(&self, ra: u64, out: &mut [u8]) -> bool {
        if !self.contains(ra, out.len() as u64) {
            return false;
        }
        // SAFETY: `contains` checked the range; `out` is host memory outside the
        // mapping, since no reference into it exists.
        unsafe { std::ptr::copy_nonoverlapping(self.base.add(ra as usize), out.as_mut_ptr(), out.len()) };
        true
    }
    /// Copies `bytes` into memory, all or nothing.
    pub fn write_bytes(&self, ra: u64, bytes: &[u8]) -> Store {
        if !self.contains(ra, bytes.len() as u64) {
            return Store::Outside;
        }
        let outcome = self.note_store(ra, bytes.len());
        // SAFETY: as in `read_bytes`, with the directions exchanged.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(ra as usize), bytes.len()) };
        outcome
    }
    /// Reads `len` bytes of `file` from `offset` on into memory, before a guest runs.
    ///
    /// # Errors
    /// Those of reading; then the range holds anything. Outside memory is `Ok(Store::Outside)`, and nothing is read.
    pub fn write_file(&self, ra: u64, file: &File, offset: u64, len: u64) -> std::io::Result<Store> {
        if !self.contains(ra, len) {
            return Ok(Store::Outside);
        }
        let outcome = self.note_store(ra, len as usize);
        // SAFETY: `contains` checked the range, and no other reference into the mapping exists: this type is not
        // Sync, hands out none, and reading a file calls nothing of ours.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.base.add(ra as usize), len as usize) };
        // The pages are new, and the host takes longer to make them than to fill them: two threads, of
        // which no result depends.
        let (first, second) = bytes.split_at_mut(bytes.len() / 2);
        let middle = offset + first.len() as u64;
        std::thread::scope(|scope| {
            let other = scope.spawn(|| file.read_exact_at(second, middle));
            file.read_exact_at(first, offset)?;
            other.join().expect("reading does not panic")
        })?;
        Ok(outcome)
    }
    /// Big-endian 64-bit load.
    #[inline]
    pub fn read_be64(&self, ra: u64) -> Option<u64> {
        self.read::<8>(ra).map(u64::from_be_bytes)
    }
    /// Big-endian 32-bit load.
    pub fn read_be32(&self, ra: u64) -> Option<u32> {
        self.read::<4>(ra).map(u32::from_be_bytes)
    }
    /// Big-endian 16-bit load.
    pub fn read_be16(&self, ra: u64) -> Option<u16> {
        self.read::<2>(ra).map(u16::from_be_bytes)
    }
    /// Big-endian 64-bit store.
    pub fn write_be64(&self, ra: u64, value: u64) -> Store {
        self.write(ra, value.to_be_bytes())
    }
    /// Big-endian 32-bit store.
    pub fn write_be32(&self, ra: u64, value: u32) -> Store {
        self.write(ra, value.to_be_bytes())
    }

    /// Says that decoded instructions of the page at `ra` are cached.
    pub fn mark_code(&self, ra: u64) {
        if let Some(flag) = self.flags.get((ra >> PAGE_SHIFT) as usize) {
            flag.set(flag.get() | CODE);
        }
    }
    /// Counts the stores that made cached instructions stale.
    #[inline]
    pub fn code_epoch(&self) -> u64 {
        self.code_epoch.get()
    }
    /// True while nothing was stored to the page since [`Self::mark_code`].
    #[inline]
    pub fn is_code(&self, ra: u64) -> bool {
        self.flags.get((ra >> PAGE_SHIFT) as usize).is_some_and(|f| f.get() & CODE != 0)
    }

    /// Adds size and contents to a state hash. Pages of zeroes count as
    /// absent, so that a page that was touched and cleared changes nothing.
    pub fn hash_into(&self, h: &mut StateHasher) {
        h.bytes(&self.len.to_le_bytes());
        let mut page = [0u8; PAGE];
        for (i, flag) in self.flags.iter().enumerate() {
            if flag.get() & TOUCHED != 0 {
                self.read_bytes((i as u64) << PAGE_SHIFT, &mut page);
                if page.iter().any(|&b| b != 0) {
                    h.bytes(&(i as u64).to_le_bytes());
                    h.bytes(&page);
                }
            }
        }
    }
    /// Pages that differ from the image that the memory was last saved to or
    /// restored from, or from zeroes if it never was; ascending.
    pub fn changed_pages(&self) -> Vec<u32> {
        let mut pages = self.dirty.borrow().clone();
        pages.sort_unstable();
        let mut now = [0u8; PAGE];
        pages.retain(|&i| {
            self.read_bytes(u64::from(i) << PAGE_SHIFT, &mut now);
            let before = self.base_image.as_ref().and_then(|b| b.page(i)).unwrap_or(&[0; PAGE]);
            now != *before
        });
        pages
    }
    /// Adds these pages to a hash.
    pub fn hash_changes(&self, h: &mut StateHasher) {
        let mut page = [0u8; PAGE];
        for i in self.changed_pages() {
            self.read_bytes(u64::from(i) << PAGE_SHIFT, &mut page);
            h.bytes(&i.to_le_bytes());
            h.bytes(&page);
        }
    }
    /// The contents now. From here on only pages that are stored to have to
    /// be put back by [`Self::restore`] of this image.
    pub fn save(&mut self) -> Arc<MemoryImage> {
        let mut image = MemoryImage::new(self.len);
        let mut page = [0u8; PAGE];
        for (i, flag) in self.flags.iter().enumerate().filter(|(_, f)| f.get() & TOUCHED != 0) {
            self.read_bytes((i as u64) << PAGE_SHIFT, &mut page);
            image.push(i as u32, &page);
            flag.set(flag.get() & !DIRTY);
        }
        self.dirty.get_mut().clear();
        let image = Arc::new(image);
        self.base_image = Some(Arc::clone(&image));
        image
    }
    /// Makes the contents those of `image`, which is of memory of this size.
    /// Costs what was stored to since this image was saved or restored, or a
    /// copy of everything if it was another.
    pub fn restore(&mut self, image: &Arc<MemoryImage>) {
        assert_eq!(self.len, image.len(), "an image of memory of another size");
        let mut pages = std::mem::take(self.dirty.get_mut());
        if !self.base_image.as_ref().is_some_and(|base| Arc::ptr_eq(base, image)) {
            let touched = (0..).zip(&self.flags).filter(|(_, f)| f.get() & TOUCHED != 0);
            pages = touched.map(|(i, _)| i).chain(image.pages()).collect();
        }
        for &i in &pages {
            let ra = u64::from(i) << PAGE_SHIFT;
            // Clears CODE too: decoded instructions of the page are stale.
            let stored = self.write_bytes(ra, image.page(i).unwrap_or(&[0; PAGE]));
            debug_assert_ne!(stored, Store::Outside);
            self.flags[i as usize].set(TOUCHED);
        }
        pages.clear();
        *self.dirty.get_mut() = pages;
        self.code_epoch.set(self.code_epoch.get() + 1);
        self.base_image = Some(Arc::clone(image));
    }
    /// Bytes of pages stored to since the memory was last saved or restored.
    pub fn dirty_bytes(&self) -> u64 {
        self.dirty.borrow().len() as u64 * PAGE as u64
    }
    /// Bytes of pages that were ever stored to.
    pub fn touched_bytes(&self) -> u64 {
        self.flags.iter().filter(|f| f.get() & TOUCHED != 0).count() as u64 * PAGE as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact() {
        let m = GuestMemory::new(1 << 16).unwrap();
        assert_eq!(m.len(), 1 << 16);
        assert_eq!(m.write_be64((1 << 16) - 8, 7), Store::Done);
        assert_eq!(m.read_be64((1 << 16) - 8), Some(7));
        for ra in [(1 << 16) - 7, 1 << 16, u64::MAX, u64::MAX - 7] {
            assert_eq!(m.write_be64(ra, 1), Store::Outside, "{ra:#x}");
            assert_eq!(m.read_be64(ra), None, "{ra:#x}");
            assert!(!m.read_bytes(ra, &mut [0; 8]), "{ra:#x}");
            assert_eq!(m.write_bytes(ra, &[0; 8]), Store::Outside, "{ra:#x}");
        }
    }

    #[test]
    fn a_store_to_code_says_so_once() {
        let m = GuestMemory::new(1 << 16).unwrap();
        m.mark_code(0x1000);
        assert!(m.is_code(0x1ffc));
        assert_eq!(m.write_be32(0x2000, 1), Store::Done);
        assert_eq!(m.write_be64(0xffc, 1), Store::CodeChanged, "straddles into the page");
        assert!(!m.is_code(0x1000));
        assert_eq!(m.write_be64(0x1000, 1), Store::Done);
    }

    /// Every page by every way of a store: restored from the dirty list, from
    /// another image, and into fresh memory.
    #[test]
    fn an_image_comes_back_whole() {
        let hash = |m: &GuestMemory| {
            let mut h = StateHasher::new();
            m.hash_into(&mut h);
            h.finish()
        };
        let mut m = GuestMemory::new(1 << 16).unwrap();
        for ra in [0x0u64, 0x2000, 0x5000] {
            let _ = m.write_be64(ra, ra + 1);
        }
        m.mark_code(0x2000);
        let (first, at_first) = (m.save(), hash(&m));
        assert_eq!(m.dirty_bytes(), 0);
        assert_eq!(m.write_be64(0x2000, 7), Store::CodeChanged);
        m.mark_code(0x2000);
        let _ = m.write_bytes(0x4ff0, &[3; 0x20]);
        let _ = m.write_be64(0x8000, 9);
        assert_eq!(m.dirty_bytes(), 4 * PAGE as u64);
        let (second, at_second) = (m.save(), hash(&m));
        assert_ne!(at_first, at_second);
        let epoch = m.code_epoch();
        m.restore(&first);
        assert_eq!(hash(&m), at_first, "from another image");
        assert!(!m.is_code(0x2000) && m.code_epoch() > epoch, "decoded code is stale");
        let _ = m.write_be64(0x0, 5);
        let _ = m.write_be64(0xf000, 5);
        m.restore(&first);
        assert_eq!(hash(&m), at_first, "from the dirty list");
        let mut fresh = GuestMemory::new(1 << 16).unwrap();
        let _ = fresh.write_be64(0x9000, 5);
        fresh.restore(&second);
        assert_eq!(hash(&fresh), at_second, "into other memory");
    }

    #[test]
    fn hash_sees_one_bit_and_ignores_cleared_pages() {
        let hash = |m: &GuestMemory| {
            let mut h = StateHasher::new();
            m.hash_into(&mut h);
            h.finish()
        };
        let m = GuestMemory::new(1 << 16).unwrap();
        let empty = hash(&m);
        let _ = m.write(0x8000, [1u8]);
        let one = hash(&m);
        assert_ne!(one, empty);
        let _ = m.write(0x8000, [0u8]);
        assert_eq!(hash(&m), empty);
        let _ = m.write(0x9000, [1u8]);
        assert_ne!(hash(&m), one, "the place counts");
    }

    #[test]
    fn a_part_of_a_file_is_read_or_nothing() {
        let path = std::env::temp_dir().join(format!("capisim-memory-{}", std::process::id()));
        let bytes: Vec<u8> = (0..50_001u32).map(|n| (n >> 3) as u8).collect();
        std::fs::write(&path, &bytes).expect("writes");
        let file = File::open(&path).expect("opens");
        std::fs::remove_file(&path).expect("removes");
        let mem = GuestMemory::new(1 << 17).expect("128 KiB");
        assert_eq!(mem.write_file(0x4F21, &file, 1, 50_000).expect("reads"), Store::Done);
        let mut found = vec![0xAA; 50_002];
        assert!(mem.read_bytes(0x4F20, &mut found));
        assert_eq!((found[0], &found[1..50_001], found[50_001]), (0, &bytes[1..], 0));
        assert_eq!(mem.write_file(0x1_FFFF, &file, 0, 2).expect("looks first"), Store::Outside);
        assert!(mem.write_file(0, &file, 1, 50_001).is_err(), "the file ends before");
        assert_eq!(mem.write_file(0, &file, 0, 1).expect("reads"), Store::Done);
    }
}
