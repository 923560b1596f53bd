//! A BPF object in the slot: how it is loaded, and what its records are.
//!
//! No I/O. A layout is C text with the kernel's names of types; its fields lie as a C compiler lays them out.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::reader::Reader;
use crate::judge::expectation::entries::{Entry, kind};
use crate::judge::expectation::errors::{Problems, near_or_all};
use crate::subject::keys::keys;
use crate::table::syscalls::Syscall;

/// A BPF object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its file.
    pub file: String,
    /// The map that its records come through.
    pub ring: String,
    /// Its programs, with `*`; all if there are none.
    pub attach: Vec<String>,
    /// What its constants are set to before it is loaded; `None` is the process.
    pub rodata: BTreeMap<String, Option<i64>>,
    /// A hash map of the processes to watch.
    pub filter: Option<String>,
    /// A map in which it counts what it has lost.
    pub drops: Option<String>,
    /// What its records are.
    pub records: Records,
}

/// The records of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// What tells one kind of record from another: it lies at their begin. Without it there is one kind.
    pub by: Option<Field>,
    /// The field by which an exit is found for an enter, where they are apart.
    pub pair: Option<String>,
    /// Each kind, by its number; the only one by 0.
    pub kinds: BTreeMap<u64, Record>,
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whether it is the enter of a call, whose exit is a record of its own.
    pub enter: bool,
    /// Where its fields lie.
    pub layout: Layout,
    /// Which call it is; of an exit its enter says it.
    pub call: Option<CallBy>,
    /// The field that each key of a line is.
    pub keys: BTreeMap<String, String>,
}

/// How a record says which call it is.
#[derive(Clone, Debug, PartialEq)]
pub enum CallBy {
    /// It is this one.
    Name(String),
    /// By the kernel's number, in this field.
    Number(String),
    /// By numbers of its own, in this field.
    Table(String, BTreeMap<u64, String>),
}

/// Where fields lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// In order.
    pub fields: Vec<Field>,
    /// Of all of it, in bytes.
    pub size: usize,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What one of it is.
    pub number: Number,
    /// How many there are; more than one of `char` is a string.
    pub count: usize,
    /// Where it begins, in bytes.
    pub offset: usize,
}

/// A number of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// In bytes.
    pub size: usize,
    /// Whether it has a sign.
    pub signed: bool,
    /// Whether it is a `char`.
    pub is_char: bool,
}

/// The types, as the kernel and C name them.
const TYPES: [(&str, usize, bool); 22] = [
    ("u8", 1, false),
    ("u16", 2, false),
    ("u32", 4, false),
    ("u64", 8, false),
    ("s8", 1, true),
    ("s16", 2, true),
    ("s32", 4, true),
    ("s64", 8, true),
    ("__u8", 1, false),
    ("__u16", 2, false),
    ("__u32", 4, false),
    ("__u64", 8, false),
    ("__s32", 4, true),
    ("__s64", 8, true),
    ("int", 4, true),
    ("unsigned int", 4, false),
    ("long", 8, true),
    ("unsigned long", 8, false),
    ("pid_t", 4, true),
    ("uid_t", 4, false),
    ("bool", 1, false),
    ("char", 1, true),
];

/// The largest record of a ring that anybody has.
const LARGEST: usize = 1 << 20;

impl Layout {
    /// Reads C text: `u32 type; u64 time; char name[256]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut fields, mut end, mut align) = (Vec::new(), 0_usize, 1);
        for declared in text.split(';').map(str::trim).filter(|declared| !declared.is_empty()) {
            let mut field = Field::parse(declared)?;
            field.offset = end.next_multiple_of(field.number.size);
            end = field.offset + field.number.size * field.count;
            align = align.max(field.number.size);
            if end > LARGEST {
                return Err(format!("it ends behind {LARGEST} bytes"));
            }
            if fields.iter().any(|known: &Field| known.name == field.name) {
                return Err(format!("`{}` is there twice", field.name));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err("it has no field".to_owned());
        }
        Ok(Self { fields, size: end.next_multiple_of(align) })
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// Reads `u32 type` or `char name[256]`; it begins at 0.
    pub fn parse(declared: &str) -> Result<Self, String> {
        let (declared, count) = match declared.split_once('[') {
            None => (declared, 1),
            Some((before, count)) => {
                let count = count.trim_end().strip_suffix(']').and_then(|count| count.trim().parse::<usize>().ok());
                let count = count.filter(|count| (1..=LARGEST).contains(count));
                (before, count.ok_or_else(|| format!("`{declared}` has no number of elements"))?)
            }
        };
        let words: Vec<&str> = declared.split_ascii_whitespace().collect();
        let Some((name, kind @ [_, ..])) = words.split_last() else {
            return Err(format!("`{declared}` is no type and a name"));
        };
        let kind = kind.join(" ");
        let known = TYPES.iter().find(|(known, ..)| *known == kind);
        let &(_, size, signed) = known.ok_or_else(|| format!("`{kind}` is no type that is known here"))?;
        let number = Number { size, signed, is_char: kind == "char" };
        Ok(Self { name: (*name).to_owned(), number, count, offset: 0 })
    }

    /// What stands in a record; `None` if it ends before.
    pub fn number_in(&self, record: &[u8]) -> Option<i64> {
        let mut bytes = [0; 8];
        let found = record.get(self.offset..self.offset + self.number.size)?;
        bytes[..found.len()].copy_from_slice(found);
        let bits = u64::from_le_bytes(bytes);
        let unused = 64 - 8 * self.number.size as u32;
        Some(if self.number.signed { (bits << unused) as i64 >> unused } else { bits as i64 })
    }

    /// The string in a record, up to its NUL; `None` if the record ends before the field.
    pub fn text_in<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        let found = record.get(self.offset..self.offset + self.count)?;
        found.split(|&byte| byte == 0).next()
    }
}

