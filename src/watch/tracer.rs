//! The BPF object, loaded and attached once. A [`WatchGuard`] guard keeps one process in its filter map.
//!
//! The records of all watches come through one ring. The thread that waits for the end of a process drains the ring itself
//! ([`WatchGuard::collect`]); a second thread sleeps on the ring and only clears a backlog.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use libbpf_rs::{MapHandle, Object};

use crate::base::error::Error;
use crate::table::blocks;
use crate::table::layout::{Blocks, Roles, Watch};
use crate::table::selection::Selection;
use crate::table::syscalls::{Abi, REQUESTS, Syscall};
use crate::trace::record::{self, Record};
use crate::trace::show;

mod refusal;
mod shared;
mod btf;
pub mod compiler;
mod excerpt;
mod facts;
pub(crate) mod libbpf_log;
mod perf;
mod programs;
mod load;
mod by_perf;
mod records;
mod ring;
mod killer;
mod watching;
mod mutated;

use facts::VerifierLog;
pub use facts::{ProgramFacts, RunStats};
pub use killer::Killer;
use load::LoadedTracer;
pub use load::{check_machine, object};
pub use mutated::Linked;
use programs::{Attachment, LoadedProgram};
pub use records::WatchRecords;
pub use refusal::refused;
pub(crate) use refusal::{Refusal, cause};
use ring::{BacklogReader, RecordRing};
use shared::SharedArray;
pub use watching::{Extent, WatchGuard};

/// How many processes can be watched at a time.
pub const WATCHES: usize = 1024;
/// The default size of the ring in bytes: it holds the calls of 20 ms at full speed.
pub const RING_SIZE: u32 = 8 << 20;

/// `IOR_DATA_CAP`: the most bytes of a block that are recorded.
pub const MOST_DATA: u32 = 4096;

/// The size of the ring in bytes for a program, whose records one thread both reads and prints. It holds some 200,000 calls while
/// that thread is held up. A power of 2 (BPF_MAP_TYPE_RINGBUF).
pub const RING_OF_A_PROGRAM: u32 = 32 << 20;

/// What to load, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracerOptions {
    /// The BPF object to load in place of the embedded one.
    pub bpf: Option<PathBuf>,
    /// An object of this version that was compiled meanwhile, in place of the embedded one.
    pub compiled: Option<Arc<[u8]>>,
    /// The size of the ring in bytes: a power of two and a multiple of the page size.
    pub ring_size: u32,
    /// Whether io_uring requests are recorded too. Their programs take a quarter of the loading time; a child without a ring of
    /// io_uring can make no request.
    pub requests: bool,
    /// Whether the time and the duration of calls are recorded. Reading the clock twice is a quarter of a watched call's cost.
    pub times: bool,
    /// How many bytes of what pointers lead to are recorded, and how many elements of arrays; 0 for none. The programs for it are only
    /// loaded where it is not 0.
    pub data: u32,
    /// Whether libbpf searches all types of the kernel and not an excerpt. Tests compare the results.
    pub all_types: bool,
    /// Whether the verifier's log is kept, with its sums.
    pub verifier_log: bool,
    /// Whether the programs are attached.
    pub attach: bool,
    /// Whether perf events run the programs of system calls, though this kernel may not need it.
    pub by_perf: bool,
}

impl Default for TracerOptions {
    fn default() -> Self {
        Self {
            bpf: None,
            compiled: None,
            ring_size: RING_SIZE,
            requests: true,
            times: true,
            data: 0,
            all_types: false,
            verifier_log: false,
            attach: true,
            by_perf: false,
        }
    }
}

/// The loaded object. Dropping it detaches the programs and frees the maps.
pub struct Tracer {
    filter: MapHandle,
    /// A bit for each process number: whether the filter may have it.
    marked: SharedArray<u64>,
    watches: SharedArray<Watch>,
    ring: Arc<RecordRing>,
    next_id: AtomicU64,
    /// The slots whose last watch ended before its processes did.
    left_alive: Mutex<HashSet<usize>>,
    /// None if the thread that takes the records sleeps on the ring itself.
    _backlog: Option<BacklogReader>,
    ring_map: MapHandle,
    links: Vec<Attachment>,
    follows_requests: bool,
    times: bool,
    data: u32,
    by_excerpt: bool,
    by_perf: bool,
    /// The verifier's logs, if they are kept.
    logs: Vec<VerifierLog>,
    programs: Vec<LoadedProgram>,
    object: Object,
}

