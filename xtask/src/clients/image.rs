//! The guest image of a boot: our init, busybox, and the clients with the shared libraries they load.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use capisim::artifacts::Artifacts;
use capisim::initramfs::{Contents, Module, compose};
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection};

use super::Session;
use super::script;

/// Where programs are in the distribution's packages.
const PROGRAM_FOLDERS: [&str; 4] = ["usr/bin", "bin", "usr/sbin", "sbin"];
/// `DT_NEEDED` of the ELF specification: names a library, as an offset into `.dynstr`.
const NEEDED: u64 = 1;
/// Longest chain of symbolic links.
const MAX_LINKS: u32 = 8;

/// The unpacked packages.
pub struct Packages {
    root: PathBuf,
    /// Shared libraries by name; of several the one nearest to the root, as the program loader finds it.
    libraries: BTreeMap<String, PathBuf>,
}

impl Packages {
    /// Looks through the folder that `cargo xtask guest --with-clients` made.
    pub fn open(root: &Path) -> Result<Packages, String> {
        let mut libraries: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else if name.contains(".so") {
                    let nearer = |known: &PathBuf| {
                        (path.components().count(), &path) < (known.components().count(), known)
                    };
                    if libraries.get(&name).is_none_or(nearer) {
                        libraries.insert(name, path);
                    }
                }
            }
        }
        Ok(Packages { root: root.to_owned(), libraries })
    }

    /// The program `name`: its path in the guest, without a leading slash.
    pub fn program(&self, name: &str) -> Result<String, String> {
        let paths = PROGRAM_FOLDERS.map(|folder| format!("{folder}/{name}"));
        let found = paths.into_iter().find(|path| self.root.join(path).exists());
        found.ok_or_else(|| format!("{}: no program `{name}` in the packages", self.root.display()))
    }

    /// `programs` with all that they load: path in the guest, content.
    pub fn files(&self, programs: &BTreeSet<String>) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let mut files = BTreeMap::new();
        let mut open: Vec<String> = programs.iter().cloned().collect();
        while let Some(path) = open.pop() {
            if files.contains_key(&path) {
                continue;
            }
            let file = self.root.join(&path);
            let content = self.read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            for name in needed(&content).map_err(|reason| format!("{}: {reason}", file.display()))? {
                let library = self.libraries.get(&name);
                let library = library
                    .ok_or_else(|| format!("{}: needs {name}, which no package has", file.display()))?;
                open.push(self.relative(library));
            }
            files.insert(path, content);
        }
        Ok(files)
    }

    /// Reads a file; links with absolute targets lead into the packages, not into the host.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Ok(target) = fs::read_link(&path) else { break };
            let inside = target.strip_prefix("/").map(|rest| self.root.join(rest)).ok();
            path = inside.unwrap_or_else(|| path.parent().unwrap_or(&self.root).join(&target));
        }
        fs::read(path)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// What an ELF file loads: its libraries and its program loader. Nothing for a script.
fn needed(image: &[u8]) -> Result<Vec<String>, String> {
    if !image.starts_with(b"\x7fELF") {
        return Ok(vec![]);
    }
    let file = ElfFile64::<LittleEndian>::parse(image).map_err(|error| error.to_string())?;
    let data =
        |name: &str| file.section_by_name(name).and_then(|section| section.data().ok()).unwrap_or_default();
    let (dynamic, names) = (data(".dynamic"), data(".dynstr"));
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let mut found = vec![];
    for entry in dynamic.chunks_exact(16).filter(|entry| number(&entry[..8]) == NEEDED) {
        let at = usize::try_from(number(&entry[8..])).unwrap_or(usize::MAX);
        let text = names.get(at..).ok_or("a library's name is outside of .dynstr")?;
        found.push(until_nul(text));
    }
    let loader = until_nul(data(".interp"));
    found.extend(loader.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned));
    Ok(found)
}

fn until_nul(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// What an image has besides the clients.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Text of `/etc/capisim.conf`.
    pub config: &'a str,
    /// Modules it loads.
    pub modules: &'a [Module],
    /// The disk is the guest's own SCSI target.
    pub kernel_target: bool,
}

/// The image of a boot.
pub fn image(
    artifacts: &Artifacts,
    packages: &Packages,
    session: &Session,
    base: &Base<'_>,
) -> Result<Vec<u8>, String> {
    let mut programs = BTreeSet::new();
    let text = script::script(session, base.kernel_target, |name| {
        let path = packages.program(name)?;
        programs.insert(path.clone());
        Ok(format!("/{path}"))
    })?;
    let init = artifacts.programs.get("init").ok_or("no guest program `init`: run `cargo xtask guest`")?;
    let files = packages.files(&programs)?;
    let mut list: Vec<(&str, u32, Vec<u8>)> =
        files.iter().map(|(path, content)| (path.as_str(), 0o755, content.clone())).collect();
    list.push((script::PATH, 0o755, text.into_bytes()));
    // Of our own programs those that a client names.
    let named = |(name, _): &(&String, &_)| {
        session.clients.iter().any(|client| client.command.contains(&format!("/bin/{name}")))
    };
    let own = artifacts.programs.iter().filter(named);
    compose(&Contents {
        init: Some(&init.file.path),
        programs: own.map(|(name, program)| (name.as_str(), program.file.path.as_path())).collect(),
        modules: base.modules,
        busybox: Some(&artifacts.busybox.path),
        config: base.config,
        files: list,
    })
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_loads_is_read_from_it() {
        // This test is a dynamic program itself on the hosts of the project.
        let own = std::env::current_exe().and_then(fs::read).expect("a program can read itself");
        let found = needed(&own).expect("an ELF file");
        assert!(found.iter().any(|name| name.starts_with("libc.so")), "{found:?}");
        assert!(found.iter().any(|name| name.starts_with("ld")), "{found:?}");
        assert_eq!(needed(b"#!/bin/sh\n").expect("a script"), Vec::<String>::new());
        assert!(needed(b"\x7fELF").is_err());
    }

    #[test]
    fn links_lead_into_the_packages_and_the_nearest_library_is_taken() {
        let root = std::env::temp_dir().join(format!("capisim-clients-{}", std::process::id()));
        for (path, text) in
            [("usr/bin/prog", "#!/bin/sh"), ("lib/a/lib.so.1", "near"), ("usr/lib/a/lib.so.1", "far")]
        {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        std::os::unix::fs::symlink("/lib/a/lib.so.1", root.join("lib/alias.so")).expect("linked");
        let packages = Packages::open(&root).expect("read");
        assert_eq!(packages.program("prog").as_deref(), Ok("usr/bin/prog"));
        assert!(packages.program("none").is_err());
        let near = packages.libraries.get("lib.so.1").map(|path| packages.relative(path));
        assert_eq!(near.as_deref(), Some("lib/a/lib.so.1"));
        assert_eq!(packages.read(&root.join("lib/alias.so")).expect("inside"), b"near");
        fs::remove_dir_all(root).expect("removed");
    }
}
