//! Bytes between two descriptors: copy_file_range(2), sendfile(2), splice(2), tee(2), vmsplice(2).

use std::fs;

use libc::{O_APPEND, O_RDONLY, O_WRONLY, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, open, part, pipe, read, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("copy-file-range-basic", copy_file_range_basic),
    Scenario::new("copy-file-range-ebadf", copy_file_range_ebadf),
    Scenario::new("sendfile-basic", sendfile_basic),
    Scenario::new("splice-pipe", splice_pipe),
    Scenario::new("tee-pipe", tee_pipe),
    Scenario::new("vmsplice-pipe", vmsplice_pipe),
];

/// A null pointer instead of an offset.
const NULL: i32 = 0;

/// The length exceeds the file. At the end of the file the result is 0.
fn copy_file_range_basic() -> Setup {
    fs::write("from.txt", "hello, world")?;
    act(|| {
        let from = open(c"from.txt", O_RDONLY)?;
        let to = create(c"to.txt")?;
        let mut at = 7_i64;
        returns(call!(copy_file_range, from, &raw mut at, to, NULL, 64, 0), 5)?;
        ensure(at == 12, "copy_file_range left its offset elsewhere than at the end of what it copied")?;
        returns(call!(copy_file_range, from, &raw mut at, to, NULL, 64, 0), 0)?;
        holds(to, b"world")?;
        close(to)?;
        close(from)
    })
}

/// The target is not open, then not open for writing, then open only for appending.
fn copy_file_range_ebadf() -> Setup {
    fs::write("from.txt", "hello, world")?;
    fs::write("to.txt", "")?;
    act(|| {
        let from = open(c"from.txt", O_RDONLY)?;
        fails(call!(copy_file_range, from, NULL, NOT_OPEN, NULL, 5, 0), Errno::EBADF)?;
        let to = open(c"to.txt", O_RDONLY)?;
        fails(call!(copy_file_range, from, NULL, to, NULL, 5, 0), Errno::EBADF)?;
        close(to)?;
        let to = open(c"to.txt", O_WRONLY | O_APPEND)?;
        fails(call!(copy_file_range, from, NULL, to, NULL, 5, 0), Errno::EBADF)?;
        close(to)?;
        close(from)
    })
}

/// The descriptor that is written to is the first argument. With an offset, the open file's own offset does not change.
fn sendfile_basic() -> Setup {
    fs::write("from.txt", "hello, world")?;
    act(|| {
        let from = open(c"from.txt", O_RDONLY)?;
        let to = create(c"to.txt")?;
        returns(call!(sendfile, to, from, NULL, 5), 5)?;
        let mut at = 7_i64;
        returns(call!(sendfile, to, from, &raw mut at, 64), 5)?;
        ensure(at == 12, "sendfile left its offset elsewhere than at the end of what it sent")?;
        returns(call!(sendfile, to, from, NULL, 64), 7)?;
        holds(to, b"helloworld, world")?;
        close(to)?;
        close(from)
    })
}

/// From a file into a pipe, and from the pipe into another file at an offset. One of the two must be a pipe.
fn splice_pipe() -> Setup {
    fs::write("from.txt", "hello, world")?;
    act(|| {
        let from = open(c"from.txt", O_RDONLY)?;
        let to = create(c"to.txt")?;
        let [reading, writing] = pipe()?;
        returns(call!(splice, from, NULL, writing, NULL, 64, SPLICE_F_MORE), 12)?;
        let mut at = 3_i64;
        returns(call!(splice, reading, NULL, to, &raw mut at, 64, SPLICE_F_MOVE), 12)?;
        fails(call!(splice, reading, NULL, to, NULL, 64, SPLICE_F_NONBLOCK), Errno::EAGAIN)?;
        fails(call!(splice, from, NULL, to, NULL, 64, 0), Errno::EINVAL)?;
        holds(to, b"\0\0\0hello, world")?;
        close(writing)?;
        close(reading)?;
        close(to)?;
        close(from)
    })
}

/// Bytes that are copied from one pipe to another remain in the first.
fn tee_pipe() -> Setup {
    act(|| {
        let [first, into_first] = pipe()?;
        let [second, into_second] = pipe()?;
        write(into_first, b"hello")?;
        returns(call!(tee, first, into_second, 64, SPLICE_F_NONBLOCK), 5)?;
        read(second, b"hello")?;
        read(first, b"hello")?;
        fails(call!(tee, first, into_second, 64, SPLICE_F_NONBLOCK), Errno::EAGAIN)?;
        fails(call!(tee, first, into_first, 64, 0), Errno::EINVAL)?;
        [into_second, second, into_first, first].into_iter().try_for_each(close)
    })
}

/// Two buffers, whose pages go into the pipe.
fn vmsplice_pipe() -> Setup {
    act(|| {
        let [reading, writing] = pipe()?;
        let (mut head, mut tail) = (*b"hello, ", *b"world");
        let parts = [part(&mut head), part(&mut tail)];
        returns(call!(vmsplice, writing, parts.as_ptr(), parts.len(), 0), 12)?;
        read(reading, b"hello, world")?;
        close(writing)?;
        close(reading)
    })
}

/// Reads a file from its begin, whatever its offset is.
fn holds(fd: i64, text: &[u8]) -> Result<(), Broken> {
    let mut buffer = [0_u8; 32];
    returns(call!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), 0), text.len() as i64)?;
    ensure(buffer.starts_with(text), "the file holds other bytes than were copied to it")
}
