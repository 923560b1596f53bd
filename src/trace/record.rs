//! The bytes that one call leaves in the ring, and how they become a [`Call`]. Mirrors `bpf/record.h`.
//!
//! No I/O, no privileges. It takes bytes, from the ring or from a test, and returns values.

use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use crate::table::blocks::part;
use crate::table::layout::*;
use crate::table::syscalls::Abi;
use crate::table::syscalls::{REQUESTS, Sqe, Syscall};
use crate::trace::call::{Bytes, Call, Completion, Data, Deed, Identity, Outcome, RingRequest, Text};

mod encode; // a call → the bytes of its record

pub use encode::encode;
#[cfg(test)]
pub use encode::encode_completion;

/// Bytes that are no record, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord(pub String);

/// The ids of the names that a record has beside its identities, 0 where a name is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of the files in [`Deed::fds`].
    pub fds: [u64; 2],
    /// Of the file in [`Deed::made`].
    pub made: u64,
    /// Of the working directory, where a path may begin there.
    pub cwd: u64,
    /// Of the root, where a path may begin there.
    pub root: u64,
}

/// What the kernel calls a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// An absolute path from the root of its mount namespace, or, with `alone`, a single word.
    pub path: Vec<u8>,
    /// The file was removed, under this name.
    pub deleted: bool,
    /// The beginning of the path is missing, since the path is too long.
    pub cut: bool,
    /// Its mount is in no namespace. The path above it is not known.
    pub detached: bool,
    /// It is no path, but the kernel's word for a file without one: `[eventfd]`.
    pub alone: bool,
}

/// What one record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A call, and the ids of the names from which its `files` are described.
    Call(Call, Ids),
    /// A request of io_uring as it was submitted, unfinished so far.
    Request(Call, Ids),
    /// A completion of a request.
    Completion(Box<Completion>, Ids),
    /// A name, with its id.
    Name(u64, Name),
    /// A file that a call closes besides its own, if it succeeds.
    Closed {
        /// The place of the call among those that its watch has seen.
        order: u64,
        /// The descriptor.
        fd: i32,
        /// The id of the file's name.
        name: u64,
    },
    /// What an argument of a call leads to. It comes before the call.
    Data {
        /// The place of the call among those that its watch has seen.
        order: u64,
        /// What lies there.
        data: Data,
    },
    /// A watched process has ended.
    End {
        /// The process.
        pid: u32,
        /// How many calls its watch had seen.
        seen: u64,
        /// Its status as wait4(2) reports it; `None` if it has become a program with other rights, which is not watched.
        status: Option<i32>,
    },
}

/// The watch that a record belongs to: its first eight bytes, in the byte order of this machine.
pub fn watch_of(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|first| u64::from_ne_bytes(*first))
}

/// Decodes one record. Its bytes must be exactly a header and the parts whose lengths the header gives. The ring rounds sizes up to
/// eight bytes in its own bookkeeping, but the record has the length that was asked for.
pub fn decode(bytes: &[u8]) -> Result<Record, BadRecord> {
    let (header, rest) = RecordHeader::read_from_prefix(bytes)
        .map_err(|_| BadRecord(format!("{} bytes are less than a header", bytes.len())))?;
    if !(KIND_CALL..=KIND_DATA).contains(&header.kind) {
        return Err(BadRecord(format!("kind {} is none that this version knows", header.kind)));
    }
    let places = header.identities as usize;
    if places > PLACES {
        return Err(BadRecord(format!("{places} identities are promised, a record has at most {PLACES}")));
    }
    let texts = bytes_of_texts(&header)?;
    let promised = places * size_of::<RawIdentity>() + texts;
    if promised != rest.len() {
        return Err(BadRecord(format!("{promised} bytes after the header are promised, {} are there", rest.len())));
    }
    if header.kind == KIND_END {
        let status = (header.state & HIDDEN == 0).then_some(header.ret as i32);
        return Ok(Record::End { pid: header.pid, seen: header.number, status });
    }
    let (raw, rest) = rest.split_at(rest.len() - texts);
    let mut files = [RawIdentity::default(); PLACES];
    files.as_mut_bytes()[..raw.len()].copy_from_slice(raw);
    let (first, rest) = rest.split_at(header.path[0].len.into());
    let (second, peek) = rest.split_at(header.path[1].len.into());
    check_paths(&header, [first, second])?;
    let ids = Ids {
        fds: [name_of(&files[FIRST]), name_of(&files[SECOND])],
        made: name_of(&files[MADE]),
        cwd: header.cwd,
        root: header.root,
    };
    Ok(match header.kind {
        KIND_REQUEST => Record::Request(request(&header, &files, [first, second], peek), ids),
        KIND_COMPLETION => Record::Completion(Box::new(completion(&header, &files)), ids),
        KIND_NAME => Record::Name(header.number, name(header.state, first)),
        KIND_CLOSED => Record::Closed { order: header.number, fd: header.args[0] as i32, name: name_of(&files[FIRST]) },
        KIND_DATA => Record::Data { order: header.number, data: data(&header, first)? },
        _ => Record::Call(without_indices(call(&header, &files, [first, second], peek)), ids),
    })
}

