//! What happened in a run from its branch point on, in one order: what the
//! CPUs did in the driver, and what the adapter and the scenario did.

use machine::engine::{Host, LockOp, Seen, Sighting, Status, Wish};
use machine::{Record, Value};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Where something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// On a CPU.
    Cpu(usize),
    /// In the adapter or its host bridge.
    Adapter,
    /// In the scenario, or in what judges it.
    Scenario,
}

/// What an event is to those who compare runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A call or anything else; compared by its text without numbers.
    Step,
    /// A return, whose value may mean nothing: shown, not compared.
    Return,
    /// A lock is asked for.
    Asks,
    /// The answer: taken or not.
    Answered(bool),
    /// A lock is let go.
    Leaves,
    /// The task sleeps or runs: when depends on too much to be compared.
    Turn,
    /// Something of the adapter or of the scenario.
    Outside,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Virtual nanoseconds.
    pub at_ns: u64,
    /// Where.
    pub lane: Lane,
    /// Whose: task by name and number among those of its name; empty in the adapter.
    pub who: String,
    /// What, for comparison: the same in every run in which it happens.
    pub key: String,
    /// What it is to those who compare.
    pub kind: Kind,
    /// For people.
    pub text: String,
    /// The lock it is about.
    pub lock: Option<u64>,
    /// How many events of this task were left away here, because they repeat
    /// what it has just done twice.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeated: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a task has done last, to notice that it goes round in a circle.
#[derive(Clone, Debug, Default)]
struct Circle {
    /// Keys of its events, those that were left away too.
    keys: VecDeque<String>,
    /// Its last event that was kept.
    last: usize,
}

impl Circle {
    /// Longest circle that is noticed, in events.
    const LONGEST: usize = 8;

    /// Takes a key; true if it goes round for the third time or more.
    fn turns(&mut self, key: &str) -> bool {
        self.keys.push_back(key.to_owned());
        if self.keys.len() > 3 * Circle::LONGEST {
            self.keys.pop_front();
        }
        let n = self.keys.len();
        let round = |p: usize| (0..2 * p).all(|i| self.keys[n - 1 - i] == self.keys[n - 1 - i - p]);
        (1..=Circle::LONGEST).any(|p| 3 * p <= n && round(p))
    }
}

/// Most events that are kept.
pub const MOST: usize = 400_000;

/// A run's events.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order in which the machine did them.
    pub events: Vec<Event>,
    /// There were more.
    pub cut: bool,
    /// Tasks by name and pid, as they are called here.
    names: BTreeMap<String, String>,
    /// Names of the scenario's processes, by pid.
    actors: BTreeMap<String, String>,
    /// Tasks of a name.
    counts: BTreeMap<String, usize>,
    /// What locks are called, by address.
    pub locks: BTreeMap<u64, LockName>,
    /// From here on events may still be put in order with records.
    settled: usize,
    /// What the adapter did before the branch point.
    before: Vec<String>,
    circles: BTreeMap<String, Circle>,
}

/// What a lock is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockName {
    /// As the kernel calls it; of several with one name all but the first are numbered.
    pub label: Option<String>,
    /// Its place among the locks of the run.
    pub number: usize,
    /// Functions that use it, in order of appearance.
    pub users: Vec<String>,
}

impl LockName {
    /// For people.
    pub fn name(&self) -> String {
        let first = || self.users.first().map_or("?", String::as_str);
        self.label.clone().unwrap_or_else(|| format!("lock {} (of {})", self.number, first()))
    }
}

/// `module:function+0x1c` without module and distance.
pub fn bare(function: &str) -> &str {
    let function = function.split_once(':').map_or(function, |(_, f)| f);
    function.split_once('+').map_or(function, |(f, _)| f)
}

/// A return value for people: small numbers, error numbers, addresses.
fn value(v: u64) -> String {
    match v as i64 {
        n @ -4095..=-1 => error_name(-n).map_or(n.to_string(), |name| format!("-{name}")),
        n @ 0..=65_535 => n.to_string(),
        _ if v >> 32 == 0xFFFF_FFFF || v >> 32 == 0 => value_of_int(v as u32 as i32),
        _ => format!("{v:#x}"),
    }
}

