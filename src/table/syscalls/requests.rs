//! The rows of the requests of io_uring, by the families of section 2 of the man pages (io_uring_enter(2)).
//!
//! The opcodes are those of the `io-uring` crate; where a request has which argument is what its `io_*_prep()` reads
//! (io_uring/*.c).

use io_uring::opcode as op;

use super::Class::{Io, Other};
use super::Role::{Choice, DirFd, Fd, Flags, Int, Mode, Path, Pointer, Signed, Text, Unsigned};
use super::sqe::SqeField;
use super::{Arg, Class, Effect, Peek, REQUESTS, Ret, Syscall};
use crate::table::names;

/// The arguments, each with its place in the entry of the queue.
macro_rules! sqe {
    ($($place:ident $name:ident: $role:expr),* $(,)?) => {
        (const { &[$(Arg { name: stringify!($name), role: $role }),*] }, const { &[$(SqeField::$place),*] })
    };
}

type Arguments = (&'static [Arg], &'static [SqeField]);

fn row(name: &'static str, opcode: u8, class: Class, ret: Ret, (args, places): Arguments) -> Syscall {
    let number = REQUESTS + u32::from(opcode);
    let effect = Effect::Other;
    Syscall { name, effect, number, class, args, places, ret, implied_flags: None, peek: None, makes: None }
}

fn io(name: &'static str, opcode: u8, arguments: Arguments) -> Syscall {
    row(name, opcode, Io, Ret::Number, arguments)
}

fn makes_fd(name: &'static str, opcode: u8, arguments: Arguments) -> Syscall {
    row(name, opcode, Io, Ret::Fd, arguments)
}

fn moves_bytes(name: &'static str, opcode: u8, arguments: Arguments) -> Syscall {
    row(name, opcode, Io, Ret::Bytes, arguments)
}

fn other(name: &'static str, opcode: u8, arguments: Arguments) -> Syscall {
    row(name, opcode, Other, Ret::Number, arguments)
}

/// What it does to descriptors and names.
fn does(effect: Effect, row: Syscall) -> Syscall {
    Syscall { effect, ..row }
}

fn peeking(at: usize, peek: Peek, row: Syscall) -> Syscall {
    Syscall { peek: Some((at, peek)), ..row }
}

impl Syscall {
    /// Whether a call with these arguments makes two descriptors. With a `file_index`, a request makes files without descriptors
    /// (io_uring_enter(2)).
    pub fn makes_pair_for(&self, args: &[u64; 6]) -> bool {
        self.makes_pair() && self.arg("file_index").is_none_or(|at| args[at] == 0)
    }
}

/// All rows.
pub(super) fn rows() -> Vec<Syscall> {
    [names_and_descriptors(), reading_and_writing(), sockets(), waiting()].concat()
}

