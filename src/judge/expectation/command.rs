//! The keys of a scenario without Rust: `run` or `script`, and what the command must write and leave.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::entries::{Entry, find, in_order, kind};
use super::errors::{Problems, near_or_all};
use super::values;
use crate::child::command::CommandLine;

/// The keys that say what to execute.
const LINES: [&str; 2] = ["run", "script"];
/// The keys that only such a table has, besides those.
pub(super) const KEYS: [&str; 8] = ["run", "script", "setup", "env", "stdout", "stderr", "exit", "files"];
/// The keys of what a stream or a file must hold.
const CONTENTS: [&str; 2] = ["contains", "sha256"];
/// The longest name of a scenario of one's own. It becomes part of file names.
const LONGEST_NAME: usize = 100;

/// A command, and what it must write and leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedCommand {
    /// What to execute.
    pub line: CommandLine,
    /// What the shell runs before the gate, untraced.
    pub setup: Option<String>,
    /// Variables of the environment, besides `PATH` and `TESTS_DIR`.
    pub environment: Vec<(String, String)>,
    /// The status with which it must exit, unless a signal is to kill it.
    pub exit: i32,
    /// What its standard output must be.
    pub stdout: Option<WantedBytes>,
    /// What its standard error output must be.
    pub stderr: Option<WantedBytes>,
    /// The files in the workspace at its end: the path of each from there, and what it must be.
    pub files: Vec<(String, WantedFile)>,
}

/// What a stream or a file must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedBytes {
    /// This, and nothing else.
    Exactly(String),
    /// This somewhere.
    Contains(String),
    /// Bytes with this digest (SHA-256), in hexadecimal digits.
    Sha256(String),
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedFile {
    /// There, a regular file that holds this.
    Holds(WantedBytes),
    /// There, whatever it is.
    There,
    /// Not there.
    Gone,
}

/// Whether the table says what to execute.
pub(super) fn is_own(entries: &[Entry]) -> bool {
    LINES.iter().any(|key| find(entries, key).is_some())
}

/// Reads the keys. `None` if the table has no `run` and no `script`.
pub(super) fn read(entries: &[Entry], problems: &mut Problems) -> Option<WantedCommand> {
    if !is_own(entries) {
        for (key, _) in entries.iter().filter(|(key, _)| KEYS.contains(&key.get_ref().as_ref())) {
            let message = format!("`{}` needs a command", key.get_ref());
            let hint = "it is for a scenario of your own, which has `run` or `script`";
            problems.push(key.span(), message, hint);
        }
        return None;
    }
    let line = line(entries, problems);
    let mut text = |key| find(entries, key).and_then(|entry| shell_text(entry, problems));
    let setup = text("setup");
    Some(WantedCommand {
        line,
        setup,
        environment: find(entries, "env").map(|entry| environment(entry, problems)).unwrap_or_default(),
        exit: find(entries, "exit").and_then(|entry| status(entry, problems)).unwrap_or(0),
        stdout: find(entries, "stdout").and_then(|entry| bytes(entry, problems)),
        stderr: find(entries, "stderr").and_then(|entry| bytes(entry, problems)),
        files: find(entries, "files").map(|entry| files(entry, problems)).unwrap_or_default(),
    })
}

