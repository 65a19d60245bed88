//! Logical units in files: sparse, locked, one file a unit.

use crate::error::Error;
use machine::adapters::{LunStore, Profile, StoreError};
use machine::drives;
use machine::scenario::units::parse_size;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use vmm_sys_util::write_zeroes::PunchHole;

/// A unit as the command line describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LunArg {
    /// Bytes; with a file that exists, at most its size.
    pub size: Option<u64>,
    /// The file.
    pub file: Option<PathBuf>,
    /// Bytes of a block.
    pub block: u32,
    /// Class of the drive.
    pub profile: Profile,
}

impl LunArg {
    /// Reads `size=…`, `file=…` or both.
    pub fn parse(text: &str) -> Result<LunArg, Error> {
        let wrong = |why: String| Error::Usage(format!("--lun {text}: {why}"));
        let mut arg = LunArg { size: None, file: None, block: 4096, profile: Profile::default() };
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("size", size)) => arg.size = Some(parse_size(size).map_err(wrong)?),
                Some(("file", file)) if !file.is_empty() => arg.file = Some(PathBuf::from(file)),
                Some(("block", "512")) => arg.block = 512,
                Some(("block", "4096")) => arg.block = 4096,
                Some(("profile", name)) => {
                    let found = drives::all().into_iter().find(|d| d.profile.name == name);
                    let none =
                        || wrong(format!("no class of drives `{name}`; `capisim list profiles` shows them"));
                    arg.profile = found.ok_or_else(none)?.profile;
                }
                _ => {
                    return Err(wrong(
                        "write size=16GiB, file=PATH or both with a comma, and block=512, profile=CLASS"
                            .into(),
                    ));
                }
            }
        }
        if arg.size.is_none() && arg.file.is_none() {
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

/// A file that holds the blocks of a unit: raw, sparse where nothing was
/// written. What the guest flushed, or wrote with FUA, is on the disk of this
/// host (fdatasync); the rest is in the host's page cache, so that the end of
/// this process at any moment loses nothing.
#[derive(Debug)]
pub struct FileStore {
    file: File,
    path: PathBuf,
    /// What the user was told already.
    told: Vec<std::io::ErrorKind>,
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
        Ok((FileStore { file, path: path.to_owned(), told: vec![] }, size))
    }
}

