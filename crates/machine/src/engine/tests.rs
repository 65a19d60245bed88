//! Tests of conditions: what happened, a line each, against a scenario.

use super::locks::Contention;
use super::triggers::{Happening, Knowledge, Target, Triggers};
use crate::scenario::parse;
use fabric::{Record, Ticks, Value};
use std::collections::BTreeMap;

/// Whether `happening` meets `when`, with `p1` on elements 1 and 7 and `f`
/// standing for `m:f`.
fn meets(when: &str, happening: &Happening<'_>) -> bool {
    let text = format!(
        "schema = 1\nname = \"x\"\n[[adapter]]\nvariant = \"corsa\"\n[[actor]]\nname = \"p1\"\n[[step]]\nname = \"first\"\nwhen = {{ at = \"1s\" }}\nthen = {{ end = true }}\n[[step]]\nwhen = {{ {when} }}\nthen = {{ end = true }}\n"
    );
    let scenario = parse(&text).unwrap_or_else(|p| panic!("{when}: {p:?}"));
    let full = BTreeMap::from([("f".to_owned(), "m:f".to_owned()), ("g".to_owned(), "m:g".to_owned())]);
    let elements = |actor: &str| if actor == "p1" { vec![1, 7] } else { vec![] };
    let known = Knowledge { elements: &elements, full: &full };
    Triggers::new(&scenario).happen(happening, &known).contains(&Target::Step(1))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn record(kind: &'static str, text: (&'static str, &str), numbers: &[(&'static str, u64)]) -> Record {
    let mut fields = vec![(text.0, Value::from(text.1))];
    fields.extend(numbers.iter().map(|(n, v)| (*n, Value::from(*v))));
    Record { at: Ticks(1), device: 1, kind, fields }
}

#[test]
fn events_of_guest_steps_and_console() {
    assert!(meets("guest = \"ready\"", &Happening::Guest("ready")));
    assert!(!meets("guest = \"ready\"", &Happening::Guest("hello")));
    assert!(meets("step = \"first\"", &Happening::Step("first")));
    assert!(meets("console = \"sd 0:0\"", &Happening::Console("[ 1.0] sd 0:0:0:0: attached")));
    let said = words("op=attach pe=1");
    let attach = Happening::Actor { name: "p1", event: "ok", words: &said };
    assert!(
        meets("actor = \"p1\"", &attach) && meets("actor = \"p1\", event = \"ok\", op = \"attach\"", &attach)
    );
    assert!(meets("actor = \"p1\", op = \"pe=1\"", &attach));
    assert!(
        !meets("actor = \"p1\", op = \"detach\"", &attach)
            && !meets("actor = \"p1\", event = \"error\"", &attach)
    );
}

#[test]
fn functions_by_entry_return_value_and_caller() {
    let under = words("m:g");
    let entered = Happening::Symbol { name: "m:f", returned: None, under: &under };
    let failed = Happening::Symbol { name: "m:f", returned: Some(-4i64 as u64), under: &[] };
    assert!(meets("symbol = \"f\"", &entered) && meets("symbol = \"m:f\", under = \"g\"", &entered));
    assert!(
        !meets("symbol = \"f\", under = \"h\"", &entered)
            && !meets("symbol = \"f\", returns = true", &entered)
    );
    assert!(meets("symbol = \"f\", value = -4", &failed) && meets("symbol = \"f\", returns = true", &failed));
    assert!(!meets("symbol = \"f\", value = 0", &failed) && !meets("symbol = \"f\"", &failed));
    assert!(meets("asleep_in = \"f\"", &Happening::Asleep("m:f")));
}

#[test]
fn slow_paths_by_caller_signal_and_owner() {
    let slow = |signal_pending| Contention {
        lock: 8,
        name: "cfg->l".into(),
        under: words("m:g"),
        signal_pending,
        held_by: words("m:f"),
        task: "t/1".into(),
    };
    let meets = |when, pending| meets(when, &Happening::SlowPath(&slow(pending)));
    let when = "slow_path_of = \"l\", under = \"g\", held_by = \"f\", signal_pending = true";
    assert!(meets(when, Some(true)));
    assert!(!meets(when, Some(false)) && !meets(when, None));
    assert!(meets("slow_path_of = \"l\"", None));
    assert!(!meets("slow_path_of = \"l\", held_by = \"g\"", None));
}

#[test]
fn operations_by_kind_context_and_phase() {
    let sync = record("afu-command", ("kind", "afu-sync"), &[("pe", 0), ("ctx", 7), ("mode", 0)]);
    let done = record("afu-command-done", ("kind", "afu-sync"), &[("pe", 0), ("ctx", 7), ("mode", 0)]);
    assert!(meets("command = \"afu-sync\", from = \"p1\", mode = 0", &Happening::Record(&sync)));
    assert!(meets("command = \"afu-sync\", phase = \"done\", pe = 7", &Happening::Record(&done)));
    assert!(!meets("command = \"afu-sync\"", &Happening::Record(&done)));
    assert!(!meets("command = \"afu-sync\", mode = 1", &Happening::Record(&sync)));
    assert!(!meets("command = \"read\"", &Happening::Record(&sync)));
    let add = record("llcmd", ("cmd", "add"), &[("pe", 2)]);
    assert!(meets("llcmd = \"add\", pe = 2", &Happening::Record(&add)));
    assert!(!meets("llcmd = \"add\", from = \"p1\"", &Happening::Record(&add)));
    assert!(meets("record = \"llcmd\", where = { cmd = \"add\", pe = 2 }", &Happening::Record(&add)));
    assert!(!meets("record = \"llcmd\", where = { pe = 3 }", &Happening::Record(&add)));
}

#[test]
fn conditions_count_and_wait_for_their_step() {
    let text = "schema = 1\nname = \"x\"\n[[step]]\nname = \"s\"\nwhen = { guest = \"hello\", nth = 2 }\nthen = { end = true }\n\
                [oracle]\nmust_reach = [{ guest = \"ready\", after = \"s\" }]\n";
    let scenario = parse(text).expect("well formed");
    let mut triggers = Triggers::new(&scenario);
    let known = Knowledge { elements: &|_| vec![], full: &BTreeMap::new() };
    let happen = |t: &mut Triggers, what: &str| t.happen(&Happening::Guest(what), &known);
    assert_eq!(happen(&mut triggers, "hello"), []);
    assert_eq!(happen(&mut triggers, "ready"), [Target::Branch], "the default branch point");
    assert_eq!(happen(&mut triggers, "hello"), [Target::Step(0)]);
    assert_eq!(happen(&mut triggers, "hello"), []);
    triggers.arm("s");
    assert_eq!(happen(&mut triggers, "ready"), [Target::Reach(0)]);
    happen(&mut triggers, "ready");
    assert_eq!(triggers.reached(0), 2);
}
