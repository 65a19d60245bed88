//! `capisim boot`: a guest with its console on this terminal.

use crate::cli::BootArgs;
use crate::error::Error;
use crate::guest::{Guest, Image, Mode};
use crate::run::{self, Job};
use crate::rundir::{self, Bundle, Input, Logs};
use crate::scenarios::Source;
use crate::stop::Stop;
use crate::terminal::{Keys, Terminal};
use machine::engine::{self, Class, Ended, Host, Outcome, Setup, Status, Wish};
use machine::{Record, Ticks, adapters};
use std::io::Write;
use std::path::Path;

/// The console counts as quiet after this long.
const QUIET: Ticks = Ticks::millis(200);
/// With nothing left to type, the session ends after this long.
const LONG_QUIET: Ticks = Ticks::secs(2);
/// Without our init: when user space is taken to have the console.
const FOREIGN_QUIET: Ticks = Ticks::secs(3);

/// The scenario of a session: no steps, no limits.
fn scenario_text(adapter: bool) -> String {
    let (adapter, guest) = match adapter {
        true => (
            "[[adapter]]\nvariant = \"corsa\"\n",
            "disks = 1\nwait = \"60s\"\nmodules = [\"sd_mod\", \"sg\", \"cxl\", \"cxlflash\"]\n",
        ),
        false => ("", "modules = []\n"),
    };
    format!(
        "schema = 1\nname = \"boot-session\"\n[guest]\nshell = true\n{guest}{adapter}[limits]\nvirtual = \"10000000min\"\nidle = \"10000000min\"\n"
    )
}

/// `capisim boot`.
pub fn boot(args: &BootArgs) -> Result<i32, Error> {
    let source = Source { file: "boot-session".into(), text: scenario_text(!args.no_adapter) };
    let mut scenario = source.parse()?;
    let guest = Guest::open_for(&args.guest, run::memory(&args.guest, &scenario))?;
    if args.guest.initrd.is_some() && args.driver.is_none() && args.guest.module.is_empty() {
        // A whole image of the user's: nothing is added to it.
        scenario.guest.modules.clear();
        scenario.guest.disks = 0;
    }
    let luns = run::adjust(&mut scenario, &args.guest)?;
    run::check_memory(&scenario, 1)?;
    let has_driver = scenario.guest.modules.iter().any(|m| m == "cxlflash");
    let driver = match &args.driver {
        Some(d) => Some(guest.driver(&d.display().to_string())?),
        None if has_driver && guest.artifacts.is_some() => Some(guest.driver("stock")?),
        None => None,
    };
    let job = Job { source, scenario, luns, drivers: driver.into_iter().collect(), branch: None };
    let stop = Stop::install(args.guest.timeout)?;
    let dir = rundir::create(&args.guest.out, "boot", args.seed)?;
    rundir::write(&dir.join("scenario.toml"), job.source.text.as_bytes())?;
    let mut bundle = Bundle { interactive: true, ..run::bundle(&job, &guest, &args.guest, args.seed)? };
    bundle.save(&dir)?;
    let terminal = Terminal::open()?;
    let hint = if terminal.is_tty() { "; Ctrl-A x leaves" } else { "" };
    eprintln!(
        "seed {}  capisim {}  kernel {}{hint}\r",
        args.seed,
        env!("CARGO_PKG_VERSION"),
        guest.report.version
    );
    let mut host = Session { terminal, logs: Logs::create(&dir)?, stop: stop.clone(), input: vec![] };
    let outcome = start(&job, &guest, args.seed, &mut host).inspect_err(|e| rundir::discard(&dir, e))?;
    bundle.input = std::mem::take(&mut host.input);
    bundle.left_ns = (outcome.ended == Ended::Stopped).then_some(outcome.now.0);
    drop(host);
    bundle.state_hash = vec![outcome.state_text()];
    bundle.save(&dir)?;
    Ok(report(&outcome, &dir, &stop))
}

