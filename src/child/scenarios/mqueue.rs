//! Queues of POSIX messages: mq_open(3) and the calls below it (mq_overview(7)).
#![allow(unsafe_code)]

use std::ptr;

use libc::{O_CREAT, O_EXCL, O_NONBLOCK, O_RDWR};
use nix::errno::Errno;

use super::steps::{close, skip_on};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[Scenario::new("mqueue-basic", mqueue_basic)];

/// The queue is of the scenario's own namespace of IPC.
fn mqueue_basic() -> Setup {
    // SAFETY: a number.
    let alone = Errno::result(unsafe { libc::unshare(libc::CLONE_NEWIPC) });
    let skip = skip_on(Errno::EPERM, "it takes the rights of root: a namespace of IPC");
    alone.map_err(|errno| skip(Failed { call: "unshare", errno }))?;
    act(|| {
        // struct mq_attr: flags, the most messages, their size.
        let attributes = [0_i64, 4, 16, 0, 0, 0, 0, 0];
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK;
        let queue = call!(mq_open, c"ior", flags, 0o600, attributes.as_ptr())?;
        fails(call!(mq_open, c"ior", flags, 0o600, attributes.as_ptr()), Errno::EEXIST)?;
        returns(call!(mq_timedsend, queue, b"hello".as_ptr(), 5, 1, ptr::null::<u8>()), 0)?;
        fails(
            call!(mq_timedsend, queue, b"a longer one than fits".as_ptr(), 22, 1, ptr::null::<u8>()),
            Errno::EMSGSIZE,
        )?;
        let mut now = [0_i64; 8];
        returns(call!(mq_getsetattr, queue, 0, now.as_mut_ptr()), 0)?;
        ensure(now[3] == 1, "the queue has another number of messages than was sent")?;
        let mut buffer = [0_u8; 16];
        returns(call!(mq_timedreceive, queue, buffer.as_mut_ptr(), buffer.len(), 0, 0), 5)?;
        ensure(buffer.starts_with(b"hello"), "another message was received than was sent")?;
        fails(call!(mq_timedreceive, queue, buffer.as_mut_ptr(), buffer.len(), 0, 0), Errno::EAGAIN)?;
        returns(call!(mq_notify, queue, 0), 0)?;
        returns(call!(mq_unlink, c"ior"), 0)?;
        close(queue)
    })
}
