//! The header of an archive, which is its first value.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

use super::{Archive, FORMAT, Origin, VERSION, span_ns};
use crate::child::ending::Ending;
use crate::table::syscalls;
use crate::table::syscalls::Abi;
use crate::trace::counts::Counts;
use crate::trace::whole::Trace;

/// The part that is checked first. A later version may change everything else.
#[derive(Deserialize)]
pub struct Opening {
    pub format: String,
    pub version: u64,
    /// The architecture that the numbers of calls and flags belong to.
    pub architecture: Option<String>,
}

/// The header when it is written.
#[derive(Serialize)]
pub struct WrittenHeader<'a> {
    format: &'static str,
    version: u64,
    ior_it: &'a str,
    kernel: &'a str,
    architecture: &'a str,
    scenario: &'a str,
    watch: u64,
    workspace: &'a Bytes,
    began_ns: u64,
    /// For other readers. Ours computes it from the calls.
    first_enter_ns: u64,
    duration_ns: u64,
    ending: &'a Ending,
    counts: Counts,
    bad_records: &'a [String],
    /// The name of each call by its number, for other readers as well.
    names: BTreeMap<u32, String>,
}

impl<'a> WrittenHeader<'a> {
    pub fn of(archive: &'a Archive) -> Self {
        let Origin { scenario, ior_it, kernel, architecture, workspace, began_ns } = &archive.origin;
        let Trace { watch, calls, counts, bad_records } = &archive.observed.trace;
        let (first_enter_ns, duration_ns) = span_ns(calls);
        let native = calls.iter().filter(|call| call.abi == Abi::Native);
        let numbers: BTreeSet<u32> = native.map(|call| call.number).collect();
        Self {
            format: FORMAT,
            version: VERSION,
            ior_it,
            kernel,
            architecture,
            scenario,
            watch: *watch,
            workspace: Bytes::new(workspace),
            began_ns: *began_ns,
            first_enter_ns,
            duration_ns,
            ending: &archive.observed.ending,
            counts: *counts,
            bad_records,
            names: numbers.into_iter().map(|number| (number, syscalls::name_of(number))).collect(),
        }
    }
}

/// The header when it is read. A field that is added later needs `#[serde(default)]`, since older archives lack it.
#[derive(Deserialize)]
pub struct ReadHeader {
    ior_it: String,
    kernel: String,
    architecture: String,
    scenario: String,
    watch: u64,
    #[serde(with = "serde_bytes")]
    workspace: Vec<u8>,
    began_ns: u64,
    ending: Ending,
    counts: Counts,
    bad_records: Vec<String>,
}

impl ReadHeader {
    /// The parts of the header. The trace still lacks its calls.
    pub fn into_parts(self) -> (Origin, Ending, Trace) {
        let Self { ior_it, kernel, architecture, scenario, watch, workspace, began_ns, ending, counts, bad_records } =
            self;
        let origin = Origin { scenario, ior_it, kernel, architecture, workspace, began_ns };
        (origin, ending, Trace { watch, calls: Vec::new(), counts, bad_records })
    }
}
