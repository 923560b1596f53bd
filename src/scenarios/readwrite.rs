//! read(2), write(2), and their forms with an offset or with several buffers.

use std::fs;

use libc::{O_RDONLY, O_RDWR, O_WRONLY, SEEK_SET, iovec};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};

use super::steps::{close, create, open, read, write};
use crate::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("readwrite-basic", readwrite_basic),
    Scenario::new("readwrite-pread", readwrite_pread),
    Scenario::new("readwrite-pwrite", readwrite_pwrite),
    Scenario::new("readwrite-readv", readwrite_readv),
    Scenario::new("readwrite-writev", readwrite_writev),
    Scenario::new("readwrite-wronly-read", readwrite_wronly_read),
    Scenario::new("readwrite-rdonly-write", readwrite_rdonly_write),
    Scenario::new("readwrite-pread-invalid", readwrite_pread_invalid),
    Scenario::new("readwrite-pwrite-invalid", readwrite_pwrite_invalid),
];

/// Reads back what it wrote. More is asked for than there is.
fn readwrite_basic() -> Setup {
    act(|| {
        let fd = create(c"basic.txt")?;
        write(fd, b"hello")?;
        returns(call!(lseek, fd, 1, SEEK_SET), 1)?;
        read(fd, b"ello")?;
        close(fd)
    })
}

fn readwrite_pread() -> Setup {
    fs::write("pread.txt", "hello, world")?;
    act(|| {
        let fd = open(c"pread.txt", O_RDONLY)?;
        let mut buffer = [0_u8; 16];
        returns(call!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), 7), 5)?;
        ensure(buffer.starts_with(b"world"), "pread64 read from another offset")?;
        close(fd)
    })
}

fn readwrite_pwrite() -> Setup {
    fs::write("pwrite.txt", "hello, world")?;
    act(|| {
        let fd = open(c"pwrite.txt", O_RDWR)?;
        returns(call!(pwrite64, fd, b"there".as_ptr(), 5, 7), 5)?;
        read(fd, b"hello, there")?;
        close(fd)
    })
}

/// Two buffers with room for more than is in the file.
fn readwrite_readv() -> Setup {
    fs::write("readv.txt", "hello, world")?;
    act(|| {
        let fd = open(c"readv.txt", O_RDONLY)?;
        let (mut head, mut tail) = ([0_u8; 7], [0_u8; 16]);
        let buffers = [part(head.as_mut_ptr(), head.len()), part(tail.as_mut_ptr(), tail.len())];
        returns(call!(readv, fd, buffers.as_ptr(), buffers.len()), 12)?;
        ensure(&head == b"hello, " && tail.starts_with(b"world"), "readv read other bytes than are in the file")?;
        close(fd)
    })
}

/// Two buffers with more in them than the file may hold: a write that meets RLIMIT_FSIZE ends there (write(2)).
fn readwrite_writev() -> Setup {
    setrlimit(Resource::RLIMIT_FSIZE, 10, 10)?;
    act(|| {
        let fd = create(c"writev.txt")?;
        let (mut head, mut tail) = (*b"hello, ", *b"world");
        let buffers = [part(head.as_mut_ptr(), head.len()), part(tail.as_mut_ptr(), tail.len())];
        returns(call!(writev, fd, buffers.as_ptr(), buffers.len()), 10)?;
        close(fd)
    })
}

fn part(base: *mut u8, len: usize) -> iovec {
    iovec { iov_base: base.cast(), iov_len: len }
}

fn readwrite_wronly_read() -> Setup {
    fs::write("wronly.txt", "hello")?;
    act(|| {
        let fd = open(c"wronly.txt", O_WRONLY)?;
        let mut buffer = [0_u8; 16];
        fails(call!(read, fd, buffer.as_mut_ptr(), buffer.len()), Errno::EBADF)?;
        close(fd)
    })
}

/// The refused write moves nothing: the file is read as it was.
fn readwrite_rdonly_write() -> Setup {
    fs::write("rdonly.txt", "hello")?;
    act(|| {
        let fd = open(c"rdonly.txt", O_RDONLY)?;
        fails(call!(write, fd, b"no".as_ptr(), 2), Errno::EBADF)?;
        read(fd, b"hello")?;
        close(fd)
    })
}

fn readwrite_pread_invalid() -> Setup {
    act(|| {
        let fd = create(c"pread.txt")?;
        let mut buffer = [0_u8; 16];
        fails(call!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), -1), Errno::EINVAL)?;
        close(fd)
    })
}

fn readwrite_pwrite_invalid() -> Setup {
    act(|| {
        let fd = create(c"pwrite.txt")?;
        fails(call!(pwrite64, fd, b"hello".as_ptr(), 5, -1), Errno::EINVAL)?;
        close(fd)
    })
}
