//! flock(2).

use libc::{LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, O_RDONLY};
use nix::errno::Errno;

use super::steps::{close, create, open};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[Scenario::new("flock-basic", flock_basic)];

/// Two open file descriptions of one file: while one has the lock, the other cannot get it.
fn flock_basic() -> Setup {
    act(|| {
        let a = create(c"flock.txt")?;
        let b = open(c"flock.txt", O_RDONLY)?;
        returns(call!(flock, a, LOCK_EX), 0)?;
        fails(call!(flock, b, LOCK_SH | LOCK_NB), Errno::EAGAIN)?;
        returns(call!(flock, a, LOCK_UN), 0)?;
        returns(call!(flock, b, LOCK_SH | LOCK_NB), 0)?;
        close(b)?;
        close(a)
    })
}
