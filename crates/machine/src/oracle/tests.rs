//! Oracles on synthetic records, written one a line.

use super::*;
use fabric::{Record, Value};

/// `ms kind name=value …`; a value that is no number is a text.
fn record(line: &str) -> Record {
    let mut words = line.split_whitespace();
    let at: u64 = words.next().and_then(|w| w.parse().ok()).expect("a time in ms");
    let kind = words.next().expect("a kind");
    let field = |word: &str| {
        let (name, value) = word.split_once('=').expect("name=value");
        let name: &'static str = name.to_owned().leak();
        let number =
            value.strip_prefix("0x").map_or_else(|| value.parse().ok(), |h| u64::from_str_radix(h, 16).ok());
        (name, number.map_or_else(|| Value::from(value), Value::from))
    };
    Record {
        at: Ticks::millis(at),
        device: 1,
        kind: kind.to_owned().leak(),
        fields: words.map(field).collect(),
    }
}

pub(super) fn judge(lines: &str) -> Judge {
    let mut judge = Judge::new(&[]);
    let mut last = Ticks(0);
    for line in lines.lines().filter(|l| !l.trim().is_empty()) {
        let record = record(line);
        last = record.at;
        judge.tick(record.at);
        judge.record(&record);
    }
    judge.finish(last + Ticks::secs(20));
    judge
}

fn check(lines: &str, expected: &[&str]) {
    let judge = judge(lines);
    let names: Vec<&str> =
        judge.violations.iter().chain(&judge.findings).map(|v| v.oracle.as_str()).collect();
    assert_eq!(names, expected, "{lines}\n{:?}", judge.violations);
}

const ADD_ALL: &str = "
1 llcmd cmd=add pe=0 master=1
1 llcmd-done cmd=add pe=0 status=5
2 llcmd cmd=add pe=1 master=0
2 llcmd-done cmd=add pe=1 status=5
3 llcmd cmd=add pe=2 master=0
3 llcmd-done cmd=add pe=2 status=5
";

fn gone(ms: u64, pe: u64, cap: u64) -> String {
    format!(
        "{ms} llcmd cmd=terminate pe={pe} ctx_cap={cap}\n{ms} llcmd-done cmd=terminate pe={pe} status=1\n\
         {ms} llcmd cmd=remove pe={pe} ctx_cap={cap}\n{ms} llcmd-done cmd=remove pe={pe} status=2\n"
    )
}

#[test]
fn the_pre_fix_history_breaks_o1_and_o2() {
    let text = format!(
        "{ADD_ALL}10 afu-command kind=afu-sync id=7 pe=0 ctx=1 mode=0\n500 removal\n{}5000 afu-command-done kind=afu-sync id=7\n{}",
        gone(1500, 2, 3),
        gone(6000, 1, 0)
    );
    let judge = judge(&text);
    assert_eq!(judge.violations.len(), 2, "{:?}", judge.violations);
    assert_eq!(judge.violations[0].text, "TERMINATE(PE 2) with ctx_cap=0x3, C0 of PE 1 still open");
    assert_eq!((judge.violations[0].at_ns, judge.violations[0].pe), (1_500_000_000, Some(2)));
    assert_eq!(judge.violations[1].oracle, "remove-finishes");
    assert_eq!(judge.removal(), Removal::Hung);
    assert_eq!(judge.findings.len(), 1, "T3");
}

#[test]
fn the_stock_history_has_findings_only() {
    let text = format!(
        "{ADD_ALL}10 afu-command kind=afu-sync id=7 pe=0 ctx=1 mode=0\n500 removal\n5000 afu-command-done kind=afu-sync id=7\n{}{}{}",
        gone(5100, 2, 3),
        gone(6000, 1, 3),
        gone(8000, 0, 0)
    );
    let judge = judge(&text);
    assert!(judge.violations.is_empty(), "{:?}", judge.violations);
    assert_eq!(judge.findings.len(), 2);
    assert_eq!(judge.removal(), Removal::Finished);
}

#[test]
fn o1_needs_an_open_user_sync_and_a_capability() {
    let sync =
        |mode: u64, ctx: u64| format!("10 afu-command kind=afu-sync id=7 pe=0 ctx={ctx} mode={mode}\n");
    let o1 = "no-terminate-under-open-sync";
    let t = "20 llcmd cmd=terminate pe=2 ctx_cap=3\n";
    check(&format!("{ADD_ALL}{}{t}", sync(1, 1)), &[o1]);
    check(&format!("{ADD_ALL}{}{t}", sync(2, 1)), &[]);
    check(&format!("{ADD_ALL}{}{t}", sync(0, 0)), &[]);
    check(&format!("{ADD_ALL}{}20 llcmd cmd=terminate pe=2 ctx_cap=0\n", sync(0, 1)), &[]);
    check(&format!("{ADD_ALL}{}20 llcmd cmd=terminate pe=0 ctx_cap=3\n", sync(0, 1)), &[]);
    check(&format!("{ADD_ALL}{}15 afu-command-aborted id=7\n{t}", sync(0, 1)), &[]);
    check(&format!("{ADD_ALL}{}15 afu-cntl what=reset\n{t}", sync(0, 1)), &[]);
    check(&format!("{ADD_ALL}{}15 context-reset pe=0\n{t}", sync(0, 1)), &[]);
    check(&format!("{ADD_ALL}{}15 context-reset pe=3\n{t}", sync(0, 1)), &[o1]);
}

#[test]
fn control_blocks_count_outside_removals_and_resets() {
    let dirty = "20 llcmd cmd=remove pe=2 ctx_cap=3 rht_start=0x1000\n";
    check(&format!("{ADD_ALL}{dirty}"), &["control-block-clear-at-remove"]);
    check(&format!("{ADD_ALL}{dirty}1000 afu-cntl what=reset\n"), &[]);
    check(&format!("{ADD_ALL}{dirty}1000 llcmd cmd=terminate pe=0\n"), &[]);
    check(&format!("{ADD_ALL}{dirty}9000 afu-cntl what=reset\n"), &["control-block-clear-at-remove"]);
    check("1 llcmd cmd=add pe=0 master=1\n2 llcmd cmd=remove pe=0 ctx_cap=3\n", &[]);
}

#[test]
fn a_removal_without_users_has_its_limit_too() {
    let begun = "1 llcmd cmd=add pe=0 master=1\n1 llcmd-done cmd=add pe=0 status=5\n100 removal\n";
    check(begun, &["remove-finishes"]);
    check(&format!("{begun}5000 llcmd cmd=terminate pe=0\n"), &[]);
    assert_eq!(judge("1 llcmd cmd=add pe=0 master=1\n").removal(), Removal::NotRun);
}

#[test]
fn users_must_be_gone_before_the_master() {
    let text = format!("{ADD_ALL}9 llcmd cmd=remove pe=0\n9 llcmd-done cmd=remove pe=0 status=2\n");
    check(&text, &["no-elements-left", "no-elements-left"]);
}

#[test]
fn guest_trouble_is_told_by_kind() {
    check("1 guest-trouble trouble=oops text=x", &["no-oops"]);
    check("1 guest-trouble trouble=warn text=x", &["no-warn"]);
    let only = Judge::new(&[("no-panic".into(), None)]);
    let mut judge = only;
    judge.record(&record("1 guest-trouble trouble=oops text=x"));
    assert!(judge.violations.is_empty() && judge.findings.len() == 1, "not required: a finding");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = TABLE.iter().map(|d| d.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());
}
