//! What pointers lead to: the bytes that calls read and write, vectors, strings and structs.
#![allow(unsafe_code)]

use std::fs::Permissions;
use std::mem::{size_of_val, zeroed};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::ptr::{null, null_mut};

use libc::{AT_FDCWD, CLOCK_MONOTONIC, EPOLL_CTL_ADD, EPOLLIN, EPOLLOUT, O_RDONLY, POLLIN, POLLOUT, SEEK_SET};
use nix::errno::Errno;

use super::steps::{close, create, open, part, pipe};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("data-written", data_written),
    Scenario::new("data-read", data_read),
    Scenario::new("data-cold", data_cold),
    Scenario::new("data-changed", data_changed),
    Scenario::new("data-failed", data_failed),
    Scenario::new("data-cut", data_cut),
    Scenario::new("data-least", data_least),
    Scenario::new("data-vectors", data_vectors),
    Scenario::new("data-many", data_many),
    Scenario::new("data-overwritten", data_overwritten),
    Scenario::new("data-strings", data_strings),
    Scenario::new("data-stat", data_stat),
    Scenario::new("data-addresses", data_addresses),
    Scenario::new("data-times", data_times),
    Scenario::new("data-poll", data_poll),
    Scenario::new("data-epoll", data_epoll),
];

/// The size of the kernel's own signal sets in bytes.
const SIGNALS: usize = 8;

/// What is written is what the call is given, and not what the memory has later.
fn data_written() -> Setup {
    act(|| {
        let fd = create(c"data.txt")?;
        let mut bytes = *b"one";
        returns(call!(write, fd, bytes.as_ptr(), bytes.len()), 3)?;
        bytes = *b"two";
        returns(call!(pwrite64, fd, bytes.as_ptr(), bytes.len(), 3), 3)?;
        returns(call!(write, fd, bytes.as_ptr(), 0), 0)?;
        fails(call!(write, fd, u64::MAX, 0), Errno::EFAULT)?;
        close(fd)
    })
}

/// What is read is as many bytes as the result says, whatever the buffer holds behind them.
fn data_read() -> Setup {
    std::fs::write("data.txt", "hello, world")?;
    symlink("data.txt", "link")?;
    act(|| {
        let fd = open(c"data.txt", O_RDONLY)?;
        let mut buffer = *b"................";
        returns(call!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), 7), 5)?;
        returns(call!(read, fd, buffer.as_mut_ptr(), 4), 4)?;
        returns(call!(lseek, fd, 12, SEEK_SET), 12)?;
        returns(call!(read, fd, buffer.as_mut_ptr(), 4), 0)?;
        returns(call!(readlinkat, AT_FDCWD, c"link", buffer.as_mut_ptr(), 4), 4)?;
        ensure(buffer.starts_with(b"data"), "readlinkat has read another link")?;
        close(fd)
    })
}

/// Bytes on a page that nobody has touched before the call.
fn data_cold() -> Setup {
    let text = super::path::cold("cold")?;
    act(move || {
        let fd = create(c"data.txt")?;
        returns(call!(write, fd, text, 4), 4)?;
        close(fd)
    })
}

/// A read into the memory that was written from: each call has its own bytes.
fn data_changed() -> Setup {
    act(|| {
        let [from, to] = pipe()?;
        let mut bytes = *b"left";
        returns(call!(write, to, bytes.as_ptr(), 4), 4)?;
        fails(call!(pwrite64, to, bytes.as_ptr(), 4, 0), Errno::ESPIPE)?;
        bytes = *b"gone";
        returns(call!(read, from, bytes.as_mut_ptr(), 4), 4)?;
        ensure(&bytes == b"left", "another text was read")?;
        close(from)?;
        close(to)
    })
}

