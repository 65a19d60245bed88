//! `list`, `check`, `doctor`.

use crate::artifacts::{Artifacts, cache_dir};
use crate::cli::{CheckArgs, GuestArgs, ListArgs, Listing};
use crate::error::Error;
use crate::guest::{Guest, Mode};
use crate::output::put;
use crate::scenarios::{self, Source};
use machine::engine::SymbolTable;
use machine::executor::Executor;
use machine::scenario::{check, schema};
use machine::{adapters, drives, faults, oracle};
use serde_json::{Value, json};

/// `capisim list`.
pub fn list(args: &ListArgs) -> Result<i32, Error> {
    let rows: Vec<Value> = match args.what {
        Listing::Oracles => oracle::TABLE.iter().map(oracle_row).collect(),
        Listing::Operations => adapters::OPERATIONS
            .iter()
            .map(|o| json!({ "name": o.key, "kinds": (o.kinds)(), "effects": o.effects, "does": o.doc }))
            .collect(),
        Listing::Faults => faults::TABLE.iter().map(fault).collect(),
        Listing::Profiles => drives::all().iter().map(drive).collect(),
        Listing::Scenarios => scenarios()?,
        Listing::Kernels => kernels()?,
    };
    if args.format == "json" {
        put(format_args!("{}\n", serde_json::to_string_pretty(&rows).unwrap_or_default()));
        return Ok(0);
    }
    for row in rows {
        put(format_args!("{}\n", row["name"].as_str().unwrap_or("?")));
        for (key, value) in row.as_object().into_iter().flatten().filter(|(k, _)| *k != "name") {
            put(format_args!("    {key}: {}\n", plain(value)));
        }
    }
    Ok(0)
}

/// A class of drives.
fn drive(d: &drives::Drive) -> Value {
    let sources = d.sources.iter().map(|s| format!("{}: {} ({})", s.of.join(", "), s.says, s.document));
    let (p, micros) =
        (&d.profile, |t: &[u64; 6]| format!("{}/{}/{} us", t[1] / 1000, t[3] / 1000, t[4] / 1000));
    json!({
        "name": p.name, "about": d.about, "read": micros(&p.read.quantiles),
        "write": micros(&p.cache.accept.quantiles), "cache": if p.cache.volatile { "volatile" } else { "safe" },
        "dies": p.chips.channels * p.chips.dies, "sources": sources.collect::<Vec<_>>(),
    })
}

/// A fault of the catalogue: `scenario` is the one that shows it fire.
fn fault(f: &faults::Fault) -> Value {
    let (scenario, shown) = match f.shown {
        faults::Shown::Scenario(name) => (Some(name), "on the real kernel".to_owned()),
        faults::Shown::UnitTest(reason) => (None, format!("by a unit test alone: {reason}")),
        faults::Shown::NotYet => (None, "not yet".to_owned()),
    };
    json!({
        "name": f.name, "number": format!("F{}", f.number), "form": f.form, "expected": f.expected,
        "ways": f.ways.iter().map(|w| w.name).collect::<Vec<_>>(), "scenario": scenario, "shown": shown,
    })
}