fn value_of_int(n: i32) -> String {
    match n {
        -4095..=-1 => error_name(i64::from(-n)).map_or(n.to_string(), |name| format!("-{name}")),
        n => n.to_string(),
    }
}

/// Names of the error numbers that drivers give most (Linux, uapi errno).
fn error_name(n: i64) -> Option<&'static str> {
    Some(match n {
        1 => "EPERM",
        4 => "EINTR",
        5 => "EIO",
        6 => "ENXIO",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        14 => "EFAULT",
        16 => "EBUSY",
        19 => "ENODEV",
        22 => "EINVAL",
        110 => "ETIMEDOUT",
        512 => "ERESTARTSYS",
        _ => return None,
    })
}

/// Names of the signals that are sent on purpose.
fn signal(number: u64) -> String {
    let names = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (15, "SIGTERM"),
        (17, "SIGCHLD"),
    ];
    names
        .iter()
        .find(|(n, _)| *n == number)
        .map_or(format!("signal {number}"), |(_, name)| (*name).to_owned())
}

impl History {
    /// From here on: what was before only counts for the state of things.
    pub fn beyond_branch(mut self) -> History {
        let adapter = self.events.drain(..).filter(|e| e.lane == Lane::Adapter);
        self.before = adapter.map(|e| e.text).collect();
        self.settled = 0;
        self
    }
    /// A task by its name and its number among those of that name: pids may
    /// differ between runs.
    fn who(&mut self, task: &str) -> String {
        if let Some(name) = self.names.get(task) {
            return name.clone();
        }
        let (comm, pid) = task.rsplit_once('/').unwrap_or((task, ""));
        let comm = self.actors.get(pid).cloned().unwrap_or_else(|| comm.to_owned());
        let n = self.counts.entry(comm.clone()).or_default();
        *n += 1;
        let name = if *n == 1 { comm } else { format!("{comm}#{n}") };
        self.names.insert(task.to_owned(), name.clone());
        name
    }
    fn push(&mut self, event: Event) {
        if !event.who.is_empty() && event.kind != Kind::Turn {
            let circle = self.circles.entry(event.who.clone()).or_default();
            if circle.turns(&event.key) {
                if let Some(last) = self.events.get_mut(circle.last).filter(|e| e.who == event.who) {
                    last.repeated += 1;
                }
                return;
            }
            circle.last = self.events.len();
        }
        if self.events.len() < MOST {
            self.events.push(event);
        } else {
            self.cut = true;
        }
    }
    /// Takes what a CPU did.
    pub fn sighting(&mut self, s: &Sighting) {
        let who = self.who(&s.task);
        let (mut lock_at, mut kind) = (None, Kind::Step);
        let (key, text) = match &s.seen {
            Seen::Enter { function } => {
                let f = bare(function);
                (format!("> {f}"), format!("{f}()"))
            }
            Seen::Return { function, value: v } => {
                kind = Kind::Return;
                (format!("< {}", bare(function)), format!("{} = {}", bare(function), value(*v)))
            }
            Seen::Lock { op, lock, name, caller, owner, pending, .. } => {
                let user = bare(caller).to_owned();
                self.used(*lock, name.as_deref(), &user);
                lock_at = Some(*lock);
                let owner = owner.as_ref().map(|o| format!(", owner {}", self.who(o))).unwrap_or_default();
                let pending = if *pending == Some(true) { ", signal pending" } else { "" };
                if *op == LockOp::Leave {
                    kind = Kind::Leaves;
                    (format!("leave in {user}"), "leaves {lock}".to_owned())
                } else {
                    kind = Kind::Asks;
                    let how = match op {
                        LockOp::TakeUnlessSignal => "asks (interruptibly) for {lock}",
                        LockOp::Try => "tries {lock}",
                        _ => "asks for {lock}",
                    };
                    (format!("ask in {user}"), format!("{how}{owner}{pending}"))
                }
            }
            Seen::Locked { op, lock, caller, taken, value: v, .. } => {
                (lock_at, kind) = (Some(*lock), Kind::Answered(*taken));
                let text = match (taken, op) {
                    (true, _) => "has {lock}".to_owned(),
                    (false, LockOp::Try) => "does not get {lock}".to_owned(),
                    (false, _) => format!("gives up {{lock}}: {}", value(*v)),
                };
                let key = if *taken { "has" } else { "has not" };
                (format!("{key} in {}", bare(caller)), text)
            }
            Seen::Signal { number, to } => {
                kind = Kind::Turn;
                self.sent(*number, to)
            }
            Seen::Exit { code } => ("exit".to_owned(), format!("exits ({code:#x})")),
            Seen::Sleeps | Seen::Runs => {
                kind = Kind::Turn;
                let text = if s.seen == Seen::Sleeps { "sleeps" } else { "runs again" };
                (text.to_owned(), text.to_owned())
            }
        };
        let who = if s.interrupt { String::new() } else { who };
        self.push(Event {
            at_ns: s.at.0,
            lane: Lane::Cpu(s.cpu),
            who,
            key,
            kind,
            text,
            lock: lock_at,
            repeated: 0,
        });
    }
    /// Function `user` does something with a lock of this name.
    fn used(&mut self, lock: u64, name: Option<&str>, user: &str) {
        let number = self.locks.len() + 1;
        let same = |l: &&LockName| l.label.as_ref().and_then(|l| l.split('#').next()) == name;
        let namesakes = self.locks.values().filter(same).count();
        let known = self.locks.entry(lock).or_insert_with(|| {
            let label = name.map(|name| match namesakes {
                0 => name.to_owned(),
                n => format!("{name}#{}", n + 1),
            });
            LockName { label, number, users: vec![] }
        });
        if !known.users.iter().any(|u| u == user) {
            known.users.push(user.to_owned());
        }
    }
    fn sent(&mut self, number: u64, to: &str) -> (String, String) {
        let to = self.who(to);
        (format!("signal {number} to {to}"), format!("{} to {to}", signal(number)))
    }
    /// Takes a record: it comes at the end of the turn in which it was made, so
    /// it goes to its time among what the CPUs have done since the last one.
    pub fn record(&mut self, r: &Record) {
        if r.kind == "actor" {
            let pid = r.text("text").and_then(|t| t.strip_prefix("pid="));
            if let (Some(pid), Some(name)) = (pid, r.text("name")) {
                self.actors.insert(pid.to_owned(), name.to_owned());
            }
        }
        let Some((lane, text)) = outside(&Told::of(r)) else { return };
        let event = Event {
            at_ns: r.at.0,
            lane,
            who: String::new(),
            key: without_numbers(&text),
            kind: Kind::Outside,
            text,
            lock: None,
            repeated: 0,
        };
        let mut place = self.events.len();
        while place > self.settled && self.events[place - 1].at_ns > event.at_ns {
            place -= 1;
        }
        if self.events.len() < MOST {
            self.events.insert(place, event);
            self.circles.values_mut().filter(|c| c.last >= place).for_each(|c| c.last += 1);
            self.settled = place + 1;
        } else {
            self.cut = true;
        }
    }
    /// The text of an event, with the lock's name in it.
    pub fn text(&self, event: &Event) -> String {
        let text = match event.lock.and_then(|l| self.locks.get(&l)) {
            Some(name) => event.text.replace("{lock}", &name.name()),
            None => event.text.clone(),
        };
        match event.repeated {
            0 => text,
            n => format!("{text} [and round again, {n} events]"),
        }
    }
}

