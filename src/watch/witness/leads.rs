//! Where the path of a call leads: the witness walks it and compares the end with the file that the kernel has reached.
//!
//! The walk begins when the call has returned, and names may have changed since. If it ends at the kernel's file, with the name of
//! the kernel's link, both agree. If not, that says something only when nothing on the way can have changed. The times of the
//! directories and the calls of other tracees show that.

use std::rc::Rc;

use nix::time::{ClockId, clock_gettime};

use super::look::{self, FileId};
use super::mounts::{FileRef, Mounts};
use super::walk::{Lost, Spot, Time, Walk, Walker, at_once};
use crate::table::syscalls::{Effect, Peek, Syscall};
use crate::trace::call::Text;
use crate::trace::testimony::{Leads, Seen};

/// What has to be noted before a call is made.
#[derive(Debug)]
pub struct BeforeCall {
    /// When the call began, by the clock that dates files (CLOCK_REALTIME_COARSE).
    began: Time,
    /// Whether its process has no other thread. Another one could change the string or replace a descriptor.
    alone: bool,
    /// The working directory and the root, if the call replaces one of them.
    held: Option<[Rc<Spot>; 2]>,
}

/// The file that the kernel has reached.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// The file.
    pub file: Option<FileId>,
    /// Its link in /proc.
    pub link: Option<Vec<u8>>,
}

impl Reached {
    /// The new working directory or root, if the call sets one.
    pub fn by_changed_directory(row: &Syscall, tid: u32) -> Option<Self> {
        let path = if row.effect == Effect::ChangeDirectory {
            format!("/proc/{tid}/cwd")
        } else if row.effect == Effect::ChangeRoot {
            format!("/proc/{tid}/root")
        } else {
            return None;
        };
        let file = FileRef::At(&path).status().ok().map(|status| look::file_id(&status));
        Some(Self { file, link: look::link(&path) })
    }
}

/// Whether a call with a path changes where later paths begin.
pub fn changes_base(row: &Syscall) -> bool {
    matches!(row.effect, Effect::ChangeDirectory | Effect::ChangeRoot) && row.arg("path").is_some()
}

impl BeforeCall {
    /// For a call that opens a file, or changes the working directory or the root.
    pub fn of(row: &Syscall, tid: u32, alone: bool) -> Option<Self> {
        let changes_base = changes_base(row);
        if !changes_base && row.effect != Effect::Open {
            return None;
        }
        let held = if changes_base { Some([cwd(tid).ok()?, root(tid).ok()?].map(Rc::new)) } else { None };
        let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok()?;
        Some(Self { began: (now.tv_sec(), now.tv_nsec() as u32), alone, held })
    }
}

fn cwd(tid: u32) -> Result<Spot, Lost> {
    Spot::of_link(&format!("/proc/{tid}/cwd"))
}

fn root(tid: u32) -> Result<Spot, Lost> {
    Spot::of_link(&format!("/proc/{tid}/root"))
}

/// Where the path of a successful call leads.
pub fn leads(mounts: &mut Mounts, seen: &Seen, start: &BeforeCall, reached: &Reached) -> Leads {
    let (Some(file), Some(link)) = (reached.file, &reached.link) else { return Leads::Unknown };
    let Some(path) = CallPath::of(seen, start) else { return Leads::Unknown };
    let is_there = |spot: &Spot| spot.id() == file && spot.name == *link;
    let Ok(base) = path.base() else { return Leads::Unknown };
    if !path.in_root
        && let Some(spot) = at_once(&base, path.text, path.ends_at_link)
        && is_there(&spot)
    {
        return Leads::Here(spot.name);
    }
    let root = if path.in_root { Ok(Rc::clone(&base)) } else { path.root() };
    let Ok(root) = root else { return Leads::Unknown };
    let of = Walker { pid: seen.call.pid, tid: seen.call.tid };
    let mut walk = Walk::new(mounts, of, root, path.ends_at_link, start.began).changed_from(start.held.clone());
    let spot = match walk.to(Rc::clone(&base), path.text) {
        Ok(spot) if is_there(&spot) => return Leads::Here(spot.name.clone()),
        // Some filesystems ignore the case of names.
        Ok(spot) if spot.id() == file && is_same_but_for_case(&spot.name, link) => return Leads::Unknown,
        Ok(spot) => spot,
        Err(Lost::Nowhere) => return Leads::Unsettled,
        Err(Lost::Unknown) => return Leads::Unknown,
    };
    let named = spot.id() != file || walk.settle_above(&base).is_ok();
    let alone = start.alone && !seen.disturbed;
    if named && alone && walk.is_settled() && path.is_unchanged() {
        return Leads::Elsewhere { name: spot.name.clone(), is_same: spot.id() == file };
    }
    Leads::Unsettled
}