#[allow(clippy::too_many_lines)] // a table
fn names_and_descriptors() -> Vec<Syscall> {
    vec![
        does(
            Effect::Open,
            makes_fd(
                "IORING_OP_OPENAT",
                op::OpenAt::CODE,
                sqe![Fd dirfd: DirFd, Addr path: Path, OpFlags flags: Flags(&names::OPEN), Len mode: Mode,
                     Index file_index: Unsigned],
            ),
        ),
        does(
            Effect::Open,
            peeking(
                2,
                Peek::OpenHow,
                makes_fd(
                    "IORING_OP_OPENAT2",
                    op::OpenAt2::CODE,
                    sqe![Fd dirfd: DirFd, Addr path: Path, Off how: Pointer, Len size: Unsigned,
                         Index file_index: Unsigned],
                ),
            ),
        ),
        does(Effect::Close, io("IORING_OP_CLOSE", op::Close::CODE, sqe![Fd fd: Fd, Index file_index: Unsigned])),
        makes_fd("IORING_OP_FIXED_FD_INSTALL", op::FixedFdInstall::CODE, sqe![Fd fd: Fd, OpFlags flags: Unsigned]),
        io(
            "IORING_OP_FILES_UPDATE",
            op::FilesUpdate::CODE,
            sqe![Addr fds: Pointer, Len nr_args: Unsigned, Off offset: Unsigned],
        ),
        peeking(
            0,
            Peek::Pair,
            io(
                "IORING_OP_PIPE",
                op::Pipe::CODE,
                sqe![Addr pipefd: Pointer, OpFlags flags: Flags(&names::PIPE), Index file_index: Unsigned],
            ),
        ),
        does(
            Effect::ChangeNames,
            io(
                "IORING_OP_RENAMEAT",
                op::RenameAt::CODE,
                sqe![Fd dirfd: DirFd, Addr path: Path, Len dirfd2: DirFd, Off path2: Path,
                     OpFlags flags: Flags(&names::RENAME)],
            ),
        ),
        does(
            Effect::ChangeNames,
            io(
                "IORING_OP_LINKAT",
                op::LinkAt::CODE,
                sqe![Fd dirfd: DirFd, Addr path: Path, Len dirfd2: DirFd, Off path2: Path,
                     OpFlags flags: Flags(&names::AT)],
            ),
        ),
        does(
            Effect::ChangeNames,
            io("IORING_OP_SYMLINKAT", op::SymlinkAt::CODE, sqe![Addr path: Text, Fd dirfd: DirFd, Off path2: Path]),
        ),
        does(
            Effect::ChangeNames,
            io(
                "IORING_OP_UNLINKAT",
                op::UnlinkAt::CODE,
                sqe![Fd dirfd: DirFd, Addr path: Path, OpFlags flags: Flags(&names::UNLINK)],
            ),
        ),
        io("IORING_OP_MKDIRAT", op::MkDirAt::CODE, sqe![Fd dirfd: DirFd, Addr path: Path, Len mode: Mode]),
        io(
            "IORING_OP_STATX",
            op::Statx::CODE,
            sqe![Fd dirfd: DirFd, Addr path: Path, OpFlags flags: Flags(&names::STATX_FLAGS),
                 Len mask: Flags(&names::STATX_MASK), Off statxbuf: Pointer],
        ),
        // The attribute's name is `path2`, as in the system calls.
        io(
            "IORING_OP_SETXATTR",
            op::SetXattr::CODE,
            sqe![Addr3 path: Path, Addr path2: Text, Off value: Pointer, Len size: Unsigned,
                 OpFlags flags: Flags(&names::XATTR)],
        ),
        io(
            "IORING_OP_FSETXATTR",
            op::FSetXattr::CODE,
            sqe![Fd fd: Fd, Addr path2: Text, Off value: Pointer, Len size: Unsigned,
                 OpFlags flags: Flags(&names::XATTR)],
        ),
        moves_bytes(
            "IORING_OP_GETXATTR",
            op::GetXattr::CODE,
            sqe![Addr3 path: Path, Addr path2: Text, Off value: Pointer, Len size: Unsigned],
        ),
        moves_bytes(
            "IORING_OP_FGETXATTR",
            op::FGetXattr::CODE,
            sqe![Fd fd: Fd, Addr path2: Text, Off value: Pointer, Len size: Unsigned],
        ),
    ]
}

