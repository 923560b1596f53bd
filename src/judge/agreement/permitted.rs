//! The differences between BPF and the witness that are known and permitted, all of them, each with its reason.
//!
//! What ptrace changes otherwise is no difference, since both see it: a stop makes a blocking call be made again, and both
//! fold it into one.

use super::Discrepancy;
use super::sights::{self, Asked, Sights};
use super::tables::Tables;
use crate::trace::call::{Call, Identity, Outcome};
use crate::trace::testimony::{Leads, Seen, Testimony};
use crate::trace::whole::Trace;

/// Calls that were never made, and that one of the two has not seen.
///
/// A thread that was killed before a call is not there any more when the witness comes to look: see [`was_killed_before`]. If it was
/// the first call of its thread, BPF takes its exit for that of a call from before the watch.
pub(super) fn take_out_calls_never_made(discrepancies: &mut Vec<Discrepancy>, trace: &Trace, testimony: &Testimony) {
    let without = |calls: &[Seen], tid: u32| calls.iter().all(|seen| seen.call.tid != tid);
    let is_first = |place: usize| without(&testimony.calls[..place], testimony.calls[place].call.tid);
    let is_last = |place: usize| without(&testimony.calls[place + 1..], testimony.calls[place].call.tid);
    discrepancies.retain(|discrepancy| match discrepancy {
        Discrepancy::OnlyPtrace { ptrace } => {
            let seen = &testimony.calls[*ptrace];
            let is_killed_at_first = || is_first(*ptrace) && may_have_been_killed_before(seen);
            let is_unfinished = seen.call.outcome == Outcome::Unfinished && is_last(*ptrace);
            !(is_unfinished && is_killed_at_first())
        }
        Discrepancy::OnlyBpf { bpf } => {
            let call = &trace.calls[*bpf];
            let is_last = || trace.calls[bpf + 1..].iter().all(|later| later.tid != call.tid);
            !(was_killed_before(call) && (is_last() || is_replaced_by_exec(trace, call)))
        }
        Discrepancy::MoreByPtrace { .. } | Discrepancy::Unlike { .. } => true,
    });
}

/// Whether another thread, which was in execve(2) by then, has become the one with this number: its calls come after that.
fn is_replaced_by_exec(trace: &Trace, call: &Call) -> bool {
    let execs = trace.calls.iter().filter(|exec| exec.order < call.order && exec.success() == Some(0));
    execs.filter_map(Call::other_exit_tid).any(|tid| tid == call.tid)
}

/// A call that its thread was killed before, while ptrace held it at the entrance: the kernel leaves the call out, which is an exit
/// without an enter for BPF (ptrace_report_syscall_entry()). In the register of the result is what was there before: -ENOSYS on
/// x86-64, the first argument on aarch64.
fn was_killed_before(bpf: &Call) -> bool {
    bpf.refused && result_before(bpf).map(Outcome::Returned).contains(&bpf.outcome)
}

/// The same as the witness sees it, if it sees anything.
fn may_have_been_killed_before(seen: &Seen) -> bool {
    has_vanished(seen) || seen.at_death.is_some_and(|value| result_before(&seen.call).contains(&value))
}

fn result_before(call: &Call) -> [i64; 2] {
    [-i64::from(libc::ENOSYS), call.args[0] as i64]
}

/// The results that need not be the same: of a thread that died in the call, and of what was interrupted.
pub(super) fn may_end_otherwise(bpf: &Call, seen: &Seen) -> bool {
    let at_death = seen.at_death.map(Outcome::Returned) == Some(bpf.outcome);
    let at_entrance = seen.call.outcome == Outcome::Unfinished && was_killed_before(bpf);
    at_death || at_entrance || is_unsettled(bpf, seen) || has_vanished(seen)
}

/// A path, or in place 2 the block, that one of the two could not read in time: see [`is_untouched`] and [`is_late`].
pub(super) fn may_read_otherwise(bpf: &Call, seen: &Seen, place: usize) -> bool {
    is_untouched(seen.untouched[place]) || is_late(bpf.late[place])
}

/// The result of a call that a thread was killed in without a stop after it: ptrace(2) does not promise PTRACE_EVENT_EXIT for who is
/// killed. The call may have returned before.
fn has_vanished(seen: &Seen) -> bool {
    seen.vanished
}

/// A request of io_uring is no system call: its thread does not stop for it, and ptrace knows nothing of it.
pub(super) fn stops_its_thread(call: &Call) -> bool {
    call.request.is_none()
}

/// The result of a call that was interrupted by a handler which did not return (it ended the process, or jumped out). BPF says
/// whether it fails with EINTR when the handler begins; the witness sees it when the handler returns.
fn is_unsettled(bpf: &Call, seen: &Seen) -> bool {
    let failed = Outcome::Returned(-i64::from(libc::EINTR));
    seen.unsettled && (bpf.outcome == failed || bpf.outcome == Outcome::Unfinished)
}

/// A path or a block that the witness could not have: it lies on a page that is not there, also when the call has returned. Mostly
/// the call has not looked at it, since it failed before (readlink with no room for an answer).
fn is_untouched(untouched: bool) -> bool {
    untouched
}

/// What both read when the call ended, one after the other: the process may have written there in between. BPF says so.
fn is_late(read_late_by_bpf: bool) -> bool {
    read_late_by_bpf
}

/// The file behind a descriptor that is open, as its link says, and that the witness may not ask for more: one of proc(5) whose process
/// is gone, or one of a filesystem in user space that is another user's.
pub(super) fn cannot_be_asked(link: Option<&Vec<u8>>, ptrace: Option<Identity>) -> bool {
    link.is_some() && ptrace.is_none()
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

/// What files are called in a call during which another thread was in one that changes names, or a working directory or root that
/// they share: the two have looked one after the other.
pub(super) fn is_disturbed(seen: &Seen) -> bool {
    seen.disturbed
}

/// A name that BPF alone has at a call, and the witness later: a process that is not witnessed has renamed the file, or a directory
/// above, after the witness had looked and before BPF did.
pub(super) fn is_renamed(sights: &Sights<'_>, seen: &Seen, asked: Asked, is_right: impl Fn(&[u8]) -> bool) -> bool {
    sights.also(seen, asked, is_right)
}

/// The file behind a descriptor, and its name, at a call during which another thread was in one that closes, makes or replaces
/// this very descriptor: the two have looked one after the other.
pub(super) fn is_replaced(tables: &Tables<'_>, seen: &Seen, asked: Asked) -> bool {
    sights::descriptor(seen, asked).is_some_and(|fd| tables.others_change(seen, fd))
}

/// What the file that a call has opened is called, if its path leads to something else by now: a process that is not witnessed has
/// changed names since.
pub(super) fn has_moved_since(seen: &Seen) -> bool {
    seen.names.leads == Leads::Unsettled
}
