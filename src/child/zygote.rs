//! The zygote: a small process without threads that forks every child. Each child waits at its gate until it is watched.
//!
//! The zygote is forked before any thread exists and before the BPF object is loaded. A fork of a threaded process may only make
//! async-signal-safe calls, and a small address space is quick to copy. This file is the side of `ior-it`: a [`Zygote`] has one lane
//! for each scenario that may run at a time, and a [`Child`] holds a lane while it lives.
//!
//! The zygote also cleans up. When its parent has ended in any way, it kills the processes that are left and removes the folder of
//! the run.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, read};

use crate::base::error::Error;
use crate::base::terminal::TerminalMode;
use crate::child::scenario::Scenario;
use crate::child::workspace::Workspaces;
use crate::table::syscalls::Syscall;

mod program;
mod process;
mod orders;
mod slot;
mod executed;
mod child;
mod reaper;
mod wire;
mod passed;
mod streams;
mod server;
mod handle;
mod ahead;

use ahead::LanesAhead;
pub use handle::Child;
pub use orders::{ChildOrder, Enclosed};
pub use program::{Program, is_ignored, was_closed};
use slot::Slots;
pub use streams::{KeptStream, Streams};
use wire::{FromZygote, ToZygote};

/// The zygote, from the side of `ior-it`.
#[derive(Debug)]
pub struct Zygote {
    pid: Pid,
    /// Closed when `ior-it` ends, however it ends: that is the zygote's signal to clean up.
    life: Option<OwnedFd>,
    slots: Slots,
    free: (Sender<Lane>, Receiver<Lane>),
    ahead: LanesAhead,
    /// Whether its preparation has succeeded, if that is known.
    prepared: OnceLock<Result<(), Error>>,
}

/// How a child is to begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpawnOptions<'a> {
    /// The fences around `act`. A child with fences does not go to its gate before it has the order to go on.
    pub enclosed: Option<&'a Enclosed>,
    /// Whether it keeps a diary.
    pub keeps_diary: bool,
    /// Where its standard output and its standard error output go: both, or none for /dev/null.
    pub streams: &'a [OwnedFd],
}

/// What the children of a zygote run.
enum Work {
    /// The scenario with the number of the request.
    Scenarios(Vec<Scenario>),
    /// A program, once.
    Program(Arc<Program>),
}

/// A socket to the zygote, a gate, and a slot of shared memory, for one scenario at a time.
#[derive(Debug)]
struct Lane {
    number: usize,
    socket: OwnedFd,
    gate: OwnedFd,
}

/// The zygote's ends of a lane.
#[derive(Debug)]
struct ServerLane {
    socket: OwnedFd,
    gate: OwnedFd,
    /// One byte more than the gate holds.
    fill: Vec<u8>,
}

/// Whether a signal has told the whole run to end. After that, an error is no failure of a scenario.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

impl Zygote {
    /// Forks the zygote. There must be no other thread yet. It removes the workspaces when `ior-it` has ended, unless they are to
    /// be kept.
    pub fn start(lanes: usize, scenarios: Vec<Scenario>, workspaces: Option<&Workspaces>) -> Result<Self, Error> {
        Self::start_at((lanes, 0), scenarios, workspaces, None)
    }

    /// The same for a run that takes single keys of a terminal: if `ior-it` is killed, the zygote restores its mode. Beside so many
    /// lanes there are others for so many children that begin before they are asked for.
    pub fn start_at(
        lanes: (usize, usize),
        scenarios: Vec<Scenario>,
        workspaces: Option<&Workspaces>,
        terminal: Option<&TerminalMode>,
    ) -> Result<Self, Error> {
        child::has_room_for_gate()?;
        Self::start_for(lanes, Work::Scenarios(scenarios), workspaces, terminal)
    }

    /// The same for one program, which [`Zygote::spawn`] starts; it ignores the scenario and the workspace. When the program has
    /// ended, the processes that it leaves go on. If `ior-it` ends before the program, all of them are killed.
    pub fn for_program(program: Arc<Program>) -> Result<Self, Error> {
        Self::start_for((1, 0), Work::Program(program), None, None)
    }

    fn start_for(
        lanes: (usize, usize),
        work: Work,
        workspaces: Option<&Workspaces>,
        terminal: Option<&TerminalMode>,
    ) -> Result<Self, Error> {
        Self::try_start(lanes, work, workspaces, terminal).map_err(|error| {
            Error::cannot_trace(
                format!("the process that forks the scenarios could not be started: {error}"),
                "`ulimit -n` and `ulimit -u` say how many descriptors and processes are allowed; --test-threads 1 needs the fewest",
            ).because(error)
        })
    }

