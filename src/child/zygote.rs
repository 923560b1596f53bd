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
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, read};

use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::ending::{Ending, How, Phase};
use crate::child::scenario::Scenario;
use crate::child::workspace::Workspaces;

mod program;
mod process;
mod orders;
mod slot;
mod child;
mod reaper;
mod wire;
mod server;

pub use orders::{Enclosed, Order};
pub use program::{Program, is_ignored, was_closed};
use slot::Slots;
use wire::{FromZygote, ToZygote};

/// The zygote, from the side of `ior-it`.
#[derive(Debug)]
pub struct Zygote {
    pid: Pid,
    /// Closed when `ior-it` ends, however it ends: that is the zygote's signal to clean up.
    life: Option<OwnedFd>,
    slots: Slots,
    free: (Sender<Lane>, Receiver<Lane>),
    /// Whether its preparation has succeeded, if that is known.
    prepared: OnceLock<Result<(), Error>>,
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
        child::has_room_for_gate()?;
        Self::start_for(lanes, Work::Scenarios(scenarios), workspaces)
    }

    /// The same for one program, which [`Zygote::spawn`] starts; it ignores the scenario and the workspace. When the program has
    /// ended, the processes that it leaves go on. If `ior-it` ends before the program, all of them are killed.
    pub fn for_program(program: Arc<Program>) -> Result<Self, Error> {
        Self::start_for(1, Work::Program(program), None)
    }

    fn start_for(lanes: usize, work: Work, workspaces: Option<&Workspaces>) -> Result<Self, Error> {
        Self::try_start(lanes, work, workspaces).map_err(|error| {
            Error::cannot_trace(
                format!("the process that forks the scenarios could not be started: {error}"),
                "`ulimit -n` and `ulimit -u` say how many descriptors and processes are allowed; --test-threads 1 needs the fewest",
            )
        })
    }

    fn try_start(lanes: usize, work: Work, workspaces: Option<&Workspaces>) -> io::Result<Self> {
        let slots = Slots::map(lanes)?;
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
                server::serve(servers_life, theirs, &slots, &work, workspaces)
            }
            ForkResult::Parent { child: pid } => {
                let free = crossbeam_channel::bounded(lanes);
                for lane in ours {
                    // The channel has room for every lane.
                    let _ = free.0.send(lane);
                }
                Ok(Self { pid, life: Some(life), slots, free, prepared: OnceLock::new() })
            }
        }
    }

    /// Forks a child for the scenario with this number, in this workspace. Waits for a free lane.
    pub fn spawn(&self, scenario: usize, workspace: &Path) -> Result<Child<'_>, Error> {
        self.spawn_enclosed(scenario, workspace, None)
    }

    /// The same, with fences around `act`. The child does not go to its gate before it has the order to go on.
    pub fn spawn_enclosed(
        &self,
        scenario: usize,
        workspace: &Path,
        enclosed: Option<&Enclosed>,
    ) -> Result<Child<'_>, Error> {
        self.prepared.get_or_init(|| self.hear_prepared()).clone()?;
        let lane = self.free.1.recv().map_err(|_| self.gone())?;
        lane.drain();
        let slot = self.slots.get(lane.number);
        slot.clear();
        enclosed.into_iter().for_each(|enclosed| slot.orders.enclose(enclosed));
        let request =
            ToZygote::Spawn { scenario: scenario as u32, workspace: workspace.as_os_str().as_bytes().to_vec() };
        let mut child = Child { zygote: self, lane: Some(lane), pid: Pid::from_raw(0), ended: true };
        child.say(&request)?;
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

/// A forked child, from before its gate to its end. Dropping it kills what is left of it.
#[derive(Debug)]
pub struct Child<'z> {
    zygote: &'z Zygote,
    lane: Option<Lane>,
    pid: Pid,
    ended: bool,
}

