//! Interrupted calls: by a handler, and by stop and continue.
#![allow(unsafe_code)]

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;

use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("restart-signal", restart_signal),
    Scenario::new("restart-timeout", restart_timeout),
    Scenario::new("restart-nested", restart_nested),
    Scenario::new("restart-jumped", restart_jumped),
    Scenario::new("restart-changed", restart_changed),
];

/// Shared by the child and the process that sends it signals.
pub(super) struct Shared {
    /// The number of the read that the child is about to make, counted from 1.
    pub(super) step: AtomicU32,
    /// How many handlers have run.
    pub(super) handled: AtomicU32,
    /// A lock (futex(2)).
    pub(super) word: AtomicU32,
    /// The ids of two threads.
    pub(super) tids: [AtomicU32; 2],
}

/// The page is mapped before the handlers are set, so that they can use it.
static SHARED: std::sync::OnceLock<&'static Shared> = std::sync::OnceLock::new();

pub(super) fn shared() -> Result<&'static Shared, Broken> {
    // SAFETY: a new anonymous page, shared with the fork.
    let page = unsafe {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), 4096, rights, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    // SAFETY: aligned, zeroed, which all atomics can be, and never unmapped.
    Ok(SHARED.get_or_init(|| unsafe { &*page.cast::<Shared>() }))
}

/// Makes its own call before the interrupted one continues.
pub(super) extern "C" fn calling(_: i32) {
    let _ = call!(close, -1);
    quiet(0);
}

pub(super) extern "C" fn quiet(_: i32) {
    if let Some(shared) = SHARED.get() {
        shared.handled.fetch_add(1, Ordering::Release);
    }
}

pub(super) fn handle(signal: i32, handler: extern "C" fn(i32), flags: i32) -> Result<(), Errno> {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = flags;
    // SAFETY: the handlers only make a system call and change an atomic.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }).map(drop)
}

/// Four reads of an empty pipe. One continues after a handler with SA_RESTART that makes a call itself. One fails with EINTR.
/// The program makes one again. One continues after stop and continue.
fn restart_signal() -> Setup {
    let shared = shared()?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    handle(libc::SIGUSR1, calling, libc::SA_RESTART)?;
    // The flag beside SA_RESTART in the kernel's word means nothing for this signal.
    handle(libc::SIGUSR2, quiet, libc::SA_NOCLDSTOP)?;
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        disturb(reader, ends[1], shared);
    }
    act(move || {
        let mut byte = 0_u8;
        let mut read = |step| {
            shared.step.store(step, Ordering::Release);
            call!(read, ends[0], &raw mut byte, 1)
        };
        returns(read(1), 1)?;
        fails(read(2), Errno::EINTR)?;
        returns(read(3), 1)?;
        returns(read(4), 1)?;
        premise(shared.handled.load(Ordering::Acquire) == 2, "a signal was not handled")
    })
}

/// Sends the signals for each step, always after proc(5) shows that the reader is blocked in its read.
fn disturb(reader: i32, pipe: i32, shared: &Shared) -> ! {
    // A read of descriptor 3.
    let in_read = || is_blocked(reader, &format!("{} 0x3 ", libc::SYS_read));
    let blocked = |step| until(|| shared.step.load(Ordering::Acquire) == step && in_read());
    // SAFETY: plain numbers.
    let send = |signal| unsafe { libc::kill(reader, signal) };
    // SAFETY: one readable byte.
    let write = || unsafe { libc::write(pipe, c"x".as_ptr().cast(), 1) };
    let handled = |count| until(|| shared.handled.load(Ordering::Acquire) == count);
    blocked(1);
    send(libc::SIGUSR1);
    handled(1);
    blocked(1);
    write();
    blocked(2);
    send(libc::SIGUSR2);
    handled(2);
    blocked(3);
    write();
    blocked(4);
    stop_and_continue(reader);
    blocked(4);
    write();
    // SAFETY: runs nothing.
    unsafe { libc::_exit(0) }
}

