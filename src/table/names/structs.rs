//! Members of structs: landlock_create_ruleset(2), statmount(2), file_setattr(2), clone3(2), adjtimex(2), quotactl(2).
//!
//! The values are those of include/uapi/linux, which are the same on all architectures of the tracer.

use super::Names;

/// Accesses to files (landlock(7)).
pub static LANDLOCK_FS: Names = Names {
    what: "access to files of landlock",
    mask: 0,
    values: numbered! {
        LANDLOCK_ACCESS_FS_EXECUTE 0x1, LANDLOCK_ACCESS_FS_WRITE_FILE 0x2, LANDLOCK_ACCESS_FS_READ_FILE 0x4,
        LANDLOCK_ACCESS_FS_READ_DIR 0x8, LANDLOCK_ACCESS_FS_REMOVE_DIR 0x10, LANDLOCK_ACCESS_FS_REMOVE_FILE 0x20,
        LANDLOCK_ACCESS_FS_MAKE_CHAR 0x40, LANDLOCK_ACCESS_FS_MAKE_DIR 0x80, LANDLOCK_ACCESS_FS_MAKE_REG 0x100,
        LANDLOCK_ACCESS_FS_MAKE_SOCK 0x200, LANDLOCK_ACCESS_FS_MAKE_FIFO 0x400, LANDLOCK_ACCESS_FS_MAKE_BLOCK 0x800,
        LANDLOCK_ACCESS_FS_MAKE_SYM 0x1000, LANDLOCK_ACCESS_FS_REFER 0x2000, LANDLOCK_ACCESS_FS_TRUNCATE 0x4000,
        LANDLOCK_ACCESS_FS_IOCTL_DEV 0x8000, LANDLOCK_ACCESS_FS_RESOLVE_UNIX 0x1_0000,
    },
};

/// Accesses to the network (landlock(7)).
pub static LANDLOCK_NET: Names = Names {
    what: "access to the network of landlock",
    mask: 0,
    values: numbered! {
        LANDLOCK_ACCESS_NET_BIND_TCP 0x1, LANDLOCK_ACCESS_NET_CONNECT_TCP 0x2, LANDLOCK_ACCESS_NET_BIND_UDP 0x4,
        LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP 0x8,
    },
};

/// Scopes (landlock(7)).
pub static LANDLOCK_SCOPE: Names = Names {
    what: "scope of landlock",
    mask: 0,
    values: numbered! { LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET 1, LANDLOCK_SCOPE_SIGNAL 2 },
};

/// What statmount(2) is asked for.
pub static STATMOUNT_MASK: Names = Names {
    what: "mask of statmount",
    mask: 0,
    values: numbered! {
        STATMOUNT_SB_BASIC 0x1, STATMOUNT_MNT_BASIC 0x2, STATMOUNT_PROPAGATE_FROM 0x4, STATMOUNT_MNT_ROOT 0x8,
        STATMOUNT_MNT_POINT 0x10, STATMOUNT_FS_TYPE 0x20, STATMOUNT_MNT_NS_ID 0x40, STATMOUNT_MNT_OPTS 0x80,
        STATMOUNT_FS_SUBTYPE 0x100, STATMOUNT_SB_SOURCE 0x200, STATMOUNT_OPT_ARRAY 0x400, STATMOUNT_OPT_SEC_ARRAY 0x800,
        STATMOUNT_SUPPORTED_MASK 0x1000, STATMOUNT_MNT_UIDMAP 0x2000, STATMOUNT_MNT_GIDMAP 0x4000,
    },
};

/// Mounts of listmount(2).
pub static MOUNT_ID: Names =
    Names { what: "mount of listmount", mask: u64::MAX, values: numbered! { LSMT_ROOT 0xffff_ffff_ffff_ffff } };

