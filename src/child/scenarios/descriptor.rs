//! Descriptors whose file changes, or whose file is renamed.
#![allow(unsafe_code)]

use std::fs;
use std::os::fd::IntoRawFd;

use libc::{
    AF_UNIX, AT_FDCWD, F_GETFL, F_SETFL, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, O_APPEND, O_ASYNC, O_CLOEXEC, O_CREAT,
    O_NOATIME, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY, SOCK_DGRAM,
};
use nix::errno::Errno;

use super::exec::in_fork;
use super::socket::Rights;
use super::steps::{close, create, open, part, pipe, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("fd-reuse", fd_reuse),
    Scenario::new("fd-zero", fd_zero),
    Scenario::new("fd-inherited", fd_inherited),
    Scenario::new("fd-inherited-many", fd_inherited_many),
    Scenario::new("fd-renamed", fd_renamed),
    Scenario::new("fd-flags", fd_flags),
    Scenario::new("fd-flags-ioctl", fd_flags_ioctl),
    Scenario::new("fd-passed", fd_passed),
    Scenario::new("fd-cloexec-edges", fd_cloexec_edges),
];

/// A pipe gets the numbers of two closed files.
fn fd_reuse() -> Setup {
    act(|| {
        let first = create(c"first.txt")?;
        let second = create(c"second.txt")?;
        close(first)?;
        close(second)?;
        let mut ends = [0_i32; 2];
        returns(call!(pipe2, ends.as_mut_ptr(), 0), 0)?;
        ensure(ends.map(i64::from) == [first, second], "the pipe got other numbers")?;
        write(second, b"into the pipe")?;
        close(first)?;
        close(second)
    })
}

/// A file, and then a pipe, have the number 0, which is that of the standard input elsewhere.
fn fd_zero() -> Setup {
    act(|| {
        close(0)?;
        ensure(create(c"zero.txt")? == 0, "the number 0 was not free")?;
        write(0, b"zero")?;
        returns(call!(dup, 0), 3)?;
        close(3)?;
        close(0)?;
        ensure(pipe()? == [0, 3], "the pipe got other numbers")?;
        write(3, b"into the pipe")?;
        returns(call!(dup2, 3, 0), 0)?;
        close(0)?;
        close(3)
    })
}

/// Opened before the gate, so that no call in the trace tells which file it is.
fn fd_inherited() -> Setup {
    let fd: i64 = fs::File::create_new("inherited.txt")?.into_raw_fd().into();
    act(move || {
        write(fd, b"known")?;
        let copy = call!(dup, fd)?;
        close(copy)?;
        close(fd)
    })
}

/// How many files are open before the gate.
const MANY: usize = 64;

/// Each file is closed, and a pipe takes its number, before the next is closed.
fn fd_inherited_many() -> Setup {
    let files: Vec<i64> = (0..MANY)
        .map(|index| Ok(fs::File::create_new(format!("{index:02}"))?.into_raw_fd().into()))
        .collect::<std::io::Result<_>>()?;
    act(move || {
        files.iter().try_for_each(|file| {
            close(*file)?;
            let [reading, writing] = pipe()?;
            ensure(reading == *file, "the pipe got another number")?;
            write(writing, b"x")?;
            close(writing)
        })
    })
}

/// An open file is renamed, then its directory. Then another file takes its old name.
fn fd_renamed() -> Setup {
    fs::create_dir("old")?;
    act(|| {
        let fd = create(c"old/a.txt")?;
        returns(call!(rename, c"old/a.txt", c"old/b.txt"), 0)?;
        write(fd, b"1")?;
        returns(call!(rename, c"old", c"new"), 0)?;
        write(fd, b"2")?;
        returns(call!(mkdir, c"old", 0o755), 0)?;
        let other = create(c"old/a.txt")?;
        write(other, b"3")?;
        write(fd, b"4")?;
        close(other)?;
        close(fd)
    })
}

/// Two descriptors of one open file share its status flags, and each has its own close-on-exec.
fn fd_flags() -> Setup {
    act(|| {
        let fd = call!(openat, AT_FDCWD, c"flags.txt", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)?;
        let copy = call!(dup, fd)?;
        returns(call!(fcntl, copy, F_SETFL, O_APPEND | O_NONBLOCK), 0)?;
        write(fd, b"1")?;
        let other = open(c"flags.txt", O_WRONLY | O_NOATIME)?;
        write(other, b"2")?;
        returns(call!(ioctl, fd, FIONCLEX, 0), 0)?;
        returns(call!(ioctl, copy, FIOCLEX, 0), 0)?;
        write(copy, b"3")?;
        returns(call!(fcntl, fd, F_SETFL, 0), 0)?;
        write(fd, b"4")?;
        let path = open(c"flags.txt", O_PATH | O_RDWR)?;
        fails(call!(write, path, b"5".as_ptr(), 1), Errno::EBADF)?;
        [path, other, copy, fd].into_iter().try_for_each(close)
    })
}

