//! Walks a path as path_resolution(7) describes it, one component at a time, from the tracee's root or working directory.
//!
//! The walk never blocks. It opens files with O_PATH, which involves no driver and no writer of a FIFO. It gives up where the kernel
//! would have to ask a process (RESOLVE_CACHED, and [`Mount::is_process`](super::mounts::Mount::is_process)).

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Statx, openat2, readlinkat};
use rustix::io::Errno;

use super::look::{self, FileId, file_id};
use super::mounts::{FileRef, Mounts};

/// The most symbolic links that the kernel follows (MAXSYMLINKS).
const MOST_LINKS: u32 = 40;
/// The inode number of the root of a proc filesystem (PROC_ROOT_INO).
const PROC_ROOT: u64 = 1;

/// A time of CLOCK_REALTIME: seconds and nanoseconds.
pub type Time = (i64, u32);

/// A file on the way.
#[derive(Debug)]
pub struct Spot {
    file: OwnedFd,
    status: Statx,
    /// Its name, put together from the components that led here.
    pub name: Vec<u8>,
}

/// Why a path leads to no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No file has that name now.
    Nowhere,
    /// The walk cannot find out.
    Unknown,
}

/// The tracee whose path it is.
#[derive(Clone, Copy, Debug)]
pub struct Walker {
    /// Its process.
    pub pid: u32,
    /// Its thread.
    pub tid: u32,
}

/// A walk along a path.
pub struct Walk<'w> {
    mounts: &'w mut Mounts,
    of: Walker,
    root: Rc<Spot>,
    /// The working directory and the root, if they were others before the call.
    before_call: Option<[Rc<Spot>; 2]>,
    /// Whether the walk ends at a symbolic link, and does not follow it.
    ends_at_link: bool,
    /// The last change of each directory must be before this time.
    before: Time,
    /// Whether all directories so far were changed before.
    settled: bool,
    /// Whether something is mounted on the root, if that is known.
    is_root_covered: Option<bool>,
}

impl Spot {
    /// The file of a link in /proc, with the link's name.
    pub fn of_link(link: &str) -> Result<Self, Lost> {
        let file = open(CWD, link.as_bytes(), OFlags::empty(), ResolveFlags::empty()).map_err(lost)?;
        Self::called(file)
    }

    fn called(file: OwnedFd) -> Result<Self, Lost> {
        let name = look::link(&format!("/proc/self/fd/{}", file.as_raw_fd())).ok_or(Lost::Unknown)?;
        Self::new(file, name)
    }

    fn new(file: OwnedFd, name: Vec<u8>) -> Result<Self, Lost> {
        let status = FileRef::Open(file.as_fd()).status().map_err(lost)?;
        Ok(Self { file, status, name })
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        file_id(&self.status)
    }

    fn is_link(&self) -> bool {
        u32::from(self.status.stx_mode) & libc::S_IFMT == libc::S_IFLNK
    }

    /// Whether both are the same file on the same mount.
    fn is_at(&self, other: &Self) -> bool {
        self.id() == other.id() && self.status.stx_mnt_id == other.status.stx_mnt_id
    }

    /// Whether names can be put together below it.
    fn has_path(&self) -> bool {
        self.name.starts_with(b"/") && !self.name.ends_with(b" (deleted)")
    }

    fn below(&self, rest: &[u8]) -> Vec<u8> {
        let folder = self.name.strip_suffix(b"/").unwrap_or(&self.name);
        let parts = parts(rest).filter(|part| *part != b".");
        let mut name = parts.fold(folder.to_vec(), |mut name, part| {
            name.push(b'/');
            name.extend(part);
            name
        });
        if name.is_empty() {
            name.push(b'/');
        }
        name
    }
}

