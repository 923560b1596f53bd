//! Where the path of a call leads to, by the witness's own walk, beside the file that the kernel has come to.
//!
//! The walk is made when the call has returned, and others may have changed names since. So where it ends at that file, under the
//! name of the kernel's link, two ways agree. Where it does not, nothing is said unless it is certain that nobody has changed
//! anything on the way: by the times of the directories, and by what other tracees were doing.

use std::rc::Rc;

use nix::time::{ClockId, clock_gettime};

use super::look::{self, FileId};
use super::mounts::{File, Mounts};
use super::walk::{Lost, Spot, Time, Walk, Walker, at_once};
use crate::table::syscalls::{Effect, Peek, Syscall};
use crate::trace::call::Text;
use crate::trace::testimony::{Leads, Seen};

/// What has to be known of a call before it is made.
#[derive(Debug)]
pub struct Start {
    /// By the clock that dates files (CLOCK_REALTIME_COARSE).
    began: Time,
    /// Whether its process has no other thread, which could change the string, or what a descriptor is.
    alone: bool,
    /// The working directory and the root, of a call that replaces one of them.
    held: Option<[Rc<Spot>; 2]>,
}

/// What the kernel has come to.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// The file.
    pub file: Option<FileId>,
    /// Its link.
    pub link: Option<Vec<u8>>,
}

impl Reached {
    /// What a call has replaced the working directory or the root by.
    pub fn by(row: &Syscall, tid: u32) -> Option<Self> {
        let path = if row.effect == Effect::ChangeDirectory {
            format!("/proc/{tid}/cwd")
        } else if row.effect == Effect::ChangeRoot {
            format!("/proc/{tid}/root")
        } else {
            return None;
        };
        let file = File::At(&path).status().ok().map(|status| look::file_id(&status));
        Some(Self { file, link: look::link(&path) })
    }
}

/// Whether a call with a path changes where the next one begins.
pub fn changes_base(row: &Syscall) -> bool {
    matches!(row.effect, Effect::ChangeDirectory | Effect::ChangeRoot) && row.arg("path").is_some()
}

impl Start {
    /// Of a call that goes where a path leads, and stays there.
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
    Spot::behind(&format!("/proc/{tid}/cwd"))
}

fn root(tid: u32) -> Result<Spot, Lost> {
    Spot::behind(&format!("/proc/{tid}/root"))
}

/// Where the path of a call that has succeeded leads to.
pub fn leads(mounts: &mut Mounts, seen: &Seen, start: &Start, reached: &Reached) -> Leads {
    let (Some(file), Some(link)) = (reached.file, &reached.link) else { return Leads::Unknown };
    let Some(path) = Path::of(seen, start) else { return Leads::Unknown };
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
        // Some filesystems do not tell names by their case.
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
struct Path<'c> {
    seen: &'c Seen,
    start: &'c Start,
    at: usize,
    text: &'c [u8],
    dirfd: Option<i32>,
    ends_at_link: bool,
    /// openat2(2), RESOLVE_IN_ROOT.
    in_root: bool,
}

impl<'c> Path<'c> {
    fn of(seen: &'c Seen, start: &'c Start) -> Option<Self> {
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

    /// The directory that the path begins at: of RESOLVE_IN_ROOT also an absolute one's.
    fn base(&self) -> Result<Rc<Spot>, Lost> {
        match (self.dirfd, &self.start.held) {
            _ if self.text.starts_with(b"/") && !self.in_root => self.root(),
            (Some(fd), _) => self.below(fd),
            (None, Some([cwd, _])) => Ok(Rc::clone(cwd)),
            (None, None) => cwd(self.seen.call.tid).map(Rc::new),
        }
    }

    /// The descriptor's directory, if it is still the one that it was.
    fn below(&self, fd: i32) -> Result<Rc<Spot>, Lost> {
        let spot = Spot::behind(&look::link_path(self.seen.call.tid, fd))?;
        (Some(&spot.name) == self.seen.names.links[0].as_ref()).then(|| Rc::new(spot)).ok_or(Lost::Unknown)
    }

    fn root(&self) -> Result<Rc<Spot>, Lost> {
        match &self.start.held {
            Some([_, root]) => Ok(Rc::clone(root)),
            None => root(self.seen.call.tid).map(Rc::new),
        }
    }

    /// Whether the string is what it was.
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
mod tests {
    use std::ffi::CString;
    use std::fs;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::fs::symlink;

    use libc::{AT_FDCWD, O_CREAT, O_NOFOLLOW, O_PATH};
    use rustix::fs::{CWD, Mode, OFlags, openat};

    use super::*;
    use crate::trace::call::tests::call;

    /// A folder of this process, which is its own tracee here.
    struct Ground {
        folder: tempfile::TempDir,
        dirfd: OwnedFd,
    }

    /// `a` and `b`, which is also `same`; `sub/x`; links to all of it.
    fn ground() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("sub/deep")).unwrap();
        for name in ["a", "b", "sub/x"] {
            fs::write(at(name), "").unwrap();
        }
        fs::hard_link(at("b"), at("same")).unwrap();
        symlink("a", at("link")).unwrap();
        symlink(at("sub"), at("absolute")).unwrap();
        symlink("../link", at("sub/up")).unwrap();
        symlink("endless", at("endless")).unwrap();
        symlink("sub/deep", at("shortcut")).unwrap();
        let dirfd = openat(CWD, folder.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Ground { folder, dirfd }
    }

    impl Ground {
        fn name(&self, name: &str) -> Vec<u8> {
            let folder = self.folder.path().canonicalize().unwrap();
            folder.join(name).into_os_string().into_encoded_bytes()
        }

        fn reached(&self, name: &str) -> Reached {
            let path = self.folder.path().join(name);
            let file = openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).unwrap();
            let at = look::link_path(std::process::id(), file.as_raw_fd());
            let status = File::At(&at).status().unwrap();
            Reached { file: Some(look::file_id(&status)), link: look::link(&at) }
        }

        /// openat(2) of a path below the folder, or of an absolute one.
        fn seen(&self, path: &CString, flags: i32) -> Seen {
            let number = Syscall::by_name("openat").unwrap().number;
            let args = [self.dirfd.as_raw_fd() as u64, path.as_ptr() as u64, flags as u64, 0, 0, 0];
            let mut call = call(0, number, args, 3);
            (call.pid, call.tid) = (std::process::id(), std::process::id());
            call.texts[0] = Text::Read { bytes: path.to_bytes().to_vec(), cut: false };
            let mut seen = Seen::new(call);
            seen.names_mut().links[0] = look::link(&look::link_path(std::process::id(), self.dirfd.as_raw_fd()));
            seen
        }
    }

