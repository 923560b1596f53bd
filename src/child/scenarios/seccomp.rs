//! Calls that seccomp(2) answers instead of the kernel.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use nix::errno::Errno;

use super::asked::{int_0x80, low};
use super::held::ended;
use super::restart::{is_blocked, until};
use super::steps::{close, create};
use crate::child::scenario::{Broken, Scenario, Setup, act, call, ensure, fails, premise, returns};

pub const ALL: &[Scenario] = &[
    Scenario::new("seccomp-denied", seccomp_denied),
    Scenario::new("seccomp-trapped", seccomp_trapped),
    Scenario::new("seccomp-waited", seccomp_waited),
    Scenario::new("seccomp-strict", seccomp_strict),
    Scenario::new("seccomp-killed", seccomp_killed),
    Scenario::new("seccomp-trapped-killed", seccomp_trapped_killed),
    Scenario::new("seccomp-32-bit", seccomp_32_bit),
    Scenario::new("seccomp-let-on", seccomp_let_on),
    Scenario::new("seccomp-own-number", seccomp_own_number),
    Scenario::new("seccomp-restarted", seccomp_restarted),
    Scenario::new("seccomp-two-paths", seccomp_two_paths),
    Scenario::new("seccomp-killed-thread", seccomp_killed_thread),
];

/// A filter that gives this answer to one call.
fn filter(number: i64, answer: u32) -> [libc::sock_filter; 4] {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    [
        // The first word of struct seccomp_data is the number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter { jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number as u32) },
        statement(libc::BPF_RET | libc::BPF_K, answer),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Sends this thread a signal that waits because it is blocked.
fn hold(signal: i32) {
    // SAFETY: the set is a plain number for the kernel.
    unsafe {
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut blocked, signal);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, ptr::null_mut());
        libc::raise(signal);
    }
}

/// A path on a page that is present. The kernel never reads it, and so a page that is not present would stay so.
fn denied_path() -> std::ffi::CString {
    c"denied".to_owned()
}

/// A call that a filter denies is not trapped, though SIGSYS waits.
fn seccomp_denied() -> Setup {
    let path = denied_path();
    hold(libc::SIGSYS);
    act(move || {
        let fd = create(c"allowed.txt")?;
        let mut filter = filter(libc::SYS_mkdirat, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        returns(call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0)?;
        returns(call!(prctl, libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0)?;
        returns(call!(lseek, fd, 0, libc::SEEK_SET), 0)?;
        // From the same place, with the same arguments: these are two calls.
        for _ in 0..2 {
            let denied = call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755);
            ensure(denied.is_err_and(|failed| failed.errno == Errno::EPERM), "mkdirat was not denied")?;
        }
        close(fd)
    })
}

/// How many handlers have run.
static HANDLED: AtomicU32 = AtomicU32::new(0);

/// Makes its own call.
extern "C" fn calling(_: i32) {
    let _ = call!(close, -1);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn handle(signal: i32, handler: extern "C" fn(i32)) -> Result<(), Errno> {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handlers only make a system call and change an atomic.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) }).map(drop)
}

/// Sets a filter during `setup`. The flags decide what the call returns.
pub(super) fn set(number: i64, answer: u32, flags: u64) -> Result<i64, Errno> {
    let mut filter = filter(number, answer);
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: plain numbers.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: the kernel copies the program, which outlives the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) })
}

/// SECCOMP_RET_TRAP: the program gets SIGSYS and no result, whatever the result's register holds.
fn seccomp_trapped() -> Setup {
    let path = denied_path();
    handle(libc::SIGSYS, calling)?;
    set(libc::SYS_mkdirat, libc::SECCOMP_RET_TRAP, 0)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        let _ = call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755);
        ensure(HANDLED.load(Ordering::Relaxed) == 1, "the signal was not handled")?;
        fails(call!(close, -1), Errno::EBADF)
    })
}

/// SECCOMP_RET_USER_NOTIF asks another process. A signal comes before the answer, and the wait begins again.
fn seccomp_waited() -> Setup {
    let path = denied_path();
    asks(libc::SYS_mkdirat, calling, DENIED)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        fails(call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755), Errno::ENOTDIR)?;
        premise(HANDLED.load(Ordering::Relaxed) == 1, "the signal was not handled")
    })
}

