//! The TOML of a subject: how to run it, its claims, and its known faults (docs/subjects.md).
//!
//! No I/O: takes the file's text and returns values, or every error in it at once.

use std::time::Duration;

use regex_lite::Regex;
use toml::de::{DeTable, DeValue};

use super::adapters;
use super::claims::{CallOrder, Calls, Claims, Interrupted, Moment, Paths};
use super::judge::KnownFault;
use super::keys::keys;
use super::seam::{Profile, Scope};
use super::window::FenceKind;
use crate::base::error::Error;
use crate::base::escape;
use crate::judge::expectation::entries::{Entry, in_order};
use crate::judge::expectation::errors::{Errors, Problems, near_or_all};
use crate::table::syscalls::Syscall;

mod reader;
mod object;

pub use object::{CallBy, Layout, LayoutField, RecordFormat, RecordKind, TracerObject};

use reader::TomlReader;

/// A subject.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// The command that prints its version.
    pub version: Vec<String>,
    /// The kind of subject.
    pub run: HowRun,
    /// The processes whose calls it sees.
    pub scope: Scope,
    /// How long one instance of it runs.
    pub lifetime: Lifetime,
    /// The fence that it can report.
    pub fence: FenceKind,
    /// What it needs.
    pub needs: Vec<String>,
    /// What it cannot run beside.
    pub excludes: Vec<String>,
    /// How long it may take to report the first fence.
    pub attach: Duration,
    /// How long it may take to report the last fence.
    pub close: Duration,
    /// What it claims.
    pub claims: Claims,
    /// Its known faults.
    pub known: Vec<KnownFault>,
}

/// How a subject is run.
#[derive(Clone, Debug)]
pub enum HowRun {
    /// A command that prints.
    Command {
        /// Its words, which may contain `{pid}` and `{folder}`.
        command: Vec<String>,
        /// The stream that it prints to.
        stream: Stream,
        /// The adapter for its output.
        adapter: AdapterChoice,
        /// The signal that ends it.
        stop: nix::sys::signal::Signal,
        /// The pattern of a message about losses. Its first group is the number.
        lost: Option<Regex>,
        /// The file that it writes, if its streams do not have the calls.
        output: Option<Box<OutputChoice>>,
    },
    /// A BPF object, which `ior-it` loads.
    Object(Box<TracerObject>),
    /// Our own tracer, loaded a second time.
    Own,
}

/// A file that a command writes, and that is read when the command is stopped.
#[derive(Clone, Debug)]
pub struct OutputChoice {
    /// Its name. `{output}` in the command is its path.
    pub file: String,
    /// The pattern of a message that says that the command traces.
    pub attached: Regex,
    /// The pattern of a message that says that the file is written. Without it, the end of the command's streams says so.
    pub written: Option<Regex>,
}

/// The stream that a command prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// On its standard output.
    Out,
    /// On its standard error output.
    Error,
}

/// The adapter for a command's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterChoice {
    /// One of [`adapters::NAMES`].
    BuiltIn(String),
    /// A command that reads the output and prints lines.
    Command(Vec<String>),
}

/// How long one process of a subject runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For one scenario.
    Scenario,
    /// For all scenarios.
    Run,
}

const SUBJECT: [&str; 15] = [
    "name", "version", "command", "stream", "output", "adapter", "scope", "lifetime", "fence", "stop", "lost", "needs",
    "excludes", "limits", "own",
];
const OUTPUT: [&str; 3] = ["file", "attached", "written"];
const CLAIMS: [&str; 7] = ["calls", "fields", "path", "order", "interrupted", "exec_tid", "alike"];
const KNOWN: [&str; 4] = ["scenario", "call", "field", "why"];
const TABLES: [&str; 5] = ["subject", "object", "records", "claims", "known"];
/// What a subject may need.
const NEEDS: [&str; 4] = ["tracefs", "debugfs", "kprobes", "btf"];
/// What a subject may not run beside.
const EXCLUDES: [&str; 1] = ["ptrace"];
/// Fields of claims that are not keys of lines.
const SHORT: [&str; 4] = ["args", "open_how", "fd_path", "fd_path2"];
/// The kinds of findings without fields.
const FINDINGS: [&str; 5] = ["missing", "extra", "twice", "order", "garbled"];

