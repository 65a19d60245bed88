//! `cargo xtask bench --iops`: what a 4 KiB read costs the host, 32 in flight: through the adapter's own queue here, through
//! virtio-blk and NVMe on QEMU.
//!
//! Each figure is the difference between a long and a short run of the same reads, so boot, set-up and end drop out.

#![allow(clippy::disallowed_types)] // A benchmark is about the wall clock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use capisim::artifacts::{Artifacts, write_atomically};
use capisim::initramfs::{Contents, ModuleTree, compose, modules_line};
use serde::Serialize;

use super::console::{Console, processor_of, processor_of_children};
use super::{Args, qemu};
use crate::clients::image::Packages;
use crate::clients::{Format, ours};
use crate::guest;
use crate::test::cargo::root;

/// Blocks that are read, on both sides; a run reads them many times.
const BLOCKS: u64 = 4096;
/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Reads of the long run for one of the short.
const LONG: u64 = 9;
/// A boot of QEMU that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(900);
/// Where the guest's script is on QEMU, without a leading slash.
const SCRIPT: &str = "etc/iops.sh";
/// Begins every line of the script that is meant for us.
const MARK: &str = "capisim-iops: ";

/// A disk of QEMU's: its name, the kernel's modules for it, its device there.
const PEERS: &[(&str, &[&str], &str)] = &[
    ("virtio-blk", &["virtio_pci", "virtio_blk"], "virtio-blk-pci,drive=disk,bus=pcie.0"),
    ("nvme", &["nvme"], "nvme,drive=disk,serial=capisim,bus=pcie.0"),
];

/// What a million reads cost the host.
#[derive(Debug, Clone, Copy, Serialize)]
struct Cost {
    /// Wall time in seconds.
    wall: f64,
    /// Processor time of all threads in seconds.
    processor: f64,
}

/// A line of the result.
#[derive(Debug, Serialize)]
struct Row {
    path: &'static str,
    #[serde(flatten)]
    cost: Cost,
    /// Our wall time divided by this one's.
    ratio: f64,
    /// Our processor time divided by this one's.
    processor_ratio: f64,
}

/// Measures all paths and prints them.
pub fn run(args: &Args) -> Result<(), String> {
    let wanted = guest::Args {
        with_qemu_system: !args.no_qemu && !qemu::on_path(),
        with_clients: !args.no_qemu,
        ..guest::Args::default()
    };
    let artifacts = guest::prepared(&wanted)?;
    ours::build()?;
    let folder = root().join("target/capisim/iops");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let peers = if args.no_qemu { vec![] } else { prepare(&artifacts, &folder)? };
    let mut all: Vec<(&'static str, Vec<Cost>)> = std::iter::once("superpipe")
        .chain(peers.iter().map(|peer| peer.name))
        .map(|name| (name, vec![]))
        .collect();
    // Interleaved, so that what else the host does hits all of them.
    for _ in 0..args.runs {
        all[0].1.push(superpipe(args.reads, &folder)?);
        for (peer, (_, costs)) in peers.iter().zip(&mut all[1..]) {
            costs.push(peer.run(args.reads)?);
        }
    }
    print(&all.into_iter().map(|(name, costs)| (name, median(costs))).collect::<Vec<_>>(), args);
    Ok(())
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    costs[costs.len() / 2]
}

fn print(costs: &[(&'static str, Cost)], args: &Args) {
    let ours = costs[0].1;
    let row = |&(path, cost): &(&'static str, Cost)| Row {
        path,
        cost,
        ratio: ours.wall / cost.wall,
        processor_ratio: ours.processor / cost.processor,
    };
    let rows: Vec<Row> = costs.iter().map(row).collect();
    if args.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&rows).expect("rows have a form in JSON"));
        return;
    }
    println!("host seconds per million reads of 4 KiB, 32 in flight, median of {}\n", args.runs);
    println!(
        "| path | wall s | processor s | ours / this, wall | ours / this, processor |\n|---|---|---|---|---|"
    );
    for Row { path, cost, ratio, processor_ratio } in rows {
        println!("| {path} | {:.1} | {:.1} | {ratio:.2} | {processor_ratio:.2} |", cost.wall, cost.processor);
    }
}

