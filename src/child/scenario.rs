//! What a scenario is, and what its functions are written with.
//!
//! The code here runs in the forked child. `act` reaches the kernel only by [`call`], which makes exactly the system call that it
//! names: no library in between could choose another.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fmt;

use nix::errno::Errno;

use crate::child::command::ChildCommand;
use crate::child::diary;
use crate::table::syscalls::number_of;

/// A named workload: `setup`, which is not traced, and `act`, which is.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, the one in `tests.toml`.
    pub name: &'static str,
    /// What it does.
    pub workload: Workload,
}

/// What a scenario does.
#[derive(Clone, Copy)]
pub enum Workload {
    /// The function runs `setup` in the workspace and returns `act`.
    Code(fn() -> Setup),
    /// A command from a file of one's own. Its `act` is the execve(2) and all that the program does.
    Command(&'static ChildCommand),
}

impl Scenario {
    /// A scenario with this name.
    pub const fn new(name: &'static str, setup: fn() -> Setup) -> Self {
        Self { name, workload: Workload::Code(setup) }
    }
}

/// The result of `setup`: the traced part, or the reason why there is none.
pub type Setup = Result<Act, Broken>;

/// The traced part. Its captures must not make system calls when dropped: use raw descriptors, not owned ones.
pub type Act = Box<dyn FnOnce() -> Result<(), Broken>>;

/// Boxes the traced part.
pub fn act(act: impl FnOnce() -> Result<(), Broken> + 'static) -> Setup {
    Ok(Box::new(act))
}

/// Why a workload could not do its work.
#[derive(Debug)]
pub enum Broken {
    /// A step failed, a sentence.
    Step(String),
    /// This machine lacks what the scenario needs, a sentence.
    Skip(String),
    /// The condition that the scenario is about did not occur this time (a page was present, a signal came too early), a
    /// sentence.
    Premise(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Step(sentence) | Broken::Skip(sentence) | Broken::Premise(sentence) => f.write_str(sentence),
        }
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Broken::Step(error.to_string())
    }
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Self {
        Broken::Step(errno.to_string())
    }
}

impl From<Failed> for Broken {
    fn from(failed: Failed) -> Self {
        let Failed { call, errno } = failed;
        match errno {
            Errno::ENOSYS => Broken::Skip(format!("this kernel has no {call}")),
            errno => Broken::Step(format!("{call} failed with {errno:?}")),
        }
    }
}

/// A system call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub call: &'static str,
    /// Why.
    pub errno: Errno,
}

/// One raw system call: `call!(openat, libc::AT_FDCWD, c"a.txt", libc::O_RDONLY, 0)`. The result is an `i64`, or [`Failed`].
macro_rules! call {
    ($name:ident $(, $arg:expr)* $(,)?) => {
        $crate::child::scenario::raw(stringify!($name), &[$($crate::child::scenario::Word::word($arg)),*])
    };
}
pub(crate) use call;

/// An argument as the register holds it.
pub trait Word {
    /// Numbers are sign-extended; pointers are addresses.
    fn word(self) -> i64;
}

macro_rules! words {
    ($($number:ty),*) => { $(impl Word for $number { fn word(self) -> i64 { self as i64 } })* };
}
words!(i32, u32, i64, u64, usize);

impl Word for &CStr {
    fn word(self) -> i64 {
        self.as_ptr() as i64
    }
}

impl<T> Word for *const T {
    fn word(self) -> i64 {
        self as i64
    }
}

impl<T> Word for *mut T {
    fn word(self) -> i64 {
        self as i64
    }
}

/// The expansion of `call!`. A call that this architecture or kernel lacks fails with `ENOSYS`.
pub fn raw(call: &'static str, words: &[i64]) -> Result<i64, Failed> {
    let number = number_of(call).ok_or(Failed { call, errno: Errno::ENOSYS })?;
    let mut six = [0; 6];
    six[..words.len()].copy_from_slice(words);
    let [a, b, c, d, e, f] = six;
    let begun = diary::before(number, &six);
    // SAFETY: scenarios pass pointers to memory that lives through the call, or bad ones on purpose, which the kernel refuses
    // with EFAULT.
    let result = unsafe { libc::syscall(i64::from(number), a, b, c, d, e, f) };
    let result = Errno::result(result);
    diary::after(begun, result.unwrap_or_else(|errno| -i64::from(errno as i32)));
    result.map_err(|errno| Failed { call, errno })
}

/// Checks that a call has failed with this errno.
pub fn fails(result: Result<i64, Failed>, errno: Errno) -> Result<(), Broken> {
    match result {
        Err(failed) if failed.errno == errno => Ok(()),
        Err(failed) => Err(failed.into()),
        Ok(value) => Err(Broken::Step(format!("a call was to fail with {errno:?} and returned {value}"))),
    }
}

/// Checks that a call has returned this value.
pub fn returns(result: Result<i64, Failed>, expected: i64) -> Result<(), Broken> {
    match result? {
        value if value == expected => Ok(()),
        value => Err(Broken::Step(format!("a call was to return {expected} and returned {value}"))),
    }
}

/// Checks a condition without which the scenario would show nothing. The sentence says what did not hold.
pub fn premise(holds: bool, otherwise: &str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::Premise(otherwise.to_owned())) }
}

/// Checks a condition that the workload depends on or shows. The sentence says what did not hold.
pub fn ensure(holds: bool, otherwise: &str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::Step(otherwise.to_owned())) }
}