/// Sets flags with a number in memory.
fn fd_flags_ioctl() -> Setup {
    act(|| {
        let [reading, writing] = pipe()?;
        let (set, clear) = (1_i32, 0_i32);
        returns(call!(ioctl, reading, FIONBIO, &raw const set), 0)?;
        let mut buffer = [0_u8; 16];
        fails(call!(read, reading, buffer.as_mut_ptr(), buffer.len()), Errno::EAGAIN)?;
        returns(call!(ioctl, reading, FIOASYNC, &raw const set), 0)?;
        returns(call!(fcntl, reading, F_GETFL, 0), (O_RDONLY | O_NONBLOCK | O_ASYNC).into())?;
        returns(call!(ioctl, reading, FIONBIO, &raw const clear), 0)?;
        returns(call!(fcntl, reading, F_SETFL, O_NONBLOCK), 0)?;
        returns(call!(fcntl, reading, F_GETFL, 0), (O_RDONLY | O_NONBLOCK).into())?;
        close(writing)?;
        close(reading)
    })
}

/// A forked process sends a file and an eventfd of its own over a socket, and sets a flag when both are in the socket. The
/// receiving process made neither of them by a call.
fn fd_passed() -> Setup {
    act(|| {
        let mut ends = [0_i32; 2];
        returns(call!(socketpair, AF_UNIX, SOCK_DGRAM, 0, ends.as_mut_ptr()), 0)?;
        let [sending, receiving] = ends.map(i64::from);
        in_fork(|| {
            let file = call!(openat, AT_FDCWD, c"passed.txt", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)?;
            pass(sending, file)?;
            pass(sending, call!(eventfd2, 0, 0)?)?;
            returns(call!(fcntl, file, F_SETFL, O_APPEND), 0)
        })?;
        let decoy = create(c"decoy.txt")?;
        close(decoy)?;
        let file = arrive(receiving)?;
        ensure(file == decoy, "the descriptor did not arrive at the lowest free number")?;
        write(file, b"hello")?;
        let event = arrive(receiving)?;
        write(event, &1_u64.to_ne_bytes())?;
        let copy = call!(dup, event)?;
        returns(call!(fcntl, event, F_SETFL, O_NONBLOCK), 0)?;
        [copy, event, file, receiving, sending].into_iter().try_for_each(close)
    })
}

fn pass(socket: i64, fd: i64) -> Result<(), Broken> {
    let mut rights = Rights::of(fd as i32);
    let mut byte = [b'!'];
    let mut data = part(&mut byte);
    let message = rights.message(&mut data);
    returns(call!(sendmsg, socket, &raw const message, 0), 1)
}

fn arrive(socket: i64) -> Result<i64, Broken> {
    let mut rights = Rights::of(-1);
    let mut byte = [0];
    let mut data = part(&mut byte);
    let mut message = rights.message(&mut data);
    returns(call!(recvmsg, socket, &raw mut message, 0), 1)?;
    Ok(rights.fd.into())
}

/// Descriptors at the edges of the words in which the kernel keeps close-on-exec: each has another flag than its neighbours.
fn fd_cloexec_edges() -> Setup {
    const NUMBERS: [(i64, i32); 9] = [
        (0, O_CLOEXEC),
        (62, 0),
        (63, O_CLOEXEC),
        (64, 0),
        (65, O_CLOEXEC),
        (66, 0),
        (127, O_CLOEXEC),
        (128, 0),
        (129, O_CLOEXEC),
    ];
    // SAFETY: nobody reads from it.
    unsafe { libc::close(0) };
    act(|| {
        let file = call!(openat, AT_FDCWD, c"x.txt", O_RDWR | O_CREAT, 0o644)?;
        let file = call!(dup3, file, 3, 0)?;
        for (number, flags) in NUMBERS.into_iter().skip(1) {
            returns(call!(dup3, file, number, flags), number)?;
        }
        returns(call!(fcntl, 0, libc::F_SETFD, libc::FD_CLOEXEC), 0)?;
        NUMBERS.into_iter().try_for_each(|(number, _)| close(number))?;
        close(file)
    })
}