/// Attributes of files (file_setattr(2), include/uapi/linux/fs.h).
pub static FILE_ATTR: Names = Names {
    what: "attribute of a file",
    mask: 0,
    values: numbered! {
        FS_XFLAG_REALTIME 0x1, FS_XFLAG_PREALLOC 0x2, FS_XFLAG_IMMUTABLE 0x8, FS_XFLAG_APPEND 0x10, FS_XFLAG_SYNC 0x20,
        FS_XFLAG_NOATIME 0x40, FS_XFLAG_NODUMP 0x80, FS_XFLAG_RTINHERIT 0x100, FS_XFLAG_PROJINHERIT 0x200,
        FS_XFLAG_NOSYMLINKS 0x400, FS_XFLAG_EXTSIZE 0x800, FS_XFLAG_EXTSZINHERIT 0x1000, FS_XFLAG_NODEFRAG 0x2000,
        FS_XFLAG_FILESTREAM 0x4000, FS_XFLAG_DAX 0x8000, FS_XFLAG_COWEXTSIZE 0x1_0000, FS_XFLAG_VERITY 0x2_0000,
        FS_XFLAG_HASATTR 0x8000_0000, FS_XFLAG_CASEFOLD 0x4_0000, FS_XFLAG_CASENONPRESERVING 0x8_0000,
    },
};

/// Flags of clone3(2). The signal at the end is no part of them.
pub static CLONE3: Names = Names {
    what: "flag of clone3",
    mask: 0,
    values: numbered! {
        CLONE_VM 0x100, CLONE_FS 0x200, CLONE_FILES 0x400, CLONE_SIGHAND 0x800, CLONE_PIDFD 0x1000, CLONE_PTRACE 0x2000,
        CLONE_VFORK 0x4000, CLONE_PARENT 0x8000, CLONE_THREAD 0x1_0000, CLONE_NEWNS 0x2_0000, CLONE_SYSVSEM 0x4_0000,
        CLONE_SETTLS 0x8_0000, CLONE_PARENT_SETTID 0x10_0000, CLONE_CHILD_CLEARTID 0x20_0000, CLONE_UNTRACED 0x80_0000,
        CLONE_CHILD_SETTID 0x100_0000, CLONE_NEWCGROUP 0x200_0000, CLONE_NEWUTS 0x400_0000, CLONE_NEWIPC 0x800_0000,
        CLONE_NEWUSER 0x1000_0000, CLONE_NEWPID 0x2000_0000, CLONE_NEWNET 0x4000_0000, CLONE_IO 0x8000_0000,
        CLONE_NEWTIME 0x80, CLONE_CLEAR_SIGHAND 0x1_0000_0000, CLONE_INTO_CGROUP 0x2_0000_0000,
        CLONE_AUTOREAP 0x4_0000_0000, CLONE_NNP 0x8_0000_0000, CLONE_PIDFD_AUTOKILL 0x10_0000_0000,
        CLONE_EMPTY_MNTNS 0x20_0000_0000,
    },
};

/// Modules of security (include/uapi/linux/lsm.h).
pub static LSM_ID: Names = Names {
    what: "security module",
    mask: u64::MAX,
    values: numbered! {
        LSM_ID_UNDEF 0, LSM_ID_CAPABILITY 100, LSM_ID_SELINUX 101, LSM_ID_SMACK 102, LSM_ID_TOMOYO 103, LSM_ID_APPARMOR 104,
        LSM_ID_YAMA 105, LSM_ID_LOADPIN 106, LSM_ID_SAFESETID 107, LSM_ID_LOCKDOWN 108, LSM_ID_BPF 109, LSM_ID_LANDLOCK 110,
        LSM_ID_IMA 111, LSM_ID_EVM 112, LSM_ID_IPE 113,
    },
};

/// States of pages, besides the numbers of nodes (move_pages(2)).
pub static PAGE_STATE: Names = Names {
    what: "state of a page",
    mask: u32::MAX as u64,
    values: &[
        ("-ENOENT", -libc::ENOENT as u32 as u64),
        ("-EIO", -libc::EIO as u32 as u64),
        ("-E2BIG", -libc::E2BIG as u32 as u64),
        ("-ENOMEM", -libc::ENOMEM as u32 as u64),
        ("-EACCES", -libc::EACCES as u32 as u64),
        ("-EFAULT", -libc::EFAULT as u32 as u64),
        ("-EBUSY", -libc::EBUSY as u32 as u64),
        ("-EINVAL", -libc::EINVAL as u32 as u64),
    ],
};

/// Flags of a queue (mq_getattr(3)).
pub static QUEUE: Names = Names { what: "flag of a queue", mask: 0, values: values![O_NONBLOCK] };

/// How a program is told (sigevent(3type)).
pub static EVENT: Names = Names {
    what: "way of notification",
    mask: u32::MAX as u64,
    values: numbered! { SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD 2, SIGEV_THREAD_ID 4 },
};

