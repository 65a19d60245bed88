//! The schema of a scenario as data: reader, JSON Schema and documentation
//! come from these tables.

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An integer between two bounds.
    Integer(i64, i64),
    /// True or false.
    Bool,
    /// A duration, `500ms`.
    Duration,
    /// A duration or a range of durations, `3s..9s`.
    Span,
    /// A size, `16GiB`.
    Size,
    /// Two integers: least and greatest.
    Pair,
    /// A list of texts.
    Texts,
    /// Numbers or texts by name.
    Fields,
    /// A table.
    Table(&'static Table),
    /// A list of tables.
    Tables(&'static Table),
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value must be.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub doc: &'static str,
}

/// A table: which keys it may have.
#[derive(Debug)]
pub struct Table {
    /// Name for messages and for the JSON Schema.
    pub name: &'static str,
    /// What it describes.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Keys of which exactly one must be there, with those that may go with it.
    pub heads: &'static [(&'static str, &'static [&'static str])],
    /// Keys that may go with any head.
    pub common: &'static [&'static str],
}

impl Table {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
    /// All tables reachable from this one, each once, this one first.
    pub fn closure(&'static self) -> Vec<&'static Table> {
        let mut found: Vec<&'static Table> = vec![self];
        let mut next = 0;
        while let Some(table) = found.get(next).copied() {
            next += 1;
            for key in table.keys {
                if let Shape::Table(t) | Shape::Tables(t) = key.shape
                    && !found.iter().any(|f| f.name == t.name)
                {
                    found.push(t);
                }
            }
        }
        found
    }
}

pub(super) const fn opt(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, doc }
}
pub(super) const fn req(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: true, doc }
}

/// Adapter variants.
pub const VARIANTS: &[&str] = &capi::afu::Variant::NAMES;
/// Moments of a guest's life.
pub const GUEST_EVENTS: &[&str] = &["hello", "ready", "power-off", "reboot", "panic", "oops"];
/// What an actor or a job reports.
pub const ACTOR_EVENTS: &[&str] =
    &["spawned", "idle", "begin", "ok", "error", "event", "list-done", "exited", "done"];
/// Linked list commands.
pub const LLCMDS: &[&str] = &["add", "terminate", "remove", "suspend", "resume", "update"];
/// Signals by name, with their numbers on Linux for POWER.
pub const SIGNALS: &[(&str, u64)] = &[
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
];

static LUN: Table = Table {
    name: "lun",
    doc: "One logical unit. Its blocks are in memory unless the command line puts it in a file.",
    keys: &[
        req("size", Shape::Size, "size of the unit"),
        opt("block", Shape::Integer(512, 4096), "logical block size: 512 or 4096 (default)"),
        opt("write-protected", Shape::Bool, "the unit refuses writes"),
        opt(
            "profile",
            Shape::Text,
            "class of the drive (`capisim list profiles`, or a `[[profile]]`; default: default)",
        ),
        opt("worn", Shape::Integer(0, 255), "percentage of the drive's rated life that is over (default 0)"),
    ],
    heads: &[],
    common: &[],
};
static ADAPTER: Table = Table {
    name: "adapter",
    doc: "A CAPI flash adapter behind a host bridge of its own.",
    keys: &[
        req("variant", Shape::Word(VARIANTS), "which product"),
        opt("lun", Shape::Tables(&LUN), "logical units (default: two of 64GiB)"),
        opt(
            "tables",
            Shape::Word(&["strict", "none"]),
            "what the AFU keeps of resource handle and translation tables: everything until a sync (default), or nothing",
        ),
    ],
    heads: &[],
    common: &[],
};
static MACHINE: Table = Table {
    name: "machine",
    doc: "The machine.",
    keys: &[
        opt("cpus", Shape::Integer(1, 8), "number of vCPUs (default 2)"),
        opt("memory", Shape::Size, "RAM (default 1GiB)"),
        opt("cmdline", Shape::Text, "kernel command line"),
        opt("quantum", Shape::Pair, "least and greatest number of instructions a vCPU runs at a time"),
    ],
    heads: &[],
    common: &[],
};
static GUEST: Table = Table {
    name: "guest",
    doc: "What the guest's init does before it reports `ready`.",
    keys: &[
        opt(
            "modules",
            Shape::Texts,
            "modules to load, with what they need (default: cxl, cxlflash, and sd_mod if disks are awaited)",
        ),
        opt("disks", Shape::Integer(0, 64), "number of cxlflash disks to wait for (default 0)"),
        opt("wait", Shape::Duration, "how long to wait for the disks, in whole seconds (default 60s)"),
        opt("shell", Shape::Bool, "put busybox in the image and start a shell on the console"),
    ],
    heads: &[],
    common: &[],
};
static ACTOR: Table = Table {
    name: "actor",
    doc: "A process of the guest, started by our init when the guest is ready.",
    keys: &[
        req("name", Shape::Text, "its name, 1 to 31 characters of A-Z a-z 0-9 _ . -"),
        opt(
            "does",
            Shape::Texts,
            "commands of docs/guest-protocol.md section 5, run in order when the actor goes",
        ),
        opt("cpu", Shape::Text, "CPUs it may run on, such as `0` or `0,2-3`"),
        opt("program", Shape::Text, "program in the guest (default /bin/actor); `does` are its arguments"),
        opt(
            "goes",
            Shape::Word(&["at-once", "by-step"]),
            "whether it goes as soon as it is there (default) or when a step says `go`; a program of another kind gets the line `go` on its stdin and has to wait for it",
        ),
    ],
    heads: &[],
    common: &[],
};

