//! openat(2), creat(2), open_by_handle_at(2), and which processes are watched.

use std::fs;

use libc::{AT_FDCWD, O_RDONLY};
use nix::errno::Errno;

use super::steps::{close, create, open};
use crate::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("open-basic", open_basic),
    Scenario::new("open-creat", open_creat),
    Scenario::new("open-by-handle-at", open_by_handle_at),
    Scenario::new("open-enoent", open_enoent),
    Scenario::new("open-rdonly-write", open_rdonly_write),
    Scenario::new("open-pid-filter", open_pid_filter),
];

fn open_basic() -> Setup {
    act(|| close(create(c"basic.txt")?))
}

fn open_creat() -> Setup {
    act(|| close(call!(creat, c"creat.txt", 0o640)?))
}

/// Opens a file that has been named by its handle only.
fn open_by_handle_at() -> Setup {
    fs::write("handle.txt", "hello")?;
    act(|| {
        let mut handle = FileHandle { handle_bytes: LONGEST as u32, handle_type: 0, f_handle: [0; LONGEST] };
        let mut mount_id = 0_i32;
        call!(name_to_handle_at, AT_FDCWD, c"handle.txt", &raw mut handle, &raw mut mount_id, 0)
            .map_err(without_handles)?;
        close(call!(open_by_handle_at, AT_FDCWD, &raw mut handle, O_RDONLY).map_err(without_handles)?)
    })
}

/// The longest handle, in bytes.
const LONGEST: usize = libc::MAX_HANDLE_SZ as usize;

/// `struct file_handle` with room for the longest handle (open_by_handle_at(2)).
#[repr(C)]
struct FileHandle {
    handle_bytes: u32,
    handle_type: i32,
    f_handle: [u8; LONGEST],
}

/// Some file systems have no handles (overlayfs without nfs_export), and some containers may not open them.
fn without_handles(failed: Failed) -> Broken {
    match failed.errno {
        Errno::EOPNOTSUPP => Broken::Skip("the file system of the workspace has no file handles".to_owned()),
        Errno::EPERM => Broken::Skip(format!("{} needs CAP_DAC_READ_SEARCH", failed.call)),
        _ => failed.into(),
    }
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
        // Not fork: aarch64 has clone only, whose other arguments are in another order there, and 0 here.
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

/// Ends the process with nothing run before (exit handlers, destructors).
fn exit(status: i32) -> ! {
    loop {
        // It does not return, and if it did there would be nothing better to do than to try again.
        let _ = call!(exit_group, status);
    }
}
