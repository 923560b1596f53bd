//! The arrays of calls in a table: `calls`, `present` and `absent`.

use toml::Spanned;
use toml::de::DeValue;

use super::call::{BoundNames, CallReader, part};
use super::entries::{Entry, find, in_order, items, kind};
use super::errors::{Problems, near};
use super::values;
use super::{ExpectedCall, Present, Sequence, Times};
use crate::table::syscalls::{Syscall, number_of};

/// The limit on the number of calls. A larger number is a typing error.
const MOST_CALLS: usize = 10_000_000;

/// The calls of `calls`, or of a thread.
pub(super) fn whole(
    items: &[&Spanned<DeValue>],
    names: &mut BoundNames,
    problems: &mut Problems,
    lacks: &mut Option<String>,
) -> Sequence {
    let mut sequence = Sequence::default();
    let mut single = Vec::new();
    for item in items {
        let Some(entries) = table_of(item, problems) else { continue };
        if !is_repetition(&entries) {
            single.extend(single_call(item, &entries, names, problems, lacks));
            continue;
        }
        sequence.push(1, std::mem::take(&mut single), Vec::new());
        let before = names.clone();
        let calls = repeated(&entries, names, problems, lacks);
        let times = repetitions(item, &entries, sequence.len(), calls.len(), problems);
        sequence.push(times, calls, names.forget_all_but(&before));
    }
    sequence.push(1, single, Vec::new());
    sequence
}

/// One call of `calls`. `None` if it has errors, or if this architecture has no such call.
fn single_call(
    item: &Spanned<DeValue>,
    entries: &[Entry],
    names: &mut BoundNames,
    problems: &mut Problems,
    lacks: &mut Option<String>,
) -> Option<ExpectedCall> {
    let call = match row_of(item, entries, problems) {
        CallName::Row(row) => Some(CallReader::new(row, entries, Some(&*names), problems).whole(item)),
        CallName::Lacking(name) => {
            lacks.get_or_insert(name);
            None
        }
        CallName::Wrong => None,
    };
    names.bind(entries);
    call
}

fn is_repetition(entries: &[Entry]) -> bool {
    find(entries, "call").is_none() && (find(entries, "times").is_some() || find(entries, "of").is_some())
}

const REPETITION: &str = "write { times = 250, of = [ { call = \"...\", ... }, ... ] }";

/// The calls of a repetition, listed once.
fn repeated(
    entries: &[Entry],
    names: &mut BoundNames,
    problems: &mut Problems,
    lacks: &mut Option<String>,
) -> Vec<ExpectedCall> {
    for (key, _) in entries.iter().filter(|(key, _)| !matches!(key.get_ref().as_ref(), "times" | "of")) {
        problems.push(key.span(), format!("a repetition has no key `{}`", key.get_ref()), REPETITION);
    }
    let Some(of) = find(entries, "of") else { return Vec::new() };
    let items = items(Some(of), problems);
    if items.is_empty() && of.1.get_ref().is_array() {
        problems.push(of.1.span(), "a repetition of nothing", REPETITION);
    }
    let mut calls = Vec::new();
    for item in items {
        let Some(entries) = table_of(item, problems) else { continue };
        if is_repetition(&entries) {
            let hint = "a repetition has calls only: write those of the inner one out";
            problems.push(item.span(), "a repetition within a repetition", hint);
            continue;
        }
        calls.extend(single_call(item, &entries, names, problems, lacks));
    }
    calls
}

/// How often these calls are made, after this many other calls. 1 if the written value has an error.
fn repetitions(
    item: &Spanned<DeValue>,
    entries: &[Entry],
    before: usize,
    calls: usize,
    problems: &mut Problems,
) -> usize {
    for key in ["times", "of"].into_iter().filter(|key| find(entries, key).is_none()) {
        problems.push(item.span(), format!("`{key}` of the repetition is missing"), REPETITION);
    }
    let Some(entry) = find(entries, "times") else { return 1 };
    let Some(times) = values::integer(entry, 1, problems) else { return 1 };
    let all = usize::try_from(times).ok().and_then(|times| times.checked_mul(calls)?.checked_add(before));
    if all.is_none_or(|all| all > MOST_CALLS) {
        let message = "so many calls cannot be meant";
        problems.push(entry.1.span(), message, format!("a sequence has at most {MOST_CALLS}, repeated ones counted"));
        return 1;
    }
    times as usize
}

