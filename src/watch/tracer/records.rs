//! The records of one watch, as they wait to be decoded.
//!
//! No I/O.

use crate::trace::counts::Counts;

/// The records that wait, each after its length. Full chunks are compressed: the records of a million calls take 160 MB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inbox {
    packed: Vec<Vec<u8>>,
    open: Vec<u8>,
    /// How many records there are in all.
    count: usize,
}

/// A chunk is compressed when it has this many bytes. A reader that takes a few thousand records at a time never gets so far.
const CHUNK: usize = 2 << 20;
/// The fastest of zstd's ordinary levels: it keeps up with a ring that fills as fast as calls go.
const LEVEL: i32 = 1;

/// What the kernel has recorded for one watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchRecords {
    pub(super) inbox: Inbox,
    /// BPF's counts. The reader's own counts are still 0.
    pub counts: Counts,
}

impl WatchRecords {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inbox.count == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inbox.count
    }

    /// Hands out the bytes of each record, in the order in which the calls ended.
    pub fn for_each(&self, mut take: impl FnMut(&[u8])) {
        let Inbox { packed, open, .. } = &self.inbox;
        let mut chunk = Vec::new();
        for packed in packed {
            chunk.clear();
            // Records that cannot be decompressed are missing, and count as lost.
            let _ = zstd::stream::copy_decode(packed.as_slice(), &mut chunk);
            each(&chunk, &mut take);
        }
        each(open, &mut take);
    }
}

/// Hands out the records of a chunk.
fn each(mut chunk: &[u8], take: &mut impl FnMut(&[u8])) {
    while let Some((length, rest)) = chunk.split_first_chunk() {
        let Some((record, rest)) = rest.split_at_checked(u32::from_ne_bytes(*length) as usize) else { return };
        take(record);
        chunk = rest;
    }
}

impl Inbox {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        self.open.extend_from_slice(&(record.len() as u32).to_ne_bytes());
        self.open.extend_from_slice(record);
        self.count += 1;
        if self.open.len() >= CHUNK {
            self.pack();
        }
    }

    /// Compresses the open chunk. Without memory for that, it stays as it is.
    fn pack(&mut self) {
        if let Ok(packed) = zstd::bulk::compress(&self.open, LEVEL) {
            self.packed.push(packed);
            self.open.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in_and_take_less_room() {
        let record = |at: usize| (at as u64).to_ne_bytes().repeat(at % 40);
        let mut inbox = Inbox::default();
        (0..40_000).for_each(|at| inbox.push(&record(at)));
        let held = inbox.open.len() + inbox.packed.iter().map(Vec::len).sum::<usize>();
        assert!(inbox.packed.len() == 3 && held < CHUNK + CHUNK / 2, "{held} bytes");
        let (records, mut at) = (WatchRecords { inbox, counts: Counts::default() }, 0);
        records.for_each(|bytes| {
            assert_eq!(bytes, record(at), "record {at}");
            at += 1;
        });
        assert_eq!((at, records.len()), (40_000, 40_000));
    }
}
