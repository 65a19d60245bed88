//! For every oracle a stream of records that it fires on, and one, nearly
//! the same, that it does not.

use super::tests::judge;
use super::{Severity, TABLE};

/// Name; preface of both; what fires; what does not.
type Row = (&'static str, &'static str, &'static str, &'static str);

const MASTER: &str = "1 llcmd cmd=add pe=0 master=1\n1 llcmd-done cmd=add pe=0";
const USER: &str = "1 llcmd cmd=add pe=0 master=1\n1 llcmd-done cmd=add pe=0\n2 llcmd cmd=add pe=1 master=0\n2 llcmd-done cmd=add pe=1";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("llcmd-protocol", "",
        "1 llcmd cmd=remove pe=1 prev_pending=1",
        "1 llcmd cmd=remove pe=1 prev_pending=0"),
    ("llcmd-protocol", "",
        "1 llcmd cmd=add pe=1 word=0x5000000000001 value=0x5000000000002",
        "1 llcmd cmd=add pe=1 word=0x5000000000001 value=0x5000000000001"),
    ("llcmd-protocol", "", "1 llcmd cmd=add pe=9 links=9", "1 llcmd cmd=add pe=8 links=9"),
    ("llcmd-protocol", "", "1 llcmd cmd=unknown pe=1", "1 llcmd cmd=suspend pe=1"),
    ("terminate-then-remove", "",
        "1 llcmd cmd=suspend pe=1 state=0x80000000 added=1",
        "1 llcmd cmd=suspend pe=1 state=0x80000002 added=1"),
    ("terminate-then-remove", "",
        "1 llcmd cmd=resume pe=1 state=0x80000000 added=0",
        "1 llcmd cmd=resume pe=1 state=0x80000000 added=1"),
    ("add-when-ready", "",
        "1 llcmd cmd=add pe=1 enabled=0 mode=4 state=0x80000000 added=0",
        "1 llcmd cmd=add pe=1 enabled=1 mode=4 state=0x80000000 added=0"),
    ("add-when-ready", "", "1 llcmd cmd=add pe=1 added=1", "1 llcmd cmd=terminate pe=1 added=1"),
    ("terminate-then-remove", "",
        "1 llcmd cmd=remove pe=1 state=0 added=1 terminated=0",
        "1 llcmd cmd=remove pe=1 state=0 added=1 terminated=1"),
    ("terminate-then-remove", "",
        "1 llcmd cmd=terminate pe=1 state=0x80000001 added=0",
        "0 afu-cntl what=reset\n1 llcmd cmd=terminate pe=1 state=0x80000001 added=0"),
    ("terminate-then-remove", "",
        "1 llcmd cmd=terminate pe=1 state=0x80000000 added=1",
        "1 llcmd cmd=terminate pe=1 state=0x80000001 added=1"),
    ("element-well-formed", "", "1 llcmd cmd=add pe=1 malformed=8", "1 llcmd cmd=terminate pe=1 malformed=8"),
    ("element-unchanged", "", "1 llcmd-done cmd=terminate pe=1 pe_changed=1", "1 llcmd-done cmd=terminate pe=1 pe_changed=0"),
    ("interrupts-not-shared", USER,
        "3 llcmd cmd=add pe=2 malformed=0x100 shares_with=1\n9000 llcmd-done",
        "3 llcmd cmd=add pe=2 malformed=0x100 shares_with=0\n900 llcmd cmd=terminate pe=0\n9000 llcmd-done"),
    ("control-block-clear-at-remove", USER,
        "20 llcmd cmd=remove pe=1 ctx_cap=3\n9000 purge-end",
        "20 llcmd cmd=remove pe=1 ctx_cap=0\n9000 purge-end"),
    ("control-block-clear-at-add", "", "1 llcmd cmd=add pe=1 master=0 rht_start=0x1000", "1 llcmd cmd=add pe=1 master=1 rht_start=0x1000"),
    ("control-block-of-added-element", USER, "3 ctx-cap ctx=2 value=3", "3 ctx-cap ctx=1 value=3"),
    ("control-block-of-added-element", USER,
        "3 llcmd-done cmd=remove pe=1\n4 rht ctx=1 reg=0 value=0",
        "3 rht ctx=1 reg=0 value=0\n4 llcmd-done cmd=remove pe=1"),
    ("page-of-added-element", "", "1 protocol-error what=page-not-added pe=3", "0 eeh-freeze pe=1\n1 protocol-error what=page-not-added pe=3"),
    ("nothing-after-terminate", USER,
        "3 llcmd-done cmd=terminate pe=1\n4 psl-irq pe=1",
        "3 psl-irq pe=1\n4 llcmd-done cmd=terminate pe=1"),
    ("kernel-addresses", "", "1 protocol-error what=kernel-low-address pe=0 ea=0", "1 protocol-error what=other pe=0 ea=0"),
    ("kernel-addresses", USER,
        "3 psl-fault pe=0 dsisr=0x1000000000000000\n4 tfc value=0x200000000 pending=1 dsisr=0x1000000000000000",
        "3 psl-fault pe=1 dsisr=0x1000000000000000\n4 tfc value=0x200000000 pending=1 dsisr=0x1000000000000000"),
    ("no-stale-translation", "",
        "1 stale-translation pid=5 ea=0x10000\n600 translation-dropped pid=5 ea=0x10000",
        "1 stale-translation pid=5 ea=0x10000\n400 translation-dropped pid=5 ea=0x10000"),
    ("no-stale-translation", "",
        "1 stale-translation pid=5 ea=0x10000\n2 translation-dropped by=remove pid=5 ea=0x10000",
        "1 stale-translation pid=5 ea=0x10000\n2 translation-dropped by=tlbie pid=5 ea=0x10000"),
    ("no-dma-for-dead-process", "",
        "1 stale-translation pid=5 ea=0x10000 tables=0\n2 translation-dropped by=remove pid=5 ea=0x10000",
        "1 stale-translation pid=5 ea=0x10000 tables=0\n2 translation-dropped by=tlbie pid=5 ea=0x10000"),
    ("no-stale-cpu-translation", "", "1 process-not-flushed pir=4 pid=5 ea=0x10000", "1 translation-dropped by=tlbie pid=5 ea=0x10000"),
    ("no-stale-cpu-translation", "", "1 actor name=p1 event=error text=reason=stale", "1 actor name=p1 event=ok text=reason=stale"),
    ("interrupt-source-bound", MASTER, "2 protocol-error what=afu-irq-bad-source pe=0 lisn=9", "2 protocol-error what=afu-irq-bad-source pe=1 lisn=9"),
    ("interrupt-source-bound", "", "2 irq-refused ivte=9", "2 irq ivte=9"),
    ("error-has-interrupt", "",
        "1 afu-cntl-done what=enable\n2 slice-error error=badctx ivte=0 masked=0",
        "1 afu-cntl what=reset\n2 slice-error error=badctx ivte=0 masked=0"),
    ("fault-answer-fits", "", "1 tfc value=0x100000000 pending=0", "0 purge\n1 tfc value=0x100000000 pending=0"),
    ("fault-answer-fits", "",
        "1 tfc value=0x300000000 pending=1 dsisr=0x1000000000000000",
        "1 tfc value=0x200000000 pending=1 dsisr=0x1000000000000000"),
    ("fault-answer-fits", "",
        "1 tfc value=0x800000000 pending=1 dsisr=0x1000000000000000",
        "1 tfc value=0x800000000 pending=1 dsisr=0x0400000000000000"),
    ("fault-answered", "",
        "1 psl-fault pe=1 dsisr=0x1000000000000000 ea=0x1000\n3000 tfc value=0x100000000 pending=1 dsisr=0x1000000000000000",
        "1 psl-fault pe=1 dsisr=0x1000000000000000 ea=0x1000\n1500 tfc value=0x100000000 pending=1 dsisr=0x1000000000000000"),
    ("fault-answered", "",
        "1 psl-fault pe=1 dsisr=0x1000000000000000 ea=0x1000",
        "1 psl-fault pe=1 dsisr=0x1000000000000000 ea=0x1000\n2 eeh-freeze pe=1"),
    ("mode-before-enable", "", "1 afu-cntl what=enable spap=0 mode=4", "1 afu-cntl what=enable spap=0x1f1 mode=4"),
    ("nobody-at-afu-reset", "", "1 afu-cntl what=reset added=2", "1 afu-cntl what=reset added=0"),
    ("modes-change-when-idle", "", "1 purge enabled=1", "1 purge enabled=0"),
    ("modes-change-when-idle", "",
        "1 purge enabled=0\n2 afu-cntl what=enable spap=1 mode=4",
        "1 purge enabled=0\n2 purge-end\n3 afu-cntl what=enable spap=1 mode=4"),
    ("modes-change-when-idle", "", "1 scntl mode=0 added=1", "1 scntl mode=0 added=0"),
    ("register-access", "", "1 protocol-error what=reserved-register area=1 offset=8", "1 protocol-error what=descriptor area=1 offset=8"),
    ("dma-when-enabled", "", "1 protocol-error what=dma-not-enabled pe=0", "1 capi-mode on=0"),
    ("silence-after-card-reset", "", "1 pci-reset added=0\n2 mmio-lost pci=0x1000 store=1", "1 pci-reset added=0\n2 mmio-lost pci=0x1000 store=0"),
    ("silence-after-card-reset", "", "1 pci-reset added=0\n2 mmio-lost pci=0x1000", "1 pci-reset added=0\n2 capi-mode on=1\n3 mmio-lost pci=0x1000"),
    ("nobody-at-card-reset", "", "1 pci-reset added=1", "1 eeh-fence phb=0\n2 capi-mode on=0\n2 pci-reset added=1"),
    ("nobody-at-card-reset", "",
        "1 eeh-freeze pe=0\n2 pci-reset added=1\n3 capi-mode on=1\n4 pci-reset added=1",
        "1 eeh-freeze pe=0\n2 pci-reset added=1\n3 capi-mode on=1\n4 pci-reset added=0"),
    ("nobody-at-card-reset", "",
        "1 eeh-freeze pe=0 asked=1\n2 pci-reset added=1",
        "1 eeh-freeze pe=0 asked=0\n2 pci-reset added=1"),
    ("no-elements-left", USER,
        "3 llcmd-done cmd=remove pe=0",
        "3 llcmd-done cmd=remove pe=1\n4 llcmd-done cmd=remove pe=0"),
    ("no-elements-left", USER,
        "3 llcmd-done cmd=remove pe=0\n4 llcmd cmd=add pe=2 master=0",
        "3 llcmd-done cmd=remove pe=0\n4 llcmd cmd=add pe=0 master=1"),
    ("no-elements-left", USER,
        "2 element-interrupts pe=1 ivte=0x8009 count=2\n2 opal call=OPAL_SET_XIVE a0=0x800a a2=5\n3 llcmd-done cmd=remove pe=1\n4 llcmd-done cmd=remove pe=0",
        "2 element-interrupts pe=1 ivte=0x8009 count=2\n2 opal call=OPAL_SET_XIVE a0=0x800b a2=5\n3 llcmd-done cmd=remove pe=1\n4 llcmd-done cmd=remove pe=0"),
    ("no-elements-left", USER,
        "2 element-interrupts pe=0 ivte=0x8009 count=2\n2 opal call=OPAL_SET_XIVE a0=0x8009 a2=5\n4 llcmd-done cmd=remove pe=1\n4 llcmd-done cmd=remove pe=0",
        "2 element-interrupts pe=0 ivte=0x8009 count=2\n2 opal call=OPAL_SET_XIVE a0=0x8009 a2=5\n4 llcmd-done cmd=remove pe=1\n4 llcmd-done cmd=remove pe=0\n9 opal call=OPAL_SET_XIVE a0=0x8009 a2=255"),
    ("no-elements-left", USER,
        "3 removal\n4 llcmd-done cmd=remove pe=0\n900 llcmd cmd=add pe=0 master=1\n900 removal",
        "4 llcmd-done cmd=remove pe=0\n900 llcmd cmd=add pe=0 master=1"),
    ("descriptor-is-read-only", "", "1 protocol-error what=descriptor-store offset=0", "1 protocol-error what=other offset=0"),
    ("model-self-check", MASTER,
        "2 psl-fault pe=1 ea=0x1000\n3 psl-fault pe=1 ea=0x2000",
        "2 psl-fault pe=1 ea=0x1000\n3 psl-fault-end pe=1\n3 psl-fault pe=1 ea=0x2000"),
    ("model-self-check", MASTER, "2 afu-irq pe=1 lisn=1", "2 afu-irq pe=0 lisn=1"),
    ("model-self-check", "",
        "1 llcmd cmd=add pe=0 value=0x5000000000000\n2 llcmd-done cmd=add pe=0 status=0x5000000000000",
        "1 llcmd cmd=add pe=0 value=0x5000000000000\n2 llcmd-done cmd=add pe=0 status=0x5000500000000"),
    ("no-terminate-under-open-sync", USER,
        "3 afu-command kind=afu-sync id=1 pe=0 ctx=2 mode=0\n4 llcmd cmd=terminate pe=1 ctx_cap=3",
        "3 afu-command kind=afu-sync id=1 pe=0 ctx=2 mode=0\n4 llcmd cmd=terminate pe=1 ctx_cap=0"),
    ("remove-finishes", MASTER, "2 removal", "2 removal\n3 llcmd cmd=terminate pe=0"),
    ("control-blocks-left-by-removal", USER, "3 removal\n4 llcmd cmd=remove pe=1 ctx_cap=3\n5 llcmd cmd=terminate pe=0", "3 removal\n4 llcmd cmd=remove pe=1 ctx_cap=0\n5 llcmd cmd=terminate pe=0"),
    ("acknowledged-data", "", "1 data-mismatch unit=0 lba=9", "1 data unit=0 lba=9"),
    ("no-stale-table", "",
        "1 stale-table ctx=1 handle=0\n13000 afu-command kind=afu-sync id=1 ctx=1 handle=0",
        "1 stale-table ctx=1 handle=0\n9000 afu-command kind=afu-sync id=1 ctx=1 handle=0"),
    ("no-stale-table", "",
        "1 stale-table ctx=1 handle=0\n2 afu-command kind=afu-sync id=1 ctx=1 handle=1",
        "1 stale-table ctx=1 handle=1\n2 afu-command kind=afu-sync id=1 ctx=1 handle=1"),
    ("response-last", "1 afu-command kind=read id=4",
        "2 afu-command-done kind=read id=4 rc=0 ioasa=1 left=512",
        "2 afu-command-done kind=read id=4 rc=2 ioasa=1 left=512"),
    ("response-last", "1 afu-command kind=read id=4",
        "2 afu-command-done kind=read id=4 rc=2 ioasa=0 left=0",
        "2 afu-command-done kind=read id=4 rc=0 ioasa=1 left=0"),
    ("one-response", "1 afu-command kind=read id=4",
        "2 afu-command-aborted id=4\n3 afu-command-done id=4 rc=0",
        "2 afu-command-done id=4 rc=0\n3 afu-command-aborted id=5"),
    ("one-sync", "1 afu-command kind=afu-sync id=4 ctx=0 mode=2",
        "2 afu-command kind=afu-sync id=5 ctx=1 mode=0",
        "2 afu-command-done id=4 rc=0\n3 afu-command kind=afu-sync id=5 ctx=1 mode=0"),
    ("one-sync", "1 afu-command kind=afu-sync id=4 ctx=0 mode=2",
        "2 afu-command kind=afu-sync id=5 ctx=1 mode=0",
        "2 afu-command kind=write id=5 ctx=1"),
    ("tables-usable", USER,
        "3 afu-command kind=read id=1 pe=1\n4 afu-command-done id=1 pe=1 ctx=1 rc=0x1a0000",
        "2 llcmd-done cmd=terminate pe=0\n3 afu-command kind=read id=1 pe=1\n4 afu-command-done id=1 pe=1 ctx=1 rc=0x1a0000"),
    ("driver-has-rights", USER,
        "3 afu-command kind=read id=1 pe=0\n4 afu-command-done id=1 pe=0 rc=0x210000",
        "3 afu-command kind=read id=1 pe=1\n4 afu-command-done id=1 pe=1 rc=0x210000"),
    ("user-rights", USER, "3 ctx-cap ctx=1 value=0xb", "3 ctx-cap ctx=0 value=0xb"),
    ("error-acknowledged", MASTER,
        "2 afu-interrupt cause=async pe=0 lisn=3 bits=3\n3 afu-interrupt-clear cause=async bits=1\n9000 purge-end",
        "2 afu-interrupt cause=async pe=0 lisn=3 bits=3\n3 afu-interrupt-clear cause=async bits=3\n9000 purge-end"),
    ("error-acknowledged", MASTER,
        "2 slice-error error=badsrc ivte=4 masked=0\n9000 purge-end",
        "2 slice-error error=badsrc ivte=4 masked=0\n3 slice-error-clear bits=4\n9000 purge-end"),
    ("no-oops", "", "1 guest-trouble trouble=oops text=x", "1 guest-trouble trouble=other text=x"),
    ("no-panic", "", "1 guest-trouble trouble=panic text=x", "1 guest-trouble trouble=other text=x"),
    ("no-hung-task", "", "1 guest-trouble trouble=hung-task text=x", "1 guest-trouble trouble=other text=x"),
    ("no-warn", "", "1 guest-trouble trouble=warn text=x", "1 guest-trouble trouble=other text=x"),
    ("progress", "", "1 guest-trouble trouble=no-progress text=x", "1 guest-trouble trouble=other text=x"),
];

