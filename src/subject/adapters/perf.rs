//! Parses the output of `perf trace` (perf-trace(1)).
//!
//! perf prints the column `comm/tid` only while it watches several threads. It leaves out arguments that are zero, and so this
//! adapter reports nothing for them. It uses the kernel's names for arguments.

use std::collections::HashMap;

use bstr::ByteSlice;

use super::arguments::{argument, by_kernel_name, c_number, flags, is_text, mode, put_file_of, put_words};
use super::{Adapter, call};
use crate::subject::json::{self, Line};
use crate::subject::said::{Said, Value};
use crate::table::syscalls::{Ret, Role};

#[derive(Default)]
pub(super) struct Perf {
    /// The unfinished call of each thread, as far as it was printed. Without the column there is only one thread.
    entered: HashMap<Option<u64>, (String, Vec<u8>)>,
}

/// A line without the times.
struct PerfEvent<'a> {
    /// The thread's name and id.
    who: Option<(&'a [u8], u64)>,
    text: &'a [u8],
}

impl Adapter for Perf {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if let Some(lost) = lost(raw) {
            return vec![Line::Lost(lost)];
        }
        if raw.trim().is_empty() {
            return Vec::new();
        }
        let Some(event) = event(raw) else { return vec![Line::garbled(raw, "it is no event")] };
        let tid = event.who.map(|(_, tid)| tid);
        if let Some(rest) = event.text.strip_prefix(b"... [continued]: ") {
            return vec![self.continued(&event, rest, raw)];
        }
        // Another event came before its end: `read(fd: 7, buf: 0x7ffd, count: 8) ...`
        let is_entered = event.text.ends_with(b" ...") && result_at(event.text).is_none();
        if let Some(begin) = event.text.strip_suffix(b" ...").filter(|_| is_entered) {
            let begin = begin.trim_end().to_str_lossy().into_owned();
            let before = self.entered.insert(tid, (begin, raw.to_vec()));
            return before.map(|(text, raw)| without_end(&event, &text, &raw)).into_iter().collect();
        }
        vec![whole(&event, event.text, raw)]
    }

    fn end(&mut self) -> Vec<Line> {
        let mut left: Vec<_> = std::mem::take(&mut self.entered).into_iter().collect();
        left.sort_by_key(|(tid, _)| *tid);
        let line = |(tid, (text, raw)): (Option<u64>, (String, Vec<u8>))| {
            without_end(&PerfEvent { who: tid.map(|tid| (b"".as_slice(), tid)), text: b"" }, &text, &raw)
        };
        left.into_iter().map(line).collect()
    }
}

impl Perf {
    /// `... [continued]: read()) = 1`: the result of a call that was printed before, or that began before perf attached.
    fn continued(&mut self, event: &PerfEvent, rest: &[u8], raw: &[u8]) -> Line {
        let tid = event.who.map(|(_, tid)| tid);
        let Some((name, rest)) = rest.split_once_str(b"()") else { return Line::garbled(raw, "it names no call") };
        let begun = self.entered.remove(&tid).filter(|(text, _)| text.as_bytes().starts_with(&[name, b"("].concat()));
        match begun {
            Some((text, before)) => {
                let text = [text.trim_end_matches(')').as_bytes(), rest].concat();
                whole(event, &text, &[before.as_slice(), b"\n", raw].concat())
            }
            None => whole(event, &[name, b"(", rest].concat(), raw),
        }
    }
}

/// A call whose result has not come.
fn without_end(event: &PerfEvent, text: &str, raw: &[u8]) -> Line {
    match whole(event, &[text.as_bytes(), b" = ?"].concat(), raw) {
        Line::Call(mut said) => {
            said.forget("ret");
            Line::Call(said)
        }
        line => line,
    }
}

/// `LOST 123 events!`, as perf says it.
fn lost(raw: &[u8]) -> Option<u64> {
    raw.to_str().ok()?.trim().strip_prefix("LOST ")?.split_once(" events")?.0.parse().ok()
}

/// `     0.050 ( 0.103 ms): work/21350 openat(...)`. The time may be `?`, and the duration may be blank.
fn event(raw: &[u8]) -> Option<PerfEvent<'_>> {
    let (time, rest) = raw.trim_start().split_once_str(b" (")?;
    if !(time == b"?" || time.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')) {
        return None;
    }
    let text = rest.split_once_str(b"): ")?.1;
    // A comm has at most 15 bytes, and may contain slashes, brackets and spaces.
    let column = text.find_iter(b"/").take_while(|&at| at <= 15).find_map(|slash| {
        let rest = &text[slash + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let tid = rest[..digits].to_str().ok()?.parse().ok()?;
        let after = rest[digits..].strip_prefix(b" ")?.trim_start();
        let name = after.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count();
        let is_call = after.starts_with(b"... [continued]: ") || name > 0 && after[name..].starts_with(b"(");
        is_call.then_some(PerfEvent { who: Some((&text[..slash], tid)), text: after })
    });
    Some(column.unwrap_or(PerfEvent { who: None, text: text.trim_start() }))
}

