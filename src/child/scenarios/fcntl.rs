//! fcntl(2).

use libc::{AT_FDCWD, O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC};
use libc::{F_ADD_SEALS, F_GET_SEALS, F_GETLEASE, F_GETPIPE_SZ, F_NOTIFY, F_SEAL_WRITE, F_SETLEASE, F_SETPIPE_SZ};
use libc::{F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC};
use libc::{F_GETLK, F_OFD_SETLK, F_RDLCK, F_SETLK, F_UNLCK, F_WRLCK, SEEK_SET};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, open, open_dir, pipe, skip_on, write};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("fcntl-dupfd", fcntl_dupfd),
    Scenario::new("fcntl-dupfd-cloexec", fcntl_dupfd_cloexec),
    Scenario::new("fcntl-setfl", fcntl_setfl),
    Scenario::new("fcntl-invalid-fd", fcntl_invalid_fd),
    Scenario::new("fcntl-dupfd-max", fcntl_dupfd_max),
    Scenario::new("fcntl-setfd", fcntl_setfd),
    Scenario::new("fcntl-lock", fcntl_lock),
    Scenario::new("fcntl-pipe-size", fcntl_pipe_size),
    Scenario::new("fcntl-seals", fcntl_seals),
    Scenario::new("fcntl-lease", fcntl_lease),
    Scenario::new("fcntl-notify", fcntl_notify),
];

/// The lowest number that the new descriptor may get. It is free.
const AT_LEAST: i64 = 20;

/// The soft limit that every child has (RLIMIT_NOFILE).
const LIMIT: i64 = 1024;

fn fcntl_dupfd() -> Setup {
    duplicates(F_DUPFD)
}

fn fcntl_dupfd_cloexec() -> Setup {
    duplicates(F_DUPFD_CLOEXEC)
}

fn duplicates(cmd: i32) -> Setup {
    act(move || {
        let a = create(c"dupfd.txt")?;
        let b = call!(fcntl, a, cmd, AT_LEAST)?;
        ensure(b == AT_LEAST, "the new descriptor is not the lowest free number")?;
        write(b, b"hello")?;
        close(b)?;
        close(a)
    })
}

/// The flags before and after `O_APPEND` is set. Neither has the flags that only act in open(2).
fn fcntl_setfl() -> Setup {
    act(|| {
        let fd = call!(openat, AT_FDCWD, c"setfl.txt", O_RDWR | O_CREAT | O_TRUNC, 0o644)?;
        let before = call!(fcntl, fd, F_GETFL, 0)?;
        returns(call!(fcntl, fd, F_SETFL, O_APPEND), 0)?;
        let after = call!(fcntl, fd, F_GETFL, 0)?;
        ensure(before & i64::from(O_CREAT | O_TRUNC | O_APPEND) == 0, "creation flags survived openat")?;
        ensure(after == before | i64::from(O_APPEND), "F_SETFL did more than set O_APPEND")?;
        close(fd)
    })
}

fn fcntl_invalid_fd() -> Setup {
    act(|| fails(call!(fcntl, NOT_OPEN, F_GETFL, 0), Errno::EBADF))
}

fn fcntl_dupfd_max() -> Setup {
    act(|| {
        let fd = create(c"dupfd.txt")?;
        fails(call!(fcntl, fd, F_DUPFD, LIMIT), Errno::EINVAL)?;
        close(fd)
    })
}

/// Close-on-exec is clear, then set, then clear. F_SETFL does not change it.
fn fcntl_setfd() -> Setup {
    act(|| {
        let fd = create(c"setfd.txt")?;
        returns(call!(fcntl, fd, F_GETFD, 0), 0)?;
        returns(call!(fcntl, fd, F_SETFD, FD_CLOEXEC), 0)?;
        returns(call!(fcntl, fd, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(fcntl, fd, F_SETFD, 0), 0)?;
        returns(call!(fcntl, fd, F_GETFD, 0), 0)?;
        close(fd)
    })
}

/// The process holds a lock. A lock of an open file description conflicts with it, even in the same process.
fn fcntl_lock() -> Setup {
    act(|| {
        let a = create(c"lock.txt")?;
        let b = open(c"lock.txt", O_RDWR)?;
        returns(lock(a, F_SETLK, F_WRLCK), 0)?;
        fails(lock(b, F_OFD_SETLK, F_WRLCK), Errno::EAGAIN)?;
        returns(lock(a, F_GETLK, F_WRLCK), 0)?;
        returns(lock(a, F_SETLK, F_UNLCK), 0)?;
        returns(lock(b, F_OFD_SETLK, F_WRLCK), 0)?;
        close(b)?;
        close(a)
    })
}

/// A lock on the whole file.
fn lock(fd: i64, cmd: i32, kind: i32) -> Result<i64, Failed> {
    let mut lock = libc::flock { l_type: kind as i16, l_whence: SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 };
    call!(fcntl, fd, cmd, &raw mut lock)
}

/// The room of a pipe in bytes, for both of its ends (pipe(7)).
fn fcntl_pipe_size() -> Setup {
    act(|| {
        let [reading, writing] = pipe()?;
        let room = call!(fcntl, reading, F_GETPIPE_SZ, 0)?;
        premise(room == 65_536, "the user's pipes have used up their room, so that new ones are small")?;
        returns(call!(fcntl, writing, F_SETPIPE_SZ, 4096), 4096)?;
        returns(call!(fcntl, reading, F_GETPIPE_SZ, 0), 4096)?;
        let file = create(c"x.txt")?;
        fails(call!(fcntl, file, F_GETPIPE_SZ, 0), Errno::EBADF)?;
        [file, writing, reading].into_iter().try_for_each(close)
    })
}

fn fcntl_seals() -> Setup {
    act(|| {
        let file = call!(memfd_create, c"x", libc::MFD_ALLOW_SEALING)?;
        returns(call!(fcntl, file, F_GET_SEALS, 0), 0)?;
        returns(call!(fcntl, file, F_ADD_SEALS, F_SEAL_WRITE), 0)?;
        returns(call!(fcntl, file, F_GET_SEALS, 0), F_SEAL_WRITE.into())?;
        fails(call!(write, file, b"x".as_ptr(), 1), Errno::EPERM)?;
        close(file)
    })
}

/// Nobody else has the file open.
fn fcntl_lease() -> Setup {
    std::fs::write("x.txt", "")?;
    act(|| {
        let file = open(c"x.txt", O_RDONLY)?;
        returns(call!(fcntl, file, F_GETLEASE, 0), F_UNLCK.into())?;
        let lease = call!(fcntl, file, F_SETLEASE, F_RDLCK);
        lease.map_err(skip_on(Errno::EAGAIN, "the file system of the workspace gives no leases"))?;
        returns(call!(fcntl, file, F_GETLEASE, 0), F_RDLCK.into())?;
        returns(call!(fcntl, file, F_SETLEASE, F_UNLCK), 0)?;
        close(file)
    })
}

/// DN_CREATE (include/uapi/linux/fcntl.h).
const CREATED: i32 = 4;

/// The older form of inotify(7). Nothing is made in the directory while it is watched.
fn fcntl_notify() -> Setup {
    act(|| {
        let workspace = open_dir(c".")?;
        let watched = call!(fcntl, workspace, F_NOTIFY, CREATED);
        watched.map_err(skip_on(Errno::EINVAL, "this kernel is built without CONFIG_DNOTIFY"))?;
        close(workspace)
    })
}
