//! What pointers lead to: the bytes that calls read and write.

use std::os::unix::fs::symlink;

use libc::{AT_FDCWD, O_RDONLY, SEEK_SET};
use nix::errno::Errno;

use super::steps::{close, create, open, pipe};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("data-written", data_written),
    Scenario::new("data-read", data_read),
    Scenario::new("data-cold", data_cold),
    Scenario::new("data-changed", data_changed),
    Scenario::new("data-failed", data_failed),
    Scenario::new("data-cut", data_cut),
];

/// What is written is what the call is given, and not what the memory has later.
fn data_written() -> Setup {
    act(|| {
        let fd = create(c"data.txt")?;
        let mut bytes = *b"one";
        returns(call!(write, fd, bytes.as_ptr(), bytes.len()), 3)?;
        bytes = *b"two";
        returns(call!(pwrite64, fd, bytes.as_ptr(), bytes.len(), 3), 3)?;
        returns(call!(write, fd, bytes.as_ptr(), 0), 0)?;
        close(fd)
    })
}

/// What is read is as many bytes as the result says, whatever the buffer holds behind them.
fn data_read() -> Setup {
    std::fs::write("data.txt", "hello, world")?;
    symlink("data.txt", "link")?;
    act(|| {
        let fd = open(c"data.txt", O_RDONLY)?;
        let mut buffer = *b"................";
        returns(call!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), 7), 5)?;
        returns(call!(read, fd, buffer.as_mut_ptr(), 4), 4)?;
        returns(call!(lseek, fd, 12, SEEK_SET), 12)?;
        returns(call!(read, fd, buffer.as_mut_ptr(), 4), 0)?;
        returns(call!(readlinkat, AT_FDCWD, c"link", buffer.as_mut_ptr(), 4), 4)?;
        ensure(buffer.starts_with(b"data"), "readlinkat has read another link")?;
        close(fd)
    })
}

/// Bytes on a page that nobody has touched before the call.
fn data_cold() -> Setup {
    let text = super::path::cold("cold")?;
    act(move || {
        let fd = create(c"data.txt")?;
        returns(call!(write, fd, text, 4), 4)?;
        close(fd)
    })
}

/// A read into the memory that was written from: each call has its own bytes.
fn data_changed() -> Setup {
    act(|| {
        let [from, to] = pipe()?;
        let mut bytes = *b"left";
        returns(call!(write, to, bytes.as_ptr(), 4), 4)?;
        fails(call!(pwrite64, to, bytes.as_ptr(), 4, 0), Errno::ESPIPE)?;
        bytes = *b"gone";
        returns(call!(read, from, bytes.as_mut_ptr(), 4), 4)?;
        ensure(&bytes == b"left", "another text was read")?;
        close(from)?;
        close(to)
    })
}

/// A call that fails has read nothing; what it was to write is known all the same.
fn data_failed() -> Setup {
    act(|| {
        let mut buffer = *b"rest";
        fails(call!(read, -1, buffer.as_mut_ptr(), 4), Errno::EBADF)?;
        fails(call!(write, -1, buffer.as_ptr(), 4), Errno::EBADF)
    })
}

/// The result counts more bytes than there is room for: only those that were moved are read.
fn data_cut() -> Setup {
    act(|| {
        let mut ends = [0_i32; 2];
        call!(socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr())?;
        let [a, b] = ends;
        returns(call!(sendto, a, b"datagram".as_ptr(), 8, 0, std::ptr::null::<u8>(), 0), 8)?;
        let mut buffer = *b"........";
        let none = std::ptr::null_mut::<u8>();
        returns(call!(recvfrom, b, buffer.as_mut_ptr(), 4, libc::MSG_TRUNC, none, none), 8)?;
        ensure(&buffer == b"data....", "recvfrom has filled in more than it was given")?;
        close(b.into())?;
        close(a.into())
    })
}
