//! The programs that run inside the guest: each folder of `firmware/` with a `main.c` becomes a static executable.
//!
//! A folder with a `link.ld` is bare metal: no library, this linker script. A folder with neither holds shared headers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capisim::artifacts::{Artifact, Artifacts, Program, hash_bytes};

use super::command;
use super::error::{GuestError, Result};
use super::store::Store;
use super::units::{CROSS, find, list};

/// POWER8 instructions at most: the guest's programs must not need more than the kernel does. The C library keeps `long double`
/// in 64 bits, the compiler must too.
const FLAGS: &[&str] = &[
    "-O2",
    "-g0",
    "-std=gnu11",
    "-Wall",
    "-mcpu=power8",
    "-mlong-double-64",
    "-fno-pie",
    "-no-pie",
    "-static",
];

/// The flags of a bare-metal program: nothing but the integer part of the machine.
const BARE_FLAGS: &[&str] =
    &["-ffreestanding", "-mno-vsx", "-mno-altivec", "-msoft-float", "-fno-asynchronous-unwind-tables"];

/// A folder of `firmware/`, read.
struct Source {
    name: String,
    folder: PathBuf,
    /// C and assembler files.
    units: Vec<PathBuf>,
    linker_script: Option<PathBuf>,
    key: String,
}

/// Whether every program of `firmware` is in `artifacts` as its sources are now.
pub fn are_current(firmware: &Path, artifacts: &Artifacts) -> Result<bool> {
    let sources = read_sources(firmware, &toolset(artifacts))?;
    let same = |source: &Source| {
        artifacts.programs.get(&source.name).is_some_and(|program| program.key == source.key)
    };
    Ok(sources.len() == artifacts.programs.len() && sources.iter().all(same))
}

