//! Finding and running QEMU's user mode.

use super::program::{PADS, RECORD, Vector, at, elf};
use super::setting;
use super::state::{End, State};
use capisim::artifacts;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

const NAMES: [&str; 2] = ["qemu-ppc64le", "qemu-ppc64le-static"];

fn prepared() -> Option<PathBuf> {
    let cache = artifacts::cache_dir().ok()?;
    let kernels = artifacts::Artifacts::all(&cache);
    kernels.into_iter().find_map(|kernel| kernel.qemu_user).map(|file| file.path)
}

/// A program that executes ppc64le Linux programs.
pub struct Qemu {
    path: PathBuf,
}

impl Qemu {
    /// `CAPISIM_QEMU_USER`, what `cargo xtask guest` prepared, or what PATH has.
    pub fn find() -> Qemu {
        let given = setting("CAPISIM_QEMU_USER").map(PathBuf::from);
        let path = setting("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name)));
        let mut candidates = given.into_iter().chain(prepared()).chain(in_path);
        let path = candidates.find(|p| p.is_file()).unwrap_or_else(|| {
            panic!(
                "no qemu-ppc64le: run `cargo xtask guest`, install the package qemu-user, \
                 or set CAPISIM_QEMU_USER=/path/to/qemu-ppc64le"
            )
        });
        Qemu { path }
    }

    /// Runs a batch; the states and ends in its order.
    pub fn run(&self, batch: &[Vector]) -> Vec<(State, End)> {
        let file = Scratch::new();
        fs::write(&file.0, elf(batch)).expect("the target folder is writable");
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        let output = Command::new(&self.path)
            .args(["-cpu", "power9"])
            .arg(&file.0)
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        assert!(
            output.status.success() && output.stdout.len() as u64 == batch.len() as u64 * RECORD,
            "{}: {}, {} bytes of {}\n{}",
            self.path.display(),
            output.status,
            output.stdout.len(),
            batch.len() as u64 * RECORD,
            String::from_utf8_lossy(&output.stderr)
        );
        let records = output.stdout.chunks_exact(RECORD as usize);
        batch.iter().zip(records).map(|(v, record)| (State::load(record), end(v, record))).collect()
    }
}

fn end(v: &Vector, record: &[u8]) -> End {
    let pad = u64::from_le_bytes(*record[at::PAD..].first_chunk().expect("the field fits"));
    match PADS.get(pad as usize) {
        Some(offset) => End::At(v.cia().wrapping_add_signed(*offset)),
        None => End::Signal((pad & 0xFF) as u32),
    }
}

static FILES: AtomicU64 = AtomicU64::new(0);

/// A file that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        Scratch(dir.join(format!("oracle-{}-{number}.elf", std::process::id())))
    }
}
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
