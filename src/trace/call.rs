//! A call as observed: a system call, or a request of io_uring.
//!
//! No I/O. [`crate::trace::decoder`] makes calls from the tracer's records, [`crate::trace::testimony`] from what the witness sees.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::table::blocks::structs::OPEN_HOW;
use crate::table::syscalls::{self, Abi, Effect, Peek, Sqe, SqeField, Syscall};

mod data; // what its pointers lead to
mod content; // the same, taken apart into values
mod file; // the files of a call
mod left_over; // what is another call's
mod written; // a call as archives have it

pub use content::{Content, ContentState, NOTHING_READ};
pub use data::{Bytes, Data};
pub use file::{Attribute, Contradiction, Files, Identity};

use written::StoredCall;

/// One system call as observed, or one request of io_uring. Calls that are alike share one [`Deed`] (see `Deeds`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredCall", into = "StoredCall")]
pub struct Call {
    /// Its place among the calls that its watch has seen, from 0.
    pub order: u64,
    /// The process.
    pub pid: u32,
    /// The thread. For a request it is the one that submitted it.
    pub tid: u32,
    /// The thread's id when it left the call. A thread that calls execve(2) continues under the id of its leader. Archives that
    /// lack this id are read as 0.
    pub exit_tid: u32,
    /// When it was entered or submitted, in nanoseconds of CLOCK_MONOTONIC.
    pub enter_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// What the call was.
    pub deed: Arc<Deed>,
}

/// What a call was, without whose it was and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deed {
    /// The system call number. For a request it is [`crate::table::syscalls::REQUESTS`] plus the opcode.
    pub number: u32,
    /// The thread's name when the call returned or the request was submitted, padded with NULs.
    pub comm: [u8; 16],
    /// The six raw arguments. Those of a request are in the order of its row.
    pub args: [u64; 6],
    /// What became of it.
    pub outcome: Outcome,
    /// The strings of its path arguments, in the order of [`Syscall::path_args`].
    pub texts: [Text; 2],
    /// The files of its descriptor arguments, in the order of [`Syscall::fd_args`]; `None` if a descriptor is not open. A call
    /// that makes a pair of descriptors ([`Syscall::makes_pair`]) has no such arguments: then these are the files of the pair.
    pub fds: [Option<Identity>; 2],
    /// The file of the descriptor that it returned.
    pub made: Option<Identity>,
    /// The block that the argument in [`Syscall::peek`] points to; `None` if it could not be read.
    pub peek: Option<Vec<u8>>,
    /// Whether each of `texts`, and `peek`, was read only when the call ended. The process may have written there meanwhile.
    pub late: [bool; 3],
    /// The table of the kernel that its number belongs to.
    pub abi: Abi,
    /// Whether seccomp(2) or a tracer of the process answered the call before it was made.
    pub refused: bool,
    /// What its pointers lead to, where that was asked for.
    pub data: Vec<Data>,
    /// What only a request of io_uring has.
    pub request: Option<RingRequest>,
    /// The files of the call, by name.
    pub files: Files,
}

impl Deref for Call {
    type Target = Deed;

    fn deref(&self) -> &Deed {
        &self.deed
    }
}

/// A call that shares its deed with others gets a copy of its own.
impl DerefMut for Call {
    fn deref_mut(&mut self) -> &mut Deed {
        Arc::make_mut(&mut self.deed)
    }
}

/// The deeds that were seen, each once, so that calls that are alike can share them.
#[derive(Clone, Debug, Default)]
pub struct Deeds {
    known: HashSet<Arc<Deed>>,
    /// The deed of the call before. Often the next one is the same, and comparing the two needs no hash.
    last: Option<Arc<Deed>>,
}

impl Deeds {
    /// Lets a call share its deed with those before that did the same.
    pub fn share(&mut self, call: &mut Call) {
        match self.last.as_ref().filter(|last| **last == call.deed).or_else(|| self.known.get(&call.deed)) {
            Some(known) => call.deed = Arc::clone(known),
            None => drop(self.known.insert(Arc::clone(&call.deed))),
        }
        self.last = Some(Arc::clone(&call.deed));
    }
}

