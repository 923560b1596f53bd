//! Archives: what goes in comes out, and what is damaged is refused or equal. No privileges.
//!
//! The archives in `tests/recorded` are of real runs; CONTRIBUTING.md says how they are made.
// The helpers of tests unwrap as tests do, and a table of rows is as long as its rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ior_it::archive::{self, Archive, BadArchive, Origin, decode, encode};
use ior_it::child::ending::{Ending, How, Phase};
use ior_it::judge::verdict::Observed;
use ior_it::table::kind::Kind;
use ior_it::table::syscalls::Abi;
use ior_it::table::syscalls::Sqe;
use ior_it::trace::call::{Attribute, Call, Contradiction, Deed, Files, Identity, Outcome, RingRequest, Text};
use ior_it::trace::counts::Counts;
use ior_it::trace::show;
use ior_it::trace::whole::Trace;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

pub mod strategy {
    //! Any archive.

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..40)
    }

    fn text() -> impl Strategy<Value = Text> {
        prop_oneof![
            (bytes(), any::<bool>()).prop_map(|(bytes, cut)| Text::Read { bytes, cut }),
            any::<i32>().prop_map(Text::Unreadable),
        ]
    }

    fn identity() -> impl Strategy<Value = Option<Identity>> {
        let fields = any::<(u32, u64, u32, u16, u32, bool)>();
        proptest::option::of(fields.prop_map(|(device, inode, magic, mode, flags, cloexec)| Identity {
            device,
            inode,
            magic,
            mode,
            flags,
            cloexec,
        }))
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::File), Just(Kind::IoUring), Just(Kind::Anonymous)]
    }

    fn disagreement() -> impl Strategy<Value = Contradiction> {
        let attribute = || {
            prop_oneof![
                kind().prop_map(Attribute::Kind),
                any::<u32>().prop_map(Attribute::Status),
                any::<bool>().prop_map(Attribute::Cloexec),
            ]
        };
        (any::<i32>(), attribute(), attribute()).prop_map(|(fd, call, kernel)| Contradiction { fd, call, kernel })
    }

    fn files() -> impl Strategy<Value = Files> {
        let path = || proptest::option::of(bytes());
        let closes = proptest::collection::vec(bytes(), 0..3);
        let kind = || proptest::option::of(kind());
        let said = ([kind(), kind()], kind(), proptest::collection::vec(disagreement(), 0..3));
        (path(), path(), path(), closes, said).prop_map(|(path, path2, made_path, closes, said)| {
            let (kinds, made, disagreements) = said;
            Files { path, path2, closes, made_path, kinds, made, disagreements }
        })
    }

    /// Numbers that mean something more often than not.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0..8_u64, Just(libc::AT_FDCWD as u64)]
    }

    fn request() -> impl Strategy<Value = RingRequest> {
        let entry = any::<[u64; 6]>().prop_map(Sqe);
        (entry, any::<[bool; 3]>()).prop_map(|(sqe, [worker, more, ambiguous])| RingRequest {
            sqe,
            worker,
            more,
            ambiguous,
        })
    }

    pub fn call() -> impl Strategy<Value = Call> {
        let outcome = prop_oneof![any::<i64>().prop_map(Outcome::Returned), Just(Outcome::Unfinished)];
        let number = prop_oneof![any::<u32>(), 0..460_u32];
        let words = (number, any::<[u64; 3]>(), any::<[u32; 3]>(), any::<[u8; 16]>(), prop::array::uniform6(word()));
        let how = (any::<[bool; 3]>(), prop_oneof![Just(Abi::Native), Just(Abi::Compat)], any::<bool>());
        let rest = (outcome, [text(), text()], [identity(), identity(), identity()], how);
        let blocks = (proptest::option::of(bytes()), proptest::option::of(request()));
        (words, rest, blocks, files()).prop_map(|(words, rest, (peek, request), files)| {
            let (number, [order, enter_ns, duration_ns], [pid, tid, exit_tid], comm, args) = words;
            let (outcome, texts, [fd, fd2, made], (late, abi, refused)) = rest;
            let fds = [fd, fd2];
            let head = (number, order, pid, tid, comm, args, outcome);
            let (number, order, pid, tid, comm, args, outcome) = head;
            Call {
                order,
                pid,
                tid,
                exit_tid,
                enter_ns,
                duration_ns,
                deed: Arc::new(Deed {
                    number,
                    comm,
                    args,
                    outcome,
                    texts,
                    fds,
                    made,
                    peek,
                    late,
                    abi,
                    refused,
                    request,
                    files,
                }),
            }
        })
    }

    fn ending() -> impl Strategy<Value = Ending> {
        let how = prop_oneof![
            Just(How::Finished),
            any::<String>().prop_map(How::Failed),
            any::<String>().prop_map(How::Skipped),
            any::<String>().prop_map(How::Panicked),
            any::<i32>().prop_map(How::Signal),
            any::<String>().prop_map(How::PremiseNotMet),
            any::<i32>().prop_map(How::Exited),
            any::<Duration>().prop_map(How::TimedOut),
        ];
        (prop_oneof![Just(Phase::Setup), Just(Phase::Act)], how).prop_map(|(phase, how)| Ending { phase, how })
    }

    fn trace() -> impl Strategy<Value = Trace> {
        let calls = proptest::collection::vec(call(), 0..8);
        let lines = proptest::collection::vec(any::<String>(), 0..3);
        (calls, any::<[u64; 17]>(), lines, any::<u64>()).prop_map(|(calls, counts, bad_records, watch)| {
            let [
                seen,
                emitted,
                refused,
                strays,
                skipped,
                followed,
                ends,
                received,
                ends_received,
                undecoded,
                more @ ..,
            ] = counts;
            let [submitted, submissions_received, told, told_received, untold, crowded, hidden] = more;
            let counts = Counts {
                seen,
                emitted,
                refused,
                strays,
                skipped,
                followed,
                ends,
                received,
                ends_received,
                undecoded,
                submitted,
                submissions_received,
                told,
                told_received,
                untold,
                crowded,
                hidden,
            };
            Trace { watch, calls, counts, bad_records }
        })
    }

    fn origin() -> impl Strategy<Value = Origin> {
        let scenario = prop_oneof![any::<String>(), Just("dup-basic".to_owned())];
        (scenario, any::<[String; 2]>(), bytes(), any::<u64>()).prop_map(
            |(scenario, [ior_it, kernel], workspace, began_ns)| Origin {
                scenario,
                ior_it,
                kernel,
                architecture: std::env::consts::ARCH.to_owned(),
                workspace,
                began_ns,
            },
        )
    }

    pub fn archive() -> impl Strategy<Value = Archive> {
        (origin(), ending(), trace())
            .prop_map(|(origin, ending, trace)| Archive { origin, observed: Observed { ending, trace } })
    }

    /// Something that happens to bytes.
    #[derive(Clone, Debug)]
    pub enum Damage {
        Cut(prop::sample::Index),
        Flip(prop::sample::Index, u8),
        Splice(prop::sample::Index, prop::sample::Index, Vec<u8>),
        Move(prop::sample::Index, prop::sample::Index),
    }

    pub fn damage() -> impl Strategy<Value = Damage> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            index().prop_map(Damage::Cut),
            (index(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
            (index(), index(), bytes()).prop_map(|(from, to, bytes)| Damage::Splice(from, to, bytes)),
            (index(), index()).prop_map(|(from, to)| Damage::Move(from, to)),
        ]
    }

    impl Damage {
        pub fn apply(&self, bytes: &mut Vec<u8>) {
            let range = |from: &prop::sample::Index, to: &prop::sample::Index| {
                let (one, other) = (from.index(bytes.len()), to.index(bytes.len()));
                one.min(other)..one.max(other)
            };
            match self {
                Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
                Damage::Flip(at, bit) => {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
                Damage::Splice(from, to, new) => drop(bytes.splice(range(from, to), new.iter().copied())),
                Damage::Move(from, to) => {
                    let piece: Vec<u8> = bytes.drain(range(from, to)).collect();
                    bytes.extend(piece);
                }
            }
        }
    }
}

