//! What the file system or the kind of a file forbids: ENOSPC, EROFS, EXDEV, EISDIR, ENOTDIR, ENOTEMPTY, ETXTBSY, EFBIG, EPIPE,
//! EMFILE (errno(3)).
#![allow(unsafe_code)]

use std::fs;
use std::ptr;

use libc::{
    AT_FDCWD, MS_BIND, MS_RDONLY, MS_REMOUNT, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY,
};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};

use super::mount;
use super::steps::{close, create, fails_if_permitted, open, pipe, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("denied-full", denied_full),
    Scenario::new("denied-read-only", denied_read_only),
    Scenario::new("denied-across", denied_across),
    Scenario::new("denied-kind", denied_kind),
    Scenario::new("denied-busy", denied_busy),
    Scenario::new("denied-size", denied_size),
    Scenario::new("denied-pipe", denied_pipe),
    Scenario::new("denied-number", denied_number),
];

/// A file system of one page and three inodes: its root and two files.
fn denied_full() -> Setup {
    mount::alone()?;
    mount::mount_at(c"here", c"size=4096,nr_inodes=3")?;
    fs::write("here/a", "")?;
    act(|| {
        let file = create(c"here/b")?;
        let page = vec![b'x'; 4096];
        returns(call!(write, file, page.as_ptr(), 4096), 4096)?;
        fails(call!(write, file, page.as_ptr(), 1), Errno::ENOSPC)?;
        fails(call!(pwrite64, file, page.as_ptr(), 1, 8192), Errno::ENOSPC)?;
        fails(call!(fallocate, file, 0, 4096, 4096), Errno::ENOSPC)?;
        fails(call!(openat, AT_FDCWD, c"here/c", O_RDWR | O_CREAT, 0o644), Errno::ENOSPC)?;
        fails(call!(mkdirat, AT_FDCWD, c"here/c", 0o755), Errno::ENOSPC)?;
        fails(call!(symlinkat, c"a", AT_FDCWD, c"here/c"), Errno::ENOSPC)?;
        fails(call!(mknodat, AT_FDCWD, c"here/c", libc::S_IFIFO | 0o600, 0), Errno::ENOSPC)?;
        fails(call!(linkat, AT_FDCWD, c"here/a", AT_FDCWD, c"here/c", 0), Errno::ENOSPC)?;
        close(file)
    })
}

/// A mount that cannot be written, and all that would write.
fn denied_read_only() -> Setup {
    mount::alone()?;
    mount::mount_at(c"here", c"")?;
    fs::write("here/a", "")?;
    mount_flags(MS_REMOUNT | MS_BIND | MS_RDONLY)?;
    act(|| {
        fails(call!(openat, AT_FDCWD, c"here/a", O_WRONLY, 0), Errno::EROFS)?;
        fails(call!(mkdirat, AT_FDCWD, c"here/c", 0o755), Errno::EROFS)?;
        fails(call!(mknodat, AT_FDCWD, c"here/c", libc::S_IFIFO | 0o600, 0), Errno::EROFS)?;
        fails(call!(symlinkat, c"a", AT_FDCWD, c"here/c"), Errno::EROFS)?;
        fails(call!(linkat, AT_FDCWD, c"here/a", AT_FDCWD, c"here/c", 0), Errno::EROFS)?;
        fails(call!(renameat2, AT_FDCWD, c"here/a", AT_FDCWD, c"here/c", 0), Errno::EROFS)?;
        fails(call!(unlinkat, AT_FDCWD, c"here/a", 0), Errno::EROFS)?;
        fails(call!(truncate, c"here/a", 0), Errno::EROFS)?;
        fails(call!(fchmodat, AT_FDCWD, c"here/a", 0o600), Errno::EROFS)?;
        fails(call!(fchownat, AT_FDCWD, c"here/a", 0, 0, 0), Errno::EROFS)?;
        fails(call!(utimensat, AT_FDCWD, c"here/a", 0, 0), Errno::EROFS)?;
        fails(call!(setxattr, c"here/a", c"user.ior", c"x", 1, 0), Errno::EROFS)?;
        fails(call!(removexattr, c"here/a", c"user.ior"), Errno::EROFS)?;
        fails(call!(faccessat, AT_FDCWD, c"here/a", libc::W_OK), Errno::EROFS)?;
        close(open(c"here/a", O_RDONLY)?)
    })
}

fn mount_flags(flags: libc::c_ulong) -> Result<(), Failed> {
    // SAFETY: numbers and strings.
    let mounted = unsafe { libc::mount(ptr::null(), c"here".as_ptr(), ptr::null(), flags, ptr::null()) };
    Errno::result(mounted).map(drop).map_err(|errno| Failed { call: "mount", errno })
}

/// From one file system to another there is no link and no new name.
fn denied_across() -> Setup {
    mount::alone()?;
    mount::mount_at(c"here", c"")?;
    fs::write("a", "")?;
    act(|| {
        fails(call!(renameat2, AT_FDCWD, c"a", AT_FDCWD, c"here/a", 0), Errno::EXDEV)?;
        fails(call!(linkat, AT_FDCWD, c"a", AT_FDCWD, c"here/a", 0), Errno::EXDEV)
    })
}

