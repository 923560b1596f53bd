//! What a call says of the descriptor that it makes.
//!
//! No I/O. From section 2 of the man pages: the call's flags are those of the new descriptor (close-on-exec) and of the new
//! open file (access mode, status flags).

use libc::{O_CLOEXEC, O_DIRECT, O_DSYNC, O_NONBLOCK, O_PATH, O_RDONLY, O_SYNC, O_WRONLY};

use crate::table::kind::Kind;
use crate::table::names::STATUS_FLAGS;
use crate::table::syscalls::{Makes, Peek, Syscall};
use crate::trace::call::Call;

/// What is said of a descriptor; `None` is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    pub kind: Option<Kind>,
    /// Access mode and status flags.
    pub status: Option<u32>,
    /// Whether close-on-exec is set.
    pub cloexec: Option<bool>,
}

impl Promise {
    /// Of the descriptor that the call returned, or of the first (0) or second of a pair. A duplicate is of an open file that
    /// was there before: only close-on-exec is its own.
    pub(super) fn of(call: &Call, row: &Syscall, end: usize) -> Self {
        let flags = flags(call, row);
        let cloexec = flags.map(|flags| closes_on_exec(row, flags));
        match row.makes {
            Some(Makes { kind, access }) => {
                let access = if kind == Kind::Pipe { [O_RDONLY, O_WRONLY][end] } else { access };
                let status = flags.map(|flags| (access | status_flags(row, flags, end)) as u32);
                Self { kind: Some(kind), status, cloexec }
            }
            None if opens(row) => Self { kind: None, status: flags.map(opened), cloexec },
            None if row.like == "fcntl" => {
                Self { cloexec: Some(call.args[1] as i32 == libc::F_DUPFD_CLOEXEC), ..Self::default() }
            }
            None if row.duplicates() => Self { cloexec, ..Self::default() },
            // pidfd_getfd(2): "the close-on-exec flag (FD_CLOEXEC) is set".
            None if row.like == "pidfd_getfd" => Self { cloexec: Some(true), ..Self::default() },
            None => Self::default(),
        }
    }
}

fn opens(row: &Syscall) -> bool {
    matches!(row.like, "open" | "openat" | "openat2" | "creat" | "open_by_handle_at")
}

/// The flags that the call was given, 0 where it takes none; `None` if they could not be read.
fn flags(call: &Call, row: &Syscall) -> Option<i32> {
    if let Some((_, Peek::OpenHow)) = row.peek {
        return call.how(0).map(|flags| flags as i32);
    }
    let implied = row.implied_flags.map_or(0, |(_, flags)| flags as i32);
    // socket(2) has them in its type.
    Some(row.arg("flags").or(row.arg("type")).map_or(implied, |at| call.args[at] as i32))
}

/// The names of the flags differ from call to call, and their values with them.
fn closes_on_exec(row: &Syscall, flags: i32) -> bool {
    match row.like {
        // pidfd_open(2), io_uring_setup(2): always set.
        "pidfd_open" | "io_uring_setup" => true,
        "memfd_create" => flags & libc::MFD_CLOEXEC as i32 != 0,
        "fanotify_init" => flags & libc::FAN_CLOEXEC as i32 != 0,
        _ => flags & O_CLOEXEC != 0,
    }
}

fn status_flags(row: &Syscall, flags: i32, end: usize) -> i32 {
    match row.like {
        "memfd_create" | "io_uring_setup" => 0,
        "fanotify_init" if flags & libc::FAN_NONBLOCK as i32 != 0 => O_NONBLOCK,
        "fanotify_init" => 0,
        // A pipe of packets (pipe(2), O_DIRECT) is one for who writes (fs/pipe.c, create_pipe_files).
        "pipe2" if end == 1 => flags & (O_NONBLOCK | O_DIRECT),
        _ => flags & O_NONBLOCK,
    }
}

/// Of the flags of open(2) those that F_GETFL would say. O_PATH ignores nearly all others; O_SYNC contains O_DSYNC, also if
/// only its own bit is given (fs/open.c, build_open_flags).
fn opened(flags: i32) -> u32 {
    if flags & O_PATH != 0 {
        return O_PATH as u32;
    }
    let synced = if flags & O_SYNC & !O_DSYNC != 0 { O_DSYNC } else { 0 };
    (flags | synced) as u32 & STATUS_FLAGS
}
