//! stat(2), fstat(2), lstat(2), statx(2), access(2), and their *at forms.
#![allow(unsafe_code)]

use std::fs;
use std::os::unix::fs::symlink;

use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, R_OK, S_IFLNK, S_IFMT, W_OK};

use super::steps::{close, empty_stat, open};
use crate::scenario::{Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("stat-basic", stat_basic),
    Scenario::new("stat-fstat", stat_fstat),
    Scenario::new("stat-lstat", stat_lstat),
    Scenario::new("stat-newfstatat", stat_newfstatat),
    Scenario::new("stat-statx", stat_statx),
    Scenario::new("stat-access", stat_access),
    Scenario::new("stat-faccessat", stat_faccessat),
];

fn stat_basic() -> Setup {
    fs::write("stat.txt", "hello")?;
    act(|| {
        let mut stat = empty_stat();
        returns(call!(stat, c"stat.txt", &raw mut stat), 0)?;
        ensure(stat.st_size == 5, "stat gave another size")
    })
}

fn stat_fstat() -> Setup {
    fs::write("fstat.txt", "hello")?;
    act(|| {
        let fd = open(c"fstat.txt", libc::O_RDONLY)?;
        let mut stat = empty_stat();
        returns(call!(fstat, fd, &raw mut stat), 0)?;
        ensure(stat.st_size == 5, "fstat gave another size")?;
        close(fd)
    })
}

/// Of a symbolic link that leads nowhere.
fn stat_lstat() -> Setup {
    symlink("missing.txt", "link.txt")?;
    act(|| {
        let mut stat = empty_stat();
        returns(call!(lstat, c"link.txt", &raw mut stat), 0)?;
        ensure(stat.st_mode & S_IFMT == S_IFLNK, "lstat followed the link")
    })
}

/// Of a symbolic link that leads nowhere.
fn stat_newfstatat() -> Setup {
    symlink("missing.txt", "link.txt")?;
    act(|| {
        let mut stat = empty_stat();
        returns(call!(newfstatat, AT_FDCWD, c"link.txt", &raw mut stat, AT_SYMLINK_NOFOLLOW), 0)?;
        ensure(stat.st_mode & S_IFMT == S_IFLNK, "newfstatat followed the link")
    })
}

fn stat_statx() -> Setup {
    fs::write("statx.txt", "hello")?;
    act(|| {
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut statx: libc::statx = unsafe { std::mem::zeroed() };
        returns(call!(statx, AT_FDCWD, c"statx.txt", 0, libc::STATX_BASIC_STATS, &raw mut statx), 0)?;
        ensure(statx.stx_size == 5, "statx gave another size")
    })
}

fn stat_access() -> Setup {
    fs::write("access.txt", "")?;
    act(|| returns(call!(access, c"access.txt", R_OK | W_OK), 0))
}

fn stat_faccessat() -> Setup {
    fs::write("faccessat.txt", "")?;
    act(|| returns(call!(faccessat, AT_FDCWD, c"faccessat.txt", R_OK), 0))
}