/// An entry of `present`.
pub(super) fn present(item: &Spanned<DeValue>, problems: &mut Problems, lacks: &mut Option<String>) -> Option<Present> {
    let entries = table_of(item, problems)?;
    let row = match row_of(item, &entries, problems) {
        CallName::Row(row) => row,
        CallName::Lacking(name) => {
            lacks.get_or_insert(name);
            return None;
        }
        CallName::Wrong => return None,
    };
    let times = times(&entries, problems);
    let counts: Vec<_> = entries.iter().copied().filter(|(key, _)| is_count(key.get_ref())).collect();
    let fields: Vec<_> = entries.into_iter().filter(|(key, _)| !is_count(key.get_ref())).collect();
    let mut call = CallReader::new(row, &fields, None, problems).partial(item);
    if fields.len() < 2 && find(&counts, "count").is_none() {
        vague(item, row, problems);
    }
    call.parts.extend(counts.iter().map(|entry| part(entry, problems.text)));
    Some(Present { call, times })
}

/// An entry of `absent`. An entry whose call this architecture lacks always holds.
pub(super) fn absent(item: &Spanned<DeValue>, problems: &mut Problems) -> Option<ExpectedCall> {
    let entries = table_of(item, problems)?;
    let CallName::Row(row) = row_of(item, &entries, problems) else { return None };
    for (key, _) in entries.iter().filter(|(key, _)| is_count(key.get_ref())) {
        problems.push(
            key.span(),
            format!("`{}` has no place in `absent`", key.get_ref()),
            "leave it out: `absent` means not once",
        );
    }
    if entries.len() < 2 {
        vague(item, row, problems);
    }
    let fields: Vec<_> = entries.into_iter().filter(|(key, _)| !is_count(key.get_ref())).collect();
    Some(CallReader::new(row, &fields, None, problems).partial(item))
}

fn is_count(key: &str) -> bool {
    matches!(key, "count" | "min_count")
}

fn vague(item: &Spanned<DeValue>, row: &Syscall, problems: &mut Problems) {
    let message = format!("this says nothing of `{}` but its name", row.name);
    problems.push(item.span(), message, "write at least one field more, as in path_contains = \"a.txt\"");
}

/// How often an entry of `present` must occur.
fn times(entries: &[Entry], problems: &mut Problems) -> Times {
    let [count, min_count] = ["count", "min_count"].map(|key| find(entries, key));
    if let (Some(_), Some((key, _))) = (count, min_count) {
        problems.push(key.span(), "`min_count` cannot be used with `count`", "`count` is exact: write one of them");
    }
    let mut number = |entry: Entry| {
        let number = values::integer(entry, 0, problems)?;
        if number == 0 {
            problems.push(entry.1.span(), "this is there 0 times", "write a call that must not be made in `absent`");
        }
        usize::try_from(number).ok()
    };
    match (count, min_count) {
        (Some(entry), _) => Times::Exactly(number(entry).unwrap_or(1)),
        (None, Some(entry)) => Times::AtLeast(number(entry).unwrap_or(1)),
        (None, None) => Times::AtLeast(1),
    }
}

fn table_of<'a, 't>(item: &'a Spanned<DeValue<'t>>, problems: &mut Problems) -> Option<Vec<Entry<'a, 't>>> {
    match item.get_ref() {
        DeValue::Table(table) => Some(in_order(table)),
        other => {
            let message = format!("a call is {}, not a table", kind(other));
            problems.push(item.span(), message, "write { call = \"...\", ... }");
            None
        }
    }
}

enum CallName {
    Row(&'static Syscall),
    Lacking(String),
    Wrong,
}

/// The call that a table is about.
fn row_of(item: &Spanned<DeValue>, entries: &[Entry], problems: &mut Problems) -> CallName {
    let Some(entry) = find(entries, "call") else {
        problems.push(item.span(), "`call` is missing", "write which call, as in call = \"openat\"");
        return CallName::Wrong;
    };
    let Some(name) = values::string(entry, problems) else { return CallName::Wrong };
    if let Some(row) = Syscall::by_name(name) {
        return CallName::Row(row);
    }
    if Syscall::is_known(name) {
        return CallName::Lacking(name.to_owned());
    }
    let (message, hint) = if number_of(name).is_some() {
        (format!("what `{name}` means is not known"), format!("src/table/syscalls/table.rs needs a row for {name}"))
    } else {
        let hint = near(name, Syscall::all().iter().map(|row| row.name));
        let all = "src/table/syscalls/table.rs lists the calls; names are those of section 2 of the man pages";
        (format!("no call is named `{name}`"), hint.unwrap_or_else(|| all.to_owned()))
    };
    problems.push(entry.1.span(), message, hint);
    CallName::Wrong
}
