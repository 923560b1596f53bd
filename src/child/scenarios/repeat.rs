//! Interrupted calls that are made again as they were, by a 32-bit entry as well, or with one register changed.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nix::errno::Errno;

use super::asked::{int_0x80, low};
use super::restart::{Shared, handle, is_blocked, quiet, shared, stop_and_continue, until};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("repeat-changed", repeat_changed),
    Scenario::new("repeat-32-bit", repeat_32_bit),
    Scenario::new("repeat-32-bit-timeout", repeat_32_bit_timeout),
];

/// Which argument the handler changes, from 0, and to what.
static ARGUMENT: AtomicUsize = AtomicUsize::new(0);
static VALUE: AtomicU64 = AtomicU64::new(0);

/// Changes one argument of the call that it has interrupted.
extern "C" fn changing(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let (argument, value) = (ARGUMENT.load(Ordering::Relaxed), VALUE.load(Ordering::Relaxed));
    // SAFETY: sigaction(2): it is a ucontext_t, which becomes the registers of the interrupted code.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    {
        use libc::{REG_R8, REG_R9, REG_R10, REG_RDI, REG_RDX, REG_RSI};
        let places = [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9];
        registers.gregs[places[argument] as usize] = value as i64;
    }
    #[cfg(target_arch = "aarch64")]
    {
        registers.regs[argument] = value;
    }
    quiet(0);
}

/// The memory that a recvfrom uses: where the bytes go, the address of the sender and its length.
#[repr(C)]
struct Room {
    bytes: [u8; 16],
    address: [u8; 160],
    lengths: [u32; 2],
}

/// Receives of a socket are interrupted, one for each argument, and the handler changes that argument: what the kernel makes then is
/// another call. The seventh is made again as it was.
fn repeat_changed() -> Setup {
    let shared = shared()?;
    let ends = [pair()?, pair()?];
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = changing as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler changes the registers of a system call, and an atomic.
    Errno::result(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) })?;
    // SAFETY: the child has one thread.
    let (receiver, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        interrupt(receiver, &ends, shared);
    }
    act(move || {
        let mut room = Room { bytes: [0; 16], address: [0; 160], lengths: [100; 2] };
        let [from, other] = ends.map(|pair| pair[0] as u64);
        let (bytes, address) = (room.bytes.as_mut_ptr() as u64, room.address.as_mut_ptr() as u64);
        let length = room.lengths.as_mut_ptr() as u64;
        let as_it_was = [from, bytes, 1, 0, address, length];
        let changed = [other, bytes + 1, 2, libc::MSG_NOSIGNAL as u64, address + 1, length + 4, from];
        for (number, value) in changed.into_iter().enumerate() {
            ARGUMENT.store(number % as_it_was.len(), Ordering::Relaxed);
            VALUE.store(value, Ordering::Relaxed);
            // It says in the trace which receive follows.
            fails(call!(lseek, from, number, libc::SEEK_SET), Errno::ESPIPE)?;
            shared.step.store(number as u32 + 1, Ordering::Release);
            let [a, b, c, d, e, f] = as_it_was;
            returns(call!(recvfrom, a, b, c, d, e, f), 1)?;
        }
        premise(shared.handled.load(Ordering::Acquire) == 7, "a signal was not handled")
    })
}

fn pair() -> Result<[i32; 2], Broken> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()) })?;
    Ok(ends)
}

fn interrupt(receiver: i32, ends: &[[i32; 2]; 2], shared: &Shared) -> ! {
    let blocked = |at: usize| until(|| is_blocked(receiver, &format!("{} {:#x} ", libc::SYS_recvfrom, ends[at][0])));
    for step in 1..=7 {
        until(|| shared.step.load(Ordering::Acquire) == step);
        blocked(0);
        // SAFETY: plain numbers.
        unsafe { libc::kill(receiver, libc::SIGUSR1) };
        until(|| shared.handled.load(Ordering::Acquire) == step);
        let from = usize::from(step == 1);
        blocked(from);
        // SAFETY: one readable byte.
        unsafe { libc::write(ends[from][1], c"x".as_ptr().cast(), 1) };
    }
    // SAFETY: runs nothing.
    unsafe { libc::_exit(0) }
}

/// The numbers of read and poll in the table of 32-bit programs on x86, and of getpid.
const READ: u32 = 3;
const POLL: u32 = 168;
const GETPID: u32 = 20;

/// Skips where no 32-bit calls are taken.
fn with_32_bit() -> Result<(), Broken> {
    let is_there = int_0x80(GETPID, [0; 4]) >= 0;
    is_there.then_some(()).ok_or_else(|| Broken::Skip("this kernel takes no 32-bit calls".to_owned()))
}

/// A read by a 32-bit entry, which a handler interrupts and which stop and continue interrupt: it is one call each time.
fn repeat_32_bit() -> Setup {
    let shared = shared()?;
    let memory = low(c"memory")? as u32;
    with_32_bit()?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    handle(libc::SIGUSR1, quiet, libc::SA_RESTART)?;
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        let blocked = |step| {
            until(|| shared.step.load(Ordering::Acquire) == step && is_blocked(reader, &format!("{READ} ")));
        };
        // SAFETY: plain numbers, one readable byte; `_exit` runs nothing.
        unsafe {
            blocked(1);
            libc::kill(reader, libc::SIGUSR1);
            until(|| shared.handled.load(Ordering::Acquire) == 1);
            blocked(1);
            libc::write(ends[1], c"x".as_ptr().cast(), 1);
            blocked(2);
            stop_and_continue(reader);
            blocked(2);
            libc::write(ends[1], c"x".as_ptr().cast(), 1);
            libc::_exit(0)
        }
    }
    act(move || {
        for step in 1..=2 {
            shared.step.store(step, Ordering::Release);
            ensure(int_0x80(READ, [ends[0] as u32, memory, 1, 0]) == 1, "a byte was not read")?;
        }
        premise(shared.handled.load(Ordering::Acquire) == 1, "the signal was not handled")
    })
}

/// poll(2) by a 32-bit entry, with a timeout: the kernel goes on with it by restart_syscall(2), whose number is 0 in that table.
fn repeat_32_bit_timeout() -> Setup {
    let waited = low(c"")?;
    with_32_bit()?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors, and for a struct pollfd.
    unsafe {
        Errno::result(libc::pipe(ends.as_mut_ptr()))?;
        waited.cast::<libc::pollfd>().write(libc::pollfd { fd: ends[0], events: libc::POLLIN, revents: 0 });
    }
    // SAFETY: the child has one thread.
    let (waiter, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        until(|| is_blocked(waiter, &format!("{POLL} ")));
        stop_and_continue(waiter);
        until(|| is_blocked(waiter, "0 "));
        // SAFETY: one readable byte; `_exit` runs nothing.
        unsafe {
            libc::write(ends[1], c"x".as_ptr().cast(), 1);
            libc::_exit(0)
        };
    }
    let address = waited as u32;
    act(move || ensure(int_0x80(POLL, [address, 1, 60_000, 0]) == 1, "nothing came"))
}
