//! A table in a subject's TOML, with a fixed set of keys.
//!
//! No I/O.

use std::time::Duration;

use nix::sys::signal::Signal;
use regex_lite::Regex;
use toml::de::{DeTable, DeValue};

use super::{AdapterChoice, Lifetime, Scope, entries};
use crate::judge::expectation::entries::{Entry, in_order, kind};
use crate::judge::expectation::errors::{Problems, near, near_or_all};
use crate::table::syscalls::Syscall;

/// The placeholders of a command.
const PLACEHOLDERS: [&str; 3] = ["{pid}", "{folder}", "{output}"];
/// The longest limit, in seconds.
const LONGEST: f64 = 3600.0;

pub(super) struct TomlReader<'a, 't, 'p, 's> {
    /// Its name in messages. Empty for the file itself.
    name: String,
    /// Its place in the text.
    at: usize,
    entries: Vec<Entry<'a, 't>>,
    problems: &'p mut Problems<'s>,
}

impl<'a, 't, 'p, 's> TomlReader<'a, 't, 'p, 's> {
    /// The file itself.
    pub(super) fn root(document: &'a DeTable<'t>, known: &[&str], problems: &'p mut Problems<'s>) -> Self {
        Self { name: String::new(), at: 0, entries: in_order(document), problems }.without_unknown(known)
    }

    /// A table under a key.
    pub(super) fn table(entry: Entry<'a, 't>, known: &[&str], problems: &'p mut Problems<'s>) -> Option<Self> {
        let any = Self::any_table(entry, problems)?;
        Some(any.without_unknown(known))
    }

    /// The same with any keys.
    pub(super) fn any_table((key, value): Entry<'a, 't>, problems: &'p mut Problems<'s>) -> Option<Self> {
        let name = key.get_ref().to_string();
        match entries(value.get_ref()) {
            Some(entries) => Some(Self { name, at: key.span().start, entries, problems }),
            None => {
                let message = format!("`{name}` is {}, not a table", kind(value.get_ref()));
                problems.push(value.span(), message, format!("write [{name}]"));
                None
            }
        }
    }

    fn without_unknown(mut self, known: &[&str]) -> Self {
        let (ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.entries).into_iter().partition(|(key, _)| known.contains(&key.get_ref().as_ref()));
        self.entries = ours;
        for (key, _) in others {
            let wrong = key.get_ref();
            let message = if self.name.is_empty() {
                format!("there is no table [{wrong}] here")
            } else {
                format!("[{}] has no key `{wrong}`", self.name)
            };
            self.problems.push(key.span(), message, near_or_all(wrong, known));
        }
        self
    }