/// A call that fails has read nothing; what it was to write is known all the same.
fn data_failed() -> Setup {
    act(|| {
        let mut buffer = *b"rest";
        fails(call!(read, -1, buffer.as_mut_ptr(), 4), Errno::EBADF)?;
        fails(call!(write, -1, buffer.as_ptr(), 4), Errno::EBADF)?;
        fails(call!(recvmsg, -1, 8, 0), Errno::EBADF)?;
        // No process may have more files than /proc/sys/fs/nr_open says (getrlimit(2)).
        let (most, mut old) = (std::hint::black_box([1_u64, u64::MAX]), [0_u64; 2]);
        let set = call!(prlimit64, 0, libc::RLIMIT_NOFILE, most.as_ptr(), old.as_mut_ptr());
        fails(set, Errno::EPERM)
    })
}

/// One byte is wanted. Of the entries of a directory as many bytes are read as are ever read all the same.
fn data_least() -> Setup {
    std::fs::create_dir("many")?;
    for number in 0..40 {
        std::fs::write(format!("many/{number:0>200}"), "")?;
    }
    act(|| {
        fails(call!(write, -1, std::hint::black_box(*b"x").as_ptr(), 1), Errno::EBADF)?;
        let folder = open(c"many", O_RDONLY | libc::O_DIRECTORY)?;
        let mut entries = [0_u8; 8192];
        let length = call!(getdents64, folder, entries.as_mut_ptr(), entries.len())?;
        premise(length > 4096, "the names of the entries are shorter than they were made")?;
        close(folder)
    })
}

/// The result counts more bytes than there is room for: only those that were moved are read.
fn data_cut() -> Setup {
    act(|| {
        let mut ends = [0_i32; 2];
        call!(socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr())?;
        let [a, b] = ends;
        returns(call!(sendto, a, b"datagram".as_ptr(), 8, 0, std::ptr::null::<u8>(), 0), 8)?;
        let mut buffer = *b"........";
        let none = std::ptr::null_mut::<u8>();
        returns(call!(recvfrom, b, buffer.as_mut_ptr(), 4, libc::MSG_TRUNC, none, none), 8)?;
        ensure(&buffer == b"data....", "recvfrom has filled in more than it was given")?;
        close(b.into())?;
        close(a.into())
    })
}

/// The segments that a call was given, and of a read those that it has filled. The array goes on behind the ones that count.
fn data_vectors() -> Setup {
    act(|| {
        let fd = create(c"data.txt")?;
        let (mut abc, mut de, mut none, mut more) = (*b"abc", *b"de", [], *b"more");
        let given = [part(&mut abc), part(&mut none), part(&mut de), part(&mut more)];
        returns(call!(writev, fd, given.as_ptr(), 3), 5)?;
        returns(call!(writev, fd, given.as_ptr(), 0), 0)?;
        let (mut four, mut eight, mut last) = ([0; 4], [0; 8], *b"last");
        let room = [part(&mut four), part(&mut eight), part(&mut last)];
        returns(call!(preadv, fd, room.as_ptr(), 2, 0, 0), 5)?;
        returns(call!(preadv, fd, room.as_ptr(), 2, 1, 0), 4)?;
        returns(call!(preadv, fd, room.as_ptr(), 2, 5, 0), 0)?;
        ensure(&four == b"bcde" && eight.starts_with(b"e\0"), "preadv has filled in something else")?;
        fails(call!(writev, -1, given.as_ptr(), 1), Errno::EBADF)?;
        close(fd)
    })
}

/// One segment more than is read.
fn data_many() -> Setup {
    act(|| {
        let fd = create(c"data.txt")?;
        let mut byte = *b"x";
        let segments: [libc::iovec; 17] = std::array::from_fn(|_| part(&mut byte));
        returns(call!(writev, fd, segments.as_ptr(), 17), 17)?;
        returns(call!(writev, fd, segments.as_ptr(), 16), 16)?;
        close(fd)
    })
}

