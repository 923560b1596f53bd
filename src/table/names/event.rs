//! Descriptors that events are read from: eventfd(2), timerfd_create(2), signalfd(2), epoll(7), inotify(7), fanotify(7),
//! pidfd_open(2), userfaultfd(2).

use super::Names;

/// Flags of eventfd(2).
pub static EVENTFD: Names =
    Names { what: "flag of eventfd", mask: 0, values: values![EFD_SEMAPHORE, EFD_CLOEXEC, EFD_NONBLOCK] };

/// Clocks (clock_gettime(2)).
pub static CLOCK: Names = Names {
    what: "clock",
    mask: u32::MAX as u64,
    values: values![
        CLOCK_REALTIME,
        CLOCK_MONOTONIC,
        CLOCK_PROCESS_CPUTIME_ID,
        CLOCK_THREAD_CPUTIME_ID,
        CLOCK_MONOTONIC_RAW,
        CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE,
        CLOCK_BOOTTIME,
        CLOCK_REALTIME_ALARM,
        CLOCK_BOOTTIME_ALARM,
        CLOCK_TAI,
    ],
};

/// Flags of timerfd_create(2).
pub static TIMERFD: Names =
    Names { what: "flag of timerfd_create", mask: 0, values: values![TFD_CLOEXEC, TFD_NONBLOCK] };

/// Flags of timerfd_settime(2).
pub static TIMER: Names =
    Names { what: "flag of timerfd_settime", mask: 0, values: values![TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET] };

/// Flags of signalfd(2).
pub static SIGNALFD: Names = Names { what: "flag of signalfd", mask: 0, values: values![SFD_CLOEXEC, SFD_NONBLOCK] };

/// Flags of epoll_create1(2).
pub static EPOLL: Names = Names { what: "flag of epoll_create1", mask: 0, values: values![EPOLL_CLOEXEC] };

/// Events of epoll_ctl(2) and epoll_wait(2).
pub static EPOLL_EVENTS: Names = Names {
    what: "event of epoll",
    mask: 0,
    values: values![
        EPOLLIN,
        EPOLLPRI,
        EPOLLOUT,
        EPOLLERR,
        EPOLLHUP,
        EPOLLRDNORM,
        EPOLLRDBAND,
        EPOLLWRNORM,
        EPOLLWRBAND,
        EPOLLMSG,
        EPOLLRDHUP,
        EPOLLEXCLUSIVE,
        EPOLLWAKEUP,
        EPOLLONESHOT,
        EPOLLET,
    ],
};

/// Events of poll(2).
pub static POLL: Names = Names {
    what: "event of poll",
    mask: 0,
    values: values![
        POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND,
        POLLRDHUP,
    ],
};

/// Operations of epoll_ctl(2).
pub static EPOLL_CTL: Names = Names {
    what: "operation of epoll_ctl",
    mask: u32::MAX as u64,
    values: values![EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD],
};

/// Flags of inotify_init1(2).
pub static INOTIFY: Names = Names { what: "flag of inotify_init1", mask: 0, values: values![IN_NONBLOCK, IN_CLOEXEC] };

/// The mask of inotify_add_watch(2).
pub static INOTIFY_MASK: Names = Names {
    what: "event of inotify",
    mask: 0,
    values: values![
        IN_ALL_EVENTS,
        IN_CLOSE,
        IN_MOVE,
        IN_ACCESS,
        IN_ATTRIB,
        IN_CLOSE_WRITE,
        IN_CLOSE_NOWRITE,
        IN_CREATE,
        IN_DELETE,
        IN_DELETE_SELF,
        IN_MODIFY,
        IN_MOVE_SELF,
        IN_MOVED_FROM,
        IN_MOVED_TO,
        IN_OPEN,
        IN_ONLYDIR,
        IN_DONT_FOLLOW,
        IN_EXCL_UNLINK,
        IN_MASK_CREATE,
        IN_MASK_ADD,
        IN_ONESHOT,
    ],
};

