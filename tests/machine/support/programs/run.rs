//! How a program runs: in a child, with nothing of the machine within its reach.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use ior_it::support::child::scenario::{Broken, Setup, Word, act, call, raw};
use nix::errno::Errno;

use super::{Arg, BUFFER, CALLS, FILE, HOWS, MAGIC, PATHS, SLOTS, Step};

pub(super) fn generated() -> Setup {
    let bytes = fs::read(Path::new("..").join(FILE))?;
    let program: Vec<Step> = rmp_serde::from_slice(&bytes).map_err(|error| Broken::Step(error.to_string()))?;
    // What a program does to descriptors 0 to 2 must not reach the machine's own /dev/null.
    let own = fs::File::create("stream")?;
    nix::unistd::dup2_stdin(&own)?;
    nix::unistd::dup2_stdout(&own)?;
    nix::unistd::dup2_stderr(&own)?;
    fs::create_dir_all("dir/sub")?;
    fs::create_dir("other")?;
    fs::write("dir/a", "a")?;
    std::os::unix::fs::symlink("dir/sub", "link")?;
    jail()?;
    // SAFETY: "ignore" is no handler. A write into a pipe that nobody reads shall fail with EPIPE.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let mut state = State { slots: [-1; SLOTS], buffer: vec![b'x'; BUFFER] };
    act(move || state.run(&program))
}

/// Makes the workspace the root of all mounts that this process can see: no `..`, and no way out of a chroot(2), leads anywhere else.
/// In it is a proc(5) of its own, whose links a program follows.
fn jail() -> Result<(), Broken> {
    let workspace = CString::new(std::env::current_dir()?.as_os_str().as_bytes()).unwrap_or_default();
    fs::create_dir("proc")?;
    let (nothing, here) = (ptr::null(), workspace.as_ptr());
    let checked = |result: i64| Errno::result(result).map(drop);
    // SAFETY: strings that live through the calls, and null where mount(2) takes none.
    unsafe {
        checked(libc::unshare(libc::CLONE_NEWNS).into())?;
        checked(libc::mount(nothing, c"/".as_ptr(), nothing, libc::MS_REC | libc::MS_PRIVATE, ptr::null()).into())?;
        checked(libc::mount(here, here, nothing, libc::MS_BIND, ptr::null()).into())?;
        checked(libc::chdir(here).into())?;
        let proc = c"proc".as_ptr();
        checked(libc::mount(proc, proc, proc, 0, ptr::null()).into())?;
        // pivot_root(2), "pivot_root(".", ".")".
        checked(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))?;
        checked(libc::umount2(c".".as_ptr(), libc::MNT_DETACH).into())?;
        checked(libc::chdir(c"/".as_ptr()).into())?;
    }
    Ok(())
}

/// What the steps of a process share.
struct State {
    slots: [i64; SLOTS],
    buffer: Vec<u8>,
}

impl State {
    fn run(&mut self, steps: &[Step]) -> Result<(), Broken> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Broken> {
        match step {
            Step::Call { name, args, to } => {
                let words: Vec<i64> = args.iter().map(|&arg| self.word(arg)).collect();
                // Whether it succeeds is not the point.
                let result = raw_by_name(name, &words);
                if let Some(slot) = to {
                    self.slots[*slot] = result;
                }
                Ok(())
            }
            // SAFETY: no other thread of this process runs: whoever has started this one waits for it.
            Step::Fork(steps) => self.in_child(unsafe { libc::fork() }.into(), steps),
            Step::Clone { flags, steps } => {
                let cloned = call!(clone, flags | libc::SIGCHLD, 0, 0, 0, 0)?;
                self.in_child(cloned, steps)
            }
            Step::Interrupted { restarts, steps } => self.interrupted(*restarts, steps),
            Step::Thread(steps) => std::thread::scope(|scope| {
                let thread = scope.spawn(|| self.run(steps));
                thread.join().unwrap_or_else(|_| Err(Broken::Step("the thread panicked".to_owned())))
            }),
        }
    }

