//! The claims of a subject: which calls it reports, and which fields of them. A subject is judged by its claims alone.
//!
//! No I/O.

use crate::table::syscalls::{Class, Syscall};

/// The claims of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The calls that it reports.
    pub calls: Calls,
    /// The fields that it reports for each call, by the keys of lines. `args` means all arguments except paths and addresses,
    /// and `open_how` the structure in memory that openat2(2) takes. `fd_path` and `fd_path2` are the files of descriptors. In
    /// a line their keys are `path` and `path2`, if the call has no such argument.
    pub fields: Vec<String>,
    /// How it prints a path argument.
    pub path: Paths,
    /// The meaning of the order of its lines.
    pub order: CallOrder,
    /// How it reports an interrupted call.
    pub interrupted: Interrupted,
    /// The thread id under which it reports an execve by a thread that is not the leader: execve(2) changes the id.
    pub exec_tid: Moment,
    /// Calls that it does not distinguish. Each list is printed under one of its names.
    pub alike: Vec<Vec<String>>,
}

/// The claimed calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All system calls that take part in the comparison.
    All,
    /// Only these calls.
    These(Vec<String>),
}

/// How a path argument is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// The string that the call was given.
    Given,
    /// The string after the directory at which it begins, as in `tests.toml`.
    Resolved,
}

/// The meaning of the order of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOrder {
    /// The calls of each thread are in order.
    Thread,
    /// The lines have no order, but `enter_ns` gives it.
    Time,
    /// The lines have no order.
    None,
}

/// How a call that a signal interrupts is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// One call, with the result that the program sees.
    Once,
    /// Each attempt, with the kernel's restart codes as results (include/linux/errno.h).
    Attempts,
}

/// When the subject reads the thread id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When the thread entered the call.
    Enter,
    /// When the thread left the call.
    Exit,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            calls: Calls::All,
            fields: Vec::new(),
            path: Paths::Given,
            order: CallOrder::Thread,
            interrupted: Interrupted::Once,
            exec_tid: Moment::Enter,
            alike: Vec::new(),
        }
    }
}

impl Claims {
    /// Whether it claims this call. Requests of io_uring are not system calls, and so are claimed only by name.
    pub fn shows(&self, row: &Syscall) -> bool {
        match &self.calls {
            Calls::All => !row.is_request(),
            Calls::These(names) => names.iter().any(|name| self.is_alike(name, row.name)),
        }
    }

    /// Whether a call with the first name may be printed under the second.
    pub fn is_alike(&self, one: &str, other: &str) -> bool {
        let has = |group: &Vec<String>, name: &str| group.iter().any(|known| known == name);
        one == other || self.alike.iter().any(|group| has(group, one) && has(group, other))
    }

    /// Whether it claims this field of a call.
    pub fn says(&self, field: &str) -> bool {
        self.fields.iter().any(|known| known == field)
    }
}

/// Whether a call takes part by default: I/O calls do.
pub fn takes_part(row: &Syscall) -> bool {
    row.class == Class::Io
}
