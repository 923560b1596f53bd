//! Unusual requests to the kernel: calls of 32-bit programs, numbers that are not calls, strings that change.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::ptr;

use libc::{AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::steps::{close, create};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("asked-32-bit", asked_32_bit),
    Scenario::new("asked-no-call", asked_no_call),
    Scenario::new("asked-wide", asked_wide),
    Scenario::new("asked-overwritten", asked_overwritten),
    Scenario::new("asked-late-how", asked_late_how),
    Scenario::new("asked-exec-path", asked_exec_path),
    Scenario::new("asked-killed-in-open", asked_killed_in_open),
    Scenario::new("asked-after-bad", asked_after_bad),
];

/// Writable memory below 4 GiB, one page, that holds this string.
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

/// A call by `int 0x80`. It takes a number of the 32-bit table from any program, and ignores the upper half of the registers.
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
    // The kernel sets 32 bits or all 64.
    i64::from(result as i32)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn int_0x80(_: u32, _: [u32; 4]) -> i64 {
    -i64::from(libc::ENOSYS)
}

/// open, lseek and close from the 32-bit table. Their numbers mean other calls in the 64-bit table.
fn asked_32_bit() -> Setup {
    let path = low(c"x.txt")?;
    let address = path as u32;
    // getpid from that table, before the watch begins.
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

/// Numbers that no call has: -1, and one that is a request of io_uring here. They fail, and leave open descriptors as they are.
fn asked_no_call() -> Setup {
    act(|| {
        let file = create(c"x.txt")?;
        fails(call!(write, file, 8, 6), Errno::EFAULT)?;
        for number in [-1_i64, 0x8000_0013, 0xffff_fff7] {
            // SAFETY: no call has these numbers.
            let result = Errno::result(unsafe { libc::syscall(number, file, 0, 0, 0, 0, 0) });
            ensure(result == Err(Errno::ENOSYS), "a number that is no call's is one")?;
        }
        close(file)
    })
}

/// The kernel looks at 32 bits of an `unsigned int`, whatever the rest of the register holds.
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

/// A writable mapping of a file that holds this string, whose pages the process has not touched.
fn untouched(text: &CStr, flags: i32) -> Result<*mut libc::c_char, Broken> {
    untouched_bytes(text.to_bytes_with_nul(), flags)
}

/// The same for any bytes.
pub(super) fn untouched_bytes(bytes: &[u8], flags: i32) -> Result<*mut libc::c_char, Broken> {
    use std::os::fd::AsRawFd;
    fs::write("page", bytes)?;
    let file = fs::File::options().read(true).write(true).open("page")?;
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of a file of less than a page.
    let page = unsafe { libc::mmap(ptr::null_mut(), 4096, rights, flags, file.as_raw_fd(), 0) };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    Ok(page.cast())
}

/// readlink(2) into the memory of its own path, which the tracer could not read before the call.
fn asked_overwritten() -> Setup {
    std::os::unix::fs::symlink("somewhere", "link")?;
    let path = untouched(c"link", libc::MAP_SHARED)?;
    act(move || returns(call!(readlinkat, AT_FDCWD, path, path, 9), 9))
}

/// The flags of openat2(2) in memory that the process can write to and has not touched. They were read late, and the path was not.
fn asked_late_how() -> Setup {
    let how = [(O_RDWR | O_CREAT) as u64, 0o640, 0].map(u64::to_ne_bytes).concat();
    let how = untouched_bytes(&how, libc::MAP_SHARED)?;
    act(move || {
        close(create(c"before.txt")?)?;
        // The process cannot write to this path.
        close(call!(openat2, AT_FDCWD, c"late.txt", how, 24)?)
    })
}

/// execve(2) of a path on a page that the process has not touched. Afterwards the memory belongs to another program.
fn asked_exec_path() -> Setup {
    super::program::write_closing(c"tiny", &[])?;
    let path = untouched(c"tiny", libc::MAP_PRIVATE)?;
    act(move || {
        let words = [path.cast_const(), ptr::null()];
        call!(execve, path, words.as_ptr(), words[1..].as_ptr())?;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// The open of a FIFO without a writer does not return: SIGKILL ends the process in it.
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

/// Calls that fail before they fill in a path or a pair, each after a call whose own path or struct led nowhere.
fn asked_after_bad() -> Setup {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // One descriptor is left, and a pair takes two.
    setrlimit(Resource::RLIMIT_NOFILE, 4, hard)?;
    act(|| {
        let (path, mut name, mut pair) = (std::hint::black_box(*b"x.txt\0"), *b"stale\0", [3_i32, 4]);
        fails(call!(openat, AT_FDCWD, 8, O_RDONLY, 0), Errno::EFAULT)?;
        fails(call!(getcwd, name.as_mut_ptr(), 1), Errno::ERANGE)?;
        fails(call!(openat2, AT_FDCWD, path.as_ptr(), 8, 24), Errno::EFAULT)?;
        fails(call!(pipe2, pair.as_mut_ptr(), 0), Errno::EMFILE)
    })
}
