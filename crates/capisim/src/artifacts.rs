//! Where the guest artifacts are, what they are, and whether they are still what was prepared.
//!
//! `cargo xtask guest` prepares kernels, driver builds, tools and guest programs in a cache folder of the user and writes
//! one manifest per kernel, `artifacts/<kernel>.toml`. This module reads, checks and writes that manifest. Paths in the
//! file are relative to the cache, so a cache may be moved or handed from one CI job to the next.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the manifest's format. A manifest of another version is prepared again.
pub const SCHEMA: u32 = 1;

/// What can be wrong with the cache. Each text names the file, the reason and the cure.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactsError {
    /// Neither `XDG_CACHE_HOME` nor `HOME` is usable.
    #[error("no cache folder: neither XDG_CACHE_HOME nor HOME holds an absolute path; set one of them")]
    NoHome,
    /// No manifest, or none for this kernel.
    #[error("{}: no guest artifacts are prepared; run `cargo xtask guest`, or give --kernel, --module, --initrd and --driver", .path.display())]
    Missing {
        /// The manifest that was looked for.
        path: PathBuf,
    },
    /// The manifest cannot be understood.
    #[error("{}: not a usable manifest ({reason}); run `cargo xtask guest --force`", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A file differs from what the manifest recorded.
    #[error("{}: changed since it was prepared (sha256 {found}, the manifest says {wanted}); run `cargo xtask guest --force`", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Hash in the manifest.
        wanted: String,
        /// Hash of the file.
        found: String,
    },
    /// The operating system refused.
    #[error("{}: cannot {what}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A structure offset this kernel's headers did not give.
    #[error(
        "the kernel's headers gave no `{key}`; this kernel is not supported, or the artifacts are old: run `cargo xtask guest --force`"
    )]
    NoOffset {
        /// The key that was asked for.
        key: String,
    },
}

/// One file of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Absolute path (relative to the cache in the manifest).
    pub path: PathBuf,
    /// Hash of the content, in hexadecimal.
    pub sha256: String,
    /// Size of the content.
    pub bytes: u64,
    /// Where it comes from: `package version architecture`, or what was built.
    pub origin: String,
}

impl Artifact {
    /// Describes the file at `path`, reading it once.
    pub fn of(path: PathBuf, origin: impl Into<String>) -> Result<Self, ArtifactsError> {
        let (sha256, bytes) = hash_file(&path)?;
        Ok(Self { path, sha256, bytes, origin: origin.into() })
    }

    /// Refuses a file whose content is not what was recorded.
    pub fn verify(&self) -> Result<(), ArtifactsError> {
        let (found, _) = hash_file(&self.path)?;
        if found == self.sha256 {
            return Ok(());
        }
        Err(ArtifactsError::Changed { path: self.path.clone(), wanted: self.sha256.clone(), found })
    }
}

/// A program for the guest, compiled from `firmware/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Hash of the sources, the flags and the compiler; another key means: compile again.
    pub key: String,
    /// The static executable.
    pub file: Artifact,
}

/// A package that was unpacked to make these artifacts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageId {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// Architecture as the archive calls it.
    pub architecture: String,
    /// Hash of the package file as the index gives it.
    pub sha256: String,
}

