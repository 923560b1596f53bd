//! Programs of random file calls: how one is made, run in a child, and printed as a scenario.
#![allow(unsafe_code)]

use std::fmt::{self, Write};
use std::path::Path;

use ior_it::scenario::{Broken, Scenario, Setup, Word, act, raw};
use nix::errno::Errno;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// The scenario that runs the program it finds beside its workspace.
pub const GENERATED: Scenario = Scenario::new("generated", generated);
/// The file beside the workspace that the program comes in.
const FILE: &str = "program";

/// The slots that results are put into, from where later calls take their descriptors.
const SLOTS: usize = 4;
/// Calls write into memory of this size, and read from it.
const BUFFER: usize = 4096;
/// Where paths lead: files, a directory, something in it, nothing.
const PATHS: [&std::ffi::CStr; 8] = [c"a", c"b", c"dir", c"dir/a", c"./dir/../a", c"dir/none/a", c"", c"a/b"];

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A system call; its result goes into a slot, if it has one.
    Call { name: String, args: Vec<Arg>, to: Option<usize> },
    /// A child that takes these steps and exits, while its parent waits.
    Fork(Vec<Step>),
    /// A thread that takes these steps and exits, while the first one waits.
    Thread(Vec<Step>),
}

/// An argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg {
    /// A plain number, also one that is no descriptor.
    Number(i64),
    /// What is in a slot: -1 until something has been put there.
    Slot(usize),
    /// One of the paths.
    Path(usize),
    /// Memory to write to and to read from.
    Buffer,
    /// An address where nothing is.
    Nowhere,
}

