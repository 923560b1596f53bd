//! Sorts records that come through one buffer for each CPU.
//!
//! No I/O. A thread that changes its CPU leaves records in several buffers. Records wait here until all older ones have been
//! read, and leave in the order of time.

use std::collections::BTreeMap;

/// The most bytes that wait. Later records do not wait.
const MOST: usize = 64 << 20;

/// Records that wait for older ones.
#[derive(Debug, Default)]
pub struct Merge {
    /// The records, by time and then by arrival.
    held: BTreeMap<(u64, u64), Vec<u8>>,
    size: usize,
    count: u64,
}

impl Merge {
    /// Adds a record with its time.
    pub fn push(&mut self, time: u64, record: &[u8]) {
        self.size += record.len();
        self.count += 1;
        self.held.insert((time, self.count), record.to_vec());
    }

    /// Removes the records that are older than this time, in order, and those that exceed the limit.
    pub fn before(&mut self, time: u64) -> Vec<Vec<u8>> {
        let mut ready = Vec::new();
        while let Some(first) = self.held.first_entry()
            && (first.key().0 < time || self.size > MOST)
        {
            self.size -= first.get().len();
            ready.push(first.remove());
        }
        ready
    }

    /// Whether any record waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_on_by_time_once_they_are_old() {
        let mut merge = Merge::default();
        for (time, record) in [(30, b"c"), (10, b"a"), (20, b"b"), (10, b"A")] {
            merge.push(time, record);
        }
        assert_eq!(merge.before(20), [b"a", b"A"]);
        assert_eq!(merge.before(20).len(), 0);
        assert_eq!(merge.before(u64::MAX), [b"b", b"c"]);
        assert!(merge.is_empty());
    }
}
