//! `cargo xtask guest`: everything the guest is made of, from the distribution's own archive into a cache of the user.
//!
//! No root, nothing installed, no network on a second run. What is fetched is in [`units`], what is built in [`build`] and
//! [`programs`]; the result is the manifest that `capisim::artifacts` reads.

mod apt;
mod build;
mod command;
mod compare;
mod error;
mod loader;
mod programs;
mod progress;
mod sources;
mod store;
mod transform;
mod units;
mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use capisim::artifacts::{Artifact, Artifacts, SCHEMA, cache_dir};
use capisim::initramfs::{Module, check_vermagic, kernel_vermagic};
use clap::ValueEnum;

pub use error::{GuestError, Result};

use apt::Apt;
use build::Inputs;
use store::{Store, plain};
use units::{Units, find, missing};
use version::{KernelName, choose_kernel};

/// Version of what is built and how: another number makes every cache build anew.
const RECIPE: u32 = 2;

/// The suite whose kernel is the project's default.
const DEFAULT_SUITE: &str = "bookworm";

/// What the user asks for.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask guest\n  cargo xtask guest --list\n  \
                        cargo xtask guest --suite bookworm-backports\n  cargo xtask guest --kernel-version 6.1.0-47")]
pub struct Args {
    /// Suite of the distribution to take the packages from
    #[arg(long, default_value = DEFAULT_SUITE)]
    pub suite: String,
    /// Address of the mirror [default: the host's own apt sources]
    #[arg(long, env = "CAPISIM_MIRROR")]
    pub mirror: Option<String>,
    /// Keyring that signs the mirror's index [default: the host's own]
    #[arg(long, env = "CAPISIM_KEYRING")]
    pub keyring: Option<PathBuf>,
    /// Kernel release or the beginning of one [default: the newest]
    #[arg(long)]
    pub kernel_version: Option<String>,
    /// Fetch nothing
    #[arg(long, conflicts_with = "force")]
    pub offline: bool,
    /// Read the index anew and prepare everything again
    #[arg(long)]
    pub force: bool,
    /// Also fetch QEMU for whole machines, as a second opinion on the kernel's behaviour
    #[arg(long)]
    pub with_qemu_system: bool,
    /// Only list what is in the cache
    #[arg(long)]
    pub list: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            suite: DEFAULT_SUITE.to_owned(),
            mirror: None,
            keyring: None,
            kernel_version: None,
            offline: false,
            force: false,
            with_qemu_system: false,
            list: false,
            format: Format::Human,
        }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Human,
    /// One JSON document
    Json,
}

/// The task: prepares, then prints what there is.
pub fn run(args: &Args) -> Result<()> {
    let found = if args.list { Artifacts::all(&cache_dir()?) } else { vec![ensure(args)?] };
    match args.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&found).expect("a manifest has a form in JSON");
            println!("{text}");
        }
        Format::Human if found.is_empty() => println!("nothing is prepared; run `cargo xtask guest`"),
        Format::Human => found.iter().for_each(print),
    }
    Ok(())
}

fn print(artifacts: &Artifacts) {
    println!("kernel {} ({})", artifacts.kernel, artifacts.suite);
    for (name, file) in artifacts.files() {
        println!("  {name:18} {} {:>9}  {}", &file.sha256[..12], file.bytes, file.path.display());
    }
    for (name, folder) in [
        ("modules", &artifacts.modules_dir),
        ("headers", &artifacts.headers_dir),
        ("tools", &artifacts.tools_dir),
    ] {
        println!("  {name:18} {:12} {:>9}  {}", "", "", folder.display());
    }
}

/// The artifacts `args` asks for, prepared now if they are not there or not what they were.
pub fn ensure(args: &Args) -> Result<Artifacts> {
    let cache = cache_dir()?;
    if !args.force
        && let Some(known) = known(&cache, args)
        && known.verify().is_ok()
        && programs::are_current(&firmware(), &known)?
    {
        return Ok(known);
    }
    let store = Store::open(&cache, args.offline)?;
    if !args.force
        && let Some(known) = known(&cache, args)
    {
        if let Err(reason) = known.verify() {
            if args.offline {
                return Err(reason.into());
            }
            discard_changed(&store, &known)?;
        } else {
            return compile_programs(&store, args, known);
        }
    }
    let artifacts = prepare(&store, args)?;
    store.drop_downloads()?;
    compile_programs(&store, args, artifacts)
}

/// The manifest in the cache that answers `args`, if it is of this recipe.
fn known(cache: &Path, args: &Args) -> Option<Artifacts> {
    let mut all = Artifacts::all(cache);
    all.retain(|found| found.recipe == RECIPE && found.suite == args.suite);
    all.retain(|found| !args.with_qemu_system || found.qemu_system.is_some());
    let names: Vec<String> = all.iter().map(|found| format!("linux-image-{}", found.kernel)).collect();
    let chosen = choose_kernel(names.iter().map(String::as_str), args.kernel_version.as_deref())?;
    all.into_iter().find(|found| found.kernel == chosen.release)
}

