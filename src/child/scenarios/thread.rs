//! Threads that make calls at the same time.
#![allow(unsafe_code)]

use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use super::steps::{close, create};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[Scenario::new("thread-fd", thread_fd)];

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
pub(super) fn names_itself() -> Result<(), Broken> {
    // SAFETY: plain numbers.
    let (pid, tid) = unsafe { (libc::getpid(), libc::gettid()) };
    returns(call!(tgkill, pid, tid, 0), 0)
}

pub(super) fn joined(thread: JoinHandle<Result<(), Broken>>) -> Result<(), Broken> {
    thread.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))?
}
