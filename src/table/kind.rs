//! What kind of file a descriptor is open for.
//!
//! No I/O. The kernel's identity gives the type of the inode and its filesystem. It does not tell anonymous inodes apart: only
//! their names and the calls that made them do.

use serde::{Deserialize, Serialize};

/// `s_magic` of overlayfs, btrfs and bcachefs. Their stat(2) shows another device than their superblock, which mountinfo shows.
pub const HAVE_OTHER_DEVICES: [u32; 3] = [0x794c_7630, 0x9123_683e, 0xca45_1a4e];

/// The kind of file that a descriptor is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file. One of memfd_create(2) counts as regular where the call that made it is not known.
    File,
    /// A directory.
    Directory,
    /// A symbolic link itself (open(2), `O_PATH|O_NOFOLLOW`).
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A pipe that has a name (fifo(7)).
    Fifo,
    /// An end of a pipe (pipe(2)).
    Pipe,
    /// A socket.
    Socket,
    /// memfd_create(2).
    Memfd,
    /// eventfd(2).
    Eventfd,
    /// timerfd_create(2).
    Timerfd,
    /// signalfd(2).
    Signalfd,
    /// epoll_create(2).
    Epoll,
    /// inotify_init(2).
    Inotify,
    /// fanotify_init(2).
    Fanotify,
    /// io_uring_setup(2).
    IoUring,
    /// pidfd_open(2).
    Pidfd,
    /// userfaultfd(2).
    Userfaultfd,
    /// mq_open(2).
    MessageQueue,
    /// memfd_secret(2).
    SecretMemory,
    /// fsopen(2), fspick(2).
    FsContext,
    /// landlock_create_ruleset(2).
    Landlock,
    /// perf_event_open(2).
    Perf,
    /// bpf(2): a map, a program, a link, types.
    Bpf,
    /// An anonymous inode, where the call that made it is not known.
    Anonymous,
}

/// The kinds by the names that they have in `tests.toml` and in archives.
const NAMES: [(Kind, &str); 25] = [
    (Kind::File, "file"),
    (Kind::Directory, "directory"),
    (Kind::Symlink, "symlink"),
    (Kind::Character, "character"),
    (Kind::Block, "block"),
    (Kind::Fifo, "fifo"),
    (Kind::Pipe, "pipe"),
    (Kind::Socket, "socket"),
    (Kind::Memfd, "memfd"),
    (Kind::Eventfd, "eventfd"),
    (Kind::Timerfd, "timerfd"),
    (Kind::Signalfd, "signalfd"),
    (Kind::Epoll, "epoll"),
    (Kind::Inotify, "inotify"),
    (Kind::Fanotify, "fanotify"),
    (Kind::IoUring, "io_uring"),
    (Kind::Pidfd, "pidfd"),
    (Kind::Userfaultfd, "userfaultfd"),
    (Kind::MessageQueue, "message_queue"),
    (Kind::SecretMemory, "secret_memory"),
    (Kind::FsContext, "fs_context"),
    (Kind::Landlock, "landlock"),
    (Kind::Perf, "perf"),
    (Kind::Bpf, "bpf"),
    (Kind::Anonymous, "anonymous"),
];

/// `s_magic` of the filesystems that have no files of their own (include/uapi/linux/magic.h).
const ANON_INODE_FS: u32 = 0x0904_1934;
const PIPEFS: u32 = 0x5049_5045;
const PID_FS: u32 = 0x5049_4446;
/// ipc/mqueue.c, mm/secretmem.c.
const MQUEUE: u32 = 0x1980_0202;
const SECRETMEM: u32 = 0x5345_434d;

