//! What pointers lead to, at the edges: more than is wanted, and sizes at their bounds.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

use libc::{AF_UNIX, POLLIN, SOL_SOCKET};
use nix::errno::Errno;

use super::asked::{int_0x80, low};
use super::steps::{close, create, part, pipe};
use super::structs::{last_bytes, with};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("edges-wanted", wanted),
    Scenario::new("edges-wanted-text", wanted_text),
    Scenario::new("edges-wanted-option", wanted_option),
    Scenario::new("edges-text", text),
    Scenario::new("edges-most", most),
    Scenario::new("edges-int", int),
    Scenario::new("edges-long", long),
    Scenario::new("edges-bits", bits),
    Scenario::new("edges-head", head),
    Scenario::new("edges-own", own),
    Scenario::new("edges-pages", pages),
    Scenario::new("edges-room", room),
    Scenario::new("edges-address", address),
    Scenario::new("edges-header", header),
    Scenario::new("edges-requests", requests),
    Scenario::new("edges-netlink", netlink),
    Scenario::new("edges-last", last),
    Scenario::new("edges-hole", hole),
    Scenario::new("edges-old", old),
    Scenario::new("edges-32-bit", bits_32),
    Scenario::new("edges-command", command),
];

const PAGE: usize = 4096;
const SIGNALS: usize = 8;
const AT_ONCE: [i64; 2] = [0; 2];

/// Eight bytes or elements are wanted: so many, and one more.
fn wanted() -> Setup {
    act(|| {
        let fd = create(c"data.txt")?;
        let mut text = *b"123456789";
        returns(call!(write, fd, text.as_ptr(), 8), 8)?;
        returns(call!(write, fd, text.as_ptr(), 9), 9)?;
        let mut eight = *b"abcdefgh";
        let mut segments = [part(&mut text), part(&mut eight)];
        returns(call!(writev, fd, segments.as_ptr(), 2), 17)?;
        let message = with(&mut segments);
        fails(call!(sendmsg, -1, &raw const message, 0), Errno::EBADF)?;
        // The first one has no segments, but control data, of which all is wanted.
        let mut control = black_box([16_u64, 0x7_0000_0009]);
        let mut first = libc::msghdr { msg_iov: null_mut(), ..message };
        (first.msg_control, first.msg_controllen) = (control.as_mut_ptr().cast(), 16);
        let mut messages = [first, message].map(|msg_hdr| libc::mmsghdr { msg_hdr, msg_len: 0 });
        fails(call!(sendmmsg, -1, messages.as_mut_ptr(), 2, 0), Errno::EBADF)?;
        let mut polled = [libc::pollfd { fd: -1, events: POLLIN, revents: 0 }; 9];
        for count in [8, 9] {
            returns(call!(ppoll, polled.as_mut_ptr(), count, AT_ONCE.as_ptr(), null::<u8>(), SIGNALS), 0)?;
        }
        close(fd)
    })
}

/// The same with strings: the NUL does not count.
fn wanted_text() -> Setup {
    act(|| {
        let (eight, nine) = (black_box(*b"12345678\0"), black_box(*b"123456789\0"));
        for text in [eight.as_ptr(), nine.as_ptr()] {
            returns(call!(prctl, libc::PR_SET_NAME, text), 0)?;
            let asked = black_box([text as u64, 0]);
            fails(call!(bpf, OBJ_GET, asked.as_ptr(), 12), Errno::ENOENT)?;
            let arguments = [text, null()];
            fails(call!(execve, c"missing", arguments.as_ptr(), arguments[1..].as_ptr()), Errno::ENOENT)?;
        }
        Ok(())
    })
}

/// A struct that has just the address of a string, one that ends within it, and one without an address.
fn text() -> Setup {
    act(|| {
        let path = black_box(*b"a longer path than the struct\0");
        let asked = black_box([path.as_ptr() as u64, 0]);
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 8), Errno::ENOENT)?;
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 7), Errno::ENOENT)?;
        let none = black_box([0_u64; 2]);
        fails(call!(bpf, OBJ_GET, none.as_ptr(), 16), Errno::EFAULT)
    })
}

