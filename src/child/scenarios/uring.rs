//! Requests of io_uring: I/O without a system call of its own (io_uring_enter(2)).
#![allow(unsafe_code)]

use std::fs;
use std::ptr;

use io_uring::squeue::Flags;
use io_uring::{EnterFlags, IoUring, opcode, types};
use libc::{O_CREAT, O_RDONLY, O_RDWR};
use nix::errno::Errno;

use super::ring::{CWD, ENTRIES, Ring, read_at_0, write_at_0};
use super::steps::{NOT_OPEN, close, create, open, pipe, read, write};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("uring-requests", uring_requests),
    Scenario::new("uring-request-fail", uring_request_fail),
    Scenario::new("uring-request-linked", uring_request_linked),
    Scenario::new("uring-request-async", uring_request_async),
    Scenario::new("uring-request-names", uring_request_names),
    Scenario::new("uring-request-direct", uring_request_direct),
    Scenario::new("uring-request-multishot", uring_request_multishot),
    Scenario::new("uring-request-unfinished", uring_request_unfinished),
    Scenario::new("uring-request-unposted", uring_request_unposted),
    Scenario::new("uring-request-overflow", uring_request_overflow),
    Scenario::new("uring-request-sqpoll", uring_request_sqpoll),
    Scenario::new("uring-request-late-file", uring_request_late_file),
    Scenario::new("uring-request-late-poll", uring_request_late_poll),
    Scenario::new("uring-request-message", uring_request_message),
    Scenario::new("uring-request-alike", uring_request_alike),
    Scenario::new("uring-request-splice", uring_request_splice),
];

/// A file from open to close, without a system call about it.
fn uring_requests() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let create = opcode::OpenAt::new(CWD, c"ring.txt".as_ptr()).flags(O_RDWR | O_CREAT).mode(0o644);
        let file = ring.request(&create.build().user_data(1))?;
        ensure(file >= 0, "the file could not be opened through the ring")?;
        ring.succeeds(write_at_0(file, b"hello, ring").build().user_data(2), 11)?;
        ring.succeeds(read_at_0(file, &mut buffer).build().user_data(3), 11)?;
        ensure(buffer.starts_with(b"hello, ring"), "the read through the ring gave other bytes")?;
        ring.succeeds(opcode::Close::new(types::Fd(file)).build().user_data(4), 0)?;
        ring.close()
    })
}

fn uring_request_fail() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let missing = opcode::OpenAt::new(CWD, c"missing.txt".as_ptr()).flags(O_RDONLY);
        ring.fails(missing.build(), Errno::ENOENT)?;
        ring.fails(read_at_0(NOT_OPEN, &mut buffer).build(), Errno::EBADF)?;
        ring.fails(opcode::Close::new(types::Fd(NOT_OPEN)).build(), Errno::EBADF)?;
        // The kernel refuses the entry when it reads it, and so never submits it.
        let nowhere = opcode::OpenAt::new(CWD, ptr::without_provenance(16)).flags(O_RDONLY);
        ring.fails(nowhere.build(), Errno::EFAULT)?;
        ring.close()
    })
}

/// A request that is linked to a failing one is cancelled: the file stays open.
fn uring_request_linked() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let file = create(c"linked.txt")?;
        ring.push(&read_at_0(NOT_OPEN, &mut buffer).build().flags(Flags::IO_LINK).user_data(1))?;
        ring.push(&opcode::Close::new(types::Fd(file as i32)).build().user_data(2))?;
        ring.enter(2, 2)?;
        let results = [ring.next()?, ring.next()?];
        ensure(results == [(1, -libc::EBADF), (2, -libc::ECANCELED)], "the link was not broken by what failed")?;
        write(file, b"open")?;
        // The kernel refuses it when it reads the entry, or, for a link, when it prepares it. Either way it is one request.
        ring.push(&opcode::Nop::new().build().flags(Flags::IO_LINK).user_data(3))?;
        let nowhere: *const libc::iovec = ptr::without_provenance(16);
        ring.push(&opcode::Writev::new(types::Fd(file as i32), nowhere, 1).build().user_data(4))?;
        ring.enter(2, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results[1] == (4, -libc::EFAULT), "an entry with a bad pointer was not refused")?;
        close(file)?;
        ring.close()
    })
}

/// The kernel makes the read in a thread of its own (io_uring_enter(2), IOSQE_ASYNC).
fn uring_request_async() -> Setup {
    fs::write("ring.txt", "hello, ring")?;
    act(|| {
        let file = open(c"ring.txt", O_RDONLY)?;
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let read = read_at_0(file as i32, &mut buffer).build().flags(Flags::ASYNC).user_data(1 << 40);
        ring.succeeds(read, 11)?;
        ring.close()?;
        close(file)
    })
}

