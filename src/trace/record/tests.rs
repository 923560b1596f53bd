use core::mem::offset_of;

use super::*;

const SIZE: usize = size_of::<RecordHeader>();

/// A record of a system call with these paths and this block, whose lengths are true.
fn bytes(header: RecordHeader, paths: [&[u8]; 2], peek: &[u8]) -> Vec<u8> {
    let text = |bytes: &[u8], raw: RawText| RawText { len: bytes.len() as u16, ..raw };
    let path = [text(paths[0], header.path[0]), text(paths[1], header.path[1])];
    let header = RecordHeader { kind: KIND_CALL, path, peek: text(peek, header.peek), ..header };
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
    let header = RecordHeader { number: order, nr: number, args: [fd, 0, 0, 0, 0, 0], ret, ..RecordHeader::default() };
    bytes(header, [path, b""], b"")
}

/// The same for an end record.
pub(crate) fn end_bytes(seen: u64) -> Vec<u8> {
    RecordHeader { kind: KIND_END, pid: 77, number: seen, ..RecordHeader::default() }.as_bytes().to_vec()
}

/// The record of a name, from its last part to its first.
pub(crate) fn name_bytes(id: u64, parts: &[&[u8]]) -> Vec<u8> {
    named(id, 0, parts)
}

fn named(id: u64, state: u8, parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| [part, b"\0".as_slice()].concat()).collect();
    let path = [RawText { len: parts.len() as u16, err: 0 }, RawText::default()];
    let header = RecordHeader { kind: KIND_NAME, number: id, state, path, ..RecordHeader::default() };
    [header.as_bytes(), &parts].concat()
}

/// The record of a file that the call of this number closes.
pub(crate) fn closed_bytes(order: u64, fd: u64, name: u64) -> Vec<u8> {
    let args = [fd, 0, 0, 0, 0, 0];
    let header = RecordHeader { kind: KIND_CLOSED, number: order, args, identities: 1, ..RecordHeader::default() };
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
        ("a word", named(1, NAME_ALONE | NAME_DELETED, &[b"[eventfd]"]), Name { alone: true, ..path(b"[eventfd]") }),
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
fn full_header() -> RecordHeader {
    RecordHeader {
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
        ..RecordHeader::default()
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
            data: Vec::new(),
            request: None,
            files: Default::default(),
        }),
    };
    let ids = Ids { fds: [6001, 0], made: 6003, cwd: 15, root: 16 };
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
    type PathsRow<'r> = (&'r str, [&'r [u8]; 2], &'r [u8], [bool; 2]);
    let rows: [PathsRow<'_>; 7] = [
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
    let header = RecordHeader { state: UNFINISHED, ret: 0, ..full_header() };
    assert_eq!(decoded(&bytes(header, [b"", b""], b"")).outcome, Outcome::Unfinished);
}

#[test]
fn what_is_encoded_is_decoded_to_the_same() {
    let unreadable = RecordHeader { path: [RawText::default(), RawText { len: 0, err: -14 }], ..full_header() };
    let rows: [(&str, Vec<u8>); 4] = [
        ("every field is set", bytes(full_header(), [b"one", b"second"], b"block")),
        ("nothing is set", bytes(RecordHeader::default(), [b"", b""], b"")),
        ("a path could not be read", bytes(unreadable, [b"one", b""], b"block")),
        ("the call never returned", bytes(RecordHeader { state: UNFINISHED, ..full_header() }, [b"", b""], b"")),
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
    let mut bytes = bytes(RecordHeader { nr: nr.into(), args, state: 0, ..full_header() }, [b"one", b""], b"");
    bytes[offset_of!(RecordHeader, kind)] = KIND_REQUEST;
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
    let how = RingRequest { worker: true, more: true, ambiguous: true, ..request.request.unwrap() };
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
        let header = RecordHeader { identities: places as u8, ..full_header() };
        let call = decoded(&bytes(header, [b"", b""], b""));
        assert_eq!((call.fds[0].is_some(), call.made.is_some()), (places > FIRST, places > MADE), "{places}");
    }
}

