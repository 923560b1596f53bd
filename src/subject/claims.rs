//! What a subject claims: of which calls it says what, and how. It is judged by that alone.
//!
//! No I/O.

use crate::table::syscalls::{Class, Syscall};

/// What a subject claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Which calls it shows.
    pub calls: Calls,
    /// What it says of each, by the keys of lines. `args` is all arguments that are no paths and no addresses, `open_how` what
    /// openat2(2) is given in memory; `fd_path` and
    /// `fd_path2` are the files behind descriptors, which are `path` and `path2` of a line where the call has no such argument.
    pub fields: Vec<String>,
    /// What a path is that is an argument.
    pub path: Paths,
    /// What the order of its lines says.
    pub order: Order,
    /// What it shows of a call that is interrupted.
    pub interrupted: Interrupted,
    /// Under which id it shows an execve that leaves with another (execve(2), of a thread that is not the leader).
    pub exec_tid: Moment,
    /// Calls that it does not tell apart: each list shows under one of its names.
    pub alike: Vec<Vec<String>>,
}

/// Which calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All system calls that take part in the comparison.
    All,
    /// These.
    These(Vec<String>),
}

/// What a path argument is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// As the call was given it.
    Given,
    /// Behind the directory that it begins at, as `tests.toml` has it.
    Resolved,
}

/// What the order of lines says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The calls of a thread come in its order.
    Thread,
    /// They come in any order, and `enter_ns` says which it was.
    Time,
    /// Nothing.
    None,
}

/// What is shown of a call that a signal interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// One call, with the result that the program sees.
    Once,
    /// Each attempt, with the kernel's restart codes as results (include/linux/errno.h).
    Attempts,
}

/// When the id of a thread is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When it entered the call.
    Enter,
    /// When it left it.
    Exit,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            calls: Calls::All,
            fields: Vec::new(),
            path: Paths::Given,
            order: Order::Thread,
            interrupted: Interrupted::Once,
            exec_tid: Moment::Enter,
            alike: Vec::new(),
        }
    }
}

impl Claims {
    /// Whether it shows this call. The requests of io_uring are no system calls, and are claimed by name alone.
    pub fn shows(&self, row: &Syscall) -> bool {
        match &self.calls {
            Calls::All => !row.is_request(),
            Calls::These(names) => names.iter().any(|name| self.is_alike(name, row.name)),
        }
    }

    /// Whether a call of the one name may be shown under the other.
    pub fn is_alike(&self, one: &str, other: &str) -> bool {
        let has = |group: &Vec<String>, name: &str| group.iter().any(|known| known == name);
        one == other || self.alike.iter().any(|group| has(group, one) && has(group, other))
    }

    /// Whether it says this of a call.
    pub fn says(&self, field: &str) -> bool {
        self.fields.iter().any(|known| known == field)
    }
}

/// Whether a call takes part where nothing else says so: those that are I/O do.
pub fn takes_part(row: &Syscall) -> bool {
    row.class == Class::Io
}