/// Walks a plain path by one openat2(2): no symbolic link, no `..`, and all of it cached. `None` for any other path.
pub fn at_once(base: &Spot, path: &[u8], ends_at_link: bool) -> Option<Spot> {
    if !base.has_path() || parts(path).any(|part| part == b"..") {
        return None;
    }
    let below: Vec<u8> = parts(path).collect::<Vec<_>>().join(&b'/');
    let below = if below.is_empty() { b"." } else { below.as_slice() };
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    let file = open(&base.file, below, OFlags::NOFOLLOW, resolve).ok()?;
    let spot = Spot::new(file, base.below(path)).ok()?;
    (!spot.is_link() || (ends_at_link && !path.ends_with(b"/"))).then_some(spot)
}

impl<'w> Walk<'w> {
    /// A walk of this tracee, with this root.
    pub fn new(mounts: &'w mut Mounts, of: Walker, root: Rc<Spot>, ends_at_link: bool, before: Time) -> Self {
        Self { mounts, of, root, before_call: None, ends_at_link, before, settled: true, is_root_covered: None }
    }

    /// Sets the working directory and the root before the call, which the links in proc(5) do not show any more.
    pub fn changed_from(self, before_call: Option<[Rc<Spot>; 2]>) -> Self {
        Self { before_call, ..self }
    }

