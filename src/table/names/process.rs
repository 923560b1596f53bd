//! Processes, threads, signals and time: clone(2), futex(2), signal(7), madvise(2), wait(2), getrlimit(2).

use super::Names;

/// Flags of clone(2); in the lowest byte the signal that the parent gets at the end of the child.
pub static CLONE: Names = Names {
    what: "flag of clone",
    mask: 0xff,
    values: &[
        ("0", 0),
        ("SIGCHLD", libc::SIGCHLD as u64),
        ("CLONE_VM", libc::CLONE_VM as u64),
        ("CLONE_FS", libc::CLONE_FS as u64),
        ("CLONE_FILES", libc::CLONE_FILES as u64),
        ("CLONE_SIGHAND", libc::CLONE_SIGHAND as u64),
        // include/uapi/linux/sched.h.
        ("CLONE_PIDFD", 0x1000),
        ("CLONE_PTRACE", libc::CLONE_PTRACE as u64),
        ("CLONE_VFORK", libc::CLONE_VFORK as u64),
        ("CLONE_PARENT", libc::CLONE_PARENT as u64),
        ("CLONE_THREAD", libc::CLONE_THREAD as u64),
        ("CLONE_NEWNS", libc::CLONE_NEWNS as u64),
        ("CLONE_SYSVSEM", libc::CLONE_SYSVSEM as u64),
        ("CLONE_SETTLS", libc::CLONE_SETTLS as u64),
        ("CLONE_PARENT_SETTID", libc::CLONE_PARENT_SETTID as u64),
        ("CLONE_CHILD_CLEARTID", libc::CLONE_CHILD_CLEARTID as u64),
        ("CLONE_CHILD_SETTID", libc::CLONE_CHILD_SETTID as u64),
        ("CLONE_NEWCGROUP", libc::CLONE_NEWCGROUP as u64),
        ("CLONE_NEWUTS", libc::CLONE_NEWUTS as u64),
        ("CLONE_NEWIPC", libc::CLONE_NEWIPC as u64),
        ("CLONE_NEWUSER", libc::CLONE_NEWUSER as u64),
        ("CLONE_NEWPID", libc::CLONE_NEWPID as u64),
        ("CLONE_NEWNET", libc::CLONE_NEWNET as u64),
        ("CLONE_IO", libc::CLONE_IO as u64),
    ],
};

/// Kinds of namespaces of setns(2).
pub static NAMESPACE: Names = Names {
    what: "kind of namespace",
    mask: 0,
    values: values![
        CLONE_NEWTIME,
        CLONE_NEWNS,
        CLONE_NEWCGROUP,
        CLONE_NEWUTS,
        CLONE_NEWIPC,
        CLONE_NEWUSER,
        CLONE_NEWPID,
        CLONE_NEWNET,
    ],
};

/// Flags of unshare(2): those of clone(2) that make a namespace or end a sharing.
pub static UNSHARE: Names = Names {
    what: "flag of unshare",
    mask: 0,
    values: values![
        CLONE_NEWTIME,
        CLONE_FS,
        CLONE_FILES,
        CLONE_NEWNS,
        CLONE_SYSVSEM,
        CLONE_NEWCGROUP,
        CLONE_NEWUTS,
        CLONE_NEWIPC,
        CLONE_NEWUSER,
        CLONE_NEWPID,
        CLONE_NEWNET,
    ],
};

/// Operations of futex(2), alone and for one process.
pub static FUTEX: Names = Names {
    what: "operation of futex",
    // include/uapi/linux/futex.h: what is left without FUTEX_CLOCK_REALTIME.
    mask: 0xff,
    values: numbered! {
        FUTEX_WAIT 0, FUTEX_WAKE 1, FUTEX_FD 2, FUTEX_REQUEUE 3, FUTEX_CMP_REQUEUE 4, FUTEX_WAKE_OP 5, FUTEX_LOCK_PI 6,
        FUTEX_UNLOCK_PI 7, FUTEX_TRYLOCK_PI 8, FUTEX_WAIT_BITSET 9, FUTEX_WAKE_BITSET 10, FUTEX_WAIT_REQUEUE_PI 11,
        FUTEX_CMP_REQUEUE_PI 12, FUTEX_LOCK_PI2 13, FUTEX_WAIT_PRIVATE 0x80, FUTEX_WAKE_PRIVATE 0x81, FUTEX_REQUEUE_PRIVATE 0x83,
        FUTEX_CMP_REQUEUE_PRIVATE 0x84, FUTEX_WAKE_OP_PRIVATE 0x85, FUTEX_LOCK_PI_PRIVATE 0x86, FUTEX_UNLOCK_PI_PRIVATE 0x87,
        FUTEX_TRYLOCK_PI_PRIVATE 0x88, FUTEX_WAIT_BITSET_PRIVATE 0x89, FUTEX_WAKE_BITSET_PRIVATE 0x8a,
        FUTEX_WAIT_REQUEUE_PI_PRIVATE 0x8b, FUTEX_CMP_REQUEUE_PI_PRIVATE 0x8c, FUTEX_LOCK_PI2_PRIVATE 0x8d, FUTEX_PRIVATE_FLAG 0x80,
        FUTEX_CLOCK_REALTIME 0x100,
    },
};

