//! The operations whose cost under tracing is measured. Each is a raw system call or two.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsRawFd, IntoRawFd};

use io_uring::{EnterFlags, IoUring, opcode, types};
use ior_it::support::child::scenario::Broken;
use libc::{AT_FDCWD, c_long, syscall};

const BLOCK: usize = 4096;
/// The number of blocks in the file. A batch reads or writes each at most once.
pub const MOST_TIMES: usize = 1000;

/// What the operations work on, made in the workspace.
pub struct Bench {
    file: i32,
    ring: IoUring,
    path: CString,
    buffer: Vec<u8>,
}

/// The operations by name. Each is inlined into a loop of its own by [`run`].
pub const ALL: [&str; 9] = [
    "dup + close",
    "openat + close",
    "read 4 KiB",
    "write 4 KiB",
    "pread64 4 KiB",
    "fstat",
    "newfstatat, path of 200 bytes",
    "renameat, there and back",
    "io_uring read 4 KiB",
];

/// Runs the operation with this number this many times. False if one failed.
pub fn run(bench: &mut Bench, number: usize, times: usize) -> bool {
    match number {
        0 => repeat(bench, times, dup_close),
        1 => repeat(bench, times, openat_close),
        2 => repeat(bench, times, read),
        3 => repeat(bench, times, write),
        4 => repeat(bench, times, pread64),
        5 => repeat(bench, times, fstat),
        6 => repeat(bench, times, newfstatat),
        7 => repeat(bench, times, renameat),
        8 => repeat(bench, times, io_uring_read),
        _ => false,
    }
}

#[inline(always)]
fn repeat(bench: &mut Bench, times: usize, operation: impl Fn(&mut Bench) -> bool) -> bool {
    (0..times).fold(true, |good, _| good & operation(bench))
}

impl Bench {
    /// Makes the files in the current directory.
    pub fn make() -> Result<Self, Broken> {
        let path = "p".repeat(200);
        fs::write("file", vec![b'x'; BLOCK * MOST_TIMES])?;
        fs::write("there", "")?;
        fs::write(&path, "")?;
        let file = fs::OpenOptions::new().read(true).write(true).open("file")?.into_raw_fd();
        let path = CString::new(path).unwrap_or_default();
        Ok(Self { file, ring: IoUring::new(4)?, path, buffer: vec![b'y'; BLOCK] })
    }

    /// Back to the beginning of the file: before each batch, outside of what is timed.
    pub fn rewind(&self) -> bool {
        // SAFETY: an own descriptor.
        unsafe { libc::lseek(self.file, 0, libc::SEEK_SET) == 0 }
    }
}

fn close(fd: c_long) -> bool {
    // SAFETY: the number of a descriptor that was just made and nobody else uses.
    fd >= 0 && unsafe { syscall(libc::SYS_close, fd) } == 0
}

fn dup_close(bench: &mut Bench) -> bool {
    // SAFETY: numbers only.
    close(unsafe { syscall(libc::SYS_dup, bench.file) })
}

fn openat_close(_: &mut Bench) -> bool {
    // SAFETY: the path is a string literal.
    close(unsafe { syscall(libc::SYS_openat, AT_FDCWD, c"file".as_ptr(), libc::O_RDONLY, 0) })
}

fn read(bench: &mut Bench) -> bool {
    // SAFETY: the buffer has that many bytes.
    unsafe { syscall(libc::SYS_read, bench.file, bench.buffer.as_mut_ptr(), BLOCK) == BLOCK as c_long }
}

fn write(bench: &mut Bench) -> bool {
    // SAFETY: the buffer has that many bytes.
    unsafe { syscall(libc::SYS_write, bench.file, bench.buffer.as_ptr(), BLOCK) == BLOCK as c_long }
}

fn pread64(bench: &mut Bench) -> bool {
    // SAFETY: the buffer has that many bytes.
    unsafe { syscall(libc::SYS_pread64, bench.file, bench.buffer.as_mut_ptr(), BLOCK, 0) == BLOCK as c_long }
}

fn fstat(bench: &mut Bench) -> bool {
    // The buffer is larger than a struct stat.
    // SAFETY: as above.
    unsafe { syscall(libc::SYS_fstat, bench.file, bench.buffer.as_mut_ptr()) == 0 }
}

fn newfstatat(bench: &mut Bench) -> bool {
    let Bench { path, buffer, .. } = bench;
    // SAFETY: the path is a string and the buffer larger than a struct stat.
    unsafe { syscall(libc::SYS_newfstatat, AT_FDCWD, path.as_ptr(), buffer.as_mut_ptr(), 0) == 0 }
}

fn renameat(_: &mut Bench) -> bool {
    let rename = |from: &CStr, to: &CStr| {
        // SAFETY: both paths are string literals.
        unsafe { syscall(libc::SYS_renameat, AT_FDCWD, from.as_ptr(), AT_FDCWD, to.as_ptr()) == 0 }
    };
    rename(c"there", c"back") && rename(c"back", c"there")
}

fn io_uring_read(bench: &mut Bench) -> bool {
    let read = opcode::Read::new(types::Fd(bench.file), bench.buffer.as_mut_ptr(), BLOCK as u32).build();
    // SAFETY: the read has completed before the buffer or the descriptor are used for anything else.
    if unsafe { bench.ring.submission().push(&read) }.is_err() {
        return false;
    }
    let (fd, flags) = (bench.ring.as_raw_fd(), EnterFlags::GETEVENTS.bits());
    // SAFETY: numbers, and no signal mask.
    let submitted = unsafe { syscall(libc::SYS_io_uring_enter, fd, 1, 1, flags, 0, 0) };
    submitted == 1 && bench.ring.completion().next().is_some_and(|done| done.result() == BLOCK as i32)
}
