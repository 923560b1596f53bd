//! Calls that came late: setxattrat(2), file_getattr(2), cachestat(2), faccessat2(2), fchmodat2(2), landlock(7),
//! memfd_secret(2), bpf(2), perf_event_open(2), userfaultfd(2).
#![allow(unsafe_code)]

use std::fs;

use libc::{AT_FDCWD, O_CLOEXEC, O_RDONLY};
use nix::errno::Errno;

use super::steps::{NOT_OPEN, close, open, skip_on};
use crate::child::scenario::{Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("recent-xattrat", recent_xattrat),
    Scenario::new("recent-file-attr", recent_file_attr),
    Scenario::new("recent-cachestat", recent_cachestat),
    Scenario::new("recent-modes", recent_modes),
    Scenario::new("recent-landlock", recent_landlock),
    Scenario::new("recent-memfd-secret", recent_memfd_secret),
    Scenario::new("recent-bpf", recent_bpf),
    Scenario::new("recent-perf", recent_perf),
    Scenario::new("recent-userfaultfd", recent_userfaultfd),
];

/// The value and its size are in a struct: the address, 32 bits of size, 32 bits of flags.
fn recent_xattrat() -> Setup {
    fs::write("x.txt", "")?;
    act(|| {
        let value = [b"hello".as_ptr() as u64, 5];
        let set = call!(setxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", value.as_ptr(), size_of_val(&value));
        set.map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks these attributes"))?;
        let mut buffer = [0_u8; 64];
        let room = [buffer.as_mut_ptr() as u64, 64];
        returns(call!(getxattrat, AT_FDCWD, c"x.txt", 0, c"user.ior", room.as_ptr(), size_of_val(&room)), 5)?;
        ensure(buffer.starts_with(b"hello"), "another value was read than was set")?;
        returns(call!(listxattrat, AT_FDCWD, c"x.txt", 0, buffer.as_mut_ptr(), buffer.len()), 9)?;
        returns(call!(removexattrat, AT_FDCWD, c"x.txt", 0, c"user.ior"), 0)?;
        fails(call!(removexattrat, AT_FDCWD, c"x.txt", 0, c"user.ior"), Errno::ENODATA)
    })
}

/// What is read is set again, which changes nothing.
fn recent_file_attr() -> Setup {
    fs::write("x.txt", "")?;
    act(|| {
        let mut attributes = [0_u64; 3];
        let size = size_of_val(&attributes);
        let read = call!(file_getattr, AT_FDCWD, c"x.txt", attributes.as_mut_ptr(), size, 0);
        read.map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks these attributes"))?;
        returns(call!(file_setattr, AT_FDCWD, c"x.txt", attributes.as_ptr(), size, 0), 0)?;
        fails(call!(file_getattr, AT_FDCWD, c"x.txt", attributes.as_mut_ptr(), 8, 0), Errno::EINVAL)
    })
}

fn recent_cachestat() -> Setup {
    fs::write("x.txt", "hello")?;
    act(|| {
        let file = open(c"x.txt", O_RDONLY)?;
        let (all, mut counts) = ([0_u64; 2], [0_u64; 5]);
        returns(call!(cachestat, file, all.as_ptr(), counts.as_mut_ptr(), 0), 0)?;
        fails(call!(cachestat, file, all.as_ptr(), counts.as_mut_ptr(), 1), Errno::EINVAL)?;
        close(file)
    })
}

/// Forms of older calls that have flags.
fn recent_modes() -> Setup {
    fs::write("x.txt", "")?;
    act(|| {
        returns(call!(faccessat2, AT_FDCWD, c"x.txt", libc::R_OK, libc::AT_SYMLINK_NOFOLLOW), 0)?;
        returns(call!(fchmodat2, AT_FDCWD, c"x.txt", 0o600, libc::AT_SYMLINK_NOFOLLOW), 0)
    })
}

/// Rights to a directory are given up: it cannot be read any more, and a file in it can.
fn recent_landlock() -> Setup {
    fs::create_dir("sub")?;
    fs::write("sub/x.txt", "")?;
    act(|| {
        // LANDLOCK_ACCESS_FS_READ_DIR, of which a rule gives the one below `sub` back.
        let handled = [1_u64 << 3];
        let missing = skip_on(Errno::EOPNOTSUPP, "landlock is off");
        let rules = call!(landlock_create_ruleset, handled.as_ptr(), size_of_val(&handled), 0).map_err(missing)?;
        fails(call!(landlock_create_ruleset, handled.as_ptr(), 1, 0), Errno::EINVAL)?;
        let sub = open(c"sub", libc::O_PATH | O_CLOEXEC)?;
        // struct landlock_path_beneath_attr is packed: 64 bits of rights, and the descriptor.
        let beneath = [1_u64 << 3, sub as u64];
        returns(call!(landlock_add_rule, rules, 1, beneath.as_ptr(), 0), 0)?;
        fails(call!(landlock_add_rule, NOT_OPEN, 1, beneath.as_ptr(), 0), Errno::EBADF)?;
        close(sub)?;
        returns(call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0)?;
        fails(call!(landlock_restrict_self, NOT_OPEN, 0), Errno::EBADF)?;
        returns(call!(landlock_restrict_self, rules, 0), 0)?;
        close(rules)?;
        fails(call!(openat, AT_FDCWD, c".", O_RDONLY, 0), Errno::EACCES)?;
        close(open(c"sub", O_RDONLY)?)
    })
}

/// Memory that not even the kernel reads (memfd_secret(2)); a kernel may have it switched off.
fn recent_memfd_secret() -> Setup {
    act(|| {
        let secret = call!(memfd_secret, O_CLOEXEC)?;
        returns(call!(ftruncate, secret, 4096), 0)?;
        close(secret)
    })
}

/// A map of the kernel's is behind a descriptor that closes on exec. What is asked of it afterwards returns no descriptor.
fn recent_bpf() -> Setup {
    act(|| {
        // BPF_MAP_CREATE of an array: its type, the sizes of a key and a value, how many.
        let array = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let map = call!(bpf, 0, array.as_ptr(), size_of_val(&array));
        let map = map.map_err(skip_on(Errno::EPERM, "it takes the rights of root: bpf(2)"))?;
        let (key, mut value) = (0_u32, 7_u32);
        let element = [map as u64, &raw const key as u64, &raw mut value as u64, 0];
        // BPF_MAP_LOOKUP_ELEM.
        returns(call!(bpf, 1, element.as_ptr(), size_of_val(&element)), 0)?;
        ensure(value == 0, "a new map holds something")?;
        close(map)
    })
}

/// An event that counts nothing.
fn recent_perf() -> Setup {
    act(|| {
        // struct perf_event_attr: PERF_TYPE_SOFTWARE, the size of the struct, PERF_COUNT_SW_DUMMY.
        let mut event = [0_u64; 16];
        (event[0], event[1]) = (1 | 128 << 32, 9);
        let made = call!(perf_event_open, event.as_ptr(), 0, -1, -1, 8);
        let event = made.map_err(skip_on(Errno::EACCES, "perf_event_open is not permitted here"))?;
        close(event)
    })
}

fn recent_userfaultfd() -> Setup {
    act(|| close(call!(userfaultfd, O_CLOEXEC).map_err(skip_on(Errno::EPERM, "userfaultfd is not permitted here"))?))
}
