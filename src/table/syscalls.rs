//! What each system call's arguments and result mean, and those of each request of io_uring: the maintained tables.
//!
//! No I/O. The `syscalls` crate has the numbers of the calls on each architecture. A call that this architecture lacks is left out.
//! Names of calls, arguments and flags are those of section 2 of the man pages. But the first descriptor, directory descriptor and
//! path of a call are always `fd`, `dirfd` and `path`, and the second ones `fd2`, `dirfd2` and `path2`. The name of an extended
//! attribute is always `path2`. To add a system call, add a row to `syscalls/table.rs`, and nothing else: BPF gets the roles of the
//! arguments from here ([`Syscall::roles`]). The requests of io_uring are rows in `syscalls/requests.rs`, under numbers of their own
//! ([`REQUESTS`]).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::table::kind::Kind;
use crate::table::layout::Roles;
use crate::table::names::Names;

mod meaning; // what an argument and a result may be
mod control; // the arguments of prctl
mod operation; // where the meaning of arguments depends on others
mod effect; // what a call does to descriptors and names
mod compat; // the calls of 32-bit programs
mod number; // the name of a number
mod sqe; // an entry of io_uring's submission queue
mod requests; // the rows of io_uring's requests
mod table; // the rows of system calls

pub use effect::Effect;
pub use meaning::{Arg, Makes, Peek, Ret, Role};
pub(crate) use number::{all_names, effect_without_row, known_name, number_of};
pub use number::{name_of, put_compat_name, put_name};
pub use sqe::{Sqe, SqeField};

/// The number of the request of io_uring with the opcode 0. Those of system calls end long before.
pub const REQUESTS: u32 = 1 << 31;

/// The table of the kernel that a call's number and arguments belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abi {
    /// The table of the architecture.
    #[default]
    Native,
    /// The table of its 32-bit programs, used by `int 0x80` on x86-64.
    Compat,
}

impl Abi {
    pub(crate) fn is_native(&self) -> bool {
        *self == Abi::Native
    }
}

/// Whether a call is compared when a table of `tests.toml` does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// I/O: always part of the comparison.
    Io,
    /// Memory, signals, processes, time: left out unless the expectation names the call.
    Other,
}

/// One row of the tables.
#[derive(Clone, Debug)]
pub struct Syscall {
    /// The name, as in the man page.
    pub name: &'static str,
    /// What it does to descriptors and names.
    pub effect: Effect,
    /// The number on this architecture, or [`REQUESTS`] and the opcode.
    pub number: u32,
    /// Whether it is I/O.
    pub class: Class,
    /// The arguments in the order of the raw call.
    pub args: &'static [Arg],
    /// The field of the entry that holds each argument of a request; empty for a system call.
    pub places: &'static [SqeField],
    /// What the result means.
    pub ret: Ret,
    /// The flags that the call implies, if it has no argument for flags (creat(2)).
    pub implied_flags: Option<(&'static Names, u64)>,
    /// The index of the argument that points to a block, and what the block is.
    pub peek: Option<(usize, Peek)>,
    /// The kind of descriptor that it makes; `None` if it opens a file or makes no descriptor.
    pub makes: Option<Makes>,
}

impl Syscall {
    /// The row of a system call number, if the table has it.
    pub fn by_number(number: u32) -> Option<&'static Syscall> {
        // A search would be too slow: each call is looked up several times.
        let at = match number.checked_sub(REQUESTS) {
            Some(opcode) => TABLE.by_opcode.get(opcode as usize),
            None => TABLE.by_number.get(number as usize),
        };
        at.copied().flatten().map(|at| &TABLE.rows[usize::from(at)])
    }