/// Removes the folders in which a file is not what it was, so that they are made again.
fn discard_changed(store: &Store, known: &Artifacts) -> Result<()> {
    let mut changed = BTreeMap::new();
    for (_, file) in known.files() {
        if let Err(reason) = file.verify() {
            let relative = file.path.strip_prefix(&store.root).unwrap_or(&file.path);
            let unit: PathBuf = relative.components().take(2).collect();
            changed.entry(unit).or_insert(reason);
        }
    }
    for (unit, reason) in changed {
        store.progress.step(&format!("repairing: {reason}"));
        store.discard(&unit.to_string_lossy())?;
    }
    Ok(())
}

/// Compiles the guest's programs and writes the manifest that has them.
fn compile_programs(store: &Store, args: &Args, mut artifacts: Artifacts) -> Result<Artifacts> {
    let (programs, failure) = programs::compile_all(store, &firmware(), &artifacts)?;
    artifacts.programs = programs;
    save(&artifacts, store, args)?;
    failure.map_or(Ok(artifacts), Err)
}

fn save(artifacts: &Artifacts, store: &Store, args: &Args) -> Result<()> {
    let usual = args.kernel_version.is_none() && args.suite == DEFAULT_SUITE;
    let first = Artifacts::load(&store.root, None).is_err();
    Ok(artifacts.save(&store.root, usual || first)?)
}

/// Fetches, unpacks and builds all but the programs.
fn prepare(store: &Store, args: &Args) -> Result<Artifacts> {
    check_host()?;
    let source =
        sources::find(&args.suite, args.mirror.as_deref(), args.keyring.as_deref(), Path::new("/etc/apt"))?;
    let host = command::run(Command::new("dpkg").arg("--print-architecture"))?;
    let tools = Apt::new(&store.root, &args.suite, host.trim(), &source)?;
    let guest = Apt::new(&store.root, &args.suite, "ppc64el", &source)?;
    for apt in [&tools, &guest] {
        if args.force || !apt.has_index() {
            if args.offline {
                return Err(GuestError::Offline { what: "the package index".into() });
            }
            store.progress.step("reading the package index");
            apt.update()?;
        }
    }
    let names = guest.names("linux-image-")?;
    let kernel = choose_kernel(names.iter().map(String::as_str), args.kernel_version.as_deref());
    let kernel = kernel.ok_or_else(|| GuestError::NoPackage {
        suite: args.suite.clone(),
        package: format!("linux-image-{}*-powerpc64le", args.kernel_version.as_deref().unwrap_or_default()),
        architecture: "ppc64el".into(),
        cure: "choose another --suite or --kernel-version; --force reads the index anew",
    })?;
    store.progress.step(&format!("kernel {}", kernel.release));
    let units = Units::plan(&tools, &guest, &kernel, args.with_qemu_system)?;
    if args.force {
        units.all().iter().try_for_each(|unit| store.discard(&unit.folder))?;
        store.discard("programs")?;
    }
    store.download(&units.all())?;
    [&tools, &guest].iter().try_for_each(|apt| apt.drop_caches())?;
    assemble(store, args, &kernel, &units)
}

