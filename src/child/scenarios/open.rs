//! openat(2), openat2(2), creat(2), open_by_handle_at(2), and which processes are watched.

use std::ffi::CStr;
use std::fs;

use libc::{
    AT_FDCWD, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_TMPFILE, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS,
};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, open, open_dir, skip_on, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("open-basic", open_basic),
    Scenario::new("open-creat", open_creat),
    Scenario::new("open-by-handle-at", open_by_handle_at),
    Scenario::new("open-enoent", open_enoent),
    Scenario::new("open-rdonly-write", open_rdonly_write),
    Scenario::new("open-pid-filter", open_pid_filter),
    Scenario::new("open-openat2", open_openat2),
    Scenario::new("open-openat2-resolve", open_openat2_resolve),
    Scenario::new("open-sync", open_sync),
    Scenario::new("open-tmpfile", open_tmpfile),
    Scenario::new("open-dirfd", open_dirfd),
    Scenario::new("open-by-handle-at-fail", open_by_handle_at_fail),
];

fn open_basic() -> Setup {
    act(|| close(create(c"basic.txt")?))
}

fn open_creat() -> Setup {
    act(|| close(call!(creat, c"creat.txt", 0o640)?))
}

/// Opens a file by its handle. No call in the trace has its name.
fn open_by_handle_at() -> Setup {
    crate::base::rights::raise(caps::Capability::CAP_DAC_READ_SEARCH);
    fs::write("handle.txt", "hello")?;
    act(|| {
        let mut handle = FileHandle::with_room_for(LONGEST);
        take_handle(&mut handle).map_err(without_handles)?;
        close(open_handle(&mut handle).map_err(without_handles)?)
    })
}

/// The longest handle, in bytes.
pub(super) const LONGEST: usize = libc::MAX_HANDLE_SZ as usize;

/// `struct file_handle` with room for the longest handle (open_by_handle_at(2)).
#[repr(C)]
pub(super) struct FileHandle {
    handle_bytes: u32,
    handle_type: i32,
    f_handle: [u8; LONGEST],
}

impl FileHandle {
    pub(super) fn with_room_for(bytes: usize) -> Self {
        Self { handle_bytes: bytes as u32, handle_type: 0, f_handle: [0; LONGEST] }
    }
}

fn open_handle(handle: &mut FileHandle) -> Result<i64, Failed> {
    call!(open_by_handle_at, AT_FDCWD, &raw mut *handle, O_RDONLY)
}

fn take_handle(handle: &mut FileHandle) -> Result<i64, Failed> {
    let mut mount_id = 0_i32;
    call!(name_to_handle_at, AT_FDCWD, c"handle.txt", &raw mut *handle, &raw mut mount_id, 0)
}

/// A handle without enough room, and one for a filesystem that no descriptor names. A handle of a removed file would not do:
/// the error depends on whether its inode is still in memory (ESTALE if not), and so on other processes.
fn open_by_handle_at_fail() -> Setup {
    fs::write("handle.txt", "hello")?;
    let mut handle = FileHandle::with_room_for(LONGEST);
    take_handle(&mut handle).map_err(without_handles)?;
    close(open_handle(&mut handle).map_err(without_handles)?)?;
    act(|| {
        fails(take_handle(&mut FileHandle::with_room_for(0)), Errno::EOVERFLOW)?;
        let mut handle = FileHandle::with_room_for(LONGEST);
        returns(take_handle(&mut handle), 0)?;
        fails(call!(open_by_handle_at, NOT_OPEN, &raw mut handle, O_RDONLY), Errno::EBADF)
    })
}

/// Some filesystems have no handles (overlayfs without nfs_export), and some containers may not open them.
pub(super) fn without_handles(failed: Failed) -> Broken {
    match failed.errno {
        Errno::EOPNOTSUPP => Broken::Skip("the file system of the workspace has no file handles".to_owned()),
        Errno::EPERM => Broken::Skip(format!("{} needs CAP_DAC_READ_SEARCH", failed.call)),
        _ => failed.into(),
    }
}

