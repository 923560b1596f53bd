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

/// Which argument the handler changes, from 0, and to what. After the arguments comes the number of the call.
static ARGUMENT: AtomicUsize = AtomicUsize::new(0);
static VALUE: AtomicU64 = AtomicU64::new(0);

/// Changes one argument of the call that it has interrupted.
extern "C" fn changing(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let (argument, value) = (ARGUMENT.load(Ordering::Relaxed), VALUE.load(Ordering::Relaxed));
    // SAFETY: sigaction(2): it is a ucontext_t, which becomes the registers of the interrupted code.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    {
        use libc::{REG_R8, REG_R9, REG_R10, REG_RAX, REG_RDI, REG_RDX, REG_RSI};
        let places = [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9, REG_RAX];
        registers.gregs[places[argument] as usize] = value as i64;
    }
    #[cfg(target_arch = "aarch64")]
    {
        registers.regs[if argument == NUMBER { 8 } else { argument }] = value;
    }
    quiet(0);
}

/// The memory that a recvfrom uses: where the bytes go, the address of the sender and its length.
#[repr(C)]
struct Room {
    bytes: [u8; 16],
    address: [u8; 160],
    lengths: [u32; 3],
}

/// The place of the number after six arguments.
const NUMBER: usize = 6;

/// What follows a change.
#[derive(Clone, Copy)]
enum Then {
    /// The call is made again and receives from this socket.
    Receives(usize),
    /// It is made again and fails at once.
    Fails(Errno),
}

/// An argument, from 0, and what the handler makes of it.
type ChangedRegister = (usize, u64, Then);

/// Each argument up and down, and by its upper half. Then the number, to one that no call has, to restart_syscall(2), and to that of a
/// call that a filter denies. At last nothing is changed.
fn changes(room: &Room, [from, other]: [u64; 2]) -> Vec<ChangedRegister> {
    let [_, bytes, count, _, address, length] = room.arguments(from);
    let here = Then::Receives(0);
    let high = 1 << 32;
    let not_there = Then::Fails(Errno::ENOSYS);
    vec![
        (0, other, Then::Receives(1)),
        (1, bytes + 1, here),
        (2, count + 1, here),
        (3, libc::MSG_NOSIGNAL as u64, here),
        (4, address + 1, here),
        (5, length + 4, here),
        (0, from | high, here),
        (1, bytes - 1, here),
        (2, count - 1, here),
        (2, count | high, here),
        (3, high, here),
        (4, address - 1, here),
        (5, length - 4, here),
        (NUMBER, libc::SYS_recvfrom as u64 | 1 << 16, not_there),
        (NUMBER, libc::SYS_restart_syscall as u64, Then::Fails(Errno::EINTR)),
        (NUMBER, libc::SYS_dup as u64, Then::Fails(Errno::EPERM)),
        (0, from, here),
    ]
}

impl Room {
    fn arguments(&self, from: u64) -> [u64; 6] {
        let place = |field: *const u8| field as u64;
        let (bytes, address) = (place(&raw const self.bytes[1]), place(&raw const self.address[1]));
        [from, bytes, 2, 0, address, place((&raw const self.lengths[1]).cast())]
    }
}

/// Receives of a socket are interrupted, and the handler changes one register: what the kernel makes then is another call. At last it
/// is made again as it was.
fn repeat_changed() -> Setup {
    let shared = shared()?;
    let ends = [pair()?, pair()?];
    super::seccomp::set(libc::SYS_dup, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0)?;
    // It is never freed, since both processes know its address.
    let room: &Room = Box::leak(Box::new(Room { bytes: [0; 16], address: [0; 160], lengths: [100; 3] }));
    let changes = changes(room, ends.map(|pair| pair[0] as u64));
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = changing as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler changes the registers of a system call, and an atomic.
    Errno::result(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) })?;
    // SAFETY: the child has one thread.
    let (receiver, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        interrupt(receiver, &ends, &changes, shared);
    }
    let [a, b, c, d, e, f] = room.arguments(ends[0][0] as u64);
    act(move || {
        let last = changes.len() as u32;
        for ((argument, value, then), step) in changes.into_iter().zip(1_u32..) {
            ARGUMENT.store(argument, Ordering::Relaxed);
            VALUE.store(value, Ordering::Relaxed);
            // It says in the trace which receive follows.
            fails(call!(lseek, a, step - 1, libc::SEEK_SET), Errno::ESPIPE)?;
            shared.step.store(step, Ordering::Release);
            // At last two registers are wide from the beginning.
            let high = u64::from(step == last) << 32;
            let received = call!(recvfrom, a, b, c | high, d | high, e, f);
            match then {
                Then::Receives(_) => returns(received, 1)?,
                Then::Fails(errno) => ensure(received.is_err_and(|failed| failed.errno == errno), "another errno")?,
            }
        }
        premise(shared.handled.load(Ordering::Acquire) == last, "a signal was not handled")
    })
}

fn pair() -> Result<[i32; 2], Broken> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()) })?;
    Ok(ends)
}

fn interrupt(receiver: i32, ends: &[[i32; 2]; 2], changes: &[ChangedRegister], shared: &Shared) -> ! {
    let blocked = || until(|| is_blocked(receiver, &format!("{} {:#x} ", libc::SYS_recvfrom, ends[0][0])));
    for (&(argument, value, then), step) in changes.iter().zip(1..) {
        until(|| shared.step.load(Ordering::Acquire) == step);
        blocked();
        // SAFETY: plain numbers.
        unsafe { libc::kill(receiver, libc::SIGUSR1) };
        until(|| shared.handled.load(Ordering::Acquire) == step);
        if let Then::Receives(at) = then {
            let first = if argument == 0 { value } else { ends[0][0] as u64 };
            until(|| is_blocked(receiver, &format!("{} {first:#x} ", libc::SYS_recvfrom)));
            // SAFETY: one readable byte.
            unsafe { libc::write(ends[at][1], c"x".as_ptr().cast(), 1) };
        }
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
