//! The dull errors, made from the table of roles: each call is given one bad thing, and all else that it takes is plain.
//!
//! A line of a list is a call. What its other arguments are follows from their roles ([`plain`]), but for those of [`EXCEPTIONS`].

use std::ffi::CStr;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;

use libc::AT_FDCWD;
use nix::errno::Errno;

use super::steps::NOT_OPEN;
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, fails, raw};
use crate::table::syscalls::{Arg, Role, Syscall};

pub const ALL: &[Scenario] = &[
    Scenario::new("refused-descriptor", || refused(DESCRIPTOR, Bad::Descriptor)),
    Scenario::new("refused-descriptor-new", || refused(DESCRIPTOR_NEW, Bad::Descriptor)),
    Scenario::new("refused-descriptor-old", || refused(DESCRIPTOR_OLD, Bad::Descriptor)),
    Scenario::new("refused-path", || refused(PATH, Bad::Path)),
    Scenario::new("refused-path-new", || refused(PATH_NEW, Bad::Path)),
    Scenario::new("refused-path-old", || refused(PATH_OLD, Bad::Path)),
    Scenario::new("refused-not-directory", || refused_below(PATH, Bad::NotDirectory)),
    Scenario::new("refused-not-directory-old", || refused_below(PATH_OLD, Bad::NotDirectory)),
    Scenario::new("refused-loop", || refused_below(PATH, Bad::Loop)),
    Scenario::new("refused-loop-old", || refused_below(PATH_OLD, Bad::Loop)),
    Scenario::new("refused-long", || refused_below(PATH, Bad::Long)),
    Scenario::new("refused-long-old", || refused_below(PATH_OLD, Bad::Long)),
    Scenario::new("refused-denied", || denied(PATH)),
    Scenario::new("refused-denied-old", || denied(PATH_OLD)),
    Scenario::new("refused-string", || refused(PATH, Bad::String)),
    Scenario::new("refused-string-old", || refused(PATH_OLD, Bad::String)),
    Scenario::new("refused-pointer", || refused(POINTER, Bad::Pointer)),
    Scenario::new("refused-pointer-new", || refused(POINTER_NEW, Bad::Pointer)),
    Scenario::new("refused-pointer-old", || refused(POINTER_OLD, Bad::Pointer)),
    Scenario::new("refused-flag", || refused(FLAG, Bad::Flag)),
    Scenario::new("refused-flag-new", || refused(FLAG_NEW, Bad::Flag)),
];

/// What a call is given that it cannot take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bad {
    /// A number at which no descriptor is open.
    Descriptor,
    /// A path in a directory that is not there.
    Path,
    /// A path below a regular file.
    NotDirectory,
    /// A path through a symbolic link to itself.
    Loop,
    /// A path through a directory of another user.
    Denied,
    /// A path with a name of 256 bytes: one too many.
    Long,
    /// A path or text at an address at which nothing is.
    String,
    /// Such an address for all else.
    Pointer,
    /// A flag that no call has.
    Flag,
}

impl Bad {
    fn errno(self) -> Errno {
        match self {
            Bad::Descriptor => Errno::EBADF,
            Bad::Path => Errno::ENOENT,
            Bad::NotDirectory => Errno::ENOTDIR,
            Bad::Loop => Errno::ELOOP,
            Bad::Denied => Errno::EACCES,
            Bad::Long => Errno::ENAMETOOLONG,
            Bad::String | Bad::Pointer => Errno::EFAULT,
            Bad::Flag => Errno::EINVAL,
        }
    }
}

const DESCRIPTOR: &[&str] = &[
    "readv",
    "writev",
    "preadv",
    "pwritev",
    "preadv2",
    "pwritev2",
    "pread64",
    "pwrite64",
    "read",
    "write",
    "lseek",
    "readahead",
    "fadvise64",
    "getdents64",
    "sendfile",
    "splice",
    "tee",
    "vmsplice",
    "flock",
    "ioctl",
    "dup",
    "dup3",
    "fchdir",
    "fstat",
    "fstatfs",
    "fchmod",
    "fchown",
    "fsetxattr",
    "fgetxattr",
    "flistxattr",
    "fremovexattr",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "syncfs",
    "ftruncate",
    "fallocate",
    "timerfd_settime",
    "timerfd_gettime",
    "signalfd4",
    "pidfd_getfd",
    "epoll_ctl",
    "epoll_pwait",
    "inotify_add_watch",
    "inotify_rm_watch",
    "fanotify_mark",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "shutdown",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "io_uring_enter",
    "io_uring_register",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "mq_getsetattr",
];

/// Calls that not every kernel of the tracer has.
const DESCRIPTOR_NEW: &[&str] = &["epoll_pwait2", "fsconfig", "fsmount", "quotactl_fd", "cachestat"];

