//! Hashes of large files that were hashed before: a kernel of 45 MB takes about as long to hash as all
//! else that is done before the guest's first instruction.
//!
//! A file counts as the same while its device, inode, size, and both its times of change are, in nanoseconds. No
//! program sets the second of these (`st_ctime` of stat(2)). A file that changed just now is hashed anew: it might
//! change again within one tick of its file system's clock.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // About files of the host, before a machine is built.

use crate::artifacts::{Hasher, cache_dir, write_atomically};
use machine::kernel::Content;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Files that are remembered.
const MOST: usize = 64;
/// No file system counts time in longer steps.
const TICK: Duration = Duration::from_secs(2);

/// The hash of a file, known or being made.
pub enum Hash {
    /// Known from before.
    Known(String),
    /// A thread makes it.
    Making(JoinHandle<std::io::Result<String>>),
}

impl Hash {
    /// Looks whether the hash of `file` is remembered, else begins to make it.
    pub fn of(file: &Arc<File>) -> Hash {
        let stamp = stamp(file).ok();
        let list = place().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        match stamp.as_deref().and_then(|stamp| find(&list, stamp)) {
            Some(known) => Hash::Known(known.to_owned()),
            None => {
                let file = file.clone();
                Hash::Making(std::thread::spawn(move || make(&file, stamp)))
            }
        }
    }
    /// SHA-256, in hexadecimal.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn get(self) -> std::io::Result<String> {
        match self {
            Hash::Known(hash) => Ok(hash),
            Hash::Making(thread) => thread.join().expect("hashing does not panic"),
        }
    }
}

fn make(file: &Arc<File>, before: Option<String>) -> std::io::Result<String> {
    let mut hasher = Hasher::default();
    Content::of_file(file)?.pieces(|_, bytes| hasher.update(bytes))?;
    let hash = hasher.finish();
    if let (Some(before), Ok(after), Some(place)) = (before, stamp(file), place())
        && before == after
        && !changed_just_now(file)
    {
        let list = std::fs::read_to_string(&place).unwrap_or_default();
        // Without it the file is hashed again next time.
        let _ = write_atomically(&place, with(&list, &after, &hash).as_bytes());
    }
    Ok(hash)
}

fn place() -> Option<PathBuf> {
    Some(cache_dir().ok()?.join("hashes"))
}
/// What changes when a file does.
fn stamp(file: &File) -> std::io::Result<String> {
    let m = file.metadata()?;
    let times = [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()].map(|t| t.to_string()).join(" ");
    Ok(format!("{} {} {} {times}", m.dev(), m.ino(), m.size()))
}
fn changed_just_now(file: &File) -> bool {
    let changed = file.metadata().map(|m| Duration::new(m.ctime().max(0) as u64, m.ctime_nsec() as u32));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    changed.map_or(true, |changed| now < changed + TICK)
}
/// The hash that a list has for a stamp.
fn find<'a>(list: &'a str, stamp: &str) -> Option<&'a str> {
    let (_, hash) = list.lines().filter_map(|line| line.rsplit_once(' ')).find(|(of, _)| *of == stamp)?;
    (hash.len() == 64).then_some(hash)
}
/// The list with another hash, without the oldest if it is long.
fn with(list: &str, stamp: &str, hash: &str) -> String {
    let lines: Vec<_> = list.lines().filter(|line| !line.starts_with(stamp)).collect();
    let kept = &lines[lines.len().saturating_sub(MOST - 1)..];
    kept.iter().copied().chain([format!("{stamp} {hash}").as_str()]).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_file_is_known_until_anything_of_it_changes() {
        let list = with("", "1 2 3 4 5 6 7", HASH);
        assert_eq!(find(&list, "1 2 3 4 5 6 7"), Some(HASH));
        for other in
            ["9 2 3 4 5 6 7", "1 9 3 4 5 6 7", "1 2 9 4 5 6 7", "1 2 3 9 5 6 7", "1 2 3 4 5 6 9", "1 2 3"]
        {
            assert_eq!(find(&list, other), None, "{other}");
        }
        let again = with(&list, "1 2 3 4 5 6 7", &HASH.replace('e', "f"));
        assert_eq!(
            (again.lines().count(), find(&again, "1 2 3 4 5 6 7")),
            (1, Some(&*HASH.replace('e', "f")))
        );
        assert_eq!(find("1 2 3 4 5 6 7 shortened", "1 2 3 4 5 6 7"), None);
    }

    #[test]
    fn the_newest_files_are_remembered() {
        let list = (0..100).fold(String::new(), |list, n| with(&list, &format!("1 {n} 3 4 5 6 7"), HASH));
        assert_eq!(list.lines().count(), MOST);
        assert_eq!((find(&list, "1 35 3 4 5 6 7"), find(&list, "1 36 3 4 5 6 7")), (None, Some(HASH)));
    }

    #[test]
    fn a_file_that_was_just_written_is_hashed() {
        let path = std::env::temp_dir().join(format!("capisim-hash-{}", std::process::id()));
        std::fs::write(&path, b"").expect("writes");
        let file = Arc::new(File::open(&path).expect("opens"));
        let (first, stamped) = (Hash::of(&file), stamp(&file).expect("a stamp"));
        std::fs::write(&path, b"changed").expect("writes");
        assert_ne!(stamp(&file).expect("a stamp"), stamped);
        assert!(matches!(first, Hash::Making(_)));
        let (second, expected) =
            (Hash::of(&file).get().expect("reads"), crate::artifacts::hash_bytes(b"changed"));
        assert!(matches!(Hash::of(&file), Hash::Making(_)), "what changed just now is not remembered");
        std::fs::remove_file(&path).expect("removes");
        assert_eq!(second, expected);
    }
}
