//! Calls that do not return, and the ends of processes and threads.
#![allow(unsafe_code)]

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nix::errno::Errno;

use super::exec::in_fork;
use super::steps::{close, create, open, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("killed-in-call", killed_in_call),
    Scenario::new("no-return", no_return),
    Scenario::new("thread-exit", thread_exit),
    Scenario::new("comm-change", comm_change),
    Scenario::new("foreign-noise", foreign_noise),
    Scenario::new("leader-gone", leader_gone),
    Scenario::new("killed-by-write", killed_by_write),
    Scenario::new("exit-of-thread", exit_of_thread),
];

/// Blocks in read of an empty pipe until another process sees that and kills it.
fn killed_in_call() -> Setup {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: the child has one thread.
    let victim = unsafe { libc::getpid() };
    // SAFETY: as above.
    if unsafe { libc::fork() } == 0 {
        kill_once_blocked(victim, &format!("{} 0x3 ", libc::SYS_read));
    }
    act(move || {
        let mut byte = 0_u8;
        call!(read, ends[0], &raw mut byte, 1)?;
        Err(Broken::Premise("the read was not interrupted by SIGKILL".to_owned()))
    })
}

/// Kills a process as soon as it is blocked in the call that proc_pid_syscall(5) shows like this. proc_pid_stat(5) must show
/// that it sleeps: a process in a ptrace stop has not entered the call yet.
pub(super) fn kill_once_blocked(victim: i32, call: &str) -> ! {
    let sleeps = || fs::read_to_string(format!("/proc/{victim}/stat")).is_ok_and(|text| text.contains(") S "));
    let is_in_call = || fs::read_to_string(format!("/proc/{victim}/syscall")).is_ok_and(|text| text.starts_with(call));
    while !(is_in_call() && sleeps()) {
        std::thread::yield_now();
    }
    // SAFETY: plain numbers; `_exit` runs nothing.
    unsafe {
        libc::kill(victim, libc::SIGKILL);
        libc::_exit(0)
    }
}

/// Writes to a pipe that nobody reads: the write fails, and its signal kills the process on the way out of the call.
fn killed_by_write() -> Setup {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors, of which nothing else uses the first.
    unsafe {
        Errno::result(libc::pipe(ends.as_mut_ptr()))?;
        libc::close(ends[0]);
    }
    act(move || {
        call!(write, ends[1], c"x", 1)?;
        Err(Broken::Premise("the write did not kill the process".to_owned()))
    })
}

extern "C" fn handler(_: i32) {}

/// A signal that is handled (rt_sigreturn), a thread that exits (exit), and the end of the process (exit_group).
fn no_return() -> Setup {
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    act(|| {
        // SAFETY: plain numbers.
        let (pid, tid) = unsafe { (libc::getpid(), libc::gettid()) };
        returns(call!(tgkill, pid, tid, libc::SIGUSR1), 0)?;
        let fd = create(c"after.txt")?;
        close(fd)?;
        std::thread::spawn(|| {}).join().map_err(|_| Broken::Step("the thread panicked".to_owned()))?;
        Ok(())
    })
}

/// A sibling thread opens a file and exits. The first thread continues to use the file.
fn thread_exit() -> Setup {
    act(|| {
        let before = create(c"before.txt")?;
        let opener = std::thread::spawn(|| create(c"thread.txt"));
        let opened = opener.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??;
        write(opened, b"after")?;
        close(opened)?;
        close(before)
    })
}

/// A thread changes its name by prctl, and a sibling changes it by a write to its comm (proc_pid_comm(5)).
fn comm_change() -> Setup {
    act(|| {
        let first = create(c"first.txt")?;
        returns(call!(prctl, libc::PR_SET_NAME, c"second"), 0)?;
        close(first)?;
        returns(call!(prctl, libc::PR_SET_NAME, c"fifteen-letters"), 0)?;
        let third = create(c"third.txt")?;
        let sibling = std::thread::spawn(|| {
            // The leader's name: the path names the process.
            let comm = open(c"/proc/self/comm", libc::O_WRONLY)?;
            write(comm, b"third")?;
            close(comm)
        });
        sibling.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??;
        close(third)
    })
}

/// The kernel makes it 0 when the thread has exited (set_tid_address(2)).
static LEADER: AtomicU32 = AtomicU32::new(1);

/// The first thread of a process exits, and another one goes on: it uses the files, and its exit_group is the end of the process.
fn leader_gone() -> Setup {
    act(|| {
        let before = create(c"before.txt")?;
        in_fork(|| {
            call!(set_tid_address, LEADER.as_ptr())?;
            std::thread::spawn(move || {
                while LEADER.load(Ordering::Acquire) != 0 {
                    std::hint::spin_loop();
                }
                let status = i32::from(close(before).is_err());
                let _ = call!(exit_group, status);
            });
            call!(exit, 7)?;
            Ok(())
        })?;
        close(before)
    })
}

/// How many calls the sibling process makes.
const NOISE: u32 = 100_000;

/// Shared by `act` and the sibling process: when to begin, and how many calls were made.
struct Noise {
    begin: AtomicBool,
    made: AtomicU32,
}

/// Another process makes very many calls between two calls of the child.
fn foreign_noise() -> Setup {
    // SAFETY: a new anonymous page, shared with the fork.
    let noise = unsafe {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let page = libc::mmap(std::ptr::null_mut(), 4096, rights, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0);
        premise(page != libc::MAP_FAILED, "no page could be mapped")?;
        // SAFETY: aligned, zeroed, which both atomics can be, and never unmapped.
        &*page.cast::<Noise>()
    };
    // SAFETY: the child has one thread.
    if unsafe { libc::fork() } == 0 {
        while !noise.begin.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        for _ in 0..NOISE {
            let _ = call!(close, -1);
            noise.made.fetch_add(1, Ordering::Release);
        }
        // SAFETY: runs nothing.
        unsafe { libc::_exit(0) };
    }
    act(|| {
        let fd = create(c"quiet.txt")?;
        noise.begin.store(true, Ordering::Release);
        while noise.made.load(Ordering::Acquire) < NOISE {
            std::hint::spin_loop();
        }
        close(fd)
    })
}

/// A process whose only thread exits by exit(2): nobody has ended the group, and the status is the thread's.
fn exit_of_thread() -> Setup {
    act(|| {
        let forked = call!(clone, libc::SIGCHLD, 0, 0, 0, 0)?;
        if forked == 0 {
            let _ = call!(exit, 5);
        }
        let mut status = 0_i32;
        returns(call!(wait4, forked, &raw mut status, 0, 0), forked)?;
        ensure(status == 5 << 8, "the forked process has another status")
    })
}
