//! Requests that wait for something: who ends them, and what they are meanwhile (io_uring_enter(2)).
#![allow(unsafe_code)]

use std::fs;
use std::mem::zeroed;
use std::ptr;

use io_uring::squeue::Flags;
use io_uring::{opcode, types};
use libc::{O_RDONLY, O_RDWR, POLLIN, SIGCHLD};
use nix::errno::Errno;

use super::exec::in_fork;
use super::iouring::{ENTER_REGISTERED_RING, USE_REGISTERED_RING, register};
use super::ring::{ENTRIES, Ring, at, read_at_0, write_at_0};
use super::steps::{NOT_OPEN, close, create, open, part, pipe, skip_on, write};
use super::thread::joined;
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("uring-flight-cancelled", uring_flight_cancelled),
    Scenario::new("uring-flight-timeouts", uring_flight_timeouts),
    Scenario::new("uring-flight-links", uring_flight_links),
    Scenario::new("uring-flight-processes", uring_flight_processes),
    Scenario::new("uring-flight-stranger", uring_flight_stranger),
    Scenario::new("uring-flight-thread-gone", uring_flight_thread_gone),
    Scenario::new("uring-flight-pid", uring_flight_pid),
    Scenario::new("uring-flight-many-alike", uring_flight_many_alike),
    Scenario::new("uring-flight-overflow-alike", uring_flight_overflow_alike),
    Scenario::new("uring-flight-overflow-results", uring_flight_overflow_results),
    Scenario::new("uring-flight-memory-again", uring_flight_memory_again),
    Scenario::new("uring-flight-registered", uring_flight_registered),
    Scenario::new("uring-flight-updated", uring_flight_updated),
    Scenario::new("uring-flight-memory", uring_flight_memory),
    Scenario::new("uring-flight-futex", uring_flight_futex),
    Scenario::new("uring-flight-child", uring_flight_child),
];

fn poll(fd: i64, user_data: u64, multi: bool) -> io_uring::squeue::Entry {
    opcode::PollAdd::new(at(fd), POLLIN as u32).multi(multi).build().user_data(user_data)
}

/// A read that waits for a pipe is cancelled.
fn uring_flight_cancelled() -> Setup {
    act(|| {
        let [reads, _] = pipe()?;
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        ring.push(&read_at_0(reads as i32, &mut buffer).build().user_data(1))?;
        ring.enter(1, 0)?;
        ring.push(&opcode::AsyncCancel::new(1).build().user_data(2))?;
        ring.enter(1, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results == [(1, -libc::ECANCELED), (2, 0)], "the read was not cancelled")?;
        ring.fails(opcode::AsyncCancel::new(1).build(), Errno::ENOENT)?;
        ring.close()
    })
}

/// A time that passes at once, one that is removed, one that ends what it is linked to, and one that comes too late for it.
fn uring_flight_timeouts() -> Setup {
    act(|| {
        let [reads, _] = pipe()?;
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        let (soon, late) = (types::Timespec::new().nsec(1), types::Timespec::new().sec(3600));
        ring.fails(opcode::Timeout::new(&raw const soon).count(3).build().user_data(1), Errno::ETIME)?;
        ring.push(&opcode::Timeout::new(&raw const late).build().user_data(2))?;
        ring.enter(1, 0)?;
        ring.push(&opcode::TimeoutRemove::new(2).build().user_data(3))?;
        ring.enter(1, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results == [(2, -libc::ECANCELED), (3, 0)], "the timeout was not removed")?;
        ring.fails(opcode::TimeoutRemove::new(2).build(), Errno::ENOENT)?;
        let waits = read_at_0(reads as i32, &mut buffer).build().flags(Flags::IO_LINK).user_data(4);
        ring.push_all(&[waits, opcode::LinkTimeout::new(&raw const soon).build().user_data(5)])?;
        ring.enter(2, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results == [(4, -libc::ECANCELED), (5, -libc::ETIME)], "the timeout did not end the read")?;
        let done = opcode::Nop::new().build().flags(Flags::IO_LINK).user_data(6);
        ring.push_all(&[done, opcode::LinkTimeout::new(&raw const late).build().user_data(7)])?;
        ring.enter(2, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results == [(6, 0), (7, -libc::ECANCELED)], "the timeout was not cancelled")?;
        ring.close()
    })
}

