//! fallocate(2).

use std::fs;

use libc::{FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, O_RDWR};
use nix::errno::Errno;

use super::steps::{close, create, empty_stat, open, read, skip_on};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] =
    &[Scenario::new("fallocate-basic", fallocate_basic), Scenario::new("fallocate-punch-hole", fallocate_punch_hole)];

/// Makes the file longer, and then allocates more space without making it longer.
fn fallocate_basic() -> Setup {
    act(|| {
        let fd = create(c"fallocate.txt")?;
        allocate(fd, 0, 0, 10_000)?;
        allocate(fd, FALLOC_FL_KEEP_SIZE, 10_000, 5000)?;
        let mut stat = empty_stat();
        returns(call!(fstat, fd, &raw mut stat), 0)?;
        ensure(stat.st_size == 10_000, "fallocate gave the file another size")?;
        close(fd)
    })
}

/// The hole reads as zeroes.
fn fallocate_punch_hole() -> Setup {
    fs::write("hole.txt", "hello, world")?;
    act(|| {
        let fd = open(c"hole.txt", O_RDWR)?;
        allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 4)?;
        read(fd, b"h\0\0\0\0, world")?;
        close(fd)
    })
}

fn allocate(fd: i64, mode: i32, offset: i64, length: i64) -> Result<(), Broken> {
    let allocated = call!(fallocate, fd, mode, offset, length);
    allocated.map(drop).map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks this fallocate"))
}
