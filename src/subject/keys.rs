//! The keys of a line: those of `tests.toml` (docs/tests-toml.md) and the arguments that are addresses.
//!
//! No I/O. `pid` and `tid` are always the process and thread that made the call. An argument of that name (kill(2), tgkill(2))
//! has the key `pid2` or `tid2`. In the same way, `data` is what pointers lead to, where that is known, and an argument `data` of such
//! a call has the key `data2`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::judge::expectation::{self, Aspect};
use crate::table::blocks;
use crate::table::syscalls::{Ret, Role, Syscall};

/// A key that a line may have.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in a line.
    pub name: &'static str,
    /// How its value is written and compared.
    pub role: Role,
    /// The part of the call that it describes.
    pub of: Of,
}

/// The part of a call that a key describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The time of the enter, in nanoseconds of CLOCK_MONOTONIC.
    Enter,
    /// The time of the return.
    Exit,
    /// An argument that is an address, by its index.
    Pointer(usize),
    /// A part that `tests.toml` describes too.
    Field(Aspect),
    /// The same part of both descriptors of a pair: an array of two.
    Both(Aspect, Aspect),
    /// What the pointers of the call with this number lead to.
    Data(u32),
    /// How that was read.
    DataIs(u32),
}

/// The key of [`Of::Data`].
pub const DATA: &str = "data";
/// The key of [`Of::DataIs`].
pub const DATA_IS: &str = "data_is";