    /// The row of a number of a 32-bit call, if it has the arguments of one here.
    pub fn by_compat_number(number: u32) -> Option<&'static Syscall> {
        compat::row(number)
    }

    /// The row of a name, if the table has it and this architecture has the call.
    pub fn by_name(name: &str) -> Option<&'static Syscall> {
        TABLE.by_name.get(name).map(|&at| &TABLE.rows[at])
    }

    /// All rows.
    pub fn all() -> &'static [Syscall] {
        &TABLE.rows
    }

    /// Whether the table has a call of this name on any architecture (`creat` is known on aarch64, which lacks it).
    pub fn is_known(name: &str) -> bool {
        table::rows().iter().any(|row| row.name == name)
    }

    /// Numbers of 32-bit calls end below this one, and so do native ones.
    pub const NUMBERS: u32 = 1024;

    /// Whether it is a request of io_uring.
    pub fn is_request(&self) -> bool {
        self.number >= REQUESTS
    }

    /// The bytes that a call with these arguments and this result has moved. The result must be 0 if the call failed. `None` if the
    /// result counts something else, or does not tell how many bytes have reached the program's buffer.
    ///
    /// A peek (recv(2), `MSG_PEEK`) moves none, since the bytes are received again. With `MSG_TRUNC` the result is the length of the
    /// packet, of which only as much is stored as the buffer holds. The size of recvmsg's buffers is not known. A `size` of 0 only
    /// asks how many bytes there are (getxattr(2)). A request with a `len` of 0 takes a provided buffer as it is (io_uring_enter(2),
    /// IOSQE_BUFFER_SELECT).
    pub fn bytes(&self, args: &[u64; 6], result: u64) -> Option<u64> {
        if !matches!(self.ret, Ret::Bytes) {
            return None;
        }
        if !matches!(self.ret_for(args), Ret::Bytes) {
            return Some(0);
        }
        let receives = matches!(self.effect, Effect::Receive | Effect::ReceiveMessages);
        let Some(flags) = self.arg("flags").filter(|_| receives).map(|at| args[at] as i32) else { return Some(result) };
        match (flags & libc::MSG_PEEK != 0, flags & libc::MSG_TRUNC != 0, self.arg("len")) {
            (true, ..) => Some(0),
            (false, true, None) => Some(result).filter(|&result| result == 0),
            (false, true, Some(len)) if self.is_request() && args[len] == 0 => {
                Some(result).filter(|&result| result == 0)
            }
            (false, true, Some(len)) => Some(result.min(args[len])),
            (false, false, _) => Some(result),
        }
    }

    /// The index of the argument of this name.
    pub fn arg(&self, name: &str) -> Option<usize> {
        self.args.iter().position(|arg| arg.name == name)
    }

    /// The indices of the arguments whose role satisfies `wanted`, in order.
    pub fn args_where(&self, wanted: impl Fn(Role) -> bool) -> impl Iterator<Item = usize> {
        self.args.iter().enumerate().filter(move |(_, arg)| wanted(arg.role)).map(|(at, _)| at)
    }

    /// The arguments that hold paths or texts: at most two.
    pub fn path_args(&self) -> impl Iterator<Item = usize> {
        self.args_where(|role| matches!(role, Role::Path | Role::Text))
    }

    /// The arguments whose file the tracer identifies: at most two.
    pub fn fd_args(&self) -> impl Iterator<Item = usize> {
        self.args_where(|role| matches!(role, Role::Fd | Role::DirFd))
    }

    /// The argument before a path that is the descriptor of its directory, if the call has one and it is not `AT_FDCWD`.
    pub fn dirfd_of(&self, path: usize, args: &[u64; 6]) -> Option<usize> {
        let before = path.checked_sub(1).filter(|&at| matches!(self.args[at].role, Role::DirFd))?;
        (args[before] as i32 != libc::AT_FDCWD).then_some(before)
    }

    /// The argument that is the number of the new descriptor. The call closes a file that has this number (dup2(2)).
    pub fn replaces(&self) -> Option<usize> {
        (self.effect == Effect::DuplicateOnto).then_some(1)
    }

    /// The descriptor whose file is reported under this key, if the call has no such path: the first for `path`, the second for
    /// `path2`.
    pub fn descriptor_for(&self, key: &str) -> Option<usize> {
        let nth = usize::from(key == "path2");
        self.args_where(|role| matches!(role, Role::Fd)).nth(nth).filter(|_| self.arg(key).is_none())
    }

    /// Whether the call returns a descriptor for the file that it is about. It does if it opens a path or a handle, or duplicates a
    /// descriptor. accept(2), fspick(2) and pidfd_getfd(2) do not, and the name in memfd_create(2) is no path.
    pub fn returns_its_file(&self) -> bool {
        let opens_handle = matches!(self.peek, Some((_, Peek::HandleIn)));
        let opens_path = self.makes.is_none() && self.args_where(|role| matches!(role, Role::Path)).next().is_some();
        self.effect.duplicates() || opens_handle || opens_path
    }

    /// The kind of descriptor that the call makes, where the call alone determines it.
    pub fn kind_made(&self) -> Option<Kind> {
        self.makes.map(|makes| makes.kind)
    }

    /// Whether the call makes two descriptors.
    pub fn makes_pair(&self) -> bool {
        matches!(self.peek, Some((_, Peek::Pair)))
    }

    /// Whether the call returns a descriptor, or does for some commands.
    pub fn may_return_fd(&self) -> bool {
        matches!(self.ret, Ret::Fd | Ret::ByCommand | Ret::FdWhen(_))
    }

    /// The row as BPF reads it.
    pub fn roles(&self) -> Roles {
        let numbered = |at: usize| self.places.get(at).map_or(at as u8 + 1, |place| place.numbered());
        let mut roles = Roles::default();
        for (slot, at) in roles.fd.iter_mut().zip(self.fd_args()) {
            *slot = numbered(at);
        }
        for (slot, at) in roles.path.iter_mut().zip(self.path_args()) {
            *slot = numbered(at);
        }
        roles.replaces = self.replaces().map_or(0, numbered);
        if self.may_return_fd() {
            roles.flags |= Roles::RETURNS_FD;
        }
        if let Some((at, peek)) = self.peek {
            roles.peek = numbered(at);
            let (size, flags) = match peek {
                Peek::OpenHow => (24, 0),
                Peek::Pair => (8, Roles::PEEK_AT_EXIT | Roles::MAKES_PAIR),
                Peek::HandleOut => (0, Roles::PEEK_COUNTED | Roles::PEEK_AT_EXIT),
                Peek::HandleIn => (0, Roles::PEEK_COUNTED),
            };
            roles.peek_size = size;
            roles.flags |= flags;
        }
        for (effect, flag) in EFFECTS_IN_BPF {
            if self.effect == effect {
                roles.flags |= flag;
            }
        }
        roles
    }
}

