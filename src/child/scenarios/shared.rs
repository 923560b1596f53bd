//! Shared resources of processes: descriptors, working directories, ids (clone(2), unshare(2)).
#![allow(unsafe_code)]

use std::fs;
use std::ptr;

use libc::{CLONE_FILES, CLONE_FS, O_RDONLY, SIGCHLD};
use nix::errno::Errno;

use super::steps::{close, create, open, skip_on, write};
use crate::child::scenario::{Broken, Failed, Scenario, Setup, act, call, ensure, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("shared-cwd", shared_cwd),
    Scenario::new("shared-table", shared_table),
    Scenario::new("shared-thread-cwd", shared_thread_cwd),
    Scenario::new("shared-pid-namespace", shared_pid_namespace),
    Scenario::new("shared-pid-again", shared_pid_again),
    Scenario::new("shared-vfork-long", shared_vfork_long),
];

/// clone(2) with these flags. The child runs the function, and the parent waits for it.
fn in_clone(flags: i32, run: impl FnOnce() -> Result<(), Broken>) -> Result<i64, Broken> {
    let cloned = call!(clone, flags | SIGCHLD, 0, 0, 0, 0)?;
    finished(cloned, run)
}

fn finished(cloned: i64, run: impl FnOnce() -> Result<(), Broken>) -> Result<i64, Broken> {
    if cloned == 0 {
        let status = i32::from(run().is_err());
        // SAFETY: runs nothing.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0_i32;
    returns(call!(wait4, cloned, &raw mut status, 0, 0), cloned)?;
    ensure(status == 0, "the cloned process failed")?;
    Ok(cloned)
}

/// A child with CLONE_FS changes the working directory of both. A child without it, or after unshare, changes only its own.
fn shared_cwd() -> Setup {
    fs::create_dir_all("sub/below")?;
    act(|| {
        in_clone(0, || returns(call!(chdir, c"sub"), 0))?;
        close(create(c"own.txt")?)?;
        in_clone(CLONE_FS, || returns(call!(chdir, c"sub"), 0))?;
        close(create(c"shared.txt")?)?;
        in_clone(CLONE_FS, || {
            returns(call!(unshare, CLONE_FS), 0)?;
            returns(call!(chdir, c"below"), 0)
        })?;
        close(create(c"unshared.txt")?)
    })
}

/// A child with CLONE_FILES opens and closes descriptors for both, until it unshares.
fn shared_table() -> Setup {
    fs::write("x.txt", "")?;
    act(|| {
        let closed = create(c"closed.txt")?;
        in_clone(CLONE_FILES, || {
            close(closed)?;
            ensure(create(c"opened.txt")? == closed, "the number was not free")
        })?;
        write(closed, b"shared")?;
        in_clone(CLONE_FILES, || {
            returns(call!(unshare, CLONE_FILES), 0)?;
            close(closed)
        })?;
        write(closed, b"still")?;
        in_clone(CLONE_FILES, || {
            returns(call!(close_range, closed, closed, libc::CLOSE_RANGE_UNSHARE), 0)?;
            ensure(open(c"x.txt", O_RDONLY)? == closed, "the number was not free")
        })?;
        write(closed, b"still")?;
        close(closed)
    })
}

/// A thread shares the working directory of its process, until it unshares it.
fn shared_thread_cwd() -> Setup {
    fs::create_dir_all("sub/below")?;
    let joined = |thread: std::thread::JoinHandle<Result<(), Broken>>| {
        thread.join().map_err(|_| Broken::Step("the thread panicked".to_owned()))?
    };
    act(move || {
        joined(std::thread::spawn(|| returns(call!(chdir, c"sub"), 0)))?;
        close(create(c"shared.txt")?)?;
        joined(std::thread::spawn(|| {
            returns(call!(unshare, CLONE_FS), 0)?;
            returns(call!(chdir, c"below"), 0)?;
            close(create(c"own.txt")?)
        }))?;
        close(create(c"main.txt")?)
    })
}

/// The first process of a pid namespace is 1 there. fork returns another number than the pid outside.
fn shared_pid_namespace() -> Setup {
    // SAFETY: plain numbers.
    let unshared = Errno::result(unsafe { libc::unshare(libc::CLONE_NEWPID) });
    let skip = skip_on(Errno::EPERM, "it takes the rights of root: a pid namespace");
    unshared.map_err(|errno| skip(Failed { call: "unshare", errno }))?;
    act(|| {
        let file = create(c"parent.txt")?;
        in_clone(0, || {
            ensure(call!(getpid)? == 1, "it is not the first of its namespace")?;
            write(file, b"child")?;
            close(file)?;
            let own = create(c"child.txt")?;
            ensure(own == file, "the number was not free")?;
            in_clone(0, || write(own, b"grandchild"))?;
            close(own)
        })?;
        write(file, b"parent")?;
        close(file)
    })
}

/// A process that gets the pid of an ended one has its own files.
fn shared_pid_again() -> Setup {
    act(|| {
        let first = in_clone(0, || {
            close(create(c"first.txt")?)?;
            returns(call!(chdir, c"/"), 0)
        })?;
        let pid = first as i32;
        // SAFETY: plain numbers, for which all bits zero is a value.
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.exit_signal = SIGCHLD as u64;
        args.set_tid = (&raw const pid) as u64;
        args.set_tid_size = 1;
        let cloned = call!(clone3, &raw const args, size_of_val(&args));
        let somebody_else = cloned.is_err_and(|failed| failed.errno == Errno::EEXIST);
        premise(!somebody_else, "somebody else has got the pid meanwhile")?;
        let cloned = cloned.map_err(skip_on(Errno::EPERM, "it takes the rights of root: a pid of one's choice"))?;
        finished(cloned, || close(create(c"second.txt")?)).map(drop)
    })
}

extern "C" fn many_calls(_: *mut libc::c_void) -> i32 {
    let file = create(c"child.txt");
    let written = file.map_err(Broken::from).and_then(|file| (0..200).try_for_each(|_| write(file, b"x")));
    i32::from(written.is_err())
}

/// The parent waits until its vforked child ends. The many calls in between belong to the child.
fn shared_vfork_long() -> Setup {
    act(|| {
        let mut stack = vec![0_u8; 64 * 1024];
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | SIGCHLD;
        let top = stack.as_mut_ptr_range().end.map_addr(|end| end & !15);
        // SAFETY: the stack is aligned, and the parent waits (CLONE_VFORK) while it is used.
        let forked = unsafe { libc::clone(many_calls, top.cast(), flags, ptr::null_mut()) };
        let mut status = 0_i32;
        returns(call!(wait4, forked, &raw mut status, 0, 0), forked.into())?;
        ensure(status == 0, "the vforked process failed")?;
        close(create(c"parent.txt")?)
    })
}
