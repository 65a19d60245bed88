use super::*;

fn said(text: &str) -> Vec<String> {
    let problems = parse(text).map(|_| ()).unwrap_err();
    problems.iter().map(|p| p.render("s.toml", text)).collect()
}

fn check(text: &str, expected: &[&str]) {
    let text = format!("schema = 1\nname = \"x\"\n{text}");
    assert_eq!(said(&text), expected, "{text}");
}

const FULL: &str = r#"
schema = 1
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

#[test]
fn every_table_is_read() {
    let s = parse(FULL).expect("well formed");
    assert_eq!((s.machine.cpus, s.machine.memory, s.machine.quantum), (4, 2 << 30, (100, 200)));
    assert_eq!((s.guest.modules.join(" ").as_str(), s.guest.wait_secs), ("sd_mod cxl cxlflash", 2));
    assert_eq!(s.adapters[0].luns[1], LunSpec { write_protected: true, ..LunSpec::new(1 << 20, 512) });
    assert_eq!(s.steps[2].delay, Span { low: 1_000_000, high: 9_000_000 });
    assert!(s.steps[2].begins_removal);
    assert_eq!(s.steps[3].name.text, "step-4");
    assert_eq!(s.steps[3].then, Some(Action::Kill(Name::new("p1"), 15)));
    assert_eq!(s.oracle.require[1].within, Some(Ticks::secs(60)));
    let What::Symbol { returns, value, .. } = &s.oracle.must_reach[1].condition.what else { panic!() };
    assert_eq!((*returns, *value), (true, Some(-4)));
    assert_eq!(s.oracle.must_reach[0].name, "slow path of l under cxlflash:g with a signal pending");
}

#[test]
fn the_hash_sees_the_meaning_and_not_the_layout() {
    let hash = |text: &str| parse(text).expect("well formed").hash();
    assert_eq!(hash(FULL), hash(&FULL.replace("\n[machine]", "\n# a comment\n\n[machine]")));
    assert_ne!(hash(FULL), hash(&FULL.replace("3s..9s", "3s..8s")));
}

#[test]
fn unknown_names_are_told_with_place_and_suggestion() {
    check("[machine]\ncpu = 2", &["s.toml:4:1: unknown key in [machine] `cpu`; did you mean `cpus`?"]);
    check("frob = 1", &["s.toml:3:1: unknown key in [scenario] `frob`"]);
    check(
        "[[adapter]]\nvariant = \"corsar\"",
        &["s.toml:4:11: unknown variant value `corsar`; did you mean `corsa`?"],
    );
    check(
        "[oracle]\nrequire = [{ name = \"no-oop\" }]",
        &["s.toml:4:21: unknown oracle `no-oop`; did you mean `no-oops`?"],
    );
    check(
        "[[actor]]\nname = \"p1\"\n[[step]]\nwhen = { guest = \"ready\" }\nthen = { kill = \"p2\" }",
        &["s.toml:7:17: unknown actor or job `p2`; did you mean `p1`?"],
    );
    check(
        "[[step]]\nwhen = { command = \"afu-sink\" }\nfault = { drop = true }",
        &["s.toml:4:20: unknown command `afu-sink`; did you mean `afu-sync`?"],
    );
    check(
        "[[step]]\nwhen = { at = \"1s\" }\nthen = { kill = \"x\", signal = \"SIGKIL\" }",
        &["s.toml:5:31: unknown signal `SIGKIL`; did you mean `SIGKILL`?"],
    );
}

