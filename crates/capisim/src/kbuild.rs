//! A kernel build tree of the user: `--kbuild DIR`.

use crate::artifacts::{Offsets, hash_bytes};
use crate::error::Error;
use crate::initramfs::ModuleTree;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a kernel needs to run here, with the reason.
const NEEDED: &[(&str, &str)] = &[
    ("PPC64", "the machine is a 64-bit POWER9"),
    ("CPU_LITTLE_ENDIAN", "guest programs and drivers are ppc64le"),
    ("PPC_POWERNV", "the machine is bare metal with OPAL"),
    ("PPC_RADIX_MMU", "hashed page tables are not modelled"),
    ("PCI", "the adapter is behind a host bridge"),
    ("EEH", "cxl is built with it alone"),
    ("MODULES", "the driver under test is a module"),
    ("MODULE_UNLOAD", "scenarios unload it"),
    ("BLK_DEV_INITRD", "our init comes in a first file system"),
    ("HVC_OPAL", "the console and the channel to our init"),
    ("DEVTMPFS", "our init mounts it"),
    ("PROC_FS", "our init mounts it"),
    ("SYSFS", "our init mounts it"),
    ("TMPFS", "our init mounts it"),
    ("SCSI", "cxlflash is a SCSI host"),
    ("CXL", "the driver of the coherent interface (drivers/misc/cxl, in kernels up to 6.14)"),
    ("CXLFLASH", "the driver under test (drivers/scsi/cxlflash, in kernels up to 6.14)"),
];
/// Files of the driver under test and of what it needs, below the tree.
const CXLFLASH: &str = "drivers/scsi/cxlflash/cxlflash.ko";

/// Where `cargo xtask guest --offsets` puts what it compiled against the headers of a tree, below the tree.
pub const OFFSETS: &str = "capisim/offsets.toml";

/// A tree in which `vmlinux` and the modules have been built.
#[derive(Debug)]
pub struct Tree {
    /// The kernel.
    pub vmlinux: PathBuf,
    /// Its modules.
    pub modules: ModuleTree,
    /// Its driver, unless that is built in.
    pub cxlflash: PathBuf,
    /// Its structures by its headers, if they were compiled.
    pub offsets: Option<Offsets>,
}

/// What the layout of a tree's structures depends on: release and configuration.
///
/// # Errors
/// A file that a build leaves is not there.
pub fn identity(folder: &Path) -> Result<String, Error> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(Error::io(&path, "read it"))
    };
    let (release, config) = (read("include/config/kernel.release")?, read(".config")?);
    Ok(format!("{} configured as {}", release.trim(), &hash_bytes(config.as_bytes())[..16]))
}

/// The offsets in a tree, if they are there and of what it is now.
fn offsets(folder: &Path) -> Result<Option<Offsets>, Error> {
    let path = folder.join(OFFSETS);
    if !path.is_file() {
        return Ok(None);
    }
    let (found, own) = (Offsets::read(&path)?, identity(folder)?);
    if found.kernel != own {
        return Err(Error::Environment(format!(
            "{}: of {}, the tree is {own}: run `cargo xtask guest --offsets {}` again",
            path.display(),
            found.kernel,
            folder.display()
        )));
    }
    Ok(Some(found))
}

impl Tree {
    /// Looks at the tree in `folder`.
    ///
    /// # Errors
    /// What is missing, with its cure: environment, exit code 5.
    pub fn open(folder: &Path) -> Result<Tree, Error> {
        let fail = |text: String| Err(Error::Environment(format!("--kbuild {}: {text}", folder.display())));
        if !folder.is_dir() {
            return fail("no such folder".into());
        }
        if let Ok(text) = std::fs::read_to_string(folder.join(".config")) {
            let unset = unset(&text);
            if !unset.is_empty() {
                return fail(format!("its .config does not suffice:\n{}", unset.join("\n")));
            }
        } else {
            return fail("no .config: give the folder in which the kernel was built (make O=…)".into());
        }
        let vmlinux = folder.join("vmlinux");
        if !vmlinux.is_file() {
            return fail(
                "no vmlinux: build it first, `make ARCH=powerpc CROSS_COMPILE=… vmlinux modules`".into(),
            );
        }
        let order = folder.join("modules.order");
        let Ok(list) = std::fs::read_to_string(&order) else {
            return fail("no modules.order: build the modules too, `make … modules`".into());
        };
        let modules = ModuleTree::of_build(folder, &list);
        let cxlflash = folder.join(CXLFLASH);
        if !cxlflash.is_file() {
            return fail(format!("no {CXLFLASH}: build the modules, with CONFIG_CXLFLASH=m"));
        }
        Ok(Tree { vmlinux, modules, cxlflash, offsets: offsets(folder)? })
    }
}

