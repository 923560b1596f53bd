//! One scenario's table.

use std::ops::Range;
use std::time::Duration;

use nix::sys::signal::Signal;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::call::BoundNames;
use super::calls;
use super::command;
use super::entries::{Entry, find, in_order, items, kind};
use super::errors::{Problems, near, near_or_all};
use super::values;
use super::{Body, DEFAULT_TIMEOUT, Expectation, ExpectedThread};

const KEYS: [&str; 11] =
    ["about", "calls", "threads", "present", "absent", "ends", "timeout", "follow", "hidden", "data", "ignored"];
/// The keys of a table that says how a workload ends.
const ENDS: [&str; 2] = ["finished", "exited"];
/// One hour. More is a mistake in the unit.
const LONGEST: f64 = 3600.0;

/// Reads one table. Errors go to `problems`. `None` if too little is left to make an expectation.
pub(super) fn read(key: &Spanned<DeString>, value: &Spanned<DeValue>, problems: &mut Problems) -> Option<Expectation> {
    let name = key.get_ref().as_ref();
    let DeValue::Table(table) = value.get_ref() else {
        let hint = format!("write the scenario's table as [{name}]");
        problems.push(key.span(), format!("`{name}` is {}, not a table", kind(value.get_ref())), hint);
        return None;
    };
    let entries = in_order(table);
    let keys = [&KEYS[..], &command::KEYS].concat();
    for (key, _) in entries.iter().filter(|(key, _)| !keys.contains(&key.get_ref().as_ref())) {
        let message = format!("unknown key `{}` in the table of a scenario", key.get_ref());
        problems.push(key.span(), message, near_or_all(key.get_ref(), &keys));
    }
    let command = command::read(&entries, problems);
    if let (Some(_), Some(_), Some((exit, _))) = (&command, find(&entries, "ends"), find(&entries, "exit")) {
        let hint = "drop `exit` if a signal is to end the command, or else `ends`";
        problems.push(exit.span(), "`exit` cannot be used with `ends`", hint);
    }
    let mut lacks = None;
    let about = about(find(&entries, "about"), key.span(), problems);
    let ignored = find(&entries, "ignored").and_then(|entry| ignored(entry, problems));
    let body = body(table, key, command.is_some(), problems, &mut lacks);
    let follow = find(&entries, "follow").and_then(|entry| values::yes_or_no(entry, problems));
    let hidden = find(&entries, "hidden").and_then(|entry| values::integer(entry, 1, problems));
    Some(Expectation {
        name: name.to_owned(),
        line: problems.line_of(key.span().start),
        about,
        ends: ends(find(&entries, "ends"), command.is_some(), problems),
        timeout: timeout(find(&entries, "timeout"), problems),
        // As with `-- COMMAND`: what a command starts belongs to it.
        follow: follow.unwrap_or(command.is_some()),
        hidden: hidden.map(i64::cast_unsigned),
        data: find(&entries, "data").and_then(|entry| data(entry, problems)).unwrap_or(u32::MAX),
        ignored,
        lacks,
        command,
        body,
    })
}

fn about(entry: Option<Entry>, header: Range<usize>, problems: &mut Problems) -> String {
    const HINT: &str = "say in one sentence what the scenario shows, as in about = \"a dup shares the offset\"";
    let Some(entry) = entry else {
        problems.push(header, "`about` is missing", HINT);
        return String::new();
    };
    let about = values::string(entry, problems).unwrap_or("-").trim();
    if about.is_empty() {
        problems.push(entry.1.span(), "`about` is empty", HINT);
    }
    about.to_owned()
}

fn data(entry: Entry, problems: &mut Problems) -> Option<u32> {
    values::integer(entry, 1, problems).map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
}

fn ignored(entry: Entry, problems: &mut Problems) -> Option<String> {
    let reason = values::string(entry, problems)?.trim();
    if reason.is_empty() {
        problems.push(entry.1.span(), "`ignored` is empty", "say why, as in ignored = \"takes a minute\"");
    }
    Some(reason.to_owned())
}

