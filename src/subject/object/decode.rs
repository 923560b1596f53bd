//! Turns an object's records into lines, by its author's mapping.
//!
//! No I/O. Nothing is guessed: a record that does not fit is garbled, with its bytes in hex.

use std::collections::HashMap;

use crate::judge::expectation::Aspect;
use crate::subject::json::Line;
use crate::subject::keys::{DECISIVE, Key, Of, keys, of_argument};
use crate::subject::said::{Said, Value};
use crate::subject::toml::{CallBy, Layout, LayoutField, RecordFormat, RecordKind};
use crate::table::syscalls::{self, REQUESTS, Role, Syscall, name_of};

/// The most calls that may be open at a time. It bounds the memory for an object that invents ids.
const OPEN: usize = 1 << 16;
/// The most bytes of a record that a finding keeps.
const KEPT: usize = 512;
/// The kernel's limit for errnos (include/linux/err.h).
const MAX_ERRNO: i64 = 4095;

/// The buffer that carries the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferKind {
    /// A ring buffer: records are in order, and as long as reserved.
    Ring,
    /// A perf buffer: each CPU has its own, and records are padded to words.
    Perf,
}

/// Decodes records. An enter waits here for its exit.
#[derive(Debug)]
pub struct ObjectDecoder {
    records: RecordFormat,
    source: BufferKind,
    /// The open calls by their pair field. Empty once a call is no longer open.
    open: HashMap<i64, Option<Said>>,
}

/// The lines of a single record.
pub fn decode(records: &RecordFormat, bytes: &[u8]) -> Vec<Line> {
    ObjectDecoder::new(records.clone(), BufferKind::Ring).take(bytes)
}

impl ObjectDecoder {
    /// A decoder for this object's records.
    pub fn new(records: RecordFormat, source: BufferKind) -> Self {
        Self { records, source, open: HashMap::new() }
    }

    /// The lines that this record gives.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Line> {
        let lines = match self.kind(bytes) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(record)) => said(record, bytes).and_then(|said| self.paired(said, bytes)),
            Err(why) => Err(why),
        };
        lines.unwrap_or_else(|why| vec![Line::garbled(&hex(bytes), why)])
    }

    /// The calls that were entered and have not returned.
    pub fn end(&mut self) -> Vec<Line> {
        let open: Vec<Said> = std::mem::take(&mut self.open).into_values().flatten().collect();
        open.into_iter().map(|said| line(said.with("ret", Value::Unfinished))).collect()
    }

    /// The time of a record, if it has one.
    pub fn time(&self, bytes: &[u8]) -> Option<u64> {
        let record = self.kind(bytes).ok()??;
        let field = ["exit_ns", "enter_ns"].iter().find_map(|&key| record.keys.get(key))?;
        record.layout.field(field)?.number_in(bytes).map(|time| time as u64)
    }

    /// The kind of a record. `None` for a kind that is not a call.
    fn kind(&self, bytes: &[u8]) -> Result<Option<&RecordKind>, String> {
        let RecordFormat { by, skip, kinds, .. } = &self.records;
        let record = match by {
            None => kinds.values().next().ok_or("no record is described")?,
            Some(by) => {
                let number = by.number_in(bytes).ok_or_else(|| too_short(bytes, by.offset + by.number.size))? as u64;
                if skip.contains(&number) {
                    return Ok(None);
                }
                kinds.get(&number).ok_or_else(|| format!("its kind is {number}, and there is no [records.{number}]"))?
            }
        };
        self.fits(&record.layout, bytes).map(|()| Some(record))
    }

    fn fits(&self, layout: &Layout, bytes: &[u8]) -> Result<(), String> {
        let size = match self.source {
            _ if layout.has_rest() => bytes.len().max(layout.size),
            BufferKind::Ring => layout.size,
            // The word before it holds its size (kernel/events/core.c, perf_prepare_sample()).
            BufferKind::Perf => (layout.size + 4).next_multiple_of(8) - 4,
        };
        match bytes.len() {
            len if len == size => Ok(()),
            len if len < size => Err(too_short(bytes, size)),
            len => Err(format!("it has {len} bytes, and its layout {}", layout.size)),
        }
    }

    /// A whole call, or a half that is joined with the other half.
    fn paired(&mut self, half: Half, bytes: &[u8]) -> Result<Vec<Line>, String> {
        let Half { said, is_enter } = half;
        let pair = self.records.pair.as_ref();
        let Some(field) = pair.and_then(|pair| self.kind(bytes).ok()??.layout.field(pair)) else {
            return Ok(said.into_iter().map(line).collect());
        };
        let by = field.number_in(bytes).ok_or_else(|| too_short(bytes, field.offset))?;
        if is_enter {
            return self.entered(by, said, bytes);
        }
        let Some(open) = self.open.get_mut(&by) else {
            // The call was entered before the watch began.
            return Ok(vec![Line::Note(format!("a call returned that was entered before: {}", text(&hex(bytes))))]);
        };
        let mut whole = open.take().ok_or("it is the exit of a call whose enter was not shown")?;
        let exit = self.kind(bytes)?.ok_or("it is no call")?;
        let name = if exit.call.is_some() { call(exit, bytes)? } else { whole.call.clone() };
        if name != whole.call {
            let why = format!("it is the exit of {name}, and {} was entered", whole.call);
            return Ok(vec![line(whole), Line::garbled(&hex(bytes), why)]);
        }
        put(&mut whole, exit, bytes)?;
        whole.raw.push(b' ');
        whole.raw.extend(hex(bytes));
        Ok(vec![line(whole)])
    }

    /// A call that is entered while another is open. The exit of the earlier one is lost, and so its result is not reported.
    fn entered(&mut self, by: i64, said: Option<Said>, bytes: &[u8]) -> Result<Vec<Line>, String> {
        if self.open.len() >= OPEN && !self.open.contains_key(&by) {
            self.open.retain(|_, open| open.is_some());
            if self.open.len() >= OPEN {
                return Ok(vec![Line::garbled(&hex(bytes), format!("more than {OPEN} calls are open"))]);
            }
        }
        Ok(self.open.insert(by, said).flatten().into_iter().map(line).collect())
    }
}