/// Everything prepared for one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    /// Format version, [`SCHEMA`].
    pub schema: u32,
    /// Version of the recipe that built what is built; xtask compares it.
    pub recipe: u32,
    /// Suite of the distribution the packages come from.
    pub suite: String,
    /// Release of the kernel, as `uname -r` prints it.
    pub kernel: String,
    /// Folder with the kernel's modules (searched recursively).
    pub modules_dir: PathBuf,
    /// Folder of the kernel's headers, for building modules.
    pub headers_dir: PathBuf,
    /// Folder with the cross tools (`powerpc64le-linux-gnu-gcc`, …), usable without any environment.
    pub tools_dir: PathBuf,
    /// Folder with the kernel's interface for programs (`scsi/cxlflash_ioctl.h`, `misc/cxl.h`, `linux/…`).
    pub uapi_dir: PathBuf,
    /// Folder with the programs of the distribution that use disks, and the libraries they need, as a root file system.
    #[serde(default)]
    pub clients_dir: Option<PathBuf>,
    /// Kernel image with its symbols.
    pub vmlinux: Artifact,
    /// Configuration of the kernel.
    pub config: Artifact,
    /// Stock `cxl.ko`.
    pub cxl: Artifact,
    /// Stock `cxlflash.ko`: the fixed driver.
    pub cxlflash_stock: Artifact,
    /// `cxlflash.ko` rebuilt from untouched source; equal to stock in code and data.
    pub cxlflash_pristine: Artifact,
    /// `cxlflash.ko` with the interruptible lock in `get_context()`: the driver before the fix.
    pub cxlflash_prefix: Artifact,
    /// Structure offsets of this kernel, see [`Offsets`].
    pub offsets: Artifact,
    /// Static busybox of the guest.
    pub busybox: Artifact,
    /// The cross compiler.
    pub cross_gcc: Artifact,
    /// QEMU for single programs of the guest architecture, on this host.
    pub qemu_user: Option<Artifact>,
    /// QEMU for whole machines of the guest architecture, on this host.
    pub qemu_system: Option<Artifact>,
    /// Firmware for it.
    pub skiboot: Option<Artifact>,
    /// Guest programs compiled from `firmware/`, by name.
    #[serde(default)]
    pub programs: BTreeMap<String, Program>,
    /// Packages these artifacts come from.
    #[serde(default)]
    pub packages: Vec<PackageId>,
}

impl Artifacts {
    /// Reads the manifest of `kernel`, or of the kernel prepared last without naming one.
    pub fn load(cache: &Path, kernel: Option<&str>) -> Result<Self, ArtifactsError> {
        let kernel = match kernel {
            Some(name) => name.to_owned(),
            None => read_text(&default_path(cache))?.trim().to_owned(),
        };
        Self::read(cache, &manifest_path(cache, &kernel))
    }

