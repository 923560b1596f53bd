//! What changes or asks the kernel and other processes: bpf(2), ptrace(2), landlock(7), modules, clocks, and names without a call.

use super::{Arg, Effect, Io, Other, PortableRow, Ret, does, io, makes_fd, of_kind, other, row};
use crate::table::kind::Kind;
use crate::table::names;
use crate::table::syscalls::Role::{Choice, Fd, Flags, Id, Int, Named, Pointer, Text, Unsigned, UnsignedInt};

/// The commands of bpf(2) whose result is a descriptor (include/uapi/linux/bpf.h): MAP_CREATE, PROG_LOAD, OBJ_GET, the ones by id,
/// RAW_TRACEPOINT_OPEN, BTF_LOAD, LINK_CREATE, ENABLE_STATS, ITER_CREATE and TOKEN_CREATE.
fn bpf_makes_one(args: &[u64; 6]) -> bool {
    matches!(args[0] as u32, 0 | 5 | 7 | 13 | 14 | 17 | 18 | 19 | 28 | 30 | 32 | 33 | 36)
}

/// SECCOMP_SET_MODE_FILTER with SECCOMP_FILTER_FLAG_NEW_LISTENER (seccomp(2)).
fn seccomp_listens(args: &[u64; 6]) -> bool {
    args[0] as u32 == libc::SECCOMP_SET_MODE_FILTER && args[1] & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0
}

