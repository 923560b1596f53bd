//! The program as init of a virtual machine: it makes the machine ready, runs the program again with the arguments of the order, and
//! says what that says.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::termios::{SetArg, cfmakeraw, tcdrain, tcgetattr, tcsetattr};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, getpid};

use super::frames::GuestFrame;
use super::order::{self, GuestOrder};
use crate::base::tell::StandardStream;

/// What is mounted: the type, and where. What this kernel lacks stays away, and the program says so where it needs it.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", order::TEMPORARY),
    ("tracefs", "/sys/kernel/tracing"),
    ("devpts", "/dev/pts"),
];

/// How many bytes of output one frame has at most.
const PIECE: usize = 16 << 10;

/// Whether this process is the init of such a machine.
pub fn is_init() -> bool {
    getpid().as_raw() == 1 && Path::new(order::FILE).exists()
}

/// Does all that there is to do, and switches the machine off. A failure is a sentence on the console.
pub fn run() -> ! {
    if let Err(error) = act() {
        StandardStream::Error.line(&format!("ior-it as init: {error}"));
    }
    // What is on the way to the host must be there before the machine is off.
    let _ = File::options().write(true).open("/dev/console").map(tcdrain);
    let _ = reboot(RebootMode::RB_POWER_OFF);
    std::process::exit(1)
}

fn act() -> io::Result<()> {
    for (kind, place) in MOUNTS {
        let _ = std::fs::create_dir_all(place);
        let _ = mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>);
    }
    let order: GuestOrder = serde_json::from_slice(&std::fs::read(order::FILE)?)?;
    let port = Port::open(&order.port)?;
    let release = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
    port.say(&GuestFrame::Hello(release))?;
    if let Err(error) = loopback_up() {
        port.say(&GuestFrame::ErrorOutput(format!("warning: no loopback interface: {error}\n").into_bytes()))?;
    }
    let code = match started(&order) {
        Ok(child) => ran(child, &port)?,
        Err(error) => {
            port.say(&GuestFrame::ErrorOutput(format!("error: {}: {error}\n", order::PROGRAM).into_bytes()))?;
            1
        }
    };
    send_back(&port, Path::new(order::SENT_BACK), Path::new(""))?;
    port.say(&GuestFrame::Exit(code))?;
    port.drain();
    Ok(())
}

/// The port that takes the frames, each whole.
#[derive(Clone)]
struct Port(Arc<Mutex<File>>);

impl Port {
    /// Opens it as a line without any rules: bytes pass as they are.
    fn open(path: &str) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let mut rules = tcgetattr(&file)?;
        cfmakeraw(&mut rules);
        tcsetattr(&file, SetArg::TCSANOW, &rules)?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    fn say(&self, frame: &GuestFrame) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&frame.encode())
    }

    fn drain(&self) {
        let _ = tcdrain(&*self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn started(order: &GuestOrder) -> io::Result<Child> {
    Command::new(order::PROGRAM)
        .args(&order.arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Passes on what it says until it has ended, and returns its exit code. Nothing that it has left behind holds the pipes: all that
/// runs is killed first.
fn ran(mut child: Child, port: &Port) -> io::Result<u8> {
    let passing = [
        child.stdout.take().map(|output| passed(output, port.clone(), GuestFrame::Output)),
        child.stderr.take().map(|output| passed(output, port.clone(), GuestFrame::ErrorOutput)),
    ];
    let status = reaped(Pid::from_raw(child.id().cast_signed()))?;
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    for thread in passing.into_iter().flatten() {
        let _ = thread.join();
    }
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()) as u8)
}

fn passed(mut output: impl Read + Send + 'static, port: Port, frame: fn(Vec<u8>) -> GuestFrame) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = vec![0; PIECE];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            if port.say(&frame(bytes[..count].to_vec())).is_err() {
                return;
            }
        }
    })
}

/// Reaps whatever ends, as an init must, until this process ends.
fn reaped(process: Pid) -> io::Result<ExitStatus> {
    loop {
        match wait()? {
            WaitStatus::Exited(pid, code) if pid == process => return Ok(ExitStatus::from_raw(code << 8)),
            WaitStatus::Signaled(pid, signal, _) if pid == process => return Ok(ExitStatus::from_raw(signal as i32)),
            _ => {}
        }
    }
}

/// Sends each file of a folder.
fn send_back(port: &Port, folder: &Path, name: &Path) -> io::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = name.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            send_back(port, &entry.path(), &name)?;
            continue;
        }
        port.say(&GuestFrame::FileBegins(name.as_os_str().as_bytes().to_vec()))?;
        for piece in std::fs::read(entry.path())?.chunks(PIECE) {
            port.say(&GuestFrame::FileBytes(piece.to_vec()))?;
        }
    }
    Ok(())
}

/// `ip link set lo up` (netdevice(7)).
fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: zeros are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = CString::new("lo")?;
    for (to, from) in request.ifr_name.iter_mut().zip(name.as_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is a whole ifreq with a name that ends with a NUL, and outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