impl Definition {
    /// Reads a file with this name.
    pub fn parse(file: &str, text: &str) -> Result<Self, Errors> {
        let (document, broken) = DeTable::parse_recoverable(text);
        let mut problems = Problems::new(text);
        let definition = definition(document.get_ref(), &mut problems);
        if broken.iter().any(|error| error.message() != "duplicate key") {
            // A missing key may be in the part that the parser could not read.
            problems = Problems::new(text);
        }
        problems.syntax(&broken);
        match (problems.finish(file), definition) {
            (None, Some(definition)) => Ok(definition),
            (Some(errors), _) => Err(errors),
            // A missing key is already a problem.
            (None, None) => Err(Errors::nothing(file, text)),
        }
    }

    /// Its description and its claims.
    pub fn profile(&self, version: Option<String>) -> Profile {
        let Self { name, claims, known, fence, scope, attach, close, .. } = self.clone();
        Profile { name, version, claims, known, fence, scope, attach, close }
    }

    /// Reads the bytes of a file, which may not be UTF-8.
    pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Self, Errors> {
        match str::from_utf8(bytes) {
            Ok(text) => Self::parse(file, text),
            Err(error) => Err(Errors::not_utf8(file, bytes, error.valid_up_to())),
        }
    }
}

fn definition(document: &DeTable, problems: &mut Problems) -> Option<Definition> {
    let mut root = TomlReader::root(document, &TABLES, problems);
    let subject = root.required("subject", "a file of a subject has a table [subject]");
    let (object, records) = (root.get("object"), root.get("records"));
    let claims = root.required("claims", "without [claims] there is nothing to judge a subject by");
    let known = root.get("known");
    let claims = claims.and_then(|entry| self::claims(entry, problems));
    let known = known.map_or(Some(Vec::new()), |entry| self::known(entry, problems));
    let object = match (object, records) {
        (Some(object), Some(records)) => object::read(object, records, problems).map(Some),
        (None, None) => Some(None),
        (Some((key, _)), None) => {
            problems.push(key.span(), "`object` needs `records`", "[records] says what its records are");
            None
        }
        (None, Some((key, _))) => {
            problems.push(key.span(), "`records` needs `object`", "[object] names the file of the BPF object");
            None
        }
    };
    let subject = self::subject(subject?, object, problems)?;
    Some(Definition { claims: claims?, known: known?, ..subject })
}

fn subject(entry: Entry, object: Option<Option<TracerObject>>, problems: &mut Problems) -> Option<Definition> {
    let is_object = !matches!(object, Some(None));
    let mut table = TomlReader::table(entry, &SUBJECT, problems)?;
    let name = table.required("name", "write name = \"strace\"").and_then(|entry| table.name(entry));
    let version = table.words("version").unwrap_or_default();
    let fence =
        table.required("fence", "write fence = \"open\", \"close\", \"stat\" or \"exec\": one that it can show");
    let kinds =
        [("open", FenceKind::Open), ("close", FenceKind::Close), ("stat", FenceKind::Stat), ("exec", FenceKind::Exec)];
    let fence = fence.and_then(|entry| table.one_of(entry, &kinds));
    let scopes = [("pid", Scope::Pid), ("tree", Scope::Tree), ("system", Scope::System)];
    let scope = table.choice("scope", Scope::Pid, &scopes);
    let lifetimes = [("scenario", Lifetime::Scenario), ("run", Lifetime::Run)];
    let lifetime = table.choice("lifetime", Lifetime::Scenario, &lifetimes);
    let needs = table.known_words("needs", &NEEDS);
    let excludes = table.known_words("excludes", &EXCLUDES);
    let [attach, close] = limits(&mut table);
    table.follows_run(scope, lifetime);
    let run = if table.flag("own") {
        table.runs_no_command("`own`");
        (!is_object).then_some(HowRun::Own).or_else(|| {
            table.problems().push(entry.0.span(), "`own` cannot be used with [object]", "drop one of the two");
            None
        })
    } else if is_object {
        table.runs_no_command("[object]");
        object.flatten().map(|object| HowRun::Object(Box::new(object)))
    } else {
        command(&mut table)
    };
    let (claims, known) = (Claims::default(), Vec::new());
    let (name, fence, run) = (name?, fence?, run?);
    Some(Definition { name, version, run, scope, lifetime, fence, needs, excludes, attach, close, claims, known })
}

