//! `cargo xtask clients`: the distribution's own programs use the disks of our adapters, and the same programs use QEMU's SCSI
//! disk. A client passes when both say the same, apart from what its row in [`table`] excepts.

mod alone;
mod compare;
mod console;
pub mod docs;
pub mod image;
pub mod ours;
mod peer;
mod record;
mod script;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use capisim::artifacts::{Artifacts, hash_bytes, write_atomically};
use capisim::initramfs::{ModuleTree, modules_line};
use clap::ValueEnum;
use machine::scenario::shape::VARIANTS;

use crate::guest;
use crate::test::cargo::root;
use compare::{Outcome, Row, alone, compare, text};
use console::Ended;
use image::{Base, Packages};
use peer::Peer;
use script::{Output, outputs};
use table::{BOOTS, Boot, Client, PeerDisk};

/// What the user asks for.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask clients\n  cargo xtask clients --variant corsa --client fio\n  \
                        cargo xtask clients --format json > clients.json\n\n\
                        The exit code is 0 if every client passed on every variant, 1 if not, 5 if it could not be tried."
)]
pub struct Args {
    /// Only clients whose name begins so, with those they build upon; may be given more than once
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// Only this variant of the adapter; may be given more than once
    #[arg(long, value_name = "VARIANT", value_parser = clap::builder::PossibleValuesParser::new(VARIANTS))]
    variant: Vec<String>,
    /// Only the clients that `cargo xtask test` runs
    #[arg(long)]
    quick: bool,
    /// Only list the clients
    #[arg(long)]
    list: bool,
    /// Keep the result for docs/clients.md (a run of every client on every variant)
    #[arg(long, conflicts_with_all = ["client", "variant", "quick"])]
    record: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// How to print results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    #[default]
    Human,
    /// A JSON array of {client, variant, result, detail}
    Json,
}

impl Args {
    /// What `cargo xtask test` runs.
    pub fn quick() -> Args {
        Args { quick: true, variant: vec![VARIANTS[0].to_owned()], ..Args::default() }
    }

    fn wants(&self, client: &Client) -> bool {
        let named =
            self.client.is_empty() || self.client.iter().any(|name| client.name.starts_with(name.as_str()));
        named && (!self.quick || client.quick)
    }

    fn variants(&self) -> Vec<&str> {
        if self.variant.is_empty() {
            VARIANTS.to_vec()
        } else {
            self.variant.iter().map(String::as_str).collect()
        }
    }
}

/// A boot as it will be run.
pub struct Session {
    boot: &'static Boot,
    clients: Vec<&'static Client>,
}

impl Deref for Session {
    type Target = Boot;
    fn deref(&self) -> &Boot {
        self.boot
    }
}

/// A boot with its images: for our machine, for QEMU's.
pub struct Prepared {
    session: Session,
    ours: PathBuf,
    peer: PathBuf,
}

/// The task.
pub fn run(args: &Args) -> ExitCode {
    if args.list {
        BOOTS
            .iter()
            .flat_map(|boot| boot.clients)
            .for_each(|client| println!("{:24} {}", client.name, client.about));
        return ExitCode::SUCCESS;
    }
    match results(args) {
        Ok(rows) => {
            print(&rows, args.format);
            if passed(&rows) == rows.len() as u64 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(5)
        }
    }
}

/// Runs what is wanted. An error means that nothing could be tried.
pub fn results(args: &Args) -> Result<Vec<Row>, String> {
    let chains = chains(args);
    if chains.is_empty() {
        return Err(format!(
            "no client is called {}; see `cargo xtask clients --list`",
            args.client.join(" or ")
        ));
    }
    let with_qemu_system = !crate::bench::qemu::on_path();
    let wanted = guest::Args { with_qemu_system, with_clients: true, ..guest::Args::default() };
    let artifacts = guest::prepared(&wanted)?;
    ours::build()?;
    let folder = capisim::rundir::create(&root().join("target/capisim"), "clients", 1)
        .map_err(|error| error.to_string())?;
    let peer = Peer::find(&artifacts)?;
    eprintln!("clients: kernel {}, {}; results in {}", artifacts.kernel, peer.version(), folder.display());
    let chains = chains.into_iter().map(|chain| prepare(&artifacts, chain)).collect::<Result<Vec<_>, _>>()?;
    let consoles = consoles(&chains, &args.variants(), &peer, &folder)?;
    let rows = rows(args, &chains, &consoles, &folder)?;
    if args.record {
        record::keep(&rows, &artifacts.kernel.to_string())?;
    }
    Ok(rows)
}

