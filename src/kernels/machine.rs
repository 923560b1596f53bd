//! One virtual machine from its start to its end.
#![allow(unsafe_code)]

use std::fmt;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::console::{Console, ConsoleFault};
use super::emulator::{Acceleration, Emulator, MachineDescriptors};
use super::frames::{FrameReader, GuestFrame};
use super::pack::PackedInitramfs;
use crate::base::error::Error;

/// With KVM, a machine that says nothing for this long is tried again without.
const KVM_SILENCE: Duration = Duration::from_secs(10);
/// The memory of a machine beside its initramfs, which is there twice while it is unpacked.
const MEMORY_MIB: u64 = 1024;

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineEnd {
    /// What it ran has ended with this exit code.
    Ended(u8),
    /// The kernel was no longer able to run it, with the last lines of the console.
    Broken(BrokenKernel, Vec<String>),
}

/// What was wrong with a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokenKernel {
    /// A panic, with the line that says so.
    Panic(String),
    /// An oops, or a bug that the kernel noticed.
    Oops(String),
    /// Nothing came from it for so long.
    Hung(Duration),
    /// It has not come to the start of the program.
    NotBooted,
    /// It went away before the program had ended.
    Left,
    /// The port for frames has other bytes.
    Garbled,
}

impl fmt::Display for BrokenKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(line) => write!(f, "it panicked: {line}"),
            Self::Oops(line) => write!(f, "it oopsed: {line}"),
            Self::Hung(silence) => write!(f, "it hung: nothing came from it for {} seconds", silence.as_secs_f64()),
            Self::NotBooted => write!(f, "it did not boot as far as ior-it"),
            Self::Left => write!(f, "it switched itself off before ior-it had ended"),
            Self::Garbled => write!(f, "it wrote to the port of ior-it itself"),
        }
    }
}

/// A machine that is to run.
#[derive(Clone, Copy, Debug)]
pub struct VirtualMachine<'m> {
    /// QEMU.
    pub emulator: &'m Emulator,
    /// The kernel.
    pub kernel: &'m Path,
    /// The initramfs.
    pub initramfs: &'m PackedInitramfs,
    /// How long nothing may come from it.
    pub silence: Duration,
}

/// The machines that run, for who must end all of them.
#[derive(Clone, Debug, Default)]
pub struct RunningMachines(Arc<Mutex<Vec<Child>>>);

impl RunningMachines {
    fn lock(&self) -> MutexGuard<'_, Vec<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one, unless they were all ended. Returns its pid.
    fn start(&self, command: &mut Command) -> io::Result<u32> {
        let mut running = self.lock();
        let child = command.spawn()?;
        let pid = child.id();
        running.push(child);
        Ok(pid)
    }

    /// Kills one if it still runs, and reaps it.
    fn end(&self, pid: u32) -> io::Result<ExitStatus> {
        let mut running = self.lock();
        let at = running.iter().position(|child| child.id() == pid).ok_or(io::ErrorKind::NotFound)?;
        let mut child = running.swap_remove(at);
        // It may have ended by itself.
        let _ = child.kill();
        child.wait()
    }

    /// Kills and reaps all of them. None can be started as long as the guard lives.
    pub fn end_all(&self) -> impl Drop + '_ {
        let mut running = self.lock();
        for mut child in running.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
        running
    }
}

/// Where bytes came from; no bytes: it is closed.
enum Came {
    Console(Vec<u8>),
    Frames(Vec<u8>),
    /// QEMU itself.
    Emulator(Vec<u8>),
}

/// What is known of a machine that runs.
struct Heard {
    console: Console,
    emulator: Vec<u8>,
    frames: FrameReader,
    is_booted: bool,
    /// The exit code of what it ran. The console may still have something to say: it comes by another way.
    exit: Option<u8>,
}

