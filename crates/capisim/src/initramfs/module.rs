//! Kernel modules as the guest image needs them: read, checked, and in an order in which they can be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use machine::KernelImage;
use object::elf;
use object::read::elf::{ElfFile64, FileHeader};
use object::{LittleEndian, Object, ObjectSection};

use super::ImageError;

type Elf<'a> = ElfFile64<'a, LittleEndian, &'a [u8]>;

/// A kernel module, decompressed and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Name as the kernel shows it.
    pub name: String,
    /// File it was read from.
    pub path: PathBuf,
    /// Names of the modules that must be loaded before it.
    pub depends: Vec<String>,
    /// What it was built for.
    pub vermagic: String,
    /// Whether it carries checksums of the symbols it uses (the kernel then ignores the release in vermagic).
    pub has_crcs: bool,
    /// The ELF file.
    pub image: Vec<u8>,
}

impl Module {
    /// Reads `path`, a `.ko` or `.ko.xz`, and refuses what is not a whole module for a little-endian POWER kernel.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        Self::parse(path, decompress(path, read_file(path)?)?)
    }

    /// Checks an image; `path` is for messages and for the name of a module that does not tell its own.
    pub fn parse(path: &Path, image: Vec<u8>) -> Result<Self, ImageError> {
        let cure = "give a cxlflash.ko or another module built for ppc64el";
        let file = open_elf(path, &image, elf::ET_REL, "a relocatable file, as modules are", cure)?;
        let wrong = |reason: String| ImageError::Elf { path: path.to_owned(), reason, cure };
        for section in file.sections() {
            section.data().map_err(|error| {
                wrong(format!("truncated or damaged: section {}: {error}", section.name().unwrap_or("?")))
            })?;
        }
        let data = |name: &str| file.section_by_name(name).and_then(|section| section.data().ok());
        let info =
            parse_modinfo(data(".modinfo").ok_or_else(|| wrong("no .modinfo section: not a module".into()))?);
        let first = |key: &str| info.get(key).and_then(|values| values.first()).cloned();
        let vermagic = first("vermagic").ok_or_else(|| wrong("its .modinfo has no vermagic".into()))?;
        let depends = first("depends").unwrap_or_default();
        let depends = depends.split(',').filter(|name| !name.is_empty()).map(canonical).collect();
        let name = first("name").unwrap_or_else(|| name_of(path).unwrap_or_default());
        let has_crcs = data("__versions").is_some_and(|bytes| !bytes.is_empty());
        Ok(Self { name: canonical(&name), path: path.to_owned(), depends, vermagic, has_crcs, image })
    }
}

