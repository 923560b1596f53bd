//! Mounts, quotas and swap: mount(2), fsopen(2), open_tree(2), quotactl(2), swapon(2).
//!
//! The values are those of include/uapi/linux, which are the same on all architectures of the tracer.

use super::Names;

/// Flags of mount(2).
pub static MOUNT: Names = Names {
    what: "flag of mount",
    mask: 0,
    values: &[
        ("MS_RDONLY", 1),
        ("MS_NOSUID", 2),
        ("MS_NODEV", 4),
        ("MS_NOEXEC", 8),
        ("MS_SYNCHRONOUS", 0x10),
        ("MS_REMOUNT", 0x20),
        ("MS_MANDLOCK", 0x40),
        ("MS_DIRSYNC", 0x80),
        ("MS_NOSYMFOLLOW", 0x100),
        ("MS_NOATIME", 0x400),
        ("MS_NODIRATIME", 0x800),
        ("MS_BIND", 0x1000),
        ("MS_MOVE", 0x2000),
        ("MS_REC", 0x4000),
        ("MS_SILENT", 0x8000),
        ("MS_POSIXACL", 0x1_0000),
        ("MS_UNBINDABLE", 0x2_0000),
        ("MS_PRIVATE", 0x4_0000),
        ("MS_SLAVE", 0x8_0000),
        ("MS_SHARED", 0x10_0000),
        ("MS_RELATIME", 0x20_0000),
        ("MS_I_VERSION", 0x80_0000),
        ("MS_KERNMOUNT", 0x40_0000),
        ("MS_STRICTATIME", 0x100_0000),
        ("MS_LAZYTIME", 0x200_0000),
        ("MS_SUBMOUNT", 0x400_0000),
        ("MS_NOREMOTELOCK", 0x800_0000),
        ("MS_NOSEC", 0x1000_0000),
        ("MS_BORN", 0x2000_0000),
        ("MS_ACTIVE", 0x4000_0000),
        ("MS_NOUSER", 0x8000_0000),
    ],
};

/// Flags of umount2(2) (include/linux/fs.h).
pub static UMOUNT: Names = Names {
    what: "flag of umount2",
    mask: 0,
    values: &[("MNT_FORCE", 1), ("MNT_DETACH", 2), ("MNT_EXPIRE", 4), ("UMOUNT_NOFOLLOW", 8)],
};

/// Flags of move_mount(2).
pub static MOVE_MOUNT: Names = Names {
    what: "flag of move_mount",
    mask: 0,
    values: &[
        ("MOVE_MOUNT_F_SYMLINKS", 1),
        ("MOVE_MOUNT_F_AUTOMOUNTS", 2),
        ("MOVE_MOUNT_F_EMPTY_PATH", 4),
        ("MOVE_MOUNT_T_SYMLINKS", 0x10),
        ("MOVE_MOUNT_T_AUTOMOUNTS", 0x20),
        ("MOVE_MOUNT_T_EMPTY_PATH", 0x40),
        ("MOVE_MOUNT_SET_GROUP", 0x100),
        ("MOVE_MOUNT_BENEATH", 0x200),
    ],
};

/// Flags of mount_setattr(2).
pub static MOUNT_SETATTR: Names = Names {
    what: "flag of mount_setattr",
    mask: 0,
    values: &[
        ("AT_EMPTY_PATH", 0x1000),
        ("AT_NO_AUTOMOUNT", 0x800),
        ("AT_RECURSIVE", 0x8000),
        ("AT_SYMLINK_NOFOLLOW", 0x100),
    ],
};

/// Flags of open_tree(2) and open_tree_attr(2).
pub static OPEN_TREE: Names = Names {
    what: "flag of open_tree",
    mask: 0,
    values: &[
        ("OPEN_TREE_CLONE", 1),
        ("OPEN_TREE_CLOEXEC", libc::O_CLOEXEC as u64),
        ("AT_EMPTY_PATH", 0x1000),
        ("AT_NO_AUTOMOUNT", 0x800),
        ("AT_RECURSIVE", 0x8000),
        ("AT_SYMLINK_NOFOLLOW", 0x100),
    ],
};

/// Flags of fsopen(2).
pub static FSOPEN: Names = Names { what: "flag of fsopen", mask: 0, values: &[("FSOPEN_CLOEXEC", 1)] };

/// Commands of fsconfig(2).
pub static FSCONFIG: Names = Names {
    what: "command of fsconfig",
    mask: u32::MAX as u64,
    values: &[
        ("FSCONFIG_SET_FLAG", 0),
        ("FSCONFIG_SET_STRING", 1),
        ("FSCONFIG_SET_BINARY", 2),
        ("FSCONFIG_SET_PATH", 3),
        ("FSCONFIG_SET_PATH_EMPTY", 4),
        ("FSCONFIG_SET_FD", 5),
        ("FSCONFIG_CMD_CREATE", 6),
        ("FSCONFIG_CMD_RECONFIGURE", 7),
        ("FSCONFIG_CMD_CREATE_EXCL", 8),
    ],
};

