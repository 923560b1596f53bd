//! Names of files: through links and `..`, after renames by any process, after removal, and across mounts.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::ptr;

use libc::{AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR};
use nix::errno::Errno;

use super::steps::{close, create, open, read, skip_on, write};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("name-through-links", name_through_links),
    Scenario::new("name-above-renamed", name_above_renamed),
    Scenario::new("name-renamed-by-another", name_renamed_by_another),
    Scenario::new("name-two-links", name_two_links),
    Scenario::new("name-removed", name_removed),
    Scenario::new("name-in-root", name_in_root),
    Scenario::new("name-deep", name_deep),
    Scenario::new("name-too-deep", name_too_deep),
    Scenario::new("name-chroot", name_chroot),
    Scenario::new("name-mount-moved", name_mount_moved),
    Scenario::new("name-cwd-removed", name_cwd_removed),
];

/// A symbolic link, `..` after one, and a link of /proc/self/fd. The descriptor is the file, and the path stays the given
/// string.
fn name_through_links() -> Setup {
    fs::create_dir_all("far/deep")?;
    fs::write("target.txt", "target")?;
    fs::write("far/target.txt", "far")?;
    symlink("target.txt", "link")?;
    symlink("far/deep", "shortcut")?;
    act(|| {
        let by_link = open(c"link", O_RDONLY)?;
        read(by_link, b"target")?;
        // `..` of the link's target, not of the link.
        let by_parent = open(c"shortcut/../target.txt", O_RDONLY)?;
        read(by_parent, b"far")?;
        let again = open(c"/proc/self/fd/3", O_RDONLY)?;
        read(again, b"target")?;
        close(again)?;
        close(by_parent)?;
        close(by_link)
    })
}

/// The file stays open while a directory above it is renamed.
fn name_above_renamed() -> Setup {
    fs::create_dir_all("a/b")?;
    act(|| {
        let file = create(c"a/b/x.txt")?;
        returns(call!(renameat, AT_FDCWD, c"a", AT_FDCWD, c"c"), 0)?;
        write(file, b"renamed")?;
        returns(call!(renameat, AT_FDCWD, c"c/b", AT_FDCWD, c"b"), 0)?;
        write(file, b"again")?;
        close(file)
    })
}

/// An unwatched process renames the file.
fn name_renamed_by_another() -> Setup {
    let mut ends = [[0; 2]; 2];
    for pair in &mut ends {
        // SAFETY: room for two descriptors.
        Errno::result(unsafe { libc::pipe(pair.as_mut_ptr()) })?;
    }
    let [[asked, ask], [answered, answer]] = ends;
    // SAFETY: the child has one thread.
    if unsafe { libc::fork() } == 0 {
        rename_when_asked(asked, answer);
    }
    act(move || {
        let file = create(c"old.txt")?;
        write(file, b"old")?;
        write(ask.into(), b"?")?;
        read(answered.into(), b"x")?;
        write(file, b"new")?;
        close(file)
    })
}

fn rename_when_asked(asked: i32, answer: i32) -> ! {
    let mut byte = 0_u8;
    // SAFETY: strings, and a byte each.
    unsafe {
        libc::read(asked, ptr::from_mut(&mut byte).cast(), 1);
        libc::rename(c"old.txt".as_ptr(), c"new.txt".as_ptr());
        libc::write(answer, c"x".as_ptr().cast(), 1);
        libc::_exit(0)
    }
}

/// rename(2) of one name of a file onto another name of it does nothing. Then one name is removed, and the file keeps the
/// other.
fn name_two_links() -> Setup {
    fs::write("one.txt", "")?;
    fs::hard_link("one.txt", "two.txt")?;
    act(|| {
        let one = open(c"one.txt", O_RDWR)?;
        let two = open(c"two.txt", O_RDWR)?;
        returns(call!(renameat, AT_FDCWD, c"one.txt", AT_FDCWD, c"two.txt"), 0)?;
        write(one, b"1")?;
        write(two, b"2")?;
        returns(call!(unlinkat, AT_FDCWD, c"one.txt", 0), 0)?;
        write(one, b"1")?;
        write(two, b"2")?;
        close(two)?;
        close(one)
    })
}

/// A file is removed, another gets its name, and a third is renamed over that one.
fn name_removed() -> Setup {
    act(|| {
        let old = create(c"x.txt")?;
        returns(call!(unlinkat, AT_FDCWD, c"x.txt", 0), 0)?;
        let new = create(c"x.txt")?;
        write(old, b"old")?;
        write(new, b"new")?;
        let other = create(c"y.txt")?;
        returns(call!(renameat, AT_FDCWD, c"y.txt", AT_FDCWD, c"x.txt"), 0)?;
        write(new, b"new")?;
        write(other, b"other")?;
        close(other)?;
        close(new)?;
        close(old)
    })
}

