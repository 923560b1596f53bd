//! The guard that keeps a process in the filter map.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use zerocopy::{FromBytes, IntoBytes};

use super::killer::Killer;
use super::records::{Inbox, WatchRecords};
use super::refusal::refused;
use super::ring::lock;
use super::{Tracer, load};
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::base::rights;
use crate::table::layout::{Filter, Watch};
use crate::trace::counts::Counts;

/// What a watch includes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The processes that its process forks.
    pub follow: bool,
    /// It ends where a process becomes a program that its caller may not trace. With borrowed rights it always does.
    pub hides: bool,
    /// So many bytes of what a pointer leads to, and no more than the object was loaded for.
    pub data: u32,
}

impl Tracer {
    /// Watches a process from now on; with `follow`, the processes that it forks, too. No other living watch may have this slot.
    pub fn watch(&self, slot: usize, pid: u32, follow: bool) -> Result<WatchGuard<'_>, Error> {
        self.watch_with(slot, pid, Extent { follow, hides: false, data: u32::MAX })
    }

    /// The same, to this extent.
    pub fn watch_with(&self, slot: usize, pid: u32, extent: Extent) -> Result<WatchGuard<'_>, Error> {
        self.watch_all(slot, &[pid], extent)
    }

    /// Watches processes that run already, in one watch.
    pub fn watch_running(&self, slot: usize, pids: &[u32], follow: bool) -> Result<WatchGuard<'_>, Error> {
        self.watch_all(slot, pids, Extent { follow, hides: false, data: u32::MAX })
    }

    fn watch_all(&self, slot: usize, pids: &[u32], extent: Extent) -> Result<WatchGuard<'_>, Error> {
        let Extent { follow, hides, data } = extent;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if lock(&self.left_alive).remove(&slot) {
            self.settle(slot);
        }
        let follows = if follow { Watch::FOLLOW } else { 0 };
        let hides = if hides || rights::are_borrowed() { Watch::HIDE } else { 0 };
        let times = if self.times { 0 } else { Watch::UNTIMED };
        let data = u64::from(self.data.min(data)) << Watch::DATA_SHIFT;
        let flags = follows | hides | times | data;
        // All but the first count as if it had forked them.
        let followed = (pids.len() as u64).saturating_sub(1);
        self.watches.set(slot, Watch { id, flags, followed, ..Watch::default() });
        lock(&self.ring.inboxes).insert(id, Inbox::default());
        let pids = pids.to_vec();
        let watching =
            WatchGuard { tracer: self, slot, id, pids, follow, begun: 1, skipped: load::skipped(&self.programs)? };
        let entry = Filter { watch: slot as u32, gone: 0, id };
        for &pid in &watching.pids {
            self.filter.update(&pid.to_ne_bytes(), entry.as_bytes(), MapFlags::ANY).map_err(|error| {
                Error::scenario(
                    format!("process {pid} could not be watched: {error}"),
                    "is the filter map full? try --test-threads 1",
                )
                .because(error)
            })?;
            // Only now: a process that does not find itself in the filter takes its mark away (bpf/state.h, unmark()).
            self.marked.add_bit(pid);
        }
        Ok(watching)
    }

    /// Waits for programs that still run for the last watch of this slot, and removes the processes that they have let in meanwhile.
    /// Programs run with preemption disabled, so a grace period waits for them (membarrier(2)). It takes milliseconds.
    #[allow(unsafe_code)]
    fn settle(&self, slot: usize) {
        // SAFETY: the arguments are plain numbers.
        let _ = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
        for pid in self.filter.keys().filter(|pid| self.entry(pid).is_some_and(|entry| entry.watch == slot as u32)) {
            let _ = self.filter.delete(&pid);
        }
    }

    /// The entry of a process in the filter map.
    fn entry(&self, pid: &[u8]) -> Option<Filter> {
        let entry = self.filter.lookup(pid, MapFlags::ANY).ok().flatten()?;
        Filter::read_from_bytes(&entry).ok()
    }
}

