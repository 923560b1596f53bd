//! The child: from fork to the end of `act`.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::unistd::{Pid, setpgid};

use super::executed;
use super::orders::Enclosed;
use super::process::IGNORED;
use super::program::Program;
use super::slot::LaneSlot;
use crate::base::error::Error;
use crate::child::diary;
use crate::child::ending::How;
use crate::child::scenario::{Act, Broken, Scenario, Workload};
use crate::child::start::ProgramUser;

/// The gate's descriptor in the child, far from those of the scenario, which begin at 3.
const GATE: i32 = 255;

/// The zygote's descriptors for one child.
pub struct ChildFds<'a> {
    /// Its end of the gate.
    pub gate: &'a OwnedFd,
    /// Where its standard output and its standard error output go, if not to /dev/null.
    pub streams: &'a [OwnedFd],
}

/// Runs the scenario and ends the process.
pub fn run(
    fds: ChildFds<'_>,
    fill: &[u8],
    slot: &'static LaneSlot,
    scenario: &Scenario,
    enter: impl Fn() -> nix::Result<()>,
) -> ! {
    std::panic::set_hook(Box::new(|_| {}));
    let setup = || {
        prepare(&fds, scenario, &enter)?;
        match scenario.workload {
            Workload::Code(setup) => setup(),
            Workload::Command(command) => {
                command.user.as_ref().map_or(Ok(()), hand_over)?;
                // SAFETY: `prepare` has made this descriptor, and nothing closes it.
                executed::ready(command, &unsafe { BorrowedFd::borrow_raw(GATE) })
            }
        }
    };
    match caught(setup) {
        Ok(act) => pass_gate_and_act(fill, slot, act),
        Err(how) => slot.say(&how),
    }
    // SAFETY: it ends the process at once. Nothing between `act` and here may make a traced call.
    unsafe { libc::_exit(0) }
}

/// Gives what this child has to the user, and becomes the user.
fn hand_over(user: &ProgramUser) -> Result<(), Broken> {
    let given = user.own_workspace();
    given.map_err(|error| Broken::Step(format!("the workspace could not be given to the user: {error}")))?;
    step("--user", user.assume())
}

/// Becomes the program once the gate is open. Descriptors, directory, environment and process group stay those of `ior-it`'s caller;
/// `ior-it`'s own descriptors close on exec.
pub fn become_program(gate: &OwnedFd, fill: &[u8], slot: &LaneSlot, program: &Program) -> ! {
    let pointers = program.pointers();
    if let Err(errno) = program.prepare() {
        slot.say(&How::Failed(format!("prctl: {errno}")));
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) }
    }
    let enclosed = slot.orders.enclosed();
    slot.enter_act();
    if let Some(Enclosed { fences, .. }) = &enclosed {
        slot.orders.obey(fences);
    }
    if pass_gate(gate.as_raw_fd(), fill, slot) {
        if let Some(Enclosed { fences, open, .. }) = &enclosed {
            fences.make(*open);
        }
        slot.refuse(program.execute(&pointers));
    }
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(127) }
}

/// After the store into the slot, only the gate's write(2) and `act` may make system calls.
fn pass_gate_and_act(fill: &[u8], slot: &'static LaneSlot, act: Act) {
    diary::begin(&slot.diary);
    let enclosed = slot.orders.enclosed();
    slot.enter_act();
    if let Some(Enclosed { fences, .. }) = &enclosed {
        slot.orders.obey(fences);
    }
    if !pass_gate(GATE, fill, slot) {
        return;
    }
    if let Some(Enclosed { fences, open, .. }) = &enclosed {
        fences.make(*open);
    }
    slot.say(&match caught(act) {
        Ok(()) => How::Finished,
        Err(how) => how,
    });
    if let Some(Enclosed { fences, open, cpus }) = &enclosed {
        fences.make_on_each_cpu(open + 1, *cpus);
        slot.orders.acted();
        slot.orders.obey(fences);
    }
}

