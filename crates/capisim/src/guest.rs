//! The guest of a run: kernel, modules, file system, from the cache or from
//! the command line.

use crate::artifacts::{Artifacts, ArtifactsError, Offsets, cache_dir, hash_file};
use crate::cli::GuestArgs;
use crate::error::Error;
use crate::hashes::Hash;
use crate::initramfs::{self, Contents, Module, ModuleTree};
use crate::kbuild::Tree;
use machine::KernelImage;
use machine::build::Loaded;
use machine::engine::ModuleSymbols;
use machine::guest::{Btf, GuestOffsets, offsets};
use machine::report::KernelReport;
use machine::scenario::Scenario;
use object::ReadCache;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Everything that runs of one kernel share.
pub struct Guest {
    /// The kernel.
    pub kernel: KernelImage,
    /// Its file.
    pub kernel_path: PathBuf,
    /// For reports.
    pub report: KernelReport,
    /// Its structures.
    pub offsets: GuestOffsets,
    /// The prepared artifacts, unless everything was given.
    pub artifacts: Option<Artifacts>,
    /// `cxlflash.ko` of a build tree.
    driver: Option<PathBuf>,
    vermagic: Option<String>,
    modules: ModuleTree,
    given: Vec<PathBuf>,
    base: Option<Vec<u8>>,
    /// File of the first file system that was given.
    pub initrd: Option<PathBuf>,
    made: Mutex<Made>,
    loading: Mutex<Option<Loading>>,
}

/// A thread that loads the kernel.
type Loading = JoinHandle<Option<Loaded>>;

#[allow(clippy::disallowed_methods)] // No machine exists yet, and none depends on it.
fn load(file: Arc<File>, memory: u64) -> Loading {
    std::thread::spawn(move || Loaded::new(&file, memory))
}

/// The images made last, with what was wanted.
type Made = Vec<(String, Arc<Image>)>;
/// Most of them: two builds of a scenario.
const MADE: usize = 2;

/// What one build boots from.
#[derive(Clone)]
pub struct Image {
    /// The first file system.
    pub initrd: Vec<u8>,
    /// Symbols of its modules.
    pub symbols: Vec<ModuleSymbols>,
}

/// How the guest's init behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Serves the scenario.
    Run,
    /// The same, with a shell on the console.
    Shell,
}

impl Guest {
    /// Reads what `args` name; the rest comes from the cache.
    pub fn open(args: &GuestArgs) -> Result<Guest, Error> {
        Guest::open_for(args, None)
    }
    /// The same for a machine with so many bytes of memory, which the kernel is loaded to meanwhile.
    pub fn open_for(args: &GuestArgs, memory: Option<u64>) -> Result<Guest, Error> {
        let tree = args.kbuild.as_deref().map(Tree::open).transpose()?;
        let (file, release) = match &args.kernel {
            Some(k) if Path::new(k).is_file() => (Some(PathBuf::from(k)), None),
            Some(k) if k.contains('/') => return Err(missing_kernel(k)),
            Some(k) => (None, Some(k.as_str())),
            None => (tree.as_ref().map(|t| t.vmlinux.clone()), None),
        };
        let artifacts = match cache_dir().and_then(|cache| Artifacts::load(&cache, release)) {
            Ok(found) => Some(found),
            // A kernel of the user's needs no cache; whatever else is missing is told when it is needed.
            Err(_) if file.is_some() => None,
            Err(ArtifactsError::Missing { .. }) if release.is_some() => {
                return Err(missing_kernel(release.unwrap_or_default()));
            }
            Err(e) => return Err(e.into()),
        };
        let own = file.is_none();
        let kernel_path = file.or_else(|| artifacts.as_ref().map(|a| a.vmlinux.path.clone()));
        let kernel_path = kernel_path.expect("either was found");
        let file = File::open(&kernel_path).map(Arc::new).map_err(Error::io(&kernel_path, "open it"))?;
        let loading = memory.map(|memory| load(file.clone(), memory));
        let hash = Hash::of(&file);
        let kernel = KernelImage::of_file(&file);
        let kernel = kernel.map_err(|source| Error::Kernel { path: kernel_path.clone(), source })?;
        let version = release_of(&kernel.banner);
        let artifacts =
            artifacts.map(|a| if own || a.kernel == version { a } else { same_release(a, &version) });
        let prepared = artifacts.as_ref().filter(|a| tree.is_none() && a.kernel == version);
        let compiled = tree.as_ref().and_then(|t| t.offsets.clone());
        let headers = compiled.or_else(|| prepared.and_then(|a| a.read_offsets().ok()));
        let (offsets, structures) = layout(&file, headers.as_ref())?;
        let modules = prepared.map(|a| ModuleTree::scan(&a.modules_dir)).transpose()?.unwrap_or_default();
        let (modules, driver) = tree.map_or((modules, None), |t| (t.modules, Some(t.cxlflash)));
        let sha256 = hash.get().map_err(Error::io(&kernel_path, "read it"))?;
        Ok(Guest {
            driver,
            vermagic: kernel.text("vermagic"),
            offsets,
            base: args.initrd.as_ref().map(|p| read_initrd(p)).transpose()?,
            initrd: args.initrd.clone(),
            given: args.module.clone(),
            modules,
            artifacts,
            report: KernelReport { version, sha256, structures },
            kernel,
            kernel_path,
            made: Mutex::default(),
            loading: Mutex::new(loading),
        })
    }

