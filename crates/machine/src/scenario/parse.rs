//! The checked tree into the structures of [`super`].

use super::problem::{Name, Problem};
use super::read::{Node, Tree, read};
use super::shape::{self, SIGNALS};
use super::*;
use fabric::Ticks;

/// Kernel command line unless the scenario says otherwise.
pub const DEFAULT_CMDLINE: &str = "console=hvc0 cryptomgr.notests mitigations=off cpuidle.off=1";

/// Reads a scenario; all mistakes, in the order of the file.
pub fn parse(text: &str) -> Result<Scenario, Vec<Problem>> {
    let tree = read(text, &shape::SCENARIO)?;
    let mut problems = vec![];
    let scenario = scenario(&tree, &mut problems);
    check::names(&scenario, &mut problems);
    problems.sort_by_key(|p| p.place.start);
    if problems.is_empty() { Ok(scenario) } else { Err(problems) }
}

fn scenario(tree: &Tree, problems: &mut Vec<Problem>) -> Scenario {
    let empty = Tree::default();
    let part = |key: &str| tree.tree(key).unwrap_or(&empty);
    let drives = drives(tree, problems);
    let adapters: Vec<AdapterSpec> =
        tree.trees("adapter").iter().map(|t| adapter(t, &drives, problems)).collect();
    let guest = guest(part("guest"), !adapters.is_empty());
    let steps: Vec<Step> = tree.trees("step").iter().enumerate().map(|(n, t)| step(t, n, problems)).collect();
    Scenario {
        name: tree.text("name").unwrap_or_default(),
        about: tree.text("about").unwrap_or_default(),
        machine: machine(part("machine")),
        guest,
        adapters,
        draws: draws(tree, problems),
        actors: tree.trees("actor").iter().map(actor).collect(),
        steps,
        oracle: oracle(part("oracle")),
        limits: limits(part("limits")),
        explore: explore(part("explore"), problems),
    }
}

fn machine(t: &Tree) -> MachineSpec {
    MachineSpec {
        cpus: t.number("cpus").unwrap_or(2) as usize,
        memory: t.number("memory").unwrap_or(1 << 30),
        cmdline: t.text("cmdline").unwrap_or_else(|| DEFAULT_CMDLINE.to_owned()),
        quantum: t.pair("quantum").unwrap_or(crate::build::DEFAULT_QUANTUM),
    }
}

fn texts(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|n| n.text).collect()
}

fn guest(t: &Tree, has_adapter: bool) -> GuestSpec {
    let disks = t.number("disks").unwrap_or(0);
    let usual = || {
        let mut modules = vec![];
        if has_adapter {
            modules.extend(["cxl", "cxlflash"].map(str::to_owned));
        }
        if disks > 0 {
            modules.insert(0, "sd_mod".to_owned());
        }
        modules
    };
    GuestSpec {
        modules: t.names("modules").map_or_else(usual, texts),
        disks,
        wait_secs: t.number("wait").map_or(60, |ns| ns.div_ceil(1_000_000_000)).min(3600),
        shell: t.flag("shell").unwrap_or(false),
    }
}

/// Numbers drawn from the seed.
fn draws(t: &Tree, problems: &mut Vec<Problem>) -> BTreeMap<String, Draw> {
    let mut draws = BTreeMap::new();
    for (name, node) in t.fields("draw").into_iter().flatten() {
        let drawn = match node {
            Node::Text(text) => units::parse_draw(text),
            Node::Number(_) => Err(format!("`{name}` is a range such as \"8..64\"")),
            _ => continue,
        };
        match drawn {
            Ok(draw) => drop(draws.insert(name.clone(), draw)),
            Err(message) => problems.push(Problem::at(t.place_of("draw"), message)),
        }
    }
    draws
}

/// The classes of drives a unit may name: the project's and the file's own.
fn drives(tree: &Tree, problems: &mut Vec<Problem>) -> Vec<Profile> {
    let mut known: Vec<Profile> = crate::drives::all().into_iter().map(|d| d.profile).collect();
    for t in tree.trees("profile") {
        let profile = crate::drives::drive(t, problems).profile;
        if known.iter().any(|k| k.name == profile.name) {
            let message = format!("there is a class of drives `{}` already", profile.name);
            problems.push(Problem::at(t.place_of("name"), message));
        }
        known.push(profile);
    }
    known
}