fn command(table: &mut TomlReader) -> Option<HowRun> {
    let command = table.required("command", "write command = [\"strace\", \"-p\", \"{pid}\"], or a table [object]");
    let command = command.and_then(|entry| table.command(entry));
    let stream = table.choice("stream", Stream::Out, &[("stdout", Stream::Out), ("stderr", Stream::Error)]);
    let adapter = match table.get("adapter") {
        None => Some(AdapterChoice::BuiltIn("json".to_owned())),
        Some(entry) if entry.1.get_ref().is_array() => table.command(entry).map(AdapterChoice::Command),
        Some(entry) => {
            let names: Vec<(&str, &str)> = adapters::NAMES.iter().map(|&name| (name, name)).collect();
            table.one_of(entry, &names).map(|name| AdapterChoice::BuiltIn(name.to_owned()))
        }
    };
    let stop = match table.get("stop") {
        None => Some(nix::sys::signal::Signal::SIGINT),
        Some(entry) => table.signal(entry),
    };
    let lost = match table.get("lost") {
        None => Some(None),
        Some(entry) => table.regex(entry).map(Some),
    };
    let output = output(table, adapter.as_ref());
    Some(HowRun::Command { command: command?, stream, adapter: adapter?, stop: stop?, lost: lost?, output: output? })
}

/// The file that a command writes. The inner `None` is a command that prints.
fn output(table: &mut TomlReader, adapter: Option<&AdapterChoice>) -> Option<Option<Box<OutputChoice>>> {
    let Some(entry) = table.get("output") else {
        table.needs_output(adapter);
        return Some(None);
    };
    table.fits_output(entry, adapter);
    let mut inner = TomlReader::table(entry, &OUTPUT, table.problems())?;
    let file = inner.required("file", "write file = \"trace.jsonl\": the name of the file that it writes");
    let file = file.and_then(|entry| inner.name(entry));
    let attached = inner.required("attached", "write a pattern for the message that says that it traces");
    let attached = attached.and_then(|entry| inner.pattern(entry));
    let written = match inner.get("written") {
        None => Some(None),
        Some(entry) => inner.pattern(entry).map(Some),
    };
    Some(Some(Box::new(OutputChoice { file: file?, attached: attached?, written: written? })))
}

/// How long the first and the last fence may take, in seconds.
const ATTACH: u64 = 30;
const CLOSE: u64 = 10;

fn limits(table: &mut TomlReader) -> [Duration; 2] {
    let mut limits = [ATTACH, CLOSE].map(Duration::from_secs);
    let Some(entry) = table.get("limits") else { return limits };
    let Some(mut inner) = TomlReader::table(entry, &["attach", "close"], table.problems()) else { return limits };
    for (limit, key) in limits.iter_mut().zip(["attach", "close"]) {
        *limit = inner.seconds(key, *limit);
    }
    limits
}

