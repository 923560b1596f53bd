//! A call's record, made again from the call: for benches and tests, which need records without a kernel.
//!
//! No I/O.

use zerocopy::IntoBytes;

use crate::table::layout::*;
use crate::table::syscalls::Abi;
use crate::trace::call::{Call, Identity, Outcome, Text};

/// The bytes of the record that this call was decoded from, for what needs records without a kernel: benches and tests. Which
/// files it was about is not in a record. Paths and block must be no longer than in a record. Of a request it is the record of
/// its submission; `encode_completion` is the other one.
pub fn encode(watch: u64, call: &Call) -> Vec<u8> {
    let (ret, mut state) = encoded(call.outcome);
    state |= if call.refused { REFUSED } else { 0 } | if call.abi == Abi::Compat { COMPAT } else { 0 };
    let (nr, kind, args) = match &call.request {
        Some(request) => (u32::from(request.sqe.opcode()), KIND_REQUEST, request.sqe.0),
        None => (call.number, KIND_CALL, call.args),
    };
    let text = |at: usize| match &call.texts[at] {
        Text::Read { bytes, .. } => (RawText { len: bytes.len() as u16, err: 0 }, bytes.as_slice()),
        Text::Unreadable(errno) => (RawText { len: 0, err: -*errno as i16 }, [].as_slice()),
    };
    let (first, second) = (text(0), text(1));
    let block = call.peek.as_deref().unwrap_or_default();
    // Why a block could not be read is not kept: the usual reason stands for all.
    let err = if call.peek.is_some() { 0 } else { -libc::EFAULT as i16 };
    let header = RecordHeader {
        watch,
        number: call.order,
        enter_ns: call.enter_ns,
        duration_ns: call.duration_ns,
        ret,
        args,
        pid: call.pid,
        tid: call.tid,
        exit_tid: call.exit_tid,
        nr,
        kind,
        state,
        comm: call.comm,
        path: [first.0, second.0],
        peek: RawText { len: block.len() as u16, err },
        identities: PLACES as u8,
        late: call.late.iter().zip([1, 2, 4]).map(|(&is, bit)| if is { bit } else { 0 }).sum(),
        cwd: 0,
        root: 0,
    };
    let files = raw_identities(call);
    [header.as_bytes(), files.as_bytes(), first.1, second.1, block].concat()
}

/// The bytes of the record of a request's completion.
#[cfg(test)]
pub fn encode_completion(watch: u64, call: &Call, request: u64) -> Vec<u8> {
    let (ret, state) = encoded(call.outcome);
    let crate::trace::call::RingRequest { worker, more, ambiguous, .. } = call.request.unwrap_or_default();
    let ambiguous = if ambiguous { AMBIGUOUS } else { 0 };
    let mut args = [request, 0, 0, 0, 0, 0];
    if let Some([first, second]) = call.pair() {
        (args[1], args[2]) = (first as u32 as u64, second as u32 as u64);
    }
    let header = RecordHeader {
        watch,
        number: call.order,
        duration_ns: call.duration_ns,
        ret,
        args,
        kind: KIND_COMPLETION,
        state: state | if worker { WORKER } else { 0 } | if more { MORE } else { 0 } | ambiguous,
        identities: PLACES as u8,
        ..RecordHeader::default()
    };
    let files = raw_identities(call);
    [header.as_bytes(), files.as_bytes()].concat()
}

fn encoded(outcome: Outcome) -> (i64, u8) {
    match outcome {
        Outcome::Returned(ret) => (ret, 0),
        Outcome::Unfinished => (0, UNFINISHED),
    }
}

fn raw_identities(call: &Call) -> [RawIdentity; PLACES] {
    let mut files = [RawIdentity::default(); PLACES];
    for (place, identity) in [(FIRST, &call.fds[0]), (MADE, &call.made), (SECOND, &call.fds[1])] {
        files[place] = raw_identity(identity.as_ref());
    }
    files
}

fn raw_identity(identity: Option<&Identity>) -> RawIdentity {
    identity.map_or(RawIdentity::default(), |&Identity { device, inode, magic, mode, flags, cloexec }| RawIdentity {
        inode,
        name: 0,
        device,
        flags,
        mode,
        open: 1,
        cloexec: cloexec.into(),
        magic,
    })
}
