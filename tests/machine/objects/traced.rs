//! The process that objects watch. On request it makes fences, and known calls between them.
#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use ior_it::support::subject::window::{FenceKind, Fences};
use ior_it::support::subject::{Said, Value};
use libtest_mimic::Failed;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Makes this program act as the traced process.
pub const WORK: &str = "IOR_IT_TEST_OBJECT";

/// The traced process. On request it makes fences, and between the last ones the calls that are judged.
pub fn works(kind: &str) -> ExitCode {
    let out = ior_it::support::base::tell::StandardStream::Out;
    let fences = Fences { kind: if kind == "open" { FenceKind::Open } else { FenceKind::Close }, nonce: NONCE };
    for order in BufReader::new(std::io::stdin()).lines() {
        let Ok(order) = order else { return ExitCode::FAILURE };
        let numbers: Vec<u64> = order.split(' ').filter_map(|word| word.parse().ok()).collect();
        match numbers.as_slice() {
            [number] => fences.make(*number),
            [open, closing, repeats] => {
                let cpus = cpus();
                fences.make(*open);
                let made = (0..*repeats).fold([0; 9], |_, _| act(if *repeats <= MOVES { cpus } else { 0 }));
                fences.make_on_each_cpu(*closing, cpus);
                out.raw(&format!("{made:?}"));
            }
            _ => return ExitCode::FAILURE,
        }
        out.raw("\n");
    }
    ExitCode::SUCCESS
}

/// With more repeats than that it does not move, so that nothing can follow.
pub const MOVES: u64 = 200;
pub const NONCE: u64 = 0xb0b;
const ODD: &[u8] = b"odd\xff \"x\"\n.txt\0";

pub fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// Known calls, each on another CPU than the one before. Their results come from the kernel, as the process saw them.
fn act(cpus: u32) -> [i64; 9] {
    let mut calls = 0;
    let mut call = |number: libc::c_long, args: [usize; 4]| {
        calls += 1;
        if cpus > 0 {
            let mut one = CpuSet::new();
            let moved = one.set(calls % cpus as usize).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one));
            // If it may not run on that CPU, it stays.
            let _ = moved;
        }
        // SAFETY: paths end in a NUL, buffers are as large as is said, and no descriptor but those made here is closed.
        let result = unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) };
        if result < 0 { -i64::from(nix::errno::Errno::last_raw()) } else { result }
    };
    let cwd = libc::AT_FDCWD as usize;
    let at = |path: &[u8]| path.as_ptr() as usize;
    let file = call(libc::SYS_openat, [cwd, at(b"a.txt\0"), (libc::O_RDWR | libc::O_CREAT) as usize, 0o600]);
    let written = call(libc::SYS_write, [file as usize, b"hello".as_ptr() as usize, 5, 0]);
    let copy = call(libc::SYS_dup, [file as usize, 0, 0, 0]);
    let closed = [copy, file, 777].map(|fd| call(libc::SYS_close, [fd as usize, 0, 0, 0]));
    let none = call(libc::SYS_openat, [cwd, at(b"none.txt\0"), 0, 0o600]);
    let odd = call(libc::SYS_openat, [cwd, at(ODD), libc::O_WRONLY as usize, 0o600]);
    let moved = call(libc::SYS_lseek, [777, usize::MAX, 1, 0]);
    [file, written, copy, closed[0], closed[1], closed[2], none, odd, moved]
}

/// The known facts about the calls of [`act`]: the name, and the fields that an object may report.
pub fn made(results: &[i64], pid: u32) -> Vec<Said> {
    let [file, written, copy, ..] = *results else { return Vec::new() };
    let number = Value::Number;
    let open = |path: &[u8], flags: i32| {
        let said = Said::new("openat").with("path", path).with("flags", number(flags.into()));
        said.with("dirfd", number(libc::AT_FDCWD.into())).with("mode", number(0o600))
    };
    let on = |name: &str, fd: i64| Said::new(name).with("fd", number(fd));
    let calls = [
        open(b"a.txt", libc::O_RDWR | libc::O_CREAT),
        on("write", file).with("count", number(5)),
        on("dup", file),
        on("close", copy),
        on("close", file),
        on("close", 777),
        open(b"none.txt", 0),
        open(&ODD[..ODD.len() - 1], libc::O_WRONLY),
        on("lseek", 777).with("offset", number(-1)).with("whence", number(1)),
    ];
    let ret = |result: i64| if result < 0 { Value::Errno(-result as i32) } else { number(result) };
    let all = calls.into_iter().zip(results.iter().copied().map(ret));
    assert_eq!(written, 5);
    let process = || number(pid.into());
    all.map(|(said, ret)| said.with("ret", ret).with("pid", process()).with("tid", process())).collect()
}

/// The process, and the pipe with its orders.
pub struct Traced {
    pub child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl Traced {
    /// Starts it in a folder of its own.
    pub fn start(kind: FenceKind) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let kind = if kind == FenceKind::Open { "open" } else { "close" };
        let mut command = Command::new(std::env::current_exe()?);
        command.env(WORK, kind).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (orders, answers) = child.stdin.take().zip(child.stdout.take()).ok_or("it has no streams")?;
        Ok(Self { child, orders, answers: BufReader::new(answers), _folder: folder })
    }

    /// Gives it an order, and waits for its answer.
    pub fn order(&mut self, order: &str) -> Result<String, Failed> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