/// What the reads between the short and the long run cost, for a million of them.
fn difference(short: (f64, f64), long: (f64, f64), reads: u64) -> Result<Cost, String> {
    let million = (reads * (LONG - 1)) as f64 / 1e6;
    let cost = Cost { wall: (long.0 - short.0) / million, processor: (long.1 - short.1) / million };
    if cost.wall <= 0.0 || cost.processor <= 0.0 {
        return Err(format!("{} reads took no longer than {reads}: try more --reads", reads * LONG));
    }
    Ok(cost)
}

/// Reads whole passes over the blocks; the first pass is compared with what was written.
fn scenario(passes: u64) -> String {
    let read = format!("read 0 {BLOCKS} 7 qd=32 spread");
    format!(
        "schema = 1\nname = \"iops-{passes}\"\nabout = \"superpipe reads, 32 in flight\"\n\
         [machine]\ncpus = 2\nmemory = \"1GiB\"\n\
         [guest]\ndisks = 1\nwait = \"60s\"\n\
         [[adapter]]\nvariant = \"corsa\"\nlun = [{{ size = \"1GiB\" }}]\n\
         [[actor]]\nname = \"p1\"\n\
         does = [\"attach\", \"user-direct\", \"write 0 {BLOCKS} 7 chunk=64\", \"{read}\", \"loop {passes} {read} no-check\"]\n\
         [[step]]\nname = \"end\"\nwhen = {{ actor = \"p1\", event = \"list-done\" }}\nthen = {{ end = true }}\n\
         [oracle]\nmust_reach = [{{ name = \"all reads\", actor = \"p1\", event = \"ok\", op = \"count={passes}\" }}]\n\
         [limits]\nvirtual = \"3600s\"\n"
    )
}

fn superpipe(reads: u64, folder: &Path) -> Result<Cost, String> {
    let run = |passes: u64| {
        let file = folder.join(format!("iops-{passes}.toml"));
        std::fs::write(&file, scenario(passes)).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = Command::new(ours::program()?);
        command.current_dir(root()).arg("run").arg(&file).args(["--driver", "stock"]);
        command.arg("--out").arg(folder);
        let (begun, before) = (Instant::now(), processor_of_children()?);
        let output = command.output().map_err(|error| format!("capisim: {error}"))?;
        let took = (begun.elapsed().as_secs_f64(), processor_of_children()? - before);
        if output.status.success() {
            return Ok(took);
        }
        let text = [output.stdout, output.stderr].concat();
        Err(format!("{}: {}", file.display(), String::from_utf8_lossy(&text)))
    };
    let passes = (reads / BLOCKS).max(1);
    difference(run(passes)?, run(passes * LONG)?, passes * BLOCKS)
}

/// A disk of QEMU's and what it boots.
struct Peer {
    name: &'static str,
    program: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
    disk: PathBuf,
    device: &'static str,
}

