//! Who of a watch is left: asked of the filter map, which BPF keeps, and of the kernel.

use std::sync::Arc;
use std::time::Instant;

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use zerocopy::FromBytes;

use super::shared::SharedArray;
use crate::pidfd::Pidfd;
use crate::record::{Filter, Watch};

/// The processes of a watch that are not gone. Outlives the watch: nobody is left then.
pub struct Left {
    filter: MapHandle,
    watches: Arc<SharedArray<Watch>>,
    slot: usize,
    id: u64,
}

impl Left {
    pub(super) fn of(filter: MapHandle, watches: Arc<SharedArray<Watch>>, slot: usize, id: u64) -> Self {
        Self { filter, watches, slot, id }
    }

    /// Anyone of them, to wait for. `None` if nobody is left, though that may not have been recorded: an end found no room in the
    /// ring, or a fork none in the filter map, or the object sees no ends.
    pub fn anyone(&self) -> Option<Pidfd> {
        self.found(|all| all.next())
    }

    /// Kills all of them, and whoever they fork meanwhile. True when nobody is left, false if somebody is at the end of the time.
    pub fn kill_all(&self, end: Instant) -> bool {
        // Who is killed may have just forked: once it is gone, its child is in the filter map.
        while let Some(last) = self.found(|all| all.inspect(Pidfd::kill).last()) {
            if !last.wait_until(end) {
                return false;
            }
        }
        true
    }

    /// Looks again if nobody is found and a fork has meanwhile been entered, maybe where the look had passed already.
    fn found(&self, find: impl Fn(&mut dyn Iterator<Item = Pidfd>) -> Option<Pidfd>) -> Option<Pidfd> {
        loop {
            let followed = self.watches.get(self.slot).followed;
            let found = find(&mut self.all());
            if found.is_some() || self.watches.get(self.slot).followed == followed {
                return found;
            }
        }
    }

    /// How many calls have been seen of the watch.
    pub fn seen(&self) -> u64 {
        self.watches.get(self.slot).seen
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.all().count()
    }

    fn all(&self) -> impl Iterator<Item = Pidfd> {
        self.filter.keys().filter_map(|pid| self.open(&pid))
    }

    /// The process of an entry. BPF notes its end in the entry before its number can be given to somebody else.
    fn open(&self, key: &[u8]) -> Option<Pidfd> {
        let pidfd = Pidfd::open(u32::from_ne_bytes(*key.first_chunk()?)).ok()?;
        let entry = self.filter.lookup(key, MapFlags::ANY).ok().flatten()?;
        let entry = Filter::read_from_bytes(&entry).ok()?;
        (entry.id == self.id && entry.gone == 0 && !pidfd.is_gone()).then_some(pidfd)
    }
}
