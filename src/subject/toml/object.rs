//! A BPF object as a subject: how to load it, and the format of its records.
//!
//! No I/O.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::reader::TomlReader;
use crate::judge::expectation::entries::{Entry, kind};
use crate::judge::expectation::errors::{Problems, near_or_all};
use crate::subject::keys::keys;
use crate::table::syscalls::Syscall;

mod layout;

pub use layout::{Layout, LayoutField, Number};

/// A BPF object.
#[derive(Clone, Debug, PartialEq)]
pub struct TracerObject {
    /// The path of its file.
    pub file: String,
    /// The map that carries its records.
    pub ring: String,
    /// The names of its programs, with `*` as any text. Empty means all programs.
    pub attach: Vec<String>,
    /// The values of its constants before it is loaded. `None` is the process id.
    pub rodata: BTreeMap<String, Option<i64>>,
    /// The sizes of maps, where they differ from the object's. They are elements, or bytes for a ring.
    pub entries: BTreeMap<String, u32>,
    /// The hash map of the processes to watch.
    pub filter: Option<String>,
    /// The map that counts its losses.
    pub drops: Option<String>,
    /// The format of its records.
    pub records: RecordFormat,
}

/// The records of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordFormat {
    /// The field that distinguishes kinds of records, at the same place in all kinds. Without it there is one kind.
    pub by: Option<LayoutField>,
    /// The kinds that are not calls.
    pub skip: Vec<u64>,
    /// The field that pairs an exit with its enter, if they are separate records.
    pub pair: Option<String>,
    /// Each kind, by its number. A single kind has the number 0.
    pub kinds: BTreeMap<u64, RecordKind>,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordKind {
    /// Whether it is the enter of a call, whose exit is a separate record.
    pub enter: bool,
    /// The layout of its fields.
    pub layout: Layout,
    /// The name of its struct in the object's type information.
    pub of: Option<String>,
    /// The call. An exit takes it from its enter.
    pub call: Option<CallBy>,
    /// The field with all arguments, as the kernel takes them.
    pub args: Option<String>,
    /// The field for each key of a line.
    pub keys: BTreeMap<String, String>,
}

/// How a record names its call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallBy {
    /// It is always this call.
    Name(String),
    /// This field has the kernel's number of the call.
    Number(String),
    /// This field has a number of the object's own.
    Table(String, BTreeMap<u64, String>),
}

const OBJECT: [&str; 7] = ["file", "ring", "attach", "rodata", "entries", "filter", "drops"];

pub(super) fn read(object: Entry, records: Entry, problems: &mut Problems) -> Option<TracerObject> {
    let records = self::records(records, problems);
    let mut table = TomlReader::table(object, &OBJECT, problems)?;
    let file = table.required("file", "write file = \"mine.bpf.o\"").and_then(|entry| table.string(entry));
    let ring = table.required("ring", "write the name of the map that the records come through");
    let ring = ring.and_then(|entry| table.string(entry));
    let attach = table.words("attach").unwrap_or_default();
    let text = |table: &mut TomlReader, key| table.get(key).and_then(|entry| table.string(entry));
    let (filter, drops) = (text(&mut table, "filter"), text(&mut table, "drops"));
    let rodata = match table.get("rodata") {
        Some(entry) => constants(entry, table.problems())?,
        None => BTreeMap::new(),
    };
    let entries = match table.get("entries") {
        Some(entry) => entries(entry, table.problems())?,
        None => BTreeMap::new(),
    };
    Some(TracerObject { file: file?, ring: ring?, attach, rodata, entries, filter, drops, records: records? })
}

/// `entries = { events = 1048576 }`.
fn entries(entry: Entry, problems: &mut Problems) -> Option<BTreeMap<String, u32>> {
    let table = TomlReader::any_table(entry, problems)?;
    let all: Vec<Entry> = table.entries().to_vec();
    let mut entries = BTreeMap::new();
    for (key, value) in all {
        match whole(value.get_ref()).and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0) {
            Some(count) => drop(entries.insert(key.get_ref().to_string(), count)),
            None => {
                let message = format!("`{}` is no number of elements", key.get_ref());
                problems.push(value.span(), message, "write a number from 1 on");
            }
        }
    }
    Some(entries)
}

fn constants(entry: Entry, problems: &mut Problems) -> Option<BTreeMap<String, Option<i64>>> {
    let table = TomlReader::any_table(entry, problems)?;
    let entries: Vec<Entry> = table.entries().to_vec();
    let mut constants = BTreeMap::new();
    for (key, value) in entries {
        let constant = match value.get_ref() {
            DeValue::String(text) if text == "{pid}" => Some(None),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Some),
            _ => None,
        };
        match constant {
            Some(constant) => drop(constants.insert(key.get_ref().to_string(), constant)),
            None => {
                let message = format!("`{}` is {}, not a number", key.get_ref(), kind(value.get_ref()));
                problems.push(value.span(), message, "write a number, or \"{pid}\"");
            }
        }
    }
    Some(constants)
}

