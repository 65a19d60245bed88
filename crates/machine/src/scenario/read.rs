//! TOML text against the tables of [`super::shape`]: every mistake with its
//! place, then a tree in which every value has the shape its key asks for.

use super::problem::{Place, Problem};
use super::shape::{Key, Shape, Table};
use super::units;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Text, word, or anything written as one.
    Text(String),
    /// Integer, nanoseconds or bytes.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// A range of time.
    Span(units::Span),
    /// Numbers or texts.
    List(Vec<At>),
    /// Numbers or texts by name.
    Fields(BTreeMap<String, Node>),
    /// A table.
    Tree(Tree),
    /// Tables.
    Trees(Vec<Tree>),
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The value.
    pub node: Node,
    /// Where it stands.
    pub place: Place,
}

/// A checked table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Values by key.
    pub values: BTreeMap<&'static str, At>,
    /// Where the table stands.
    pub place: Place,
}

fn place_of<T>(s: &Spanned<T>) -> Place {
    Place { start: s.span().start, end: s.span().end }
}

/// Reads `text` as `table`; all mistakes, in the order of the file.
pub fn read(text: &str, table: &'static Table) -> Result<Tree, Vec<Problem>> {
    let parsed = DeTable::parse(text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        vec![Problem::at(Place { start: span.start, end: span.end }, e.message())]
    })?;
    let mut problems = vec![];
    let tree = read_table(parsed.get_ref(), place_of(&parsed), table, &mut problems);
    problems.sort_by_key(|p| p.place.start);
    if problems.is_empty() { Ok(tree) } else { Err(problems) }
}

fn read_table(from: &DeTable<'_>, place: Place, table: &'static Table, problems: &mut Vec<Problem>) -> Tree {
    let mut tree = Tree { values: BTreeMap::new(), place };
    let mut places = BTreeMap::new();
    for (key, value) in from.iter() {
        let name = key.get_ref().as_ref();
        let Some(known) = table.key(name) else {
            let names = table.keys.iter().map(|k| k.name);
            problems.push(Problem::unknown(place_of(key), &format!("key in [{}]", table.name), name, names));
            continue;
        };
        places.insert(known.name, place_of(key));
        match read_value(value, known, problems) {
            Ok(node) => {
                tree.values.insert(known.name, At { node, place: place_of(value) });
            }
            Err(message) => {
                problems.push(Problem::at(place_of(value), format!("`{}`: {message}", known.name)));
            }
        }
    }
    for key in table.keys.iter().filter(|k| k.required && !places.contains_key(k.name)) {
        problems.push(Problem::at(place, format!("[{}] needs `{}`: {}", table.name, key.name, key.doc)));
    }
    check_heads(table, place, &places, problems);
    tree
}

/// Exactly one head, and nothing that does not go with it.
fn check_heads(
    table: &Table,
    place: Place,
    places: &BTreeMap<&'static str, Place>,
    problems: &mut Vec<Problem>,
) {
    let mut heads = table.heads.iter().filter(|(h, _)| places.contains_key(h));
    // `step` in a condition is a head; `does` of an actor is not in a table with heads.
    let Some((head, with)) = heads.next() else {
        if !table.heads.is_empty() {
            let names = table.heads.iter().map(|(h, _)| *h).collect::<Vec<_>>().join(", ");
            problems.push(Problem::at(place, format!("`{}` needs one of {names}", table.name)));
        }
        return;
    };
    for (name, at) in places {
        if name == head || with.contains(name) || table.common.contains(name) {
            continue;
        }
        let message = if table.heads.iter().any(|(h, _)| h == name) {
            format!("`{head}` and `{name}` exclude each other in `{}`", table.name)
        } else {
            format!("`{name}` does not go with `{head}`")
        };
        problems.push(Problem::at(*at, message));
    }
}

fn read_value(
    value: &Spanned<DeValue<'_>>,
    key: &'static Key,
    problems: &mut Vec<Problem>,
) -> Result<Node, String> {
    let v = value.get_ref();
    match key.shape {
        Shape::Text => text(v).map(Node::Text),
        Shape::Word(words) => {
            let word = text(v)?;
            if words.contains(&word.as_str()) {
                return Ok(Node::Text(word));
            }
            problems.push(Problem::unknown(
                place_of(value),
                &format!("{} value", key.name),
                &word,
                words.iter().copied(),
            ));
            Ok(Node::Text(words[0].to_owned()))
        }
        Shape::Integer(low, high) => integer(v, low, high).map(Node::Number),
        Shape::Bool => v.as_bool().map(Node::Bool).ok_or_else(|| wanted("true or false", v)),
        Shape::Duration => Ok(Node::Number(signed(units::parse_duration(&text(v)?)?.0)?)),
        Shape::Span => Ok(Node::Span(units::parse_span(&text(v)?)?)),
        Shape::Size => Ok(Node::Number(signed(units::parse_size(&text(v)?)?)?)),
        Shape::Pair => match list(v, |v| integer(v, 1, 1 << 40).map(Node::Number))? {
            pair if pair.len() == 2 => Ok(Node::List(pair)),
            other => Err(format!("two numbers are needed, not {}", other.len())),
        },
        Shape::Texts => Ok(Node::List(list(v, |v| text(v).map(Node::Text))?)),
        Shape::Fields => fields(v),
        Shape::Table(table) => {
            let inner = v.as_table().ok_or_else(|| wanted("a table", v))?;
            Ok(Node::Tree(read_table(inner, place_of(value), table, problems)))
        }
        Shape::Tables(table) => {
            let items = v.as_array().ok_or_else(|| wanted("a list of tables", v))?;
            let mut trees = vec![];
            for item in items.iter() {
                let inner = item.get_ref().as_table().ok_or_else(|| wanted("a table", item.get_ref()))?;
                trees.push(read_table(inner, place_of(item), table, problems));
            }
            Ok(Node::Trees(trees))
        }
    }
}