/// Compiles what is not compiled yet; programs whose sources are gone go too. One that does not compile leaves the others
/// usable: the first error comes beside them.
pub fn compile_all(
    store: &Store,
    firmware: &Path,
    artifacts: &Artifacts,
) -> Result<(BTreeMap<String, Program>, Option<GuestError>)> {
    let (mut programs, mut failure) = (BTreeMap::new(), None);
    for source in read_sources(firmware, &toolset(artifacts))? {
        let relative = format!("programs/{}_{}", source.name, &source.key[..16]);
        match store.make(&relative, |half| compile(&source, firmware, artifacts, &half.join(&source.name))) {
            Ok(place) => {
                let file = Artifact::of(place.join(&source.name), format!("firmware/{}", source.name))?;
                programs.insert(source.name, Program { key: source.key, file });
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Ok((programs, failure))
}

/// Compiles one program to `output`.
fn compile(source: &Source, firmware: &Path, artifacts: &Artifacts, output: &Path) -> Result<()> {
    let toolchain = artifacts.tools_dir.parent().unwrap_or(&artifacts.tools_dir);
    let failed = |output: String| GuestError::Program { name: source.name.clone(), output };
    let runtime = find(&toolchain.join("usr/lib/gcc-cross"), |name| name == "libgcc.a")?;
    let runtime = runtime.as_deref().and_then(Path::parent).ok_or_else(|| failed("no libgcc.a".into()))?;
    let mut gcc = Command::new(artifacts.tools_dir.join(format!("{CROSS}gcc")));
    gcc.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").args(FLAGS);
    // Where the program was compiled must not show in it.
    gcc.arg(format!("-ffile-prefix-map={}=firmware", firmware.display())).arg("-Wl,--build-id=none");
    gcc.arg("-I").arg(&source.folder).arg("-I").arg(firmware.join("common")).arg("-I").arg(firmware);
    gcc.arg("-nostdinc").arg("-nostdlib").arg("-o").arg(output);
    if let Some(script) = &source.linker_script {
        gcc.args(BARE_FLAGS)
            .arg("-isystem")
            .arg(runtime.join("include"))
            .arg("-T")
            .arg(script)
            .args(&source.units);
        gcc.arg(runtime.join("libgcc.a"));
    } else {
        let library = toolchain.join("usr/lib/powerpc64le-linux-musl");
        for folder in [
            toolchain.join("usr/include/powerpc64le-linux-musl"),
            runtime.join("include"),
            artifacts.uapi_dir.clone(),
        ] {
            gcc.arg("-isystem").arg(folder);
        }
        gcc.args(["crt1.o", "crti.o"].map(|name| library.join(name))).arg(runtime.join("crtbeginT.o"));
        gcc.args(&source.units).arg("-L").arg(&library).arg("-L").arg(runtime);
        gcc.args(["-Wl,--start-group", "-lc", "-lgcc", "-lgcc_eh", "-Wl,--end-group"]);
        gcc.arg(runtime.join("crtend.o")).arg(library.join("crtn.o"));
    }
    let done = gcc.output().map_err(|error| command::not_started(&gcc, &error))?;
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() {
        return Err(failed(text));
    }
    if !text.is_empty() {
        eprintln!("{}", text.trim_end());
    }
    Ok(())
}

/// What the compiled program depends on besides its sources.
fn toolset(artifacts: &Artifacts) -> String {
    // The folders of the toolchain and of the kernel's interface are named by their versions.
    let version =
        |path: &Path| path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let places = [&artifacts.tools_dir, &artifacts.uapi_dir].map(|path| version(path).unwrap_or_default());
    format!("{}\n{places:?}\n{FLAGS:?}\n{BARE_FLAGS:?}\n", artifacts.cross_gcc.sha256)
}

fn read_sources(firmware: &Path, toolset: &str) -> Result<Vec<Source>> {
    let (folders, mut shared): (Vec<PathBuf>, Vec<PathBuf>) =
        list(firmware)?.into_iter().partition(|path| path.is_dir());
    let is_program = |folder: &&PathBuf| folder.join("main.c").is_file() || folder.join("link.ld").is_file();
    for folder in folders.iter().filter(|folder| !is_program(folder)) {
        shared.extend(list(folder)?);
    }
    let shared = digest(firmware, &shared)?;
    let mut sources = Vec::new();
    for folder in folders.iter().filter(is_program) {
        let files = list(folder)?;
        let own = digest(firmware, &files)?;
        sources.push(Source {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: folder.clone(),
            units: files.iter().filter(|path| has_suffix(path, &["c", "S"])).cloned().collect(),
            linker_script: files.iter().find(|path| path.ends_with("link.ld")).cloned(),
            key: hash_bytes(format!("{own}\n{shared}\n{toolset}").as_bytes()),
        });
    }
    Ok(sources)
}

fn has_suffix(path: &Path, suffixes: &[&str]) -> bool {
    path.extension().and_then(|suffix| suffix.to_str()).is_some_and(|suffix| suffixes.contains(&suffix))
}

/// One hash of the names and the contents of the files that can be compiled or included.
fn digest(firmware: &Path, files: &[PathBuf]) -> Result<String> {
    let mut text = String::new();
    for path in files.iter().filter(|path| path.is_file() && has_suffix(path, &["c", "h", "S", "ld"])) {
        let content = fs::read(path).map_err(GuestError::io(path, "read it"))?;
        let name = path.strip_prefix(firmware).unwrap_or(path).display().to_string();
        text.push_str(&format!("{name} {}\n", hash_bytes(&content)));
    }
    Ok(hash_bytes(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
    }

    #[test]
    fn a_folder_is_a_program_bare_metal_or_shared() {
        let at = std::env::temp_dir().join(format!("capisim-programs-{}", std::process::id()));
        write(
            &at,
            &[
                ("a/main.c", "1"),
                ("a/b.c", "2"),
                ("a/README.md", "x"),
                ("bare/link.ld", "3"),
                ("bare/head.S", "4"),
            ],
        );
        write(&at, &[("common/c.h", "5"), ("notes.md", "6")]);
        let keys = |toolset: &str| {
            let found = read_sources(&at, toolset).expect("read");
            let names: Vec<&str> = found.iter().map(|source| source.name.as_str()).collect();
            assert_eq!(names, ["a", "bare"]);
            assert_eq!(found[0].units, [at.join("a/b.c"), at.join("a/main.c")]);
            assert_eq!(
                (found[0].linker_script.clone(), found[1].linker_script.clone()),
                (None, Some(at.join("bare/link.ld")))
            );
            [found[0].key.clone(), found[1].key.clone()]
        };
        let first = keys("gcc 1");
        write(&at, &[("a/README.md", "y"), ("bare/expected.txt", "z")]);
        assert_eq!(keys("gcc 1"), first, "what is not compiled does not count");
        write(&at, &[("a/b.c", "changed")]);
        let second = keys("gcc 1");
        assert_eq!((second[0] != first[0], second[1] == first[1]), (true, true));
        write(&at, &[("common/c.h", "changed")]);
        let third = keys("gcc 1");
        assert_eq!((third[0] != second[0], third[1] != second[1]), (true, true));
        assert_ne!(keys("gcc 2"), third);
        fs::remove_dir_all(&at).expect("removed");
    }
}
