//! JSON lines: one object for each call, read and written with the same keys (docs/call.schema.json).
//!
//! No I/O. A missing key means *not reported*, `null` means *reported as absent*. Any other line is garbled, with the reason.
//! Nothing is guessed.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use super::keys::{DECISIVE, Key, Of, keys};
use super::said::{Said, Value};
use crate::judge::expectation::Aspect;
use crate::judge::expectation::call::{ABIS, TEXT_STATES};
use crate::judge::expectation::errors::near;
use crate::table::kind::Kind;
use crate::table::names::{self, Names};
use crate::table::syscalls::{Role, Syscall, number_of, put_compat_name};

mod write;
mod data; // what pointers lead to

pub use write::{of_call, write, write_line};

/// A call that never returned.
const UNFINISHED: &str = "unfinished";
/// The working directory in place of a directory descriptor (openat(2)).
const AT_FDCWD: &str = "AT_FDCWD";
/// The kernel's limit for errnos (include/linux/err.h).
const MAX_ERRNO: i64 = 4095;

/// One line of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A call.
    Call(Box<Said>),
    /// A message that this many calls, or other items, were lost.
    Lost(u64),
    /// A note for a reader.
    Note(String),
    /// A line that is none of these.
    Garbled {
        /// The line, or its begin if it is too long.
        raw: Vec<u8>,
        /// The fault, as a sentence.
        why: String,
    },
}

impl Line {
    /// A garbled line, with the reason.
    pub fn garbled(raw: &[u8], why: impl Into<String>) -> Self {
        /// The part of the line that is kept.
        const KEPT: usize = 4096;
        Line::Garbled { raw: raw[..raw.len().min(KEPT)].to_vec(), why: why.into() }
    }
}

/// An object with its keys in order, each once.
struct JsonObject(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut entries: Vec<(String, Json)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Json>()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(serde::de::Error::custom(format!("`{key}` is said twice")));
                    }
                    entries.push((key, value));
                }
                Ok(JsonObject(entries))
            }
        }
        from.deserialize_map(Entries)
    }
}

/// Reads a line, without its end.
pub fn read(raw: &[u8]) -> Line {
    let line = str::from_utf8(raw).map_err(|error| format!("the byte at {} is no UTF-8", error.valid_up_to()));
    let entries =
        line.and_then(|line| serde_json::from_str(line).map_err(|error| format!("this is no JSON object: {error}")));
    match entries.and_then(|JsonObject(entries)| of_entries(entries)) {
        Ok(Line::Call(mut said)) => {
            said.raw = raw.to_vec();
            Line::Call(said)
        }
        Ok(line) => line,
        Err(why) => Line::garbled(raw, why),
    }
}

fn of_entries(entries: Vec<(String, Json)>) -> Result<Line, String> {
    match entries.as_slice() {
        [(key, count)] if key == "lost" => {
            count.as_u64().map(Line::Lost).ok_or_else(|| "`lost` is no number from 0 on".to_owned())
        }
        [(key, note)] if key == "note" => {
            note.as_str().map(|note| Line::Note(note.to_owned())).ok_or_else(|| "`note` is no string".to_owned())
        }
        _ => of_call_entries(&entries).map(|said| Line::Call(Box::new(said))),
    }
}

fn of_call_entries(entries: &[(String, Json)]) -> Result<Said, String> {
    let named = entries.iter().find(|(key, _)| key == "call").ok_or("there is neither `call` nor `lost` nor `note`")?;
    let name = named.1.as_str().ok_or("`call` is no string")?;
    let is_compat = entries.iter().any(|(key, value)| key == "abi" && value == ABIS[1]);
    let mut said = Said::new(name);
    if is_compat {
        said.row = COMPAT.get(name).copied();
    }
    if said.row.is_none() && !is_call(name, is_compat) {
        let known = Syscall::all().iter().map(|row| row.name);
        return Err(with_hint(format!("there is no call `{name}`"), near(name, known)));
    }
    // The meaning of the other arguments may depend on these.
    let first = |key: &str| DECISIVE.contains(&key);
    let (before, after): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| first(key));
    for (key, json) in before.into_iter().chain(after).filter(|(key, _)| key != "call") {
        let value = value_of_key(&said, key, json)?;
        said.put(key, value);
    }
    // In the order of the line.
    said.sort_by(|key| entries.iter().position(|(known, _)| known == key));
    Ok(said)
}