    /// Every manifest in the cache that can be read, by kernel release.
    #[must_use]
    pub fn all(cache: &Path) -> Vec<Self> {
        let Ok(folder) = fs::read_dir(cache.join("artifacts")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "toml"));
        paths.iter().filter_map(|path| Self::read(cache, path).ok()).collect()
    }

    fn read(cache: &Path, path: &Path) -> Result<Self, ArtifactsError> {
        let text = read_text(path)?;
        let unusable = |reason: String| ArtifactsError::Manifest { path: path.to_owned(), reason };
        let head: Head = toml::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(unusable(format!("format {}, this program knows {SCHEMA}", head.schema)));
        }
        let mut found: Self = toml::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        for path in found.paths_mut() {
            *path = cache.join(&*path);
        }
        Ok(found)
    }

    /// Writes the manifest in one step; with `default`, makes this the kernel that [`load`](Self::load) takes unnamed.
    pub fn save(&self, cache: &Path, default: bool) -> Result<(), ArtifactsError> {
        let mut relative = self.clone();
        for path in relative.paths_mut() {
            if let Ok(rest) = path.strip_prefix(cache) {
                *path = rest.to_owned();
            }
        }
        let text = toml::to_string(&relative).expect("a manifest holds only strings, numbers and tables");
        write_atomically(&manifest_path(cache, &self.kernel), text.as_bytes())?;
        if default {
            write_atomically(&default_path(cache), format!("{}\n", self.kernel).as_bytes())?;
        }
        Ok(())
    }

    /// Hashes every file again and refuses the first that differs.
    pub fn verify(&self) -> Result<(), ArtifactsError> {
        self.files().into_iter().try_for_each(|(_, file)| file.verify())
    }

    /// All files with the name each has in the manifest.
    #[must_use]
    pub fn files(&self) -> Vec<(&str, &Artifact)> {
        let mut list = vec![
            ("vmlinux", &self.vmlinux),
            ("config", &self.config),
            ("cxl", &self.cxl),
            ("cxlflash_stock", &self.cxlflash_stock),
            ("cxlflash_pristine", &self.cxlflash_pristine),
            ("cxlflash_prefix", &self.cxlflash_prefix),
            ("offsets", &self.offsets),
            ("busybox", &self.busybox),
            ("cross_gcc", &self.cross_gcc),
        ];
        list.extend(self.qemu_user.iter().map(|file| ("qemu_user", file)));
        list.extend(self.qemu_system.iter().map(|file| ("qemu_system", file)));
        list.extend(self.skiboot.iter().map(|file| ("skiboot", file)));
        list.extend(self.programs.iter().map(|(name, program)| (name.as_str(), &program.file)));
        list
    }

    /// Reads the structure offsets of this kernel.
    pub fn read_offsets(&self) -> Result<Offsets, ArtifactsError> {
        Offsets::read(&self.offsets.path)
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut list =
            vec![&mut self.modules_dir, &mut self.headers_dir, &mut self.tools_dir, &mut self.uapi_dir];
        list.extend(&mut self.clients_dir);
        let always = [
            &mut self.vmlinux,
            &mut self.config,
            &mut self.cxl,
            &mut self.cxlflash_stock,
            &mut self.cxlflash_pristine,
            &mut self.cxlflash_prefix,
            &mut self.offsets,
            &mut self.busybox,
            &mut self.cross_gcc,
        ];
        list.extend(always.into_iter().map(|file| &mut file.path));
        let asked = [&mut self.qemu_user, &mut self.qemu_system, &mut self.skiboot];
        list.extend(asked.into_iter().flatten().map(|file| &mut file.path));
        list.extend(self.programs.values_mut().map(|program| &mut program.file.path));
        list
    }
}

/// The part of a manifest that every format version has.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

/// Offsets and constants of one kernel, compiled from its own headers.
///
/// In `offsets.toml`: `schema`, `kernel`, and a table `[values]` of quoted keys, all numbers. A key `structure.field` is the
/// field's offset in bytes, `sizeof.structure` a size, a key in capitals the kernel constant of that name. A key that this
/// kernel lacks is absent (`module.core_layout.base` before 6.4, `module.mem.text.base` from 6.4 on).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    /// Format version, [`SCHEMA`].
    pub schema: u32,
    /// Release of the kernel they hold for.
    pub kernel: String,
    /// The values by key.
    pub values: BTreeMap<String, u64>,
}

impl Offsets {
    /// Reads `offsets.toml`.
    pub fn read(path: &Path) -> Result<Self, ArtifactsError> {
        let text = read_text(path)?;
        toml::from_str(&text)
            .map_err(|error| ArtifactsError::Manifest { path: path.to_owned(), reason: error.to_string() })
    }

    /// The value of `key`; a kernel without it is an error the user sees.
    pub fn get(&self, key: &str) -> Result<u64, ArtifactsError> {
        self.values.get(key).copied().ok_or_else(|| ArtifactsError::NoOffset { key: key.to_owned() })
    }
}

/// The user's cache folder: `$XDG_CACHE_HOME/capisim`, else `$HOME/.cache/capisim`.
#[allow(clippy::disallowed_methods)] // The program, unlike the model, reads the environment.
pub fn cache_dir() -> Result<PathBuf, ArtifactsError> {
    let absolute = |name: &str| std::env::var(name).ok().map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("capisim"))
        .ok_or(ArtifactsError::NoHome)
}

