//! What pointers lead to, in lines: written, read back, and judged where a subject claims it.

use ior_it::support::subject::claims::{Claims, takes_part};
use ior_it::support::subject::compare::{Compared, Finding, compare};
use ior_it::support::subject::json::{self, Line};
use ior_it::support::subject::schema::schema;
use ior_it::support::subject::{Said, Wrongness};
use ior_it::support::table::blocks::{self, What};
use ior_it::support::table::syscalls::Syscall;
use ior_it::support::trace::call::{Bytes, Call, Data, Outcome};

use super::schema::is_valid;
use crate::expectations::calls::call;

fn read(arg: u8, part: u16, bytes: &[u8]) -> Data {
    Data { arg, part, size: bytes.len() as u64, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

fn with(name: &str, data: Vec<Data>) -> Call {
    call(name, &[3, 16, 16, 16, 16, 16], 0).with(|deed| deed.data = data)
}

/// What a line says of data.
fn data_of(call: &Call) -> String {
    let line: serde_json::Value = serde_json::from_str(&json::of_call(call)).unwrap();
    let of = |key: &str| line.get(key).map(ToString::to_string).unwrap_or_default();
    format!("{} {}", of("data"), of("data_is")).trim_end().to_owned()
}

fn is_read_back(call: &Call) {
    let line = json::of_call(call);
    let Line::Call(said) = json::read(line.as_bytes()) else { panic!("{line}: {:?}", json::read(line.as_bytes())) };
    assert_eq!(*said, Said::of(call), "{line}");
    assert_eq!(json::write(&said), line);
    let root = schema();
    assert!(is_valid(&root, &root, &serde_json::from_str(&line).unwrap()), "{line}");
}

#[test]
fn a_line_has_what_was_read() {
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let cut = Data { size: 9, ..read(1, 0, b"begin") };
    let bad = Data { bytes: Bytes::Unreadable(14), ..read(1, 0, b"") };
    let late = Data { late: true, ..read(1, 0, b"x\xff") };
    let segments = vec![read(1, 0, &words(&[16, 2, 32, 1])), read(1, 1, b"ab"), read(1, 2, b"")];
    let unix = read(1, 0, b"\x01\0\0name");
    let events = read(0, 0, &[7, 0, 0, 0, 1, 0, 4, 0]);
    let rows = [
        (with("write", vec![]), ""),
        (with("write", vec![read(1, 0, b"hello")]), r#"{"buf":"hello"}"#),
        (with("write", vec![cut]), r#"{"buf":"begin"} {"buf":"cut"}"#),
        (with("write", vec![bad]), r#"{"buf":null} {"buf":"unreadable"}"#),
        (with("write", vec![late]), r#"{"buf":{"hex":"78ff"}} {"buf":"late"}"#),
        (with("writev", segments), r#"{"iov":["ab",""]}"#),
        (with("connect", vec![unix]), r#"{"addr":{"sa_family":"AF_UNIX","sun_path":"\u0000name"}}"#),
        (with("ppoll", vec![events]), r#"{"fds":[{"events":"POLLIN","fd":7,"revents":"POLLOUT"}]}"#),
        (
            with("timerfd_gettime", vec![read(1, 0, &words(&[1, 2, 3, u64::MAX]))]),
            r#"{"curr_value":{"it_interval":{"tv_nsec":2,"tv_sec":1},"it_value":{"tv_nsec":18446744073709551615,"tv_sec":3}}}"#,
        ),
    ];
    for (call, expected) in rows {
        assert_eq!(data_of(&call), expected);
        is_read_back(&call);
    }
}

/// Of each block of each call: bytes with all values, as many as it takes, one less, and none.
#[test]
fn every_block_is_read_back() {
    let mut blocks_seen = 0;
    for row in Syscall::all() {
        for block in blocks::of(row) {
            let arg = row.arg(block.arg).unwrap() as u8;
            let size = if let What::Struct(of) = block.what { of.size } else { 16 };
            for len in [2 * size, size, size - 1, 2, 0] {
                let bytes: Vec<u8> = (0..len).map(|at| (at * 37 + len) as u8).collect();
                let parts = [0, 1].map(|part| read(arg, part, &bytes)).to_vec();
                is_read_back(&with(row.name, parts));
            }
            blocks_seen += 1;
        }
    }
    assert!(blocks_seen > 40, "{blocks_seen}");
}

#[test]
fn what_is_no_data_is_garbled_with_the_reason() {
    let rows = [
        (r#"{"call":"close","data":{}}"#, "`close` has no key `data`"),
        (r#"{"call":"write","data":"x"}"#, r#"`data` is "x", not an object with buf"#),
        (r#"{"call":"write","data":{"bufs":"x"}}"#, r#"not an object without `bufs`: did you mean `buf`?"#),
        (r#"{"call":"write","data":{"buf":3}}"#, "not an object whose `buf` is a string, or"),
        (r#"{"call":"fstat","data":{"statbuf":{"st_sizes":3}}}"#, "did you mean `st_size`?"),
        (r#"{"call":"fstat","data":{"statbuf":{"st_mode":"rw"}}}"#, "whose `st_mode` is an octal number in quotes"),
        (r#"{"call":"writev","data":{"iov":"x"}}"#, "whose `iov` is an array"),
        (r#"{"call":"connect","data":{"addr":{"sin_addr":"1.2.3"}}}"#, r#"is an address, as in "127.0.0.1""#),
        (r#"{"call":"write","data_is":{"buf":"odd"}}"#, "whose `buf` is one of whole, cut, unreadable, late"),
    ];
    for (line, reason) in rows {
        match json::read(line.as_bytes()) {
            Line::Garbled { why, .. } => assert!(why.contains(reason), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

/// How a line that says this of data is wrong, for a subject that claims data.
fn judged(reference: &Call, said: &str) -> Option<Wrongness> {
    let row = reference.syscall().unwrap().name;
    let line = json::read(format!(r#"{{"call":"{row}"{said}}}"#).as_bytes());
    assert!(matches!(line, Line::Call(_)), "{line:?}");
    let claims = Claims { fields: vec!["data".to_owned()], ..Claims::default() };
    let (reference, lines) = (std::slice::from_ref(reference), &[line]);
    let compared = Compared { reference, lines, claims: &claims, workspace: None, takes_part: &takes_part };
    match compare(&compared).findings.as_slice() {
        [] => None,
        [Finding::Differs { fields, .. }] => {
            assert_eq!((fields.len(), fields[0].field), (1, "data"));
            Some(fields[0].kind)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_subject_that_claims_data_is_judged_by_it() {
    let written = with("write", vec![read(1, 0, b"hello")]);
    let late = with("write", vec![Data { late: true, ..read(1, 0, b"hello") }]);
    let cut = with("write", vec![Data { size: 9, ..read(1, 0, b"hello") }]);
    let words: Vec<u8> = [16_u64, 1, 32, 1].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let vector = with("writev", vec![read(1, 0, &words), read(1, 1, b"a"), read(1, 2, b"b")]);
    let slept = with("timerfd_gettime", vec![read(1, 0, &[1; 32])]);
    let number = 0x0101_0101_0101_0101_u64;
    let half = format!(r#","data":{{"curr_value":{{"it_value":{{"tv_sec":{number}}}}}}}"#);
    let rows = [
        (&written, r#","data":{"buf":"hello"}"#, None),
        (&written, r#","data":{"buf":"hellO"}"#, Some(Wrongness::Wrong)),
        (&written, r#","data":{"buf":"hello, and more"}"#, Some(Wrongness::Wrong)),
        (&written, r#","data":{"buf":"hel"}"#, Some(Wrongness::Cut)),
        (&written, r#","data":{"buf":"hel"},"data_is":{"buf":"cut"}"#, None),
        (&written, r#","data":{"buf":"hal"},"data_is":{"buf":"cut"}"#, Some(Wrongness::Wrong)),
        (&written, r#","data":{"buf":null}"#, Some(Wrongness::Wrong)),
        (&written, r#","data":{}"#, Some(Wrongness::Absent)),
        (&written, "", Some(Wrongness::Absent)),
        (&vector, r#","data":{"iov":["a","b"]}"#, None),
        (&vector, r#","data":{"iov":["a"]}"#, Some(Wrongness::Cut)),
        (&vector, r#","data":{"iov":["b"]}"#, Some(Wrongness::Wrong)),
        (&vector, r#","data":{"iov":["a","b","c"]}"#, Some(Wrongness::Wrong)),
        (&slept, half.as_str(), None),
        (&slept, r#","data":{"curr_value":{"it_value":{"tv_sec":1}}}"#, Some(Wrongness::Wrong)),
        (&slept, r#","data":{"curr_value":{}}"#, Some(Wrongness::Absent)),
        // What the reference has not for certain is not compared.
        (&late, r#","data":{"buf":"other"}"#, None),
        (&cut, r#","data":{"buf":"other"}"#, None),
    ];
    for (reference, said, wrong) in rows {
        assert_eq!(judged(reference, said), wrong, "{said}");
    }
}

/// The argument of mount(2) with this name is an address like any other.
#[test]
fn an_argument_called_data_is_said_by_what_it_leads_to() {
    let mount = call("mount", &[1, 2, 3, 0, 0x1000], 0).with(|deed| deed.outcome = Outcome::Returned(0));
    assert_eq!(judged(&mount, r#","data":{}"#), None);
}
