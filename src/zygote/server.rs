//! The zygote's own loop: forks, reaps, kills, and cleans up at the end. One thread, no allocation that matters.
#![allow(unsafe_code)]

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, killpg, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpgid, setsid};

use super::child;
use super::slot::Slots;
use super::wire::{REQUEST_SIZE, Reply, Request};
use super::{ServerLane, Work};

struct Server<'a> {
    lanes: Vec<ServerLane>,
    /// The child of each lane.
    children: Vec<Option<LaneChild>>,
    slots: &'a Slots,
    work: &'a Work,
    /// The program is over: what it has left behind is left alone.
    left_alone: bool,
}

/// A lane's child, from its fork until the lane is told that the scenario is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LaneChild {
    pid: Pid,
    reaped: bool,
}

/// Serves until the parent is gone.
pub fn serve(life: OwnedFd, lanes: Vec<ServerLane>, slots: &Slots, work: &Work, folder: Option<&Path>) -> ! {
    let children = vec![None; lanes.len()];
    let mut server = Server { lanes, children, slots, work, left_alone: false };
    let prepared = match work {
        Work::Scenarios(_) => {
            server.close_others(&life);
            prepare()
        }
        Work::Program(_) => keep_out_of_the_way(),
    };
    if let Ok(reaper) = prepared {
        server.serve_until_gone(&life, &reaper);
    }
    server.clean_up(folder);
    // SAFETY: ends this process without running what the parent registered to run at its own exit.
    unsafe { libc::_exit(0) }
}

/// Makes this process the same for every child to start from: an own session (Ctrl-C is the parent's business), no
/// environment, known descriptors and limits, and the reaper of orphans.
fn prepare() -> nix::Result<SignalFd> {
    setsid()?;
    let reaper = keep_out_of_the_way()?;
    // SAFETY: this process has one thread; nobody else reads the environment.
    unsafe { libc::clearenv() };
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").map_err(|_| Errno::ENODEV)?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(1024), hard)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    Ok(reaper)
}

