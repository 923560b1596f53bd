//! Writes a call as a line.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

use super::{AT_FDCWD, Line, UNFINISHED, data};
use crate::base::escape;
use crate::judge::expectation::Aspect;
use crate::subject::keys::{Key, Of};
use crate::subject::said::{Said, Value};
use crate::table::names;
use crate::table::syscalls::Role;
use crate::trace::call::Call;

/// A call of a trace as a line, without the newline.
pub fn of_call(call: &Call) -> String {
    write(&Said::of(call))
}

/// A reported call as a line, without the newline.
pub fn write(said: &Said) -> String {
    escaped(serde_json::to_string(said).unwrap_or_default())
}

/// Escapes characters that control a terminal, or that it does not show, as JSON does. They occur only in strings.
fn escaped(line: String) -> String {
    if !line.contains(escape::is_obeyed) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for one in line.chars() {
        if escape::is_obeyed(one) {
            let units = one.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            escaped.push_str(&units);
        } else {
            escaped.push(one);
        }
    }
    escaped
}

/// Any line, without the newline. A garbled line is written unchanged.
pub fn write_line(line: &Line) -> String {
    match line {
        Line::Call(said) => write(said),
        Line::Lost(count) => serde_json::json!({ "lost": count }).to_string(),
        Line::Note(text) => escaped(serde_json::json!({ "note": text }).to_string()),
        Line::Garbled { raw, .. } => String::from_utf8_lossy(raw).into_owned(),
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("call", &self.call)?;
        for (key, value) in self.fields() {
            map.serialize_entry(key.name, &written(key, key.role, value))?;
        }
        map.end()
    }
}

fn written(key: &Key, role: Role, value: &Value) -> Json {
    match (value, key.of) {
        (Value::Nothing, _) => Json::Null,
        (value, Of::Data(number)) => data::written(number, value),
        (Value::Is(is), _) => Json::Bool(*is),
        (Value::Unfinished, _) => UNFINISHED.into(),
        (Value::Errno(errno), _) => names::errno_name(*errno).into(),
        (Value::Text(bytes), _) => text(bytes),
        (Value::List(values), _) => values.iter().map(|value| written(key, role, value)).collect(),
        (Value::Object(members), _) => {
            Json::Object(members.iter().map(|(name, value)| (name.to_string(), written(key, role, value))).collect())
        }
        (Value::Number(number), Of::Field(Aspect::Ret)) => (*number).into(),
        (Value::Number(value), _) => number(role, *value),
    }
}

/// A number as an argument of this role.
pub(super) fn number(role: Role, number: i64) -> Json {
    match role {
        Role::Flags(names) | Role::Choice(names) => names.show(number as u64).into(),
        Role::Named(names) => names.name(number as u32 as u64).map_or(number.into(), Json::from),
        Role::Mode if number == 0 => "0".into(),
        Role::Mode => format!("0{number:o}").into(),
        Role::Pointer => format!("{number:#x}").into(),
        Role::DirFd if number == i64::from(libc::AT_FDCWD) => AT_FDCWD.into(),
        Role::Unsigned | Role::UnsignedInt => (number as u64).into(),
        Role::Fd | Role::DirFd | Role::FdNumber | Role::Id | Role::Signed | Role::Int | Role::Path | Role::Text => {
            number.into()
        }
    }
}

/// Bytes that are not UTF-8, as `{"hex":"…"}`.
pub(super) fn text(bytes: &[u8]) -> Json {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            serde_json::json!({ "hex": hex })
        }
    }
}