/// The content of one record. An exit that does not name its call has no content yet.
struct Half {
    said: Option<Said>,
    is_enter: bool,
}

fn said(record: &RecordKind, bytes: &[u8]) -> Result<Half, String> {
    if record.call.is_none() {
        return Ok(Half { said: None, is_enter: false });
    }
    let mut said = Said::new(&call(record, bytes)?);
    said.raw = hex(bytes);
    put(&mut said, record, bytes)?;
    Ok(Half { said: Some(said), is_enter: record.enter })
}

/// The name of the call.
fn call(record: &RecordKind, bytes: &[u8]) -> Result<String, String> {
    let number = |name: &str| number_of(record, name, bytes);
    match &record.call {
        None => Err("it does not say which call it is".to_owned()),
        Some(CallBy::Name(name)) => Ok(name.clone()),
        Some(CallBy::Number(field)) => {
            let number = number(field)?;
            let known = u32::try_from(number).ok().filter(|&number| number < REQUESTS);
            known.map(name_of).ok_or_else(|| format!("`{field}` is {number}, which is no number of a call"))
        }
        Some(CallBy::Table(field, names)) => {
            let number = number(field)?;
            let name = names.get(&(number as u64)).cloned();
            name.ok_or_else(|| format!("`{field}` is {number}, which `names` does not have"))
        }
    }
}

fn number_of(record: &RecordKind, name: &str, bytes: &[u8]) -> Result<i64, String> {
    let field = record.layout.field(name).ok_or_else(|| format!("there is no field `{name}`"))?;
    field.number_in(bytes).ok_or_else(|| too_short(bytes, field.offset + field.number.size))
}