/// What a request of io_uring has and a system call does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RingRequest {
    /// Its entry of the submission queue.
    pub sqe: Sqe,
    /// Whether it was completed by another thread than the one that submitted it.
    pub worker: bool,
    /// Whether more completions of it follow (IORING_CQE_F_MORE): each is a call, and the last one has the request's place.
    pub more: bool,
    /// Whether its completion may be that of another request of the ring, which has the same `user_data`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ambiguous: bool,
}

/// How a request ended, or one of its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The place of the request among the calls that its watch has seen.
    pub request: u64,
    /// The place of this completion: the same for the last one of the request.
    pub order: u64,
    /// Its result; unfinished if no completion was posted while the process lived.
    pub outcome: Outcome,
    /// The time since the submission, in nanoseconds.
    pub duration_ns: u64,
    /// As [`RingRequest::worker`].
    pub worker: bool,
    /// As [`RingRequest::more`].
    pub more: bool,
    /// As [`RingRequest::ambiguous`].
    pub ambiguous: bool,
    /// The file that the request used, when that is known.
    pub used: Option<Identity>,
    /// The file of the descriptor that the request returned.
    pub made: Option<Identity>,
    /// The files of the pair that the request made, and the pair: two `int`s, as pipe(2) fills them in, if it was read.
    pub pair: ([Option<Identity>; 2], Option<Vec<u8>>),
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned: the raw result, negative for an errno.
    Returned(i64),
    /// It did not return: the thread ended in it, or no completion of the request was posted.
    Unfinished,
}

/// A string in the memory of the traced process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// It was read.
    Read {
        /// Its bytes without the NUL; empty also where the call has no such argument.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        /// Whether it is longer than what a record holds (PATH_MAX).
        cut: bool,
    },
    /// It could not be read: the errno.
    Unreadable(i32),
}

impl Call {
    /// The same with another deed.
    pub fn with(mut self, change: impl FnOnce(&mut Deed)) -> Self {
        change(&mut self);
        self
    }