/// BPF_OBJ_GET (bpf(2)).
pub(super) const OBJ_GET: i32 = 7;

/// The options that have a `struct group_req` are wanted in whole, and their neighbours are not.
fn wanted_option() -> Setup {
    act(|| {
        // A struct group_req, and four bytes more.
        let value = black_box([b'g'; 140]);
        for option in 41..=46 {
            fails(call!(setsockopt, -1, libc::SOL_IP, option, value.as_ptr(), value.len()), Errno::EBADF)?;
        }
        Ok(())
    })
}

/// One byte more than is ever read, and all but one: bytes, a message's control data, and a string; and just so many of a set
/// and a struct.
fn most() -> Setup {
    let mut bytes = vec![b'm'; PAGE + 1];
    act(move || {
        fails(call!(write, -1, bytes.as_ptr(), PAGE + 1), Errno::EBADF)?;
        fails(call!(write, -1, bytes.as_ptr(), PAGE), Errno::EBADF)?;
        let mut message = with(&mut []);
        (message.msg_control, message.msg_controllen) = (bytes.as_mut_ptr().cast(), PAGE + 1);
        fails(call!(sendmsg, -1, &raw const message, 0), Errno::EBADF)?;
        fails(call!(setsockopt, -1, libc::SOL_IP, 42, bytes.as_ptr(), PAGE + 1), Errno::EBADF)?;
        bytes[PAGE] = 0;
        let mut many = [bytes[PAGE - 1..].as_ptr(); 18];
        many[17] = null();
        fails(call!(execve, c"missing", many.as_ptr(), null::<u8>()), Errno::ENOENT)?;
        for end in [PAGE, PAGE - 1, PAGE - 2] {
            bytes[end] = 0;
            let arguments = [bytes.as_ptr(), null()];
            fails(call!(execve, c"missing", arguments.as_ptr(), arguments[1..].as_ptr()), Errno::ENOENT)?;
        }
        let mut own = [0_u64; PAGE / 8];
        own[0] = PAGE as u64;
        fails(call!(sched_setattr, i32::MAX, black_box(own).as_ptr(), 0), Errno::ESRCH)
    })
}

/// Counts that the kernel looks at 32 bits of, whatever the rest of the register holds, and one of which all 64 count.
fn int() -> Setup {
    const MORE: usize = 1 << 40;
    let page = vec![b'p'; PAGE];
    act(move || {
        let address = black_box(*b"\x01\0sock\0");
        fails(call!(bind, -1, address.as_ptr(), 7 | MORE), Errno::EBADF)?;
        let value = black_box(7_i32);
        let option = libc::SO_KEEPALIVE;
        fails(call!(setsockopt, -1, SOL_SOCKET, option, &raw const value, 4 | MORE), Errno::EBADF)?;
        let mut polled = [libc::pollfd { fd: -1, events: POLLIN, revents: 0 }; 2];
        returns(call!(ppoll, polled.as_mut_ptr(), 1 | MORE, AT_ONCE.as_ptr(), null::<u8>(), SIGNALS), 0)?;
        let mut text = *b"text";
        let mut segments = [part(&mut text)];
        let mut messages = [libc::mmsghdr { msg_hdr: with(&mut segments), msg_len: 0 }];
        fails(call!(sendmmsg, -1, messages.as_mut_ptr(), 1 | MORE, 0), Errno::EBADF)?;
        fails(call!(write, -1, page.as_ptr(), 4 | MORE), Errno::EBADF)
    })
}