#[allow(clippy::too_many_lines)] // a table
fn reading_and_writing() -> Vec<Syscall> {
    let buffer: Arguments = sqe![Fd fd: Fd, Addr buf: Pointer, Len count: Unsigned, Off offset: Signed,
        OpFlags flags: Flags(&names::RWF)];
    let registered: Arguments = sqe![Fd fd: Fd, Addr buf: Pointer, Len count: Unsigned, Off offset: Signed,
        OpFlags flags: Flags(&names::RWF), Buffer buf_index: Unsigned];
    let vector: Arguments = sqe![Fd fd: Fd, Addr iov: Pointer, Len iovcnt: Int, Off offset: Signed,
        OpFlags flags: Flags(&names::RWF)];
    let registered_vector: Arguments = sqe![Fd fd: Fd, Addr iov: Pointer, Len iovcnt: Int, Off offset: Signed,
        OpFlags flags: Flags(&names::RWF), Buffer buf_index: Unsigned];
    vec![
        moves_bytes("IORING_OP_READ", op::Read::CODE, buffer),
        moves_bytes("IORING_OP_WRITE", op::Write::CODE, buffer),
        moves_bytes("IORING_OP_READV", op::Readv::CODE, vector),
        moves_bytes("IORING_OP_WRITEV", op::Writev::CODE, vector),
        moves_bytes("IORING_OP_READ_FIXED", op::ReadFixed::CODE, registered),
        moves_bytes("IORING_OP_WRITE_FIXED", op::WriteFixed::CODE, registered),
        moves_bytes("IORING_OP_READV_FIXED", op::ReadvFixed::CODE, registered_vector),
        moves_bytes("IORING_OP_WRITEV_FIXED", op::WritevFixed::CODE, registered_vector),
        moves_bytes(
            "IORING_OP_READ_MULTISHOT",
            op::ReadMulti::CODE,
            sqe![Fd fd: Fd, Len count: Unsigned, Off offset: Signed, Buffer buf_group: Unsigned],
        ),
        moves_bytes(
            "IORING_OP_SPLICE",
            op::Splice::CODE,
            sqe![Index fd: Fd, Addr off: Signed, Fd fd2: Fd, Off off2: Signed, Len len: Unsigned,
                 OpFlags flags: Flags(&names::SPLICE)],
        ),
        moves_bytes(
            "IORING_OP_TEE",
            op::Tee::CODE,
            sqe![Index fd: Fd, Fd fd2: Fd, Len len: Unsigned, OpFlags flags: Flags(&names::SPLICE)],
        ),
        io(
            "IORING_OP_FSYNC",
            op::Fsync::CODE,
            sqe![Fd fd: Fd, OpFlags flags: Flags(&names::URING_FSYNC), Off offset: Signed, Len len: Unsigned],
        ),
        io(
            "IORING_OP_SYNC_FILE_RANGE",
            op::SyncFileRange::CODE,
            sqe![Fd fd: Fd, Off offset: Signed, Len nbytes: Unsigned, OpFlags flags: Flags(&names::SYNC_RANGE)],
        ),
        io("IORING_OP_FTRUNCATE", op::Ftruncate::CODE, sqe![Fd fd: Fd, Off length: Signed]),
        io(
            "IORING_OP_FALLOCATE",
            op::Fallocate::CODE,
            sqe![Fd fd: Fd, Len mode: Flags(&names::FALLOCATE), Off offset: Signed, Addr len: Signed],
        ),
        io(
            "IORING_OP_FADVISE",
            op::Fadvise::CODE,
            sqe![Fd fd: Fd, Off offset: Signed, Len len: Unsigned, OpFlags advice: Choice(&names::FADVICE)],
        ),
    ]
}

#[allow(clippy::too_many_lines)] // a table
fn sockets() -> Vec<Syscall> {
    let buffer: Arguments =
        sqe![Fd fd: Fd, Addr buf: Pointer, Len len: Unsigned, OpFlags flags: Flags(&names::MESSAGE)];
    let message: Arguments = sqe![Fd fd: Fd, Addr msg: Pointer, OpFlags flags: Flags(&names::MESSAGE)];
    vec![
        makes_fd(
            "IORING_OP_SOCKET",
            op::Socket::CODE,
            sqe![Fd domain: Choice(&names::FAMILY), Off type: Choice(&names::SOCKET), Len protocol: Int,
                 Index file_index: Unsigned],
        ),
        io("IORING_OP_BIND", op::Bind::CODE, sqe![Fd fd: Fd, Addr addr: Pointer, Off addrlen: Unsigned]),
        io("IORING_OP_LISTEN", op::Listen::CODE, sqe![Fd fd: Fd, Len backlog: Int]),
        makes_fd(
            "IORING_OP_ACCEPT",
            op::Accept::CODE,
            sqe![Fd fd: Fd, Addr addr: Pointer, Off addrlen: Pointer, OpFlags flags: Flags(&names::ACCEPT),
                 Index file_index: Unsigned],
        ),
        io("IORING_OP_CONNECT", op::Connect::CODE, sqe![Fd fd: Fd, Addr addr: Pointer, Off addrlen: Unsigned]),
        io("IORING_OP_SHUTDOWN", op::Shutdown::CODE, sqe![Fd fd: Fd, Len how: Choice(&names::SHUTDOWN)]),
        moves_bytes("IORING_OP_SEND", op::Send::CODE, buffer),
        moves_bytes("IORING_OP_SEND_ZC", op::SendZc::CODE, buffer),
        does(Effect::Receive, moves_bytes("IORING_OP_RECV", op::Recv::CODE, buffer)),
        moves_bytes("IORING_OP_RECV_ZC", op::RecvZc::CODE, sqe![Fd fd: Fd, Len len: Unsigned]),
        moves_bytes("IORING_OP_SENDMSG", op::SendMsg::CODE, message),
        moves_bytes("IORING_OP_SENDMSG_ZC", op::SendMsgZc::CODE, message),
        does(Effect::ReceiveMessages, moves_bytes("IORING_OP_RECVMSG", op::RecvMsg::CODE, message)),
        io("IORING_OP_URING_CMD", op::UringCmd16::CODE, sqe![Fd fd: Fd, Off cmd_op: Unsigned]),
    ]
}