/// The keys of a call with these arguments, in the order of a line. Without a row, the arguments are unknown.
pub fn keys(row: Option<&'static Syscall>, args: &[u64; 6]) -> Cow<'static, [Key]> {
    let Some(row) = row else { return Cow::Owned(of_any_call()) };
    match OF_ROWS.get(&row.number) {
        Some(keys) => Cow::Borrowed(keys),
        None => Cow::Owned(of_row(row, args)),
    }
}

/// The keys of the rows whose keys do not depend on the arguments.
static OF_ROWS: LazyLock<HashMap<u32, Vec<Key>>> = LazyLock::new(|| {
    let fixed = Syscall::all().iter().filter(|row| !depends(row));
    fixed.map(|row| (row.number, of_row(row, &[u64::MAX; 6]))).collect()
});

/// The arguments on which the meaning of other arguments, or of the result, may depend.
pub const DECISIVE: [&str; 5] = ["cmd", "file_index", "flags", "level", "op"];

/// Whether the meaning of some arguments depends on other arguments ([`Syscall::ret_for`]).
fn depends(row: &Syscall) -> bool {
    let by_command = matches!(row.ret, Ret::ByCommand | Ret::FdWhen(_)) || row.depends_on_operation();
    by_command || row.arg("file_index").is_some()
}

const fn key(name: &'static str, role: Role, of: Of) -> Key {
    Key { name, role, of }
}

/// The process and thread that made the call.
const WHO: [Key; 3] = [
    key("pid", Role::Unsigned, Of::Field(Aspect::Pid)),
    key("tid", Role::Unsigned, Of::Field(Aspect::Tid)),
    key("comm", Role::Text, Of::Field(Aspect::Comm)),
];

/// The times of the call.
const WHEN: [Key; 2] = [key("enter_ns", Role::Unsigned, Of::Enter), key("exit_ns", Role::Unsigned, Of::Exit)];

fn of_any_call() -> Vec<Key> {
    let besides = [
        key("ret", Role::Signed, Of::Field(Aspect::Ret)),
        key("abi", Role::Text, Of::Field(Aspect::Abi)),
        key("refused", Role::Unsigned, Of::Field(Aspect::Refused)),
        key("exit_tid", Role::Unsigned, Of::Field(Aspect::ExitTid)),
    ];
    WHO.into_iter().chain(besides).chain(WHEN).collect()
}

fn of_row(row: &'static Syscall, args: &[u64; 6]) -> Vec<Key> {
    let mut own: Vec<(usize, Key)> = Vec::new();
    let has_data = !blocks::of(row).is_empty();
    let beside_data = |name: &'static str| if has_data && name == DATA { "data2" } else { name };
    for known in expectation::keys::keys(row, args) {
        let (of, at) = match known.aspect {
            // An argument has its address in a line. What that leads to has a key of its own.
            Aspect::Pid | Aspect::Tid | Aspect::Comm | Aspect::Data(_) | Aspect::DataIs(_) => continue,
            subject => (Of::Field(subject), row.arg(known.name).unwrap_or(row.args.len())),
        };
        let name = beside_data(second(known.name, known.aspect));
        match own.iter_mut().find(|(_, other)| other.name == name) {
            // The two descriptors of a pair, and their flags.
            Some((_, Key { of, .. })) => {
                if let Of::Field(first) = *of {
                    *of = Of::Both(first, known.aspect);
                }
            }
            None => own.push((at, key(name, known.role, of))),
        }
    }
    let pointers = (0..row.args.len()).filter(|&at| matches!(row.role_for(at, args), Role::Pointer));
    own.extend(pointers.map(|at| (at, key(beside_data(row.args[at].name), Role::Pointer, Of::Pointer(at)))));
    own.sort_by_key(|&(at, _)| at);
    if has_data {
        let data = [key(DATA, Role::Text, Of::Data(row.number)), key(DATA_IS, Role::Text, Of::DataIs(row.number))];
        own.extend(data.map(|key| (row.args.len(), key)));
    }
    WHO.into_iter().chain(own.into_iter().map(|(_, key)| key)).chain(WHEN).collect()
}

fn second(name: &'static str, subject: Aspect) -> &'static str {
    match (name, subject) {
        ("pid", Aspect::Arg(_)) => "pid2",
        ("tid", Aspect::Arg(_)) => "tid2",
        _ => name,
    }
}

/// The key of an argument, by its index, for an adapter.
pub fn of_argument(row: &'static Syscall, args: &[u64; 6], at: usize) -> Option<Key> {
    let name = row.args.get(at)?.name;
    let is_it = |of: Of| match of {
        Of::Pointer(place) | Of::Field(Aspect::Arg(place)) => place == at,
        Of::Field(Aspect::File(nth)) => name == ["path", "path2"][nth],
        Of::Enter | Of::Exit | Of::Field(_) | Of::Both(..) | Of::Data(_) | Of::DataIs(_) => false,
    };
    keys(Some(row), args).iter().copied().find(|key| is_it(key.of))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_every_argument_has_one() {
        for row in Syscall::all() {
            let keys = keys(Some(row), &[u64::MAX; 6]);
            let names: HashSet<_> = keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), keys.len(), "{}", row.name);
            for at in 0..row.args.len() {
                let found = of_argument(row, &[u64::MAX; 6], at).map(|key| key.name);
                let name = row.args[at].name;
                let is_taken = matches!(name, "pid" | "tid") || name == DATA && !blocks::of(row).is_empty();
                let name = if is_taken { &format!("{name}2") } else { name };
                assert_eq!(found, Some(name), "{}", row.name);
            }
        }
    }

    #[test]
    fn whom_a_call_signals_is_not_who_makes_it() {
        let names = |name: &str| -> Vec<&str> {
            let row = Syscall::by_name(name).unwrap();
            keys(Some(row), &[0; 6]).iter().map(|key| key.name).filter(|name| name.contains("id")).collect()
        };
        assert_eq!(names("tgkill"), ["pid", "tid", "tgid", "tid2", "exit_tid"]);
        assert_eq!(names("kill"), ["pid", "tid", "pid2", "exit_tid"]);
    }

    #[test]
    fn what_fcntl_returns_depends_on_its_command() {
        let row = Syscall::by_name("fcntl").unwrap();
        let has =
            |command: i32, name| keys(Some(row), &[3, command as u64, 0, 0, 0, 0]).iter().any(|key| key.name == name);
        assert!(has(libc::F_DUPFD, "file") && !has(libc::F_GETFL, "file"));
    }
}
