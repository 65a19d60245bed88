//! `docs/scenario.schema.json`: the tables of [`super::shape`] as JSON Schema.

use super::shape::{SCENARIO, Shape, Table};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of a scenario, as text.
pub fn json_schema() -> String {
    let mut root = table(&SCENARIO);
    let definitions: Map<String, Value> =
        SCENARIO.closure().into_iter().skip(1).map(|t| (t.name.to_owned(), table(t))).collect();
    if let Some(object) = root.as_object_mut() {
        object.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".into(), json!("capisim scenario, schema 1"));
        object.insert("$defs".into(), Value::Object(definitions));
    }
    let mut text = serde_json::to_string_pretty(&root).expect("a schema is plain JSON");
    text.push('\n');
    text
}

fn table(t: &Table) -> Value {
    let mut properties = Map::new();
    for key in t.keys {
        let mut value = shape(key.shape);
        if let Some(object) = value.as_object_mut() {
            object.insert("description".into(), json!(key.doc));
        }
        properties.insert(key.name.into(), value);
    }
    let required: Vec<&str> = t.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let mut out = json!({
        "type": "object", "description": t.doc, "additionalProperties": false,
        "properties": properties, "required": required,
    });
    if !t.heads.is_empty() {
        let heads: Vec<Value> = t.heads.iter().map(|(h, _)| json!({ "required": [h] })).collect();
        out["oneOf"] = Value::Array(heads);
    }
    out
}

fn shape(s: Shape) -> Value {
    const TIME: &str = r"[0-9_]*\.?[0-9]+ *(ns|us|ms|s|min)";
    match s {
        Shape::Text => json!({ "type": "string" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Integer(low, high) if low == i64::MIN && high == i64::MAX => json!({ "type": "integer" }),
        Shape::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Duration => json!({ "type": "string", "pattern": format!("^{TIME}$") }),
        Shape::Span => json!({ "type": "string", "pattern": format!(r"^{TIME}(\.\.{TIME})?$") }),
        Shape::Size => json!({ "type": "string", "pattern": r"^[0-9_]*\.?[0-9]+ *(B|KiB|MiB|GiB|TiB)$" }),
        Shape::Pair => {
            json!({ "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 2, "maxItems": 2 })
        }
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Fields => {
            json!({ "type": "object", "additionalProperties": { "type": ["integer", "string"] } })
        }
        Shape::Table(t) => json!({ "$ref": format!("#/$defs/{}", t.name) }),
        Shape::Tables(t) => json!({ "type": "array", "items": { "$ref": format!("#/$defs/{}", t.name) } }),
    }
}