/// What adjtimex(2) changes.
pub static ADJUST: Names = Names {
    what: "mode of adjtimex",
    mask: 0,
    values: numbered! {
        ADJ_OFFSET_SS_READ 0xa001, ADJ_OFFSET_SINGLESHOT 0x8001, ADJ_OFFSET 0x1, ADJ_FREQUENCY 0x2, ADJ_MAXERROR 0x4,
        ADJ_ESTERROR 0x8, ADJ_STATUS 0x10, ADJ_TIMECONST 0x20, ADJ_TAI 0x80, ADJ_SETOFFSET 0x100, ADJ_MICRO 0x1000,
        ADJ_NANO 0x2000, ADJ_TICK 0x4000,
    },
};

/// The state of the clock (adjtimex(2)).
pub static CLOCK_STATUS: Names = Names {
    what: "status of adjtimex",
    mask: 0,
    values: numbered! {
        STA_PLL 0x1, STA_PPSFREQ 0x2, STA_PPSTIME 0x4, STA_FLL 0x8, STA_INS 0x10, STA_DEL 0x20, STA_UNSYNC 0x40,
        STA_FREQHOLD 0x80, STA_PPSSIGNAL 0x100, STA_PPSJITTER 0x200, STA_PPSWANDER 0x400, STA_PPSERROR 0x800,
        STA_CLOCKERR 0x1000, STA_NANO 0x2000, STA_MODE 0x4000, STA_CLK 0x8000,
    },
};

/// What a filter of seccomp(2) returns.
pub static SECCOMP_ACTION: Names = Names {
    what: "action of seccomp",
    mask: u32::MAX as u64,
    values: numbered! {
        SECCOMP_RET_KILL_PROCESS 0x8000_0000, SECCOMP_RET_KILL_THREAD 0, SECCOMP_RET_TRAP 0x3_0000, SECCOMP_RET_ERRNO 0x5_0000,
        SECCOMP_RET_USER_NOTIF 0x7fc0_0000, SECCOMP_RET_TRACE 0x7ff0_0000, SECCOMP_RET_LOG 0x7ffc_0000,
        SECCOMP_RET_ALLOW 0x7fff_0000,
    },
};

/// Which limits of quotactl(2) are valid.
pub static QUOTA_VALID: Names = Names {
    what: "valid limits of quotactl",
    mask: 0,
    values: numbered! {
        QIF_BLIMITS 1, QIF_SPACE 2, QIF_ILIMITS 4, QIF_INODES 8, QIF_BTIME 0x10, QIF_ITIME 0x20,
    },
};

/// Flags of quotas (quotactl(2), Q_GETINFO).
pub static QUOTA_FLAGS: Names =
    Names { what: "flag of quotas", mask: 0, values: numbered! { DQF_ROOT_SQUASH 1, DQF_SYS_FILE 0x1_0000 } };

/// Which information of quotactl(2) is valid.
pub static QUOTA_INFO_VALID: Names = Names {
    what: "valid information of quotactl",
    mask: 0,
    values: numbered! { IIF_BGRACE 1, IIF_IGRACE 2, IIF_FLAGS 4 },
};

/// Formats of quotas (quotactl(2)).
pub static QUOTA_FORMAT: Names = Names {
    what: "format of quotas",
    mask: u32::MAX as u64,
    values: numbered! { QFMT_VFS_OLD 1, QFMT_VFS_V0 2, QFMT_OCFS2 3, QFMT_VFS_V1 4, QFMT_SHMEM 5 },
};

/// Flags of kexec_load(2), with the architecture of the kernel (include/uapi/linux/kexec.h).
pub static KEXEC: Names = Names {
    what: "flag of kexec_load",
    mask: 0xffff_0000,
    values: numbered! {
        KEXEC_ARCH_DEFAULT 0, KEXEC_ARCH_386 0x3_0000, KEXEC_ARCH_68K 0x4_0000, KEXEC_ARCH_PARISC 0xf_0000,
        KEXEC_ARCH_X86_64 0x3e_0000, KEXEC_ARCH_PPC 0x14_0000, KEXEC_ARCH_PPC64 0x15_0000, KEXEC_ARCH_IA_64 0x32_0000,
        KEXEC_ARCH_ARM 0x28_0000, KEXEC_ARCH_S390 0x16_0000, KEXEC_ARCH_SH 0x2a_0000, KEXEC_ARCH_MIPS_LE 0xa_0000,
        KEXEC_ARCH_MIPS 0x8_0000, KEXEC_ARCH_AARCH64 0xb7_0000, KEXEC_ARCH_RISCV 0xf3_0000, KEXEC_ARCH_LOONGARCH 0x102_0000,
        KEXEC_ON_CRASH 1, KEXEC_PRESERVE_CONTEXT 2, KEXEC_UPDATE_ELFCOREHDR 4, KEXEC_CRASH_HOTPLUG_SUPPORT 8,
    },
};

