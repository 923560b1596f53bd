//! A call as strace would write it.
//!
//! No I/O: takes calls and returns lines.

use std::fmt::Write as _;
use std::time::Duration;

use bstr::BStr;

use crate::kind::Kind;
use crate::names;
use crate::syscalls::{self, Peek, Ret, Role, Syscall};
use crate::trace::{Call, Outcome, Request, Text, Trace};

/// One call on one line: `write(4<dup.txt>, 0x7ffd, 5) = 5`, `read(3[eventfd], 0x7ffd, 16) = 8`.
pub fn call(call: &Call) -> String {
    let mut arguments = match call.syscall() {
        Some(row) => arguments(row, call),
        // The table does not say how many it has.
        None => call.args.iter().map(|&raw| address(raw)).collect(),
    };
    arguments.extend(call.request.map(|request| entry(&request)));
    let refused = if call.refused { " (refused)" } else { "" };
    format!("{}({}) = {}{refused}", call.name(), arguments.join(", "), result(call))
}

/// What the entry of a request has besides the arguments, and how it was completed: `{user_data=7, IOSQE_ASYNC, worker}`.
fn entry(request: &Request) -> String {
    let Request { sqe, worker, more, ambiguous } = request;
    let mut parts = vec![format!("user_data={}", sqe.user_data())];
    if sqe.flags() != 0 {
        parts.push(names::SQE.show(sqe.flags().into()));
    }
    parts.extend(
        [(*worker, "worker"), (*more, "more"), (*ambiguous, "ambiguous")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| (*name).to_owned()),
    );
    format!("{{{}}}", parts.join(", "))
}

/// All calls, a line each, with the thread in front if there are several (both ids, if one call changed it) and with how long
/// each took if asked.
pub fn trace(trace: &Trace, with_durations: bool) -> String {
    let threads = trace.calls.iter().any(|other| other.tid != trace.calls[0].tid);
    let mut lines = String::new();
    for one in &trace.calls {
        match one.other_exit_tid() {
            // strace shows it as a process that is superseded by another.
            Some(exit_tid) => drop(write!(lines, "[pid {:>5} → {exit_tid}] ", one.tid)),
            None if threads => drop(write!(lines, "[pid {:>5}] ", one.tid)),
            None => {}
        }
        lines.push_str(&call(one));
        if with_durations && one.outcome != Outcome::Unfinished {
            let _ = write!(lines, " <{:.6}>", Duration::from_nanos(one.duration_ns).as_secs_f64());
        }
        lines.push('\n');
    }
    lines
}

/// A call on one line with its thread and how long it took: `[pid   101] close(3) = 0 <0.000000214>`.
pub fn line(one: &Call) -> String {
    let mut line = format!("[pid {:>5}] {}", one.tid, call(one));
    if one.outcome != Outcome::Unfinished {
        let _ = write!(line, " <{:.9}>", Duration::from_nanos(one.duration_ns).as_secs_f64());
    }
    line
}

/// A string of the traced process, in quotes; `address` is the argument.
pub fn text(address: u64, text: &Text) -> String {
    match text {
        Text::Unreadable(_) if address == 0 => "NULL".to_owned(),
        Text::Unreadable(errno) => format!("{address:#x} (unreadable: {})", names::errno_name(*errno)),
        Text::Read { bytes, cut } => format!("{:?}{}", BStr::new(bytes), if *cut { "..." } else { "" }),
    }
}

fn arguments(row: &Syscall, call: &Call) -> Vec<String> {
    let mut shown: Vec<String> = (0..row.args.len()).map(|at| argument(row, call, at)).collect();
    if let Some(at) = row.arg("mode").filter(|_| !uses_mode(row, call)) {
        // The register holds whatever was in it (open(2): the mode is ignored unless a file is made).
        shown.truncate(at);
    }
    shown
}

/// Whether an open call looks at its `mode`.
fn uses_mode(row: &Syscall, call: &Call) -> bool {
    let opens = matches!(row.like, "open" | "openat");
    let flags = row.arg("flags").map_or(0, |at| call.args[at]) as i32;
    // O_TMPFILE contains O_DIRECTORY, which makes no file.
    !opens || flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE
}