/// The state of things.
impl History {
    /// The last event of the adapter, or of the scenario, at that time.
    pub fn at_violation(&self, at_ns: u64) -> Option<usize> {
        self.events.iter().rposition(|e| e.at_ns <= at_ns && e.kind == Kind::Outside)
    }
    /// An event with its place, for people.
    pub fn place(&self, at: usize) -> String {
        let e = &self.events[at];
        let who = if e.who.is_empty() { String::new() } else { format!("{}: ", e.who) };
        let cpu = if let Lane::Cpu(n) = e.lane { format!(" on cpu {n}") } else { String::new() };
        let (text, user) = (self.text(e), e.key.split_once(" in ").map(|(_, f)| format!(" in {f}")));
        format!("{who}{text}{}, t={:.6} s{cpu}", user.unwrap_or_default(), e.at_ns as f64 / 1e9)
    }
    /// What the adapter did up to an event, the time before the branch point included.
    fn adapter(&self, to: usize) -> impl Iterator<Item = &str> {
        let here = self.events.iter().take(to + 1).filter(|e| e.lane == Lane::Adapter);
        self.before.iter().map(String::as_str).chain(here.map(|e| e.text.as_str()))
    }
    /// Process elements and open commands at an event.
    pub fn elements(&self, to: usize) -> String {
        let mut elements: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open: BTreeMap<&str, &str> = BTreeMap::new();
        for text in self.adapter(to) {
            let words: Vec<&str> = text.split(' ').collect();
            match words[..] {
                ["ADD", "PE", pe] => _ = elements.insert(pe, "added"),
                ["TERMINATE", "PE", pe] => _ = elements.insert(pe, "being terminated"),
                ["TERMINATE", "PE", pe, "acknowledged"] => _ = elements.insert(pe, "terminated"),
                ["REMOVE", "PE", pe, "acknowledged"] => _ = elements.remove(pe),
                [.., "begins,", "id", id] => {
                    _ = open.insert(id, text.split(" begins").next().unwrap_or(text))
                }
                [.., "done,", "rc", _, "id", id] => _ = open.remove(id),
                ["afu-command-aborted", ..] => open.clear(),
                _ => {}
            }
        }
        let mut all: Vec<String> = elements.iter().map(|(pe, state)| format!("PE {pe} {state}")).collect();
        all.extend(open.values().map(|command| format!("{command} is open")));
        if all.is_empty() { "none".into() } else { all.join(", ") }
    }
    /// Locks that tasks have at an event.
    pub fn held(&self, to: usize) -> String {
        let mut held: BTreeMap<u64, &str> = BTreeMap::new();
        for e in self.events.iter().take(to + 1) {
            match (&e.kind, e.lock) {
                (Kind::Answered(true), Some(lock)) => _ = held.insert(lock, &e.who),
                (Kind::Leaves, Some(lock)) => _ = held.remove(&lock),
                _ => {}
            }
        }
        let name = |lock: &u64| self.locks.get(lock).map(LockName::name).unwrap_or_default();
        let all: Vec<String> = held.iter().map(|(lock, who)| format!("{} has {}", who, name(lock))).collect();
        if all.is_empty() { "none taken since the branch point".into() } else { all.join(", ") }
    }
    /// Signals that were sent to a task up to an event.
    pub fn signals(&self, to: usize, who: &str) -> String {
        let end = format!(" to {who}");
        let sent =
            self.events.iter().take(to + 1).filter(|e| e.key.starts_with("signal ") && e.key.ends_with(&end));
        sent.map(|e| format!("{} at {:.6} s", e.text, e.at_ns as f64 / 1e9)).collect::<Vec<_>>().join(", ")
    }
}

