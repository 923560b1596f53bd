//! Handlers that nest, are raised, jump, switch stacks and end their thread, while the call that they interrupted waits.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

use libc::{SA_RESTART, SIGUSR1, SIGUSR2, SYS_read};
use nix::errno::Errno;

use super::program::write_closing;
use super::restart::{
    CONTEXT, Context, PIPES, Shared, calling, handle, is_blocked, jumping, quiet, read_pipe, shared, stop_and_continue,
    until,
};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("signal-no-hand", no_hand),
    Scenario::new("signal-lock", lock),
    Scenario::new("signal-behind", behind),
    Scenario::new("signal-raised", raised),
    Scenario::new("signal-abandoned", abandoned),
    Scenario::new("signal-jumped-far", jumped_far),
    Scenario::new("signal-same-stack", same_stack),
    Scenario::new("signal-exec", exec),
    Scenario::new("signal-killed", killed),
    Scenario::new("signal-ignored", ignored),
];

/// The process that disturbs the scenario's own process.
pub(super) struct Disturber {
    /// The process or thread that it disturbs.
    pub(super) of: i32,
    pub(super) shared: &'static Shared,
}

impl Disturber {
    /// Waits until the other one is blocked in this call with this first argument.
    pub(super) fn blocked_in(&self, call: i64, first: i32) {
        until(|| is_blocked(self.of, &format!("{call} {first:#x} ")));
    }

    pub(super) fn blocked_in_read(&self, pipe: [i32; 2]) {
        self.blocked_in(SYS_read, pipe[0]);
    }

    pub(super) fn send(&self, signal: i32) {
        // SAFETY: plain numbers.
        unsafe { libc::kill(self.of, signal) };
    }

    /// Waits until so many handlers have run.
    pub(super) fn handled(&self, count: u32) {
        until(|| self.shared.handled.load(Ordering::Acquire) == count);
    }

    pub(super) fn at_step(&self, step: u32) {
        until(|| self.shared.step.load(Ordering::Acquire) == step);
    }
}

