//! Calls that are held up while threads, descriptors, paths and instructions change around them.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::ptr;
use std::sync::atomic::Ordering;

use libc::{AT_FDCWD, O_RDONLY, SA_RESTART, SIGUSR1, SIGUSR2};
use nix::errno::Errno;

use super::asked::untouched_bytes;
use super::path::cold;
use super::restart::{Shared, calling, handle, is_blocked, quiet, read_pipe, shared, stop_and_continue, until};
use super::signal::{Disturber, disturbed_by, feed, pipes};
use super::steps::{close, open};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("held-two-threads", two_threads),
    Scenario::new("held-thread-exit", thread_exit),
    Scenario::new("held-replaced", dup2),
    Scenario::new("held-fifo", fifo),
    Scenario::new("held-open", old_open),
    Scenario::new("held-aborted", aborted),
    Scenario::new("held-changed", changed),
];

/// What a thread of [`ended`] does.
type Run = extern "C" fn(*mut libc::c_void) -> *mut libc::c_void;

thread_local! {
    /// Which pipe the thread's handler reads.
    static HANDLER_READS: Cell<usize> = const { Cell::new(0) };
}

extern "C" fn reading_own(_: i32) {
    let _ = read_pipe(HANDLER_READS.get());
    quiet(0);
}

/// Says which thread of the process it is, for the process that disturbs it, and reads.
fn read_as(shared: &Shared, at: usize) -> Result<(), Broken> {
    HANDLER_READS.set(at + 2);
    // SAFETY: plain numbers.
    shared.tids[at].store(unsafe { libc::gettid() } as u32, Ordering::Release);
    returns(read_pipe(at), 1)
}

/// The id of that thread, once it has said it.
fn tid_of(other: &Disturber, at: usize) -> i32 {
    until(|| other.shared.tids[at].load(Ordering::Acquire) != 0);
    other.shared.tids[at].load(Ordering::Acquire) as i32
}

/// A signal for one thread.
fn send_to(other: &Disturber, tid: i32, signal: i32) {
    // SAFETY: plain numbers.
    unsafe { libc::syscall(libc::SYS_tgkill, other.of, tid, signal) };
}

/// Reads of two threads are interrupted, and wait at the same time. Each goes on in its own thread, the first one last.
fn two_threads() -> Setup {
    let shared = shared()?;
    let pipes = pipes::<4>()?;
    handle(SIGUSR1, reading_own, SA_RESTART)?;
    disturbed_by(|other| {
        let blocked = |tid, at: usize| {
            until(|| is_blocked(tid, &format!("{} {:#x} ", libc::SYS_read, pipes[at][0])));
        };
        for at in 0..2 {
            let tid = tid_of(other, at);
            blocked(tid, at);
            send_to(other, tid, SIGUSR1);
            blocked(tid, at + 2);
        }
        for (at, count) in [(1, 1), (0, 2)] {
            feed(pipes[at + 2]);
            other.handled(count);
            blocked(tid_of(other, at), at);
            feed(pipes[at]);
        }
    })?;
    act(move || {
        let thread = std::thread::spawn(|| read_as(shared, 1));
        read_as(shared, 0)?;
        thread.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??;
        premise(shared.handled.load(Ordering::Acquire) == 2, "a signal was not handled")
    })
}

/// Ends the thread that it runs in.
extern "C" fn exiting(_: i32) {
    let _ = call!(close, -1);
    let _ = call!(exit, 0);
}

extern "C" fn reading_thread(shared: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the page is never unmapped.
    let _ = read_as(unsafe { &*shared.cast::<Shared>() }, 0);
    ptr::null_mut()
}

/// A thread's handler ends the thread: the read that it has interrupted never returns.
fn thread_exit() -> Setup {
    let shared = shared()?;
    let [pipe] = pipes()?;
    handle(SIGUSR1, exiting, SA_RESTART)?;
    disturbed_by(|other| {
        let tid = tid_of(other, 0);
        until(|| is_blocked(tid, &format!("{} {:#x} ", libc::SYS_read, pipe[0])));
        send_to(other, tid, SIGUSR1);
    })?;
    act(move || {
        ended(reading_thread, ptr::from_ref(shared).cast_mut().cast())?;
        fails(call!(close, -2), Errno::EBADF)
    })
}

/// Runs a thread to its end, which its libc may not come to see.
pub(super) fn ended(run: Run, argument: *mut libc::c_void) -> Result<(), Broken> {
    let mut thread = 0;
    // SAFETY: a thread that ends without its libc is found to be gone by the word that the kernel clears (set_tid_address(2)).
    let joined = unsafe {
        match libc::pthread_create(&raw mut thread, ptr::null(), run, argument) {
            0 => libc::pthread_join(thread, ptr::null_mut()),
            refused => refused,
        }
    };
    premise(joined == 0, "the thread did not run")
}