/// Signals (signal(7)).
pub static SIGNAL: Names = Names {
    what: "signal",
    mask: u32::MAX as u64,
    values: values![
        SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
        SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ,
        SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS,
    ],
};

/// What rt_sigprocmask does with its set (sigprocmask(2)).
pub static SIGMASK: Names =
    Names { what: "how of sigprocmask", mask: u32::MAX as u64, values: values![SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK] };

/// Advice of madvise(2).
pub static MADVICE: Names = Names {
    what: "advice of madvise",
    mask: u32::MAX as u64,
    values: values![
        MADV_NORMAL,
        MADV_RANDOM,
        MADV_SEQUENTIAL,
        MADV_WILLNEED,
        MADV_DONTNEED,
        MADV_FREE,
        MADV_REMOVE,
        MADV_DONTFORK,
        MADV_DOFORK,
        MADV_MERGEABLE,
        MADV_UNMERGEABLE,
        MADV_HUGEPAGE,
        MADV_NOHUGEPAGE,
        MADV_DONTDUMP,
        MADV_DODUMP,
        MADV_WIPEONFORK,
        MADV_KEEPONFORK,
        MADV_COLD,
        MADV_PAGEOUT,
        MADV_POPULATE_READ,
        MADV_POPULATE_WRITE,
        MADV_DONTNEED_LOCKED,
        MADV_COLLAPSE,
        MADV_HWPOISON,
        MADV_SOFT_OFFLINE,
    ],
};

/// Flags of mremap(2).
pub static MREMAP: Names =
    Names { what: "flag of mremap", mask: 0, values: values![MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP] };

/// Options of wait4(2).
pub static WAIT: Names = Names {
    what: "option of wait4",
    mask: 0,
    values: values![WNOHANG, WUNTRACED, WEXITED, WCONTINUED, WNOWAIT, __WNOTHREAD, __WALL, __WCLONE],
};

/// Options of waitid(2).
pub static WAIT_ID: Names = Names {
    what: "option of waitid",
    mask: 0,
    values: values![WNOHANG, WEXITED, WSTOPPED, WCONTINUED, WNOWAIT, __WNOTHREAD, __WALL, __WCLONE],
};

/// Whom waitid(2) waits for.
pub static WAIT_FOR: Names =
    Names { what: "idtype of waitid", mask: u32::MAX as u64, values: values![P_ALL, P_PID, P_PGID, P_PIDFD] };

/// Resources of getrlimit(2).
pub static RESOURCE: Names = Names {
    what: "resource",
    mask: u32::MAX as u64,
    values: values![
        RLIMIT_CPU,
        RLIMIT_FSIZE,
        RLIMIT_DATA,
        RLIMIT_STACK,
        RLIMIT_CORE,
        RLIMIT_RSS,
        RLIMIT_NPROC,
        RLIMIT_NOFILE,
        RLIMIT_MEMLOCK,
        RLIMIT_AS,
        RLIMIT_LOCKS,
        RLIMIT_SIGPENDING,
        RLIMIT_MSGQUEUE,
        RLIMIT_NICE,
        RLIMIT_RTPRIO,
        RLIMIT_RTTIME,
    ],
};

/// Whose usage getrusage(2) asks for.
pub static USAGE: Names = Names {
    what: "who of getrusage",
    mask: u32::MAX as u64,
    values: values![RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD],
};

