//! A fence is a harmless call that fails and that only `ior-it` makes. A tracer that reports it traces, and has reported all
//! earlier calls.
#![allow(unsafe_code)]

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The call that a fence is: one that the tracer can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceKind {
    /// openat(2) of a path that does not exist.
    Open,
    /// close(2) of a number that is not a descriptor.
    Close,
    /// newfstatat(2) of a path that does not exist.
    Stat,
    /// execve(2) of a path that does not exist.
    Exec,
}

/// The fences of one run. A word distinguishes them from those of other runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fences {
    /// Their call.
    pub kind: FenceKind,
    /// The word, in hexadecimal digits.
    pub nonce: u64,
}

/// The folder that the paths of fences name. It does not exist.
pub const FOLDER: &str = "/ior-it-fence";
/// The descriptor number of fence 0. No process has a descriptor with this number.
pub const FIRST: i64 = -7_000_001;
/// The highest number of a fence.
pub const MOST: u64 = 1 << 30;

impl Fences {
    /// The path of a fence.
    pub fn path(&self, number: u64) -> String {
        format!("{FOLDER}/{:x}/{number}", self.nonce)
    }

    /// The descriptor of a fence.
    pub fn fd(number: u64) -> i64 {
        FIRST - number.min(MOST) as i64
    }

    /// Makes one fence.
    pub fn make(&self, number: u64) {
        let path = self.path(number) + "\0";
        let path = path.as_ptr();
        let nothing = [std::ptr::null::<u8>()];
        // SAFETY: the path ends in a NUL, the lists are empty, and no call succeeds: there is no such path and no such descriptor.
        unsafe {
            match self.kind {
                FenceKind::Open => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY),
                FenceKind::Close => libc::syscall(libc::SYS_close, Self::fd(number) as i32),
                FenceKind::Stat => libc::syscall(libc::SYS_newfstatat, libc::AT_FDCWD, path, nothing.as_ptr(), 0),
                FenceKind::Exec => libc::syscall(libc::SYS_execve, path, nothing.as_ptr(), nothing.as_ptr()),
            };
        }
    }

    /// Makes a fence on each CPU, numbered from `first`. In many tracers each CPU has its own buffer.
    pub fn make_on_each_cpu(&self, first: u64, cpus: u32) {
        for cpu in 0..cpus {
            let mut one = CpuSet::new();
            let moved = one.set(cpu as usize).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one));
            // A CPU on which it may not run now has none of its earlier calls.
            let _ = moved;
            self.make(first + u64::from(cpu));
        }
    }
}
