//! Requests about files and names: where each has its descriptors, paths and numbers (io_uring_enter(2)).
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs;
use std::mem::zeroed;
use std::ptr;

use io_uring::{opcode, types};
use libc::{AT_SYMLINK_FOLLOW, FALLOC_FL_KEEP_SIZE, O_CLOEXEC, O_CREAT, O_RDONLY, O_RDWR, POSIX_FADV_RANDOM, iovec};
use nix::errno::Errno;

use super::ring::{CWD, Ring, at, read_at_0, write_at_0};
use super::steps::{NOT_OPEN, close, create, open, open_dir, part, pipe, read, skip_on, write};
use super::structs::last_bytes;
use super::xattr::{USER, may_have};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("uring-file-names-at", uring_file_names_at),
    Scenario::new("uring-file-splice", uring_file_splice),
    Scenario::new("uring-file-xattr", uring_file_xattr),
    Scenario::new("uring-file-pipe", uring_file_pipe),
    Scenario::new("uring-file-space", uring_file_space),
    Scenario::new("uring-file-truncate", uring_file_truncate),
    Scenario::new("uring-file-sync", uring_file_sync),
    Scenario::new("uring-file-vectors", uring_file_vectors),
    Scenario::new("uring-file-registered", uring_file_registered),
    Scenario::new("uring-file-registered-vectors", uring_file_registered_vectors),
    Scenario::new("uring-file-install", uring_file_install),
    Scenario::new("uring-file-provided", uring_file_provided),
    Scenario::new("uring-file-root", uring_file_root),
];

/// A descriptor that is not open.
const NOWHERE: types::Fd = types::Fd(NOT_OPEN);

/// The second directory of a request is where system calls have their third argument, and both differ here.
fn uring_file_names_at() -> Setup {
    ["from", "to"].into_iter().try_for_each(fs::create_dir)?;
    fs::write("from/a.txt", "a")?;
    act(|| {
        let (from, to) = (open_dir(c"from")?, open_dir(c"to")?);
        let mut ring = Ring::new()?;
        let (name, linked, moved) = (c"a.txt".as_ptr(), c"b.txt".as_ptr(), c"c.txt".as_ptr());
        let link = |ring: &mut Ring, expected| {
            let link = opcode::LinkAt::new(at(from), name, at(to), linked).flags(AT_SYMLINK_FOLLOW);
            ring.succeeds(link.build(), expected)
        };
        link(&mut ring, 0)?;
        link(&mut ring, -libc::EEXIST)?;
        ring.succeeds(opcode::LinkAt::new(CWD, c"to/b.txt".as_ptr(), at(from), moved).build(), 0)?;
        ring.succeeds(opcode::RenameAt::new(at(to), linked, at(from), c"d.txt".as_ptr()).flags(1).build(), 0)?;
        ring.fails(opcode::RenameAt::new(at(to), linked, at(from), moved).build(), Errno::ENOENT)?;
        ring.succeeds(opcode::MkDirAt::new(at(to), c"sub".as_ptr()).mode(0o700).build(), 0)?;
        ring.fails(opcode::MkDirAt::new(at(to), c"sub".as_ptr()).mode(0o700).build(), Errno::EEXIST)?;
        ring.succeeds(opcode::SymlinkAt::new(at(to), c"sub".as_ptr(), c"link".as_ptr()).build(), 0)?;
        ring.fails(opcode::SymlinkAt::new(at(to), c"sub".as_ptr(), c"link".as_ptr()).build(), Errno::EEXIST)?;
        ring.succeeds(opcode::UnlinkAt::new(at(to), c"sub".as_ptr()).flags(libc::AT_REMOVEDIR).build(), 0)?;
        ring.fails(opcode::UnlinkAt::new(at(to), c"sub".as_ptr()).build(), Errno::ENOENT)?;
        let how = types::OpenHow::new().flags(O_RDONLY as u64);
        ring.fails(opcode::OpenAt2::new(at(to), linked, &how).build(), Errno::ENOENT)?;
        [from, to].into_iter().try_for_each(close)?;
        ring.close()
    })
}

