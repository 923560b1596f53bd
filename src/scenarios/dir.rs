//! mkdir(2), mkdirat(2), chdir(2), getdents64(2).

use std::fs;

use super::steps::{close, create, open_dir};
use crate::scenario::{Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("dir-basic", dir_basic),
    Scenario::new("dir-mkdirat", dir_mkdirat),
    Scenario::new("dir-chdir", dir_chdir),
    Scenario::new("dir-getdents", dir_getdents),
];

fn dir_basic() -> Setup {
    act(|| returns(call!(mkdir, c"made", 0o750), 0))
}

fn dir_mkdirat() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(mkdirat, dir, c"made", 0o700), 0)?;
        close(dir)
    })
}

/// A relative name after the working directory has changed.
fn dir_chdir() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        returns(call!(chdir, c"sub"), 0)?;
        close(create(c"file.txt")?)
    })
}

/// Reads a directory of one file to its end.
fn dir_getdents() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/file.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        // The kernel aligns the entries to 8 bytes from the start of the buffer and wants no more of it than this.
        let mut entries = [0_u64; 512];
        let length = call!(getdents64, dir, entries.as_mut_ptr(), size_of_val(&entries))?;
        ensure(length > 0, "the directory has no entries")?;
        returns(call!(getdents64, dir, entries.as_mut_ptr(), size_of_val(&entries)), 0)?;
        close(dir)
    })
}
