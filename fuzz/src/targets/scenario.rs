//! Scenario files: whatever the text, an answer and no panic, and every message can be shown.

use machine::scenario::parse;

/// A whole scenario, and each of its tables by itself.
pub fn seeds() -> Vec<Vec<u8>> {
    let whole = SEED.as_bytes().to_vec();
    let parts = SEED.split("\n\n").map(|part| format!("schema = 1\nname = \"x\"\n{part}\n").into_bytes());
    parts.chain([whole]).collect()
}

const SEED: &str = r#"schema = 1
name = "all"
about = "every table"

[machine]
cpus = 4
memory = "2GiB"
quantum = [100, 200]

[guest]
disks = 2
wait = "1500ms"

[[adapter]]
variant = "corsa"
lun = [{ size = "16GiB" }, { size = "1MiB", block = 512, write-protected = true }]

[[actor]]
name = "p1"
does = ["attach", "user-virtual 65536"]
goes = "by-step"

[[step]]
name = "go"
when = { guest = "ready" }
then = { go = "p1" }

[[step]]
name = "hold"
when = { command = "afu-sync", from = "p1" }
fault = { hold = "3s..9s" }

[[step]]
name = "unbind"
when = { step = "hold", delay = "1ms..9ms" }
begins = "removal"
then = { write = "/sys/bus/pci/drivers/cxlflash/unbind", text = "{afu}", job = "remover" }

[[step]]
when = { asleep_in = "cxlflash:f", after = "unbind" }
then = { kill = "p1", signal = "SIGTERM" }

[[step]]
when = { actor = "remover", event = "done", op = "rc=0" }
then = { end = true }

[oracle]
require = [{ name = "no-oops" }, { name = "remove-finishes", within = "60s" }]
bug = ["remove-finishes"]
must_reach = [{ slow_path_of = "l", under = "cxlflash:g", signal_pending = true }, { symbol = "f", value = -4 }]
"#;

/// Parses it and renders what is wrong.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(problems) = parse(&text) {
        assert!(!problems.is_empty(), "refused without a reason");
        for problem in problems {
            problem.render("fuzz.toml", &text);
        }
    }
}
