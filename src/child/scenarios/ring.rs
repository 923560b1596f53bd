//! Rings of io_uring, by which scenarios make requests (io_uring_setup(2), io_uring_enter(2)).
#![allow(unsafe_code)]

use std::io;
use std::mem::{ManuallyDrop, transmute};
use std::os::fd::AsRawFd;
use std::ptr;

use io_uring::squeue::{Entry, SubmissionQueue};
use io_uring::{EnterFlags, IoUring, Parameters, cqueue, opcode, squeue, types};
use libc::{AT_FDCWD, MAP_POPULATE, MAP_SHARED, PROT_READ, PROT_WRITE};
use nix::errno::Errno;

use super::iouring::without_ring;
use super::steps::close;
use crate::child::scenario::{Broken, Failed, call, ensure, returns};

/// The size of the submission queue. The completion queue has twice as many entries (io_uring_setup(2)).
pub(super) const ENTRIES: u32 = 4;

/// IORING_SETUP_IOPOLL (include/uapi/linux/io_uring.h).
pub(super) const SETUP_IOPOLL: u32 = 1 << 0;
/// IORING_SETUP_SQPOLL.
pub(super) const SETUP_SQPOLL: u32 = 1 << 1;

/// A ring. The crate sets it up, and makes only io_uring_setup and mmap. The crate does not drop it, so that the scenario makes
/// the closing calls.
pub(super) struct Ring<S: squeue::EntryMarker = Entry, C: cqueue::EntryMarker = cqueue::Entry>(
    ManuallyDrop<IoUring<S, C>>,
);

impl Ring {
    /// A ring as io_uring_setup makes it without flags.
    pub(super) fn new() -> Result<Self, Broken> {
        Self::built(IoUring::new(ENTRIES))
    }

    /// A ring with these flags of io_uring_setup that takes its entries in the opposite order: the array between the queue and
    /// the entries leads to the last entry first (io_uring_setup(2), `sq_off.array`).
    pub(super) fn reversed(flags: u32) -> Result<Self, Broken> {
        // struct io_uring_params, of 120 bytes: flags is the third number, and sq_thread_idle, in milliseconds, the fifth.
        let mut params = [0_u32; 30];
        (params[2], params[4]) = (flags, 1000);
        let ring = call!(io_uring_setup, ENTRIES, params.as_mut_ptr());
        let ring = ring.map_err(|Failed { errno, .. }| without_ring(errno.into()))?;
        // SAFETY: the crate's type is that struct, and the kernel has filled it in for this ring.
        let made = unsafe { IoUring::from_fd(ring as i32, transmute::<[u32; 30], Parameters>(params)) };
        let ring = Self::built(made)?;
        ring.reverse(params[16] as usize)?;
        Ok(ring)
    }

    /// Writes the array, which lies at this offset of the queue's memory.
    fn reverse(&self, offset: usize) -> Result<(), Broken> {
        let length = offset + ENTRIES as usize * size_of::<u32>();
        // IORING_OFF_SQ_RING is 0.
        let flags = MAP_SHARED | MAP_POPULATE;
        let memory = call!(mmap, 0, length, PROT_READ | PROT_WRITE, flags, self.fd(), 0)?;
        let array = ptr::with_exposed_provenance_mut::<u8>(memory as usize).wrapping_add(offset).cast::<u32>();
        for at in 0..ENTRIES {
            // SAFETY: the array has as many entries as the queue, and the kernel reads it only when entries are submitted.
            unsafe { array.add(at as usize).write_volatile(ENTRIES - 1 - at) };
        }
        returns(call!(munmap, memory, length), 0)
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker + Into<cqueue::Entry>> Ring<S, C> {
    /// What the crate has built.
    pub(super) fn built(ring: io::Result<IoUring<S, C>>) -> Result<Self, Broken> {
        match ring {
            Ok(ring) => Ok(Self(ManuallyDrop::new(ring))),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                Err(Broken::Skip("this kernel sets up no ring of this kind".to_owned()))
            }
            Err(error) => Err(without_ring(error)),
        }
    }

    /// Its descriptor.
    pub(super) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.push_all(std::slice::from_ref(entry))
    }

