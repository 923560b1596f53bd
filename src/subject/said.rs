//! One call, as a subject's line or a trace reports it.
//!
//! No I/O.

use std::borrow::Cow;

use bstr::ByteSlice;

use super::keys::{DECISIVE, Key, Of, keys};
use crate::judge::expectation::{Aspect, Wanted, WantedField};
use crate::judge::matcher::content::show_number;
use crate::judge::matcher::facts::{self, Fact};
use crate::table::syscalls::Abi;
use crate::table::syscalls::{Role, Syscall, name_of, put_compat_name};
use crate::trace::call::{Call, Text};

pub(super) mod data; // what pointers lead to

/// The content of a line about a call. What the line does not report is absent.
#[derive(Clone, Debug)]
pub struct Said {
    /// The name of the call.
    pub call: String,
    /// Its row in the table, if it has one.
    pub row: Option<&'static Syscall>,
    /// The values, each key once.
    fields: Vec<(Key, Value)>,
    /// The subject's own output for it, for findings.
    pub raw: Vec<u8>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Reported as absent: `null`.
    Nothing,
    /// A number. Flags and choices are compared by value, unsigned numbers by their bits.
    Number(i64),
    /// A failure with this errno.
    Errno(i32),
    /// No result: the call never returned.
    Unfinished,
    /// A path, a name, a word.
    Text(Vec<u8>),
    /// Yes or no.
    Is(bool),
    /// Several.
    List(Vec<Value>),
    /// Members with names.
    Object(Vec<(&'static str, Value)>),
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Text(bytes.to_vec())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(bits: u64) -> Self {
        Value::Number(bits as i64)
    }
}

impl PartialEq for Said {
    /// Compares the content, whatever the subject printed.
    fn eq(&self, other: &Self) -> bool {
        self.call == other.call && self.iter().eq(other.iter())
    }
}

impl Said {
    /// A call without values.
    pub fn new(call: &str) -> Self {
        Self { call: call.to_owned(), row: Syscall::by_name(call), fields: Vec::new(), raw: Vec::new() }
    }

    /// Every value of a call in a trace. A descriptor that the call did not make has none.
    pub fn of(call: &Call) -> Self {
        let row = call.syscall();
        let said = |key: &Key| Some((*key, value(key, call)?));
        let fields = keys(row, &call.args).iter().filter_map(said).collect();
        Self { call: plain_name(call), row, fields, raw: Vec::new() }
    }

    /// Sets a value, or replaces that of the same key. False if the call has no such key.
    pub fn put(&mut self, name: &str, value: Value) -> bool {
        let keys = keys(self.row, &self.meaning());
        let Some(key) = keys.iter().find(|key| key.name == name) else { return false };
        match self.fields.iter_mut().find(|(known, _)| known.name == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((*key, value)),
        }
        true
    }

    /// Sets a value, for adapters, and returns the call. A key that the call does not have is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value.into());
        self
    }

    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The value of a key, if it is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        if let Some(Value::Number(number)) = self.get(name) { Some(*number) } else { None }
    }

    /// The values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.fields.iter().map(|(key, value)| (key.name, value))
    }

    /// The values with their keys' descriptions.
    pub fn fields(&self) -> &[(Key, Value)] {
        &self.fields
    }

    /// The arguments that decide the meaning of others (fcntl's command). All other arguments have all bits set.
    pub fn meaning(&self) -> [u64; 6] {
        let mut args = [u64::MAX; 6];
        let of = |name| self.row.and_then(|row| row.arg(name)).zip(self.number(name));
        for (at, number) in DECISIVE.into_iter().filter_map(of) {
            args[at] = number as u64;
        }
        args
    }

    /// Removes the value of a key.
    pub fn forget(&mut self, name: &str) {
        self.fields.retain(|(key, _)| key.name != name);
    }

    /// Sorts the values by these places.
    pub fn sort_by(&mut self, place: impl Fn(&str) -> Option<usize>) {
        self.fields.sort_by_key(|(key, _)| place(key.name));
    }

    /// Its result.
    pub fn ret(&self) -> Option<&Value> {
        self.get("ret")
    }
}

