//! A call as strace would write it.
//!
//! No I/O. It takes calls and returns lines.

use std::time::Duration;

use crate::table::kind::Kind;
use crate::table::names;
use crate::table::syscalls::{self, Effect, Peek, Ret, Role, Syscall};
use crate::trace::call::{Call, Outcome, RingRequest, Text};
use crate::trace::whole::Trace;

mod put; // names, numbers and bytes
mod data; // what pointers lead to

use put::{
    put, put_address, put_device, put_escaped, put_hex, put_mode, put_named, put_names, put_number, put_priority,
    put_type_and_mode,
};

/// How much is shown of structs and lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The most important members, with `...` for the others.
    #[default]
    Brief,
    /// All that was read.
    Full,
}

/// One call on one line: `write(4<dup.txt>, 0x7ffd, 5) = 5`, `read(3[eventfd], 0x7ffd, 16) = 8`.
pub fn call(call: &Call) -> String {
    call_in(call, Detail::Brief)
}

/// The same, with so much of its structs.
pub fn call_in(call: &Call, detail: Detail) -> String {
    let mut line = String::new();
    put_call(&mut line, call, detail);
    line
}

/// Appends the line to `out`. Nothing here makes a string for each call or argument, since millions are printed.
fn put_call(out: &mut String, call: &Call, detail: Detail) {
    let row = call.syscall();
    call.put_name(out);
    out.push('(');
    // A call without a row has an unknown number of arguments.
    let arguments = row.map_or(call.args.len(), |row| row.args.len());
    let mut shown = 0;
    for at in (0..arguments).filter(|&at| row.is_none_or(|row| is_shown(row, call, at))) {
        out.push_str(if shown == 0 { "" } else { ", " });
        shown += 1;
        match row {
            Some(row) => put_argument(out, row, call, at, detail),
            None => put_address(out, call.args[at]),
        }
    }
    if let Some(request) = &call.request {
        out.push_str(if shown == 0 { "" } else { ", " });
        put_entry(out, request);
    }
    out.push_str(") = ");
    put_result(out, row, call);
    if let Some(row) = row.filter(|_| !call.data.is_empty()) {
        data::put_left(out, row, call);
    }
    out.push_str(if call.refused { " (refused)" } else { "" });
}

/// The rest of a request's entry, and how the request was completed: `{user_data=7, IOSQE_ASYNC, worker}`.
fn put_entry(out: &mut String, request: &RingRequest) {
    let RingRequest { sqe, worker, more, ambiguous } = request;
    out.push_str("{user_data=");
    put_number(out, sqe.user_data());
    if sqe.flags() != 0 {
        out.push_str(", ");
        names::SQE.put(out, sqe.flags().into());
    }
    out.push_str(if *worker { ", worker" } else { "" });
    out.push_str(if *more { ", more" } else { "" });
    out.push_str(if *ambiguous { ", ambiguous}" } else { "}" });
}

/// All calls, one on each line. If there are several threads, the line begins with the thread, and has both ids if the call changed
/// the id. The durations are added if asked for.
pub fn trace(trace: &Trace, with_durations: bool) -> String {
    calls(&trace.calls.iter().collect::<Vec<_>>(), with_durations, Detail::Brief, |_| String::new())
}

/// The same of these calls, with what stands before each.
pub fn calls(calls: &[&Call], with_durations: bool, detail: Detail, mut before: impl FnMut(&Call) -> String) -> String {
    let threads = calls.iter().any(|other| other.tid != calls[0].tid);
    let mut lines = String::new();
    for &one in calls {
        match one.other_exit_tid() {
            // strace shows this as a process that is superseded by another.
            Some(exit_tid) => put(&mut lines, format_args!("[pid {:>5} → {exit_tid}] ", one.tid)),
            None if threads => put(&mut lines, format_args!("[pid {:>5}] ", one.tid)),
            None => {}
        }
        lines.push_str(&before(one));
        put_call(&mut lines, one, detail);
        if with_durations && one.outcome != Outcome::Unfinished {
            put(&mut lines, format_args!(" <{:.6}>", Duration::from_nanos(one.duration_ns).as_secs_f64()));
        }
        lines.push('\n');
    }
    lines
}

