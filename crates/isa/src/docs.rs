//! docs/isa.md, generated.

use crate::{Group, Row, rows};
use std::fmt::Write;

/// Title of a group in the document.
fn title(group: Group) -> &'static str {
    match group {
        Group::Fixed => "Fixed-point",
        Group::Branch => "Branch and condition register",
        Group::Ldst => "Loads, stores, atomics, cache, barriers",
        Group::System => "System",
        Group::Float => "Scalar floating point",
        Group::Vmx => "Vector facility (VMX)",
        Group::Vsx => "Vector-scalar facility (VSX)",
    }
}

/// The text of docs/isa.md.
pub fn docs() -> String {
    let mut out = String::from(
        "# Instructions\n\n\
         Written by `cargo xtask docs` from `crates/isa/src/rows`. Sections are those of the Power ISA 3.0B.\n\
         In the encoding a letter is an operand field, `/` is reserved and ignored. `{r}` in the assembler\n\
         form is `.` if the field r is 1, `{o}` is `o`, `{k}` is `l`, `{A}` is `a`.\n",
    );
    let mut group = None;
    for row in rows() {
        if group != Some(row.group) {
            group = Some(row.group);
            let count = rows().iter().filter(|r| r.group == row.group).count();
            write!(
                out,
                "\n## {} ({count} rows)\n\n| assembler | encoding | section |\n|---|---|---|\n",
                title(row.group)
            )
            .expect("writing to a string");
        }
        line(&mut out, row);
    }
    out
}

fn line(out: &mut String, row: &Row) {
    let asm = row.asm.replace('|', "\\|");
    writeln!(out, "| `{asm}` | `{}` | {} |", row.pattern, row.section).expect("writing to a string");
}