const OBJECT: [&str; 6] = ["file", "ring", "attach", "rodata", "filter", "drops"];

pub(super) fn read(object: Entry, records: Entry, problems: &mut Problems) -> Option<Object> {
    let records = self::records(records, problems);
    let mut table = Reader::table(object, &OBJECT, problems)?;
    let file = table.required("file", "write file = \"mine.bpf.o\"").and_then(|entry| table.string(entry));
    let ring = table.required("ring", "write the name of the map that the records come through");
    let ring = ring.and_then(|entry| table.string(entry));
    let attach = table.words("attach").unwrap_or_default();
    let text = |table: &mut Reader, key| table.get(key).and_then(|entry| table.string(entry));
    let (filter, drops) = (text(&mut table, "filter"), text(&mut table, "drops"));
    let rodata = match table.get("rodata") {
        Some(entry) => constants(entry, table.problems())?,
        None => BTreeMap::new(),
    };
    Some(Object { file: file?, ring: ring?, attach, rodata, filter, drops, records: records? })
}

fn constants(entry: Entry, problems: &mut Problems) -> Option<BTreeMap<String, Option<i64>>> {
    let table = Reader::any_table(entry, problems)?;
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

fn records(entry: Entry, problems: &mut Problems) -> Option<Records> {
    let table = Reader::any_table(entry, problems)?;
    let (kinds, plain): (Vec<Entry>, Vec<Entry>) =
        table.entries().iter().partition(|(_, value)| value.get_ref().is_table());
    let told_apart = told_apart(plain, problems);
    let pair = told_apart.as_ref().and_then(|(_, pair)| pair.as_deref());
    let all: Vec<Option<(u64, Record)>> =
        kinds.into_iter().map(|entry| kind_of_record(entry, pair, problems)).collect();
    let all: Option<BTreeMap<u64, Record>> = all.into_iter().collect();
    let ((by, pair), kinds) = (told_apart?, all?);
    if kinds.is_empty() {
        problems.push(entry.0.span(), "[records] has no kind of record", "write [records.0] with `layout` and `call`");
        return None;
    }
    if kinds.len() > 1 && by.is_none() {
        problems.push(entry.0.span(), "nothing tells the kinds of records apart", "write by = \"u32 event_type\"");
        return None;
    }
    Some(Records { by, pair, kinds })
}

/// `by` and `pair`.
fn told_apart(entries: Vec<Entry>, problems: &mut Problems) -> Option<(Option<Field>, Option<String>)> {
    let (mut by, mut pair, mut is_right) = (None, None, true);
    for (key, value) in entries {
        match (key.get_ref().as_ref(), value.get_ref().as_str()) {
            ("by", Some(text)) => match Field::parse(text) {
                Ok(field) => by = Some(field),
                Err(why) => {
                    let hint = "write it as in C: \"u32 event_type\"";
                    problems.push(value.span(), format!("this is no field: {why}"), hint);
                    is_right = false;
                }
            },
            ("pair", Some(text)) => pair = Some(text.to_owned()),
            (name, _) => {
                let hint = near_or_all(name, &["by", "pair"]);
                problems.push(key.span(), format!("[records] has no key `{name}` of this kind"), hint);
                is_right = false;
            }
        }
    }
    is_right.then_some((by, pair))
}

fn kind_of_record(entry: Entry, pair: Option<&str>, problems: &mut Problems) -> Option<(u64, Record)> {
    let Ok(number) = entry.0.get_ref().parse() else {
        let hint = "write [records.1], or [records.0] if there is one kind";
        problems.push(entry.0.span(), "a kind of record is a number", hint);
        return None;
    };
    Some((number, record(entry, pair, problems)?))
}

fn record(entry: Entry, pair: Option<&str>, problems: &mut Problems) -> Option<Record> {
    let mut table = Reader::any_table(entry, problems)?;
    let enter = table.flag("enter");
    let layout_entry = table.required("layout", "write its fields as in C: layout = \"u32 pid; char path[256]\"")?;
    let text = table.string(layout_entry)?;
    let layout = match Layout::parse(&text) {
        Ok(layout) => layout,
        Err(why) => {
            table.problems().push(
                layout_entry.1.span(),
                format!("this is no layout: {why}"),
                "write its fields as in C",
            );
            return None;
        }
    };
    let names: Vec<&str> = layout.fields.iter().map(|field| field.name.as_str()).collect();
    if let Some(pair) = pair.filter(|pair| !names.contains(pair)) {
        let message = format!("it has no field `{pair}`, by which enter and exit are paired");
        table.problems().push(layout_entry.1.span(), message, near_or_all(pair, &names));
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
    let entries: Vec<Entry> = table.entries().to_vec();
    let mut keys = BTreeMap::new();
    for entry in entries.into_iter().filter(|(key, _)| !["enter", "layout", "call"].contains(&key.get_ref().as_ref())) {
        let (key, field) = mapped(&mut table, entry, &names)?;
        keys.insert(key, field);
    }
    Some(Record { enter, layout, call, keys })
}

/// `path = "filename"`: a key of lines, and a field.
fn mapped(table: &mut Reader, entry: Entry, names: &[&str]) -> Option<(String, String)> {
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

fn is_field(table: &mut Reader, at: &Spanned<DeValue>, field: &str, names: &[&str]) -> bool {
    let is_one = names.contains(&field);
    if !is_one {
        table.problems().push(at.span(), format!("the layout has no field `{field}`"), near_or_all(field, names));
    }
    is_one
}

/// `"openat"`, `{ number = "nr" }` or `{ by = "op", names = { 1 = "read" } }`.
fn call(table: &mut Reader, entry: Entry, names: &[&str]) -> Option<CallBy> {
    if entry.1.get_ref().is_str() {
        return table.call(entry).map(CallBy::Name);
    }
    let mut inner = Reader::table(entry, &["number", "by", "names"], table.problems())?;
    if let Some(number) = inner.get("number") {
        let field = inner.string(number)?;
        return is_field(&mut inner, number.1, &field, names).then_some(CallBy::Number(field));
    }
    let by = inner.required("by", "write number = \"field\" for the kernel's numbers, or by = \"field\" and names")?;
    let field = inner.string(by)?;
    let is_one = is_field(&mut inner, by.1, &field, names);
    let list = inner.required("names", "write names = { 1 = \"read\", 2 = \"write\" }")?;
    let mut list = Reader::any_table(list, inner.problems())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_a_compiler_puts_them() {
        let layout = Layout::parse("u32 a; u64 b; char c[3]; s16 d; bool e").unwrap();
        let offsets: Vec<(&str, usize)> =
            layout.fields.iter().map(|field| (field.name.as_str(), field.offset)).collect();
        assert_eq!(offsets, [("a", 0), ("b", 8), ("c", 16), ("d", 20), ("e", 22)]);
        assert_eq!(layout.size, 24);
        let record = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'x', 0, b'y', 0, 0xfe, 0xff, 1, 0];
        let number = |name: &str| layout.field(name).unwrap().number_in(&record);
        assert_eq!(["a", "b", "d", "e"].map(number), [Some(1), Some(2), Some(-2), Some(1)]);
        assert_eq!(layout.field("c").unwrap().text_in(&record), Some(b"x".as_slice()));
        assert_eq!(layout.field("e").unwrap().number_in(&record[..22]), None);
    }

    #[test]
    fn what_is_no_layout_says_why() {
        let rows = [
            ("", "it has no field"),
            ("u32", "`u32` is no type and a name"),
            ("u33 a", "`u33` is no type that is known here"),
            ("u32 a; u64 a", "`a` is there twice"),
            ("char a[x]", "`char a[x]` has no number of elements"),
            ("char a[0]", "`char a[0]` has no number of elements"),
            ("char a[1048576]; u8 b", "it ends behind 1048576 bytes"),
        ];
        for (text, why) in rows {
            assert_eq!(Layout::parse(text), Err(why.to_owned()), "{text}");
        }
    }
}