/// Flags of fsmount(2).
pub static FSMOUNT: Names =
    Names { what: "flag of fsmount", mask: 0, values: &[("FSMOUNT_CLOEXEC", 1), ("FSMOUNT_NAMESPACE", 2)] };

/// Attributes of a mount, which fsmount(2) is given.
pub static MOUNT_ATTR: Names = Names {
    what: "attribute of a mount",
    mask: 0,
    values: &[
        ("MOUNT_ATTR_RDONLY", 1),
        ("MOUNT_ATTR_NOSUID", 2),
        ("MOUNT_ATTR_NODEV", 4),
        ("MOUNT_ATTR_NOEXEC", 8),
        ("MOUNT_ATTR__ATIME", 0x70),
        ("MOUNT_ATTR_NOATIME", 0x10),
        ("MOUNT_ATTR_STRICTATIME", 0x20),
        ("MOUNT_ATTR_NODIRATIME", 0x80),
        ("MOUNT_ATTR_IDMAP", 0x10_0000),
        ("MOUNT_ATTR_NOSYMFOLLOW", 0x20_0000),
    ],
};

/// Flags of fspick(2).
pub static FSPICK: Names = Names {
    what: "flag of fspick",
    mask: 0,
    values: &[
        ("FSPICK_CLOEXEC", 1),
        ("FSPICK_SYMLINK_NOFOLLOW", 2),
        ("FSPICK_NO_AUTOMOUNT", 4),
        ("FSPICK_EMPTY_PATH", 8),
    ],
};

/// Flags of statmount(2) (include/uapi/linux/mount.h).
pub static STATMOUNT: Names = Names { what: "flag of statmount", mask: 0, values: &[("STATMOUNT_BY_FD", 1)] };

/// Flags of listmount(2) (include/uapi/linux/mount.h).
pub static LISTMOUNT: Names = Names { what: "flag of listmount", mask: 0, values: &[("LISTMOUNT_REVERSE", 1)] };

/// `AT_*` flags of setxattrat(2) and its kin, and of file_getattr(2).
pub static XATTR_AT: Names = Names {
    what: "AT flag of setxattrat",
    mask: 0,
    values: &[("AT_SYMLINK_NOFOLLOW", 0x100), ("AT_EMPTY_PATH", 0x1000)],
};

/// Operations of quotactl(2), each with a type of quota (include/uapi/linux/quota.h, include/uapi/linux/dqblk_xfs.h).
pub static QUOTA: Names = Names {
    what: "operation of quotactl",
    mask: 0xffff_ff00,
    values: &[
        ("Q_SYNC", 0x8000_0100),
        ("Q_QUOTAON", 0x8000_0200),
        ("Q_QUOTAOFF", 0x8000_0300),
        ("Q_GETFMT", 0x8000_0400),
        ("Q_GETINFO", 0x8000_0500),
        ("Q_SETINFO", 0x8000_0600),
        ("Q_GETQUOTA", 0x8000_0700),
        ("Q_SETQUOTA", 0x8000_0800),
        ("Q_GETNEXTQUOTA", 0x8000_0900),
        ("Q_XQUOTAON", 0x58_0100),
        ("Q_XQUOTAOFF", 0x58_0200),
        ("Q_XGETQUOTA", 0x58_0300),
        ("Q_XSETQLIM", 0x58_0400),
        ("Q_XGETQSTAT", 0x58_0500),
        ("Q_XQUOTARM", 0x58_0600),
        ("Q_XQUOTASYNC", 0x58_0700),
        ("Q_XGETQSTATV", 0x58_0800),
        ("Q_XGETNEXTQUOTA", 0x58_0900),
        ("GRPQUOTA", 1),
        ("PRJQUOTA", 2),
    ],
};

/// Flags of swapon(2), besides the priority in the lower bits (include/linux/swap.h).
pub static SWAP: Names = Names {
    what: "flag of swapon",
    mask: 0,
    values: &[
        ("SWAP_FLAG_PREFER", 0x8000),
        ("SWAP_FLAG_DISCARD", 0x1_0000),
        ("SWAP_FLAG_DISCARD_ONCE", 0x2_0000),
        ("SWAP_FLAG_DISCARD_PAGES", 0x4_0000),
    ],
};