fn records(entry: Entry, problems: &mut Problems) -> Option<RecordFormat> {
    let table = TomlReader::any_table(entry, problems)?;
    let (kinds, plain): (Vec<Entry>, Vec<Entry>) =
        table.entries().iter().partition(|(_, value)| value.get_ref().is_table());
    let told_apart = told_apart(plain, problems);
    let pair = told_apart.as_ref().and_then(|told| told.pair.as_deref());
    let all: Vec<Option<(u64, RecordKind)>> =
        kinds.into_iter().map(|entry| kind_of_record(entry, pair, problems)).collect();
    let all: Option<BTreeMap<u64, RecordKind>> = all.into_iter().collect();
    let (ToldApart { by, pair, skip }, kinds) = (told_apart?, all?);
    if kinds.is_empty() {
        problems.push(entry.0.span(), "[records] has no kind of record", "write [records.0] with `layout` and `call`");
        return None;
    }
    if by.is_none() && (kinds.len() > 1 || !skip.is_empty()) {
        problems.push(entry.0.span(), "nothing tells the kinds of records apart", "write by = \"u32 event_type\"");
        return None;
    }
    let by = match by {
        Some(By::Begin(field)) => Some(field),
        Some(By::Named(name, at)) => Some(named(&name, &kinds, at, problems)?),
        None => None,
    };
    Some(RecordFormat { by, skip, pair, kinds })
}

/// The field with this name, at the same place in each kind.
fn named(
    name: &str,
    kinds: &BTreeMap<u64, RecordKind>,
    at: Range<usize>,
    problems: &mut Problems,
) -> Option<LayoutField> {
    let mut fields = kinds.values().map(|record| record.layout.field(name));
    let first = fields.next().flatten();
    if let Some(first) = first.filter(|first| fields.all(|field| field == Some(first))) {
        return Some(first.clone());
    }
    let message = format!("`{name}` does not lie at the same place in all kinds of records");
    problems.push(at, message, "write it in each layout, after the same fields");
    None
}

/// What distinguishes records: a field at their begin, or a field of the layouts.
enum By {
    Begin(LayoutField),
    Named(String, Range<usize>),
}

#[derive(Default)]
struct ToldApart {
    by: Option<By>,
    pair: Option<String>,
    skip: Vec<u64>,
}

/// `by`, `pair` and `skip`.
fn told_apart(entries: Vec<Entry>, problems: &mut Problems) -> Option<ToldApart> {
    let (mut told, mut is_right) = (ToldApart::default(), true);
    for (key, value) in entries {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("by", DeValue::String(text)) if Number::named(text).is_none() && !text.contains([' ', '\t']) => {
                told.by = Some(By::Named(text.to_string(), value.span()));
            }
            ("by", DeValue::String(text)) => match LayoutField::parse(text) {
                Ok(field) => told.by = Some(By::Begin(field)),
                Err(why) => {
                    let hint = "write it as in C: \"u32 event_type\"";
                    problems.push(value.span(), format!("this is no field: {why}"), hint);
                    is_right = false;
                }
            },
            ("pair", DeValue::String(text)) => told.pair = Some(text.to_string()),
            ("skip", DeValue::Array(items)) if items.iter().all(|item| whole(item.get_ref()).is_some()) => {
                told.skip = items.iter().filter_map(|item| whole(item.get_ref())).collect();
            }
            (name, _) => {
                let hint = near_or_all(name, &["by", "pair", "skip"]);
                problems.push(key.span(), format!("[records] has no key `{name}` of this kind"), hint);
                is_right = false;
            }
        }
    }
    is_right.then_some(told)
}

/// A number that is not negative.
fn whole(value: &DeValue) -> Option<u64> {
    value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
}

fn kind_of_record(entry: Entry, pair: Option<&str>, problems: &mut Problems) -> Option<(u64, RecordKind)> {
    let Ok(number) = entry.0.get_ref().parse() else {
        let hint = "write [records.1], or [records.0] if there is one kind";
        problems.push(entry.0.span(), "a kind of record is a number", hint);
        return None;
    };
    Some((number, record(entry, pair, problems)?))
}