/// Requests with two names, or that change a name.
fn uring_request_names() -> Setup {
    fs::write("a.txt", "a")?;
    act(|| {
        let mut ring = Ring::new()?;
        let file = open(c"a.txt", O_RDWR)?;
        ring.succeeds(opcode::MkDirAt::new(CWD, c"sub".as_ptr()).mode(0o755).build(), 0)?;
        ring.succeeds(opcode::RenameAt::new(CWD, c"a.txt".as_ptr(), CWD, c"sub/b.txt".as_ptr()).build(), 0)?;
        ring.succeeds(write_at_0(file as i32, b"x").build(), 1)?;
        ring.succeeds(opcode::SymlinkAt::new(CWD, c"sub/b.txt".as_ptr(), c"link".as_ptr()).build(), 0)?;
        ring.succeeds(opcode::UnlinkAt::new(CWD, c"link".as_ptr()).build(), 0)?;
        let how = types::OpenHow::new().flags(O_RDONLY as u64);
        let again = ring.request(&opcode::OpenAt2::new(CWD, c"sub/b.txt".as_ptr(), &how).build())?;
        close(again.into())?;
        close(file)?;
        ring.close()
    })
}

/// The opened file goes into the ring's own table. It gets no descriptor, and its index is not one.
fn uring_request_direct() -> Setup {
    fs::write("ring.txt", "hello, ring")?;
    act(|| {
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let none = [-1_i32; 2];
        // IORING_REGISTER_FILES, with both places empty.
        returns(call!(io_uring_register, ring.fd(), 2, none.as_ptr(), none.len()), 0)?;
        let slot = types::DestinationSlot::try_from_slot_target(1).map_err(|_| Broken::Step("no slot 1".to_owned()))?;
        let direct = opcode::OpenAt::new(CWD, c"ring.txt".as_ptr()).flags(O_RDONLY).file_index(Some(slot));
        ring.succeeds(direct.build(), 0)?;
        let (at, len) = (buffer.as_mut_ptr(), buffer.len() as u32);
        ring.succeeds(opcode::Read::new(types::Fixed(1), at, len).build(), 11)?;
        ring.succeeds(opcode::Close::new(types::Fixed(1)).build(), 0)?;
        ring.close()
    })
}

/// A request that completes more than once (io_uring_enter(2), IORING_POLL_ADD_MULTI), until it is removed.
fn uring_request_multishot() -> Setup {
    act(|| {
        let [reads, writes] = pipe()?;
        let mut ring = Ring::new()?;
        let poll = opcode::PollAdd::new(types::Fd(reads as i32), libc::POLLIN as u32).multi(true);
        ring.push(&poll.build().user_data(7))?;
        ring.enter(1, 0)?;
        // The completion comes on the way out of the kernel, where requests of this thread continue.
        write(writes, b"x")?;
        ensure(ring.next()? == (7, libc::POLLIN.into()), "the pipe did not become readable")?;
        ring.push(&opcode::PollRemove::new(7).build().user_data(8))?;
        ring.enter(1, 2)?;
        ring.close()
    })
}

/// The process exits while its ring waits for a pipe that no process writes to.
fn uring_request_unfinished() -> Setup {
    act(|| {
        let [reads, _] = pipe()?;
        let mut ring = Ring::new()?;
        ring.push(&opcode::PollAdd::new(types::Fd(reads as i32), libc::POLLIN as u32).build())?;
        ring.enter(1, 0)
    })
}

/// A request without a completion unless it fails, and one that waits for it.
fn uring_request_unposted() -> Setup {
    fs::write("ring.txt", "")?;
    act(|| {
        let file = open(c"ring.txt", O_RDWR)?;
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        ring.push(&write_at_0(file as i32, b"silent").build().flags(Flags::SKIP_SUCCESS | Flags::IO_LINK))?;
        ring.push(&read_at_0(file as i32, &mut buffer).build().user_data(1))?;
        ring.enter(2, 1)?;
        ensure(ring.next()? == (1, 6), "the read did not complete with what was written")?;
        // One of these gets the memory of the first request.
        for _ in 0..ENTRIES {
            ring.push(&opcode::Nop::new().build())?;
        }
        ring.enter(ENTRIES, ENTRIES)?;
        ring.close()?;
        close(file)
    })
}

/// More completions than the queue can hold. The kernel keeps the rest until there is room.
fn uring_request_overflow() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        for batch in 0..3 {
            for at in 0..ENTRIES {
                ring.push(&opcode::Nop::new().build().user_data((batch * ENTRIES + at).into()))?;
            }
            ring.enter(ENTRIES, ENTRIES)?;
        }
        ring.close()
    })
}

/// A thread of the kernel takes the entries out of the queue (io_uring_setup(2), IORING_SETUP_SQPOLL). The system call only
/// wakes it, and waits. Either of the two may come first.
fn uring_request_sqpoll() -> Setup {
    fs::write("ring.txt", "hello, ring")?;
    act(|| {
        let file = open(c"ring.txt", O_RDONLY)?;
        let mut ring: Ring = Ring::built(IoUring::builder().setup_sqpoll(1000).build(ENTRIES))?;
        let mut buffer = [0_u8; 16];
        ring.push(&read_at_0(file as i32, &mut buffer).build().user_data(1))?;
        ring.enter_as(ring.fd(), EnterFlags::SQ_WAKEUP.bits(), 1, 1)?;
        ensure(ring.next()? == (1, 11), "the read did not complete with the file's length")?;
        ring.close()?;
        close(file)
    })
}

