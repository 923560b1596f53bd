//! Orders to a child besides its gate, in memory that it shares with `ior-it`: to make fences, to go to the gate, to end.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;

use crate::child::fence::{FenceKind, Fences};

/// An order to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildOrder {
    /// Make the fence with this number.
    Fence(u64),
    /// Go on: to the gate, or from `act` to the end.
    GoOn,
}

/// The fences around a child's `act`.
#[derive(Clone, Copy, Debug)]
pub struct Enclosed {
    /// Its fences.
    pub fences: Fences,
    /// The number of the fence before `act`. The later fences follow it, one on each CPU.
    pub open: u64,
    /// How many CPUs there are.
    pub cpus: u32,
}

/// The orders of one lane.
#[derive(Debug)]
pub struct Orders {
    /// 0 without fences, or else 1 plus the kind.
    kind: AtomicU32,
    nonce: AtomicU64,
    open: AtomicU64,
    cpus: AtomicU32,
    /// The fence that the last order requests, or [`GO_ON`].
    number: AtomicU64,
    /// How many orders were given.
    given: AtomicU32,
    /// How many were carried out.
    done: AtomicU32,
    /// 1 when `act` and the fences after it are over.
    acted: AtomicU32,
}

const GO_ON: u64 = u64::MAX;
const KINDS: [FenceKind; 4] = [FenceKind::Open, FenceKind::Close, FenceKind::Stat, FenceKind::Exec];

impl Orders {
    /// Resets it for the next child.
    pub fn clear(&self) {
        for word in [&self.kind, &self.given, &self.done, &self.acted] {
            word.store(0, Ordering::Release);
        }
    }

    /// Makes the next child put fences around its `act`.
    pub fn enclose(&self, by: &Enclosed) {
        self.nonce.store(by.fences.nonce, Ordering::Relaxed);
        self.open.store(by.open, Ordering::Relaxed);
        self.cpus.store(by.cpus, Ordering::Relaxed);
        self.kind.store(1 + by.fences.kind as u32, Ordering::Release);
    }

    /// The fences around this child's `act`, if it makes any.
    pub fn enclosed(&self) -> Option<Enclosed> {
        let kind = *KINDS.get(self.kind.load(Ordering::Acquire).checked_sub(1)? as usize)?;
        let fences = Fences { kind, nonce: self.nonce.load(Ordering::Relaxed) };
        let open = self.open.load(Ordering::Relaxed);
        Some(Enclosed { fences, open, cpus: self.cpus.load(Ordering::Relaxed) })
    }

    /// Makes fences until the order to go on comes. Runs in the child.
    pub fn obey(&self, fences: &Fences) {
        loop {
            let done = self.done.load(Ordering::Relaxed);
            while self.given.load(Ordering::Acquire) == done {
                // A tracer of the child interrupts this wait.
                let _ = futex::wait(&self.given, futex::Flags::empty(), done, None);
            }
            let number = self.number.load(Ordering::Relaxed);
            if number != GO_ON {
                fences.make(number);
            }
            self.done.store(done.wrapping_add(1), Ordering::Release);
            let _ = futex::wake(&self.done, futex::Flags::empty(), 1);
            if number == GO_ON {
                return;
            }
        }
    }

    /// Reports that `act` and the fences after it are over. Runs in the child.
    pub fn acted(&self) {
        self.acted.store(1, Ordering::Release);
        let _ = futex::wake(&self.acted, futex::Flags::empty(), 1);
    }

    /// Gives an order. The one before must have been carried out.
    pub fn give(&self, order: ChildOrder) {
        let number = if let ChildOrder::Fence(number) = order { number } else { GO_ON };
        self.number.store(number, Ordering::Relaxed);
        self.given.fetch_add(1, Ordering::Release);
        let _ = futex::wake(&self.given, futex::Flags::empty(), 1);
    }

    /// Whether the last order was carried out. Waits for it this long.
    pub fn is_done(&self, limit: Duration) -> bool {
        let (given, done) = (self.given.load(Ordering::Relaxed), self.done.load(Ordering::Acquire));
        given == done || {
            wait(&self.done, done, limit);
            self.done.load(Ordering::Acquire) == given
        }
    }

    /// Whether `act` and the fences after it are over. Waits for it this long.
    pub fn has_acted(&self, limit: Duration) -> bool {
        self.acted.load(Ordering::Acquire) == 1 || {
            wait(&self.acted, 0, limit);
            self.acted.load(Ordering::Acquire) == 1
        }
    }
}

fn wait(word: &AtomicU32, value: u32, limit: Duration) {
    let limit = limit.try_into().ok();
    let waited: Result<(), Errno> = futex::wait(word, futex::Flags::empty(), value, limit.as_ref());
    // Woken, timed out or interrupted: the caller checks again.
    let _ = waited;
}