/// Writes disk and images.
fn prepare(artifacts: &Artifacts, folder: &Path) -> Result<Vec<Peer>, String> {
    let (program, version) = qemu::program(artifacts)?;
    eprintln!("kernel {}; {version} -M powernv9", artifacts.kernel);
    let clients =
        artifacts.clients_dir.as_deref().ok_or("no clients: run `cargo xtask guest --with-clients`")?;
    let packages = Packages::open(clients)?;
    let fio = packages.program("fio")?;
    let libraries = packages.files(&BTreeSet::from([fio.clone()]))?;
    let init = artifacts.programs.get("init").ok_or("no guest program `init`: run `cargo xtask guest`")?;
    let tree = ModuleTree::scan(&artifacts.modules_dir).map_err(|error| error.to_string())?;
    let disk = folder.join("peer.disk");
    write_atomically(&disk, &vec![0x5A; (BLOCKS * BLOCK) as usize]).map_err(|error| error.to_string())?;
    let peer = |&(name, wanted, device): &(&'static str, &'static [&'static str], &'static str)| {
        let modules = tree.resolve(wanted, &[]).map_err(|error| error.to_string())?;
        let config =
            format!("mode run\nhelper -\n{}command spawn iops - /bin/sh /{SCRIPT}\n", modules_line(&modules));
        let mut files: Vec<(&str, u32, Vec<u8>)> =
            libraries.iter().map(|(path, content)| (path.as_str(), 0o755, content.clone())).collect();
        files.push((SCRIPT, 0o755, script(&fio).into_bytes()));
        let image = compose(&Contents {
            init: Some(&init.file.path),
            programs: vec![],
            modules: &modules,
            busybox: Some(&artifacts.busybox.path),
            config: &config,
            files,
        })
        .map_err(|error| error.to_string())?;
        let initrd = folder.join(format!("{name}.cpio"));
        write_atomically(&initrd, &image).map_err(|error| error.to_string())?;
        let (program, kernel, disk) = (program.clone(), artifacts.vmlinux.path.clone(), disk.clone());
        Ok(Peer { name, program, kernel, initrd, disk, device })
    };
    PEERS.iter().map(peer).collect()
}

/// Reads as often as the kernel's command line says, once and [`LONG`] times.
fn script(fio: &str) -> String {
    format!(
        "#!/bin/sh\n\
         say() {{ echo \"{MARK}$*\" >/dev/kmsg; }}\n\
         for wait in $(seq 600); do\n\
         for disk in /dev/vda /dev/nvme0n1; do [ -b $disk ] && break 2; done; usleep 100000\n\
         done\n\
         for word in $(cat /proc/cmdline); do case $word in iops.reads=*) reads=${{word#*=}};; esac; done\n\
         for times in 1 {LONG}; do\n\
         say begin\n\
         /{fio} --name=t --filename=$disk --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=32 --norandommap \\\n\
         --randseed=7 --size={size} --io_size=$((reads * times * 4))k >/tmp/fio.log 2>&1\n\
         say end $? $(grep -o 'issued rwts: total=[0-9]*' /tmp/fio.log)\n\
         done\n",
        size = BLOCKS * BLOCK,
    )
}

impl Peer {
    /// One boot with the short and the long run.
    fn run(&self, reads: u64) -> Result<Cost, String> {
        let mut child = self.start(reads)?;
        let seen = watch(&mut child, reads);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        let [short, long] = seen.map_err(|text| format!("QEMU {}: {text}", self.name))?;
        difference(short, long, reads)
    }

    fn start(&self, reads: u64) -> Result<Child, String> {
        let cmdline = format!("{} iops.reads={reads}", ours::CMDLINE);
        let mut command = qemu::machine(&self.program, "powernv9", 2, &self.kernel, &self.initrd, &cmdline);
        command.args(["-device", "pnv-phb,chip-id=0,index=0,id=phb"]);
        command.args(["-device", "pnv-phb-root-port,bus=phb,id=pcie.0"]);
        command.arg("-drive").arg(format!("if=none,id=disk,format=raw,file={}", self.disk.display()));
        command.args(["-device", self.device]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))
    }
}

/// Wall and processor time of the two runs, by the script's marks on the console.
fn watch(child: &mut Child, reads: u64) -> Result<[(f64, f64); 2], String> {
    let (id, mut console) = (child.id(), Console::of(child, LIMIT));
    let mut mark = |wanted: String| {
        let line = console.until(MARK)?;
        let said = line.split_once(MARK).map_or("", |(_, said)| said);
        if said != wanted {
            return Err(format!("the guest says {said:?}, not {wanted:?}"));
        }
        Ok((Instant::now(), processor_of(id)?))
    };
    let mut between = |times: u64| -> Result<(f64, f64), String> {
        let begin = mark("begin".to_owned())?;
        let end = mark(format!("end 0 issued rwts: total={}", reads * times))?;
        Ok(((end.0 - begin.0).as_secs_f64(), end.1 - begin.1))
    };
    Ok([between(1)?, between(LONG)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_leaves_out_what_both_runs_have() {
        let cost = difference((3.0, 2.0), (11.0, 6.0), 500_000).expect("the long run took longer");
        assert!((cost.wall - 2.0).abs() < 1e-9 && (cost.processor - 1.0).abs() < 1e-9, "{cost:?}");
        assert!(difference((3.0, 2.0), (3.0, 2.0), 1).is_err());
    }

    #[test]
    fn the_scenario_is_one() {
        let parsed: toml::Table = scenario(3).parse().expect("it is TOML");
        assert_eq!(parsed["name"].as_str(), Some("iops-3"));
    }
}