/// Forks a process that does this and ends.
pub(super) fn disturbed_by(disturb: impl FnOnce(&Disturber)) -> Result<(), Broken> {
    let shared = shared()?;
    // SAFETY: the child has one thread.
    let (of, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if Errno::result(forked)? == 0 {
        disturb(&Disturber { of, shared });
        // SAFETY: runs nothing.
        unsafe { libc::_exit(0) }
    }
    Ok(())
}

/// Pipes for [`read_pipe`].
pub(super) fn pipes<const N: usize>() -> Result<[[i32; 2]; N], Broken> {
    let mut all = [[0; 2]; N];
    for (ends, place) in all.iter_mut().zip(&PIPES) {
        // SAFETY: room for two descriptors.
        Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
        place.store(ends[0] as u32, Ordering::Relaxed);
    }
    Ok(all)
}

/// One byte for who reads it.
pub(super) fn feed(pipe: [i32; 2]) {
    // SAFETY: one readable byte.
    unsafe { libc::write(pipe[1], c"x".as_ptr().cast(), 1) };
}

/// Calls that no handler lets go on, not even one with SA_RESTART: stop and continue do, and then a handler ends them
/// (ERESTARTNOHAND in the kernel's source).
fn no_hand() -> Setup {
    let shared = shared()?;
    let [pipe] = pipes()?;
    handle(SIGUSR1, quiet, SA_RESTART)?;
    disturbed_by(|other| {
        for (call, step) in [libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_rt_sigsuspend].into_iter().zip(1..) {
            let blocked = || until(|| is_blocked(other.of, &format!("{call} ")));
            other.at_step(step);
            blocked();
            stop_and_continue(other.of);
            blocked();
            other.send(SIGUSR1);
            other.handled(step);
        }
    })?;
    act(move || {
        let step = |step| shared.step.store(step, Ordering::Release);
        let mut waited = libc::pollfd { fd: pipe[0], events: libc::POLLIN, revents: 0 };
        step(1);
        fails(call!(ppoll, &raw mut waited, 1, 0, 0, 8), Errno::EINTR)?;
        let mut read = [1_u64 << pipe[0], 0];
        step(2);
        fails(call!(pselect6, pipe[0] + 1, read.as_mut_ptr(), 0, 0, 0, 0), Errno::EINTR)?;
        let none = 0_u64;
        step(3);
        fails(call!(rt_sigsuspend, &raw const none, 8), Errno::EINTR)
    })
}

/// A lock that the other process has. The wait goes on after each handler, also after one without SA_RESTART (ERESTARTNOINTR).
fn lock() -> Setup {
    let shared = shared()?;
    let word = shared.word.as_ptr();
    // The other process gives the lock back.
    for op in [libc::FUTEX_LOCK_PI, libc::FUTEX_UNLOCK_PI] {
        returns(call!(futex, word, op, 0, 0, 0, 0), 0)?;
    }
    handle(SIGUSR1, calling, 0)?;
    disturbed_by(|other| {
        let word = other.shared.word.as_ptr();
        let _ = call!(futex, word, libc::FUTEX_LOCK_PI, 0, 0, 0, 0);
        other.shared.step.store(1, Ordering::Release);
        // The child may wait for something else before its gate.
        let blocked = || until(|| is_blocked(other.of, &format!("{} {:#x} ", libc::SYS_futex, word as usize)));
        blocked();
        other.send(SIGUSR1);
        other.handled(1);
        blocked();
        let _ = call!(futex, word, libc::FUTEX_UNLOCK_PI, 0, 0, 0, 0);
    })?;
    until(|| shared.step.load(Ordering::Acquire) == 1);
    act(move || {
        returns(call!(futex, shared.word.as_ptr(), libc::FUTEX_LOCK_PI, 0, 0, 0, 0), 0)?;
        returns(call!(futex, shared.word.as_ptr(), libc::FUTEX_UNLOCK_PI, 0, 0, 0, 0), 0)?;
        premise(shared.handled.load(Ordering::Acquire) == 1, "the signal was not handled")
    })
}

/// Sends the second signal to its own thread, and makes a call.
extern "C" fn raising(_: i32) {
    // SAFETY: plain numbers.
    let (pid, tid) = unsafe { (libc::getpid(), libc::gettid()) };
    let _ = call!(tgkill, pid, tid, SIGUSR2);
    calling(0);
}

/// The traced part: one read, while which two handlers run.
fn reads_between_two(shared: &'static Shared) -> Setup {
    act(|| {
        returns(read_pipe(0), 1)?;
        premise(shared.handled.load(Ordering::Acquire) == 2, "a signal was not handled")
    })
}

/// A read goes on after two handlers, of which the first sends itself the signal of the second.
fn raises() -> Setup {
    let shared = shared()?;
    let [pipe] = pipes()?;
    handle(SIGUSR2, calling, 0)?;
    disturbed_by(|other| {
        other.blocked_in_read(pipe);
        other.send(SIGUSR1);
        other.handled(2);
        other.blocked_in_read(pipe);
        feed(pipe);
    })?;
    reads_between_two(shared)
}

/// The second signal is blocked while the first handler runs, and comes when it returns. Its handler has no SA_RESTART, but it
/// interrupts no call: the read is about to be made again, and is.
fn behind() -> Setup {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = raising as *const () as libc::sighandler_t;
    action.sa_flags = SA_RESTART;
    // SAFETY: the handler makes calls and changes an atomic.
    unsafe {
        libc::sigaddset(&raw mut action.sa_mask, SIGUSR2);
        Errno::result(libc::sigaction(SIGUSR1, &raw const action, std::ptr::null_mut()))?;
    }
    raises()
}

/// The second handler interrupts the first one outside of any call. When it returns, the read is not made again yet.
fn raised() -> Setup {
    handle(SIGUSR1, raising, SA_RESTART)?;
    raises()
}

/// Reads the second pipe. The handler of the second signal may come back here instead of to that read.
extern "C" fn abandoning(_: i32) {
    if let Some(context) = CONTEXT.get() {
        // SAFETY: what is used after it has returned twice is in statics.
        unsafe { libc::getcontext(context.0.get()) };
    }
    if JUMPS.load(Ordering::Relaxed) == 0 {
        let _ = read_pipe(1);
    }
    quiet(0);
}

extern "C" fn reading_second(_: i32) {
    let _ = read_pipe(1);
    quiet(0);
}

/// How often a handler has jumped.
static JUMPS: AtomicU32 = AtomicU32::new(0);

extern "C" fn jumping_once(_: i32) {
    JUMPS.fetch_add(1, Ordering::Relaxed);
    jumping(0);
}

fn context() -> &'static Context {
    // SAFETY: plain numbers and null pointers, for which all bits zero is a value.
    CONTEXT.get_or_init(|| Context(std::cell::UnsafeCell::new(unsafe { std::mem::zeroed() })))
}

/// The second handler jumps out of the read that it interrupted, back into the first handler, which returns: its own read goes on.
fn abandoned() -> Setup {
    let shared = shared()?;
    let [first, second] = pipes()?;
    context();
    handle(SIGUSR1, abandoning, SA_RESTART)?;
    handle(SIGUSR2, jumping_once, SA_RESTART)?;
    disturbed_by(|other| {
        other.blocked_in_read(first);
        other.send(SIGUSR1);
        other.blocked_in_read(second);
        other.send(SIGUSR2);
        other.handled(2);
        other.blocked_in_read(first);
        feed(first);
    })?;
    reads_between_two(shared)
}

