//! The other names under which the witness saw the same file.
//!
//! The witness looks at a link before BPF looks at the file. An unwatched process may rename the file in between. Then BPF has
//! a name that the witness sees at another call.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::table::syscalls::Syscall;
use crate::trace::call::Text;
use crate::trace::testimony::{Seen, Testimony};

/// What in a process has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    /// An open descriptor: its number, and the file's device and inode.
    Descriptor(i32, u32, u64),
    /// The working directory.
    Cwd,
    /// The root.
    Root,
}

/// The calls at which a link was first and last seen.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u64,
    last: u64,
}

/// The links of each holder in a process.
type Links<'t> = HashMap<(u32, Holder), HashMap<&'t [u8], Span>>;

/// All links of a testimony, sorted on first use.
pub(super) struct Sights<'t> {
    testimony: &'t Testimony,
    links: OnceCell<Links<'t>>,
}

/// The link of a call whose name is in question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// The link at this place among the call's descriptors.
    Descriptor(usize),
    /// The directory, not a descriptor, at which the path in this place begins.
    Base(usize),
    /// The link of the descriptor that the call returned.
    Made,
}

const ALL: [Asked; 5] = [Asked::Descriptor(0), Asked::Descriptor(1), Asked::Base(0), Asked::Base(1), Asked::Made];

impl<'t> Sights<'t> {
    pub(super) fn new(testimony: &'t Testimony) -> Self {
        Self { testimony, links: OnceCell::new() }
    }

    /// Whether the same holder has a link in a later call that satisfies `is_right`. If no later call has it, any call between
    /// two calls with the link in question counts: its name comes and goes.
    pub(super) fn also(&self, seen: &Seen, asked: Asked, is_right: impl Fn(&[u8]) -> bool) -> bool {
        let of_holder = holder(seen, asked).and_then(|holder| self.links().get(&(seen.call.pid, holder)));
        // A removed file stays removed.
        let link = link(seen, asked).filter(|link| !link.ends_with(b" (deleted)"));
        let (Some(links), Some(link)) = (of_holder, link) else { return false };
        let order = seen.call.order;
        let is_last = links.values().all(|other| other.last <= order);
        let since = links.get(link).map_or(order, |own| own.first);
        links
            .iter()
            .filter(|(link, _)| is_right(link))
            .any(|(_, other)| other.last > order || (is_last && since < other.last))
    }

    fn links(&self) -> &Links<'t> {
        self.links.get_or_init(|| {
            let mut links = Links::new();
            for seen in &self.testimony.calls {
                let order = seen.call.order;
                for asked in ALL {
                    if let (Some(holder), Some(link)) = (holder(seen, asked), link(seen, asked)) {
                        let of_holder = links.entry((seen.call.pid, holder)).or_default();
                        of_holder.entry(link).or_insert(Span { first: order, last: order }).last = order;
                    }
                }
            }
            links
        })
    }
}

/// The link that is in question.
pub(super) fn link(seen: &Seen, asked: Asked) -> Option<&[u8]> {
    match asked {
        Asked::Descriptor(place) => seen.names.links[place].as_deref(),
        Asked::Base(place) => seen.names.bases[place].as_deref(),
        Asked::Made => seen.names.made_link.as_deref(),
    }
}

/// The descriptor that is in question.
pub(super) fn descriptor(seen: &Seen, asked: Asked) -> Option<i32> {
    match asked {
        Asked::Descriptor(place) => {
            let row = seen.call.syscall()?;
            if row.makes_pair() {
                return seen.call.pair().map(|pair| pair[place]);
            }
            let at = row.fd_args().chain(row.replaces()).nth(place)?;
            Some(seen.call.args[at] as i32)
        }
        Asked::Base(_) => None,
        Asked::Made => Some(seen.call.success()? as i32),
    }
}

fn holder(seen: &Seen, asked: Asked) -> Option<Holder> {
    match asked {
        Asked::Descriptor(place) => {
            let file = seen.call.fds[place]?;
            Some(Holder::Descriptor(descriptor(seen, asked)?, file.device, file.inode))
        }
        Asked::Base(place) => match &seen.call.texts[place] {
            Text::Read { bytes, .. } if bytes.starts_with(b"/") => Some(Holder::Root),
            Text::Read { .. } => Some(Holder::Cwd),
            Text::Unreadable(_) => None,
        },
        Asked::Made => {
            let file = seen.call.made?;
            Some(Holder::Descriptor(descriptor(seen, asked)?, file.device, file.inode))
        }
    }
}

/// The directory at which the path in argument `at` of a call begins.
pub(super) fn begins(row: &Syscall, seen: &Seen, at: usize) -> Option<Asked> {
    let place = row.path_args().position(|arg| arg == at)?;
    let Text::Read { bytes, cut: false } = &seen.call.texts[place] else { return None };
    let dirfd = row.dirfd_of(at, &seen.call.args).filter(|_| !bytes.starts_with(b"/"));
    match dirfd {
        Some(dirfd) => row.fd_args().position(|arg| arg == dirfd).map(Asked::Descriptor),
        None => Some(Asked::Base(place)),
    }
}

#[cfg(test)]
mod tests;