/// Waits until the gate is open; false if it cannot open any more. A stop (by a witness or SIGSTOP) ends the write before its last
/// byte. Then the rest is written, unless the gate was opened meanwhile.
fn pass_gate(gate: i32, fill: &[u8], slot: &LaneSlot) -> bool {
    let mut left = fill;
    loop {
        // SAFETY: `left` is readable for its whole length.
        let written = unsafe { libc::write(gate, left.as_ptr().cast(), left.len()) };
        let Ok(written) = usize::try_from(written) else { return false };
        left = &left[written..];
        if left.is_empty() || slot.is_open() {
            return true;
        }
    }
}

/// Checks that the limits allow the gate's descriptor.
pub fn has_room_for_gate() -> Result<(), Error> {
    let most = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    if most > GATE as u64 {
        return Ok(());
    }
    Err(Error::cannot_trace(
        format!("the gate of a scenario is descriptor {GATE}, and a process may have no more than {most}"),
        "`ulimit -Hn` must say 256 or more (a unit's LimitNOFILE=, docker's --ulimit nofile=1024)",
    ))
}

/// Gives the child a process group, signals, descriptors, a name and a directory of its own.
fn prepare(fds: &ChildFds<'_>, scenario: &Scenario, enter: impl Fn() -> nix::Result<()>) -> Result<(), Broken> {
    step("setpgid", setpgid(Pid::from_raw(0), Pid::from_raw(0)))?;
    step("prctl(PR_SET_PDEATHSIG)", nix::sys::prctl::set_pdeathsig(Signal::SIGKILL))?;
    step("prctl(PR_SET_CHILD_SUBREAPER)", nix::sys::prctl::set_child_subreaper(true))?;
    if crate::base::rights::are_borrowed() {
        // Scenarios look at each other's /proc. So they must be dumpable, and none may have rights that another lacks.
        match scenario.workload {
            Workload::Code(_) => crate::base::rights::keep_for(scenario.name),
            // Whatever its name is: it is its caller's own.
            Workload::Command(_) => crate::base::rights::keep_for(""),
        }
        step("prctl(PR_SET_DUMPABLE)", nix::sys::prctl::set_dumpable(true))?;
    }
    // The zygote has the default action for all others.
    for ignored in IGNORED {
        // SAFETY: no handler is installed, only the default action.
        step("sigaction", unsafe { signal(ignored, SigHandler::SigDfl) })?;
    }
    step("sigprocmask", sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None))?;
    step("chdir", enter())?;
    // The streams come first: one of them may have the number of the gate.
    let streams = fds.streams.iter().map(AsRawFd::as_raw_fd).zip(1..);
    for (from, to) in streams.chain([(fds.gate.as_raw_fd(), GATE)]) {
        // SAFETY: GATE and the descriptors that are closed below are copies of the zygote's, which nothing here owns.
        let moved = unsafe { libc::dup2(from, to) };
        step("dup2", Errno::result(moved))?;
    }
    step("close_range", close_range(3, GATE as u32 - 1))?;
    step("close_range", close_range(GATE as u32 + 1, u32::MAX))?;
    let short: Vec<u8> = scenario.name.bytes().take(15).collect();
    step("prctl(PR_SET_NAME)", nix::sys::prctl::set_name(&CString::new(short).unwrap_or_default()))?;
    Ok(())
}

/// Adds the name of the step: an errno does not say which call was refused.
fn step<T>(step: &str, result: nix::Result<T>) -> Result<T, Broken> {
    result.map_err(|errno| Broken::Step(format!("{step}: {errno}")))
}

/// close_range(2). Nothing in this process may use these descriptors any more.
pub fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: as the comment above asks of the caller.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(closed).map(drop)
}

fn caught<T>(part: impl FnOnce() -> Result<T, Broken>) -> Result<T, How> {
    match catch_unwind(AssertUnwindSafe(part)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Broken::Step(sentence))) => Err(How::Failed(sentence)),
        Ok(Err(Broken::Skip(sentence))) => Err(How::Skipped(sentence)),
        Ok(Err(Broken::Premise(sentence))) => Err(How::PremiseNotMet(sentence)),
        Err(payload) => Err(How::Panicked(message(payload.as_ref()))),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a value that is no text").to_owned()
}