/// The boots that are wanted, those that share a disk together. A boot that is needed runs whole, because its clients build
/// upon one another; the quick ones do not.
fn chains(args: &Args) -> Vec<Vec<Session>> {
    let mut chains: Vec<(Vec<&'static Boot>, bool)> = vec![];
    for boot in BOOTS {
        let wanted = boot.clients.iter().any(|client| args.wants(client));
        let before =
            |chain: &&mut (Vec<&'static Boot>, bool)| chain.0.iter().any(|one| Some(one.name) == boot.after);
        match chains.iter_mut().find(before) {
            Some((chain, needed)) => {
                chain.push(boot);
                *needed |= wanted;
            }
            None => chains.push((vec![boot], wanted)),
        }
    }
    let session = |boot: &&'static Boot| Session {
        boot,
        clients: boot.clients.iter().filter(|client| !args.quick || client.quick).collect(),
    };
    chains
        .iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(chain, _)| chain.iter().map(session).collect())
        .collect()
}

/// Writes the images of a chain.
fn prepare(artifacts: &Artifacts, chain: Vec<Session>) -> Result<Vec<Prepared>, String> {
    let clients =
        artifacts.clients_dir.as_deref().ok_or("no clients: run `cargo xtask guest --with-clients`")?;
    let packages = Packages::open(clients)?;
    let images = root().join("target/capisim/clients-images");
    let tree = ModuleTree::scan(&artifacts.modules_dir).map_err(|error| error.to_string())?;
    let prepare = |session: Session| {
        let keep = |image: Vec<u8>| {
            // Named by its content: a run can be replayed, and equal runs keep one.
            let path = images.join(format!("{}-{}.cpio", session.name, &hash_bytes(&image)[..16]));
            if !path.exists() {
                write_atomically(&path, &image).map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(path)
        };
        let target = session.peer == PeerDisk::KernelTarget;
        let wanted: Vec<&str> = ours::MODULES.iter().chain(peer::modules(session.peer)).copied().collect();
        let modules = tree.resolve(&wanted, &[]).map_err(|error| error.to_string())?;
        let config = peer::config(&modules_line(&modules));
        let here = Base { config: "", modules: &[], kernel_target: false };
        let there = Base { config: &config, modules: &modules, kernel_target: target };
        let ours = keep(image::image(artifacts, &packages, &session, &here)?)?;
        let peer = keep(image::image(artifacts, &packages, &session, &there)?)?;
        Ok(Prepared { session, ours, peer })
    };
    chain.into_iter().map(prepare).collect()
}

/// Text of consoles: by variant (empty: QEMU) and boot.
type Consoles = BTreeMap<(String, &'static str), Ended>;

/// Runs every chain on QEMU and on every variant, two at a time.
fn consoles(
    chains: &[Vec<Prepared>],
    variants: &[&str],
    peer: &Peer,
    folder: &Path,
) -> Result<Consoles, String> {
    let sides: Vec<&str> = std::iter::once("").chain(variants.iter().copied()).collect();
    let alone = |chain: &[Prepared]| chain[0].session.peer == PeerDisk::Nobody;
    let mut jobs: Vec<(&Vec<Prepared>, &str)> = chains
        .iter()
        .flat_map(|chain| sides.iter().map(move |side| (chain, *side)))
        .filter(|(chain, side)| !(side.is_empty() && alone(chain)))
        .collect();
    jobs.reverse();
    let (jobs, found) = (Mutex::new(jobs), Mutex::new(Ok(Consoles::new())));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().expect("no worker panics").pop();
                    let Some((chain, side)) = next else { break };
                    let ended = if side.is_empty() {
                        peer.run(chain, folder)
                    } else {
                        on_variant(chain, side, folder)
                    };
                    let mut all = found.lock().expect("no worker panics");
                    match (ended, &mut *all) {
                        (Ok(ended), Ok(all)) => all.extend(
                            chain
                                .iter()
                                .zip(ended)
                                .map(|(one, ended)| ((side.to_owned(), one.session.name), ended)),
                        ),
                        (Err(text), Ok(_)) => *all = Err(text),
                        (_, Err(_)) => break,
                    }
                }
            });
        }
    });
    found.into_inner().expect("no worker panics")
}

