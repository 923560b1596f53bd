//! What the adapter ior.parquet makes of recordings. tests/printed/ior.parquet has calls that the tracer of ior's snapshot of
//! July 2025 recorded on Linux 6.18, in the columns, the compression and the footer of ior's own internal/parquet (2026). The
//! other files are made here.

use std::path::Path;
use std::sync::Arc;

use ior_it::support::subject::adapters::of_files;
use ior_it::support::subject::json::{self, Line};
use ior_it::support::subject::schema::schema;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use snapbox::{Data, assert_data_eq};

use super::adapters::shown;
use super::schema::is_valid;

/// The lines of a file, and why it cannot be read to its end.
fn read(file: Vec<u8>) -> (Vec<Line>, Result<(), String>) {
    let mut lines = Vec::new();
    let read = of_files("ior.parquet").unwrap()(file, &mut |line| lines.push(line));
    (lines, read)
}

fn recorded() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/printed/ior.parquet")).unwrap()
}

/// One row.
#[derive(Clone)]
struct Row {
    seq: i64,
    syscall: &'static str,
    comm: &'static str,
    fd: i32,
    ret: i64,
    file: &'static str,
    is_error: bool,
    old_file: &'static str,
    epoll: (&'static str, i32),
}

const ROW: Row = Row {
    seq: 1,
    syscall: "close",
    comm: "it",
    fd: 3,
    ret: 0,
    file: "",
    is_error: false,
    old_file: "",
    epoll: ("", 0),
};

const COLUMNS: &str = "message ior {
    required int64 seq (integer(64,false)); required int64 time_ns (integer(64,false)); required binary comm (utf8);
    required int32 pid (integer(32,false)); required int32 tid (integer(32,false)); required binary syscall (utf8);
    required int32 fd (integer(32,true)); required int64 ret (integer(64,true)); required binary file (utf8);
    required boolean is_error; required binary old_file (utf8); required binary epoll_op (utf8);
    required int32 epoll_target_fd (integer(32,true)); }";

/// A file with these rows, and these words in its footer.
fn file(rows: &[Row], footer: &[(&str, &str)]) -> Vec<u8> {
    let pairs = footer.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned())).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let (schema, mut file) = (Arc::new(parse_message_type(COLUMNS).unwrap()), Vec::new());
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let long = |group: &mut _, of: fn(&Row) -> i64| {
        column::<Int64Type>(group, rows.iter().map(of).collect());
    };
    let int = |group: &mut _, of: fn(&Row) -> i32| {
        column::<Int32Type>(group, rows.iter().map(of).collect());
    };
    let text = |group: &mut _, of: fn(&Row) -> &'static str| {
        column::<ByteArrayType>(group, rows.iter().map(|row| ByteArray::from(of(row))).collect());
    };
    long(&mut group, |row| row.seq);
    long(&mut group, |row| row.seq * 10);
    text(&mut group, |row| row.comm);
    int(&mut group, |_| 7);
    int(&mut group, |_| 8);
    text(&mut group, |row| row.syscall);
    int(&mut group, |row| row.fd);
    long(&mut group, |row| row.ret);
    text(&mut group, |row| row.file);
    column::<BoolType>(&mut group, rows.iter().map(|row| row.is_error).collect());
    text(&mut group, |row| row.old_file);
    text(&mut group, |row| row.epoll.0);
    int(&mut group, |row| row.epoll.1);
    group.close().unwrap();
    writer.close().unwrap();
    file
}

fn column<T: parquet::data_type::DataType>(group: &mut SerializedRowGroupWriter<&mut Vec<u8>>, values: Vec<T::T>) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_recording_is_lines() {
    let (lines, read) = read(recorded());
    assert_eq!(read, Ok(()));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/subjects/ior-parquet.jsonl");
    assert_data_eq!(shown(&lines), Data::read_from(&golden, None).raw());
    let schema = schema();
    for line in &lines {
        let Line::Call(said) = line else { panic!("{line:?}") };
        assert!(is_valid(&schema, &schema, &serde_json::from_str(&json::write(said)).unwrap()) && !said.raw.is_empty());
    }
}

