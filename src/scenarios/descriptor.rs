//! Descriptors whose file changes, or changes its name.
#![allow(unsafe_code)]

use std::fs;
use std::os::fd::IntoRawFd;

use super::steps::{close, create, write};
use crate::scenario::{Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("fd-reuse", fd_reuse),
    Scenario::new("fd-inherited", fd_inherited),
    Scenario::new("fd-renamed", fd_renamed),
];

/// A pipe gets the numbers of two files that were closed.
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

/// Opened before the gate, so that no call in the trace says which file it is.
fn fd_inherited() -> Setup {
    let fd: i64 = fs::File::create_new("inherited.txt")?.into_raw_fd().into();
    act(move || {
        write(fd, b"known")?;
        let copy = call!(dup, fd)?;
        close(copy)?;
        close(fd)
    })
}

/// An open file is renamed, then its directory, then another file takes its old name.
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