/// Identifiers that grow with every command differ between runs.
fn without_numbers(text: &str) -> String {
    let mut words = text.split(' ');
    let keep = |w: &&str| !w.chars().next().is_some_and(|c| c.is_ascii_digit()) || w.len() < 3;
    words.by_ref().filter(keep).collect::<Vec<_>>().join(" ")
}

/// Records that the sightings have, or that say nothing about the driver.
const LEFT_OUT: &[&str] = &[
    "opal",
    "symbol",
    "asleep",
    "mutex-slow-path",
    "mutex-wait",
    "kernel-function",
    "reached",
    "engine-complaint",
    "port",
    "translation-dropped",
];

/// A record, from the machine or from `events.jsonl`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Virtual nanoseconds.
    pub at_ns: u64,
    /// Its kind.
    pub kind: String,
    /// Its values.
    pub fields: Vec<(String, Value)>,
}

impl Told {
    /// Of a record of the machine.
    pub fn of(r: &Record) -> Told {
        let fields = r.fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Told { at_ns: r.at.0, kind: r.kind.to_owned(), fields: fields.collect() }
    }
    /// Of a line of `events.jsonl`.
    pub fn read(line: &str) -> Option<Told> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
        let mut told = Told { at_ns: object.get("at_ns")?.as_u64()?, ..Told::default() };
        for (name, value) in &object {
            match (name.as_str(), value) {
                ("record", value) => told.kind = value.as_str()?.to_owned(),
                ("at_ns" | "device", _) => {}
                (_, serde_json::Value::String(text)) => {
                    told.fields.push((name.clone(), Value::Text(text.clone())))
                }
                (_, value) => told.fields.push((name.clone(), Value::U64(value.as_u64()?))),
            }
        }
        Some(told)
    }
    fn number(&self, name: &str) -> Option<u64> {
        self.fields.iter().find_map(|(n, v)| match v {
            Value::U64(v) if n == name => Some(*v),
            _ => None,
        })
    }
    /// A text of it; empty if there is none.
    pub fn word(&self, name: &str) -> &str {
        let text = self.fields.iter().find_map(|(n, v)| match v {
            Value::Text(t) if n == name => Some(t.as_str()),
            _ => None,
        });
        text.unwrap_or("")
    }
}