impl FileStore {
    /// The guest's error for one of this host, of which the user hears once.
    fn failed(&mut self, what: &str, e: &std::io::Error) -> StoreError {
        let full = e.kind() == std::io::ErrorKind::StorageFull;
        if !self.told.contains(&e.kind()) {
            self.told.push(e.kind());
            let guest = if full { "DATA PROTECT, space allocation failed" } else { "MEDIUM ERROR" };
            let cure = if full { "free space on its file system" } else { "check the disk of this host" };
            eprintln!("{}: cannot {what}: {e}; the guest gets {guest}; {cure}", self.path.display());
        }
        if full { StoreError::Full } else { StoreError::Failed }
    }
    /// Zeros where the file system cannot make holes: only over what is not
    /// zero yet, so that holes stay.
    fn write_zeros(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
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
}

impl LunStore for FileStore {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact_at(out, offset).map_err(|e| self.failed("read it", &e))
    }
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.file.write_all_at(data, offset).map_err(|e| self.failed("write it", &e))
    }
    fn unmap(&mut self, offset: u64, len: u64) -> Result<(), StoreError> {
        match self.file.punch_hole(offset, len) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::StorageFull => {
                Err(self.failed("make a hole in it", &e))
            }
            Err(_) => self.write_zeros(offset, len),
        }
    }
    fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        self.file.set_len(size).map_err(|e| self.failed("change its size", &e))
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|e| self.failed("flush it", &e))
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
    fn only_what_was_written_takes_room_and_unmap_gives_it_back() {
        use std::os::unix::fs::MetadataExt;
        let path = path("sparse");
        let (mut store, _) = FileStore::open(&path, Some(16 << 30)).expect("created");
        let kept = |path: &Path| std::fs::metadata(path).expect("there").blocks() * 512;
        assert!(kept(&path) < 1 << 20);
        store.write(8 << 30, &vec![7; 8 << 20]).expect("written");
        store.flush().expect("flushed");
        let written = kept(&path);
        assert!((8 << 20..9 << 20).contains(&written), "{written}");
        store.unmap(8 << 30, 4 << 20).expect("unmapped");
        store.flush().expect("flushed");
        assert!(kept(&path) <= 5 << 20, "{}", kept(&path));
        let mut out = [1; 8192];
        store.read((8 << 30) + (4 << 20) - 4096, &mut out).expect("read");
        assert_eq!((out[0], out[4095], out[4096]), (0, 0, 7));
        store.write_zeros(8 << 30, 8 << 20).expect("zeroed");
        store.read((8 << 30) + (4 << 20) - 4096, &mut out).expect("read");
        assert_eq!(out, [0; 8192]);
        std::fs::remove_file(&path).expect("removed");
    }

    /// The child of the test below: block n says n, and then that it is flushed.
    fn write_until_killed(path: &Path) {
        let (mut store, _) = FileStore::open(path, Some(1 << 30)).expect("created");
        for n in 1u64.. {
            store.write(n * BLOCK, &n.to_be_bytes().repeat(512)).expect("written");
            store.write((n + 1) * BLOCK, &[0xEE; 4096]).expect("written");
            store.flush().expect("flushed");
            println!("\nflushed {n}");
        }
    }

    #[test]
    fn a_kill_at_any_moment_loses_nothing_that_was_flushed() {
        use std::io::BufRead;
        const CHILD: &str = "CAPISIM_LUN_TEST_CHILD";
        const NAME: &str = "lunfile::tests::a_kill_at_any_moment_loses_nothing_that_was_flushed";
        if let Some(path) = std::env::var_os(CHILD) {
            return write_until_killed(Path::new(&path));
        }
        for round in 1..5 {
            let path = path("killed");
            let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
                .args([NAME, "--exact", "--nocapture"])
                .env(CHILD, &path)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("started");
            let lines = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
            let flushed =
                lines.map_while(Result::ok).filter_map(|l| l.strip_prefix("flushed ")?.parse().ok());
            let last: u64 = flushed.take_while(|n| *n <= round * 17).last().expect("some were flushed");
            child.kill().expect("SIGKILL");
            child.wait().expect("gone");
            let (mut store, _) = FileStore::open(&path, None).expect("not locked any more");
            let mut block = [0; 4096];
            for n in 1..=last {
                store.read(n * BLOCK, &mut block).expect("read");
                assert_eq!(block[..], n.to_be_bytes().repeat(512)[..], "block {n} of {last} flushed");
            }
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn an_error_of_the_host_is_one_of_the_guest() {
        // A device that is always full, and a file that cannot be written.
        let open = |path: &str, write| OpenOptions::new().read(true).write(write).open(path).expect("there");
        let store = |file| FileStore { file, path: "disk".into(), told: vec![] };
        let mut full = store(open("/dev/full", true));
        assert_eq!(full.write(0, &[1; 4096]), Err(StoreError::Full));
        assert_eq!(full.write(0, &[1; 4096]), Err(StoreError::Full));
        assert_eq!(full.told, [std::io::ErrorKind::StorageFull], "told once");
        let mut fixed = store(open("/proc/self/exe", false));
        assert_eq!(fixed.write(0, &[1; 4096]), Err(StoreError::Failed));
    }

    #[test]
    fn the_command_line_form_is_checked() {
        let arg = LunArg::parse("file=a,size=4GiB").expect("good");
        assert_eq!((arg.size, arg.file), (Some(4 << 30), Some("a".into())));
        let arg = LunArg::parse("size=1GiB,block=512,profile=flashgt").expect("good");
        assert_eq!((arg.block, arg.profile.name.as_str()), (512, "flashgt"));
        for bad in [
            "block=512",
            "size=4GiB,block=520",
            "size=4GiB,profile=none",
            "",
            "4GiB",
            "size=4GB",
            "size=100B",
            "file=",
        ] {
            assert_eq!(LunArg::parse(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
