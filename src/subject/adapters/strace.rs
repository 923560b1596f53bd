//! Parses the output of strace (strace(1)). With `-o` each line begins with the thread. With `-f` but without `-o` it begins
//! with `[pid N]`.
//!
//! With `-xx`, strings contain no quotes, brackets or newlines. With `-y`, the file follows its descriptor.

use std::collections::HashMap;

use bstr::ByteSlice;

use super::arguments::{argument, c_number, flags, is_text, mode, put_bits, put_file_of, put_no_text, put_words};
use super::{Adapter, call, macros, note};
use crate::subject::json::{self, Line};
use crate::subject::said::{Said, Value};
use crate::table::names::{self, errno_name};
use crate::table::syscalls::{Peek, Syscall};

#[derive(Default)]
pub(super) struct Strace {
    /// The begin of a thread's call, up to ` <unfinished ...>`, and the thread that entered it.
    unfinished: HashMap<Option<u64>, Begun>,
}

struct Begun {
    tid: Option<u64>,
    text: Vec<u8>,
    raw: Vec<u8>,
}

const UNFINISHED: &[u8] = b" <unfinished ...>";

impl Adapter for Strace {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if raw.starts_with(b"strace: ") || raw.starts_with(b"[ Process PID=") || raw.is_empty() {
            return note(raw);
        }
        let (tid, text) = head(raw);
        if text.starts_with(b"--- ") {
            return Vec::new();
        }
        if text.starts_with(b"[ Process PID=") {
            return note(raw);
        }
        if let Some(end) = text.strip_prefix(b"+++ ") {
            return self.ended(tid, end);
        }
        if text.starts_with(b"<... ") {
            return self.resumed(tid, text, raw);
        }
        // A call whose thread was killed in it is both `unfinished` and has a result: `read(3,  <unfinished ...>) = ?`
        if let Some(begin) = text.strip_suffix(UNFINISHED).or_else(|| text.strip_suffix(b"<unfinished ...>")) {
            let begun = Begun { tid, text: begin.to_vec(), raw: raw.to_vec() };
            self.unfinished.insert(tid, begun);
            return Vec::new();
        }
        vec![whole(text, tid, None, raw)]
    }

    fn end(&mut self) -> Vec<Line> {
        let mut left: Vec<Begun> = std::mem::take(&mut self.unfinished).into_values().collect();
        left.sort_by_key(|begun| begun.tid);
        left.into_iter().map(|begun| begun.line(false)).collect()
    }
}

impl Begun {
    /// A call whose end has not come. It never comes if its thread is gone.
    fn line(self, is_gone: bool) -> Line {
        let text = [self.text.as_slice(), b") = ?"].concat();
        match whole(&text, self.tid, None, &self.raw) {
            Line::Call(mut said) if !is_gone => {
                said.forget("ret");
                Line::Call(said)
            }
            line => line,
        }
    }
}

impl Strace {
    /// `exited with 0 +++`, `killed by SIGKILL +++`, `superseded by execve in pid 21207 +++`
    fn ended(&mut self, tid: Option<u64>, how: &[u8]) -> Vec<Line> {
        let by = how.strip_prefix(b"superseded by execve in pid ").and_then(|rest| rest.strip_suffix(b" +++"));
        let Some(by) = by.and_then(|digits| digits.to_str().ok()?.parse::<u64>().ok()) else {
            return self.unfinished.remove(&tid).map(|begun| begun.line(true)).into_iter().collect();
        };
        // The execve continues under the id of the thread that it replaces.
        let own = self.unfinished.remove(&tid).map(|begun| begun.line(true));
        if let Some(begun) = self.unfinished.remove(&Some(by)) {
            self.unfinished.insert(tid, begun);
        }
        own.into_iter().collect()
    }

    /// `<... read resumed>"x", 8) = 1`
    fn resumed(&mut self, tid: Option<u64>, text: &[u8], raw: &[u8]) -> Vec<Line> {
        let rest = text.strip_prefix(b"<... ").and_then(|rest| rest.split_once_str(b" resumed>"));
        let Some((name, rest)) = rest else { return vec![Line::garbled(raw, "it is no call that goes on")] };
        let begun = self.unfinished.remove(&tid).filter(|begun| begun.text.starts_with(&[name, b"("].concat()));
        match begun {
            Some(begun) => {
                let text = [begun.text.as_slice(), rest].concat();
                vec![whole(&text, begun.tid, tid, &[begun.raw.as_slice(), b"\n", raw].concat())]
            }
            // The call began before strace attached.
            None => {
                let ret = rest.rfind(b" = ").map(|at| &rest[at..]).unwrap_or_default();
                vec![whole(&[name, b"()", ret].concat(), tid, None, raw)]
            }
        }
    }
}

