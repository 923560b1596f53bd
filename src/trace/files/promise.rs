//! What follows from a call for the descriptor that it makes.
//!
//! No I/O. By section 2 of the man pages, the call's flags become those of the new descriptor (close-on-exec) and of the new open
//! file (access mode, status flags).

use libc::{O_CLOEXEC, O_DIRECT, O_DSYNC, O_NONBLOCK, O_PATH, O_RDONLY, O_SYNC, O_WRONLY};

use crate::table::kind::Kind;
use crate::table::names::STATUS_FLAGS;
use crate::table::syscalls::{Effect, Makes, Peek, Syscall};
use crate::trace::call::Call;

/// What is to be true for a descriptor; `None` where the call leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    pub kind: Option<Kind>,
    /// Access mode and status flags.
    pub status: Option<u32>,
    /// Whether close-on-exec is set.
    pub cloexec: Option<bool>,
}

impl Promise {
    /// The promise for the descriptor that the call returned, or for the first (0) or second (1) of a pair. A duplicate refers to an
    /// open file that was there before: only its close-on-exec flag follows from the call.
    pub(super) fn of(call: &Call, row: &Syscall, end: usize) -> Self {
        let flags = flags(call, row);
        let cloexec = flags.map(|flags| closes_on_exec(row, flags));
        match row.makes {
            Some(Makes { kind, access }) => {
                let access = if kind == Kind::Pipe { [O_RDONLY, O_WRONLY][end] } else { access };
                let status = flags.map(|flags| (access | status_flags(row, flags, end)) as u32);
                Self { kind: Some(kind), status, cloexec }
            }
            None => Self::by_effect(call, row.effect, flags, cloexec),
        }
    }

    fn by_effect(call: &Call, effect: Effect, flags: Option<i32>, cloexec: Option<bool>) -> Self {
        let cloexec = match effect {
            Effect::Open | Effect::OpenHandle => return Self { kind: None, status: flags.map(opened), cloexec },
            Effect::Duplicate | Effect::DuplicateOnto => cloexec,
            Effect::ControlDescriptor => Some(call.args[1] as i32 == libc::F_DUPFD_CLOEXEC),
            // pidfd_getfd(2): "the close-on-exec flag (FD_CLOEXEC) is set".
            Effect::CopyDescriptor => Some(true),
            Effect::Other
            | Effect::Close
            | Effect::CloseRange
            | Effect::Receive
            | Effect::ReceiveMessages
            | Effect::SubmitRequests
            | Effect::RegisterResources
            | Effect::Map
            | Effect::ChangeNames
            | Effect::ChangeNamespace
            | Effect::ChangeDirectory
            | Effect::ChangeRoot
            | Effect::TellDirectory
            | Effect::Execute
            | Effect::Clone
            | Effect::ControlProcess
            | Effect::ControlFilter => None,
        };
        Self { cloexec, ..Self::default() }
    }
}

/// The flags that the call was given; 0 if it takes no flags, and `None` if they could not be read.
fn flags(call: &Call, row: &Syscall) -> Option<i32> {
    if let Some((_, Peek::OpenHow)) = row.peek {
        return call.how(0).map(|flags| flags as i32);
    }
    let implied = row.implied_flags.map_or(0, |(_, flags)| flags as i32);
    // socket(2) takes its flags in the type.
    Some(row.arg("flags").or(row.arg("type")).map_or(implied, |at| call.args[at] as i32))
}

/// Whether the flags ask for close-on-exec. Each call has a flag of its own for that.
fn closes_on_exec(row: &Syscall, flags: i32) -> bool {
    let set = match row.kind_made() {
        // pidfd_open(2), io_uring_setup(2), landlock_create_ruleset(2): always set.
        Some(Kind::Pidfd | Kind::IoUring | Kind::Landlock) => return true,
        // FSOPEN_CLOEXEC and FSPICK_CLOEXEC (include/uapi/linux/mount.h), PERF_FLAG_FD_CLOEXEC (include/uapi/linux/perf_event.h).
        Some(Kind::FsContext) => 1,
        Some(Kind::Perf) => 8,
        Some(Kind::Memfd) => libc::MFD_CLOEXEC as i32,
        Some(Kind::Fanotify) => libc::FAN_CLOEXEC as i32,
        Some(_) | None => O_CLOEXEC,
    };
    flags & set != 0
}

fn status_flags(row: &Syscall, flags: i32, end: usize) -> i32 {
    match row.kind_made() {
        Some(Kind::Memfd | Kind::IoUring) => 0,
        Some(Kind::Fanotify) if flags & libc::FAN_NONBLOCK as i32 != 0 => O_NONBLOCK,
        Some(Kind::Fanotify) => 0,
        // Only the end that is written to is marked as a pipe of packets (pipe(2), O_DIRECT; fs/pipe.c, create_pipe_files).
        Some(Kind::Pipe) if end == 1 => flags & (O_NONBLOCK | O_DIRECT),
        Some(_) | None => flags & O_NONBLOCK,
    }
}

/// The flags of open(2) that F_GETFL would return. O_PATH makes the kernel ignore nearly all others. O_SYNC contains O_DSYNC, even
/// if only its own bit is given (fs/open.c, build_open_flags).
fn opened(flags: i32) -> u32 {
    if flags & O_PATH != 0 {
        return O_PATH as u32;
    }
    let synced = if flags & O_SYNC & !O_DSYNC != 0 { O_DSYNC } else { 0 };
    (flags | synced) as u32 & STATUS_FLAGS
}

#[cfg(test)]
mod tests;
