//! The list of oracles, in the order of psl-contract 12, then those of
//! sislite-contract 20 to 22, then what the kernel says of itself.

use super::{
    Class, Definition, Ground, Severity, Shown, afu, elements, faults, guest, integrity, left, llcmd, remove,
    rule, slice,
};
use fabric::Ticks;
use {Class::*, Ground::*, Severity::*, Shown::*};

const HARDWARE: &str =
    "only an error of the model can do it: the hardware refuses it whatever the driver does";

/// All oracles.
#[rustfmt::skip]
pub const TABLE: &[Definition] = &[
    Definition {
        name: "llcmd-protocol", rows: &[1, 2], class: S2, severity: Violation, ground: Specification,
        proves: "linked list commands come one at a time, each with its word in sw_command_status, for an element within the area, \
                 and are commands of the CAIA",
        exempt: "-; after its time limit of 5 s the driver abandons a command, which a scenario's fault may bring about",
        shown: Driver("churn", "llcmd-without-wait"),
        make: Some(|_| rule::each(|r| llcmd::one_at_a_time(r).or_else(|| llcmd::word(r)))),
    },
    Definition {
        name: "add-when-ready", rows: &[3], class: S2, severity: Violation, ground: Specification,
        proves: "ADD comes when the AFU is enabled in directed mode, software_state is valid, and the element is not added",
        exempt: "-",
        shown: Driver("churn", "skip-remove"),
        make: Some(|_| rule::each(llcmd::add_when_ready)),
    },
    Definition {
        name: "terminate-then-remove", rows: &[4], class: S2, severity: Violation, ground: Specification,
        proves: "TERMINATE finds an added element in the terminate state, REMOVE one that is terminated and no longer valid, SUSPEND and \
                 RESUME an added one in the suspended and in the valid state",
        exempt: "TERMINATE, SUSPEND and RESUME of an element that an AFU reset or a PCI reset has taken away",
        shown: Driver("churn", "skip-terminate"),
        make: Some(|_| Box::new(llcmd::InOrder::default())),
    },
    Definition {
        name: "element-well-formed", rows: &[5], class: S2, severity: Violation, ground: KernelSource,
        proves: "an element at ADD has one PSL interrupt, zero in reserved fields, PR and pid that agree, radix translation as the CPU has it",
        exempt: "-",
        shown: Driver("churn", "kernel-pid-for-user"),
        make: Some(|_| rule::each(llcmd::well_formed)),
    },
    Definition {
        name: "element-unchanged", rows: &[6], class: S1, severity: Violation, ground: Specification,
        proves: "bytes 0 to 0x7B of an element stay as ADD read them until TERMINATE is acknowledged",
        exempt: "-",
        shown: Driver("churn", "element-cleared-early"),
        make: Some(|_| rule::each(llcmd::unchanged)),
    },
    Definition {
        name: "interrupts-not-shared", rows: &[7], class: S2, severity: Violation, ground: KernelSource,
        proves: "no two live elements have an AFU interrupt in common, and none has the adapter's, the slice's or the PSL's",
        exempt: "with a master that is terminated within 5 s: the driver frees its interrupts before it stops it",
        shown: Driver("churn", "interrupt-range-long"),
        make: Some(|_| llcmd::own_interrupts()),
    },
    Definition {
        name: "control-block-clear-at-remove", rows: &[8], class: S1, severity: Violation, ground: KernelSource,
        proves: "a user element is removed only after its RHT pointer, handle count and capability were cleared",
        exempt: "from the start of a removal to the next AFU reset the stock driver skips the stores (finding T3); \
                 a host reset excuses it by the master's TERMINATE or the AFU reset within 5 s; the master's own element",
        shown: Driver("churn", "close-without-detach"),
        make: Some(|_| Box::new(elements::ControlBlock::default())),
    },
    Definition {
        name: "control-block-clear-at-add", rows: &[9], class: S1, severity: Violation, ground: KernelSource,
        proves: "a user element is added only when nothing of an earlier owner is left in its control block",
        exempt: "the master's own element",
        shown: Driver("churn", "keep-capability"),
        make: Some(|_| rule::each(llcmd::clear_at_add)),
    },
    Definition {
        name: "control-block-of-added-element", rows: &[10], class: S2, severity: Violation, ground: KernelSource,
        proves: "a control block is written, or cleared, only while its element is added",
        exempt: "stores of zero over zero (the driver clears all 512 blocks at each start); \
                 a clean-up that comes after a new ADD of the same handle looks like a detach of the last unit and is not told apart",
        shown: Driver("churn", "clear-after-remove"),
        make: Some(|_| Box::new(afu::ControlWrites::default())),
    },
    Definition {
        name: "page-of-added-element", rows: &[11], class: S2, severity: Violation, ground: KernelSource,
        proves: "nobody reaches the problem state page of an element that is not added",
        exempt: "from the start of a removal, a freeze or a reset of the card to the next AFU reset: the kernel zaps user mappings \
                 only after it has removed the elements",
        shown: Driver("churn", "page-after-detach"),
        make: Some(|_| Box::new(afu::Pages::default())),
    },
    Definition {
        name: "nothing-after-terminate", rows: &[12], class: S1, severity: Violation, ground: Specification,
        proves: "after the acknowledgement of its TERMINATE an element has no command, interrupt or fault until it is added again",
        exempt: "-",
        shown: Stock("interrupt-after-terminate"),
        make: Some(|_| Box::new(afu::Silent::default())),
    },
    Definition {
        name: "kernel-addresses", rows: &[13], class: S1, severity: Violation, ground: KernelSource,
        proves: "the driver's own elements use addresses of the kernel's linear map, and none of them faults",
        exempt: "-",
        shown: Driver("probe", "ring-without-base"),
        make: Some(|_| Box::new(faults::KernelAddresses::default())),
    },
    Definition {
        name: "no-stale-translation", rows: &[14], class: S1, severity: Violation, ground: Specification,
        proves: "a cached translation that the tables no longer give is invalidated by a tlbie within 500 ms of its use",
        exempt: "use between the change of the entry and its tlbie; reference and change bits, which Linux clears without a flush; \
                 a translation that gives way to another one is not followed further",
        shown: Driver("dead-process", "no-global-tlbie"),
        make: Some(integrity::stale_translation),
    },
    Definition {
        name: "no-dma-for-dead-process", rows: &[15], class: S1, severity: Violation, ground: KernelSource,
        proves: "no page of a process whose tables are freed (its process table entry is zero) is reached through an old translation \
                 that no tlbie takes away",
        exempt: "use before that tlbie, and accesses that fault: a process that is killed loses its tables before its element; \
                 pages that the kernel frees otherwise, for at the boundary nobody sees its allocator",
        shown: Driver("dead-process", "no-global-tlbie"),
        make: Some(integrity::process_gone),
    },
    Definition {
        name: "no-stale-cpu-translation", rows: &[], class: S1, severity: Finding, ground: Specification,
        proves: "a CPU that takes up a process id, which is another process than when it had it last, holds no translation of the one before; \
                 a process reads nothing of a page that it gave back (the actor's `discard-on`)",
        exempt: "ids of KVM guests; an id of whose last eight bits the CPU has had another one since",
        shown: Stock("fault-hides-cpu"),
        make: Some(|_| rule::each(integrity::stale_on_cpu)),
    },
    Definition {
        name: "interrupt-source-bound", rows: &[16], class: S2, severity: Violation, ground: Specification,
        proves: "the driver's elements raise interrupts of their ranges only, and every interrupt of the card has a source bound to it",
        exempt: "a user process may name any interrupt in its own IOARCB; a source that is masked is not a violation, for interrupts are kept",
        shown: Driver("async-all", "interrupt-range-short"),
        make: Some(|_| Box::new(slice::Sources::default())),
    },
    Definition {
        name: "error-has-interrupt", rows: &[17], class: S3, severity: Violation, ground: KernelSource,
        proves: "an error of the slice or the adapter that is not masked has an interrupt to tell it",
        exempt: "between an AFU reset, which lifts the masks, and the next enable",
        shown: Driver("churn", "slice-error-without-interrupt"),
        make: Some(|_| Box::new(slice::Vectors::default())),
    },
    Definition {
        name: "fault-answer-fits", rows: &[18], class: S2, severity: Violation, ground: Specification,
        proves: "an answer in PSL_TFC_An is one bit, finds an event, and is of its kind",
        exempt: "an answer overtaken by an AFU reset or a purge",
        shown: Driver("churn", "acknowledge-a-fault"),
        make: Some(|_| Box::new(faults::Answers::default())),
    },
    Definition {
        name: "fault-answered", rows: &[19], class: S3, severity: Violation, ground: KernelSource,
        proves: "a translation fault or AFU error gets its answer within 2 s",
        exempt: "events that an AFU reset, a purge or the clearing of DSISR.PE ends; a frozen or fenced bridge",
        shown: Driver("churn", "fault-without-answer"),
        make: Some(faults::answered),
    },
    Definition {
        name: "fault-resolved", rows: &[20], class: S3, severity: Violation, ground: KernelSource,
        proves: "a page that the driver says is there does not fault 32 times within a second",
        exempt: "pages that come and go more slowly (reclaim)",
        shown: Driver("churn", "retry-without-page"),
        make: Some(|_| Box::new(faults::Resolved::default())),
    },
    Definition {
        name: "mode-before-enable", rows: &[21], class: S2, severity: Finding, ground: KernelSource,
        proves: "the AFU is enabled in directed mode with a valid scheduled process area",
        exempt: "-; a finding: when cxl.ko comes after cxlflash.ko the stock driver enables the AFU first (psl-contract 7.3)",
        shown: Stock("hot-unplug"),
        make: Some(|_| rule::each(slice::mode_first)),
    },
    Definition {
        name: "nobody-at-afu-reset", rows: &[22], class: S2, severity: Finding, ground: KernelSource,
        proves: "the AFU is reset or disabled when no element is added",
        exempt: "-; a finding: a host reset and a store to lun_mode do so with users attached",
        shown: Stock("lun-mode-change"),
        make: Some(|_| rule::each(slice::nobody_at_reset)),
    },
    Definition {
        name: "modes-change-when-idle", rows: &[23], class: S2, severity: Violation, ground: Specification,
        proves: "a purge comes when the AFU is disabled and ends before it is enabled; PSL_SCNTL_An, PSL_SPAP_An and PSL_ID_An \
                 change when no element is added",
        exempt: "-",
        shown: Driver("churn", "identity-at-attach"),
        make: Some(|_| Box::new(slice::Modes::default())),
    },
    Definition {
        name: "register-access", rows: &[24], class: S2, severity: Violation, ground: Specification,
        proves: "PSL registers are reached with aligned accesses of 64 bits, where there are some, and not within 100 ms of the switch to CAPI",
        exempt: "debugfs, which Debian's kernels do not offer",
        shown: Driver("probe", "no-settle-time"),
        make: Some(|_| rule::each(slice::registers)),
    },
    Definition {
        name: "dma-when-enabled", rows: &[25], class: S2, severity: Violation, ground: Specification,
        proves: "the card masters the bus only with bus master, protocol enable, CAPI window and the bridge's CAPI mode",
        exempt: "-",
        shown: Driver("probe", "no-bus-master"),
        make: Some(|_| rule::each(slice::dma_allowed)),
    },
    Definition {
        name: "silence-after-card-reset", rows: &[26], class: S4, severity: Finding, ground: KernelSource,
        proves: "nobody stores to the card between its reset and its new configuration",
        exempt: "-; a finding: stores of users whose mappings are not zapped yet, and of cxlflash, which does not ask whether the card is there",
        shown: Driver("perst", "reset-while-used"),
        make: Some(|_| Box::new(slice::Fenced::default())),
    },
    Definition {
        name: "nobody-at-card-reset", rows: &[27], class: S2, severity: Finding, ground: KernelSource,
        proves: "the card is reset when no element is added",
        exempt: "recovery from a freeze or a fence; a finding: a forced reset (-1 in the sysfs attribute) does so on purpose",
        shown: Driver("perst", "reset-while-used"),
        make: Some(|_| Box::new(slice::Perst::default())),
    },
    Definition {
        name: "no-elements-left", rows: &[28], class: S2, severity: Violation, ground: KernelSource,
        proves: "when the master element is removed no user element is still added, and 50 ms later no AFU interrupt of any element is bound",
        exempt: "runs in which the master is never removed; a host reset, after which the driver adds the master again (within 10 s)",
        shown: Stock("child-closes"),
        make: Some(|_| Box::new(left::Left::default())),
    },
    Definition {
        name: "segment-table-order", rows: &[29], class: S1, severity: Violation, ground: Specification,
        proves: "SLB and TLB invalidations wait for the one before, and no segment table entry is valid before it is whole (PSL8)",
        exempt: "-",
        shown: Waits("the machine has no PSL8; a PSL9 has no such registers and no segment tables"),
        make: None,
    },
    Definition {
        name: "descriptor-is-read-only", rows: &[30], class: S4, severity: Violation, ground: Specification,
        proves: "stores go to the configuration record only, and the AFU descriptor is reached with 32 or 64 bits",
        exempt: "-",
        shown: Driver("probe", "descriptor-written"),
        make: Some(|_| rule::each(slice::descriptor)),
    },
    Definition {
        name: "model-self-check", rows: &[31], class: S1, severity: Violation, ground: Inference,
        proves: "PEHandle, DSISR and DAR stay until they are answered, an acknowledgement answers a command, interrupts belong to added elements",
        exempt: "-",
        shown: UnitTest(HARDWARE),
        make: Some(|_| Box::new(faults::Model::default())),
    },
    Definition {
        name: "no-terminate-under-open-sync", rows: &[], class: S1, severity: Violation, ground: KernelSource,
        proves: "no process element is terminated with its AFU capability still set while an AFU sync of a user context is open: \
                 its close went past the driver's lock (O1)",
        exempt: "global syncs (mode 2) and syncs of context 0; syncs given up by a context reset of their sender, even one that never ends; the master element",
        shown: Driver("release-during-remove", "pre-fix"),
        make: Some(|_| Box::new(elements::OpenSync::default())),
    },
    Definition {
        name: "remove-finishes", rows: &[], class: S3, severity: Violation, ground: KernelSource,
        proves: "once a removal has begun and every user element is gone, the master element is terminated within the limit (10 s) (O2)",
        exempt: "runs in which no removal begins",
        shown: Driver("release-during-remove", "pre-fix"),
        make: Some(|within| Box::new(remove::Finishes::new(within.unwrap_or(Ticks::secs(10))))),
    },
    Definition {
        name: "control-blocks-left-by-removal", rows: &[8], class: S1, severity: Finding, ground: KernelSource,
        proves: "T3: the stock driver has dropped its map and leaves the control blocks of live contexts set at unbind",
        exempt: "-",
        shown: Stock("release-during-remove"),
        make: Some(|_| Box::new(elements::LeftByRemoval::default())),
    },
    Definition {
        name: "acknowledged-data", rows: &[], class: S1, severity: Violation, ground: Inference,
        proves: "a read gives what the last acknowledged write to those blocks gave (F33): a shadow of every acknowledged write",
        exempt: "blocks of writes that had no good answer; WRITE SAME and UNMAP; what was written before the run, or more than 2^20 blocks ago",
        shown: Stock("write-lost"),
        make: Some(|_| rule::each(integrity::data)),
    },
    Definition {
        name: "no-stale-table", rows: &[], class: S1, severity: Violation, ground: KernelSource,
        proves: "an RHT or LXT entry that the AFU uses from its cache and that memory no longer holds is followed by a sync of that handle within 12 s (F7)",
        exempt: "use between the change of the entry and its sync, which may wait for other syncs; an AFU reset",
        shown: Driver("calm", "resize-without-sync"),
        make: Some(integrity::stale_table),
    },
    Definition {
        name: "response-last", rows: &[], class: S1, severity: Violation, ground: Inference,
        proves: "a response is queued after the command's data and its IOASA are in memory (F11)",
        exempt: "data of a command that did not end well",
        shown: Stock("rrq-before-data"),
        make: Some(|_| rule::each(afu::response_last)),
    },
    Definition {
        name: "one-response", rows: &[], class: S1, severity: Violation, ground: Inference,
        proves: "a command is answered once, and not after it was aborted (F5, F10)",
        exempt: "-",
        shown: Stock("rrq-entry-duplicate"),
        make: Some(|_| Box::new(afu::OneResponse::default())),
    },
    Definition {
        name: "one-sync", rows: &[], class: S2, severity: Violation, ground: KernelSource,
        proves: "the driver sends one AFU sync at a time",
        exempt: "-",
        shown: Driver("churn", "sync-without-lock"),
        make: Some(|_| Box::new(afu::OneSync::default())),
    },
    Definition {
        name: "tables-usable", rows: &[], class: S2, severity: Violation, ground: KernelSource,
        proves: "no command fails because the driver's RHT or LXT is unaligned, unreadable or of an owner without the right to translate",
        exempt: "while no master element runs",
        shown: Driver("churn", "table-of-wrong-owner"),
        make: Some(|_| Box::new(afu::Tables::default())),
    },
    Definition {
        name: "driver-has-rights", rows: &[], class: S2, severity: Violation, ground: KernelSource,
        proves: "no command of the driver's own is refused for want of rights",
        exempt: "-; a store to lun_mode resets the AFU without holding commands back (docs/deviations.md)",
        shown: Driver("churn", "master-without-commands"),
        make: Some(|_| Box::new(afu::OwnRights::default())),
    },
    Definition {
        name: "user-rights", rows: &[], class: S1, severity: Violation, ground: KernelSource,
        proves: "a user context gets no right but to read and to write through its handles",
        exempt: "-",
        shown: Driver("churn", "user-with-commands"),
        make: Some(|_| Box::new(afu::UserRights::default())),
    },
    Definition {
        name: "error-acknowledged", rows: &[], class: S3, severity: Violation, ground: KernelSource,
        proves: "status bits of slice errors, and of the driver's own sync errors and async events, are cleared within 1 s of their interrupt",
        exempt: "a frozen or fenced bridge, resets, the end of the master element; contexts of users, who clear their own",
        shown: Driver("calm", "slice-error-not-cleared"),
        make: Some(slice::acknowledged),
    },
    Definition {
        name: "no-oops", rows: &[], class: S3, severity: Violation, ground: KernelSource,
        proves: "the kernel does not oops",
        exempt: "-",
        shown: Driver("release-during-remove-oops", "pre-fix"),
        make: Some(|_| guest::watch("oops")),
    },
    Definition {
        name: "no-panic", rows: &[], class: S3, severity: Violation, ground: KernelSource,
        proves: "the kernel does not panic",
        exempt: "-",
        shown: Driver("churn", "toggle-never-flips"),
        make: Some(|_| guest::watch("panic")),
    },
    Definition {
        name: "no-hung-task", rows: &[], class: S3, severity: Violation, ground: KernelSource,
        proves: "the kernel reports neither a hung task nor a locked-up CPU",
        exempt: "-",
        shown: Driver("churn", "interrupt-overlap"),
        make: Some(|_| guest::watch("hung-task")),
    },
    Definition {
        name: "no-warn", rows: &[], class: S4, severity: Finding, ground: KernelSource,
        proves: "the kernel prints no WARNING",
        exempt: "-",
        shown: Driver("dead-process", "no-global-tlbie"),
        make: Some(|_| guest::watch("warn")),
    },
    Definition {
        name: "progress", rows: &[], class: S3, severity: Violation, ground: Inference,
        proves: "the guest shows signs of life until the run ends",
        exempt: "-",
        shown: Driver("churn", "sync-of-wrong-handle"),
        make: Some(|_| guest::watch("no-progress")),
    },
];
