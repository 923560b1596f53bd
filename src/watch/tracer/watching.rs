//! A watch: a process in the filter map, as a guard.

use std::sync::atomic::Ordering;
use std::time::Instant;

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use zerocopy::{FromBytes, IntoBytes};

use super::killer::Killer;
use super::records::{Inbox, Records};
use super::refusal::refused;
use super::ring::lock;
use super::{Tracer, load};
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::base::rights;
use crate::table::layout::{Filter, Watch};
use crate::trace::counts::Counts;

impl Tracer {
    /// Watches a process from now on, and with `follow` whatever it forks. `slot` must belong to no other living watch.
    pub fn watch(&self, slot: usize, pid: u32, follow: bool) -> Result<Watching<'_>, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if lock(&self.left_alive).remove(&slot) {
            self.settle(slot);
        }
        let follows = if follow { Watch::FOLLOW } else { 0 };
        let hides = if rights::are_borrowed() { Watch::HIDE } else { 0 };
        let times = if self.times { 0 } else { Watch::UNTIMED };
        self.watches.set(slot, Watch { id, flags: follows | hides | times, ..Watch::default() });
        lock(&self.ring.inboxes).insert(id, Inbox::default());
        let watching = Watching { tracer: self, slot, id, pid, follow, skipped: load::skipped(&self.object)? };
        let entry = Filter { watch: slot as u32, gone: 0, id };
        self.filter.update(&pid.to_ne_bytes(), entry.as_bytes(), MapFlags::ANY).map_err(|error| {
            Error::scenario(
                format!("process {pid} could not be watched: {error}"),
                "is the filter map full? try --test-threads 1",
            )
        })?;
        // After that: a process that finds itself not in the filter takes its bit away (bpf/state.h, unmark()).
        self.marked.add_bit(pid);
        Ok(watching)
    }

    /// Waits for the programs that still run for the watch that had this slot, and takes out whom they have let in meanwhile.
    /// They run with preemption disabled, so that a grace period waits for them (membarrier(2)); it takes milliseconds.
    #[allow(unsafe_code)]
    fn settle(&self, slot: usize) {
        // SAFETY: plain numbers.
        let _ = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
        for pid in self.filter.keys().filter(|pid| self.entry(pid).is_some_and(|entry| entry.watch == slot as u32)) {
            let _ = self.filter.delete(&pid);
        }
    }

    /// What the filter map holds for a process.
    fn entry(&self, pid: &[u8]) -> Option<Filter> {
        let entry = self.filter.lookup(pid, MapFlags::ANY).ok().flatten()?;
        Filter::read_from_bytes(&entry).ok()
    }
}

/// A process in the filter map. Dropping it takes it out again.
pub struct Watching<'t> {
    tracer: &'t Tracer,
    slot: usize,
    id: u64,
    pid: u32,
    follow: bool,
    /// How often programs had been skipped when the watch began.
    skipped: u64,
}