impl VirtualMachine<'_> {
    /// Runs it. `hear` gets what the guest says, and `tell` what a user should know.
    pub fn run(
        &self,
        running: &RunningMachines,
        hear: &mut dyn FnMut(GuestFrame),
        tell: &dyn Fn(&str),
    ) -> Result<(MachineEnd, Acceleration), Error> {
        let acceleration = self.emulator.acceleration();
        let (end, is_booted) = self.attempt(acceleration, running, hear)?;
        let may_be_kvm = match &end {
            MachineEnd::Broken(BrokenKernel::Hung(_) | BrokenKernel::NotBooted, _) => !is_booted,
            MachineEnd::Ended(_) | MachineEnd::Broken(..) => false,
        };
        if acceleration != Acceleration::Kvm || !may_be_kvm {
            return Ok((end, acceleration));
        }
        if self.emulator.give_up_kvm() {
            tell("KVM is there and boots nothing: the processors are emulated");
        }
        let (end, _) = self.attempt(Acceleration::Emulated, running, hear)?;
        Ok((end, Acceleration::Emulated))
    }

    fn attempt(
        &self,
        acceleration: Acceleration,
        running: &RunningMachines,
        hear: &mut dyn FnMut(GuestFrame),
    ) -> Result<(MachineEnd, bool), Error> {
        let cannot = |error| super::cannot_make("QEMU could not be started", error);
        let (pid, came) = self.start(acceleration, running).map_err(cannot)?;
        let frames = FrameReader::default();
        let mut heard =
            Heard { console: Console::default(), emulator: Vec::new(), frames, is_booted: false, exit: None };
        let end = loop {
            let is_tried = acceleration == Acceleration::Kvm && !heard.is_booted;
            let silence = if is_tried { self.silence.min(KVM_SILENCE) } else { self.silence };
            match came.recv_timeout(silence) {
                Ok(came) => {
                    if heard.hear(came, hear).is_err() {
                        break heard.broken(BrokenKernel::Garbled);
                    }
                }
                Err(RecvTimeoutError::Timeout) => break heard.ended(BrokenKernel::Hung(silence)),
                Err(RecvTimeoutError::Disconnected) if heard.is_booted => break heard.ended(BrokenKernel::Left),
                Err(RecvTimeoutError::Disconnected) => break heard.ended(BrokenKernel::NotBooted),
            }
        };
        running.end(pid).map_err(cannot)?;
        Ok((end, heard.is_booted))
    }

    fn start(&self, acceleration: Acceleration, running: &RunningMachines) -> io::Result<(u32, Receiver<Came>)> {
        let (console, console_end) = io::pipe()?;
        let (frames, frames_end) = io::pipe()?;
        let (errors, errors_end) = io::pipe()?;
        let descriptors = MachineDescriptors {
            initramfs: self.initramfs.file.as_raw_fd(),
            console: console_end.as_raw_fd(),
            frames: frames_end.as_raw_fd(),
        };
        let memory = MEMORY_MIB + 2 * (self.initramfs.size >> 20);
        let mut command = Command::new(self.emulator.program());
        command.args(self.emulator.arguments(acceleration, self.kernel, descriptors, memory));
        command.stdin(Stdio::null()).stdout(errors_end.try_clone()?).stderr(errors_end);
        // Ctrl-C is for this process: it ends QEMU itself, and then says so.
        command.process_group(0);
        let kept = [descriptors.initramfs, descriptors.console, descriptors.frames];
        // SAFETY: prctl(2) and fcntl(2) are async-signal-safe, and nothing else is called.
        unsafe { command.pre_exec(move || prepare(kept)) };
        let pid = running.start(&mut command)?;
        drop((command, console_end, frames_end));
        let (give, take) = unbounded();
        pass(console, give.clone(), Came::Console)?;
        pass(frames, give.clone(), Came::Frames)?;
        pass(errors, give, Came::Emulator)?;
        Ok((pid, take))
    }
}

/// In the child: it dies with the thread that has started it, and keeps these descriptors.
fn prepare(kept: [RawFd; 3]) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    for descriptor in kept {
        // SAFETY: the caller holds them open.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    Ok(())
}

/// Passes on what comes, until the other end is closed.
fn pass(mut from: PipeReader, to: Sender<Came>, came: fn(Vec<u8>) -> Came) -> io::Result<()> {
    let pass = move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if to.send(came(bytes[..count].to_vec())).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("machine".to_owned()).spawn(pass).map(drop)
}

impl Heard {
    /// Takes what came. An error: the port for frames has other bytes.
    fn hear(&mut self, came: Came, hear: &mut dyn FnMut(GuestFrame)) -> Result<(), ()> {
        match came {
            Came::Console(bytes) => self.console.add(&bytes),
            Came::Emulator(bytes) => self.emulator.extend(bytes),
            Came::Frames(bytes) => {
                self.frames.add(&bytes);
                while let Some(frame) = self.frames.next()? {
                    match frame {
                        GuestFrame::Exit(code) => self.exit = Some(code),
                        frame => hear(frame),
                    }
                    self.is_booted = true;
                }
            }
        }
        Ok(())
    }

    /// The end of a machine from which nothing more comes. An oops that has not ended the kernel is found all the same.
    fn ended(&self, without_exit: BrokenKernel) -> MachineEnd {
        match (self.exit, self.console.fault()) {
            (Some(code), None) => MachineEnd::Ended(code),
            (Some(_), Some(_)) | (None, _) => self.broken(without_exit),
        }
    }

    /// What the console says of itself is the reason, whatever was noticed of it.
    fn broken(&self, noticed: BrokenKernel) -> MachineEnd {
        let broken = match self.console.fault() {
            Some((ConsoleFault::Panic, line)) => BrokenKernel::Panic(line.to_owned()),
            Some((ConsoleFault::Oops, line)) => BrokenKernel::Oops(line.to_owned()),
            None => noticed,
        };
        let of_emulator = String::from_utf8_lossy(&self.emulator).into_owned();
        let lines = self.console.last_lines().into_iter().chain(of_emulator.lines().map(str::to_owned));
        MachineEnd::Broken(broken, lines.collect())
    }
}