/// Boots and stays until the session ends.
pub fn start(job: &Job, guest: &Guest, seed: u64, host: &mut dyn Host) -> Result<Outcome, Error> {
    let mut scenario = job.scenario.clone();
    let stores = run::stores(&mut scenario, &job.luns)?;
    let whole = guest.initrd.is_some() && scenario.guest.modules.is_empty() && job.drivers.is_empty();
    let driver = job.drivers.first().map(std::path::PathBuf::as_path);
    let image = match guest.whole().filter(|_| whole) {
        Some(image) => image,
        None => Image::clone(&*guest.image(&scenario, driver, Mode::Shell)?),
    };
    let setup = Setup {
        memory: guest.take_memory(scenario.machine.memory),
        scenario: &scenario,
        kernel: &guest.kernel,
        modules: image.symbols,
        offsets: guest.offsets,
        initrd: image.initrd,
        adapters: adapters::build(&scenario, seed, stores),
        seed,
        slice: engine::DEFAULT_SLICE,
    };
    Ok(engine::run(setup, None, host)?)
}

fn report(outcome: &Outcome, dir: &Path, stop: &Stop) -> i32 {
    let what = match (outcome.ended, outcome.class) {
        (_, Class::Panic) => "the kernel panicked",
        (_, Class::Oops) => "the kernel oopsed",
        (Ended::PowerOff, _) => "powered off",
        (Ended::Reboot, _) => "the guest rebooted; a session ends there",
        (Ended::NoProgress, _) => "nothing happens in the guest any more",
        _ => "session ended",
    };
    eprintln!(
        "\n{what} at t={:.3}s, {} instructions, state {}\nreplay    capisim replay {}",
        outcome.now.as_secs_f64(),
        outcome.instructions,
        outcome.state_text(),
        dir.display()
    );
    match (stop.code(), outcome.class) {
        (Some(code), _) => code,
        (None, Class::Panic | Class::Oops | Class::BootFailed | Class::NoProgress) => 1,
        _ => 0,
    }
}

/// The host of an interactive session.
struct Session {
    terminal: Terminal,
    logs: Logs,
    stop: Stop,
    input: Vec<Input>,
}

impl Session {
    fn type_in(&mut self, status: &Status, bytes: Vec<u8>) -> Wish {
        self.input.push(Input::new(status.now.0, &bytes));
        Wish::Input(bytes)
    }
    /// From a pipe: a line at a time, each when the guest waits for it.
    fn piped(&mut self, status: &Status) -> Wish {
        let quiet = Ticks(status.now.0.saturating_sub(status.last_output.0));
        let listening = status.idle && (status.ready && quiet >= QUIET || quiet >= FOREIGN_QUIET);
        if !listening {
            return Wish::Continue;
        }
        match self.terminal.line() {
            Keys::Bytes(line) => self.type_in(status, line),
            Keys::End if quiet >= LONG_QUIET => Wish::Stop,
            Keys::None | Keys::End | Keys::Leave => Wish::Continue,
        }
    }
    /// From a terminal: at once. While the guest has nothing to do, virtual
    /// time goes no faster than the wall clock.
    fn typed(&mut self, status: &Status) -> Wish {
        match self.terminal.keys(status.idle.then_some(engine::DEFAULT_SLICE.0)) {
            Keys::Bytes(bytes) => self.type_in(status, bytes),
            Keys::Leave | Keys::End => Wish::Stop,
            Keys::None => Wish::Continue,
        }
    }
}

impl Host for Session {
    fn output(&mut self, terminal: usize, bytes: &[u8]) {
        if terminal == 0 {
            self.logs.console(bytes);
            let mut out = std::io::stdout().lock();
            // A closed pipe must not end the session before its record is written.
            let _ = out.write_all(bytes).and_then(|()| out.flush());
        }
    }
    fn record(&mut self, record: &Record) {
        self.logs.event(record);
    }
    fn poll(&mut self, status: &Status) -> Wish {
        if self.stop.wanted() {
            return Wish::Stop;
        }
        if self.terminal.is_tty() { self.typed(status) } else { self.piped(status) }
    }
}