/// Waits for a pipe with a timeout. The kernel cannot restart the call unchanged, because time has passed. It continues the
/// call by restart_syscall(2).
fn restart_timeout() -> Setup {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: the child has one thread.
    let (waiter, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        until(|| is_blocked(waiter, &format!("{WAIT} ")));
        stop_and_continue(waiter);
        until(|| is_blocked(waiter, &format!("{} ", libc::SYS_restart_syscall)));
        // SAFETY: one readable byte; `_exit` runs nothing.
        unsafe {
            libc::write(ends[1], c"x".as_ptr().cast(), 1);
            libc::_exit(0)
        };
    }
    act(move || {
        let mut waited = libc::pollfd { fd: ends[0], events: libc::POLLIN, revents: 0 };
        returns(call!(poll, &raw mut waited, 1, 60_000), 1)?;
        let mut byte = 0_u8;
        returns(call!(read, ends[0], &raw mut byte, 1), 1)
    })
}

/// Not every architecture has poll(2). The scenario is skipped there, before another process waits for the call.
#[cfg(target_arch = "x86_64")]
const WAIT: i64 = libc::SYS_poll;
#[cfg(not(target_arch = "x86_64"))]
const WAIT: i64 = -1;

pub(super) fn stop_and_continue(pid: i32) {
    // SAFETY: plain numbers.
    let send = |signal| unsafe { libc::kill(pid, signal) };
    send(libc::SIGSTOP);
    // Under ptrace, a stopped process has the state t.
    until(|| matches!(state(pid), Some('T' | 't')));
    send(libc::SIGCONT);
}

pub(super) fn until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::yield_now();
    }
}

/// Whether a process is blocked in the call that proc_pid_syscall(5) shows like this. A stopped process is not.
pub(super) fn is_blocked(pid: i32, call: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|text| text.starts_with(call))
        && state(pid) == Some('S')
}

/// proc_pid_stat(5): the state follows the name in parentheses.
fn state(pid: i32) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit(") ").next()?.chars().next()
}

/// The pipes that the program and its handlers read.
pub(super) static PIPES: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];
/// The buffer for all reads.
static BYTE: AtomicU32 = AtomicU32::new(0);

pub(super) fn read_pipe(at: usize) -> Result<i64, Failed> {
    call!(read, PIPES[at].load(Ordering::Relaxed), BYTE.as_ptr(), 1)
}

/// Makes the same call that it has interrupted, with the same arguments. Then it makes a call that another handler interrupts.
extern "C" fn reading(_: i32) {
    let _ = read_pipe(0);
    let _ = read_pipe(1);
    quiet(0);
}

/// A handler interrupts a read, and reads the same pipe and another one, where a second handler interrupts it. Each read
/// continues.
fn restart_nested() -> Setup {
    let shared = shared()?;
    let mut ends = [[0; 2]; 2];
    for (pair, pipe) in ends.iter_mut().zip(&PIPES) {
        // SAFETY: room for two descriptors.
        Errno::result(unsafe { libc::pipe(pair.as_mut_ptr()) })?;
        pipe.store(pair[0] as u32, Ordering::Relaxed);
    }
    handle(libc::SIGUSR1, reading, libc::SA_RESTART)?;
    handle(libc::SIGUSR2, calling, libc::SA_RESTART)?;
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        nest(reader, ends, shared);
    }
    act(|| returns(read_pipe(0), 1))
}

fn nest(reader: i32, ends: [[i32; 2]; 2], shared: &Shared) -> ! {
    let blocked = |at: usize| until(|| is_blocked(reader, &format!("{} {:#x} ", libc::SYS_read, ends[at][0])));
    // SAFETY: plain numbers.
    let send = |signal| unsafe { libc::kill(reader, signal) };
    // SAFETY: one readable byte.
    let write = |at: usize| unsafe { libc::write(ends[at][1], c"x".as_ptr().cast(), 1) };
    let handled = |count| until(|| shared.handled.load(Ordering::Acquire) == count);
    // The same number on another stack: until the handler has begun, this is the program's own read.
    let stack = || fs::read_to_string(format!("/proc/{reader}/syscall")).unwrap_or_default();
    blocked(0);
    let of_program = stack();
    send(libc::SIGUSR1);
    until(|| stack() != of_program && is_blocked(reader, &format!("{} {:#x} ", libc::SYS_read, ends[0][0])));
    write(0);
    blocked(1);
    send(libc::SIGUSR2);
    handled(1);
    blocked(1);
    write(1);
    handled(2);
    blocked(0);
    write(0);
    // SAFETY: runs nothing.
    unsafe { libc::_exit(0) }
}