fn value_of_key(said: &Said, key: &str, json: &Json) -> Result<Value, String> {
    let keys = keys(said.row, &said.meaning());
    match keys.iter().find(|known| known.name == key) {
        Some(known) => value(known, json).map_err(|wanted| format!("`{key}` is {json}, not {wanted}")),
        None => {
            let known = keys.iter().map(|known| known.name);
            Err(with_hint(format!("`{}` has no key `{key}`", said.call), near(key, known)))
        }
    }
}

fn with_hint(message: String, hint: Option<String>) -> String {
    hint.map_or(message.clone(), |hint| format!("{message}: {hint}"))
}

/// The rows of 32-bit calls, by name.
static COMPAT: LazyLock<HashMap<String, &'static Syscall>> = LazyLock::new(|| {
    let row = |number| Syscall::by_compat_number(number).map(|row| (compat_name(number), row));
    (0..Syscall::NUMBERS).filter_map(row).collect()
});

fn compat_name(number: u32) -> String {
    let mut name = String::new();
    put_compat_name(&mut name, number);
    name
}

/// Whether a name without a row is a call of the kernel, or stands for a number.
fn is_call(name: &str, is_compat: bool) -> bool {
    static COMPAT_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| (0..Syscall::NUMBERS).map(compat_name).collect());
    let digits =
        ["syscall_0x", "syscall_", "nr=-", "nr=", "IORING_OP_"].iter().find_map(|prefix| name.strip_prefix(prefix));
    let is_number =
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_known = if is_compat { COMPAT_NAMES.iter().any(|known| known == name) } else { number_of(name).is_some() };
    is_number || is_known
}

/// The value of a key. The error says what the value should be.
fn value(key: &Key, json: &Json) -> Result<Value, String> {
    if json.is_null() {
        return Ok(Value::Nothing);
    }
    let pair = |read: &dyn Fn(&Json) -> Result<Value, String>| match json.as_array().map(Vec::as_slice) {
        Some([first, second]) => Ok(Value::List(vec![read(first)?, read(second)?])),
        Some(_) | None => Err("an array of two".to_owned()),
    };
    match key.of {
        Of::Enter | Of::Exit => unsigned(json, u64::MAX),
        Of::Pointer(_) => pointer(json),
        Of::Both(..) => pair(&|json| by_role(key.role, json)),
        Of::Field(subject) => of_subject(subject, key.role, json),
        Of::Data(number) => data::read(number, json),
        Of::DataIs(number) => data::read_states(number, json),
    }
}

fn of_subject(subject: Aspect, role: Role, json: &Json) -> Result<Value, String> {
    match subject {
        Aspect::Ret => ret(json),
        Aspect::File(_) | Aspect::MadeFile | Aspect::Comm => bytes(json),
        Aspect::Text(_) => word(json, &TEXT_STATES),
        Aspect::Kind(_) => word(json, &Kind::names()),
        Aspect::Abi => word(json, &ABIS),
        Aspect::Cloexec(_) | Aspect::Worker | Aspect::More | Aspect::Ambiguous | Aspect::Refused => {
            json.as_bool().map(Value::Is).ok_or_else(|| "true or false".to_owned())
        }
        Aspect::Closes => {
            let paths = json.as_array().ok_or("an array of paths")?;
            Ok(Value::List(paths.iter().map(bytes).collect::<Result<_, _>>()?))
        }
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
        | Aspect::SqeFlags => by_role(role, json),
    }
}

fn bytes(json: &Json) -> Result<Value, String> {
    let wanted = || "a string, or {\"hex\":\"…\"} where it is no UTF-8".to_owned();
    if let Some(text) = json.as_str() {
        return Ok(text.into());
    }
    let object = json.as_object().filter(|object| object.len() == 1).ok_or_else(wanted)?;
    let digits = object.get("hex").and_then(Json::as_str).filter(|digits| digits.len() % 2 == 0).ok_or_else(wanted)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect::<Option<Vec<u8>>>().map(Value::Text).ok_or_else(wanted)
}

fn word(json: &Json, words: &[&str]) -> Result<Value, String> {
    let found = json.as_str().filter(|text| words.contains(text));
    found.map(Value::from).ok_or_else(|| format!("one of {}", words.join(", ")))
}

/// A number of at most this many bits.
fn unsigned(json: &Json, most: u64) -> Result<Value, String> {
    let number = json.as_u64().filter(|&number| number <= most);
    number.map(Value::from).ok_or_else(|| format!("a number from 0 to {most}"))
}

