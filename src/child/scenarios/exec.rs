//! Processes that execute another program, and processes that fork.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ptr;

use libc::{AT_FDCWD, O_CLOEXEC, O_CREAT, O_RDWR};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::path::cold_at;
use super::program::{BASE, write_closing};
use super::steps::{close, create, open_dir, skip_on, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, fails, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("exec-comm", exec_comm),
    Scenario::new("thread-exec", thread_exec),
    Scenario::new("fork-follow", fork_follow),
    Scenario::new("vfork-exec", vfork_exec),
    Scenario::new("exec-at", exec_at),
    Scenario::new("exec-at-far", exec_at_far),
    Scenario::new("exec-long", exec_long),
    Scenario::new("exec-same-address", exec_same_address),
    Scenario::new("exec-same-array", exec_same_array),
    Scenario::new("exec-not-permitted", exec_not_permitted),
];

const PROGRAM: &CStr = c"tiny";

/// Executes the program. Returns only after a failure.
fn exec() -> Result<(), Broken> {
    let arguments = [PROGRAM.as_ptr(), ptr::null()];
    let environment = [ptr::null::<libc::c_char>()];
    call!(execve, PROGRAM, arguments.as_ptr(), environment.as_ptr())?;
    Ok(())
}

/// Opens a file as 3 that stays open across execve, and one as 4 that does not.
fn open_two() -> Result<(), Broken> {
    ensure(create(c"kept.txt")? == 3, "the first descriptor is not 3")?;
    let gone = call!(openat, AT_FDCWD, c"gone.txt", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)?;
    ensure(gone == 4, "the second descriptor is not 4")
}

fn exec_comm() -> Setup {
    write_closing(PROGRAM, &[3, 4])?;
    act(|| {
        open_two()?;
        exec()
    })
}