/// What a configuration lacks, a line each.
fn unset(config: &str) -> Vec<String> {
    let set: BTreeMap<&str, &str> =
        config.lines().filter_map(|l| l.strip_prefix("CONFIG_")?.split_once('=')).collect();
    let missing = NEEDED.iter().filter(|(name, _)| !matches!(set.get(name), Some(&"y" | &"m")));
    let mut lines: Vec<String> =
        missing.map(|(name, why)| format!("  CONFIG_{name} is not set: {why}")).collect();
    if set.get("CXLFLASH") == Some(&"y") {
        lines.push("  CONFIG_CXLFLASH=y: the driver under test has to be a module (=m)".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(except: &[&str]) -> String {
        let lines = NEEDED.iter().filter(|(n, _)| !except.contains(n));
        lines.map(|(n, _)| format!("CONFIG_{n}={}\n", if *n == "CXLFLASH" { "m" } else { "y" })).collect()
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("capisim-kbuild-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("writable");
        path
    }

    #[test]
    fn what_a_configuration_lacks_is_listed_at_once() {
        assert_eq!(unset(&config(&[])), Vec::<String>::new());
        let lines = unset(&(config(&["EEH", "CXLFLASH"]) + "# CONFIG_EEH is not set\nCONFIG_CXLFLASH=y\n"));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("CONFIG_EEH is not set") && lines[1].contains("has to be a module"));
    }

    #[test]
    fn a_tree_is_checked_step_by_step() {
        let at = folder("steps");
        let said = || Tree::open(&at).expect_err("incomplete").to_string();
        assert!(Tree::open(&at.join("nowhere")).expect_err("none").to_string().contains("no such folder"));
        assert!(said().contains("no .config"));
        std::fs::write(at.join(".config"), config(&["CXL"])).expect("written");
        assert!(said().contains("CONFIG_CXL is not set"));
        std::fs::write(at.join(".config"), config(&[])).expect("written");
        assert!(said().contains("no vmlinux"));
        std::fs::write(at.join("vmlinux"), "x").expect("written");
        assert!(said().contains("no modules.order"));
        std::fs::write(at.join("modules.order"), "drivers/misc/cxl/cxl.o\n").expect("written");
        assert!(said().contains("no drivers/scsi/cxlflash/cxlflash.ko"));
        std::fs::create_dir_all(at.join("drivers/scsi/cxlflash")).expect("made");
        std::fs::write(at.join(CXLFLASH), "x").expect("written");
        let whole = Tree::open(&at).expect("whole");
        assert_eq!((whole.cxlflash, whole.offsets), (at.join(CXLFLASH), None));
        std::fs::create_dir_all(at.join("include/config")).expect("made");
        std::fs::create_dir_all(at.join("capisim")).expect("made");
        std::fs::write(at.join("include/config/kernel.release"), "6.1.7-own\n").expect("written");
        let of = |kernel: &str| {
            let text = format!("schema = 1\nkernel = \"{kernel}\"\n[values]\nTHREAD_SIZE = 16384\n");
            std::fs::write(at.join(OFFSETS), text).expect("written");
        };
        of("6.1.6 configured as before");
        assert!(said().contains("--offsets"), "{}", said());
        of(&identity(&at).expect("known"));
        let offsets = Tree::open(&at).expect("whole").offsets.expect("compiled");
        assert_eq!(offsets.get("THREAD_SIZE").ok(), Some(16384));
        std::fs::remove_dir_all(&at).expect("removed");
    }
}
