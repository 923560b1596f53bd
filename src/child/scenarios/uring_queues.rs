//! Where a ring's entries and completions lie, and who takes them (io_uring_setup(2)).
#![allow(unsafe_code)]

use std::sync::{Arc, Barrier};
use std::thread::Builder;

use io_uring::cqueue::{self, Entry32};
use io_uring::squeue::{Entry, Entry128, EntryMarker, Flags};
use io_uring::{EnterFlags, IoUring, opcode};
use libc::{O_CREAT, O_RDWR};

use super::exec::in_fork;
use super::ring::{ENTRIES, Ring, SETUP_IOPOLL, SETUP_SQPOLL, at, write_at_0};
use super::steps::{close, create, open, pipe, write};
use super::thread::{joined, names_itself};
use crate::child::scenario::{Broken, Scenario, Setup, act, ensure};

pub const ALL: &[Scenario] = &[
    Scenario::new("uring-queue-permuted", uring_queue_permuted),
    Scenario::new("uring-queue-permuted-sqpoll", uring_queue_permuted_sqpoll),
    Scenario::new("uring-queue-permuted-iopoll", uring_queue_permuted_iopoll),
    Scenario::new("uring-queue-no-array", uring_queue_no_array),
    Scenario::new("uring-queue-wide-entries", uring_queue_wide_entries),
    Scenario::new("uring-queue-wide-completions", uring_queue_wide_completions),
    Scenario::new("uring-queue-wide-both", uring_queue_wide_both),
    Scenario::new("uring-queue-two", uring_queue_two),
    Scenario::new("uring-queue-thread", uring_queue_thread),
    Scenario::new("uring-queue-shared", uring_queue_shared),
    Scenario::new("uring-queue-alike", uring_queue_alike),
];

const TEXT: &[u8; 8] = b"12345678";

/// Writes of 1, 2, 3 … bytes from the offset 10, 20, 30 … on, numbered so. Each field tells one from the others. They go to
/// /dev/null, which never makes a worker of the kernel wait.
fn writes(file: i64, numbers: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    let write = |number: u64| {
        let count = number % TEXT.len() as u64;
        write_at_0(file as i32, &TEXT[..count as usize]).offset(10 * number).build().user_data(number)
    };
    numbers.map(write).collect()
}

/// Three rounds of three writes, so that the places in the queue come round.
fn three_rounds<S, C>(mut ring: Ring<S, C>) -> Result<(), Broken>
where
    S: EntryMarker,
    C: cqueue::EntryMarker + Into<cqueue::Entry>,
{
    let file = open(c"/dev/null", O_RDWR)?;
    for round in [1, 4, 7] {
        ring.push_all(&writes(file, round..=round + 2))?;
        ring.enter(3, 3)?;
        completed(&mut ring, round..=round + 2)?;
    }
    ring.close()?;
    close(file)
}

/// The completions of writes, in this order.
fn completed<S, C>(ring: &mut Ring<S, C>, mut numbers: impl Iterator<Item = u64>) -> Result<(), Broken>
where
    S: EntryMarker,
    C: cqueue::EntryMarker + Into<cqueue::Entry>,
{
    let is_next = |ring: &mut Ring<S, C>, number: u64| {
        let count = number % TEXT.len() as u64;
        ensure(ring.next()? == (number, count as i32), "the writes did not complete in the order of the queue")
    };
    numbers.try_for_each(|number| is_next(ring, number))
}

/// The entry that is written last is submitted first.
fn uring_queue_permuted() -> Setup {
    act(|| {
        let mut ring = Ring::reversed(0)?;
        let file = open(c"/dev/null", O_RDWR)?;
        for round in [1, 9] {
            ring.push_all(&writes(file, round..=round + 3))?;
            ring.enter(ENTRIES, ENTRIES)?;
            completed(&mut ring, (round..=round + 3).rev())?;
        }
        ring.close()?;
        close(file)
    })
}

/// The same, and a thread of the kernel takes the entries (IORING_SETUP_SQPOLL).
fn uring_queue_permuted_sqpoll() -> Setup {
    act(|| {
        let file = open(c"/dev/null", O_RDWR)?;
        let mut ring = Ring::reversed(SETUP_SQPOLL)?;
        for round in [1, 9] {
            ring.push_all(&writes(file, round..=round + 3))?;
            ring.enter_as(ring.fd(), EnterFlags::SQ_WAKEUP.bits(), ENTRIES, ENTRIES)?;
            completed(&mut ring, (round..=round + 3).rev())?;
        }
        ring.close()?;
        close(file)
    })
}

