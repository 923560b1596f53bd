//! io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::ptr;

use io_uring::{EnterFlags, IoUring, opcode, types};
use libc::{O_RDONLY, iovec};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, open};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("iouring-setup", iouring_setup),
    Scenario::new("iouring-enter", iouring_enter),
    Scenario::new("iouring-register", iouring_register),
    Scenario::new("iouring-registered", iouring_registered),
    Scenario::new("iouring-register-registered", iouring_register_registered),
    Scenario::new("iouring-enter-ebadf", iouring_enter_ebadf),
    Scenario::new("iouring-register-ebadf", iouring_register_ebadf),
];

/// The requested number of entries in the submission queue.
const ENTRIES: u32 = 4;

/// IORING_REGISTER_BUFFERS (include/uapi/linux/io_uring.h).
const REGISTER_BUFFERS: u32 = 0;
/// IORING_UNREGISTER_BUFFERS.
const UNREGISTER_BUFFERS: u32 = 1;

/// IORING_REGISTER_RING_FDS.
const REGISTER_RING_FDS: u32 = 20;
/// IORING_ENTER_REGISTERED_RING.
pub(super) const ENTER_REGISTERED_RING: u32 = 1 << 4;
/// IORING_REGISTER_USE_REGISTERED_RING.
pub(super) const USE_REGISTERED_RING: u32 = 1 << 31;

fn iouring_setup() -> Setup {
    act(|| close(ring()?))
}

/// Reads a file through a ring.
fn iouring_enter() -> Setup {
    fs::write("ring.txt", "hello, ring")?;
    act(|| {
        let file = open(c"ring.txt", O_RDONLY)?;
        // Set up by the crate, which makes only io_uring_setup and mmap. The crate does not drop it, so that the close happens
        // here.
        let mut ring = ManuallyDrop::new(IoUring::new(ENTRIES).map_err(without_ring)?);
        let mut buffer = [0_u8; 16];
        let read = opcode::Read::new(types::Fd(file as i32), buffer.as_mut_ptr(), buffer.len() as u32).build();
        // SAFETY: the buffer and the descriptor stay as they are until the read has completed, which is waited for below.
        let pushed = unsafe { ring.submission().push(&read) };
        ensure(pushed.is_ok(), "the new ring has no room for one entry")?;
        let fd = ring.as_raw_fd();
        let flags = EnterFlags::GETEVENTS.bits();
        returns(call!(io_uring_enter, fd, 1, 1, flags, ptr::null::<u8>(), 0), 1)?;
        let result = ring.completion().next().map(|completion| completion.result());
        ensure(result == Some(11), "the read through the ring did not complete with the file's length")?;
        ensure(buffer.starts_with(b"hello, ring"), "the read through the ring gave other bytes")?;
        close(fd.into())?;
        close(file)
    })
}

fn iouring_register() -> Setup {
    act(|| {
        let ring = ring()?;
        let mut buffer = [0_u8; 512];
        let buffers = [iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }];
        returns(call!(io_uring_register, ring, REGISTER_BUFFERS, buffers.as_ptr(), buffers.len()), 0)?;
        close(ring)
    })
}

/// A ring that is registered with its thread, and then named by an index. The descriptor with that number is another file: the
/// standard input.
fn iouring_registered() -> Setup {
    act(|| {
        let ring = ring()?;
        let index = register(ring)?;
        returns(call!(io_uring_enter, index, 0, 0, ENTER_REGISTERED_RING, ptr::null::<u8>(), 0), 0)?;
        close(ring)
    })
}

/// The same for io_uring_register(2), since Linux 6.3.
fn iouring_register_registered() -> Setup {
    act(|| {
        let ring = ring()?;
        let index = register(ring)?;
        let unregister = UNREGISTER_BUFFERS | USE_REGISTERED_RING;
        match call!(io_uring_register, index, unregister, ptr::null::<u8>(), 0) {
            Err(Failed { errno: Errno::EINVAL, .. }) => return Err(no_registered_rings()),
            result => fails(result, Errno::ENXIO)?,
        }
        close(ring)
    })
}

/// Registers a ring with this thread, at the first index.
pub(super) fn register(ring: i64) -> Result<u32, Broken> {
    // struct io_uring_rsrc_update: any free index, and the ring.
    let mut update = [u64::from(u32::MAX), ring as u64];
    match call!(io_uring_register, ring, REGISTER_RING_FDS, update.as_mut_ptr(), 1) {
        Err(Failed { errno: Errno::EINVAL, .. }) => return Err(no_registered_rings()),
        result => returns(result, 1)?,
    }
    ensure(update[0] == 0, "the first ring is not at the first index")?;
    Ok(update[0] as u32)
}

fn no_registered_rings() -> Broken {
    Broken::Skip("this kernel registers no rings with a thread".to_owned())
}

fn iouring_enter_ebadf() -> Setup {
    act(|| {
        let entered = call!(io_uring_enter, NOT_OPEN, 1, 0, EnterFlags::GETEVENTS.bits(), ptr::null::<u8>(), 0);
        no_ring_there(entered)
    })
}

fn iouring_register_ebadf() -> Setup {
    act(|| no_ring_there(call!(io_uring_register, NOT_OPEN, UNREGISTER_BUFFERS, ptr::null::<u8>(), 0)))
}

/// A seccomp filter may refuse the call before it looks at the descriptor.
fn no_ring_there(result: Result<i64, Failed>) -> Result<(), Broken> {
    match result {
        Err(Failed { errno: Errno::EPERM, .. }) => Err(without_ring(Errno::EPERM.into())),
        result => fails(result, Errno::EBADF),
    }
}

/// A descriptor of a new ring, whose queues are not mapped.
fn ring() -> Result<i64, Broken> {
    // struct io_uring_params, of 120 bytes; the first number is what the kernel made of the entries asked for.
    let mut params = [0_u32; 30];
    let ring = call!(io_uring_setup, ENTRIES, params.as_mut_ptr());
    let ring = ring.map_err(|Failed { errno, .. }| without_ring(errno.into()))?;
    ensure(params[0] == ENTRIES, "the ring was set up with another number of entries")?;
    Ok(ring)
}

/// A kernel may lack io_uring, or refuse it (sysctl kernel.io_uring_disabled, and the seccomp filters of containers).
pub(super) fn without_ring(error: io::Error) -> Broken {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSYS) => Broken::Skip("this kernel has no io_uring_setup".to_owned()),
        Some(Errno::EPERM) => {
            Broken::Skip("io_uring is disabled here (see sysctl kernel.io_uring_disabled)".to_owned())
        }
        _ => Broken::Step(format!("io_uring_setup failed: {error}")),
    }
}
