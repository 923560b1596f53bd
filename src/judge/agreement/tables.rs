//! The descriptors that other threads may have changed during a call.
//!
//! The witness looks at a descriptor before BPF does. A thread that shares the table may close or replace the descriptor in
//! between: then both are right.

use std::cell::OnceCell;
use std::ops::RangeInclusive;

use crate::table::syscalls::{Effect, Ret, Syscall};
use crate::trace::call::Call;
use crate::trace::testimony::{Seen, Testimony};

/// The calls of a testimony that change a descriptor table, computed on first use.
pub(super) struct Tables<'t> {
    testimony: &'t Testimony,
    /// Their places in order, each with the latest end of all calls up to it.
    changes: OnceCell<Vec<(usize, u64)>>,
    processes_share: OnceCell<bool>,
}

impl<'t> Tables<'t> {
    pub(super) fn new(testimony: &'t Testimony) -> Self {
        Self { testimony, changes: OnceCell::new(), processes_share: OnceCell::new() }
    }

    /// Whether, at some time during this call, another thread was in a call that closes, makes, replaces or marks `fd`.
    pub(super) fn others_change(&self, seen: &Seen, fd: i32) -> bool {
        let mut others = self.during(seen);
        others.any(|other| changes(&other.call, fd) && (other.call.pid == seen.call.pid || self.processes_share()))
    }

    /// The calls of other threads that overlap with this one in time.
    fn during(&self, seen: &Seen) -> impl Iterator<Item = &'t Seen> {
        let (calls, this) = (&self.testimony.calls, seen.call.order);
        let changes = self.changes.get_or_init(|| self.find());
        let begun = changes.partition_point(|&(place, _)| (place as u64) < seen.until);
        let near = changes[..begun].iter().rev().take_while(move |&&(_, latest)| latest > this);
        let tid = seen.call.tid;
        near.map(|&(place, _)| &calls[place]).filter(move |other| other.until > this && other.call.tid != tid)
    }

    /// Whether a process was made that shares its parent's table (clone(2)). The flags of clone3(2) are not in its arguments
    /// but in memory.
    fn processes_share(&self) -> bool {
        let shares = |call: &Call| {
            let flags = call.args[0] as i32;
            call.effect() == Effect::Clone && flags & libc::CLONE_FILES != 0 && flags & libc::CLONE_THREAD == 0
        };
        *self.processes_share.get_or_init(|| self.testimony.calls.iter().any(|seen| shares(&seen.call)))
    }

    fn find(&self) -> Vec<(usize, u64)> {
        let mut latest = 0;
        let calls = self.testimony.calls.iter().enumerate();
        let changing = calls.filter(|(_, seen)| seen.call.syscall().is_none_or(|row| changes_some(&seen.call, row)));
        let with_end = changing.map(|(place, seen)| {
            latest = seen.until.max(latest);
            (place, latest)
        });
        with_end.collect()
    }
}

/// The descriptors that a call changes besides those that it makes and replaces. A received message or a request may change
/// any.
fn changed(call: &Call, row: &Syscall) -> Option<RangeInclusive<u32>> {
    let fd = call.args[0] as u32;
    match row.effect {
        Effect::Close | Effect::ControlDescriptor => Some(fd..=fd),
        Effect::CloseRange => Some(fd..=call.args[1] as u32),
        Effect::ReceiveMessages | Effect::SubmitRequests => Some(0..=u32::MAX),
        Effect::Other
        | Effect::Open
        | Effect::OpenHandle
        | Effect::Duplicate
        | Effect::DuplicateOnto
        | Effect::CopyDescriptor
        | Effect::Receive
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
    }
}

fn changes_some(call: &Call, row: &Syscall) -> bool {
    let makes = matches!(row.ret_for(&call.args), Ret::Fd) || row.makes_pair() || row.replaces().is_some();
    makes || changed(call, row).is_some()
}

/// Whether a call closes, makes, replaces or marks this descriptor. A call without a row may change any.
fn changes(call: &Call, fd: i32) -> bool {
    let Some(row) = call.syscall() else { return true };
    let is_made = matches!(row.ret_for(&call.args), Ret::Fd) && call.success() == Some(i64::from(fd));
    let is_replaced = row.replaces().is_some_and(|at| call.args[at] as i32 == fd);
    let is_of_pair = row.makes_pair() && call.pair().is_none_or(|pair| pair.contains(&fd));
    let is_changed = changed(call, row).is_some_and(|range| range.contains(&(fd as u32)));
    is_made || is_replaced || is_of_pair || is_changed
}

#[cfg(test)]
mod tests;