/// openat2(2): with RESOLVE_IN_ROOT the directory is the root of an absolute path, and of `..`.
fn name_in_root() -> Setup {
    fs::create_dir_all("jail/sub")?;
    fs::write("jail/x.txt", "")?;
    act(|| {
        let jail = open(c"jail", O_RDONLY | libc::O_DIRECTORY)?;
        let how = [O_RDONLY as u64, 0, libc::RESOLVE_IN_ROOT];
        let absolute = call!(openat2, jail, c"/x.txt", how.as_ptr(), size_of_val(&how))?;
        close(absolute)?;
        let above = call!(openat2, jail, c"../../x.txt", how.as_ptr(), size_of_val(&how))?;
        close(above)?;
        close(jail)
    })
}

/// A path with more parts than BPF climbs in one stride.
fn name_deep() -> Setup {
    let folder = "d/".repeat(60);
    fs::create_dir_all(&folder)?;
    let path = CString::new(folder + "x.txt").unwrap_or_default();
    act(move || {
        let file = create(&path)?;
        write(file, b"deep")?;
        close(file)
    })
}

/// A working directory whose name exceeds PATH_MAX, and what a link in /proc can show (readlink(2), ENAMETOOLONG).
fn name_too_deep() -> Setup {
    let name = "d".repeat(250);
    for _ in 0..20 {
        fs::create_dir(&name)?;
        std::env::set_current_dir(&name)?;
    }
    act(|| {
        let file = create(c"x.txt")?;
        write(file, b"deep")?;
        close(file)
    })
}

const NOT_PERMITTED: &str = "it takes the rights of root: chroot(2) and mount(2)";

/// Absolute paths begin at the root of the process, and names at the root of its mounts.
fn name_chroot() -> Setup {
    fs::create_dir("jail")?;
    fs::write("jail/x.txt", "")?;
    fs::write("outside.txt", "")?;
    act(|| {
        let outside = open(c"outside.txt", O_RDONLY)?;
        close(open(c"/dev/null", O_RDONLY)?)?;
        call!(chroot, c"jail").map_err(skip_on(Errno::EPERM, NOT_PERMITTED))?;
        let inside = open(c"/x.txt", O_RDONLY)?;
        close(inside)?;
        returns(call!(chdir, c"/"), 0)?;
        let relative = open(c"x.txt", O_RDONLY)?;
        close(relative)?;
        fails(call!(openat, AT_FDCWD, c"/outside.txt", O_RDONLY, 0), Errno::ENOENT)?;
        close(outside)
    })
}

/// A moved mount takes its files along, and another one covers it. Files in a detached mount no longer have a path.
fn name_mount_moved() -> Setup {
    fs::create_dir("here")?;
    fs::create_dir("there")?;
    // SAFETY: plain numbers and strings: a namespace of its own, from which nothing leads to others.
    let prepared = unsafe {
        Errno::result(libc::unshare(libc::CLONE_NEWNS)).and_then(|_| {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            Errno::result(libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()))?;
            Errno::result(libc::mount(c"none".as_ptr(), c"here".as_ptr(), c"tmpfs".as_ptr(), 0, ptr::null()))
        })
    };
    prepared.map_err(|errno| {
        skip_on(Errno::EPERM, NOT_PERMITTED)(crate::child::scenario::Failed { call: "mount", errno })
    })?;
    act(|| {
        let file = create(c"here/x.txt")?;
        write(file, b"here")?;
        returns(call!(mount, c"here", c"there", ptr::null::<u8>(), libc::MS_MOVE, ptr::null::<u8>()), 0)?;
        write(file, b"there")?;
        returns(call!(mount, c"none", c"there", c"tmpfs", 0, 0), 0)?;
        let over = create(c"there/over.txt")?;
        write(over, b"over")?;
        returns(call!(umount2, c"there", libc::MNT_DETACH), 0)?;
        close(over)?;
        returns(call!(umount2, c"there", libc::MNT_DETACH), 0)?;
        write(file, b"nowhere")?;
        close(file)
    })
}

/// A path that begins at a removed working directory has no file.
fn name_cwd_removed() -> Setup {
    fs::create_dir("gone")?;
    act(|| {
        returns(call!(chdir, c"gone"), 0)?;
        returns(call!(unlinkat, AT_FDCWD, c"../gone", libc::AT_REMOVEDIR), 0)?;
        fails(call!(openat, AT_FDCWD, c"x.txt", O_RDWR | O_CREAT, 0o644), Errno::ENOENT)?;
        // It still has a parent.
        close(open(c"..", O_RDONLY | libc::O_DIRECTORY)?)
    })
}
