//! Very many calls, as fast as possible.

use super::steps::{close, create};
use crate::child::scenario::{Scenario, Setup, act, call, returns};

pub const ALL: &[Scenario] = &[Scenario::new("burst", burst)];

/// How many calls. The ring has room for a twentieth of them.
const CALLS: u32 = 1_000_000;

/// Calls that do very little, so that as many as possible fit into the time.
fn burst() -> Setup {
    act(|| {
        let fd = create(c"burst.txt")?;
        for _ in 0..CALLS {
            returns(call!(lseek, fd, 0, libc::SEEK_SET), 0)?;
        }
        close(fd)
    })
}
