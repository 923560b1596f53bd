//! read(2), write(2), their forms with an offset or with several buffers, and related calls: lseek(2), readahead(2),
//! posix_fadvise(2).

use std::fs;

use libc::{
    O_RDONLY, O_RDWR, O_WRONLY, POSIX_FADV_DONTNEED, POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED, RWF_APPEND, RWF_DSYNC,
    RWF_HIPRI, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET,
};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};

use super::steps::{close, create, open, part, pipe, read, write};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

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
    Scenario::new("readwrite-preadv", readwrite_preadv),
    Scenario::new("readwrite-pwritev", readwrite_pwritev),
    Scenario::new("readwrite-preadv2", readwrite_preadv2),
    Scenario::new("readwrite-pwritev2", readwrite_pwritev2),
    Scenario::new("readwrite-lseek", readwrite_lseek),
    Scenario::new("readwrite-readahead", readwrite_readahead),
    Scenario::new("readwrite-fadvise", readwrite_fadvise),
];

/// Reads back what it wrote, with a larger buffer than needed.
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

/// Two buffers with more room than the file has bytes.
fn readwrite_readv() -> Setup {
    fs::write("readv.txt", "hello, world")?;
    act(|| {
        let fd = open(c"readv.txt", O_RDONLY)?;
        let (mut head, mut tail) = ([0_u8; 7], [0_u8; 16]);
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(readv, fd, buffers.as_ptr(), buffers.len()), 12)?;
        ensure(&head == b"hello, " && tail.starts_with(b"world"), "readv read other bytes than are in the file")?;
        close(fd)
    })
}

/// Two buffers with more bytes than the file may have: a write ends at RLIMIT_FSIZE (write(2)).
fn readwrite_writev() -> Setup {
    setrlimit(Resource::RLIMIT_FSIZE, 10, 10)?;
    act(|| {
        let fd = create(c"writev.txt")?;
        let (mut head, mut tail) = (*b"hello, ", *b"world");
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(writev, fd, buffers.as_ptr(), buffers.len()), 10)?;
        close(fd)
    })
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

/// The refused write changes nothing: the file reads as before.
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

/// The offset of the open file does not change.
fn readwrite_preadv() -> Setup {
    fs::write("preadv.txt", "hello, world")?;
    act(|| {
        let fd = open(c"preadv.txt", O_RDONLY)?;
        let (mut head, mut tail) = ([0_u8; 3], [0_u8; 16]);
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(preadv, fd, buffers.as_ptr(), buffers.len(), 7, 0), 5)?;
        ensure(&head == b"wor" && tail.starts_with(b"ld"), "preadv read other bytes than are at its offset")?;
        read(fd, b"hello, world")?;
        close(fd)
    })
}

fn readwrite_pwritev() -> Setup {
    fs::write("pwritev.txt", "hello, world")?;
    act(|| {
        let fd = open(c"pwritev.txt", O_RDWR)?;
        let (mut head, mut tail) = (*b"the", *b"re");
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(pwritev, fd, buffers.as_ptr(), buffers.len(), 7, 0), 5)?;
        read(fd, b"hello, there")?;
        close(fd)
    })
}

/// At an offset. At -1, which means the open file's own offset and moves it. And with an unknown flag.
fn readwrite_preadv2() -> Setup {
    fs::write("preadv2.txt", "hello, world")?;
    act(|| {
        let fd = open(c"preadv2.txt", O_RDONLY)?;
        let (mut head, mut tail) = ([0_u8; 3], [0_u8; 16]);
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(preadv2, fd, buffers.as_ptr(), buffers.len(), 7, 0, RWF_HIPRI), 5)?;
        ensure(&head == b"wor" && tail.starts_with(b"ld"), "preadv2 read other bytes than are at its offset")?;
        returns(call!(preadv2, fd, buffers.as_ptr(), buffers.len(), -1, 0, 0), 12)?;
        fails(call!(preadv2, fd, buffers.as_ptr(), buffers.len(), 0, 0, 1 << 30), Errno::EOPNOTSUPP)?;
        read(fd, b"")?;
        close(fd)
    })
}

/// RWF_APPEND writes at the end, whatever the offset is.
fn readwrite_pwritev2() -> Setup {
    fs::write("pwritev2.txt", "hello")?;
    act(|| {
        let fd = open(c"pwritev2.txt", O_RDWR)?;
        let (mut head, mut tail) = (*b", ", *b"world");
        let buffers = [part(&mut head), part(&mut tail)];
        returns(call!(pwritev2, fd, buffers.as_ptr(), buffers.len(), 0, 0, RWF_APPEND | RWF_DSYNC), 7)?;
        read(fd, b"hello, world")?;
        close(fd)
    })
}

/// The result is an offset, and not a number of bytes. A file without holes has one at its end (lseek(2)).
fn readwrite_lseek() -> Setup {
    fs::write("lseek.txt", "hello, world")?;
    act(|| {
        let fd = open(c"lseek.txt", O_RDONLY)?;
        returns(call!(lseek, fd, 3, SEEK_SET), 3)?;
        returns(call!(lseek, fd, 4, SEEK_CUR), 7)?;
        read(fd, b"world")?;
        returns(call!(lseek, fd, 100, SEEK_END), 112)?;
        fails(call!(lseek, fd, -1, SEEK_SET), Errno::EINVAL)?;
        returns(call!(lseek, fd, -5, SEEK_END), 7)?;
        returns(call!(lseek, fd, 1, SEEK_DATA), 1)?;
        returns(call!(lseek, fd, 0, SEEK_HOLE), 12)?;
        fails(call!(lseek, fd, 12, SEEK_DATA), Errno::ENXIO)?;
        close(fd)?;
        let [reading, writing] = pipe()?;
        fails(call!(lseek, reading, 0, SEEK_CUR), Errno::ESPIPE)?;
        close(writing)?;
        close(reading)
    })
}

/// It gives the process no bytes, and its result does not tell how much was read.
fn readwrite_readahead() -> Setup {
    fs::write("readahead.txt", "hello, world")?;
    act(|| {
        let fd = open(c"readahead.txt", O_RDONLY)?;
        returns(call!(readahead, fd, 4, 8), 0)?;
        read(fd, b"hello, world")?;
        close(fd)?;
        let fd = open(c"readahead.txt", O_WRONLY)?;
        fails(call!(readahead, fd, 0, 12), Errno::EBADF)?;
        close(fd)
    })
}

/// Three kinds of advice, an unknown one, and advice on a pipe.
fn readwrite_fadvise() -> Setup {
    fs::write("fadvise.txt", "hello, world")?;
    act(|| {
        let fd = open(c"fadvise.txt", O_RDONLY)?;
        returns(call!(fadvise64, fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0)?;
        returns(call!(fadvise64, fd, 4, 8, POSIX_FADV_WILLNEED), 0)?;
        returns(call!(fadvise64, fd, 0, 12, POSIX_FADV_DONTNEED), 0)?;
        fails(call!(fadvise64, fd, 0, 0, 77), Errno::EINVAL)?;
        close(fd)?;
        let [reading, writing] = pipe()?;
        fails(call!(fadvise64, reading, 0, 0, POSIX_FADV_SEQUENTIAL), Errno::ESPIPE)?;
        close(writing)?;
        close(reading)
    })
}
