//! The memory of a diary. The child writes, and `ior-it` reads when the child has ended.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use super::{Diary, FileSeen, NotedCall};

/// The most calls, looks and ends that are noted. What comes later is not.
const LINES: usize = 256;
const LOOKS: usize = 256;
const ENDS: usize = 32;

/// The diary of one lane.
#[repr(C)]
pub struct DiaryPage {
    /// 1 if the child is to keep a diary.
    wanted: AtomicU32,
    lines_begun: AtomicU32,
    looks_begun: AtomicU32,
    ends_begun: AtomicU32,
    lines: [DiaryLine; LINES],
    looks: [DiaryLook; LOOKS],
    ends: [AtomicU64; ENDS],
}

/// One call.
#[repr(C)]
pub(super) struct DiaryLine {
    pub number: AtomicU32,
    pub args: [AtomicU64; 6],
    pub result: AtomicI64,
    /// The clock before and after; `after` is 0 before the call has returned.
    pub before: DiaryClock,
    pub after: DiaryClock,
    /// The number of the look at each descriptor and at the one made, from 1; 0 if there is none.
    pub looks: [AtomicU32; 3],
}

/// A `struct timespec` that only the kernel or the vDSO writes.
#[repr(transparent)]
pub(super) struct DiaryClock(UnsafeCell<libc::timespec>);

/// One look at a file: what fstat(2) has filled in.
#[repr(C)]
pub(super) struct DiaryLook {
    done: AtomicU32,
    status: UnsafeCell<MaybeUninit<libc::stat>>,
}

// SAFETY: each line and each look is written by the one thread that has claimed it, and read when all writers have ended.
unsafe impl Sync for DiaryPage {}

/// CLOCK_MONOTONIC in nanoseconds, which is the clock of BPF as well.
pub fn now_ns() -> u64 {
    let clock = DiaryClock(UnsafeCell::new(libc::timespec { tv_sec: 0, tv_nsec: 0 }));
    clock.note();
    clock.ns()
}

/// By how many seconds the clock of this process is ahead of that of BPF: it is in another namespace of times.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// From here on, this process is in a namespace whose clock is so many seconds ahead (time_namespaces(7)).
pub fn clock_is_ahead(seconds: i64) {
    AHEAD.store(seconds, Ordering::Relaxed);
}

impl DiaryClock {
    /// Writes down what time it is. Where the vDSO cannot tell it, this is a system call.
    pub fn note(&self) {
        // SAFETY: room for a `struct timespec`, which one thread writes.
        unsafe {
            libc::clock_gettime(libc::CLOCK_MONOTONIC, self.0.get());
            (*self.0.get()).tv_sec -= AHEAD.load(Ordering::Relaxed);
        }
    }

    fn clear(&self) {
        // SAFETY: nobody writes it now: the child has not begun.
        unsafe { *self.0.get() = libc::timespec { tv_sec: 0, tv_nsec: 0 } };
    }

    fn ns(&self) -> u64 {
        // SAFETY: its writers have ended.
        let libc::timespec { tv_sec, tv_nsec } = unsafe { *self.0.get() };
        tv_sec as u64 * 1_000_000_000 + tv_nsec as u64
    }
}

impl DiaryLook {
    /// Looks at the file of a descriptor. False if it is not open.
    fn at(&self, fd: i32) -> bool {
        // SAFETY: room for a `struct stat`, which one thread writes.
        let failed = unsafe { libc::syscall(libc::SYS_fstat, fd, self.status.get()) } != 0;
        self.done.store(u32::from(!failed), Ordering::Release);
        !failed
    }

    fn file(&self) -> Option<FileSeen> {
        if self.done.load(Ordering::Acquire) == 0 {
            return None;
        }
        // SAFETY: `done` says that the kernel has filled it in, and its writer has ended.
        let status = unsafe { (*self.status.get()).assume_init_ref() };
        let (major, minor) = (libc::major(status.st_dev), libc::minor(status.st_dev));
        let format = (status.st_mode & libc::S_IFMT) as u16;
        Some(FileSeen { device: major << 20 | minor, inode: status.st_ino, format })
    }
}

impl DiaryPage {
    /// Empties it for the next child, which keeps a diary or not.
    pub fn clear(&self, wanted: bool) {
        let used = |count: &AtomicU32, most: usize| (count.swap(0, Ordering::Relaxed) as usize).min(most);
        for line in &self.lines[..used(&self.lines_begun, LINES)] {
            line.before.clear();
            line.after.clear();
            line.looks.iter().for_each(|look| look.store(0, Ordering::Relaxed));
        }
        for look in &self.looks[..used(&self.looks_begun, LOOKS)] {
            look.done.store(0, Ordering::Relaxed);
        }
        for end in &self.ends[..used(&self.ends_begun, ENDS)] {
            end.store(0, Ordering::Relaxed);
        }
        self.wanted.store(wanted.into(), Ordering::Release);
    }

    /// Whether the child is to keep a diary.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) == 1
    }

    /// The next line, if there is one.
    pub(super) fn next_line(&self) -> Option<&DiaryLine> {
        self.lines.get(self.lines_begun.fetch_add(1, Ordering::Relaxed) as usize)
    }

    /// Looks at the file of a descriptor. The number of the look, from 1; 0 if the descriptor is not open, or there is no room.
    pub(super) fn look(&self, fd: i32) -> u32 {
        let at = self.looks_begun.fetch_add(1, Ordering::Relaxed);
        let is_open = self.looks.get(at as usize).is_some_and(|look| look.at(fd));
        if is_open { at + 1 } else { 0 }
    }

    /// Notes how a process has ended.
    pub(super) fn note_end(&self, pid: u32, status: i32) {
        if let Some(end) = self.ends.get(self.ends_begun.fetch_add(1, Ordering::Relaxed) as usize) {
            end.store(u64::from(pid) << 32 | u64::from(status as u32), Ordering::Relaxed);
        }
    }

    /// What the child has noted. It must have been reaped.
    pub fn read(&self) -> Diary {
        let begin = &raw const *self as u64;
        let ends = self.ends.iter().map(|end| end.load(Ordering::Relaxed)).filter(|&end| end != 0);
        Diary {
            calls: self.lines.iter().filter_map(|line| self.noted(line)).collect(),
            ends: ends.map(|end| ((end >> 32) as u32, end as u32 as i32)).collect(),
            addresses: begin..begin + size_of::<Self>() as u64,
        }
    }

    fn noted(&self, line: &DiaryLine) -> Option<NotedCall> {
        let (before_ns, after_ns) = (line.before.ns(), line.after.ns());
        if after_ns == 0 {
            return None;
        }
        let file = |look: &AtomicU32| {
            let at = (look.load(Ordering::Relaxed) as usize).checked_sub(1)?;
            self.looks.get(at)?.file()
        };
        let [first, second, made] = &line.looks;
        Some(NotedCall {
            number: line.number.load(Ordering::Relaxed),
            args: std::array::from_fn(|at| line.args[at].load(Ordering::Relaxed)),
            result: line.result.load(Ordering::Relaxed),
            before_ns,
            after_ns,
            fds: [file(first), file(second)],
            made: file(made),
        })
    }
}

impl fmt::Debug for DiaryPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiaryPage").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}
