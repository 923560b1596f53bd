//! Counts allocations of memory: printing a call needs none, since a million calls are a million lines in one string, and the way
//! from records to a verdict needs few.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ior_it::support::archive;
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::matcher;
use ior_it::support::judge::verdict::judge;
use ior_it::support::table::netlink::TABLES;
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::counts::Counts;
use ior_it::support::trace::{decoder, record, show};

use crate::costs;
use crate::replay::{TESTS, everyday, names};

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
    let made = !Syscall::all().is_empty() && TABLES.set("rtm").is_some();
    assert!(made, "the tables are made when they are first used");
    let mut line = String::with_capacity(1 << 16);
    let (mut without, mut with) = (0, 0);
    for file in std::fs::read_dir(RECORDED).unwrap() {
        let archive = archive::decode(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for call in &archive.observed.trace.calls {
            line.clear();
            let before = ALLOCATIONS.get();
            show::line(&mut line, call, show::Detail::Full, "");
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

/// How often a step allocates, in a thread of its own count.
fn allocations_of<T>(step: impl FnOnce() -> T) -> usize {
    let before = ALLOCATIONS.get();
    let made = step();
    let allocations = ALLOCATIONS.get() - before;
    drop(made);
    allocations
}

/// The recorded traces, from their records to the verdicts. The kernel's names are in records of their own, which an archive does
/// not keep, so the files of an assembled trace are those of its calls alone.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_way_from_records_to_a_verdict_allocates_no_more_than_it_may() {
    let expectations = Expectations::parse("tests.toml", TESTS, &names()).unwrap();
    let (mut assembled, mut compared, mut judged, mut calls) = (0, 0, 0, 0);
    for name in everyday() {
        let archive = archive::load(&crate::recorded(name)).unwrap();
        let (expectation, observed) = (expectations.get(name).unwrap(), &archive.observed);
        let records: Vec<Vec<u8>> = observed.trace.calls.iter().map(|call| record::encode(1, call)).collect();
        calls += records.len();
        let bytes = || records.iter().map(Vec::as_slice);
        let workspace = Some(archive.origin.workspace.as_slice());
        assembled += allocations_of(|| decoder::assemble(bytes(), Counts::default(), workspace));
        compared += allocations_of(|| matcher::compare(expectation, &observed.trace));
        judged += allocations_of(|| judge(expectation, "tests.toml", observed));
    }
    let steps = [("assembled", assembled), ("compared", compared), ("judged", judged)];
    // In hundredths: one allocation more in all traces is no change.
    let per_call = |count: usize| (count as f64 * 100.0 / calls as f64).round() / 100.0;
    let counts = steps.into_iter().map(|(step, count)| (step.to_owned(), per_call(count))).collect();
    costs::check("allocations", &counts, "").unwrap();
}