/// The boots of a chain on one variant, with one disk.
fn on_variant(chain: &[Prepared], variant: &str, folder: &Path) -> Result<Vec<Ended>, String> {
    let folder = folder.join(variant);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let disk = folder.join(format!("{}.disk", chain[0].session.name));
    let program = ours::program()?;
    let ended = chain.iter().map(|one| ours::run(&program, one, variant, &disk, &folder)).collect();
    // It was only there for the boots.
    let _ = fs::remove_file(disk);
    ended
}

/// Compares everything that is wanted, and leaves the outputs of both sides as files.
fn rows(
    args: &Args,
    chains: &[Vec<Prepared>],
    consoles: &Consoles,
    folder: &Path,
) -> Result<Vec<Row>, String> {
    let mut rows = vec![];
    for one in chains.iter().flatten() {
        let (name, clients) = (one.session.name, &one.session.clients);
        let theirs = consoles.get(&(String::new(), name));
        let peer = theirs.map(|theirs| outputs(&theirs.console));
        for variant in args.variants() {
            let ours = &consoles[&(variant.to_owned(), name)];
            let mine = outputs(&ours.console);
            let folder = folder.join(variant);
            for client in clients.iter().filter(|client| args.wants(client)) {
                let our = mine.get(client.name);
                keep(&folder, client, "ours", our)?;
                let (result, detail) = if let Some(peer) = &peer {
                    let their = peer.get(client.name);
                    keep(&folder, client, "peer", their)?;
                    compare(client, our, their, &folder)
                } else {
                    alone(client, our, &folder)
                };
                rows.push(Row { client: client.name.into(), variant: variant.into(), result, detail });
            }
            // A run may be wrong as a whole though every client ended well.
            for (side, ended) in std::iter::once(("here", ours)).chain(theirs.map(|ended| ("at QEMU", ended)))
            {
                let faulty = ended.fault.as_ref().map(|fault| format!("boot {side}: {fault}"));
                rows.extend(faulty.map(|detail| Row {
                    client: format!("boot-{name}"),
                    variant: variant.into(),
                    result: Outcome::Failed,
                    detail,
                }));
            }
        }
    }
    Ok(rows)
}

fn keep(folder: &Path, client: &Client, side: &str, output: Option<&Output>) -> Result<(), String> {
    let Some(output) = output else { return Ok(()) };
    let path = folder.join(format!("{}.{side}", client.name));
    fs::write(&path, text(output)).map_err(|error| format!("{}: {error}", path.display()))
}

/// How many passed.
pub fn passed(rows: &[Row]) -> u64 {
    rows.iter().filter(|row| row.result == Outcome::Pass).count() as u64
}

/// Prints the result.
pub fn print(rows: &[Row], format: Format) {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(rows).expect("rows have a form in JSON"));
        return;
    }
    println!("{:24} {:10} {:8} detail", "client", "variant", "result");
    for row in rows {
        println!("{:24} {:10} {:8} {}", row.client, row.variant, row.result.word(), row.detail);
    }
    let passed = passed(rows);
    println!("{passed} passed, {} did not", rows.len() as u64 - passed);
}