/// Makes this process the reaper of orphans, which no signal of a terminal ends. Nothing else changes: a program starts from
/// what its caller has.
fn keep_out_of_the_way() -> nix::Result<SignalFd> {
    nix::sys::prctl::set_name(c"ior-it-zygote")?;
    nix::sys::prctl::set_child_subreaper(true)?;
    for ignored in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        // SAFETY: no handler is installed, only "ignore".
        unsafe { signal(ignored, SigHandler::SigIgn)? };
    }
    // Whoever ignores it is not told of its children (wait(2), "Notes").
    // SAFETY: no handler is installed, only the default action.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl)? };
    let mut reaped = SigSet::empty();
    reaped.add(Signal::SIGCHLD);
    reaped.thread_block()?;
    SignalFd::with_flags(&reaped, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

impl Server<'_> {
    /// Closes every descriptor that is not the zygote's own. Among them may be another zygote's, which would keep that one
    /// from seeing its end.
    fn close_others(&self, life: &OwnedFd) {
        let lanes = self.lanes.iter().flat_map(|lane| [&lane.socket, &lane.gate]);
        let mut own: Vec<u32> = lanes.chain([life]).map(|fd| fd.as_raw_fd() as u32).collect();
        own.sort_unstable();
        let firsts = std::iter::once(3).chain(own.iter().map(|fd| fd + 1));
        for (first, end) in firsts.zip(own.iter().copied().chain([u32::MAX])).filter(|(first, end)| first < end) {
            // Nothing can be done about a failure, and nothing of this process uses what is left open.
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
            // Last: what the parent has said before it went still counts.
            if ready[0] {
                return;
            }
        }
    }

    /// Reaps whoever has exited, and tells the lane of each child.
    fn reap(&mut self) {
        loop {
            let (pid, reply) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, Reply::Exited { status }),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Reply::Signaled { signal: signal as i32 }),
                Err(Errno::EINTR) => continue,
                _ => return,
            };
            // Anyone else is an orphan that a scenario left behind.
            let alive = Some(LaneChild { pid, reaped: false });
            if let Some(lane) = self.children.iter().position(|child| *child == alive) {
                self.children[lane] = Some(LaneChild { pid, reaped: true });
                self.reply(lane, reply);
            }
        }
    }

    fn reply(&self, lane: usize, reply: Reply) {
        let _ = send(self.lanes[lane].socket.as_raw_fd(), &reply.encode(), MsgFlags::MSG_NOSIGNAL);
    }

    fn answer(&mut self, lane: usize) {
        let mut bytes = [0; REQUEST_SIZE];
        let length = recv(self.lanes[lane].socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).unwrap_or(0);
        match Request::decode(&bytes[..length]) {
            Some(Request::Spawn { scenario, workspace }) => self.spawn(lane, scenario as usize, &workspace),
            Some(Request::Kill) => self.kill(lane),
            Some(Request::Signal { signal }) => self.signal(lane, signal),
            Some(Request::Done) => self.done(lane),
            None => {}
        }
    }

    fn spawn(&mut self, lane: usize, scenario: usize, workspace: &[u8]) {
        // SAFETY: the zygote has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let ServerLane { gate, fill, .. } = &self.lanes[lane];
                match self.work {
                    Work::Scenarios(all) => child::run(gate, fill, self.slots.get(lane), &all[scenario], workspace),
                    Work::Program(program) => child::become_program(gate, fill, self.slots.get(lane), program),
                }
            }
            Ok(ForkResult::Parent { child }) => {
                self.children[lane] = Some(LaneChild { pid: child, reaped: false });
                self.reply(lane, Reply::Spawned { pid: child.as_raw() });
            }
            Err(errno) => self.reply(lane, Reply::NotSpawned { errno: errno as i32 }),
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

    /// Kills a lane's child, its process group, and those of its descendants that have left the group. Here and not in the
    /// parent, since only here it is known that the pid has not been reaped and given to somebody else.
    fn kill(&self, lane: usize) {
        let Some(LaneChild { pid: child, reaped: false }) = self.children[lane] else { return };
        for descendant in descendants(child) {
            let _ = kill(descendant, Signal::SIGKILL);
        }
        let _ = killpg(child, Signal::SIGKILL);
        let _ = kill(child, Signal::SIGKILL);
    }

    /// Kills what scenarios that are over have left behind. A child is the reaper of its own orphans while it lives, so a child
    /// of the zygote that is no lane's was left behind by one; it is spared while its scenario's lane is not done with it.
    fn kill_orphans(&self) {
        let lane_has = |pid: Pid| self.children.iter().flatten().any(|child| child.pid == pid);
        let spared = |pid: Pid| lane_has(pid) || getpgid(Some(pid)).is_ok_and(lane_has);
        for orphan in children(Pid::this()).into_iter().filter(|&pid| !spared(pid)) {
            for descendant in descendants(orphan) {
                let _ = kill(descendant, Signal::SIGKILL);
            }
            let _ = kill(orphan, Signal::SIGKILL);
        }
    }

    fn clean_up(&mut self, folder: Option<&Path>) {
        if self.left_alone {
            return;
        }
        for lane in 0..self.lanes.len() {
            self.kill(lane);
        }
        self.children.fill(None);
        while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Err(Errno::ECHILD)) {
            self.kill_orphans();
            let _ = waitpid(None, None);
        }
        if let Some(folder) = folder {
            remove(folder);
        }
    }
}

/// Removes the folder of the run. After a signal the parent's threads still live, and each may make one more workspace before
/// it finds the zygote gone: then the folder is not empty any more, and it begins again.
fn remove(folder: &Path) {
    for _ in 0..1000 {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::yield_now(),
            _ => return,
        }
    }
}

/// The children of a process, as proc(5) lists them for its first thread; empty where the kernel has no such list.
fn children(pid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}

fn descendants(pid: Pid) -> Vec<Pid> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&one) = found.get(next) {
        found.extend(children(one));
        next += 1;
    }
    found
}