/// execve by a thread that is not the leader. The other threads end, and it continues under the leader's id.
fn thread_exec() -> Setup {
    write_closing(PROGRAM, &[3, 4])?;
    act(|| {
        open_two()?;
        let other = std::thread::spawn(exec);
        other.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))??;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// Runs this in a forked process, and waits for its end.
pub(super) fn in_fork(run: impl FnOnce() -> Result<(), Broken>) -> Result<(), Broken> {
    // A raw call, because a libc's fork would run handlers in between.
    let forked = call!(clone, libc::SIGCHLD, 0, 0, 0, 0)?;
    if forked == 0 {
        let status = i32::from(run().is_err());
        // SAFETY: runs nothing.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0_i32;
    returns(call!(wait4, forked, &raw mut status, 0, 0), forked)?;
    ensure(status == 0, "the forked process failed")
}

/// A child and a grandchild use an inherited file, and each opens one of its own.
fn fork_follow() -> Setup {
    act(|| {
        let shared = create(c"shared.txt")?;
        in_fork(|| {
            write(shared, b"child")?;
            let own = create(c"child.txt")?;
            in_fork(|| {
                write(own, b"grandchild")?;
                close(shared)?;
                close(create(c"grandchild.txt")?)
            })?;
            close(own)
        })?;
        write(shared, b"parent")?;
        close(shared)
    })
}

extern "C" fn exec_in_vfork(_: *mut libc::c_void) -> i32 {
    i32::from(exec().is_err())
}

/// A vforked process executes another program, which closes its descriptors. Those of its parent stay open.
fn vfork_exec() -> Setup {
    write_closing(PROGRAM, &[3, 4])?;
    act(|| {
        open_two()?;
        let mut stack = vec![0_u8; 64 * 1024];
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let top = stack.as_mut_ptr_range().end;
        // SAFETY: the stack is aligned enough by its end being rounded down, and the parent waits (CLONE_VFORK) while it is used.
        let forked =
            unsafe { libc::clone(exec_in_vfork, top.map_addr(|end| end & !15).cast(), flags, ptr::null_mut()) };
        let mut status = 0_i32;
        returns(call!(wait4, forked, &raw mut status, 0, 0), forked.into())?;
        write(3, b"parent")?;
        close(4)?;
        close(3)
    })
}

/// The numbers of the directory's descriptor, each with a program of its own.
const DIRECTORIES: [i32; 4] = [3, 45, 678, 1012];

/// execveat(2) below descriptors with one digit and more, and of a descriptor itself. The kernel makes one name of both, and the
/// caller's path is what stands behind the number.
fn exec_at() -> Setup {
    std::fs::create_dir("sub")?;
    write_closing(c"sub/tiny", &[])?;
    act(|| {
        let sub = open_dir(c"sub")?;
        for number in DIRECTORIES {
            if i64::from(number) != sub {
                returns(call!(dup2, sub, number), number.into())?;
            }
            in_fork(|| at(number.into(), PROGRAM, 0))?;
        }
        let program = call!(openat, sub, PROGRAM, libc::O_RDONLY | O_CLOEXEC, 0)?;
        in_fork(|| at(program, c"", libc::AT_EMPTY_PATH))
    })
}

/// The same below a descriptor with five digits.
fn exec_at_far() -> Setup {
    std::fs::create_dir("sub")?;
    write_closing(c"sub/tiny", &[])?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let raised = setrlimit(Resource::RLIMIT_NOFILE, FAR + 1, hard.max(FAR + 1));
    raised.map_err(|_| Broken::Skip(format!("it takes {} descriptors: setrlimit(2), RLIMIT_NOFILE", FAR + 1)))?;
    act(|| {
        let sub = open_dir(c"sub")?;
        returns(call!(dup2, sub, FAR), FAR as i64)?;
        at(FAR as i64, PROGRAM, 0)
    })
}

const FAR: u64 = 12_345;

/// Becomes the program at this path; returns only if it cannot.
fn at(dir: i64, path: &CStr, flags: i32) -> Result<(), Broken> {
    let arguments = [PROGRAM.as_ptr(), ptr::null()];
    call!(execveat, dir, path, arguments.as_ptr(), arguments[1..].as_ptr(), flags)?;
    Ok(())
}

/// The kernel's own copy of the path has 304 bytes, and the path is on a page that nobody has touched.
fn exec_long() -> Setup {
    write_closing(PROGRAM, &[])?;
    let path = super::path::cold(&format!("{}tiny\0", "./".repeat(150)))?;
    act(move || {
        let words = [path, ptr::null()];
        call!(execve, path, words.as_ptr(), words[1..].as_ptr())?;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// The path is on an untouched page, at an address at which the new program has something else.
fn exec_same_address() -> Setup {
    write_closing(PROGRAM, &[])?;
    let path = cold_at(b"tiny", BASE)?;
    act(move || {
        let words = [path, ptr::null()];
        call!(execve, path, words.as_ptr(), words[1..].as_ptr())?;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// The arguments are on an untouched page, where the new program has addresses that lead to its own bytes.
fn exec_same_array() -> Setup {
    /// Where `p_vaddr` and `p_paddr` are, which both are the address of the program (elf(5)).
    const ADDRESSES: usize = 64 + 16;
    write_closing(PROGRAM, &[])?;
    let mut page = vec![0; ADDRESSES];
    page.extend([PROGRAM.as_ptr() as usize, 0].into_iter().flat_map(usize::to_ne_bytes));
    let words = cold_at(&page, BASE)?.wrapping_add(ADDRESSES);
    act(move || {
        call!(execve, PROGRAM, words, ptr::null::<u8>())?;
        Err(Broken::Step("execve returned".to_owned()))
    })
}

/// The program is to have a capability that this process can no longer have (capabilities(7), "Safety checking for capability-dumb
/// binaries"): EPERM has the number 1. Its arguments are on an untouched page.
fn exec_not_permitted() -> Setup {
    /// VFS_CAP_REVISION_2 with VFS_CAP_FLAGS_EFFECTIVE, CAP_LEASE among the permitted ones, and nothing that is inherited.
    const CAPABILITIES: [u32; 5] = [0x0200_0001, 1 << LEASE, 0, 0, 0];
    const LEASE: u32 = 28;
    write_closing(PROGRAM, &[])?;
    let bytes = CAPABILITIES.map(u32::to_le_bytes).concat();
    let set = call!(setxattr, PROGRAM, c"security.capability", bytes.as_ptr(), bytes.len(), 0);
    if let Err(Failed { errno: Errno::EPERM, .. }) = set {
        return Err(Broken::Skip("it takes the rights of root: capabilities(7)".to_owned()));
    }
    set.map_err(skip_on(Errno::EOPNOTSUPP, "the file system of the workspace lacks these attributes"))?;
    if statvfs(".")?.flags().contains(FsFlags::ST_NOSUID) {
        return Err(Broken::Skip("programs in the workspace get no capabilities".to_owned()));
    }
    returns(call!(prctl, libc::PR_CAPBSET_DROP, LEASE, 0, 0, 0), 0)?;
    let words = [PROGRAM.as_ptr() as usize, 0].map(usize::to_ne_bytes).concat();
    let words = cold_at(&words, BASE)?;
    act(move || fails(call!(execve, PROGRAM, words, ptr::null::<u8>()), Errno::EPERM))
}