    /// What a child does, while its parent waits.
    fn in_child(&mut self, child: i64, steps: &[Step]) -> Result<(), Broken> {
        if child == 0 {
            let failed = self.run(steps).is_err();
            // SAFETY: ends the child without running what its parent registered.
            unsafe { libc::_exit(failed.into()) }
        }
        let mut status = 0;
        // SAFETY: room for a status.
        let waited = unsafe { libc::waitpid(child as i32, &raw mut status, 0) };
        Errno::result(waited)?;
        if status == 0 { Ok(()) } else { Err(Broken::Step(format!("a child ended with {status:#x}"))) }
    }

    /// Reads from an empty pipe, until a handler has taken these steps and written a byte into it.
    fn interrupted(&mut self, restarts: bool, steps: &[Step]) -> Result<(), Broken> {
        let Some([read, write]) = pipe_out_of_reach() else { return Ok(()) };
        let mut job = Job { state: self, steps, write };
        JOB.store((&raw mut job).cast(), Ordering::Relaxed);
        let mut byte = 0_u8;
        // SAFETY: numbers and structs that live through the calls. The handler only runs while this frame is there: at its end
        // there is no job for it any more.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_NODEFER | if restarts { libc::SA_RESTART } else { 0 };
            Errno::result(libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()))?;
            let mut event: libc::sigevent = std::mem::zeroed();
            (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_THREAD_ID, libc::SIGALRM);
            event.sigev_notify_thread_id = libc::gettid();
            let mut timer: libc::timer_t = ptr::null_mut();
            Errno::result(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer))?;
            let mut soon: libc::itimerspec = std::mem::zeroed();
            soon.it_value.tv_nsec = 200_000;
            Errno::result(libc::timer_settime(timer, 0, &raw const soon, ptr::null_mut()))?;
            let _ = call!(read, read, &raw mut byte, 1);
            libc::timer_delete(timer);
        }
        JOB.store(ptr::null_mut(), Ordering::Relaxed);
        let _ = call!(close, read);
        let _ = call!(close, write);
        Ok(())
    }

    fn word(&mut self, arg: Arg) -> i64 {
        match arg {
            Arg::Number(number) => number,
            Arg::Slot(slot) => self.slots[slot],
            Arg::Path(path) => PATHS[path].word(),
            Arg::Magic(path) => MAGIC[path].word(),
            Arg::How(how) => HOWS[how].as_ptr().word(),
            Arg::Buffer => self.buffer.as_mut_ptr().word(),
            Arg::Nowhere => 1,
        }
    }
}

/// What the next signal is to do.
struct Job<'j> {
    state: *mut State,
    steps: &'j [Step],
    write: i64,
}

/// The job, if there is one. One thread runs at a time.
static JOB: AtomicPtr<Job<'static>> = AtomicPtr::new(ptr::null_mut());

extern "C" fn handle(_: i32) {
    let job = JOB.swap(ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: it is there until its frame takes it away.
    let Some(job) = (unsafe { job.as_mut() }) else { return };
    // SAFETY: what the signal has interrupted is a system call of that frame, or lies between two of them.
    let state = unsafe { &mut *job.state };
    // Whether they succeed is not the point.
    let _ = state.run(job.steps);
    let _ = call!(write, job.write, c"x", 1);
}

/// A pipe that blocks, at numbers that no other step reads or writes.
fn pipe_out_of_reach() -> Option<[i64; 2]> {
    const FAR: i64 = 200;
    let mut ends = [0_i32; 2];
    call!(pipe2, ends.as_mut_ptr(), 0).ok()?;
    let moved = ends.map(|end| call!(fcntl, end, libc::F_DUPFD, FAR));
    for end in ends {
        let _ = call!(close, end);
    }
    match moved {
        [Ok(read), Ok(write)] => Some([read, write]),
        _ => None,
    }
}

/// The result, or -1.
fn raw_by_name(name: &str, words: &[i64]) -> i64 {
    CALLS.iter().find(|call| call.0 == name).and_then(|call| raw(call.0, words).ok()).unwrap_or(-1)
}