/// The answer is that the kernel shall make the call, which it has not begun to make before the signal.
fn seccomp_let_on() -> Setup {
    asks(libc::SYS_mkdirat, calling, LET_ON)?;
    act(|| {
        fails(call!(close, -1), Errno::EBADF)?;
        returns(call!(mkdirat, libc::AT_FDCWD, c"made", 0o755), 0)?;
        premise(HANDLED.load(Ordering::Relaxed) == 1, "the signal was not handled")
    })
}

/// The answer is a result that is the number of the call, as the register of the result holds it after a trap. Another signal waits.
fn seccomp_own_number() -> Setup {
    let path = denied_path();
    hold(libc::SIGHUP);
    asks(libc::SYS_mkdirat, calling, Answer { val: libc::SYS_mkdirat, error: 0, flags: 0 })?;
    act(move || {
        close(create(c"before.txt")?)?;
        returns(call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755), libc::SYS_mkdirat)?;
        premise(HANDLED.load(Ordering::Relaxed) == 1, "the signal was not handled")
    })
}

/// Sets a filter that denies the call which the signal has interrupted.
extern "C" fn denying(_: i32) {
    let mut filter = filter(libc::SYS_read, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let _ = call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    let _ = call!(prctl, libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
}

/// A read that the kernel has begun, and that a filter answers when it is made again.
fn seccomp_restarted() -> Setup {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    Errno::result(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    handle(libc::SIGUSR1, denying)?;
    // SAFETY: the child has one thread.
    let (reader, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        until(|| is_blocked(reader, &format!("{} {:#x} ", libc::SYS_read, ends[0])));
        // SAFETY: plain numbers; `_exit` runs nothing.
        unsafe {
            libc::kill(reader, libc::SIGUSR1);
            libc::_exit(0)
        };
    }
    act(move || {
        let mut byte = 0_u8;
        fails(call!(read, ends[0], &raw mut byte, 1), Errno::EPERM)
    })
}

/// Makes a call with two paths of its own.
extern "C" fn linking(_: i32) {
    let _ = call!(linkat, libc::AT_FDCWD, c"missing", libc::AT_FDCWD, c"of the handler", 0);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// The call that waits has two paths, and so has that of the handler.
fn seccomp_two_paths() -> Setup {
    let [before, after] = [c"before", c"after"].map(std::ffi::CStr::to_owned);
    asks(libc::SYS_renameat2, linking, DENIED)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        let renamed = call!(renameat2, libc::AT_FDCWD, before.as_ptr(), libc::AT_FDCWD, after.as_ptr(), 0);
        fails(renamed, Errno::ENOTDIR)?;
        premise(HANDLED.load(Ordering::Relaxed) == 1, "the signal was not handled")
    })
}

/// An answer, as struct seccomp_notif_resp has it.
#[derive(Clone, Copy)]
struct Answer {
    val: i64,
    error: i32,
    flags: u32,
}

const DENIED: Answer = Answer { val: 0, error: -libc::ENOTDIR, flags: 0 };
const LET_ON: Answer = Answer { val: 0, error: 0, flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 };

/// Another process gives this answer to one call, after a signal that has this handler.
fn asks(number: i64, handler: extern "C" fn(i32), answer: Answer) -> Result<(), Broken> {
    handle(libc::SIGUSR1, handler)?;
    let listener = match set(number, libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER) {
        Err(Errno::EINVAL) => return Err(Broken::Skip("this kernel has no seccomp notifications".to_owned())),
        listener => listener? as i32,
    };
    // SAFETY: the child has one thread.
    let (asks, forked) = unsafe { (libc::getpid(), libc::fork()) };
    if forked == 0 {
        // SAFETY: plain numbers; `_exit` runs nothing.
        unsafe {
            if receive(listener).is_ok() {
                libc::kill(asks, libc::SIGUSR1);
            }
            let status = receive(listener).and_then(|id| respond(listener, id, answer));
            libc::_exit(status.is_err().into());
        }
    }
    // SAFETY: nobody else has it. When the other process is gone, so is who answers.
    unsafe { libc::close(listener) };
    Ok(())
}

/// SECCOMP_IOCTL_NOTIF_RECV and SECCOMP_IOCTL_NOTIF_SEND (include/uapi/linux/seccomp.h).
const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;

/// Waits for a call that seccomp asks about, and returns its id. Skips calls that were interrupted meanwhile.
fn receive(listener: i32) -> Result<u64, Errno> {
    loop {
        // SAFETY: plain numbers, for which all bits zero is a value, and has to be.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: it is of the size that the number of the request says.
        match Errno::result(unsafe { libc::ioctl(listener, RECEIVE as _, &raw mut asked) }) {
            Err(Errno::ENOENT | Errno::EINTR) => {}
            received => return received.map(|_| asked.id),
        }
    }
}

fn respond(listener: i32, id: u64, Answer { val, error, flags }: Answer) -> Result<(), Errno> {
    let answer = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: as above.
    Errno::result(unsafe { libc::ioctl(listener, SEND as _, &raw const answer) }).map(drop)
}

/// The strict mode kills a thread at once for a call that it does not allow. The call has neither an enter nor an exit.
fn seccomp_strict() -> Setup {
    act(|| {
        returns(call!(prctl, libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT), 0)?;
        fails(call!(close, -1), Errno::EBADF)
    })
}

/// SECCOMP_RET_KILL_PROCESS: a signal kills the process on its way out of the call.
fn seccomp_killed() -> Setup {
    let path = denied_path();
    set(libc::SYS_mkdirat, libc::SECCOMP_RET_KILL_PROCESS, 0)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755)?;
        Err(Broken::Premise("the process was not killed".to_owned()))
    })
}

