//! The keys of a call: one for each argument, and those that follow from the kind of call.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::entries::{Entry, find};
use super::{Aspect, Which};
use crate::table::blocks;
use crate::table::names;
use crate::table::syscalls::{Peek, Ret, Role, Syscall};

/// A key of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallKey {
    /// Its name in the file.
    pub name: &'static str,
    /// The part of the call that it describes.
    pub aspect: Aspect,
    /// The values that it takes.
    pub role: Role,
}

/// The keys of a call with these arguments, in the order of comparison. fcntl's keys depend on its command.
pub(crate) fn keys(row: &'static Syscall, args: &[u64; 6]) -> Vec<CallKey> {
    let mut keys = argument_keys(row, args);
    keys.extend(file_keys(row));
    for at in row.path_args() {
        let second = usize::from(row.args[at].name == "path2");
        keys.push(key(["path_is", "path2_is"][second], Aspect::Text(second), Role::Text));
    }
    keys.extend(data_keys(row, args));
    keys.extend(flag_keys(row));
    let ret = row.ret_for(args);
    let ret_role = match ret {
        Ret::Flags(names) => Role::Flags(names),
        Ret::Pointer => Role::Pointer,
        Ret::Number | Ret::Fd | Ret::Bytes | Ret::Mode | Ret::ByCommand | Ret::FdWhen(_) | Ret::Never => Role::Signed,
    };
    if row.makes_pair() {
        keys.extend([0, 1].map(|at| key("makes", Aspect::Made(at), Role::FdNumber)));
    }
    keys.push(key("ret", Aspect::Ret, ret_role));
    keys.push(key("bytes", Aspect::Bytes, Role::Unsigned));
    if matches!(ret, Ret::Fd) {
        keys.push(key("file", Aspect::MadeFile, Role::Text));
    }
    keys.extend(descriptor_keys(row, ret));
    keys.extend(if row.is_request() { REQUEST_KEYS } else { SYSTEM_CALL_KEYS });
    keys.push(key("closes", Aspect::Closes, Role::Text));
    keys.push(key("comm", Aspect::Comm, Role::Text));
    // An argument of that name has priority: `pid` of kill is the process that gets the signal.
    for (name, aspect) in [("pid", Aspect::Pid), ("tid", Aspect::Tid)] {
        if row.arg(name).is_none() {
            keys.push(key(name, aspect, Role::Unsigned));
        }
    }
    keys.push(key("exit_tid", Aspect::ExitTid, Role::Unsigned));
    keys
}

/// The keys that only requests of io_uring have.
const REQUEST_KEYS: &[CallKey] = &[
    key("sqe_flags", Aspect::SqeFlags, Role::Flags(&names::SQE)),
    key("user_data", Aspect::UserData, Role::Unsigned),
    key("worker", Aspect::Worker, Role::Unsigned),
    key("more", Aspect::More, Role::Unsigned),
    key("ambiguous", Aspect::Ambiguous, Role::Unsigned),
];

/// The keys that only system calls have.
const SYSTEM_CALL_KEYS: &[CallKey] =
    &[key("abi", Aspect::Abi, Role::Text), key("refused", Aspect::Refused, Role::Unsigned)];

/// The keys about the descriptors that the call makes. If it makes none, they are about the descriptors in its arguments.
fn descriptor_keys(row: &'static Syscall, ret: Ret) -> Vec<CallKey> {
    let status = Role::Flags(&names::STATUS);
    let said = |[kind, status_key, cloexec]: [&'static str; 3], which, statuses: &[Which]| {
        let mut keys = vec![key(kind, Aspect::Kind(which), Role::Text)];
        keys.extend(statuses.iter().map(|&which| key(status_key, Aspect::Status(which), status)));
        keys.push(key(cloexec, Aspect::Cloexec(which), Role::Unsigned));
        keys
    };
    let names = [["kind", "status", "cloexec"], ["kind2", "status2", "cloexec2"]];
    if matches!(ret, Ret::Fd) {
        return said(names[0], Which::Made, &[Which::Made]);
    }
    if row.makes_pair() {
        // The ends of a pipe differ in their access mode.
        return said(names[0], Which::Pair, &[Which::Fd(0), Which::Fd(1)]);
    }
    let place = |name: &str| row.fd_args().position(|at| row.args[at].name == name).map(Which::Fd);
    let given = names.into_iter().zip(["fd", "fd2"].map(place));
    given.filter_map(|(names, which)| Some(said(names, which?, &[which?]))).flatten().collect()
}

/// The list of a call's keys for the hint of an error.
pub(crate) fn accepted(keys: &[CallKey]) -> Vec<&'static str> {
    let mut names: Vec<_> = std::iter::once("call").chain(keys.iter().map(|key| key.name)).collect();
    names.dedup();
    names
}

const fn key(name: &'static str, aspect: Aspect, role: Role) -> CallKey {
    CallKey { name, aspect, role }
}

