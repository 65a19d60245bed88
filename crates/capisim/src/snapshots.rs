//! Snapshots of runs at their branch points, in files: where they are kept,
//! found again and thrown away.
#![allow(clippy::disallowed_types)] // The program, not the model, knows the wall clock.

use crate::artifacts::{cache_dir, hash_bytes};
use crate::error::Error;
use machine::engine::{BranchPoint, Setup};
use machine::snapshot_file::{BadSnapshot, Facts};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Most that the cache holds; those used longest ago go first.
const CACHE_BYTES: u64 = 2 << 30;
/// Larger than any snapshot of ours.
const FILE_BYTES: u64 = 4 << 30;
/// How files of the cache end.
const EXTENSION: &str = "snapshot";
/// How a file ends that is not whole yet.
const UNFINISHED: &str = "unfinished";
/// So old, what is not whole was left by a program that is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Where snapshots are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In this folder, under a name made of what they are of.
    Cache(PathBuf),
    /// In this file, of one scenario and build.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl Keep {
    /// In the user's cache folder.
    pub fn in_cache() -> Result<Keep, Error> {
        Ok(Keep::Cache(cache_dir()?.join("snapshots")))
    }
    /// The file for a snapshot made of `facts`; `name` is for people.
    fn path(&self, name: &str, facts: &Facts) -> Option<PathBuf> {
        match self {
            Keep::Nowhere => None,
            Keep::File(path) => Some(path.clone()),
            Keep::Cache(dir) => {
                let key = hash_bytes(format!("{facts:?}").as_bytes());
                Some(dir.join(format!("{name}-{}.{EXTENSION}", &key[..24])))
            }
        }
    }
    /// The branch point made of `facts`, and a line about it, if it is kept.
    ///
    /// # Errors
    /// The file that was named does not fit. A file of the cache that does not
    /// is as good as none, and the line says so.
    pub fn find<'a>(
        &self,
        name: &str,
        facts: &Facts,
        setup: &Setup<'a>,
    ) -> Result<(Option<BranchPoint<'a>>, Option<String>), Error> {
        let Some(path) = self.path(name, facts).filter(|p| p.exists()) else { return Ok((None, None)) };
        match (read(&path, facts, setup), self) {
            (Ok(point), _) => {
                // Used now: what was used longest ago is thrown away first.
                let _ = File::options().append(true).open(&path).and_then(|f| f.set_modified(now()));
                let at = point.at().now.as_secs_f64();
                Ok((Some(point), Some(format!("snapshot at t={at:.2}s found in {}", path.display()))))
            }
            (Err(e), Keep::Cache(_)) => Ok((None, Some(format!("{e}; not used, made anew")))),
            (Err(e), _) => {
                let cure = "remove the file, and it is made anew, or name another";
                Err(Error::Environment(format!("{e}; {cure}")))
            }
        }
    }
    /// Keeps `point`; a line about it.
    ///
    /// # Errors
    /// The file that was named cannot be written. The cache is as good as none
    /// then, and the line says so.
    pub fn keep(&self, name: &str, facts: &Facts, point: &BranchPoint<'_>) -> Result<Option<String>, Error> {
        let Some(path) = self.path(name, facts) else { return Ok(None) };
        let too_large = |e: BadSnapshot| Error::Environment(format!("{}: {e}", path.display()));
        let written = point
            .encode(facts)
            .map_err(too_large)
            .and_then(|bytes| write(&path, &bytes).map(|()| bytes.len()));
        let at = point.at().now.as_secs_f64();
        match (written, self) {
            (Ok(len), _) => {
                if let Keep::Cache(dir) = self {
                    evict(dir, CACHE_BYTES, &path);
                }
                let mib = len as f64 / f64::from(1 << 20);
                Ok(Some(format!("snapshot at t={at:.2}s made, {mib:.1} MiB in {}", path.display())))
            }
            (Err(e), Keep::Cache(_)) => Ok(Some(format!("snapshot at t={at:.2}s made, not kept: {e}"))),
            (Err(e), _) => Err(e),
        }
    }
}

#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn read<'a>(path: &Path, facts: &Facts, setup: &Setup<'a>) -> Result<BranchPoint<'a>, Error> {
    let size = fs::metadata(path).map_err(Error::io(path, "read it"))?.len();
    if size > FILE_BYTES {
        return Err(Error::Environment(format!("{}: too large for a snapshot", path.display())));
    }
    let bytes = fs::read(path).map_err(Error::io(path, "read it"))?;
    BranchPoint::decode(&bytes, facts, setup)
        .map_err(|e| Error::Environment(format!("{}: {e}", path.display())))
}