/// What a row says is only what is certain.
#[test]
fn each_row_is_a_call() {
    const WHO: &str = r#""pid":7,"tid":8,"enter_ns":10"#;
    let rows = [
        (Row { ..ROW }, r#""call":"close",WHO,"comm":"it","fd":3,"ret":0"#),
        (Row { fd: -1, ret: -9, is_error: true, ..ROW }, r#""call":"close",WHO,"comm":"it","ret":"EBADF""#),
        (Row { file: "a", comm: "", ..ROW }, r#""call":"close",WHO,"fd":3,"path":"a","ret":0"#),
        (Row { syscall: "openat", file: "ä", ret: 3, ..ROW }, r#""call":"openat",WHO,"comm":"it","path":"ä","ret":3"#),
        (Row { syscall: "openat", file: r"f\xffg", ret: 3, ..ROW }, r#""call":"openat",WHO,"comm":"it","ret":3"#),
        (
            Row { syscall: "openat", file: r"\x", ret: 3, ..ROW },
            r#""call":"openat",WHO,"comm":"it","path":"\\x","ret":3"#,
        ),
        (Row { syscall: "newlstat", file: "a", fd: -1, ..ROW }, r#""call":"lstat",WHO,"comm":"it","path":"a","ret":0"#),
        (Row { comm: r"\xc3", ..ROW }, r#""call":"close",WHO,"fd":3,"ret":0"#),
        (
            Row { syscall: "rename", file: "b", old_file: "a", fd: -1, ..ROW },
            r#""call":"rename",WHO,"comm":"it","path":"a","path2":"b","ret":0"#,
        ),
        (Row { syscall: "setxattr", file: "b", fd: -1, ..ROW }, r#""call":"setxattr",WHO,"comm":"it","ret":0"#),
        (
            Row { syscall: "epoll_ctl", epoll: ("MOD", 5), ..ROW },
            r#""call":"epoll_ctl",WHO,"comm":"it","op":"EPOLL_CTL_MOD","fd2":5,"fd":3,"ret":0"#,
        ),
        (Row { ret: -512, is_error: true, ..ROW }, r#""call":"close",WHO,"comm":"it","fd":3,"ret":"ERESTARTSYS""#),
        (Row { ret: -512, ..ROW }, r#""call":"close",WHO,"comm":"it","fd":3,"ret":"ERESTARTSYS""#),
    ];
    for (row, wanted) in rows {
        let (lines, read) = read(file(&[row], &[]));
        assert_eq!((shown(&lines).trim(), read), (format!("{{{}}}", wanted.replace("WHO", WHO)).as_str(), Ok(())));
    }
}

#[test]
fn a_row_that_cannot_be_is_garbled_with_the_reason() {
    let rows = [
        (Row { syscall: "clse", ..ROW }, "there is no call `clse`"),
        (Row { syscall: "warning", ..ROW }, "there is no call `warning`"),
        (Row { ret: -9, ..ROW }, "its `is_error` contradicts its `ret`"),
        (Row { is_error: true, ..ROW }, "its `is_error` contradicts its `ret`"),
        (Row { epoll: ("ODD", 1), ..ROW }, "its `epoll_op` or its `epoll_target_fd` is unknown"),
    ];
    for (row, reason) in rows {
        let (lines, read) = read(file(&[row], &[]));
        let [Line::Garbled { why, raw }] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((why.as_str(), read), (reason, Ok(())));
        assert!(raw.starts_with(b"syscall="), "{}", String::from_utf8_lossy(raw));
    }
}

/// ior numbers its rows, and says in the footer that it sampled.
#[test]
fn what_ior_says_that_it_lost_is_believed() {
    let lost = |rows: &[i64], footer: &[(&str, &str)]| -> Vec<u64> {
        let rows: Vec<Row> = rows.iter().map(|&seq| Row { seq, ..ROW }).collect();
        let lines = read(file(&rows, footer)).0;
        lines.iter().filter_map(|line| if let Line::Lost(count) = line { Some(*count) } else { None }).collect()
    };
    let plan = ("ior.sampling", "read=10");
    let totals = |text| ("ior.sampling.totals", text);
    assert_eq!(lost(&[4, 5, 9, 10], &[]), [3]);
    assert_eq!(lost(&[1, 2], &[("ior.mode", "headless")]), [] as [u64; 0]);
    assert_eq!(lost(&[1, 2], &[plan]), [1]);
    assert_eq!(lost(&[1, 2], &[plan, totals("unavailable")]), [1]);
    assert_eq!(lost(&[1], &[plan, totals(r#"[{"counted_only":890,"total":1000},{"counted_only":2}]"#)]), [892]);
    assert_eq!(lost(&[1], &[plan, totals(r#"[{"counted_only":0,"lower_bound":true}]"#)]), [1]);
    assert_eq!(lost(&[1], &[plan, totals(r#"[{"counted_only":0}]"#)]), [] as [u64; 0]);
    assert_eq!(lost(&[1], &[plan, totals(r#"[{"rate":1}]"#)]), [1]);
    let (lines, _) = read(file(&[ROW, ROW], &[]));
    assert!(
        matches!(&lines[1], Line::Garbled { why, .. } if why == "its `seq` is not after that of the row before"),
        "{lines:?}"
    );
}

#[test]
fn what_is_no_recording_has_its_reason() {
    let other = |old: &str, new: &str| {
        let schema = Arc::new(parse_message_type(&COLUMNS.replace(old, new)).unwrap());
        let mut file = Vec::new();
        SerializedFileWriter::new(&mut file, schema, Arc::default()).unwrap().close().unwrap();
        file
    };
    let rows = [
        (Vec::new(), "it is no whole Parquet file: "),
        (b"PAR1 and no more".to_vec(), "it is no whole Parquet file: "),
        (other("required binary comm (utf8);", ""), "it is no recording of ior: it has no column `comm`"),
        (
            other("required int64 ret (integer(64,true));", "required double ret;"),
            "its column `ret` is DOUBLE, not INT64",
        ),
        (other("required binary old_file (utf8);", "required int32 old_file;"), "its column `old_file` is INT32"),
    ];
    for (file, reason) in rows {
        let why = read(file).1.unwrap_err();
        assert!(why.starts_with(reason), "{why}");
    }
    assert_eq!(read(other("required binary old_file (utf8);", "")).1, Ok(()), "older versions lack it");
}

/// A cut file is never read in part: its footer is at its end. A file with wrong bytes has an end, whatever it says.
#[test]
fn a_damaged_file_does_no_harm() {
    let whole = recorded();
    for cut in (0..whole.len()).step_by(61) {
        let (lines, read) = read(whole[..cut].to_vec());
        assert!(lines.is_empty() && read.is_err(), "{cut}");
    }
    let (right, _) = read(whole.clone());
    let mut found = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut file = whole.clone();
        file[at] ^= 0x55;
        let (lines, read) = read(file);
        assert!(lines.len() <= 2 * right.len() + 2, "{at}: {} lines", lines.len());
        found += usize::from(read.is_err() || lines != right);
    }
    assert!(found > 200, "only {found} were noticed");
}