    /// Whether no directory on the way has changed since that time: then the path has led to the same file all the while.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Walks a path from a directory on.
    pub fn to(&mut self, base: Rc<Spot>, path: &[u8]) -> Result<Rc<Spot>, Lost> {
        let mut here = if path.starts_with(b"/") { Rc::clone(&self.root) } else { base };
        let mut left = stack(path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if !here.has_path() {
                return Err(Lost::Unknown);
            }
            let next = match part.as_slice() {
                b"." => continue,
                b".." => self.up(&here)?,
                part => self.down(&here, part)?,
            };
            let is_found = left.is_empty() && self.ends_at_link;
            if !next.is_link() || is_found {
                here = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Lost::Nowhere);
            }
            match self.target(&here, &next, &part)? {
                LinkTarget::Spot(spot) => here = spot,
                LinkTarget::Path(path) => {
                    if path.starts_with(b"/") {
                        here = Rc::clone(&self.root);
                    }
                    left.extend(stack(&path));
                }
            }
        }
        Ok(here)
    }

    /// Looks at all directories above, up to the top, to see whether their names have changed since that time.
    pub fn settle_above(&mut self, spot: &Rc<Spot>) -> Result<(), Lost> {
        let mut here = Rc::clone(spot);
        loop {
            let up = Rc::new(Spot::new(self.open(&here, b"..")?, Vec::new())?);
            if up.is_at(&here) {
                return Ok(());
            }
            self.pass(&up);
            here = up;
        }
    }

    /// Notes whether a directory was changed since that time.
    fn pass(&mut self, spot: &Spot) {
        let mount = self.mounts.of(self.of.tid, FileRef::Open(spot.file.as_fd()), &spot.status);
        let changed = (spot.status.stx_ctime.tv_sec, spot.status.stx_ctime.tv_nsec);
        // The inode may have room for seconds only.
        let changed = if changed.1 == 0 { (changed.0 + 2, 0) } else { changed };
        self.settled &= mount.dates_changes() && changed < self.before;
    }

    /// Opens an entry of a directory. If it is not cached, the filesystem is asked, unless a process serves it.
    fn open(&mut self, folder: &Spot, part: &[u8]) -> Result<OwnedFd, Lost> {
        match open(&folder.file, part, OFlags::NOFOLLOW, ResolveFlags::CACHED) {
            Err(Errno::AGAIN) if !self.is_process(folder) => {
                open(&folder.file, part, OFlags::NOFOLLOW, ResolveFlags::empty()).map_err(lost)
            }
            opened => opened.map_err(lost),
        }
    }

    fn is_process(&mut self, spot: &Spot) -> bool {
        self.mounts.of(self.of.tid, FileRef::Open(spot.file.as_fd()), &spot.status).is_process()
    }

    fn down(&mut self, folder: &Spot, part: &[u8]) -> Result<Rc<Spot>, Lost> {
        self.pass(folder);
        let file = self.open(folder, part)?;
        Spot::new(file, folder.below(part)).map(Rc::new)
    }

    /// Goes to the parent directory. The root is its own parent. If something is mounted on the root, the kernel goes on to that
    /// (fs/namei.c, follow_dotdot() and step_into()), and no descriptor of the witness can follow.
    fn up(&mut self, folder: &Rc<Spot>) -> Result<Rc<Spot>, Lost> {
        let (tid, root) = (self.of.tid, &self.root);
        let is_covered = || Mounts::is_root_covered(tid, FileRef::Open(root.file.as_fd()));
        if *self.is_root_covered.get_or_insert_with(is_covered) {
            return Err(Lost::Unknown);
        }
        if folder.is_at(&self.root) {
            return Ok(Rc::clone(folder));
        }
        self.pass(folder);
        let file = self.open(folder, b"..")?;
        let end = folder.name.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        Spot::new(file, folder.name[..end.max(1)].to_vec()).map(Rc::new)
    }

    /// Where a symbolic link leads. In proc(5) that depends on the process that follows: `self` must be the tracee. Magic links
    /// (symlink(7)) lead straight to a file, so the kernel has to follow them.
    fn target(&mut self, folder: &Spot, link: &Spot, part: &[u8]) -> Result<LinkTarget, Lost> {
        let mount = self.mounts.of(self.of.tid, FileRef::Open(folder.file.as_fd()), &folder.status);
        let Walker { pid, tid } = self.of;
        match part {
            _ if self.is_process(link) => Err(Lost::Unknown),
            b"self" | b"thread-self" if mount.is_proc() && folder.status.stx_ino == PROC_ROOT => {
                // In a proc(5) of another pid namespace, pids are others.
                let own = readlinkat(&folder.file, "self", Vec::new()).map_err(lost)?;
                let is_own = own.into_bytes() == std::process::id().to_string().into_bytes();
                let path = if part == b"self" { format!("{pid}") } else { format!("{pid}/task/{tid}") };
                is_own.then(|| LinkTarget::Path(path.into_bytes())).ok_or(Lost::Unknown)
            }
            b"cwd" | b"root" if mount.is_proc() && self.before_call.is_some() && is_of(folder, tid) => {
                let before = self.before_call.as_ref().map(|[cwd, root]| if part == b"cwd" { cwd } else { root });
                before.map(|spot| LinkTarget::Spot(Rc::clone(spot))).ok_or(Lost::Unknown)
            }
            _ if mount.is_proc() && folder.status.stx_ino != PROC_ROOT => {
                let file = open(&folder.file, part, OFlags::empty(), ResolveFlags::empty()).map_err(lost)?;
                Spot::called(file).map(|spot| LinkTarget::Spot(Rc::new(spot)))
            }
            _ => readlinkat(&link.file, "", Vec::new()).map(|path| LinkTarget::Path(path.into_bytes())).map_err(lost),
        }
    }
}

/// Whether a directory in proc(5) is that of this thread.
fn is_of(folder: &Spot, tid: u32) -> bool {
    folder.name.rsplit(|&byte| byte == b'/').next() == Some(tid.to_string().as_bytes())
}

/// Where a symbolic link leads.
enum LinkTarget {
    Path(Vec<u8>),
    Spot(Rc<Spot>),
}

fn open(folder: impl AsFd, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    openat2(folder, path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn lost(errno: Errno) -> Lost {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Lost::Nowhere,
        _ => Lost::Unknown,
    }
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty())
}

/// The components of a path, the first one last. A slash at the end counts as `.`, because only a directory may come before it.
fn stack(path: &[u8]) -> Vec<Vec<u8>> {
    let end = path.ends_with(b"/").then_some(b".".as_slice());
    let mut stack: Vec<Vec<u8>> = parts(path).chain(end).map(<[u8]>::to_vec).collect();
    stack.reverse();
    stack
}