fn profile(t: &Tree, drives: &[Profile], problems: &mut Vec<Problem>) -> Profile {
    let Some(name) = t.name("profile") else { return Profile::default() };
    let found = drives.iter().find(|d| d.name == name.text).cloned();
    if found.is_none() {
        let names = drives.iter().map(|d| d.name.as_str());
        problems.push(Problem::unknown(name.place, "class of drives", &name.text, names));
    }
    found.unwrap_or_default()
}

fn adapter(t: &Tree, drives: &[Profile], problems: &mut Vec<Problem>) -> AdapterSpec {
    let mut lun = |t: &Tree| LunSpec {
        size: t.number("size").unwrap_or(0),
        block: t.number("block").unwrap_or(4096) as u32,
        write_protected: t.flag("write-protected").unwrap_or(false),
        profile: profile(t, drives, problems),
        worn: t.number("worn").unwrap_or(0) as u32,
    };
    let mut luns: Vec<LunSpec> = t.trees("lun").iter().map(&mut lun).collect();
    for (tree, lun) in t.trees("lun").iter().zip(&luns) {
        if lun.block != 512 && lun.block != 4096 {
            problems.push(Problem::at(tree.place_of("block"), "`block` is 512 or 4096"));
        } else if lun.size == 0 || lun.size % u64::from(lun.block) != 0 {
            let message = format!("`size` must be a multiple of the block size, {}", lun.block);
            problems.push(Problem::at(tree.place_of("size"), message));
        }
    }
    if luns.len() > 256 {
        problems.push(Problem::at(t.place_of("lun"), "an adapter has at most 256 units"));
    }
    if luns.is_empty() {
        luns = vec![LunSpec::new(64 << 30, 4096); 2];
    }
    let strict_tables = t.text("tables").is_none_or(|kept| kept == "strict");
    AdapterSpec { variant: t.text("variant").unwrap_or_default(), luns, strict_tables }
}

fn actor(t: &Tree) -> Actor {
    Actor {
        name: t.name("name").unwrap_or_default(),
        does: t.names("does").map(texts).unwrap_or_default(),
        cpu: t.text("cpu").unwrap_or_else(|| "-".into()),
        program: t.text("program").unwrap_or_else(|| "/bin/actor".into()),
        at_once: t.text("goes").is_none_or(|g| g == "at-once"),
    }
}

fn step(t: &Tree, n: usize, problems: &mut Vec<Problem>) -> Step {
    let empty = Tree::default();
    let when = t.tree("when").unwrap_or(&empty);
    let name = t.name("name").unwrap_or(Name { text: format!("step-{}", n + 1), place: t.place });
    let fault = t.tree("fault").map(fault);
    let inject = t.tree("inject").map(injection);
    let then = t.tree("then").and_then(|a| action(a, &name.text, problems));
    let condition = condition(when);
    if fault.is_some() {
        match &condition.what {
            What::Operation(op) if !op.done && !when.has("delay") => {}
            What::Operation(_) => {
                let message = "a fault acts when the operation comes: neither `phase = \"done\"` nor `delay` goes with it";
                problems.push(Problem::at(when.place, message));
            }
            _ => {
                let message = "a fault needs `command`, `llcmd` or `control` in `when`";
                problems.push(Problem::at(when.place, message));
            }
        }
    } else if then.is_none() && inject.is_none() && !t.has("begins") && !t.has("then") {
        let message = format!("step `{name}` does nothing: give it `then`, `fault` or `inject`");
        problems.push(Problem::at(t.place, message));
    }
    Step {
        when: condition,
        delay: when.span("delay").unwrap_or_default(),
        then,
        fault,
        inject,
        begins_removal: t.has("begins"),
        name,
    }
}

fn condition(t: &Tree) -> Condition {
    Condition { what: what(t), nth: t.number("nth").unwrap_or(1), after: t.name("after") }
}

