//! setxattr(2), getxattr(2), listxattr(2), removexattr(2), and their forms for links and descriptors.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::symlink;

use libc::{O_RDONLY, XATTR_CREATE, XATTR_REPLACE};
use nix::errno::Errno;

use super::steps::{close, open};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("xattr-path", xattr_path),
    Scenario::new("xattr-link", xattr_link),
    Scenario::new("xattr-fd", xattr_fd),
    Scenario::new("xattr-enodata", xattr_enodata),
];

pub(super) const USER: &CStr = c"user.ior";
/// A symbolic link has no user attributes (xattr(7)).
const TRUSTED: &CStr = c"trusted.ior";

/// An attribute is made, refused because it exists, measured, read, listed and removed.
fn xattr_path() -> Setup {
    fs::write("xattr.txt", "")?;
    may_have(c"xattr.txt", USER)?;
    act(|| {
        let path = c"xattr.txt";
        returns(call!(setxattr, path, USER, b"hello".as_ptr(), 5, XATTR_CREATE), 0)?;
        fails(call!(setxattr, path, USER, b"again".as_ptr(), 5, XATTR_CREATE), Errno::EEXIST)?;
        let mut buffer = [0_u8; 256];
        returns(call!(getxattr, path, USER, 0, 0), 5)?;
        returns(call!(getxattr, path, USER, buffer.as_mut_ptr(), 16), 5)?;
        ensure(buffer.starts_with(b"hello"), "getxattr gave another value")?;
        lists(call!(listxattr, path, buffer.as_mut_ptr(), buffer.len())?, &buffer, USER)?;
        returns(call!(removexattr, path, USER), 0)
    })
}

/// A dangling link: a call that follows it fails.
fn xattr_link() -> Setup {
    symlink("missing.txt", "link.txt")?;
    may_have(c"link.txt", TRUSTED)?;
    act(|| {
        let path = c"link.txt";
        returns(call!(lsetxattr, path, TRUSTED, b"hello".as_ptr(), 5, 0), 0)?;
        let mut buffer = [0_u8; 256];
        returns(call!(lgetxattr, path, TRUSTED, buffer.as_mut_ptr(), 16), 5)?;
        ensure(buffer.starts_with(b"hello"), "lgetxattr gave another value")?;
        fails(call!(getxattr, path, TRUSTED, buffer.as_mut_ptr(), 16), Errno::ENOENT)?;
        lists(call!(llistxattr, path, buffer.as_mut_ptr(), buffer.len())?, &buffer, TRUSTED)?;
        returns(call!(lremovexattr, path, TRUSTED), 0)
    })
}

fn xattr_fd() -> Setup {
    fs::write("xattr.txt", "")?;
    may_have(c"xattr.txt", USER)?;
    act(|| {
        let fd = open(c"xattr.txt", O_RDONLY)?;
        returns(call!(fsetxattr, fd, USER, b"hello".as_ptr(), 5, 0), 0)?;
        let mut buffer = [0_u8; 256];
        returns(call!(fgetxattr, fd, USER, buffer.as_mut_ptr(), 16), 5)?;
        ensure(buffer.starts_with(b"hello"), "fgetxattr gave another value")?;
        lists(call!(flistxattr, fd, buffer.as_mut_ptr(), buffer.len())?, &buffer, USER)?;
        returns(call!(fremovexattr, fd, USER), 0)?;
        close(fd)
    })
}

/// An attribute that does not exist cannot be read, replaced or removed.
fn xattr_enodata() -> Setup {
    fs::write("xattr.txt", "")?;
    may_have(c"xattr.txt", USER)?;
    act(|| {
        let path = c"xattr.txt";
        let mut buffer = [0_u8; 16];
        fails(call!(getxattr, path, USER, buffer.as_mut_ptr(), buffer.len()), Errno::ENODATA)?;
        fails(call!(setxattr, path, USER, b"hello".as_ptr(), 5, XATTR_REPLACE), Errno::ENODATA)?;
        fails(call!(removexattr, path, USER), Errno::ENODATA)?;
        let fd = open(path, O_RDONLY)?;
        fails(call!(fgetxattr, fd, USER, buffer.as_mut_ptr(), buffer.len()), Errno::ENODATA)?;
        close(fd)
    })
}

/// Security modules add their own attributes, and so a list may be longer.
fn lists(length: i64, list: &[u8], name: &CStr) -> Result<(), Broken> {
    let names = list.get(..length as usize).unwrap_or_default();
    ensure(names.split(|&byte| byte == 0).any(|listed| listed == name.to_bytes()), "the attribute is not in the list")
}

/// Checks that files here can have attributes of this kind, and leaves none.
pub(super) fn may_have(path: &CStr, name: &CStr) -> Result<(), Broken> {
    let skip = |reason: &str| Err(Broken::Skip(reason.to_owned()));
    match call!(lsetxattr, path, name, 0, 0, 0) {
        Err(Failed { errno: Errno::EOPNOTSUPP, .. }) => skip("the file system of the workspace lacks these attributes"),
        Err(Failed { errno: Errno::EPERM, .. }) => skip("trusted attributes need CAP_SYS_ADMIN"),
        result => {
            result?;
            call!(lremovexattr, path, name)?;
            Ok(())
        }
    }
}
