//! io_setup(2), io_submit(2), io_getevents(2), io_destroy(2).
#![allow(unsafe_code)]

use std::fs;
use std::mem::zeroed;

use libc::O_RDONLY;
use nix::errno::Errno;

use super::steps::{close, open};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("aio-no-context", aio_no_context),
    Scenario::new("aio-pgetevents", aio_pgetevents),
    Scenario::new("aio-submit", aio_submit),
];

/// IOCB_CMD_PREAD (include/uapi/linux/aio_abi.h).
const PREAD: u16 = 0;

/// `struct io_event` (include/uapi/linux/aio_abi.h).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct IoEvent {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

/// Two reads are submitted, and two have completed: both results are counts of requests, and the bytes are in the events.
fn aio_submit() -> Setup {
    fs::write("aio.txt", "hello, world")?;
    act(|| {
        let file = open(c"aio.txt", O_RDONLY)?;
        let mut context = 0_u64;
        returns(call!(io_setup, 8, &raw mut context), 0)?;
        let (mut head, mut tail) = ([0_u8; 5], [0_u8; 16]);
        let (mut first, mut second) = (read_at(file, &mut head, 0), read_at(file, &mut tail, 5));
        let mut requests = [&raw mut first, &raw mut second];
        returns(call!(io_submit, context, 2, requests.as_mut_ptr()), 2)?;
        let mut events = [IoEvent::default(); 4];
        returns(call!(io_getevents, context, 2, 4, events.as_mut_ptr(), 0), 2)?;
        ensure(events[0].res + events[1].res == 12, "the two reads did not complete with the file's length")?;
        ensure(&head == b"hello" && tail.starts_with(b", world"), "the two reads gave other bytes")?;
        returns(call!(io_destroy, context), 0)?;
        close(file)
    })
}

/// One read is submitted and has completed.
pub(super) fn submit_one(file: i64) -> Result<(), Broken> {
    let mut context = 0_u64;
    returns(call!(io_setup, 8, &raw mut context), 0)?;
    let mut head = [0_u8; 5];
    let mut request = read_at(file, &mut head, 0);
    let mut requests = [&raw mut request];
    returns(call!(io_submit, context, 1, requests.as_mut_ptr()), 1)?;
    let mut events = [IoEvent::default(); 1];
    returns(call!(io_getevents, context, 1, 1, events.as_mut_ptr(), 0), 1)?;
    ensure(events[0].res == 5 && &head == b"hello", "the read gave other bytes")
}

/// A request that fills the buffer from an offset.
fn read_at(file: i64, buffer: &mut [u8], offset: i64) -> libc::iocb {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut request: libc::iocb = unsafe { zeroed() };
    request.aio_lio_opcode = PREAD;
    request.aio_fildes = file as u32;
    request.aio_buf = buffer.as_mut_ptr().expose_provenance() as u64;
    request.aio_nbytes = buffer.len() as u64;
    request.aio_offset = offset;
    request
}

/// Where nothing was set up, nothing is done.
fn aio_no_context() -> Setup {
    act(|| {
        fails(call!(io_destroy, 0), Errno::EINVAL)?;
        fails(call!(io_submit, 0, 1, 0), Errno::EINVAL)?;
        fails(call!(io_cancel, 0, 0, 0), Errno::EFAULT)?;
        fails(call!(io_getevents, 0, 0, 1, 0, 0), Errno::EINVAL)?;
        fails(call!(io_pgetevents, 0, 0, 1, 0, 0, 0), Errno::EINVAL)
    })
}

/// Nothing was submitted, and nothing is waited for.
fn aio_pgetevents() -> Setup {
    act(|| {
        let (mut context, mut events) = (0_u64, [0_u64; 4]);
        returns(call!(io_setup, 1, &raw mut context), 0)?;
        returns(call!(io_pgetevents, context, 0, 1, events.as_mut_ptr(), 0, 0), 0)?;
        returns(call!(io_destroy, context), 0)
    })
}