    pub(super) fn problems(&mut self) -> &mut Problems<'s> {
        self.problems
    }

    pub(super) fn entries(&self) -> &[Entry<'a, 't>] {
        &self.entries
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry<'a, 't>> {
        self.entries.iter().find(|(known, _)| known.get_ref() == key).copied()
    }

    /// A required key.
    pub(super) fn required(&mut self, key: &str, hint: &str) -> Option<Entry<'a, 't>> {
        let found = self.get(key);
        if found.is_none() {
            let of = if self.name.is_empty() { String::new() } else { format!(" of [{}]", self.name) };
            self.problems.push(self.at..self.at, format!("`{key}`{of} is missing"), hint);
        }
        found
    }

    fn wrong(&mut self, (key, value): Entry, wanted: &str, hint: &str) {
        let message = format!("`{}` is {}, not {wanted}", key.get_ref(), kind(value.get_ref()));
        self.problems.push(value.span(), message, hint);
    }

    pub(super) fn string(&mut self, entry: Entry) -> Option<String> {
        let text = entry.1.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(entry, "a string", "write it in quotes");
        }
        text
    }

    pub(super) fn flag(&mut self, key: &str) -> bool {
        let Some(entry) = self.get(key) else { return false };
        entry.1.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(entry, "a boolean", "write true or false");
            false
        })
    }

    /// A name that is fit for a file and a column.
    pub(super) fn name(&mut self, entry: Entry) -> Option<String> {
        let name = self.string(entry)?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if name.is_empty() || name.len() > 32 || !is_name {
            self.problems.push(
                entry.1.span(),
                format!("`{name}` is no name"),
                "up to 32 letters, digits, -, _ and dots",
            );
            return None;
        }
        Some(name)
    }

    /// One of these words, and its value.
    pub(super) fn one_of<T: Copy>(&mut self, entry: Entry, words: &[(&str, T)]) -> Option<T> {
        let word = self.string(entry)?;
        let found = words.iter().find(|(known, _)| *known == word).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|&(known, _)| known).collect();
            let message = format!("`{}` cannot be `{word}`", entry.0.get_ref());
            self.problems.push(entry.1.span(), message, near_or_all(&word, &names));
        }
        found
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, left_out: T, words: &[(&str, T)]) -> T {
        let entry = self.get(key);
        entry.and_then(|entry| self.one_of(entry, words)).unwrap_or(left_out)
    }

    fn list(&mut self, entry: Entry<'a, 't>, hint: &str) -> Option<Vec<Entry<'a, 't>>> {
        let DeValue::Array(items) = entry.1.get_ref() else {
            self.wrong(entry, "a list", hint);
            return None;
        };
        Some(items.iter().map(|item| (entry.0, item)).collect())
    }

    /// The strings of a list.
    pub(super) fn strings(&mut self, entry: Entry<'a, 't>) -> Option<Vec<String>> {
        let items = self.list(entry, "write a list of strings, as in [\"one\", \"two\"]")?;
        items.into_iter().map(|item| self.string(item)).collect()
    }

    pub(super) fn words(&mut self, key: &str) -> Option<Vec<String>> {
        let entry = self.get(key)?;
        self.strings(entry)
    }

    /// A word of these.
    pub(super) fn word_of(&mut self, entry: Entry, known: &[&str]) -> Option<String> {
        let word = self.string(entry)?;
        if known.contains(&word.as_str()) {
            return Some(word);
        }
        let hint = near(&word, known.iter().copied())
            .unwrap_or_else(|| "docs/tests-toml.md and docs/call.schema.json have the keys of a call".to_owned());
        self.problems.push(entry.1.span(), format!("`{}` cannot be `{word}`", entry.0.get_ref()), hint);
        None
    }

    pub(super) fn words_of(&mut self, entry: Entry<'a, 't>, known: &[&str]) -> Option<Vec<String>> {
        let items = self.list(entry, "write a list of strings, as in [\"one\", \"two\"]")?;
        if items.is_empty() {
            self.problems.push(entry.1.span(), format!("`{}` is empty", entry.0.get_ref()), "nothing would be judged");
            return None;
        }
        let words: Vec<Option<String>> = items.into_iter().map(|item| self.word_of(item, known)).collect();
        words.into_iter().collect()
    }

    pub(super) fn known_words(&mut self, key: &str, known: &[&str]) -> Vec<String> {
        let Some(items) = self.get(key).and_then(|entry| self.list(entry, "write a list of strings")) else {
            return Vec::new();
        };
        let words: Vec<(&str, &str)> = known.iter().map(|&word| (word, word)).collect();
        items.into_iter().filter_map(|item| self.one_of(item, &words)).map(str::to_owned).collect()
    }

    /// A call of the table.
    pub(super) fn call(&mut self, entry: Entry) -> Option<String> {
        let name = self.string(entry)?;
        if Syscall::is_known(&name) || Syscall::by_name(&name).is_some() {
            return Some(name);
        }
        let known = Syscall::all().iter().map(|row| row.name);
        let hint =
            near(&name, known).unwrap_or_else(|| "src/table/syscalls/table.rs has the calls that are known".to_owned());
        self.problems.push(entry.1.span(), format!("there is no call `{name}`"), hint);
        None
    }

    pub(super) fn calls(&mut self, entry: Entry<'a, 't>) -> Option<Vec<String>> {
        let items = self.list(entry, "write calls = \"all\", or a list as in [\"openat\", \"close\"]")?;
        let calls: Vec<Option<String>> = items.into_iter().map(|item| self.call(item)).collect();
        calls.into_iter().collect()
    }

    /// Lists of calls.
    pub(super) fn groups(&mut self, key: &str) -> Vec<Vec<String>> {
        let hint = "write lists of calls, as in [[\"open\", \"openat\"]]";
        let Some(items) = self.get(key).and_then(|entry| self.list(entry, hint)) else { return Vec::new() };
        items.into_iter().filter_map(|item| self.calls(item)).collect()
    }

    /// A command, whose words may have placeholders.
    pub(super) fn command(&mut self, entry: Entry<'a, 't>) -> Option<Vec<String>> {
        let words = self.strings(entry)?;
        if words.first().is_none_or(String::is_empty) {
            self.problems.push(
                entry.1.span(),
                format!("`{}` names no program", entry.0.get_ref()),
                "its first word is one",
            );
            return None;
        }
        for word in &words {
            let odd = placeholders(word).find(|found| !PLACEHOLDERS.contains(found));
            if let Some(odd) = odd {
                let hint = near_or_all(odd, &PLACEHOLDERS);
                self.problems.push(entry.1.span(), format!("`{odd}` has no value"), hint);
                return None;
            }
        }
        Some(words)
    }

    pub(super) fn signal(&mut self, entry: Entry) -> Option<Signal> {
        let name = self.string(entry)?;
        let found = name.parse::<Signal>().ok();
        if found.is_none() {
            let hint =
                near(&name, Signal::iterator().map(Signal::as_str)).unwrap_or_else(|| "as in \"SIGINT\"".to_owned());
            self.problems.push(entry.1.span(), format!("there is no signal `{name}`"), hint);
        }
        found
    }

    /// A pattern.
    pub(super) fn pattern(&mut self, entry: Entry) -> Option<Regex> {
        let text = self.string(entry)?;
        let pattern = Regex::new(&text);
        if let Err(error) = &pattern {
            self.problems.push(entry.1.span(), format!("this is no pattern: {error}"), "as in '^Probing for '");
        }
        pattern.ok()
    }

    /// A pattern with one group, which is a number.
    pub(super) fn regex(&mut self, entry: Entry) -> Option<Regex> {
        let text = self.string(entry)?;
        let hint = "the group in it is how many were lost, as in 'LOST (\\d+) events'";
        match Regex::new(&text) {
            Ok(regex) if regex.captures_len() == 2 => return Some(regex),
            Ok(_) => self.problems.push(entry.1.span(), format!("`{}` has not one group", entry.0.get_ref()), hint),
            Err(error) => self.problems.push(entry.1.span(), format!("this is no pattern: {error}"), hint),
        }
        None
    }

    pub(super) fn seconds(&mut self, key: &str, left_out: Duration) -> Duration {
        let Some(entry) = self.get(key) else { return left_out };
        let number = match entry.1.get_ref() {
            DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        match number.filter(|&number| number > 0.0 && number <= LONGEST) {
            Some(number) => Duration::from_secs_f64(number),
            None => {
                let message = format!("`{key}` is no number of seconds");
                self.problems.push(entry.1.span(), message, "a number, more than 0 and at most 3600");
                left_out
            }
        }
    }

    /// Whether a word of the command has this placeholder.
    fn has_placeholder(&self, placeholder: &str) -> bool {
        self.get("command").is_some_and(|(_, value)| {
            let words = value.get_ref().as_array().map(|items| items.iter().filter_map(|item| item.get_ref().as_str()));
            words.is_some_and(|mut words| words.any(|word| word.contains(placeholder)))
        })
    }

    /// Without `output`, nothing can need its file.
    pub(super) fn needs_output(&mut self, adapter: Option<&AdapterChoice>) {
        let hint = "write output = { file = \"trace.parquet\", attached = '^Probing' }";
        let is_of_files =
            matches!(adapter, Some(AdapterChoice::BuiltIn(name)) if super::adapters::of_files(name).is_some());
        if let (true, Some((_, value))) = (is_of_files, self.get("adapter")) {
            self.problems.push(value.span(), "this adapter reads a file, and there is no `output`", hint);
        }
        if let (true, Some((_, value))) = (self.has_placeholder("{output}"), self.get("command")) {
            self.problems.push(value.span(), "`{output}` has no value without `output`", hint);
        }
    }

    /// What cannot be used with `output`.
    pub(super) fn fits_output(&mut self, (key, _): Entry, adapter: Option<&AdapterChoice>) {
        if !self.has_placeholder("{output}") {
            let hint = "write {output} in `command`: the path of the file";
            self.problems.push(key.span(), "the command does not know its `output`", hint);
        }
        if let Some((found, _)) = self.get("stream") {
            let hint = "both streams are listened to: drop one of the two";
            self.problems.push(found.span(), "`stream` cannot be used with `output`", hint);
        }
        if let (Some(AdapterChoice::Command(_)), Some((found, _))) = (adapter, self.get("adapter")) {
            let hint = "name a built-in adapter, or let the command write JSON lines";
            self.problems.push(found.span(), "an adapter that is a command cannot be used with `output`", hint);
        }
        if let Some((_, value)) = self.get("lifetime").filter(|(_, value)| value.get_ref().as_str() == Some("run")) {
            let hint = "the file is read when the command is stopped: drop one of the two";
            self.problems.push(value.span(), "`lifetime = \"run\"` cannot be used with `output`", hint);
        }
    }

    /// A subject that runs for all scenarios cannot have one process id on its command line.
    pub(super) fn follows_run(&mut self, scope: Scope, lifetime: Lifetime) {
        let has_pid = self.has_placeholder("{pid}");
        let at = self.get("lifetime").map(|(_, value)| value.span());
        if let (Lifetime::Run, Some(at)) = (lifetime, at) {
            if scope != Scope::System {
                self.problems.push(at, "what runs for all scenarios sees the system", "write scope = \"system\"");
            } else if has_pid {
                self.problems.push(
                    at,
                    "what runs for all scenarios knows no {pid}",
                    "drop it, or write lifetime = \"scenario\"",
                );
            }
        }
    }

    /// The keys of commands are errors beside `what`, which is loaded here.
    pub(super) fn runs_no_command(&mut self, what: &str) {
        for key in ["command", "stream", "output", "adapter", "stop", "lost"] {
            if let Some((found, _)) = self.get(key) {
                let hint = "it is loaded here, and no command is run: drop one of the two";
                self.problems.push(found.span(), format!("`{key}` cannot be used with {what}"), hint);
            }
        }
    }
}

/// The text in braces, if it consists of letters.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.match_indices('{').filter_map(|(at, _)| {
        let end = word[at..].find('}')?;
        let inside = &word[at + 1..at + end];
        let is_one = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_lowercase());
        is_one.then(|| &word[at..=at + end])
    })
}