/// The file of that name while it is not whole.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.{UNFINISHED}", std::process::id()))
}

/// Writes a file whole or not at all, and lasting: a reader, also one after a
/// loss of power, sees all of it or none.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(Error::io(dir, "create it"))?;
    let temporary = unfinished(path);
    let put = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(dir)?.sync_all()
    };
    put().map_err(|e| {
        // What is there of it is of no use; the first error says enough.
        let _ = fs::remove_file(&temporary);
        Error::io(path, "write it")(e)
    })
}

/// Throws away what was used longest ago until `most` bytes are left; `newest`
/// stays.
fn evict(dir: &Path, most: u64, newest: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut all = vec![];
    for entry in entries.flatten() {
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
        let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let ends = |with: &str| path.extension().is_some_and(|e| e == with);
        let old = now().duration_since(used).is_ok_and(|age| age > ABANDONED);
        if ends(UNFINISHED) && old {
            let _ = fs::remove_file(&path);
        } else if ends(EXTENSION) {
            all.push((used, path, meta.len()));
        }
    }
    all.sort();
    let mut total: u64 = all.iter().map(|(_, _, len)| len).sum();
    for (_, path, len) in all.into_iter().filter(|(_, path, _)| path != newest) {
        if total <= most {
            return;
        }
        if fs::remove_file(&path).is_ok() {
            total -= len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("capisim-snapshots-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        path
    }
    fn names(dir: &Path) -> Vec<String> {
        let name = |e: fs::DirEntry| e.file_name().to_string_lossy().into_owned();
        let mut all: Vec<String> = fs::read_dir(dir).expect("there").flatten().map(name).collect();
        all.sort();
        all
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = folder("whole");
        let path = dir.join("deeper").join("a.snapshot");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("written over");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(names(path.parent().expect("has one")), ["a.snapshot"]);
        // A folder in its place: the write fails at its last step.
        fs::create_dir_all(dir.join("b.snapshot").join("x")).expect("created");
        let failed = write(&dir.join("b.snapshot"), b"one").expect_err("it is a folder");
        assert!(failed.to_string().contains("b.snapshot: cannot write it") && failed.exit_code() == 5);
        assert_eq!(names(&dir), ["b.snapshot", "deeper"], "nothing unfinished is left");
        fs::remove_dir_all(&dir).expect("removed");
    }

    /// The unfinished file is /dev/full, which refuses every write as a full disk does.
    #[test]
    fn a_full_disk_is_told_and_leaves_nothing() {
        let dir = folder("full");
        let path = dir.join("a.snapshot");
        std::os::unix::fs::symlink("/dev/full", unfinished(&path)).expect("linked");
        let e = write(&path, b"x").expect_err("it is full");
        assert!(e.to_string().contains("a.snapshot: cannot write it: No space left"), "{e}");
        assert!(e.exit_code() == 5 && names(&dir).is_empty());
        fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let dir = folder("evict");
        let old = |age: u64| now() - Duration::from_secs(age);
        for (name, age) in [
            ("a.snapshot", 300),
            ("b.snapshot", 500),
            ("c.snapshot", 100),
            ("new.snapshot", 900),
            ("d.1.unfinished", 9000),
            ("e.1.unfinished", 10),
            ("other.txt", 9000),
        ] {
            fs::write(dir.join(name), [0; 100]).expect("written");
            let file = File::options().append(true).open(dir.join(name)).expect("there");
            file.set_modified(old(age)).expect("dated");
        }
        evict(&dir, 250, &dir.join("new.snapshot"));
        assert_eq!(names(&dir), ["c.snapshot", "e.1.unfinished", "new.snapshot", "other.txt"]);
        fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn the_name_in_the_cache_depends_on_every_fact() {
        let keep = Keep::Cache("dir".into());
        let facts = |seed: &str| Facts(vec![("seed".into(), seed.into())]);
        let path = |seed| keep.path("probe-stock", &facts(seed)).expect("a path");
        assert_eq!(path("1"), path("1"));
        assert_ne!(path("1"), path("2"));
        assert!(path("1").to_string_lossy().starts_with("dir/probe-stock-"));
        assert_eq!(Keep::Nowhere.path("probe-stock", &facts("1")), None);
    }
}
