//! chown(2), fchown(2), lchown(2), fchownat(2).

use std::fs;
use std::io;
use std::os::unix::fs::{lchown, symlink};

use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_RDONLY};
use nix::errno::Errno;

use super::steps::{close, empty_stat, open, open_dir};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("chown-basic", chown_basic),
    Scenario::new("chown-fchown", chown_fchown),
    Scenario::new("chown-lchown", chown_lchown),
    Scenario::new("chown-fchownat", chown_fchownat),
];

/// Changes both owner and group, and then only the group.
fn chown_basic() -> Setup {
    fs::write("chown.txt", "")?;
    may_be_given_away("chown.txt")?;
    act(|| {
        returns(call!(chown, c"chown.txt", 1, 2), 0)?;
        returns(call!(chown, c"chown.txt", -1, 3), 0)?;
        let mut stat = empty_stat();
        returns(call!(newfstatat, AT_FDCWD, c"chown.txt", &raw mut stat, 0), 0)?;
        ensure((stat.st_uid, stat.st_gid) == (1, 3), "chown gave the file to somebody else")
    })
}

/// The -1 has 32 bits here, as in a C program.
fn chown_fchown() -> Setup {
    fs::write("fchown.txt", "")?;
    may_be_given_away("fchown.txt")?;
    act(|| {
        let fd = open(c"fchown.txt", O_RDONLY)?;
        returns(call!(fchown, fd, 1, u32::MAX), 0)?;
        close(fd)
    })
}

/// A dangling symbolic link.
fn chown_lchown() -> Setup {
    symlink("missing.txt", "link.txt")?;
    may_be_given_away("link.txt")?;
    act(|| returns(call!(lchown, c"link.txt", 1, 2), 0))
}

/// A dangling symbolic link in a directory.
fn chown_fchownat() -> Setup {
    fs::create_dir("sub")?;
    symlink("missing.txt", "sub/link.txt")?;
    may_be_given_away("sub/link.txt")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(fchownat, dir, c"link.txt", 1, 2, AT_SYMLINK_NOFOLLOW), 0)?;
        close(dir)
    })
}

/// chown(2) needs CAP_CHOWN, and users that exist in the user namespace.
fn may_be_given_away(path: &str) -> Result<(), Broken> {
    let denied =
        |error: &io::Error| matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EPERM | Errno::EINVAL));
    match lchown(path, Some(3), Some(1)) {
        Err(error) if denied(&error) => Err(Broken::Skip("files cannot be given to another user here".to_owned())),
        result => Ok(result?),
    }
}
