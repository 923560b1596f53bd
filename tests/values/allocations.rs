//! Printing a call allocates no memory: a million calls are a million lines in one string.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ior_it::support::archive;
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::show;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded");

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts the allocations of each thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    // A thread that exits no longer has a counter, and counts nothing.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: all is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

// The archives have the numbers of this architecture.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_printed_call_allocates_nothing() {
    assert!(!Syscall::all().is_empty(), "the table is made when it is first used");
    let mut line = String::with_capacity(1 << 16);
    let (mut without, mut with) = (0, 0);
    for file in std::fs::read_dir(RECORDED).unwrap() {
        let archive = archive::decode(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for call in &archive.observed.trace.calls {
            line.clear();
            let before = ALLOCATIONS.get();
            show::line(&mut line, call, "");
            let allocations = ALLOCATIONS.get() - before;
            // Text that needs escapes is rare, and goes through a string of its own.
            if line.contains('\\') {
                with += allocations;
            } else {
                assert_eq!(allocations, 0, "{line}");
                without += 1;
            }
        }
    }
    assert!(without > 3000 && with > 0, "{without} lines; those that were escaped took {with} allocations");
}
