//! The differences between BPF and the witness that are known and permitted, all of them, each with its reason.
//!
//! What ptrace changes otherwise is no difference, since both see it: a stop makes a blocking call be made again, and both
//! fold it into one.

use super::Disagreement;
use crate::testimony::{Seen, Testimony};
use crate::trace::{Call, Identity, Outcome, Trace};

/// A call that was never made. ptrace stops a thread before the kernel enters a call; then a seccomp filter may answer it, or
/// a signal may kill the thread where it stands. Neither is an enter for BPF (seccomp and the death come between the
/// two, kernel/entry/common.c), but it sees the exit, and counts it as stray. So a call that the witness alone
/// saw is permitted if one of the two can have happened to it, and if BPF counted an exit for each such call.
pub(super) fn take_out_calls_never_made(disagreements: &mut Vec<Disagreement>, trace: &Trace, testimony: &Testimony) {
    let can_be_refused = |disagreement: &Disagreement| match disagreement {
        Disagreement::OnlyPtrace { ptrace } => {
            let Seen { call, filtered, .. } = &testimony.calls[*ptrace];
            let killed = call.outcome == Outcome::Unfinished && i64::from(call.number) != libc::SYS_rt_sigreturn;
            killed || *filtered
        }
        Disagreement::OnlyBpf { .. } | Disagreement::MoreByPtrace { .. } | Disagreement::Unlike { .. } => false,
    };
    let refused = disagreements.iter().filter(|disagreement| can_be_refused(disagreement)).count() as u64;
    if refused <= trace.counts.strays.saturating_sub(strays_of_the_born(testimony)) {
        disagreements.retain(|disagreement| !can_be_refused(disagreement));
    }
}

/// A new thread begins with the exit of the clone(2) that made it, which it has not entered: on x86 that is an exit for BPF
/// (ret_from_fork() in arch/x86/kernel/process.c), on arm64 it is not (ret_from_fork in arch/arm64/kernel/entry.S).
fn strays_of_the_born(testimony: &Testimony) -> u64 {
    if cfg!(target_arch = "x86_64") { testimony.born } else { 0 }
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

/// A path or a block on a page that is not there, which the call has not looked at, since it failed before (readlink with no
/// room for an answer). ptrace brings the page in to read it. BPF may not, and says that it could not read it.
pub(super) fn is_untouched(unread_by_bpf: bool, untouched: bool) -> bool {
    unread_by_bpf && untouched
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
