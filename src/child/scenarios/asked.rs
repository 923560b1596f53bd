//! What the kernel was asked, where that is not plain: calls of 32-bit programs, numbers that are no calls, strings that change.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::ptr;

use libc::{AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR};
use nix::errno::Errno;

use super::steps::{close, create};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("asked-32-bit", asked_32_bit),
    Scenario::new("asked-no-call", asked_no_call),
    Scenario::new("asked-wide", asked_wide),
    Scenario::new("asked-overwritten", asked_overwritten),
    Scenario::new("asked-late-how", asked_late_how),
    Scenario::new("asked-exec-path", asked_exec_path),
    Scenario::new("asked-killed-in-open", asked_killed_in_open),
];

/// A page of memory below 4 GiB that can be written to, with this string.
pub(super) fn low(text: &CStr) -> Result<*mut u8, Broken> {
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | LOW;
    // SAFETY: a new page, into which the string fits.
    unsafe {
        let page = libc::mmap(ptr::null_mut(), 4096, rights, flags, -1, 0);
        premise(page != libc::MAP_FAILED, "no page could be mapped")?;
        ptr::copy_nonoverlapping(text.as_ptr().cast(), page.cast::<u8>(), text.to_bytes_with_nul().len());
        Ok(page.cast())
    }
}

#[cfg(target_arch = "x86_64")]
const LOW: i32 = libc::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
const LOW: i32 = 0;

/// A call by `int 0x80`, which takes a number of the 32-bit table from any program. The upper half of the registers is not looked at.
#[cfg(target_arch = "x86_64")]
pub(super) fn int_0x80(number: u32, args: [u32; 4]) -> i64 {
    let [first, second, third, fourth] = args.map(|arg| u64::from(arg) | 7 << 32);
    let result: i64;
    // SAFETY: as a call of the 64-bit table; what pointers lead to is low in memory, and rbx is put back, which the compiler may use.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) first => _,
            inlateout("rax") u64::from(number) => result,
            in("rcx") second,
            in("rdx") third,
            in("rsi") fourth,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // The kernel leaves 32 bits or all of them.
    i64::from(result as i32)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn int_0x80(_: u32, _: [u32; 4]) -> i64 {
    -i64::from(libc::ENOSYS)
}

/// open, lseek and close of the table of 32-bit programs: their numbers are those of others here.
fn asked_32_bit() -> Setup {
    let path = low(c"x.txt")?;
    let address = path as u32;
    // getpid of that table, before anybody looks on.
    if int_0x80(20, [0; 4]) < 0 {
        return Err(Broken::Skip("this kernel takes no 32-bit calls".to_owned()));
    }
    act(move || {
        let file = int_0x80(5, [address, (O_RDWR | O_CREAT) as u32, 0o644, 0]);
        ensure(file >= 0, "the file could not be opened")?;
        let end = int_0x80(19, [file as u32, -1_i32 as u32, libc::SEEK_SET as u32, 0]);
        ensure(end == -i64::from(libc::EINVAL), "a file has no place -1")?;
        ensure(int_0x80(6, [file as u32, 0, 0, 0]) == 0, "the file could not be closed")?;
        close(create(c"native.txt")?)
    })
}

/// Numbers that no call has: -1, and one that would be a request of io_uring here. They fail, and do nothing to what is open.
fn asked_no_call() -> Setup {
    act(|| {
        let file = create(c"x.txt")?;
        for number in [-1_i64, 0x8000_0013, 0xffff_fff7] {
            // SAFETY: no call has these numbers.
            let result = Errno::result(unsafe { libc::syscall(number, file, 0, 0, 0, 0, 0) });
            ensure(result == Err(Errno::ENOSYS), "a number that is no call's is one")?;
        }
        close(file)
    })
}

/// The kernel looks at 32 bits of an `unsigned int`, whatever else is in the register.
fn asked_wide() -> Setup {
    act(|| {
        let mut buffer = [0_u8; 512];
        let here = call!(openat, AT_FDCWD, c".", O_RDONLY | libc::O_DIRECTORY, 0)?;
        let bytes = call!(getdents64, here, buffer.as_mut_ptr(), 512_u64 | 7 << 32)?;
        ensure(bytes > 0, "the folder has no entries")?;
        close(here)?;
        let event = call!(eventfd2, 3_u64 | 1 << 40, 0)?;
        close(event)
    })
}

/// A file whose pages nobody has touched, mapped so that the process can write to it; it holds this string.
fn untouched(text: &CStr, flags: i32) -> Result<*mut libc::c_char, Broken> {
    untouched_bytes(text.to_bytes_with_nul(), flags)
}

/// The same for any bytes.
fn untouched_bytes(bytes: &[u8], flags: i32) -> Result<*mut libc::c_char, Broken> {
    use std::os::fd::AsRawFd;
    fs::write("page", bytes)?;
    let file = fs::File::options().read(true).write(true).open("page")?;
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of a file of less than a page.
    let page = unsafe { libc::mmap(ptr::null_mut(), 4096, rights, flags, file.as_raw_fd(), 0) };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    Ok(page.cast())
}

/// readlink(2) into the memory that its path is in, which the tracer could not read before.
fn asked_overwritten() -> Setup {
    std::os::unix::fs::symlink("somewhere", "link")?;
    let path = untouched(c"link", libc::MAP_SHARED)?;
    act(move || returns(call!(readlinkat, AT_FDCWD, path, path, 9), 9))
}

/// The flags of openat2(2) in memory that the process can write to and has not touched. They were read late, and the path was not.
fn asked_late_how() -> Setup {
    let how = [(O_RDWR | O_CREAT) as u64, 0o640, 0].map(u64::to_ne_bytes).concat();
    let how = untouched_bytes(&how, libc::MAP_SHARED)?;
    let path = *b"late.txt\0";
    act(move || {
        close(create(c"before.txt")?)?;
        close(call!(openat2, AT_FDCWD, path.as_ptr(), how, 24)?)
    })
}

/// execve(2) of a path on a page that nobody has touched: afterwards the memory is another program's.
fn asked_exec_path() -> Setup {
    super::program::write_closing(c"tiny", &[])?;
    let path = untouched(c"tiny", libc::MAP_PRIVATE)?;
    act(move || {
        let words = [path.cast_const(), ptr::null()];
        call!(execve, path, words.as_ptr(), words[1..].as_ptr())?;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// The open of a FIFO that nobody writes to does not return: SIGKILL ends the process in it.
fn asked_killed_in_open() -> Setup {
    // SAFETY: a string, and plain numbers; the child has one thread.
    unsafe {
        Errno::result(libc::mkfifo(c"fifo".as_ptr(), 0o644))?;
        let victim = libc::getpid();
        if libc::fork() == 0 {
            super::ends::kill_once_blocked(victim, &format!("{} ", libc::SYS_openat));
        }
    }
    act(|| {
        call!(openat, AT_FDCWD, c"fifo", O_RDONLY, 0)?;
        Err(Broken::Premise("the open was not interrupted by SIGKILL".to_owned()))
    })
}
