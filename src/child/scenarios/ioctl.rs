//! ioctl(2).

use std::fs;

use libc::{F_GETFD, FD_CLOEXEC, FIOCLEX, FIONCLEX, FIONREAD, O_RDONLY, TCGETS};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, open, read};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[Scenario::new("ioctl-basic", ioctl_basic)];

/// Operations that every file supports, and one that only a terminal supports.
fn ioctl_basic() -> Setup {
    fs::write("file.txt", "hello")?;
    act(|| {
        let fd = open(c"file.txt", O_RDONLY)?;
        let mut left = 0_i32;
        returns(call!(ioctl, fd, FIONREAD, &raw mut left), 0)?;
        ensure(left == 5, "FIONREAD gave another number of bytes than are in the file")?;
        read(fd, b"hello")?;
        returns(call!(ioctl, fd, FIOCLEX, 0), 0)?;
        returns(call!(fcntl, fd, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(ioctl, fd, FIONCLEX, 0), 0)?;
        returns(call!(fcntl, fd, F_GETFD, 0), 0)?;
        let mut terminal = [0_u8; 64];
        fails(call!(ioctl, fd, TCGETS, terminal.as_mut_ptr()), Errno::ENOTTY)?;
        fails(call!(ioctl, NOT_OPEN, FIONREAD, &raw mut left), Errno::EBADF)?;
        close(fd)
    })
}
