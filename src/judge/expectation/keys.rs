//! The keys that a call has: those of its arguments, and those that follow from what it is.

use super::{Subject, Which};
use crate::table::names;
use crate::table::syscalls::{Peek, Ret, Role, Syscall};

/// A key that a call has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What of the call it is.
    pub subject: Subject,
    /// What values it takes.
    pub role: Role,
}

/// The keys of a call with these arguments (fcntl's depend on its command), in the order in which they are compared.
pub(crate) fn keys(row: &'static Syscall, args: &[u64; 6]) -> Vec<Key> {
    let mut keys = argument_keys(row, args);
    keys.extend(file_keys(row));
    for at in row.path_args() {
        let second = usize::from(row.args[at].name == "path2");
        keys.push(key(["path_is", "path2_is"][second], Subject::Text(second), Role::Text));
    }
    keys.extend(flag_keys(row));
    let ret = row.ret_for(args);
    let ret_role = match ret {
        Ret::Flags(names) => Role::Flags(names),
        Ret::Pointer => Role::Pointer,
        Ret::Number | Ret::Fd | Ret::Bytes | Ret::ByCommand | Ret::Never => Role::Signed,
    };
    if row.makes_pair() {
        keys.extend([0, 1].map(|at| key("makes", Subject::Made(at), Role::FdNumber)));
    }
    keys.push(key("ret", Subject::Ret, ret_role));
    keys.push(key("bytes", Subject::Bytes, Role::Unsigned));
    if matches!(ret, Ret::Fd) {
        keys.push(key("file", Subject::MadeFile, Role::Text));
    }
    keys.extend(descriptor_keys(row, ret));
    keys.extend(if row.is_request() { REQUEST_KEYS } else { SYSTEM_CALL_KEYS });
    keys.push(key("closes", Subject::Closes, Role::Text));
    keys.push(key("comm", Subject::Comm, Role::Text));
    // An argument of the name goes first: `pid` of kill is whom it signals.
    for (name, subject) in [("pid", Subject::Pid), ("tid", Subject::Tid)] {
        if row.arg(name).is_none() {
            keys.push(key(name, subject, Role::Unsigned));
        }
    }
    keys.push(key("exit_tid", Subject::ExitTid, Role::Unsigned));
    keys
}

/// The keys of requests of io_uring alone.
const REQUEST_KEYS: &[Key] = &[
    key("sqe_flags", Subject::SqeFlags, Role::Flags(&names::SQE)),
    key("user_data", Subject::UserData, Role::Unsigned),
    key("worker", Subject::Worker, Role::Unsigned),
    key("more", Subject::More, Role::Unsigned),
    key("ambiguous", Subject::Ambiguous, Role::Unsigned),
];

/// The keys of system calls alone.
const SYSTEM_CALL_KEYS: &[Key] =
    &[key("abi", Subject::Abi, Role::Text), key("refused", Subject::Refused, Role::Unsigned)];

/// What can be said of the descriptors that the call makes; where it makes none, of those that it is given.
fn descriptor_keys(row: &'static Syscall, ret: Ret) -> Vec<Key> {
    let status = Role::Flags(&names::STATUS);
    let said = |[kind, status_key, cloexec]: [&'static str; 3], which, statuses: &[Which]| {
        let mut keys = vec![key(kind, Subject::Kind(which), Role::Text)];
        keys.extend(statuses.iter().map(|&which| key(status_key, Subject::Status(which), status)));
        keys.push(key(cloexec, Subject::Cloexec(which), Role::Unsigned));
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

/// What the keys of a call may be in an error's hint.
pub(crate) fn accepted(keys: &[Key]) -> Vec<&'static str> {
    let mut names: Vec<_> = std::iter::once("call").chain(keys.iter().map(|key| key.name)).collect();
    names.dedup();
    names
}

const fn key(name: &'static str, subject: Subject, role: Role) -> Key {
    Key { name, subject, role }
}

fn argument_keys(row: &'static Syscall, args: &[u64; 6]) -> Vec<Key> {
    let subject = |at: usize, role: Role| match role {
        Role::Path | Role::Text => Some(Subject::File(usize::from(row.args[at].name == "path2"))),
        Role::Pointer => None,
        Role::Fd
        | Role::DirFd
        | Role::FdNumber
        | Role::Flags(_)
        | Role::Choice(_)
        | Role::Mode
        | Role::Id
        | Role::Signed
        | Role::Int
        | Role::Unsigned
        | Role::UnsignedInt => Some(Subject::Arg(at)),
    };
    let roles = (0..row.args.len()).map(|at| (at, row.role_for(at, args)));
    roles.filter_map(|(at, role)| Some(key(row.args[at].name, subject(at, role)?, role))).collect()
}

/// The files of a call that names none itself: those behind its descriptors, or behind the one that it returns.
fn file_keys(row: &'static Syscall) -> Vec<Key> {
    let returns_one = matches!(row.ret, Ret::Fd) && row.arg("path").is_none();
    let mut keys = Vec::new();
    if returns_one || row.descriptor_for("path").is_some() {
        keys.push(key("path", Subject::File(0), Role::Text));
    }
    if row.descriptor_for("path2").is_some() {
        keys.push(key("path2", Subject::File(1), Role::Text));
    }
    keys
}

/// Flags that are no argument.
fn flag_keys(row: &'static Syscall) -> Vec<Key> {
    if let Some((names, _)) = row.implied_flags {
        return vec![key("flags", Subject::Implied, Role::Flags(names))];
    }
    match row.peek {
        Some((_, Peek::OpenHow)) => vec![
            key("flags", Subject::How(0), Role::Flags(&names::OPEN)),
            key("mode", Subject::How(1), Role::Mode),
            key("resolve", Subject::How(2), Role::Flags(&names::RESOLVE)),
        ],
        Some((_, Peek::Pair | Peek::HandleOut | Peek::HandleIn)) | None => Vec::new(),
    }
}