/// Tells BPF which calls leave a record.
fn tell_selection(object: &Object, selection: &Selection) -> Result<(), Error> {
    let roles = SharedArray::<Roles>::map(&load::map_handle(object, "roles")?)?;
    let blocks = SharedArray::<Blocks>::map(&load::map_handle(object, "blocks")?)?;
    for number in 0..Syscall::NUMBERS {
        if !selection.has_number(Abi::Native, number) {
            roles.set(number as usize, Roles::left_out());
            blocks.set(number as usize, Blocks::default());
        }
        if !selection.has_number(Abi::Compat, number) {
            roles.set((Syscall::NUMBERS + number) as usize, Roles::left_out());
        }
    }
    Ok(())
}

/// Tells BPF what arguments mean, and what their pointers lead to if data is to be read.
fn tell_roles(object: &Object, reads_data: bool) -> Result<(), Error> {
    let roles = SharedArray::<Roles>::map(&load::map_handle(object, "roles")?)?;
    for number in 0..Syscall::NUMBERS {
        if let Some(row) = Syscall::by_compat_number(number) {
            roles.set((Syscall::NUMBERS + number) as usize, row.roles());
        }
    }
    let request_roles = SharedArray::<Roles>::map(&load::map_handle(object, "request_roles")?)?;
    for call in Syscall::all() {
        match call.number.checked_sub(REQUESTS) {
            Some(opcode) => request_roles.set(opcode as usize, call.roles()),
            None => roles.set(call.number as usize, call.roles()),
        }
    }
    if reads_data {
        let read = SharedArray::<Blocks>::map(&load::map_handle(object, "blocks")?)?;
        blocks::of_number().for_each(|(number, blocks)| read.set(number as usize, blocks));
    }
    Ok(())
}

impl Tracer {
    /// Loads the object, and attaches it if the options say so.
    pub fn load(options: &TracerOptions) -> Result<Self, Error> {
        let mut tracer = Self::for_program(options)?;
        tracer._backlog = Some(BacklogReader::start(&tracer.ring)?);
        Ok(tracer)
    }

    /// The same for one program of any length. Only `WatchGuard::take_some` reads the ring: records that wait stay in the kernel,
    /// where their room is bounded.
    pub fn for_program(options: &TracerOptions) -> Result<Self, Error> {
        Self::over(load::load(options)?, options)
    }

    /// The same over an object that is loaded.
    fn over(
        LoadedTracer { object, programs, by_excerpt, logs }: LoadedTracer,
        options: &TracerOptions,
    ) -> Result<Self, Error> {
        let map = |name| load::map_handle(&object, name);
        tell_roles(&object, options.data > 0)?;
        let watches = SharedArray::<Watch>::map(&map("watches")?)?;
        let ring_map = map("ring")?;
        let ring = Arc::new(RecordRing::over(&ring_map)?);
        let mut tracer = Self {
            filter: map("filter")?,
            marked: SharedArray::map(&map("marked")?)?,
            watches,
            _backlog: None,
            ring_map,
            ring,
            // Both halves of an id say something: a tracer that loses one is found out.
            next_id: AtomicU64::new((1 << 32) + 1),
            left_alive: Mutex::default(),
            links: Vec::new(),
            follows_requests: options.requests,
            times: options.times,
            data: options.data,
            by_excerpt,
            by_perf: options.by_perf,
            logs,
            programs,
            object,
        };
        if options.attach {
            tracer.attach()?;
        }
        Ok(tracer)
    }

    /// From now on only these calls leave a record. The requests of io_uring do, too: whether they are followed, the options say.
    pub fn select(&self, selection: &Selection) -> Result<(), Error> {
        tell_selection(&self.object, selection)
    }

    /// Whether times are recorded.
    pub fn records_times(&self) -> bool {
        self.times
    }

    /// Whether io_uring requests are recorded: the options ask for it, and this kernel has the tracepoints.
    pub fn follows_requests(&self) -> bool {
        self.follows_requests
    }

    /// Whether libbpf has used an excerpt of the kernel's types.
    pub fn used_excerpt(&self) -> bool {
        self.by_excerpt
    }

    /// The loaded programs, each with its tag: a hash of its instructions after the relocations (`fdinfo` in proc(5)).
    pub fn programs(&self) -> Result<Vec<(String, [u8; 8])>, Error> {
        load::tags(&self.programs)
    }

    /// Whether a process is marked: BPF looks at its calls, because the filter may have it.
    pub fn marks(&self, pid: u32) -> bool {
        self.marked.has_bit(pid)
    }

