//! The guest's first file system: an uncompressed cpio archive in the `newc` format, written by us.
//!
//! Unpacking an uncompressed archive costs the guest about two million instructions, gzip fifty times as many. The output
//! depends on the inputs alone: entries are sorted, times are zero, inode numbers count from one.
//!
//! What [`compose`] puts in: `/init`, `/bin/<program>`, `/lib/modules/<name>.ko`, `/etc/capisim.conf` with the caller's text,
//! `/bin/busybox` and `/bin/sh` when asked, the nodes in `/dev` that a process needs before anything is mounted, and the usual
//! mount points. The order of loading is a line of the configuration, [`modules_line`].

pub mod module;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use module::{Module, ModuleTree, check_vermagic, kernel_vermagic};

/// What can be wrong with a guest image's parts. Each text names the file, the reason and, where there is one, the cure.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system refused.
    #[error("{}: cannot read it: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not an ELF file of the kind that is needed.
    #[error("{}: {reason}; {cure}", .path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to give instead.
        cure: &'static str,
    },
    /// Compressed in a way we do not read, or damaged.
    #[error("{}: cannot decompress it: {reason}; decompress the module and give the .ko", .path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Built for another kernel.
    #[error(
        "{}: built for another kernel: its vermagic is `{module}`, the kernel's is `{kernel}`; rebuild it against this \
         kernel's headers, or give the kernel it was built for with --kernel", .path.display()
    )]
    Vermagic {
        /// The module.
        path: PathBuf,
        /// Its vermagic.
        module: String,
        /// The kernel's.
        kernel: String,
    },
    /// A module that is needed is nowhere.
    #[error("{}: module `{name}`, needed by {needed_by}, is not there; give it with --module FILE", .folder.display())]
    MissingModule {
        /// Where it was looked for.
        folder: PathBuf,
        /// The module.
        name: String,
        /// Who needs it.
        needed_by: String,
    },
    /// Modules that need each other in a circle cannot be loaded in any order.
    #[error("modules need each other in a circle: {chain}; give a build of them that does not")]
    Circle {
        /// The circle, as `a -> b -> a`.
        chain: String,
    },
    /// Two things want the same path, or the path cannot stand in an archive.
    #[error("initramfs: `{path}` {reason}")]
    Entry {
        /// Path in the archive.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What an entry of the archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Folder,
    File(Vec<u8>),
    Link(String),
    CharDevice { major: u32, minor: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    kind: Kind,
}

const TYPE_FOLDER: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_LINK: u32 = 0o120_000;
const TYPE_CHAR_DEVICE: u32 = 0o020_000;

/// A `newc` archive being put together. Paths are relative to the root, without a leading slash.
#[derive(Debug, Clone, Default)]
pub struct Cpio {
    entries: BTreeMap<String, Entry>,
}

impl Cpio {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder and the folders above it; one that is already there stays.
    pub fn folder(&mut self, path: &str) -> Result<(), ImageError> {
        check_path(path)?;
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        let entry = Entry { mode: TYPE_FOLDER | 0o755, kind: Kind::Folder };
        match self.entries.entry(path.to_owned()).or_insert(entry).kind {
            Kind::Folder => Ok(()),
            _ => Err(ImageError::Entry {
                path: path.to_owned(),
                reason: "is both a folder and something else",
            }),
        }
    }

    /// Adds a file with permission bits `mode`.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Result<(), ImageError> {
        self.add(path, Entry { mode: TYPE_FILE | mode, kind: Kind::File(content.into()) })
    }

    /// Adds a symbolic link to `target`.
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), ImageError> {
        self.add(path, Entry { mode: TYPE_LINK | 0o777, kind: Kind::Link(target.to_owned()) })
    }

    /// Adds a character device node with permission bits `mode`.
    pub fn char_device(&mut self, path: &str, mode: u32, major: u32, minor: u32) -> Result<(), ImageError> {
        self.add(path, Entry { mode: TYPE_CHAR_DEVICE | mode, kind: Kind::CharDevice { major, minor } })
    }

    fn add(&mut self, path: &str, entry: Entry) -> Result<(), ImageError> {
        check_path(path)?;
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        match self.entries.insert(path.to_owned(), entry) {
            None => Ok(()),
            Some(_) => Err(ImageError::Entry { path: path.to_owned(), reason: "is given twice" }),
        }
    }

    /// The archive's bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        for (inode, (path, entry)) in (1..).zip(&self.entries) {
            let nothing = Vec::new();
            let (content, device) = match &entry.kind {
                Kind::Folder => (&nothing[..], (0, 0)),
                Kind::File(bytes) => (&bytes[..], (0, 0)),
                Kind::Link(target) => (target.as_bytes(), (0, 0)),
                Kind::CharDevice { major, minor } => (&nothing[..], (*major, *minor)),
            };
            let links = if entry.kind == Kind::Folder { 2 } else { 1 };
            append(&mut out, path, &Header { inode, mode: entry.mode, links, device }, content);
        }
        append(&mut out, "TRAILER!!!", &Header { inode: 0, mode: 0, links: 1, device: (0, 0) }, &[]);
        pad(&mut out, 512);
        out
    }
}