#[test]
fn wrong_values_are_told_with_place_and_reason() {
    check("[machine]\ncpus = 9", &["s.toml:4:8: `cpus`: 9 is not in 1..=8"]);
    check("[machine]\ncpus = \"two\"", &["s.toml:4:8: `cpus`: an integer is needed, not string"]);
    check(
        "[machine]\nmemory = \"1GB\"",
        &["s.toml:4:10: `memory`: `1GB` is no size: the unit must be one of B, KiB, MiB, GiB, TiB"],
    );
    check(
        "[limits]\nvirtual = \"9s..3s\"",
        &["s.toml:4:11: `virtual`: `9s..3s` is no duration: the unit must be one of ns, us, ms, s, min"],
    );
    check(
        "[[step]]\nwhen = { guest = \"ready\", console = \"x\" }\nthen = { end = true }",
        &["s.toml:4:27: `guest` and `console` exclude each other in `when`"],
    );
    check(
        "[[step]]\nwhen = { guest = \"ready\", under = \"x\" }\nthen = { end = true }",
        &["s.toml:4:27: `under` does not go with `guest`"],
    );
    check(
        "[[step]]\nwhen = { nth = 2 }\nthen = { end = true }",
        &[
            "s.toml:4:8: `when` needs one of guest, at, step, console, actor, symbol, asleep_in, slow_path_of, waits_for, command, llcmd, control, record",
        ],
    );
    check(
        "[[step]]\nwhen = { guest = \"ready\" }\nfault = { drop = true }",
        &["s.toml:4:8: a fault needs `command`, `llcmd` or `control` in `when`"],
    );
    check(
        "[[step]]\nwhen = { guest = \"ready\" }",
        &["s.toml:3:1: step `step-1` does nothing: give it `then`, `fault` or `inject`"],
    );
    check(
        "[[actor]]\nname = \"init\"",
        &[
            "s.toml:4:8: `init` is no name for an actor: 1 to 31 of A-Z a-z 0-9 _ . -, not init, shell, power or _…",
        ],
    );
}

#[test]
fn what_is_no_toml_or_no_schema_is_told() {
    assert_eq!(said("schema = 2\nname = \"x\"\n"), ["s.toml:1:10: `schema`: 2 is not in 1..=1"]);
    assert_eq!(said("schema = 1\n"), ["s.toml:1:1: [scenario] needs `name`: its name"]);
    assert!(said("schema = = 1")[0].starts_with("s.toml:1:"));
    for bytes in [&b"\xff\xfe"[..], b"[[[", b"a = \"\\u{0}", b"when = 1"] {
        fuzz_parse(bytes);
    }
}

#[test]
fn the_published_schema_is_the_one_in_the_code() {
    let published = include_str!("../../../../docs/scenario.schema.json");
    let same = published == schema::json_schema();
    assert!(same, "regenerate: capisim check --print-schema > docs/scenario.schema.json");
}

#[test]
fn the_page_on_scenarios_names_every_key_and_oracle() {
    let page = include_str!("../../../../docs/scenarios.md");
    let keys = shape::SCENARIO.closure().into_iter().flat_map(|t| t.keys.iter().map(|k| k.name));
    let tables = ["machine", "guest", "adapter", "draw", "actor", "step", "oracle", "limits"];
    for name in keys.filter(|k| !tables.contains(k)).chain(crate::oracle::TABLE.iter().map(|o| o.name)) {
        assert!(page.contains(&format!("`{name}`")), "docs/scenarios.md does not mention `{name}`");
    }
}

const FAULTY: &str = r#"
schema = 1
name = "x"
[[adapter]]
variant = "corsa"
[[actor]]
name = "p1"
[[step]]
name = "begin"
when = { at = "1s" }
inject = { fault = "sync-delayed", span = "1s..2s", from = "p1", times = 3, with = { mode = 0 } }
"#;

#[test]
fn a_fault_of_the_catalogue_is_named_and_checked() {
    let scenario = parse(FAULTY).expect("well formed");
    let injection = scenario.steps[0].inject.as_ref().expect("an injection");
    assert_eq!((injection.fault.text.as_str(), injection.times), ("sync-delayed", Some(3)));
    assert_eq!(injection.with.get("mode"), Some(&0));
    for (from, to, says) in [
        ("\"sync-delayed\"", "\"sync-delayd\"", "sync-delayed"),
        ("span =", "way = \"hol\", span =", "hold"),
        ("span =", "adapter = 1, span =", "no adapter 1"),
        ("from = \"p1\"", "from = \"p2\"", "p2"),
        ("times = 3", "mutex = \"m\"", "not about the owner of a mutex"),
        ("\"sync-delayed\"", "\"cpu-stall\", way = \"holder\"", "needs `mutex`"),
    ] {
        let text = FAULTY.replace(from, to);
        let problems = parse(&text).expect_err(to);
        let all: Vec<String> = problems.iter().map(|p| p.render("x", &text)).collect();
        assert!(all.concat().contains(says), "{to}: {all:?}");
    }
}