/// A record for people; nothing if it is left out.
pub fn outside(r: &Told) -> Option<(Lane, String)> {
    if LEFT_OUT.contains(&r.kind.as_str()) {
        return None;
    }
    let (n, t) = (|name| r.number(name), |name| r.word(name));
    let pe = n("pe").filter(|pe| *pe != u64::MAX).map(|pe| format!(" PE {pe}")).unwrap_or_default();
    let scenario = |text: String| Some((Lane::Scenario, text));
    let text = match r.kind.as_str() {
        "step" => return scenario(format!("step {}", t("name"))),
        "removal" => return scenario("the removal begins".into()),
        "branch-point" => return scenario("branch point".into()),
        "guest" => return scenario(format!("guest: {}", t("event"))),
        "guest-trouble" => return scenario(format!("console: {}", t("text"))),
        "fault-injected" => return scenario(format!("fault {} of step {}", t("fault"), t("step"))),
        "holder-stalled" => {
            return scenario(format!("cpu {} stands still: {} has {}", t("cpu"), t("task"), t("mutex")));
        }
        "actor" => {
            return scenario(format!("{}: {} {}", t("name"), t("event"), t("text")).trim_end().to_owned());
        }
        "llcmd" => format!("{}{pe}", t("cmd").to_uppercase()),
        "llcmd-done" => format!("{}{pe} acknowledged", t("cmd").to_uppercase()),
        "afu-command" => format!("{}{pe} begins, id {}", t("kind"), n("id").unwrap_or(0)),
        "afu-command-done" => {
            format!("{}{pe} done, rc {:#x} id {}", t("kind"), n("rc").unwrap_or(0), n("id").unwrap_or(0))
        }
        "irq" => format!("interrupt {:#x}", n("hwirq").unwrap_or(0)),
        kind => {
            let field = |(name, value): &(String, Value)| match value {
                Value::U64(u64::MAX) => None,
                Value::U64(v) => Some(format!("{name}={v:#x}")),
                Value::Text(text) => Some(text.clone()),
            };
            let fields: Vec<String> = r.fields.iter().filter_map(field).collect();
            format!("{kind} {}", fields.join(" "))
        }
    };
    Some((Lane::Adapter, text))
}

/// Writes a run's history while it goes.
pub struct Historian<'a> {
    /// What there is so far.
    pub history: History,
    /// True once it is to end.
    pub over: &'a dyn Fn() -> bool,
}

impl Host for Historian<'_> {
    fn output(&mut self, _: usize, _: &[u8]) {}
    fn record(&mut self, record: &Record) {
        self.history.record(record);
    }
    fn sighting(&mut self, sighting: &Sighting) {
        self.history.sighting(sighting);
    }
    fn poll(&mut self, _: &Status) -> Wish {
        if (self.over)() { Wish::Stop } else { Wish::Continue }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