/// The thread, and the text after the thread and the time.
fn head(raw: &[u8]) -> (Option<u64>, &[u8]) {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (tid, mut rest) = match raw.strip_prefix(b"[pid ") {
        Some(rest) => {
            let rest = rest.trim_start();
            let (tid, after) = rest.split_at(digits(rest));
            (tid, after.strip_prefix(b"] ").unwrap_or(after))
        }
        None => match raw.split_at(digits(raw)) {
            (tid @ [_, ..], after) if after.starts_with(b" ") => (tid, after.trim_start()),
            _ => (b"".as_slice(), raw),
        },
    };
    // -t, -tt, -ttt, -r
    let time = rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':')).count();
    if time > 0 && rest[time..].starts_with(b" ") {
        rest = &rest[time + 1..];
    }
    (tid.to_str().ok().and_then(|tid| tid.parse().ok()), rest)
}

/// A call with its result. If another thread left the call than entered it, that thread as well.
fn whole(text: &[u8], tid: Option<u64>, exit_tid: Option<u64>, raw: &[u8]) -> Line {
    match parse(text) {
        Ok(mut said) => {
            if let Some(tid) = tid {
                said.put("tid", tid.into());
            }
            if let Some(exit_tid) = exit_tid.filter(|&exit_tid| Some(exit_tid) != tid) {
                said.put("exit_tid", exit_tid.into());
            }
            call(said, raw)
        }
        Err(why) => Line::garbled(raw, why),
    }
}

fn parse(text: &[u8]) -> Result<Said, &'static str> {
    let (name, rest) = text.split_once_str(b"(").ok_or("it is no call")?;
    let name = name.to_str().map_err(|_| "it is no call")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("it is no call");
    }
    // A call that is newer than this strace has its number, and six registers of which nothing is said.
    let newer = name.strip_prefix("syscall_0x").and_then(|number| u32::from_str_radix(number, 16).ok());
    let newer = newer.and_then(Syscall::by_number).map(|row| row.name);
    let name = newer.unwrap_or(name);
    let (arguments, rest) = arguments(rest).ok_or("its arguments do not end")?;
    let result = rest.trim_start().strip_prefix(b"=").ok_or("it has no result")?.trim();
    let mut said = Said::new(name);
    let shown = if newer.is_some() { 0 } else { arguments.len() };
    for (place, text) in arguments[..shown].iter().enumerate() {
        let at = match name {
            // strace leaves the id out where the command has none.
            "quotactl" | "quotactl_fd" if place == 2 && shown == 3 => 3,
            // strace prints offset and offset_high as one number.
            "preadv2" | "pwritev2" if place == 4 => 5,
            // strace prints them by name, and in another order.
            "clone" => continue,
            _ => place,
        };
        put_argument(&mut said, at, text);
    }
    put_result(&mut said, result)?;
    Ok(said)
}

/// The trimmed arguments, and the text after the closing bracket.
fn arguments(text: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let (mut all, mut begin, mut depth, mut quoted, mut at) = (Vec::new(), 0, 0, false, 0);
    while at < text.len() {
        match (quoted, text[at]) {
            (true, b'\\') => at += 1,
            (_, b'"') => quoted = !quoted,
            (true, _) => {}
            (false, b'(' | b'[' | b'{') => depth += 1,
            // The signs in `1<<CAP_CHOWN`, `->` and `=>` are not brackets.
            (false, b'<') if text[at..].starts_with(b"<<") => at += 1,
            (false, b'<') => depth += 1,
            (false, b'>') if at > 0 && !matches!(text[at - 1], b'=' | b'-') => depth -= 1,
            (false, b')') if depth == 0 => {
                let last = text[begin..at].trim();
                if !(last.is_empty() && all.is_empty()) {
                    all.push(last);
                }
                return Some((all, &text[at + 1..]));
            }
            (false, b')' | b']' | b'}') => depth -= 1,
            (false, b',') if depth == 0 => {
                all.push(text[begin..at].trim());
                begin = at + 1;
            }
            (false, _) => {}
        }
        at += 1;
    }
    None
}

fn put_argument(said: &mut Said, at: usize, text: &[u8]) {
    let Some(row) = said.row else { return };
    if let (Some(key), true) = (argument(said, at).map(|(key, _)| key), is_text(said, at)) {
        return put_string(said, key, text);
    }
    match row.peek.filter(|&(place, _)| place == at) {
        Some((_, Peek::OpenHow)) => return put_how(said, text),
        Some((_, Peek::Pair)) => return put_pair(said, text),
        Some((_, Peek::HandleOut | Peek::HandleIn)) | None => {}
    }
    if let Some(bits) = text.to_str().ok().and_then(macros::value) {
        return put_bits(said, at, bits);
    }
    let (number, file) = with_file(text);
    if let Some(file) = file {
        put_file_of(said, at, file);
    }
    // A comment, as in `0x7ffd /* 12 vars */`.
    let number = number.split_once_str(b" /*").map_or(number, |(number, _)| number);
    if let Ok(number) = number.to_str() {
        put_words(said, at, number);
    }
}

