//! Where the meaning of an argument or of the result depends on other arguments: fcntl(2), futex(2), setsockopt(2).
//!
//! No I/O.

use super::{Effect, Ret, Role, Syscall, control, meaning};
use crate::table::names::{self, Names};

impl Syscall {
    /// What the result means for a call with these arguments. The result of fcntl(2) depends on its command. A `size` of 0 asks how
    /// many bytes there are, and moves none (getxattr(2), listxattr(2)). A file that a request opens with a `file_index` gets no
    /// descriptor (io_uring_enter(2)).
    pub fn ret_for(&self, args: &[u64; 6]) -> Ret {
        match (self.ret, args[1] as i32) {
            (Ret::ByCommand, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => Ret::Fd,
            (Ret::ByCommand, libc::F_GETFL) => Ret::Flags(&names::OPEN),
            (Ret::ByCommand, libc::F_GETFD) => Ret::Flags(&names::FD),
            (Ret::ByCommand, libc::F_GET_SEALS) => Ret::Flags(&names::SEALS),
            (Ret::ByCommand, _) => Ret::Number,
            (Ret::FdWhen(makes), _) => {
                if makes(args) {
                    Ret::Fd
                } else {
                    Ret::Number
                }
            }
            (Ret::Fd, _) if self.arg("file_index").is_some_and(|at| args[at] != 0) => Ret::Number,
            (Ret::Bytes, _) if self.arg("size").is_some_and(|at| args[at] == 0) => Ret::Number,
            (ret, _) => ret,
        }
    }

    /// What an argument is for a call with these arguments. The third of fcntl(2) depends on its command, and the option of a socket
    /// on its level.
    pub fn role_for(&self, at: usize, args: &[u64; 6]) -> Role {
        match (self.ret, at, args[1] as i32) {
            (_, 1.., _) if self.effect == Effect::ControlProcess => {
                control::arguments(args[0]).get(at - 1).copied().unwrap_or(self.args[at].role)
            }
            (_, 2 | 3, _) if self.begins_with(&names::PTRACE) => {
                control::ptrace_role(at, args[0]).unwrap_or(self.args[at].role)
            }
            (_, 1, _) if self.begins_with(&names::ARCH_PRCTL) && control::is_unknown_to_architecture(args[0]) => {
                Role::Flags(&names::RAW)
            }
            (Ret::Number, 3, op) if self.has_operation(&names::FUTEX) && !meaning::futex_waits(op) => Role::UnsignedInt,
            _ if self.args[at].name == "id" && self.quota(args) == Some(QUOTA_ON) => Role::Choice(&names::QUOTA_FORMAT),
            _ if self.args[at].name == "optname" => Role::Choice(names::options_of(args[1] as i32)),
            (Ret::ByCommand, 2, libc::F_SETFL) => Role::Flags(&names::OPEN),
            (Ret::ByCommand, 2, libc::F_SETFD) => Role::Flags(&names::FD),
            (Ret::ByCommand, 2, libc::F_ADD_SEALS) => Role::Flags(&names::SEALS),
            (Ret::ByCommand, 2, libc::F_SETLEASE) => Role::Choice(&names::LOCK),
            (Ret::ByCommand, 2, libc::F_NOTIFY) => Role::Flags(&names::NOTIFY),
            (Ret::ByCommand, 2, libc::F_SETOWN | libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => Role::Int,
            // F_SETOWN_EX, F_GETOWN_EX, the hints and the delegations (include/uapi/linux/fcntl.h).
            (Ret::ByCommand, 2, 15 | 16 | 17 | 1035..=1040) => Role::Pointer,
            (Ret::ByCommand, 2, libc::F_GETLK | libc::F_SETLK | libc::F_SETLKW) => Role::Pointer,
            (Ret::ByCommand, 2, libc::F_OFD_GETLK | libc::F_OFD_SETLK | libc::F_OFD_SETLKW) => Role::Pointer,
            _ => self.args[at].role,
        }
    }

    /// Whether a call with these arguments looks at this one. If not, its register holds whatever was in it (fcntl(2), futex(2)).
    pub fn looks_at(&self, at: usize, args: &[u64; 6]) -> bool {
        match (self.ret, self.args[at].name) {
            (Ret::ByCommand, "arg") => !GET_COMMANDS.contains(&(args[1] as i32)),
            _ if self.effect == Effect::ControlProcess => at <= control::arguments(args[0]).len(),
            _ if self.begins_with(&names::PTRACE) => control::ptrace_looks_at(at, args[0]),
            _ if self.has_operation(&names::FUTEX) => meaning::futex_looks_at(at, args[1] as i32),
            (_, argument) => self.needs(argument, args),
        }
    }

    /// The same of an argument that another one asks for (kcmp(2), mknod(2), mq_open(3), reboot(2), syslog(2)).
    fn needs(&self, argument: &str, args: &[u64; 6]) -> bool {
        let value_of = |name: &str| self.arg(name).map(|at| args[at] as u32);
        match argument {
            // pos_from_hilo() in fs/read_write.c shifts it out where a word has 64 bits.
            "offset_high" => false,
            "cpu_id" => value_of("flags").is_none_or(|flags| flags & 1 != 0),
            "id" => self.quota(args).is_none_or(quota_has_id),
            "addr" => self.quota(args).is_none_or(quota_has_address),
            // KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO and KCMP_SYSVSEM.
            "idx1" | "idx2" => !matches!(value_of("type"), Some(1..=6)),
            "dev" => value_of("mode").is_none_or(|mode| matches!(mode & libc::S_IFMT, libc::S_IFCHR | libc::S_IFBLK)),
            "mode" | "attr" => value_of("oflag").is_none_or(|flags| flags & libc::O_CREAT as u32 != 0),
            "arg" if self.begins_with(&names::REBOOT_MAGIC) => value_of("op") == Some(RESTART2),
            // SYSLOG_ACTION_READ, SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_READ_CLEAR. SYSLOG_ACTION_CONSOLE_LEVEL has its level in the
            // length, which is the third argument only behind the second.
            "bufp" | "length" if self.begins_with(&names::SYSLOG) => {
                matches!(value_of("type"), Some(2..=4 | 8 | 11..))
            }
            _ => true,
        }
    }

    /// The operation of quotactl(2), without the kind of quota.
    fn quota(&self, args: &[u64; 6]) -> Option<u32> {
        let at = if self.begins_with(&names::QUOTA) { 0 } else { 1 };
        (at == 0 || self.has_operation(&names::QUOTA)).then_some(args[at] as u32 >> 8)
    }

    /// Whether the second argument says by these names what the call does (ioctl(2), futex(2)).
    pub fn has_operation(&self, names: &'static Names) -> bool {
        let is_one = |role| matches!(role, Role::Flags(known) | Role::Choice(known) if std::ptr::eq(known, names));
        self.args.get(1).is_some_and(|arg| is_one(arg.role))
    }

    /// Whether the first argument says by these names what the call does (ptrace(2), arch_prctl(2)).
    fn begins_with(&self, names: &'static Names) -> bool {
        self.args.first().is_some_and(|arg| matches!(arg.role, Role::Choice(known) if std::ptr::eq(known, names)))
    }

    /// Whether the meaning of its arguments depends on another one: the operation of prctl, ptrace, futex and
    /// epoll_ctl, and the level of a socket's option.
    pub fn depends_on_operation(&self) -> bool {
        let first = [&names::PTRACE, &names::ARCH_PRCTL].iter().any(|names| self.begins_with(names));
        let is_control = first || self.effect == Effect::ControlProcess;
        is_control
            || [&names::SOCKET_LEVEL, &names::FUTEX, &names::EPOLL_CTL].iter().any(|names| self.has_operation(names))
    }

    /// Whether its directory descriptor may be FAN_NOFD, which is none (fanotify_mark(2)).
    pub fn marks_files(&self) -> bool {
        self.has_operation(&names::FANOTIFY_MARK)
    }
}

/// Q_QUOTAON (quotactl(2)), whose identity is a format.
const QUOTA_ON: u32 = 0x80_0002;

/// All operations of quotactl(2) but Q_SYNC, Q_QUOTAOFF, Q_XQUOTASYNC and those about all quotas of a filesystem: Q_GETFMT, Q_GETINFO,
/// Q_SETINFO, Q_XQUOTAON, Q_XQUOTAOFF, Q_XGETQSTAT, Q_XQUOTARM and Q_XGETQSTATV.
fn quota_has_id(operation: u32) -> bool {
    quota_has_address(operation)
        && !matches!(operation, 0x80_0004..=0x80_0006 | 0x5801 | 0x5802 | 0x5805 | 0x5806 | 0x5808)
}

/// All but Q_SYNC, Q_QUOTAOFF and Q_XQUOTASYNC.
fn quota_has_address(operation: u32) -> bool {
    !matches!(operation, 0x80_0001 | 0x80_0003 | 0x5807)
}

/// LINUX_REBOOT_CMD_RESTART2, which takes a text.
const RESTART2: u32 = 0xa1b2_c3d4;

/// The commands of fcntl(2) without an argument: those of libc, F_GETSIG and F_CREATED_QUERY (include/uapi/linux/fcntl.h).
const GET_COMMANDS: [i32; 8] =
    [libc::F_GETFD, libc::F_GETFL, libc::F_GETOWN, libc::F_GETLEASE, libc::F_GETPIPE_SZ, libc::F_GET_SEALS, 11, 1028];
