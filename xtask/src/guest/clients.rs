//! The distribution's own programs for the guest, with the shared libraries they need, unpacked as a root file system.

use std::path::Path;

use super::apt::Apt;
use super::error::Result;
use super::store::{Unit, key_of, remove};
use super::units::LAYOUT;

/// Packages whose programs `cargo xtask clients` runs; their versions come from the index.
pub const PACKAGES: [&str; 8] =
    ["sg3-utils", "fio", "e2fsprogs", "parted", "util-linux", "mount", "fdisk", "libgcc-s1"];

/// What these packages ask for and no program of theirs loads: services, installers, interpreters.
const NOT_LOADED: [&str; 8] = [
    "debconf",
    "debconf-2.0",
    "dpkg",
    "init-system-helpers",
    "install-info",
    "libpam-modules",
    "perl-base",
    "python3",
];

/// The packages and all that their dependencies name.
pub fn plan(guest: &Apt) -> Result<Unit<'_>> {
    let packages = guest.closure(&PACKAGES.map(str::to_owned), &NOT_LOADED)?;
    let ids: Vec<_> = packages.iter().map(|package| package.id.clone()).collect();
    Ok(Unit { folder: format!("clients/{}{LAYOUT}", key_of(&ids)), packages: vec![(guest, packages)] })
}

/// Only programs and libraries are wanted.
pub fn finish(half: &Path) -> Result<()> {
    ["etc", "var", "usr/share", "usr/include", "usr/src"].iter().try_for_each(|part| remove(&half.join(part)))
}
