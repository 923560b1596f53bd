//! The ring. Any thread may drain it: records go into the inboxes of their watches. One thread sleeps on it for backlogs.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use libbpf_rs::{MapHandle, RingBuffer, RingBufferBuilder};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::records::Inbox;
use super::refusal::refused;
use crate::base::error::Error;
use crate::trace::record;

/// The reading end of the ring, and the records that were read and not taken yet.
pub(super) struct RecordRing {
    buffer: Mutex<RingBuffer<'static>>,
    /// The inboxes by the id of their watch.
    pub(super) inboxes: Arc<Mutex<BTreeMap<u64, Inbox>>>,
    /// Notified when records have come into inboxes.
    pub(super) arrived: Condvar,
    pub(super) unclaimed: Arc<AtomicU64>,
}

impl RecordRing {
    pub(super) fn over(map: &MapHandle) -> Result<Self, Error> {
        let inboxes = Arc::new(Mutex::new(BTreeMap::<u64, Inbox>::new()));
        let inbox_of = Arc::clone(&inboxes);
        let unclaimed = Arc::new(AtomicU64::new(0));
        let stray = Arc::clone(&unclaimed);
        let mut builder = RingBufferBuilder::new();
        let keep = move |bytes: &[u8]| {
            let watch = record::watch_of(bytes).unwrap_or_default();
            match lock(&inbox_of).get_mut(&watch) {
                Some(inbox) => inbox.push(bytes),
                None => drop(stray.fetch_add(1, Ordering::Relaxed)),
            }
            0
        };
        builder.add(map, keep).map_err(|error| refused("the ring buffer could not be mapped", &error))?;
        let buffer = builder.build().map_err(|error| refused("the ring buffer could not be mapped", &error))?;
        Ok(Self { buffer: Mutex::new(buffer), inboxes, arrived: Condvar::new(), unclaimed })
    }

    /// Moves all records from the ring into the inboxes. Returns their number.
    pub(super) fn drain(&self) -> usize {
        self.drain_some(i32::MAX as usize)
    }

    /// The same for at most this many records.
    pub(super) fn drain_some(&self, most: usize) -> usize {
        let drained = usize::try_from(lock(&self.buffer).consume_raw_n(most)).unwrap_or_default();
        // Under the lock: a thread that has found nothing is waiting by now, and not just about to wait.
        let _inboxes = lock(&self.inboxes);
        self.arrived.notify_all();
        drained
    }
}

/// A thread that sleeps until BPF wakes it because the ring fills up.
pub(super) struct BacklogReader {
    thread: Option<JoinHandle<()>>,
    /// The thread stops when this is dropped.
    stop: Option<std::io::PipeWriter>,
}

impl BacklogReader {
    pub(super) fn start(ring: &Arc<RecordRing>) -> Result<Self, Error> {
        let cannot = |error| refused("the reader of the ring buffer could not be started", &error);
        let (stopped, stop) = std::io::pipe().map_err(cannot)?;
        let ring = Arc::clone(ring);
        let thread = std::thread::Builder::new()
            .name("ring".to_owned())
            .spawn(move || {
                go_first();
                let ready = lock(&ring.buffer).epoll_fd();
                while wait_for(ready, stopped.as_fd()) {
                    ring.drain();
                }
            })
            .map_err(cannot)?;
        Ok(Self { thread: Some(thread), stop: Some(stop) })
    }
}

impl Drop for BacklogReader {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Gives this thread priority over ordinary ones, if that is permitted (CAP_SYS_NICE; sched(7), SCHED_FIFO). Otherwise it would run
/// too late on busy CPUs: when the ring is full. It runs only while it drains the ring.
#[allow(unsafe_code)]
fn go_first() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: it changes this thread alone, and the struct lives through the call. Without permission nothing changes.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) };
}

/// Locks, even if a holder has panicked: between any two statements here, the guarded value is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits: true if the ring has records, false if it is time to stop.
#[allow(unsafe_code)]
fn wait_for(ring: RawFd, stopped: BorrowedFd<'_>) -> bool {
    // SAFETY: the ring's epoll descriptor lives as long as the ring, which the caller holds.
    let ring = unsafe { BorrowedFd::borrow_raw(ring) };
    let mut polled = [PollFd::new(ring, PollFlags::POLLIN), PollFd::new(stopped, PollFlags::POLLIN)];
    let _ = poll(&mut polled, PollTimeout::NONE);
    polled[1].any() != Some(true)
}
