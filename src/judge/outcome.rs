//! What a command has written and left, against what its table says.
//!
//! No I/O: values in, sentences out.

use bstr::{BStr, ByteSlice};
use sha2::{Digest, Sha256};

use crate::child::zygote::KeptStream;
use crate::judge::expectation::{WantedBytes, WantedCommand, WantedFile};

/// The most bytes of a text that a sentence shows.
const SHOWN: usize = 120;

/// What a command has written and left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutcome {
    /// Its standard output and its standard error output.
    pub streams: [KeptStream; 2],
    /// The files that its table names, in the order of the table.
    pub files: Vec<LeftFile>,
}

/// What is in the place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftFile {
    /// Nothing.
    Nothing,
    /// A regular file.
    Regular {
        /// Its first bytes, as many as of a stream.
        content: KeptStream,
        /// The digest (SHA-256) of all of it, in hexadecimal digits.
        sha256: String,
    },
    /// Something else, such as "a directory".
    Other(String),
    /// A file that cannot be read, and why.
    Unreadable(String),
}

/// A difference between what a command was to write or leave and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeDifference {
    /// What differs: `stdout`, `stderr` or `files`.
    pub key: &'static str,
    /// How, as a sentence.
    pub sentence: String,
}

/// All differences, in the order of the table's keys.
pub fn differences(wanted: &WantedCommand, outcome: &CommandOutcome) -> Vec<OutcomeDifference> {
    let [out, error] = &outcome.streams;
    let stream = |key, wanted: &Option<WantedBytes>, stream: &KeptStream| {
        let digest = || hexadecimal(&Sha256::digest(&stream.bytes));
        let sentence = bytes(wanted.as_ref()?, stream, digest)?;
        Some(OutcomeDifference { key, sentence: format!("it {sentence}") })
    };
    let streams = [stream("stdout", &wanted.stdout, out), stream("stderr", &wanted.stderr, error)];
    let files = wanted.files.iter().zip(&outcome.files).filter_map(|((path, wanted), left)| {
        let sentence = format!("{path} {}", file(wanted, left)?);
        Some(OutcomeDifference { key: "files", sentence })
    });
    streams.into_iter().flatten().chain(files).collect()
}

/// The end of what a command wrote to its standard error output, which may say why it failed. `None` if it wrote nothing.
pub fn last_words(outcome: &CommandOutcome) -> Option<String> {
    let [_, error] = &outcome.streams;
    let text = error.bytes.trim_end();
    let end = &text[text.len().saturating_sub(4 * SHOWN)..];
    (!end.is_empty()).then(|| end.to_str_lossy().into_owned())
}

/// A digest in hexadecimal digits.
pub fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(wanted: &WantedFile, left: &LeftFile) -> Option<String> {
    match (wanted, left) {
        (WantedFile::There, LeftFile::Nothing) => Some("was to be there, and is not".to_owned()),
        (WantedFile::Gone, LeftFile::Nothing) | (WantedFile::There, _) => None,
        (WantedFile::Gone, _) => Some("was not to be there, and is".to_owned()),
        (WantedFile::Holds(_), LeftFile::Nothing) => Some("is not there".to_owned()),
        (WantedFile::Holds(_), LeftFile::Other(what)) => Some(format!("is {what}, not a regular file")),
        (WantedFile::Holds(_), LeftFile::Unreadable(why)) => Some(format!("cannot be read: {why}")),
        (WantedFile::Holds(wanted), LeftFile::Regular { content, sha256 }) => bytes(wanted, content, || sha256.clone()),
    }
}

/// How bytes differ, as the end of a sentence.
fn bytes(wanted: &WantedBytes, found: &KeptStream, sha256: impl Fn() -> String) -> Option<String> {
    let length = found.bytes.len();
    let is_about_all = !matches!(wanted, WantedBytes::Contains(text) if found.bytes.contains_str(text));
    if found.is_cut && is_about_all {
        return Some(format!("is longer than {} MiB, and no more is compared", length >> 20));
    }
    match wanted {
        WantedBytes::Exactly(text) => exactly(text.as_bytes(), &found.bytes),
        WantedBytes::Contains(text) => (!found.bytes.contains_str(text))
            .then(|| format!("does not contain {}, and is {}", quoted(text.as_bytes()), described(&found.bytes))),
        WantedBytes::Sha256(digest) => {
            let has = sha256();
            (has != *digest).then(|| format!("has the digest {has} ({length} bytes), not {digest}"))
        }
    }
}

/// The first line that differs.
fn exactly(wanted: &[u8], found: &[u8]) -> Option<String> {
    if wanted == found {
        return None;
    }
    let lines = |text| <[u8]>::lines_with_terminator(text).map(Some).chain(std::iter::repeat(None));
    let pairs = lines(wanted).zip(lines(found)).enumerate();
    let (at, (wanted_line, found_line)) = pairs.into_iter().find(|(_, (wanted, found))| wanted != found)?;
    let shown = |line: Option<&[u8]>| line.map_or("the end".to_owned(), quoted);
    Some(match (wanted.len(), found.len()) {
        (0, _) => format!("was to be empty, and is {}", described(found)),
        (_, 0) => format!("was to be {}, and is empty", described(wanted)),
        (_, _) => {
            format!("differs in line {}: expected {}, found {}", at + 1, shown(wanted_line), shown(found_line))
        }
    })
}

