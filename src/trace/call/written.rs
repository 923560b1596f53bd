//! A call as archives store it (docs/archive.md): one map, in which nothing is shared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::table::syscalls::Abi;

use super::{Call, Data, Deed, Files, Identity, Outcome, RingRequest, Text};

/// The fields of a call and of its deed, under the names that docs/archive.md gives them.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Call")]
pub(super) struct StoredCall {
    number: u32,
    order: u64,
    pid: u32,
    tid: u32,
    #[serde(default)]
    exit_tid: u32,
    #[serde(with = "serde_bytes")]
    comm: [u8; 16],
    args: [u64; 6],
    outcome: Outcome,
    enter_ns: u64,
    duration_ns: u64,
    texts: [Text; 2],
    fds: [Option<Identity>; 2],
    made: Option<Identity>,
    #[serde(with = "serde_bytes")]
    peek: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "nothing_is_late")]
    late: [bool; 3],
    #[serde(default, skip_serializing_if = "Abi::is_native")]
    abi: Abi,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refused: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data: Vec<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<RingRequest>,
    files: Files,
}

fn nothing_is_late(late: &[bool; 3]) -> bool {
    *late == [false; 3]
}

impl From<Call> for StoredCall {
    fn from(call: Call) -> Self {
        let Call { order, pid, tid, exit_tid, enter_ns, duration_ns, deed } = call;
        let Deed { number, comm, args, outcome, texts, fds, made, peek, late, abi, refused, data, request, files } =
            Arc::unwrap_or_clone(deed);
        Self {
            number,
            order,
            pid,
            tid,
            exit_tid,
            comm,
            args,
            outcome,
            enter_ns,
            duration_ns,
            texts,
            fds,
            made,
            peek,
            late,
            abi,
            refused,
            data,
            request,
            files,
        }
    }
}

impl From<StoredCall> for Call {
    fn from(written: StoredCall) -> Self {
        let StoredCall {
            number,
            order,
            pid,
            tid,
            exit_tid,
            comm,
            args,
            outcome,
            enter_ns,
            duration_ns,
            texts,
            fds,
            made,
            peek,
            late,
            abi,
            refused,
            data,
            request,
            files,
        } = written;
        let deed =
            Deed { number, comm, args, outcome, texts, fds, made, peek, late, abi, refused, data, request, files };
        Self { order, pid, tid, exit_tid, enter_ns, duration_ns, deed: Arc::new(deed) }
    }
}
