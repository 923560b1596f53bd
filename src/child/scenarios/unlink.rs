//! unlink(2), unlinkat(2), rmdir(2).

use std::fs;

use libc::AT_REMOVEDIR;
use nix::errno::Errno;

use super::steps::{close, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("unlink-basic", unlink_basic),
    Scenario::new("unlink-unlinkat", unlink_unlinkat),
    Scenario::new("unlink-rmdir", unlink_rmdir),
    Scenario::new("unlink-enoent", unlink_enoent),
    Scenario::new("unlink-rmdir-notempty", unlink_rmdir_notempty),
    Scenario::new("unlink-unlinkat-enoent", unlink_unlinkat_enoent),
];

fn unlink_basic() -> Setup {
    fs::write("file.txt", "")?;
    act(|| returns(call!(unlink, c"file.txt"), 0))
}

/// A file, then a directory, each relative to a directory.
fn unlink_unlinkat() -> Setup {
    fs::create_dir_all("sub/dir")?;
    fs::write("sub/file.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(unlinkat, dir, c"file.txt", 0), 0)?;
        returns(call!(unlinkat, dir, c"dir", AT_REMOVEDIR), 0)?;
        close(dir)
    })
}

fn unlink_rmdir() -> Setup {
    fs::create_dir("dir")?;
    act(|| returns(call!(rmdir, c"dir"), 0))
}

fn unlink_enoent() -> Setup {
    act(|| fails(call!(unlink, c"missing.txt"), Errno::ENOENT))
}

fn unlink_rmdir_notempty() -> Setup {
    fs::create_dir("dir")?;
    fs::write("dir/file.txt", "")?;
    act(|| fails(call!(rmdir, c"dir"), Errno::ENOTEMPTY))
}

/// The file exists, but not in that directory.
fn unlink_unlinkat_enoent() -> Setup {
    fs::create_dir("sub")?;
    fs::write("missing.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        fails(call!(unlinkat, dir, c"missing.txt", 0), Errno::ENOENT)?;
        close(dir)
    })
}
