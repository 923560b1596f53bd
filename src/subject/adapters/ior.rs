//! Parses the output of ior: `durationToPrevNs,durationNs,comm@pid.tid,name=>ret,file`.
//!
//! ior prints `E:name` or `N:file` if it knows no name. `old:A ->new:B` and `pathname:A` are the path arguments of a call.
//! After the last `%` come the descriptor, if there is one, and the flags of the open file.

use bstr::ByteSlice;

use super::arguments::{by_tracepoint, put_raw_ret};
use super::{Adapter, call, note};
use crate::subject::json::{Line, names_value};
use crate::subject::said::Said;
use crate::table::names;

#[derive(Default)]
pub(super) struct Ior {
    /// Whether the header has come. The lines before it are messages from ior's start.
    begun: bool,
    /// Whether the end of the output has come.
    ended: bool,
}

const HEADER: &[u8] = b"durationToPrevNs,durationNs,comm,pid.tid,name,ret,notice,file";

impl Adapter for Ior {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        self.begun |= raw == HEADER;
        if !self.begun || raw == HEADER || raw.is_empty() {
            return note(raw);
        }
        if let Some(said) = row(raw) {
            return vec![call(said, raw)];
        }
        self.ended |= [b"Waiting for stats".as_slice(), b"Stopping event loop", b"Good bye", b"Statistics:"]
            .iter()
            .any(|word| raw.starts_with(word));
        match mismatches(raw) {
            Some(lost @ 1..) => vec![Line::Lost(lost)],
            Some(0) | None if self.ended => note(raw),
            Some(0) | None => vec![Line::garbled(raw, "it is no row of the table")],
        }
    }
}

/// `tracepoints: 28 (4.66/s) with 0 mismatches (0.00%)`: mismatches are enters without an exit, or exits without an enter.
fn mismatches(raw: &[u8]) -> Option<u64> {
    let line = raw.to_str().ok()?.trim_start().strip_prefix("tracepoints: ")?;
    line.split_once(" with ")?.1.split_once(" mismatches")?.0.parse().ok()
}

fn row(raw: &[u8]) -> Option<Said> {
    let (to_previous, rest) = raw.split_once_str(b",")?;
    let (duration, rest) = rest.split_once_str(b",")?;
    if ![to_previous, duration].iter().all(|digits| digits.iter().all(u8::is_ascii_digit)) {
        return None;
    }
    // A comm may contain all of these characters, a process id cannot.
    let (comm, pid, tid, rest) = rest.find_iter(b"@").find_map(|at| {
        let (pid, after) = number(&rest[at + 1..])?;
        let (tid, after) = number(after.strip_prefix(b".")?)?;
        Some((&rest[..at], pid, tid, after.strip_prefix(b",")?))
    })?;
    let (name, rest) = rest.split_once_str(b"=>")?;
    let (ret, file) = rest.split_once_str(b",")?;
    let mut said = Said::new(by_tracepoint(name.to_str().ok()?)).with("pid", pid).with("tid", tid);
    if !comm.is_empty() {
        said = said.with("comm", comm);
    }
    said.row?;
    put_file(&mut said, file);
    put_raw_ret(&mut said, ret.to_str().ok()?.parse().ok()?);
    Some(said)
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((text[..digits].to_str().ok()?.parse().ok()?, &text[digits..]))
}

fn put_file(said: &mut Said, file: &[u8]) {
    let (names, open) = match file.rfind(b"%(") {
        Some(at) => (&file[..at], file[at + 2..].strip_suffix(b")").and_then(|open| open.to_str().ok())),
        None => (file, None),
    };
    if let Some(open) = open {
        put_open_file(said, open);
    }
    if let Some(names) = names.strip_prefix(b"old:") {
        let mut arrows = names.find_iter(b" ->new:");
        // With two separators, one may belong to a name: it is unknown which one.
        if let (Some(at), None) = (arrows.next(), arrows.next()) {
            said.put("path", names[..at].into());
            said.put("path2", names[at + 7..].into());
        }
        return;
    }
    let name = names.strip_prefix(b"pathname:").unwrap_or(names);
    if !matches!(name, b"E:name" | b"N:file" | b"") {
        said.put("path", name.into());
    }
}

/// `3,O_RDWR|O_CREAT`, or the flags alone. The flags belong to the call only if it opened the file.
fn put_open_file(said: &mut Said, open: &str) {
    let (fd, flags) = open.split_once(',').map_or((None, open), |(fd, flags)| (fd.parse::<i32>().ok(), flags));
    let opens = matches!(said.call.as_str(), "open" | "openat");
    if let (true, Some(flags)) = (opens && flags != "O_NONE", names_value(&names::OPEN, flags)) {
        said.put("flags", flags.into());
    }
    if let (Some(fd), Some("fd")) = (fd, said.row.and_then(|row| row.args.first()).map(|arg| arg.name)) {
        said.put("fd", super::super::Value::Number(fd.into()));
    }
}