fn record(entry: Entry, pair: Option<&str>, problems: &mut Problems) -> Option<RecordKind> {
    let mut table = TomlReader::any_table(entry, problems)?;
    let enter = table.flag("enter");
    let (layout, layout_at) = layout(&mut table)?;
    let names: Vec<&str> = layout.fields.iter().map(|field| field.name.as_str()).collect();
    if let Some(pair) = pair.filter(|pair| !names.contains(pair)) {
        let message = format!("it has no field `{pair}`, by which enter and exit are paired");
        table.problems().push(layout_at, message, near_or_all(pair, &names));
        return None;
    }
    let call = match table.get("call") {
        Some(entry) => Some(call(&mut table, entry, &names)?),
        None if pair.is_some() && !enter => None,
        None => {
            table.required("call", "write call = \"openat\", or { number = \"field\" }");
            return None;
        }
    };
    let of = table.get("struct").and_then(|entry| table.string(entry));
    let args = match table.get("args") {
        Some(entry) => Some(arguments(&mut table, entry, &layout)?),
        None => None,
    };
    let entries: Vec<Entry> = table.entries().to_vec();
    let mut keys = BTreeMap::new();
    for entry in entries.into_iter().filter(|(key, _)| !OF_RECORD.contains(&key.get_ref().as_ref())) {
        let (key, field) = mapped(&mut table, entry, &names)?;
        keys.insert(key, field);
    }
    Some(RecordKind { enter, layout, of, call, args, keys })
}

/// The layout of its fields, and its place in the text.
fn layout(table: &mut TomlReader) -> Option<(Layout, Range<usize>)> {
    let entry = table.required("layout", "write its fields as in C: layout = \"u32 pid; char path[256]\"")?;
    let text = table.string(entry)?;
    let read = Layout::parse(&text).map_err(|why| {
        let message = format!("this is no layout: {why}");
        table.problems().push(entry.1.span(), message, "write its fields as in C");
    });
    Some((read.ok()?, entry.1.span()))
}

/// What a kind of record has besides the keys of lines.
const OF_RECORD: [&str; 5] = ["enter", "layout", "struct", "call", "args"];

/// `args = "args"`: a field with as many words as the kernel takes.
fn arguments(table: &mut TomlReader, entry: Entry, layout: &Layout) -> Option<String> {
    let names: Vec<&str> = layout.fields.iter().map(|field| field.name.as_str()).collect();
    let name = table.string(entry).filter(|name| is_field(table, entry.1, name, &names))?;
    let is_of_words = layout.field(&name).is_some_and(|field| field.number.size == 8 && (1..=6).contains(&field.count));
    if !is_of_words {
        let message = format!("`{name}` does not hold arguments of 8 bytes, six at most");
        table.problems().push(entry.1.span(), message, "write it as in layout = \"u64 args[6]\"");
    }
    is_of_words.then_some(name)
}

/// `path = "filename"`: a key of lines, and its field.
fn mapped(table: &mut TomlReader, entry: Entry, names: &[&str]) -> Option<(String, String)> {
    let key = entry.0.get_ref().to_string();
    let rows = Syscall::all()
        .iter()
        .flat_map(|row| keys(Some(row), &[u64::MAX; 6]).iter().map(|key| key.name).collect::<Vec<_>>());
    let known: std::collections::BTreeSet<&str> = rows.collect();
    if !known.contains(key.as_str()) {
        let known: Vec<&str> = known.into_iter().collect();
        let hint = crate::judge::expectation::errors::near(&key, known)
            .unwrap_or_else(|| "docs/call.schema.json has the keys of a call".to_owned());
        table.problems().push(entry.0.span(), format!("no call has a key `{key}`"), hint);
        return None;
    }
    let field = table.string(entry)?;
    is_field(table, entry.1, &field, names).then_some((key, field))
}

fn is_field(table: &mut TomlReader, at: &Spanned<DeValue>, field: &str, names: &[&str]) -> bool {
    let is_one = names.contains(&field);
    if !is_one {
        table.problems().push(at.span(), format!("the layout has no field `{field}`"), near_or_all(field, names));
    }
    is_one
}

/// `"openat"`, `{ number = "nr" }` or `{ by = "op", names = { 1 = "read" } }`.
fn call(table: &mut TomlReader, entry: Entry, names: &[&str]) -> Option<CallBy> {
    if entry.1.get_ref().is_str() {
        return table.call(entry).map(CallBy::Name);
    }
    let mut inner = TomlReader::table(entry, &["number", "by", "names"], table.problems())?;
    if let Some(number) = inner.get("number") {
        let field = inner.string(number)?;
        return is_field(&mut inner, number.1, &field, names).then_some(CallBy::Number(field));
    }
    let by = inner.required("by", "write number = \"field\" for the kernel's numbers, or by = \"field\" and names")?;
    let field = inner.string(by)?;
    let is_one = is_field(&mut inner, by.1, &field, names);
    let list = inner.required("names", "write names = { 1 = \"read\", 2 = \"write\" }")?;
    let mut list = TomlReader::any_table(list, inner.problems())?;
    let mut calls = BTreeMap::new();
    for entry in list.entries().to_vec() {
        let Ok(number) = entry.0.get_ref().parse::<u64>() else {
            list.problems().push(entry.0.span(), "this is no number of a call", "write names = { 1 = \"read\" }");
            return None;
        };
        calls.insert(number, list.call(entry)?);
    }
    is_one.then_some(CallBy::Table(field, calls))
}
