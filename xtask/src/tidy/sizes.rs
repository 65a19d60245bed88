//! Length of files and functions; state that is not saved.

use super::files::File;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;
/// Tables: one row a line, no logic.
const TABLES: &[&str] = &["crates/isa/src/rows/", "crates/machine/src/faults/table.rs"];

/// Rust files of at most [`FILE_LINES`].
pub fn files(files: &[File]) -> Vec<String> {
    let long = files.iter().filter(|file| file.is(".rs") && !TABLES.iter().any(|t| file.path.starts_with(t)));
    let counted = long.map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > FILE_LINES);
    counted.map(|(file, lines)| format!("{}: {lines} lines, at most {FILE_LINES}", file.path)).collect()
}

/// Functions of at most [`FUNCTION_LINES`]. The code is formatted, so a function ends at its own indentation.
pub fn functions(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| file.is(".rs")).flat_map(long_functions).collect()
}

fn long_functions(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = vec![];
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end_line = format!("{}}}", " ".repeat(indent));
        let body =
            lines[start..].iter().position(|line| *line == end_line || line.trim_end().ends_with("; }"));
        let length = body.map_or(1, |end| end + 1);
        if length > FUNCTION_LINES {
            found.push(format!(
                "{}:{}: {name} has {length} lines, at most {FUNCTION_LINES}",
                file.path,
                start + 1
            ));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let head = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "pub const fn "];
    let rest = head.iter().find_map(|head| code.strip_prefix(head))?;
    let ends_here = code.ends_with('}') || code.ends_with(';');
    let name = rest.split(['(', '<']).next()?;
    (!ends_here).then_some(name)
}

/// What is left out of a saved state says why on the line above, or is a view.
pub fn skipped(files: &[File]) -> Vec<String> {
    let model = files.iter().filter(|file| file.path.starts_with("crates/") && file.is(".rs"));
    let mut found = vec![];
    for file in model {
        let lines: Vec<&str> = file.text.lines().collect();
        for (n, line) in lines.iter().enumerate().filter(|(_, line)| line.trim() == "#[serde(skip)]") {
            let explained = n > 0 && lines[n - 1].trim_start().starts_with("//");
            if !explained {
                found.push(format!("{}:{}: `{}` without the reason above it", file.path, n + 1, line.trim()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_functions_are_found() {
        let text = |lines: usize| {
            format!("impl A {{\n    fn f(\n    ) {{\n{}    }}\n}}\n", "        g();\n".repeat(lines))
        };
        let file = |lines| File { path: "a.rs".into(), text: text(lines) };
        assert!(long_functions(&file(67)).is_empty());
        assert_eq!(long_functions(&file(68)), ["a.rs:2: f has 71 lines, at most 70"]);
        assert_eq!(function_name("fn f() { 1 }"), None);
    }

    #[test]
    fn skipped_state_needs_a_reason() {
        let file = |text: &str| [File { path: "crates/a/src/b.rs".into(), text: text.into() }];
        assert!(skipped(&file("/// A view.\n#[serde(skip)]\n")).is_empty());
        assert_eq!(skipped(&file("a: u8,\n#[serde(skip)]\n")).len(), 1);
    }
}