/// A process in the filter map. Dropping the guard removes the process, and those that it has forked.
pub struct WatchGuard<'t> {
    tracer: &'t Tracer,
    slot: usize,
    id: u64,
    pids: Vec<u32>,
    follow: bool,
    /// How many threads may have been in a call when the watch began.
    begun: u64,
    /// How often the kernel had skipped programs when the watch began.
    skipped: u64,
}

impl WatchGuard<'_> {
    /// So many threads may have been in a call when the watch began: each is seen to return from it.
    pub fn began_with(&mut self, threads: u64) {
        self.begun = threads;
    }

    /// All records of the process, which must have been reaped. Then all its BPF programs have run, and all its records are in the
    /// ring. A record that another process is just writing may delay them for a moment.
    pub fn collect(&self) -> WatchRecords {
        let counts = self.until_all_have_come(|| {
            self.tracer.ring.drain();
            self.received()
        });
        let inbox = lock(&self.tracer.ring.inboxes).remove(&self.id).unwrap_or_default();
        WatchRecords { inbox, counts }
    }

    /// Reads until all records have come that BPF has put into the ring. `read` reads once, and returns how many records have come
    /// in all. A record that never comes is a loss: the counts say so.
    pub fn until_all_have_come(&self, mut read: impl FnMut() -> u64) -> Counts {
        let counts = self.counts();
        let (mut received, mut idle) = (read(), 0);
        while received < counts.in_ring() && idle < 10_000 {
            std::thread::yield_now();
            let before = std::mem::replace(&mut received, read());
            idle = if received == before { idle + 1 } else { 0 };
        }
        counts
    }

    /// Waits until a record has come into the inbox, for this long at most. The program may have asked before whether it is to wake
    /// the reader: then its record is only seen when the limit is over.
    pub fn wait_for_records(&self, limit: Duration) {
        self.fall_asleep();
        self.tracer.ring.drain();
        let inboxes = lock(&self.tracer.ring.inboxes);
        if inboxes.get(&self.id).is_none_or(|inbox| inbox.count() == 0) {
            drop(self.tracer.ring.arrived.wait_timeout(inboxes, limit));
        }
    }

    /// From here on the next record wakes the reader. Records in the ring do not, so look once more before you wait.
    pub fn fall_asleep(&self) {
        self.tracer.watches.set_word(self.slot, std::mem::offset_of!(Watch, asleep), 1);
    }

    /// A handle to kill all its processes.
    pub fn killer(&self) -> Result<Killer, Error> {
        let filter = MapHandle::try_from(&self.tracer.filter);
        let filter = filter.map_err(|error| refused("the filter map could not be opened again", &error))?;
        Ok(Killer { filter, id: self.id })
    }

    /// The records since the last `take`; the process may go on. The counts are those of the whole watch. A call that has returned
    /// before is in these records or in earlier ones.
    pub fn take(&self) -> WatchRecords {
        let counts = self.counts();
        self.tracer.ring.drain();
        let inbox = lock(&self.tracer.ring.inboxes).get_mut(&self.id).map(std::mem::take).unwrap_or_default();
        WatchRecords { inbox, counts }
    }

    /// At most this many of the records that were not taken yet.
    pub fn take_some(&self, most: usize) -> WatchRecords {
        self.tracer.ring.drain_some(most);
        let inbox = lock(&self.tracer.ring.inboxes).get_mut(&self.id).map(std::mem::take).unwrap_or_default();
        WatchRecords { inbox, counts: Counts::default() }
    }

    /// BPF's counts so far. The reader's own counts are 0.
    pub fn counts(&self) -> Counts {
        let Watch {
            seen, emitted, refused, ends, strays, followed, submitted, told, untold, crowded, left_out, ..
        } = self.tracer.watches.get(self.slot);
        // If the kernel does not tell, that counts as a loss.
        let skipped = load::skipped(&self.tracer.programs).map_or(1, |now| now - self.skipped);
        let counts = Counts { seen, emitted, refused, ends, strays, skipped, ..Counts::default() };
        Counts { followed, submitted, told, untold, crowded, left_out, begun: self.begun, ..counts }
    }

    /// Waits until every process of the watch is gone and its calls have ended; false when the time is up. Only a watch that
    /// follows wakes the reader at the end of a process: for others, the reap of the watched process says the same.
    pub fn wait_until_gone(&self, limit: impl Into<Limit>) -> bool {
        let (begin, limit) = (Instant::now(), limit.into());
        loop {
            self.tracer.ring.drain();
            let inboxes = lock(&self.tracer.ring.inboxes);
            if self.is_gone() {
                return true;
            }
            let Some(left) = limit.left(begin) else { return false };
            drop(self.tracer.ring.arrived.wait_timeout(inboxes, left));
        }
    }

    /// Whether every process of the watch is gone and its calls have ended.
    pub fn is_gone(&self) -> bool {
        let Watch { seen, emitted, refused, left_out, ends, followed, .. } = self.tracer.watches.get(self.slot);
        ends > followed && seen == emitted + refused + left_out
    }

    /// Whether no process of the watch is left although their ends were not recorded. That happens if an end finds no room in the
    /// ring, or a fork none in the filter map, or the object sees no ends. It searches the whole filter map.
    pub fn is_deserted(&self) -> bool {
        let followed = self.counts().followed;
        let is_left = |pid: &Vec<u8>| self.entry(pid).is_some_and(|entry| entry.gone == 0) && exists(pid);
        let left = self.tracer.filter.keys().any(|pid| is_left(&pid));
        // A fork during the search may have come into a part of the map that was already searched.
        !left && self.counts().followed == followed
    }

    /// Removes a process that is gone from the filter map, so that the map does not fill up. Wait a while before: another thread of
    /// the process may still be exiting, and its last call would be lost.
    pub fn forget(&self, pid: u32) {
        let pid = pid.to_ne_bytes();
        if self.entry(&pid).is_some_and(|entry| entry.gone != 0) {
            let _ = self.tracer.filter.delete(&pid);
        }
    }

    /// The entry of a process, if it belongs to this watch.
    fn entry(&self, pid: &[u8]) -> Option<Filter> {
        self.tracer.entry(pid).filter(|entry| entry.id == self.id)
    }

    /// All processes of this watch in the filter map.
    fn descendants(&self) -> Vec<Vec<u8>> {
        self.tracer.filter.keys().filter(|pid| self.entry(pid).is_some()).collect()
    }

    fn received(&self) -> u64 {
        lock(&self.tracer.ring.inboxes).get(&self.id).map_or(0, |inbox| inbox.count() as u64)
    }
}

/// Whether the process of a key in the filter map exists.
fn exists(pid: &[u8]) -> bool {
    let pid = pid.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

impl Drop for WatchGuard<'_> {
    fn drop(&mut self) {
        if !self.is_gone() {
            lock(&self.tracer.left_alive).insert(self.slot);
        }
        // From here on BPF follows no fork: the search below misses no process.
        let watch = self.tracer.watches.get(self.slot);
        self.tracer.watches.set(self.slot, Watch { flags: 0, ..watch });
        let of_watch = if self.follow { self.descendants() } else { Vec::new() };
        // The map may have its own pid for a process of another watch, or not at all.
        let own = self.pids.iter().map(|pid| pid.to_ne_bytes()).filter(|pid| self.entry(pid).is_some());
        for pid in of_watch.into_iter().chain(own.map(Vec::from)) {
            let _ = self.tracer.filter.delete(&pid);
        }
        // By the id, a thread that is still in a call finds at the exit that its watch has ended. So does a process that was let in
        // meanwhile.
        self.tracer.watches.set(self.slot, Watch::default());
        lock(&self.tracer.ring.inboxes).remove(&self.id);
    }
}