/// Heads of conditions and what may go with each.
const CONDITION_HEADS: &[(&str, &[&str])] = &[
    ("guest", &[]),
    ("at", &[]),
    ("step", &[]),
    ("console", &[]),
    ("actor", &["event", "op"]),
    ("symbol", &["returns", "value", "under"]),
    ("asleep_in", &[]),
    ("slow_path_of", &["under", "signal_pending", "held_by"]),
    ("waits_for", &["under", "signal_pending", "held_by"]),
    ("command", &["from", "pe", "mode", "phase"]),
    ("llcmd", &["from", "pe", "phase"]),
    ("control", &["phase"]),
    ("record", &["where"]),
];
const CONDITION_KEYS: &[Key] = &[
    opt("guest", Shape::Word(GUEST_EVENTS), "the guest reached this point"),
    opt("at", Shape::Duration, "this much virtual time has passed since power-on"),
    opt("step", Shape::Text, "another step has fired"),
    opt("console", Shape::Text, "a line of the console contains this text"),
    opt("actor", Shape::Text, "an actor or a job reported something: `event`, and `op` for the command"),
    opt("event", Shape::Word(ACTOR_EVENTS), "what was reported (default: ok)"),
    opt("op", Shape::Text, "for which command, or `rc=…`/`signal=…` of an end"),
    opt("symbol", Shape::Text, "a function was entered: `function` in the kernel or `module:function`"),
    opt("returns", Shape::Bool, "not entered but returned"),
    opt("value", Shape::Integer(i64::MIN, i64::MAX), "only if it returned this value"),
    opt("under", Shape::Text, "only if this function is on the back chain"),
    opt(
        "asleep_in",
        Shape::Text,
        "a task went to sleep with this function on its back chain, waiting for a mutex",
    ),
    opt("slow_path_of", Shape::Text, "a task entered the slow path of the mutex with this name"),
    opt(
        "waits_for",
        Shape::Text,
        "a task went to sleep for the mutex with this name, or was told of a signal while it slept",
    ),
    opt("signal_pending", Shape::Bool, "only if a signal is (or is not) pending for that task"),
    opt("held_by", Shape::Text, "only if the mutex belongs to a task that is asleep in this function"),
    opt("command", Shape::Text, "the AFU took a command of this kind, such as `afu-sync`, `read`, `write`"),
    opt("llcmd", Shape::Word(LLCMDS), "the PSL took a linked list command"),
    opt("control", Shape::Word(&["enable", "disable", "reset"]), "AFU_Cntl was told to do this"),
    opt("from", Shape::Text, "only for a process element of this actor"),
    opt("pe", Shape::Integer(0, 511), "only for this process element"),
    opt("mode", Shape::Integer(0, 255), "only for this AFU sync mode"),
    opt("phase", Shape::Word(&["begin", "done"]), "when it came (default) or when it was done"),
    opt("record", Shape::Text, "any record of docs/events.md"),
    opt("where", Shape::Fields, "only if these fields have these values"),
    opt("nth", Shape::Integer(1, 1_000_000_000), "only the n-th time (default 1)"),
    opt("after", Shape::Text, "only once this step has fired"),
];

