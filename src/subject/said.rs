//! What is said of one call: by a subject's line, or by a trace.
//!
//! No I/O.

use std::borrow::Cow;

use bstr::ByteSlice;

use super::keys::{Key, Of, keys};
use crate::judge::expectation::{Aspect, Field, Wanted};
use crate::judge::matcher::facts::{self, Fact};
use crate::table::syscalls::Abi;
use crate::table::syscalls::{Ret, Role, Syscall, name_of, put_compat_name};
use crate::trace::call::{Call, Text};

/// What a line says of a call. What it does not say is not there.
#[derive(Clone, Debug)]
pub struct Said {
    /// The name of the call.
    pub call: String,
    /// Its row in the table, if it has one.
    pub row: Option<&'static Syscall>,
    /// What is said, a key once.
    fields: Vec<(Key, Value)>,
    /// What the subject printed of it, as it stands in a finding.
    pub raw: Vec<u8>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none: `null`.
    Nothing,
    /// A number; flags and choices by their value, unsigned ones by their bits.
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
    /// What is said, whatever was printed of it.
    fn eq(&self, other: &Self) -> bool {
        self.call == other.call && self.iter().eq(other.iter())
    }
}

impl Said {
    /// A call of which nothing is said yet.
    pub fn new(call: &str) -> Self {
        Self { call: call.to_owned(), row: Syscall::by_name(call), fields: Vec::new(), raw: Vec::new() }
    }

    /// All that a trace says of a call; nothing is said of a descriptor that it did not make.
    pub fn of(call: &Call) -> Self {
        let row = call.syscall();
        let said = |key: &Key| Some((*key, value(key, call)?));
        let fields = keys(row, &call.args).iter().filter_map(said).collect();
        Self { call: plain_name(call), row, fields, raw: Vec::new() }
    }

    /// Says one thing more, or another of the same key. False if the call has no such key.
    pub fn put(&mut self, name: &str, value: Value) -> bool {
        let keys = keys(self.row, &self.meaning());
        let Some(key) = keys.iter().find(|key| key.name == name) else { return false };
        match self.fields.iter_mut().find(|(known, _)| known.name == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((*key, value)),
        }
        true
    }

    /// The same for adapters, which put one after the other. What the call has no key for is not said.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value.into());
        self
    }

    /// What is said under a key.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The same, if it is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        if let Some(Value::Number(number)) = self.get(name) { Some(*number) } else { None }
    }

    /// What is said, in the order in which it was.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.fields.iter().map(|(key, value)| (key.name, value))
    }

    /// The same with the whole keys.
    pub fn fields(&self) -> &[(Key, Value)] {
        &self.fields
    }

    /// The arguments as far as the meaning of others depends on them (fcntl's command); the rest is all ones.
    pub fn meaning(&self) -> [u64; 6] {
        let mut args = [u64::MAX; 6];
        let of = |name| self.row.and_then(|row| row.arg(name)).zip(self.number(name));
        for (at, number) in ["cmd", "file_index"].into_iter().filter_map(of) {
            args[at] = number as u64;
        }
        args
    }

    /// Says nothing of this any more.
    pub fn forget(&mut self, name: &str) {
        self.fields.retain(|(key, _)| key.name != name);
    }

    /// Puts what is said in the order of these places.
    pub fn sort_by(&mut self, place: impl Fn(&str) -> Option<usize>) {
        self.fields.sort_by_key(|(key, _)| place(key.name));
    }

    /// Its result.
    pub fn ret(&self) -> Option<&Value> {
        self.get("ret")
    }
}

/// The name without the mark of a 32-bit call, which `abi` says.
fn plain_name(call: &Call) -> String {
    let mut name = String::new();
    match (call.abi, call.request) {
        (Abi::Native, None) if call.number < crate::table::syscalls::REQUESTS => name = name_of(call.number),
        (Abi::Native, _) => call.put_name(&mut name),
        (Abi::Compat, _) => put_compat_name(&mut name, call.number),
    }
    name
}

/// What a trace says of a key; `None` where there is nothing that it could be said of.
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
        Of::Pointer(at) => Some(Value::Number(call.args[at] as i64)),
        Of::Field(subject) => of_subject(key, subject, call),
        // What was in its memory where it failed are no descriptors.
        Of::Both(Aspect::Made(_), _) if call.success().is_none() => Some(Value::Nothing),
        Of::Both(first, second) => of_both(first, second),
    }
}

fn call_ended(call: &Call) -> bool {
    call.outcome != crate::trace::call::Outcome::Unfinished
}

fn of_subject(key: &Key, subject: Aspect, call: &Call) -> Option<Value> {
    // It names one call, and so its flags, by all its arguments, though they are compared as those of the table.
    let field = Field { key: key.name, aspect: subject, role: key.role, wanted: Wanted::Nothing, written: false };
    Some(match facts::fact(&field, call)? {
        Fact::Number(number) => Value::Number(number),
        Fact::Errno(errno) => Value::Errno(errno),
        Fact::Unfinished => Value::Unfinished,
        Fact::File(None) | Fact::Unknown(_) => Value::Nothing,
        Fact::File(Some(bytes)) | Fact::Text(bytes) => Value::Text(bytes.to_vec()),
        Fact::Files(files) => Value::List(files.iter().map(|file| Value::Text(file.clone())).collect()),
        Fact::Is(is) => Value::Is(is),
    })
}

/// The string that a path argument was given, where it could be read; `None` if the key is no such argument's.
pub fn given(key: &Key, call: &Call) -> Option<Value> {
    let Of::Field(Aspect::File(_)) = key.of else { return None };
    let at = call.syscall()?.arg(key.name)?;
    Some(match call.text(at)? {
        Text::Read { bytes, cut: false } => Value::Text(bytes.clone()),
        Text::Read { .. } | Text::Unreadable(_) => Value::Nothing,
    })
}

/// Whether the result is a new descriptor.
pub fn returns_descriptor(said: &Said) -> bool {
    said.row.is_some_and(|row| matches!(row.ret_for(&said.meaning()), Ret::Fd))
}

/// As a person reads it in a finding.
pub fn show(role: Role, value: &Value) -> String {
    match value {
        Value::Nothing => "nothing".to_owned(),
        Value::Number(number) => facts::show_number(*number, role),
        Value::Errno(errno) => crate::table::names::errno_name(*errno),
        Value::Unfinished => "unfinished".to_owned(),
        Value::Text(bytes) => format!("{:?}", bytes.as_bstr()),
        Value::Is(is) => is.to_string(),
        Value::List(values) => {
            let each: Vec<Cow<'_, str>> = values.iter().map(|value| show(role, value).into()).collect();
            format!("[{}]", each.join(", "))
        }
    }
}

/// A value as findings show it, where it may not be said.
pub(super) fn shown(role: Role, value: Option<&Value>) -> String {
    value.map_or_else(|| "not said".to_owned(), |value| show(role, value))
}