/// Appends a call with its thread, what stands `before` it, and its duration to `out`: `[pid   101] close(3) = 0 <0.000000214>`.
pub fn line(out: &mut String, call: &Call, detail: Detail, before: &str) {
    let mut digits = itoa::Buffer::new();
    let tid = digits.format(call.tid);
    out.push_str("[pid ");
    out.push_str(&"     "[tid.len().min(5)..]);
    out.push_str(tid);
    out.push_str("] ");
    out.push_str(before);
    put_call(out, call, detail);
    if call.outcome != Outcome::Unfinished {
        out.push_str(" <");
        put_number(out, call.duration_ns / NS_PER_S);
        out.push('.');
        // A 1 in front keeps all nine digits.
        out.push_str(&itoa::Buffer::new().format(NS_PER_S + call.duration_ns % NS_PER_S)[1..]);
        out.push('>');
    }
}

/// Nanoseconds in a second.
const NS_PER_S: u64 = 1_000_000_000;

/// A string of the traced process, in quotes; `address` is the argument.
pub fn text(address: u64, text: &Text) -> String {
    let mut shown = String::new();
    put_text(&mut shown, address, text);
    shown
}

fn put_text(out: &mut String, address: u64, text: &Text) {
    match text {
        Text::Unreadable(_) if address == 0 => out.push_str("NULL"),
        Text::Unreadable(errno) => {
            put(out, format_args!("{address:#x} (unreadable: "));
            names::put_errno(out, *errno);
            out.push(')');
        }
        Text::Read { bytes, cut } => {
            out.push('"');
            put_escaped(out, bytes);
            out.push_str(if *cut { "\"..." } else { "\"" });
        }
    }
}

/// Whether an argument is shown. The register of another holds whatever was in it (open(2): the mode is ignored unless a file is
/// made).
fn is_shown(row: &Syscall, call: &Call, at: usize) -> bool {
    row.looks_at(at, &call.args) && (row.args[at].name != "mode" || uses_mode(row, call))
}

/// Whether an open call looks at its `mode`.
pub(crate) fn uses_mode(row: &Syscall, call: &Call) -> bool {
    let flags = row.arg("flags").filter(|_| row.effect == Effect::Open).map(|at| call.args[at] as i32);
    flags.is_none_or(makes_file)
}

/// Whether flags of open(2) make a file. O_TMPFILE contains O_DIRECTORY, which makes none.
fn makes_file(flags: i32) -> bool {
    flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE & !libc::O_DIRECTORY != 0
}

fn put_argument(out: &mut String, row: &Syscall, call: &Call, at: usize, detail: Detail) {
    let raw = call.args[at];
    match row.role_for(at, &call.args) {
        Role::Fd => put_descriptor(out, raw, file_of(row, call, at), kind_of(row, call, at)),
        Role::DirFd => put_directory(out, row, call, at),
        // The last of all descriptors is ~0U (close_range(2)).
        Role::FdNumber if row.effect == Effect::CloseRange => put_number(out, raw as u32),
        Role::Int if row.args[at].name == "ioprio" => put_priority(out, raw as u32),
        Role::FdNumber | Role::Int => put_number(out, raw as i32),
        // A call that fails has filled in no path.
        Role::Path if row.effect == Effect::TellDirectory && call.success().is_none() => put_address(out, raw),
        Role::Path | Role::Text => match call.text(at) {
            Some(found) => {
                put_text(out, raw, found);
                out.push_str(if call.is_late(at) { " (read late)" } else { "" });
            }
            None => put_address(out, raw),
        },
        Role::Choice(_) if row.has_operation(&names::IOCTL) && at == 1 => put_operation(out, raw as u32),
        Role::Choice(known) if std::ptr::eq(known, &names::QUOTA) => put_quota_operation(out, raw as u32),
        Role::Flags(names) | Role::Choice(names) if names.is_long() => put_names(out, names, raw),
        Role::Flags(names) | Role::Choice(names) => put_names(out, names, (raw as u32).into()),
        Role::Named(names) => put_named(out, names, (raw as u32).into(), raw as i32),
        Role::Mode if row.arg("dev").is_some() => put_type_and_mode(out, (raw as u16).into()),
        // The kernel looks at 16 bits (include/linux/types.h, umode_t).
        Role::Mode => put_mode(out, (raw as u16).into()),
        Role::Id => put_number(out, syscalls::id(raw)),
        Role::Signed => put_number(out, call.signed(at)),
        Role::UnsignedInt if row.args[at].name == "dev" => put_device(out, (raw as u32).into()),
        Role::UnsignedInt => put_number(out, raw as u32),
        Role::Unsigned => put_number(out, raw),
        Role::Pointer => match row.peek.filter(|&(place, _)| place == at) {
            Some((_, peek)) => put_block(out, peek, call, raw),
            None if data::put_data(out, row, call, at, detail) => {}
            // Nobody knows what the argument of an operation without a name is.
            None if row.has_operation(&names::IOCTL) && names::IOCTL.name(call.args[1]).is_none() => {
                put_hex(out, raw);
            }
            None => put_address(out, raw),
        },
    }
}

