//! Threads that make calls at the same time.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use super::steps::{close, create, open, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[Scenario::new("thread-fd", thread_fd), Scenario::new("thread-comm", thread_comm)];

/// How often each of the two threads makes its four calls.
const ROUNDS: i64 = 250;

/// Two threads each open, write and close a file. Each reuses the other's descriptor number as soon as it is free. In between
/// both write to a file that the first thread of the process has opened.
fn thread_fd() -> Setup {
    act(|| {
        let shared = create(c"shared.txt")?;
        let both = Arc::new(Barrier::new(2));
        let threads = [("first", c"first.txt"), ("second", c"second.txt")].map(|(name, path)| {
            let both = Arc::clone(&both);
            Builder::new().name(name.to_owned()).spawn(move || {
                returns(call!(lseek, shared, 0, libc::SEEK_CUR), 0)?;
                both.wait();
                (0..ROUNDS).try_for_each(|_| own_and_shared(path, shared))?;
                names_itself()
            })
        });
        threads.into_iter().try_for_each(|thread| joined(thread?))?;
        close(shared)
    })
}

fn own_and_shared(path: &'static std::ffi::CStr, shared: i64) -> Result<(), Broken> {
    let own = create(path)?;
    returns(call!(pwrite64, own, c"own".as_ptr(), 3, 0), 3)?;
    returns(call!(pwrite64, shared, c"shared".as_ptr(), 6, 0), 6)?;
    close(own)
}

/// Sends signal 0 to itself, under the id from the kernel. The trace must have the same id (tgkill(2)).
fn names_itself() -> Result<(), Broken> {
    // SAFETY: plain numbers.
    let (pid, tid) = unsafe { (libc::getpid(), libc::gettid()) };
    returns(call!(tgkill, pid, tid, 0), 0)
}

/// How many threads are named at once.
const NAMED: usize = 40;

/// Each thread has a name from its start, makes a call, takes another name, and makes three more calls. Every second one takes it
/// by prctl(2), and the others by a file (proc_pid_comm(5)).
fn thread_comm() -> Setup {
    one_arena();
    act(|| {
        let shared = create(c"shared.txt")?;
        let all = Arc::new(Barrier::new(NAMED));
        let named = |index: usize| {
            let all = Arc::clone(&all);
            Builder::new().name(format!("first-{index:02}")).spawn(move || named_twice(index, shared, &all))
        };
        let threads: Vec<_> = (0..NAMED).map(named).collect();
        threads.into_iter().try_for_each(|thread| joined(thread?))?;
        close(shared)
    })
}

/// glibc counts the CPUs, by a file, to know how many arenas of memory many threads may have (mallopt(3)).
fn one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: numbers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1)
    };
}

fn named_twice(index: usize, shared: i64, all: &Barrier) -> Result<(), Broken> {
    let seek = |to: i64| returns(call!(lseek, shared, to, libc::SEEK_SET), to);
    all.wait();
    seek(1)?;
    let name = CString::new(format!("second-{index:02}")).unwrap_or_default();
    if index.is_multiple_of(2) {
        returns(call!(prctl, libc::PR_SET_NAME, name.as_ptr()), 0)?;
    } else {
        let comm = open(c"/proc/thread-self/comm", libc::O_WRONLY)?;
        write(comm, name.to_bytes())?;
        close(comm)?;
    }
    (2..5).try_for_each(seek)
}

fn joined(thread: JoinHandle<Result<(), Broken>>) -> Result<(), Broken> {
    thread.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))?
}