/// The same on a ring that polls devices for completions (IORING_SETUP_IOPOLL).
fn uring_queue_permuted_iopoll() -> Setup {
    act(|| {
        let mut ring = Ring::reversed(SETUP_IOPOLL)?;
        ring.push_all(&[1, 2, 3, 4].map(|number| opcode::Nop::new().build().user_data(number)))?;
        ring.enter(ENTRIES, ENTRIES)?;
        ensure(ring.next()? == (4, 0), "the entries were not taken in the order of the array")?;
        ring.close()
    })
}

/// There is no array between the queue and the entries (IORING_SETUP_NO_SQARRAY).
fn uring_queue_no_array() -> Setup {
    act(|| three_rounds(Ring::<Entry, cqueue::Entry>::built(IoUring::builder().setup_no_sqarray().build(ENTRIES))?))
}

/// An entry of the submission queue has 128 bytes (IORING_SETUP_SQE128).
fn uring_queue_wide_entries() -> Setup {
    act(|| three_rounds(Ring::<Entry128, cqueue::Entry>::built(IoUring::builder().build(ENTRIES))?))
}

/// A completion has 32 bytes (IORING_SETUP_CQE32).
fn uring_queue_wide_completions() -> Setup {
    act(|| three_rounds(Ring::<Entry, Entry32>::built(IoUring::builder().build(ENTRIES))?))
}

/// Both, and no array.
fn uring_queue_wide_both() -> Setup {
    act(|| three_rounds(Ring::<Entry128, Entry32>::built(IoUring::builder().setup_no_sqarray().build(ENTRIES))?))
}

/// How many requests each of the two threads makes.
const ROUNDS: u64 = 200;

/// Two threads submit at once, each to a ring of its own. The requests have equal numbers.
fn uring_queue_two() -> Setup {
    act(|| {
        let both = Arc::new(Barrier::new(2));
        let threads = [(c"first.txt", 3), (c"second.txt", 5)].map(|(path, count)| {
            let both = Arc::clone(&both);
            let name = path.to_string_lossy().into_owned();
            Builder::new().name(name).spawn(move || {
                let file = create(path)?;
                let mut ring = Ring::new()?;
                both.wait();
                for number in 0..ROUNDS {
                    ring.succeeds(write_at_0(file as i32, &TEXT[..count]).build().user_data(number), count as i32)?;
                }
                close(file)
            })
        });
        threads.into_iter().try_for_each(|thread| joined(thread?))
    })
}

/// A thread that is not the leader makes a ring, opens a file by it, and makes a worker of the kernel write.
fn uring_queue_thread() -> Setup {
    act(|| {
        create(c"leader.txt")?;
        let thread = Builder::new().name("ring-thread".to_owned()).spawn(|| {
            let mut ring = Ring::new()?;
            let open = opcode::OpenAt::new(super::ring::CWD, c"thread.txt".as_ptr());
            let open = open.flags(O_RDWR | O_CREAT).mode(0o644).build();
            let file = i64::from(ring.request(&open.user_data(1))?);
            let write = write_at_0(file as i32, b"by a worker").build().flags(Flags::ASYNC);
            ring.succeeds(write.user_data(2), 11)?;
            ring.succeeds(opcode::Close::new(at(file)).build().user_data(3), 0)?;
            ring.close()?;
            names_itself()
        });
        joined(thread?)
    })
}

/// A process that is not watched submits to the same ring. Its request has the memory of one that was never completed.
fn uring_queue_shared() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let nop = opcode::Nop::new().build();
        ring.push_all(&[0; ENTRIES as usize].map(|_| nop.clone().flags(Flags::SKIP_SUCCESS).user_data(1)))?;
        ring.enter(ENTRIES, 0)?;
        in_fork(|| ring.succeeds(nop.user_data(2), 0))?;
        ring.close()
    })
}

/// Rings on which four polls wait, all with the same number. The first of each gets the completion, wherever the tracer has it.
fn uring_queue_alike() -> Setup {
    act(|| {
        for _ in 0..4 {
            let ([first, into_first], [other, _]) = (pipe()?, pipe()?);
            let mut ring = Ring::new()?;
            let poll = |fd| opcode::PollAdd::new(at(fd), libc::POLLIN as u32).multi(true).build().user_data(7);
            ring.push_all(&[poll(first), poll(other), poll(other), poll(other)])?;
            ring.enter(ENTRIES, 0)?;
            write(into_first, b"x")?;
            ensure(ring.next()? == (7, libc::POLLIN.into()), "the pipe did not become readable")?;
        }
        Ok(())
    })
}