/// SHA-256 of what it is given, in hexadecimal.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// The hash.
    #[must_use]
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// SHA-256 in hexadecimal and size of a file.
pub fn hash_file(path: &Path) -> Result<(String, u64), ArtifactsError> {
    let failed = |what| move |source| ArtifactsError::Io { path: path.to_owned(), what, source };
    let mut file = fs::File::open(path).map_err(failed("open it"))?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(failed("read it"))?;
        if count == 0 {
            return Ok((hasher.finish(), bytes));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

/// SHA-256 of bytes in memory, in hexadecimal.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Writes a file so that a reader sees the old content or the new, never a part.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), ArtifactsError> {
    let failed = |source| ArtifactsError::Io { path: path.to_owned(), what: "write it", source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    fs::write(&temporary, content).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest_path(cache: &Path, kernel: &str) -> PathBuf {
    cache.join("artifacts").join(format!("{kernel}.toml"))
}

fn default_path(cache: &Path) -> PathBuf {
    cache.join("artifacts").join("default")
}

fn read_text(path: &Path) -> Result<String, ArtifactsError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ArtifactsError::Missing { path: path.to_owned() },
        _ => ArtifactsError::Io { path: path.to_owned(), what: "read it", source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cache: &Path) -> Artifacts {
        let file = |name: &str| {
            let path = cache.join(name);
            fs::write(&path, name).expect("the test's folder is writable");
            Artifact::of(path, "test 1 all").expect("it was just written")
        };
        let program = Program { key: "k".into(), file: file("init") };
        Artifacts {
            schema: SCHEMA,
            recipe: 1,
            suite: "suite".into(),
            kernel: "1.2.3-test".into(),
            modules_dir: cache.join("m"),
            headers_dir: cache.join("h"),
            tools_dir: cache.join("t"),
            uapi_dir: cache.join("u"),
            clients_dir: Some(cache.join("p")),
            vmlinux: file("vmlinux"),
            config: file("config"),
            cxl: file("cxl.ko"),
            cxlflash_stock: file("stock.ko"),
            cxlflash_pristine: file("pristine.ko"),
            cxlflash_prefix: file("prefix.ko"),
            offsets: file("offsets.toml"),
            busybox: file("busybox"),
            cross_gcc: file("gcc"),
            qemu_user: Some(file("qemu")),
            qemu_system: None,
            skiboot: None,
            programs: BTreeMap::from([("init".into(), program)]),
            packages: Vec::new(),
        }
    }

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("capisim-artifacts-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        path
    }

    #[test]
    fn a_manifest_survives_a_move_of_the_cache() {
        let (old, new) = (folder("old"), folder("new"));
        let wrote = sample(&old);
        wrote.save(&old, true).expect("saved");
        assert_eq!(Artifacts::load(&old, None).expect("loaded"), wrote);
        fs::remove_dir_all(&new).and_then(|()| fs::rename(&old, &new)).expect("moved");
        let read = Artifacts::load(&new, Some("1.2.3-test")).expect("loaded");
        assert_eq!(read.vmlinux.path, new.join("vmlinux"));
        read.verify().expect("nothing changed");
        fs::remove_dir_all(&new).expect("removed");
    }

    #[test]
    fn a_changed_file_a_missing_and_a_foreign_manifest_are_named() {
        let cache = folder("wrong");
        let found =
            |cache: &Path| Artifacts::load(cache, Some("1.2.3-test")).map_err(|error| error.to_string());
        assert!(found(&cache).unwrap_err().contains("no guest artifacts are prepared"));
        let artifacts = sample(&cache);
        fs::write(cache.join("cxl.ko"), "other").expect("written");
        let error = artifacts.verify().unwrap_err().to_string();
        assert!(error.contains("cxl.ko: changed since it was prepared"), "{error}");
        write_atomically(&manifest_path(&cache, "1.2.3-test"), b"schema = 99\n").expect("written");
        assert!(found(&cache).unwrap_err().contains("format 99"));
        fs::remove_dir_all(&cache).expect("removed");
    }
}
