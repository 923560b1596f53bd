//! The classes of calls of strace(1), and one for io_uring.
//!
//! No I/O. What takes a path or a descriptor is in the table of calls; the other classes are lists.

use super::{has_descriptor, takes_path};
use crate::table::syscalls::Syscall;

/// One class.
pub struct CallClass {
    /// With the signs that the man page gives it.
    name: &'static str,
    /// Another name.
    alias: &'static str,
    members: Members,
}

enum Members {
    /// The rows for which this is true.
    Rows(fn(&Syscall) -> bool),
    /// These names. One that ends in `*` stands for all that begin so.
    Named(&'static [&'static str]),
}

const fn rows(name: &'static str, alias: &'static str, is_member: fn(&Syscall) -> bool) -> CallClass {
    CallClass { name, alias, members: Members::Rows(is_member) }
}

const fn named(name: &'static str, alias: &'static str, members: &'static [&'static str]) -> CallClass {
    CallClass { name, alias, members: Members::Named(members) }
}

static CLASSES: [CallClass; 17] = [
    rows("%file", "file", takes_path),
    rows("%desc", "desc", has_descriptor),
    named("%network", "net", NETWORK),
    named("%process", "process", PROCESS),
    named("%signal", "signal", SIGNAL),
    named("%ipc", "ipc", &["shm*", "sem*", "msgget", "msgsnd", "msgrcv", "msgctl", "ipc"]),
    named("%memory", "memory", MEMORY),
    named("%creds", "creds", CREDENTIALS),
    named("%clock", "clock", &["clock_*", "gettimeofday", "settimeofday", "time", "stime", "adjtimex"]),
    named("%stat", "stat", &["stat", "stat64", "oldstat"]),
    named("%lstat", "lstat", &["lstat", "lstat64", "oldlstat"]),
    named("%fstat", "fstat", &["fstat", "fstat64", "fstatat64", "newfstatat", "oldfstat"]),
    named(
        "%%stat",
        "%stat",
        &[
            "stat",
            "stat64",
            "oldstat",
            "lstat",
            "lstat64",
            "oldlstat",
            "fstat",
            "fstat64",
            "fstatat64",
            "newfstatat",
            "oldfstat",
            "statx",
        ],
    ),
    named("%statfs", "statfs", &["statfs", "statfs64"]),
    named("%fstatfs", "fstatfs", &["fstatfs", "fstatfs64"]),
    named("%%statfs", "%statfs", &["statfs", "statfs64", "fstatfs", "fstatfs64", "ustat", "statmount"]),
    named("%io_uring", "io_uring", &["io_uring_*", "IORING_OP_*"]),
];

const NETWORK: &[&str] = &[
    "socket",
    "socketpair",
    "socketcall",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "send",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "sendfile64",
    "recv",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "recvmmsg_time64",
    "shutdown",
    "IORING_OP_SOCKET",
    "IORING_OP_BIND",
    "IORING_OP_LISTEN",
    "IORING_OP_ACCEPT",
    "IORING_OP_CONNECT",
    "IORING_OP_SHUTDOWN",
    "IORING_OP_SEND*",
    "IORING_OP_RECV*",
];

const PROCESS: &[&str] = &[
    "fork",
    "vfork",
    "clone",
    "clone3",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "wait4",
    "waitid",
    "waitpid",
    "kill",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
    "unshare",
    "arch_prctl",
];

const SIGNAL: &[&str] = &[
    "rt_sig*",
    "rt_tgsigqueueinfo",
    "sig*",
    "signal*",
    "kill",
    "tkill",
    "tgkill",
    "pidfd_send_signal",
    "pause",
    "sgetmask",
    "ssetmask",
];

const MEMORY: &[&str] = &[
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "mprotect",
    "pkey_mprotect",
    "brk",
    "madvise",
    "process_madvise",
    "process_mrelease",
    "mlock*",
    "munlock*",
    "mincore",
    "msync",
    "mseal",
    "remap_file_pages",
    "mbind",
    "get_mempolicy",
    "set_mempolicy*",
    "migrate_pages",
    "move_pages",
    "map_shadow_stack",
    "shmat",
    "shmdt",
    "io_uring_register",
];

const CREDENTIALS: &[&str] = &[
    "getuid*",
    "geteuid*",
    "getgid*",
    "getegid*",
    "getresuid*",
    "getresgid*",
    "getgroups*",
    "setuid*",
    "setgid*",
    "setreuid*",
    "setregid*",
    "setresuid*",
    "setresgid*",
    "setfsuid*",
    "setfsgid*",
    "setgroups*",
    "capget",
    "capset",
    "prctl",
];

impl CallClass {
    /// Whether a call of this name is in the class.
    pub fn has(&self, name: &str) -> bool {
        match self.members {
            Members::Rows(is_member) => Syscall::by_name(name).is_some_and(is_member),
            Members::Named(members) => members.iter().any(|member| match member.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => *member == name,
            }),
        }
    }
}

/// The class with this name, which has lost its first sign.
pub fn class(name: &str) -> Option<&'static CallClass> {
    CLASSES.iter().find(|class| class.alias == name || class.name.strip_prefix('%') == Some(name))
}

/// All classes.
pub fn names() -> Vec<&'static str> {
    CLASSES.iter().map(|class| class.name).collect()
}