/// A segment of a length that no memory has, so that its highest byte counts.
fn long() -> Setup {
    let mut page = vec![b'p'; PAGE];
    act(move || {
        let segment = black_box(libc::iovec { iov_base: page.as_mut_ptr().cast(), iov_len: 1 << 56 });
        fails(call!(writev, -1, &raw const segment, 1), Errno::EBADF)?;
        let (mut text, mut segments) = (*b"text", [segment]);
        let mut short = [part(&mut text)];
        let both = [with(&mut segments), with(&mut short)];
        let mut both = both.map(|msg_hdr| libc::mmsghdr { msg_hdr, msg_len: 0 });
        fails(call!(sendmmsg, -1, both.as_mut_ptr(), 2, 0), Errno::EBADF)
    })
}

/// Sets of descriptors that end with a word, one bit behind it, and behind what a set can have.
fn bits() -> Setup {
    act(|| {
        let mut set = [0_u64; 17];
        (set[14], set[15], set[16]) = (1 << 63, 1 << 63 | 1, 1);
        for count in [960_i64, 961, 961 | 1 << 40, 2000] {
            let none = null_mut::<u64>();
            returns(call!(pselect6, count, set.as_mut_ptr(), none, none, AT_ONCE.as_ptr(), null::<u8>()), 0)?;
        }
        Ok(())
    })
}

/// An option of which five bytes are there, and one that is not there at all, of a page and more. A vector of which half is there.
fn head() -> Setup {
    let five = last_bytes(5)?;
    let half = last_bytes(16)?;
    let segment: &'static mut [u8] = Box::leak(Box::new(*b"half"));
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { half.cast::<libc::iovec>().write_unaligned(part(segment)) };
    act(move || {
        let option = libc::SO_KEEPALIVE;
        fails(call!(setsockopt, -1, SOL_SOCKET, option, five, 9), Errno::EBADF)?;
        fails(call!(setsockopt, -1, SOL_SOCKET, option, 8, 2 * PAGE), Errno::EBADF)?;
        fails(call!(writev, -1, half, 2), Errno::EBADF)
    })
}

/// Sizes that a struct has in itself: none, less than the size itself needs, and just that. Memory ends behind each.
fn own() -> Setup {
    let event = |size: u32, room: usize| -> Result<*mut u8, Broken> {
        let begin = last_bytes(room)?;
        // SAFETY: at least eight bytes are there, and nobody else has them.
        unsafe { begin.cast::<[u32; 2]>().write_unaligned([12, size]) };
        Ok(begin)
    };
    let (none, one, eight) = (event(0, 64)?, event(1, 8)?, event(8, 8)?);
    let (begin, four) = (last_bytes(48)?, last_bytes(4)?);
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe {
        begin.cast::<[u32; 6]>().write_unaligned([0, 0, 0, 0, 7, 0]);
        four.cast::<u32>().write_unaligned(3);
    }
    act(move || {
        for event in [none, one, eight] {
            // There is no such flag.
            fails(call!(perf_event_open, event, 0, -1, -1, 1_u64 << 20), Errno::EINVAL)?;
        }
        // There are no flags at all.
        fails(call!(sched_setattr, 0, begin, 1), Errno::EINVAL)?;
        fails(call!(sched_setattr, 0, four, 1), Errno::EINVAL)
    })
}

/// One page, and one byte of the next.
fn pages() -> Setup {
    act(|| {
        let memory = vec![1_u8; 4 * PAGE];
        let begin = memory.as_ptr().addr().next_multiple_of(PAGE);
        let mut there = [0_u8; 3];
        for (length, count) in [(1, 1), (PAGE, 1), (PAGE + 1, 2)] {
            there.fill(7);
            returns(call!(mincore, begin, length, there.as_mut_ptr()), 0)?;
            ensure(there[count..].iter().all(|&byte| byte == 7), "more pages were asked about")?;
        }
        black_box(memory);
        Ok(())
    })
}

