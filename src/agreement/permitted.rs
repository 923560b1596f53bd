//! The differences between BPF and the witness that are known and permitted, all of them, each with its reason.
//!
//! What ptrace changes otherwise is no difference, since both see it: a stop makes a blocking call be made again, and both
//! fold it into one.

use super::Disagreement;
use crate::testimony::{Seen, Testimony};
use crate::trace::{Call, Identity, Outcome};

/// A call that was never made. ptrace stops a thread before seccomp(2) is asked, which may kill it there and then: that is no enter
/// and no exit for BPF (kernel/entry/common.c, syscall_trace_enter()). It is the last call of a thread with a filter. What seccomp
/// answers otherwise both see.
pub(super) fn take_out_calls_never_made(disagreements: &mut Vec<Disagreement>, testimony: &Testimony) {
    let is_last = |place: usize| {
        let tid = testimony.calls[place].call.tid;
        testimony.calls[place + 1..].iter().all(|seen| seen.call.tid != tid)
    };
    disagreements.retain(|disagreement| match disagreement {
        Disagreement::OnlyPtrace { ptrace } => {
            let Seen { call, filtered, .. } = &testimony.calls[*ptrace];
            !(*filtered && call.outcome == Outcome::Unfinished && is_last(*ptrace))
        }
        Disagreement::OnlyBpf { .. } | Disagreement::MoreByPtrace { .. } | Disagreement::Unlike { .. } => true,
    });
}

/// A request of io_uring is no system call: its thread does not stop for it, and ptrace knows nothing of it.
pub(super) fn stops_its_thread(call: &Call) -> bool {
    call.request.is_none()
}

/// The result of a call that was interrupted by a handler which did not return (it ended the process, or jumped out). BPF says
/// whether it fails with EINTR when the handler begins; the witness sees it when the handler returns.
pub(super) fn is_unsettled(bpf: &Call, seen: &Seen) -> bool {
    let failed = Outcome::Returned(-i64::from(libc::EINTR));
    seen.unsettled && (bpf.outcome == failed || bpf.outcome == Outcome::Unfinished)
}

/// A path or a block that the witness could not have: it lies on a page that is not there, also when the call has returned. Mostly
/// the call has not looked at it, since it failed before (readlink with no room for an answer).
pub(super) fn is_untouched(untouched: bool) -> bool {
    untouched
}

/// What both read when the call ended, one after the other: the process may have written there in between. BPF says so.
pub(super) fn is_late(read_late_by_bpf: bool) -> bool {
    read_late_by_bpf
}

/// Close-on-exec belongs to the descriptor. The file has the flag as well if it was opened with it; proc_pid_fdinfo(5) shows
/// that of the descriptor only.
pub(super) fn comparable(identity: Identity) -> Identity {
    Identity { flags: identity.flags & !(libc::O_CLOEXEC as u32), ..identity }
}

/// The same file. An anonymous inode (of a pidfd, an eventfd) has a type in the kernel, which stat(2) hides
/// (anon_inode_getattr() in fs/anon_inodes.c).
pub(super) fn same(bpf: Option<Identity>, ptrace: Option<Identity>) -> bool {
    let hidden = ptrace.is_some_and(|identity| u32::from(identity.mode) & libc::S_IFMT == 0);
    let shown = |identity: Identity| Identity { mode: identity.mode & !(libc::S_IFMT as u16), ..identity };
    if hidden { bpf.map(shown) == ptrace } else { bpf == ptrace }
}
