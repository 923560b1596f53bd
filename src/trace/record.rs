//! The bytes that one call leaves in the ring, and how they become a [`Call`]. Mirrors `bpf/record.h`.
//!
//! No I/O, no privileges: takes bytes and returns values, from the live ring and from a test alike.

use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use crate::table::layout::*;
use crate::table::syscalls::Abi;
use crate::table::syscalls::{REQUESTS, Sqe, Syscall};
use crate::trace::call::{Call, Completion, Deed, Identity, Outcome, Request, Text};

/// A record that is none: what is wrong with its bytes.
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
    /// An absolute path from the root of its mount namespace; with `alone` the one word that it has.
    pub path: Vec<u8>,
    /// The file was removed, under this name.
    pub deleted: bool,
    /// There is more above: the beginning of the path is missing.
    pub cut: bool,
    /// Its mount is in no namespace: what is above it is not known.
    pub detached: bool,
    /// It is no path, but what the kernel calls something that has none: `[eventfd]`.
    pub alone: bool,
}

/// What one record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A call. Its `files` are to be described, from the names with these ids.
    Call(Call, Ids),
    /// A request of io_uring as it was submitted: unfinished so far.
    Request(Call, Ids),
    /// What became of one.
    Completion(Box<Completion>, Ids),
    /// What the name with this id is.
    Name(u64, Name),
    /// A file that a call closes besides its own, if it does what it is asked for.
    Closed {
        /// The place of the call among those that its watch has seen.
        order: u64,
        /// The descriptor.
        fd: i32,
        /// The id of the file's name.
        name: u64,
    },
    /// A watched process is gone.
    End {
        /// Which one.
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

/// Decodes one record, whose bytes must be exactly a header and what its lengths promise. (The ring rounds sizes up to
/// eight bytes only in its own bookkeeping; a record has the length that was asked for.)
pub fn decode(bytes: &[u8]) -> Result<Record, BadRecord> {
    let (header, rest) = Header::read_from_prefix(bytes)
        .map_err(|_| BadRecord(format!("{} bytes are less than a header", bytes.len())))?;
    if !(KIND_CALL..=KIND_CLOSED).contains(&header.kind) {
        return Err(BadRecord(format!("kind {} is none that this version knows", header.kind)));
    }
    let places = header.identities as usize;
    if places > PLACES {
        return Err(BadRecord(format!("{places} identities are promised, a record has at most {PLACES}")));
    }
    let texts: usize = [header.path[0], header.path[1], header.peek].iter().map(|text| usize::from(text.len)).sum();
    let promised = places * size_of::<RawIdentity>() + texts;
    if promised != rest.len() {
        return Err(BadRecord(format!("{promised} bytes behind the header are promised, {} are there", rest.len())));
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
    let ids = Ids {
        fds: [files[FIRST].name, files[SECOND].name],
        made: files[MADE].name,
        cwd: header.cwd,
        root: header.root,
    };
    Ok(match header.kind {
        KIND_REQUEST => Record::Request(request(&header, &files, [first, second], peek), ids),
        KIND_COMPLETION => Record::Completion(Box::new(completion(&header, &files)), ids),
        KIND_NAME => Record::Name(header.number, name(header.state, first)),
        KIND_CLOSED => Record::Closed { order: header.number, fd: header.args[0] as i32, name: files[FIRST].name },
        _ => Record::Call(without_indices(call(&header, &files, [first, second], peek)), ids),
    })
}

/// From the parts of a name, the last one first, each with a NUL behind it.
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

fn request(header: &Header, files: &[RawIdentity; PLACES], paths: [&[u8]; 2], peek: &[u8]) -> Call {
    let sqe = Sqe(header.args);
    // An opcode without a row keeps its entry as it is.
    let mut args = header.args;
    let number = REQUESTS.saturating_add(header.nr);
    if let Some(row) = Syscall::by_number(number) {
        args = [0; 6];
        args.iter_mut().zip(row.places).for_each(|(arg, &place)| *arg = sqe.at(place));
    }
    let request = Some(Request { sqe, ..Request::default() });
    let mut call = call(header, files, paths, peek);
    (call.number, call.args, call.request, call.outcome) = (number, args, request, Outcome::Unfinished);
    without_indices(call)
}

/// BPF takes what is an index for a descriptor.
fn without_indices(mut call: Call) -> Call {
    let Some(row) = call.syscall() else { return call };
    for (place, at) in row.fd_args().enumerate() {
        if call.is_registered(at) {
            call.fds[place] = None;
        }
    }
    call
}

fn completion(header: &Header, files: &[RawIdentity; PLACES]) -> Completion {
    let [request, first, second, ..] = header.args;
    let used = identity(&files[FIRST]).filter(|_| header.state & HAS_FILE != 0);
    let fds = if used.is_some() { [None; 2] } else { [identity(&files[FIRST]), identity(&files[SECOND])] };
    // Where it was not read there are no identities either.
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

fn outcome(header: &Header) -> Outcome {
    if header.state & UNFINISHED != 0 { Outcome::Unfinished } else { Outcome::Returned(header.ret) }
}

fn call(header: &Header, files: &[RawIdentity; PLACES], paths: [&[u8]; 2], peek: &[u8]) -> Call {
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
            request: None,
            files: Default::default(),
        }),
    }
}

