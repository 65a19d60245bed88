//! What is fetched: which packages make up the kernel, the toolchain, the source, busybox, QEMU, and how each is finished.
//!
//! A unit's folder is named by its packages. Whoever changes how a unit is finished changes [`LAYOUT`] too, so that a cache made
//! before is not taken for one made now.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Args;
use super::apt::{Apt, Package};
use super::clients;
use super::command;
use super::error::{GuestError, Result};
use super::loader::{is_private, newer_libraries, start_through_loader};
use super::store::{Store, Unit, key_of, plain, remove};
use super::version::KernelName;

pub const OTHER_SUITE: &str = "choose another --suite or --kernel-version; --force reads the index anew";

/// Part of every host that has apt; the private copies would only come in the way of the host's own.
const OF_THE_HOST: [&str; 8] =
    ["libc6", "libgcc-s1", "libstdc++6", "debconf", "dpkg", "install-info", "perl", "init-system-helpers"];

/// Version of the way units are finished; ends the name of every unit's folder.
pub const LAYOUT: &str = "";

/// The prefix of the cross tools.
pub const CROSS: &str = "powerpc64le-linux-gnu-";

/// All units of one kernel.
pub struct Units<'a> {
    /// Kernel, modules, headers, interface for programs.
    pub kernel: Unit<'a>,
    /// Cross compiler and C library for guest programs.
    pub toolchain: Unit<'a>,
    /// Source of the driver.
    pub source: Unit<'a>,
    /// Static busybox.
    pub busybox: Unit<'a>,
    /// QEMU for programs.
    pub qemu_user: Unit<'a>,
    /// QEMU for machines.
    pub qemu_system: Option<Unit<'a>>,
    /// Programs that use disks.
    pub clients: Option<Unit<'a>>,
    /// Major version of the compiler.
    pub compiler: String,
}

impl<'a> Units<'a> {
    /// Looks everything up in the index.
    pub fn plan(tools: &'a Apt, guest: &'a Apt, kernel: &KernelName, args: &Args) -> Result<Self> {
        let image = guest.one(&format!("linux-image-{}", kernel.release), OTHER_SUITE)?;
        let headers = guest.one(&format!("linux-headers-{}", kernel.release), OTHER_SUITE)?;
        let needs = |prefix: &str| headers.depends.iter().find(|name| name.starts_with(prefix)).cloned();
        let common =
            needs("linux-headers-").unwrap_or_else(|| format!("linux-headers-{}-common", kernel.abi));
        let common = guest.one(&common, OTHER_SUITE)?;
        let kbuild = needs("linux-kbuild-").unwrap_or_else(|| format!("linux-kbuild-{}", kernel.series()));
        let kbuild = tools.one(&kbuild, OTHER_SUITE)?;
        let interface = guest.one("linux-libc-dev", OTHER_SUITE)?;
        let compiler =
            needs("gcc-").and_then(|name| name.split('-').nth(1).map(str::to_owned)).unwrap_or("12".into());
        let source = tools.one(&format!("linux-source-{}", kernel.series()), OTHER_SUITE)?;
        let busybox = guest.one("busybox-static", OTHER_SUITE)?;
        let gcc = format!("gcc-{compiler}-powerpc64le-linux-gnu");
        let libraries = newer_libraries(tools)?;
        let mut toolchain = tools.closure(&[gcc], &OF_THE_HOST)?;
        toolchain.extend(libraries.iter().cloned());
        let musl = guest.one("musl-dev", OTHER_SUITE)?;
        let mut version = plain(&image.id.version);
        let mut kbuild = vec![kbuild];
        if !libraries.is_empty() {
            version.push_str("_own-libc");
            kbuild.extend(libraries.iter().cloned());
        }
        let unit = |folder: String, packages| Unit { folder: folder + LAYOUT, packages };
        let toolchain_unit = unit(String::new(), vec![(tools, toolchain), (guest, vec![musl])]);
        Ok(Self {
            toolchain: Unit {
                folder: format!("toolchains/gcc-{compiler}_{}{LAYOUT}", key_of(&toolchain_unit.ids())),
                ..toolchain_unit
            },
            kernel: unit(
                format!("kernels/{}_{version}", kernel.release),
                vec![(guest, vec![image, headers, common, interface]), (tools, kbuild)],
            ),
            source: unit(
                format!("sources/{}_{}", source.id.name, plain(&source.id.version)),
                vec![(tools, vec![source])],
            ),
            busybox: unit(format!("busybox/{}", plain(&busybox.id.version)), vec![(guest, vec![busybox])]),
            qemu_user: plan_qemu_user(tools)?,
            qemu_system: args.with_qemu_system.then(|| plan_qemu_system(tools, libraries)).transpose()?,
            clients: args.with_clients.then(|| clients::plan(guest)).transpose()?,
            compiler,
        })
    }