/// The start of the result: after the last `)` that is followed by spaces and `=`. The text of an error has brackets, but no
/// `=`.
fn result_at(text: &[u8]) -> Option<(usize, usize)> {
    text.rfind_iter(b"= ").find_map(|at| {
        let before = text[..at].trim_end_with(|one| one == ' ');
        before.strip_suffix(b")").map(|inside| (inside.len(), at + 2))
    })
}

fn whole(event: &PerfEvent, text: &[u8], raw: &[u8]) -> Line {
    match parse(text) {
        Ok(mut said) => {
            if let Some((comm, tid)) = event.who {
                said.put("tid", tid.into());
                // At the end of the output it is not known any more.
                if !comm.is_empty() {
                    said.put("comm", comm.into());
                }
            }
            call(said, raw)
        }
        Err(why) => Line::garbled(raw, why),
    }
}

fn parse(text: &[u8]) -> Result<Said, &'static str> {
    let (name, rest) = text.split_once_str(b"(").ok_or("it is no call")?;
    let name = name.to_str().map_err(|_| "it is no call")?;
    let (end, result) = result_at(rest).ok_or("it has no result")?;
    let mut said = Said::new(name);
    for (name, value) in arguments(&rest[..end]).ok_or("an argument has no name")? {
        put_argument(&mut said, name, value);
    }
    put_result(&mut said, rest[result..].trim())?;
    Ok(said)
}

/// `fd: 3</tmp/c.txt>, whence: SET`: each argument begins with a name, a colon and a space.
fn arguments(text: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut all: Vec<(&str, &[u8])> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = named(rest)?;
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // A file's name or a string may contain text that looks like the next argument.
        let end = match after.get(digits) {
            Some(b'<') if digits > 0 => ">",
            Some(b'"') if digits == 0 => "\"",
            Some(_) | None => "",
        };
        let is_next = |at: &usize| after[..*at].ends_with(end.as_bytes()) && named(&after[at + 2..]).is_some();
        let next = after.find_iter(b", ").find(is_next);
        all.push((name, after[..next.unwrap_or(after.len())].trim()));
        rest = next.map_or(b"".as_slice(), |at| &after[at + 2..]);
    }
    Some(all)
}

fn named(text: &[u8]) -> Option<(&str, &[u8])> {
    let (name, rest) = text.split_once_str(b": ")?;
    let is_name = !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name.to_str().ok()?, rest))
}

fn put_argument(said: &mut Said, name: &str, value: &[u8]) {
    let Some(at) = said.row.and_then(|row| by_kernel_name(row, name)) else { return };
    let Some((key, role)) = argument(said, at) else { return };
    if is_text(said, at) {
        // A value without quotes is an address, of which perf prints only the lower half.
        if let Some(text) = value.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) {
            said.put(key, text.into());
        }
        return;
    }
    if matches!(role, Role::Pointer) && !value.starts_with(b"0x") {
        return;
    }
    let (number, file) = with_file(value);
    if let Some(file) = file {
        put_file_of(said, at, file);
    }
    // perf prints a process with its name: `21139 (work)`.
    let number = number.split_once_str(b" (").map_or(number, |(number, _)| number);
    match (role, number.to_str()) {
        (Role::Mode, Ok(words)) if mode(words).is_none() => {}
        (_, Ok(words)) => put_words(said, at, words),
        (_, Err(_)) => {}
    }
}

/// `4</tmp/c.txt>`
fn with_file(text: &[u8]) -> (&[u8], Option<Value>) {
    let Some((number, rest)) = text.split_once_str(b"<") else { return (text, None) };
    let name = rest.strip_suffix(b">").unwrap_or(rest);
    (number, Some(if name.starts_with(b"/") { name.into() } else { Value::Nothing }))
}

/// `3`, `20</tmp/c.txt>`, `-1 ENOENT (No such file or directory)`, `LARGEFILE|WRONLY`, `0x7fc4`, `?`
fn put_result(said: &mut Said, text: &[u8]) -> Result<(), &'static str> {
    let (number, file) = with_file(text);
    let number = number.to_str().map_err(|_| "its result is no text")?;
    let mut words = number.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let by_flags = || match said.row?.ret_for(&said.meaning()) {
        Ret::Flags(names) => flags(names, first).map(|bits| Value::Number(bits as i64)),
        Ret::Number
        | Ret::Fd
        | Ret::Bytes
        | Ret::Mode
        | Ret::Pointer
        | Ret::ByCommand
        | Ret::FdWhen(_)
        | Ret::Never => None,
    };
    // perf has no names for the kernel's own codes, and prints the number in an error message of its own.
    let unnamed = || text.to_str().ok()?.split_once("strerror_r(")?.1.split(',').next()?.parse().ok();
    let errno = json::errno(second).or_else(unnamed);
    let value = match (first, errno) {
        ("?", _) => Some(Value::Unfinished),
        ("-1", Some(errno)) => Some(Value::Errno(errno)),
        _ => c_number(first).map(|bits| Value::Number(bits as i64)).or_else(by_flags),
    };
    if let Some(file) = file {
        said.put("file", file);
    }
    said.put("ret", value.ok_or("its result is no number")?);
    Ok(())
}