fn what(t: &Tree) -> What {
    if let Some(event) = t.text("guest") {
        return What::Guest(event);
    }
    if let Some(at) = t.number("at") {
        return What::At(Ticks(at));
    }
    if let Some(step) = t.name("step") {
        return What::Step(step);
    }
    if let Some(text) = t.text("console") {
        return What::Console(text);
    }
    if let Some(actor) = t.name("actor") {
        return What::Actor { actor, event: t.text("event").unwrap_or("ok".into()), op: t.text("op") };
    }
    if let Some(kind) = t.text("record") {
        return record(t, kind);
    }
    operation(t).map_or_else(|| code(t), What::Operation)
}

/// Conditions on the guest's code.
fn code(t: &Tree) -> What {
    if let Some(symbol) = t.name("symbol") {
        let (value, under) = (t.signed("value"), t.name("under"));
        let returns = t.flag("returns").unwrap_or(value.is_some());
        return What::Symbol { symbol, returns, value, under };
    }
    if let Some(symbol) = t.name("asleep_in") {
        return What::AsleepIn(symbol);
    }
    let (under, signal_pending, held_by) = (t.name("under"), t.flag("signal_pending"), t.name("held_by"));
    match t.text("waits_for") {
        Some(lock) => What::Waits { lock, under, signal_pending, held_by },
        None => {
            let lock = t.text("slow_path_of").unwrap_or_default();
            What::SlowPath { lock, under, signal_pending, held_by }
        }
    }
}

fn operation(t: &Tree) -> Option<Operation> {
    let points = [("command", "afu-command"), ("llcmd", "llcmd"), ("control", "afu-cntl")];
    let (key, point) = points.into_iter().find(|(k, _)| t.has(k))?;
    Some(Operation {
        point,
        kind: t.name(key)?,
        from: t.name("from"),
        pe: t.number("pe"),
        mode: t.number("mode"),
        done: t.text("phase").is_some_and(|p| p == "done"),
    })
}

fn record(t: &Tree, kind: String) -> What {
    let (numbers, texts) = fields(t, "where");
    What::Record { kind, numbers, texts }
}

/// The numbers and texts of a table of fields.
fn fields(t: &Tree, key: &str) -> (BTreeMap<String, u64>, BTreeMap<String, String>) {
    let (mut numbers, mut texts) = (BTreeMap::new(), BTreeMap::new());
    for (name, node) in t.fields(key).into_iter().flatten() {
        match node {
            Node::Text(text) => {
                texts.insert(name.clone(), text.clone());
            }
            Node::Number(n) => {
                numbers.insert(name.clone(), *n as u64);
            }
            _ => {}
        }
    }
    (numbers, texts)
}

fn fault(t: &Tree) -> Fault {
    let effect = match (t.span("hold"), t.number("fail")) {
        (Some(span), _) => FaultEffect::Hold(span),
        (None, Some(code)) => FaultEffect::Fail(code),
        (None, None) => FaultEffect::Drop,
    };
    Fault { effect, times: t.number("times").unwrap_or(1) }
}

fn injection(t: &Tree) -> Injection {
    Injection {
        fault: t.name("fault").unwrap_or_default(),
        way: t.name("way"),
        adapter: t.number("adapter").unwrap_or(0) as usize,
        span: t.span("span"),
        value: t.number("value"),
        nth: t.number("nth").unwrap_or(1),
        times: t.number("times"),
        lasts: t.number("lasts").map(Ticks),
        from: t.name("from"),
        pe: t.number("pe"),
        mutex: t.name("mutex"),
        with: fields(t, "with").0,
    }
}