/// Operations of arch_prctl(2) (arch/x86/include/uapi/asm/prctl.h).
pub static ARCH_PRCTL: Names = Names {
    what: "operation of arch_prctl",
    mask: u32::MAX as u64,
    values: &[
        ("ARCH_SET_GS", 0x1001),
        ("ARCH_SET_FS", 0x1002),
        ("ARCH_GET_FS", 0x1003),
        ("ARCH_GET_GS", 0x1004),
        ("ARCH_GET_CPUID", 0x1011),
        ("ARCH_SET_CPUID", 0x1012),
        ("ARCH_GET_XCOMP_SUPP", 0x1021),
        ("ARCH_GET_XCOMP_PERM", 0x1022),
        ("ARCH_REQ_XCOMP_PERM", 0x1023),
        ("ARCH_GET_XCOMP_GUEST_PERM", 0x1024),
        ("ARCH_REQ_XCOMP_GUEST_PERM", 0x1025),
        ("ARCH_MAP_VDSO_X32", 0x2001),
        ("ARCH_MAP_VDSO_32", 0x2002),
        ("ARCH_MAP_VDSO_64", 0x2003),
        ("ARCH_CET_STATUS", 0x3001),
        ("ARCH_GET_UNTAG_MASK", 0x4001),
        ("ARCH_ENABLE_TAGGED_ADDR", 0x4002),
        ("ARCH_GET_MAX_TAG_BITS", 0x4003),
        ("ARCH_FORCE_TAGGED_SVA", 0x4004),
        ("ARCH_SHSTK_ENABLE", 0x5001),
        ("ARCH_SHSTK_DISABLE", 0x5002),
        ("ARCH_SHSTK_LOCK", 0x5003),
        ("ARCH_SHSTK_UNLOCK", 0x5004),
        ("ARCH_SHSTK_STATUS", 0x5005),
    ],
};

/// Flags of clock_nanosleep(2).
pub static SLEEP: Names = Names { what: "flag of clock_nanosleep", mask: 0, values: values![TIMER_ABSTIME] };

/// Handlers of sigaction(2) that are no address.
pub static HANDLER: Names = Names {
    what: "handler of a signal",
    mask: u64::MAX,
    values: numbered! { SIG_DFL 0, SIG_IGN 1, SIG_ERR 0xffff_ffff_ffff_ffff },
};

/// Flags of sigaction(2), and SA_RESTORER (arch/x86/include/uapi/asm/signal.h).
pub static ACTION: Names = Names {
    what: "flag of sigaction",
    mask: 0,
    values: numbered! {
        SA_RESTORER 0x400_0000, SA_ONSTACK 0x800_0000, SA_RESTART 0x1000_0000, SA_INTERRUPT 0x2000_0000, SA_NODEFER 0x4000_0000,
        SA_RESETHAND 0x8000_0000, SA_SIGINFO 4, SA_NOCLDSTOP 1, SA_NOCLDWAIT 2, SA_EXPOSE_TAGBITS 0x800,
    },
};

/// Flags of sigaltstack(2).
pub static ALTSTACK: Names = Names {
    what: "flag of sigaltstack",
    mask: 0,
    values: numbered! { SS_AUTODISARM 0x8000_0000, SS_ONSTACK 1, SS_DISABLE 2 },
};

/// Who has sent a signal (sigaction(2)): the codes of all signals. The others depend on the signal.
pub static SIGNAL_CODE: Names = Names {
    what: "si_code",
    mask: u32::MAX as u64,
    values: numbered! {
        SI_USER 0, SI_KERNEL 0x80, SI_QUEUE 0xffff_ffff, SI_TIMER 0xffff_fffe, SI_MESGQ 0xffff_fffd, SI_ASYNCIO 0xffff_fffc,
        SI_SIGIO 0xffff_fffb, SI_TKILL 0xffff_fffa, SI_DETHREAD 0xffff_fff9, SI_ASYNCNL 0xffff_ffc4,
    },
};

/// Why a child has changed: `si_code` of SIGCHLD (sigaction(2)).
pub static CHILD_CODE: Names = Names {
    what: "si_code of SIGCHLD",
    mask: u32::MAX as u64,
    values: values![CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED],
};

/// `si_code` of the signals that the kernel sends for a fault or an event: the signal, and the
/// names of its codes, which count from 1 (sigaction(2)).
pub static FAULT_CODES: [(i32, &[&str]); 6] = [
    (
        libc::SIGILL,
        &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
        ],
    ),
    (
        libc::SIGFPE,
        &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ],
    ),
    (libc::SIGSEGV, &["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"]),
    (libc::SIGBUS, &["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"]),
    (libc::SIGTRAP, &["TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"]),
    (libc::SIGIO, &["POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP"]),
];
