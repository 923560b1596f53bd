//! fsync(2), fdatasync(2), sync_file_range(2), sync(2).

use libc::{SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE};

use super::steps::{close, create, write};
use crate::scenario::{Failed, Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("sync-basic", sync_basic),
    Scenario::new("sync-fdatasync", sync_fdatasync),
    Scenario::new("sync-sync-file-range", sync_sync_file_range),
    Scenario::new("sync-sync", sync_sync),
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

/// There is something to make durable: a file that has just been written.
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