/// Calls that not every architecture has.
const DESCRIPTOR_OLD: &[&str] = &["dup2", "getdents", "signalfd", "epoll_wait"];

const PATH: &[&str] = &[
    "openat",
    "renameat2",
    "linkat",
    "symlinkat",
    "readlinkat",
    "unlinkat",
    "mkdirat",
    "mknodat",
    "chdir",
    "newfstatat",
    "statx",
    "faccessat",
    "statfs",
    "truncate",
    "fchmodat",
    "fchownat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "getxattr",
    "lgetxattr",
    "listxattr",
    "llistxattr",
    "removexattr",
    "lremovexattr",
    "umount2",
];

const PATH_NEW: &[&str] = &[
    "faccessat2",
    "fchmodat2",
    "mount",
    "pivot_root",
    "move_mount",
    "mount_setattr",
    "open_tree",
    "open_tree_attr",
    "fspick",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "setxattrat",
    "getxattrat",
    "listxattrat",
    "removexattrat",
    "file_getattr",
    "file_setattr",
    "mq_unlink",
];

const PATH_OLD: &[&str] = &[
    "open",
    "creat",
    "rename",
    "renameat",
    "link",
    "symlink",
    "readlink",
    "unlink",
    "rmdir",
    "mkdir",
    "mknod",
    "stat",
    "lstat",
    "access",
    "chmod",
    "chown",
    "lchown",
    "utime",
    "utimes",
    "futimesat",
];

const POINTER: &[&str] = &["pipe2", "socketpair", "io_setup", "io_uring_setup", "ppoll", "pselect6"];

const POINTER_NEW: &[&str] = &["statmount", "listmount", "bpf", "perf_event_open"];

const POINTER_OLD: &[&str] = &["pipe", "poll", "select"];

const FLAG: &[&str] = &[
    "close_range",
    "dup3",
    "renameat2",
    "linkat",
    "unlinkat",
    "newfstatat",
    "statx",
    "fchownat",
    "utimensat",
    "pipe2",
    "memfd_create",
    "eventfd2",
    "timerfd_create",
    "signalfd4",
    "pidfd_open",
    "epoll_create1",
    "inotify_init1",
    "fanotify_init",
];

const FLAG_NEW: &[&str] =
    &["faccessat2", "fchmodat2", "userfaultfd", "open_tree", "fsopen", "fspick", "fsmount", "memfd_secret"];

/// Arguments that are not plain: the kernel looks at them before it looks at what is bad.
const EXCEPTIONS: &[(&str, &str, i64)] = &[
    ("signalfd4", "sizemask", 8),
    ("signalfd", "sizemask", 8),
    ("epoll_pwait", "sigsetsize", 8),
    ("epoll_pwait2", "sigsetsize", 8),
    ("epoll_ctl", "op", libc::EPOLL_CTL_ADD as i64),
    ("inotify_add_watch", "mask", libc::IN_CREATE as i64),
    ("fanotify_mark", "flags", libc::FAN_MARK_ADD as i64),
    ("fanotify_mark", "mask", libc::FAN_OPEN as i64),
    ("fsconfig", "value", 0),
    ("fsconfig", "aux", 0),
    ("dup3", "newfd", 63),
    ("open_tree_attr", "size", 32),
    ("mount_setattr", "size", 32),
    ("setxattrat", "size", 16),
    ("getxattrat", "size", 16),
    ("file_getattr", "size", 24),
    ("file_setattr", "size", 24),
    // Q_GETFMT of users (quotactl(2)).
    ("quotactl", "op", 0x8000_0400),
    ("quotactl_fd", "op", 0x8000_0400),
    // An event that is not armed would be looked at before the mask of signals.
    ("ppoll", "sigsetsize", 8),
    ("flock", "op", libc::LOCK_SH as i64),
    ("splice", "len", 1),
    ("tee", "len", 1),
    ("io_uring_setup", "entries", 1),
    ("bpf", "size", 8),
    ("pidfd_open", "pid", 1),
];

/// Room for whatever the kernel reads or fills in: zeroes, but for attributes of a mount, which say that something is to be set.
static ROOM: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
static SET: [u64; 8] = [1, 0, 0, 0, 0, 0, 0, 0];
/// An address at which nothing is: the first page is never mapped.
const NOWHERE: i64 = 8;
const NO_FLAG: i64 = 1 << 30;

/// The strings that are not bad. A call that is refused early does not read them.
static STRINGS: [&CStr; 4] = [c".", c"user.ior", c"missing/x", c"ior-missing"];

/// The bad paths of more kinds.
const BELOW_FILE: &CStr = c"x.txt/x";
const BELOW_LOOP: &CStr = c"loop/x";
const BELOW_LOCKED: &CStr = c"locked/x";
static LONG_NAME: [u8; 257] = {
    let mut name = [b'n'; 257];
    name[256] = 0;
    name
};