/// The same cases each time, and nothing written when one fails.
fn cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(20_260_727), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_trace_survives(archive in strategy::archive()) {
        let back = decode(&encode(&archive).unwrap()).unwrap();
        prop_assert_eq!(archive::difference(&archive, &back), None);
        prop_assert_eq!(back, archive);
    }

    #[test]
    fn a_damaged_archive_is_refused_or_equal(
        archive in strategy::archive(),
        damages in proptest::collection::vec(strategy::damage(), 1..4),
    ) {
        let mut bytes = encode(&archive).unwrap();
        for damage in &damages {
            if !bytes.is_empty() {
                damage.apply(&mut bytes);
            }
        }
        if let Ok(back) = decode(&bytes) {
            prop_assert_eq!(back, archive);
        }
    }

    #[test]
    fn damage_below_the_checksum_makes_nothing_panic(
        archive in strategy::archive(),
        damage in strategy::damage(),
    ) {
        let mut bytes = unpacked(&encode(&archive).unwrap());
        damage.apply(&mut bytes);
        if let Ok(other) = decode(&packed(&bytes)) {
            // Whatever it is now, it can be shown and judged, and it survives.
            let _ = (other.headline(), show::trace(&other.observed.trace, true), other.observed.trace.losses());
            prop_assert_eq!(decode(&encode(&other).unwrap()).unwrap(), other);
        }
    }

    #[test]
    fn the_archive_check_sees_each_difference(archive in strategy::archive(), other in strategy::archive()) {
        prop_assert_eq!(archive::difference(&archive, &other).is_none(), archive == other);
    }
}

