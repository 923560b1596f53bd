//! Programs of random file calls: how one is made.

use std::path::Path;

use ior_it::support::child::scenario::Scenario;
use libc::{CLONE_FILES, CLONE_FS, CLONE_NEWNS, CLONE_VFORK};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

mod run;
mod source;

pub use source::Source;

/// The scenario that runs the program it finds beside its workspace.
pub const GENERATED: Scenario = Scenario::new("generated", run::generated);
/// The file beside the workspace that the program comes in.
const FILE: &str = "program";

/// The slots that results are put into, from where later calls take their descriptors.
const SLOTS: usize = 4;
/// Calls write into memory of this size, and read from it.
const BUFFER: usize = 4096;
/// Where paths lead: files, directories, something in them, upwards, nothing. Any of them may have become a symbolic link.
const PATHS: [&std::ffi::CStr; 22] = [
    c"a",
    c"b",
    c"link",
    c"dir",
    c"dir/a",
    c"dir/link",
    c"dir/sub",
    c"dir/sub/a",
    c"other",
    c"other/a",
    c"./dir/../a",
    c"..",
    c"../a",
    c"dir/sub/../../b",
    c"link/..",
    c"link/a",
    c"/",
    c"/a",
    c"/dir/",
    c"dir/none/a",
    c"",
    c"a/b",
];
/// Links of proc(5), which lead to what is open, or wherever the process is.
const MAGIC: [&std::ffi::CStr; 7] = [
    c"/proc/self/fd/3",
    c"/proc/self/fd/5",
    c"/proc/self/cwd",
    c"/proc/self/cwd/a",
    c"/proc/thread-self/root/dir",
    c"/proc/self/cwd/../b",
    c"/proc/self/fd",
];
/// `struct open_how`: flags, mode, and how paths are resolved (openat2(2)).
const HOWS: [[u64; 3]; 8] = [
    [libc::O_RDWR as u64, 0, libc::RESOLVE_IN_ROOT],
    [(libc::O_RDWR | libc::O_CREAT) as u64, 0o644, libc::RESOLVE_IN_ROOT],
    [libc::O_PATH as u64, 0, libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_XDEV],
    [(libc::O_RDONLY | libc::O_DIRECTORY) as u64, 0, libc::RESOLVE_BENEATH],
    [libc::O_PATH as u64, 0, libc::RESOLVE_NO_SYMLINKS],
    [(libc::O_PATH | libc::O_NOFOLLOW) as u64, 0, libc::RESOLVE_NO_MAGICLINKS],
    [libc::O_RDONLY as u64, 0, libc::RESOLVE_CACHED],
    [libc::O_RDONLY as u64, 0o7777, 0],
];

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A system call; its result goes into a slot, if it has one.
    Call { name: String, args: Vec<Arg>, to: Option<usize> },
    /// A child that takes these steps and exits, while its parent waits.
    Fork(Vec<Step>),
    /// The same with these flags of clone(2): what the two share.
    Clone { flags: i32, steps: Vec<Step> },
    /// A thread that takes these steps and exits, while the first one waits.
    Thread(Vec<Step>),
    /// A handler that takes these steps, while a call that waits is interrupted: it is made again, or fails.
    Interrupted { restarts: bool, steps: Vec<Step> },
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
    /// A link of proc(5).
    Magic(usize),
    /// A way to open.
    How(usize),
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
    Magic,
    Buffer,
    Size,
    How,
    One(&'static [i64]),
}

use Kind::{Buffer, Dir, Fd, How, Magic, One, Path as Name, Size};

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
    (libc::O_RDWR | libc::O_TMPFILE) as i64,
    (libc::O_RDONLY | libc::O_NOFOLLOW) as i64,
]);
/// What is behind a link of proc(5) may be a pipe that nobody writes to (fifo(7)).
const OPEN_ANYTHING: Kind = One(&[
    (libc::O_RDONLY | libc::O_NONBLOCK) as i64,
    (libc::O_RDWR | libc::O_NONBLOCK | libc::O_CREAT) as i64,
    libc::O_PATH as i64,
    (libc::O_PATH | libc::O_NOFOLLOW) as i64,
]);
const NONBLOCK: Kind = One(&[libc::O_NONBLOCK as i64, (libc::O_NONBLOCK | libc::O_CLOEXEC) as i64, 2]);
const NEW_NUMBER: Kind = One(&[3, 5, 9, -1, 2_000_000]);
const AT_FLAGS: Kind = One(&[0, libc::AT_SYMLINK_NOFOLLOW as i64, libc::AT_EMPTY_PATH as i64, 0x8000_0000]);
const LINK_FLAGS: Kind = One(&[0, libc::AT_SYMLINK_FOLLOW as i64, libc::AT_EMPTY_PATH as i64]);
const NULL: Kind = One(&[0]);
const SHARED: [i32; 6] = [0, CLONE_FS, CLONE_FILES, CLONE_FS | CLONE_FILES, CLONE_FS | CLONE_VFORK, CLONE_NEWNS];
const STATUS: Kind = One(&[
    libc::O_NONBLOCK as i64,
    (libc::O_NONBLOCK | libc::O_APPEND) as i64,
    (libc::O_NONBLOCK | libc::O_NOATIME) as i64,
]);

