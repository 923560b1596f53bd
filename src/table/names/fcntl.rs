//! What fcntl(2) is asked for.
//!
//! The values are those of include/uapi, which are the same on all architectures of the tracer.

use super::Names;

/// Commands of fcntl(2), by include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h.
pub static FCNTL: Names = Names {
    what: "command of fcntl",
    mask: u32::MAX as u64,
    values: numbered! {
        F_DUPFD 0, F_DUPFD_CLOEXEC 1030, F_GETFD 1, F_SETFD 2, F_GETFL 3, F_SETFL 4, F_GETLK 5, F_SETLK 6, F_SETLKW 7, F_OFD_GETLK 36,
        F_OFD_SETLK 37, F_OFD_SETLKW 38, F_GETOWN 9, F_SETOWN 8, F_GETPIPE_SZ 1032, F_SETPIPE_SZ 1031, F_ADD_SEALS 1033,
        F_GET_SEALS 1034, F_GETLEASE 1025, F_SETLEASE 1024, F_NOTIFY 1026, F_SETSIG 10, F_GETSIG 11, F_SETOWN_EX 15, F_GETOWN_EX 16,
        F_GETOWNER_UIDS 17, F_DUPFD_QUERY 1027, F_CREATED_QUERY 1028, F_CANCELLK 1029, F_GET_RW_HINT 1035, F_SET_RW_HINT 1036,
        F_GET_FILE_RW_HINT 1037, F_SET_FILE_RW_HINT 1038, F_GETDELEG 1039, F_SETDELEG 1040,
    },
};

/// Kinds of record locks and of leases (fcntl(2)).
pub static LOCK: Names = Names {
    what: "kind of lock",
    mask: u32::MAX as u64,
    values: numbered! { F_RDLCK 0, F_WRLCK 1, F_UNLCK 2, F_EXLCK 4, F_SHLCK 8 },
};

/// Who gets the signals of a file (fcntl(2), F_SETOWN_EX).
pub static OWNER: Names = Names {
    what: "kind of owner",
    mask: u32::MAX as u64,
    values: numbered! { F_OWNER_TID 0, F_OWNER_PID 1, F_OWNER_PGRP 2 },
};

/// How long what is written lives (fcntl(2), F_SET_RW_HINT).
pub static LIFE: Names = Names {
    what: "life of what is written",
    mask: u64::MAX,
    values: numbered! {
        RWH_WRITE_LIFE_NOT_SET 0, RWH_WRITE_LIFE_NONE 1, RWH_WRITE_LIFE_SHORT 2, RWH_WRITE_LIFE_MEDIUM 3, RWH_WRITE_LIFE_LONG 4,
        RWH_WRITE_LIFE_EXTREME 5,
    },
};

/// Events of F_NOTIFY (fcntl(2)).
pub static NOTIFY: Names = Names {
    what: "event of F_NOTIFY",
    mask: 0,
    values: numbered! {
        DN_ACCESS 1, DN_MODIFY 2, DN_CREATE 4, DN_DELETE 8, DN_RENAME 16, DN_ATTRIB 0x20, DN_MULTISHOT 0x8000_0000,
    },
};
