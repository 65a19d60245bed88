//! Drivers with one mistake each, built the way the pre-fix driver is: a statement of one function is replaced, found by its
//! text, and nothing else changes.

use std::fs;
use std::path::{Path, PathBuf};

use capisim::artifacts::{Artifacts, cache_dir, hash_bytes};

use super::build::{Inputs, copy_folder, make};
use super::command;
use super::error::{GuestError, Result};
use super::store::{Store, plain};
use super::transform::exactly_one;
use super::units::missing;
use super::{Args, RECIPE, ensure, prepare};

/// Which module is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    Cxl,
    Cxlflash,
}

impl Module {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cxl => "cxl",
            Self::Cxlflash => "cxlflash",
        }
    }
    /// Where its source lies.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Cxl => "drivers/misc/cxl",
            Self::Cxlflash => "drivers/scsi/cxlflash",
        }
    }
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Name of the mutant.
    pub name: &'static str,
    pub module: Module,
    /// Source file.
    pub file: &'static str,
    /// How the definition of the function begins.
    pub function: &'static str,
    /// What is replaced; it stands once in the function.
    pub pattern: &'static str,
    pub replacement: &'static str,
}

/// The source with the change, or why this is not the source we know.
pub fn apply(source: &str, change: &Change) -> std::result::Result<String, String> {
    let Change { function, pattern, replacement, .. } = change;
    let is_definition = |at: &usize| {
        let rest = &source[*at..];
        rest.find('{').is_some_and(|brace| rest.find(';').is_none_or(|end| brace < end))
    };
    let found: Vec<usize> = source.match_indices(function).map(|(at, _)| at).filter(is_definition).collect();
    let [start] = found[..] else {
        return Err(format!("the definition `{function}` is there {} times, not once", found.len()));
    };
    let length = source[start..].find("\n}\n").ok_or_else(|| format!("`{function}` has no end"))?;
    let body = &source[start..start + length];
    let at = start + exactly_one(body, pattern, &format!("`{pattern}` in `{function}`"))?;
    Ok(format!("{}{replacement}{}", &source[..at], &source[at + pattern.len()..]))
}

/// Builds the mutants that are not in the cache; their files, in the order of `changes`.
pub fn build(args: &Args, changes: &[Change]) -> Result<Vec<PathBuf>> {
    let artifacts = ensure(args)?;
    let cache = cache_dir()?;
    let source = driver_sources(&cache, args, &artifacts)?;
    let wanted: Vec<(PathBuf, &Change)> =
        changes.iter().map(|change| (cache.join(folder(&artifacts, change)), change)).collect();
    let store = Store::open(&cache, args.offline)?;
    for module in [Module::Cxlflash, Module::Cxl] {
        let absent: Vec<_> = wanted.iter().filter(|(at, c)| c.module == module && !at.exists()).collect();
        if !absent.is_empty() {
            build_module(&store, &artifacts, &source, module, &absent)?;
        }
    }
    Ok(wanted.into_iter().map(|(at, change)| at.join(format!("{}.ko", change.module.name()))).collect())
}

/// Everything that decides a mutant: what the drivers are built from, and the change.
fn folder(artifacts: &Artifacts, change: &Change) -> String {
    let drivers = artifacts.cxlflash_prefix.path.ancestors().nth(2).and_then(Path::file_name);
    let drivers = drivers.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Change { file, function, pattern, replacement, .. } = change;
    let text = format!("{file}\n{function}\n{pattern}\n{replacement}\n{RECIPE}");
    format!("mutants/{drivers}/{}_{}", change.name, &hash_bytes(text.as_bytes())[..8])
}

/// The unpacked kernel source, with both drivers in it.
fn driver_sources(cache: &Path, args: &Args, artifacts: &Artifacts) -> Result<PathBuf> {
    let find = || {
        let package = artifacts.packages.iter().find(|id| id.name.starts_with("linux-source-"))?;
        let name = format!("{}_{}", package.name, plain(&package.version));
        let all = fs::read_dir(cache.join("sources")).ok()?.flatten();
        let mut fits = all
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(&name)));
        fits.next()
    };
    if let Some(path) = find() {
        if path.join(Module::Cxl.folder()).is_dir() {
            return Ok(path);
        }
        // A cache of an older program: it kept the source of cxlflash alone.
        let relative = format!("sources/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let store = Store::open(cache, args.offline)?;
        store.discard(&relative)?;
        prepare(&store, args)?;
        store.drop_downloads()?;
    }
    let path = find().filter(|path| path.join(Module::Cxl.folder()).is_dir());
    path.ok_or_else(|| missing("linux-source", Module::Cxl.folder()))
}

/// Builds the module once as it is, then with each change: only the changed file is compiled again.
fn build_module(
    store: &Store,
    artifacts: &Artifacts,
    source: &Path,
    module: Module,
    absent: &[&(PathBuf, &Change)],
) -> Result<()> {
    let inputs = Inputs {
        release: &artifacts.kernel,
        headers: &artifacts.headers_dir,
        tools: &artifacts.tools_dir,
        source,
        stock: &artifacts.cxlflash_stock.path,
    };
    let at = store.temporary(&format!("mutants-{}", module.name()));
    store.progress.step(&format!("building {} as it is", module.name()));
    copy_folder(&source.join(module.folder()), &at)?;
    let build = || command::run(&mut make(&inputs, &at, module.folder(), "modules"));
    build()?;
    for (place, change) in absent {
        let path = at.join(change.file);
        let whole = fs::read_to_string(&path).map_err(GuestError::io(&path, "read it"))?;
        let changed = apply(&whole, change).map_err(|reason| GuestError::Mutant {
            name: change.name,
            path: source.join(module.folder()).join(change.file),
            reason,
        })?;
        let write = |text: &str| fs::write(&path, text).map_err(GuestError::io(&path, "write it"));
        let relative = place.strip_prefix(&store.root).unwrap_or(place).to_string_lossy().into_owned();
        store.make(&relative, |half| {
            write(&changed)?;
            build()?;
            let name = format!("{}.ko", module.name());
            fs::copy(at.join(&name), half.join(&name)).map_err(GuestError::io(at.join(name), "copy it"))?;
            Ok(())
        })?;
        write(&whole)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
static int f(int a);

static int f(int a)
{
\tg(a);
\treturn h(a);
}

static int e(int a)
{
\treturn h(a);
}
";

    fn change(function: &'static str, pattern: &'static str) -> Change {
        Change { name: "m", module: Module::Cxl, file: "x.c", function, pattern, replacement: ";" }
    }

    #[test]
    fn one_statement_of_one_definition_changes() {
        let changed = apply(SOURCE, &change("static int f(", "return h(a);")).expect("known");
        assert_eq!(changed, SOURCE.replacen("return h(a);", ";", 1));
    }

    #[test]
    fn another_source_is_refused_with_the_reason() {
        for (function, pattern, reason) in [
            ("static int q(", "g(a);", "`static int q(` is there 0 times"),
            ("static int ", "g(a);", "is there 2 times, not once"),
            ("static int f(", "k(a);", "`k(a);` in `static int f(` is not there"),
            ("static int f(", "(a)", "is there 2 times, not once"),
        ] {
            let error = apply(SOURCE, &change(function, pattern)).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }
}