fn argument(row: &Syscall, call: &Call, at: usize) -> String {
    let raw = call.args[at];
    let peeked = row.peek.filter(|&(place, _)| place == at).and_then(|(_, peek)| block(peek, call));
    match row.role_for(at, &call.args) {
        Role::Fd => descriptor(raw, file_of(row, call, at), kind_of(row, call, at)),
        Role::DirFd if raw as i32 == libc::AT_FDCWD => "AT_FDCWD".to_owned(),
        Role::DirFd if names_itself(row, call, at) => descriptor(raw, call.files.path.as_deref(), None),
        Role::DirFd | Role::FdNumber | Role::Int => (raw as i32).to_string(),
        // Where it fails, it has filled in no path.
        Role::Path if row.name == "getcwd" && call.success().is_none() => address(raw),
        Role::Path | Role::Text => {
            let late = if call.is_late(at) { " (read late)" } else { "" };
            call.text(at).map_or_else(|| address(raw), |found| text(raw, found) + late)
        }
        Role::Flags(names) | Role::Choice(names) => names.show((raw as u32).into()),
        Role::Mode => octal((raw as u32).into()),
        Role::Id => syscalls::id(raw).to_string(),
        Role::Signed => call.signed(at).to_string(),
        Role::Unsigned => raw.to_string(),
        Role::UnsignedInt => (raw as u32).to_string(),
        Role::Pointer => peeked.unwrap_or_else(|| address(raw)),
    }
}

/// Whether a directory descriptor stands for the file of the call, since the path that follows it is empty (openat(2),
/// AT_EMPTY_PATH).
fn names_itself(row: &Syscall, call: &Call, at: usize) -> bool {
    let is_first = row.arg("path") == Some(at + 1);
    is_first && matches!(call.text(at + 1), Some(Text::Read { bytes, .. }) if bytes.is_empty())
}

/// The file behind a descriptor argument, where that is what the call is about.
fn file_of<'c>(row: &Syscall, call: &'c Call, at: usize) -> Option<&'c [u8]> {
    let files = [("path", &call.files.path), ("path2", &call.files.path2)];
    let (_, file) = files.into_iter().find(|(key, _)| row.descriptor_for(key) == Some(at))?;
    file.as_deref()
}

/// What is behind a descriptor argument.
fn kind_of(row: &Syscall, call: &Call, at: usize) -> Option<Kind> {
    let place = row.fd_args().position(|arg| arg == at)?;
    *call.files.kinds.get(place)?
}

/// What is behind a pointer, where the record has it.
fn block(peek: Peek, call: &Call) -> Option<String> {
    match peek {
        Peek::OpenHow => {
            let (flags, mode) = (names::OPEN.show(call.how(0)?), octal(call.how(1)?));
            Some(format!("{{flags={flags}, mode={mode}, resolve={}}}", names::RESOLVE.show(call.how(2)?)))
        }
        Peek::Pair => call.success().and_then(|_| call.pair()).map(|[first, second]| format!("[{first}, {second}]")),
        Peek::HandleOut | Peek::HandleIn => None,
    }
}

fn result(call: &Call) -> String {
    let value = match (call.outcome, call.errno()) {
        (Outcome::Unfinished, _) => return "?".to_owned(),
        (Outcome::Returned(_), Some(errno)) => return format!("-1 {}", names::errno_name(errno)),
        (Outcome::Returned(value), None) => value,
    };
    match call.syscall().map_or(Ret::Number, |row| row.ret_for(&call.args)) {
        Ret::Fd => descriptor(value as u64, call.files.made_path.as_deref(), call.files.made),
        Ret::Flags(names) => format!("{value:#x} ({})", names.show(value as u64)),
        Ret::Pointer => address(value as u64),
        Ret::Bytes => match call.bytes() {
            Some(bytes) if bytes != value as u64 => format!("{value} ({bytes} bytes)"),
            Some(_) => value.to_string(),
            None => format!("{value} (bytes not known)"),
        },
        Ret::Number | Ret::ByCommand | Ret::Never => value.to_string(),
    }
}

/// A descriptor with its file, escaped but not quoted: `4<dup.txt>`; else with what is behind it: `4[pipe]`.
fn descriptor(raw: u64, file: Option<&[u8]>, kind: Option<Kind>) -> String {
    let number = raw as i32;
    match (file, kind) {
        (Some(file), _) => {
            let quoted = format!("{:?}", BStr::new(file));
            format!("{number}<{}>", quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted))
        }
        (None, Some(kind)) => format!("{number}[{}]", kind.name()),
        (None, None) => number.to_string(),
    }
}

fn octal(value: u64) -> String {
    if value == 0 { "0".to_owned() } else { format!("0{value:o}") }
}

fn address(raw: u64) -> String {
    if raw == 0 { "NULL".to_owned() } else { format!("{raw:#x}") }
}