/// Reports every field of a record for a call. Fields for which the call has no key are left out.
fn put(said: &mut Said, record: &RecordKind, bytes: &[u8]) -> Result<(), String> {
    if let Some(name) = &record.args {
        put_args(said, record.layout.field(name), bytes);
    }
    for (key, name) in &record.keys {
        let field = record.layout.field(name).ok_or_else(|| format!("there is no field `{name}`"))?;
        let known = keys(said.row, &said.meaning()).iter().find(|known| known.name == key).copied();
        let Some(known) = known else { continue };
        let value = value(&known, field, bytes).ok_or_else(|| too_short(bytes, field.offset))?;
        said.put(key, value);
    }
    Ok(())
}

/// Reports all arguments except paths.
fn put_args(said: &mut Said, field: Option<&LayoutField>, bytes: &[u8]) {
    let Some((row, field)) = said.row.zip(field) else { return };
    let mut args = [u64::MAX; 6];
    for (at, arg) in args.iter_mut().enumerate().take(field.count) {
        *arg = field.element_in(bytes, at).unwrap_or_default() as u64;
    }
    // The meaning of the other arguments may depend on these.
    let is_first = |row: &Syscall, at: usize| DECISIVE.contains(&row.args[at].name);
    let places = || 0..row.args.len().min(field.count);
    let order = places().filter(|&at| is_first(row, at)).chain(places().filter(|&at| !is_first(row, at)));
    for at in order {
        let Some(key) = of_argument(row, &args, at) else { continue };
        if matches!(key.of, Of::Pointer(_) | Of::Field(Aspect::Arg(_))) {
            said.put(key.name, Value::Number(narrowed(key.role, args[at] as i64)));
        }
    }
}

fn value(key: &Key, field: &LayoutField, bytes: &[u8]) -> Option<Value> {
    let number = || field.number_in(bytes);
    let Of::Field(subject) = key.of else {
        return Some(match key.of {
            Of::Both(..) => Value::List((0..2).map(|at| element(key, field, bytes, at)).collect::<Option<_>>()?),
            _ => Value::Number(number()?),
        });
    };
    let is_yes =
        matches!(subject, Aspect::Cloexec(_) | Aspect::Worker | Aspect::More | Aspect::Ambiguous | Aspect::Refused);
    Some(match subject {
        Aspect::Ret => result(field, number()?),
        _ if is_yes => Value::Is(number()? != 0),
        _ if field.number.size == 1 && field.count != 1 => Value::from(field.text_in(bytes)?),
        Aspect::Arg(_) => Value::Number(narrowed(key.role, number()?)),
        _ => Value::Number(number()?),
    })
}

/// One descriptor of a pair.
fn element(key: &Key, field: &LayoutField, bytes: &[u8], at: usize) -> Option<Value> {
    (at < field.count).then(|| field.element_in(bytes, at))?.map(|raw| Value::Number(narrowed(key.role, raw)))
}

/// Recognises an errno by its negative number, even in a field that is unsigned or half as wide.
fn result(field: &LayoutField, number: i64) -> Value {
    let short = i64::from(number as i32);
    let number = if field.number.size == 4 && (-MAX_ERRNO..0).contains(&short) { short } else { number };
    if (-MAX_ERRNO..0).contains(&number) { Value::Errno(-number as i32) } else { Value::Number(number) }
}

/// The kernel looks at 32 bits of descriptors, flags and modes.
fn narrowed(role: Role, raw: i64) -> i64 {
    match role {
        Role::Fd | Role::DirFd | Role::FdNumber | Role::Int | Role::Named(_) => (raw as i32).into(),
        Role::Id => syscalls::id(raw as u64),
        Role::Flags(_) | Role::Choice(_) | Role::Mode | Role::UnsignedInt => (raw as u32).into(),
        Role::Signed | Role::Path | Role::Text | Role::Unsigned | Role::Pointer => raw,
    }
}

fn line(said: Said) -> Line {
    Line::Call(Box::new(said))
}

fn too_short(bytes: &[u8], size: usize) -> String {
    format!("it has {} bytes, and its layout {size}", bytes.len())
}

/// The begin of a record in hex, for a reader.
fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut hex = Vec::with_capacity(2 * bytes.len().min(KEPT));
    for byte in bytes.iter().take(KEPT) {
        hex.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    hex
}

fn text(hex: &[u8]) -> String {
    String::from_utf8_lossy(hex).into_owned()
}