/// What an argument is for, and so what is put there.
#[derive(Clone, Copy)]
enum Kind {
    Fd,
    Dir,
    Path,
    Buffer,
    Size,
    One(&'static [i64]),
}

use Kind::{Buffer, Dir, Fd, One, Path as Name, Size};

const ACCESS: Kind = One(&[0, 1, 2, 4, 7, 8]);
const MODE: Kind = One(&[0o600, 0o644, 0o755, 0o444]);
const OFFSET: Kind = One(&[0, 1, 10, 4096, -1, i64::MAX]);
/// Whatever a descriptor leads to, no call may block.
const OPEN: Kind = One(&[
    0,
    libc::O_RDWR as i64,
    (libc::O_RDWR | libc::O_CREAT) as i64,
    (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as i64,
    (libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC) as i64,
    (libc::O_RDONLY | libc::O_DIRECTORY) as i64,
    (libc::O_PATH | libc::O_NOFOLLOW) as i64,
    (libc::O_WRONLY | libc::O_APPEND) as i64,
]);
const NONBLOCK: Kind = One(&[libc::O_NONBLOCK as i64, (libc::O_NONBLOCK | libc::O_CLOEXEC) as i64, 2]);
const NEW_NUMBER: Kind = One(&[3, 5, 9, -1, 2_000_000]);
const AT_FLAGS: Kind = One(&[0, libc::AT_SYMLINK_NOFOLLOW as i64, libc::AT_EMPTY_PATH as i64, 0x8000_0000]);
const STATUS: Kind = One(&[
    libc::O_NONBLOCK as i64,
    (libc::O_NONBLOCK | libc::O_APPEND) as i64,
    (libc::O_NONBLOCK | libc::O_NOATIME) as i64,
]);

/// The calls, what goes into their arguments, and whether the result is worth keeping.
const CALLS: &[(&str, &[Kind], bool)] = &[
    ("openat", &[Dir, Name, OPEN, MODE], true),
    ("creat", &[Name, MODE], true),
    ("close", &[Fd], false),
    ("dup", &[Fd], true),
    ("dup2", &[Fd, NEW_NUMBER], true),
    ("dup3", &[Fd, NEW_NUMBER, One(&[0, libc::O_CLOEXEC as i64, 1])], true),
    ("fcntl", &[Fd, One(&[libc::F_DUPFD as i64, libc::F_DUPFD_CLOEXEC as i64]), One(&[0, 20, -1])], true),
    ("fcntl", &[Fd, One(&[libc::F_GETFD as i64, libc::F_GETFL as i64, 9999])], false),
    ("fcntl", &[Fd, One(&[libc::F_SETFD as i64]), One(&[0, 1])], false),
    ("fcntl", &[Fd, One(&[libc::F_SETFL as i64]), STATUS], false),
    ("read", &[Fd, Buffer, Size], false),
    ("write", &[Fd, Buffer, Size], false),
    ("pread64", &[Fd, Buffer, Size, OFFSET], false),
    ("pwrite64", &[Fd, Buffer, Size, OFFSET], false),
    ("lseek", &[Fd, OFFSET, One(&[0, 1, 2, 3, 4, 9])], false),
    ("ftruncate", &[Fd, One(&[0, 5, 10_000, -1])], false),
    ("truncate", &[Name, One(&[0, 5, 10_000, -1])], false),
    ("fstat", &[Fd, Buffer], false),
    ("newfstatat", &[Dir, Name, Buffer, AT_FLAGS], false),
    ("statx", &[Dir, Name, AT_FLAGS, One(&[0x7ff]), Buffer], false),
    ("fsync", &[Fd], false),
    ("fchmod", &[Fd, MODE], false),
    ("fchmodat", &[Dir, Name, MODE], false),
    ("faccessat", &[Dir, Name, ACCESS], false),
    ("renameat", &[Dir, Name, Dir, Name], false),
    ("renameat2", &[Dir, Name, Dir, Name, One(&[0, 1, 2, 9])], false),
    ("linkat", &[Dir, Name, Dir, Name, AT_FLAGS], false),
    ("symlinkat", &[Name, Dir, Name], false),
    ("readlinkat", &[Dir, Name, Buffer, Size], false),
    ("unlinkat", &[Dir, Name, One(&[0, libc::AT_REMOVEDIR as i64, 1])], false),
    ("mkdirat", &[Dir, Name, MODE], false),
    ("chdir", &[Name], false),
    ("fchdir", &[Fd], false),
    ("getcwd", &[Buffer, Size], false),
    ("getdents64", &[Fd, Buffer, Size], false),
    ("pipe2", &[Buffer, NONBLOCK], false),
    (
        "socketpair",
        &[One(&[libc::AF_UNIX as i64]), One(&[(libc::SOCK_STREAM | libc::SOCK_NONBLOCK) as i64]), One(&[0]), Buffer],
        false,
    ),
    ("eventfd2", &[One(&[0, 7]), NONBLOCK], true),
    ("memfd_create", &[Name, One(&[0, 1, 99])], true),
    ("copy_file_range", &[Fd, One(&[0]), Fd, One(&[0]), Size, One(&[0, 1])], false),
    ("sendfile", &[Fd, Fd, One(&[0]), Size], false),
    ("close_range", &[One(&[20, 40]), One(&[30, 4_294_967_295]), One(&[0, 4, 8])], false),
];

fn arg(kind: Kind) -> BoxedStrategy<Arg> {
    let slot = || (0..SLOTS).prop_map(Arg::Slot);
    let one = |numbers: &'static [i64]| proptest::sample::select(numbers).prop_map(Arg::Number);
    match kind {
        Fd => prop_oneof![8 => slot(), 1 => one(&[-1, 0, 3, 4, 99_999, 0x1_0000_0003])].boxed(),
        Dir => prop_oneof![6 => one(&[libc::AT_FDCWD as i64]), 2 => slot(), 1 => one(&[-1, 99_999])].boxed(),
        Name => {
            prop_oneof![12 => (0..PATHS.len()).prop_map(Arg::Path), 1 => Just(Arg::Nowhere), 1 => one(&[0])].boxed()
        }
        Buffer => prop_oneof![12 => Just(Arg::Buffer), 1 => Just(Arg::Nowhere), 1 => one(&[0])].boxed(),
        Size => one(&[0, 1, 5, 100, BUFFER as i64]).boxed(),
        One(numbers) => one(numbers).boxed(),
    }
}

fn call() -> impl Strategy<Value = Step> {
    (0..CALLS.len()).prop_flat_map(|number| {
        let (name, kinds, kept) = CALLS[number];
        let args: Vec<_> = kinds.iter().map(|&kind| arg(kind)).collect();
        let to = if kept { (0..SLOTS).prop_map(Some).boxed() } else { Just(None).boxed() };
        (args, to).prop_map(move |(args, to)| Step::Call { name: name.to_owned(), args, to })
    })
}

/// Programs of up to 30 steps, of which some fork and some start a thread.
pub fn programs() -> impl Strategy<Value = Vec<Step>> {
    let inner = || proptest::collection::vec(call(), 0..8);
    let step = prop_oneof![
        24 => call(),
        1 => inner().prop_map(Step::Fork),
        1 => inner().prop_map(Step::Thread),
    ];
    proptest::collection::vec(step, 1..30)
}

/// Puts the program where the scenario finds it: into the folder of the workspaces.
pub fn store(folder: &Path, program: &[Step]) -> Result<(), Box<dyn std::error::Error>> {
    Ok(std::fs::write(folder.join(FILE), rmp_serde::to_vec(program)?)?)
}

fn generated() -> Setup {
    let bytes = std::fs::read(Path::new("..").join(FILE))?;
    let program: Vec<Step> = rmp_serde::from_slice(&bytes).map_err(|error| Broken::Step(error.to_string()))?;
    // What a program does to descriptors 0 to 2 must not reach the machine's own /dev/null.
    let own = std::fs::File::create("stream")?;
    nix::unistd::dup2_stdin(&own)?;
    nix::unistd::dup2_stdout(&own)?;
    nix::unistd::dup2_stderr(&own)?;
    // SAFETY: "ignore" is no handler. A write into a pipe that nobody reads shall fail with EPIPE.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let mut state = State { slots: [-1; SLOTS], buffer: vec![b'x'; BUFFER] };
    act(move || state.run(&program))
}

/// What the steps of a process share.
struct State {
    slots: [i64; SLOTS],
    buffer: Vec<u8>,
}

impl State {
    fn run(&mut self, steps: &[Step]) -> Result<(), Broken> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Broken> {
        match step {
            Step::Call { name, args, to } => {
                let words: Vec<i64> = args.iter().map(|&arg| self.word(arg)).collect();
                // Whether it succeeds is not the point.
                let result = raw_by_name(name, &words);
                if let Some(slot) = to {
                    self.slots[*slot] = result;
                }
                Ok(())
            }
            Step::Fork(steps) => self.fork(steps),
            Step::Thread(steps) => std::thread::scope(|scope| {
                let thread = scope.spawn(|| self.run(steps));
                thread.join().unwrap_or_else(|_| Err(Broken::Step("the thread panicked".to_owned())))
            }),
        }
    }

    fn fork(&mut self, steps: &[Step]) -> Result<(), Broken> {
        // SAFETY: the only other threads of this process have been joined.
        match unsafe { libc::fork() } {
            0 => {
                let failed = self.run(steps).is_err();
                // SAFETY: ends the child without running what its parent registered.
                unsafe { libc::_exit(failed.into()) }
            }
            child => {
                let mut status = 0;
                // SAFETY: room for a status.
                let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
                Errno::result(waited)?;
                if status == 0 { Ok(()) } else { Err(Broken::Step(format!("a child ended with {status:#x}"))) }
            }
        }
    }

    fn word(&mut self, arg: Arg) -> i64 {
        match arg {
            Arg::Number(number) => number,
            Arg::Slot(slot) => self.slots[slot],
            Arg::Path(path) => PATHS[path].word(),
            Arg::Buffer => self.buffer.as_mut_ptr().word(),
            Arg::Nowhere => 1,
        }
    }
}

/// The result, or -1.
fn raw_by_name(name: &str, words: &[i64]) -> i64 {
    CALLS.iter().find(|call| call.0 == name).and_then(|call| raw(call.0, words).ok()).unwrap_or(-1)
}

/// A program as the body of a scenario.
pub struct Source<'p>(pub &'p [Step]);

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        steps(&mut text, self.0, 2)?;
        write!(
            f,
            "fn generated() -> Setup {{\n    let mut slots = [-1_i64; {SLOTS}];\n    let mut buffer = vec![b'x'; {BUFFER}];\n    \
             act(move || {{\n{text}        Ok(())\n    }})\n}}"
        )
    }
}