/// splice(2) with the offsets of both ends, and tee(2), which has none.
fn uring_file_splice() -> Setup {
    fs::write("from.txt", "spliced")?;
    act(|| {
        let (from, to) = (open(c"from.txt", O_RDONLY)?, create(c"to.txt")?);
        let [[first, into_first], [second, into_second]] = [pipe()?, pipe()?];
        let mut ring = Ring::new()?;
        ring.succeeds(opcode::Splice::new(at(from), 2, at(into_first), -1, 5).flags(1).build(), 5)?;
        let tee = || opcode::Tee::new(at(first), at(into_second), 3);
        ring.succeeds(tee().build(), 3)?;
        ring.succeeds(opcode::Splice::new(at(first), -1, at(to), 4, 5).build(), 5)?;
        ring.fails(opcode::Tee::new(at(first), NOWHERE, 3).build(), Errno::EBADF)?;
        ring.fails(tee().flags(2).build(), Errno::EAGAIN)?;
        ring.fails(opcode::Splice::new(NOWHERE, 0, at(into_first), -1, 1).build(), Errno::EBADF)?;
        read(second, b"lic")?;
        // IORING_REGISTER_FILES: the input is a place of the ring's own table.
        let files = [from as i32];
        returns(call!(io_uring_register, ring.fd(), 2, files.as_ptr(), 1), 0)?;
        ring.succeeds(opcode::Splice::new(types::Fixed(0), 0, at(into_first), -1, 2).build(), 2)?;
        read(first, b"sp")?;
        ring.close()
    })
}

/// The path of a request about an attribute is not where the name of the attribute is.
fn uring_file_xattr() -> Setup {
    fs::write("xattr.txt", "")?;
    may_have(c"xattr.txt", USER)?;
    act(|| {
        let file = open(c"xattr.txt", O_RDONLY)?;
        let mut ring = Ring::new()?;
        let mut value = [0_u8; 16];
        let room = value.as_mut_ptr().cast();
        let (name, none, path) = (USER.as_ptr(), c"user.none".as_ptr(), c"xattr.txt".as_ptr());
        let five = b"hello".as_ptr().cast();
        ring.succeeds(opcode::SetXattr::new(name, five, path, 5).flags(libc::XATTR_CREATE).build(), 0)?;
        ring.fails(opcode::SetXattr::new(name, five, path, 5).flags(libc::XATTR_CREATE).build(), Errno::EEXIST)?;
        ring.succeeds(opcode::GetXattr::new(name, room, path, 16).build(), 5)?;
        ring.succeeds(opcode::GetXattr::new(name, ptr::null_mut(), path, 0).build(), 5)?;
        ring.fails(opcode::GetXattr::new(none, room, path, 16).build(), Errno::ENODATA)?;
        let fset = |name, flags| opcode::FSetXattr::new(at(file), name, five, 4).flags(flags).build();
        ring.succeeds(fset(name, libc::XATTR_REPLACE), 0)?;
        ring.fails(fset(none, libc::XATTR_REPLACE), Errno::ENODATA)?;
        ring.succeeds(opcode::FGetXattr::new(at(file), name, room, 16).build(), 4)?;
        ring.fails(opcode::FGetXattr::new(at(file), none, room, 16).build(), Errno::ENODATA)?;
        ensure(value.starts_with(b"hell"), "the attribute has another value")?;
        close(file)?;
        ring.close()
    })
}