macro_rules! condition_table {
    ($name:ident, $text:literal, $doc:literal, $common:expr, [$($extra:expr),*]) => {
        static $name: Table = Table {
            name: $text,
            doc: $doc,
            keys: &{
                const EXTRA: &[Key] = &[$($extra),*];
                concat_keys::<{ CONDITION_KEYS.len() + EXTRA.len() }>(EXTRA)
            },
            heads: CONDITION_HEADS,
            common: $common,
        };
    };
}

const fn concat_keys<const N: usize>(extra: &[Key]) -> [Key; N] {
    let mut all = [CONDITION_KEYS[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < CONDITION_KEYS.len() { CONDITION_KEYS[i] } else { extra[i - CONDITION_KEYS.len()] };
        i += 1;
    }
    all
}

condition_table!(
    WHEN,
    "when",
    "What a step waits for: one condition, then maybe a delay.",
    &["nth", "after", "delay"],
    [opt("delay", Shape::Span, "how long after it the step fires; a range is drawn from the seed")]
);
condition_table!(
    REACH,
    "must_reach",
    "What has to happen for a run to prove anything.",
    &["nth", "after", "name"],
    [opt("name", Shape::Text, "name in reports (default: made from the condition)")]
);

static FAULT: Table = Table {
    name: "fault",
    doc: "What the hardware does to the operation that the step's `command`, `llcmd` or `control` names.",
    keys: &[
        opt("hold", Shape::Span, "finish it this much later"),
        opt("drop", Shape::Bool, "never finish it"),
        opt("fail", Shape::Integer(0, i64::MAX), "finish it with this error code"),
        opt("times", Shape::Integer(1, 1_000_000_000), "do so to this many operations (default 1)"),
    ],
    heads: &[("hold", &[]), ("drop", &[]), ("fail", &[])],
    common: &["times"],
};
static INJECT: Table = Table {
    name: "inject",
    doc: "A fault of the catalogue (`capisim list faults`) that begins when the step fires. A run in which it never acts proves nothing.",
    keys: &[
        req("fault", Shape::Text, "name of the fault"),
        opt("way", Shape::Text, "which of its ways (default: the first)"),
        opt("adapter", Shape::Integer(0, 3), "which adapter, counted from 0 (default 0)"),
        opt("span", Shape::Span, "how long an operation is held; a range is drawn from the seed"),
        opt("value", Shape::Integer(0, i64::MAX), "the code or value given in place of the usual one"),
        opt("nth", Shape::Integer(1, 1_000_000_000), "the first operation it acts on (default 1)"),
        opt("times", Shape::Integer(1, 1_000_000_000), "on how many operations it acts"),
        opt("lasts", Shape::Duration, "how long it stays armed (default: until it has acted `times` times)"),
        opt("from", Shape::Text, "only for a process element of this actor"),
        opt("pe", Shape::Integer(0, 511), "only for this process element"),
        opt("mutex", Shape::Text, "name of the mutex whose owner it is about"),
        opt("with", Shape::Fields, "numbers: an operation must have them; a mishap takes them"),
    ],
    heads: &[],
    common: &[],
};
static THEN: Table = Table {
    name: "then",
    doc: "What a step does: one action. In texts `{afu}` stands for the PCI address of the first AFU device, `{card}` for that of its adapter, `{afu1}`, `{card1}` to `{card3}` for those of the next.",
    keys: &[
        opt("go", Shape::Text, "lets an actor run its list"),
        opt("tell", Shape::Text, "gives an actor the commands in `does`"),
        opt("does", Shape::Texts, "the commands for `tell`"),
        opt("kill", Shape::Text, "sends a signal to an actor or a job"),
        opt("signal", Shape::Text, "which signal (default SIGKILL)"),
        opt("write", Shape::Text, "writes `text` to this file, in a process of its own"),
        opt("text", Shape::Text, "what is written"),
        opt("read", Shape::Text, "reads this file, in a process of its own"),
        opt("insmod", Shape::Text, "loads a module of the image"),
        opt("params", Shape::Text, "module parameters"),
        opt("rmmod", Shape::Text, "unloads a module"),
        opt("job", Shape::Text, "name of the process that does it (default: the step's name)"),
        opt("cpu", Shape::Text, "CPUs that process may run on"),
        opt("input", Shape::Text, "types this on the console"),
        opt("power", Shape::Word(&["off", "reboot"]), "tells the guest to power off or reboot"),
        opt("end", Shape::Bool, "ends the run"),
    ],
    heads: &[
        ("go", &[]),
        ("tell", &["does"]),
        ("kill", &["signal"]),
        ("write", &["text", "job", "cpu"]),
        ("read", &["job", "cpu"]),
        ("insmod", &["params", "job", "cpu"]),
        ("rmmod", &["job", "cpu"]),
        ("input", &[]),
        ("power", &[]),
        ("end", &[]),
    ],
    common: &[],
};
static STEP: Table = Table {
    name: "step",
    doc: "Something that happens once, when its condition is met.",
    keys: &[
        opt("name", Shape::Text, "its name (default: step-1, step-2, …)"),
        req("when", Shape::Table(&WHEN), "what it waits for"),
        opt("then", Shape::Table(&THEN), "what is done"),
        opt("fault", Shape::Table(&FAULT), "what the hardware does"),
        opt("inject", Shape::Table(&INJECT), "a fault of the catalogue that begins now"),
        opt("begins", Shape::Word(&["removal"]), "with this step the removal of the adapter's driver begins"),
    ],
    heads: &[],
    common: &[],
};
static REQUIRE: Table = Table {
    name: "require",
    doc: "An oracle that has to hold.",
    keys: &[
        req("name", Shape::Text, "name of the oracle (`capisim list oracles`)"),
        opt("within", Shape::Duration, "its time limit, for oracles that have one"),
    ],
    heads: &[],
    common: &[],
};
static ORACLE: Table = Table {
    name: "oracle",
    doc: "What is judged.",
    keys: &[
        opt("require", Shape::Tables(&REQUIRE), "oracles that have to hold (default: all)"),
        opt(
            "bug",
            Shape::Texts,
            "oracles that are all violated when the bug under test is there (default: any)",
        ),
        opt("must_reach", Shape::Tables(&REACH), "what has to happen at least once"),
    ],
    heads: &[],
    common: &[],
};
condition_table!(
    FROM,
    "from",
    "Up to where all runs of an exploration are the same: one condition.",
    &["nth", "after"],
    []
);
static EXPLORE: Table = Table {
    name: "explore",
    doc: "How many runs are made of one beginning, by `capisim ab` and `capisim explore`.",
    keys: &[
        opt("ab", Shape::Bool, "`ab` without a list of scenarios takes this one"),
        opt(
            "from",
            Shape::Table(&FROM),
            "the branch point: up to here all runs are the same, beyond it each has a seed of its own (default: the guest is ready)",
        ),
    ],
    heads: &[],
    common: &[],
};
static LIMITS: Table = Table {
    name: "limits",
    doc: "When a run is given up.",
    keys: &[
        opt("virtual", Shape::Duration, "virtual time (default 120s)"),
        opt(
            "idle",
            Shape::Duration,
            "virtual time in which nothing is retired, printed or recorded (default 30s)",
        ),
    ],
    heads: &[],
    common: &[],
};

/// The scenario file.
pub static SCENARIO: Table = Table {
    name: "scenario",
    doc: "A capisim scenario, schema 1.",
    keys: &[
        req("schema", Shape::Integer(1, 1), "version of the format"),
        req("name", Shape::Text, "its name"),
        opt("about", Shape::Text, "what it shows"),
        opt("machine", Shape::Table(&MACHINE), "the machine"),
        opt("guest", Shape::Table(&GUEST), "what the guest's init does"),
        opt("adapter", Shape::Tables(&ADAPTER), "adapters, at most four"),
        opt("profile", Shape::Tables(&super::drive_shape::DRIVE), "classes of drives, besides the project's"),
        opt(
            "draw",
            Shape::Fields,
            "ranges of whole numbers (`lba = \"8..64\"`); `{lba}` in texts of actors and steps is a number drawn from the seed",
        ),
        opt("actor", Shape::Tables(&ACTOR), "processes of the guest"),
        opt("step", Shape::Tables(&STEP), "what happens"),
        opt("oracle", Shape::Table(&ORACLE), "what is judged"),
        opt("limits", Shape::Table(&LIMITS), "when a run is given up"),
        opt("explore", Shape::Table(&EXPLORE), "how many runs are made of it"),
    ],
    heads: &[],
    common: &[],
};
