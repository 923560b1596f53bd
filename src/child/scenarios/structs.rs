//! What pointers lead to: messages of sockets, sets, locks, and what a call both reads and fills in.
#![allow(unsafe_code)]

use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

use libc::{AT_FDCWD, O_RDONLY, SEEK_SET};
use nix::errno::Errno;

use super::steps::{close, create, open, part, pipe, skip_on};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("structs-message", message),
    Scenario::new("structs-messages", messages),
    Scenario::new("structs-room", room),
    Scenario::new("structs-option", option),
    Scenario::new("structs-edge", edge),
    Scenario::new("structs-late", late),
    Scenario::new("structs-select", select),
    Scenario::new("structs-signals", signals),
    Scenario::new("structs-lock", lock),
    Scenario::new("structs-owner", owner),
    Scenario::new("structs-offset", offset),
    Scenario::new("structs-interval", interval),
    Scenario::new("structs-requests", requests),
    Scenario::new("structs-system", system),
    Scenario::new("structs-control", control),
    Scenario::new("structs-stop", stop),
    Scenario::new("structs-netlink", netlink),
    Scenario::new("structs-netlink-late", netlink_late),
];

/// The size of the kernel's own signal sets in bytes.
const SIGNALS: usize = 8;

/// Two sockets of datagrams that are connected.
pub(super) fn sockets() -> Result<[i64; 2], Failed> {
    let mut ends = [0_i32; 2];
    call!(socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr())?;
    Ok(ends.map(i64::from))
}

/// A message with these segments.
pub(super) fn with(segments: &mut [libc::iovec]) -> libc::msghdr {
    // SAFETY: plain numbers and pointers, for which all bits zero is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (segments.as_mut_ptr(), segments.len());
    message
}

/// A message in two segments, with a control message that has an odd level. Of the room for it the second segment stays empty.
fn message() -> Setup {
    act(|| {
        let [a, b] = sockets()?;
        let (mut one, mut two) = (*b"mess", *b"age");
        let mut segments = [part(&mut one), part(&mut two)];
        let mut given = with(&mut segments);
        returns(call!(sendmsg, a, &raw const given, 0), 7)?;
        // The kernel does not look at a control message of a level that it does not know (unix(7)).
        let mut control = [16_u64, 0x7_0000_0009];
        (given.msg_control, given.msg_controllen) = (control.as_mut_ptr().cast(), 16);
        fails(call!(sendmsg, -1, &raw const given, libc::MSG_DONTWAIT), Errno::EBADF)?;
        let (mut eight, mut rest) = ([0; 8], *b"rest");
        let mut room = [part(&mut eight), part(&mut rest)];
        let mut filled = with(&mut room);
        returns(call!(recvmsg, b, &raw mut filled, 0), 7)?;
        ensure(eight.starts_with(b"message") && &rest == b"rest", "recvmsg has filled in something else")?;
        close(b)?;
        close(a)
    })
}

/// Two messages at once, and a third place into which none comes.
fn messages() -> Setup {
    act(|| {
        let [a, b] = sockets()?;
        let (mut one, mut two) = (*b"one", *b"second");
        let (mut first, mut second) = ([part(&mut one)], [part(&mut two)]);
        let header = |segments: &mut [libc::iovec]| libc::mmsghdr { msg_hdr: with(segments), msg_len: 0 };
        let mut given = [header(&mut first), header(&mut second)];
        returns(call!(sendmmsg, a, given.as_mut_ptr(), 2, 0), 2)?;
        let mut buffers = [[0; 8]; 3];
        let mut rooms = buffers.each_mut().map(|buffer| [part(buffer)]);
        let mut filled = rooms.each_mut().map(|room| header(room));
        returns(call!(recvmmsg, b, filled.as_mut_ptr(), 3, libc::MSG_DONTWAIT, null::<u8>()), 2)?;
        ensure(filled.map(|one| one.msg_len) == [3, 6, 0], "recvmmsg has filled in something else")?;
        close(b)?;
        close(a)
    })
}