fn unpacked(archive: &[u8]) -> Vec<u8> {
    zstd::decode_all(archive).unwrap()
}

/// A frame as archives have it.
fn packed(bytes: &[u8]) -> Vec<u8> {
    frame(bytes, true, true)
}

fn frame(bytes: &[u8], checksum: bool, size: bool) -> Vec<u8> {
    let mut frame = zstd::Encoder::new(Vec::new(), 3).unwrap();
    frame.include_checksum(checksum).unwrap();
    frame.set_pledged_src_size(size.then_some(bytes.len() as u64)).unwrap();
    std::io::Write::write_all(&mut frame, bytes).unwrap();
    frame.finish().unwrap()
}

fn recorded(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(format!("{scenario}.ior.zst"))
}

/// A real one, as if it were of this architecture.
fn real() -> (Archive, Vec<u8>) {
    let mut bytes = unpacked(&std::fs::read(recorded("dup-basic")).unwrap());
    replace(&mut bytes, &string("x86_64"), &string(std::env::consts::ARCH));
    let archive = decode(&packed(&bytes)).unwrap();
    let bytes = encode(&archive).unwrap();
    (archive, bytes)
}

/// A short string in MessagePack.
fn string(text: &str) -> Vec<u8> {
    [&[0xa0 + text.len() as u8], text.as_bytes()].concat()
}

fn replace(bytes: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    let at = bytes.windows(old.len()).position(|window| window == old).expect("it is in there");
    bytes.splice(at..at + old.len(), new.iter().copied());
}

