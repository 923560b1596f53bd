//! The place of a path in memory, and its bytes.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use libc::{AT_FDCWD, O_CLOEXEC, O_CREAT, O_RDWR, O_WRONLY};
use nix::errno::Errno;

use super::steps::{close, create, skip_on};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("path-cold-page", path_cold_page),
    Scenario::new("path-cold-how", path_cold_how),
    Scenario::new("path-page-end", path_page_end),
    Scenario::new("path-256", path_256),
    Scenario::new("path-max", path_max),
    Scenario::new("path-too-long", path_too_long),
    Scenario::new("path-bytes", path_bytes),
    Scenario::new("path-efault", path_efault),
    Scenario::new("path-null", path_null),
];

const PAGE: usize = 4096;

/// The room that a long path leaves for the file's name, in bytes.
const FILE: usize = 10;

/// The longest path in bytes, without its NUL (PATH_MAX in path_resolution(7) counts it).
const LONGEST: usize = libc::PATH_MAX as usize - 1;

/// A string at the start of a mapped page that this process has never touched. A read that may not fault, as at `sys_enter`,
/// cannot see it.
pub(super) fn cold(text: &str) -> Result<*const u8, Broken> {
    cold_bytes(text.as_bytes())
}

/// The same at this address, which must be free.
pub(super) fn cold_at(bytes: &[u8], address: u64) -> Result<*const u8, Broken> {
    cold_mapping(bytes, address as *mut _, libc::MAP_FIXED_NOREPLACE, libc::PROT_READ)
}

/// The same for any bytes.
pub(super) fn cold_bytes(bytes: &[u8]) -> Result<*const u8, Broken> {
    cold_mapping(bytes, std::ptr::null_mut(), 0, libc::PROT_READ)
}

/// The same in memory that the process may write to.
pub(super) fn cold_writable(bytes: &[u8]) -> Result<*mut u8, Broken> {
    cold_mapping(bytes, std::ptr::null_mut(), 0, libc::PROT_READ | libc::PROT_WRITE).map(<*const u8>::cast_mut)
}

fn cold_mapping(bytes: &[u8], address: *mut libc::c_void, flags: i32, rights: i32) -> Result<*const u8, Broken> {
    let file = tempfile::tempfile_in(".")?;
    file.write_all_at(bytes, 0)?;
    file.set_len(PAGE as u64)?;
    let flags = flags | libc::MAP_PRIVATE;
    // SAFETY: a new mapping of a file that nobody else changes. It replaces no other.
    let page = unsafe { libc::mmap(address, PAGE, rights, flags, file.as_raw_fd(), 0) };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    ensure_cold(page as usize)?;
    Ok(page.cast())
}

/// proc_pid_pagemap(5): bit 63 of a page's entry says that it is present.
fn ensure_cold(address: usize) -> Result<(), Broken> {
    let mut entry = [0; 8];
    fs::File::open("/proc/self/pagemap")?.read_exact_at(&mut entry, (address / PAGE * 8) as u64)?;
    premise(u64::from_ne_bytes(entry) >> 63 == 0, "the page of the path is resident already")
}

/// Both names are on untouched pages, then only the old one, then only the new one.
fn path_cold_page() -> Setup {
    fs::write("both.txt", "")?;
    let (open, both_old, both_new) = (cold("open.txt")?, cold("both.txt")?, cold("a.txt")?);
    let (old, new) = (cold("a.txt")?, cold("c.txt")?);
    act(move || {
        let fd = call!(openat, AT_FDCWD, open, O_RDWR | O_CREAT, 0o644)?;
        close(fd)?;
        returns(call!(rename, both_old, both_new), 0)?;
        returns(call!(rename, old, c"b.txt"), 0)?;
        returns(call!(rename, c"b.txt", new), 0)
    })
}

