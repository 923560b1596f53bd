//! The BPF object: loaded once, attached once; watches on processes, and the ring that their records come through.
//!
//! A [`Watching`] is a process in the filter map: it ends when the guard is dropped. Whoever waits for the end of a process
//! drains the ring by itself ([`Watching::collect`]); the thread that sleeps on the ring is only for backlogs.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, Object, RingBuffer, RingBufferBuilder};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use zerocopy::{FromBytes, IntoBytes};

use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::base::rights;
use crate::table::layout::{Filter, Roles, Watch};
use crate::table::syscalls::{REQUESTS, Syscall};
use crate::trace::counts::Counts;
use crate::trace::record::{self, Record};

mod btf;
mod excerpt;
mod records;
mod refusal;
mod load;
pub(crate) mod said;
mod shared;

use load::Loaded;
pub use load::check_machine;
use records::Inbox;
pub use records::Records;
pub use refusal::refused;
pub(crate) use refusal::{Refusal, cause};
use shared::SharedArray;

/// How many processes can be watched at a time.
pub const WATCHES: usize = 1024;
/// The size of the ring in bytes when nobody says: 20 ms of calls as fast as they go.
pub const RING_SIZE: u32 = 8 << 20;

/// The bytes of the ring for a program of any length, whose records are read by the one thread that also prints them: room for
/// some 200,000 calls while it is held up. A power of 2 (BPF_MAP_TYPE_RINGBUF).
pub const RING_OF_A_PROGRAM: u32 = 32 << 20;

/// What is to be loaded, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The BPF object to load in place of the embedded one.
    pub bpf: Option<PathBuf>,
    /// The size of the ring in bytes: a power of two and a multiple of the page size.
    pub ring_size: u32,
    /// Whether the requests of io_uring are recorded too. Their programs are a quarter of the time that loading takes, and who
    /// has no ring can make no request.
    pub requests: bool,
    /// Whether it is recorded when a call was made and how long it took. Two looks at the clock are a quarter of what a call of a
    /// watched process costs.
    pub times: bool,
    /// Whether libbpf looks through all types of the kernel, in place of an excerpt: to compare what comes of it.
    pub all_types: bool,
    /// Whether the programs are attached.
    pub attach: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { bpf: None, ring_size: RING_SIZE, requests: true, times: true, all_types: false, attach: true }
    }
}

/// The loaded object. Dropping it detaches the programs and frees the maps.
pub struct Tracer {
    filter: MapHandle,
    /// A bit for each number of a process: whether the filter may have it.
    marked: SharedArray<u64>,
    watches: SharedArray<Watch>,
    ring: Arc<Ring>,
    next_id: AtomicU64,
    /// The slots whose last watch ended before its processes did.
    left_alive: Mutex<HashSet<usize>>,
    /// None where whoever takes the records sleeps on the ring by itself.
    _backlog: Option<BacklogReader>,
    ring_map: MapHandle,
    links: Vec<Link>,
    follows_requests: bool,
    times: bool,
    by_excerpt: bool,
    object: Object,
}

/// The reading end of the ring, and what was read and not yet fetched.
struct Ring {
    buffer: Mutex<RingBuffer<'static>>,
    /// By the id of the watch: few, and looked for with each record.
    inboxes: Arc<Mutex<BTreeMap<u64, Inbox>>>,
    /// Told whenever records have been moved into inboxes.
    arrived: Condvar,
    unclaimed: Arc<AtomicU64>,
}

impl Tracer {
    /// Loads the object, and attaches it if so wanted.
    pub fn load(options: &Options) -> Result<Self, Error> {
        let mut tracer = Self::for_program(options)?;
        tracer._backlog = Some(BacklogReader::start(&tracer.ring)?);
        Ok(tracer)
    }

    /// The same for one program of any length: nobody reads the ring but who calls [`Watching::take_some`], so that what is not
    /// read stays in the kernel, where its room is bounded.
    pub fn for_program(options: &Options) -> Result<Self, Error> {
        let Loaded { object, by_excerpt } = load::load(options)?;
        let map = |name| load::map_handle(&object, name);
        let roles = SharedArray::<Roles>::map(&map("roles")?)?;
        for number in 0..Syscall::NUMBERS {
            if let Some(row) = Syscall::by_compat_number(number) {
                roles.set((Syscall::NUMBERS + number) as usize, row.roles());
            }
        }
        let request_roles = SharedArray::<Roles>::map(&map("request_roles")?)?;
        for call in Syscall::all() {
            match call.number.checked_sub(REQUESTS) {
                Some(opcode) => request_roles.set(opcode as usize, call.roles()),
                None => roles.set(call.number as usize, call.roles()),
            }
        }
        let watches = SharedArray::<Watch>::map(&map("watches")?)?;
        let ring_map = map("ring")?;
        let ring = Arc::new(Ring::over(&ring_map)?);
        let mut tracer = Self {
            filter: map("filter")?,
            marked: SharedArray::map(&map("marked")?)?,
            watches,
            _backlog: None,
            ring_map,
            ring,
            next_id: AtomicU64::new(1),
            left_alive: Mutex::default(),
            links: Vec::new(),
            follows_requests: options.requests,
            times: options.times,
            by_excerpt,
            object,
        };
        if options.attach {
            tracer.attach()?;
        }
        Ok(tracer)
    }

    /// Whether the requests of io_uring are recorded: whether that was wanted, and this kernel has tracepoints for them.
    pub fn follows_requests(&self) -> bool {
        self.follows_requests
    }

    /// Whether the relocations were done with an excerpt of the kernel's types.
    pub fn used_excerpt(&self) -> bool {
        self.by_excerpt
    }