/// Flags of fanotify_init(2): a class, and others.
pub static FANOTIFY: Names = Names {
    what: "flag of fanotify_init",
    // FAN_ALL_CLASS_BITS (include/uapi/linux/fanotify.h).
    mask: 0xc,
    values: values![
        FAN_CLASS_NOTIF,
        FAN_CLASS_CONTENT,
        FAN_CLASS_PRE_CONTENT,
        FAN_CLOEXEC,
        FAN_NONBLOCK,
        FAN_UNLIMITED_QUEUE,
        FAN_UNLIMITED_MARKS,
        FAN_ENABLE_AUDIT,
        FAN_REPORT_PIDFD,
        FAN_REPORT_TID,
        FAN_REPORT_FID,
        FAN_REPORT_DIR_FID,
        FAN_REPORT_NAME,
        FAN_REPORT_TARGET_FID,
    ],
};

/// Flags of fanotify_mark(2) (include/uapi/linux/fanotify.h).
pub static FANOTIFY_MARK: Names = Names {
    what: "flag of fanotify_mark",
    mask: 0,
    values: numbered! {
        FAN_MARK_ADD 1, FAN_MARK_REMOVE 2, FAN_MARK_FLUSH 0x80, FAN_MARK_DONT_FOLLOW 4, FAN_MARK_ONLYDIR 8, FAN_MARK_MNTNS 0x110,
        FAN_MARK_MOUNT 0x10, FAN_MARK_FILESYSTEM 0x100, FAN_MARK_IGNORED_MASK 0x20, FAN_MARK_IGNORED_SURV_MODIFY 0x40,
        FAN_MARK_IGNORE 0x400, FAN_MARK_EVICTABLE 0x200,
    },
};

/// The mask of fanotify_mark(2) (include/uapi/linux/fanotify.h).
pub static FANOTIFY_MASK: Names = Names {
    what: "event of fanotify",
    mask: 0,
    values: numbered! {
        FAN_ACCESS 1, FAN_MODIFY 2, FAN_ATTRIB 4, FAN_CLOSE_WRITE 8, FAN_CLOSE_NOWRITE 0x10, FAN_OPEN 0x20, FAN_MOVED_FROM 0x40,
        FAN_MOVED_TO 0x80, FAN_CREATE 0x100, FAN_DELETE 0x200, FAN_DELETE_SELF 0x400, FAN_MOVE_SELF 0x800, FAN_OPEN_EXEC 0x1000,
        FAN_Q_OVERFLOW 0x4000, FAN_FS_ERROR 0x8000, FAN_OPEN_PERM 0x1_0000, FAN_ACCESS_PERM 0x2_0000, FAN_OPEN_EXEC_PERM 0x4_0000,
        FAN_DIR_MODIFY 0x8_0000, FAN_PRE_ACCESS 0x10_0000, FAN_MNT_ATTACH 0x100_0000, FAN_MNT_DETACH 0x200_0000,
        FAN_EVENT_ON_CHILD 0x800_0000, FAN_RENAME 0x1000_0000, FAN_ONDIR 0x4000_0000,
        FAN_CLOSE 0x18, FAN_MOVE 0xc0, // Two events each, which are shown one by one.
    },
};

/// Flags of pidfd_open(2).
pub static PIDFD: Names = Names { what: "flag of pidfd_open", mask: 0, values: values![PIDFD_NONBLOCK, PIDFD_THREAD] };

/// Flags of userfaultfd(2).
pub static USERFAULTFD: Names = Names {
    what: "flag of userfaultfd",
    mask: 0,
    // UFFD_USER_MODE_ONLY (include/uapi/linux/userfaultfd.h), which libc does not have.
    values: &[
        ("O_CLOEXEC", libc::O_CLOEXEC as u64),
        ("O_NONBLOCK", libc::O_NONBLOCK as u64),
        ("UFFD_USER_MODE_ONLY", 1),
    ],
};
