//! What is built from the packages: the driver, rebuilt and before the fix, and the table of structure offsets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capisim::artifacts::{Offsets, SCHEMA};
use capisim::initramfs::Module;
use capisim::kbuild;
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection};

use super::command;
use super::compare;
use super::error::{GuestError, Result};
use super::store::Store;
use super::transform::make_interruptible;
use super::units::{CROSS, list, missing};

/// Where the driver's source lies in the kernel's.
const CXLFLASH: &str = "drivers/scsi/cxlflash";

/// Where the parts of a build lie.
pub struct Inputs<'a> {
    /// Release of the kernel.
    pub release: &'a str,
    /// Headers of this kernel.
    pub headers: &'a Path,
    /// Wrappers of the cross tools.
    pub tools: &'a Path,
    /// Unpacked kernel source.
    pub source: &'a Path,
    /// The stock driver.
    pub stock: &'a Path,
}

/// The parts of `drivers/<key>`.
pub struct Built {
    pub pristine: PathBuf,
    pub prefix: PathBuf,
    pub offsets: PathBuf,
}

/// Builds both drivers and the offsets unless they are in place under `folder`.
pub fn build(store: &Store, folder: &str, inputs: &Inputs<'_>) -> Result<Built> {
    let place = store.make(folder, |half| {
        build_driver(store, half, "pristine", inputs, |_| Ok(()))?;
        let [stock, rebuilt] = [inputs.stock, &half.join("pristine/cxlflash.ko")].map(Module::read);
        compare::compare(&stock?.image, &rebuilt?.image).map_err(|difference| GuestError::NotPristine {
            section: difference.section,
            reason: difference.reason,
        })?;
        build_driver(store, half, "pre-fix", inputs, change_lock)?;
        build_offsets(store, half, inputs)
    })?;
    Ok(Built {
        pristine: place.join("pristine/cxlflash.ko"),
        prefix: place.join("pre-fix/cxlflash.ko"),
        offsets: place.join("offsets.toml"),
    })
}

/// The mode in which the kernel's build system is called for code that lies outside of the kernel.
pub fn make(inputs: &Inputs<'_>, at: &Path, folder: &str, goal: &str) -> Command {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("make");
    // Nothing of the caller's environment may reach the compiler: cargo's MAKEFLAGS, DEB_*, KBUILD_*, KCFLAGS.
    // PATH must be in the environment, not on make's command line: the probes for compiler options see only the former.
    command
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", inputs.tools.display()))
        .env("LC_ALL", "C");
    command.arg("-C").arg(inputs.headers).arg(format!("-j{jobs}")).arg(format!("M={}", at.display()));
    command.arg(format!("CROSS_COMPILE={CROSS}")).arg("CONFIG_DEBUG_INFO_BTF_MODULES=");
    // No debug sections, and file names as in the kernel's own build: the module does not depend on where it was built.
    let flags = format!("-g0 -fmacro-prefix-map={}/={folder}/", at.display());
    command.arg(format!("KCFLAGS={flags}")).arg(goal);
    command
}

fn build_driver(
    store: &Store,
    half: &Path,
    name: &str,
    inputs: &Inputs<'_>,
    change: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    store.progress.step(&format!("building the {name} driver"));
    let at = store.temporary(&format!("build-{name}"));
    copy_folder(&inputs.source.join(CXLFLASH), &at)?;
    change(&at)?;
    command::run(&mut make(inputs, &at, CXLFLASH, "modules"))?;
    let (from, to) = (at.join("cxlflash.ko"), half.join(name));
    fs::create_dir_all(&to).map_err(GuestError::io(&to, "create it"))?;
    fs::copy(&from, to.join("cxlflash.ko")).map_err(GuestError::io(from, "copy it"))?;
    Ok(())
}

fn change_lock(at: &Path) -> Result<()> {
    let path = at.join("superpipe.c");
    let text = fs::read_to_string(&path).map_err(GuestError::io(&path, "read it"))?;
    let text =
        make_interruptible(&text).map_err(|reason| GuestError::Transform { path: path.clone(), reason })?;
    fs::write(&path, text).map_err(GuestError::io(path, "write it"))
}

fn build_offsets(store: &Store, half: &Path, inputs: &Inputs<'_>) -> Result<()> {
    store.progress.step("compiling structure offsets");
    let at = store.temporary("build-offsets");
    let mut compiler = make(inputs, &at, CXLFLASH, "offsets.o");
    compile_offsets(&at, &mut compiler, inputs.release, &half.join("offsets.toml"))
}

