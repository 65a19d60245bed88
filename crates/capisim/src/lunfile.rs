//! Logical units in files: sparse, locked, one file a unit.

use crate::error::Error;
use machine::adapters::{LunStore, StoreError};
use machine::scenario::units::parse_size;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A unit as the command line describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LunArg {
    /// Bytes; with a file that exists, at most its size.
    pub size: Option<u64>,
    /// The file.
    pub file: Option<PathBuf>,
}

impl LunArg {
    /// Reads `size=…`, `file=…` or both.
    pub fn parse(text: &str) -> Result<LunArg, Error> {
        let wrong = |why: String| Error::Usage(format!("--lun {text}: {why}"));
        let mut arg = LunArg { size: None, file: None };
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("size", size)) => arg.size = Some(parse_size(size).map_err(wrong)?),
                Some(("file", file)) if !file.is_empty() => arg.file = Some(PathBuf::from(file)),
                _ => return Err(wrong("write size=16GiB, file=PATH or both with a comma".into())),
            }
        }
        if arg == (LunArg { size: None, file: None }) {
            return Err(wrong("a size or a file is needed".into()));
        }
        if arg.size.is_some_and(|s| s == 0 || s % BLOCK != 0) {
            return Err(wrong(format!("the size must be a multiple of {BLOCK}")));
        }
        Ok(arg)
    }
}

const BLOCK: u64 = 4096;
/// Bytes zeroed at a time.
const CHUNK: u64 = 1 << 20;

/// A file that holds the blocks of a unit.
#[derive(Debug)]
pub struct FileStore {
    file: File,
}

impl FileStore {
    /// Opens or creates `path`; gives the store and its size. The file is
    /// locked as long as the store lives.
    pub fn open(path: &Path, size: Option<u64>) -> Result<(FileStore, u64), Error> {
        let wrong = |why: String| Error::Environment(format!("{}: {why}", path.display()));
        let exists = path.exists();
        if !exists && size.is_none() {
            return Err(wrong("no such file; give a size too, to create it".into()));
        }
        let file =
            OpenOptions::new().read(true).write(true).create(size.is_some()).truncate(false).open(path);
        let file = file.map_err(|e| match e.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                wrong("is read-only for this user; a logical unit must be writable".into())
            }
            _ => wrong(format!("cannot open it: {e}")),
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(wrong("is in use by another run (locked)".into())),
            Err(TryLockError::Error(e)) => return Err(wrong(format!("cannot lock it: {e}"))),
        }
        let len = file.metadata().map_err(|e| wrong(e.to_string()))?.len();
        let size = match size {
            Some(size) if len == 0 => {
                file.set_len(size).map_err(|e| wrong(format!("cannot make it {size} bytes long: {e}")))?;
                size
            }
            Some(size) if size > len => {
                return Err(wrong(format!("too short: it has {len} bytes, {size} are asked for")));
            }
            Some(size) => size,
            None if len == 0 || len % BLOCK != 0 => {
                return Err(wrong(format!("too short or odd: {len} bytes is no multiple of {BLOCK}")));
            }
            None => len,
        };
        Ok((FileStore { file }, size))
    }
}

fn store_error(e: &std::io::Error) -> StoreError {
    if e.kind() == std::io::ErrorKind::StorageFull { StoreError::Full } else { StoreError::Failed }
}

impl LunStore for FileStore {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact_at(out, offset).map_err(|e| store_error(&e))
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.file.write_all_at(data, offset).map_err(|e| store_error(&e))
    }
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
        // Holes are kept: only what is not zero is written.
        let mut found = vec![0; CHUNK as usize];
        let mut at = offset;
        while at < offset + len {
            let n = (offset + len - at).min(CHUNK) as usize;
            self.read(at, &mut found[..n])?;
            if found[..n].iter().any(|b| *b != 0) {
                self.write(at, &vec![0; n])?;
            }
            at += n as u64;
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|e| store_error(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("capisim-lun-{name}-{}", std::process::id()))
    }

    #[test]
    fn blocks_survive_and_a_second_user_is_refused() {
        let path = path("a");
        let (mut store, size) = FileStore::open(&path, Some(1 << 20)).expect("created");
        assert_eq!(size, 1 << 20);
        store.write(4096, &[7; 4096]).expect("written");
        let refused = FileStore::open(&path, None).unwrap_err().to_string();
        assert!(refused.contains("locked"), "{refused}");
        store.unmap(4096, 2048).expect("unmapped");
        drop(store);
        let (mut store, size) = FileStore::open(&path, None).expect("opened");
        let mut out = [1; 4096];
        store.read(4096, &mut out).expect("read");
        assert_eq!((size, out[0], out[2048]), (1 << 20, 0, 7));
        drop(store);
        let short = FileStore::open(&path, Some(2 << 20)).unwrap_err().to_string();
        assert!(short.contains("too short"), "{short}");
        std::fs::remove_file(&path).expect("removed");
        assert!(FileStore::open(&path, None).unwrap_err().to_string().contains("no such file"));
    }

    #[test]
    fn the_command_line_form_is_checked() {
        let arg = LunArg::parse("file=a,size=4GiB").expect("good");
        assert_eq!((arg.size, arg.file), (Some(4 << 30), Some("a".into())));
        for bad in ["", "4GiB", "size=4GB", "size=100B", "file="] {
            assert_eq!(LunArg::parse(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
