//! The host's apt with a private state: no root, nothing installed, no trace outside the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use capisim::artifacts::{PackageId, hash_file};

use super::command;
use super::error::{GuestError, Result};
use super::progress::Progress;
use super::sources::{Source, base_suite};
use super::store::remove;

/// A package as the index describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name, version, architecture and hash.
    pub id: PackageId,
    /// Size of the package file.
    pub bytes: u64,
    /// Names it depends on: the first of each set of alternatives.
    pub depends: Vec<String>,
}

/// apt for one architecture of one suite.
pub struct Apt {
    suite: String,
    architecture: String,
    state: PathBuf,
}

impl Apt {
    /// Lays out the private state below `cache`.
    pub fn new(cache: &Path, suite: &str, architecture: &str, source: &Source) -> Result<Self> {
        let state = cache.join("apt").join(format!("{suite}-{architecture}"));
        for folder in ["state/lists/partial", "cache/archives/partial", "parts"] {
            let path = state.join(folder);
            fs::create_dir_all(&path).map_err(GuestError::io(&path, "create it"))?;
        }
        let apt = Self { suite: suite.to_owned(), architecture: architecture.to_owned(), state };
        apt.write("status", "")?;
        apt.write("sources.list", &source_lines(suite, source))?;
        apt.write("apt.conf", &apt.configuration()?)?;
        Ok(apt)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.state.join(name);
        fs::write(&path, text).map_err(GuestError::io(path, "write it"))
    }

    fn configuration(&self) -> Result<String> {
        let at = self.state.display();
        let architecture = &self.architecture;
        let mut text = format!(
            "Dir::Etc::parts \"{at}/parts\";\nDir::Etc::main \"/dev/null\";\n\
             APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             Dir::State \"{at}/state\";\nDir::State::status \"{at}/status\";\nDir::State::Lists \"{at}/state/lists\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Etc::SourceList \"{at}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
             APT::Sandbox::User \"\";\nAPT::Update::Error-Mode \"any\";\n\
             Acquire::Languages \"none\";\nAcquire::GzipIndexes \"true\";\nAcquire::Retries \"3\";\n"
        );
        // The private state hides the host's configuration, and with it the proxy through which the mirror is reached.
        let host = command::run(Command::new("apt-config").arg("dump"))?;
        for line in host
            .lines()
            .filter(|line| ["Acquire::http", "Acquire::ftp"].iter().any(|key| line.starts_with(key)))
        {
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }

    /// Removes what apt computed from the index: it is large, and computed again in a second.
    pub fn drop_caches(&self) -> Result<()> {
        ["pkgcache.bin", "srcpkgcache.bin"]
            .iter()
            .try_for_each(|name| remove(&self.state.join("cache").join(name)))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.state.join("apt.conf")).env("LC_ALL", "C");
        command
    }

    /// Whether an index was fetched before.
    pub fn has_index(&self) -> bool {
        let lists = fs::read_dir(self.state.join("state/lists")).into_iter().flatten().flatten();
        lists.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    }

    /// Fetches the index.
    pub fn update(&self) -> Result<()> {
        let failed = |reason: String| GuestError::Index {
            suite: self.suite.clone(),
            architecture: self.architecture.clone(),
            reason,
        };
        let mut command = self.command("apt-get");
        let output = command.arg("update").stdin(Stdio::null()).output();
        let output = output.map_err(|source| command::not_started(&command, &source))?;
        if !output.status.success() {
            return Err(failed(complaints(&output.stderr)));
        }
        if self.has_index() { Ok(()) } else { Err(failed("the mirror has no packages for it".into())) }
    }