/// More room for an address than 24 bits can say.
fn room() -> Setup {
    act(|| {
        let socket = call!(socket, AF_UNIX, libc::SOCK_DGRAM, 0)?;
        let own = black_box(*b"\x01\0sock\0");
        returns(call!(bind, socket, own.as_ptr(), 7), 0)?;
        let (mut address, mut size) = ([0xff_u8; 128], 1_u32 << 24 | 4);
        returns(call!(getsockname, socket, address.as_mut_ptr(), &raw mut size), 0)?;
        ensure(size == 7, "the address has another size")?;
        close(socket)
    })
}

/// An address that is longer than any, and one whose length has something beside it.
fn address() -> Setup {
    act(|| {
        let (mut long, mut text) = (black_box([b'a'; 200]), *b"text");
        let mut segments = [part(&mut text)];
        let mut message = with(&mut segments);
        (message.msg_name, message.msg_namelen) = (long.as_mut_ptr().cast(), 200);
        fails(call!(sendmsg, -1, &raw const message, 0), Errno::EBADF)?;
        // The padding behind the length.
        let mut words = black_box([0_u64; 7]);
        words[..4].copy_from_slice(&[long.as_ptr() as u64, 7 | 1 << 40, segments.as_ptr() as u64, 1]);
        fails(call!(sendmsg, -1, words.as_ptr(), 0), Errno::EBADF)?;
        fails(call!(connect, -1, long.as_ptr(), 129), Errno::EBADF)
    })
}

/// A header behind which memory ends, one that leads nowhere, one with a length of more than 32 bits, and such a count.
fn header() -> Setup {
    let text: &'static mut [u8] = Box::leak(Box::new(*b"text"));
    let all: [libc::iovec; 16] = std::array::from_fn(|_| part(text));
    // Whoever reads more segments than are there finds an end.
    let segments = last_bytes(size_of_val(&all))?.cast::<libc::iovec>();
    // SAFETY: so many bytes are there, at an address for such structs, and nobody else has them.
    let segments = unsafe {
        segments.cast::<[libc::iovec; 16]>().write(all);
        std::slice::from_raw_parts_mut(segments, all.len())
    };
    let mut message = with(&mut segments[..1]);
    let end = last_bytes(size_of_val(&message))?;
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { end.cast::<libc::msghdr>().write_unaligned(message) };
    let mut page = vec![b'c'; PAGE];
    act(move || {
        fails(call!(sendmsg, -1, end, 0), Errno::EBADF)?;
        let nowhere = black_box([0_u64, 5, 0, 1, 0, 16, 0]);
        fails(call!(sendmsg, -1, nowhere.as_ptr(), 0), Errno::EBADF)?;
        (message.msg_control, message.msg_controllen) = (page.as_mut_ptr().cast(), 1 << 32 | 16);
        fails(call!(sendmsg, -1, &raw const message, 0), Errno::EBADF)?;
        fails(call!(writev, -1, segments.as_ptr(), 1 << 28), Errno::EBADF)
    })
}

/// Two requests behind an array of pointers, more than are read, one behind one that leads nowhere, and an array that is not there.
/// The address of a request has fewer than 32 bits, and that of the array has more.
fn requests() -> Setup {
    let near = low(c"")?.cast::<[u64; 8]>();
    // SAFETY: the page has room for it.
    unsafe { near.write([0, 0, u64::MAX << 32 | 2, 0, 0, 0, 0, 0]) };
    act(move || {
        let request = black_box([0, 0, u64::MAX << 32 | 3, 0, 0, 0, 0, 0]);
        let pointers: [*const [u64; 8]; 17] =
            std::array::from_fn(|at| if at % 2 == 0 { near.cast_const() } else { &raw const request });
        for count in [2, 17] {
            fails(call!(io_submit, 1, count, pointers.as_ptr()), Errno::EINVAL)?;
        }
        let nowhere = black_box([8, (&raw const request).addr()]);
        fails(call!(io_submit, 1, 2, nowhere.as_ptr()), Errno::EINVAL)?;
        fails(call!(io_submit, 1, 2, 8), Errno::EINVAL)
    })
}