/// An address with more room than it needs, and with less: what is filled in is never more than the room.
fn room() -> Setup {
    act(|| {
        let socket = call!(socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
        let own = std::hint::black_box(*b"\x01\0sock\0");
        returns(call!(bind, socket, own.as_ptr(), 7), 0)?;
        let (mut address, mut size) = ([0xff_u8; 16], 16_u32);
        returns(call!(getsockname, socket, address.as_mut_ptr(), &raw mut size), 0)?;
        ensure(size == 7, "the address has another size")?;
        size = 4;
        returns(call!(getsockname, socket, address.as_mut_ptr(), &raw mut size), 0)?;
        ensure(size == 7, "the address has another size than before")?;
        fails(call!(getsockname, -1, address.as_mut_ptr(), &raw mut size), Errno::EBADF)?;
        close(socket)
    })
}

/// An option that is set and asked for, one that is no number, and one of no level.
fn option() -> Setup {
    act(|| {
        let socket = call!(socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
        let (mut value, mut size) = (1_i32, 4_u32);
        let (level, keep) = (libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        returns(call!(setsockopt, socket, level, keep, &raw const value, 4), 0)?;
        value = 7;
        returns(call!(getsockopt, socket, level, keep, &raw mut value, &raw mut size), 0)?;
        ensure(value == 1 && size == 4, "the option has another value")?;
        let mut linger = [1_i32, 5];
        returns(call!(setsockopt, socket, level, libc::SO_LINGER, linger.as_ptr(), 8), 0)?;
        size = 16;
        returns(call!(getsockopt, socket, level, libc::SO_LINGER, linger.as_mut_ptr(), &raw mut size), 0)?;
        fails(call!(setsockopt, -1, 4321, 9, linger.as_ptr(), 8), Errno::EBADF)?;
        close(socket)
    })
}

/// The size of a page on all architectures of the tracer, or a multiple of it.
const PAGE: usize = 1 << 16;

/// An option at the end of readable memory. The kernel reads only an int of the five bytes that are promised.
fn edge() -> Setup {
    let value = last_bytes(4)?.cast::<i32>();
    // SAFETY: the bytes are those of an int, and nobody else has them.
    unsafe { value.write_volatile(1) };
    act(move || {
        let socket = call!(socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
        returns(call!(setsockopt, socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, value, 5), 0)?;
        close(socket)
    })
}

/// Messages that the kernel takes and does nothing about, since they ask for nothing: one of more bytes than others are read of, and one
/// that ends at a page that is not there.
fn netlink() -> Setup {
    let mut message = [0_u8; 48];
    message[..4].copy_from_slice(&48_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
    message[20..24].copy_from_slice(&1_u32.to_ne_bytes());
    let begin = last_bytes(20)?;
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), begin, 20) };
    act(move || {
        let socket = call!(socket, libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        returns(call!(sendto, socket, message.as_ptr(), message.len(), 0, null::<u8>(), 0), 48)?;
        fails(call!(sendto, socket, begin, message.len(), 0, null::<u8>(), 0), Errno::EFAULT)?;
        close(socket)
    })
}

/// A message of which the second page is untouched: it cannot be read before the kernel reads it.
fn netlink_late() -> Setup {
    let mut header = [0_u8; 16];
    header[..4].copy_from_slice(&48_u32.to_ne_bytes());
    header[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping.
    let pages = unsafe { libc::mmap(null_mut(), 2 * PAGE, protection, kind, -1, 0) };
    premise(pages != libc::MAP_FAILED, "no memory could be mapped")?;
    let begin = pages.cast::<u8>().wrapping_add(PAGE - 20);
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { std::ptr::copy_nonoverlapping(header.as_ptr(), begin, header.len()) };
    act(move || {
        let socket = call!(socket, libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        returns(call!(sendto, socket, begin, 48, 0, null::<u8>(), 0), 48)?;
        close(socket)
    })
}

/// The last bytes before a page that is not there.
pub(super) fn last_bytes(count: usize) -> Result<*mut u8, Broken> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, of which the second half is given back at once.
    let pages = unsafe { libc::mmap(null_mut(), 2 * PAGE, protection, kind, -1, 0) };
    premise(pages != libc::MAP_FAILED, "no memory could be mapped")?;
    // SAFETY: nobody has used the second half.
    unsafe {
        libc::munmap(pages.cast::<u8>().add(PAGE).cast(), PAGE);
        let bytes = pages.cast::<u8>().add(PAGE - count);
        // The page is there.
        bytes.write_volatile(0);
        Ok(bytes)
    }
}

/// Bytes on a page that nobody has touched, and that the process may write to.
fn late() -> Setup {
    std::fs::write("cold.txt", "cold")?;
    let file = std::fs::File::open("cold.txt")?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of a file that nobody else changes.
    let page = unsafe { libc::mmap(null_mut(), 4, protection, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    drop(file);
    act(move || {
        let fd = create(c"data.txt")?;
        returns(call!(write, fd, page, 4), 4)?;
        close(fd)
    })
}

/// A set of descriptors before and after, by both calls.
fn select() -> Setup {
    act(|| {
        let [from, to] = pipe()?;
        let (mut readable, mut writable) = (1_u64 << from, 1_u64 << to);
        let mut at_once = [0_i64; 2];
        let none = null_mut::<u64>();
        let most = to + 1;
        returns(call!(select, most, &raw mut readable, &raw mut writable, none, at_once.as_mut_ptr()), 1)?;
        ensure((readable, writable) == (0, 1 << to), "select has left other sets")?;
        readable = 1 << from;
        let set = 1_u64 << (libc::SIGUSR1 - 1);
        let mask = [&raw const set as u64, SIGNALS as u64];
        returns(call!(pselect6, most, &raw mut readable, none, none, at_once.as_mut_ptr(), mask.as_ptr()), 0)?;
        readable = 1 << from;
        fails(call!(pselect6, -1, &raw mut readable, none, none, at_once.as_mut_ptr(), null::<u8>()), Errno::EINVAL)?;
        close(from)?;
        close(to)
    })
}

/// Two signals are blocked, one of them for a while; an action that does not change anything.
fn signals() -> Setup {
    act(|| {
        let (usr1, winch) = (1_u64 << (libc::SIGUSR1 - 1), 1_u64 << (libc::SIGWINCH - 1));
        let (set, mut old) = (usr1 | winch, u64::MAX);
        let how = libc::SIG_BLOCK;
        returns(call!(rt_sigprocmask, how, &raw const set, &raw mut old, SIGNALS), 0)?;
        returns(call!(rt_sigprocmask, libc::SIG_UNBLOCK, &raw const winch, &raw mut old, SIGNALS), 0)?;
        ensure(old & set == set, "the signals were not blocked")?;
        returns(call!(rt_sigpending, &raw mut old, SIGNALS), 0)?;
        // The handler, the flags, the restorer and the mask.
        let action = [libc::SIG_IGN as u64, libc::SA_RESTART as u32 as u64, 0, usr1];
        returns(call!(rt_sigaction, libc::SIGUSR2, action.as_ptr(), null::<u8>(), SIGNALS), 0)?;
        fails(call!(rt_sigaction, libc::SIGKILL, action.as_ptr(), null::<u8>(), SIGNALS), Errno::EINVAL)
    })
}

/// A lock that is set and asked about; and who gets the signals of the file.
fn lock() -> Setup {
    act(|| {
        let fd = create(c"locked.txt")?;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut lock: libc::flock = unsafe { zeroed() };
        (lock.l_type, lock.l_start, lock.l_len) = (libc::F_WRLCK as i16, 3, 4);
        returns(call!(fcntl, fd, libc::F_SETLK, &raw const lock), 0)?;
        lock.l_type = libc::F_RDLCK as i16;
        returns(call!(fcntl, fd, libc::F_GETLK, &raw mut lock), 0)?;
        ensure(i32::from(lock.l_type) == libc::F_UNLCK, "a process is in the way of itself")?;
        lock.l_whence = 77;
        fails(call!(fcntl, fd, libc::F_OFD_SETLK, &raw const lock), Errno::EINVAL)?;
        fails(call!(fcntl, fd, libc::F_SETLK, 8_u64), Errno::EFAULT)?;
        close(fd)
    })
}

/// `struct f_owner_ex`: nobody, and somebody who does not exist.
fn owner() -> Setup {
    /// F_SETOWN_EX and F_GETOWN_EX (include/uapi/asm-generic/fcntl.h).
    const SET: i32 = 15;
    const GET: i32 = 16;
    act(|| {
        let [from, to] = pipe()?;
        let (mut owner, strange) = ([9_i32; 2], [1_i32, -5]);
        returns(call!(fcntl, from, GET, owner.as_mut_ptr()), 0)?;
        fails(call!(fcntl, from, SET, strange.as_ptr()), Errno::ESRCH)?;
        close(from)?;
        close(to)
    })
}

/// Where sendfile and copy_file_range have begun and ended.
fn offset() -> Setup {
    std::fs::write("from.txt", "abcdef")?;
    act(|| {
        let (from, to) = (open(c"from.txt", O_RDONLY)?, create(c"to.txt")?);
        let (mut read, mut written) = (2_i64, 5_i64);
        returns(call!(sendfile, to, from, &raw mut read, 3), 3)?;
        returns(call!(copy_file_range, from, &raw mut read, to, &raw mut written, 9, 0), 1)?;
        ensure((read, written) == (6, 6), "the calls have stopped elsewhere")?;
        fails(call!(sendfile, -1, from, &raw mut read, 3), Errno::EBADF)?;
        returns(call!(lseek, to, 0, SEEK_SET), 0)?;
        close(to)?;
        close(from)
    })
}

/// A timer that does not run out, and two times at once.
fn interval() -> Setup {
    std::fs::write("file", "")?;
    act(|| {
        let (first, second, mut old) = ([5_i64, 6, 1 << 40, 7], [0_i64; 4], [1_i64; 4]);
        returns(call!(setitimer, libc::ITIMER_REAL, first.as_ptr(), null::<u8>()), 0)?;
        returns(call!(setitimer, libc::ITIMER_REAL, second.as_ptr(), null::<u8>()), 0)?;
        returns(call!(getitimer, libc::ITIMER_REAL, old.as_mut_ptr()), 0)?;
        ensure(old == [0; 4], "the timer still runs")?;
        let times = [1_i64, 2, 3, libc::UTIME_OMIT];
        returns(call!(utimensat, AT_FDCWD, c"file", times.as_ptr(), 0), 0)
    })
}

/// Requests behind an array of pointers, of which the second leads nowhere, or cannot be read.
fn requests() -> Setup {
    let last = last_bytes(8)?.cast::<*const u8>();
    act(move || {
        // io_submit(2): IOCB_CMD_FSYNC is 2.
        let mut request = [0_u8; 64];
        request[16] = 2;
        request[20..24].copy_from_slice(&(-1_i32).to_ne_bytes());
        let pointers = [request.as_ptr(), null()];
        fails(call!(io_submit, 1, 2, pointers.as_ptr()), Errno::EINVAL)?;
        // SAFETY: so many bytes are there, and nobody else has them.
        unsafe { last.write_volatile(request.as_ptr()) };
        fails(call!(io_submit, 1, 2, last), Errno::EINVAL)?;
        let time = [0_i64, 1];
        fails(call!(io_getevents, 1, 0, 1, null_mut::<u8>(), time.as_ptr()), Errno::EINVAL)
    })
}

/// What the system says of itself: texts, and numbers beside them.
fn system() -> Setup {
    act(|| {
        // SAFETY: plain numbers and characters, for which all bits zero is a value.
        let mut name: libc::utsname = unsafe { zeroed() };
        returns(call!(uname, &raw mut name), 0)?;
        // SAFETY: as above.
        let mut info: libc::sysinfo = unsafe { zeroed() };
        returns(call!(sysinfo, &raw mut info), 0)?;
        let mut groups = [7_u32; 3];
        call!(setgroups, 0, null::<u8>())
            .map_err(skip_on(Errno::EPERM, "it takes the rights of root: setgroups(2)"))?;
        returns(call!(getgroups, 3, groups.as_mut_ptr()), 0)?;
        let mut ids = [7_u32; 3];
        returns(call!(getresuid, &raw mut ids[0], &raw mut ids[1], &raw mut ids[2]), 0)
    })
}

/// What prctl is told, and what it tells: a text, a signal, a number; a refusal of what is not known.
fn control() -> Setup {
    act(|| {
        let (mut name, mut signal) = ([0_u8; 16], 0_i32);
        returns(call!(prctl, libc::PR_SET_NAME, c"told"), 0)?;
        returns(call!(prctl, libc::PR_GET_NAME, name.as_mut_ptr()), 0)?;
        ensure(name.starts_with(b"told\0"), "the thread has another name")?;
        returns(call!(prctl, libc::PR_SET_PDEATHSIG, libc::SIGUSR2), 0)?;
        returns(call!(prctl, libc::PR_GET_PDEATHSIG, &raw mut signal), 0)?;
        ensure(signal == libc::SIGUSR2, "another signal is set")?;
        returns(call!(prctl, libc::PR_SET_TIMERSLACK, 7), 0)?;
        returns(call!(prctl, libc::PR_GET_TIMERSLACK, 1, 2, 3, 4), 7)?;
        returns(call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0)?;
        fails(call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 2, 3, 1_u64 << 40), Errno::EINVAL)?;
        fails(call!(prctl, 4321, 1, 0, 1_u64 << 40, 3), Errno::EINVAL)
    })
}

/// The stop of a tracee that nobody is: what it would be told, as far as the size goes, and where its registers would go.
fn stop() -> Setup {
    /// PTRACE_SET_SYSCALL_INFO (include/uapi/linux/ptrace.h).
    const SET: i32 = 0x4212;
    act(|| {
        // The kind of the stop, flags and the architecture; the instruction; the stack.
        let info = [0x4000_0003_0005_0001_u64, 7, 1 << 40];
        let registers = [1_u64 << 12, 64];
        let nobody = i32::MAX;
        fails(call!(ptrace, SET, nobody, 24, info.as_ptr()), Errno::ESRCH)?;
        fails(call!(ptrace, SET, nobody, 16, info.as_ptr()), Errno::ESRCH)?;
        fails(call!(ptrace, libc::PTRACE_GETREGSET, nobody, 1, registers.as_ptr()), Errno::ESRCH)?;
        fails(call!(ptrace, libc::PTRACE_SETOPTIONS, nobody, 0, libc::PTRACE_O_EXITKILL), Errno::ESRCH)?;
        fails(call!(ptrace, libc::PTRACE_INTERRUPT, nobody, 1, 2), Errno::ESRCH)
    })
}