/// The calls, what goes into their arguments, and whether the result is worth keeping.
const CALLS: &[(&str, &[Kind], bool)] = &[
    ("openat", &[Dir, Name, OPEN, MODE], true),
    ("openat", &[Dir, Magic, OPEN_ANYTHING, MODE], true),
    ("openat2", &[Dir, Name, How, One(&[24, 24, 24, 8])], true),
    ("openat2", &[Fd, Name, How, One(&[24])], true),
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
    ("linkat", &[Dir, Name, Dir, Name, LINK_FLAGS], false),
    ("linkat", &[Dir, Magic, Dir, Name, LINK_FLAGS], false),
    // The targets are no links of proc(5): nothing else than a path that says so may lead to a pipe.
    ("symlinkat", &[Name, Dir, Name], false),
    ("readlinkat", &[Dir, Name, Buffer, Size], false),
    ("unlinkat", &[Dir, Name, One(&[0, libc::AT_REMOVEDIR as i64, 1])], false),
    ("mkdirat", &[Dir, Name, One(&[0o755, 0o700])], false),
    ("newfstatat", &[Dir, Magic, Buffer, AT_FLAGS], false),
    ("readlinkat", &[Dir, Magic, Buffer, Size], false),
    ("chdir", &[Name], false),
    ("chdir", &[Magic], false),
    ("fchdir", &[Fd], false),
    ("chroot", &[Name], false),
    ("chroot", &[Magic], false),
    ("unshare", &[One(&[CLONE_FS as i64, CLONE_FILES as i64, CLONE_NEWNS as i64])], false),
    ("mount", &[Name, Name, NULL, One(&[libc::MS_BIND as i64, libc::MS_MOVE as i64]), NULL], false),
    // Without MNT_DETACH that of the root would make the machine's own filesystem read-only (umount(2) of "/").
    ("umount2", &[Name, One(&[libc::MNT_DETACH as i64, (libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) as i64])], false),
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
            prop_oneof![24 => (0..PATHS.len()).prop_map(Arg::Path), 1 => Just(Arg::Nowhere), 1 => one(&[0])].boxed()
        }
        Magic => (0..MAGIC.len()).prop_map(Arg::Magic).boxed(),
        How => (0..HOWS.len()).prop_map(Arg::How).boxed(),
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

/// A step, within which there are others to this depth.
fn step(depth: u32) -> BoxedStrategy<Step> {
    if depth == 0 {
        return call().boxed();
    }
    let inner = || proptest::collection::vec(step(depth - 1), 0..8);
    let cloned = (proptest::sample::select(&SHARED), inner()).prop_map(|(flags, steps)| Step::Clone { flags, steps });
    let interrupted = (any::<bool>(), inner()).prop_map(|(restarts, steps)| Step::Interrupted { restarts, steps });
    prop_oneof![
        24 => call(),
        1 => inner().prop_map(Step::Fork),
        2 => cloned,
        1 => inner().prop_map(Step::Thread),
        1 => interrupted,
    ]
    .boxed()
}

/// Programs of up to 30 steps: calls, and what children, threads and handlers do. `dir/sub`, `dir/a` and `other` are there, and `link`,
/// which leads to the first.
pub fn programs() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(2), 1..30)
}

/// Puts the program where the scenario finds it: into the folder of the workspaces.
pub fn store(folder: &Path, program: &[Step]) -> Result<(), Box<dyn std::error::Error>> {
    Ok(std::fs::write(folder.join(FILE), rmp_serde::to_vec(program)?)?)
}
