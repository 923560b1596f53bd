//! A child that runs operations on demand, and reports their time by its own clock.
//!
//! Parent and child speak through a page that both have mapped. The child sleeps in futex(2) between batches, so that it
//! makes no calls then; the clock is read without one (vdso(7)).
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ior_it::support::child::scenario::{Broken, Scenario, Setup, act, ensure};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::Failure;
use super::operations::{self, Bench};

/// The page that both have mapped.
#[derive(Default)]
struct Board {
    turn: AtomicU32,
    operation: AtomicUsize,
    times: AtomicUsize,
    elapsed_ns: AtomicU64,
    good: AtomicBool,
}

static BOARD: OnceLock<&'static Board> = OnceLock::new();

/// Whose turn it is.
const PARENTS: u32 = 0;
const CHILDS: u32 = 1;

/// So often the child runs an operation before it looks at its clock: it has just been woken.
const WARM_UP: usize = 50;
/// Tells the child to end.
const NO_OPERATION: usize = usize::MAX;
const PATIENCE: Duration = Duration::from_secs(20);

/// The child as a scenario. Maps the board: before the zygote is forked.
pub fn scenario() -> Result<Scenario, Failure> {
    let size = std::num::NonZeroUsize::new(size_of::<Board>()).ok_or("an empty board")?;
    let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping; nothing else knows its address.
    let memory = unsafe { mmap_anonymous(None, size, rights, MapFlags::MAP_SHARED)? };
    // SAFETY: page-aligned, zeroed (which all its atomics may be), large enough and never unmapped.
    BOARD.get_or_init(|| unsafe { memory.cast().as_ref() });
    Ok(Scenario::new("worker", setup))
}

fn board() -> Result<&'static Board, Broken> {
    BOARD.get().copied().ok_or_else(|| Broken::Step("the board is not mapped".to_owned()))
}

fn setup() -> Setup {
    let mut bench = Bench::make()?;
    let board = board()?;
    act(move || {
        loop {
            wait_while(&board.turn, PARENTS, None);
            let (operation, times) = (board.operation.load(Ordering::Acquire), board.times.load(Ordering::Acquire));
            if operation == NO_OPERATION {
                return Ok(());
            }
            let warm = operations::run(&mut bench, operation, WARM_UP.min(times)) && bench.rewind();
            let begin = Instant::now();
            let good = operations::run(&mut bench, operation, times);
            let elapsed = begin.elapsed();
            ensure(bench.rewind(), "the file could not be rewound")?;
            board.elapsed_ns.store(elapsed.as_nanos() as u64, Ordering::Release);
            board.good.store(warm && good, Ordering::Release);
            hand_over(&board.turn, PARENTS);
        }
    })
}

/// Makes the child run an operation this many times, at most [`operations::MOST_TIMES`]. Returns the time.
pub fn batch(operation: usize, times: usize) -> Result<Duration, Failure> {
    let board = say(operation, times)?;
    wait_while(&board.turn, CHILDS, Some(PATIENCE));
    if board.turn.load(Ordering::Acquire) == CHILDS || !board.good.load(Ordering::Acquire) {
        return Err(format!("the child did not finish: {}", operations::ALL[operation]).into());
    }
    Ok(Duration::from_nanos(board.elapsed_ns.load(Ordering::Acquire)))
}

/// Lets the child end.
pub fn end() -> Result<(), Failure> {
    say(NO_OPERATION, 0).map(drop)
}

fn say(operation: usize, times: usize) -> Result<&'static Board, Failure> {
    let board = board().map_err(|broken| broken.to_string())?;
    board.operation.store(operation, Ordering::Release);
    board.times.store(times, Ordering::Release);
    hand_over(&board.turn, CHILDS);
    Ok(board)
}

fn hand_over(turn: &AtomicU32, to: u32) {
    turn.store(to, Ordering::Release);
    // SAFETY: the address of a living integer.
    unsafe { libc::syscall(libc::SYS_futex, turn.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// Sleeps until it is the other's turn, or the patience is over.
fn wait_while(turn: &AtomicU32, whose: u32, patience: Option<Duration>) {
    let deadline = patience.map(|patience| Instant::now() + patience);
    let timeout = patience.map(|patience| libc::timespec { tv_sec: patience.as_secs() as i64, tv_nsec: 0 });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    while turn.load(Ordering::Acquire) == whose && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        // SAFETY: the address of a living integer, and of a timespec or none.
        unsafe { libc::syscall(libc::SYS_futex, turn.as_ptr(), libc::FUTEX_WAIT, whose, timeout) };
    }
}
