//! Steps that many scenarios share. Each makes one system call and checks its result.
#![allow(unsafe_code)]

use std::ffi::CStr;

use libc::{AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, iovec};
use nix::errno::Errno;

use crate::child::scenario::{Broken, Failed, call, ensure, fails, returns};

/// A number that is no open descriptor.
pub const NOT_OPEN: i32 = 99_999;

/// Opens a file for reading and writing, and makes it if it does not exist.
pub fn create(path: &CStr) -> Result<i64, Failed> {
    call!(openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0o644)
}

/// Opens an existing file.
pub fn open(path: &CStr, flags: i32) -> Result<i64, Failed> {
    call!(openat, AT_FDCWD, path, flags, 0)
}

/// Opens a directory.
pub fn open_dir(path: &CStr) -> Result<i64, Failed> {
    open(path, O_RDONLY | O_DIRECTORY)
}

/// Writes the whole text.
pub fn write(fd: i64, text: &[u8]) -> Result<(), Broken> {
    returns(call!(write, fd, text.as_ptr(), text.len()), text.len() as i64)
}

/// Reads with a buffer of 16 bytes and gets this shorter text.
pub fn read(fd: i64, text: &[u8]) -> Result<(), Broken> {
    let mut buffer = [0_u8; 16];
    returns(call!(read, fd, buffer.as_mut_ptr(), buffer.len()), text.len() as i64)?;
    ensure(buffer.starts_with(text), "other bytes were read than are in the file")
}

/// Makes a pipe without flags, and returns its read end and its write end.
pub fn pipe() -> Result<[i64; 2], Failed> {
    let mut ends = [0_i32; 2];
    call!(pipe2, ends.as_mut_ptr(), 0)?;
    Ok(ends.map(i64::from))
}

/// One of several buffers.
pub fn part(buffer: &mut [u8]) -> iovec {
    iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }
}

/// Closes a descriptor that is open.
pub fn close(fd: i64) -> Result<(), Broken> {
    returns(call!(close, fd), 0)
}

/// Closes a descriptor that is not open.
pub fn close_refused(fd: i64) -> Result<(), Broken> {
    fails(call!(close, fd), Errno::EBADF)
}

/// The failure with this errno, if it means that the machine lacks what the scenario needs.
pub fn skip_on(errno: Errno, reason: &str) -> impl FnOnce(Failed) -> Broken {
    move |failed| if failed.errno == errno { Broken::Skip(reason.to_owned()) } else { failed.into() }
}

/// That a call fails with the first errno. With the second it lacks a right, and the scenario cannot run.
pub fn fails_if_permitted(
    result: Result<i64, Failed>,
    errno: Errno,
    (denied, reason): (Errno, &str),
) -> Result<(), Broken> {
    match result {
        Err(failed) if failed.errno == denied => Err(skip_on(denied, reason)(failed)),
        result => fails(result, errno),
    }
}

/// A `struct stat` for the kernel to fill in.
pub fn empty_stat() -> libc::stat {
    // SAFETY: plain numbers, for which all bits zero is a value.
    unsafe { std::mem::zeroed() }
}
