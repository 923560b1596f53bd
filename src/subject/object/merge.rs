//! The order of records that come through a buffer of each CPU.
//!
//! No I/O. A thread that moves leaves its records in several buffers. They are held until what is older has been read, and go on by time.

use std::collections::BTreeMap;

/// So many bytes are held at most. What comes behind them goes on without waiting.
const MOST: usize = 64 << 20;

/// Records that wait for older ones.
#[derive(Debug, Default)]
pub struct Merge {
    /// By time, and by the order in which they came.
    held: BTreeMap<(u64, u64), Vec<u8>>,
    size: usize,
    count: u64,
}

impl Merge {
    /// Holds a record of this time.
    pub fn push(&mut self, time: u64, record: &[u8]) {
        self.size += record.len();
        self.count += 1;
        self.held.insert((time, self.count), record.to_vec());
    }

    /// Takes out the records that are older than this, in order; as many more as are too many.
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

    /// Whether it holds any.
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