/// What is linked hard goes on when the request before has failed (IOSQE_IO_HARDLINK), and what drains waits for all before it.
fn uring_flight_links() -> Setup {
    act(|| {
        let file = create(c"links.txt")?;
        let mut ring = Ring::new()?;
        let mut buffer = [0_u8; 16];
        ring.push_all(&[
            read_at_0(NOT_OPEN, &mut buffer).build().flags(Flags::IO_HARDLINK).user_data(1),
            write_at_0(file as i32, b"hard").build().flags(Flags::IO_LINK).user_data(2),
            read_at_0(NOT_OPEN, &mut buffer).build().flags(Flags::IO_LINK).user_data(3),
            write_at_0(file as i32, b"soft").build().user_data(4),
        ])?;
        ring.enter(ENTRIES, ENTRIES)?;
        let results = [ring.next()?, ring.next()?, ring.next()?, ring.next()?];
        let (refused, cancelled) = (-libc::EBADF, -libc::ECANCELED);
        ensure(results == [(1, refused), (2, 4), (3, refused), (4, cancelled)], "the links were not followed")?;
        let drains = read_at_0(file as i32, &mut buffer).build().flags(Flags::IO_DRAIN).user_data(6);
        ring.push_all(&[write_at_0(file as i32, b"drained").build().flags(Flags::ASYNC).user_data(5), drains])?;
        ring.enter(2, 2)?;
        ensure([ring.next()?, ring.next()?] == [(5, 7), (6, 7)], "the read did not wait for the write")?;
        ring.close()
    })
}

/// A process ends while its request waits. That of its parent, with the same `user_data`, waits on.
fn uring_flight_processes() -> Setup {
    outlives_its_child(|_| {
        let [own, _] = pipe()?;
        poll_and_end(Ring::new()?, own)
    })
}

/// A process that is not watched makes requests, while one of its watched parent waits.
fn uring_flight_stranger() -> Setup {
    outlives_its_child(|reads| {
        let file = create(c"stranger.txt")?;
        let mut own = Ring::new()?;
        own.succeeds(write_at_0(file as i32, b"unseen").build().user_data(7), 6)?;
        poll_and_end(own, reads)
    })
}

/// A request waits until a forked process is gone, which has made its own.
fn outlives_its_child(child: fn(i64) -> Result<(), Broken>) -> Setup {
    act(move || {
        let [reads, writes] = pipe()?;
        let mut ring = Ring::new()?;
        ring.push(&poll(reads, 7, false))?;
        ring.enter(1, 0)?;
        in_fork(|| child(reads))?;
        write(writes, b"x")?;
        ring.enter(0, 1)?;
        ensure(ring.next()? == (7, POLLIN.into()), "the pipe did not become readable")?;
        ring.close()
    })
}

/// Leaves a request behind that waits.
fn poll_and_end(mut ring: Ring, reads: i64) -> Result<(), Broken> {
    ring.push(&poll(reads, 7, false))?;
    ring.enter(1, 0)
}

/// A thread is gone when its process ends, and its request still waits.
fn uring_flight_thread_gone() -> Setup {
    act(|| {
        let thread = std::thread::spawn(|| {
            let [reads, _] = pipe()?;
            poll_and_end(Ring::new()?, reads)
        });
        joined(thread)?;
        close(create(c"after.txt")?)
    })
}

/// A pid of more than 16 bits (clone3(2), `set_tid`), of a process that ends while its request waits.
fn uring_flight_pid() -> Setup {
    let most = fs::read_to_string("/proc/sys/kernel/pid_max")?;
    let most: i32 = most.trim().parse().map_err(|_| Broken::Step("kernel.pid_max is no number".to_owned()))?;
    if most < 1 << 17 {
        return Err(Broken::Skip("no pid here has more than 16 bits (kernel.pid_max, proc_sys_kernel(5))".to_owned()));
    }
    act(move || {
        // The lower 16 bits are those of this process, so that they alone name another one.
        // SAFETY: a plain number.
        let pid = unsafe { libc::getpid() } % (1 << 16) + (1 << 16);
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut args: libc::clone_args = unsafe { zeroed() };
        args.exit_signal = SIGCHLD as u64;
        (args.set_tid, args.set_tid_size) = ((&raw const pid) as u64, 1);
        let cloned = call!(clone3, &raw const args, size_of_val(&args));
        let somebody_else = cloned.is_err_and(|failed| failed.errno == Errno::EEXIST);
        premise(!somebody_else, "somebody else has that pid")?;
        let cloned = cloned.map_err(skip_on(Errno::EPERM, "it takes the rights of root: a pid of one's choice"))?;
        if cloned == 0 {
            let status = i32::from(one_done_one_waiting().is_err());
            // SAFETY: runs nothing.
            unsafe { libc::_exit(status) };
        }
        let mut status = 0_i32;
        returns(call!(wait4, cloned, &raw mut status, 0, 0), cloned)?;
        ensure(status == 0, "the process failed")
    })
}

