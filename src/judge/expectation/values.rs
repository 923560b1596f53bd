//! Reads the values of a call's keys, according to the kind of key.

use toml::Spanned;
use toml::de::DeValue;

use super::Wanted;
use super::entries::{Entry, kind};
use super::errors::{Problems, near, near_or_all};
use crate::table::names::{self, Names};
use crate::table::syscalls::Role;

pub(super) fn wrong_type(entry: Entry, wanted: &str, hint: &str, problems: &mut Problems) {
    let (key, value) = entry;
    problems.push(value.span(), format!("`{}` is {}, not {wanted}", key.get_ref(), kind(value.get_ref())), hint);
}

/// A string.
pub(super) fn string<'a>(entry: Entry<'a, '_>, problems: &mut Problems) -> Option<&'a str> {
    let text = entry.1.get_ref().as_str();
    if text.is_none() {
        wrong_type(entry, "a string", "write it in quotes", problems);
    }
    text
}

/// A boolean.
pub(super) fn yes_or_no(entry: Entry, problems: &mut Problems) -> Option<bool> {
    let answer = entry.1.get_ref().as_bool();
    if answer.is_none() {
        wrong_type(entry, "a boolean", "write true or false", problems);
    }
    answer
}

/// An array of strings.
pub(super) fn strings(entry: Entry, problems: &mut Problems) -> Option<Vec<String>> {
    let DeValue::Array(items) = entry.1.get_ref() else {
        wrong_type(entry, "an array", "write the paths as [\"a.txt\", \"b.txt\"]", problems);
        return None;
    };
    items.iter().map(|item| string((entry.0, item), problems).map(str::to_owned)).collect()
}

/// An integer, at least `least`.
pub(super) fn integer(entry: Entry, least: i64, problems: &mut Problems) -> Option<i64> {
    let DeValue::Integer(number) = entry.1.get_ref() else {
        wrong_type(entry, "an integer", "write a number, without quotes", problems);
        return None;
    };
    let number = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|&number| number >= least);
    if number.is_none() {
        let message = format!("`{}` cannot be this number", entry.0.get_ref());
        problems.push(entry.1.span(), message, format!("an integer of 64 bits from {least} on"));
    }
    number
}

/// A `$x`, if the value begins like one.
pub(super) fn name<'a>(value: &'a Spanned<DeValue>) -> Option<&'a str> {
    value.get_ref().as_str().filter(|text| text.starts_with('$'))
}