/// Makes a call for which the process is killed.
extern "C" fn killing(_: i32) {
    let _ = call!(lseek, -1, 0, libc::SEEK_SET);
}

/// A trapped call, whose handler begins with the call that kills: between the two the kernel makes none.
fn seccomp_trapped_killed() -> Setup {
    let path = denied_path();
    handle(libc::SIGSYS, killing)?;
    set(libc::SYS_mkdirat, libc::SECCOMP_RET_TRAP, 0)?;
    set(libc::SYS_lseek, libc::SECCOMP_RET_KILL_PROCESS, 0)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        call!(mkdirat, libc::AT_FDCWD, path.as_ptr(), 0o755)?;
        Err(Broken::Premise("the process was not killed".to_owned()))
    })
}

/// The thread that is to be killed.
static KILLED: AtomicI32 = AtomicI32::new(0);

fn will_be_killed() {
    // SAFETY: it takes nothing.
    KILLED.store(unsafe { libc::gettid() }, Ordering::Release);
}

/// Waits until a thread is no more. The word that `ended` waits for is cleared before the kernel reports the end of the thread, and
/// its id is free only after that (kernel/exit.c, do_exit()).
fn gone(tid: i32) {
    // SAFETY: plain numbers. Signal 0 is not sent.
    until(|| unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, 0) } != 0);
}

/// Uses three descriptors, and is killed in a call that has none.
extern "C" fn after_descriptors(file: *mut libc::c_void) -> *mut libc::c_void {
    will_be_killed();
    let _ = call!(dup3, file, 20, 0);
    let _ = call!(lseek, -1, 0, libc::SEEK_SET);
    ptr::null_mut()
}

/// Uses two paths, and is killed in a call that has none.
extern "C" fn after_paths(file: *mut libc::c_void) -> *mut libc::c_void {
    will_be_killed();
    let _ = call!(renameat, libc::AT_FDCWD, c"is-not-there", libc::AT_FDCWD, c"x");
    let _ = call!(lseek, file, 0, libc::SEEK_SET);
    ptr::null_mut()
}

/// SECCOMP_RET_KILL_THREAD kills one thread of several at once. Its last call has nothing of the one before.
fn seccomp_killed_thread() -> Setup {
    set(libc::SYS_lseek, libc::SECCOMP_RET_KILL_THREAD, 0)?;
    act(|| {
        let file = create(c"x.txt")?;
        returns(call!(dup3, file, 20, 0), 20)?;
        let argument = ptr::without_provenance_mut(file as usize);
        for run in [after_descriptors, after_paths] {
            ended(run, argument)?;
            gone(KILLED.load(Ordering::Acquire));
        }
        close(20)?;
        close(file)
    })
}

/// mkdir and getpid in the table of 32-bit programs on x86.
const MKDIR: u32 = 39;
const GETPID: u32 = 20;

/// A filter answers a call of a 32-bit program.
fn seccomp_32_bit() -> Setup {
    let path = low(c"denied")? as u32;
    if int_0x80(GETPID, [0; 4]) < 0 {
        return Err(Broken::Skip("this kernel takes no 32-bit calls".to_owned()));
    }
    set(MKDIR.into(), libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0)?;
    act(move || {
        fails(call!(close, -1), Errno::EBADF)?;
        let denied = int_0x80(MKDIR, [path, 0o755, 0, 0]) == -i64::from(libc::EPERM);
        ensure(denied, "mkdir was not denied")
    })
}