impl Watching<'_> {
    /// All records of the process, which must have been reaped: then every BPF program of it has run, and what was emitted
    /// is in the ring. Another process's record that is just being written can hold ours up for a moment.
    pub fn collect(&self) -> Records {
        let counts = self.counts();
        let emitted = counts.in_ring() as usize;
        let mut idle = 0;
        while self.received() < emitted && idle < 10_000 {
            idle = if self.tracer.ring.drain() == 0 { idle + 1 } else { 0 };
            if idle > 0 {
                std::thread::yield_now();
            }
        }
        let inbox = lock(&self.tracer.ring.inboxes).remove(&self.id).unwrap_or_default();
        Records { inbox, counts }
    }

    /// From here on the next record wakes whoever waits for the ring. What is in the ring already does not: look once more.
    pub fn fall_asleep(&self) {
        self.tracer.watches.set_word(self.slot, std::mem::offset_of!(Watch, asleep), 1);
    }

    /// What kills all its processes.
    pub fn killer(&self) -> Result<Killer, Error> {
        let filter = MapHandle::try_from(&self.tracer.filter);
        let filter = filter.map_err(|error| refused("the filter map could not be opened again", &error))?;
        Ok(Killer { filter, id: self.id })
    }

    /// What has been recorded since the last `take`, of a process that may go on; `counts` are those of the whole watch. A call
    /// that is known to have returned is in it or in an earlier one.
    pub fn take(&self) -> Records {
        let counts = self.counts();
        self.tracer.ring.drain();
        let inbox = lock(&self.tracer.ring.inboxes).get_mut(&self.id).map(std::mem::take).unwrap_or_default();
        Records { inbox, counts }
    }

    /// At most so many of the records that have not been taken yet; none if there are none for now.
    pub fn take_some(&self, most: usize) -> Records {
        self.tracer.ring.drain_some(most);
        let inbox = lock(&self.tracer.ring.inboxes).get_mut(&self.id).map(std::mem::take).unwrap_or_default();
        Records { inbox, counts: Counts::default() }
    }

    /// What BPF has counted so far. The reader's own counts are 0.
    pub fn counts(&self) -> Counts {
        let Watch { seen, emitted, refused, ends, strays, followed, submitted, told, untold, crowded, .. } =
            self.tracer.watches.get(self.slot);
        // What cannot be known is a loss.
        let skipped = load::skipped(&self.tracer.object).map_or(1, |now| now - self.skipped);
        let counts = Counts { seen, emitted, refused, ends, strays, skipped, ..Counts::default() };
        Counts { followed, submitted, told, untold, crowded, ..counts }
    }

    /// Waits until every process of the watch is gone and its calls have ended; false at the end of the time limit. Only a
    /// watch that follows wakes whoever waits, since only there the watched process's own end is not enough.
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
        let Watch { seen, emitted, refused, ends, followed, .. } = self.tracer.watches.get(self.slot);
        ends > followed && seen == emitted + refused
    }

    /// Whether nobody of the watch is left, though that was not recorded: an end found no room in the ring, or a fork none in
    /// the filter map, or the object sees no ends. Looks at the whole filter map, and for those who would be left.
    pub fn is_deserted(&self) -> bool {
        let followed = self.counts().followed;
        let is_left = |pid: &Vec<u8>| self.entry(pid).is_some_and(|entry| entry.gone == 0) && exists(pid);
        let left = self.tracer.filter.keys().any(|pid| is_left(&pid));
        // A fork meanwhile may have been entered where the look had passed already.
        !left && self.counts().followed == followed
    }

    /// Takes a process that is gone out of the filter map, so that it does not fill up. Not at once: another thread of the
    /// process may still be on its way out, and its last call would be lost.
    pub fn forget(&self, pid: u32) {
        let pid = pid.to_ne_bytes();
        if self.entry(&pid).is_some_and(|entry| entry.gone != 0) {
            let _ = self.tracer.filter.delete(&pid);
        }
    }

    /// What the filter map holds for a process of this watch.
    fn entry(&self, pid: &[u8]) -> Option<Filter> {
        self.tracer.entry(pid).filter(|entry| entry.id == self.id)
    }

    /// The processes in the filter map that came in by being forked.
    fn descendants(&self) -> Vec<Vec<u8>> {
        self.tracer.filter.keys().filter(|pid| self.entry(pid).is_some()).collect()
    }

    fn received(&self) -> usize {
        lock(&self.tracer.ring.inboxes).get(&self.id).map_or(0, |inbox| inbox.count())
    }
}

/// Whether there is a process with this key of the filter map.
fn exists(pid: &[u8]) -> bool {
    let pid = pid.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        if !self.is_gone() {
            lock(&self.tracer.left_alive).insert(self.slot);
        }
        // From here on nobody comes in by being forked, whom the look through the map below would miss.
        let watch = self.tracer.watches.get(self.slot);
        self.tracer.watches.set(self.slot, Watch { flags: 0, ..watch });
        let of_watch = if self.follow { self.descendants() } else { Vec::new() };
        // Its own pid may be that of another watch's process by now, or was never let in.
        let own = Some(self.pid.to_ne_bytes()).filter(|pid| self.entry(pid).is_some());
        for pid in of_watch.iter().map(Vec::as_slice).chain(own.iter().map(<[u8; 4]>::as_slice)) {
            let _ = self.tracer.filter.delete(pid);
        }
        // A thread that is still in a call finds at its exit that the call belongs to no watch, and so does who was let in
        // meanwhile: the id tells.
        self.tracer.watches.set(self.slot, Watch::default());
        lock(&self.tracer.ring.inboxes).remove(&self.id);
    }
}