/// While one thread is blocked in a read of a pipe, another one gives the pipe's number to a file. The read is one of the pipe.
fn dup2() -> Setup {
    let [pipe] = pipes()?;
    std::fs::write("x.txt", "")?;
    let shared = shared()?;
    disturbed_by(|other| {
        other.blocked_in_read(pipe);
        other.shared.step.store(1, Ordering::Release);
        other.at_step(2);
        feed(pipe);
    })?;
    act(move || {
        let thread = std::thread::spawn(move || {
            until(|| shared.step.load(Ordering::Acquire) == 1);
            let file = open(c"x.txt", O_RDONLY)?;
            returns(call!(dup3, file, pipe[0], 0), pipe[0].into())?;
            shared.step.store(2, Ordering::Release);
            close(file)
        });
        returns(read_pipe(0), 1)?;
        thread.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??;
        close(pipe[0].into())
    })
}

/// The path of a FIFO is on a page that nobody has touched. A handler ends one open; the other goes on after one, and returns.
fn fifo() -> Setup {
    let shared = shared()?;
    let [first, second] = [cold("first")?, cold("second")?];
    // SAFETY: strings and plain numbers.
    unsafe {
        Errno::result(libc::mkfifo(c"first".as_ptr(), 0o644))?;
        Errno::result(libc::mkfifo(c"second".as_ptr(), 0o644))?;
    }
    handle(SIGUSR1, calling, 0)?;
    handle(SIGUSR2, calling, SA_RESTART)?;
    disturbed_by(|other| {
        let blocked = |step| {
            other.at_step(step);
            until(|| is_blocked(other.of, &format!("{} ", libc::SYS_openat)));
        };
        blocked(1);
        other.send(SIGUSR1);
        other.handled(1);
        blocked(2);
        other.send(SIGUSR2);
        other.handled(2);
        blocked(2);
        // SAFETY: a string. It stays open until this process ends.
        unsafe { libc::open(c"second".as_ptr(), libc::O_WRONLY) };
    })?;
    act(move || {
        shared.step.store(1, Ordering::Release);
        fails(call!(openat, AT_FDCWD, first, O_RDONLY, 0), Errno::EINTR)?;
        shared.step.store(2, Ordering::Release);
        close(call!(openat, AT_FDCWD, second, O_RDONLY, 0)?)
    })
}

/// `struct rseq_cs` (include/uapi/linux/rseq.h).
#[repr(C, align(32))]
struct Critical {
    version: u32,
    flags: u32,
    begin: u64,
    length: u64,
    abort: u64,
}

/// Where glibc has registered the thread's `struct rseq` (rseq(2)): `rseq_cs` is 8 bytes after its begin.
#[cfg(target_arch = "x86_64")]
fn registered() -> Option<*mut *const Critical> {
    // SAFETY: strings. These are variables of glibc from 2.35 on, and of nobody else.
    let (offset, size) = unsafe {
        let of = |name: &std::ffi::CStr| libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (of(c"__rseq_offset").cast::<isize>().as_ref()?, of(c"__rseq_size").cast::<u32>().as_ref()?)
    };
    let thread: *mut u8;
    // SAFETY: the first word of the thread's own memory is its address.
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) thread) };
    (*size > 0).then(|| thread.wrapping_offset(*offset + 8).cast())
}

/// Reads a byte by an instruction that is a restartable sequence of its own: if the kernel is about to make the call again, it goes
/// to the abort handler instead. Without `deeper` that makes the read by another instruction, with the same registers; otherwise by
/// the same one, with the stack a page below. Returns the call's result, and whether the kernel has aborted the sequence.
#[cfg(target_arch = "x86_64")]
fn read_aborted(place: *mut *const Critical, fd: i32, byte: *mut u8, deeper: bool) -> (i64, bool) {
    let mut critical = Critical { version: 0, flags: 0, begin: 0, length: 1, abort: 0 };
    let (result, aborted): (i64, u64);
    // SAFETY: the abort handler has the signature before it that glibc has registered. The stack is put back.
    unsafe {
        std::arch::asm!(
            "lea r8, [rip + 2f]",
            "mov [{critical} + 8], r8",
            "lea r8, [rip + 4f]",
            "mov [{critical} + 24], r8",
            "mov [{place}], {critical}",
            "xor r8d, r8d", // as it is when the call is made the second time
            "2:",
            "syscall",
            "add rsp, r12",
            "mov r8, r12",
            "jmp 6f",
            ".byte 0x0f, 0xb9, 0x3d", // ud1, whose operand is the signature RSEQ_SIG
            ".long 0x53053053",
            "4:",
            "test {deeper}, {deeper}",
            "jnz 5f",
            "syscall",
            "mov r8d, 1",
            "jmp 6f",
            "5:",
            "mov r12d, 4096",
            "sub rsp, r12",
            "jmp 2b",
            "6:",
            "mov qword ptr [{place}], 0",
            critical = in(reg) &raw mut critical,
            place = in(reg) place,
            deeper = in(reg) u64::from(deeper),
            inlateout("rax") libc::SYS_read => result,
            in("rdi") i64::from(fd),
            in("rsi") byte,
            in("rdx") 1_u64,
            out("rcx") _, out("r11") _, out("r8") aborted, inout("r12") 0_u64 => _,
        );
    }
    (result, aborted != 0)
}

