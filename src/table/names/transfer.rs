//! Moving bytes: preadv2(2), splice(2), pipe(2), posix_fadvise(2), ioctl(2).

use super::Names;

/// Flags of preadv2(2) and pwritev2(2).
pub static RWF: Names = Names {
    what: "flag of preadv2",
    mask: 0,
    values: values![RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND, RWF_NOAPPEND, RWF_ATOMIC, RWF_DONTCACHE,],
};

/// Flags of splice(2), tee(2) and vmsplice(2).
pub static SPLICE: Names = Names {
    what: "flag of splice",
    mask: 0,
    values: values![SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT],
};

/// Flags of pipe2(2).
pub static PIPE: Names = Names {
    what: "flag of pipe2",
    mask: 0,
    values: &[
        ("O_CLOEXEC", libc::O_CLOEXEC as u64),
        ("O_DIRECT", libc::O_DIRECT as u64),
        ("O_NONBLOCK", libc::O_NONBLOCK as u64),
        // include/uapi/linux/watch_queue.h.
        ("O_NOTIFICATION_PIPE", libc::O_EXCL as u64),
    ],
};

/// Operations of ioctl(2) on files, pipes, sockets and terminals.
pub static IOCTL: Names = Names {
    what: "operation of ioctl",
    mask: u32::MAX as u64,
    values: &[
        ("FIONREAD", libc::FIONREAD as u32 as u64),
        ("FIOCLEX", libc::FIOCLEX as u32 as u64),
        ("FIONCLEX", libc::FIONCLEX as u32 as u64),
        ("FIONBIO", libc::FIONBIO as u32 as u64),
        ("FIOASYNC", libc::FIOASYNC as u32 as u64),
        ("TCGETS", libc::TCGETS as u32 as u64),
        ("TCSETS", libc::TCSETS as u32 as u64),
        ("TIOCGWINSZ", libc::TIOCGWINSZ as u32 as u64),
        ("TIOCSWINSZ", libc::TIOCSWINSZ as u32 as u64),
        ("FICLONE", libc::FICLONE as u32 as u64),
        ("FICLONERANGE", libc::FICLONERANGE as u32 as u64),
        ("FS_IOC_GETFLAGS", libc::FS_IOC_GETFLAGS as u32 as u64),
        ("FS_IOC_SETFLAGS", libc::FS_IOC_SETFLAGS as u32 as u64),
        // include/uapi/linux/fs.h: _IO(0x00, 2) and _IOWR(0x94, 54, struct file_dedupe_range).
        ("FIGETBSZ", 2),
        ("FIDEDUPERANGE", 0xc018_9436),
    ],
};

/// A flags argument of which no bit means anything yet.
pub static RESERVED: Names = Names { what: "flag: this call has none", mask: 0, values: &[] };