fn argument_keys(row: &'static Syscall, args: &[u64; 6]) -> Vec<CallKey> {
    let aspect = |at: usize, role: Role| match role {
        Role::Path | Role::Text => Some(Aspect::File(usize::from(row.args[at].name == "path2"))),
        Role::Pointer => blocks::of_arg(row, at, args).map(|_| Aspect::Data(at)),
        Role::Fd
        | Role::DirFd
        | Role::FdNumber
        | Role::Flags(_)
        | Role::Choice(_)
        | Role::Mode
        | Role::Id
        | Role::Signed
        | Role::Int
        | Role::Named(_)
        | Role::Unsigned
        | Role::UnsignedInt => Some(Aspect::Arg(at)),
    };
    let roles = (0..row.args.len()).map(|at| (at, row.role_for(at, args)));
    let written = |role| if matches!(role, Role::Pointer) { Role::Text } else { role };
    roles.filter_map(|(at, role)| Some(key(row.args[at].name, aspect(at, role)?, written(role)))).collect()
}

/// How what pointers lead to was read.
fn data_keys(row: &'static Syscall, args: &[u64; 6]) -> Vec<CallKey> {
    static NAMES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        let args = Syscall::all().iter().flat_map(blocks::of).map(|block| block.arg);
        // They are needed as long as the tables, which are never dropped.
        args.map(|arg| (arg, &*Box::leak(format!("{arg}_is").into_boxed_str()))).collect()
    });
    let one = |arg: &str| Some(key(NAMES.get(arg).copied()?, Aspect::DataIs(row.arg(arg)?), Role::Text));
    let handle = row.peek.filter(|(_, peek)| matches!(peek, Peek::HandleIn)).map(|(at, _)| row.args[at].name);
    let blocks = blocks::of_args(row, args).map(|block| block.arg);
    blocks.chain(handle).filter_map(one).collect()
}

/// The files of a call without a path: those of its descriptors, or that of the returned descriptor.
fn file_keys(row: &'static Syscall) -> Vec<CallKey> {
    let returns_one = matches!(row.ret, Ret::Fd) && row.arg("path").is_none();
    let mut keys = Vec::new();
    if returns_one || row.descriptor_for("path").is_some() {
        keys.push(key("path", Aspect::File(0), Role::Text));
    }
    if row.descriptor_for("path2").is_some() {
        keys.push(key("path2", Aspect::File(1), Role::Text));
    }
    keys
}

/// Flags that are not an argument.
fn flag_keys(row: &'static Syscall) -> Vec<CallKey> {
    if let Some((names, _)) = row.implied_flags {
        return vec![key("flags", Aspect::Implied, Role::Flags(names))];
    }
    match row.peek {
        Some((_, Peek::OpenHow)) => vec![
            key("flags", Aspect::How(0), Role::Flags(&names::OPEN)),
            key("mode", Aspect::How(1), Role::Mode),
            key("resolve", Aspect::How(2), Role::Flags(&names::RESOLVE)),
        ],
        Some((_, Peek::Pair | Peek::HandleOut | Peek::HandleIn)) | None => Vec::new(),
    }
}

/// The arguments as far as the meaning of others depends on them: fcntl's command, and whether what a request makes goes into
/// the ring's own table.
pub(super) fn command(row: &'static Syscall, entries: &[Entry]) -> [u64; 6] {
    let mut args = [u64::MAX; 6];
    if let Some(at) = row.arg("file_index") {
        let written = find(entries, "file_index").and_then(|(_, value)| value.get_ref().as_integer());
        args[at] = written.is_some_and(|number| number.as_str() != "0").into();
    }
    if matches!(row.ret, Ret::FdWhen(_)) || row.depends_on_operation() {
        return named_arguments(row, entries);
    }
    let by_command = matches!(row.ret, Ret::ByCommand);
    if let Some(at) = row.arg("cmd").filter(|_| by_command)
        && let Role::Choice(names) = row.args[at].role
        && let Some(value) = find(entries, "cmd").and_then(|(_, value)| names.parse(value.get_ref().as_str()?).ok())
    {
        args[at] = value;
    }
    args
}

/// The arguments that have names. Flags that are left out are none.
fn named_arguments(row: &'static Syscall, entries: &[Entry]) -> [u64; 6] {
    let mut args = [u64::MAX; 6];
    for (arg, value) in row.args.iter().zip(&mut args) {
        let (Role::Flags(names) | Role::Choice(names)) = arg.role else { continue };
        let written = find(entries, arg.name).map(|(_, value)| value.get_ref());
        let number = written
            .and_then(|value| value.as_integer())
            .and_then(|it| u64::from_str_radix(it.as_str(), it.radix()).ok());
        let named = names.parse(written.and_then(|value| value.as_str()).unwrap_or_default());
        *value = number.or(named.ok()).unwrap_or(u64::MAX);
    }
    args
}