/// Types of file systems, as statfs(2) reports them (include/uapi/linux/magic.h).
pub static FILE_SYSTEM: Names = Names {
    what: "type of file system",
    mask: u64::MAX,
    values: numbered! {
        ADFS_SUPER_MAGIC 0xadf5, AFFS_SUPER_MAGIC 0xadff, AFS_SUPER_MAGIC 0x5346_414f, AUTOFS_SUPER_MAGIC 0x187,
        CEPH_SUPER_MAGIC 0xc3_6400, CODA_SUPER_MAGIC 0x7375_7245, CRAMFS_MAGIC 0x28cd_3d45, DEBUGFS_MAGIC 0x6462_6720,
        SECURITYFS_MAGIC 0x7363_6673, SELINUX_MAGIC 0xf97c_ff8c, SMACK_MAGIC 0x4341_5d53, RAMFS_MAGIC 0x8584_58f6, TMPFS_MAGIC
        0x102_1994, HUGETLBFS_MAGIC 0x9584_58f6, SQUASHFS_MAGIC 0x7371_7368, ECRYPTFS_SUPER_MAGIC 0xf15f, EFS_SUPER_MAGIC
        0x41_4a53, EROFS_SUPER_MAGIC_V1 0xe0f5_e1e2, EXT2_SUPER_MAGIC 0xef53, XENFS_SUPER_MAGIC 0xabba_1974, BTRFS_SUPER_MAGIC
        0x9123_683e, NILFS_SUPER_MAGIC 0x3434, F2FS_SUPER_MAGIC 0xf2f5_2010, HPFS_SUPER_MAGIC 0xf995_e849, ISOFS_SUPER_MAGIC
        0x9660, JFFS2_SUPER_MAGIC 0x72b6, XFS_SUPER_MAGIC 0x5846_5342, PSTOREFS_MAGIC 0x6165_676c, EFIVARFS_MAGIC 0xde5e_81e4,
        HOSTFS_SUPER_MAGIC 0xc0_ffee, OVERLAYFS_SUPER_MAGIC 0x794c_7630, FUSE_SUPER_MAGIC 0x6573_5546, MINIX_SUPER_MAGIC 0x137f,
        MINIX_SUPER_MAGIC2 0x138f, MINIX2_SUPER_MAGIC 0x2468, MINIX2_SUPER_MAGIC2 0x2478, MINIX3_SUPER_MAGIC 0x4d5a,
        MSDOS_SUPER_MAGIC 0x4d44, EXFAT_SUPER_MAGIC 0x2011_bab0, NCP_SUPER_MAGIC 0x564c, NFS_SUPER_MAGIC 0x6969,
        OCFS2_SUPER_MAGIC 0x7461_636f, OPENPROM_SUPER_MAGIC 0x9fa1, QNX4_SUPER_MAGIC 0x2f, QNX6_SUPER_MAGIC 0x6819_1122,
        AFS_FS_MAGIC 0x6b41_4653, REISERFS_SUPER_MAGIC 0x5265_4973, SMB_SUPER_MAGIC 0x517b, CIFS_SUPER_MAGIC 0xff53_4d42,
        SMB2_SUPER_MAGIC 0xfe53_4d42, CGROUP_SUPER_MAGIC 0x27_e0eb, CGROUP2_SUPER_MAGIC 0x6367_7270, RDTGROUP_SUPER_MAGIC
        0x765_5821, TRACEFS_MAGIC 0x7472_6163, V9FS_MAGIC 0x102_1997, BDEVFS_MAGIC 0x6264_6576, DAXFS_MAGIC 0x6464_6178,
        BINFMTFS_MAGIC 0x4249_4e4d, DEVPTS_SUPER_MAGIC 0x1cd1, BINDERFS_SUPER_MAGIC 0x6c6f_6f70, FUTEXFS_SUPER_MAGIC 0xbad_1dea,
        PIPEFS_MAGIC 0x5049_5045, PROC_SUPER_MAGIC 0x9fa0, SOCKFS_MAGIC 0x534f_434b, SYSFS_MAGIC 0x6265_6572,
        USBDEVICE_SUPER_MAGIC 0x9fa2, MTD_INODE_FS_MAGIC 0x1130_7854, ANON_INODE_FS_MAGIC 0x904_1934, BTRFS_TEST_MAGIC
        0x7372_7279, NSFS_MAGIC 0x6e73_6673, BPF_FS_MAGIC 0xcafe_4a11, AAFS_MAGIC 0x5a3c_69f0, ZONEFS_MAGIC 0x5a4f_4653,
        UDF_SUPER_MAGIC 0x1501_3346, DMA_BUF_MAGIC 0x444d_4142, DEVMEM_MAGIC 0x454d_444d, SECRETMEM_MAGIC 0x5345_434d,
    },
};

/// Flags of a mounted file system, as statfs(2) reports them (include/linux/statfs.h).
pub static FILE_SYSTEM_FLAGS: Names = Names {
    what: "flag of a file system",
    mask: 0,
    values: numbered! {
        ST_VALID 0x20, ST_RDONLY 1, ST_NOSUID 2, ST_NODEV 4, ST_NOEXEC 8, ST_SYNCHRONOUS 0x10, ST_MANDLOCK 0x40, ST_NOATIME 0x400,
        ST_NODIRATIME 0x800, ST_RELATIME 0x1000, ST_NOSYMFOLLOW 0x2000,
    },
};