/// Compiles the table in folder `at` and writes what it says of `kernel`.
fn compile_offsets(at: &Path, compiler: &mut Command, kernel: &str, result: &Path) -> Result<()> {
    fs::create_dir_all(at).map_err(GuestError::io(at, "create it"))?;
    for (name, text) in [("Kbuild", "obj-m := offsets.o\n"), ("offsets.c", include_str!("offsets.c"))] {
        fs::write(at.join(name), text).map_err(GuestError::io(at.join(name), "write it"))?;
    }
    command::run(compiler)?;
    let object = at.join("offsets.o");
    let values = read_table(&read(&object)?).map_err(|reason| GuestError::Object { path: object, reason })?;
    let offsets = Offsets { schema: SCHEMA, kernel: kernel.to_owned(), values };
    let text = toml::to_string(&offsets).expect("strings and numbers have a form in TOML");
    fs::write(result, text).map_err(GuestError::io(result, "write it"))
}

/// The offsets of a kernel build tree of the user's, into the tree: the file.
pub fn offsets_of_tree(tree: &Path) -> Result<PathBuf> {
    let tree = fs::canonicalize(tree).map_err(GuestError::io(tree, "find it"))?;
    let kernel = kbuild::identity(&tree)
        .map_err(|e| GuestError::Tree { path: tree.clone(), reason: e.to_string() })?;
    let result = tree.join(kbuild::OFFSETS);
    let at = result.parent().unwrap_or(&tree);
    let mut compiler = Command::new("make");
    // Cargo's jobserver is not make's.
    for name in ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS"] {
        compiler.env_remove(name);
    }
    compiler.arg("-C").arg(&tree).arg(format!("M={}", at.display())).arg("ARCH=powerpc");
    compiler.arg(format!("CROSS_COMPILE={CROSS}")).arg("offsets.o");
    compile_offsets(at, &mut compiler, &kernel, &result)?;
    Ok(result)
}

/// Size of the key in an entry of the table in `offsets.c`; a little-endian number of eight bytes follows it.
const KEY_BYTES: usize = 56;

fn read_table(object: &[u8]) -> std::result::Result<BTreeMap<String, u64>, String> {
    let file = ElfFile64::<LittleEndian>::parse(object).map_err(|error| error.to_string())?;
    let section = file.section_by_name(".capisim.offsets").ok_or("it has no section .capisim.offsets")?;
    parse_table(section.data().map_err(|error| error.to_string())?)
}

fn parse_table(table: &[u8]) -> std::result::Result<BTreeMap<String, u64>, String> {
    let (entries, rest) = table.as_chunks::<{ KEY_BYTES + 8 }>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(format!("its table has an odd size of {} bytes", table.len()));
    }
    let mut values = BTreeMap::new();
    for entry in entries {
        let (key, value) = entry.split_at(KEY_BYTES);
        let key = key.split(|byte| *byte == 0).next().unwrap_or_default();
        let key = String::from_utf8(key.to_vec()).map_err(|_| "a key of its table is not text".to_owned())?;
        let value = u64::from_le_bytes(value.try_into().expect("the rest of an entry is eight bytes"));
        // A TOML integer is signed.
        let fits = i64::try_from(value).is_ok();
        if key.is_empty() || !fits || values.insert(key.clone(), value).is_some() {
            return Err(format!("key `{key}` of its table is empty, too large or there twice"));
        }
    }
    Ok(values)
}

/// Copies the files of a folder.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(GuestError::io(to, "create it"))?;
    let files = list(from)?;
    if files.is_empty() {
        return Err(missing("linux-source", CXLFLASH));
    }
    for path in files {
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, to.join(name)).map_err(GuestError::io(&path, "copy it"))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(GuestError::io(path, "read it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: u64) -> Vec<u8> {
        let mut bytes = key.as_bytes().to_vec();
        bytes.resize(KEY_BYTES, 0);
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes
    }

    #[test]
    fn the_table_is_read_back() {
        let table = [entry("module.name", 24), entry("PAGE_SHIFT", 16)].concat();
        let expected = [("module.name".to_owned(), 24), ("PAGE_SHIFT".to_owned(), 16)];
        assert_eq!(parse_table(&table), Ok(BTreeMap::from(expected)));
        for (table, reason) in [
            (Vec::new(), "odd size of 0"),
            (table[..100].to_vec(), "odd size of 100"),
            ([entry("a", 1), entry("a", 2)].concat(), "`a` of its table"),
            (entry("big", u64::MAX), "`big` of its table"),
        ] {
            assert!(parse_table(&table).unwrap_err().contains(reason), "{reason}");
        }
    }
}