/// pipe2(2) by a request, with descriptors, and with places of the ring's own table.
fn uring_file_pipe() -> Setup {
    let last = last_bytes(8)?;
    act(move || {
        let mut ring = Ring::new()?;
        let ends = last.cast::<[i32; 2]>();
        let pipe = opcode::Pipe::new(ends.cast()).flags(O_CLOEXEC as u32).build();
        ring.makes("IORING_OP_PIPE", pipe)?;
        // SAFETY: two numbers at the end of memory.
        let [reads, writes] = unsafe { ends.read_volatile() }.map(i64::from);
        write(writes, b"hello")?;
        read(reads, b"hello")?;
        let none = [-1_i32; 3];
        returns(call!(io_uring_register, ring.fd(), 2, none.as_ptr(), none.len()), 0)?;
        let place =
            types::DestinationSlot::try_from_slot_target(1).map_err(|_| Broken::Step("no place 1".to_owned()))?;
        ring.succeeds(opcode::Pipe::new(ends.cast()).file_index(Some(place)).build(), 0)?;
        ring.fails(opcode::Pipe::new(ptr::without_provenance_mut(16)).build(), Errno::EFAULT)?;
        ring.close()
    })
}

/// The size of a file and the space that it has: fallocate(2), posix_fadvise(2), statx(2).
fn uring_file_space() -> Setup {
    act(|| {
        let file = create(c"space.txt")?;
        let mut ring = Ring::new()?;
        ring.succeeds(opcode::Fallocate::new(at(file), 8192).offset(4096).mode(FALLOC_FL_KEEP_SIZE).build(), 0)?;
        ring.fails(opcode::Fallocate::new(NOWHERE, 8192).build(), Errno::EBADF)?;
        ring.succeeds(opcode::Fadvise::new(at(file), 4096, POSIX_FADV_RANDOM).offset(8192).build(), 0)?;
        ring.fails(opcode::Fadvise::new(at(file), 4096, 77).build(), Errno::EINVAL)?;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut stat: libc::statx = unsafe { zeroed() };
        let statx = |path: &CStr, stat: *mut libc::statx| {
            opcode::Statx::new(CWD, path.as_ptr(), stat.cast()).mask(libc::STATX_SIZE).build()
        };
        ring.succeeds(statx(c"space.txt", &raw mut stat), 0)?;
        ring.fails(statx(c"missing.txt", &raw mut stat), Errno::ENOENT)?;
        ensure(stat.stx_size == 0, "the file has another size")?;
        ring.close()
    })
}