/// The second handler jumps out of two interrupted reads, to before the first one. The program makes that read again, a handler
/// interrupts it, and it goes on.
fn jumped_far() -> Setup {
    let [first, second] = pipes()?;
    let context = context();
    handle(SIGUSR1, reading_second, SA_RESTART)?;
    handle(SIGUSR2, jumping_once, SA_RESTART)?;
    disturbed_by(|other| {
        other.blocked_in_read(first);
        other.send(SIGUSR1);
        other.blocked_in_read(second);
        other.send(SIGUSR2);
        other.handled(1);
        other.blocked_in_read(first);
        other.send(SIGUSR1);
        other.blocked_in_read(second);
        feed(second);
        other.handled(2);
        other.blocked_in_read(first);
        feed(first);
    })?;
    act(move || {
        // SAFETY: what is used after it has returned twice is in statics.
        Errno::result(unsafe { libc::getcontext(context.0.get()) })?;
        returns(read_pipe(0), 1)?;
        premise(JUMPS.load(Ordering::Relaxed) == 1, "the handler has not jumped")
    })
}

/// Makes calls with the stack of the interrupted code, by another instruction. One of them sends a signal, which interrupts that
/// instruction and not the read.
#[cfg(target_arch = "x86_64")]
extern "C" fn on_the_same_stack(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: sigaction(2): it is a ucontext_t. getpid and gettid always succeed.
    let (stack, pid, tid) = unsafe {
        let context = &*context.cast::<libc::ucontext_t>();
        (context.uc_mcontext.gregs[libc::REG_RSP as usize], libc::getpid(), libc::gettid())
    };
    for (number, args) in [(libc::SYS_close, [-1, 0, 0]), (libc::SYS_tgkill, [pid, tid, SIGUSR2])] {
        // SAFETY: this handler has another stack, so what is below the interrupted one is free. The calls write no memory.
        unsafe {
            std::arch::asm!(
                "mov {own}, rsp",
                "mov rsp, {stack}",
                "syscall",
                "mov rsp, {own}",
                own = out(reg) _,
                stack = in(reg) stack,
                inlateout("rax") number => _,
                in("rdi") i64::from(args[0]),
                in("rsi") i64::from(args[1]),
                in("rdx") i64::from(args[2]),
                out("rcx") _, out("r11") _,
            );
        }
    }
    quiet(0);
}

#[cfg(not(target_arch = "x86_64"))]
extern "C" fn on_the_same_stack(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// A call at the place of an interrupted one on the stack, but by another instruction, is not the interrupted one.
fn same_stack() -> Setup {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Broken::Skip("it is written in instructions of x86-64".to_owned()));
    }
    let shared = shared()?;
    let [pipe] = pipes()?;
    handle(SIGUSR2, quiet, 0)?;
    let size = 64 * 1024;
    let own = libc::stack_t { ss_sp: vec![0_u8; size].leak().as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
    // SAFETY: plain numbers, for which all bits zero is a value; the handler changes its own stack alone.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_the_same_stack as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | SA_RESTART;
        Errno::result(libc::sigaltstack(&raw const own, std::ptr::null_mut()))?;
        Errno::result(libc::sigaction(SIGUSR1, &raw const action, std::ptr::null_mut()))?;
    }
    disturbed_by(|other| {
        other.blocked_in_read(pipe);
        other.send(SIGUSR1);
        other.handled(2);
        other.blocked_in_read(pipe);
        feed(pipe);
    })?;
    reads_between_two(shared)
}

/// Becomes another program.
extern "C" fn executing(_: i32) {
    let words = [c"tiny".as_ptr(), std::ptr::null()];
    let _ = call!(execve, words[0], words.as_ptr(), words[1..].as_ptr());
}

/// A handler that interrupts a read makes another read, and the handler that interrupts that one executes a program: neither read
/// returns.
fn exec() -> Setup {
    write_closing(c"tiny", &[3])?;
    handle(SIGUSR2, executing, SA_RESTART)?;
    reads_that_never_return(SIGUSR2)
}

/// The same with SIGKILL in place of the second handler.
fn killed() -> Setup {
    reads_that_never_return(libc::SIGKILL)
}

fn reads_that_never_return(last: i32) -> Setup {
    let [first, second] = pipes()?;
    handle(SIGUSR1, reading_second, SA_RESTART)?;
    disturbed_by(|other| {
        other.blocked_in_read(first);
        other.send(SIGUSR1);
        other.blocked_in_read(second);
        other.send(last);
    })?;
    act(|| {
        read_pipe(0)?;
        Err(Broken::Premise("the read was not interrupted".to_owned()))
    })
}

/// A signal that is ignored, and comes only when ppoll(2) lets it: the call is made again, because no handler runs.
fn ignored() -> Setup {
    let [pipe] = pipes::<1>()?;
    // SAFETY: the set is a plain number for the kernel; the signal waits until it is let through.
    unsafe {
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut blocked, SIGUSR1);
        libc::signal(SIGUSR1, libc::SIG_IGN);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
        libc::raise(SIGUSR1);
    }
    disturbed_by(|other| {
        until(|| is_blocked(other.of, &format!("{} ", libc::SYS_ppoll)));
        feed(pipe);
    })?;
    act(move || {
        let (mut awaited, none) = (libc::pollfd { fd: pipe[0], events: libc::POLLIN, revents: 0 }, 0_u64);
        returns(call!(ppoll, &raw mut awaited, 1, 0, &raw const none, 8), 1)
    })
}
