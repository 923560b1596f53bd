//! The memory and the descriptors of processes: process_vm_readv(2), process_madvise(2), kcmp(2), mremap(2), mincore(2).
#![allow(unsafe_code)]

use std::process;
use std::ptr;

use libc::{MADV_COLD, MAP_ANONYMOUS, MAP_PRIVATE, MREMAP_MAYMOVE, PROT_READ, PROT_WRITE};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, create, part, skip_on};
use crate::child::scenario::{Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("remote-memory", remote_memory),
    Scenario::new("remote-advice", remote_advice),
    Scenario::new("remote-compare", remote_compare),
    Scenario::new("remote-remap", remote_remap),
];

/// No process has this id: it is above the highest (PID_MAX_LIMIT).
const NOBODY: i64 = 1 << 22;

/// The process reads and writes its own memory as if it were that of another one.
fn remote_memory() -> Setup {
    act(|| {
        let pid = i64::from(process::id());
        let (mut far, mut near) = (*b"far away", [0_u8; 8]);
        let (there, here) = (part(&mut far), part(&mut near));
        returns(call!(process_vm_readv, pid, &raw const here, 1, &raw const there, 1, 0), 8)?;
        ensure(near == *b"far away", "other bytes were read than are there")?;
        near = *b"near now";
        returns(call!(process_vm_writev, pid, &raw const here, 1, &raw const there, 1, 0), 8)?;
        ensure(far == near, "other bytes are there than were written")?;
        fails(call!(process_vm_readv, NOBODY, &raw const here, 1, &raw const there, 1, 0), Errno::ESRCH)?;
        fails(call!(process_vm_writev, pid, &raw const here, 1, &raw const there, 1, 1), Errno::EINVAL)?;
        let nowhere = libc::iovec { iov_base: ptr::without_provenance_mut(8), iov_len: 8 };
        fails(call!(process_vm_readv, pid, &raw const here, 1, &raw const nowhere, 1, 0), Errno::EFAULT)
    })
}

/// The process gives advice of its own memory, by a descriptor of itself.
fn remote_advice() -> Setup {
    act(|| {
        let page = call!(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)?;
        let itself = call!(pidfd_open, process::id(), 0)?;
        let what = libc::iovec { iov_base: ptr::with_exposed_provenance_mut(page as usize), iov_len: 4096 };
        returns(call!(process_madvise, itself, &raw const what, 1, MADV_COLD, 0), 4096)?;
        fails(call!(process_madvise, NOT_OPEN, &raw const what, 1, MADV_COLD, 0), Errno::EBADF)?;
        fails(call!(process_mrelease, itself, 0), Errno::EINVAL)?;
        returns(call!(pidfd_send_signal, itself, 0, 0, 0), 0)?;
        close(itself)?;
        returns(call!(munmap, page, 4096), 0)
    })
}

/// Two descriptors are of one open file or of two (kcmp(2)).
fn remote_compare() -> Setup {
    act(|| {
        let pid = process::id();
        let file = create(c"x.txt")?;
        let same = call!(dup, file)?;
        let other = create(c"x.txt")?;
        // KCMP_FILE.
        let compare = |one: i64, two: i64| call!(kcmp, pid, pid, 0, one, two);
        let equal = compare(file, same).map_err(skip_on(Errno::EPERM, "a process may not look at itself here"))?;
        ensure(equal == 0, "two descriptors of one open file are different")?;
        // Which of the two is less is the kernel's secret.
        ensure(compare(file, other)? != 0, "two descriptors of two open files are equal")?;
        fails(compare(file, NOT_OPEN.into()), Errno::EBADF)?;
        [other, same, file].into_iter().try_for_each(close)
    })
}

/// A mapping grows and shrinks, its page is in memory when it was written, and it is gone in the end.
fn remote_remap() -> Setup {
    act(|| {
        let page = call!(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)?;
        let two = call!(mremap, page, 4096, 8192, MREMAP_MAYMOVE)?;
        // SAFETY: two pages are mapped there.
        unsafe { (two as *mut u8).write_volatile(7) };
        let mut present = [0_u8; 2];
        returns(call!(mincore, two, 8192, present.as_mut_ptr()), 0)?;
        ensure(present[0] & 1 == 1, "a page that was written is not in memory")?;
        returns(call!(mlock, two, 4096), 0)?;
        returns(call!(munlock, two, 4096), 0)?;
        returns(call!(madvise, two, 8192, libc::MADV_DONTNEED), 0)?;
        returns(call!(mprotect, two, 4096, PROT_READ), 0)?;
        ensure(call!(mremap, two, 8192, 4096, 0)? == two, "a mapping moved as it shrank")?;
        returns(call!(munmap, two, 4096), 0)?;
        fails(call!(mincore, two, 4096, present.as_mut_ptr()), Errno::ENOMEM)?;
        let refused: Result<i64, Failed> = call!(mremap, two, 4096, 8192, MREMAP_MAYMOVE);
        fails(refused, Errno::EFAULT)
    })
}
