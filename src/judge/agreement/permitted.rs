//! All permitted differences between BPF and the witness, each with its reason.
//!
//! What ptrace changes otherwise makes no difference, because both sides see it. For example, a stop restarts a blocking call,
//! and both sides fold the two into one call.

use super::Discrepancy;
use super::sights::{self, Asked, Sights};
use super::tables::Tables;
use crate::trace::call::{Bytes, Call, Data, Identity, Outcome};
use crate::trace::testimony::{Leads, Seen, Testimony};
use crate::trace::whole::Trace;

/// A call that was never made, and that only one side reports.
///
/// A thread that was killed before a call no longer exists when the witness looks: see [`was_killed_before`]. If it was the
/// first call of its thread, BPF takes its exit for that of a call from before the watch.
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

/// Whether another thread, which was in execve(2) at that time, has taken over this number: its calls come after that.
fn is_replaced_by_exec(trace: &Trace, call: &Call) -> bool {
    let execs = trace.calls.iter().filter(|exec| exec.order < call.order && exec.success() == Some(0));
    execs.filter_map(Call::other_exit_tid).any(|tid| tid == call.tid)
}

/// A call whose thread was killed while ptrace held it at the entrance. The kernel then skips the call: BPF sees an exit
/// without an enter (ptrace_report_syscall_entry()). The result register keeps its earlier value: -ENOSYS on x86-64, the first
/// argument on aarch64.
fn was_killed_before(bpf: &Call) -> bool {
    bpf.refused && result_before(bpf).map(Outcome::Returned).contains(&bpf.outcome)
}

/// The same call as the witness sees it, if it sees anything.
fn may_have_been_killed_before(seen: &Seen) -> bool {
    has_vanished(seen) || seen.at_death.is_some_and(|value| result_before(&seen.call).contains(&value))
}

fn result_before(call: &Call) -> [i64; 2] {
    [-i64::from(libc::ENOSYS), call.args[0] as i64]
}

/// Results that may differ: the thread died in the call, or the call was interrupted.
pub(super) fn may_end_otherwise(bpf: &Call, seen: &Seen) -> bool {
    let at_death = seen.at_death.map(Outcome::Returned) == Some(bpf.outcome);
    let at_entrance = seen.call.outcome == Outcome::Unfinished && was_killed_before(bpf);
    at_death || at_entrance || is_unsettled(bpf, seen) || has_vanished(seen)
}

/// A path, or in place 2 the block, that one side could not read in time: see [`is_untouched`] and [`is_late`].
pub(super) fn may_read_otherwise(bpf: &Call, seen: &Seen, place: usize) -> bool {
    is_untouched(seen.untouched[place]) || is_late(bpf.late[place])
}

/// What the pointers of a call lead to, if it was never made: BPF does not look at it. Otherwise another thread of the process may
/// have written there between the two looks.
pub(super) fn may_hold_otherwise(bpf: &Call, seen: &Seen) -> bool {
    bpf.refused || seen.shares_memory
}

/// What one pointer leads to, by what each side has of it: see [`is_untouched`] and [`is_late`]. What a call has filled in before its
/// thread was killed is no longer there to be read.
pub(super) fn may_lead_otherwise<'d>(
    bpf: impl Iterator<Item = &'d Data>,
    mut ptrace: impl Iterator<Item = &'d Data>,
    is_filled_in: bool,
    outcomes: [Outcome; 2],
) -> bool {
    let untouched = |data: &Data| data.late && matches!(data.bytes, Bytes::Unreadable(_));
    let is_killed = is_filled_in && outcomes.contains(&Outcome::Unfinished);
    is_killed || is_late(bpf.into_iter().any(|data| data.late)) || is_untouched(ptrace.any(untouched))
}

/// The result of a call whose thread was killed in it without a later stop. ptrace(2) promises no PTRACE_EVENT_EXIT for a
/// killed thread. The call may have returned before that.
fn has_vanished(seen: &Seen) -> bool {
    seen.vanished
}

/// A request of io_uring is not a system call. Its thread does not stop for it, and so ptrace does not see it.
pub(super) fn stops_its_thread(call: &Call) -> bool {
    call.request.is_none()
}

/// The result of a call that a signal handler interrupted without returning: the handler ended the process, or jumped out. BPF
/// reports whether the call fails with EINTR when the handler begins, and the witness sees that only when the handler returns.
fn is_unsettled(bpf: &Call, seen: &Seen) -> bool {
    let failed = Outcome::Returned(-i64::from(libc::EINTR));
    seen.unsettled && (bpf.outcome == failed || bpf.outcome == Outcome::Unfinished)
}

/// A path or a block that the witness could not read, because its page is still not mapped after the call returned. Mostly the
/// call failed before it looked at the page (readlink with no room for an answer).
fn is_untouched(untouched: bool) -> bool {
    untouched
}

/// Bytes that both sides read when the call ended, one after the other. The process may have written there in between, and BPF
/// says so.
fn is_late(read_late_by_bpf: bool) -> bool {
    read_late_by_bpf
}

/// An open file that the witness sees in the link but may not stat. Either it is in proc(5) and its process is gone, or it is
/// in another user's FUSE filesystem.
pub(super) fn cannot_be_asked(link: Option<&Vec<u8>>, ptrace: Option<Identity>) -> bool {
    link.is_some() && ptrace.is_none()
}

/// Close-on-exec belongs to the descriptor. The open file has the flag as well if it was opened with it. proc_pid_fdinfo(5)
/// shows only the descriptor's flag.
pub(super) fn comparable(identity: Identity) -> Identity {
    Identity { flags: identity.flags & !(libc::O_CLOEXEC as u32), ..identity }
}

/// The same file, with another type. An anonymous inode (of a pidfd, an eventfd) has a type in the kernel that stat(2) hides
/// (anon_inode_getattr() in fs/anon_inodes.c).
pub(super) fn same(bpf: Option<Identity>, ptrace: Option<Identity>) -> bool {
    let hidden = ptrace.is_some_and(|identity| u32::from(identity.mode) & libc::S_IFMT == 0);
    let shown = |identity: Identity| Identity { mode: identity.mode & !(libc::S_IFMT as u16), ..identity };
    if hidden { bpf.map(shown) == ptrace } else { bpf == ptrace }
}

/// The names of files in a call that overlaps with another thread's change: of names, or of a shared working directory or root.
/// The two sides looked one after the other.
pub(super) fn is_disturbed(seen: &Seen) -> bool {
    seen.disturbed
}

/// A name that BPF has at this call, and the witness only later. A process without a witness renamed the file or a directory
/// above it, after the witness looked and before BPF did.
pub(super) fn is_renamed(sights: &Sights<'_>, seen: &Seen, asked: Asked, is_right: impl Fn(&[u8]) -> bool) -> bool {
    sights.also(seen, asked, is_right)
}

/// The file and name of a descriptor, while another thread was in a call that closes, makes or replaces this descriptor. The
/// two sides looked one after the other.
pub(super) fn is_replaced(tables: &Tables<'_>, seen: &Seen, asked: Asked) -> bool {
    sights::descriptor(seen, asked).is_some_and(|fd| tables.others_change(seen, fd))
}

/// The name of the file that a call opened, if its path leads elsewhere by now. A process without a witness has changed names
/// since.
pub(super) fn has_moved_since(seen: &Seen) -> bool {
    seen.names.leads == Leads::Unsettled
}

#[cfg(test)]
mod tests;
