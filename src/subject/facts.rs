//! What a subject should report for a call by its claims, and whether it does.
//!
//! No I/O.

use super::claims::{Claims, Interrupted, Moment, Paths};
use super::keys::{DATA, Key, Of, keys};
use super::said::{self, Said, Value, given, show_of, shown, value};
use crate::judge::expectation::Aspect;
use crate::table::syscalls::{Effect, Role, Syscall};
use crate::trace::call::{Call, Text};
use crate::trace::show::uses_mode;

mod data; // what pointers lead to

/// How a value is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrongness {
    /// The field is claimed, and the line lacks it.
    Absent,
    /// The line has another value.
    Wrong,
    /// The line has only the begin of the right value, and does not mark it as cut.
    Cut,
}

/// What a subject should report for a call.
pub(super) struct Expected {
    name: String,
    fields: Vec<Claimed>,
}

/// One expected value.
struct Claimed {
    /// The field, as named in claims.
    field: &'static str,
    key: Key,
    value: Value,
    /// The workspace, if paths are relative to it.
    workspace: Option<Vec<u8>>,
}

/// One expected value, and whether the line has it.
pub(super) struct Judged {
    pub field: &'static str,
    pub kind: Option<Wrongness>,
    pub expected: String,
    pub shown: String,
}

/// The kernel's restart codes (include/linux/errno.h): no program sees them.
const RESTARTS: [i32; 4] = [512, 513, 514, RESTARTBLOCK];
/// restart_syscall(2) continues the call and has its result.
const RESTARTBLOCK: i32 = 516;

/// Whether a result belongs to an attempt, which is restarted or fails with EINTR.
pub(super) fn is_restart(ret: Option<&Value>) -> bool {
    matches!(ret, Some(Value::Errno(errno)) if RESTARTS.contains(errno))
}

/// The thread id under which a call is reported.
pub(super) fn tid(call: &Call, claims: &Claims) -> u32 {
    match claims.exec_tid {
        Moment::Enter => call.tid,
        Moment::Exit => call.other_exit_tid().unwrap_or(call.tid),
    }
}

impl Expected {
    /// The fields that the claims require.
    pub(super) fn of(call: &Call, claims: &Claims, workspace: Option<&[u8]>) -> Self {
        let row = call.syscall();
        let keys = keys(row, &call.args);
        let claimed = keys.iter().filter_map(|key| {
            let field = field(key, call);
            let is_said = claims.says(field) && !is_called_data(key)
                || is_argument(key) && claims.says("args")
                || matches!(key.of, Of::Field(Aspect::How(_))) && claims.says("open_how");
            let (value, is_resolved) = expected(key, call, claims)?;
            let workspace = workspace.filter(|_| is_resolved).map(<[u8]>::to_vec);
            is_said.then_some(Claimed { field, key: *key, value, workspace })
        });
        Self { name: row.map_or_else(|| call.name(), |row| row.name.to_owned()), fields: claimed.collect() }
    }

    /// How many fields are wrong. `None` if it is another call.
    pub(super) fn distance(&self, said: &Said, claims: &Claims) -> Option<usize> {
        let wrong = || self.fields.iter().filter(|claimed| claimed.kind(said, claims).is_some()).count();
        claims.is_alike(&self.name, &said.call).then(wrong)
    }

    /// Whether a line has this call and its arguments, as far as both sides know them as numbers.
    pub(super) fn is_asked_alike(&self, said: &Said, claims: &Claims) -> bool {
        let is_argument = |key: &str| said.row.is_some_and(|row| row.arg(key).is_some());
        let differs = |claimed: &Claimed| match (said.get(claimed.key.name), &claimed.value) {
            (Some(Value::Number(one)), Value::Number(other)) => is_argument(claimed.key.name) && one != other,
            _ => false,
        };
        claims.is_alike(&self.name, &said.call) && !self.fields.iter().any(differs)
    }

    /// Whether a signal ended the call.
    pub(super) fn is_interrupted(&self) -> bool {
        let ret = self.fields.iter().find(|claimed| claimed.key.of == Of::Field(Aspect::Ret));
        ret.is_some_and(|ret| matches!(ret.value, Value::Errno(libc::EINTR) | Value::Unfinished))
    }

    /// The comparison of each field that can be compared.
    pub(super) fn judge(&self, said: &Said, claims: &Claims) -> Vec<Judged> {
        let one = |claimed: &Claimed| {
            let Claimed { field, key, value, .. } = claimed;
            let kind = claimed.kind(said, claims);
            let shown = shown(key, said.get(key.name));
            Judged { field, kind, expected: show_of(key, value), shown }
        };
        self.fields.iter().map(one).collect()
    }
}

impl Claimed {
    fn kind(&self, said: &Said, claims: &Claims) -> Option<Wrongness> {
        let expected = &self.value;
        if let Of::Data(_) = self.key.of {
            return data::wrongness(expected, said);
        }
        let Some(said_value) = said.get(self.key.name) else {
            return (*expected != Value::Nothing).then_some(Wrongness::Absent);
        };
        let is_ret = self.key.of == Of::Field(Aspect::Ret);
        if is_ret && claims.interrupted == Interrupted::Attempts && is_attempt_of(said_value, expected) {
            return None;
        }
        let is_marked = || said.get(&format!("{}_is", self.key.name)) == Some(&"cut".into());
        match (self.relative(said_value), expected) {
            (said, expected) if said == *expected => None,
            (Value::Text(said), Value::Text(whole)) if !said.is_empty() && whole.starts_with(&said) => {
                (!is_marked()).then_some(Wrongness::Cut)
            }
            _ => Some(Wrongness::Wrong),
        }
    }