fn described(text: &[u8]) -> String {
    let bytes = if text.len() == 1 { "1 byte".to_owned() } else { format!("{} bytes", text.len()) };
    if text.is_empty() { "empty".to_owned() } else { format!("{bytes}: {}", quoted(text)) }
}

/// A text in quotes, with escapes, cut if it is long.
fn quoted(text: &[u8]) -> String {
    let cut = &text[..text.len().min(SHOWN)];
    let more = if cut.len() < text.len() { " …" } else { "" };
    format!("{:?}{more}", BStr::new(cut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::command::CommandLine;

    fn kept(text: &str) -> KeptStream {
        KeptStream { bytes: text.as_bytes().to_vec(), is_cut: false }
    }

    fn said(wanted: WantedBytes, found: &KeptStream) -> String {
        bytes(&wanted, found, || hexadecimal(&Sha256::digest(&found.bytes))).unwrap_or_default()
    }

    #[test]
    fn a_text_that_differs_is_shown_where_it_differs() {
        let exactly = |wanted: &str, found: &str| said(WantedBytes::Exactly(wanted.to_owned()), &kept(found));
        let rows = [
            ("a\n", "a\n", ""),
            ("", "", ""),
            ("", "x", "was to be empty, and is 1 byte: \"x\""),
            ("ab", "", "was to be 2 bytes: \"ab\", and is empty"),
            ("a\nb\nc\n", "a\nx\nc\n", "differs in line 2: expected \"b\\n\", found \"x\\n\""),
            ("a\nb\n", "a\n", "differs in line 2: expected \"b\\n\", found the end"),
            ("a\n", "a", "differs in line 1: expected \"a\\n\", found \"a\""),
        ];
        for (wanted, found, sentence) in rows {
            assert_eq!(exactly(wanted, found), sentence);
        }
        let long = exactly(&"x".repeat(500), "y");
        assert!(long.len() < 200 && long.contains("x\" …"), "{long}");
    }

    #[test]
    fn parts_and_digests_are_compared() {
        let contains = |found: &KeptStream| said(WantedBytes::Contains("ell".to_owned()), found);
        assert_eq!(contains(&kept("hello")), "");
        assert_eq!(contains(&kept("hallo")), "does not contain \"ell\", and is 5 bytes: \"hallo\"");
        assert_eq!(contains(&kept("")), "does not contain \"ell\", and is empty");
        // `printf hello | sha256sum`
        let right = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(said(WantedBytes::Sha256(right.to_owned()), &kept("hello")), "");
        let wrong = said(WantedBytes::Sha256(right.to_owned()), &kept("hallo"));
        assert!(wrong.starts_with("has the digest ") && wrong.ends_with(&format!("(5 bytes), not {right}")), "{wrong}");
        let cut = KeptStream { is_cut: true, ..kept("hello") };
        assert_eq!(contains(&cut), "", "what is there is there");
        assert!(said(WantedBytes::Exactly("hello".to_owned()), &cut).contains("no more is compared"));
    }

    #[test]
    fn files_are_there_or_not() {
        let regular = LeftFile::Regular { content: kept("x"), sha256: hexadecimal(&Sha256::digest(b"x")) };
        let holds = |text: &str| WantedFile::Holds(WantedBytes::Exactly(text.to_owned()));
        let rows = [
            (WantedFile::There, &regular, None),
            (WantedFile::There, &LeftFile::Nothing, Some("f was to be there, and is not")),
            (WantedFile::Gone, &LeftFile::Nothing, None),
            (WantedFile::Gone, &regular, Some("f was not to be there, and is")),
            (holds("x"), &regular, None),
            (holds("y"), &regular, Some("f differs in line 1: expected \"y\", found \"x\"")),
            (holds("x"), &LeftFile::Nothing, Some("f is not there")),
            (holds("x"), &LeftFile::Other("a directory".into()), Some("f is a directory, not a regular file")),
            (holds("x"), &LeftFile::Unreadable("EACCES".into()), Some("f cannot be read: EACCES")),
        ];
        for (wanted, left, sentence) in rows {
            let command = WantedCommand {
                line: CommandLine::Script("true".to_owned()),
                setup: None,
                environment: Vec::new(),
                exit: 0,
                stdout: None,
                stderr: Some(WantedBytes::Exactly(String::new())),
                files: vec![("f".to_owned(), wanted)],
            };
            let outcome = CommandOutcome { streams: [kept("any"), kept("")], files: vec![left.clone()] };
            let found: Vec<String> = differences(&command, &outcome).into_iter().map(|one| one.sentence).collect();
            assert_eq!(found.first().map(String::as_str), sentence);
            let outcome = CommandOutcome { streams: [kept(""), kept("oh no\n")], ..outcome };
            assert_eq!(differences(&command, &outcome)[0].key, "stderr");
            assert_eq!(last_words(&outcome).as_deref(), Some("oh no"));
        }
    }
}