/// How many bytes the strings and the block have. What could not be read has none, and its error is below 0.
fn bytes_of_texts(header: &RecordHeader) -> Result<usize, BadRecord> {
    let texts = [header.path[0], header.path[1], header.peek];
    let has_errors = matches!(header.kind, KIND_CALL | KIND_REQUEST | KIND_DATA);
    let is_odd = |text: &&RawText| has_errors && (text.err > 0 || text.err < 0 && text.len > 0);
    match texts.iter().find(is_odd) {
        Some(RawText { len, err }) => Err(BadRecord(format!("{len} bytes with the error {err} cannot have been read"))),
        None => Ok(texts.iter().map(|text| usize::from(text.len)).sum()),
    }
}

/// The paths of a call are strings, and a name has parts with a NUL behind each.
fn check_paths(header: &RecordHeader, paths: [&[u8]; 2]) -> Result<(), BadRecord> {
    let is_string = |path: &[u8]| path.len() <= libc::PATH_MAX as usize && !path.contains(&0);
    let is_name = |parts: &[u8]| {
        // A pipe has a dentry without a name.
        let may_be = |part: &[u8]| part != b"\0" || header.state & NAME_ALONE != 0;
        parts.split_inclusive(|&byte| byte == 0).all(|part| part.ends_with(b"\0") && may_be(part))
    };
    match header.kind {
        KIND_CALL | KIND_REQUEST if !paths.into_iter().all(is_string) => {
            Err(BadRecord("a path is longer than PATH_MAX, or has a NUL".to_owned()))
        }
        KIND_NAME if !is_name(paths[0]) => Err(BadRecord("a name has an empty part, or one without an end".to_owned())),
        _ => Ok(()),
    }
}

fn data(header: &RecordHeader, bytes: &[u8]) -> Result<Data, BadRecord> {
    let [arg, of_block, size, ..] = header.args;
    if arg > 5 || of_block >= part::END.into() || bytes.len() as u64 > size {
        return Err(BadRecord(format!(
            "part {of_block} of argument {arg} cannot have {} of {size} bytes",
            bytes.len()
        )));
    }
    let bytes = match header.path[0].err {
        0 => Bytes::Read(bytes.to_vec()),
        err => Bytes::Unreadable(-i32::from(err)),
    };
    Ok(Data { arg: arg as u8, part: of_block as u16, size, bytes, late: header.late & LATE_DATA != 0 })
}

/// A name from its parts, which come last part first and end with a NUL each.
fn name(state: u8, parts: &[u8]) -> Name {
    let alone = state & NAME_ALONE != 0;
    let parts = parts.strip_suffix(b"\0").unwrap_or(parts);
    let mut path = Vec::with_capacity(parts.len() + 1);
    for part in parts.rsplit(|&byte| byte == 0).filter(|part| !part.is_empty()) {
        if !alone {
            path.push(b'/');
        }
        path.extend(part);
    }
    if path.is_empty() && !alone {
        path.push(b'/');
    }
    Name {
        path,
        deleted: state & NAME_DELETED != 0 && !alone,
        cut: state & NAME_CUT != 0,
        detached: state & NAME_DETACHED != 0,
        alone,
    }
}

