//! Reads what a call is and has done, while its thread is stopped at the enter or at the exit.

use std::sync::Arc;

use super::leads::{self, Reached};
use super::look::{self, Descriptor};
use super::mounts::Mounts;
use crate::table::syscalls::{Abi, Effect, Peek, Ret, Role, Syscall};
use crate::trace::call::{Call, Deed, Outcome, Text};
use crate::trace::testimony::Seen;

/// What can be seen of a call at its enter.
pub fn entered(mounts: &mut Mounts, tid: u32, call: Call) -> Seen {
    let (row, args) = (call.syscall(), call.args);
    let mut seen = Seen::new(call);
    let Some(row) = row else { return seen };
    for (place, at) in row.fd_args().chain(row.replaces()).enumerate() {
        if seen.call.is_registered(at) {
            continue;
        }
        let Descriptor { identity, link, .. } = look::descriptor(mounts, tid, args[at] as i32);
        (seen.call.fds[place], seen.names_mut().links[place]) = (identity, link);
    }
    if row.effect != Effect::TellDirectory {
        for (place, at) in row.path_args().enumerate() {
            // A string on a page that is not present counts as unreadable. It is read again at the exit.
            let text = look::string(tid, args[at]);
            seen.call.texts[place] = text.unwrap_or(Text::Unreadable(libc::EFAULT));
        }
    }
    look_at_bases(tid, row, &mut seen);
    if let Some((at, peek @ (Peek::OpenHow | Peek::HandleIn))) = row.peek {
        seen.call.peek = block(tid, peek, args[at]).flatten();
    }
    seen
}

/// Notes where paths begin: at the root or at the working directory, unless they begin at a descriptor. For paths that are read only
/// at the exit, that is still true unless the call itself has changed it.
fn look_at_bases(tid: u32, row: &Syscall, seen: &mut Seen) {
    if leads::changes_base(row) && seen.call.success().is_some() {
        return;
    }
    let is_path = |at: usize| matches!(row.args[at].role, Role::Path) && row.effect != Effect::TellDirectory;
    for (place, at) in row.path_args().enumerate().filter(|&(_, at)| is_path(at)) {
        if seen.names.bases[place].is_some() {
            continue;
        }
        let base = match &seen.call.texts[place] {
            Text::Read { bytes, .. } if bytes.starts_with(b"/") => "root",
            Text::Read { bytes, .. } if !bytes.is_empty() && row.dirfd_of(at, &seen.call.args).is_none() => "cwd",
            Text::Read { .. } | Text::Unreadable(_) => continue,
        };
        seen.names_mut().bases[place] = look::link(&format!("/proc/{tid}/{base}"));
    }
}

/// Reads what a call has done, and what could not be read at the enter. Returns the file that the kernel has reached, if any.
pub fn look_at_exit(mounts: &mut Mounts, tid: u32, seen: &mut Seen) -> Option<Reached> {
    let (row, success) = (seen.call.syscall()?, seen.call.success());
    let reached = success.and_then(|result| look_at_result(mounts, tid, row, result, seen));
    // After a successful execve(2) the addresses belong to the new program. The kernel tells it by which path it was executed.
    if row.effect == Effect::Execute && success.is_some() {
        let call = &mut seen.call;
        if let (Text::Unreadable(_), Some(executed)) = (&call.texts[0], look::executed(tid)) {
            let below = format!("/dev/fd/{}", call.args[0] as i32);
            let rest = executed.strip_prefix(below.as_bytes()).filter(|_| row.arg("dirfd").is_some());
            let rest = rest.map(|rest| rest.strip_prefix(b"/").unwrap_or(rest).to_vec());
            call.texts[0] = Text::Read { bytes: rest.unwrap_or(executed), cut: false };
        }
        look_at_bases(tid, row, seen);
        return None;
    }
    if row.effect == Effect::TellDirectory && success.is_some() {
        seen.call.texts[0] = Text::Unreadable(libc::EFAULT);
    }
    read_unread(tid, seen);
    look_at_bases(tid, row, seen);
    look_at_block(mounts, tid, row, seen);
    reached
}

/// Notes the descriptor that a call has made, or the directory that it has changed to.
fn look_at_result(mounts: &mut Mounts, tid: u32, row: &Syscall, result: i64, seen: &mut Seen) -> Option<Reached> {
    let reached = match row.ret_for(&seen.call.args) {
        Ret::Fd => {
            let Descriptor { identity, link, file } = look::descriptor(mounts, tid, result as i32);
            seen.call.made = identity;
            Reached { file, link }
        }
        _ => Reached::by_changed_directory(row, tid)?,
    };
    seen.names_mut().made_link.clone_from(&reached.link);
    Some(reached)
}

/// Reads the block of a call, and identifies the pair of descriptors that may be in it.
fn look_at_block(mounts: &mut Mounts, tid: u32, row: &Syscall, seen: &mut Seen) {
    let Some((at, peek)) = row.peek else { return };
    let success = seen.call.success().is_some();
    let filled_in = matches!(peek, Peek::Pair | Peek::HandleOut) && success;
    if filled_in || seen.call.peek.is_none() {
        let block = block(tid, peek, seen.call.args[at]);
        seen.untouched[2] = block.is_none();
        seen.call.peek = block.flatten();
    }
    let pair = seen.call.pair().filter(|_| peek == Peek::Pair && success);
    for (place, fd) in pair.into_iter().flatten().enumerate() {
        let Descriptor { identity, link, .. } = look::descriptor(mounts, tid, fd);
        (seen.call.fds[place], seen.names_mut().links[place]) = (identity, link);
    }
}

/// Reads the strings that could not be read at the enter: by now the call itself has read them.
pub fn read_unread(tid: u32, seen: &mut Seen) {
    let call = &mut seen.call;
    for (place, at) in call.syscall().into_iter().flat_map(|row| row.path_args()).enumerate() {
        if matches!(call.texts[place], Text::Unreadable(_)) {
            let text = look::string(tid, call.args[at]);
            seen.untouched[place] = text.is_none();
            call.texts[place] = text.unwrap_or(Text::Unreadable(libc::EFAULT));
        }
    }
}

/// The block of this kind at an address, as [`look::block`].
fn block(tid: u32, peek: Peek, address: u64) -> Option<Option<Vec<u8>>> {
    match peek {
        Peek::OpenHow => look::block(tid, address, 24),
        Peek::Pair => look::block(tid, address, 8),
        Peek::HandleIn | Peek::HandleOut => look::handle(tid, address),
    }
}

/// A call at its enter, of which nothing is known but these.
pub fn blank(number: u32, abi: Abi, args: [u64; 6]) -> Call {
    let nothing = || Text::Read { bytes: Vec::new(), cut: false };
    Call {
        order: 0,
        pid: 0,
        tid: 0,
        exit_tid: 0,
        enter_ns: 0,
        duration_ns: 0,
        deed: Arc::new(Deed {
            number,
            comm: [0; 16],
            args,
            outcome: Outcome::Unfinished,
            texts: [nothing(), nothing()],
            fds: [None, None],
            made: None,
            peek: Some(Vec::new()),
            late: [false; 3],
            abi,
            refused: false,
            data: Vec::new(),
            request: None,
            files: Default::default(),
        }),
    }
}
