//! What the witness saw: the stops of each thread, folded into calls.
//!
//! No I/O. [`crate::watch::witness`] says here what stopped where; nothing in this file knows of BPF. A stop at the entrance of a
//! call and one at its exit are one call (ptrace(2), "Syscall-stops"); what comes between them when a call is interrupted is
//! folded by where the thread goes on, which the kernel has decided by then.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::trace::call::Call;

mod changes; // the calls that change names
mod restarts; // how a call is interrupted and made again
mod fold; // stops → calls

pub use fold::Fold;

/// All that was seen of a process, and of its descendants if they are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Testimony {
    /// In the order in which they were entered.
    pub calls: Vec<Seen>,
    /// All threads that were seen, by their ids.
    pub threads: BTreeSet<u32>,
    /// Processes that the witness let go before their end: what they did after that it has not seen.
    pub left: BTreeSet<u32>,
    /// Those of them that could not be let go in time, and were killed.
    pub killed: BTreeSet<u32>,
}

/// A call as the witness saw it. Its `comm`, times and files are empty: those are no part of a testimony.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The call; `order` is its place in the testimony.
    pub call: Call,
    /// What its files are called. Calls that are alike share it.
    pub names: Arc<FileNames>,
    /// What the register of the result held when the thread was killed on its way out of the call, before its exit could be
    /// seen.
    pub at_death: Option<i64>,
    /// The thread was killed in it, and could not be looked at any more: whether the call has returned is not known.
    pub vanished: bool,
    /// Which of its paths, and whether its block, lay on a page that was not there when the call returned: the call has not
    /// looked at it.
    pub untouched: [bool; 3],
    /// The thread had a seccomp filter, which may have answered the call.
    pub filtered: bool,
    /// A signal handler has interrupted the call and has not returned: whether the call failed is not known.
    pub unsettled: bool,
    /// Between its enter and its exit another thread was in a call that may change names of files, mounts, or a working directory
    /// or root that is shared.
    pub disturbed: bool,
    /// How many calls all threads had entered when this one ended: those from [`Call::order`] on were entered during it.
    /// [`u64::MAX`] if its end was not seen.
    pub until: u64,
}

/// What the files of a call are called: by the links that the kernel has in /proc, and by where its path leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileNames {
    /// The links in /proc/PID/fd (proc_pid_fd(5)) of its descriptor arguments when it was entered; `None` if not open.
    pub links: [Option<Vec<u8>>; 2],
    /// The directories at which its paths begin, where those are not descriptors: the working directory, or the root of an
    /// absolute one (proc_pid_cwd(5), proc_pid_root(5)).
    pub bases: [Option<Vec<u8>>; 2],
    /// The link of the descriptor that it returned; of the working directory or the root that it has changed.
    pub made_link: Option<Vec<u8>>,
    /// Where its path leads, when it has returned that descriptor, or changed one of those.
    pub leads: Leads,
}

/// Where a path leads by the witness's own walk (path_resolution(7)), beside what the kernel has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Leads {
    /// It was not walked, or it could not be found out.
    #[default]
    Unknown,
    /// To something else by now: others may have changed names since.
    Unsettled,
    /// To the file that the kernel has come to, and by this name, which is that of its link.
    Here(Vec<u8>),
    /// To something else, and did so during the whole call.
    Elsewhere {
        /// The name of what it leads to.
        name: Vec<u8>,
        /// Whether it is the same file, by another name.
        is_same: bool,
    },
}

impl Seen {
    /// A call of which nothing is known but this.
    pub fn new(call: Call) -> Self {
        Self {
            call,
            names: Arc::default(),
            at_death: None,
            vanished: false,
            untouched: [false; 3],
            filtered: false,
            unsettled: false,
            disturbed: false,
            until: u64::MAX,
        }
    }

    /// Its names, to be changed.
    pub fn names_mut(&mut self) -> &mut FileNames {
        Arc::make_mut(&mut self.names)
    }
}