/// Whether a `$x` is well formed.
pub(super) fn is_well_formed(name: &str) -> bool {
    let word = name.strip_prefix('$').unwrap_or_default();
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The bytes of a path: a string, or a list. The items of a list are strings, single bytes as numbers, and `{ times = N, of =
/// "…" }`.
pub(super) fn text(entry: Entry, problems: &mut Problems) -> Option<Vec<u8>> {
    let DeValue::Array(items) = entry.1.get_ref() else {
        return string(entry, problems).map(|text| text.as_bytes().to_vec());
    };
    let pieces: Option<Vec<Vec<u8>>> = items.iter().map(|item| piece((entry.0, item), problems)).collect();
    pieces.map(|pieces| pieces.concat())
}

fn piece(entry: Entry, problems: &mut Problems) -> Option<Vec<u8>> {
    match entry.1.get_ref() {
        DeValue::String(text) => Some(text.as_bytes().to_vec()),
        DeValue::Table(table) => {
            let of = table.get("of").and_then(|of| of.get_ref().as_str());
            let times = table.get("times").and_then(|times| times.get_ref().as_integer()?.as_str().parse::<u16>().ok());
            if let (Some(of), Some(times), 2) = (of, times, table.len()) {
                return Some(of.repeat(times.into()).into_bytes());
            }
            wrong_type(entry, "a repetition", "write { times = 3, of = \"./\" }", problems);
            None
        }
        _ => {
            let byte = u8::try_from(integer(entry, 0, problems)?).ok();
            if byte.is_none() {
                problems.push(entry.1.span(), "this is no byte", "write 0 to 255, as in 0xff");
            }
            byte.map(|byte| vec![byte])
        }
    }
}

/// One of these words.
pub(super) fn one_of(entry: Entry, words: &[&str], problems: &mut Problems) -> Option<Wanted> {
    let text = string(entry, problems)?;
    if !words.contains(&text) {
        problems.push(entry.1.span(), format!("`{text}` is none of the words for it"), near_or_all(text, words));
        return None;
    }
    Some(Wanted::Text(text.as_bytes().to_vec()))
}

/// The value of an argument that is not `$x`.
pub(super) fn by_role(entry: Entry, role: Role, problems: &mut Problems) -> Option<Wanted> {
    let is_string = entry.1.get_ref().is_str();
    match role {
        Role::Path | Role::Text => text(entry, problems).map(Wanted::Text),
        Role::Flags(names) => flags(entry, names, problems),
        Role::Choice(names) => choice(entry, names, problems),
        Role::Mode => mode(entry, problems),
        Role::DirFd if entry.1.get_ref().as_str() == Some("AT_FDCWD") => Some(Wanted::Number(libc::AT_FDCWD.into())),
        Role::Fd | Role::DirFd | Role::FdNumber if is_string => {
            wrong_type(entry, "a descriptor", descriptor_hint(role), problems);
            None
        }
        Role::Fd | Role::DirFd => {
            let number = integer(entry, i32::MIN.into(), problems)?;
            let fd = i32::try_from(number).ok().or_else(|| too_large(entry, "a descriptor", problems));
            fd.map(|fd| Wanted::Number(fd.into()))
        }
        Role::Named(names) if is_string => {
            let Wanted::Number(number) = choice(entry, names, problems)? else { return None };
            Some(Wanted::Number((number as i32).into()))
        }
        Role::Int | Role::Named(_) => {
            let number = integer(entry, i32::MIN.into(), problems)?;
            let int = i32::try_from(number).ok().or_else(|| too_large(entry, "an int", problems));
            int.map(|int| Wanted::Number(int.into()))
        }
        Role::FdNumber => {
            // Unsigned because the `last` of close_range(2) may be ~0U. Compared as 32 bits, because the kernel looks at no
            // more.
            let number = integer(entry, i32::MIN.into(), problems)?;
            let word = if number < 0 { Some(number as u32) } else { u32::try_from(number).ok() };
            word.or_else(|| too_large(entry, "a descriptor", problems)).map(|word| Wanted::Number((word as i32).into()))
        }
        Role::Id => integer(entry, -1, problems).map(Wanted::Number),
        Role::Signed => integer(entry, i64::MIN, problems).map(Wanted::Number),
        Role::Unsigned | Role::Pointer => integer(entry, 0, problems).map(Wanted::Number),
        Role::UnsignedInt => {
            let number = integer(entry, 0, problems)?;
            let word = u32::try_from(number).ok().or_else(|| too_large(entry, "an unsigned int", problems));
            word.map(|word| Wanted::Number(word.into()))
        }
    }
}

fn descriptor_hint(role: Role) -> &'static str {
    if matches!(role, Role::DirFd) {
        "write \"$d\" as an earlier call bound it, a number, or \"AT_FDCWD\""
    } else {
        "write \"$a\" as an earlier call bound it, or a number"
    }
}

fn too_large<T>(entry: Entry, what: &str, problems: &mut Problems) -> Option<T> {
    let message = format!("`{}` cannot be this number", entry.0.get_ref());
    problems.push(entry.1.span(), message, format!("{what} has 32 bits"));
    None
}

fn mode(entry: Entry, problems: &mut Problems) -> Option<Wanted> {
    let number = integer(entry, 0, problems)?;
    if let DeValue::Integer(digits) = entry.1.get_ref()
        && digits.radix() != 8
        && number != 0
    {
        problems.push(entry.1.span(), "this mode is not octal", format!("did you mean 0o{}?", digits.as_str()));
        return None;
    }
    Some(Wanted::Number(number))
}

/// Flags by name, joined by `|`. A number may only have bits that have no name.
pub(super) fn flags(entry: Entry, names: &'static Names, problems: &mut Problems) -> Option<Wanted> {
    match entry.1.get_ref() {
        DeValue::String(text) => flags_value(entry, text, names, problems).map(Wanted::Number),
        DeValue::Integer(_) => number_without_name(entry, names, problems),
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            wrong_type(entry, "a string", "write flags as \"A|B\"", problems);
            None
        }
    }
}