    /// The programs that are loaded, and the tag of each: a hash of its instructions, after the relocations (`fdinfo` of proc(5)).
    pub fn programs(&self) -> Result<Vec<(String, [u8; 8])>, Error> {
        load::tags(&self.object)
    }

    /// Whether the calls of a process are looked at, for the filter may have it.
    pub fn marks(&self, pid: u32) -> bool {
        self.marked.has_bit(pid)
    }

    /// Attaches the programs, if they are not attached: from now on each system call of this machine runs them.
    pub fn attach(&mut self) -> Result<(), Error> {
        if self.links.is_empty() {
            self.links = load::attach(&self.object)?;
            if self.follows_requests {
                let of_requests = load::attach_requests(&self.object)?;
                self.follows_requests = !of_requests.is_empty();
                self.links.extend(of_requests);
            }
        }
        Ok(())
    }

    /// Detaches the programs; what they have recorded stays. The object stays loaded.
    pub fn detach(&mut self) {
        self.links.clear();
    }

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

    /// The ring as a descriptor to wait for: BPF wakes who waits when a quarter of 8 MiB is full, and at the end of a process
    /// of a watch that follows. Wait for edges (EPOLLET): its level says that there is a record, which there always is.
    pub fn ring(&self) -> BorrowedFd<'_> {
        self.ring_map.as_fd()
    }

    /// Sees that this process can be watched by the number that it has for itself: in a container with pids of its own it
    /// cannot. Takes the last slot for a moment.
    pub fn check_own_pid(&self) -> Result<(), Error> {
        let watching = self.watch(WATCHES - 1, std::process::id(), false)?;
        let parent = nix::unistd::getppid();
        let records = watching.take();
        let mut seen = false;
        records.for_each(|bytes| match record::decode(bytes) {
            Ok(Record::Call(call, _)) if call.name() == "getppid" => {
                seen |= call.success() == Some(parent.as_raw().into());
            }
            _ => {}
        });
        if seen {
            return Ok(());
        }
        Err(match records.counts.seen {
            0 => Error::cannot_trace(
                "a call that this process made was not seen",
                "in a container, share the host's pid namespace (docker run --pid=host); with --bpf FILE, try without",
            ),
            _ => Error::cannot_trace(
                "of a call that this process made, the enter was seen and the exit was not as it should be",
                "with --bpf FILE, try without",
            ),
        })
    }

    /// How many records have come that belong to no watch: there should be none.
    pub fn unclaimed(&self) -> u64 {
        self.ring.drain();
        self.ring.unclaimed.load(Ordering::Relaxed)
    }
}

/// Kills whoever belongs to a watch, from any thread, also when nobody else answers.
#[derive(Debug)]
pub struct Killer {
    filter: MapHandle,
    id: u64,
}

impl Killer {
    /// SIGKILL for all processes of the watch that are not gone, until there are no new ones. Each is named by a descriptor, and
    /// looked up again after that: its number may have been given to somebody else before.
    pub fn kill_all(&self) {
        let is_ours = |pid: &[u8]| {
            let entry = self.filter.lookup(pid, MapFlags::ANY).ok().flatten();
            let entry = entry.and_then(|entry| Filter::read_from_bytes(&entry).ok());
            entry.is_some_and(|entry| entry.id == self.id && entry.gone == 0)
        };
        for _ in 0..100 {
            let killed = self.filter.keys().filter(|pid| is_ours(pid) && kill_if(pid, &is_ours)).count();
            if killed == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Whether there was such a process, and it was still meant.
fn kill_if(pid: &[u8], is_meant: &impl Fn(&[u8]) -> bool) -> bool {
    let number = pid.first_chunk().and_then(|bytes| Pid::from_raw(i32::from_ne_bytes(*bytes)));
    let Some(process) = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
    is_meant(pid) && pidfd_send_signal(process, Signal::KILL).is_ok()
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

impl Ring {
    fn over(map: &MapHandle) -> Result<Self, Error> {
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

    /// Moves what is in the ring into the inboxes; how many records that were.
    fn drain(&self) -> usize {
        self.drain_some(i32::MAX as usize)
    }

    /// The same, but no more than so many.
    fn drain_some(&self, most: usize) -> usize {
        let drained = usize::try_from(lock(&self.buffer).consume_raw_n(most)).unwrap_or_default();
        // With the lock, so that whoever has looked and is about to wait is waiting.
        let _inboxes = lock(&self.inboxes);
        self.arrived.notify_all();
        drained
    }
}

/// A thread that sleeps until BPF says that the ring fills up.
struct BacklogReader {
    thread: Option<JoinHandle<()>>,
    /// Dropped to tell the thread that it is time to stop.
    stop: Option<std::io::PipeWriter>,
}

impl BacklogReader {
    fn start(ring: &Arc<Ring>) -> Result<Self, Error> {
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

/// Puts this thread before all ordinary ones, where that is permitted (CAP_SYS_NICE): beside processes that keep all CPUs
/// busy it would else run once the ring is full. It sleeps but for the time that it drains the ring (sched(7), SCHED_FIFO).
#[allow(unsafe_code)]
fn go_first() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: of this thread, and a struct that lives through the call. Without the permission nothing changes.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) };
}

/// A lock that survives a panic of its holder: what it guards is whole between any two statements here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True when the ring has data, false when it is time to stop.
#[allow(unsafe_code)]
fn wait_for(ring: RawFd, stopped: BorrowedFd<'_>) -> bool {
    // SAFETY: the ring's epoll descriptor lives as long as the ring, which the caller holds.
    let ring = unsafe { BorrowedFd::borrow_raw(ring) };
    let mut polled = [PollFd::new(ring, PollFlags::POLLIN), PollFd::new(stopped, PollFlags::POLLIN)];
    let _ = poll(&mut polled, PollTimeout::NONE);
    polled[1].any() != Some(true)
}
