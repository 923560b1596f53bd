//! One open descriptor: what is known of it, and what calls change of its flags.
//!
//! No I/O. The status flags are those of the open file, which duplicates and forked processes share.

use std::cell::Cell;
use std::rc::Rc;

use super::Name;
use super::promise::Promise;
use crate::kind::Kind;
use crate::syscalls::Syscall;
use crate::trace::{Attribute, Call, Disagreement, Identity};

/// One open descriptor.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// `None` for what has no path (pipes, rings) or none that is known.
    pub name: Option<Name>,
    pub identity: Option<Identity>,
    pub kind: Option<Kind>,
    /// Whether close-on-exec is set: a flag of the descriptor. `None` until the kernel has said it of one that was open at the
    /// gate.
    pub cloexec: Option<bool>,
    /// Access mode and status flags: those of the open file, which duplicates and forked processes share (open(2), "Open file
    /// descriptions"). `None` until the kernel says them.
    pub status: Rc<Cell<Option<u32>>>,
}

impl Open {
    pub(super) fn made(name: Option<Name>, identity: Option<Identity>, promise: Promise) -> Self {
        let Promise { kind, status, cloexec } = promise;
        Self { name, identity, kind, cloexec, status: Rc::new(Cell::new(status)) }
    }

    /// Takes over what the kernel says, and tells where that is something else than followed from the calls.
    pub(super) fn settle(&mut self, fd: i32, kernel: &Identity) -> Vec<Disagreement> {
        let kind = self.kind.filter(|kind| kind.can_be(kernel.kind()));
        let kinds = (self.kind.map(Attribute::Kind), Attribute::Kind(kind.unwrap_or(kernel.kind())));
        let statuses = (self.status.get().map(Attribute::Status), Attribute::Status(kernel.status()));
        let cloexecs = (self.cloexec.map(Attribute::Cloexec), Attribute::Cloexec(kernel.cloexec));
        // From now on it has to stay this file.
        self.identity = Some(*kernel);
        self.kind = kind.or(Some(kernel.kind()));
        self.status.set(Some(kernel.status()));
        self.cloexec = Some(kernel.cloexec);
        let said = [kinds, statuses, cloexecs].into_iter().filter_map(|(followed, kernel)| Some((followed?, kernel)));
        let differ = said.filter(|(followed, kernel)| followed != kernel);
        differ.map(|(followed, kernel)| Disagreement { fd, followed, kernel }).collect()
    }
}

/// What a call that succeeded set close-on-exec of its descriptor to (fcntl(2), ioctl(2)).
pub(super) fn cloexec_set(call: &Call, row: &Syscall) -> Option<bool> {
    let asked = call.args[1] as u32;
    match row.like {
        "fcntl" if asked == libc::F_SETFD as u32 => Some(call.args[2] as i32 & libc::FD_CLOEXEC != 0),
        "ioctl" if asked == libc::FIOCLEX as u32 => Some(true),
        "ioctl" if asked == libc::FIONCLEX as u32 => Some(false),
        _ => None,
    }
}

/// A call that succeeded and set status flags.
pub(super) enum StatusChange {
    /// To these, as far as it can change them (fcntl(2), F_SETFL).
    Flags(u32),
    /// By a number behind a pointer, which is not read (FIONBIO, FIOASYNC).
    Unknown,
}

impl StatusChange {
    /// What F_SETFL can change (fs/fcntl.c, SETFL_MASK); besides O_ASYNC, where the file knows it.
    const CAN_SET: u32 = (libc::O_APPEND | libc::O_NONBLOCK | libc::O_DIRECT | libc::O_NOATIME) as u32;

    pub(super) fn by(call: &Call, row: &Syscall) -> Option<Self> {
        call.success()?;
        let asked = call.args[1] as u32;
        match row.like {
            "fcntl" if asked == libc::F_SETFL as u32 => Some(Self::Flags(call.args[2] as u32)),
            "ioctl" if asked == libc::FIONBIO as u32 || asked == libc::FIOASYNC as u32 => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The flags after it, if they can be known.
    pub(super) fn after(&self, before: u32) -> Option<u32> {
        let Self::Flags(flags) = *self else { return None };
        let after = before & !Self::CAN_SET | flags & Self::CAN_SET;
        ((before ^ flags) & libc::O_ASYNC as u32 == 0).then_some(after)
    }
}
