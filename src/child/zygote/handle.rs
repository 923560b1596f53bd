//! A forked child, from the side of `ior-it`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::orders::ChildOrder;
use super::passed;
use super::wire::{self, FromZygote, ToZygote};
use super::{Lane, Zygote, is_readable, receive};
use crate::base::error::Error;
use crate::base::limit::Limit;
use crate::child::diary::Diary;
use crate::child::ending::{Ending, How, Phase};

/// A forked child, from before its gate to its end. Dropping it kills what is left of it.
#[derive(Debug)]
pub struct Child<'z> {
    pub(super) zygote: &'z Zygote,
    pub(super) lane: Option<Lane>,
    pub(super) pid: Pid,
    pub(super) ended: bool,
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

    /// Gives an order to a child with fences, and waits until the child has carried it out. False if the child or the time
    /// limit ends first.
    pub fn order(&self, order: ChildOrder, limit: Duration) -> Result<bool, Error> {
        let orders = &self.zygote.slots.get(self.lane()?.number).orders;
        orders.give(order);
        self.ask(limit, |wait| orders.is_done(wait))
    }

    /// Waits until `act` and the fences after it are over. False if the child or the time limit ends first.
    pub fn has_acted(&self, limit: Duration) -> Result<bool, Error> {
        let orders = &self.zygote.slots.get(self.lane()?.number).orders;
        self.ask(limit, |wait| orders.has_acted(wait))
    }

    /// Checks a condition repeatedly, with a short wait each time, because the end of the child does not wake this wait.
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

    /// What the child has noted of its calls. It must have ended.
    pub fn diary(&self) -> Diary {
        self.lane.as_ref().map(|lane| self.zygote.slots.get(lane.number).diary.read()).unwrap_or_default()
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

    pub(super) fn say(&self, request: &ToZygote) -> Result<(), Error> {
        self.say_with(request, &[])
    }

    /// The same, with descriptors for the zygote.
    pub(super) fn say_with(&self, request: &ToZygote, fds: &[OwnedFd]) -> Result<(), Error> {
        passed::send(&self.lane()?.socket, &request.encode(), fds).map_err(|_| self.zygote.gone())
    }

    pub(super) fn hear(&self) -> Result<FromZygote, Error> {
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