/// A directory descriptor, or `AT_FDCWD`.
fn put_directory(out: &mut String, row: &Syscall, call: &Call, at: usize) {
    let raw = call.args[at];
    match raw as i32 {
        libc::AT_FDCWD => {
            out.push_str("AT_FDCWD");
            put_file(out, call.files.cwd.as_deref().filter(|_| begins_there(call, at)));
        }
        libc::FAN_NOFD if row.marks_files() => out.push_str("FAN_NOFD"),
        _ if names_itself(row, call, at) => put_descriptor(out, raw, call.files.path.as_deref(), None),
        other => put_number(out, other),
    }
}

fn put_file(out: &mut String, file: Option<&[u8]>) {
    let Some(file) = file else { return };
    out.push('<');
    put_escaped(out, file);
    out.push('>');
}

/// Whether the path after a directory descriptor is relative.
fn begins_there(call: &Call, dirfd: usize) -> bool {
    matches!(call.text(dirfd + 1), Some(Text::Read { bytes, .. }) if !bytes.starts_with(b"/"))
}

/// Whether a directory descriptor is the file of the call itself, since the path that follows it is empty (openat(2),
/// AT_EMPTY_PATH).
fn names_itself(row: &Syscall, call: &Call, at: usize) -> bool {
    let is_first = row.arg("path") == Some(at + 1);
    is_first && matches!(call.text(at + 1), Some(Text::Read { bytes, .. }) if bytes.is_empty())
}

/// An operation of ioctl(2). One without a name is taken apart as _IOC() puts it together (include/uapi/asm-generic/ioctl.h).
fn put_operation(out: &mut String, op: u32) {
    if let Some(name) = names::IOCTL.name(op.into()) {
        return out.push_str(name);
    }
    let direction = ["_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"][op as usize >> 30];
    out.push_str("_IOC(");
    out.push_str(direction);
    for part in [op >> 8 & 0xff, op & 0xff, op >> 16 & 0x3fff] {
        out.push_str(", ");
        put_hex(out, part.into());
    }
    out.push(')');
}

/// An operation of quotactl(2), as QCMD() puts it together (include/uapi/linux/quota.h).
fn put_quota_operation(out: &mut String, op: u32) {
    out.push_str("QCMD(");
    match names::QUOTA.name((op & !0xff).into()) {
        Some(name) => out.push_str(name),
        None => put_hex(out, (op >> 8).into()),
    }
    out.push_str(", ");
    match ["USRQUOTA", "GRPQUOTA", "PRJQUOTA"].get(op as usize & 0xff) {
        Some(kind) => out.push_str(kind),
        None => put_hex(out, (op & 0xff).into()),
    }
    out.push(')');
}

/// The file of a descriptor argument, where that is the file that the call is about.
fn file_of<'c>(row: &Syscall, call: &'c Call, at: usize) -> Option<&'c [u8]> {
    let files = [("path", &call.files.path), ("path2", &call.files.path2)];
    let (_, file) = files.into_iter().find(|(key, _)| row.descriptor_for(key) == Some(at))?;
    file.as_deref()
}

/// The kind of a descriptor argument's file.
fn kind_of(row: &Syscall, call: &Call, at: usize) -> Option<Kind> {
    let place = row.fd_args().position(|arg| arg == at)?;
    *call.files.kinds.get(place)?
}

