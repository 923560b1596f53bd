//! Mounts, attributes by `*at`, quotas, swap, and queues of POSIX messages: what has a name or makes a descriptor.

use super::{Arg, Effect, PortableRow, does, io, makes_fd, moves_bytes, of_kind};
use crate::table::kind::Kind;
use crate::table::names;
use crate::table::syscalls::Role::{
    Choice, DirFd, Fd, Flags, Id, Int, Mode, Path, Pointer, Text, Unsigned, UnsignedInt,
};

/// All of them.
#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<PortableRow> {
    vec![
        // Mounts. The source of a mount is a device, a directory or only a word (mount(2)).
        does(
            Effect::ChangeNames,
            io(
                "mount",
                args![path: Text, path2: Path, filesystemtype: Pointer, mountflags: Flags(&names::MOUNT), data: Pointer],
            ),
        ),
        does(Effect::ChangeNames, io("umount2", args![path: Path, flags: Flags(&names::UMOUNT)])),
        does(Effect::ChangeNames, io("pivot_root", args![path: Path, path2: Path])),
        does(
            Effect::ChangeNames,
            io(
                "move_mount",
                args![dirfd: DirFd, path: Path, dirfd2: DirFd, path2: Path, flags: Flags(&names::MOVE_MOUNT)],
            ),
        ),
        io(
            "mount_setattr",
            args![dirfd: DirFd, path: Path, flags: Flags(&names::MOUNT_SETATTR), attr: Pointer, size: Unsigned],
        ),
        makes_fd("open_tree", args![dirfd: DirFd, path: Path, flags: Flags(&names::OPEN_TREE)]),
        makes_fd(
            "open_tree_attr",
            args![dirfd: DirFd, path: Path, flags: Flags(&names::OPEN_TREE), attr: Pointer, size: Unsigned],
        ),
        // The name of a file system is no path.
        of_kind(Kind::FsContext, makes_fd("fsopen", args![path: Text, flags: Flags(&names::FSOPEN)])),
        // The key is `path2`, as the name of an attribute is. What the value is depends on the command.
        io("fsconfig", args![fd: Fd, cmd: Choice(&names::FSCONFIG), path2: Text, value: Pointer, aux: Int]),
        // Its file is the root of the new mount, which is attached nowhere.
        makes_fd("fsmount", args![fd: Fd, flags: Flags(&names::FSMOUNT), attr_flags: Flags(&names::MOUNT_ATTR)]),
        of_kind(Kind::FsContext, makes_fd("fspick", args![dirfd: DirFd, path: Path, flags: Flags(&names::FSPICK)])),
        io("statmount", args![req: Pointer, smbuf: Pointer, bufsize: Unsigned, flags: Flags(&names::STATMOUNT)]),
        // Its result is a count of mounts.
        io("listmount", args![req: Pointer, mnt_ids: Pointer, nr_mnt_ids: Unsigned, flags: Flags(&names::LISTMOUNT)]),
        // Extended attributes: `path2` is the attribute's name. The size of the value is behind the pointer.
        io(
            "setxattrat",
            args![dirfd: DirFd, path: Path, at_flags: Flags(&names::XATTR_AT), path2: Text, args: Pointer, size: Unsigned],
        ),
        io(
            "getxattrat",
            args![dirfd: DirFd, path: Path, at_flags: Flags(&names::XATTR_AT), path2: Text, args: Pointer, size: Unsigned],
        ),
        moves_bytes(
            "listxattrat",
            args![dirfd: DirFd, path: Path, at_flags: Flags(&names::XATTR_AT), list: Pointer, size: Unsigned],
        ),
        io("removexattrat", args![dirfd: DirFd, path: Path, at_flags: Flags(&names::XATTR_AT), path2: Text]),
        io(
            "file_getattr",
            args![dirfd: DirFd, path: Path, attr: Pointer, size: Unsigned, at_flags: Flags(&names::XATTR_AT)],
        ),
        io(
            "file_setattr",
            args![dirfd: DirFd, path: Path, attr: Pointer, size: Unsigned, at_flags: Flags(&names::XATTR_AT)],
        ),
        io("cachestat", args![fd: Fd, range: Pointer, cstat: Pointer, flags: Flags(&names::RESERVED)]),
        // Quotas, swap, accounting.
        io("quotactl", args![op: Choice(&names::QUOTA), path: Path, id: Id, addr: Pointer]),
        io("quotactl_fd", args![fd: Fd, op: Choice(&names::QUOTA), id: Id, addr: Pointer]),
        io("swapon", args![path: Path, swapflags: Flags(&names::SWAP)]),
        io("swapoff", args![path: Path]),
        io("acct", args![path: Path]),
        io("ustat", args![dev: UnsignedInt, ubuf: Pointer]),
        io("uselib", args![path: Path]),
        // Queues of POSIX messages: their names are no paths. The descriptor closes on exec, whatever the flags are (ipc/mqueue.c).
        makes_fd("mq_open", args![path: Text, oflag: Flags(&names::OPEN), mode: Mode, attr: Pointer]),
        io("mq_unlink", args![path: Text]),
        io(
            "mq_timedsend",
            args![fd: Fd, msg_ptr: Pointer, msg_len: Unsigned, msg_prio: UnsignedInt, abs_timeout: Pointer],
        ),
        moves_bytes(
            "mq_timedreceive",
            args![fd: Fd, msg_ptr: Pointer, msg_len: Unsigned, msg_prio: Pointer, abs_timeout: Pointer],
        ),
        io("mq_notify", args![fd: Fd, sevp: Pointer]),
        io("mq_getsetattr", args![fd: Fd, newattr: Pointer, oldattr: Pointer]),
        of_kind(Kind::SecretMemory, makes_fd("memfd_secret", args![flags: Flags(&names::MEMFD_SECRET)])),
    ]
}