fn fired(lines: &str) -> Vec<String> {
    let judge = judge(lines);
    for v in &judge.violations {
        let of = TABLE.iter().find(|o| o.name == v.oracle).expect("in the table");
        assert_eq!(of.severity, Severity::Violation, "{}", v.oracle);
    }
    judge.violations.iter().chain(&judge.findings).map(|v| v.oracle.clone()).collect()
}

#[test]
fn each_row_fires_where_it_should_and_only_there() {
    for (name, before, fires, silent) in ROWS {
        let seen = fired(&format!("{before}\n{fires}"));
        assert!(seen.iter().all(|n| n == name) && !seen.is_empty(), "{name}: {seen:?}\n{before}\n{fires}");
        let seen = fired(&format!("{before}\n{silent}"));
        assert!(seen.is_empty(), "{name}: {seen:?}\n{before}\n{silent}");
    }
}

#[test]
fn every_oracle_has_a_row() {
    for o in TABLE {
        let rows = ROWS.iter().filter(|(name, ..)| *name == o.name).count();
        let wanted = o.name != "fault-resolved" && o.make.is_some();
        assert!(rows > 0 || !wanted, "{}: no row", o.name);
    }
}

#[test]
fn all_rows_of_the_contract_are_there() {
    let all: Vec<u8> = TABLE.iter().flat_map(|o| o.rows).copied().collect();
    for n in 1..=31 {
        assert!(all.contains(&n), "#{n}");
    }
}

#[test]
fn a_page_that_faults_again_and_again_is_told_once() {
    let turn = |ms: u64, answer: &str| {
        format!(
            "{ms} psl-fault pe=1 ea=0x1000 dsisr=0x1000000000000000\n{ms} tfc value={answer} pending=1 dsisr=0x1000000000000000\n"
        )
    };
    let often = |answer: &str, every: u64| (0..80).map(|n| turn(n * every, answer)).collect::<String>();
    assert_eq!(fired(&often("0x100000000", 1)), ["fault-resolved"]);
    assert!(fired(&often("0x100000000", 100)).is_empty(), "slow");
    assert!(fired(&often("0x200000000", 1)).is_empty(), "address errors");
}

#[test]
fn reports_are_limited() {
    let many: String =
        (0..1000).map(|ms| format!("{ms} protocol-error what=dma-not-enabled pe=0\n")).collect();
    assert_eq!(fired(&many).len(), super::MOST);
}