/// ftruncate(2). Its length has 64 bits.
fn uring_file_truncate() -> Setup {
    act(|| {
        let file = create(c"space.txt")?;
        let mut ring = Ring::new()?;
        ring.makes("IORING_OP_FTRUNCATE", opcode::Ftruncate::new(at(file), 1 << 33).build())?;
        ring.fails(opcode::Ftruncate::new(NOWHERE, 1).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// fsync(2) and sync_file_range(2), with their flags.
fn uring_file_sync() -> Setup {
    fs::write("sync.txt", "hello, ring")?;
    act(|| {
        let file = open(c"sync.txt", O_RDWR)?;
        let mut ring = Ring::new()?;
        ring.succeeds(opcode::Fsync::new(at(file)).flags(types::FsyncFlags::DATASYNC).build(), 0)?;
        ring.succeeds(opcode::Fsync::new(at(file)).build(), 0)?;
        ring.fails(opcode::Fsync::new(NOWHERE).build(), Errno::EBADF)?;
        ring.succeeds(opcode::SyncFileRange::new(at(file), 5).offset(3).flags(libc::SYNC_FILE_RANGE_WRITE).build(), 0)?;
        ring.fails(opcode::SyncFileRange::new(NOWHERE, 5).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// Vectors, and the offset that only they can leave to the file (-1: preadv2(2)).
fn uring_file_vectors() -> Setup {
    act(|| {
        let file = create(c"vectors.txt")?;
        let mut ring = Ring::new()?;
        let (mut one, mut other) = (*b"hello", *b", ring");
        let parts = [part(&mut one), part(&mut other)];
        let write = opcode::Writev::new(at(file), parts.as_ptr(), 2).offset(u64::MAX).rw_flags(libc::RWF_DSYNC);
        ring.succeeds(write.build(), 11)?;
        ring.succeeds(opcode::Readv::new(at(file), parts.as_ptr(), 2).offset(1).build(), 10)?;
        ring.fails(opcode::Readv::new(NOWHERE, parts.as_ptr(), 2).build(), Errno::EBADF)?;
        ring.fails(opcode::Writev::new(NOWHERE, parts.as_ptr(), 2).build(), Errno::EBADF)?;
        ring.fails(write_at_0(NOT_OPEN, b"x").build(), Errno::EBADF)?;
        ensure(&one == b"ello," && other.starts_with(b" ring"), "other bytes were read than were written")?;
        ring.close()
    })
}

/// Registers this buffer behind another one, so that its index is 1.
fn register_second(ring: &Ring, buffer: &mut [u8]) -> Result<(), Broken> {
    let mut unused = [0_u8; 16];
    let buffers = [part(&mut unused), part(buffer)];
    returns(call!(io_uring_register, ring.fd(), 0, buffers.as_ptr(), buffers.len()), 0)
}

/// Requests that use a registered buffer (IORING_REGISTER_BUFFERS), by its index.
fn uring_file_registered() -> Setup {
    act(|| {
        let file = create(c"registered.txt")?;
        let mut ring = Ring::new()?;
        let mut buffer = *b"hello, registered buffer";
        register_second(&ring, &mut buffer)?;
        let begin = buffer.as_mut_ptr();
        let fixed = |count, index| opcode::WriteFixed::new(at(file), begin, count, index).build();
        ring.succeeds(fixed(5, 1), 5)?;
        ring.fails(fixed(5, 2), Errno::EFAULT)?;
        ring.succeeds(opcode::ReadFixed::new(at(file), begin, 9, 1).offset(2).build(), 3)?;
        ring.fails(opcode::ReadFixed::new(NOWHERE, begin, 9, 1).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// Vectors within a registered buffer.
fn uring_file_registered_vectors() -> Setup {
    act(|| {
        let file = create(c"registered.txt")?;
        let mut ring = Ring::new()?;
        let mut buffer = *b"hello, registered buffer";
        register_second(&ring, &mut buffer)?;
        let parts: [iovec; 1] = [part(&mut buffer)];
        let vector = opcode::WritevFixed::new(at(file), parts.as_ptr(), 1, 1).offset(5).build();
        ring.makes("IORING_OP_WRITEV_FIXED", vector)?;
        ring.succeeds(opcode::ReadvFixed::new(at(file), parts.as_ptr(), 1, 1).offset(7).build(), 22)?;
        ring.fails(opcode::ReadvFixed::new(NOWHERE, parts.as_ptr(), 1, 1).build(), Errno::EBADF)?;
        ring.fails(opcode::WritevFixed::new(NOWHERE, parts.as_ptr(), 1, 1).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// A file goes into the ring's own table, and gets a descriptor again.
fn uring_file_install() -> Setup {
    fs::write("first.txt", "first")?;
    fs::write("second.txt", "second")?;
    act(|| {
        let (first, second) = (open(c"first.txt", O_RDONLY)?, open(c"second.txt", O_RDONLY)?);
        let mut ring = Ring::new()?;
        let files = [first as i32, -1];
        returns(call!(io_uring_register, ring.fd(), 2, files.as_ptr(), files.len()), 0)?;
        let update = [second as i32];
        ring.succeeds(opcode::FilesUpdate::new(update.as_ptr(), 1).offset(1).build(), 1)?;
        ring.fails(opcode::FilesUpdate::new(update.as_ptr(), 1).offset(2).build(), Errno::EINVAL)?;
        let mut buffer = [0_u8; 16];
        let (begin, len) = (buffer.as_mut_ptr(), buffer.len() as u32);
        ring.succeeds(opcode::Read::new(types::Fixed(1), begin, len).build(), 6)?;
        let install = opcode::FixedFdInstall::new(types::Fixed(1), 0).build();
        let installed = ring.makes("IORING_OP_FIXED_FD_INSTALL", install)?;
        ring.fails(opcode::FixedFdInstall::new(types::Fixed(2), 0).build(), Errno::EBADF)?;
        close(installed.into())?;
        ring.close()
    })
}

/// Buffers that the process has provided, from which the kernel takes one for each read (io_uring_enter(2), IOSQE_BUFFER_SELECT).
fn uring_file_provided() -> Setup {
    act(|| {
        let [reads, writes] = pipe()?;
        let mut ring = Ring::new()?;
        let mut room = [0_u8; 32];
        let mut provide = |number, length| opcode::ProvideBuffers::new(room.as_mut_ptr(), length, number, 5, 0).build();
        let [three, none] = [provide(3, 8), provide(1, 0)];
        ring.succeeds(three, 0)?;
        ring.fails(none, Errno::EINVAL)?;
        let multishot = opcode::ReadMulti::new(at(reads), 0, 5).build().user_data(9);
        ring.push(&multishot)?;
        ring.enter(1, 0)?;
        for text in [b"one", b"two"] {
            write(writes, text)?;
            ring.enter(0, 1)?;
            if ring.next()? == (9, -libc::EINVAL) {
                return Err(Broken::Skip("this kernel has no IORING_OP_READ_MULTISHOT".to_owned()));
            }
        }
        close(writes)?;
        ring.enter(0, 1)?;
        ensure(ring.next()? == (9, 0), "the end of the pipe did not end the request")?;
        // The end of the file has taken no buffer.
        ring.succeeds(opcode::RemoveBuffers::new(4, 5).build(), 1)?;
        ring.fails(opcode::RemoveBuffers::new(4, 6).build(), Errno::ENOENT)?;
        ring.fails(opcode::ReadMulti::new(NOWHERE, 0, 5).build(), Errno::EBADF)?;
        ring.close()
    })
}

/// Paths that begin at the root, and a path in memory that cannot be read, in each place.
fn uring_file_root() -> Setup {
    fs::create_dir("root")?;
    act(|| {
        let mut ring = Ring::new()?;
        let nowhere = ptr::without_provenance(16);
        let (dev, null) = (c"/dev".as_ptr(), c"/dev/null".as_ptr());
        let file = ring.request(&opcode::OpenAt::new(CWD, null).flags(O_RDWR).build())?;
        ring.succeeds(read_at_0(file, &mut [0; 4]).build(), 0)?;
        ring.fails(opcode::LinkAt::new(CWD, c"none".as_ptr(), CWD, dev).build(), Errno::ENOENT)?;
        ring.fails(opcode::RenameAt::new(CWD, null, CWD, nowhere).build(), Errno::EFAULT)?;
        ring.fails(opcode::OpenAt::new(CWD, c"new/".as_ptr()).flags(O_CREAT).build(), Errno::EISDIR)?;
        let how: *const types::OpenHow = ptr::without_provenance(16);
        ring.fails(opcode::OpenAt2::new(CWD, null, how).build(), Errno::EFAULT)?;
        // One of more than 256 bytes at each place.
        let long = CString::new("./".repeat(200) + "none").map_err(|_| Broken::Step("a NUL in a path".to_owned()))?;
        ring.fails(opcode::RenameAt::new(CWD, long.as_ptr(), CWD, long.as_ptr()).build(), Errno::ENOENT)?;
        call!(chroot, c"root").map_err(skip_on(Errno::EPERM, "chroot takes CAP_SYS_CHROOT"))?;
        ring.fails(opcode::OpenAt::new(CWD, c"/x.txt".as_ptr()).flags(O_RDONLY).build(), Errno::ENOENT)?;
        close(file.into())?;
        ring.close()
    })
}
