//! truncate(2), ftruncate(2). After a success the scenarios check the file's size.

use std::fs;

use libc::{AT_FDCWD, O_RDWR};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, empty_stat, open};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("truncate-basic", truncate_basic),
    Scenario::new("truncate-ftruncate", truncate_ftruncate),
    Scenario::new("truncate-enoent", truncate_enoent),
    Scenario::new("truncate-ftruncate-ebadf", truncate_ftruncate_ebadf),
];

/// Makes a file shorter.
fn truncate_basic() -> Setup {
    fs::write("truncate.txt", "hello, world")?;
    act(|| {
        returns(call!(truncate, c"truncate.txt", 5), 0)?;
        let mut stat = empty_stat();
        returns(call!(newfstatat, AT_FDCWD, c"truncate.txt", &raw mut stat, 0), 0)?;
        ensure(stat.st_size == 5, "truncate gave the file another size")
    })
}

/// Makes a file longer.
fn truncate_ftruncate() -> Setup {
    fs::write("ftruncate.txt", "hello")?;
    act(|| {
        let fd = open(c"ftruncate.txt", O_RDWR)?;
        returns(call!(ftruncate, fd, 10_000), 0)?;
        let mut stat = empty_stat();
        returns(call!(fstat, fd, &raw mut stat), 0)?;
        ensure(stat.st_size == 10_000, "ftruncate gave the file another size")?;
        close(fd)
    })
}

fn truncate_enoent() -> Setup {
    act(|| fails(call!(truncate, c"missing.txt", 5), Errno::ENOENT))
}

fn truncate_ftruncate_ebadf() -> Setup {
    act(|| fails(call!(ftruncate, NOT_OPEN, 5), Errno::EBADF))
}