fn action(t: &Tree, step: &str, problems: &mut Vec<Problem>) -> Option<Action> {
    if let Some(actor) = t.name("go") {
        return Some(Action::Go(actor));
    }
    if let Some(actor) = t.name("tell") {
        return Some(Action::Tell(actor, t.names("does").map(texts).unwrap_or_default()));
    }
    if let Some(target) = t.name("kill") {
        return signal(t, problems).map(|signal| Action::Kill(target, signal));
    }
    if let Some(text) = t.text("input") {
        return Some(Action::Input(text));
    }
    if let Some(power) = t.text("power") {
        return Some(Action::Power(power == "reboot"));
    }
    if t.has("end") {
        return Some(Action::End);
    }
    let verb = ["write", "read", "insmod", "rmmod"].into_iter().find(|v| t.has(v))?;
    if verb == "write" && !t.has("text") {
        problems.push(Problem::at(t.place, "`write` needs `text`"));
    }
    Some(Action::Job(Job {
        name: t.text("job").unwrap_or_else(|| step.to_owned()),
        cpu: t.text("cpu").unwrap_or_else(|| "-".into()),
        verb,
        target: t.text(verb).unwrap_or_default(),
        text: t.text("text").or_else(|| t.text("params")).unwrap_or_default(),
    }))
}

fn signal(t: &Tree, problems: &mut Vec<Problem>) -> Option<u64> {
    let name = t.name("signal").unwrap_or(Name::new("SIGKILL"));
    let found = SIGNALS.iter().find(|(n, _)| *n == name.text || n[3..] == name.text);
    if found.is_none() {
        let known = SIGNALS.iter().map(|(n, _)| *n);
        problems.push(Problem::unknown(name.place, "signal", &name.text, known));
    }
    found.map(|(_, number)| *number)
}

fn oracle(t: &Tree) -> OracleSpec {
    let requirement = |t: &Tree| Requirement {
        name: t.name("name").unwrap_or_default(),
        within: t.number("within").map(Ticks),
    };
    let reach = |t: &Tree| {
        let condition = condition(t);
        Reach { name: t.text("name").unwrap_or_else(|| describe(&condition)), condition }
    };
    OracleSpec {
        require: t.trees("require").iter().map(requirement).collect(),
        bug: t.names("bug").unwrap_or_default(),
        must_reach: t.trees("must_reach").iter().map(reach).collect(),
    }
}

fn limits(t: &Tree) -> Limits {
    Limits {
        virtual_time: Ticks(t.number("virtual").unwrap_or(120_000_000_000)),
        idle: Ticks(t.number("idle").unwrap_or(30_000_000_000)),
    }
}

fn explore(t: &Tree, problems: &mut Vec<Problem>) -> Explore {
    let ready = || Condition { what: What::Guest("ready".into()), nth: 1, after: None };
    let from = t.tree("from").map_or_else(ready, condition);
    if let What::At(_) = from.what {
        problems.push(Problem::at(t.place_of("from"), "a branch point is an event, not a time"));
    }
    Explore { ab: t.flag("ab").unwrap_or(false), from }
}

/// A short text for a condition.
pub fn describe(c: &Condition) -> String {
    let text = match &c.what {
        What::Guest(event) => format!("guest {event}"),
        What::At(t) => format!("time {}", units::show_duration(*t)),
        What::Step(step) => format!("step {step}"),
        What::Console(text) => format!("console `{text}`"),
        What::Actor { actor, event, op } => {
            format!("{actor} {event}{}", op.as_ref().map(|o| format!(" {o}")).unwrap_or_default())
        }
        What::Symbol { symbol, returns, .. } => {
            format!("{symbol} {}", if *returns { "returned" } else { "entered" })
        }
        What::AsleepIn(symbol) => format!("asleep in {symbol}"),
        What::SlowPath { lock, under, signal_pending, .. }
        | What::Waits { lock, under, signal_pending, .. } => {
            let what = if matches!(c.what, What::Waits { .. }) { "waits for" } else { "slow path of" };
            let under = under.as_ref().map(|u| format!(" under {u}")).unwrap_or_default();
            let signal = if *signal_pending == Some(true) { " with a signal pending" } else { "" };
            format!("{what} {lock}{under}{signal}")
        }
        What::Operation(op) => format!("{} {}{}", op.point, op.kind, if op.done { " done" } else { "" }),
        What::Record { kind, .. } => format!("record {kind}"),
    };
    if c.nth > 1 { format!("{text} (no. {})", c.nth) } else { text }
}