/// The block that a pointer points to, if the record has it, else the pointer.
fn put_block(out: &mut String, peek: Peek, call: &Call, raw: u64) {
    match (peek, call.success().and_then(|_| call.pair())) {
        (Peek::OpenHow, _) if data::put_how(out, call) => {}
        (Peek::Pair, Some([first, second])) => put(out, format_args!("[{first}, {second}]")),
        (Peek::HandleOut, ..) if call.success().is_none() && data::put_room(out, call) => {}
        (Peek::HandleOut | Peek::HandleIn, ..) => put_handle(out, call.peek.as_deref(), raw),
        (Peek::OpenHow | Peek::Pair, ..) => put_address(out, raw),
    }
}

/// `struct file_handle` (open_by_handle_at(2)), or the pointer if it was not read.
fn put_handle(out: &mut String, bytes: Option<&[u8]>, raw: u64) {
    let Some((head, handle)) = bytes.and_then(|bytes| bytes.split_first_chunk::<8>()) else {
        return put_address(out, raw);
    };
    let [size, kind] = [[head[0], head[1], head[2], head[3]], [head[4], head[5], head[6], head[7]]];
    put(out, format_args!("{{handle_bytes={}, handle_type={}", u32::from_ne_bytes(size), i32::from_ne_bytes(kind)));
    out.push_str(", f_handle=\"");
    handle.iter().for_each(|byte| put(out, format_args!("\\x{byte:02x}")));
    out.push_str("\"}");
}

fn put_result(out: &mut String, row: Option<&Syscall>, call: &Call) {
    let value = match (call.outcome, call.errno()) {
        (Outcome::Unfinished, _) => return out.push('?'),
        (Outcome::Returned(_), Some(errno)) => {
            out.push_str("-1 ");
            return names::put_errno(out, errno);
        }
        (Outcome::Returned(value), None) => value,
    };
    match row.map_or(Ret::Number, |row| row.ret_for(&call.args)) {
        Ret::Fd => put_descriptor(out, value as u64, call.files.made_path.as_deref(), call.files.made),
        Ret::Mode => put_mode(out, value as u64),
        Ret::Flags(names) => {
            put_hex(out, value as u64);
            out.push_str(" (");
            names.put(out, value as u64);
            out.push(')');
        }
        Ret::Pointer => put_address(out, value as u64),
        Ret::Bytes => match call.bytes() {
            Some(bytes) if bytes != value as u64 => put(out, format_args!("{value} ({bytes} bytes)")),
            Some(_) => put_number(out, value),
            None => put(out, format_args!("{value} (bytes not known)")),
        },
        Ret::Number | Ret::ByCommand | Ret::FdWhen(_) | Ret::Never => put_number(out, value),
    }
}

/// A descriptor with its file, escaped but not quoted: `4<dup.txt>`. Without a name it has its kind: `4[pipe]`.
fn put_descriptor(out: &mut String, raw: u64, file: Option<&[u8]>, kind: Option<Kind>) {
    put_number(out, raw as i32);
    match (file, kind) {
        (Some(_), _) => put_file(out, file),
        (None, Some(kind)) => {
            out.push('[');
            out.push_str(kind.name());
            out.push(']');
        }
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::record::{self, Record, tests::call_bytes};

    #[test]
    fn a_line_has_the_thread_in_five_places_and_nine_of_a_second() {
        let tids = [1, 99_999, 100_000, u32::MAX];
        let durations = [0, 1, 999_999_999, NS_PER_S, 90_061_000_000_007, NS_PER_S * 4_000_000 + 123_456_789];
        for (tid, duration_ns) in tids.into_iter().flat_map(|tid| durations.map(|duration| (tid, duration))) {
            let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, 3, 7, b"", 0)) else { panic!("no call") };
            let one = Call { tid, duration_ns, ..call }.with(|deed| deed.number = 3);
            let seconds = Duration::from_nanos(duration_ns).as_secs_f64();
            let mut line = String::new();
            super::line(&mut line, &one, Detail::Brief, "");
            assert_eq!(line, format!("[pid {tid:>5}] {} <{seconds:.9}>", super::call(&one)));
        }
        let mut line = "before ".to_owned();
        let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, 3, 7, b"", 0)) else { panic!("no call") };
        let unfinished = Call { tid: 1, ..call }.with(|deed| deed.outcome = Outcome::Unfinished);
        super::line(&mut line, &unfinished, Detail::Brief, "then ");
        assert!(line.starts_with("before [pid     1] then ") && line.ends_with(" = ?"), "{line}");
    }
}