    /// The units that are wanted.
    pub fn all(&self) -> Vec<&Unit<'a>> {
        let mut list = vec![&self.kernel, &self.toolchain, &self.source, &self.busybox, &self.qemu_user];
        list.extend(&self.qemu_system);
        list.extend(&self.clients);
        list
    }
}

/// Of two package names in use, one has the static programs and the other is small: the large one is it, in every release.
fn plan_qemu_user(tools: &Apt) -> Result<Unit<'_>> {
    let found = tools.show(&["qemu-user-static".to_owned(), "qemu-user".to_owned()])?;
    let package = found.into_values().max_by_key(|package| package.bytes);
    let package = package.map_or_else(|| tools.one("qemu-user", OTHER_SUITE), Ok)?;
    Ok(Unit {
        folder: format!("qemu-user/{}{LAYOUT}", plain(&package.id.version)),
        packages: vec![(tools, vec![package])],
    })
}

fn plan_qemu_system(tools: &Apt, libraries: Vec<Package>) -> Result<Unit<'_>> {
    let roots = ["qemu-system-ppc", "qemu-system-data"].map(str::to_owned);
    let mut packages = tools.closure(&roots, &OF_THE_HOST)?;
    packages.extend(libraries);
    let ids: Vec<_> = packages.iter().map(|package| package.id.clone()).collect();
    Ok(Unit { folder: format!("qemu-system/{}{LAYOUT}", key_of(&ids)), packages: vec![(tools, packages)] })
}

/// Makes the headers usable where they lie, and a folder of the interface that programs include.
pub fn finish_kernel(half: &Path) -> Result<()> {
    let sources = half.join("usr/src");
    for folder in list(&sources)? {
        let makefile = folder.join("Makefile");
        if makefile.is_symlink() || !folder.join(".config").is_file() {
            continue;
        }
        let text = fs::read_to_string(&makefile).map_err(GuestError::io(&makefile, "read it"))?;
        let text = text.replace("/usr/src/", "$(dir $(lastword $(MAKEFILE_LIST)))../");
        fs::write(&makefile, text).map_err(GuestError::io(&makefile, "write it"))?;
    }
    let interface = half.join("uapi");
    fs::create_dir_all(&interface).map_err(GuestError::io(&interface, "create it"))?;
    let link = |from: String, name: &str| {
        let path = interface.join(name);
        symlink(from, &path).map_err(GuestError::io(path, "link it"))
    };
    for name in ["linux", "asm-generic", "misc"] {
        link(format!("../usr/include/{name}"), name)?;
    }
    link("../usr/include/powerpc64le-linux-gnu/asm".into(), "asm")?;
    // The packaged interface leaves this folder to the C library, and the driver's own header with it.
    let common = list(&sources)?.into_iter().find(|path| path.join("include/uapi/scsi").is_dir());
    let common = common.as_deref().and_then(Path::file_name).unwrap_or_default();
    link(format!("../usr/src/{}/include/uapi/scsi", common.to_string_lossy()), "scsi")?;
    start_through_loader(half)
}