/// All of them.
#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<PortableRow> {
    vec![
        row("bpf", Io, args![cmd: Choice(&names::BPF), attr: Pointer, size: UnsignedInt], Ret::FdWhen(bpf_makes_one)),
        of_kind(
            Kind::Perf,
            makes_fd("perf_event_open", args![attr: Pointer, pid: Int, cpu: Int, fd: Fd, flags: Flags(&names::PERF)]),
        ),
        of_kind(
            Kind::Landlock,
            row(
                "landlock_create_ruleset",
                Io,
                args![attr: Pointer, size: Unsigned, flags: Flags(&names::LANDLOCK_CREATE)],
                Ret::FdWhen(|args| args[2] == 0),
            ),
        ),
        io(
            "landlock_add_rule",
            args![fd: Fd, rule_type: Choice(&names::LANDLOCK_RULE), rule_attr: Pointer, flags: Flags(&names::LANDLOCK_ADD_RULE)],
        ),
        io("landlock_restrict_self", args![fd: Fd, flags: Flags(&names::LANDLOCK_RESTRICT)]),
        // With a listener the result is its descriptor, which no flag of the caller marks.
        does(
            Effect::ControlFilter,
            row(
                "seccomp",
                Other,
                args![op: Choice(&names::SECCOMP), flags: Flags(&names::SECCOMP_FILTER), addr: Pointer],
                Ret::FdWhen(seccomp_listens),
            ),
        ),
        other("ptrace", args![op: Choice(&names::PTRACE), pid: Int, addr: Pointer, data: Pointer]),
        other(
            "lsm_get_self_attr",
            args![attr: Choice(&names::LSM), ctx: Pointer, size: Pointer, flags: Flags(&names::LSM_GET)],
        ),
        other(
            "lsm_set_self_attr",
            args![attr: Choice(&names::LSM), ctx: Pointer, size: UnsignedInt, flags: Flags(&names::RESERVED)],
        ),
        other("listns", args![req: Pointer, ns_ids: Pointer, nr_ns_ids: Unsigned, flags: Flags(&names::RESERVED)]),
        other("rseq_slice_yield", args![]),
        other("lsm_list_modules", args![ids: Pointer, size: Pointer, flags: Flags(&names::RESERVED)]),
        // Other processes.
        other(
            "pidfd_send_signal",
            args![fd: Fd, sig: Named(&names::SIGNAL), info: Pointer, flags: Flags(&names::PIDFD_SIGNAL)],
        ),
        row(
            "process_vm_readv",
            Other,
            args![pid: Int, local_iov: Pointer, liovcnt: Unsigned, remote_iov: Pointer, riovcnt: Unsigned, flags: Flags(&names::RESERVED_LONG)],
            Ret::Bytes,
        ),
        row(
            "process_vm_writev",
            Other,
            args![pid: Int, local_iov: Pointer, liovcnt: Unsigned, remote_iov: Pointer, riovcnt: Unsigned, flags: Flags(&names::RESERVED_LONG)],
            Ret::Bytes,
        ),
        row(
            "process_madvise",
            Other,
            args![fd: Fd, iov: Pointer, iovcnt: Unsigned, advice: Choice(&names::MADVICE), flags: Flags(&names::RESERVED)],
            Ret::Bytes,
        ),
        other("process_mrelease", args![fd: Fd, flags: Flags(&names::RESERVED)]),
        // The descriptors are those of the two processes.
        other("kcmp", args![pid1: Int, pid2: Int, type: Choice(&names::COMPARE), idx1: Unsigned, idx2: Unsigned]),
        other("rt_sigqueueinfo", args![pid: Int, sig: Named(&names::SIGNAL), info: Pointer]),
        other("rt_tgsigqueueinfo", args![tgid: Int, tid: Int, sig: Named(&names::SIGNAL), info: Pointer]),
        // The machine.
        other(
            "reboot",
            args![magic: Choice(&names::REBOOT_MAGIC), magic2: Choice(&names::REBOOT_MAGIC), op: Choice(&names::REBOOT), arg: Pointer],
        ),
        other("sethostname", args![name: Pointer, length: Int]),
        other("setdomainname", args![name: Pointer, length: Int]),
        other("init_module", args![module_image: Pointer, length: Unsigned, param_values: Pointer]),
        other("finit_module", args![fd: Fd, param_values: Pointer, flags: Flags(&names::INIT_MODULE)]),
        other("delete_module", args![path: Text, flags: Flags(&names::DELETE_MODULE)]),
        other(
            "kexec_load",
            args![entry: Pointer, nr_segments: Unsigned, segments: Pointer, flags: Flags(&names::KEXEC)],
        ),
        other(
            "kexec_file_load",
            args![fd: Fd, fd2: Fd, cmdline_len: Unsigned, cmdline: Pointer, flags: Flags(&names::KEXEC_FILE)],
        ),
        other("syslog", args![type: Choice(&names::SYSLOG), bufp: Pointer, length: Int]),
        other("sysfs", args![option: Int, arg1: Unsigned, arg2: Unsigned]),
        other("vhangup", args![]),
        other("personality", args![persona: UnsignedInt]),
        other("iopl", args![level: UnsignedInt]),
        other("ioperm", args![from: Unsigned, num: Unsigned, turn_on: Int]),
        other("modify_ldt", args![func: Int, ptr: Pointer, bytecount: Unsigned]),
        other("get_thread_area", args![u_info: Pointer]),
        other("set_thread_area", args![u_info: Pointer]),
        other("uprobe", args![]),
        other("uretprobe", args![]),
        // Rights of the caller.
        other("setreuid", args![ruid: Id, euid: Id]),
        other("setregid", args![rgid: Id, egid: Id]),
        other("setfsuid", args![fsuid: Id]),
        other("setfsgid", args![fsgid: Id]),
        // Names that no kernel has more of, or has had no more for long (unimplemented(2)).
        other("_sysctl", args![args: Pointer]),
        other("afs_syscall", args![]),
        other("create_module", args![path: Text, size: Unsigned]),
        other("get_kernel_syms", args![table: Pointer]),
        other("lookup_dcookie", args![cookie: Unsigned, buffer: Pointer, length: Unsigned]),
        other("nfsservctl", args![cmd: Int, argp: Pointer, resp: Pointer]),
        other("query_module", args![path: Text, which: Int, buf: Pointer, bufsize: Unsigned, ret_size: Pointer]),
        other("epoll_ctl_old", args![]),
        other("epoll_wait_old", args![]),
        other("getpmsg", args![]),
        other("putpmsg", args![]),
        other("security", args![]),
        other("tuxcall", args![]),
        other("vserver", args![]),
    ]
}
