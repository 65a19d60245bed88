//! Exercises: drivers that make no mistake of their own. Some do what the stock one never does, and show on the real kernel that
//! the model does its part of it: every oracle stays silent, and what is listed was reached. Others are repairs of the stock
//! one: what an oracle says of it there, it does not say of them.

use super::table::Mutant;
use crate::guest::mutate::Module::Cxl;

/// A driver without a mistake.
pub struct Exercise {
    pub driver: Mutant,
    /// Entries of `must_reach` beside the scenario's own.
    pub reaches: &'static [&'static str],
    /// Oracles that report the stock driver in this scenario, and not this one.
    pub silences: &'static [&'static str],
}

/// All exercises.
#[rustfmt::skip]
pub const TABLE: &[Exercise] = &[
    Exercise {
        driver: Mutant {
            name: "others-suspended", module: Cxl, file: "native.c",
            function: "static int add_process_element(",
            pattern: "ctx->pe_inserted = true;",
            replacement: "{ struct cxl_context *other; int id; ctx->pe_inserted = true; \
                          idr_for_each_entry(&ctx->afu->contexts_idr, other, id) { \
                          if (other == ctx || !other->pe_inserted) continue; \
                          if (other->elem->software_state != cpu_to_be32(CXL_PE_SOFTWARE_STATE_V)) continue; \
                          if (!do_process_element_cmd(other, CXL_SPA_SW_CMD_SUSPEND, \
                          CXL_PE_SOFTWARE_STATE_V | CXL_PE_SOFTWARE_STATE_S)) { msleep(2); \
                          do_process_element_cmd(other, CXL_SPA_SW_CMD_RESUME, CXL_PE_SOFTWARE_STATE_V); } } }",
            models: "SUSPEND and RESUME of every other element at each attach, its commands in flight",
            scenario: "churn", caught_by: &[],
        },
        reaches: &[
            r#"{ name = "an access waited", record = "held", where = { what = "access" } },"#,
            r#"{ name = "and happened", record = "released" },"#,
            r#"{ name = "resumed", llcmd = "resume", phase = "done" },"#,
        ],
        silences: &[],
    },
    Exercise {
        driver: Mutant {
            name: "slice-suspended", module: Cxl, file: "native.c",
            function: "static int add_process_element(",
            pattern: "ctx->pe_inserted = true;",
            replacement: "{ u64 scntl = cxl_p1n_read(ctx->afu, CXL_PSL_SCNTL_An); ctx->pe_inserted = true; \
                          cxl_p1n_write(ctx->afu, CXL_PSL_SCNTL_An, scntl | CXL_PSL_SCNTL_An_Sc); \
                          while ((cxl_p1n_read(ctx->afu, CXL_PSL_SCNTL_An) & CXL_PSL_SCNTL_An_Ss_MASK) != \
                          CXL_PSL_SCNTL_An_Ss_Complete) cpu_relax(); \
                          msleep(2); cxl_p1n_write(ctx->afu, CXL_PSL_SCNTL_An, scntl); }",
            models: "the whole slice suspended for the length of msleep(2) at each attach (PSL_SCNTL_An Sc, Ss)",
            scenario: "churn", caught_by: &[],
        },
        reaches: &[
            r#"{ name = "an access waited", record = "held", where = { what = "access" } },"#,
            r#"{ name = "and happened", record = "released" },"#,
            r#"{ name = "over", record = "suspend-end" },"#,
        ],
        silences: &[],
    },
    Exercise {
        driver: Mutant {
            name: "fault-cpu-unmarked", module: Cxl, file: "fault.c",
            function: "int cxl_handle_mm_fault(",
            pattern: "if (mm && !cpumask_test_cpu(",
            replacement: "if (mm && !radix_enabled() && !cpumask_test_cpu(",
            models: "repairs what findings/cxl-fault-hides-cpu-from-flush.md is about: a fault no longer marks its CPU as one of the \
                     process's without counting it",
            scenario: "fault-hides-cpu", caught_by: &[],
        },
        reaches: &[],
        silences: &["no-stale-cpu-translation"],
    },
];
