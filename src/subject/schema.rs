//! The format of a line as JSON Schema (draft 2020-12). A test compares it with docs/call.schema.json.
//!
//! No I/O.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::keys::{Key, Of, keys};
use super::said::data::shapes;
use crate::judge::expectation::Aspect;
use crate::judge::expectation::call::{ABIS, TEXT_STATES};
use crate::table::blocks::{InternetVersion, Shape};
use crate::table::kind::Kind;
use crate::table::syscalls::{Role, Syscall};
use crate::trace::call::ContentState;

/// The version of the schema. It changes when a line that was valid becomes invalid.
pub const VERSION: u32 = 1;

/// The schema.
pub fn schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:ior-it:call:{VERSION}"),
        "title": format!("A line of a trace, version {VERSION}"),
        "description": "A missing key is not said; null is said to be nothing.",
        "anyOf": [{ "$ref": "#/$defs/call" }, { "$ref": "#/$defs/lost" }, { "$ref": "#/$defs/note" }],
        "$defs": {
            "call": call(),
            "lost": {
                "description": "So many calls, or other things, were lost.",
                "type": "object",
                "properties": { "lost": { "type": "integer", "minimum": 0 } },
                "required": ["lost"],
                "additionalProperties": false,
            },
            "note": {
                "description": "Something to read for people.",
                "type": "object",
                "properties": { "note": { "type": "string" } },
                "required": ["note"],
                "additionalProperties": false,
            },
            "data": data(),
            "data_is": data_is(),
            "bytes": {
                "description": "Text, or bytes in hex where it is no UTF-8.",
                "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "properties": { "hex": { "type": "string" } },
                        "required": ["hex"],
                        "additionalProperties": false,
                    },
                ],
            },
        },
    })
}

/// The schema as a file, in which each key of a call has its own line.
pub fn text() -> String {
    let mut text = String::new();
    put(&mut text, &schema(), 0);
    text.push('\n');
    text
}

/// How many levels of objects are broken into lines.
const BROKEN: usize = 4;

fn put(out: &mut String, value: &Json, level: usize) {
    let Some(object) = value.as_object().filter(|_| level < BROKEN) else {
        out.push_str(&value.to_string());
        return;
    };
    out.push('{');
    for (at, (key, value)) in object.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(level + 1));
        out.push_str(&format!("{}: ", Json::from(key.as_str())));
        put(out, value, level + 1);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(level));
    out.push('}');
}

/// An object with the keys of all calls. The same key may take other values in another call.
fn call() -> Json {
    let mut values: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    // The meaning of these depends on other arguments: fcntl's command, and where a request puts the file that it opens.
    let arguments =
        [[u64::MAX; 6], [0; 6], [0, libc::F_SETFL as u64, 0, 0, 0, 0], [0, libc::F_SETLK as u64, 0, 0, 0, 0]];
    let rows = Syscall::all().iter().map(Some).chain([None]);
    for key in rows.flat_map(|row| arguments.iter().flat_map(move |args| keys(row, args).into_owned())) {
        let value = value(&key);
        let known = values.entry(key.name).or_default();
        if !known.contains(&value) {
            known.push(value);
        }
    }
    let mut properties = serde_json::Map::new();
    properties.insert("call".to_owned(), json!({ "type": "string", "description": "The name of the call." }));
    properties.extend(values.into_iter().map(|(name, mut values)| {
        values.sort_by_key(Json::to_string);
        values.push(json!({ "type": "null" }));
        (name.to_owned(), json!({ "anyOf": values }))
    }));
    json!({
        "description": "A call, by the keys of docs/tests-toml.md; addresses are hex in quotes.",
        "type": "object",
        "properties": properties,
        "required": ["call"],
        "additionalProperties": false,
    })
}

fn value(key: &Key) -> Json {
    match key.of {
        Of::Enter | Of::Exit => {
            json!({ "type": "integer", "minimum": 0, "description": "nanoseconds of CLOCK_MONOTONIC" })
        }
        Of::Pointer(_) => by_role(Role::Pointer),
        Of::Both(..) => json!({ "type": "array", "items": by_role(key.role), "minItems": 2, "maxItems": 2 }),
        Of::Field(subject) => of_subject(subject, key.role),
        Of::Data(_) => json!({ "$ref": "#/$defs/data" }),
        Of::DataIs(_) => json!({ "$ref": "#/$defs/data_is" }),
    }
}