fn flags_value(entry: Entry, text: &str, names: &'static Names, problems: &mut Problems) -> Option<i64> {
    let mut sum = 0;
    for word in text.split('|').map(str::trim).filter(|_| !text.trim().is_empty()) {
        let hex = word.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let all: Vec<&str> = names.all().collect();
        match hex.map_or_else(|| names.parse(word), Ok) {
            Ok(_) if word.is_empty() => {
                problems.push(entry.1.span(), format!("a `|` of `{text}` has nothing on one side"), "drop the `|`");
                return None;
            }
            Ok(value) => sum |= value,
            Err(_) => {
                let message = format!("`{word}` is no {}", names.what);
                problems.push(entry.1.span(), message, near_or_all(word, &all));
                return None;
            }
        }
    }
    Some(sum as i64)
}

/// One name of a set.
fn choice(entry: Entry, names: &'static Names, problems: &mut Problems) -> Option<Wanted> {
    let DeValue::String(text) = entry.1.get_ref() else { return flags(entry, names, problems) };
    let value = flags_value(entry, text, names, problems)?;
    // Two commands joined make a third one by accident. The modes of access(2) may be joined.
    if parts(&names.show(value as u64)) == parts(text) {
        return Some(Wanted::Number(value));
    }
    problems.push(entry.1.span(), format!("`{text}` is not one {}", names.what), "write one name");
    None
}

fn parts(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split('|').map(str::trim).collect();
    parts.sort_unstable();
    parts
}

fn number_without_name(entry: Entry, names: &'static Names, problems: &mut Problems) -> Option<Wanted> {
    let number = integer(entry, 0, problems)?;
    let shown = names.show(number as u64);
    if number == 0 || shown.contains("0x") {
        return Some(Wanted::Number(number));
    }
    let message = format!("`{}` is a number that has a name", entry.0.get_ref());
    problems.push(entry.1.span(), message, format!("write \"{shown}\""));
    None
}

/// The kernel's restart codes. A tracer sees them as the result of an interrupted call (include/linux/errno.h).
const RESTARTS: [i32; 4] = [512, 513, 514, 516];
/// The second names of errnos that errno(3) lists twice.
const ALIASES: [(&str, &str); 3] = [("EWOULDBLOCK", "EAGAIN"), ("ENOTSUP", "EOPNOTSUPP"), ("EDEADLOCK", "EDEADLK")];

/// A result other than `$x`: a number, an errno, flags, or `unfinished`.
pub(super) fn ret(entry: Entry, role: Role, problems: &mut Problems) -> Option<Wanted> {
    match entry.1.get_ref() {
        DeValue::String(text) => ret_word(entry, text, role, problems),
        DeValue::Integer(number) if number.as_str().starts_with('-') => {
            let hint = "a failing call is written by its errno, as in ret = \"ENOENT\"";
            problems.push(entry.1.span(), "a result is not negative", hint);
            None
        }
        DeValue::Integer(_) => {
            if let Role::Flags(names) = role {
                return number_without_name(entry, names, problems);
            }
            integer(entry, 0, problems).map(Wanted::Number)
        }
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            wrong_type(entry, "a result", RET_HINT, problems);
            None
        }
    }
}

pub(super) const RET_HINT: &str = "write a number, \"$a\", an errno as in \"ENOENT\", or \"unfinished\"";

fn ret_word(entry: Entry, text: &str, role: Role, problems: &mut Problems) -> Option<Wanted> {
    if text == "unfinished" {
        return Some(Wanted::Unfinished);
    }
    let restart = RESTARTS.into_iter().find(|&number| names::errno_name(number) == text);
    if let Some(number) = names::errno(text).map(|errno| errno as i32).or(restart) {
        return Some(Wanted::Errno(number));
    }
    if let Role::Flags(names) = role
        && !text.starts_with('E')
    {
        return flags(entry, names, problems);
    }
    let alias =
        ALIASES.iter().find(|(name, _)| *name == text).map(|(_, name)| format!("errno(3) has it as `{name}` too"));
    let known: Vec<String> = names::errnos().map(|errno| format!("{errno:?}")).collect();
    let words = known.iter().map(String::as_str).chain(["unfinished"]);
    let hint = alias.or_else(|| near(text, words)).unwrap_or_else(|| RET_HINT.to_owned());
    problems.push(entry.1.span(), format!("`{text}` is no result"), hint);
    None
}
