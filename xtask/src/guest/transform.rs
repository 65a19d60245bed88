//! From the fixed driver source to the driver before the fix: one statement of one function.
//!
//! Before the upstream change "Fix to avoid bypassing context cleanup", `get_context()` took the table mutex with an
//! interruptible lock and left through its `out` label when a signal came, without resetting the result variable. The release
//! path then took "no context" for an answer and skipped the clean-up.

const FUNCTION: &str = "struct ctx_info *get_context(";
const FIXED: &str = "mutex_lock(&cfg->ctx_tbl_list_mutex);";
const INTERRUPTIBLE: &str = "rc = mutex_lock_interruptible(&cfg->ctx_tbl_list_mutex);";

/// Returns the source with the interruptible lock, or why this is not the source we know.
pub fn make_interruptible(source: &str) -> Result<String, String> {
    let start = exactly_one(source, FUNCTION, "the definition of get_context()")?;
    let length = source[start..].find("\n}\n").ok_or("get_context() has no end")?;
    let body = &source[start..start + length];
    for (needed, what) in [("\n\tint rc;\n", "the variable `int rc`"), ("\nout:\n", "the label `out`")] {
        exactly_one(body, needed, &format!("{what} in get_context()"))?;
    }
    let at = start + exactly_one(body, FIXED, &format!("`{FIXED}` in get_context()"))?;
    let line = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let indent = &source[line..at];
    if !indent.chars().all(|c| c == '\t') {
        return Err(format!("`{FIXED}` does not stand on a line of its own"));
    }
    let statement = format!("{INTERRUPTIBLE}\n{indent}if (rc)\n{indent}\tgoto out;");
    Ok(format!("{}{statement}{}", &source[..at], &source[at + FIXED.len()..]))
}

/// Where `needle` stands, if it stands there once.
pub fn exactly_one(text: &str, needle: &str, what: &str) -> Result<usize, String> {
    let mut found = text.match_indices(needle);
    match (found.next(), found.count()) {
        (Some((at, _)), 0) => Ok(at),
        (None, _) => Err(format!("{what} is not there")),
        (Some(_), more) => Err(format!("{what} is there {} times, not once", more + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTHETIC: &str = "\
void other(struct c *cfg)
{
\tmutex_lock(&cfg->ctx_tbl_list_mutex);
}

struct ctx_info *get_context(struct c *cfg)
{
\tint rc;

\tdo {
\t\tmutex_lock(&cfg->ctx_tbl_list_mutex);
\t\trc = look(cfg);
\t} while (!rc);
out:
\treturn 0;
}

void last(void)
{
}
";

    #[test]
    fn only_the_one_statement_changes() {
        let changed = make_interruptible(SYNTHETIC).expect("the form is known");
        let expected = "\t\trc = mutex_lock_interruptible(&cfg->ctx_tbl_list_mutex);\n\t\tif (rc)\n\t\t\tgoto out;\n\t\trc = look";
        assert!(changed.contains(expected), "{changed}");
        let back = changed.replace(expected, "\t\tmutex_lock(&cfg->ctx_tbl_list_mutex);\n\t\trc = look");
        assert_eq!(back, SYNTHETIC);
    }

    #[test]
    fn another_source_is_refused_with_the_reason() {
        let lock = "\t\tmutex_lock(&cfg->ctx_tbl_list_mutex);\n";
        let cases = [
            (
                SYNTHETIC.replace("*get_context(", "*find_context("),
                "definition of get_context() is not there",
            ),
            (SYNTHETIC.replace(lock, ""), "in get_context() is not there"),
            (SYNTHETIC.replace(lock, &lock.repeat(2)), "is there 2 times, not once"),
            (SYNTHETIC.replace("\nout:\n", "\n"), "the label `out` in get_context() is not there"),
            (SYNTHETIC.replace("\tint rc;\n", ""), "the variable `int rc`"),
            (SYNTHETIC.replace(lock, &lock.replace("\t\tm", "\t\tif (1) m")), "on a line of its own"),
        ];
        for (source, expected) in cases {
            let error = make_interruptible(&source).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
