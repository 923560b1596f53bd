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
    mask: u32::MAX as u64,
    values: &[
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