fn one_done_one_waiting() -> Result<(), Broken> {
    let [reads, writes] = pipe()?;
    let mut ring = Ring::new()?;
    ring.succeeds(write_at_0(writes as i32, b"x").build().flags(Flags::ASYNC), 1)?;
    let mut buffer = [0_u8; 1];
    ring.succeeds(read_at_0(reads as i32, &mut buffer).build(), 1)?;
    ring.push(&poll(reads, 7, false))?;
    ring.enter(1, 0)
}

/// Eight polls with the same `user_data`, and those of a second ring. A completion goes to the first poll of its ring.
fn uring_flight_many_alike() -> Setup {
    act(|| {
        let (mut other, mut ring) = (Ring::new()?, Ring::new()?);
        let [before, into_before] = pipe()?;
        other.push(&poll(before, 7, true))?;
        other.enter(1, 0)?;
        let [upper, _] = pipe()?;
        ring.push(&poll(upper, 7 | 1 << 40, true))?;
        ring.enter(1, 0)?;
        let mut last = 0;
        for _ in 0..2 * ENTRIES {
            let [reads, writes] = pipe()?;
            ring.push(&poll(reads, 7, true))?;
            ring.enter(1, 0)?;
            last = writes;
        }
        write(last, b"x")?;
        ensure(ring.next()? == (7, POLLIN.into()), "the last pipe did not become readable")?;
        write(into_before, b"x")?;
        ensure(other.next()? == (7, POLLIN.into()), "the first pipe did not become readable")
    })
}

/// Completions that find no room in their queue, of requests with the same `user_data`: the last one is not ambiguous.
fn uring_flight_overflow_alike() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        for _ in 0..3 {
            for _ in 0..ENTRIES {
                ring.push(&opcode::Nop::new().build().user_data(7))?;
            }
            ring.enter(ENTRIES, ENTRIES)?;
        }
        ring.close()
    })
}

/// Completions that find no room in their queue, each with its own result. A result has the bits of any flag of a completion.
fn uring_flight_overflow_results() -> Setup {
    act(|| {
        let file = open(c"/dev/null", O_RDWR)?;
        let mut ring = Ring::new()?;
        for batch in 0..4 {
            for text in [b"1".as_slice(), b"12", b"1234", b"12345678"] {
                let number = batch << 40 | text.len() as u64;
                ring.push(&opcode::Write::new(at(file), text.as_ptr(), text.len() as u32).build().user_data(number))?;
            }
            ring.enter(ENTRIES, ENTRIES)?;
        }
        ring.close()?;
        close(file)
    })
}

/// A request without a completion, whose memory another one gets at once: the ring uses again first what it has freed last.
fn uring_flight_memory_again() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        ring.push(&opcode::Nop::new().build().flags(Flags::SKIP_SUCCESS).user_data(1))?;
        ring.enter(1, 0)?;
        for _ in 0..8 {
            ring.succeeds(opcode::Nop::new().build().user_data(2), 0)?;
        }
        ring.close()
    })
}

/// A ring that is named by its index, by which it submits requests and registers files. The descriptor with that number is another
/// file.
fn uring_flight_registered() -> Setup {
    act(|| {
        let file = create(c"registered.txt")?;
        let mut ring = Ring::new()?;
        let index = register(ring.fd().into())?;
        ring.push(&write_at_0(file as i32, b"hello").build().user_data(5))?;
        ring.enter_as(index as i32, ENTER_REGISTERED_RING, 1, 1)?;
        ensure(ring.next()? == (5, 5), "the write did not complete")?;
        let files = [file as i32];
        let register_files = 2 | USE_REGISTERED_RING;
        match call!(io_uring_register, index, register_files, files.as_ptr(), 1) {
            Err(failed) if failed.errno == Errno::EINVAL => {
                return Err(Broken::Skip("this kernel registers nothing by a registered ring".to_owned()));
            }
            result => returns(result, 0)?,
        }
        // IORING_UNREGISTER_RING_FDS, of a struct io_uring_rsrc_update.
        let update = [u64::from(index), 0];
        returns(call!(io_uring_register, ring.fd(), 21, update.as_ptr(), 1), 1)?;
        ring.close()
    })
}