/// The path of a call, and where it begins.
struct CallPath<'c> {
    seen: &'c Seen,
    start: &'c BeforeCall,
    at: usize,
    text: &'c [u8],
    dirfd: Option<i32>,
    ends_at_link: bool,
    /// openat2(2), RESOLVE_IN_ROOT.
    in_root: bool,
}

impl<'c> CallPath<'c> {
    fn of(seen: &'c Seen, start: &'c BeforeCall) -> Option<Self> {
        let call = &seen.call;
        let row = call.syscall()?;
        let at = row.arg("path")?;
        let Text::Read { bytes, cut: false } = call.text(at)? else { return None };
        // O_TMPFILE makes a file without a name.
        if call.opens_unnamed() {
            return None;
        }
        let by_block = matches!(row.peek, Some((_, Peek::OpenHow)));
        let flags = if by_block { call.how(0)? } else { call.open_flags().unwrap_or(0) } as i32;
        // open(2), O_EXCL: "if pathname is a symbolic link, then open() fails regardless of where the symbolic link points".
        let alone = libc::O_CREAT | libc::O_EXCL;
        let resolve = if by_block { call.how(2)? } else { 0 };
        let dirfd = row.arg("dirfd").map(|at| call.args[at] as i32).filter(|&fd| fd != libc::AT_FDCWD);
        Some(Self {
            seen,
            start,
            at,
            text: bytes,
            dirfd,
            ends_at_link: flags & libc::O_NOFOLLOW != 0 || flags & alone == alone,
            in_root: resolve & libc::RESOLVE_IN_ROOT != 0,
        })
    }

    /// The directory where the path begins. With RESOLVE_IN_ROOT, an absolute path begins there, too.
    fn base(&self) -> Result<Rc<Spot>, Lost> {
        match (self.dirfd, &self.start.held) {
            _ if self.text.starts_with(b"/") && !self.in_root => self.root(),
            (Some(fd), _) => self.below(fd),
            (None, Some([cwd, _])) => Ok(Rc::clone(cwd)),
            (None, None) => cwd(self.seen.call.tid).map(Rc::new),
        }
    }

    /// The directory of a descriptor, if it is still the same as at the enter.
    fn below(&self, fd: i32) -> Result<Rc<Spot>, Lost> {
        let spot = Spot::of_link(&look::link_path(self.seen.call.tid, fd))?;
        (Some(&spot.name) == self.seen.names.links[0].as_ref()).then(|| Rc::new(spot)).ok_or(Lost::Unknown)
    }

    fn root(&self) -> Result<Rc<Spot>, Lost> {
        match &self.start.held {
            Some([_, root]) => Ok(Rc::clone(root)),
            None => root(self.seen.call.tid).map(Rc::new),
        }
    }

    /// Whether the string has not changed since the enter.
    fn is_unchanged(&self) -> bool {
        let text = look::string(self.seen.call.tid, self.seen.call.args[self.at]);
        matches!(text, Some(Text::Read { bytes, cut: false }) if bytes == self.text)
    }
}

fn is_same_but_for_case(name: &[u8], link: &[u8]) -> bool {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    lower(name) == lower(link)
}

#[cfg(test)]
mod tests;