    /// At a moment from which on no change has the date of what was changed before.
    fn start() -> Start {
        let now = || clock_gettime(ClockId::CLOCK_REALTIME_COARSE).unwrap();
        let before = now();
        let mut after = before;
        while after == before {
            std::thread::yield_now();
            after = now();
        }
        Start { began: (after.tv_sec(), after.tv_nsec() as u32), alone: true, held: None }
    }

    fn leading(ground: &Ground, path: &str, flags: i32, reached: &str) -> Leads {
        let path = CString::new(path).unwrap();
        let seen = ground.seen(&path, flags);
        leads(&mut Mounts::default(), &seen, &start(), &ground.reached(reached))
    }

    #[test]
    fn a_path_leads_to_where_the_kernel_goes() {
        let ground = ground();
        let absolute = String::from_utf8(ground.name("sub/x")).unwrap();
        let magic = format!("/proc/self/fd/{}/sub/x", ground.dirfd.as_raw_fd());
        let rows = [
            ("a", "a"),
            ("./sub//x", "sub/x"),
            ("sub/", "sub"),
            ("sub/../a", "a"),
            ("link", "a"),
            ("sub/up", "a"),
            ("absolute/x", "sub/x"),
            ("absolute/deep/../x", "sub/x"),
            ("shortcut/..", "sub"),
            ("same", "same"),
            (&absolute, "sub/x"),
            (&magic, "sub/x"),
        ];
        for (path, reached) in rows {
            assert_eq!(leading(&ground, path, 0, reached), Leads::Here(ground.name(reached)), "{path}");
        }
    }

    #[test]
    fn a_link_at_the_end_is_followed_unless_it_is_asked_for() {
        let ground = ground();
        assert_eq!(leading(&ground, "link", O_PATH | O_NOFOLLOW, "link"), Leads::Here(ground.name("link")));
        assert_eq!(leading(&ground, "absolute", O_PATH | O_NOFOLLOW, "absolute"), Leads::Here(ground.name("absolute")));
        let through = leading(&ground, "absolute/", O_PATH | O_NOFOLLOW, "sub");
        assert_eq!(through, Leads::Here(ground.name("sub")), "what stands before a slash is a directory");
    }

    #[test]
    fn self_is_the_tracee() {
        let ground = ground();
        let (path, pid) = (CString::new("/proc/self/status").unwrap(), std::process::id());
        let reached = Reached {
            file: File::At(&format!("/proc/{pid}/status")).status().ok().map(|status| look::file_id(&status)),
            link: Some(format!("/proc/{pid}/status").into_bytes()),
        };
        let led = leads(&mut Mounts::default(), &ground.seen(&path, 0), &start(), &reached);
        assert_eq!(led, Leads::Here(format!("/proc/{pid}/status").into_bytes()));
    }

    #[test]
    fn a_path_that_leads_to_another_file_is_told_if_nothing_has_changed() {
        let ground = ground();
        let elsewhere = |name: &str, is_same| Leads::Elsewhere { name: ground.name(name), is_same };
        assert_eq!(leading(&ground, "b", 0, "a"), elsewhere("b", false));
        assert_eq!(leading(&ground, "sub/up", 0, "b"), elsewhere("a", false));
        // The folders above are those of others as well, and here, too, nothing is told while they change.
        let mut by_another_name = (0..100).map(|_| leading(&ground, "b", 0, "same"));
        let told = by_another_name.find(|led| *led != Leads::Unsettled);
        assert_eq!(told, Some(elsewhere("b", true)), "the file has two names");
    }