fn steps(text: &mut String, program: &[Step], depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for step in program {
        match step {
            Step::Call { name, args, to } => {
                let args: Vec<String> = args.iter().map(|&arg| argument(arg)).collect();
                let call = format!("call!({name}, {})", args.join(", "));
                match to {
                    Some(slot) => writeln!(text, "{indent}slots[{slot}] = {call}.unwrap_or(-1);")?,
                    None => writeln!(text, "{indent}let _ = {call};")?,
                }
            }
            Step::Fork(inner) => block(text, inner, depth, "in_child(|| {", "});")?,
            Step::Thread(inner) => {
                block(text, inner, depth, "std::thread::scope(|scope| { let _ = scope.spawn(|| {", "}).join(); });")?
            }
        }
    }
    Ok(())
}

fn block(text: &mut String, inner: &[Step], depth: usize, open: &str, close: &str) -> fmt::Result {
    let indent = "    ".repeat(depth);
    writeln!(text, "{indent}{open}")?;
    steps(text, inner, depth + 1)?;
    writeln!(text, "{indent}{close}")
}

fn argument(arg: Arg) -> String {
    match arg {
        Arg::Number(number) if number == i64::from(libc::AT_FDCWD) => "libc::AT_FDCWD".to_owned(),
        Arg::Number(number) => format!("{number}_i64"),
        Arg::Slot(slot) => format!("slots[{slot}]"),
        Arg::Path(path) => format!("{:?}", PATHS[path]).replacen('"', "c\"", 1),
        Arg::Buffer => "buffer.as_mut_ptr()".to_owned(),
        Arg::Nowhere => "1_i64".to_owned(),
    }
}