    /// The table's row of the call; none of a number that is no call's.
    pub fn syscall(&self) -> Option<&'static Syscall> {
        match self.abi {
            Abi::Native => Syscall::by_number(self.number).filter(|row| row.is_request() == self.request.is_some()),
            Abi::Compat => Syscall::by_compat_number(self.number),
        }
    }

    /// What the call does to descriptors and names.
    pub fn effect(&self) -> Effect {
        match self.syscall() {
            Some(row) => row.effect,
            None => syscalls::effect_without_row(self.number, self.abi),
        }
    }

    /// Whether the argument of this index is no descriptor, but the index of a registered file or ring. The files are those
    /// registered with the ring (io_uring_enter(2), IOSQE_FIXED_FILE). A splice has a flag of its own for its other end, and a close
    /// has a field of its own. The rings are those registered with the thread.
    pub fn is_registered(&self, at: usize) -> bool {
        let Some(row) = self.syscall() else { return false };
        let Some(RingRequest { sqe, .. }) = self.request else { return at == 0 && self.uses_registered_ring(row) };
        match row.places.get(at) {
            Some(SqeField::Fd) if row.effect == Effect::Close => sqe.at(SqeField::Index) != 0,
            Some(SqeField::Fd) => sqe.flags() & Sqe::FIXED_FILE != 0,
            // SPLICE_F_FD_IN_FIXED
            Some(SqeField::Index) => sqe.at(SqeField::OpFlags) & 1 << 31 != 0,
            _ => false,
        }
    }

    /// IORING_ENTER_REGISTERED_RING (io_uring_enter(2)) and IORING_REGISTER_USE_REGISTERED_RING (io_uring_register(2)).
    fn uses_registered_ring(&self, row: &Syscall) -> bool {
        row.effect == Effect::SubmitRequests && self.args[3] & 1 << 4 != 0
            || row.effect == Effect::RegisterResources && self.args[1] & 1 << 31 != 0
    }

    /// The name of the call.
    pub fn name(&self) -> String {
        let mut name = String::new();
        self.put_name(&mut name);
        name
    }

    /// Appends the name to `out`. The name of a call of the 32-bit table begins with `[32 bit]`.
    pub fn put_name(&self, out: &mut String) {
        match self.abi {
            Abi::Native => syscalls::put_name(out, self.number, self.request.is_some()),
            Abi::Compat => {
                out.push_str("[32 bit] ");
                syscalls::put_compat_name(out, self.number);
            }
        }
    }

    /// When it returned, or was given up, in nanoseconds of CLOCK_MONOTONIC.
    pub fn exit_ns(&self) -> u64 {
        self.enter_ns.saturating_add(self.duration_ns)
    }

    /// The result of a call that succeeded.
    pub fn success(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Returned(value) if !is_error(value) => Some(value),
            Outcome::Returned(_) | Outcome::Unfinished => None,
        }
    }

    /// The errno of a call that failed, as a positive number.
    pub fn errno(&self) -> Option<i32> {
        match self.outcome {
            Outcome::Returned(value) if is_error(value) => Some(-value as i32),
            Outcome::Returned(_) | Outcome::Unfinished => None,
        }
    }

    /// The string of the argument of this index, if that is a path or a text.
    pub fn text(&self, at: usize) -> Option<&Text> {
        let place = self.syscall()?.path_args().position(|arg| arg == at)?;
        self.texts.get(place)
    }

    /// Whether the string of the argument of this index was read when the call ended.
    pub fn is_late(&self, at: usize) -> bool {
        let place = self.syscall().and_then(|row| row.path_args().position(|arg| arg == at));
        place.is_some_and(|place| self.late[place])
    }

    /// An argument as a signed number. The registers of 32-bit calls have 32 bits.
    pub fn signed(&self, at: usize) -> i64 {
        match self.abi {
            Abi::Native => self.args[at] as i64,
            Abi::Compat => (self.args[at] as i32).into(),
        }
    }

    /// A word of openat2's `struct open_how`: flags, mode, resolve. `None` if it could not be read, or if the struct is smaller than its
    /// first version, which the kernel refuses (openat2(2), "Extensibility").
    pub fn how(&self, word: usize) -> Option<u64> {
        let row = self.syscall()?;
        let (_, Peek::OpenHow) = row.peek? else { return None };
        if row.arg("size").is_some_and(|size| self.args[size] < OPEN_HOW.least as u64) {
            return None;
        }
        let bytes = self.peek.as_ref()?.get(word * 8..word * 8 + 8)?;
        bytes.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    }

    /// The block as two descriptors, those that pipe or socketpair made; `None` if it could not be read.
    pub fn pair(&self) -> Option<[i32; 2]> {
        let [a, b, c, d, e, f, g, h] = *self.peek.as_ref()?.first_chunk::<8>()?;
        Some([i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])])
    }

    /// The flags of a call that opens a path, from its block (openat2(2)) or an argument. `None` if the call has no flags
    /// (creat(2)), or they could not be read.
    pub(crate) fn open_flags(&self) -> Option<u64> {
        let row = self.syscall().filter(|row| row.effect == Effect::Open)?;
        match row.peek {
            Some(_) => self.how(0),
            None => row.arg("flags").map(|at| self.args[at]),
        }
    }

    /// Whether the call opens a file without a name. Its path is then that of a directory (open(2), O_TMPFILE).
    pub fn opens_unnamed(&self) -> bool {
        // O_TMPFILE contains O_DIRECTORY, which opens a file that has a name.
        let unnamed = libc::O_TMPFILE as u64;
        self.open_flags().is_some_and(|flags| flags & unnamed == unnamed)
    }

    /// The bytes that the call moved: 0 if it failed; `None` where its result counts none, or does not say how many.
    pub fn bytes(&self) -> Option<u64> {
        let result = match self.outcome {
            Outcome::Returned(_) => self.success().unwrap_or(0),
            Outcome::Unfinished => return None,
        };
        self.syscall()?.bytes(&self.args, result as u64)
    }

    /// The thread's id when it left the call, if the call changed it.
    pub fn other_exit_tid(&self) -> Option<u32> {
        Some(self.exit_tid).filter(|&exit_tid| exit_tid != 0 && exit_tid != self.tid)
    }

    /// The thread's name.
    pub fn comm(&self) -> &[u8] {
        self.comm.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// The kernel's own bound: results from -4095 to -1 are errnos (include/linux/err.h, MAX_ERRNO).
fn is_error(value: i64) -> bool {
    (-4095..0).contains(&value)
}

#[cfg(test)]
pub(crate) mod tests;