/// The file that is written to is mapped where the bytes come from: the call overwrites them.
fn data_overwritten() -> Setup {
    std::fs::write("data.txt", "abcdef")?;
    let file = std::fs::File::options().read(true).write(true).open("data.txt")?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of a file that nobody else changes.
    let page = unsafe { libc::mmap(null_mut(), 6, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    premise(page != libc::MAP_FAILED, "no page could be mapped")?;
    let page: *mut u8 = page.cast();
    // SAFETY: it is mapped and has six bytes of the file. The store makes it present.
    unsafe { page.write_volatile(b'a') };
    act(move || {
        let fd = open(c"data.txt", libc::O_RDWR)?;
        let segment = libc::iovec { iov_base: page.cast(), iov_len: 4 };
        returns(call!(pwritev, fd, &raw const segment, 1, 2, 0), 4)?;
        returns(call!(pwrite64, fd, page, 4, 1), 4)?;
        // SAFETY: as above.
        ensure(unsafe { page.add(1).read_volatile() } == b'a', "the call has overwritten nothing")?;
        close(fd)
    })
}

/// The arguments of a program that is not there. They lie on the stack, because a call that fails so early does not look at them.
fn data_strings() -> Setup {
    act(|| {
        let text = std::hint::black_box(*b"missing\0two words\0");
        // The last one is empty: it begins at the last NUL.
        let arguments = [&raw const text[0], &raw const text[8], &raw const text[17], null()];
        fails(call!(execve, c"missing", arguments.as_ptr(), arguments[3..].as_ptr()), Errno::ENOENT)?;
        fails(call!(execveat, AT_FDCWD, c"missing", arguments[1..].as_ptr(), null::<u8>(), 0), Errno::ENOENT)
    })
}

/// The file is 5 bytes long. A call that fails fills in nothing.
fn data_stat() -> Setup {
    std::fs::write("five", "12345")?;
    std::fs::set_permissions("five", Permissions::from_mode(0o640))?;
    std::fs::create_dir("folder")?;
    act(|| {
        // SAFETY: plain numbers, for which all bits zero is a value.
        let (mut stat, mut statx): (libc::stat, libc::statx) = unsafe { (zeroed(), zeroed()) };
        let fd = open(c"five", O_RDONLY)?;
        returns(call!(fstat, fd, &raw mut stat), 0)?;
        returns(call!(newfstatat, AT_FDCWD, c"folder", &raw mut stat, 0), 0)?;
        returns(call!(statx, fd, c"", libc::AT_EMPTY_PATH, libc::STATX_BASIC_STATS, &raw mut statx), 0)?;
        fails(call!(fstat, -1, &raw mut stat), Errno::EBADF)?;
        // SAFETY: as above.
        let mut statfs: libc::statfs = unsafe { zeroed() };
        returns(call!(statfs, c"/proc", &raw mut statfs), 0)?;
        close(fd)
    })
}

/// The addresses of three families (unix(7), ip(7), ipv6(7)), of which only the first needs a socket.
fn data_addresses() -> Setup {
    act(|| {
        let socket = call!(socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
        let mut bytes = *b"\x01\0sock\0.......";
        returns(call!(bind, socket, bytes.as_ptr(), 7), 0)?;
        let mut size = bytes.len() as u32;
        bytes = [0xff; 14];
        returns(call!(getsockname, socket, bytes.as_mut_ptr(), &raw mut size), 0)?;
        ensure(bytes.starts_with(b"\x01\0sock\0") && size == 7, "getsockname says something else")?;
        fails(call!(connect, socket, b"\x01\0\0none".as_ptr(), 7), Errno::ECONNREFUSED)?;
        close(socket)?;
        let port = 80_u16.to_be();
        let sin_addr = libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) };
        let four = libc::sockaddr_in { sin_family: libc::AF_INET as u16, sin_port: port, sin_addr, sin_zero: [0; 8] };
        let four = std::hint::black_box(four);
        fails(call!(connect, -1, &raw const four, size_of_val(&four)), Errno::EBADF)?;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut six: libc::sockaddr_in6 = unsafe { zeroed() };
        (six.sin6_family, six.sin6_port, six.sin6_addr.s6_addr[15]) = (libc::AF_INET6 as u16, port, 1);
        fails(call!(connect, -1, &raw const six, size_of_val(&six)), Errno::EBADF)?;
        let other = std::hint::black_box(*b"\xff\xffother");
        fails(call!(connect, -1, other.as_ptr(), other.len()), Errno::EBADF)
    })
}

/// A sleep of a nanosecond, a timer and its former value, and a limit.
fn data_times() -> Setup {
    act(|| {
        returns(call!(nanosleep, [0_i64, 1].as_ptr(), null::<u8>()), 0)?;
        fails(call!(nanosleep, [-3_i64, 4].as_ptr(), null::<u8>()), Errno::EINVAL)?;
        let timer = call!(timerfd_create, CLOCK_MONOTONIC, 0)?;
        // The interval, and a time that does not come: seconds and nanoseconds of each.
        let (first, second, mut old) = ([5_i64, 6, i64::MAX, 7], [0_i64; 4], [1_i64; 4]);
        returns(call!(timerfd_settime, timer, libc::TFD_TIMER_ABSTIME, first.as_ptr(), null::<u8>()), 0)?;
        returns(call!(timerfd_settime, timer, 0, second.as_ptr(), old.as_mut_ptr()), 0)?;
        returns(call!(timerfd_gettime, timer, old.as_mut_ptr()), 0)?;
        ensure(old == [0; 4], "the timer is still armed")?;
        let limit = [5_u64, 6];
        returns(call!(prlimit64, 0, libc::RLIMIT_NOFILE, limit.as_ptr(), null::<u8>()), 0)?;
        let mut limit = [0_u64; 2];
        returns(call!(prlimit64, 0, libc::RLIMIT_NOFILE, null::<u8>(), limit.as_mut_ptr()), 0)?;
        close(timer)
    })
}

/// Two descriptors are asked about and one is ready. A third one is not asked about.
fn data_poll() -> Setup {
    act(|| {
        let [from, to] = pipe()?;
        let asked = |fd: i64, events| libc::pollfd { fd: fd as i32, events, revents: 0 };
        let mut both = [asked(from, POLLIN), asked(to, POLLOUT), asked(to, POLLIN)];
        let at_once = [0_i64; 2];
        returns(call!(ppoll, both.as_mut_ptr(), 2, at_once.as_ptr(), null::<u8>(), SIGNALS), 1)?;
        ensure(both[1].revents == POLLOUT, "ppoll has filled in something else")?;
        close(from)?;
        close(to)
    })
}

/// Of two descriptors one is ready. The memory behind the one event that is filled in has other bytes.
fn data_epoll() -> Setup {
    act(|| {
        let [from, to] = pipe()?;
        let set = call!(epoll_create1, 0)?;
        let wanted = |events: i32, data| libc::epoll_event { events: events as u32, u64: data };
        let (one, other) = (wanted(EPOLLIN, 7), wanted(EPOLLOUT, 0x1234_5678_9abc));
        returns(call!(epoll_ctl, set, EPOLL_CTL_ADD, from, &raw const one), 0)?;
        returns(call!(epoll_ctl, set, EPOLL_CTL_ADD, to, &raw const other), 0)?;
        let mut ready = [wanted(-1, 1), wanted(-1, 2)];
        returns(call!(epoll_pwait, set, ready.as_mut_ptr(), 2, 0, null_mut::<u8>(), SIGNALS), 1)?;
        close(to)?;
        returns(call!(epoll_ctl, set, libc::EPOLL_CTL_DEL, from, null::<u8>()), 0)?;
        returns(call!(epoll_pwait, set, ready.as_mut_ptr(), 2, 0, null_mut::<u8>(), SIGNALS), 0)?;
        close(from)?;
        close(set)
    })
}
