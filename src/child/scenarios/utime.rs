//! utime(2), utimes(2), futimesat(2), utimensat(2).

use std::fs;
use std::os::unix::fs::symlink;

use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_RDONLY};
use nix::errno::Errno;

use super::steps::{close, empty_stat, open, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("utime-basic", utime_basic),
    Scenario::new("utime-utimes", utime_utimes),
    Scenario::new("utime-futimesat", utime_futimesat),
    Scenario::new("utime-utimensat", utime_utimensat),
    Scenario::new("utime-enoent", utime_enoent),
];

/// Seconds since the epoch: the last access, and the last modification.
const SECONDS: [i64; 2] = [1_000_000_000, 1_500_000_000];
/// The same times, each with microseconds or nanoseconds.
const TIMES: [[i64; 2]; 2] = [[SECONDS[0], 0], [SECONDS[1], 0]];

fn utime_basic() -> Setup {
    fs::write("utime.txt", "")?;
    act(|| {
        returns(call!(utime, c"utime.txt", SECONDS.as_ptr()), 0)?;
        let mut stat = empty_stat();
        returns(call!(newfstatat, AT_FDCWD, c"utime.txt", &raw mut stat, 0), 0)?;
        ensure([stat.st_atime, stat.st_mtime] == SECONDS, "utime gave the file other times")
    })
}

fn utime_utimes() -> Setup {
    fs::write("utimes.txt", "")?;
    act(|| returns(call!(utimes, c"utimes.txt", TIMES.as_ptr()), 0))
}

fn utime_futimesat() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/futimesat.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(futimesat, dir, c"futimesat.txt", TIMES.as_ptr()), 0)?;
        close(dir)
    })
}

/// A dangling symbolic link. Then no path, which means the descriptor's own file (futimens(3)).
fn utime_utimensat() -> Setup {
    symlink("missing.txt", "link.txt")?;
    fs::write("utimensat.txt", "")?;
    act(|| {
        returns(call!(utimensat, AT_FDCWD, c"link.txt", TIMES.as_ptr(), AT_SYMLINK_NOFOLLOW), 0)?;
        let fd = open(c"utimensat.txt", O_RDONLY)?;
        returns(call!(utimensat, fd, 0, TIMES.as_ptr(), 0), 0)?;
        close(fd)
    })
}

fn utime_enoent() -> Setup {
    act(|| fails(call!(utime, c"missing.txt", SECONDS.as_ptr()), Errno::ENOENT))
}