fn waiting() -> Vec<Syscall> {
    vec![
        io("IORING_OP_POLL_ADD", op::PollAdd::CODE, sqe![Fd fd: Fd, OpFlags events: Unsigned]),
        io(
            "IORING_OP_EPOLL_CTL",
            op::EpollCtl::CODE,
            sqe![Fd fd: Fd, Len op: Choice(&names::EPOLL_CTL), Off fd2: Fd, Addr event: Pointer],
        ),
        io("IORING_OP_EPOLL_WAIT", op::EpollWait::CODE, sqe![Fd fd: Fd, Addr events: Pointer, Len maxevents: Int]),
        // Those that are about requests, memory, time and processes.
        other("IORING_OP_NOP", op::Nop::CODE, sqe![]),
        other("IORING_OP_POLL_REMOVE", op::PollRemove::CODE, sqe![Addr target: Unsigned]),
        other("IORING_OP_ASYNC_CANCEL", op::AsyncCancel::CODE, sqe![Addr target: Unsigned, OpFlags flags: Unsigned]),
        other(
            "IORING_OP_TIMEOUT",
            op::Timeout::CODE,
            sqe![Addr timespec: Pointer, Off count: Unsigned, OpFlags flags: Unsigned],
        ),
        other("IORING_OP_TIMEOUT_REMOVE", op::TimeoutRemove::CODE, sqe![Addr target: Unsigned]),
        other("IORING_OP_LINK_TIMEOUT", op::LinkTimeout::CODE, sqe![Addr timespec: Pointer, OpFlags flags: Unsigned]),
        other(
            "IORING_OP_PROVIDE_BUFFERS",
            op::ProvideBuffers::CODE,
            sqe![Addr addr: Pointer, Fd nr: Unsigned, Len len: Unsigned, Buffer buf_group: Unsigned],
        ),
        other("IORING_OP_REMOVE_BUFFERS", op::RemoveBuffers::CODE, sqe![Fd nr: Unsigned, Buffer buf_group: Unsigned]),
        other("IORING_OP_MSG_RING", op::MsgRingData::CODE, sqe![Fd fd: Fd, Len len: Unsigned, Off data: Unsigned]),
        other("IORING_OP_MADVISE", op::Madvise::CODE, sqe![Addr addr: Pointer, Len len: Unsigned, OpFlags advice: Int]),
        other("IORING_OP_WAITID", op::WaitId::CODE, sqe![Len which: Int, Fd upid: Int]),
        other("IORING_OP_FUTEX_WAIT", op::FutexWait::CODE, sqe![Addr uaddr: Pointer, Off val: Unsigned]),
        other("IORING_OP_FUTEX_WAKE", op::FutexWake::CODE, sqe![Addr uaddr: Pointer, Off val: Unsigned]),
        other("IORING_OP_FUTEX_WAITV", op::FutexWaitV::CODE, sqe![Addr waiters: Pointer, Len nr_futexes: Unsigned]),
    ]
}