/// Makes what the paths lead through, then as [`refused`].
fn refused_below(calls: &'static [&'static str], bad: Bad) -> Setup {
    std::fs::write("x.txt", "")?;
    std::os::unix::fs::symlink("loop", "loop")?;
    drop(black_box((black_box(LONG_NAME).to_vec(), BELOW_FILE.to_bytes().to_vec(), BELOW_LOOP.to_bytes().to_vec())));
    refused(calls, bad)
}

/// Makes the calls as a user who has no rights (nobody), and is root again at the end. umount2 asks for rights before it looks
/// at its path.
fn denied(calls: &'static [&'static str]) -> Setup {
    use std::os::unix::fs::DirBuilderExt;
    if !nix::unistd::Uid::effective().is_root() {
        return Err(Broken::Skip("it takes the rights of root: another user".to_owned()));
    }
    std::fs::DirBuilder::new().mode(0o700).create("locked")?;
    drop(black_box(black_box(BELOW_LOCKED).to_bytes().to_vec()));
    STRINGS.iter().for_each(|text| drop(black_box(black_box(*text).to_bytes().to_vec())));
    act(move || {
        let become_user = |id: i64| raw("setresuid", &[id, id, -1]);
        become_user(65_534)?;
        let mut calls = calls.iter().filter(|call| **call != "umount2");
        let refused = calls.try_for_each(|call| one(call, Bad::Denied));
        become_user(0)?;
        refused
    })
}

/// Makes each call of the list, which must be refused.
fn refused(calls: &'static [&'static str], bad: Bad) -> Setup {
    // They are in memory before a call is made: the tracer cannot read what nobody has read.
    STRINGS.iter().for_each(|text| drop(black_box(black_box(*text).to_bytes().to_vec())));
    act(move || calls.iter().try_for_each(|call| one(call, bad)))
}

fn one(call: &'static str, bad: Bad) -> Result<(), Broken> {
    let Some(row) = Syscall::by_name(call) else {
        return Err(Broken::Skip(format!("this architecture has no {call}")));
    };
    let mut words = [0; 6];
    for (word, arg) in words.iter_mut().zip(row.args) {
        *word = word_of(call, arg, bad);
    }
    match raw(call, &words) {
        Err(Failed { errno: Errno::EPERM, .. }) => Err(Broken::Skip(format!("{call} takes the rights of root"))),
        result => fails(result, bad.errno()),
    }
}

fn word_of(call: &str, arg: &Arg, bad: Bad) -> i64 {
    let exception = EXCEPTIONS.iter().find(|(of, name, _)| *of == call && *name == arg.name);
    if let Some(&(_, _, word)) = exception.filter(|_| !(bad == Bad::Flag && arg.name == "flags")) {
        return word;
    }
    let address = |text: &CStr| text.as_ptr() as i64;
    match (arg.role, bad) {
        (Role::Fd, Bad::Descriptor) => NOT_OPEN.into(),
        (Role::Path, Bad::Path) => address(STRINGS[2]),
        (Role::Path, Bad::NotDirectory) => address(BELOW_FILE),
        (Role::Path, Bad::Loop) => address(BELOW_LOOP),
        (Role::Path, Bad::Denied) => address(BELOW_LOCKED),
        (Role::Path, Bad::Long) => LONG_NAME.as_ptr() as i64,
        // The kernel looks for a queue by its name.
        (Role::Text, Bad::Path) if call.starts_with("mq_") => address(STRINGS[3]),
        (Role::Path | Role::Text, Bad::String) => NOWHERE,
        (Role::Pointer, Bad::Pointer) => NOWHERE,
        (Role::Flags(_), Bad::Flag) if matches!(arg.name, "flags" | "event_f_flags") => NO_FLAG,
        (Role::Choice(_), Bad::Flag) if arg.name == "type" => NO_FLAG,
        (Role::Pointer, _) if arg.name == "attr" => SET.as_ptr() as i64,
        _ => plain(arg.role),
    }
}

/// An argument that no call objects to.
fn plain(role: Role) -> i64 {
    match role {
        Role::Fd => NOT_OPEN.into(),
        Role::FdNumber | Role::Flags(_) | Role::Choice(_) | Role::Signed => 0,
        Role::DirFd => AT_FDCWD.into(),
        Role::Path => STRINGS[0].as_ptr() as i64,
        Role::Text => STRINGS[1].as_ptr() as i64,
        Role::Mode => 0o644,
        Role::Id => -1,
        Role::Int | Role::Named(_) | Role::Unsigned | Role::UnsignedInt => 1,
        Role::Pointer => ROOM.as_ptr() as i64,
    }
}