struct Header {
    inode: u32,
    mode: u32,
    links: u32,
    device: (u32, u32),
}

/// Appends one member: 13 numbers of 8 hexadecimal digits after the magic, the name with its NUL, the content; both padded to 4.
fn append(out: &mut Vec<u8>, name: &str, header: &Header, content: &[u8]) {
    let size = u32::try_from(content.len()).expect("no guest file reaches 4 GiB");
    let name_size = u32::try_from(name.len() + 1).expect("paths are short");
    let (user, group, time, checksum, on_device) = (0, 0, 0, 0, (0, 0));
    let fields = [
        header.inode,
        header.mode,
        user,
        group,
        header.links,
        time,
        size,
        on_device.0,
        on_device.1,
        header.device.0,
        header.device.1,
        name_size,
        checksum,
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    pad(out, 4);
    out.extend_from_slice(content);
    pad(out, 4);
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn check_path(path: &str) -> Result<(), ImageError> {
    let bad = |reason| Err(ImageError::Entry { path: path.to_owned(), reason });
    match path {
        "" => bad("is an empty path"),
        _ if path.contains('\0') => bad("contains a NUL"),
        _ if path.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            bad("is not a plain relative path")
        }
        _ => Ok(()),
    }
}

/// What a guest image is made of.
#[derive(Debug, Clone, Default)]
pub struct Contents<'a> {
    /// The program that becomes `/init`.
    pub init: Option<&'a Path>,
    /// Programs for `/bin`, by name.
    pub programs: Vec<(&'a str, &'a Path)>,
    /// Modules in the order to load them, from [`ModuleTree::resolve`].
    pub modules: &'a [Module],
    /// Static busybox; also becomes `/bin/sh`.
    pub busybox: Option<&'a Path>,
    /// Text of `/etc/capisim.conf`.
    pub config: &'a str,
    /// Further files: path in the guest without a leading slash, permission bits, content.
    pub files: Vec<(&'a str, u32, Vec<u8>)>,
}

/// Puts a guest image together.
pub fn compose(contents: &Contents<'_>) -> Result<Vec<u8>, ImageError> {
    let mut cpio = Cpio::new();
    for folder in ["bin", "dev", "etc", "lib/modules", "mnt", "proc", "root", "run", "sys", "tmp"] {
        cpio.folder(folder)?;
    }
    for (path, mode, major, minor) in [
        ("dev/console", 0o600, 5, 1),
        ("dev/kmsg", 0o600, 1, 11),
        ("dev/null", 0o666, 1, 3),
        ("dev/zero", 0o666, 1, 5),
    ] {
        cpio.char_device(path, mode, major, minor)?;
    }
    if let Some(init) = contents.init {
        cpio.file("init", 0o755, read_program(init)?)?;
    }
    for (name, path) in &contents.programs {
        cpio.file(&format!("bin/{name}"), 0o755, read_program(path)?)?;
    }
    if let Some(busybox) = contents.busybox {
        cpio.file("bin/busybox", 0o755, read_program(busybox)?)?;
        cpio.link("bin/sh", "busybox")?;
    }
    for module in contents.modules {
        cpio.file(&format!("lib/modules/{}.ko", module.name), 0o644, module.image.clone())?;
    }
    cpio.file("etc/capisim.conf", 0o644, contents.config)?;
    for (path, mode, content) in &contents.files {
        cpio.file(path, *mode, content.clone())?;
    }
    Ok(cpio.finish())
}

/// The configuration line that makes our init load `modules`, in this order (docs/guest-protocol.md section 1).
#[must_use]
pub fn modules_line(modules: &[Module]) -> String {
    let names: Vec<String> = modules.iter().map(|module| format!("{}.ko", module.name)).collect();
    format!("modules {}\n", names.join(" "))
}

/// Reads a program and refuses what the guest could not execute: the kernel's own message would be far from the cause.
fn read_program(path: &Path) -> Result<Vec<u8>, ImageError> {
    let image = module::read_file(path)?;
    if image.starts_with(b"#!") {
        return Ok(image);
    }
    module::check_executable(path, &image)?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive back: path, mode, content.
    fn parse(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let (mut at, mut found) = (0, Vec::new());
        loop {
            assert_eq!(&archive[at..at + 6], b"070701", "magic at {at}");
            let field = |index: usize| {
                let start = at + 6 + 8 * index;
                let digits = std::str::from_utf8(&archive[start..start + 8]).expect("digits");
                usize::from_str_radix(digits, 16).expect("hexadecimal")
            };
            let (mode, size, name_size) = (field(1), field(6), field(11));
            let name = String::from_utf8(archive[at + 110..at + 109 + name_size].to_vec()).expect("a name");
            let start = (at + 110 + name_size).next_multiple_of(4);
            if name == "TRAILER!!!" {
                return found;
            }
            found.push((name, u32::try_from(mode).expect("32 bits"), archive[start..start + size].to_vec()));
            at = (start + size).next_multiple_of(4);
        }
    }

    #[test]
    fn entries_come_back_sorted_with_their_folders() {
        let mut cpio = Cpio::new();
        cpio.file("z/y/file", 0o640, "abcde").expect("added");
        cpio.link("a", "z/y/file").expect("added");
        cpio.char_device("dev/console", 0o600, 5, 1).expect("added");
        let archive = cpio.clone().finish();
        assert_eq!(archive, cpio.finish(), "the same inputs give the same bytes");
        assert_eq!(archive.len() % 512, 0);
        let expected = [
            ("a", 0o120_777, "z/y/file"),
            ("dev", 0o040_755, ""),
            ("dev/console", 0o020_600, ""),
            ("z", 0o040_755, ""),
            ("z/y", 0o040_755, ""),
            ("z/y/file", 0o100_640, "abcde"),
        ];
        let expected: Vec<_> =
            expected.map(|(path, mode, text)| (path.to_owned(), mode, text.as_bytes().to_vec())).into();
        assert_eq!(parse(&archive), expected);
    }

    #[test]
    fn one_member_is_these_bytes() {
        let mut cpio = Cpio::new();
        cpio.file("f", 0o755, "hi").expect("added");
        let expected = concat!(
            "070701", "00000001", "000081ed", "00000000", "00000000", "00000001", "00000000", "00000002",
            "00000000", "00000000", "00000000", "00000000", "00000002", "00000000", "f\0", "hi\0\0",
            "070701"
        );
        assert!(cpio.finish().starts_with(expected.as_bytes()));
    }

    #[test]
    fn paths_that_would_surprise_the_kernel_are_refused() {
        for path in ["", "/init", "a//b", "a/../b", "a/", "a\0b"] {
            assert!(Cpio::new().file(path, 0o644, "").is_err(), "{path:?}");
        }
        let mut cpio = Cpio::new();
        cpio.file("a", 0o644, "").expect("added");
        assert!(cpio.file("a", 0o644, "").unwrap_err().to_string().contains("given twice"));
        assert!(cpio.file("a/b", 0o644, "").unwrap_err().to_string().contains("both a folder"));
    }

    #[test]
    fn an_image_has_the_nodes_the_modules_and_the_text() {
        let module = |name: &str| Module {
            name: name.into(),
            path: PathBuf::new(),
            depends: Vec::new(),
            vermagic: String::new(),
            has_crcs: true,
            image: name.as_bytes().to_vec(),
        };
        let modules = [module("cxl"), module("cxlflash")];
        let contents = Contents { modules: &modules, config: &modules_line(&modules), ..Contents::default() };
        let members = parse(&compose(&contents).expect("composed"));
        let text = |path: &str| {
            let member = members.iter().find(|member| member.0 == path).expect("it is in the image");
            String::from_utf8(member.2.clone()).expect("text")
        };
        assert_eq!(text("lib/modules/cxl.ko"), "cxl");
        assert_eq!(text("etc/capisim.conf"), "modules cxl.ko cxlflash.ko\n");
        assert_eq!(text("dev/console"), "");
    }
}