/// The flags of openat2(2) are on a page that nobody has touched, and then the path as well. The third time nothing is there to read.
fn path_cold_how() -> Setup {
    let how = |flags: i32| [flags as u64, 0o640, 0].map(u64::to_ne_bytes).concat();
    let (warm, cold_how) = (how(O_RDWR | O_CREAT), cold_bytes(&how(O_RDWR | O_CREAT | O_CLOEXEC))?);
    let none = *b"none.txt\0";
    let (both_how, both_path) = (cold_bytes(&how(O_WRONLY | O_CREAT))?, cold("both.txt")?);
    act(move || {
        close(call!(openat2, AT_FDCWD, c"how.txt", cold_how, 24)?)?;
        close(call!(openat2, AT_FDCWD, both_path, both_how, 24)?)?;
        fails(call!(openat2, AT_FDCWD, none.as_ptr(), 8_usize, 24), Errno::EFAULT)?;
        close(call!(openat2, AT_FDCWD, c"warm.txt", warm.as_ptr(), 24)?)
    })
}

/// The NUL is the last byte before memory that is not mapped.
fn path_page_end() -> Setup {
    let text = c"end.txt".to_bytes_with_nul();
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: two new pages, of which the second is unmapped again; the text fits into the end of the first.
    let path = unsafe {
        let pages = libc::mmap(std::ptr::null_mut(), 2 * PAGE, rights, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        premise(pages != libc::MAP_FAILED, "no pages could be mapped")?;
        Errno::result(libc::munmap(pages.byte_add(PAGE), PAGE))?;
        let path = pages.cast::<u8>().add(PAGE - text.len());
        path.copy_from_nonoverlapping(text.as_ptr(), text.len());
        path.cast_const()
    };
    act(move || {
        let fd = call!(openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0o644)?;
        close(fd)
    })
}

/// `d/../d/../…/file` of this many bytes, and its NUL.
fn long(bytes: usize) -> Vec<u8> {
    let mut path = b"d/../".repeat((bytes - FILE) / 5);
    path.resize(bytes, b'f');
    path.push(0);
    path
}

/// Paths of 256 bytes, whose length does not fit into a byte: an absolute one below another root, and two of one call.
fn path_256() -> Setup {
    fs::create_dir_all("jail/sub")?;
    fs::write("jail/x.txt", "")?;
    fs::write("jail/sub/before", "")?;
    let path = |begin: &str, end: &str| {
        let dots = "./".repeat((256 - begin.len() - end.len()) / 2);
        format!("{begin}{dots}{end}\0").into_bytes()
    };
    let (absolute, before, after) = (path("/", "x.txt"), path("", "before"), path("", "behind"));
    act(move || {
        call!(chroot, c"jail").map_err(skip_on(Errno::EPERM, "chroot is not permitted"))?;
        returns(call!(chdir, c"/sub"), 0)?;
        close(call!(openat, AT_FDCWD, absolute.as_ptr(), O_RDWR, 0)?)?;
        returns(call!(rename, before.as_ptr(), after.as_ptr()), 0)
    })
}

fn path_max() -> Setup {
    fs::create_dir("d")?;
    let path = long(LONGEST);
    act(move || {
        let fd = call!(openat, AT_FDCWD, path.as_ptr(), O_RDWR | O_CREAT, 0o644)?;
        returns(call!(write, fd, b"x".as_ptr(), 1), 1)?;
        close(fd)
    })
}

fn path_too_long() -> Setup {
    fs::create_dir("d")?;
    let path = long(LONGEST + 1);
    act(move || fails(call!(openat, AT_FDCWD, path.as_ptr(), O_RDWR | O_CREAT, 0o644), Errno::ENAMETOOLONG))
}

/// Newline, quote, backslash, a control character, and bytes that are not UTF-8.
fn path_bytes() -> Setup {
    const NAME: &CStr = c"a\nb\"c\\d\x01e\xff\xfe";
    act(|| {
        let fd = create(NAME)?;
        close(fd)?;
        returns(call!(unlink, NAME), 0)
    })
}

/// An address that is never mapped (vm.mmap_min_addr), and an address of the kernel.
fn path_efault() -> Setup {
    act(|| {
        fails(call!(openat, AT_FDCWD, 8_usize, O_RDWR, 0), Errno::EFAULT)?;
        fails(call!(openat, AT_FDCWD, usize::MAX - PAGE, O_RDWR, 0), Errno::EFAULT)?;
        fails(call!(rename, c"old.txt", 8_usize), Errno::EFAULT)
    })
}

fn path_null() -> Setup {
    act(|| {
        fails(call!(openat, AT_FDCWD, 0_usize, O_RDWR, 0), Errno::EFAULT)?;
        fails(call!(unlink, 0_usize), Errno::EFAULT)
    })
}
