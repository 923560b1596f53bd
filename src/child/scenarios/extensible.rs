//! Structs of which a program may give more or less than the kernel knows (openat2(2), "Extensibility"), and those that lead to a string or an array.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::mem::zeroed;
use std::ptr::null;

use libc::AT_FDCWD;
use nix::errno::Errno;

use super::steps::{close, part, skip_on};
use super::structs::last_bytes;
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("extensible-argument", argument),
    Scenario::new("extensible-own", own),
    Scenario::new("extensible-string", string),
    Scenario::new("extensible-size", size),
    Scenario::new("extensible-pages", pages),
    Scenario::new("extensible-edge", edge),
    Scenario::new("extensible-array", array),
    Scenario::new("extensible-value", value),
    Scenario::new("extensible-short", short),
    Scenario::new("extensible-room", room),
];

/// The size is an argument: with zeros behind the members, with something else there, with nothing that can be read, and too small.
fn argument() -> Setup {
    let last = last_bytes(24)?.cast::<[u64; 3]>();
    // SAFETY: so many bytes are there, and nobody else has them.
    unsafe { last.write_unaligned([libc::O_PATH as u64, 0, libc::RESOLVE_BENEATH]) };
    act(move || {
        let path = black_box(*b".\0");
        let zeros = black_box([libc::O_PATH as u64, 0, libc::RESOLVE_BENEATH, 0]);
        let odd = black_box([libc::O_PATH as u64, 0, libc::RESOLVE_BENEATH, 1 << 63]);
        let file = call!(openat2, AT_FDCWD, path.as_ptr(), zeros.as_ptr(), 32)?;
        fails(call!(openat2, AT_FDCWD, path.as_ptr(), odd.as_ptr(), 32), Errno::E2BIG)?;
        fails(call!(openat2, AT_FDCWD, path.as_ptr(), last, 32), Errno::EFAULT)?;
        fails(call!(openat2, AT_FDCWD, path.as_ptr(), odd.as_ptr(), 23), Errno::EINVAL)?;
        close(file)
    })
}

/// The size is a member. Of a struct that is too long, the kernel says which size it knows.
fn own() -> Setup {
    act(|| {
        // The size and the policy, flags, the nice value and the priority, the runtime and so on.
        let mut given = black_box([64_u64, 0, 7, 0, 0, 0, 0, 1 << 40]);
        fails(call!(sched_setattr, 0, given.as_mut_ptr(), 0), Errno::E2BIG)?;
        ensure(given[0] < 64, "the kernel has not said which size it knows")?;
        given[0] = 64 | 1 << 24;
        fails(call!(sched_setattr, 0, given.as_mut_ptr(), 0), Errno::E2BIG)?;
        let mut filled = [0_u64; 8];
        returns(call!(sched_getattr, 0, filled.as_mut_ptr(), 48, 0), 0)?;
        ensure(filled[0] as u32 == 48, "the size is another one")
    })
}

/// The size is the second member (perf_event_open(2)).
fn size() -> Setup {
    act(|| {
        // The type and the size, the event, and zeros.
        let given = black_box([64_u64 << 32 | 12, 5, 0, 0, 0, 0, 0, 0]);
        // There is no such flag.
        fails(call!(perf_event_open, given.as_ptr(), 0, -1, -1, 1_u64 << 20), Errno::EINVAL)
    })
}

/// A byte for each page, and a bit for each node.
fn pages() -> Setup {
    const PAGE: usize = 4096;
    act(|| {
        let memory = vec![1_u8; 4 * PAGE];
        let begin = memory.as_ptr().addr().next_multiple_of(PAGE);
        let mut there = [0_u8; 3];
        returns(call!(mincore, begin, 2 * PAGE - 1, there.as_mut_ptr()), 0)?;
        ensure(there == [1, 1, 0], "two pages were written to")?;
        black_box(memory);
        Ok(())
    })
}

/// A struct whose second half cannot be read is not read at all.
fn edge() -> Setup {
    let last = last_bytes(8)?;
    act(move || fails(call!(nanosleep, last, 0), Errno::EFAULT))
}

/// The struct has the address of a path, and that of one without an end.
fn string() -> Setup {
    /// BPF_OBJ_GET (bpf(2)).
    const OBJ_GET: i32 = 7;
    let endless = last_bytes(2)?;
    // SAFETY: two bytes are there, and nobody else has them.
    unsafe { endless.cast::<[u8; 2]>().write(*b"no") };
    act(move || {
        let path = black_box(*b"nowhere\0");
        let asked = black_box([path.as_ptr() as u64, 0]);
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 12), Errno::ENOENT)?;
        // The address is not in the struct whole. Of the first its highest byte is missing, which is 0.
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 7), Errno::ENOENT)?;
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 0), Errno::EFAULT)?;
        let asked = black_box([endless as u64, 0]);
        fails(call!(bpf, OBJ_GET, asked.as_ptr(), 12), Errno::EFAULT)
    })
}