/// Puts wrappers into `bin` that let every tool find its private libraries, wherever the cache lies.
pub fn finish_toolchain(half: &Path, compiler: &str) -> Result<()> {
    let libraries = library_path(half)?;
    let suffix = format!("-{compiler}");
    let bin = half.join("bin");
    fs::create_dir_all(&bin).map_err(GuestError::io(&bin, "create it"))?;
    for tool in list(&half.join("usr/bin"))? {
        let name = tool.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(CROSS) {
            continue;
        }
        wrap(&bin.join(&name), &name, &libraries, "")?;
        if let Some(short) = name.strip_suffix(&suffix) {
            wrap(&bin.join(short), &name, &libraries, "")?;
        }
    }
    start_through_loader(half)
}

/// The same for the machine emulator, which also wants to be told where its data is.
pub fn finish_qemu_system(half: &Path) -> Result<()> {
    let bin = half.join("bin");
    fs::create_dir_all(&bin).map_err(GuestError::io(&bin, "create it"))?;
    let mut environment = library_path(half)?;
    // Else it looks for its modules in the host's folders, and stops at those of another build.
    for folder in host_folders(half)?.iter().filter(|folder| half.join(folder).join("qemu").is_dir()) {
        environment.push_str(&format!(" QEMU_MODULE_DIR=\"$d/{folder}/qemu\""));
    }
    let name = "qemu-system-ppc64";
    wrap(&bin.join(name), name, &environment, "-L \"$d/usr/share/qemu\" -L \"$d/usr/share/seabios\"")?;
    start_through_loader(half)
}

/// Keeps the one program that is wanted of the many.
pub fn finish_qemu_user(half: &Path) -> Result<()> {
    for path in list(&half.join("usr/bin"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !["qemu-ppc64le", "qemu-ppc64le-static"].contains(&name.as_str()) {
            remove(&path)?;
        }
    }
    ["usr/sbin", "usr/libexec", "usr/lib", "usr/share"]
        .iter()
        .try_for_each(|useless| remove(&half.join(useless)))
}

/// Takes the driver's folder out of the packed kernel source and drops the rest.
pub fn finish_source(store: &Store, half: &Path) -> Result<()> {
    let packed = find(half, |name| name.starts_with("linux-source-") && name.contains(".tar"))?;
    let packed = packed.ok_or_else(|| missing("linux-source", "usr/src/linux-source-*.tar.xz"))?;
    store.progress.step("unpacking the driver's source");
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&packed).arg("-C").arg(half).args([
        "--strip-components=1",
        "--wildcards",
        "*/drivers/scsi/cxlflash",
        "*/drivers/misc/cxl",
    ]);
    command::run(&mut tar)?;
    remove(&half.join("usr"))
}

/// Writes a script that starts `usr/bin/<tool>` of the unit it lies in.
fn wrap(path: &Path, tool: &str, environment: &str, options: &str) -> Result<()> {
    let text =
        format!("#!/bin/sh\nd=${{0%/*}}/..\n{environment} exec \"$d/usr/bin/{tool}\" {options} \"$@\"\n");
    fs::write(path, text).map_err(GuestError::io(path, "write it"))?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, executable).map_err(GuestError::io(path, "make it executable"))
}

/// The assignment that lets a tool find the libraries below `half`; none if the program loader gets to know them.
fn library_path(half: &Path) -> Result<String> {
    if is_private(half)? {
        return Ok(String::new());
    }
    let folders: Vec<String> = host_folders(half)?.iter().map(|folder| format!("$d/{folder}")).collect();
    Ok(format!("LD_LIBRARY_PATH=\"{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"", folders.join(":")))
}

/// Folders of the host's shared libraries, relative to `half`.
fn host_folders(half: &Path) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    for base in ["usr/lib", "lib"] {
        for folder in list(&half.join(base))? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.contains("-linux-gnu") && !name.starts_with("powerpc64le") {
                folders.push(format!("{base}/{name}"));
            }
        }
    }
    Ok(folders)
}

/// The entries of a folder, sorted; none if it is not there.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(GuestError::io(folder, "list it")(error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// The first file below `folder` whose name fits.
pub fn find(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<Option<PathBuf>> {
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in list(&next)? {
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| fits(&name.to_string_lossy())) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// The error for a package that is not laid out as we know it.
pub fn missing(package: &str, what: &str) -> GuestError {
    GuestError::Contents { package: package.to_owned(), what: what.to_owned() }
}