#[test]
fn a_real_archive_cut_at_any_byte_is_refused() {
    let (_, bytes) = real();
    for length in 0..bytes.len() {
        let bad = decode(&bytes[..length]).expect_err("it is cut");
        let expected = if length == 0 { BadArchive::Empty } else { BadArchive::Truncated };
        assert_eq!(bad, expected, "the first {length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_real_archive_with_any_bit_flipped_is_refused_or_equal() {
    let (archive, bytes) = real();
    let bits = bytes.len() * 8;
    let mut equal = 0;
    for bit in 0..bits {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(back) = decode(&bytes) {
            assert_eq!(back, archive, "bit {bit}");
            equal += 1;
        }
    }
    // Such as those of the window's size, which says how much memory to take and nothing of the contents.
    assert!(equal * 100 < bits, "{equal} of {bits} flipped bits make no difference");
}

/// What is done to the values of a real archive, whose frame is then whole.
fn changed(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = unpacked(&real().1);
    change(&mut bytes);
    packed(&bytes)
}

fn swapped(old: &[u8], new: &[u8]) -> Vec<u8> {
    changed(|bytes| replace(bytes, old, new))
}

/// Where the calls begin: a map of 15 fields, the first of which is the number. The byte before is how many there are.
fn first_call(bytes: &[u8]) -> usize {
    bytes.windows(8).position(|window| window == b"\x8f\xa6number").expect("there is a call")
}

/// A frame that claims this size, of blocks of 128 KiB that are one byte repeated (RFC 8878, 3.1.1).
fn bomb(claimed: u64, start: &[u8], blocks: usize) -> Vec<u8> {
    let block = |kind: u32, size: usize, last: bool| (u32::from(last) | kind << 1 | (size as u32) << 3).to_le_bytes();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1100_0100, 0x58];
    frame.extend(claimed.to_le_bytes());
    frame.extend(&block(0, start.len(), false)[..3]);
    frame.extend(start);
    for at in 1..=blocks {
        frame.extend(&block(1, 128 << 10, at == blocks)[..3]);
        frame.push(0);
    }
    frame.extend([0; 4]);
    frame
}

/// The unpacked bytes of a real archive until its first call, of which it promises this many.
fn until_calls(count: u64) -> Vec<u8> {
    let mut bytes = unpacked(&real().1);
    bytes.truncate(first_call(&bytes) - 1);
    bytes.push(0xcf);
    bytes.extend(count.to_be_bytes());
    bytes
}

#[test]
fn each_bad_archive_has_its_message() {
    let whole = real().1;
    let count = |count: u8| {
        changed(|bytes| {
            let at = first_call(bytes);
            bytes[at - 1] = count
        })
    };
    let version = |version: &[u8]| swapped(b"\xa7version\x01", &[b"\xa7version", version].concat());
    let rows: [(&str, Vec<u8>, &str); 26] = [
        ("nothing", vec![], "it is empty"),
        ("a text", b"# tests.toml\n".to_vec(), "it is no archive: no zstd frame begins there"),
        ("two bytes of an archive", whole[..2].to_vec(), "it is cut off: its zstd frame does not end"),
        ("half an archive", whole[..whole.len() / 2].to_vec(), "it is cut off: its zstd frame does not end"),
        ("a byte of the checksum changed", flipped_last(&whole), "it is damaged: restored data doesn't match checksum"),
        (
            "a frame without a checksum",
            frame(&unpacked(&whole), false, true),
            "its zstd frame lacks the checksum or the size of what is in it",
        ),
        (
            "a frame that does not say its size",
            frame(&unpacked(&whole), true, false),
            "its zstd frame lacks the checksum or the size of what is in it",
        ),
        ("a text in a frame", packed(b"# tests.toml\n"), "it is no archive: a zstd frame of something else"),
        ("nothing in a frame", packed(b""), "it is no archive: a zstd frame of something else"),
        ("a map of something else", packed(b"\x81\xa1a\x01"), "it is no archive: a zstd frame of something else"),
        ("another format", swapped(b"\xa3ior", b"\xa3ktr"), "it is no archive: a zstd frame of something else"),
        ("the next version", version(b"\x02"), "its format is version 2, newer than the 1 that this ior-it reads"),
        (
            "a version far off",
            version(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
            "its format is version 18446744073709551615, newer",
        ),
        ("version 0", version(b"\x00"), "its format is version 0, which never was"),
        (
            "another architecture",
            swapped(&string(std::env::consts::ARCH), &string("s390x")),
            "it was recorded on s390x, and this is ",
        ),
        ("no ending", swapped(b"\xa6ending", b"\xa6endinq"), "its header cannot be read: missing field `ending`"),
        (
            "an ending that is none",
            swapped(b"\xa8finished", b"\xa8vanished"),
            "its header cannot be read: unknown variant `vanished`",
        ),
        (
            "a call without arguments",
            swapped(b"\xa4args", b"\xa4arqs"),
            "its call 1 of 6 cannot be read: missing field `args`",
        ),
        (
            "a call with the same field twice",
            swapped(b"\xa3tid", b"\xa3pid"),
            "its call 1 of 6 cannot be read: duplicate field `pid`",
        ),
        ("one call more than there are", count(7), "its call 7 of 7 cannot be read: there is no more"),
        ("one call less than there are", count(5), "there is more in it than the 5 calls that it promises"),
        ("a count that is none", count(0xc0), "its number of calls cannot be read: invalid type: unit value"),
        (
            "more calls than there can be",
            packed(&until_calls(u64::MAX)),
            "its call 1 of 18446744073709551615 cannot be read: there is no more",
        ),
        (
            "bytes after the frame",
            [&whole[..], b"\n"].concat(),
            "there is more in the file after the end of the archive",
        ),
        (
            "an archive after the archive",
            [&whole[..], &whole].concat(),
            "there is more in the file after the end of the archive",
        ),
        (
            "a frame of a terabyte",
            bomb(1 << 40, b"", 100),
            "what it would unpack to is more than the 1073741824 bytes that it may be",
        ),
    ];
    for (sentence, bytes, message) in rows {
        let bad = decode(&bytes).expect_err(sentence);
        assert!(bad.to_string().starts_with(message), "{sentence}: {bad}");
        assert!(!bad.hint().is_empty());
    }
}

fn flipped_last(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn fields_can_be_added_without_a_new_version() {
    let (archive, _) = real();
    let later = changed(|bytes| {
        // The header is a map of more than 15 fields only if this changes: then the test has to.
        assert_eq!(bytes[0] & 0xf0, 0x80, "the header is a short map");
        let at = first_call(bytes);
        // A map of 16 fields is no short one any more.
        bytes.splice(at..=at, [0xde, 0, 16]);
        bytes.splice(
            at + 3..at + 3,
            [string("weather"), b"\x82\xa1a\xc0\xa1b\x93\x01\x02\xc4\x01\xff".to_vec()].concat(),
        );
        let fields = usize::from(bytes[0] & 0x0f) + 1;
        bytes.splice(0..1, [0xde, 0, fields as u8]);
        bytes.splice(3..3, [string("mood"), string("good")].concat());
    });
    assert_eq!(decode(&later).unwrap(), archive);
}

/// Runs ior-it with no more than this much memory.
fn with_memory(megabytes: u64, args: &[&Path]) -> Output {
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={}", megabytes << 20)).arg(env!("CARGO_BIN_EXE_ior-it")).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn what_would_be_huge_is_refused_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let claims = 1_u64 << 30;
    let whole = unpacked(&real().1);
    let call_with_path = |length: u32| {
        let mut bytes = until_calls(1 << 40);
        let call = &whole[first_call(&whole)..];
        let texts = call.windows(6).position(|window| window == b"\xa5texts").unwrap() + 6;
        bytes.extend(&call[..texts]);
        bytes.extend(b"\x92\x81\xa4read\x82\xa5bytes\xc6");
        bytes.extend(length.to_be_bytes());
        bytes
    };
    let rows: [(&str, Vec<u8>, &str); 5] = [
        ("a terabyte, and says so", bomb(1 << 40, b"", 8_000_000), "would unpack to is more than"),
        ("a gigabyte of zeroes", bomb(claims, b"", 8192), "a zstd frame of something else"),
        ("says that it is small", bomb(1000, &until_calls(1), 8192), "it is damaged: "),
        (
            "a path of four gigabytes",
            bomb(claims, &call_with_path(u32::MAX), 8191),
            "a value in it is more than the 4194304",
        ),
        ("a terabyte of calls", packed(&until_calls(1 << 40)), "its call 1 of 1099511627776 cannot be read"),
    ];
    for (sentence, bytes, message) in rows {
        let path = folder.path().join("dup-basic.ior.zst");
        std::fs::write(&path, bytes).unwrap();
        let output = with_memory(160, &[Path::new("--show"), &path]);
        let says = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{sentence}: {says}");
        assert!(says.starts_with(&format!("error: {}: ", path.display())), "{sentence}: {says}");
        assert!(says.contains(message), "{sentence}: {says}");
    }
}