/// A linked read waits for a poll. Before the poll completes, the descriptor becomes another file, and the read reads that one.
fn uring_request_late_file() -> Setup {
    fs::write("a.txt", "a")?;
    fs::write("b.txt", "bb")?;
    act(|| {
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let [reads, writes] = pipe()?;
        let (a, b) = (open(c"a.txt", O_RDONLY)?, open(c"b.txt", O_RDONLY)?);
        let poll = opcode::PollAdd::new(types::Fd(reads as i32), libc::POLLIN as u32).build();
        ring.push(&poll.flags(Flags::IO_LINK).user_data(1))?;
        ring.push(&read_at_0(a as i32, &mut buffer).build().user_data(2))?;
        ring.enter(2, 0)?;
        returns(call!(dup3, b, a, 0), a)?;
        write(writes, b"x")?;
        ring.enter(0, 2)?;
        let [polled, read] = [ring.next()?, ring.next()?];
        if read == (2, 1) {
            return Err(Broken::Skip(SUBMITTED.to_owned()));
        }
        ensure([polled, read] == [(1, libc::POLLIN.into()), (2, 2)], "the read is not that of b.txt")?;
        ring.close()
    })
}

const SUBMITTED: &str = "this kernel takes the file of a linked request when it is submitted";

/// The same of a poll that completes more than once, and whose process ends before it does.
fn uring_request_late_poll() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let [reads, writes] = pipe()?;
        let ([replaced, fills], event) = (pipe()?, call!(eventfd2, 1, 0)?);
        // Both files are readable, and the eventfd alone is writable.
        let [readable, both] = [libc::POLLIN, libc::POLLIN | libc::POLLOUT].map(i32::from);
        let poll = |fd: i64, events: i32| opcode::PollAdd::new(types::Fd(fd as i32), events as u32);
        ring.push(&poll(reads, readable).build().flags(Flags::IO_LINK).user_data(1))?;
        ring.push(&poll(replaced, both).multi(true).build().user_data(2))?;
        ring.enter(2, 0)?;
        write(fills, b"x")?;
        returns(call!(dup3, event, replaced, 0), replaced)?;
        write(writes, b"x")?;
        ring.enter(0, 2)?;
        let [first, second] = [ring.next()?, ring.next()?];
        if second == (2, readable) {
            return Err(Broken::Skip(SUBMITTED.to_owned()));
        }
        ensure([first, second] == [(1, readable), (2, both)], "the eventfd was not polled")
    })
}

/// A message from another ring (io_uring_enter(2), IORING_OP_MSG_RING) is a completion without a request, whatever its
/// `user_data`.
fn uring_request_message() -> Setup {
    act(|| {
        let [reads, writes] = pipe()?;
        let (mut ring, mut other) = (Ring::new()?, Ring::new()?);
        ring.push(&opcode::PollAdd::new(types::Fd(reads as i32), libc::POLLIN as u32).build().user_data(7))?;
        ring.enter(1, 0)?;
        let message = opcode::MsgRingData::new(types::Fd(ring.fd()), 5, 7, None);
        let sent = other.request(&message.build().user_data(1))?;
        if sent == -libc::EINVAL {
            return Err(Broken::Skip("this kernel has no IORING_OP_MSG_RING".to_owned()));
        }
        ensure(sent == 0 && ring.next()? == (7, 5), "the message has not come")?;
        write(writes, b"x")?;
        ring.enter(0, 1)?;
        ensure(ring.next()? == (7, libc::POLLIN.into()), "the pipe did not become readable")?;
        other.close()?;
        ring.close()
    })
}

/// Two multishot polls with the same `user_data`. Their completions cannot be told apart.
fn uring_request_alike() -> Setup {
    act(|| {
        let [[first, write_first], [second, _]] = [pipe()?, pipe()?];
        let mut ring = Ring::new()?;
        for fd in [first, second] {
            let poll = opcode::PollAdd::new(types::Fd(fd as i32), libc::POLLIN as u32).multi(true);
            ring.push(&poll.build().user_data(7))?;
        }
        ring.enter(2, 0)?;
        write(write_first, b"x")?;
        ensure(ring.next()? == (7, libc::POLLIN.into()), "the pipe did not become readable")
    })
}

/// splice(2) takes two descriptors, and the entry's `fd` is the second. Each has its own file.
fn uring_request_splice() -> Setup {
    fs::write("from.txt", "spliced")?;
    act(|| {
        let from = open(c"from.txt", O_RDONLY)?;
        let [reads, writes] = pipe()?;
        let mut ring = Ring::new()?;
        let (input, output) = (types::Fd(from as i32), types::Fd(writes as i32));
        ring.succeeds(opcode::Splice::new(input, 0, output, -1, 7).build(), 7)?;
        read(reads, b"spliced")?;
        ring.close()
    })
}