    #[test]
    fn a_path_that_may_have_led_elsewhere_is_not_told() {
        let ground = ground();
        let path = CString::new("sub/../b").unwrap();
        let judged = |seen: &Seen, start: &Start| leads(&mut Mounts::default(), seen, start, &ground.reached("a"));
        let undisturbed = ground.seen(&path, 0);
        assert!(matches!(judged(&undisturbed, &start()), Leads::Elsewhere { .. }));
        let disturbed = Seen { disturbed: true, ..undisturbed.clone() };
        assert_eq!(judged(&disturbed, &start()), Leads::Unsettled, "another tracee was changing names");
        let of_many = Start { alone: false, ..start() };
        assert_eq!(judged(&undisturbed, &of_many), Leads::Unsettled, "another thread may have changed the string");
        let mut other = undisturbed.clone();
        other.call.texts[0] = Text::Read { bytes: b"b".to_vec(), cut: false };
        assert_eq!(judged(&other, &start()), Leads::Unsettled, "the string is another one by now");
        let begun = start();
        fs::rename(ground.folder.path().join("same"), ground.folder.path().join("other")).unwrap();
        assert_eq!(judged(&undisturbed, &begun), Leads::Unsettled, "the folder has been changed since");
        assert!(matches!(judged(&undisturbed, &start()), Leads::Elsewhere { .. }), "which was before this call");
    }

    #[test]
    fn what_leads_nowhere_by_now_is_not_told() {
        let ground = ground();
        for path in ["none", "a/b", "endless", "sub/none/x"] {
            assert_eq!(leading(&ground, path, O_CREAT, "a"), Leads::Unsettled, "{path}");
        }
    }

    #[test]
    fn a_directory_below_which_others_were_moved_proves_no_name() {
        let ground = ground();
        let (path, begun) = (CString::new("b").unwrap(), start());
        let above = ground.folder.path().parent().unwrap();
        let _other = tempfile::tempdir_in(above).unwrap();
        let led = leads(&mut Mounts::default(), &ground.seen(&path, 0), &begun, &ground.reached("same"));
        assert_eq!(led, Leads::Unsettled, "the folder itself may have been called otherwise");
    }

    #[test]
    fn nothing_leads_out_of_a_root() {
        let ground = ground();
        let root = Rc::new(Spot::behind(&look::link_path(std::process::id(), ground.dirfd.as_raw_fd())).unwrap());
        let of = Walker { pid: std::process::id(), tid: std::process::id() };
        let walked = |path: &str| {
            let mut mounts = Mounts::default();
            let mut walk = Walk::new(&mut mounts, of, Rc::clone(&root), false, (0, 0));
            walk.to(Rc::clone(&root), path.as_bytes()).map(|spot| spot.name.clone())
        };
        for path in ["/a", "../a", "sub/../../../a", "/sub/up", "link"] {
            assert_eq!(walked(path), Ok(ground.name("a")), "{path}");
        }
        assert_eq!(walked("absolute/x"), Err(Lost::Nowhere), "there is no such directory below the root");
        assert_eq!(walked("/"), Ok(ground.name("")[..ground.name("").len() - 1].to_vec()));
    }

    #[test]
    fn what_a_call_has_changed_leads_to_where_it_was() {
        let (ground, tid) = (ground(), nix::unistd::gettid().as_raw() as u32);
        let behind = |link: &str| Rc::new(Spot::behind(link).unwrap());
        let before = [behind(&look::link_path(std::process::id(), ground.dirfd.as_raw_fd())), behind("/proc")];
        let walked = |path: &str, before: Option<[Rc<Spot>; 2]>| {
            let (mut mounts, of) = (Mounts::default(), Walker { pid: std::process::id(), tid });
            let mut walk = Walk::new(&mut mounts, of, behind("/"), false, (0, 0)).changed_from(before);
            walk.to(behind("/"), path.as_bytes()).map(|spot| spot.name.clone())
        };
        assert_eq!(walked("/proc/thread-self/cwd/a", Some(before.clone())), Ok(ground.name("a")));
        assert_eq!(walked("/proc/thread-self/root", Some(before)), Ok(b"/proc".to_vec()));
        assert_eq!(walked("/proc/thread-self/root", None), Ok(b"/".to_vec()), "it has not been changed");
    }

    #[test]
    fn a_path_begins_at_the_working_directory() {
        let ground = ground();
        let path = CString::new("/proc/self/cwd").unwrap();
        let mut seen = ground.seen(&path, 0);
        seen.call.args[0] = AT_FDCWD as u64;
        let reached = Reached::by(Syscall::by_name("chdir").unwrap(), std::process::id()).unwrap();
        let link = reached.link.clone().unwrap();
        assert_eq!(leads(&mut Mounts::default(), &seen, &start(), &reached), Leads::Here(link));
    }
}
