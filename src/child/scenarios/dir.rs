//! mkdir(2), mkdirat(2), chdir(2), fchdir(2), getcwd(2), getdents64(2).

use std::fs;

use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("dir-getdents-old", dir_getdents_old),
    Scenario::new("dir-basic", dir_basic),
    Scenario::new("dir-mkdirat", dir_mkdirat),
    Scenario::new("dir-chdir", dir_chdir),
    Scenario::new("dir-getdents", dir_getdents),
    Scenario::new("dir-getcwd", dir_getcwd),
    Scenario::new("dir-mkdir-eexist", dir_mkdir_eexist),
    Scenario::new("dir-chdir-enoent", dir_chdir_enoent),
    Scenario::new("dir-fchdir", dir_fchdir),
    Scenario::new("dir-getdents-ebadf", dir_getdents_ebadf),
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

/// A relative path after the working directory has changed.
fn dir_chdir() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        returns(call!(chdir, c"sub"), 0)?;
        close(create(c"file.txt")?)
    })
}

/// Reads a directory with one file to its end.
fn dir_getdents() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/file.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        // The kernel aligns entries to 8 bytes from the start of the buffer, and needs no more of the buffer than this.
        let mut entries = [0_u64; 512];
        let length = call!(getdents64, dir, entries.as_mut_ptr(), size_of_val(&entries))?;
        ensure(length > 0, "the directory has no entries")?;
        returns(call!(getdents64, dir, entries.as_mut_ptr(), size_of_val(&entries)), 0)?;
        close(dir)
    })
}

/// The path is the kernel's result. If the buffer is too small, there is none.
fn dir_getcwd() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let mut path = [0_u8; 4096];
        let length = call!(getcwd, path.as_mut_ptr(), path.len())?;
        returns(call!(chdir, c"sub"), 0)?;
        returns(call!(getcwd, path.as_mut_ptr(), path.len()), length + 4)?;
        ensure(path[..length as usize + 4].ends_with(b"/sub\0"), "getcwd gave another directory")?;
        fails(call!(getcwd, path.as_mut_ptr(), 1), Errno::ERANGE)
    })
}

fn dir_mkdir_eexist() -> Setup {
    fs::create_dir("made")?;
    act(|| fails(call!(mkdir, c"made", 0o700), Errno::EEXIST))
}

/// A relative path after chdir has failed.
fn dir_chdir_enoent() -> Setup {
    act(|| {
        fails(call!(chdir, c"missing"), Errno::ENOENT)?;
        close(create(c"file.txt")?)
    })
}

/// A relative path after fchdir to a descriptor, which may then be closed.
fn dir_fchdir() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(fchdir, dir), 0)?;
        close(dir)?;
        close(create(c"file.txt")?)
    })
}

fn dir_getdents_ebadf() -> Setup {
    act(|| {
        let mut entries = [0_u64; 512];
        fails(call!(getdents64, NOT_OPEN, entries.as_mut_ptr(), size_of_val(&entries)), Errno::EBADF)
    })
}

/// The old form: an empty directory has two entries of 24 bytes.
fn dir_getdents_old() -> Setup {
    fs::create_dir("empty")?;
    act(|| {
        let folder = open_dir(c"empty")?;
        let mut entries = [0_u64; 32];
        returns(call!(getdents, folder, entries.as_mut_ptr(), size_of_val(&entries)), 48)?;
        returns(call!(getdents, folder, entries.as_mut_ptr(), size_of_val(&entries)), 0)?;
        close(folder)
    })
}
