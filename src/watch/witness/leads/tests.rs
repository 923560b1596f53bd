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
        let status = FileRef::At(&at).status().unwrap();
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
fn start() -> BeforeCall {
    let now = || clock_gettime(ClockId::CLOCK_REALTIME_COARSE).unwrap();
    let before = now();
    let mut after = before;
    while after == before {
        std::thread::yield_now();
        after = now();
    }
    BeforeCall { began: (after.tv_sec(), after.tv_nsec() as u32), alone: true, held: None }
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
        file: FileRef::At(&format!("/proc/{pid}/status")).status().ok().map(|status| look::file_id(&status)),
        link: Some(format!("/proc/{pid}/status").into_bytes()),
    };
    let led = leads(&mut Mounts::default(), &ground.seen(&path, 0), &start(), &reached);
    assert_eq!(led, Leads::Here(format!("/proc/{pid}/status").into_bytes()));
}

#[test]
fn a_path_that_leads_to_another_file_is_told_if_nothing_has_changed() {
    let ground = ground();
    let elsewhere = |name: &str, is_same| Leads::Elsewhere { name: ground.name(name), is_same };
    assert_eq!(settled(|| leading(&ground, "b", 0, "a")), elsewhere("b", false));
    assert_eq!(settled(|| leading(&ground, "sub/up", 0, "b")), elsewhere("a", false));
    let by_another_name = settled(|| leading(&ground, "b", 0, "same"));
    assert_eq!(by_another_name, elsewhere("b", true), "the file has two names");
}

/// What is told once nobody changes the folders above: they are those of others as well, and nothing is told while they change.
fn settled(told: impl Fn() -> Leads) -> Leads {
    (0..10_000).map(|_| told()).find(|led| *led != Leads::Unsettled).unwrap_or(Leads::Unsettled)
}

#[test]
fn a_path_that_may_have_led_elsewhere_is_not_told() {
    let ground = ground();
    let path = CString::new("sub/../b").unwrap();
    let judged = |seen: &Seen, start: &BeforeCall| leads(&mut Mounts::default(), seen, start, &ground.reached("a"));
    let undisturbed = ground.seen(&path, 0);
    assert!(matches!(settled(|| judged(&undisturbed, &start())), Leads::Elsewhere { .. }));
    let disturbed = Seen { disturbed: true, ..undisturbed.clone() };
    assert_eq!(judged(&disturbed, &start()), Leads::Unsettled, "another tracee was changing names");
    let of_many = BeforeCall { alone: false, ..start() };
    assert_eq!(judged(&undisturbed, &of_many), Leads::Unsettled, "another thread may have changed the string");
    let mut other = undisturbed.clone();
    other.call.texts[0] = Text::Read { bytes: b"b".to_vec(), cut: false };
    assert_eq!(judged(&other, &start()), Leads::Unsettled, "the string is another one by now");
    let begun = start();
    fs::rename(ground.folder.path().join("same"), ground.folder.path().join("other")).unwrap();
    assert_eq!(judged(&undisturbed, &begun), Leads::Unsettled, "the folder has been changed since");
    let told = settled(|| judged(&undisturbed, &start()));
    assert!(matches!(told, Leads::Elsewhere { .. }), "which was before this call");
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
    let root = Rc::new(Spot::of_link(&look::link_path(std::process::id(), ground.dirfd.as_raw_fd())).unwrap());
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
    let behind = |link: &str| Rc::new(Spot::of_link(link).unwrap());
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
    let reached = Reached::by_changed_directory(Syscall::by_name("chdir").unwrap(), std::process::id()).unwrap();
    let link = reached.link.clone().unwrap();
    assert_eq!(leads(&mut Mounts::default(), &seen, &start(), &reached), Leads::Here(link));
}