/// What BPF does differently for a call with one of these effects.
const EFFECTS_IN_BPF: [(Effect, u16); 3] = [
    (Effect::TellDirectory, Roles::PATH_AT_EXIT),
    (Effect::Execute, Roles::REPLACES_MEMORY),
    (Effect::CloseRange, Roles::CLOSES_RANGE),
];

/// Upper bounds of the numbers: IOR_SYSCALLS and IOR_OPCODES in bpf/record.h.
const SYSCALLS: usize = 1024;
const OPCODES: usize = 256;

struct SyscallTable {
    rows: Vec<Syscall>,
    /// Where the row of each number is, and of each opcode.
    by_number: Vec<Option<u16>>,
    by_opcode: Vec<Option<u16>>,
    by_name: HashMap<&'static str, usize>,
}

/// An error if a name in the tables is that of no call of any architecture. A misspelt row would be left out silently.
pub fn check() -> Result<(), Error> {
    let rows = table::rows();
    check_names(rows.iter().map(|row| row.name).chain(table::WITHOUT_ROW.map(|(name, _)| name)))
}

fn check_names<'n>(mut names: impl Iterator<Item = &'n str>) -> Result<(), Error> {
    let is_unknown = |name: &&str| number_of(name).is_none() && !compat::is_known(name);
    let Some(unknown) = names.find(is_unknown) else { return Ok(()) };
    let sentence = format!("BUG: the table has the call `{unknown}`, which the crate `syscalls` does not know");
    Err(Error::cannot_trace(
        sentence,
        "correct its name in src/table/syscalls/table.rs, or update the crate `syscalls`",
    ))
}

static TABLE: LazyLock<SyscallTable> = LazyLock::new(|| {
    let calls = table::rows().into_iter().filter_map(|row| row.on_this_architecture());
    let rows: Vec<Syscall> = calls.chain(requests::rows()).collect();
    let by_name = rows.iter().enumerate().map(|(at, row)| (row.name, at)).collect();
    let (mut by_number, mut by_opcode) = (vec![None; SYSCALLS], vec![None; OPCODES]);
    for (at, row) in (0..).zip(&rows) {
        match row.number.checked_sub(REQUESTS) {
            Some(opcode) => by_opcode[opcode as usize] = Some(at),
            None => by_number[row.number as usize] = Some(at),
        }
    }
    SyscallTable { rows, by_number, by_opcode, by_name }
});

/// A user or a group. The kernel reads 32 bits. If all are set, the number is -1, which changes nothing (chown(2)).
pub fn id(raw: u64) -> i64 {
    match raw as u32 {
        u32::MAX => -1,
        id => id.into(),
    }
}

/// A row before it is known whether this architecture has the call.
struct PortableRow {
    name: &'static str,
    effect: Effect,
    class: Class,
    args: &'static [Arg],
    ret: Ret,
    implied_flags: Option<(&'static Names, u64)>,
    peek: Option<(usize, Peek)>,
    makes: Option<Makes>,
}

impl PortableRow {
    fn on_this_architecture(self) -> Option<Syscall> {
        let number = number_of(self.name)?;
        let PortableRow { name, effect, class, args, ret, implied_flags, peek, makes } = self;
        Some(Syscall { name, effect, number, class, args, places: &[], ret, implied_flags, peek, makes })
    }
}

#[cfg(test)]
mod tests;