/// Directories are no files, files no directories, links no files, and what is there is not made.
fn denied_kind() -> Setup {
    fs::create_dir_all("dir/sub")?;
    fs::write("file", "")?;
    std::os::unix::fs::symlink("file", "link")?;
    act(|| {
        fails(call!(openat, AT_FDCWD, c"dir", O_WRONLY, 0), Errno::EISDIR)?;
        fails(call!(openat, AT_FDCWD, c"file", O_DIRECTORY, 0), Errno::ENOTDIR)?;
        fails(call!(openat, AT_FDCWD, c"link", O_RDONLY | O_NOFOLLOW, 0), Errno::ELOOP)?;
        fails(call!(openat, AT_FDCWD, c"file", O_RDWR | O_CREAT | O_EXCL, 0o644), Errno::EEXIST)?;
        fails(call!(mkdirat, AT_FDCWD, c"file", 0o755), Errno::EEXIST)?;
        fails(call!(mknodat, AT_FDCWD, c"file", libc::S_IFIFO | 0o600, 0), Errno::EEXIST)?;
        fails(call!(linkat, AT_FDCWD, c"file", AT_FDCWD, c"link", 0), Errno::EEXIST)?;
        fails(call!(linkat, AT_FDCWD, c"dir", AT_FDCWD, c"other", 0), Errno::EPERM)?;
        fails(call!(unlinkat, AT_FDCWD, c"dir", 0), Errno::EISDIR)?;
        fails(call!(unlinkat, AT_FDCWD, c"file", libc::AT_REMOVEDIR), Errno::ENOTDIR)?;
        fails(call!(unlinkat, AT_FDCWD, c"dir", libc::AT_REMOVEDIR), Errno::ENOTEMPTY)?;
        fails(call!(renameat2, AT_FDCWD, c"file", AT_FDCWD, c"dir", 0), Errno::EISDIR)?;
        fails(call!(renameat2, AT_FDCWD, c"dir", AT_FDCWD, c"file", 0), Errno::ENOTDIR)?;
        fails(call!(renameat2, AT_FDCWD, c"dir", AT_FDCWD, c"dir/sub/x", 0), Errno::EINVAL)?;
        fails(call!(chdir, c"file"), Errno::ENOTDIR)?;
        let dir = open(c"dir", O_DIRECTORY)?;
        let mut byte = 0_u8;
        fails(call!(read, dir, &raw mut byte, 1), Errno::EISDIR)?;
        fails(call!(ftruncate, dir, 0), Errno::EINVAL)?;
        close(dir)
    })
}

/// A program that runs is not written, and a file that is open for writing does not run.
fn denied_busy() -> Setup {
    fs::copy("/proc/self/exe", "program")?;
    act(|| {
        let written = open(c"program", O_WRONLY)?;
        let none = [0_i64; 1];
        fails(call!(execve, c"program", none.as_ptr(), none.as_ptr()), Errno::ETXTBSY)?;
        close(written)?;
        let denied = (Errno::EACCES, "it takes the right to write to the program that runs");
        fails_if_permitted(call!(openat, AT_FDCWD, c"/proc/self/exe", O_WRONLY, 0), Errno::ETXTBSY, denied)
    })
}

/// A file may have one page (RLIMIT_FSIZE), and the signal of that is not heard.
fn denied_size() -> Setup {
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE)?;
    setrlimit(Resource::RLIMIT_FSIZE, 4096, most)?;
    ignored(Signal::SIGXFSZ)?;
    act(|| {
        let file = create(c"file")?;
        fails(call!(ftruncate, file, 4097), Errno::EFBIG)?;
        fails(call!(fallocate, file, 0, 4096, 1), Errno::EFBIG)?;
        // What fits is written.
        let text = [b'x'; 8];
        returns(call!(pwrite64, file, text.as_ptr(), 8, 4092), 4)?;
        fails(call!(pwrite64, file, text.as_ptr(), 8, 4096), Errno::EFBIG)?;
        close(file)
    })
}

/// Nobody can read what is written, and the signal of that is not heard.
fn denied_pipe() -> Setup {
    ignored(Signal::SIGPIPE)?;
    act(|| {
        let [from, to] = pipe()?;
        write(to, b"unread")?;
        close(from)?;
        fails(call!(write, to, b"x".as_ptr(), 1), Errno::EPIPE)?;
        close(to)
    })
}

fn ignored(kind: Signal) -> Result<(), Broken> {
    // SAFETY: no handler runs.
    unsafe { signal(kind, SigHandler::SigIgn)? };
    Ok(())
}

/// The numbers of descriptors are used up.
fn denied_number() -> Setup {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    act(move || {
        let file = create(c"file")?;
        // Not an I/O call. The next free number is the limit.
        let limit = [file as u64 + 1, most];
        returns(call!(prlimit64, 0, libc::RLIMIT_NOFILE, limit.as_ptr(), 0), 0)?;
        let mut ends = [0_i32; 2];
        fails(call!(dup, file), Errno::EMFILE)?;
        fails(call!(fcntl, file, libc::F_DUPFD, 0), Errno::EMFILE)?;
        fails(call!(openat, AT_FDCWD, c"file", O_RDONLY, 0), Errno::EMFILE)?;
        fails(call!(pipe2, ends.as_mut_ptr(), 0), Errno::EMFILE)?;
        fails(call!(socket, libc::AF_UNIX, libc::SOCK_STREAM, 0), Errno::EMFILE)?;
        fails(call!(socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()), Errno::EMFILE)?;
        fails(call!(epoll_create1, 0), Errno::EMFILE)?;
        fails(call!(eventfd2, 0, 0), Errno::EMFILE)?;
        fails(call!(timerfd_create, libc::CLOCK_MONOTONIC, 0), Errno::EMFILE)?;
        fails(call!(inotify_init1, 0), Errno::EMFILE)?;
        fails(call!(memfd_create, c"file", 0), Errno::EMFILE)?;
        fails(call!(dup3, file, 1023, 0), Errno::EBADF)?;
        close(file)
    })
}