fn of_subject(subject: Aspect, role: Role) -> Json {
    let bytes = json!({ "$ref": "#/$defs/bytes" });
    match subject {
        Aspect::Ret => json!({
            "type": ["integer", "string"],
            "description": "a number, an errno by its name or as a negative number, or \"unfinished\"",
        }),
        Aspect::File(_) | Aspect::MadeFile | Aspect::Comm => bytes,
        Aspect::Text(_) => json!({ "enum": TEXT_STATES }),
        Aspect::Kind(_) => json!({ "enum": Kind::names() }),
        Aspect::Abi => json!({ "enum": ABIS }),
        Aspect::Cloexec(_) | Aspect::Worker | Aspect::More | Aspect::Ambiguous | Aspect::Refused => {
            json!({ "type": "boolean" })
        }
        Aspect::Closes => json!({ "type": "array", "items": bytes }),
        Aspect::Arg(_)
        | Aspect::Data(_)
        | Aspect::DataIs(_)
        | Aspect::Implied
        | Aspect::How(_)
        | Aspect::Bytes
        | Aspect::Status(_)
        | Aspect::Pid
        | Aspect::Tid
        | Aspect::ExitTid
        | Aspect::Made(_)
        | Aspect::UserData
        | Aspect::SqeFlags => by_role(role),
    }
}

fn by_role(role: Role) -> Json {
    let between = |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });
    match role {
        Role::Path | Role::Text => json!({ "$ref": "#/$defs/bytes" }),
        Role::Flags(_) | Role::Choice(_) => {
            json!({ "type": ["string", "integer"], "description": "names joined by |, or the number" })
        }
        Role::Mode => json!({ "type": ["string", "integer"], "description": "octal in quotes, or the number" }),
        Role::Pointer => json!({ "type": ["string", "integer"], "description": "hex in quotes, or the number" }),
        Role::DirFd => json!({ "anyOf": [{ "const": "AT_FDCWD" }, between(i32::MIN.into(), i32::MAX.into())] }),
        Role::Named(_) => json!({ "anyOf": [{ "type": "string" }, between(i32::MIN.into(), i32::MAX.into())] }),
        Role::Fd | Role::Int => between(i32::MIN.into(), i32::MAX.into()),
        Role::FdNumber => between(i32::MIN.into(), u32::MAX.into()),
        Role::Id => between(-1, u32::MAX.into()),
        Role::Signed => json!({ "type": "integer" }),
        Role::Unsigned => json!({ "type": "integer", "minimum": 0 }),
        Role::UnsignedInt => between(0, u32::MAX.into()),
    }
}

/// What the arguments of all calls lead to, by their names. The same name may lead to something else in another call.
fn contents() -> BTreeMap<&'static str, Vec<Json>> {
    let mut contents: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for (arg, shape) in Syscall::all().iter().flat_map(|row| shapes(row.number)) {
        let (value, known) = (shaped(&shape), contents.entry(arg).or_default());
        if !known.contains(&value) {
            known.push(value);
        }
    }
    contents
}

fn data() -> Json {
    let or_null = |(arg, mut values): (_, Vec<Json>)| {
        values.push(json!({ "type": "null" }));
        (arg, json!({ "anyOf": values }))
    };
    object("What pointers lead to; null is unreadable.", contents().into_iter().map(or_null))
}

fn data_is() -> Json {
    let words = ContentState::ALL.map(|(_, word)| word);
    let states = contents().into_keys().map(|arg| (arg, json!({ "enum": words })));
    object("How that was read; whole, if it is not said.", states)
}

fn shaped(shape: &Shape) -> Json {
    match shape {
        Shape::Bytes => json!({ "$ref": "#/$defs/bytes" }),
        Shape::Number(role) => by_role(*role),
        Shape::Internet(InternetVersion::V4) => json!({ "type": "string", "description": "as in 127.0.0.1" }),
        Shape::Internet(InternetVersion::V6) => json!({ "type": "string", "description": "as in ::1" }),
        Shape::Object(within) => {
            object("some or all members", within.iter().map(|(name, shape)| (*name, shaped(shape))))
        }
        Shape::List(each) => json!({ "type": "array", "items": shaped(each) }),
    }
}

fn object<'n>(description: &str, members: impl Iterator<Item = (&'n str, Json)>) -> Json {
    let properties: serde_json::Map<String, Json> = members.map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "description": description, "properties": properties, "additionalProperties": false })
}