impl Kind {
    /// The kind by the filesystem's `s_magic` and the type in `i_mode` (inode(7)). An anonymous inode has no type before Linux
    /// 6.16, and the type of a regular file since. Processes have a filesystem of their own since 6.9.
    pub fn of_inode(magic: u32, mode: u16) -> Self {
        match (magic, u32::from(mode) & libc::S_IFMT) {
            (ANON_INODE_FS, _) => Kind::Anonymous,
            (PID_FS, _) => Kind::Pidfd,
            (MQUEUE, libc::S_IFREG) => Kind::MessageQueue,
            (SECRETMEM, _) => Kind::SecretMemory,
            (PIPEFS, libc::S_IFIFO) => Kind::Pipe,
            (_, libc::S_IFREG) => Kind::File,
            (_, libc::S_IFDIR) => Kind::Directory,
            (_, libc::S_IFLNK) => Kind::Symlink,
            (_, libc::S_IFCHR) => Kind::Character,
            (_, libc::S_IFBLK) => Kind::Block,
            (_, libc::S_IFIFO) => Kind::Fifo,
            (_, libc::S_IFSOCK) => Kind::Socket,
            _ => Kind::Anonymous,
        }
    }

    /// Whether the kernel may report this kind, which follows from the call, as the other.
    pub fn can_be(self, kernel: Kind) -> bool {
        match self {
            Kind::Memfd => kernel == Kind::File,
            Kind::Eventfd
            | Kind::Timerfd
            | Kind::Signalfd
            | Kind::Epoll
            | Kind::Inotify
            | Kind::Fanotify
            | Kind::IoUring
            | Kind::Userfaultfd
            | Kind::FsContext
            | Kind::Landlock
            | Kind::Perf
            | Kind::Bpf => kernel == Kind::Anonymous,
            // An anonymous inode before Linux 6.9.
            Kind::Pidfd => matches!(kernel, Kind::Pidfd | Kind::Anonymous),
            Kind::File
            | Kind::Directory
            | Kind::Symlink
            | Kind::Character
            | Kind::Block
            | Kind::Fifo
            | Kind::Pipe
            | Kind::Socket
            | Kind::MessageQueue
            | Kind::SecretMemory
            | Kind::Anonymous => self == kernel,
        }
    }

    /// Its name in `tests.toml`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("BUG: a kind without a name", |&(_, name)| name)
    }

    /// All names.
    pub fn names() -> [&'static str; NAMES.len()] {
        NAMES.map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_is_a_file_and_what_has_none() {
        let rows = [
            ("a file on some disk", 0xef53, 0o100_644, Kind::File),
            ("a directory", 0xef53, 0o040_755, Kind::Directory),
            ("a link", 0xef53, 0o120_777, Kind::Symlink),
            ("a terminal", 0x1cd1, 0o020_620, Kind::Character),
            ("a disk", 0x0102_1994, 0o060_660, Kind::Block),
            ("a pipe with a name", 0xef53, 0o010_644, Kind::Fifo),
            ("one without", PIPEFS, 0o010_600, Kind::Pipe),
            ("a socket", 0x534f_434b, 0o140_777, Kind::Socket),
            ("an anonymous inode before Linux 6.16", ANON_INODE_FS, 0o600, Kind::Anonymous),
            ("and since", ANON_INODE_FS, 0o100_600, Kind::Anonymous),
            ("a process since Linux 6.9", PID_FS, 0o100_700, Kind::Pidfd),
            ("an archive without the magic", 0, 0o100_644, Kind::File),
        ];
        for (sentence, magic, mode, kind) in rows {
            assert_eq!(Kind::of_inode(magic, mode), kind, "{sentence}");
        }
    }

    #[test]
    fn every_kind_has_one_name_and_it_is_the_one_in_archives() {
        for (kind, name) in NAMES {
            assert_eq!(kind.name(), name);
            assert_eq!(format!("{kind:?}").to_lowercase(), name.replace('_', ""));
        }
    }

    #[test]
    fn what_a_call_makes_can_be_what_the_kernel_says_and_nothing_else() {
        let rows = [
            (Kind::Eventfd, Kind::Anonymous, true),
            (Kind::Eventfd, Kind::File, false),
            (Kind::Memfd, Kind::File, true),
            (Kind::Memfd, Kind::Anonymous, false),
            (Kind::Pidfd, Kind::Pidfd, true),
            (Kind::Pidfd, Kind::Anonymous, true),
            (Kind::Pipe, Kind::Fifo, false),
            (Kind::Socket, Kind::Socket, true),
        ];
        for (made, kernel, can_be) in rows {
            assert_eq!(made.can_be(kernel), can_be, "{made:?}, {kernel:?}");
        }
    }
}