/// Unpacks the units, builds from them, and describes the result.
fn assemble(store: &Store, args: &Args, kernel: &KernelName, units: &Units<'_>) -> Result<Artifacts> {
    let at = store.unpack(&units.kernel, units::finish_kernel)?;
    let toolchain = store.unpack(&units.toolchain, |half| units::finish_toolchain(half, &units.compiler))?;
    let busybox = store.unpack(&units.busybox, |_| Ok(()))?;
    let source = store.unpack(&units.source, |half| units::finish_source(store, half))?;
    let qemu_user = store.unpack(&units.qemu_user, units::finish_qemu_user)?;
    let qemu_system = units.qemu_system.as_ref().map(|unit| store.unpack(unit, units::finish_qemu_system));
    let qemu_system = qemu_system.transpose()?;

    let modules_dir = modules_dir(&at, &kernel.release)?;
    let headers_dir = at.join(format!("usr/src/linux-headers-{}", kernel.release));
    let tools_dir = toolchain.join("bin");
    let vmlinux = at.join(format!("boot/vmlinux-{}", kernel.release));
    let [cxl, stock] = ["cxl.ko", "cxlflash.ko"].map(|name| {
        find(&modules_dir, |file| file == name || file.strip_suffix(".xz") == Some(name))?
            .ok_or_else(|| missing(&format!("linux-image-{}", kernel.release), name))
    });
    let (cxl, stock) = (cxl?, stock?);
    let inputs = Inputs {
        release: &kernel.release,
        headers: &headers_dir,
        tools: &tools_dir,
        source: &source,
        stock: &stock,
    };
    let folder = driver_folder(kernel, units);
    if args.force {
        store.discard(&folder)?;
    }
    let built = build::build(store, &folder, &inputs)?;
    let magic = kernel_vermagic(&vmlinux)?;
    for path in [&stock, &built.pristine, &built.prefix, &cxl] {
        check_vermagic(&Module::read(path)?, &magic)?;
    }

    let origin = |name: &str, unit: &store::Unit<'_>| describe(name, unit);
    let image = origin("linux-image-", &units.kernel);
    let artifact = |path: PathBuf, origin: &str| Artifact::of(path, origin);
    let optional =
        |folder: Option<&PathBuf>, fits: &dyn Fn(&str) -> bool, origin: &str| -> Result<Option<Artifact>> {
            let found = folder.map(|folder| find(folder, fits)).transpose()?.flatten();
            Ok(found.map(|path| Artifact::of(path, origin)).transpose()?)
        };
    let user = origin("qemu-user", &units.qemu_user);
    let system = units.qemu_system.as_ref().map_or(String::new(), |unit| origin("qemu-system-ppc", unit));
    let wrappers = qemu_system.as_ref().map(|folder| folder.join("bin"));
    let gcc = format!("usr/bin/{}gcc-{}", units::CROSS, units.compiler);
    let built_from = format!("built from {}", origin("linux-source-", &units.source));
    Ok(Artifacts {
        schema: SCHEMA,
        recipe: RECIPE,
        suite: args.suite.clone(),
        kernel: kernel.release.clone(),
        modules_dir,
        headers_dir,
        tools_dir,
        uapi_dir: at.join("uapi"),
        vmlinux: artifact(vmlinux, &image)?,
        config: artifact(at.join(format!("boot/config-{}", kernel.release)), &image)?,
        cxl: artifact(cxl, &image)?,
        cxlflash_stock: artifact(stock, &image)?,
        cxlflash_pristine: artifact(built.pristine, &built_from)?,
        cxlflash_prefix: artifact(built.prefix, &format!("{built_from}, lock interruptible"))?,
        offsets: artifact(built.offsets, &format!("built from {}", origin("linux-headers-", &units.kernel)))?,
        busybox: artifact(busybox_path(&busybox)?, &origin("busybox", &units.busybox))?,
        cross_gcc: artifact(toolchain.join(gcc), &origin("gcc-", &units.toolchain))?,
        qemu_user: optional(Some(&qemu_user), &|name| name.starts_with("qemu-ppc64le"), &user)?,
        qemu_system: optional(wrappers.as_ref(), &|name| name == "qemu-system-ppc64", &system)?,
        skiboot: optional(qemu_system.as_ref(), &|name| name == "skiboot.lid", &system)?,
        programs: Default::default(),
        packages: units.all().iter().flat_map(|unit| unit.ids()).collect(),
    })
}

/// Everything that decides the builds: kernel, source, compiler and recipe.
fn driver_folder(kernel: &KernelName, units: &Units<'_>) -> String {
    let inputs = [units.kernel.ids(), units.source.ids(), units.toolchain.ids()].concat();
    let version = units.kernel.ids().first().map_or(String::new(), |id| plain(&id.version));
    format!("drivers/{}_{version}_{}_r{RECIPE}", kernel.release, store::key_of(&inputs))
}

fn describe(prefix: &str, unit: &store::Unit<'_>) -> String {
    let id = unit.ids().into_iter().find(|id| id.name.starts_with(prefix));
    id.map_or(prefix.to_owned(), |id| format!("{} {} {}", id.name, id.version, id.architecture))
}

fn modules_dir(at: &Path, release: &str) -> Result<PathBuf> {
    let places = ["lib/modules", "usr/lib/modules"].map(|base| at.join(base).join(release).join("kernel"));
    let found = places.into_iter().find(|path| path.is_dir());
    found.ok_or_else(|| missing(&format!("linux-image-{release}"), "lib/modules"))
}

fn busybox_path(at: &Path) -> Result<PathBuf> {
    let path =
        ["usr/bin/busybox", "bin/busybox"].map(|name| at.join(name)).into_iter().find(|path| path.is_file());
    path.ok_or_else(|| missing("busybox-static", "bin/busybox"))
}

/// The folder of the guest's programs in this repository.
fn firmware() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).join("firmware")
}

/// Names the first program that is missing, with its cure.
fn check_host() -> Result<()> {
    let from_apt = "this needs a host with apt (Debian or a derivative, or such a container)";
    let needed = [
        ("apt-get", from_apt),
        ("apt-cache", from_apt),
        ("apt-config", from_apt),
        ("dpkg-deb", from_apt),
        ("make", "install the package `make`"),
        ("tar", "install the package `tar`"),
        ("xz", "install the package `xz-utils`"),
    ];
    for (program, cure) in needed {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(GuestError::NoProgram { program: program.to_owned(), cure });
        }
    }
    Ok(())
}