/// Checks the name of a scenario of one's own.
pub(super) fn check_name(key: &Spanned<DeString>, scenarios: &[&str], problems: &mut Problems) {
    let name = key.get_ref().as_ref();
    if scenarios.contains(&name) {
        let hint = "choose another name; without `run` and `script` it is the table of that scenario";
        problems.push(key.span(), format!("`{name}` is a scenario of ior-it, which has its own workload"), hint);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || !name.chars().all(is_part) || name.len() > LONGEST_NAME {
        let hint = format!(
            "a name has letters, digits, `-`, `_` and `.`, the first a letter or a digit, at most {LONGEST_NAME}"
        );
        problems.push(key.span(), "a scenario cannot have this name", hint);
    }
}

fn line(entries: &[Entry], problems: &mut Problems) -> CommandLine {
    let [run, script] = LINES.map(|key| find(entries, key));
    if let (Some(_), Some((key, _))) = (run, script) {
        problems.push(
            key.span(),
            "`script` cannot be used with `run`",
            "drop `run`, or write the command as its words and drop `script`",
        );
    }
    let Some(run) = run else {
        let text = script.and_then(|entry| shell_text(entry, problems));
        return CommandLine::Script(text.unwrap_or_default());
    };
    let words = words(run, problems).unwrap_or_default();
    CommandLine::Run(words)
}

/// The program and its arguments.
fn words(entry: Entry, problems: &mut Problems) -> Option<Vec<String>> {
    const HINT: &str = "write the program and each argument, as in run = [\"./prog\", \"arg\"]";
    let DeValue::Array(items) = entry.1.get_ref() else {
        values::wrong_type(entry, "an array", HINT, problems);
        return None;
    };
    let words: Vec<String> =
        items.iter().filter_map(|item| whole((entry.0, item), problems).map(str::to_owned)).collect();
    if items.is_empty() || (words.len() == items.len() && words[0].is_empty()) {
        problems.push(entry.1.span(), "`run` names no program", HINT);
    }
    Some(words)
}

/// A string that execve(2) can pass on.
fn whole<'a>(entry: Entry<'a, '_>, problems: &mut Problems) -> Option<&'a str> {
    let text = values::string(entry, problems)?;
    if text.contains('\0') {
        problems.push(entry.1.span(), "a NUL ends a string for execve", "leave it out");
    }
    Some(text)
}

/// A text for the shell.
fn shell_text(entry: Entry, problems: &mut Problems) -> Option<String> {
    let text = whole(entry, problems)?;
    if text.trim().is_empty() {
        problems.push(entry.1.span(), format!("`{}` is empty", entry.0.get_ref()), "write what /bin/sh -c is to run");
    }
    Some(text.to_owned())
}

fn environment(entry: Entry, problems: &mut Problems) -> Vec<(String, String)> {
    let DeValue::Table(table) = entry.1.get_ref() else {
        values::wrong_type(entry, "a table", "write it as in env = { LANG = \"C\" }", problems);
        return Vec::new();
    };
    let mut variables = Vec::new();
    for (name, value) in in_order(table) {
        let key = name.get_ref().as_ref();
        if key.is_empty() || key.contains(['=', '\0']) {
            problems.push(name.span(), "a variable cannot have this name", "a name without `=`, as in LANG");
        }
        if let Some(value) = whole((name, value), problems) {
            variables.push((key.to_owned(), value.to_owned()));
        }
    }
    variables
}

fn status(entry: Entry, problems: &mut Problems) -> Option<i32> {
    let status = values::integer(entry, 0, problems)?;
    if status > 255 {
        let hint = "0 to 255 (exit(3)); a signal is `ends`, as in ends = \"SIGSEGV\"";
        problems.push(entry.1.span(), format!("no program exits with {status}"), hint);
    }
    i32::try_from(status).ok()
}

const BYTES_HINT: &str = "write the text itself, or { contains = \"...\" }, or { sha256 = \"...\" }";

fn bytes(entry: Entry, problems: &mut Problems) -> Option<WantedBytes> {
    match entry.1.get_ref() {
        DeValue::String(text) => Some(WantedBytes::Exactly(text.to_string())),
        DeValue::Table(_) => contents(entry, problems),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
            values::wrong_type(entry, "a string or a table", BYTES_HINT, problems);
            None
        }
    }
}

/// `{ contains = "…" }` or `{ sha256 = "…" }`.
fn contents(entry: Entry, problems: &mut Problems) -> Option<WantedBytes> {
    let DeValue::Table(table) = entry.1.get_ref() else { return None };
    let keys = in_order(table);
    for (key, _) in keys.iter().filter(|(key, _)| !CONTENTS.contains(&key.get_ref().as_ref())) {
        let message = format!("unknown key `{}` in `{}`", key.get_ref(), entry.0.get_ref());
        problems.push(key.span(), message, near_or_all(key.get_ref(), &CONTENTS));
    }
    match CONTENTS.map(|key| find(&keys, key)) {
        [Some(contains), None] => values::string(contains, problems).map(|text| WantedBytes::Contains(text.to_owned())),
        [None, Some(digest)] => sha256(digest, problems).map(WantedBytes::Sha256),
        [None, None] | [Some(_), Some(_)] => {
            if keys.iter().all(|(key, _)| CONTENTS.contains(&key.get_ref().as_ref())) {
                let message = format!("`{}` needs one of `contains` and `sha256`", entry.0.get_ref());
                problems.push(entry.1.span(), message, BYTES_HINT);
            }
            None
        }
    }
}

fn sha256(entry: Entry, problems: &mut Problems) -> Option<String> {
    let text = values::string(entry, problems)?;
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let hint = "64 hexadecimal digits, as `sha256sum FILE` prints them";
        problems.push(entry.1.span(), "this is no SHA-256 digest", hint);
    }
    Some(text.to_ascii_lowercase())
}

fn files(entry: Entry, problems: &mut Problems) -> Vec<(String, WantedFile)> {
    const HINT: &str = "write each file's path from the workspace, as in files = { \"out.txt\" = \"hello\\n\" }";
    let DeValue::Table(table) = entry.1.get_ref() else {
        values::wrong_type(entry, "a table", HINT, problems);
        return Vec::new();
    };
    let mut files = Vec::new();
    for (path, value) in in_order(table) {
        let name = path.get_ref().as_ref();
        if name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            problems.push(path.span(), "this is no path from the workspace", HINT);
        }
        if let Some(wanted) = file((path, value), problems) {
            files.push((name.to_owned(), wanted));
        }
    }
    files
}

fn file(entry: Entry, problems: &mut Problems) -> Option<WantedFile> {
    match entry.1.get_ref() {
        DeValue::Boolean(is_there) => Some(if *is_there { WantedFile::There } else { WantedFile::Gone }),
        DeValue::String(_) | DeValue::Table(_) => bytes(entry, problems).map(WantedFile::Holds),
        value @ (DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_)) => {
            let message = format!("`{}` is {}, which says nothing of a file", entry.0.get_ref(), kind(value));
            let hint = "write what the file holds, { sha256 = \"...\" }, or true or false: whether it is there";
            problems.push(entry.1.span(), message, hint);
            None
        }
    }
}
