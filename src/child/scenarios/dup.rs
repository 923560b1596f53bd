//! dup(2), dup2(2), dup3(2).

use libc::{O_CLOEXEC, O_NONBLOCK};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, close_refused, create, write};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("dup-basic", dup_basic),
    Scenario::new("dup-dup2", dup_dup2),
    Scenario::new("dup-dup3-cloexec", dup_dup3_cloexec),
    Scenario::new("dup2-same-fd", dup2_same_fd),
    Scenario::new("dup-invalid-fd", dup_invalid_fd),
    Scenario::new("dup3-invalid-flags", dup3_invalid_flags),
];

/// A number that is not open before the call.
const FREE: i64 = 10;

fn dup_basic() -> Setup {
    act(|| {
        let a = create(c"dup.txt")?;
        let b = call!(dup, a)?;
        write(b, b"hello")?;
        close(b)?;
        close(a)
    })
}

/// First onto a free number. Then onto an open one, which closes its file.
fn dup_dup2() -> Setup {
    act(|| {
        let a = create(c"dup2.txt")?;
        returns(call!(dup2, a, FREE), FREE)?;
        write(FREE, b"hello")?;
        let b = create(c"closed.txt")?;
        returns(call!(dup2, a, b), b)?;
        write(b, b"hello")?;
        close(b)?;
        close(FREE)?;
        close(a)
    })
}

fn dup_dup3_cloexec() -> Setup {
    act(|| {
        let a = create(c"dup3.txt")?;
        returns(call!(dup3, a, FREE, O_CLOEXEC), FREE)?;
        write(FREE, b"hello")?;
        close(FREE)?;
        close(a)
    })
}

fn dup2_same_fd() -> Setup {
    act(|| {
        let a = create(c"same.txt")?;
        returns(call!(dup2, a, a), a)?;
        write(a, b"hello")?;
        close(a)
    })
}

fn dup_invalid_fd() -> Setup {
    act(|| fails(call!(dup, NOT_OPEN), Errno::EBADF))
}

/// dup3 accepts only `O_CLOEXEC`. After the failure the new number is still free.
fn dup3_invalid_flags() -> Setup {
    act(|| {
        let a = create(c"dup3.txt")?;
        fails(call!(dup3, a, FREE, O_NONBLOCK), Errno::EINVAL)?;
        close_refused(FREE)?;
        close(a)
    })
}
