//! The child's report, in memory that it shares with `ior-it`: a report by write(2) would be traced.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::orders::Orders;
use crate::child::diary::DiaryPage;
use crate::child::ending::{How, Phase};

const TEXT_CAP: usize = 1000;

/// One lane's slot.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct LaneSlot {
    /// 0 in `setup`, 1 in `act`.
    phase: AtomicU32,
    /// 1 once the gate is open.
    open: AtomicU32,
    /// 0 without a report, or one of the constants below.
    how: AtomicU32,
    len: AtomicU32,
    /// The errno with which execve(2) failed, or 0.
    refused: AtomicI32,
    /// Beside the gate.
    pub orders: Orders,
    /// What the child notes of its calls.
    pub diary: DiaryPage,
    text: [AtomicU8; TEXT_CAP],
}

const FINISHED: u32 = 1;
const FAILED: u32 = 2;
const SKIPPED: u32 = 3;
const PANICKED: u32 = 4;
const PREMISE_NOT_MET: u32 = 5;

impl LaneSlot {
    /// Clears the slot for the next child, which keeps a diary or not.
    pub fn clear(&self, keeps_diary: bool) {
        self.phase.store(0, Ordering::Relaxed);
        self.open.store(0, Ordering::Relaxed);
        self.len.store(0, Ordering::Relaxed);
        self.refused.store(0, Ordering::Relaxed);
        self.orders.clear();
        self.diary.clear(keeps_diary);
        self.how.store(0, Ordering::Release);
    }

    /// `setup` is done.
    pub fn enter_act(&self) {
        self.phase.store(1, Ordering::Release);
    }

    /// Notes that the gate is open, before the child can notice.
    pub fn open_gate(&self) {
        self.open.store(1, Ordering::Release);
    }

    /// Whether the gate is open.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire) == 1
    }

    /// Where the child is.
    pub fn phase(&self) -> Phase {
        if self.phase.load(Ordering::Acquire) == 0 { Phase::Setup } else { Phase::Act }
    }

    /// Notes the errno with which execve(2) failed.
    pub fn refuse(&self, errno: Errno) {
        self.refused.store(errno as i32, Ordering::Release);
    }

    /// The errno with which execve(2) failed, if it did.
    pub fn refused(&self) -> Option<Errno> {
        Some(self.refused.load(Ordering::Acquire)).filter(|&errno| errno != 0).map(Errno::from_raw)
    }

    /// Reports how the child ended, once, at its end. A sentence that is too long is cut.
    pub fn say(&self, how: &How) {
        let (code, text) = match how {
            How::Finished => (FINISHED, ""),
            How::Failed(sentence) => (FAILED, sentence.as_str()),
            How::Skipped(sentence) => (SKIPPED, sentence.as_str()),
            How::Panicked(message) => (PANICKED, message.as_str()),
            How::PremiseNotMet(sentence) => (PREMISE_NOT_MET, sentence.as_str()),
            // The parent sees these when the child is reaped.
            How::Signal(_) | How::Exited(_) | How::TimedOut(_) => return,
        };
        for (to, from) in self.text.iter().zip(text.bytes()) {
            to.store(from, Ordering::Relaxed);
        }
        self.len.store(text.len().min(TEXT_CAP) as u32, Ordering::Relaxed);
        self.how.store(code, Ordering::Release);
    }

    /// The child's report, if there is one.
    pub fn how(&self) -> Option<How> {
        let code = self.how.load(Ordering::Acquire);
        let len = (self.len.load(Ordering::Relaxed) as usize).min(TEXT_CAP);
        let bytes: Vec<u8> = self.text[..len].iter().map(|byte| byte.load(Ordering::Relaxed)).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match code {
            FINISHED => Some(How::Finished),
            FAILED => Some(How::Failed(text)),
            SKIPPED => Some(How::Skipped(text)),
            PANICKED => Some(How::Panicked(text)),
            PREMISE_NOT_MET => Some(How::PremiseNotMet(text)),
            _ => None,
        }
    }
}

/// The slots of all lanes, mapped before the zygote is forked and shared with every child.
#[derive(Debug)]
pub struct Slots(&'static [LaneSlot]);

impl Slots {
    /// Maps `count` slots; they stay mapped until the process ends.
    pub fn map(count: usize) -> io::Result<Self> {
        let bytes = NonZeroUsize::new(count * size_of::<LaneSlot>()).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: a new anonymous mapping; nothing else knows its address.
        let memory: NonNull<_> =
            unsafe { mmap_anonymous(None, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED)? };
        // SAFETY: the mapping is page-aligned, zeroed (all atomics are valid as 0), `count` slots long and never unmapped.
        Ok(Self(unsafe { std::slice::from_raw_parts(memory.cast().as_ptr(), count) }))
    }

    /// The slot of a lane.
    pub fn get(&self, lane: usize) -> &'static LaneSlot {
        &self.0[lane]
    }
}
