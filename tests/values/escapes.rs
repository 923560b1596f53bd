//! Text from outside never reaches a terminal unchanged. Each field of an archive, each word of a command line and each part of
//! a `tests.toml` is tried with every control sequence.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use ior_it::support::archive::{self, Archive};
use ior_it::support::child::ending::How;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// ESC, a title (OSC 0), the clipboard (OSC 52), C1, bidi, what is not seen, and a line that looks like one of ours.
const TEXT: &str = "\x1b[31m\x1b]0;x\x07\x1b]52;c;eA==\x1b\\\u{9b}31m\u{9d}0;x\u{9c}\u{202e}\u{2066}\u{200b}\u{7f}\r\t\u{2028}\
                    \ntest result: ok. FAKE passed\ntest FAKE ... ok\n";

/// The same with bytes that are not UTF-8.
fn bytes() -> Vec<u8> {
    [TEXT.as_bytes(), b"\x9b31m\xff\xfe\xc3"].concat()
}

/// Fails unless a terminal shows the output unchanged, and no line in it is forged.
fn assert_is_plain(said: &[u8], what: &str) {
    let text = std::str::from_utf8(said).unwrap_or_else(|error| panic!("{what}: {error}: {:?}", bstr::BStr::new(said)));
    let obeyed = |one: char| {
        let moves = matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        one != '\n' && (one.is_control() || moves)
    };
    let line = text.lines().find(|line| line.contains(obeyed));
    assert_eq!(line, None, "{what}: {:?}", line);
    let forged = text.lines().find(|line| line.starts_with("test result: ok. FAKE") || line.starts_with("test FAKE"));
    assert_eq!(forged, None, "{what}:\n{text}");
    assert!(!text.contains("panicked at"), "{what}:\n{text}");
}

/// The output of `ior-it` on both streams.
fn said<S: AsRef<OsStr>>(arguments: &[S], folder: &Path) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.code().is_some(), "{}", output.status);
    [output.stdout, output.stderr].concat()
}