    /// Memory of so many bytes with the kernel in it: once, and if it was to be made.
    pub fn take_memory(&self, memory: u64) -> Option<Loaded> {
        let loading = self.loading.lock().expect("nobody panics with the lock held").take()?;
        loading.join().expect("loading does not panic").filter(|loaded| loaded.memory() == memory)
    }
    /// The file of a driver named on the command line.
    pub fn driver(&self, name: &str) -> Result<PathBuf, Error> {
        if let Some(own) = &self.driver {
            let path = if name == "stock" { own.clone() } else { PathBuf::from(name) };
            if path.is_file() {
                return Ok(path);
            }
            let text = format!(
                "{name}: no such driver file (with --kbuild, `stock` names the tree's own cxlflash.ko)"
            );
            return Err(Error::Environment(text));
        }
        let prepared = |a: &Artifacts| match name {
            "stock" => Some(a.cxlflash_stock.path.clone()),
            "pre-fix" => Some(a.cxlflash_prefix.path.clone()),
            "pristine" => Some(a.cxlflash_pristine.path.clone()),
            _ => None,
        };
        if let Some(path) = self.artifacts.as_ref().and_then(prepared) {
            return Ok(path);
        }
        let path = PathBuf::from(name);
        if path.is_file() {
            return Ok(path);
        }
        if matches!(name, "stock" | "pre-fix" | "pristine") {
            let text = format!(
                "driver `{name}` is not prepared; run `cargo xtask guest`, or give a file: --driver FILE.ko"
            );
            return Err(Error::Environment(text));
        }
        Err(Error::Environment(format!("{name}: no such driver file (names: stock, pre-fix, pristine)")))
    }

    /// What to call a driver in reports, and its hash.
    pub fn driver_name(&self, path: &Path) -> Result<(String, String), Error> {
        let (sha256, _) = hash_file(path)?;
        let known = self.artifacts.as_ref().and_then(|a| {
            let list = [
                (&a.cxlflash_stock, "stock"),
                (&a.cxlflash_prefix, "pre-fix"),
                (&a.cxlflash_pristine, "pristine"),
            ];
            list.iter().find(|(file, _)| file.sha256 == sha256).map(|(_, name)| (*name).to_owned())
        });
        let own = || self.driver.as_ref().filter(|own| *own == path).map(|_| "stock".to_owned());
        let name = known.or_else(own).unwrap_or_else(|| file_name(path, &sha256));
        Ok((name, sha256))
    }

    /// The user's own image, if there is one and no module to add to it.
    pub fn whole(&self) -> Option<Image> {
        let alone = self.base.as_ref().filter(|_| self.given.is_empty());
        alone.map(|initrd| Image { initrd: initrd.clone(), symbols: vec![] })
    }

    /// The image for a scenario with `driver` in it. It is asked for several times on the way to a run.
    pub fn image(&self, scenario: &Scenario, driver: Option<&Path>, mode: Mode) -> Result<Arc<Image>, Error> {
        let wanted = format!("{driver:?} {mode:?} {:?}", scenario.guest);
        let known = |made: &Made| made.iter().find(|(of, _)| *of == wanted).map(|(_, image)| image.clone());
        if let Some(image) = known(&self.made.lock().expect("nobody panics with the lock held")) {
            return Ok(image);
        }
        let image = Arc::new(self.make_image(scenario, driver, mode)?);
        let mut made = self.made.lock().expect("nobody panics with the lock held");
        if made.len() == MADE {
            made.remove(0);
        }
        made.push((wanted, image.clone()));
        Ok(image)
    }
    fn make_image(&self, scenario: &Scenario, driver: Option<&Path>, mode: Mode) -> Result<Image, Error> {
        let mut given = self.given.clone();
        given.extend(driver.map(Path::to_owned));
        let wanted: Vec<&str> = scenario.guest.modules.iter().map(String::as_str).collect();
        let modules = if self.base.is_some() && given.is_empty() && wanted.is_empty() {
            vec![]
        } else {
            self.modules.resolve(&wanted, &given)?
        };
        if let Some(vermagic) = &self.vermagic {
            modules.iter().try_for_each(|m| initramfs::check_vermagic(m, vermagic))?;
        }
        let symbols = modules.iter().map(|m| ModuleSymbols::read(&m.name, &m.image)).collect();
        let config = config(scenario, &modules, mode);
        Ok(Image { initrd: self.compose(&modules, &config, has_shell(scenario, mode))?, symbols })
    }

