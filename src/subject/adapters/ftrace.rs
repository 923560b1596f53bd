//! Parses the text of `trace_pipe` with the events of `syscalls`: an enter and an exit of each call
//! (Documentation/trace/ftrace.rst).

use std::collections::HashMap;

use bstr::ByteSlice;

use super::arguments::{by_tracepoint, c_number, put_bits, put_raw_ret};
use super::{Adapter, call};
use crate::subject::json::Line;
use crate::subject::said::{Said, Value};

#[derive(Default)]
pub(super) struct Ftrace {
    /// The call that each thread has entered and not left.
    entered: HashMap<u64, Said>,
}

/// The text before the event: `comm-tid [cpu] flags time:`.
struct Head<'a> {
    comm: &'a [u8],
    tid: u64,
    event: &'a [u8],
}

impl Adapter for Ftrace {
    fn line(&mut self, raw: &[u8]) -> Vec<Line> {
        if raw.is_empty() || raw.starts_with(b"#") {
            return Vec::new();
        }
        if let Some(lost) = lost(raw) {
            return vec![Line::Lost(lost)];
        }
        let Some(head) = head(raw) else { return vec![Line::garbled(raw, "it is no event")] };
        match (enter(&head, raw), exit(head.event)) {
            (Some(said), _) => self.entered(said, raw),
            (None, Some((name, ret))) => vec![self.left(&head, &name, ret, raw)],
            (None, None) => vec![Line::garbled(raw, "it is neither the enter nor the exit of a call")],
        }
    }

    fn end(&mut self) -> Vec<Line> {
        let mut left: Vec<Said> = std::mem::take(&mut self.entered).into_values().collect();
        left.sort_by_key(|said| said.number("tid"));
        left.into_iter().map(|said| Line::Call(Box::new(said))).collect()
    }
}

impl Ftrace {
    fn entered(&mut self, said: Said, raw: &[u8]) -> Vec<Line> {
        // These do not return.
        if matches!(said.call.as_str(), "exit" | "exit_group") {
            return vec![call(said.with("ret", Value::Unfinished), raw)];
        }
        let Some(tid) = said.number("tid") else { return Vec::new() };
        let before = self.entered.insert(tid as u64, said);
        before.map(|said| Line::Call(Box::new(said))).into_iter().collect()
    }

    fn left(&mut self, head: &Head, name: &str, ret: u64, raw: &[u8]) -> Line {
        let entered = self.entered.remove(&head.tid).filter(|said| said.call == name);
        // This call began before the trace, or in another thread: a clone returns in both.
        let mut said = entered.unwrap_or_else(|| Said::new(name).with("tid", head.tid));
        said.put("comm", head.comm.into());
        put_raw_ret(&mut said, ret as i64);
        let before = std::mem::take(&mut said.raw);
        let raw = if before.is_empty() { raw.to_vec() } else { [before.as_slice(), b"\n", raw].concat() };
        call(said, &raw)
    }
}

/// `CPU:0 [LOST 123 EVENTS]`
fn lost(raw: &[u8]) -> Option<u64> {
    let line = raw.to_str().ok()?;
    let count = line.strip_prefix("CPU:")?.split_once("[LOST ")?.1.strip_suffix(" EVENTS]")?;
    count.parse().ok()
}

/// The comm may contain anything, so the search is for the text after it.
fn head(raw: &[u8]) -> Option<Head<'_>> {
    let raw = raw.trim_start_with(|one| one == ' ');
    let dashes = raw.find_iter(b"-").filter(|&at| at <= 16);
    dashes
        .filter_map(|dash| {
            let rest = &raw[dash + 1..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let tid = rest[..digits].to_str().ok()?.parse().ok()?;
            let after = rest[digits..].trim_start_with(|one| one == ' ').strip_prefix(b"[")?;
            let (cpu, after) = after.split_once_str(b"] ")?;
            let (flags, after) = after.trim_start_with(|one| one == ' ').split_once_str(b" ")?;
            let (time, event) = after.trim_start_with(|one| one == ' ').split_once_str(b": ")?;
            let is_head = cpu.iter().all(u8::is_ascii_digit)
                && flags.iter().all(u8::is_ascii_graphic)
                && time.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
            is_head.then_some(Head { comm: &raw[..dash], tid, event })
        })
        .next()
}

/// `sys_openat(dfd: 0xffffff9c, filename: 0x5620, flags: 0, mode: 0)`
fn enter(head: &Head, raw: &[u8]) -> Option<Said> {
    let event = head.event.to_str().ok()?.strip_prefix("sys_")?.strip_suffix(')')?;
    let (name, args) = event.split_once('(')?;
    let mut said = Said::new(by_tracepoint(name)).with("tid", head.tid).with("comm", head.comm);
    // The order is that of the call. The kernel's names for the arguments differ from ours.
    for (at, arg) in args.split(", ").filter(|arg| !arg.is_empty()).enumerate() {
        let (_, value) = arg.split_once(": ")?;
        // Newer kernels add the string after the address. They read it later than at the enter.
        let number = value.split(' ').next().unwrap_or_default();
        if let (true, Some(bits)) = (said.row.is_some_and(|row| at < row.args.len()), c_number(number)) {
            put_bits(&mut said, at, bits);
        }
    }
    said.raw = raw.to_vec();
    Some(said)
}

/// `sys_openat -> 0x3`
fn exit(event: &[u8]) -> Option<(String, u64)> {
    let (name, ret) = event.to_str().ok()?.strip_prefix("sys_")?.split_once(" -> ")?;
    Some((by_tracepoint(name).to_owned(), c_number(ret)?))
}