/// The name without the mark of a 32-bit call, which is in `abi`.
fn plain_name(call: &Call) -> String {
    let mut name = String::new();
    match (call.abi, call.request) {
        (Abi::Native, None) if call.number < crate::table::syscalls::REQUESTS => name = name_of(call.number),
        (Abi::Native, _) => call.put_name(&mut name),
        (Abi::Compat, _) => put_compat_name(&mut name, call.number),
    }
    name
}

/// The value of a key in a trace. `None` if the call has nothing to report for it.
pub fn value(key: &Key, call: &Call) -> Option<Value> {
    let of_both = |first, second| {
        let both = [first, second].map(|subject| of_subject(key, subject, call));
        let [first, second] = both;
        Some(match (first?, second?) {
            (Value::Nothing, _) | (_, Value::Nothing) => Value::Nothing,
            (first, second) => Value::List(vec![first, second]),
        })
    };
    match key.of {
        Of::Enter => Some(Value::Number(call.enter_ns as i64)),
        Of::Exit => call_ended(call).then(|| Value::Number(call.exit_ns() as i64)).or(Some(Value::Nothing)),
        Of::Data(_) => data::of_call(call),
        Of::DataIs(_) => data::states(call),
        Of::Pointer(at) => Some(Value::Number(call.args[at] as i64)),
        Of::Field(subject) => of_subject(key, subject, call),
        // After a failure, the numbers in its memory are not descriptors.
        Of::Both(Aspect::Made(_), _) if call.success().is_none() => Some(Value::Nothing),
        Of::Both(first, second) => of_both(first, second),
    }
}

fn call_ended(call: &Call) -> bool {
    call.outcome != crate::trace::call::Outcome::Unfinished
}

fn of_subject(key: &Key, subject: Aspect, call: &Call) -> Option<Value> {
    // A line names one call, and so its flags depend on all its arguments. The comparison uses those of the table.
    let field = WantedField { key: key.name, aspect: subject, role: key.role, wanted: Wanted::Nothing, written: false };
    Some(match facts::fact(&field, call)? {
        Fact::Number(number) => Value::Number(number),
        Fact::Errno(errno) => Value::Errno(errno),
        Fact::Unfinished => Value::Unfinished,
        Fact::File(None) | Fact::Unknown(_) => Value::Nothing,
        Fact::File(Some(bytes)) | Fact::Text(bytes) => Value::Text(bytes.to_vec()),
        Fact::Files(files) => Value::List(files.iter().map(|file| Value::Text(file.clone())).collect()),
        Fact::Is(is) => Value::Is(is),
        Fact::Content(content) => content.into(),
    })
}

/// The string of a path argument, if it could be read. `None` if the key is not for such an argument.
pub fn given(key: &Key, call: &Call) -> Option<Value> {
    let Of::Field(Aspect::File(_)) = key.of else { return None };
    let at = call.syscall()?.arg(key.name)?;
    Some(match call.text(at)? {
        Text::Read { bytes, cut: false } => Value::Text(bytes.clone()),
        Text::Read { .. } | Text::Unreadable(_) => Value::Nothing,
    })
}

/// The call as findings show it.
pub fn show(role: Role, value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".to_owned(),
        Value::Number(number) => show_number(*number, role),
        Value::Errno(errno) => crate::table::names::errno_name(*errno),
        Value::Unfinished => "unfinished".to_owned(),
        Value::Text(bytes) => format!("{:?}", bytes.as_bstr()),
        Value::Is(is) => is.to_string(),
        Value::List(values) => {
            let each: Vec<Cow<'_, str>> = values.iter().map(|value| show(role, value).into()).collect();
            format!("[{}]", each.join(", "))
        }
        Value::Object(members) => {
            let each = members.iter().map(|(name, value)| format!("{name} = {}", show(role, value)));
            format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The value of a key as findings show it.
pub(super) fn show_of(key: &Key, value: &Value) -> String {
    if let Of::Data(number) = key.of { data::show_content(number, value) } else { show(key.role, value) }
}

/// A value as findings show it, even if it is absent.
pub(super) fn shown(key: &Key, value: Option<&Value>) -> String {
    value.map_or_else(|| "not said".to_owned(), |value| show_of(key, value))
}