    /// Names in the index that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let text = command::run(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Looks packages up; a name the index does not have is left out.
    pub fn show(&self, names: &[String]) -> Result<BTreeMap<String, Package>> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut command = self.command("apt-cache");
        command.args(["show", "--no-all-versions", "--quiet=0"]).args(names).stdin(Stdio::null());
        let output = command.output().map_err(|source| command::not_started(&command, &source))?;
        // A name without a package makes apt-cache fail, though it shows the others.
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text
            .split("\n\n")
            .filter_map(parse_stanza)
            .map(|package| (package.id.name.clone(), package))
            .collect())
    }

    /// Looks one package up.
    pub fn one(&self, name: &str, cure: &'static str) -> Result<Package> {
        self.show(&[name.to_owned()])?.remove(name).ok_or_else(|| GuestError::NoPackage {
            suite: self.suite.clone(),
            package: name.to_owned(),
            architecture: self.architecture.clone(),
            cure,
        })
    }

    /// `roots` and all they depend on, but for `stop` and what only that needs.
    pub fn closure(&self, roots: &[String], stop: &[&str]) -> Result<Vec<Package>> {
        let mut found: BTreeMap<String, Package> = BTreeMap::new();
        let mut open = roots.to_vec();
        while !open.is_empty() {
            let mut next = Vec::new();
            for (name, package) in self.show(&open)? {
                next.extend(package.depends.iter().cloned());
                found.insert(name, package);
            }
            next.retain(|name| !found.contains_key(name) && !stop.contains(&name.as_str()));
            next.sort();
            next.dedup();
            open = next;
        }
        for root in roots.iter().filter(|root| !found.contains_key(*root)) {
            self.one(root, "choose another --suite; the cross tools exist for amd64 and arm64 hosts")?;
        }
        Ok(found.into_values().collect())
    }

    /// Downloads what is not in `folder` yet, each file whole and of the right hash when this returns.
    pub fn download(&self, packages: &[Package], folder: &Path, progress: &Progress) -> Result<()> {
        fs::create_dir_all(folder).map_err(GuestError::io(folder, "create it"))?;
        let mut missing = Vec::new();
        for package in packages {
            if !is_whole(package, &folder.join(file_name(&package.id)))? {
                missing.push(package);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.fetch(&missing, folder, progress)?;
        for package in missing {
            let path = folder.join(file_name(&package.id));
            if !is_whole(package, &path)? {
                return Err(GuestError::Download { reason: format!("{}: incomplete", path.display()) });
            }
        }
        Ok(())
    }

    fn fetch(&self, packages: &[&Package], folder: &Path, progress: &Progress) -> Result<()> {
        let total = packages.iter().map(|package| package.bytes).sum();
        let files: Vec<PathBuf> =
            packages.iter().map(|package| folder.join(file_name(&package.id))).collect();
        let arrived = || files.iter().filter_map(|path| fs::metadata(path).ok()).map(|data| data.len()).sum();
        let what = format!("downloading {} packages for {}", packages.len(), self.architecture);
        let mut transfer = progress.transfer(&what, total);
        let mut command = self.command("apt-get");
        command
            .args(["download", "-qq"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command.args(packages.iter().map(|package| format!("{}={}", package.id.name, package.id.version)));
        let mut child = command.spawn().map_err(|source| command::not_started(&command, &source))?;
        let waited = "wait for apt-get in it";
        while child.try_wait().map_err(GuestError::io(folder, waited))?.is_none() {
            transfer.at(arrived());
            sleep(Duration::from_millis(100));
        }
        let output = child.wait_with_output().map_err(GuestError::io(folder, waited))?;
        transfer.finish();
        if output.status.success() {
            return Ok(());
        }
        Err(GuestError::Download { reason: complaints(&output.stderr) })
    }
}

/// Whether the file of a package is there, whole and right. A full-sized file with another content is removed.
fn is_whole(package: &Package, path: &Path) -> Result<bool> {
    let Ok(data) = fs::metadata(path) else { return Ok(false) };
    if data.len() < package.bytes {
        return Ok(false);
    }
    let right = hash_file(path)?.0 == package.id.sha256;
    if !right {
        fs::remove_file(path).map_err(GuestError::io(path, "remove it"))?;
    }
    Ok(right)
}

/// The name `apt-get download` gives a package file.
pub fn file_name(id: &PackageId) -> String {
    format!("{}_{}_{}.deb", id.name, id.version.replace(':', "%3a"), id.architecture)
}

fn source_lines(suite: &str, source: &Source) -> String {
    let options = source.signed_by.as_ref().map_or(String::new(), |key| format!("[signed-by={key}] "));
    let base = base_suite(suite);
    let mut text = format!("deb {options}{} {base} main\n", source.uri);
    if base != suite {
        text.push_str(&format!("deb {options}{} {suite} main\n", source.uri));
    }
    text
}

fn parse_stanza(stanza: &str) -> Option<Package> {
    let fields: BTreeMap<&str, &str> = stanza
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_once(": "))
        .collect();
    let text = |key: &str| fields.get(key).map(|value| (*value).to_owned());
    let depends = ["Pre-Depends", "Depends"]
        .into_iter()
        .filter_map(|key| fields.get(key))
        .flat_map(|list| first_names(list));
    Some(Package {
        id: PackageId {
            name: text("Package")?,
            version: text("Version")?,
            architecture: text("Architecture")?,
            sha256: text("SHA256")?,
        },
        bytes: fields.get("Size")?.parse().ok()?,
        depends: depends.collect(),
    })
}

/// `a (>= 1), b:any | c` gives `a` and `b`.
fn first_names(depends: &str) -> Vec<String> {
    let name = |one: &str| one.split(['|', '(', ':', ' ']).find(|part| !part.is_empty()).map(str::to_owned);
    depends.split(", ").filter_map(name).collect()
}

/// What apt said, without the lines that only say that something went wrong.
fn complaints(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("E:") || line.starts_with("W:")).collect();
    lines.dedup();
    if lines.is_empty() { "apt-get failed without a word".into() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_of_the_index_is_read() {
        let stanza = "Package: a\nVersion: 1:2.0-1\nArchitecture: all\nPre-Depends: z\nDepends: b (>= 1), c:any | d, e\n\
                      Description: text\n more: text\nSize: 42\nSHA256: ff\n";
        let found = parse_stanza(stanza).expect("a package");
        assert_eq!((found.bytes, found.depends), (42, ["z", "b", "c", "e"].map(str::to_owned).to_vec()));
        assert_eq!(file_name(&found.id), "a_1%3a2.0-1_all.deb");
        assert_eq!(parse_stanza("Package: virtual\n"), None);
    }

    #[test]
    fn a_partial_suite_brings_its_base() {
        let source = Source { uri: "http://m.example/d".into(), signed_by: Some("/k".into()) };
        let cases = [
            ("bookworm", "deb [signed-by=/k] http://m.example/d bookworm main\n"),
            (
                "bookworm-backports",
                "deb [signed-by=/k] http://m.example/d bookworm main\ndeb [signed-by=/k] http://m.example/d bookworm-backports main\n",
            ),
        ];
        for (suite, expected) in cases {
            assert_eq!(source_lines(suite, &source), expected);
        }
    }
}
