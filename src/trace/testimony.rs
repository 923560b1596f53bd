//! What the witness saw: the stops of each thread, folded into calls.
//!
//! No I/O, and nothing here knows of BPF. [`crate::watch::witness`] reports each stop of a thread. A stop at the entry of a call and
//! one at its exit make one call (ptrace(2), "Syscall-stops"). When a call is interrupted, the place where the thread continues
//! decides whether it is the same call or a new one.

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
    /// The calls, in the order in which they were entered.
    pub calls: Vec<Seen>,
    /// All threads that were seen, by their ids.
    pub threads: BTreeSet<u32>,
    /// Processes that the witness let go before they ended. It has not seen what they did after that.
    pub left: BTreeSet<u32>,
    /// Processes among those that could not be let go in time, and were killed.
    pub killed: BTreeSet<u32>,
}

/// A call as the witness saw it. Its `comm`, times and files are empty, since a testimony has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The call; `order` is its place in the testimony.
    pub call: Call,
    /// The names of its files. Calls that are alike share them.
    pub names: Arc<FileNames>,
    /// The value of the result register, if the thread was killed on its way out of the call, before its exit could be seen.
    pub at_death: Option<i64>,
    /// The thread was killed in the call, before it could be looked at. It is not known whether the call has returned.
    pub vanished: bool,
    /// Whether each of its paths, and its block, was on a page that was not in memory when the call returned. The call has not
    /// read it.
    pub untouched: [bool; 3],
    /// Another thread of the process could write to what its pointers lead to, between two looks at it.
    pub shares_memory: bool,
    /// The room that the program had for a block whose size is behind a pointer; `None` if it has none, or that is not known.
    pub room: Option<u64>,
    /// The thread had a seccomp filter, which may have answered the call.
    pub filtered: bool,
    /// A signal handler has interrupted the call and has not returned. It is not known whether the call has failed.
    pub unsettled: bool,
    /// While it ran, another thread was in a call that may change names of files, mounts, or a shared working directory or root.
    pub disturbed: bool,
    /// How many calls all threads had entered when this one ended. Those from [`Call::order`] on were entered while it ran.
    /// [`u64::MAX`] if its end was not seen.
    pub until: u64,
}

/// The names of a call's files, by the kernel's links in /proc and by the walk along its path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileNames {
    /// The links of its descriptor arguments in /proc/PID/fd (proc_pid_fd(5)) when it was entered; `None` if not open.
    pub links: [Option<Vec<u8>>; 2],
    /// The directories at which its paths begin, where no descriptor gives them: the root for an absolute path, else the working
    /// directory (proc_pid_cwd(5), proc_pid_root(5)).
    pub bases: [Option<Vec<u8>>; 2],
    /// The link of the descriptor that it returned, or of the working directory or root that it changed to.
    pub made_link: Option<Vec<u8>>,
    /// Where its path leads, if the call has opened it or changed to it.
    pub leads: Leads,
}

/// Where a path leads by the witness's own walk (path_resolution(7)), compared with the file that the kernel has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Leads {
    /// It was not walked, or the walk failed.
    #[default]
    Unknown,
    /// To another file, but others may have changed names since the call.
    Unsettled,
    /// To the file that the kernel has found, under this name, which is also that of its link.
    Here(Vec<u8>),
    /// To another file or name, and it did so during the whole call.
    Elsewhere {
        /// The name that it leads to.
        name: Vec<u8>,
        /// Whether it is the same file under another name.
        is_same: bool,
    },
}

impl Seen {
    /// A call about which nothing else is known.
    pub fn new(call: Call) -> Self {
        Self {
            call,
            names: Arc::default(),
            at_death: None,
            vanished: false,
            untouched: [false; 3],
            shares_memory: false,
            room: None,
            filtered: false,
            unsettled: false,
            disturbed: false,
            until: u64::MAX,
        }
    }

    /// The names of its files, to be changed.
    pub fn names_mut(&mut self) -> &mut FileNames {
        Arc::make_mut(&mut self.names)
    }
}
