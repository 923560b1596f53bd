//! A BPF array map that is mapped into this process, to be read and written without system calls.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use libbpf_rs::{MapCore, MapHandle};
use memmap2::{MmapOptions, MmapRaw};

use super::refusal::refused;
use crate::base::error::Error;

/// An array of `T`, shared with BPF programs that may change it at any time. User space writes an element only while nothing else
/// uses its slot, and reads it when the BPF programs that wrote it have run.
#[derive(Debug)]
pub struct SharedArray<T> {
    memory: MmapRaw,
    len: usize,
    _of: PhantomData<T>,
}

impl<T: Copy> SharedArray<T> {
    /// Maps an array map of values of type `T` that was created with `BPF_F_MMAPABLE`.
    pub fn map(map: &MapHandle) -> Result<Self, Error> {
        let len = map.max_entries() as usize;
        let memory = MmapOptions::new().len(len * size_of::<T>()).map_raw(map.as_fd().as_raw_fd());
        let memory = memory.map_err(|error| refused("a map of the BPF object could not be mapped", &error))?;
        Ok(Self { memory, len, _of: PhantomData })
    }

    fn at(&self, index: usize) -> *mut T {
        assert!(index < self.len, "BUG: index {index} is outside a map of {}", self.len);
        // SAFETY: inside the mapping, as asserted; the loader has checked that the map's values have the size of `T`.
        unsafe { self.memory.as_mut_ptr().cast::<T>().add(index) }
    }

    /// Replaces an element.
    pub fn set(&self, index: usize, value: T) {
        // SAFETY: the pointer is valid and aligned; the caller owns the slot.
        unsafe { self.at(index).write_volatile(value) }
    }

    /// Replaces a word of an element, while BPF programs change others.
    pub fn set_word(&self, index: usize, offset: usize, value: u64) {
        assert!(offset + 8 <= size_of::<T>() && offset.is_multiple_of(8), "BUG: no word is at {offset}");
        // SAFETY: aligned and inside the element. BPF programs read and write this integer as a whole.
        unsafe { AtomicU64::from_ptr(self.at(index).byte_add(offset).cast()) }.store(value, Ordering::SeqCst);
    }

    /// A copy of an element as it is now.
    pub fn get(&self, index: usize) -> T {
        // SAFETY: the pointer is valid and aligned, and any bytes are a `T` (all are plain integers).
        unsafe { self.at(index).read_volatile() }
    }
}

impl SharedArray<u64> {
    /// Sets the bit with this number, while BPF programs change others. Bits beyond the end are ignored.
    pub fn add_bit(&self, number: u32) {
        let index = (number / u64::BITS) as usize;
        if index < self.len {
            // SAFETY: aligned and inside the mapping. All changes are atomic.
            unsafe { AtomicU64::from_ptr(self.at(index)) }.fetch_or(1 << (number % u64::BITS), Ordering::SeqCst);
        }
    }

    /// Whether the bit is set. Bits beyond the end count as set.
    pub fn has_bit(&self, number: u32) -> bool {
        let index = (number / u64::BITS) as usize;
        index >= self.len || self.get(index) >> (number % u64::BITS) & 1 == 1
    }
}
