//! Files as memory: mmap(2), msync(2), memfd_create(2).
#![allow(unsafe_code)]

use std::fs;
use std::ptr;

use libc::{
    F_ADD_SEALS, F_SEAL_WRITE, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MFD_ALLOW_SEALING, MFD_CLOEXEC, MS_ASYNC,
    MS_INVALIDATE, MS_SYNC, O_RDONLY, O_RDWR, PROT_NONE, PROT_READ, PROT_WRITE, SEEK_SET,
};
use nix::errno::Errno;

use super::steps::{close, open, read, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("mmap-file", mmap_file),
    Scenario::new("mmap-msync", mmap_msync),
    Scenario::new("mmap-msync-invalid-flags", mmap_msync_invalid_flags),
    Scenario::new("memfd-basic", memfd_basic),
];

/// The size of the mapping in bytes: less than the largest page size.
const LENGTH: usize = 4096;

/// A store to a shared mapping reaches the file. The kernel refuses a mapping that the descriptor's mode does not allow. An
/// anonymous mapping needs no descriptor.
fn mmap_file() -> Setup {
    fs::write("mapped.txt", "hello, world")?;
    act(|| {
        let fd = open(c"mapped.txt", O_RDWR)?;
        let memory = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd)?;
        store(memory, b"HELLO");
        unmap(memory)?;
        read(fd, b"HELLO, world")?;
        close(fd)?;
        let fd = open(c"mapped.txt", O_RDONLY)?;
        fails(map(PROT_WRITE, MAP_SHARED, fd), Errno::EACCES)?;
        let private = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd)?;
        let anonymous = map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1)?;
        unmap(anonymous)?;
        unmap(private)?;
        close(fd)
    })
}

/// A mapping outlives its descriptor, and the other mapping of its file. msync takes no descriptor.
fn mmap_msync() -> Setup {
    fs::write("mapped.txt", "hello, world")?;
    act(|| {
        let fd = open(c"mapped.txt", O_RDWR)?;
        let memory = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd)?;
        let same = map(PROT_READ, MAP_SHARED, fd)?;
        close(fd)?;
        store(memory, b"HELLO");
        returns(call!(msync, memory, LENGTH, MS_SYNC), 0)?;
        returns(call!(msync, same, LENGTH, MS_ASYNC | MS_INVALIDATE), 0)?;
        unmap(same)?;
        fails(call!(msync, same, LENGTH, MS_SYNC), Errno::ENOMEM)?;
        unmap(memory)?;
        let fd = open(c"mapped.txt", O_RDONLY)?;
        read(fd, b"HELLO, world")?;
        close(fd)
    })
}

/// msync waits or does not, and accepts three flags. The file is mapped before the watch begins.
fn mmap_msync_invalid_flags() -> Setup {
    fs::write("mapped.txt", "hello, world")?;
    let fd = open(c"mapped.txt", O_RDWR)?;
    let memory = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd)?;
    close(fd)?;
    act(move || {
        fails(call!(msync, memory, LENGTH, MS_SYNC | MS_ASYNC), Errno::EINVAL)?;
        fails(call!(msync, memory, LENGTH, MS_SYNC | 0x100), Errno::EINVAL)
    })
}

/// A file in memory has a name that is not a path. After it is sealed, it cannot be written.
fn memfd_basic() -> Setup {
    act(|| {
        let fd = call!(memfd_create, c"scratch", MFD_CLOEXEC | MFD_ALLOW_SEALING)?;
        write(fd, b"hello")?;
        returns(call!(fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), 0)?;
        fails(call!(write, fd, b"no".as_ptr(), 2), Errno::EPERM)?;
        returns(call!(lseek, fd, 1, SEEK_SET), 1)?;
        read(fd, b"ello")?;
        close(fd)
    })
}

fn map(prot: i32, flags: i32, fd: i64) -> Result<i64, Failed> {
    call!(mmap, 0, LENGTH, prot, flags, fd, 0)
}

fn unmap(memory: i64) -> Result<(), Broken> {
    returns(call!(munmap, memory, LENGTH), 0)
}

/// Stores to the beginning of a mapping, with no system call.
fn store(memory: i64, text: &[u8]) {
    let memory = ptr::with_exposed_provenance_mut::<u8>(memory as usize);
    // SAFETY: the caller has mapped a page there to be written, and nothing else refers to it.
    unsafe { memory.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
}
