//! Archives: reading gives back what was written, and a damaged archive is refused or equal. No privileges.
//!
//! The archives in `tests/recorded` come from real runs. CONTRIBUTING.md says how to make them.

pub mod strategy;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use ior_it::support::archive::{self, Archive, BadArchive, decode, encode};
use ior_it::support::subject::json;
use ior_it::support::trace::show::{self, Detail};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// The same cases each time. A failure writes no file.
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
            // Whatever it is now, it can be shown and judged, and survives another round.
            let _ = (other.headline(), show::trace(&other.observed.trace, true), other.observed.trace.losses());
            prop_assert_eq!(decode(&encode(&other).unwrap()).unwrap(), other);
        }
    }

    #[test]
    fn whatever_pointers_lead_to_can_be_shown(calls in proptest::collection::vec(strategy::pointing(), 40)) {
        for call in &calls {
            let _ = (show::call(call), show::call_in(call, Detail::Full), (0..6).map(|at| call.content(at)).collect::<Vec<_>>(), json::of_call(call));
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

/// A frame in the form of an archive's.
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

/// A real archive, as if it came from this architecture.
fn real() -> (Archive, Vec<u8>) {
    let mut bytes = unpacked(&std::fs::read(crate::recorded("dup-basic")).unwrap());
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
    // Such as the size of the window, which only says how much memory to take.
    assert!(equal * 100 < bits, "{equal} of {bits} flipped bits make no difference");
}

/// A change to the values of a real archive, in an undamaged frame.
fn changed(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = unpacked(&real().1);
    change(&mut bytes);
    packed(&bytes)
}

fn swapped(old: &[u8], new: &[u8]) -> Vec<u8> {
    changed(|bytes| replace(bytes, old, new))
}

/// The place where the calls begin: a map of 15 fields, the first of which is the number. The byte before it is the number of
/// calls.
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
        ("a text", b"# tests.toml\n".to_vec(), "it is not an archive: it does not begin with a zstd frame"),
        ("two bytes of an archive", whole[..2].to_vec(), "it is cut off: its zstd frame is incomplete"),
        ("half an archive", whole[..whole.len() / 2].to_vec(), "it is cut off: its zstd frame is incomplete"),
        ("a byte of the checksum changed", flipped_last(&whole), "it is damaged: restored data doesn't match checksum"),
        (
            "a frame without a checksum",
            frame(&unpacked(&whole), false, true),
            "its zstd frame lacks the checksum or the unpacked size",
        ),
        (
            "a frame that does not say its size",
            frame(&unpacked(&whole), true, false),
            "its zstd frame lacks the checksum or the unpacked size",
        ),
        ("a text in a frame", packed(b"# tests.toml\n"), "it is not an archive: its zstd frame holds something else"),
        ("nothing in a frame", packed(b""), "it is not an archive: its zstd frame holds something else"),
        (
            "a map of something else",
            packed(b"\x81\xa1a\x01"),
            "it is not an archive: its zstd frame holds something else",
        ),
        (
            "another format",
            swapped(b"\xa3ior", b"\xa3ktr"),
            "it is not an archive: its zstd frame holds something else",
        ),
        ("the next version", version(b"\x02"), "it has format version 2, and this ior-it reads version 1"),
        (
            "a version far off",
            version(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
            "it has format version 18446744073709551615, and",
        ),
        ("version 0", version(b"\x00"), "it has format version 0, which does not exist"),
        (
            "another architecture",
            swapped(&string(std::env::consts::ARCH), &string("s390x")),
            "it was recorded on s390x, and this machine is ",
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
        ("one call more than there are", count(7), "its call 7 of 7 cannot be read: the data ends here"),
        ("one call less than there are", count(5), "more data follows the 5 calls that it announces"),
        ("a count that is none", count(0xc0), "its number of calls cannot be read: invalid type: unit value"),
        (
            "more calls than there can be",
            packed(&until_calls(u64::MAX)),
            "its call 1 of 18446744073709551615 cannot be read: the data ends here",
        ),
        ("bytes after the frame", [&whole[..], b"\n"].concat(), "more data follows the end of the archive"),
        ("an archive after the archive", [&whole[..], &whole].concat(), "more data follows the end of the archive"),
        (
            "a frame of a terabyte",
            bomb(1 << 40, b"", 100),
            "its unpacked content is larger than the limit of 1073741824 bytes",
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
        // The header is a map of more than 15 fields. If that changes, this test must change.
        assert_eq!(bytes[0] & 0xf0, 0x80, "the header is a short map");
        let at = first_call(bytes);
        // A map of 16 fields no longer has the short form.
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

/// Runs ior-it with a limit on its memory.
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
        ("a terabyte, and says so", bomb(1 << 40, b"", 8_000_000), "its unpacked content is larger than"),
        ("a gigabyte of zeroes", bomb(claims, b"", 8192), "its zstd frame holds something else"),
        ("says that it is small", bomb(1000, &until_calls(1), 8192), "it is damaged: "),
        (
            "a path of four gigabytes",
            bomb(claims, &call_with_path(u32::MAX), 8191),
            "a value in it is larger than the limit of 4194304",
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