    fn compose(&self, modules: &[Module], config: &str, shell: bool) -> Result<Vec<u8>, Error> {
        if let Some(base) = &self.base {
            // The kernel unpacks archives one after the other; later entries win.
            let mut all = base.clone();
            all.resize(all.len().next_multiple_of(512), 0);
            all.extend(initramfs::compose(&Contents { modules, config, ..Contents::default() })?);
            return Ok(all);
        }
        let Some(a) = &self.artifacts else {
            let text = "no guest programs are prepared; run `cargo xtask guest`, or give --initrd with our init in it";
            return Err(Error::Environment(text.into()));
        };
        let program = |name: &str| a.programs.get(name).map(|p| p.file.path.as_path());
        let Some(init) = program("init") else {
            return Err(Error::Environment(
                "the guest's init is not prepared; run `cargo xtask guest`".into(),
            ));
        };
        let names = ["actor", "blockcheck", "cardcheck", "superpipe", "bench"];
        let programs = names.into_iter().filter_map(|n| Some((n, program(n)?))).collect();
        let busybox = shell.then_some(a.busybox.path.as_path());
        Ok(initramfs::compose(&Contents {
            init: Some(init),
            programs,
            modules,
            busybox,
            config,
            files: vec![],
        })?)
    }
}

/// What a driver is called that nobody has named: as its file, and every
/// build's file is called `cxlflash.ko`.
fn file_name(path: &Path, sha256: &str) -> String {
    let stem = path.file_stem().map_or_else(|| "driver".into(), |s| s.to_string_lossy());
    if stem == "cxlflash" { format!("cxlflash-{}", &sha256[..8]) } else { stem.into_owned() }
}

fn missing_kernel(name: &str) -> Error {
    Error::Environment(format!(
        "{name}: neither a kernel file nor a prepared release (`capisim list kernels`)"
    ))
}

fn read_initrd(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io(path, "read it"))
}

/// What is prepared for this release, if that is; else what is there, for its programs.
fn same_release(found: Artifacts, release: &str) -> Artifacts {
    let all = cache_dir().map(|cache| Artifacts::all(&cache)).unwrap_or_default();
    all.into_iter().find(|a| a.kernel == release).unwrap_or(found)
}

/// The layout of a kernel's structures, and where it is known from: its own
/// BTF, what that leaves open from its headers; without BTF the headers.
fn layout(kernel: &File, headers: Option<&Offsets>) -> Result<(GuestOffsets, String), Error> {
    let from_headers = |key: &str| headers.and_then(|o| o.get(key).ok());
    let btf = Btf::of_elf(&ReadCache::new(kernel), None)
        .map_err(|e| Error::Environment(format!("the kernel's .BTF section: {e}")))?;
    Ok(match (btf, headers) {
        (Some(btf), _) => {
            let get = |key: &str| offsets::from_btf(&btf, key).or_else(|| from_headers(key));
            (GuestOffsets::lookup(get), "BTF".into())
        }
        (None, Some(_)) => (GuestOffsets::lookup(from_headers), "headers".into()),
        (None, None) => (GuestOffsets::default(), "nowhere".into()),
    })
}

/// `6.1.0-50-powerpc64le` of `Linux version 6.1.0-50-powerpc64le (…`.
fn release_of(banner: &str) -> String {
    banner.split_whitespace().nth(2).unwrap_or("unknown").to_owned()
}

/// Whether the guest gets busybox and a shell on its console.
fn has_shell(scenario: &Scenario, mode: Mode) -> bool {
    mode == Mode::Shell || scenario.guest.shell
}

/// `/etc/capisim.conf`, docs/guest-protocol.md section 1.
fn config(scenario: &Scenario, modules: &[Module], mode: Mode) -> String {
    let mode = if has_shell(scenario, mode) { "shell" } else { "run" };
    let mut text = format!("mode {mode}\nhelper /dev/hvc1\n");
    for module in modules {
        text.push_str(&format!("module {}.ko\n", module.name));
    }
    if scenario.guest.disks > 0 {
        text.push_str(&format!("disks {} {}\n", scenario.guest.disks, scenario.guest.wait_secs));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_of_one_file_name_have_names_of_their_own() {
        let name = |path: &str, hash: &str| file_name(Path::new(path), hash);
        assert_eq!(name("a/cxlflash.ko", "0123456789ab"), "cxlflash-01234567");
        assert_ne!(name("a/cxlflash.ko", "0123456789ab"), name("b/cxlflash.ko", "f123456789ab"));
        assert_eq!(name("old-build.ko", "0123456789ab"), "old-build");
    }
}
