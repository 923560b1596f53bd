//! Moving bytes: preadv2(2), splice(2), pipe(2), posix_fadvise(2).

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

/// A flags argument of which no bit means anything yet.
pub static RESERVED: Names = Names { what: "flag: this call has none", mask: 0, values: &[] };

/// The same where they are 64 bits.
pub static RESERVED_LONG: Names = Names { what: "flag: this call has none", mask: 0, values: &[] };

/// Commands of io_submit(2) (include/uapi/linux/aio_abi.h).
pub static IOCB_COMMAND: Names = Names {
    what: "command of io_submit",
    mask: u32::MAX as u64,
    values: numbered! {
        IOCB_CMD_PREAD 0, IOCB_CMD_PWRITE 1, IOCB_CMD_FSYNC 2, IOCB_CMD_FDSYNC 3, IOCB_CMD_POLL 5, IOCB_CMD_NOOP 6, IOCB_CMD_PREADV 7,
        IOCB_CMD_PWRITEV 8,
    },
};

/// Flags of io_submit(2).
pub static IOCB_FLAGS: Names =
    Names { what: "flag of io_submit", mask: 0, values: numbered! { IOCB_FLAG_RESFD 1, IOCB_FLAG_IOPRIO 2 } };

/// Types of the entries of a directory (getdents64(2)).
pub static ENTRY_TYPE: Names = Names {
    what: "type of an entry",
    mask: u32::MAX as u64,
    values: values![DT_UNKNOWN, DT_FIFO, DT_CHR, DT_DIR, DT_BLK, DT_REG, DT_LNK, DT_SOCK],
};

/// Modes of fallocate(2).
pub static FALLOCATE: Names = Names {
    what: "mode of fallocate",
    mask: 0,
    values: values![
        FALLOC_FL_KEEP_SIZE,
        FALLOC_FL_PUNCH_HOLE,
        FALLOC_FL_COLLAPSE_RANGE,
        FALLOC_FL_ZERO_RANGE,
        FALLOC_FL_INSERT_RANGE,
        FALLOC_FL_UNSHARE_RANGE,
    ],
};
