//! What io_uring's calls and requests are given.

use super::Names;

/// Flags of io_uring_enter(2) (include/uapi/linux/io_uring.h).
pub static URING_ENTER: Names = Names {
    what: "flag of io_uring_enter",
    mask: 0,
    values: &[
        ("IORING_ENTER_GETEVENTS", 1),
        ("IORING_ENTER_SQ_WAKEUP", 2),
        ("IORING_ENTER_SQ_WAIT", 4),
        ("IORING_ENTER_EXT_ARG", 8),
        ("IORING_ENTER_REGISTERED_RING", 16),
    ],
};

/// Opcodes of io_uring_register(2) (include/uapi/linux/io_uring.h).
pub static URING_REGISTER: Names = Names {
    what: "opcode of io_uring_register",
    // All but IORING_REGISTER_USE_REGISTERED_RING.
    mask: 0x7fff_ffff,
    values: &[
        ("IORING_REGISTER_USE_REGISTERED_RING", 1 << 31),
        ("IORING_REGISTER_BUFFERS", 0),
        ("IORING_UNREGISTER_BUFFERS", 1),
        ("IORING_REGISTER_FILES", 2),
        ("IORING_UNREGISTER_FILES", 3),
        ("IORING_REGISTER_EVENTFD", 4),
        ("IORING_UNREGISTER_EVENTFD", 5),
        ("IORING_REGISTER_FILES_UPDATE", 6),
        ("IORING_REGISTER_EVENTFD_ASYNC", 7),
        ("IORING_REGISTER_PROBE", 8),
        ("IORING_REGISTER_PERSONALITY", 9),
        ("IORING_UNREGISTER_PERSONALITY", 10),
        ("IORING_REGISTER_RESTRICTIONS", 11),
        ("IORING_REGISTER_ENABLE_RINGS", 12),
        ("IORING_REGISTER_FILES2", 13),
        ("IORING_REGISTER_FILES_UPDATE2", 14),
        ("IORING_REGISTER_BUFFERS2", 15),
        ("IORING_REGISTER_BUFFERS_UPDATE", 16),
        ("IORING_REGISTER_IOWQ_AFF", 17),
        ("IORING_UNREGISTER_IOWQ_AFF", 18),
        ("IORING_REGISTER_IOWQ_MAX_WORKERS", 19),
        ("IORING_REGISTER_RING_FDS", 20),
        ("IORING_UNREGISTER_RING_FDS", 21),
        ("IORING_REGISTER_PBUF_RING", 22),
        ("IORING_UNREGISTER_PBUF_RING", 23),
        ("IORING_REGISTER_SYNC_CANCEL", 24),
        ("IORING_REGISTER_FILE_ALLOC_RANGE", 25),
    ],
};

/// Flags of the entries of io_uring's submission queue (include/uapi/linux/io_uring.h).
pub static SQE: Names = Names {
    what: "flag of an entry of the submission queue",
    mask: 0,
    values: &[
        ("IOSQE_FIXED_FILE", 1),
        ("IOSQE_IO_DRAIN", 2),
        ("IOSQE_IO_LINK", 4),
        ("IOSQE_IO_HARDLINK", 8),
        ("IOSQE_ASYNC", 16),
        ("IOSQE_BUFFER_SELECT", 32),
        ("IOSQE_CQE_SKIP_SUCCESS", 64),
    ],
};

/// Flags of IORING_OP_FSYNC.
pub static URING_FSYNC: Names =
    Names { what: "flag of IORING_OP_FSYNC", mask: 0, values: &[("IORING_FSYNC_DATASYNC", 1)] };

/// Flags of io_uring_setup(2) (include/uapi/linux/io_uring.h).
pub static URING_SETUP: Names = Names {
    what: "flag of io_uring_setup",
    mask: 0,
    values: numbered! {
        IORING_SETUP_IOPOLL 1, IORING_SETUP_SQPOLL 2, IORING_SETUP_SQ_AFF 4, IORING_SETUP_CQSIZE 8, IORING_SETUP_CLAMP 16,
        IORING_SETUP_ATTACH_WQ 32, IORING_SETUP_R_DISABLED 64, IORING_SETUP_SUBMIT_ALL 128, IORING_SETUP_COOP_TASKRUN 0x100,
        IORING_SETUP_TASKRUN_FLAG 0x200, IORING_SETUP_SQE128 0x400, IORING_SETUP_CQE32 0x800, IORING_SETUP_SINGLE_ISSUER
        0x1000, IORING_SETUP_DEFER_TASKRUN 0x2000, IORING_SETUP_NO_MMAP 0x4000, IORING_SETUP_REGISTERED_FD_ONLY 0x8000,
        IORING_SETUP_NO_SQARRAY 0x10000, IORING_SETUP_HYBRID_IOPOLL 0x20000, IORING_SETUP_CQE_MIXED 0x40000,
        IORING_SETUP_SQE_MIXED 0x80000, IORING_SETUP_SQ_REWIND 0x100000,
    },
};

/// What io_uring_setup(2) says that the kernel can do.
pub static URING_FEATURES: Names = Names {
    what: "feature of io_uring",
    mask: 0,
    values: numbered! {
        IORING_FEAT_SINGLE_MMAP 1, IORING_FEAT_NODROP 2, IORING_FEAT_SUBMIT_STABLE 4, IORING_FEAT_RW_CUR_POS 8,
        IORING_FEAT_CUR_PERSONALITY 16, IORING_FEAT_FAST_POLL 32, IORING_FEAT_POLL_32BITS 64, IORING_FEAT_SQPOLL_NONFIXED 128,
        IORING_FEAT_EXT_ARG 0x100, IORING_FEAT_NATIVE_WORKERS 0x200, IORING_FEAT_RSRC_TAGS 0x400, IORING_FEAT_CQE_SKIP 0x800,
        IORING_FEAT_LINKED_FILE 0x1000, IORING_FEAT_REG_REG_RING 0x2000, IORING_FEAT_RECVSEND_BUNDLE 0x4000,
        IORING_FEAT_MIN_TIMEOUT 0x8000, IORING_FEAT_RW_ATTR 0x10000, IORING_FEAT_NO_IOWAIT 0x20000,
    },
};
