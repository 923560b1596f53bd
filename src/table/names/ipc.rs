//! System V IPC and keys: shmget(2), semget(2), msgget(2), keyctl(2).
//!
//! The values are those of include/uapi/linux, which are the same on all architectures of the tracer.

use super::Names;

/// Flags of msgget(2) and semget(2), besides the mode in the lower bits.
pub static IPC: Names = Names {
    what: "flag of System V IPC",
    mask: 0,
    values: &[("IPC_CREAT", 0x200), ("IPC_EXCL", 0x400), ("IPC_NOWAIT", 0x800)],
};

/// Flags of shmget(2), besides the mode in the lower bits.
pub static SHM_GET: Names = Names {
    what: "flag of shmget",
    mask: 0,
    values: &[("IPC_CREAT", 0x200), ("IPC_EXCL", 0x400), ("SHM_HUGETLB", 0x800), ("SHM_NORESERVE", 0x1000)],
};

/// Flags of shmat(2).
pub static SHM_AT: Names = Names {
    what: "flag of shmat",
    mask: 0,
    values: &[("SHM_RDONLY", 0x1000), ("SHM_RND", 0x2000), ("SHM_REMAP", 0x4000), ("SHM_EXEC", 0x8000)],
};

/// Operations of shmctl(2).
pub static SHM_CONTROL: Names = Names {
    what: "operation of shmctl",
    mask: u32::MAX as u64,
    values: &[
        ("IPC_RMID", 0),
        ("IPC_SET", 1),
        ("IPC_STAT", 2),
        ("IPC_INFO", 3),
        ("SHM_LOCK", 11),
        ("SHM_UNLOCK", 12),
        ("SHM_STAT", 13),
        ("SHM_INFO", 14),
        ("SHM_STAT_ANY", 15),
    ],
};

/// Operations of semctl(2).
pub static SEM_CONTROL: Names = Names {
    what: "operation of semctl",
    mask: u32::MAX as u64,
    values: &[
        ("IPC_RMID", 0),
        ("IPC_SET", 1),
        ("IPC_STAT", 2),
        ("IPC_INFO", 3),
        ("GETPID", 11),
        ("GETVAL", 12),
        ("GETALL", 13),
        ("GETNCNT", 14),
        ("GETZCNT", 15),
        ("SETVAL", 0x10),
        ("SETALL", 17),
        ("SEM_STAT", 18),
        ("SEM_INFO", 19),
        ("SEM_STAT_ANY", 20),
    ],
};

/// Operations of msgctl(2).
pub static MSG_CONTROL: Names = Names {
    what: "operation of msgctl",
    mask: u32::MAX as u64,
    values: &[
        ("IPC_RMID", 0),
        ("IPC_SET", 1),
        ("IPC_STAT", 2),
        ("IPC_INFO", 3),
        ("MSG_STAT", 11),
        ("MSG_INFO", 12),
        ("MSG_STAT_ANY", 13),
    ],
};

/// Flags of msgsnd(2) and msgrcv(2).
pub static MSG_QUEUE: Names = Names {
    what: "flag of msgsnd and msgrcv",
    mask: 0,
    values: &[("IPC_NOWAIT", 0x800), ("MSG_NOERROR", 0x1000), ("MSG_EXCEPT", 0x2000), ("MSG_COPY", 0x4000)],
};

/// Operations of keyctl(2).
pub static KEYCTL: Names = Names {
    what: "operation of keyctl",
    mask: u32::MAX as u64,
    values: &[
        ("KEYCTL_GET_KEYRING_ID", 0),
        ("KEYCTL_JOIN_SESSION_KEYRING", 1),
        ("KEYCTL_UPDATE", 2),
        ("KEYCTL_REVOKE", 3),
        ("KEYCTL_CHOWN", 4),
        ("KEYCTL_SETPERM", 5),
        ("KEYCTL_DESCRIBE", 6),
        ("KEYCTL_CLEAR", 7),
        ("KEYCTL_LINK", 8),
        ("KEYCTL_UNLINK", 9),
        ("KEYCTL_SEARCH", 10),
        ("KEYCTL_READ", 11),
        ("KEYCTL_INSTANTIATE", 12),
        ("KEYCTL_NEGATE", 13),
        ("KEYCTL_SET_REQKEY_KEYRING", 14),
        ("KEYCTL_SET_TIMEOUT", 15),
        ("KEYCTL_ASSUME_AUTHORITY", 0x10),
        ("KEYCTL_GET_SECURITY", 17),
        ("KEYCTL_SESSION_TO_PARENT", 18),
        ("KEYCTL_REJECT", 19),
        ("KEYCTL_INSTANTIATE_IOV", 20),
        ("KEYCTL_INVALIDATE", 21),
        ("KEYCTL_GET_PERSISTENT", 22),
        ("KEYCTL_DH_COMPUTE", 23),
        ("KEYCTL_PKEY_QUERY", 24),
        ("KEYCTL_PKEY_ENCRYPT", 25),
        ("KEYCTL_PKEY_DECRYPT", 26),
        ("KEYCTL_PKEY_SIGN", 27),
        ("KEYCTL_PKEY_VERIFY", 28),
        ("KEYCTL_RESTRICT_KEYRING", 29),
        ("KEYCTL_MOVE", 30),
        ("KEYCTL_CAPABILITIES", 31),
        ("KEYCTL_WATCH_KEY", 0x20),
    ],
};

/// Keyrings with a number of their own (keyrings(7)); all other keys have positive numbers.
pub static KEYRING: Names = Names {
    what: "keyring",
    mask: u32::MAX as u64,
    values: numbered! {
        KEY_SPEC_THREAD_KEYRING 0xffff_ffff, KEY_SPEC_PROCESS_KEYRING 0xffff_fffe, KEY_SPEC_SESSION_KEYRING 0xffff_fffd,
        KEY_SPEC_USER_KEYRING 0xffff_fffc, KEY_SPEC_USER_SESSION_KEYRING 0xffff_fffb, KEY_SPEC_GROUP_KEYRING 0xffff_fffa,
        KEY_SPEC_REQKEY_AUTH_KEY 0xffff_fff9, KEY_SPEC_REQUESTOR_KEYRING 0xffff_fff8,
    },
};

/// Flags of semop(2).
pub static SEM_FLAGS: Names =
    Names { what: "flag of semop", mask: 0, values: numbered! { SEM_UNDO 0x1000, IPC_NOWAIT 0x800 } };
