//! The zygote's own loop, in one thread: it forks, reaps and kills children, and cleans up at the end.
#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, killpg, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, fork, getpgid, setsid};
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

use super::child::{self, ChildFds};
use super::passed;
use super::process::{NAME, OwnChildren, Unprepared, children, forget_handlers, ignore_terminal, step};
use super::reaper;
use super::slot::Slots;
use super::wire::{FromZygote, REQUEST_SIZE, ToZygote};
use super::{ServerLane, Work, is_readable};
use crate::base::terminal::TerminalMode;
use crate::child::workspace::Workspaces;

/// The zygote's message when it is prepared. Any other message says which step has failed, and why.
pub const READY: &str = "ready";
/// The most bytes of the message.
pub const WORDS_CAP: usize = 256;

struct Server<'a> {
    lanes: Vec<ServerLane>,
    /// The child of each lane.
    children: Vec<Option<LaneChild>>,
    slots: &'a Slots,
    work: &'a Work,
    workspaces: Option<&'a Workspaces>,
    /// The terminal of a run that takes single keys.
    terminal: Option<&'a TerminalMode>,
    /// Whether the program has ended by itself: then its other processes go on.
    left_alone: bool,
    /// The children of this process.
    own: OwnChildren,
}

/// A lane's child, from its fork until the lane is told that the scenario is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LaneChild {
    pid: Pid,
    reaped: bool,
}

/// Serves until the parent is gone.
pub fn serve(
    life: OwnedFd,
    lanes: Vec<ServerLane>,
    (slots, work): (&Slots, &Work),
    workspaces: Option<&Workspaces>,
    terminal: Option<&TerminalMode>,
) -> ! {
    let children = vec![None; lanes.len()];
    let mut server =
        Server { lanes, children, slots, work, workspaces, terminal, left_alone: false, own: OwnChildren::default() };
    let prepared = match work {
        Work::Scenarios(_) => {
            server.close_others(&life);
            server.own = OwnChildren::open();
            prepare()
        }
        Work::Program(_) => reaper::fork_below().and_then(|()| keep_out_of_the_way()),
    };
    // The parent reads the message only when it wants the first child.
    let say = |words: &str| send(life.as_raw_fd(), words.as_bytes(), MsgFlags::MSG_NOSIGNAL);
    match prepared {
        Ok(reaper) => {
            let _ = say(READY);
            server.serve_until_gone(&life, &reaper);
        }
        Err(Unprepared { step, errno }) => drop(say(&format!("{step}: {errno}"))),
    }
    server.clean_up();
    let status = if server.left_alone { 0 } else { reaper::NOT_LEFT_ALONE };
    // SAFETY: it ends this process without the parent's exit handlers.
    unsafe { libc::_exit(status) }
}

/// Gives every child the same start: a session of its own (the parent handles Ctrl-C), no environment, known descriptors and limits.
/// Orphans come to the zygote.
fn prepare() -> Result<SignalFd, Unprepared> {
    step("setsid", setsid())?;
    step("prctl(PR_SET_NAME)", nix::sys::prctl::set_name(NAME))?;
    reaper::go_on_when_parent_is_gone()?;
    step("prctl(PR_SET_CHILD_SUBREAPER)", nix::sys::prctl::set_child_subreaper(true))?;
    forget_handlers()?;
    let reaper = keep_out_of_the_way()?;
    // SAFETY: this process has one thread; nobody else reads the environment.
    unsafe { libc::clearenv() };
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::ENODEV)));
    let null = step("/dev/null", null)?;
    step("dup2", nix::unistd::dup2_stdin(&null))?;
    step("dup2", nix::unistd::dup2_stdout(&null))?;
    step("dup2", nix::unistd::dup2_stderr(&null))?;
    let (_, hard) = step("getrlimit", getrlimit(Resource::RLIMIT_NOFILE))?;
    step("setrlimit", setrlimit(Resource::RLIMIT_NOFILE, hard.min(1024), hard))?;
    step("setrlimit", setrlimit(Resource::RLIMIT_CORE, 0, 0))?;
    let (_, hard) = step("getrlimit", getrlimit(Resource::RLIMIT_FSIZE))?;
    step("setrlimit", setrlimit(Resource::RLIMIT_FSIZE, hard, hard))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    // Each page that the parent has freed would be copied at each fork.
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a plain number.
    unsafe {
        libc::malloc_trim(0)
    };
    Ok(reaper)
}

