//! The side of the child: it notes each call that a scenario makes.
//!
//! What is here runs between the calls of `act`, also in signal handlers and threads, and in processes that `act` forks. It takes no
//! lock and no memory.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::page::{DiaryLine, DiaryPage};
use crate::table::syscalls::{Effect, Ret, Syscall};

/// The descriptors that are known by their number. Those of scenarios begin at 3.
const DESCRIPTORS: usize = 128;

/// The diary, while one is kept.
static KEPT: AtomicPtr<DiaryPage> = AtomicPtr::new(ptr::null_mut());
/// The number of the last look at each descriptor, from 1; 0 if it is not known to be open.
static KNOWN: [AtomicU32; DESCRIPTORS] = [const { AtomicU32::new(0) }; DESCRIPTORS];

/// A call that has begun.
#[derive(Clone, Copy)]
pub struct BegunCall {
    page: &'static DiaryPage,
    line: &'static DiaryLine,
    row: Option<&'static Syscall>,
    args: [u64; 6],
}

/// Begins the diary, if one is wanted: looks at all files that `setup` has left open.
pub fn begin(page: &'static DiaryPage) {
    if page.is_wanted() {
        // One of them is the gate, whose number is above these.
        let mut left = how_many_are_open().map_or(usize::MAX, |open| open - 1);
        for (fd, known) in KNOWN.iter().enumerate() {
            // A look at a number without a file would take room.
            // SAFETY: plain numbers.
            let is_open = left > 0 && unsafe { libc::fcntl(fd as i32, libc::F_GETFD) } >= 0;
            left -= usize::from(is_open);
            known.store(if is_open { page.look(fd as i32) } else { 0 }, Ordering::Relaxed);
        }
        KEPT.store(ptr::from_ref(page).cast_mut(), Ordering::Release);
    }
}

/// How many descriptors the process has: the size of a folder since Linux 6.2 (proc_pid_fd(5)).
fn how_many_are_open() -> Option<usize> {
    // SAFETY: plain numbers, for which all bits zero is a value.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a path, and room for what is filled in.
    let failed = unsafe { libc::stat(c"/proc/self/fd".as_ptr(), &raw mut stat) } != 0;
    usize::try_from(stat.st_size).ok().filter(|&open| !failed && open > 0)
}

/// Notes that a call begins, if a diary is kept and has room.
pub fn before(number: u32, args: &[i64; 6]) -> Option<BegunCall> {
    // SAFETY: null, or a page that is mapped until the process ends.
    let page: &'static DiaryPage = unsafe { KEPT.load(Ordering::Acquire).as_ref() }?;
    let line = page.next_line()?;
    let row = Syscall::by_number(number);
    let args = args.map(|arg| arg as u64);
    line.number.store(number, Ordering::Relaxed);
    for (to, from) in line.args.iter().zip(args) {
        to.store(from, Ordering::Relaxed);
    }
    if let Some(row) = row.filter(|row| !row.makes_pair()) {
        for (look, at) in line.looks.iter().zip(row.fd_args().chain(row.replaces())).take(2) {
            look.store(known(args[at] as i32), Ordering::Relaxed);
        }
    }
    line.before.note();
    Some(BegunCall { page, line, row, args })
}

/// Notes how a call has returned, and looks at the files of the descriptors that it made.
pub fn after(begun: Option<BegunCall>, result: i64) {
    let Some(begun @ BegunCall { line, row, args, .. }) = begun else { return };
    let clones = row.is_some_and(|row| row.effect == Effect::Clone || row.arg("cl_args").is_some());
    // A cloned process has the line of its parent.
    if clones && result == 0 {
        return;
    }
    // From here on a look may be one call too many. The strict mode also forbids the clock of the vDSO (PR_SET_TSC in prctl(2)).
    if result >= 0 && row.is_some_and(|row| sets_filter(row, &args)) {
        KEPT.store(ptr::null_mut(), Ordering::Release);
        return;
    }
    line.after.note();
    line.result.store(result, Ordering::Relaxed);
    let Some(row) = row.filter(|_| result >= 0) else { return };
    begun.look_at_made(row, result);
    if row.effect == Effect::Close {
        learn(args[0] as i32, 0);
    }
    if changes_many(row, &args) {
        forget_all();
    }
    begun.note_end(row, result);
}

/// Whether others than the known descriptors may be closed or made by a call. A process that shares them (CLONE_FILES) may do that as
/// well, and so may a request of io_uring.
fn changes_many(row: &Syscall, args: &[u64; 6]) -> bool {
    let shares = row.effect == Effect::Clone && args[0] as i32 & libc::CLONE_FILES != 0;
    let may_share = row.arg("cl_args").is_some();
    shares || may_share || row.effect == Effect::CloseRange || row.effect == Effect::SubmitRequests
}

/// Whether a call may set a seccomp filter.
fn sets_filter(row: &Syscall, args: &[u64; 6]) -> bool {
    row.effect == Effect::ControlFilter
        || row.effect == Effect::ControlProcess && args[0] as i32 == libc::PR_SET_SECCOMP
}

impl BegunCall {
    fn look_at_made(&self, row: &Syscall, result: i64) {
        let [first, second, made] = &self.line.looks;
        let look = |fd: i32, place: &AtomicU32| {
            let look = self.page.look(fd);
            place.store(look, Ordering::Relaxed);
            learn(fd, look);
        };
        if row.makes_pair()
            && let Some((at, _)) = row.peek
        {
            // SAFETY: the call has succeeded, so the kernel has filled in two descriptors there.
            let [one, other] = unsafe { (self.args[at] as *const [i32; 2]).read_unaligned() };
            look(one, first);
            look(other, second);
        } else if matches!(row.ret_for(&self.args), Ret::Fd) {
            look(result as i32, made);
        }
    }

    /// Notes how a process has ended, if the call waited for one (wait4(2), waitid(2)).
    fn note_end(&self, row: &Syscall, result: i64) {
        let pointer = |name: &str| row.arg(name).map(|at| self.args[at]).filter(|&address| address != 0);
        if let Some(status) = pointer("wstatus").filter(|_| result > 0) {
            // SAFETY: the call has succeeded, so the kernel has filled in a status there.
            let status = unsafe { (status as *const i32).read_unaligned() };
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                self.page.note_end(result as u32, status);
            }
        }
        if let Some(info) = pointer("infop") {
            // SAFETY: as above, a `siginfo_t` of SIGCHLD, or zeros.
            let (code, pid, status) = unsafe {
                let info = &*(info as *const libc::siginfo_t);
                (info.si_code, info.si_pid(), info.si_status())
            };
            match code {
                libc::CLD_EXITED if pid != 0 => self.page.note_end(pid as u32, (status & 0xff) << 8),
                libc::CLD_KILLED => self.page.note_end(pid as u32, status),
                _ => {}
            }
        }
    }
}

fn known(fd: i32) -> u32 {
    usize::try_from(fd).ok().and_then(|fd| KNOWN.get(fd)).map_or(0, |known| known.load(Ordering::Relaxed))
}

fn learn(fd: i32, look: u32) {
    if let Some(known) = usize::try_from(fd).ok().and_then(|fd| KNOWN.get(fd)) {
        known.store(look, Ordering::Relaxed);
    }
}

fn forget_all() {
    KNOWN.iter().for_each(|known| known.store(0, Ordering::Relaxed));
}