/// The address and the option of a netlink socket are no messages. What a message has is read as far as it is ever read.
fn netlink() -> Setup {
    let mut bytes = vec![0_u8; PAGE + 1];
    bytes[..4].copy_from_slice(&(PAGE as u32 + 1).to_ne_bytes());
    act(move || {
        let socket = call!(socket, libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        close(create(c"other.txt")?)?;
        let (own, on) = (black_box([16_u32, 0, 0]), black_box(1_i32));
        returns(call!(bind, socket, own.as_ptr(), 12), 0)?;
        let (level, option) = (libc::SOL_NETLINK, libc::NETLINK_PKTINFO);
        returns(call!(setsockopt, socket, level, option, &raw const on, 4), 0)?;
        returns(call!(sendto, socket, bytes.as_ptr(), bytes.len(), 0, null::<u8>(), 0), PAGE as i64 + 1)?;
        returns(call!(write, socket, own.as_ptr(), 12), 12)?;
        close(socket)
    })
}

/// The last descriptor that the table has a place for: a table of the kernel has 64, 256 or 512 places.
fn last() -> Setup {
    const LAST: i32 = 511;
    let file = std::fs::File::create("last.txt")?;
    // SAFETY: nobody else uses this descriptor.
    let last = Errno::result(unsafe { libc::dup2(file.as_raw_fd(), LAST) });
    last.map_err(|errno| Broken::Skip(format!("no process may have {LAST} descriptors: {errno}")))?;
    act(|| {
        returns(call!(close_range, LAST, u32::MAX, 0), 0)?;
        fails(call!(close, LAST), Errno::EBADF)
    })
}

/// The number behind one that exec closes is not open. A pipe has no name: only its number is known.
fn hole() -> Setup {
    act(|| {
        let fd = call!(openat, libc::AT_FDCWD, c"closed.txt", libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC, 0o644)?;
        returns(call!(close_range, fd, fd + 1, 0), 0)?;
        let [from, to] = pipe()?;
        returns(call!(close_range, from, to, 0), 0)
    })
}

/// A buffer that has no room for the directory, and a path of former times.
fn old() -> Setup {
    act(|| {
        let mut buffer = *b"/former\0";
        fails(call!(getcwd, buffer.as_mut_ptr(), 1), Errno::ERANGE)
    })
}

/// getpid(2) of the 32-bit table has the number of writev(2), and leads nowhere.
fn bits_32() -> Setup {
    let mut memory = low(c"text")?;
    let page = memory as u32;
    // getpid from that table, before the watch begins.
    if int_0x80(20, [0; 4]) < 0 {
        return Err(Broken::Skip("this kernel takes no 32-bit calls".to_owned()));
    }
    // SAFETY: the page has room for it.
    unsafe {
        memory = memory.add(64);
        memory.cast::<[u64; 2]>().write_unaligned([page.into(), 4]);
    }
    act(move || {
        let [from, to] = pipe()?;
        returns(call!(writev, to, memory, 1), 4)?;
        ensure(int_0x80(20, [to as u32, memory as u32, 1, 0]) > 0, "a process has no id")?;
        close(from)?;
        close(to)
    })
}

/// Commands at the bounds of those that lead somewhere.
fn command() -> Setup {
    act(|| {
        let words = black_box([7_u64, 8]);
        for command in [1035, 1036, 1037, 1038, 1039, 1040, 1041] {
            fails(call!(fcntl, -1, command, words.as_ptr()), Errno::EBADF)?;
        }
        // A mount that only changes the kind of propagation has no options.
        let options = black_box(*b"options\0");
        fails(call!(mount, c"none", c"missing", c"none", libc::MS_PRIVATE, options.as_ptr()), Errno::ENOENT)?;
        // The operation has no bits of its own behind the seventh (futex(2)).
        fails(call!(futex, words.as_ptr(), 64, 0, words.as_ptr(), null::<u8>(), 0), Errno::ENOSYS)
    })
}