    /// Attaches the programs if they are not attached. From then on every system call on this machine runs them.
    pub fn attach(&mut self) -> Result<(), Error> {
        if self.links.is_empty() {
            self.links = load::attach(&self.object, &self.programs)?;
            let is_by_perf = self.programs.iter().any(LoadedProgram::is_of_event);
            if !is_by_perf && (self.by_perf || self.is_preempted()) {
                self.run_by_perf()?;
            }
            if self.follows_requests {
                let of_requests = load::attach_requests(&self.programs)?;
                self.follows_requests = !of_requests.is_empty();
                self.links.extend(of_requests);
            }
        }
        Ok(())
    }

    /// Whether another thread may run where a program is interrupted: the kernel skips the program for that thread. A call of our own
    /// says it, for which the slot before the last is taken for a moment.
    fn is_preempted(&self) -> bool {
        let Ok(watching) = self.watch(WATCHES - 2, std::process::id(), false) else { return false };
        let _ = nix::unistd::getppid();
        let movable = self.watches.get(WATCHES - 2).movable;
        // The calls that end the watch leave records, too.
        let before = self.unclaimed();
        drop(watching);
        self.ring.drain();
        self.ring.unclaimed.store(before, Ordering::Relaxed);
        movable > 0
    }

    /// Lets perf events run the programs of system calls. Where that fails, all stays as it is, unless they were asked for.
    fn run_by_perf(&mut self) -> Result<(), Error> {
        let failed = |error: &libbpf_rs::Error| refused("perf events cannot run the programs of system calls", error);
        if self.by_perf && perf::id_of("sys_enter").is_none() {
            let sentence = "perf events need the numbers of tracepoints, and tracefs is not mounted";
            return Err(Error::cannot_trace(sentence, "`sudo mount -t tracefs nodev /sys/kernel/tracing`"));
        }
        let again = match by_perf::load(&self.object, &self.programs) {
            Ok(again) => again,
            Err(error) if self.by_perf => return Err(failed(&error)),
            Err(_) => return Ok(()),
        };
        self.links.clear();
        let before = self.exchange(again);
        self.links = match load::attach(&self.object, &self.programs) {
            Err(_) if !self.by_perf => {
                self.exchange(before);
                load::attach(&self.object, &self.programs)?
            }
            attached => attached?,
        };
        Ok(())
    }

    /// Takes these programs in place of those of the same names, and returns the latter.
    fn exchange(&mut self, programs: Vec<LoadedProgram>) -> Vec<LoadedProgram> {
        let is_other = |program: &LoadedProgram| programs.iter().all(|other| other.name != program.name);
        let (others, before) = std::mem::take(&mut self.programs).into_iter().partition(is_other);
        self.programs = others;
        self.programs.extend(programs);
        before
    }

    /// Detaches the programs. The object stays loaded, and the records stay.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// The ring as a descriptor to wait for. BPF wakes the reader when a quarter of the ring is full, and when a process of a
    /// watch that follows ends. Wait for edges (EPOLLET): by level, the ring is nearly always readable.
    pub fn ring(&self) -> BorrowedFd<'_> {
        self.ring_map.as_fd()
    }

    /// Checks that the kernel knows this process by its own pid, which it does not in a container with a pid namespace. The check
    /// takes the last slot for a moment.
    pub fn check_own_pid(&self) -> Result<(), Error> {
        let watching = self.watch(WATCHES - 1, std::process::id(), false)?;
        let parent = nix::unistd::getppid();
        let records = watching.take();
        let (mut seen, mut recorded) = (false, None);
        records.for_each(|bytes| match record::decode(bytes) {
            Ok(Record::Call(call, _)) if call.name() == "getppid" => {
                seen |= call.success() == Some(parent.as_raw().into());
                recorded = Some(show::call(&call));
            }
            _ => {}
        });
        if seen {
            return Ok(());
        }
        Err(match (records.counts.seen, recorded) {
            (0, _) => Error::cannot_trace(
                "a call that this process made was not seen",
                "in a container, share the host's pid namespace (docker run --pid=host); with --bpf FILE, try without",
            ),
            (_, None) => Error::cannot_trace(
                "of getppid(), a call that this process made, the enter was seen and the exit was not",
                "with --bpf FILE, try without",
            ),
            (_, Some(recorded)) => Error::cannot_trace(
                format!(
                    "of getppid(), a call that this process made, the exit was not as it should be: recorded was \
                     {recorded}, and the result is {parent}"
                ),
                "with --bpf FILE, try without",
            ),
        })
    }

    /// How many records have come that belong to no watch. There should be none.
    pub fn unclaimed(&self) -> u64 {
        self.ring.drain();
        self.ring.unclaimed.load(Ordering::Relaxed)
    }
}