/// Flags of landlock_add_rule(2).
pub static LANDLOCK_ADD_RULE: Names =
    Names { what: "flag of landlock_add_rule", mask: 0, values: numbered! { LANDLOCK_ADD_RULE_QUIET 1 } };

/// Flags of sched_getattr(2).
pub static SCHED_GETATTR: Names =
    Names { what: "flag of sched_getattr", mask: 0, values: numbered! { SCHED_GETATTR_FLAG_DL_DYNAMIC 1 } };

/// Flags of statx(2): when it asks the file's server, and the `AT_*` ones (include/uapi/linux/fcntl.h).
pub static STATX_FLAGS: Names = Names {
    what: "flag of statx",
    mask: 0x6000,
    values: numbered! {
        AT_STATX_SYNC_AS_STAT 0, AT_STATX_FORCE_SYNC 0x2000, AT_STATX_DONT_SYNC 0x4000, AT_STATX_SYNC_TYPE 0x6000,
        AT_SYMLINK_NOFOLLOW 0x100, AT_NO_AUTOMOUNT 0x800, AT_EMPTY_PATH 0x1000,
    },
};

/// The mask of statx(2).
pub static STATX_MASK: Names = Names {
    what: "mask of statx",
    mask: 0,
    values: numbered! {
        STATX_ALL 0xfff, STATX_BASIC_STATS 0x7ff, STATX_TYPE 1, STATX_MODE 2, STATX_NLINK 4, STATX_UID 8, STATX_GID 0x10,
        STATX_ATIME 0x20, STATX_MTIME 0x40, STATX_CTIME 0x80, STATX_INO 0x100, STATX_SIZE 0x200, STATX_BLOCKS 0x400,
        STATX_BTIME 0x800, STATX_MNT_ID 0x1000, STATX_DIOALIGN 0x2000, STATX_MNT_ID_UNIQUE 0x4000, STATX_SUBVOL 0x8000,
        STATX_WRITE_ATOMIC 0x1_0000, STATX_DIO_READ_ALIGN 0x2_0000,
    },
};

/// What statx(2) says of a file (include/uapi/linux/stat.h).
pub static STATX_ATTRIBUTES: Names = Names {
    what: "attribute of statx",
    mask: 0,
    values: numbered! {
        STATX_ATTR_COMPRESSED 4, STATX_ATTR_IMMUTABLE 0x10, STATX_ATTR_APPEND 0x20, STATX_ATTR_NODUMP 0x40,
        STATX_ATTR_ENCRYPTED 0x800, STATX_ATTR_AUTOMOUNT 0x1000, STATX_ATTR_MOUNT_ROOT 0x2000, STATX_ATTR_VERITY 0x10_0000,
        STATX_ATTR_DAX 0x20_0000, STATX_ATTR_WRITE_ATOMIC 0x40_0000,
    },
};

/// Types of namespaces, which listns(2) lists (include/uapi/linux/nsfs.h).
pub static NAMESPACE_TYPE: Names = Names {
    what: "type of a namespace",
    mask: 0,
    values: numbered! {
        TIME_NS 0x80, MNT_NS 0x2_0000, CGROUP_NS 0x200_0000, UTS_NS 0x400_0000, IPC_NS 0x800_0000, USER_NS 0x1000_0000,
        PID_NS 0x2000_0000, NET_NS 0x4000_0000,
    },
};

/// Whose namespaces listns(2) lists.
pub static LISTNS_USER: Names =
    Names { what: "owner for listns", mask: u64::MAX, values: numbered! { LISTNS_CURRENT_USER 0xffff_ffff_ffff_ffff } };
