//! See ARCHITECTURE.md.

pub mod artifacts;
pub mod initramfs;