/// Any value of MessagePack.
#[derive(Clone, Debug)]
enum Value {
    Nil,
    Bool(bool),
    Int(i128),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nil => to.serialize_unit(),
            Value::Bool(is) => to.serialize_bool(*is),
            Value::Int(number) if *number < 0 => to.serialize_i64(*number as i64),
            Value::Int(number) => to.serialize_u64(*number as u64),
            Value::Text(text) => to.serialize_str(text),
            Value::Bytes(bytes) => to.serialize_bytes(bytes),
            Value::List(list) => {
                let mut to = to.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|one| to.serialize_element(one))?;
                to.end()
            }
            Value::Map(map) => {
                let mut to = to.serialize_map(Some(map.len()))?;
                map.iter().try_for_each(|(key, one)| to.serialize_entry(key, one))?;
                to.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "anything")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }
            fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
                Ok(Value::Bool(is))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Int(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Int(number.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
                Ok(Value::Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = from.next_element()? {
                    list.push(one);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = from.next_entry()? {
                    map.push(entry);
                }
                Ok(Value::Map(map))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Value {
    /// Every text, byte string and key in it, with its place: the names of fields, without indexes in lists.
    fn leaves<'v>(&'v mut self, path: &str, each: &mut dyn FnMut(String, &'v mut Value)) {
        match self {
            Value::Text(_) | Value::Bytes(_) => each(path.to_owned(), self),
            Value::List(list) => list.iter_mut().for_each(|one| one.leaves(path, each)),
            Value::Map(map) => {
                for (key, one) in map {
                    let name = format!("{path}.{}", if let Value::Text(name) = &*key { name } else { "#" });
                    one.leaves(&name, each);
                    if let Value::Text(_) = key {
                        each(format!("{name} (key)"), key);
                    }
                }
            }
            Value::Nil | Value::Bool(_) | Value::Int(_) => {}
        }
    }
}

/// The values of an archive: header, count, calls.
fn values(archive: &Archive) -> Vec<Value> {
    let packed = archive::encode(archive).unwrap();
    let unpacked = zstd::decode_all(packed.as_slice()).unwrap();
    let mut rest = unpacked.as_slice();
    let mut values = Vec::new();
    while !rest.is_empty() {
        let mut from = rmp_serde::Deserializer::new(rest);
        values.push(Value::deserialize(&mut from).unwrap());
        rest = from.into_inner();
    }
    values
}

fn packed(values: &[Value]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| rmp_serde::to_vec(value).unwrap()).collect();
    let mut to = zstd::Encoder::new(Vec::new(), 1).unwrap();
    to.include_checksum(true).unwrap();
    to.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
    to.write_all(&bytes).unwrap();
    to.finish().unwrap()
}

fn recorded(scenario: &str) -> Archive {
    archive::load(&crate::recorded(scenario)).unwrap()
}

/// Copies of the values in which one leaf is replaced, for each leaf at a new place, with that place.
fn changed(values: &[Value], known: &mut BTreeSet<String>) -> Vec<(String, Vec<Value>)> {
    let is_bytes = |leaf: &Value| matches!(leaf, Value::Bytes(_));
    let each_leaf = |values: &mut [Value], each: &mut dyn FnMut(usize, String, &mut Value)| {
        let mut at = 0;
        for value in values {
            value.leaves("", &mut |path, leaf| {
                each(at, path, leaf);
                at += 1;
            });
        }
    };
    let mut places: Vec<(usize, String, bool)> = Vec::new();
    each_leaf(&mut values.to_vec(), &mut |at, path, leaf| {
        places.extend(known.insert(path.clone()).then_some((at, path, is_bytes(leaf))))
    });
    let mut all = Vec::new();
    for (place, path, is_bytes) in places {
        for same_length in [false, true] {
            let mut other = values.to_vec();
            each_leaf(&mut other, &mut |at, _, leaf| match leaf {
                Value::Text(text) if at == place && !same_length => *text = TEXT.to_owned(),
                Value::Bytes(old) if at == place && same_length => {
                    *old = bytes().into_iter().cycle().take(old.len()).collect();
                }
                Value::Bytes(old) if at == place => *old = bytes(),
                _ => {}
            });
            all.push((path.clone(), other));
            if !is_bytes {
                break;
            }
        }
    }
    all
}

#[test]
fn whatever_stands_in_an_archive_is_shown_as_text() {
    if std::env::consts::ARCH != "x86_64" {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut archives: Vec<Archive> = ["rename-basic", "iouring-setup"].map(recorded).to_vec();
    for how in [How::Failed, How::Skipped, How::PremiseNotMet, How::Panicked] {
        let mut archive = recorded("dup-basic");
        archive.observed.ending.how = how("x".to_owned());
        archives.push(archive);
    }
    let mut places = BTreeSet::new();
    let file = folder.path().join("it.ior.zst");
    for archive in &archives {
        for (path, values) in changed(&values(archive), &mut places) {
            std::fs::write(&file, packed(&values)).unwrap();
            for arguments in [["-v", "--replay", "it.ior.zst"].as_slice(), &["--show", "it.ior.zst"]] {
                assert_is_plain(&said(arguments, folder.path()), &format!("{path}: {arguments:?}"));
            }
        }
    }
    for place in
        [".scenario", ".kernel", ".workspace", ".ending.how.failed", ".ending.how.skipped", ".comm", ".texts.read"]
    {
        assert!(places.iter().any(|path| path.starts_with(place)), "{place} is none of {places:?}");
    }
}

#[test]
fn whatever_is_in_a_name_is_shown_as_text() {
    let folder = tempfile::tempdir().unwrap();
    // It contains no slash and no NUL.
    let name = OsString::from(OsStr::from_bytes(&bytes()));
    let inside = folder.path().join(&name);
    std::fs::create_dir(&inside).unwrap();
    for copy in ["a.ior.zst", "b.ior.zst"] {
        let from = crate::recorded("dup-basic");
        std::fs::copy(from, inside.join(copy)).unwrap();
    }
    std::fs::write(inside.join("bad.toml"), "[dup-basic]\nabout = 1\n").unwrap();
    std::fs::write(inside.join("bad.ior.zst"), "no archive").unwrap();
    let within = |file: &str| inside.join(file).into_os_string();
    let word = |text: &str| OsString::from(text);
    let rows: Vec<Vec<OsString>> = vec![
        vec![name.clone()],
        vec![word("--exact"), word(TEXT)],
        vec![word("--skip"), word(""), word(TEXT)],
        vec![word(&format!("--{TEXT}"))],
        vec![word("--format"), word(TEXT)],
        vec![word("--ring-size"), word(TEXT)],
        vec![word("--test-threads"), name.clone()],
        vec![word("one"), word(TEXT)],
        vec![word("-v"), word("--replay"), within("a.ior.zst"), within("b.ior.zst")],
        vec![word(TEXT), word("--replay"), within("a.ior.zst"), within("b.ior.zst")],
        vec![word("--list"), word("--replay"), within("a.ior.zst"), within("b.ior.zst")],
        vec![word("--replay"), inside.clone().into_os_string()],
        vec![word("--replay"), within("not there")],
        vec![word("--show"), within("bad.ior.zst")],
        vec![word("--tests"), within("bad.toml")],
        vec![word("--tests"), within("not there")],
        vec![word("--logfile"), within("no folder/log"), word("--list")],
        vec![word("--archive"), within("bad.toml"), word("dup-basic")],
        vec![word("--bpf"), within("bad.toml"), word("dup-basic")],
        vec![word("--output"), within("no folder/x"), word("--"), word("true")],
        vec![word("--"), name.clone()],
        vec![word("--"), inside.clone().into_os_string()],
        vec![word("--"), word("echo"), name.clone()],
    ];
    for row in rows {
        // The output of `echo` is its own.
        let quiet = ["sh", "-c", "exec \"$0\" \"$@\" > /dev/null"];
        let echoes = row.iter().any(|word| word == "echo");
        let said = if echoes {
            let binary = OsString::from(env!("CARGO_BIN_EXE_ior-it"));
            let output = Command::new(quiet[0]).args(&quiet[1..]).arg(binary).args(&row).output().unwrap();
            output.stderr
        } else {
            said(&row, folder.path())
        };
        assert_is_plain(&said, &format!("{row:?}"));
    }
}

#[test]
fn whatever_stands_in_a_tests_toml_is_shown_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let tests = include_str!("../../tests.toml");
    // In TOML's escapes, and literally as far as TOML permits.
    let escaped: String = TEXT.chars().map(|one| format!("\\U{:08x}", one as u32)).collect();
    let raw = "\u{9b}31m\u{202e}\u{2066}\u{200b}";
    let written = [escaped.as_str(), raw];
    let recorded = crate::recorded("dup-basic");
    let mut rows = Vec::new();
    for text in written {
        rows.push(format!("[\"{text}\"]\n{tests}"));
        rows.push(tests.replacen("[dup-basic]\n", &format!("[dup-basic]\n\"{text}\" = 1\n"), 1));
        rows.push(tests.replace("path = \"dup.txt\"", &format!("path = \"{text}\"")));
        rows.push(tests.replace("\"O_RDWR|O_CREAT\"", &format!("\"{text}\"")));
        rows.push(tests.replacen("[dup-basic]\nabout = \"", &format!("[dup-basic]\nabout = \"{text}"), 1));
        rows.push(tests.replace("ret = \"$b\"", &format!("ret = \"{text}\"")));
    }
    rows.push(format!("{tests}\n# {}", TEXT.replace('\n', " ")));
    rows.push(format!("{TEXT}\n{tests}"));
    for (at, row) in rows.iter().enumerate() {
        assert_ne!(row, tests, "row {at} changes something");
        std::fs::write(folder.path().join("it.toml"), row).unwrap();
        let arguments = ["-v", "--tests", "it.toml", "--replay", recorded.to_str().unwrap()];
        assert_is_plain(&said(&arguments, folder.path()), &format!("row {at}"));
    }
}