    /// A path as the reference has it: relative to the workspace if it is inside.
    fn relative(&self, said: &Value) -> Value {
        match (said, &self.workspace) {
            (Value::Text(path), Some(workspace)) => match path.strip_prefix(workspace.as_slice()) {
                Some(b"") => ".".into(),
                Some([b'/', inside @ ..]) => inside.into(),
                Some(_) | None => said.clone(),
            },
            (Value::List(paths), Some(_)) => Value::List(paths.iter().map(|path| self.relative(path)).collect()),
            _ => said.clone(),
        }
    }
}

/// A subject may report only an attempt, if the call fails with EINTR or its thread never returns to it (siglongjmp(3)).
fn is_attempt_of(said: &Value, expected: &Value) -> bool {
    let is_interrupted = matches!(expected, Value::Errno(libc::EINTR) | Value::Unfinished);
    is_restart(Some(said)) && (is_interrupted || *said == Value::Errno(RESTARTBLOCK))
}

/// The name in claims for a key of this call.
fn field(key: &Key, call: &Call) -> &'static str {
    let is_argument = call.syscall().is_some_and(|row| row.arg(key.name).is_some());
    match (key.of, is_argument) {
        (Of::Field(Aspect::File(0)), false) => "fd_path",
        (Of::Field(Aspect::File(_)), false) => "fd_path2",
        _ => key.name,
    }
}

/// Whether it is an argument in a register, and neither a path nor an address.
fn is_argument(key: &Key) -> bool {
    let is_one = matches!(key.of, Of::Field(Aspect::Arg(_)));
    is_one && !matches!(key.role, Role::Pointer)
}

/// Whether it is an argument that happens to be called `data` (mount(2)), and not the field `data`.
fn is_called_data(key: &Key) -> bool {
    key.name == DATA && !matches!(key.of, Of::Data(_))
}

/// Whether the kernel ignores an argument, so that its register may have any value. Examples are the mode of a call that makes
/// no file (open(2)), the argument of fcntl's get commands, and the upper half of a 64-bit offset (preadv2(2)).
fn is_ignored(key: &Key, row: &Syscall, call: &Call) -> bool {
    match key.name {
        "mode" => row.arg("mode").is_some() && !uses_mode(row, call),
        // The number of a device, if the mode makes one (mknod(2)).
        "dev" => row.arg("mode").is_some_and(|at| {
            let kind = call.args[at] as u32 & libc::S_IFMT;
            kind != libc::S_IFCHR && kind != libc::S_IFBLK
        }),
        "offset_high" => true,
        name => row.arg(name).is_some_and(|at| !row.looks_at(at, &call.args)),
    }
}

/// The value in the reference, and whether its paths are relative to the workspace. `None` if it cannot be compared: arguments
/// that the kernel ignores, and times, which no two tracers take at once.
fn expected(key: &Key, call: &Call, claims: &Claims) -> Option<(Value, bool)> {
    let row = call.syscall();
    let is_ignored = row.is_some_and(|row| is_ignored(key, row, call));
    match key.of {
        Of::Enter | Of::Exit | Of::DataIs(_) => None,
        Of::Data(_) => Some((said::data::certain(call)?, false)),
        _ if is_ignored => None,
        Of::Field(Aspect::Tid) => Some((Value::Number(tid(call, claims).into()), false)),
        Of::Field(Aspect::File(_)) if is_unknown_text(key, call) => None,
        Of::Field(Aspect::File(_)) if claims.path == Paths::Given => match given(key, call) {
            Some(value) => Some((value, false)),
            None => named(key, call),
        },
        Of::Field(Aspect::File(_)) => named(key, call),
        Of::Field(Aspect::MadeFile | Aspect::Closes) => Some((value(key, call)?, true)),
        Of::Field(_) | Of::Both(..) | Of::Pointer(_) => Some((value(key, call)?, false)),
    }
}

/// The name of a call's file. A file may have no name in the reference but one in another tracer: O_TMPFILE, memfd_create(2),
/// or a mount that is in no namespace.
fn named(key: &Key, call: &Call) -> Option<(Value, bool)> {
    let name = value(key, call)?;
    let is_open = call.fds.iter().any(Option::is_some);
    (name != Value::Nothing || !is_open).then_some((name, true))
}

/// A string that the reference does not have whole, or that the call did not write.
fn is_unknown_text(key: &Key, call: &Call) -> bool {
    let at = call.syscall().and_then(|row| row.arg(key.name));
    match at.and_then(|at| call.text(at)) {
        Some(Text::Read { cut, .. }) => {
            *cut || call.syscall().is_some_and(|row| row.effect == Effect::TellDirectory) && call.success().is_none()
        }
        Some(Text::Unreadable(_)) | None => false,
    }
}
