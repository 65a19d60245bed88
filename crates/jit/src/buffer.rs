//! Executable memory: one memory file mapped twice, once to write and once
//! to execute, so that no page is ever both.

use std::ffi::CStr;
use std::ptr;

const NAME: &CStr = c"capisim-code";

/// Bytes of host code, filled from the front.
pub struct Buffer {
    writable: *mut u8,
    executable: *const u8,
    size: usize,
    used: usize,
}

// SAFETY: the two mappings belong to this value alone and move with it; every
// method that writes takes `&mut self`.
unsafe impl Send for Buffer {}

impl Buffer {
    /// A buffer of `size` bytes, a multiple of the page size; `None` if the
    /// host does not give executable memory.
    pub fn new(size: usize) -> Option<Buffer> {
        let length = libc::off_t::try_from(size).ok()?;
        // SAFETY: NAME is a C string; the call has no other requirement.
        let file = unsafe { libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC) };
        if file < 0 {
            return None;
        }
        // SAFETY: `file` is a descriptor that this function owns.
        let sized = unsafe { libc::ftruncate(file, length) } == 0;
        let map = |protection| {
            // SAFETY: a new mapping of the whole file at an address that the
            // kernel chooses; it replaces nothing.
            let at = unsafe { libc::mmap(ptr::null_mut(), size, protection, libc::MAP_SHARED, file, 0) };
            (at != libc::MAP_FAILED).then_some(at.cast::<u8>())
        };
        let writable = if sized { map(libc::PROT_READ | libc::PROT_WRITE) } else { None };
        let executable = if sized { map(libc::PROT_READ | libc::PROT_EXEC) } else { None };
        // SAFETY: `file` is still open and is not used again; mappings stay.
        unsafe { libc::close(file) };
        match (writable, executable) {
            (Some(writable), Some(executable)) => Some(Buffer { writable, executable, size, used: 0 }),
            (one, other) => {
                for at in [one, other].into_iter().flatten() {
                    // SAFETY: `at` is a mapping of `size` bytes made above.
                    unsafe { libc::munmap(at.cast(), size) };
                }
                None
            }
        }
    }
    /// The place of what is appended next.
    pub fn used(&self) -> usize {
        self.used
    }
    /// Bytes that can still be appended.
    pub fn free(&self) -> usize {
        self.size - self.used
    }
    /// Forgets everything from place `used` on.
    pub fn truncate(&mut self, used: usize) {
        self.used = self.used.min(used);
    }
    /// Appends code.
    pub fn append(&mut self, code: &[u8]) {
        assert!(code.len() <= self.free(), "the caller asked how much is free");
        self.write(self.used, code);
        self.used += code.len();
    }
    /// Overwrites the displacement at place `at`.
    pub fn patch(&mut self, at: usize, bytes: [u8; 4]) {
        assert!(at + 4 <= self.used, "a place in emitted code");
        self.write(at, &bytes);
    }
    fn write(&mut self, at: usize, bytes: &[u8]) {
        // SAFETY: both callers checked at + len <= size, the size of the
        // mapping; host code does not run while `&mut self` is held.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.writable.add(at), bytes.len()) };
    }
    /// Host address of place `at`.
    pub fn address(&self, at: usize) -> *const u8 {
        assert!(at <= self.size);
        self.executable.wrapping_add(at)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the two mappings of `size` bytes made in `new`; nothing uses
        // them after the value that owns them is gone.
        unsafe {
            libc::munmap(self.writable.cast(), self.size);
            libc::munmap(self.executable.cast_mut().cast(), self.size);
        }
    }
}

/// Makes stores to code visible to this thread's instruction fetch. They went
/// through another linear address, so the processor needs a serializing
/// instruction (AMD64 APM volume 2, 7.6.1); `iretq` is one that a hypervisor
/// does not intercept.
pub fn serialize() {
    // SAFETY: returns to the next instruction with the same stack, flags and
    // segments; the asm may use the stack below RSP, since `nostack` is not given.
    unsafe {
        std::arch::asm!(
            "mov {t:e}, ss",
            "push {t}",
            "lea {t}, [rsp + 8]",
            "push {t}",
            "pushfq",
            "mov {t:e}, cs",
            "push {t}",
            "lea {t}, [rip + 2f]",
            "push {t}",
            "iretq",
            "2:",
            t = out(reg) _,
        );
    }
}
