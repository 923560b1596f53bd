//! fsync(2), fdatasync(2), sync_file_range(2), sync(2), syncfs(2).

use libc::{SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, write};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("sync-basic", sync_basic),
    Scenario::new("sync-fdatasync", sync_fdatasync),
    Scenario::new("sync-sync-file-range", sync_sync_file_range),
    Scenario::new("sync-sync", sync_sync),
    Scenario::new("sync-range-to-eof", sync_range_to_eof),
    Scenario::new("sync-fsync-ebadf", sync_fsync_ebadf),
    Scenario::new("sync-fdatasync-ebadf", sync_fdatasync_ebadf),
    Scenario::new("sync-range-ebadf", sync_range_ebadf),
    Scenario::new("sync-syncfs", sync_syncfs),
];

fn sync_basic() -> Setup {
    written_then(|fd| call!(fsync, fd))
}

fn sync_fdatasync() -> Setup {
    written_then(|fd| call!(fdatasync, fd))
}

fn sync_sync_file_range() -> Setup {
    let flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    written_then(move |fd| call!(sync_file_range, fd, 1, 4, flags))
}

/// A file with new data, so that there is something to write to disk.
fn written_then(sync: impl FnOnce(i64) -> Result<i64, Failed> + 'static) -> Setup {
    act(move || {
        let fd = create(c"sync.txt")?;
        write(fd, b"hello")?;
        returns(sync(fd), 0)?;
        close(fd)
    })
}

fn sync_sync() -> Setup {
    act(|| returns(call!(sync), 0))
}

/// A length of 0 means all bytes after the offset.
fn sync_range_to_eof() -> Setup {
    written_then(|fd| call!(sync_file_range, fd, 2, 0, SYNC_FILE_RANGE_WRITE))
}

fn sync_fsync_ebadf() -> Setup {
    act(|| fails(call!(fsync, NOT_OPEN), Errno::EBADF))
}

fn sync_fdatasync_ebadf() -> Setup {
    act(|| fails(call!(fdatasync, NOT_OPEN), Errno::EBADF))
}

fn sync_range_ebadf() -> Setup {
    act(|| fails(call!(sync_file_range, NOT_OPEN, 1, 4, SYNC_FILE_RANGE_WRITE), Errno::EBADF))
}

fn sync_syncfs() -> Setup {
    written_then(|fd| call!(syncfs, fd))
}
