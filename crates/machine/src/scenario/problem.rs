//! What is wrong with a scenario, and where.

use std::fmt;

/// Where in the file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// A name in a scenario and where it stands. Only the name counts when two
/// are compared, serialized or hashed.
#[derive(Clone, Debug, Default)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place, for messages.
    pub place: Place,
}

impl Name {
    /// A name without a place.
    pub fn new(text: impl Into<String>) -> Name {
        Name { text: text.into(), place: Place::default() }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.text == other.text
    }
}
impl Eq for Name {}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What to write instead, if we can guess.
    pub hint: Option<String>,
}

impl Problem {
    /// A mistake at `place`.
    pub fn at(place: Place, message: impl Into<String>) -> Problem {
        Problem { message: message.into(), place, hint: None }
    }
    /// An unknown name where one of `known` was expected.
    pub fn unknown<'a>(
        place: Place,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Problem {
        let hint = nearest(name, known).map(|n| format!("did you mean `{n}`?"));
        Problem { message: format!("unknown {what} `{name}`"), place, hint }
    }
    /// The problem with file, line and column, as one line of text.
    pub fn render(&self, file: &str, text: &str) -> String {
        let (line, column) = line_column(text, self.place.start);
        let hint = self.hint.as_deref().map(|h| format!("; {h}")).unwrap_or_default();
        format!("{file}:{line}:{column}: {}{hint}", self.message)
    }
}

/// Line and column, from 1, of a byte.
pub fn line_column(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The name nearest to `name`, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let distance = edit_distance(name, candidate, limit);
        if distance <= limit && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, n)| n)
}

/// Levenshtein distance, or `limit + 1` if it is more than `limit`.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = corner + usize::from(ca != cb);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()].min(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        let known = ["symbol", "command", "llcmd", "console"];
        assert_eq!(nearest("comand", known), Some("command"));
        assert_eq!(nearest("simbol", known), Some("symbol"));
        assert_eq!(nearest("frobnicate", known), None);
        assert_eq!(edit_distance("kitten", "sitting", 9), 3);
    }

    #[test]
    fn places_count_from_one_in_characters() {
        assert_eq!(line_column("ab\ncd", 0), (1, 1));
        assert_eq!(line_column("ab\nécd", 5), (2, 2));
        assert_eq!(line_column("é", 1), (1, 1), "inside a character");
        assert_eq!(line_column("ab", 99), (1, 3));
    }
}