impl Child<'_> {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// The number of its lane: no other living child has it.
    pub fn lane_number(&self) -> usize {
        self.lane.as_ref().map_or(0, |lane| lane.number)
    }

    /// Waits until the child is inside the call that parks it, or has ended before.
    ///
    /// The child fills the gate with one byte more than it holds. That the gate is readable therefore says that the child is
    /// in that write(2), and that it cannot leave it before the gate is opened (pipe(7), "I/O on pipes and FIFOs").
    pub fn reach_gate(&mut self, limit: impl Into<Limit>) -> Result<Option<Ending>, Error> {
        let limit = limit.into();
        let lane = self.lane()?;
        match wait_readable([lane.gate.as_fd(), lane.socket.as_fd()], limit) {
            Some(0) => Ok(None),
            Some(_) => self.ending().map(Some),
            None => self.time_out(limit).map(Some),
        }
    }

    /// Tells an enclosed child to do something, and waits until it has. False if it has ended before, or the limit has.
    pub fn order(&self, order: Order, limit: Duration) -> Result<bool, Error> {
        let orders = &self.zygote.slots.get(self.lane()?.number).orders;
        orders.give(order);
        self.ask(limit, |wait| orders.is_done(wait))
    }

    /// Waits until `act` of an enclosed child and the fences after it are over. False if the child has ended before, or the limit has.
    pub fn has_acted(&self, limit: Duration) -> Result<bool, Error> {
        let orders = &self.zygote.slots.get(self.lane()?.number).orders;
        self.ask(limit, |wait| orders.has_acted(wait))
    }

    /// Asks again and again whether something is so, each time for a moment: the end of the child wakes nobody who asks.
    fn ask(&self, limit: Duration, is_so: impl Fn(Duration) -> bool) -> Result<bool, Error> {
        const MOMENT: Duration = Duration::from_millis(10);
        let end = Instant::now() + limit;
        while !is_so(MOMENT) {
            if self.has_ended()? || Instant::now() > end {
                return Ok(is_so(Duration::ZERO));
            }
        }
        Ok(true)
    }

    /// Lets the child through the gate.
    pub fn open_gate(&self) -> Result<(), Error> {
        let lane = self.lane()?;
        self.zygote.slots.get(lane.number).open_gate();
        lane.drain();
        Ok(())
    }

    /// Whether the child is known to have ended. If not, no other process has its pid: earlier actions by the pid have met the child.
    pub fn has_ended(&self) -> Result<bool, Error> {
        Ok(is_readable(self.lane()?.socket.as_fd()))
    }

    /// Waits until the child has ended. Then the kernel has finished all its calls.
    pub fn wait(&mut self, limit: impl Into<Limit>) -> Result<Ending, Error> {
        let limit = limit.into();
        match wait_readable([self.lane()?.socket.as_fd()], limit) {
            Some(_) => self.ending(),
            None => self.time_out(limit),
        }
    }

    /// The errno with which execve(2) has refused the program, if it has.
    pub fn refused(&self) -> Option<Errno> {
        self.lane.as_ref().and_then(|lane| self.zygote.slots.get(lane.number).refused())
    }

    /// Sends a signal to the child, unless it has ended. The zygote does it, because it knows that the pid is still the child's.
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        self.say(&ToZygote::Signal { signal })
    }

    /// A descriptor that becomes readable when the child has ended. Then [`Child::wait`] returns at once.
    pub fn ended(&self) -> Result<BorrowedFd<'_>, Error> {
        Ok(self.lane()?.socket.as_fd())
    }

    fn time_out(&mut self, limit: Limit) -> Result<Ending, Error> {
        let limit = limit.now();
        let phase = self.phase()?;
        self.say(&ToZygote::Kill)?;
        self.ending()?;
        Ok(Ending { phase, how: How::TimedOut(limit) })
    }

    fn phase(&self) -> Result<Phase, Error> {
        Ok(self.zygote.slots.get(self.lane()?.number).phase())
    }

    fn ending(&mut self) -> Result<Ending, Error> {
        let reply = self.hear()?;
        self.ended = true;
        let phase = self.phase()?;
        let how = match reply {
            FromZygote::Exited { status } => {
                let said = self.zygote.slots.get(self.lane()?.number).how();
                if status == 0 { said.unwrap_or(How::Exited(0)) } else { How::Exited(status) }
            }
            FromZygote::Signaled { signal } => How::Signal(signal),
            FromZygote::Spawned { .. } | FromZygote::NotSpawned { .. } => return Err(self.zygote.gone()),
        };
        Ok(Ending { phase, how })
    }

    fn lane(&self) -> Result<&Lane, Error> {
        self.lane.as_ref().ok_or_else(|| self.zygote.gone())
    }

    fn say(&self, request: &ToZygote) -> Result<(), Error> {
        send(self.lane()?.socket.as_raw_fd(), &request.encode(), MsgFlags::MSG_NOSIGNAL)
            .map(drop)
            .map_err(|_| self.zygote.gone())
    }

    fn hear(&self) -> Result<FromZygote, Error> {
        let socket = &self.lane()?.socket;
        let mut bytes = [0; wire::REPLY_SIZE];
        let length = receive(socket, &mut bytes);
        FromZygote::decode(&bytes[..length]).ok_or_else(|| self.zygote.gone())
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.say(&ToZygote::Kill).and_then(|()| self.ending());
        }
        let _ = self.say(&ToZygote::Done);
        if let Some(lane) = self.lane.take() {
            let _ = self.zygote.free.0.send(lane);
        }
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

/// Waits until one of these is readable or its other end is closed. Returns its index, or `None` when the time is up.
fn wait_readable<const N: usize>(fds: [BorrowedFd<'_>; N], limit: Limit) -> Option<usize> {
    let begin = Instant::now();
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    while let Some(left) = limit.left(begin) {
        // Rounded up, so that the last wait does not spin through the final millisecond.
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return polled.iter().position(|fd| fd.any() != Some(false)),
        }
    }
    None
}
