//! What a child itself notes of its calls in `act`, in memory that it shares with `ior-it`: its clock before and after a call, the
//! result, the files of the descriptors, and how the processes ended that it waited for.
//!
//! The tables say nothing of times, inodes and devices, which differ in each run. A tracer that reports the wrong ones would pass. The
//! child looks at a file with fstat(2) when it has got a descriptor for it: those of `setup` before its gate, others right after
//! the call that made them. These looks are calls as well. They fill in a place in the diary, and no other call has an argument that
//! leads there, so they can be taken out of the trace.

use std::ops::Range;

mod page; // the memory
mod keep; // the side of the child

pub use keep::{after, before, begin};
pub use page::{DiaryPage, clock_is_ahead, now_ns};

/// What a child has noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diary {
    /// The calls that returned, in the order in which they began. Only the first few hundred are noted.
    pub calls: Vec<NotedCall>,
    /// The processes that it waited for, and their status as wait4(2) reports it.
    pub ends: Vec<(u32, i32)>,
    /// The addresses of the diary. A call with an argument in it is one of the diary's own.
    pub addresses: Range<u64>,
}

/// A call that a child has noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotedCall {
    /// The number of the system call.
    pub number: u32,
    /// Its arguments.
    pub args: [u64; 6],
    /// Its result, negative for an errno.
    pub result: i64,
    /// The clock before it, in nanoseconds of CLOCK_MONOTONIC.
    pub before_ns: u64,
    /// The clock after it.
    pub after_ns: u64,
    /// The files of its descriptors, in the order of [`crate::trace::call::Deed::fds`]; `None` where the child does not know.
    pub fds: [Option<FileSeen>; 2],
    /// The file of the descriptor that it returned.
    pub made: Option<FileSeen>,
}

/// A file, by fstat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSeen {
    /// `st_dev` as the kernel has it: major << 20 | minor.
    pub device: u32,
    /// `st_ino`.
    pub inode: u64,
    /// The type bits of `st_mode`; 0 for an anonymous inode.
    pub format: u16,
}

impl Diary {
    /// Whether a call with these arguments is one of the diary's own: a look at a file, or at the clock where the kernel has no vDSO
    /// for that (vdso(7)).
    pub fn is_own(&self, args: &[u64; 6]) -> bool {
        self.addresses.contains(&args[1])
    }
}