fn wanted(what: &str, v: &DeValue<'_>) -> String {
    format!("{what} is needed, not {}", v.type_str())
}

fn text(v: &DeValue<'_>) -> Result<String, String> {
    v.as_str().map(str::to_owned).ok_or_else(|| wanted("a text in quotes", v))
}

fn signed(n: u64) -> Result<i64, String> {
    i64::try_from(n).map_err(|_| "too large".to_owned())
}

fn integer(v: &DeValue<'_>, low: i64, high: i64) -> Result<i64, String> {
    let int = v.as_integer().ok_or_else(|| wanted("an integer", v))?;
    let digits = int.as_str();
    let n = i64::from_str_radix(digits, int.radix()).map_err(|e| format!("{digits}: {e}"))?;
    if (low..=high).contains(&n) { Ok(n) } else { Err(format!("{n} is not in {low}..={high}")) }
}

fn list(v: &DeValue<'_>, one: impl Fn(&DeValue<'_>) -> Result<Node, String>) -> Result<Vec<At>, String> {
    let items = v.as_array().ok_or_else(|| wanted("a list", v))?;
    items.iter().map(|i| Ok(At { node: one(i.get_ref())?, place: place_of(i) })).collect()
}

fn fields(v: &DeValue<'_>) -> Result<Node, String> {
    let table = v.as_table().ok_or_else(|| wanted("a table of fields", v))?;
    let mut out = BTreeMap::new();
    for (key, value) in table.iter() {
        let value = value.get_ref();
        let node = match value.as_str() {
            Some(t) => Node::Text(t.to_owned()),
            None => Node::Number(integer(value, i64::MIN, i64::MAX)?),
        };
        out.insert(key.get_ref().to_string(), node);
    }
    Ok(Node::Fields(out))
}

impl Tree {
    /// True if the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
    /// A text.
    pub fn text(&self, key: &str) -> Option<String> {
        match &self.values.get(key)?.node {
            Node::Text(t) => Some(t.clone()),
            _ => None,
        }
    }
    /// A text with its place.
    pub fn name(&self, key: &str) -> Option<super::Name> {
        Some(super::Name { text: self.text(key)?, place: self.values.get(key)?.place })
    }
    /// A number that is not negative.
    pub fn number(&self, key: &str) -> Option<u64> {
        u64::try_from(self.signed(key)?).ok()
    }
    /// A number.
    pub fn signed(&self, key: &str) -> Option<i64> {
        match self.values.get(key)?.node {
            Node::Number(n) => Some(n),
            _ => None,
        }
    }
    /// A flag.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.values.get(key)?.node {
            Node::Bool(b) => Some(b),
            _ => None,
        }
    }
    /// A range of time.
    pub fn span(&self, key: &str) -> Option<units::Span> {
        match self.values.get(key)?.node {
            Node::Span(s) => Some(s),
            _ => None,
        }
    }
    /// A list of texts.
    pub fn names(&self, key: &str) -> Option<Vec<super::Name>> {
        let Node::List(items) = &self.values.get(key)?.node else { return None };
        let name = |at: &At| match &at.node {
            Node::Text(t) => Some(super::Name { text: t.clone(), place: at.place }),
            _ => None,
        };
        Some(items.iter().filter_map(name).collect())
    }
    /// Two numbers.
    pub fn pair(&self, key: &str) -> Option<(u64, u64)> {
        let Node::List(items) = &self.values.get(key)?.node else { return None };
        let number = |at: &At| match at.node {
            Node::Number(n) => u64::try_from(n).ok(),
            _ => None,
        };
        Some((number(items.first()?)?, number(items.get(1)?)?))
    }
    /// Numbers and texts by name.
    pub fn fields(&self, key: &str) -> Option<&BTreeMap<String, Node>> {
        match &self.values.get(key)?.node {
            Node::Fields(f) => Some(f),
            _ => None,
        }
    }
    /// A table.
    pub fn tree(&self, key: &str) -> Option<&Tree> {
        match &self.values.get(key)?.node {
            Node::Tree(t) => Some(t),
            _ => None,
        }
    }
    /// Tables.
    pub fn trees(&self, key: &str) -> &[Tree] {
        match self.values.get(key).map(|at| &at.node) {
            Some(Node::Trees(t)) => t,
            _ => &[],
        }
    }
    /// Where the value of `key` stands, or the table.
    pub fn place_of(&self, key: &str) -> Place {
        self.values.get(key).map_or(self.place, |at| at.place)
    }
}
