//! link(2), symlink(2), readlink(2) and their *at forms.

use std::fs;
use std::os::unix::fs::symlink;

use libc::AT_FDCWD;
use nix::errno::Errno;

use super::steps::{close, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("link-basic", link_basic),
    Scenario::new("link-linkat", link_linkat),
    Scenario::new("link-symlinkat", link_symlinkat),
    Scenario::new("link-readlinkat", link_readlinkat),
    Scenario::new("link-enoent", link_enoent),
    Scenario::new("link-symlink-eexist", link_symlink_eexist),
    Scenario::new("link-readlinkat-einval", link_readlinkat_einval),
];

/// The text of the symbolic link is a dangling relative path, which is stored unchanged.
fn link_basic() -> Setup {
    fs::write("file.txt", "")?;
    act(|| {
        returns(call!(link, c"file.txt", c"hard.txt"), 0)?;
        returns(call!(symlink, c"../no/where", c"soft.txt"), 0)?;
        let mut buffer = [0_u8; 64];
        returns(call!(readlink, c"soft.txt", buffer.as_mut_ptr(), buffer.len()), 11)?;
        ensure(buffer.starts_with(b"../no/where"), "readlink gave another text than symlink stored")
    })
}

/// The old path is relative to a directory, the new one to the working directory.
fn link_linkat() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/file.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(linkat, dir, c"file.txt", AT_FDCWD, c"hard.txt", 0), 0)?;
        close(dir)
    })
}

fn link_symlinkat() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(symlinkat, c"file.txt", dir, c"soft.txt"), 0)?;
        close(dir)
    })
}

/// The buffer is shorter than the text, which readlinkat cuts without an error.
fn link_readlinkat() -> Setup {
    fs::create_dir("sub")?;
    symlink("file.txt", "sub/soft.txt")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        let mut buffer = [0_u8; 4];
        returns(call!(readlinkat, dir, c"soft.txt", buffer.as_mut_ptr(), buffer.len()), 4)?;
        ensure(&buffer == b"file", "readlinkat gave another text than the link holds")?;
        close(dir)
    })
}

fn link_enoent() -> Setup {
    act(|| fails(call!(link, c"missing.txt", c"hard.txt"), Errno::ENOENT))
}

/// The link's text names an existing file. The call fails because the new name exists.
fn link_symlink_eexist() -> Setup {
    fs::write("file.txt", "")?;
    fs::write("taken.txt", "")?;
    act(|| fails(call!(symlink, c"file.txt", c"taken.txt"), Errno::EEXIST))
}

/// A file that is not a symbolic link.
fn link_readlinkat_einval() -> Setup {
    fs::write("file.txt", "hello")?;
    act(|| {
        let mut buffer = [0_u8; 64];
        fails(call!(readlinkat, AT_FDCWD, c"file.txt", buffer.as_mut_ptr(), buffer.len()), Errno::EINVAL)
    })
}