/// Ignores the signals of a terminal, and hears of children. A program inherits all else from its caller.
fn keep_out_of_the_way() -> Result<SignalFd, Unprepared> {
    ignore_terminal()?;
    // A process that ignores SIGCHLD is not told of its children (wait(2), "Notes").
    // SAFETY: no handler is installed, only the default action.
    step("sigaction", unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) })?;
    let mut reaped = SigSet::empty();
    reaped.add(Signal::SIGCHLD);
    step("sigprocmask", reaped.thread_block())?;
    step("signalfd", SignalFd::with_flags(&reaped, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
}

impl Server<'_> {
    /// Closes every descriptor that is not the zygote's own. A copy of another zygote's would hide from that one that its parent
    /// has ended.
    fn close_others(&self, life: &OwnedFd) {
        let lanes = self.lanes.iter().flat_map(|lane| [&lane.socket, &lane.gate]);
        let mut own: Vec<u32> = lanes.chain([life]).map(|fd| fd.as_raw_fd() as u32).collect();
        own.extend(self.workspaces.and_then(Workspaces::root).map(|root| root.as_fd().as_raw_fd() as u32));
        own.extend(self.terminal.map(|terminal| terminal.as_fd().as_raw_fd() as u32));
        own.sort_unstable();
        let firsts = std::iter::once(3).chain(own.iter().map(|fd| fd + 1));
        for (first, end) in firsts.zip(own.iter().copied().chain([u32::MAX])).filter(|(first, end)| first < end) {
            // A failure is no harm: nothing here uses the descriptors that stay open.
            let _ = child::close_range(first, end - 1);
        }
    }

    fn serve_until_gone(&mut self, life: &OwnedFd, reaper: &SignalFd) {
        loop {
            let mut polled =
                vec![PollFd::new(life.as_fd(), PollFlags::POLLIN), PollFd::new(reaper.as_fd(), PollFlags::POLLIN)];
            polled.extend(self.lanes.iter().map(|lane| PollFd::new(lane.socket.as_fd(), PollFlags::POLLIN)));
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            let ready: Vec<bool> = polled.iter().map(|fd| fd.any() != Some(false)).collect();
            if ready[1] {
                while let Ok(Some(_)) = reaper.read_signal() {}
                self.reap();
            }
            for lane in (0..self.lanes.len()).filter(|lane| ready[lane + 2]) {
                self.answer(lane);
            }
            // This comes last, because requests from before the parent's end still count.
            if ready[0] {
                return;
            }
        }
    }

    /// Tells the lane of each child that has exited, and only then reaps the child: until the lane is told, no other process can
    /// have the pid.
    fn reap(&mut self) {
        let exited = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let (pid, reply) = match waitid(Id::All, exited) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, FromZygote::Exited { status }),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, FromZygote::Signaled { signal: signal as i32 }),
                Err(Errno::EINTR) => continue,
                _ => return,
            };
            // Any other process is an orphan of a scenario.
            let alive = Some(LaneChild { pid, reaped: false });
            if let Some(lane) = self.children.iter().position(|child| *child == alive) {
                self.children[lane] = Some(LaneChild { pid, reaped: true });
                self.reply(lane, reply);
            }
            let _ = waitpid(pid, None);
        }
    }

    fn reply(&self, lane: usize, reply: FromZygote) {
        let _ = send(self.lanes[lane].socket.as_raw_fd(), &reply.encode(), MsgFlags::MSG_NOSIGNAL);
    }

    fn answer(&mut self, lane: usize) {
        let mut bytes = [0; REQUEST_SIZE];
        let (length, streams) = passed::received(&self.lanes[lane].socket, &mut bytes);
        match ToZygote::decode(&bytes[..length]) {
            Some(ToZygote::Spawn { scenario, workspace }) => self.spawn(lane, scenario as usize, &workspace, &streams),
            Some(ToZygote::Kill) => self.kill(lane),
            Some(ToZygote::Signal { signal }) => self.signal(lane, signal),
            Some(ToZygote::Done) => self.done(lane),
            None => {}
        }
    }

    /// The streams are closed here afterwards: the child has copies.
    fn spawn(&mut self, lane: usize, scenario: usize, workspace: &[u8], streams: &[OwnedFd]) {
        // SAFETY: the zygote has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let ServerLane { gate, fill, .. } = &self.lanes[lane];
                match self.work {
                    Work::Scenarios(all) => {
                        let directory = Path::new(OsStr::from_bytes(workspace));
                        let enter = || self.workspaces.map_or_else(|| chdir(directory), |all| all.enter(directory));
                        let fds = ChildFds { gate, streams };
                        child::run(fds, fill, self.slots.get(lane), &all[scenario], enter)
                    }
                    Work::Program(program) => child::become_program(gate, fill, self.slots.get(lane), program),
                }
            }
            Ok(ForkResult::Parent { child }) => {
                self.children[lane] = Some(LaneChild { pid: child, reaped: false });
                self.reply(lane, FromZygote::Spawned { pid: child.as_raw() });
            }
            Err(errno) => self.reply(lane, FromZygote::NotSpawned { errno: errno as i32 }),
        }
    }

    fn done(&mut self, lane: usize) {
        self.children[lane] = None;
        match self.work {
            Work::Scenarios(_) => self.kill_orphans(),
            Work::Program(_) => self.left_alone = true,
        }
    }

    fn signal(&self, lane: usize, signal: i32) {
        let Some(LaneChild { pid, reaped: false }) = self.children[lane] else { return };
        if let Ok(signal) = Signal::try_from(signal) {
            let _ = kill(pid, signal);
        }
    }

    /// Kills a lane's child, its process group, and the descendants that have left the group. The zygote does this and not the
    /// parent, because only the zygote knows that the pid was not reaped and given to another process.
    fn kill(&self, lane: usize) {
        let Some(LaneChild { pid: child, reaped: false }) = self.children[lane] else { return };
        kill_below(child, &|| true);
        let _ = killpg(child, Signal::SIGKILL);
        let _ = kill(child, Signal::SIGKILL);
    }

    /// Kills the processes that finished scenarios have left. A scenario's child adopts its own orphans while it lives. So a child of
    /// the zygote that belongs to no lane is an orphan of a scenario. It is spared until its scenario's lane is done.
    fn kill_orphans(&self) {
        let lane_has = |pid: Pid| self.children.iter().flatten().any(|child| child.pid == pid);
        let spared = |pid: Pid| lane_has(pid) || getpgid(Some(pid)).is_ok_and(lane_has);
        for orphan in self.own.listed().into_iter().filter(|&pid| !spared(pid)) {
            kill_below(orphan, &|| true);
            let _ = kill(orphan, Signal::SIGKILL);
        }
    }

    fn clean_up(&mut self) {
        if self.left_alone {
            return;
        }
        self.terminal.into_iter().for_each(TerminalMode::restore_if_left);
        for lane in 0..self.lanes.len() {
            self.kill(lane);
        }
        self.children.fill(None);
        while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Err(Errno::ECHILD)) {
            self.kill_orphans();
            let _ = waitpid(None, None);
        }
        if let Some(workspaces) = self.workspaces {
            remove(workspaces);
        }
    }
}