/// A read waits with a registered file and a registered buffer. Both places get something else meanwhile, and the read keeps what
/// it had.
fn uring_flight_updated() -> Setup {
    fs::write("other.txt", "other")?;
    act(|| {
        let ([reads, writes], other) = (pipe()?, open(c"other.txt", O_RDONLY)?);
        let mut ring = Ring::new()?;
        let (mut buffer, mut unused) = ([0_u8; 16], [0_u8; 16]);
        let (files, buffers) = ([reads as i32], [part(&mut buffer)]);
        returns(call!(io_uring_register, ring.fd(), 2, files.as_ptr(), 1), 0)?;
        returns(call!(io_uring_register, ring.fd(), 0, buffers.as_ptr(), 1), 0)?;
        let read = opcode::ReadFixed::new(types::Fixed(0), buffer.as_mut_ptr(), 16, 0).build();
        ring.push(&read.user_data(1))?;
        ring.enter(1, 0)?;
        // struct io_uring_rsrc_update: the first place, and an address. The struct for buffers has tags and a number besides.
        let (files, buffers) = ([other as i32], [part(&mut unused)]);
        let update = [0_u64, files.as_ptr() as u64];
        returns(call!(io_uring_register, ring.fd(), 6, update.as_ptr(), 1), 1)?;
        let update = [0_u64, buffers.as_ptr() as u64, 0, 1];
        returns(call!(io_uring_register, ring.fd(), 16, update.as_ptr(), size_of_val(&update)), 1)?;
        write(writes, b"hello")?;
        ring.enter(0, 1)?;
        ensure(
            ring.next()? == (1, 5) && buffer.starts_with(b"hello"),
            "the read has not kept its file and its buffer",
        )?;
        close(other)?;
        ring.close()
    })
}

/// madvise(2) by a request, and a message to a descriptor that is no ring.
fn uring_flight_memory() -> Setup {
    act(|| {
        let [reads, _] = pipe()?;
        let mut ring = Ring::new()?;
        ring.succeeds(opcode::Madvise::new(ptr::null(), 0, libc::MADV_NORMAL).build(), 0)?;
        ring.fails(opcode::Madvise::new(ptr::null(), 4096, 77).build(), Errno::EINVAL)?;
        ring.fails(opcode::MsgRingData::new(at(reads), 5, 7, None).build(), Errno::EBADFD)?;
        ring.close()
    })
}

/// futex(2) by requests: one waits until the other wakes it, and one finds another value.
fn uring_flight_futex() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let futex = 5_u32;
        let at = &raw const futex;
        // FUTEX2_SIZE_U32 | FUTEX2_PRIVATE (futex2(2)), and any bit.
        let (size, any) = (2 | 128, u64::from(u32::MAX));
        let wait = |value, number| opcode::FutexWait::new(at, value, any, size).build().user_data(number);
        match ring.request(&wait(4, 1))? {
            result if result == -libc::EINVAL => {
                return Err(Broken::Skip("this kernel has no IORING_OP_FUTEX_WAIT".to_owned()));
            }
            result => ensure(result == -libc::EAGAIN, "the futex has another value, and the wait does not say so")?,
        }
        ring.push(&wait(5, 2))?;
        ring.enter(1, 0)?;
        ring.push(&opcode::FutexWake::new(at, 1, any, size).build().user_data(3))?;
        ring.enter(1, 2)?;
        let mut results = [ring.next()?, ring.next()?];
        results.sort_unstable();
        ensure(results == [(2, 0), (3, 1)], "the wait was not woken")?;
        ring.fails(opcode::FutexWake::new(ptr::without_provenance(2), 1, any, size).build(), Errno::EINVAL)?;
        let several = [types::FutexWaitV::new().val(4).uaddr(at as u64).flags(size)];
        ring.fails(opcode::FutexWaitV::new(several.as_ptr(), 1).build(), Errno::EAGAIN)?;
        ring.close()
    })
}

/// waitid(2) by a request, which waits for a child that ends, and then has none to wait for.
fn uring_flight_child() -> Setup {
    act(|| {
        let mut ring = Ring::new()?;
        let forked = call!(clone, SIGCHLD, 0, 0, 0, 0)?;
        if forked == 0 {
            // SAFETY: runs nothing.
            unsafe { libc::_exit(0) };
        }
        let wait = || opcode::WaitId::new(libc::P_PID, forked as u32, libc::WEXITED).build();
        ring.makes("IORING_OP_WAITID", wait())?;
        ring.fails(wait(), Errno::ECHILD)?;
        ring.close()
    })
}
