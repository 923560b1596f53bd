//! A filesystem whose server is one of the processes that are watched (fuse(4)): one file, `x`, of which nothing is remembered.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::mem::offset_of;
use std::ptr;

use ior_it::support::child::scenario::{Broken, Scenario, Setup, act, call, ensure, returns};
use nix::errno::Errno;

/// A process opens and reads what another one serves, and both are followed.
pub const SERVED: Scenario = Scenario::new("served", served);

/// What the kernel asks for (include/uapi/linux/fuse.h).
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
/// More than the smallest that the kernel accepts (FUSE_MIN_READ_BUFFER).
const ROOM: usize = 256 * 1024;
/// The inodes of the root and of the file.
const ROOT: u64 = 1;
const FILE: u64 = 2;

/// `struct fuse_attr`.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    inode: u64,
    size: u64,
    blocks: u64,
    times: [u64; 3],
    nanoseconds: [u32; 3],
    mode: u32,
    links: u32,
    user: u32,
    group: u32,
    device: u32,
    block_size: u32,
    flags: u32,
}

/// `struct fuse_in_header`.
#[repr(C)]
struct Request {
    length: u32,
    opcode: u32,
    unique: u64,
    inode: u64,
    user: u32,
    group: u32,
    pid: u32,
    padding: u32,
}

fn served() -> Setup {
    fs::create_dir("mnt")?;
    let lacks =
        |call: &'static str| move |errno: Errno| Broken::Skip(format!("no filesystem of its own: {call}: {errno}"));
    // SAFETY: strings and numbers: a namespace of its own, from which nothing leads to others.
    let device = unsafe {
        Errno::result(libc::unshare(libc::CLONE_NEWNS)).map_err(lacks("unshare"))?;
        let private = libc::MS_REC | libc::MS_PRIVATE;
        let mounted = libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null());
        Errno::result(mounted).map_err(lacks("mount"))?;
        let device = Errno::result(libc::open(c"/dev/fuse".as_ptr(), libc::O_RDWR)).map_err(lacks("open"))?;
        let options = CString::new(format!("fd={device},rootmode=40000,user_id=0,group_id=0")).unwrap_or_default();
        let (name, at) = (c"served".as_ptr(), c"mnt".as_ptr());
        let mounted = libc::mount(name, at, c"fuse".as_ptr(), 0, options.as_ptr().cast());
        Errno::result(mounted).map_err(lacks("mount"))?;
        device
    };
    let mut room = vec![0_u64; ROOM / 8];
    act(move || {
        let server = call!(clone, libc::SIGCHLD, 0, 0, 0, 0)?;
        if server == 0 {
            serve(device, &mut room);
        }
        used(&mut room)?;
        let mut status = 0_i32;
        returns(call!(wait4, server, &raw mut status, 0, 0), server)?;
        ensure(status == 0, "the server failed")
    })
}

/// What is done with the file, by its absolute and by its relative name.
fn used(room: &mut [u64]) -> Result<(), Broken> {
    for name in [c"mnt/x", c"./mnt/../mnt/x"] {
        let file = call!(openat, libc::AT_FDCWD, name, libc::O_RDONLY, 0)?;
        returns(call!(read, file, room.as_mut_ptr(), 100), 1)?;
        returns(call!(close, file), 0)?;
    }
    returns(call!(chdir, c"mnt"), 0)?;
    let file = call!(openat, libc::AT_FDCWD, c"x", libc::O_RDONLY, 0)?;
    returns(call!(close, file), 0)?;
    returns(call!(chdir, c".."), 0)?;
    returns(call!(umount2, c"mnt", 0), 0)?;
    Ok(())
}

/// Answers until the filesystem is unmounted (ENODEV).
fn serve(device: i32, room: &mut [u64]) -> ! {
    // SAFETY: the room is as large as it says, and aligned for what lies in it.
    let status = unsafe {
        loop {
            if libc::read(device, room.as_mut_ptr().cast(), ROOM) < 0 {
                break i32::from(Errno::last() != Errno::ENODEV);
            }
            let request = &*room.as_ptr().cast::<Request>();
            let Some((error, payload)) = answer(request.opcode, request.inode) else { continue };
            let mut reply = Vec::with_capacity(16 + payload.len());
            reply.extend((16 + payload.len() as u32).to_ne_bytes());
            reply.extend((-error).to_ne_bytes());
            reply.extend(request.unique.to_ne_bytes());
            reply.extend(payload);
            libc::write(device, reply.as_ptr().cast(), reply.len());
        }
    };
    // SAFETY: runs nothing.
    unsafe { libc::_exit(status) }
}

/// An errno, or 0 with what the request asks for. Nothing of it may be remembered: all times for that are 0.
fn answer(opcode: u32, inode: u64) -> Option<(i32, Vec<u8>)> {
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    Some(match opcode {
        FORGET => return None,
        // struct fuse_init_out: version 7.31, and nothing that is optional.
        INIT => (0, [&[7_u32.to_ne_bytes(), 31_u32.to_ne_bytes()].concat()[..], &[0; 56]].concat()),
        LOOKUP => (0, [words(&[FILE, 0, 0, 0, 0]), attributes(FILE)].concat()),
        GETATTR => (0, [words(&[0, 0]), attributes(inode)].concat()),
        OPEN => (0, words(&[0, 0])),
        READ => (0, b"x".to_vec()),
        RELEASE | FLUSH => (0, Vec::new()),
        _ => (libc::ENOSYS, Vec::new()),
    })
}

fn attributes(inode: u64) -> Vec<u8> {
    let mode = if inode == ROOT { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
    let attributes = Attributes { inode, size: 1, mode, links: 1, block_size: 4096, ..Attributes::default() };
    // SAFETY: plain numbers without padding between them.
    unsafe { std::slice::from_raw_parts(ptr::from_ref(&attributes).cast::<u8>(), size_of::<Attributes>()) }.to_vec()
}

const _: () = assert!(size_of::<Attributes>() == 88 && size_of::<Request>() == 40 && offset_of!(Request, inode) == 16);