    fn try_start(
        (lanes, ahead): (usize, usize),
        work: Work,
        workspaces: Option<&Workspaces>,
        terminal: Option<&TerminalMode>,
    ) -> io::Result<Self> {
        let lanes = lanes + ahead;
        let slots = Slots::map(lanes)?;
        // The children look calls up: the table is made before they are forked.
        let _ = Syscall::by_number(0);
        let (life, servers_life) = seqpacket_pair()?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in 0..lanes {
            let (socket, servers_socket) = seqpacket_pair()?;
            let (gate, childs_gate, fill) = gate()?;
            ours.push(Lane { number, socket, gate });
            theirs.push(ServerLane { socket: servers_socket, gate: childs_gate, fill });
        }
        // SAFETY: the caller promises that this process has one thread, so the child may do whatever it could do.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop((ours, life));
                server::serve(servers_life, theirs, (&slots, &work), workspaces, terminal)
            }
            ForkResult::Parent { child: pid } => {
                let free = crossbeam_channel::bounded(lanes);
                for lane in ours {
                    // The channel has room for every lane.
                    let _ = free.0.send(lane);
                }
                Ok(Self {
                    pid,
                    life: Some(life),
                    slots,
                    free,
                    ahead: LanesAhead::new(ahead),
                    prepared: OnceLock::new(),
                })
            }
        }
    }

    /// Forks a child for the scenario with this number, in this workspace. Waits for a free lane.
    pub fn spawn(&self, scenario: usize, workspace: &Path) -> Result<Child<'_>, Error> {
        self.spawn_with(scenario, workspace, SpawnOptions::default())
    }

    /// The same, with fences around `act`. The child does not go to its gate before it has the order to go on.
    pub fn spawn_enclosed(
        &self,
        scenario: usize,
        workspace: &Path,
        enclosed: Option<&Enclosed>,
    ) -> Result<Child<'_>, Error> {
        self.spawn_with(scenario, workspace, SpawnOptions { enclosed, ..SpawnOptions::default() })
    }

    /// The same, with these options.
    pub fn spawn_with(&self, scenario: usize, workspace: &Path, options: SpawnOptions<'_>) -> Result<Child<'_>, Error> {
        let SpawnOptions { enclosed, keeps_diary, streams } = options;
        self.prepared.get_or_init(|| self.hear_prepared()).clone()?;
        let begun = self.take_begun(scenario, workspace);
        let is_begun = begun.is_some();
        let lane = begun.map_or_else(|| self.free.1.recv().map_err(|_| self.gone()), Ok)?;
        if !is_begun {
            self.make_ready(&lane, enclosed, keeps_diary);
        }
        let mut child = Child { zygote: self, lane: Some(lane), pid: Pid::from_raw(0), ended: true };
        if !is_begun {
            child.say_with(&ToZygote::spawn(scenario, workspace), streams)?;
        }
        match child.hear()? {
            FromZygote::Spawned { pid } => {
                child.pid = Pid::from_raw(pid);
                child.ended = false;
                Ok(child)
            }
            FromZygote::NotSpawned { errno } => Err(Error::scenario(
                format!("no child could be forked: {}", Errno::from_raw(errno)),
                "`ulimit -u` says how many processes are allowed",
            )),
            FromZygote::Exited { .. } | FromZygote::Signaled { .. } => Err(self.gone()),
        }
    }

    /// Makes a lane ready for its next child.
    fn make_ready(&self, lane: &Lane, enclosed: Option<&Enclosed>, keeps_diary: bool) {
        lane.drain();
        let slot = self.slots.get(lane.number);
        slot.clear(keeps_diary);
        enclosed.into_iter().for_each(|enclosed| slot.orders.enclose(enclosed));
    }

    /// Waits until the zygote says that it is prepared, or which step has failed. If a seccomp filter kills it, it says nothing.
    fn hear_prepared(&self) -> Result<(), Error> {
        let mut words = [0; server::WORDS_CAP];
        let length = self.life.as_ref().map_or(0, |life| receive(life, &mut words));
        let unprepared = |why: String| {
            Error::cannot_trace(
                format!("the process that forks the scenarios could not be prepared: {why}"),
                "a seccomp filter may forbid the call: with docker, --security-opt seccomp=unconfined",
            )
        };
        match &words[..length] {
            words if words == server::READY.as_bytes() => Ok(()),
            [] => Err(match waitpid(self.pid, None) {
                Ok(WaitStatus::Signaled(_, signal, _)) if !INTERRUPTED.load(Ordering::SeqCst) => {
                    unprepared(format!("it was killed by {signal}"))
                }
                _ => self.gone(),
            }),
            words => Err(unprepared(String::from_utf8_lossy(words).into_owned())),
        }
    }

    /// The zygote's pid, or that of the reaper above it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end. If it is stopped, it is resumed.
    fn wait(&self) {
        let _ = kill(self.pid, Signal::SIGCONT);
        let _ = waitpid(self.pid, None);
    }

    /// Ends the zygote, which kills every child and removes the folder of the run. A thread that handles signals may call this.
    pub fn interrupt(&self) {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if let Some(life) = &self.life {
            let _ = nix::sys::socket::shutdown(life.as_raw_fd(), nix::sys::socket::Shutdown::Both);
            self.wait();
        }
    }

    /// The error if the zygote does not answer. After an interrupt there is none: this thread has nothing more to do, and parks.
    fn gone(&self) -> Error {
        while INTERRUPTED.load(Ordering::SeqCst) {
            std::thread::park();
        }
        Error::scenario(
            "the process that forks the scenarios is gone",
            "was `ior-it-zygote` killed? `dmesg` says whether memory had run out",
        )
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.life = None;
        self.wait();
    }
}

fn seqpacket_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// A pipe of the smallest size, and what fills it with one byte to spare.
fn gate() -> io::Result<(OwnedFd, OwnedFd, Vec<u8>)> {
    let (ours, childs) = pipe2(OFlag::O_CLOEXEC)?;
    let capacity = fcntl(&childs, FcntlArg::F_SETPIPE_SZ(1))?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((ours, childs, vec![0; capacity as usize + 1]))
}

impl Lane {
    /// Empties the gate of what the last child left in it.
    fn drain(&self) {
        let mut bytes = [0; 8192];
        while matches!(read(&self.gate, &mut bytes), Ok(1..)) {}
    }
}

/// The length of the next packet; 0 if none will come.
fn receive(socket: &OwnedFd, bytes: &mut [u8]) -> usize {
    loop {
        match recv(socket.as_raw_fd(), bytes, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            result => return result.unwrap_or(0),
        }
    }
}

/// Whether a descriptor is readable now, or its other end is closed.
fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::POLLIN)];
    matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..))
}
