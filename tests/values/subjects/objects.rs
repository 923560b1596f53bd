//! The records of an object by its mapping: bytes in, lines out.

use ior_it::support::subject::object::decode::{BufferKind, ObjectDecoder, decode};
use ior_it::support::subject::object::types::{StructOfObject, check};
use ior_it::support::subject::toml::{Definition, HowRun, RecordFormat};
use ior_it::support::subject::{Line, json};
use proptest::prelude::*;

fn records(text: &str) -> RecordFormat {
    let text = format!(
        "[subject]\nname = \"x\"\nfence = \"close\"\n[object]\nfile = \"x\"\nring = \"r\"\n{text}\n[claims]\nfields = [\"ret\"]\n"
    );
    match Definition::parse("x.toml", &text).unwrap_or_else(|errors| panic!("{errors}")).run {
        HowRun::Object(object) => object.records,
        HowRun::Command { .. } | HowRun::Own => panic!("no object"),
    }
}

const WHOLE: &str = r#"
[records.0]
layout = "u8 mark; u32 pid; u64 time; s32 ret; u16 flags; char path[6]; char comm[5]"
call = "openat"
pid = "pid"
enter_ns = "time"
ret = "ret"
flags = "flags"
path = "path"
comm = "comm"
"#;

/// A record of [`WHOLE`].
fn whole(pid: u32, ret: i32, path: &[u8; 6]) -> Vec<u8> {
    let mut bytes = vec![9, 0xee, 0xee, 0xee];
    bytes.extend(pid.to_le_bytes());
    bytes.extend(1000_u64.to_le_bytes());
    bytes.extend(ret.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(path);
    bytes.extend(b"work\0");
    bytes
}

/// The lines as written, without the bytes of the records.
fn shown(lines: &[Line]) -> Vec<String> {
    let one = |line: &Line| match line {
        Line::Garbled { raw, why } => format!("{why} ({})", String::from_utf8_lossy(raw)),
        line => json::write_line(line),
    };
    lines.iter().map(one).collect()
}

#[test]
fn a_record_says_what_its_bytes_are() {
    let records = records(WHOLE);
    let rows = [
        (
            whole(7, -2, b"a\0junk"),
            r#"{"call":"openat","comm":"work","enter_ns":1000,"flags":"O_WRONLY","path":"a","pid":7,"ret":"ENOENT"}"#,
        ),
        (
            whole(8, 3, b"abc\xffde"),
            r#"{"call":"openat","comm":"work","enter_ns":1000,"flags":"O_WRONLY","path":{"hex":"616263ff6465"},"pid":8,"ret":3}"#,
        ),
    ];
    for (bytes, line) in rows {
        let mut bytes = bytes;
        bytes.resize(40, 0);
        assert_eq!(shown(&decode(&records, &bytes)), [line]);
        let [Line::Call(said)] = &decode(&records, &bytes)[..] else { panic!("no call") };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(said.raw, hex.as_bytes());
    }
}

#[test]
fn what_does_not_fit_is_garbled_with_its_bytes() {
    let one = records(WHOLE);
    assert_eq!(shown(&decode(&one, &[1, 2])), ["it has 2 bytes, and its layout 40 (0102)"]);
    let long = decode(&one, &[0xab; 41]);
    let [Line::Garbled { raw, why }] = &long[..] else { panic!("{long:?}") };
    assert_eq!((raw.len(), why.as_str()), (82, "it has 41 bytes, and its layout 40"));
    assert_eq!(ObjectDecoder::new(one, BufferKind::Perf).take(&[0; 44]).len(), 1, "a perf buffer fills it up");

    let several = records(
        "[records]\nby = \"u8 kind\"\nskip = [4]\n[records.1]\nlayout = \"u8 kind; u8 nr\"\ncall = { by = \"nr\", names = { 1 = \"read\" } }\n[records.2]\nlayout = \"u8 kind; s32 nr\"\ncall = { number = \"nr\" }\n",
    );
    let rows: [(&[u8], &[&str]); 7] = [
        (&[], &["it has 0 bytes, and its layout 1 ()"]),
        (&[1, 1], &[r#"{"call":"read"}"#]),
        (&[1, 2], &["`nr` is 2, which `names` does not have (0102)"]),
        (&[2, 0, 0, 0, 3, 0, 0, 0], &[r#"{"call":"close"}"#]),
        (&[2, 0, 0, 0, 255, 255, 255, 255], &["`nr` is -1, which is no number of a call (02000000ffffffff)"]),
        (&[3, 1], &["its kind is 3, and there is no [records.3] (0301)"]),
        (&[4, 9, 9, 9, 9], &[]),
    ];
    for (bytes, lines) in rows {
        assert_eq!(shown(&decode(&several, bytes)), lines, "{bytes:?}");
    }
}

const HALVES: &str = r#"
[records]
by = "kind"
pair = "tid"
[records.1]
enter = true
layout = "u32 tid; u8 kind; u8 nr; u64 args[3]"
call = { number = "nr" }
tid = "tid"
args = "args"
[records.2]
layout = "u32 tid; u8 kind; s64 ret"
ret = "ret"
[records.3]
layout = "u32 tid; u8 kind; s64 ret"
call = "close"
ret = "ret"
"#;

fn enter(tid: u32, nr: u8, args: [u64; 3]) -> Vec<u8> {
    let mut bytes = tid.to_le_bytes().to_vec();
    bytes.extend([1, nr, 0, 0]);
    bytes.extend(args.iter().flat_map(|arg| arg.to_le_bytes()));
    bytes
}

fn exit(tid: u32, kind: u8, ret: i64) -> Vec<u8> {
    let mut bytes = tid.to_le_bytes().to_vec();
    bytes.extend([kind, 0, 0, 0]);
    bytes.extend(ret.to_le_bytes());
    bytes
}

#[test]
fn enter_and_exit_are_one_call() {
    let mut decoder = ObjectDecoder::new(records(HALVES), BufferKind::Ring);
    let mut take = |bytes: &[u8]| shown(&decoder.take(bytes));
    assert_eq!(
        take(&exit(5, 2, 1)),
        [r#"{"note":"a call returned that was entered before: 05000000020000000100000000000000"}"#]
    );
    assert!(take(&enter(5, 3, [u64::MAX, 0, 0])).is_empty());
    assert!(take(&enter(6, 72, [4, 3, 0])).is_empty());
    assert_eq!(take(&exit(5, 2, -9)), [r#"{"call":"close","fd":-1,"tid":5,"ret":"EBADF"}"#]);
    assert_eq!(take(&exit(6, 2, 2)), [r#"{"call":"fcntl","cmd":"F_GETFL","fd":4,"arg":0,"tid":6,"ret":2}"#]);
    assert_eq!(
        take(&exit(5, 2, 0)),
        ["it is the exit of a call whose enter was not shown (05000000020000000000000000000000)"]
    );
    take(&enter(5, 3, [1, 0, 0]));
    let again = take(&enter(5, 32, [2, 0, 0]));
    assert_eq!(again, [r#"{"call":"close","fd":1,"tid":5}"#], "what it returned was not shown");
    assert_eq!(
        take(&exit(5, 3, 0)),
        [
            r#"{"call":"dup","fd":2,"tid":5}"#,
            "it is the exit of close, and dup was entered (05000000030000000000000000000000)"
        ]
    );
    take(&enter(6, 0, [0, 8, 1]));
    let left = decoder.end();
    let [Line::Call(said)] = &left[..] else { panic!("{left:?}") };
    assert_eq!((said.call.as_str(), json::write(said).contains("unfinished")), ("read", true));
}

#[test]
fn made_up_ids_take_no_more_than_some_memory() {
    let mut decoder = ObjectDecoder::new(records(HALVES), BufferKind::Ring);
    let lines: usize = (0..70_000).map(|tid| decoder.take(&enter(tid, 3, [0; 3])).len()).sum();
    assert_eq!((lines, decoder.end().len()), (70_000 - (1 << 16), 1 << 16));
}

#[test]
fn a_layout_is_compared_with_the_struct() {
    let of = |text: &str| records(&WHOLE.replace("layout", &format!("{text}layout")));
    let field = |(name, offset): (&str, usize)| (name.to_owned(), offset);
    let lies =
        [("mark", 0), ("pid", 4), ("time", 8), ("ret", 16), ("flags", 20), ("path", 22), ("comm", 28)].map(field);
    let known = |name: &str, size| StructOfObject { name: name.to_owned(), fields: lies.to_vec(), size };
    let mut moved = known("event", 40);
    moved.fields[3].1 = 20;
    let mut other = known("event", 40);
    other.fields[6].0 = "command".to_owned();
    let rows = [
        (of(""), vec![known("event", 32)], Some("it has 32 bytes, and the layout 40")),
        (of(""), vec![known("event", 40)], None),
        (of(""), vec![moved.clone(), known("event", 40)], None),
        (of(""), vec![moved], Some("struct event`: `ret` is at byte 20, and by the layout at 16")),
        (of(""), vec![other.clone()], None),
        (of("struct = \"event\"\n"), vec![other], Some("it has no field `comm`")),
        (of("struct = \"evnt\"\n"), vec![known("event", 40)], Some("no `struct evnt`\n hint: did you mean `event`?")),
    ];
    for (records, structs, error) in rows {
        let found = check("x.bpf.o", &records, &structs).err().map(|error| error.to_string());
        match (&found, error) {
            (None, None) => {}
            (Some(found), Some(error)) => assert!(found.contains(error), "{found}"),
            (found, error) => panic!("{found:?} {error:?}"),
        }
    }
}

proptest! {
    #[test]
    fn a_number_is_what_was_written(pid: u32, ret in -4095_i32..i32::MAX) {
        let records = records(WHOLE);
        let mut bytes = whole(pid, ret, b"a\0\0\0\0\0");
        bytes.resize(40, 0);
        let lines = decode(&records, &bytes);
        let Line::Call(said) = &lines[0] else { panic!("{lines:?}") };
        prop_assert_eq!(said.number("pid"), Some(i64::from(pid)));
        let found = if ret < 0 { format!("Some(Errno({}))", -ret) } else { format!("Some(Number({ret}))") };
        prop_assert_eq!(format!("{:?}", said.ret()), found);
    }

    #[test]
    fn any_bytes_make_lines(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..20)) {
        for text in [WHOLE, HALVES] {
            for source in [BufferKind::Ring, BufferKind::Perf] {
                let mut decoder = ObjectDecoder::new(records(text), source);
                for bytes in &all {
                    prop_assert!(decoder.take(bytes).len() <= 2);
                }
                decoder.end();
            }
        }
    }
}

/// The errors in a TOML with this [object] and [records].
fn errors(object: &str, text: &str) -> String {
    let text = format!(
        "[subject]\nname = \"x\"\nfence = \"close\"\n[object]\nfile = \"x\"\nring = \"r\"\n{object}\n{text}\n[claims]\nfields = [\"ret\"]\n"
    );
    Definition::parse("x.toml", &text).err().map(|errors| errors.to_string()).unwrap_or_default()
}

#[test]
fn what_a_mapping_cannot_say_is_an_error() {
    let kind =
        |more: &str| format!("[records.1]\nlayout = \"u8 kind; u64 args[6]; u32 few[2]\"\ncall = \"read\"\n{more}");
    let rows = [
        ("entries = { r = 0 }", kind(""), "`r` is no number of elements"),
        ("entries = { r = 4294967296 }", kind(""), "`r` is no number of elements"),
        ("entries = 3", kind(""), "not a table"),
        ("", format!("[records]\nby = \"sort\"\n{}", kind("")), "`sort` does not lie at the same place in all kinds"),
        ("", format!("[records]\nby = \"u32\"\n{}", kind("")), "`u32` is no type and a name"),
        ("", format!("[records]\nskip = [2]\n{}", kind("")), "nothing tells the kinds of records apart"),
        ("", format!("[records]\nby = \"kind\"\nskip = [-2]\n{}", kind("")), "has no key `skip` of this kind"),
        ("", format!("[records]\nby = \"kind\"\nskip = 2\n{}", kind("")), "has no key `skip` of this kind"),
        ("", kind("args = \"few\""), "`few` does not hold arguments of 8 bytes"),
        ("", kind("args = \"arg\""), "the layout has no field `arg`"),
        ("", kind("struct = 3"), "`struct` is"),
    ];
    for (object, text, wanted) in rows {
        let found = errors(object, &text);
        assert!(found.contains(wanted), "{text}: {found}");
    }
    assert_eq!(
        errors("entries = { r = 4096 }", &format!("[records]\nby = \"kind\"\nskip = [2]\n{}", kind("args = \"args\""))),
        ""
    );
}

#[test]
fn all_that_follows_in_a_record_may_be_a_field() {
    let records =
        records("[records.0]\nlayout = \"u32 pid; u8 size; char name[]\"\ncall = \"openat\"\npath = \"name\"\n");
    let rows: [(&[u8], &str); 4] = [
        (&[1, 0, 0, 0, 2, b'a', b'b', 0, b'c'], r#"{"call":"openat","path":"ab"}"#),
        (&[1, 0, 0, 0, 2, b'a', b'b'], r#"{"call":"openat","path":"ab"}"#),
        (&[1, 0, 0, 0, 2], r#"{"call":"openat","path":""}"#),
        (&[1, 0, 0, 0], "it has 4 bytes, and its layout 5 (01000000)"),
    ];
    for (bytes, line) in rows {
        assert_eq!(shown(&decode(&records, bytes)), [line]);
    }
}
