//! Tools of a distribution newer than the host: they need its C library, so they are started through its program loader.
//!
//! A unit that contains a `libc6` gets, for each dynamic program, a script in the program's place. Without this, the drivers of a
//! newer release's kernel could only be built on that release.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object};

use super::apt::{Apt, Package};
use super::command;
use super::error::{GuestError, Result};
use super::units::{find, list};
use super::version::compare;

/// The packages of the C library and the compiler's runtime, if the suite's is newer than the host's.
pub fn newer_libraries(tools: &Apt) -> Result<Vec<Package>> {
    let installed = command::run(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libc6"]))
        .unwrap_or_default();
    let names = ["libc6", "libgcc-s1", "libstdc++6"].map(str::to_owned);
    let found = tools.show(&names)?;
    let newer = found.get("libc6").is_some_and(|package| compare(&package.id.version, &installed).is_gt());
    Ok(if newer { found.into_values().collect() } else { Vec::new() })
}

/// Whether a half-made unit brings its own C library.
pub fn is_private(half: &Path) -> Result<bool> {
    Ok(loader(half)?.is_some())
}

/// Puts the scripts in place of the programs, if the unit has a library of its own.
pub fn start_through_loader(half: &Path) -> Result<()> {
    let Some(loader) = loader(half)? else { return Ok(()) };
    let loader = loader.strip_prefix(half).unwrap_or(&loader).display().to_string();
    let folders = loader.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut open =
        ["usr/bin", "usr/lib/gcc-cross", "usr/libexec/gcc-cross"].map(|name| half.join(name)).to_vec();
    open.extend(list(&half.join("usr/lib"))?.into_iter().filter(|path| is_kbuild(path)));
    while let Some(next) = open.pop() {
        for path in list(&next)? {
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if is_dynamic_program(&path)? {
                replace(&path, &loader, folders)?;
            }
        }
    }
    Ok(())
}

fn loader(half: &Path) -> Result<Option<PathBuf>> {
    // The name in /lib64 is a link with an absolute target in some releases; the file itself lies beside the library.
    let is_loader = |name: &str| name.starts_with("ld-linux-") && name.contains(".so");
    let folders = list(&half.join("usr/lib"))?.into_iter().filter(|path| path.join("libc.so.6").is_file());
    for folder in folders {
        if let Some(found) = find(&folder, is_loader)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn is_kbuild(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("linux-kbuild-"))
}

fn is_dynamic_program(path: &Path) -> Result<bool> {
    if path.is_symlink() || !path.is_file() {
        return Ok(false);
    }
    let data = fs::metadata(path).map_err(GuestError::io(path, "look at it"))?;
    if data.permissions().mode() & 0o111 == 0 {
        return Ok(false);
    }
    let image = fs::read(path).map_err(GuestError::io(path, "read it"))?;
    let file = ElfFile64::<LittleEndian>::parse(image.as_slice());
    Ok(file.is_ok_and(|file| file.section_by_name(".interp").is_some()))
}

fn replace(path: &Path, loader: &str, folders: &str) -> Result<()> {
    let mut real = path.as_os_str().to_owned();
    real.push(".real");
    fs::rename(path, &real).map_err(GuestError::io(path, "rename it"))?;
    // Tools are found through links, and find each other by the name they were started under.
    let text = format!(
        "#!/bin/sh\ns=$(readlink -f \"$0\")\nd=${{s%/usr/*}}\n\
         exec \"$d/{loader}\" --argv0 \"$0\" --library-path \"$d/{folders}\" \"$s.real\" \"$@\"\n"
    );
    fs::write(path, text).map_err(GuestError::io(path, "write it"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(GuestError::io(path, "make it executable"))
}