/// A set of signals of each size, one that leads nowhere, and one that goes on where nothing can be read; and more pids than namespaces.
fn array() -> Setup {
    let set = Box::leak(Box::new([1_u64 << (libc::SIGUSR1 - 1), 0])).as_ptr() as u64;
    let pids = Box::leak(Box::new([7_i32; 1025])).as_ptr() as u64;
    let last = last_bytes(4)? as u64;
    act(move || {
        let mut at_once = [0_i64; 2];
        let mut wait = |set: u64, size: u64| {
            let mask = black_box([set, size]);
            call!(pselect6, 0, 0, 0, 0, at_once.as_mut_ptr(), mask.as_ptr())
        };
        returns(wait(set, 8), 0)?;
        returns(wait(0, 8), 0)?;
        for size in [0, 4, 16] {
            fails(wait(set, size), Errno::EINVAL)?;
        }
        for nowhere in [1, last] {
            fails(wait(nowhere, 8), Errno::EFAULT)?;
        }
        for (pids, count) in [(pids, 33), (pids, 1024), (pids, 1025), (0, 1)] {
            // The members `set_tid` and `set_tid_size` (clone3(2)).
            let asked = black_box([0, 0, 0, 0, 0, 0, 0, 0, pids, count, 0]);
            fails(call!(clone3, asked.as_ptr(), size_of_val(&asked)), Errno::EINVAL)?;
        }
        Ok(())
    })
}

/// The value of an attribute, which is wanted in part, and of which less is filled in than there is room for (setxattrat(2)).
fn value() -> Setup {
    std::fs::write("x.txt", "")?;
    let long = Box::leak(Box::new(*b"123456789")).as_ptr() as u64;
    let room = Box::leak(Box::new([b'r'; 64])).as_mut_ptr() as u64;
    act(move || {
        for size in [9, 5] {
            let args = black_box([long, size]);
            let set = call!(setxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", args.as_ptr(), size_of_val(&args));
            set.map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks these attributes"))?;
        }
        // The size is not that of its lower 16 bits.
        let args = black_box([long, 0x1_0001]);
        let set = call!(setxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", args.as_ptr(), size_of_val(&args));
        fails(set, Errno::E2BIG)?;
        let args = black_box([room, 64]);
        returns(call!(getxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", args.as_ptr(), size_of_val(&args)), 5)?;
        let args = black_box([room, 4]);
        fails(call!(getxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", args.as_ptr(), size_of_val(&args)), Errno::ERANGE)
    })
}

/// Structs that end before the address of an array, and before the count of its elements: neither is read there.
fn short() -> Setup {
    act(|| {
        let cloned = black_box([0_u64, 0, 0, 0, 0x100, 0, 0, 0, 8, 2]);
        for size in [64, 71, 72, 76, 79, 80] {
            fails(call!(clone3, cloned.as_ptr(), size), Errno::EINVAL)?;
        }
        let option = black_box([1_u64, 8]);
        fails(call!(setsockopt, -1, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, option.as_ptr(), 4), Errno::EBADF)?;
        for size in [15, 16] {
            let set = call!(setsockopt, -1, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, option.as_ptr(), size);
            fails(set, Errno::EBADF)?;
        }
        Ok(())
    })
}

/// Messages from an address that is longer than the room for it, which is one byte larger each time.
fn room() -> Setup {
    let last = last_bytes(size_of::<libc::msghdr>())?.cast::<libc::msghdr>();
    act(move || {
        let [from, to] = [*b"\x01\0sender\0", *b"\x01\0target\0"].map(black_box);
        let [one, other] =
            [call!(socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?, call!(socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?];
        returns(call!(bind, one, from.as_ptr(), 9), 0)?;
        returns(call!(bind, other, to.as_ptr(), 9), 0)?;
        for text in [b"1", b"2", b"3"] {
            returns(call!(sendto, one, text.as_ptr(), 1, 0, to.as_ptr(), 9), 1)?;
        }
        returns(call!(sendto, one, from.as_ptr(), 9, 0, to.as_ptr(), 9), 9)?;
        let (mut names, mut bytes) = ([[0xff_u8; 16]; 3], [0_u8; 3]);
        let [first, second, third] = &mut bytes;
        let mut parts = [first, second, third].map(|byte| part(std::slice::from_mut(byte)));
        // SAFETY: plain numbers and addresses, for which all bits zero is a value.
        let mut messages: [libc::mmsghdr; 3] = unsafe { zeroed() };
        for (at, message) in messages.iter_mut().enumerate() {
            let header = &mut message.msg_hdr;
            (header.msg_name, header.msg_namelen) = (names[at].as_mut_ptr().cast(), 4 + at as u32);
            (header.msg_iov, header.msg_iovlen) = (&raw mut parts[at], 1);
        }
        // SAFETY: so many bytes are there, and nobody else has them.
        unsafe { last.write(messages[0].msg_hdr) };
        returns(call!(recvmsg, other, last, 0), 1)?;
        returns(call!(recvmmsg, other, messages[1..].as_mut_ptr(), 2, 0, null::<u8>()), 2)?;
        ensure(names[2][4..7] == *b"nd\xff" && bytes == *b"123", "the messages are others")?;
        close(other)?;
        close(one)
    })
}
