//! A boot on QEMU's machine: the same kernel, programs and disk size, behind virtio-scsi. What a boot said is kept by a hash of
//! all that went in.

use std::path::{Path, PathBuf};

use capisim::artifacts::{Artifacts, hash_bytes, write_atomically};

use super::console::{Ended, watch};
use super::ours::CMDLINE;
use super::script::{FINISHED, PATH};
use super::table::{DISK_BYTES, PeerDisk};
use super::{Prepared, Session};
use crate::bench::qemu;
use crate::test::cargo::root;

/// What the guest loads for its disk.
pub fn modules(peer: PeerDisk) -> &'static [&'static str] {
    match peer {
        PeerDisk::Qemu => &["virtio_pci", "virtio_scsi"],
        PeerDisk::KernelTarget => &["target_core_file", "tcm_loop"],
        PeerDisk::Nobody => &[],
    }
}
/// Largest transfer of one command in bytes: what our target says in its block limits.
const MAX_TRANSFER: u64 = 16 << 20;
/// Most blocks that one descriptor of an UNMAP can name: our target sets no other limit.
const MAX_UNMAP_BLOCKS: u64 = u32::MAX as u64;
/// Our init serves no host there.
pub fn config(modules: &str) -> String {
    format!("mode run\nhelper -\n{modules}command spawn clients - /bin/sh /{PATH}\n")
}

/// What the disk tells of itself is set to what ours tells, where QEMU lets us.
fn disk_options(session: &Session, disk: &Path) -> Vec<String> {
    if session.peer == PeerDisk::KernelTarget {
        return vec![]; // it is made in the guest
    }
    let image = format!("if=none,id=disk,format=raw,discard=unmap,detect-zeroes=off,file={}", disk.display());
    let (block, unmap) = (session.block, MAX_UNMAP_BLOCKS * session.block);
    let device = format!(
        "scsi-hd,drive=disk,bus=scsi.0,scsi-id=0,lun=0,logical_block_size={block},physical_block_size={block},\
         discard_granularity={block},min_io_size={block},max_io_size={MAX_TRANSFER},rotation_rate=1,scsi_version=6,\
         max_unmap_size={unmap},write-cache=on,dpofua=on,serial=capisim"
    );
    let pairs = [
        ["-device", "pnv-phb,chip-id=0,index=0,id=phb"],
        ["-device", "pnv-phb-root-port,bus=phb,id=pcie.0"],
        ["-device", "virtio-scsi-pci,id=scsi,bus=pcie.0"],
        ["-drive", &image],
        ["-device", &device],
    ];
    pairs.concat().into_iter().map(str::to_owned).collect()
}

/// A QEMU and what it boots.
pub struct Peer {
    program: PathBuf,
    version: String,
    kernel: PathBuf,
    kernel_hash: String,
}

impl Peer {
    /// The host's own, or the one prepared with the artifacts.
    pub fn find(artifacts: &Artifacts) -> Result<Peer, String> {
        let (program, version) = qemu::program(artifacts)?;
        let kernel = &artifacts.vmlinux;
        Ok(Peer { program, version, kernel: kernel.path.clone(), kernel_hash: kernel.sha256.clone() })
    }

    /// First line of `--version`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Runs boots that share a disk, one after the other, or finds all of them kept. The folder gets the disk and the consoles.
    pub fn run(&self, chain: &[Prepared], folder: &Path) -> Result<Vec<Ended>, String> {
        let keys = self.keys(chain)?;
        let kept: Option<Vec<String>> = keys.iter().map(|path| std::fs::read_to_string(path).ok()).collect();
        if let Some(consoles) = kept {
            return Ok(consoles.into_iter().map(|console| Ended { console, fault: None }).collect());
        }
        let disk = folder.join(format!("{}.peer.disk", chain[0].session.name));
        let mut all = vec![];
        for (one, kept) in chain.iter().zip(&keys) {
            let ended = self.boot(one, &disk)?;
            if ended.fault.is_none() {
                write_atomically(kept, ended.console.as_bytes()).map_err(|error| error.to_string())?;
            }
            all.push(ended);
        }
        // It was only there for the boots.
        let _ = std::fs::remove_file(disk);
        Ok(all)
    }

    /// Where each boot's console is kept: named by everything that decides it, the boots before it among that.
    fn keys(&self, chain: &[Prepared]) -> Result<Vec<PathBuf>, String> {
        let mut inputs =
            vec![self.version.clone(), self.kernel_hash.clone(), CMDLINE.to_owned(), DISK_BYTES.to_string()];
        let mut keys = vec![];
        for one in chain {
            inputs.extend(disk_options(&one.session, Path::new("disk")));
            let path = &one.peer;
            inputs.push(capisim::artifacts::hash_file(path).map_err(|error| error.to_string())?.0);
            let key = hash_bytes(inputs.join("\n").as_bytes());
            keys.push(root().join("target/capisim/clients-peer").join(format!(
                "{}-{}.log",
                one.session.name,
                &key[..16]
            )));
        }
        Ok(keys)
    }

    fn boot(&self, one: &Prepared, disk: &Path) -> Result<Ended, String> {
        let session = &one.session;
        let io = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(disk)
            .map_err(|error| io(disk, error))?;
        file.set_len(DISK_BYTES).map_err(|error| io(disk, error))?;
        let console = disk.with_file_name(format!("{}.peer.console", session.name));
        let out = std::fs::File::create(&console).map_err(|error| io(&console, error))?;
        let messages = disk.with_file_name(format!("{}.peer.messages", session.name));
        let log = std::fs::File::create(&messages).map_err(|error| io(&messages, error))?;
        let mut command = qemu::machine(&self.program, "powernv9", 2, &self.kernel, &one.peer, CMDLINE);
        command.args(disk_options(session, disk)).stdout(out).stderr(log);
        let child = command.spawn().map_err(|error| io(&self.program, error))?;
        let (_, text) = watch(
            child,
            || Some(console.clone()),
            Some(FINISHED),
            session,
            &format!("QEMU {}", session.name),
        )?;
        let said = std::fs::read_to_string(&messages).unwrap_or_default();
        let fault =
            (!text.contains(FINISHED)).then(|| format!("QEMU ended before the last client: {}", said.trim()));
        Ok(Ended { console: text, fault })
    }
}