/// A command exits, and a workload in Rust finishes or becomes a program that exits; or a signal ends it.
fn ends(entry: Option<Entry>, is_command: bool, problems: &mut Problems) -> String {
    let accepted = &ENDS[usize::from(is_command)..];
    let default = accepted.first().copied().unwrap_or_default();
    let word = entry.and_then(|entry| values::string(entry, problems)).unwrap_or(default);
    if let Some((_, value)) = entry
        && !accepted.contains(&word)
        && word.parse::<Signal>().is_err()
    {
        let words = accepted.iter().copied().chain(Signal::iterator().map(Signal::as_str));
        let hint = near(word, words).unwrap_or_else(|| format!("write \"{default}\", or a signal as in \"SIGSEGV\""));
        problems.push(value.span(), format!("no workload ends with `{word}`"), hint);
    }
    word.to_owned()
}

fn timeout(entry: Option<Entry>, problems: &mut Problems) -> Duration {
    let Some((_, value)) = entry else { return DEFAULT_TIMEOUT };
    let number = match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64),
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    match number {
        Some(seconds) if seconds > 0.0 && seconds <= LONGEST => Duration::from_secs_f64(seconds),
        Some(_) => {
            problems.push(value.span(), "this timeout cannot be meant", "seconds, more than 0 and at most 3600");
            DEFAULT_TIMEOUT
        }
        None => {
            let message = format!("`timeout` is {}, not a number", kind(value.get_ref()));
            problems.push(value.span(), message, "seconds, as in timeout = 2 or timeout = 0.5");
            DEFAULT_TIMEOUT
        }
    }
}

/// Reads `calls`, or `threads`, or `present` and `absent`. A command may have none of them.
fn body(
    table: &DeTable,
    header: &Spanned<DeString>,
    is_command: bool,
    problems: &mut Problems,
    lacks: &mut Option<String>,
) -> Body {
    let entries = in_order(table);
    let [calls, threads, present, absent] = ["calls", "threads", "present", "absent"].map(|key| find(&entries, key));
    if let (Some((whole, _)), Some((key, _))) = (calls.or(threads), calls.and(threads).or(present).or(absent)) {
        let hint = format!("`{}` is the whole trace: drop it, or the other key", whole.get_ref());
        problems.push(key.span(), format!("`{}` cannot be used with `{}`", key.get_ref(), whole.get_ref()), hint);
    }
    let mut names = BoundNames::default();
    if calls.is_some() {
        return Body::Whole(calls::whole(&items(calls, problems), &mut names, problems, lacks));
    }
    if let Some(entry) = threads {
        return Body::Threads(self::threads(entry, &mut names, problems, lacks));
    }
    let (present, absent) = (items(present, problems), items(absent, problems));
    if present.is_empty() && absent.is_empty() && !is_command {
        let hint = "write `calls`, the whole trace; calls = [] is a trace without any";
        problems.push(header.span(), format!("`{}` expects nothing", header.get_ref()), hint);
    }
    Body::Partial {
        present: present.iter().filter_map(|item| calls::present(item, problems, lacks)).collect(),
        absent: absent.iter().filter_map(|item| calls::absent(item, problems)).collect(),
    }
}

/// The threads in the order of the file. Each may use the names that earlier threads have bound.
fn threads(
    entry: Entry,
    names: &mut BoundNames,
    problems: &mut Problems,
    lacks: &mut Option<String>,
) -> Vec<ExpectedThread> {
    const HINT: &str = "write a line for each thread, as in threads.first = [ { call = \"...\", ... }, ... ]";
    let DeValue::Table(table) = entry.1.get_ref() else {
        let message = format!("`threads` is {}, not a table", kind(entry.1.get_ref()));
        problems.push(entry.1.span(), message, HINT);
        return Vec::new();
    };
    if table.is_empty() {
        problems.push(entry.1.span(), "`threads` has no thread", HINT);
    }
    let mut one = |entry: Entry| {
        let items = items(Some(entry), problems);
        if items.is_empty() && entry.1.get_ref().is_array() {
            let hint = "leave it out: a thread without calls to compare is not looked at";
            problems.push(entry.1.span(), format!("the thread `{}` makes no call", entry.0.get_ref()), hint);
        }
        ExpectedThread { name: entry.0.get_ref().to_string(), calls: calls::whole(&items, names, problems, lacks) }
    };
    in_order(table).into_iter().map(&mut one).collect()
}