fn put_string(said: &mut Said, key: &'static str, text: &[u8]) {
    match string(text) {
        Some((bytes, is_cut)) => {
            said.put(key, Value::Text(bytes));
            if is_cut {
                said.put(&format!("{key}_is"), "cut".into());
            }
        }
        None if text == b"NULL" => put_no_text(said, key, "null"),
        None if text.starts_with(b"0x") => put_no_text(said, key, "unreadable"),
        None => {}
    }
}

/// The bytes of a string, and whether dots follow it.
fn string(text: &[u8]) -> Option<(Vec<u8>, bool)> {
    let body = text.strip_prefix(b"\"")?;
    let (body, is_cut) = match body.strip_suffix(b"...") {
        Some(body) => (body, true),
        None => (body, false),
    };
    Some((unescaped(body.strip_suffix(b"\"")?)?, is_cut))
}

/// The bytes for C's escapes.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, after) = rest.split_first()?;
        let (byte, used) = match kind {
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'r' => (b'\r', 1),
            b'v' => (0x0b, 1),
            b'f' => (0x0c, 1),
            b'x' => (u8::from_str_radix(after.get(..2)?.to_str().ok()?, 16).ok()?, 3),
            b'0'..=b'7' => {
                let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                (u8::from_str_radix(rest[..digits].to_str().ok()?, 8).ok()?, digits)
            }
            other => (other, 1),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    Some(bytes)
}

/// A descriptor and its file: `3</tmp/a>` or `3</tmp/a>(deleted)`. `7<pipe:[81187]>` has no path.
fn with_file(text: &[u8]) -> (&[u8], Option<Value>) {
    let Some((number, rest)) = text.split_once_str(b"<") else { return (text, None) };
    let (rest, is_deleted) = match rest.strip_suffix(b"(deleted)") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    // A device has its numbers: `</dev/null<char 1:3>>`.
    let name = rest.strip_suffix(b">").unwrap_or(rest);
    let name = name.split_once_str(b"<").map_or(name, |(name, _)| name);
    let file = unescaped(name).map(|mut name| {
        if !name.starts_with(b"/") {
            return Value::Nothing;
        }
        if is_deleted {
            name.extend(b" (deleted)");
        }
        Value::Text(name)
    });
    (number, file)
}

/// `{flags=O_RDONLY, mode=0644, resolve=RESOLVE_BENEATH}`
fn put_how(said: &mut Said, text: &[u8]) {
    let fields = text.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"}")).and_then(|text| text.to_str().ok());
    if fields.is_some() {
        // strace leaves it out if it is 0.
        said.put("mode", 0_u64.into());
    }
    for (name, value) in fields.unwrap_or_default().split(", ").filter_map(|field| field.split_once('=')) {
        let bits = match name {
            "flags" => flags(&names::OPEN, value),
            "mode" => mode(value),
            "resolve" => flags(&names::RESOLVE, value),
            _ => None,
        };
        if let Some(bits) = bits {
            said.put(name, bits.into());
        }
    }
}

/// `[7<pipe:[81187]>, 8<pipe:[81187]>]`
fn put_pair(said: &mut Said, text: &[u8]) {
    let inside = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"));
    let both = inside.and_then(|inside| inside.split_once_str(b", "));
    let number =
        |text: &[u8]| c_number(with_file(text).0.to_str().ok()?).map(|bits| Value::Number((bits as i32).into()));
    if let Some((Some(first), Some(second))) = both.map(|(first, second)| (number(first), number(second))) {
        said.put("makes", Value::List(vec![first, second]));
    }
}

/// `3</tmp/a>`, `-1 ENOENT (No such file or directory)`, `0x8001 (flags O_WRONLY)`, `?`, `? ERESTARTSYS (To be restarted)`.
/// With -T, ` <0.000012>` follows.
fn put_result(said: &mut Said, text: &[u8]) -> Result<(), &'static str> {
    let duration = text.rfind(b" <").filter(|&at| {
        let inside = text[at + 2..].strip_suffix(b">");
        inside.is_some_and(|inside| {
            !inside.is_empty() && inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        })
    });
    let text = &text[..duration.unwrap_or(text.len())];
    let (first, rest) = text.split_once_str(b" ").unwrap_or((text, b""));
    let word = rest.split(|&byte| byte == b' ').next().unwrap_or_default().to_str().unwrap_or_default();
    let errno = json::errno(word).filter(|&errno| errno_name(errno) == word || word.starts_with('E'));
    let value = match (first, errno) {
        (b"?" | b"-1", Some(errno)) => Value::Errno(errno),
        (b"?", None) => Value::Unfinished,
        _ => {
            let (number, file) = with_file(text);
            let number = number.split_once_str(b" ").map_or(number, |(number, _)| number);
            if let Some(file) = file {
                said.put("file", file);
            }
            let bits = number.to_str().ok().and_then(c_number).ok_or("its result is no number")?;
            Value::Number(bits as i64)
        }
    };
    said.put("ret", value);
    Ok(())
}