/// An oracle: `scenario` on `driver` is what shows it fire.
fn oracle_row(o: &oracle::Definition) -> Value {
    json!({
        "name": o.name, "scenario": o.shown.scenario(), "driver": o.shown.driver().unwrap_or("stock"),
        "severity": o.severity, "class": o.class, "proves": o.proves, "exempt": o.exempt,
        "psl_contract": o.rows, "ground": o.ground,
        "reachable": o.shown.because().is_none(), "unreachable_because": o.shown.because(),
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Array(a) => a.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn scenarios() -> Result<Vec<Value>, Error> {
    let row = |(name, text): &(&str, &str)| {
        let source = Source { file: format!("builtin:{name}"), text: (*text).to_owned() };
        let s = source.parse()?;
        Ok(json!({ "name": name, "about": s.about, "hash": s.hash() }))
    };
    scenarios::all().map(row).collect()
}

fn kernels() -> Result<Vec<Value>, Error> {
    let found = Artifacts::all(&cache_dir()?);
    let row = |a: &Artifacts| {
        json!({ "name": a.kernel, "suite": a.suite, "vmlinux": a.vmlinux.path, "sha256": a.vmlinux.sha256,
                "stock": a.cxlflash_stock.sha256, "pre-fix": a.cxlflash_prefix.sha256 })
    };
    Ok(found.iter().map(row).collect())
}

/// `capisim check`.
pub fn check(args: &CheckArgs) -> Result<i32, Error> {
    if args.print_schema {
        put(format_args!("{}", schema::json_schema()));
        return Ok(0);
    }
    if args.scenario.is_empty() {
        return Err(Error::Usage("check: name a scenario (`capisim list scenarios`) or give files".into()));
    }
    let guest = Guest::open(&GuestArgs { kernel: args.kernel.clone(), ..GuestArgs::default() });
    let guest = match guest {
        Err(e) if args.kernel.is_some() => return Err(e),
        other => other.ok(),
    };
    let mut mistakes = vec![];
    for name in &args.scenario {
        match check_one(name, guest.as_ref()) {
            Ok(symbols) => put(format_args!(
                "{name}: good{}\n",
                if symbols { "" } else { " (symbols not checked: no kernel is prepared)" }
            )),
            Err(Error::Scenario(text)) => mistakes.push(text),
            Err(e) => return Err(e),
        }
    }
    if mistakes.is_empty() { Ok(0) } else { Err(Error::Scenario(mistakes.join("\n"))) }
}

/// True if the symbols could be checked too.
fn check_one(name: &str, guest: Option<&Guest>) -> Result<bool, Error> {
    let source = Source::find(name)?;
    let scenario = source.parse()?;
    let Some(guest) = guest else { return Ok(check::symbols(&scenario).is_empty()) };
    let image = guest.image(&scenario, None, Mode::Run)?;
    let table = SymbolTable::new(&guest.kernel.symbols, image.symbols.clone());
    let unknown = check::unknown_symbols(&scenario, &table);
    if unknown.is_empty() { Ok(true) } else { Err(source.problems(&unknown)) }
}

/// Why a build with the translator may not use it.
pub const NO_TRANSLATOR: &str =
    "no translator on this host: it needs x86-64 Linux with BMI1, BMI2, LZCNT, POPCNT and executable memory";

/// `capisim doctor`: what this host has, and what to do about the rest.
pub fn doctor() -> Result<i32, Error> {
    let mut missing = 0;
    let mut say = |good: bool, what: &str, detail: String| {
        missing += i32::from(!good);
        put(format_args!("{}  {what:<18} {detail}\n", if good { "ok     " } else { "MISSING" }));
    };
    match cache_dir() {
        Ok(dir) => say(true, "cache", dir.display().to_string()),
        Err(e) => say(false, "cache", e.to_string()),
    }
    match cache_dir().and_then(|c| Artifacts::load(&c, None)) {
        Ok(a) => {
            say(true, "guest artifacts", format!("kernel {}", a.kernel));
            match a.verify() {
                Ok(()) => say(true, "their hashes", "as prepared".into()),
                Err(e) => say(false, "their hashes", e.to_string()),
            }
            let complete = a.read_offsets().is_ok();
            say(complete, "kernel structures", a.offsets.path.display().to_string());
        }
        Err(e) => say(false, "guest artifacts", e.to_string()),
    }
    let executor = Executor::default();
    let text =
        if executor.available() { executor.to_string() } else { format!("interpreter: {NO_TRANSLATOR}") };
    say(true, "executor", text);
    let memory = available_memory();
    let enough = memory.is_none_or(|m| m >= 3 << 30);
    let text = memory
        .map_or("unknown".into(), |m| format!("{} MiB available; two guests of 1 GiB want 3 GiB", m >> 20));
    say(enough, "memory", text);
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    say(true, "CPUs", format!("{cpus}{}", if cpus < 2 { "; two builds will take turns" } else { "" }));
    Ok(if missing == 0 { 0 } else { 5 })
}

/// Bytes of memory this host can still give, if it tells.
pub fn available_memory() -> Option<u64> {
    meminfo(&["MemAvailable:"])
}

/// Bytes of memory and swap space this host has, if it tells.
pub fn whole_memory() -> Option<u64> {
    meminfo(&["MemTotal:", "SwapTotal:"])
}

/// Sum of lines of `/proc/meminfo`, in bytes.
fn meminfo(names: &[&str]) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &&str| {
        let line = text.lines().find(|l| l.starts_with(*name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    names.iter().map(kib).sum::<Option<u64>>().map(|kib| kib << 10)
}