#[test]
fn an_end_record_says_who_is_gone() {
    assert_eq!(decode(&end_bytes(9)), Ok(Record::End { pid: 77, seen: 9, status: Some(0) }));
}

/// The bytes of a good record after something was done to its header.
fn lying(lie: impl Fn(&mut RecordHeader)) -> Vec<u8> {
    let good = bytes(full_header(), [b"one", b"second"], b"block");
    let (mut header, rest) = RecordHeader::read_from_prefix(&good).unwrap();
    lie(&mut header);
    [header.as_bytes(), rest].concat()
}

/// A record of data: the argument, the part, and the size of all of it.
pub(crate) fn data_bytes([arg, part, size]: [u64; 3], bytes: &[u8]) -> Vec<u8> {
    let path = [RawText { len: bytes.len() as u16, err: 0 }, RawText::default()];
    let header =
        RecordHeader { kind: KIND_DATA, number: 9, args: [arg, part, size, 0, 0, 0], path, ..RecordHeader::default() };
    [header.as_bytes(), bytes].concat()
}

fn unreadable_data(bytes: &[u8]) -> Vec<u8> {
    let mut record = data_bytes([1, 0, 3], bytes);
    record[std::mem::offset_of!(RecordHeader, path) + 2..][..2].copy_from_slice(&(-14_i16).to_ne_bytes());
    record
}

#[test]
fn data_is_the_first_bytes_of_what_an_argument_leads_to() {
    for (arg, size) in [(1, 5), (5, 5), (1, 3)] {
        let decoded = decode(&data_bytes([arg, 2, size], b"one")).unwrap();
        let data = Data { arg: arg as u8, part: 2, size, bytes: Bytes::Read(b"one".to_vec()), late: false };
        assert_eq!(decoded, Record::Data { order: 9, data }, "all of them if it has no more");
    }
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    let lies = "bytes after the header are promised";
    let long = |len: usize| bytes(full_header(), [&vec![b'x'; len], b"second"], b"block");
    assert!(decode(&long(4096)).is_ok());
    let rows: [(&str, Vec<u8>, &str); 20] = [
        ("nothing", Vec::new(), "0 bytes are less than a header"),
        ("a byte less than a header", vec![0; SIZE - 1], "151 bytes are less than a header"),
        ("zeroes have no kind", vec![0; SIZE], "kind 0"),
        ("a kind of a later version", lying(|header| header.kind = 8), "kind 8"),
        ("data of an argument that no call has", data_bytes([6, 0, 3], b"one"), "argument 6"),
        ("more data than there is", data_bytes([1, 0, 2], b"one"), "3 of 2 bytes"),
        ("data that could not be read", unreadable_data(b"one"), "3 bytes with the error -14"),
        ("an error that is none", lying(|header| header.path[1].err = 14), "the error 14"),
        ("a first path that is said to be longer", lying(|header| header.path[0].len += 1), lies),
        ("a second path that is said to be shorter", lying(|header| header.path[1].len -= 1), lies),
        ("a block that is said to be longer", lying(|header| header.peek.len = u16::MAX), lies),
        ("identities that are said not to be there", lying(|header| header.identities = 2), lies),
        ("a path that is longer than any", long(4097), "longer than PATH_MAX"),
        ("a name with an empty part", name_bytes(9, &[b"one", b""]), "an empty part"),
        ("a path with a NUL", bytes(full_header(), [b"one", b"a\0b"], b"block"), "has a NUL"),
        ("more identities than there are places", lying(|header| header.identities = 4), "at most 3"),
        ("a block that is said not to be there", lying(|header| header.peek.len = 0), lies),
        ("lengths of which the sum needs more than 16 bits", all_lengths_at_most(), lies),
        ("bytes that nobody promised", [lying(|_| ()), vec![0]].concat(), lies),
        ("an end record with bytes after it", [end_bytes(9), vec![0]].concat(), lies),
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
    let header = RecordHeader { kind: KIND_CALL, path: [most; 2], peek: most, ..full_header() };
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
