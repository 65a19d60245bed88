//! `cargo xtask guest`: everything the guest is made of, from the distribution's own archive into a cache of the user.
//!
//! No root, nothing installed, no network on a second run. What is fetched is in [`units`], what is built in [`build`] and
//! [`programs`]; the result is the manifest that `capisim::artifacts` reads.

mod apt;
mod assemble;
mod build;
pub mod clients;
mod command;
mod compare;
mod error;
mod loader;
pub mod mutate;
mod programs;
mod progress;
mod sources;
mod store;
mod transform;
mod units;
mod version;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use capisim::artifacts::{Artifacts, cache_dir};
use clap::ValueEnum;

pub use error::{GuestError, Result};

use apt::Apt;
use store::Store;
use units::Units;
use version::choose_kernel;

/// Version of what is built and how: another number makes every cache build anew.
const RECIPE: u32 = 3;

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
    /// Also fetch the programs that `cargo xtask clients` runs in the guest
    #[arg(long)]
    pub with_clients: bool,
    /// Only list what is in the cache
    #[arg(long)]
    pub list: bool,
    /// Only compile the structure offsets of a kernel build tree of one's own, which `capisim --kbuild` then takes from it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["list", "force"])]
    pub offsets: Option<PathBuf>,
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
            with_clients: false,
            list: false,
            offsets: None,
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
    if let Some(tree) = &args.offsets {
        let _ = writeln!(std::io::stdout(), "{}", build::offsets_of_tree(tree)?.display());
        return Ok(());
    }
    let found = if args.list { Artifacts::all(&cache_dir()?) } else { vec![ensure(args)?] };
    let text = match args.format {
        Format::Json => serde_json::to_string_pretty(&found).expect("a manifest has a form in JSON"),
        Format::Human if found.is_empty() => "nothing is prepared; run `cargo xtask guest`".to_owned(),
        Format::Human => found.iter().map(describe).collect::<Vec<_>>().join("\n"),
    };
    // A reader that closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

fn describe(artifacts: &Artifacts) -> String {
    let mut lines = vec![format!("kernel {} ({})", artifacts.kernel, artifacts.suite)];
    for (name, file) in artifacts.files() {
        let (hash, bytes, path) = (&file.sha256[..12], file.bytes, file.path.display());
        lines.push(format!("  {name:18} {hash} {bytes:>9}  {path}"));
    }
    let folders = [&artifacts.modules_dir, &artifacts.headers_dir, &artifacts.tools_dir, &artifacts.uapi_dir];
    for (name, folder) in ["modules", "headers", "tools", "uapi"].into_iter().zip(folders) {
        lines.push(format!("  {name:18} {:22}  {}", "", folder.display()));
    }
    lines.join("\n")
}

/// Says what went wrong with the artifacts; the exit code for it.
pub fn failed(error: GuestError) -> ExitCode {
    let code = error.exit_code();
    eprintln!("{:?}", miette::Report::new(error));
    ExitCode::from(code)
}

/// As [`ensure`], with what went wrong as a text.
pub fn prepared(args: &Args) -> std::result::Result<Artifacts, String> {
    ensure(args).map_err(|error| format!("{:?}", miette::Report::new(error)))
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
    let artifacts = prepare(&store, &args.with_what_there_is(&cache))?;
    store.drop_downloads()?;
    compile_programs(&store, args, artifacts)
}

impl Args {
    /// Also everything optional that is in the cache: a manifest made anew must not lose what others prepared.
    fn with_what_there_is(&self, cache: &Path) -> Self {
        let bare = Self { with_qemu_system: false, with_clients: false, ..self.clone() };
        let found = known(cache, &bare);
        let has = |part: fn(&Artifacts) -> bool| found.as_ref().is_some_and(part);
        Self {
            with_qemu_system: self.with_qemu_system || has(|found| found.qemu_system.is_some()),
            with_clients: self.with_clients || has(|found| found.clients_dir.is_some()),
            ..self.clone()
        }
    }
}

/// The manifest in the cache that answers `args`, if it is of this recipe.
fn known(cache: &Path, args: &Args) -> Option<Artifacts> {
    let mut all = Artifacts::all(cache);
    all.retain(|found| found.recipe == RECIPE && found.suite == args.suite);
    all.retain(|found| !args.with_qemu_system || found.qemu_system.is_some());
    all.retain(|found| !args.with_clients || found.clients_dir.as_ref().is_some_and(|dir| dir.is_dir()));
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
    let units = Units::plan(&tools, &guest, &kernel, args)?;
    if args.force {
        units.all().iter().try_for_each(|unit| store.discard(&unit.folder))?;
        store.discard("programs")?;
    }
    store.download(&units.all())?;
    [&tools, &guest].iter().try_for_each(|apt| apt.drop_caches())?;
    assemble::assemble(store, args, &kernel, &units)
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