fn claims(entry: Entry, problems: &mut Problems) -> Option<Claims> {
    let mut table = TomlReader::table(entry, &CLAIMS, problems)?;
    let calls = match table.get("calls") {
        Some((_, value)) if value.get_ref().as_str() == Some("all") => Some(Calls::All),
        None => Some(Calls::All),
        Some(entry) => table.calls(entry).map(Calls::These),
    };
    let fields = table.required("fields", "write what it says of a call, as in fields = [\"fd\", \"path\", \"ret\"]");
    let fields = fields.and_then(|entry| table.words_of(entry, &fields_of_claims()));
    let paths = [("given", Paths::Given), ("resolved", Paths::Resolved)];
    let orders = [("thread", CallOrder::Thread), ("time", CallOrder::Time), ("none", CallOrder::None)];
    let interrupted = [("once", Interrupted::Once), ("attempts", Interrupted::Attempts)];
    let moments = [("enter", Moment::Enter), ("exit", Moment::Exit)];
    Some(Claims {
        path: table.choice("path", Paths::Given, &paths),
        order: table.choice("order", CallOrder::Thread, &orders),
        interrupted: table.choice("interrupted", Interrupted::Once, &interrupted),
        exec_tid: table.choice("exec_tid", Moment::Enter, &moments),
        alike: table.groups("alike"),
        calls: calls?,
        fields: fields?,
    })
}

/// The keys of all calls, and the names that mean several keys.
fn fields_of_claims() -> Vec<&'static str> {
    let rows = Syscall::all()
        .iter()
        .flat_map(|row| keys(Some(row), &[u64::MAX; 6]).iter().map(|key| key.name).collect::<Vec<_>>());
    let mut names: Vec<&str> = rows.filter(|name| !name.ends_with("_ns")).chain(SHORT).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn known(entry: Entry, problems: &mut Problems) -> Option<Vec<KnownFault>> {
    let DeValue::Array(items) = entry.1.get_ref() else {
        problems.push(entry.0.span(), "`known` is no list of tables", "write [[known]] before each of them");
        return None;
    };
    let mut known = Vec::new();
    for item in items {
        let mut table = TomlReader::table((entry.0, item), &KNOWN, problems)?;
        let why =
            table.required("why", "write why it is so, and of which version").and_then(|entry| table.string(entry));
        let call = table.get("call").and_then(|entry| table.call(entry));
        let mut fields = fields_of_claims();
        fields.extend(FINDINGS);
        let field = table.get("field").and_then(|entry| table.word_of(entry, &fields));
        let scenario = table.get("scenario").and_then(|entry| table.string(entry));
        known.push(KnownFault { scenario, call, field, why: why? });
    }
    Some(known)
}

/// The entries of an inline table, in order.
fn entries<'a, 't>(value: &'a DeValue<'t>) -> Option<Vec<Entry<'a, 't>>> {
    value.as_table().map(in_order)
}

/// The built-in subjects: their names and their TOMLs.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("ior-it", include_str!("../../subjects/own.toml")),
    ("strace", include_str!("../../subjects/strace.toml")),
    ("perf", include_str!("../../subjects/perf.toml")),
    ("lurk", include_str!("../../subjects/lurk.toml")),
    ("bpftrace", include_str!("../../subjects/bpftrace.toml")),
    ("opensnoop", include_str!("../../subjects/opensnoop.toml")),
    ("opensnoop.bt", include_str!("../../subjects/opensnoop.bt.toml")),
    ("ftrace", include_str!("../../subjects/ftrace.toml")),
    ("ior", include_str!("../../subjects/ior.toml")),
    ("ior.parquet", include_str!("../../subjects/ior.parquet.toml")),
];

/// The files that `{folder}` refers to.
pub const FILES: [(&str, &str); 2] =
    [("files.bt", include_str!("../../subjects/files.bt")), ("ftrace.sh", include_str!("../../subjects/ftrace.sh"))];

/// The definition of a built-in subject. The error has similar names.
pub fn built_in(name: &str) -> Result<Definition, Error> {
    let known = BUILT_IN.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = known else {
        let names = BUILT_IN.map(|(known, _)| known);
        let hint = near_or_all(name, &names);
        return Err(Error::usage(
            format!("there is no subject `{}`", escape::line(name)),
            format!("{hint}; a path with a / is a TOML of your own"),
        ));
    };
    let file = format!("subjects/{name}.toml");
    Definition::parse(&file, text)
        .map_err(|errors| Error::usage(format!("BUG: {file}"), "it is built in").with_details(format!("\n{errors}")))
}