/// Splits `.modinfo`: `key=value` strings, each ended by a NUL; a key may come more than once.
#[must_use]
pub fn parse_modinfo(section: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in section.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(entry);
        if let Some((key, value)) = text.split_once('=') {
            found.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    found
}

/// The vermagic a kernel image expects of its modules, read through its own symbol.
pub fn kernel_vermagic(vmlinux: &Path) -> Result<String, ImageError> {
    let wrong = |reason: String| ImageError::Elf {
        path: vmlinux.to_owned(),
        reason,
        cure: "give the vmlinux of a ppc64el kernel, with its symbols",
    };
    let image = KernelImage::parse(&read_file(vmlinux)?).map_err(|error| wrong(error.to_string()))?;
    image.text("vermagic").ok_or_else(|| wrong("no symbol `vermagic`: a kernel without modules".into()))
}

/// Compares as the kernel does: with symbol checksums on both sides, the release (up to the first space) does not count.
pub fn check_vermagic(module: &Module, kernel: &str) -> Result<(), ImageError> {
    let flags =
        |text: &str| text.split_once(' ').map_or(String::new(), |(_, rest)| rest.trim_end().to_owned());
    let same = if module.has_crcs && flags(kernel).split(' ').any(|flag| flag == "modversions") {
        flags(&module.vermagic) == flags(kernel)
    } else {
        module.vermagic.trim_end() == kernel.trim_end()
    };
    if same {
        return Ok(());
    }
    let (module_magic, kernel) = (module.vermagic.trim_end().to_owned(), kernel.trim_end().to_owned());
    Err(ImageError::Vermagic { path: module.path.clone(), module: module_magic, kernel })
}

/// The modules of one kernel by name, and those that are built into it.
#[derive(Debug, Clone, Default)]
pub struct ModuleTree {
    folder: PathBuf,
    /// As `modules.order` lists them; a file of a package may be a compressed one.
    listed: BTreeMap<String, PathBuf>,
    /// What the folder holds, if somebody had to look.
    found: OnceLock<BTreeMap<String, PathBuf>>,
    builtin: BTreeSet<String>,
}

impl ModuleTree {
    /// The modules in `folder` and all below it. `modules.order`, in it or beside it, tells most of them without a look at
    /// thousands of files; `modules.builtin` tells what needs no file.
    pub fn scan(folder: &Path) -> Result<Self, ImageError> {
        let places = [Some(folder), folder.parent()];
        let text = |name: &str| {
            let mut texts =
                places.iter().flatten().map(|at| Some((*at, fs::read_to_string(at.join(name)).ok()?)));
            texts.find_map(|text| text)
        };
        let (at, order) = text("modules.order").unwrap_or((folder, String::new()));
        let line = |line: &str| Some((name_of(Path::new(line))?, at.join(line)));
        let listed = order.lines().filter_map(line).collect();
        let mut tree = Self { folder: folder.to_owned(), listed, ..Self::default() };
        if tree.listed.is_empty() {
            tree.found = OnceLock::from(below(folder)?);
        }
        let (_, list) = text("modules.builtin").unwrap_or((folder, String::new()));
        tree.builtin = list.lines().filter_map(|line| name_of(Path::new(line))).collect();
        Ok(tree)
    }

    /// The modules of a build tree, as its `modules.order` lists them: `drivers/x/y.ko`, with `.o` from Linux 6.3 on and
    /// after `kernel/` before 5.19. What is listed and was not built is not there.
    pub fn of_build(folder: &Path, order: &str) -> Self {
        let mut tree = Self { folder: folder.to_owned(), ..Self::default() };
        for line in order.lines() {
            let line = line.strip_prefix("kernel/").unwrap_or(line);
            let file = folder.join(line.strip_suffix(".o").unwrap_or(line)).with_extension("ko");
            if let Some(name) = name_of(&file).filter(|_| file.is_file()) {
                tree.listed.insert(name, file);
            }
        }
        let list = fs::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
        tree.builtin = list.lines().filter_map(|line| name_of(Path::new(line))).collect();
        tree
    }

    /// Reads the modules `wanted` and all they need, each after those it needs. A file in `given` stands for the module of its
    /// name; a given file that nothing wants comes last. What is built into the kernel is left out.
    pub fn resolve(&self, wanted: &[&str], given: &[PathBuf]) -> Result<Vec<Module>, ImageError> {
        let mut ready = BTreeMap::new();
        let mut names: Vec<String> = wanted.iter().map(|name| canonical(name)).collect();
        for path in given {
            let module = Module::read(path)?;
            names.push(module.name.clone());
            ready.insert(module.name.clone(), module);
        }
        let mut order = Vec::new();
        for name in names {
            self.visit(&name, &mut Vec::new(), &mut ready, &mut order)?;
        }
        Ok(order)
    }

    fn visit(
        &self,
        name: &str,
        chain: &mut Vec<String>,
        given: &mut BTreeMap<String, Module>,
        order: &mut Vec<Module>,
    ) -> Result<(), ImageError> {
        if order.iter().any(|module| module.name == name) || self.builtin.contains(name) {
            return Ok(());
        }
        if chain.iter().any(|link| link == name) {
            return Err(ImageError::Circle { chain: format!("{} -> {name}", chain.join(" -> ")) });
        }
        let module = match (given.remove(name), self.file(name)) {
            (Some(module), _) => module,
            (None, Some(path)) => Module::read(&path)?,
            (None, None) => return Err(self.missing(name, chain.last())),
        };
        chain.push(name.to_owned());
        for needed in &module.depends {
            self.visit(needed, chain, given, order)?;
        }
        chain.pop();
        order.push(module);
        Ok(())
    }

    /// The file of a module.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let listed = self.listed.get(name).into_iter();
        let mut plain_and_packed = listed.flat_map(|path| [path.clone(), path.with_extension("ko.xz")]);
        plain_and_packed.find(|path| path.is_file()).or_else(|| {
            // A folder that cannot be read has no modules; that it misses one is said with its name.
            self.found.get_or_init(|| below(&self.folder).unwrap_or_default()).get(name).cloned()
        })
    }

    fn missing(&self, name: &str, needed_by: Option<&String>) -> ImageError {
        let needed_by = needed_by.map_or("the guest image".to_owned(), |by| format!("`{by}`"));
        ImageError::MissingModule { folder: self.folder.clone(), name: name.to_owned(), needed_by }
    }
}

