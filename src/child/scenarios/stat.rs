//! stat(2), fstat(2), lstat(2), statx(2), access(2), and their *at forms; statfs(2), fstatfs(2).
#![allow(unsafe_code)]

use std::fs;
use std::os::unix::fs::symlink;

use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, F_OK, R_OK, S_IFLNK, S_IFMT, W_OK};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, empty_stat, open};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("stat-basic", stat_basic),
    Scenario::new("stat-fstat", stat_fstat),
    Scenario::new("stat-lstat", stat_lstat),
    Scenario::new("stat-newfstatat", stat_newfstatat),
    Scenario::new("stat-statx", stat_statx),
    Scenario::new("stat-access", stat_access),
    Scenario::new("stat-faccessat", stat_faccessat),
    Scenario::new("stat-enoent", stat_enoent),
    Scenario::new("stat-access-enoent", stat_access_enoent),
    Scenario::new("stat-fstat-ebadf", stat_fstat_ebadf),
    Scenario::new("stat-statfs", stat_statfs),
    Scenario::new("stat-fstatfs", stat_fstatfs),
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

/// A dangling symbolic link.
fn stat_lstat() -> Setup {
    symlink("missing.txt", "link.txt")?;
    act(|| {
        let mut stat = empty_stat();
        returns(call!(lstat, c"link.txt", &raw mut stat), 0)?;
        ensure(stat.st_mode & S_IFMT == S_IFLNK, "lstat followed the link")
    })
}

/// A dangling symbolic link.
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

fn stat_enoent() -> Setup {
    act(|| {
        let mut stat = empty_stat();
        fails(call!(stat, c"missing.txt", &raw mut stat), Errno::ENOENT)
    })
}

fn stat_access_enoent() -> Setup {
    act(|| fails(call!(access, c"missing.txt", F_OK), Errno::ENOENT))
}

fn stat_fstat_ebadf() -> Setup {
    act(|| {
        let mut stat = empty_stat();
        fails(call!(fstat, NOT_OPEN, &raw mut stat), Errno::EBADF)
    })
}

fn stat_statfs() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let mut statfs = empty_statfs();
        returns(call!(statfs, c"sub", &raw mut statfs), 0)?;
        ensure(statfs.f_bsize > 0, "statfs gave no block size")
    })
}

fn stat_fstatfs() -> Setup {
    fs::write("fstatfs.txt", "")?;
    act(|| {
        let fd = open(c"fstatfs.txt", libc::O_RDONLY)?;
        let mut statfs = empty_statfs();
        returns(call!(fstatfs, fd, &raw mut statfs), 0)?;
        ensure(statfs.f_bsize > 0, "fstatfs gave no block size")?;
        close(fd)
    })
}

fn empty_statfs() -> libc::statfs {
    // SAFETY: plain numbers, for which all bits zero is a value.
    unsafe { std::mem::zeroed() }
}
