//! docs/call.schema.json: it agrees with the code, and every line agrees with it.

use ior_it::support::runs::RunRecord;
use ior_it::support::subject::json;
use ior_it::support::subject::schema::{schema, text};
use serde_json::Value as Json;
use snapbox::{assert_data_eq, file};

/// Whether a value agrees with a schema, for the small part of JSON Schema that ours uses.
pub fn is_valid(root: &Json, schema: &Json, value: &Json) -> bool {
    let Some(words) = schema.as_object() else { panic!("{schema} is no schema") };
    words.iter().all(|(word, wanted)| match word.as_str() {
        "$schema" | "$id" | "$defs" | "title" | "description" => true,
        "$ref" => is_valid(root, root.pointer(&wanted.as_str().unwrap()[1..]).unwrap(), value),
        "anyOf" => wanted.as_array().unwrap().iter().any(|one| is_valid(root, one, value)),
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "type" => match wanted.as_array() {
            Some(types) => types.iter().any(|wanted| is_type(wanted, value)),
            None => is_type(wanted, value),
        },
        "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= wanted.as_i64().unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(root, wanted, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
        "required" => value.as_object().is_none_or(|object| {
            wanted.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| wanted.get(key).is_none_or(|schema| is_valid(root, schema, value)))
        }),
        "additionalProperties" => {
            assert_eq!(wanted, false);
            value.as_object().is_none_or(|object| object.keys().all(|key| words["properties"].get(key).is_some()))
        }
        word => panic!("the schema has a word that is not known here: {word}"),
    })
}

fn is_type(wanted: &Json, value: &Json) -> bool {
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_record_of_a_run_agrees_with_its_schema() {
    let schema: Json = serde_json::from_str(include_str!("../../../docs/run.schema.json")).unwrap();
    let text = include_str!("../../golden/run-record.json");
    let record = RunRecord::decode(text.as_bytes()).unwrap();
    let written: Json = serde_json::from_slice(&record.encode().unwrap()).unwrap();
    assert_eq!(written, serde_json::from_str::<Json>(text).unwrap(), "the record has other keys than the code");
    assert!(is_valid(&schema, &schema, &written));
    // Each key is in the schema, and none is missing there.
    let keys = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&written), keys(&schema["properties"]));
    assert_eq!(keys(&written["scenarios"][0]), keys(&schema["properties"]["scenarios"]["items"]["properties"]));
    for (key, wrong) in [("version", Json::from(2)), ("exit", Json::from(256)), ("threads", Json::from("2"))] {
        let mut other = written.clone();
        other[key] = wrong;
        assert!(!is_valid(&schema, &schema, &other), "{key}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_published_schema_is_what_the_code_says() {
    assert_eq!(serde_json::from_str::<Json>(&text()).unwrap(), schema());
    assert_data_eq!(text(), file!["../../../docs/call.schema.json"].raw());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_recorded_call_is_as_the_published_schema_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/call.schema.json");
    let published: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for call in super::lines::recorded() {
        let line = json::of_call(&call);
        assert!(is_valid(&published, &published, &serde_json::from_str(&line).unwrap()), "{line}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_line() {
    let schema = schema();
    let rows = [
        (r#"{"call":"read","fd":3}"#, true),
        (r#"{"call":"openat","path":{"hex":"ff"}}"#, true),
        (r#"{"lost":1}"#, true),
        (r#"{"note":"x"}"#, true),
        (r#"{"fd":3}"#, false),
        (r#"{"call":"read","fdd":3}"#, false),
        (r#"{"call":"read","fd":"3"}"#, false),
        (r#"{"call":"openat","path":["a"]}"#, false),
        (r#"{"call":"openat","path_is":"odd"}"#, false),
        (r#"{"lost":-1}"#, false),
        (r#"{"lost":1,"note":"x"}"#, false),
        ("[]", false),
    ];
    for (line, expected) in rows {
        assert_eq!(is_valid(&schema, &schema, &serde_json::from_str(line).unwrap()), expected, "{line}");
    }
}
