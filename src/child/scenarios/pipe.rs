//! pipe(2), pipe2(2).

use libc::{F_GETFD, F_GETFL, FD_CLOEXEC, O_CLOEXEC, O_NONBLOCK, O_WRONLY};
use nix::errno::Errno;

use super::steps::{close, read, write};
use crate::child::scenario::{Scenario, Setup, act, call, fails, returns};

pub const ALL: &[Scenario] = &[Scenario::new("pipe-basic", pipe_basic), Scenario::new("pipe2-cloexec", pipe2_cloexec)];

/// Each end has one direction. Without a writer, a read returns end of file.
fn pipe_basic() -> Setup {
    act(|| {
        let mut ends = [0_i32; 2];
        returns(call!(pipe, ends.as_mut_ptr()), 0)?;
        let [reading, writing] = ends.map(i64::from);
        write(writing, b"hello")?;
        let mut buffer = [0_u8; 16];
        fails(call!(read, writing, buffer.as_mut_ptr(), buffer.len()), Errno::EBADF)?;
        read(reading, b"hello")?;
        close(writing)?;
        read(reading, b"")?;
        close(reading)
    })
}

/// Both ends get both flags: one belongs to the descriptor, the other to the open file.
fn pipe2_cloexec() -> Setup {
    act(|| {
        let mut ends = [0_i32; 2];
        returns(call!(pipe2, ends.as_mut_ptr(), O_CLOEXEC | O_NONBLOCK), 0)?;
        let [reading, writing] = ends.map(i64::from);
        let mut buffer = [0_u8; 16];
        fails(call!(read, reading, buffer.as_mut_ptr(), buffer.len()), Errno::EAGAIN)?;
        returns(call!(fcntl, reading, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(fcntl, writing, F_GETFD, 0), FD_CLOEXEC.into())?;
        returns(call!(fcntl, writing, F_GETFL, 0), (O_WRONLY | O_NONBLOCK).into())?;
        close(reading)?;
        close(writing)
    })
}