fn request(header: &RecordHeader, files: &[RawIdentity; PLACES], paths: [&[u8]; 2], peek: &[u8]) -> Call {
    let sqe = Sqe(header.args);
    // An opcode without a row keeps its entry as it is.
    let mut args = header.args;
    let number = REQUESTS.saturating_add(header.nr);
    if let Some(row) = Syscall::by_number(number) {
        args = [0; 6];
        args.iter_mut().zip(row.places).for_each(|(arg, &place)| *arg = sqe.at(place));
    }
    let request = Some(RingRequest { sqe, ..RingRequest::default() });
    let mut call = call(header, files, paths, peek);
    (call.number, call.args, call.request, call.outcome) = (number, args, request, Outcome::Unfinished);
    // Its completion has what it makes. This place keeps what an earlier record had.
    call.made = None;
    without_indices(call)
}

/// The call without the files that BPF has found for indices, which it takes for descriptors.
fn without_indices(mut call: Call) -> Call {
    let Some(row) = call.syscall() else { return call };
    for (place, at) in row.fd_args().enumerate() {
        if call.is_registered(at) {
            call.fds[place] = None;
        }
    }
    call
}

fn completion(header: &RecordHeader, files: &[RawIdentity; PLACES]) -> Completion {
    let [request, first, second, ..] = header.args;
    let used = identity(&files[FIRST]).filter(|_| header.state & HAS_FILE != 0);
    let fds = if used.is_some() { [None; 2] } else { [identity(&files[FIRST]), identity(&files[SECOND])] };
    // If the pair was not read, there are no identities of it.
    let pair = fds[0].is_some().then(|| [first, second].map(|fd| (fd as i32).to_ne_bytes()).concat());
    Completion {
        request,
        order: header.number,
        outcome: outcome(header),
        duration_ns: header.duration_ns,
        worker: header.state & WORKER != 0,
        more: header.state & MORE != 0,
        ambiguous: header.state & AMBIGUOUS != 0,
        used,
        made: identity(&files[MADE]),
        pair: (fds, pair),
    }
}

fn outcome(header: &RecordHeader) -> Outcome {
    if header.state & UNFINISHED != 0 { Outcome::Unfinished } else { Outcome::Returned(header.ret) }
}

fn call(header: &RecordHeader, files: &[RawIdentity; PLACES], paths: [&[u8]; 2], peek: &[u8]) -> Call {
    let path = |at: usize| match header.path[at].err {
        0 => Text::Read { bytes: paths[at].to_vec(), cut: paths[at].len() >= PATH_CAP },
        err => Text::Unreadable(-i32::from(err)),
    };
    Call {
        order: header.number,
        pid: header.pid,
        tid: header.tid,
        exit_tid: header.exit_tid,
        enter_ns: header.enter_ns,
        duration_ns: header.duration_ns,
        deed: Arc::new(Deed {
            number: header.nr,
            comm: header.comm,
            args: header.args,
            outcome: outcome(header),
            texts: [path(0), path(1)],
            fds: [identity(&files[FIRST]), identity(&files[SECOND])],
            made: identity(&files[MADE]),
            peek: (header.peek.err == 0).then(|| peek.to_vec()),
            late: [0, 1, 2].map(|at| header.late & 1 << at != 0),
            abi: if header.state & COMPAT != 0 { Abi::Compat } else { Abi::Native },
            refused: header.state & REFUSED != 0,
            data: Vec::new(),
            request: None,
            files: Default::default(),
        }),
    }
}

/// The id of a file's name. The fields of a place without a file are left over from another call.
fn name_of(raw: &RawIdentity) -> u64 {
    if raw.open != 0 { raw.name } else { 0 }
}

fn identity(raw: &RawIdentity) -> Option<Identity> {
    (raw.open != 0).then_some(Identity {
        device: raw.device,
        inode: raw.inode,
        magic: raw.magic,
        mode: raw.mode,
        flags: raw.flags,
        cloexec: raw.cloexec != 0,
    })
}

#[cfg(test)]
pub(crate) mod tests;
