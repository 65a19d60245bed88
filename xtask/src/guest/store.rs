//! The cache on disk: one folder per unpacked set of packages, made under a temporary name and put in place whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capisim::artifacts::{PackageId, hash_bytes};

use super::apt::{Apt, Package, file_name};
use super::command;
use super::error::{GuestError, Result};
use super::progress::Progress;

/// The cache of one run; holds the lock while it lives.
pub struct Store {
    /// Root of the cache.
    pub root: PathBuf,
    /// Nothing may be fetched.
    pub offline: bool,
    /// Where to tell what goes on.
    pub progress: Progress,
    _lock: fs::File,
}

/// Packages that are unpacked over each other into one folder.
pub struct Unit<'a> {
    /// Folder below the root; its name must tell everything that decides the content.
    pub folder: String,
    /// Packages, with the apt that has them.
    pub packages: Vec<(&'a Apt, Vec<Package>)>,
}

impl Unit<'_> {
    /// Names and versions of the packages.
    pub fn ids(&self) -> Vec<PackageId> {
        self.packages.iter().flat_map(|(_, list)| list.iter().map(|package| package.id.clone())).collect()
    }
}

impl Store {
    /// Takes the lock (waiting for another process if need be) and removes what an interrupted run left.
    pub fn open(root: &Path, offline: bool) -> Result<Self> {
        fs::create_dir_all(root).map_err(GuestError::io(root, "create it"))?;
        let path = root.join("lock");
        let lock = fs::File::create(&path).map_err(GuestError::io(&path, "open it"))?;
        let progress = Progress::new();
        if lock.try_lock().is_err() {
            progress.step("another process prepares artifacts; waiting for it");
            lock.lock().map_err(GuestError::io(&path, "lock it"))?;
        }
        let store = Self { root: root.to_owned(), offline, progress, _lock: lock };
        remove(&store.temporary(""))?;
        Ok(store)
    }

    /// A path for something half made. On the same file system as the cache, so that it can be renamed into place.
    pub fn temporary(&self, name: &str) -> PathBuf {
        self.root.join("tmp").join(name)
    }

    fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// Downloads what the units need that are not in place yet.
    pub fn download(&self, units: &[&Unit<'_>]) -> Result<()> {
        let mut wanted: Vec<(&Apt, Vec<Package>)> = Vec::new();
        for unit in units.iter().filter(|unit| !self.root.join(&unit.folder).exists()) {
            for (apt, packages) in &unit.packages {
                match wanted.iter_mut().find(|(known, _)| std::ptr::eq(*known, *apt)) {
                    Some((_, list)) => list.extend(packages.iter().cloned()),
                    None => wanted.push((apt, packages.clone())),
                }
            }
        }
        for (apt, mut packages) in wanted {
            packages.sort_by(|a, b| a.id.cmp(&b.id));
            packages.dedup();
            if self.offline {
                let names: Vec<&str> = packages.iter().map(|package| package.id.name.as_str()).collect();
                return Err(GuestError::Offline { what: format!("all of {}", names.join(", ")) });
            }
            apt.download(&packages, &self.downloads(), &self.progress)?;
        }
        Ok(())
    }

    /// Unpacks a unit unless it is in place; `finish` gets the half-made folder.
    pub fn unpack(&self, unit: &Unit<'_>, finish: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        self.make(&unit.folder, |half| {
            for id in unit.ids() {
                let package = self.downloads().join(file_name(&id));
                command::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(half))?;
            }
            for useless in
                ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/info"]
            {
                remove(&half.join(useless))?;
            }
            finish(half)
        })
    }

    /// Makes the folder `relative` unless it is there: `build` fills a temporary one, which then takes its place in one step.
    pub fn make(&self, relative: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let place = self.root.join(relative);
        if place.exists() {
            return Ok(place);
        }
        self.progress.step(&format!("preparing {relative}"));
        let half = self.temporary(&relative.replace('/', "-"));
        remove(&half)?;
        fs::create_dir_all(&half).map_err(GuestError::io(&half, "create it"))?;
        build(&half)?;
        let above = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(above).map_err(GuestError::io(above, "create it"))?;
        fs::rename(&half, &place).map_err(GuestError::io(&place, "put it in place"))?;
        Ok(place)
    }

    /// Removes a folder of the cache: first out of its place, so that no one sees half of it.
    pub fn discard(&self, relative: &str) -> Result<()> {
        let place = self.root.join(relative);
        if !place.exists() {
            return Ok(());
        }
        let away = self.temporary(&format!("old-{}", relative.replace('/', "-")));
        remove(&away)?;
        let above = self.temporary("");
        fs::create_dir_all(&above).map_err(GuestError::io(&above, "create it"))?;
        fs::rename(&place, &away).map_err(GuestError::io(&place, "move it away"))?;
        remove(&away)
    }

    /// Removes package files: everything they had is unpacked.
    pub fn drop_downloads(&self) -> Result<()> {
        remove(&self.downloads())
    }
}

/// Eight digits that stand for a list of packages.
pub fn key_of(ids: &[PackageId]) -> String {
    let text: String =
        ids.iter().map(|id| format!("{} {} {}\n", id.name, id.version, id.architecture)).collect();
    hash_bytes(text.as_bytes())[..8].to_owned()
}

/// A version as part of a folder's name.
pub fn plain(version: &str) -> String {
    version.replace([':', '/'], "-")
}

/// Removes a file or folder that may not be there.
pub fn remove(path: &Path) -> Result<()> {
    let gone =
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(GuestError::io(path, "remove it")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let root = std::env::temp_dir().join(format!("capisim-store-{}", std::process::id()));
        remove(&root).expect("nothing is left of an earlier test");
        let store = Store::open(&root, true).expect("opened");
        let write =
            |half: &Path| fs::write(half.join("file"), "text").map_err(GuestError::io(half, "write it"));
        let interrupted = store.make("unit/a", |half| {
            write(half)?;
            Err(GuestError::Download { reason: "no carrier".into() })
        });
        assert!(interrupted.is_err() && !root.join("unit/a").exists());
        let place = store.make("unit/a", write).expect("made");
        assert_eq!(fs::read_to_string(place.join("file")).expect("it is there"), "text");
        store.make("unit/a", |_| panic!("it is in place")).expect("kept");
        store.discard("unit/a").expect("removed");
        assert!(!place.exists());

        fs::create_dir_all(store.temporary("half")).expect("made");
        drop(store);
        let store = Store::open(&root, true).expect("opened again: the lock went with the first");
        assert!(!store.temporary("half").exists());
        remove(&root).expect("removed");
    }

    #[test]
    fn the_key_depends_on_every_version() {
        let id = |version: &str| PackageId {
            name: "a".into(),
            version: version.into(),
            architecture: "all".into(),
            sha256: String::new(),
        };
        assert_eq!(key_of(&[id("1")]), key_of(&[id("1")]));
        assert_ne!(key_of(&[id("1")]), key_of(&[id("2")]));
        assert_eq!(plain("1:2.0/3"), "1-2.0-3");
    }
}