/// Removes the folder of the run. After a signal the parent's threads still live, and each may make one more workspace before it
/// finds the zygote gone. Then the folder is not empty, and the removal begins again.
fn remove(workspaces: &Workspaces) {
    for _ in 0..1000 {
        match workspaces.remove() {
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::yield_now(),
            _ => return,
        }
    }
}

/// Kills the descendants of a process. A process that is no child of the zygote may be reaped at any time, and its pid given to
/// another one. So each is held by a descriptor, and looked up once more after that. If descriptors run out, the others become
/// orphans.
fn kill_below(pid: Pid, is_itself: &dyn Fn() -> bool) {
    let hold = |child: Pid| {
        Some((child, pidfd_open(rustix::process::Pid::from_raw(child.as_raw())?, PidfdFlags::empty()).ok()?))
    };
    let held: Vec<(Pid, OwnedFd)> = children(pid).into_iter().filter_map(hold).collect();
    let still = children(pid);
    if !is_itself() {
        return;
    }
    for (child, process) in held.iter().filter(|(child, _)| still.contains(child)) {
        // The descriptor is readable once its process has exited (pidfd_open(2)), and has no children any more.
        kill_below(*child, &|| !is_readable(process.as_fd()));
        let _ = pidfd_send_signal(process, rustix::process::Signal::KILL);
    }
}
