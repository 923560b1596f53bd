//! Our own tracer in its own slot, as any other: what it records becomes JSON lines, and is judged from these.
//!
//! I/O: loads and attaches the BPF object a second time. The first one is the reference.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::collector::Collector;
use super::json;
use super::keys::DATA;
use super::seam::{Profile, Shown, Subject, Waited, Watching};
use super::window::Fences;
use crate::base::error::Error;
use crate::trace::decoder::{Decoded, Decoder};
use crate::watch::tracer::{self, Extent, Tracer, WATCHES};

/// How long a record may wait unseen if its program had asked before whether it is to wake the reader.
const TICK: Duration = Duration::from_millis(50);

/// Our own tracer under test.
pub struct OwnTracer {
    profile: Profile,
    tracer: Tracer,
    /// Whether it reads what pointers lead to: only if that is claimed.
    data: u32,
    /// Which slots of the tracer are taken.
    slots: Mutex<BTreeSet<usize>>,
}

impl OwnTracer {
    /// Loads and attaches it.
    pub fn load(profile: Profile) -> Result<Self, Error> {
        let claims_data = profile.claims.says(DATA);
        let data = if claims_data { tracer::MOST_DATA } else { 0 };
        let tracer = Tracer::load(&tracer::TracerOptions { data, ..tracer::TracerOptions::default() })?;
        Ok(Self { profile, tracer, data, slots: Mutex::default() })
    }

    /// A slot that no other watch has, until it is dropped.
    fn slot(&self) -> Result<OwnSlot<'_>, Error> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let free = (0..WATCHES).find(|slot| slots.insert(*slot));
        free.map(|number| OwnSlot { number, slots: &self.slots }).ok_or_else(|| {
            Error::scenario(format!("{WATCHES} processes are watched, and no more can be"), "use fewer --test-threads")
        })
    }
}

impl Subject for OwnTracer {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn watch(&self, pid: u32, fences: Fences) -> Result<Box<dyn Watching + '_>, Error> {
        let slot = self.slot()?;
        let watching =
            self.tracer.watch_with(slot.number, pid, Extent { follow: true, hides: false, data: self.data })?;
        let decoder = Mutex::new(Decoder::new(None));
        Ok(Box::new(OwnWatch { collector: Collector::new(fences, 1), decoder, watching, _slot: slot }))
    }
}

/// A slot of the tracer.
struct OwnSlot<'s> {
    number: usize,
    slots: &'s Mutex<BTreeSet<usize>>,
}

impl Drop for OwnSlot<'_> {
    fn drop(&mut self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// One process that is watched, with what it forks. The slot is free once the watch has ended: fields are dropped in order.
struct OwnWatch<'s> {
    collector: Collector,
    decoder: Mutex<Decoder>,
    watching: tracer::WatchGuard<'s>,
    _slot: OwnSlot<'s>,
}

impl OwnWatch<'_> {
    fn decoder(&self) -> MutexGuard<'_, Decoder> {
        self.decoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes lines of the records that have come, in the order of the calls' entries. Returns how many records have come in all.
    fn take(&self) -> u64 {
        let mut decoder = self.decoder();
        let mut calls = Vec::new();
        self.watching.take().for_each(|bytes| {
            if let Some(Decoded::Call(call)) = decoder.take(bytes) {
                calls.push(call);
            }
        });
        calls.sort_by_key(|call| call.order);
        self.collector.push(calls.iter().map(|call| {
            let line = json::of_call(call);
            (json::read(line.as_bytes()), line.len())
        }));
        decoder.received()
    }
}

impl Watching for OwnWatch<'_> {
    fn wait_for(&self, enough: &dyn Fn(&BTreeSet<u64>) -> bool, limit: Duration) -> Waited {
        let begin = Instant::now();
        loop {
            self.take();
            let left = limit.saturating_sub(begin.elapsed());
            match self.collector.wait_for(enough, Duration::ZERO) {
                Waited::TooLong if !left.is_zero() => self.watching.wait_for_records(left.min(TICK)),
                waited => return waited,
            }
        }
    }

    fn stop(self: Box<Self>, limit: Duration) -> Shown {
        // What goes on is no loss: it is taken as far as it has come.
        let is_gone = self.watching.wait_until_gone(limit);
        let counts = self.watching.until_all_have_come(|| self.take()).with_received(self.decoder().counts());
        if is_gone && !counts.losses().is_empty() {
            self.collector.lost(counts.seen.saturating_sub(counts.received).max(1));
        }
        self.collector.take()
    }
}