fn open_sync() -> Setup {
    act(|| {
        let waits = call!(openat, AT_FDCWD, c"x.txt", O_RDWR | O_CREAT | libc::O_SYNC, 0o644)?;
        write(waits, b"x")?;
        let waits_for_data = open(c"x.txt", O_RDWR | libc::O_DSYNC)?;
        let direct = open(c"x.txt", O_RDWR | libc::O_DIRECT);
        let direct = direct.map_err(skip_on(Errno::EINVAL, "the file system of the workspace has no direct I/O"))?;
        [direct, waits_for_data, waits].into_iter().try_for_each(close)
    })
}

fn open_enoent() -> Setup {
    act(|| fails(open(c"missing.txt", O_RDONLY), Errno::ENOENT))
}

fn open_rdonly_write() -> Setup {
    fs::write("rdonly.txt", "hello")?;
    act(|| {
        let fd = open(c"rdonly.txt", O_RDONLY)?;
        fails(call!(write, fd, b"no".as_ptr(), 2), Errno::EBADF)?;
        close(fd)
    })
}

/// A grandchild opens a file of its own while the child is watched and waits for it.
fn open_pid_filter() -> Setup {
    act(|| {
        // Not fork: aarch64 has only clone. Its other arguments have another order there, and are 0 here.
        let grandchild = call!(clone, libc::SIGCHLD, 0, 0, 0, 0)?;
        if grandchild == 0 {
            let opened = create(c"grandchild.txt").map_err(Broken::from).and_then(close);
            exit(i32::from(opened.is_err()));
        }
        let mut status = 0_i32;
        returns(call!(wait4, grandchild, &raw mut status, 0, 0), grandchild)?;
        ensure(status == 0, "the grandchild could not open its file")?;
        close(create(c"child.txt")?)
    })
}

/// Ends the process without exit handlers and destructors.
fn exit(status: i32) -> ! {
    loop {
        // It does not return. If it did, the only choice would be to try again.
        let _ = call!(exit_group, status);
    }
}

/// The flags and the mode are in the struct, and close-on-exec is among them.
fn open_openat2() -> Setup {
    act(|| {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC;
        close(openat2(AT_FDCWD.into(), c"openat2.txt", flags, 0o640, RESOLVE_NO_SYMLINKS)?)
    })
}

/// A path that leads out of its directory is refused with the flag, and opened without it.
fn open_openat2_resolve() -> Setup {
    fs::create_dir("sub")?;
    fs::write("file.txt", "")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        fails(openat2(dir, c"../file.txt", O_RDONLY, 0, RESOLVE_BENEATH), Errno::EXDEV)?;
        close(openat2(dir, c"../file.txt", O_RDONLY, 0, 0)?)?;
        close(dir)
    })
}

fn openat2(dirfd: i64, path: &CStr, flags: i32, mode: u64, resolve: u64) -> Result<i64, Failed> {
    // `struct open_how`: flags, mode, resolve (openat2(2)).
    let how = [flags as u64, mode, resolve];
    call!(openat2, dirfd, path, how.as_ptr(), size_of_val(&how))
}

/// The file has no name, and the path names the directory.
fn open_tmpfile() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let fd = call!(openat, AT_FDCWD, c"sub", O_RDWR | O_TMPFILE, 0o600)
            .map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks O_TMPFILE"))?;
        write(fd, b"hello")?;
        close(fd)
    })
}

/// A directory below a directory, and a file in it.
fn open_dirfd() -> Setup {
    fs::create_dir_all("sub/inner")?;
    act(|| {
        let sub = open_dir(c"sub")?;
        let inner = call!(openat, sub, c"inner", O_RDONLY | O_DIRECTORY, 0)?;
        let fd = call!(openat, inner, c"file.txt", O_RDWR | O_CREAT, 0o644)?;
        close(sub)?;
        close(inner)?;
        write(fd, b"hello")?;
        close(fd)
    })
}
