//! mknod(2), mknodat(2).

use std::fs;

use libc::{S_IFIFO, S_IFREG};

use super::steps::{close, open_dir};
use crate::child::scenario::{Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[Scenario::new("mknod-fifo", mknod_fifo), Scenario::new("mknod-mknodat", mknod_mknodat)];

fn mknod_fifo() -> Setup {
    act(|| returns(call!(mknod, c"fifo", S_IFIFO | 0o640, 0), 0))
}

/// A regular file. Only it, a FIFO and a socket need no privilege.
fn mknod_mknodat() -> Setup {
    fs::create_dir("sub")?;
    act(|| {
        let dir = open_dir(c"sub")?;
        returns(call!(mknodat, dir, c"file.txt", S_IFREG | 0o600, 0), 0)?;
        close(dir)
    })
}