    /// Adds the entries at once. A thread of the kernel that looks at the queue (IORING_SETUP_SQPOLL) sees none of them before. It gives
    /// the room of entries back after it has submitted them, and their completions may be there before that.
    pub(super) fn push_all(&mut self, entries: &[Entry]) -> Result<(), Broken> {
        let has_room = |queue: &SubmissionQueue<'_, S>| queue.capacity() - queue.len() >= entries.len();
        // No system call, as that would be in the trace.
        while self.0.params().is_setup_sqpoll() && !has_room(&self.0.submission()) {
            std::hint::spin_loop();
        }
        let entries: Vec<S> = entries.iter().cloned().map(S::from).collect();
        // SAFETY: what the entries of the scenarios point to outlives their completion, or is refused by the kernel.
        let pushed = unsafe { self.0.submission().push_multiple(&entries) };
        ensure(pushed.is_ok(), "the ring has no room for the entries")
    }

    /// Submits the queued entries, and waits until this many requests have completed.
    pub(super) fn enter(&mut self, to_submit: u32, min_complete: u32) -> Result<(), Broken> {
        self.enter_as(self.fd(), 0, to_submit, min_complete)
    }

    /// The same with more flags, and under this number, which may be the ring's index (IORING_ENTER_REGISTERED_RING).
    pub(super) fn enter_as(&self, fd: i32, flags: u32, to_submit: u32, min_complete: u32) -> Result<(), Broken> {
        let flags = EnterFlags::GETEVENTS.bits() | flags;
        let submitted = call!(io_uring_enter, fd, to_submit, min_complete, flags, ptr::null::<u8>(), 0);
        returns(submitted, to_submit.into())
    }

    /// Takes the next completion from the queue: its `user_data` and its result.
    pub(super) fn next(&mut self) -> Result<(u64, i32), Broken> {
        let completion: Option<cqueue::Entry> = self.0.completion().next().map(Into::into);
        let completion = completion.ok_or_else(|| Broken::Step("a completion is not there".to_owned()))?;
        Ok((completion.user_data(), completion.result()))
    }

    /// One request from its submission to its result.
    pub(super) fn request(&mut self, entry: &Entry) -> Result<i32, Broken> {
        self.push(entry)?;
        self.enter(1, 1)?;
        self.next().map(|(_, result)| result)
    }

    pub(super) fn succeeds(&mut self, entry: Entry, expected: i32) -> Result<(), Broken> {
        let result = self.request(&entry)?;
        ensure(result == expected, &format!("a request was to return {expected} and returned {result}"))
    }

    pub(super) fn fails(&mut self, entry: Entry, errno: Errno) -> Result<(), Broken> {
        self.succeeds(entry, -(errno as i32))
    }

    /// The result of a request that not every kernel has: one that has it not refuses it with EINVAL.
    pub(super) fn makes(&mut self, name: &str, entry: Entry) -> Result<i32, Broken> {
        match self.request(&entry)? {
            result if result >= 0 => Ok(result),
            result if result == -libc::EINVAL => Err(Broken::Skip(format!("this kernel has no {name}"))),
            result => Err(Broken::Step(format!("{name} failed with {:?}", Errno::from_raw(-result)))),
        }
    }

    pub(super) fn close(self) -> Result<(), Broken> {
        close(self.fd().into())
    }
}

pub(super) const CWD: types::Fd = types::Fd(AT_FDCWD);

/// A descriptor as the crate's functions take it.
pub(super) fn at(fd: i64) -> types::Fd {
    types::Fd(fd as i32)
}

pub(super) fn read_at_0(fd: i32, buffer: &mut [u8]) -> opcode::Read {
    opcode::Read::new(types::Fd(fd), buffer.as_mut_ptr(), buffer.len() as u32)
}

pub(super) fn write_at_0(fd: i32, text: &'static [u8]) -> opcode::Write {
    opcode::Write::new(types::Fd(fd), text.as_ptr(), text.len() as u32)
}