/// Module files in a folder and all below it.
fn below(folder: &Path) -> Result<BTreeMap<String, PathBuf>, ImageError> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let failed = |source| ImageError::Io { path: next.clone(), source };
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(entry.path());
            } else if let Some(name) = name_of(&entry.path()) {
                files.insert(name, entry.path());
            }
        }
    }
    Ok(files)
}

/// Refuses what the guest could not execute.
pub(super) fn check_executable(path: &Path, image: &[u8]) -> Result<(), ImageError> {
    let cure = "give a static executable for ppc64el";
    let file = open_elf(path, image, elf::ET_EXEC, "a static executable", cure)?;
    let dynamic = file.section_by_name(".interp").is_some();
    let reason = "it is linked dynamically and the guest has no libraries".to_owned();
    if dynamic { Err(ImageError::Elf { path: path.to_owned(), reason, cure }) } else { Ok(()) }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ImageError> {
    fs::read(path).map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

fn open_elf<'a>(
    path: &Path,
    image: &'a [u8],
    kind: elf::FileType,
    kind_name: &str,
    cure: &'static str,
) -> Result<Elf<'a>, ImageError> {
    let wrong = |reason: String| ImageError::Elf { path: path.to_owned(), reason, cure };
    if !image.starts_with(&elf::ELFMAG) {
        return Err(wrong("not an ELF file".into()));
    }
    if image.get(4..6).is_some_and(|class| class != [elf::ELFCLASS64.0, elf::ELFDATA2LSB.0]) {
        return Err(wrong("not a 64-bit little-endian ELF file".into()));
    }
    let header = elf::FileHeader64::<LittleEndian>::parse(image)
        .map_err(|error| wrong(format!("truncated or damaged: {error}")))?;
    if header.e_machine(LittleEndian) != elf::EM_PPC64 {
        return Err(wrong(format!("made for ELF machine {}, not for POWER", header.e_machine(LittleEndian))));
    }
    if header.e_type(LittleEndian) != kind {
        return Err(wrong(format!("not {kind_name} (ELF type {})", header.e_type(LittleEndian))));
    }
    Elf::parse(image).map_err(|error| wrong(format!("truncated or damaged: {error}")))
}

fn decompress(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, ImageError> {
    let wrong = |reason: String| ImageError::Compression { path: path.to_owned(), reason };
    match bytes.as_slice() {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let mut out = Vec::new();
            let mut reader = lzma_rust2::XzReader::new(bytes.as_slice(), false);
            reader.read_to_end(&mut out).map_err(|error| wrong(error.to_string()))?;
            Ok(out)
        }
        [0x1f, 0x8b, ..] => Err(wrong("gzip is not supported".into())),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Err(wrong("zstd is not supported".into())),
        _ => Ok(bytes),
    }
}

/// The module's name from a file name: `crc-t10dif.ko.xz` is `crc_t10dif`.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    file.split_once(".ko").map(|(stem, _)| canonical(stem))
}

fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests;