/// The bytes of the record that this call was decoded from, for what needs records without a kernel: benches and tests. Which
/// files it was about is not in a record. Paths and block must be no longer than in a record. Of a request it is the record of
/// its submission; [`encode_completion`] is the other one.
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
    let header = Header {
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
pub fn encode_completion(watch: u64, call: &Call, request: u64) -> Vec<u8> {
    let (ret, state) = encoded(call.outcome);
    let Request { worker, more, ambiguous, .. } = call.request.unwrap_or_default();
    let ambiguous = if ambiguous { AMBIGUOUS } else { 0 };
    let mut args = [request, 0, 0, 0, 0, 0];
    if let Some([first, second]) = call.pair() {
        (args[1], args[2]) = (first as u32 as u64, second as u32 as u64);
    }
    let header = Header {
        watch,
        number: call.order,
        duration_ns: call.duration_ns,
        ret,
        args,
        kind: KIND_COMPLETION,
        state: state | if worker { WORKER } else { 0 } | if more { MORE } else { 0 } | ambiguous,
        identities: PLACES as u8,
        ..Header::default()
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
pub(crate) mod tests {
    use core::mem::offset_of;

    use super::*;

    const SIZE: usize = size_of::<Header>();

    /// A record of a system call with these paths and this block, whose lengths are true.
    fn bytes(header: Header, paths: [&[u8]; 2], peek: &[u8]) -> Vec<u8> {
        let text = |bytes: &[u8], raw: RawText| RawText { len: bytes.len() as u16, ..raw };
        let path = [text(paths[0], header.path[0]), text(paths[1], header.path[1])];
        let header = Header { kind: KIND_CALL, path, peek: text(peek, header.peek), ..header };
        let files = FILES.map(|(n, open, cloexec)| RawIdentity {
            inode: 1000 + u64::from(n),
            name: 6000 + u64::from(n),
            device: 2000 + u32::from(n),
            flags: 3000 + u32::from(n),
            mode: 4000 + u16::from(n),
            open,
            cloexec,
            magic: 5000 + u32::from(n),
        });
        let files = &files[..header.identities as usize];
        [header.as_bytes(), files.as_bytes(), paths[0], paths[1], peek].concat()
    }

    /// The identities of a full record: number, open, close-on-exec.
    const FILES: [(u8, u8, u8); PLACES] = [(1, 1, 0), (3, 1, 1), (2, 0, 1)];

    /// A record for the tests of what comes after decoding.
    pub(crate) fn call_bytes(order: u64, number: u32, fd: u64, path: &[u8], ret: i64) -> Vec<u8> {
        let header = Header { number: order, nr: number, args: [fd, 0, 0, 0, 0, 0], ret, ..Header::default() };
        bytes(header, [path, b""], b"")
    }

    /// The same for an end record.
    pub(crate) fn end_bytes(seen: u64) -> Vec<u8> {
        Header { kind: KIND_END, pid: 77, number: seen, ..Header::default() }.as_bytes().to_vec()
    }

    /// The record of a name, from its last part to its first.
    pub(crate) fn name_bytes(id: u64, parts: &[&[u8]]) -> Vec<u8> {
        named(id, 0, parts)
    }

    fn named(id: u64, state: u8, parts: &[&[u8]]) -> Vec<u8> {
        let parts: Vec<u8> = parts.iter().flat_map(|part| [part, b"\0".as_slice()].concat()).collect();
        let path = [RawText { len: parts.len() as u16, err: 0 }, RawText::default()];
        let header = Header { kind: KIND_NAME, number: id, state, path, ..Header::default() };
        [header.as_bytes(), &parts].concat()
    }

    /// The record of a file that the call of this number closes.
    pub(crate) fn closed_bytes(order: u64, fd: u64, name: u64) -> Vec<u8> {
        let args = [fd, 0, 0, 0, 0, 0];
        let header = Header { kind: KIND_CLOSED, number: order, args, identities: 1, ..Header::default() };
        [header.as_bytes(), RawIdentity { name, open: 1, ..RawIdentity::default() }.as_bytes()].concat()
    }

    #[test]
    fn the_parts_of_a_name_are_put_together_from_the_root_on() {
        let path = |path: &[u8]| Name { path: path.to_vec(), ..Name::default() };
        let rows: [(&str, Vec<u8>, Name); 7] = [
            ("a file", named(1, 0, &[b"x", b"d", b"ws"]), path(b"/ws/d/x")),
            ("the root", named(1, 0, &[]), path(b"/")),
            ("no text", named(1, 0, &[b"\xff\n"]), path(b"/\xff\n")),
            ("a removed one", named(1, NAME_DELETED, &[b"x"]), Name { deleted: true, ..path(b"/x") }),
            ("one that goes on above", named(1, NAME_CUT, &[b"x"]), Name { cut: true, ..path(b"/x") }),
            ("one that is mounted nowhere", named(1, NAME_DETACHED, &[b"x"]), Name { detached: true, ..path(b"/x") }),
            (
                "a word",
                named(1, NAME_ALONE | NAME_DELETED, &[b"[eventfd]"]),
                Name { alone: true, ..path(b"[eventfd]") },
            ),
        ];
        for (sentence, bytes, name) in rows {
            assert_eq!(decode(&bytes), Ok(Record::Name(1, name)), "{sentence}");
        }
    }

    #[test]
    fn a_closed_file_says_whose_call_closes_it() {
        assert_eq!(decode(&closed_bytes(5, 3, 7)), Ok(Record::Closed { order: 5, fd: 3, name: 7 }));
    }

    fn decoded(bytes: &[u8]) -> Call {
        match decode(bytes) {
            Ok(Record::Call(call, _)) => call,
            other => panic!("{other:?}"),
        }
    }

    /// No two fields are alike, so that none can stand for another.
    fn full_header() -> Header {
        Header {
            watch: 1,
            number: 2,
            enter_ns: 3,
            duration_ns: 4,
            ret: -5,
            args: [6, 7, 8, 9, 10, u64::MAX],
            pid: 11,
            tid: 12,
            nr: 13,
            comm: *b"fifteen-letters\0",
            exit_tid: 14,
            cwd: 15,
            root: 16,
            state: REFUSED | COMPAT,
            late: 0b101,
            identities: PLACES as u8,
            ..Header::default()
        }
    }

    #[test]
    fn every_field_arrives_in_its_own_place() {
        let identity = |n: u8, cloexec| Identity {
            device: 2000 + u32::from(n),
            inode: 1000 + u64::from(n),
            magic: 5000 + u32::from(n),
            mode: 4000 + u16::from(n),
            flags: 3000 + u32::from(n),
            cloexec,
        };
        let text = |bytes: &[u8]| Text::Read { bytes: bytes.to_vec(), cut: false };
        let expected = Call {
            order: 2,
            pid: 11,
            tid: 12,
            exit_tid: 14,
            enter_ns: 3,
            duration_ns: 4,
            deed: Arc::new(Deed {
                number: 13,
                comm: *b"fifteen-letters\0",
                args: [6, 7, 8, 9, 10, u64::MAX],
                outcome: Outcome::Returned(-5),
                texts: [text(b"one"), text(b"second")],
                // The second descriptor was not open: what else its identity says means nothing.
                fds: [Some(identity(1, false)), None],
                made: Some(identity(3, true)),
                peek: Some(b"block".to_vec()),
                late: [true, false, true],
                abi: Abi::Compat,
                refused: true,
                request: None,
                files: Default::default(),
            }),
        };
        let ids = Ids { fds: [6001, 6002], made: 6003, cwd: 15, root: 16 };
        let bytes = bytes(full_header(), [b"one", b"second"], b"block");
        assert_eq!(decode(&bytes), Ok(Record::Call(expected, ids)));
        assert_eq!(watch_of(&bytes), Some(1));
        assert_eq!(watch_of(&bytes[..7]), None);
    }

    #[test]
    fn paths_and_block_are_told_apart_by_their_lengths() {
        let cut = vec![b'p'; PATH_CAP];
        let longest = &cut[1..];
        /// A sentence, the paths, the block, and which of the paths was cut.
        type Row<'r> = (&'r str, [&'r [u8]; 2], &'r [u8], [bool; 2]);
        let rows: [Row<'_>; 7] = [
            ("neither a path nor a block", [b"", b""], b"", [false, false]),
            ("one path", [b"a.txt", b""], b"", [false, false]),
            ("a second path only", [b"", b"b.txt"], b"", [false, false]),
            ("two paths, one of them no text", [b"a\xff\n", b"b"], b"", [false, false]),
            ("a block only", [b"", b""], &[0, 0, 0, 3, 0, 0, 0, 4], [false, false]),
            ("the longest path of all is whole", [longest, b"b"], b"block", [false, false]),
            ("a longer one was cut", [b"a", &cut], b"block", [false, true]),
        ];
        for (sentence, paths, peek, cut) in rows {
            let call = decoded(&bytes(full_header(), paths, peek));
            let text = |at: usize| Text::Read { bytes: paths[at].to_vec(), cut: cut[at] };
            let read = (call.texts.clone(), call.peek.clone());
            assert_eq!(read, ([text(0), text(1)], Some(peek.to_vec())), "{sentence}");
        }
    }

    #[test]
    fn what_could_not_be_read_says_why() {
        let mut header = full_header();
        header.path[1].err = -libc::EFAULT as i16;
        header.peek.err = -libc::EFAULT as i16;
        let call = decoded(&bytes(header, [b"one", b""], b""));
        let one = Text::Read { bytes: b"one".to_vec(), cut: false };
        assert_eq!(call.texts, [one, Text::Unreadable(libc::EFAULT)]);
        assert_eq!(call.peek, None);
    }

    #[test]
    fn a_call_that_never_returned_has_no_result() {
        let header = Header { state: UNFINISHED, ret: 0, ..full_header() };
        assert_eq!(decoded(&bytes(header, [b"", b""], b"")).outcome, Outcome::Unfinished);
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let unreadable = Header { path: [RawText::default(), RawText { len: 0, err: -14 }], ..full_header() };
        let rows: [(&str, Vec<u8>); 4] = [
            ("every field is set", bytes(full_header(), [b"one", b"second"], b"block")),
            ("nothing is set", bytes(Header::default(), [b"", b""], b"")),
            ("a path could not be read", bytes(unreadable, [b"one", b""], b"block")),
            ("the call never returned", bytes(Header { state: UNFINISHED, ..full_header() }, [b"", b""], b"")),
        ];
        for (sentence, bytes) in rows {
            let call = decoded(&bytes);
            let again = encode(9, &call);
            assert_eq!((watch_of(&again), decoded(&again)), (Some(9), call), "{sentence}");
        }
    }

    /// An entry of IORING_OP_OPENAT with a `user_data` of 7.
    const OPENAT: [u64; 6] = [18 | (-100_i32 as u64) << 32, 1, 2, 0o644 | (libc::O_CREAT as u64) << 32, 7, 0];

    fn submitted(nr: u8, args: [u64; 6]) -> Vec<u8> {
        let mut bytes = bytes(Header { nr: nr.into(), args, state: 0, ..full_header() }, [b"one", b""], b"");
        bytes[offset_of!(Header, kind)] = KIND_REQUEST;
        bytes
    }

    fn request_of(bytes: &[u8]) -> Call {
        match decode(bytes) {
            Ok(Record::Request(call, _)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_arguments_of_a_request_are_those_of_its_row() {
        let call = request_of(&submitted(18, OPENAT));
        assert_eq!((call.name(), call.outcome), ("IORING_OP_OPENAT".to_owned(), Outcome::Unfinished));
        assert_eq!(call.args, [-100_i64 as u64, 2, libc::O_CREAT as u64, 0o644, 0, 0]);
        assert_eq!(call.request.map(|request| request.sqe), Some(Sqe(OPENAT)));
        let unknown = request_of(&submitted(255, OPENAT));
        assert_eq!((unknown.name(), unknown.args), ("IORING_OP_255".to_owned(), OPENAT));
    }

    #[test]
    fn an_index_is_not_taken_for_the_descriptor_of_its_number() {
        let read = |flags: u64| request_of(&submitted(22, [22 | flags << 8, 0, 0, 0, 0, 0])).fds[0].is_some();
        assert_eq!([0, Sqe::FIXED_FILE.into()].map(read), [true, false]);
    }

    #[test]
    fn a_request_and_its_completion_are_encoded_and_decoded_to_the_same() {
        let request = request_of(&submitted(18, OPENAT));
        let again = encode(9, &request);
        assert_eq!((watch_of(&again), request_of(&again)), (Some(9), request.clone()));
        let how = Request { worker: true, more: true, ambiguous: true, ..request.request.unwrap() };
        let call = Call { order: 5, ..request };
        let call = call.with(|deed| (deed.outcome, deed.request) = (Outcome::Returned(-2), Some(how)));
        let expected = Completion {
            request: 2,
            order: 5,
            outcome: call.outcome,
            duration_ns: call.duration_ns,
            worker: true,
            more: true,
            ambiguous: true,
            used: None,
            made: call.made,
            pair: (call.fds, Some(vec![0; 8])),
        };
        let bytes = encode_completion(9, &call, 2);
        assert_eq!(decode(&bytes), Ok(Record::Completion(Box::new(expected), Ids::default())));
    }

    #[test]
    fn a_record_ends_behind_the_last_identity_that_is_there() {
        for places in 0..=PLACES {
            let header = Header { identities: places as u8, ..full_header() };
            let call = decoded(&bytes(header, [b"", b""], b""));
            assert_eq!((call.fds[0].is_some(), call.made.is_some()), (places > FIRST, places > MADE), "{places}");
        }
    }

    #[test]
    fn an_end_record_says_who_is_gone() {
        assert_eq!(decode(&end_bytes(9)), Ok(Record::End { pid: 77, seen: 9, status: Some(0) }));
    }

    /// The bytes of a good record after something was done to its header.
    fn lying(lie: impl Fn(&mut Header)) -> Vec<u8> {
        let good = bytes(full_header(), [b"one", b"second"], b"block");
        let (mut header, rest) = Header::read_from_prefix(&good).unwrap();
        lie(&mut header);
        [header.as_bytes(), rest].concat()
    }

    #[test]
    fn what_is_no_record_is_refused_with_the_reason() {
        let lies = "bytes behind the header are promised";
        let rows: [(&str, Vec<u8>, &str); 13] = [
            ("nothing", Vec::new(), "0 bytes are less than a header"),
            ("a byte less than a header", vec![0; SIZE - 1], "151 bytes are less than a header"),
            ("zeroes have no kind", vec![0; SIZE], "kind 0"),
            ("a kind of a later version", lying(|header| header.kind = 7), "kind 7"),
            ("a first path that is said to be longer", lying(|header| header.path[0].len += 1), lies),
            ("a second path that is said to be shorter", lying(|header| header.path[1].len -= 1), lies),
            ("a block that is said to be longer", lying(|header| header.peek.len = u16::MAX), lies),
            ("identities that are said not to be there", lying(|header| header.identities = 2), lies),
            ("more identities than there are places", lying(|header| header.identities = 4), "at most 3"),
            ("a block that is said not to be there", lying(|header| header.peek.len = 0), lies),
            ("lengths of which the sum needs more than 16 bits", all_lengths_at_most(), lies),
            ("bytes that nobody promised", [lying(|_| ()), vec![0]].concat(), lies),
            ("an end record with bytes behind it", [end_bytes(9), vec![0]].concat(), lies),
        ];
        for (sentence, bytes, reason) in rows {
            let bad = decode(&bytes).expect_err(sentence);
            assert!(bad.0.contains(reason), "{sentence}: {bad:?}");
        }
        assert!(decode(&lying(|_| ())).is_ok(), "without a lie it is a record");
    }

    /// Three times 65535 is 196605, of which 16 bits are 65533: so many bytes follow.
    fn all_lengths_at_most() -> Vec<u8> {
        let most = RawText { len: u16::MAX, err: 0 };
        let header = Header { kind: KIND_CALL, path: [most; 2], peek: most, ..full_header() };
        [header.as_bytes(), &[0; 65533]].concat()
    }

    #[test]
    fn a_record_cut_at_any_byte_is_refused() {
        let whole = bytes(full_header(), [b"one", b"second"], b"block");
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "the first {length} of {} bytes", whole.len());
        }
        for length in 0..SIZE {
            assert!(decode(&end_bytes(9)[..length]).is_err(), "the first {length} bytes of an end record");
        }
    }

    /// Marsaglia's xorshift64: the same numbers each time.
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as usize
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut seed = 0x1234_5678_9abc_def1;
        let (mut good, mut bad) = (0, 0);
        for round in 0..100_000 {
            let mut bytes = match round % 3 {
                0 => (0..random(&mut seed) % 300).map(|_| random(&mut seed) as u8).collect(),
                1 => lying(|_| ()),
                _ => end_bytes(9),
            };
            if let Some(length) = bytes.len().checked_sub(1) {
                bytes[random(&mut seed) % (length + 1)] = random(&mut seed) as u8;
            }
            match decode(&bytes) {
                Ok(_) => good += 1,
                Err(_) => bad += 1,
            }
        }
        assert!(good > 1000 && bad > 1000, "{good} were records, {bad} were not: one side was hardly tried");
    }
}