fn signed(json: &Json, least: i64, most: i64) -> Result<Value, String> {
    let number = json.as_i64().filter(|number| (least..=most).contains(number));
    number.map(Value::Number).ok_or_else(|| format!("a number from {least} to {most}"))
}

fn pointer(json: &Json) -> Result<Value, String> {
    let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let address = json.as_str().map_or_else(|| json.as_u64(), |text| if text == "NULL" { Some(0) } else { hex(text) });
    address.map(Value::from).ok_or_else(|| "an address, as in \"0x7ffd\"".to_owned())
}

/// The result: a number, an errno by name or as a negative number, or no result.
fn ret(json: &Json) -> Result<Value, String> {
    if let Some(number) = json.as_i64() {
        let is_errno = (-MAX_ERRNO..0).contains(&number);
        return Ok(if is_errno { Value::Errno(-number as i32) } else { Value::Number(number) });
    }
    let wanted = || "a number, an errno as in \"ENOENT\", or \"unfinished\"".to_owned();
    let text = json.as_str().ok_or_else(wanted)?;
    if text == UNFINISHED { Ok(Value::Unfinished) } else { errno(text).map(Value::Errno).ok_or_else(wanted) }
}

/// The errno of a name. Accepts the kernel's restart codes, and `errno 150`.
pub fn errno(name: &str) -> Option<i32> {
    static NUMBERS: LazyLock<HashMap<String, i32>> =
        LazyLock::new(|| (1..=MAX_ERRNO as i32).rev().map(|number| (names::errno_name(number), number)).collect());
    // errno(3) lists these twice.
    let name = match name {
        "EWOULDBLOCK" => "EAGAIN",
        "ENOTSUP" => "EOPNOTSUPP",
        "EDEADLOCK" => "EDEADLK",
        name => name,
    };
    NUMBERS.get(name).copied()
}

fn by_role(role: Role, json: &Json) -> Result<Value, String> {
    let int = |json| signed(json, i32::MIN.into(), i32::MAX.into());
    match role {
        Role::Path | Role::Text => bytes(json),
        Role::Flags(names) | Role::Choice(names) => flags(names, json),
        Role::Named(names) if json.is_string() => flags(names, json).map(|value| match value {
            Value::Number(number) => Value::Number((number as i32).into()),
            value => value,
        }),
        Role::Named(_) => int(json),
        Role::Mode => mode(json),
        Role::Pointer => pointer(json),
        Role::DirFd if json == AT_FDCWD => Ok(Value::Number(libc::AT_FDCWD.into())),
        Role::DirFd => int(json).map_err(|wanted| format!("{wanted}, or \"{AT_FDCWD}\"")),
        Role::Fd | Role::Int => int(json),
        // close_range(2) takes unsigned descriptors. The kernel looks at 32 bits.
        Role::FdNumber => signed(json, i32::MIN.into(), u32::MAX.into()).map(|value| match value {
            Value::Number(number) => Value::Number((number as i32).into()),
            value => value,
        }),
        Role::Id => signed(json, -1, u32::MAX.into()),
        Role::Signed => signed(json, i64::MIN, i64::MAX),
        Role::Unsigned => unsigned(json, u64::MAX),
        Role::UnsignedInt => unsigned(json, u32::MAX.into()),
    }
}

/// Names joined by `|`, with hex for unnamed bits, or the number.
fn flags(names: &Names, json: &Json) -> Result<Value, String> {
    let wanted = || format!("a {} by its name", names.what);
    match json.as_str() {
        Some(text) => names_value(names, text).map(Value::from).ok_or_else(wanted),
        None => json.as_u64().map(Value::from).ok_or_else(wanted),
    }
}

/// The value of names joined by `|`, with hex numbers among them. `None` if a name is not in the set.
pub fn names_value(names: &Names, text: &str) -> Option<u64> {
    names.parse(text).ok().or_else(|| {
        text.split('|').map(str::trim).try_fold(0, |sum, word| {
            let hex = word.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let zero = (word == "0").then_some(0);
            hex.or(zero).or_else(|| names.parse(word).ok().filter(|_| !word.is_empty())).map(|value| sum | value)
        })
    })
}

fn mode(json: &Json) -> Result<Value, String> {
    let wanted = || "an octal number in quotes, as in \"0644\"".to_owned();
    let bits = match json.as_str() {
        Some(text) => text
            .strip_prefix('0')
            .and_then(|rest| u64::from_str_radix(if rest.is_empty() { "0" } else { rest }, 8).ok()),
        None => json.as_u64(),
    };
    bits.map(Value::from).ok_or_else(wanted)
}