/// The place at which the handler continues.
pub(super) static CONTEXT: std::sync::OnceLock<Context> = std::sync::OnceLock::new();
/// Whether it has continued there.
static JUMPED: AtomicU32 = AtomicU32::new(0);

pub(super) struct Context(pub(super) std::cell::UnsafeCell<libc::ucontext_t>);
// SAFETY: the process has one thread.
unsafe impl Sync for Context {}
// SAFETY: as above.
unsafe impl Send for Context {}

pub(super) extern "C" fn jumping(_: i32) {
    JUMPED.store(1, Ordering::Relaxed);
    quiet(0);
    if let Some(context) = CONTEXT.get() {
        // SAFETY: it was filled in by a function that has not returned.
        unsafe { libc::setcontext(context.0.get()) };
    }
}

/// A handler that does not return to the read that it interrupted (siglongjmp(3)). The program makes the same read again, from
/// the same place.
fn restart_jumped() -> Setup {
    let shared = shared()?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    PIPES[0].store(ends[0] as u32, Ordering::Relaxed);
    handle(libc::SIGUSR1, jumping, libc::SA_RESTART)?;
    // SAFETY: plain numbers and null pointers, for which all bits zero is a value.
    let context = CONTEXT.get_or_init(|| Context(std::cell::UnsafeCell::new(unsafe { std::mem::zeroed() })));
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        let in_read = || is_blocked(reader, &format!("{} {:#x} ", libc::SYS_read, ends[0]));
        until(in_read);
        // SAFETY: plain numbers, one readable byte; `_exit` runs nothing.
        unsafe {
            libc::kill(reader, libc::SIGUSR1);
            until(|| shared.handled.load(Ordering::Acquire) == 1 && in_read());
            libc::write(ends[1], c"x".as_ptr().cast(), 1);
            libc::_exit(0)
        }
    }
    act(move || {
        // SAFETY: what is used after it has returned twice is in statics.
        Errno::result(unsafe { libc::getcontext(context.0.get()) })?;
        returns(read_pipe(0), 1)?;
        premise(JUMPED.load(Ordering::Relaxed) == 1, "the handler has not run")
    })
}

/// Changes the interrupted read so that it is made again on the other pipe.
extern "C" fn changing(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let other = PIPES[1].load(Ordering::Relaxed);
    // SAFETY: sigaction(2): it is a ucontext_t, which becomes the registers of the interrupted code.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    {
        registers.gregs[libc::REG_RDI as usize] = other.into();
    }
    #[cfg(target_arch = "aarch64")]
    {
        registers.regs[0] = other.into();
    }
    quiet(0);
}

/// A handler changes an argument of the read that it interrupted. The call that the kernel then makes is another call.
fn restart_changed() -> Setup {
    let shared = shared()?;
    let mut ends = [[0; 2]; 2];
    for (pair, pipe) in ends.iter_mut().zip(&PIPES) {
        // SAFETY: room for two descriptors.
        Errno::result(unsafe { libc::pipe(pair.as_mut_ptr()) })?;
        pipe.store(pair[0] as u32, Ordering::Relaxed);
    }
    // SAFETY: one readable byte.
    unsafe { libc::write(ends[1][1], c"x".as_ptr().cast(), 1) };
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = changing as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler changes the registers of a system call, and an atomic.
    Errno::result(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) })?;
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        until(|| is_blocked(reader, &format!("{} {:#x} ", libc::SYS_read, ends[0][0])));
        // SAFETY: plain numbers; `_exit` runs nothing.
        unsafe {
            libc::kill(reader, libc::SIGUSR1);
            libc::_exit(0)
        }
    }
    act(|| {
        returns(read_pipe(0), 1)?;
        premise(shared.handled.load(Ordering::Acquire) == 1, "the handler has not run")
    })
}
