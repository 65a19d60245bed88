//! From packages to artifacts: unpacks the units, builds from them, and describes the result.

use std::path::{Path, PathBuf};

use capisim::artifacts::{Artifact, Artifacts, SCHEMA};
use capisim::initramfs::{Module, check_vermagic, kernel_vermagic};

use super::build::{self, Built, Inputs};
use super::clients;
use super::error::Result;
use super::store::{Store, Unit, key_of, plain};
use super::units::{self, CROSS, Units, find, missing};
use super::version::KernelName;
use super::{Args, RECIPE};

/// Where the units were unpacked.
struct Places {
    kernel: PathBuf,
    toolchain: PathBuf,
    source: PathBuf,
    busybox: PathBuf,
    qemu_user: PathBuf,
    qemu_system: Option<PathBuf>,
    clients: Option<PathBuf>,
}

/// The files of the kernel that others need.
struct Kernel {
    vmlinux: PathBuf,
    modules_dir: PathBuf,
    headers_dir: PathBuf,
    cxl: PathBuf,
    cxlflash: PathBuf,
}

/// Everything but the guest's programs.
pub fn assemble(store: &Store, args: &Args, kernel: &KernelName, units: &Units<'_>) -> Result<Artifacts> {
    let places = unpack(store, units)?;
    let files = kernel_files(&places.kernel, &kernel.release)?;
    let folder = driver_folder(kernel, units);
    if args.force {
        store.discard(&folder)?;
    }
    let inputs = Inputs {
        release: &kernel.release,
        headers: &files.headers_dir,
        tools: &places.toolchain.join("bin"),
        source: &places.source,
        stock: &files.cxlflash,
    };
    let built = build::build(store, &folder, &inputs)?;
    let magic = kernel_vermagic(&files.vmlinux)?;
    for path in [&files.cxl, &files.cxlflash, &built.pristine, &built.prefix] {
        check_vermagic(&Module::read(path)?, &magic)?;
    }
    describe(args, kernel, units, places, files, built)
}

fn unpack(store: &Store, units: &Units<'_>) -> Result<Places> {
    let system = units.qemu_system.as_ref().map(|unit| store.unpack(unit, units::finish_qemu_system));
    let clients = units.clients.as_ref().map(|unit| store.unpack(unit, clients::finish));
    Ok(Places {
        kernel: store.unpack(&units.kernel, units::finish_kernel)?,
        toolchain: store.unpack(&units.toolchain, |half| units::finish_toolchain(half, &units.compiler))?,
        source: store.unpack(&units.source, |half| units::finish_source(store, half))?,
        busybox: store.unpack(&units.busybox, |_| Ok(()))?,
        qemu_user: store.unpack(&units.qemu_user, units::finish_qemu_user)?,
        qemu_system: system.transpose()?,
        clients: clients.transpose()?,
    })
}

fn kernel_files(at: &Path, release: &str) -> Result<Kernel> {
    let package = format!("linux-image-{release}");
    let places = ["lib/modules", "usr/lib/modules"].map(|base| at.join(base).join(release).join("kernel"));
    let modules_dir = places.into_iter().find(|path| path.is_dir());
    let modules_dir = modules_dir.ok_or_else(|| missing(&package, "lib/modules"))?;
    let module = |name: &str| {
        let fits = |file: &str| file == name || file.strip_suffix(".xz") == Some(name);
        find(&modules_dir, fits)?.ok_or_else(|| missing(&package, name))
    };
    Ok(Kernel {
        vmlinux: at.join(format!("boot/vmlinux-{release}")),
        headers_dir: at.join(format!("usr/src/linux-headers-{release}")),
        cxl: module("cxl.ko")?,
        cxlflash: module("cxlflash.ko")?,
        modules_dir,
    })
}

/// Everything that decides the builds: kernel, source, compiler and recipe.
fn driver_folder(kernel: &KernelName, units: &Units<'_>) -> String {
    let inputs = [units.kernel.ids(), units.source.ids(), units.toolchain.ids()].concat();
    let version = units.kernel.ids().first().map_or(String::new(), |id| plain(&id.version));
    format!("drivers/{}_{version}_{}_r{RECIPE}", kernel.release, key_of(&inputs))
}

fn describe(
    args: &Args,
    kernel: &KernelName,
    units: &Units<'_>,
    places: Places,
    files: Kernel,
    built: Built,
) -> Result<Artifacts> {
    let image = origin("linux-image-", &units.kernel);
    let system = units.qemu_system.as_ref().map_or(String::new(), |unit| origin("qemu-system-ppc", unit));
    let source = format!("built from {}", origin("linux-source-", &units.source));
    let headers = format!("built from {}", origin("linux-headers-", &units.kernel));
    let artifact = |path: PathBuf, origin: &str| Artifact::of(path, origin);
    let gcc = places.toolchain.join(format!("usr/bin/{CROSS}gcc-{}", units.compiler));
    let wrappers = places.qemu_system.as_ref().map(|folder| folder.join("bin"));
    let user = origin("qemu-user", &units.qemu_user);
    Ok(Artifacts {
        schema: SCHEMA,
        recipe: RECIPE,
        suite: args.suite.clone(),
        kernel: kernel.release.clone(),
        modules_dir: files.modules_dir,
        headers_dir: files.headers_dir,
        tools_dir: places.toolchain.join("bin"),
        uapi_dir: places.kernel.join("uapi"),
        clients_dir: places.clients,
        vmlinux: artifact(files.vmlinux, &image)?,
        config: artifact(places.kernel.join(format!("boot/config-{}", kernel.release)), &image)?,
        cxl: artifact(files.cxl, &image)?,
        cxlflash_stock: artifact(files.cxlflash, &image)?,
        cxlflash_pristine: artifact(built.pristine, &source)?,
        cxlflash_prefix: artifact(built.prefix, &format!("{source}, lock interruptible"))?,
        offsets: artifact(built.offsets, &headers)?,
        busybox: artifact(busybox_path(&places.busybox)?, &origin("busybox", &units.busybox))?,
        cross_gcc: artifact(gcc, &origin("gcc-", &units.toolchain))?,
        qemu_user: optional(Some(&places.qemu_user), |name| name.starts_with("qemu-ppc64le"), &user)?,
        qemu_system: optional(wrappers.as_deref(), |name| name == "qemu-system-ppc64", &system)?,
        skiboot: optional(places.qemu_system.as_deref(), |name| name == "skiboot.lid", &system)?,
        programs: Default::default(),
        packages: units.all().iter().flat_map(|unit| unit.ids()).collect(),
    })
}

/// The package whose name begins with `prefix`, as an artifact's origin.
fn origin(prefix: &str, unit: &Unit<'_>) -> String {
    let id = unit.ids().into_iter().find(|id| id.name.starts_with(prefix));
    id.map_or(prefix.to_owned(), |id| format!("{} {} {}", id.name, id.version, id.architecture))
}

fn optional(folder: Option<&Path>, fits: impl Fn(&str) -> bool, origin: &str) -> Result<Option<Artifact>> {
    let path = folder.map(|folder| find(folder, fits)).transpose()?.flatten();
    Ok(path.map(|path| Artifact::of(path, origin)).transpose()?)
}

fn busybox_path(at: &Path) -> Result<PathBuf> {
    let path =
        ["usr/bin/busybox", "bin/busybox"].map(|name| at.join(name)).into_iter().find(|path| path.is_file());
    path.ok_or_else(|| missing("busybox-static", "bin/busybox"))
}