#[cfg(not(target_arch = "x86_64"))]
fn registered() -> Option<*mut *const Critical> {
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn read_aborted(_: *mut *const Critical, _: i32, _: *mut u8, _: bool) -> (i64, bool) {
    (-1, false)
}

/// A read is interrupted by stop and continue, and the kernel aborts the restartable sequence (rseq(2)) that it is in. So it is not
/// made again, and the program makes the same one from another place, or with another stack. A kernel that aborts no sequence for what
/// happens in a system call makes it again.
fn aborted() -> Setup {
    let place = registered().ok_or_else(|| {
        Broken::Skip("the libc has registered no rseq, or it is written in other instructions".into())
    })?;
    let shared = shared()?;
    let [pipe] = pipes()?;
    let disturb = |steps: RangeInclusive<u32>| {
        disturbed_by(|other| {
            for step in steps {
                other.at_step(step);
                other.blocked_in_read(pipe);
                stop_and_continue(other.of);
                other.blocked_in_read(pipe);
                feed(pipe);
            }
        })
    };
    disturb(1..=1)?;
    shared.step.store(1, Ordering::Release);
    let mut byte = 0_u8;
    if !read_aborted(place, pipe[0], &raw mut byte, false).1 {
        return Err(Broken::Skip(
            "this kernel aborts no restartable sequence (rseq(2)) that is in a system call".into(),
        ));
    }
    disturb(2..=3)?;
    act(move || {
        for (step, deeper) in [(2, false), (3, true)] {
            let mut byte = 0_u8;
            shared.step.store(step, Ordering::Release);
            returns(Ok(read_aborted(place, pipe[0], &raw mut byte, deeper).0), 1)?;
        }
        Ok(())
    })
}

#[cfg(target_arch = "x86_64")]
const OPEN: i64 = libc::SYS_open;
#[cfg(not(target_arch = "x86_64"))]
const OPEN: i64 = -1;

/// The path of open(2) is its first argument, and leads to an untouched page.
fn old_open() -> Setup {
    let path = cold("fifo")?;
    // SAFETY: a string and a plain number.
    Errno::result(unsafe { libc::mkfifo(c"fifo".as_ptr(), 0o644) })?;
    handle(SIGUSR1, calling, 0)?;
    disturbed_by(|other| {
        until(|| is_blocked(other.of, &format!("{OPEN} ")));
        other.send(SIGUSR1);
    })?;
    act(move || fails(call!(open, path, O_RDONLY, 0), Errno::EINTR))
}

/// While openat2(2) of a FIFO without a writer blocks, another process changes the flags in their shared memory.
fn changed() -> Setup {
    let how =
        untouched_bytes(&[(O_RDONLY | libc::O_CLOEXEC) as u64, 0, 0].map(u64::to_ne_bytes).concat(), libc::MAP_SHARED)?;
    let how: *mut u64 = how.cast();
    // SAFETY: a string, and memory that is mapped, which is made present here.
    let flags = unsafe {
        Errno::result(libc::mkfifo(c"fifo".as_ptr(), 0o644))?;
        how.read_volatile()
    };
    disturbed_by(|other| {
        until(|| is_blocked(other.of, &format!("{} ", libc::SYS_openat2)));
        // SAFETY: as above. The FIFO stays open until this process ends.
        unsafe {
            how.write_volatile(flags | libc::O_NONBLOCK as u64);
            libc::open(c"fifo".as_ptr(), libc::O_WRONLY);
        }
    })?;
    act(move || close(call!(openat2, AT_FDCWD, c"fifo", how, 24)?))
}
