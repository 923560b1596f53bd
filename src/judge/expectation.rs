//! What each scenario's trace must be: `tests.toml`, read strictly.
//!
//! No I/O: takes the file's text and returns values, or every error in it at once. What is left out in a table is filled in
//! here ("what is left out is nothing"), so that [`crate::judge::matcher`] compares exactly the [`Field`]s of a call and knows no
//! defaults.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use toml::de::DeTable;

use crate::table::syscalls::{Role, Syscall};

pub(crate) mod errors;
pub(crate) mod entries;
pub(crate) mod keys;
mod sequence;
pub(crate) mod values;
pub(crate) mod call;
mod calls;
mod table;

pub use errors::{Errors, Problem};
pub use sequence::Sequence;

use entries::in_order;
use errors::{Problems, near};

/// How long a scenario may take when its table does not say.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// All tables of a `tests.toml`.
#[derive(Clone, Debug)]
pub struct Expectations {
    tables: BTreeMap<String, Expectation>,
}

/// The table of one scenario.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The scenario.
    pub name: String,
    /// The line of the table's header in the file, from 1.
    pub line: usize,
    /// What the scenario shows, a sentence.
    pub about: String,
    /// How the workload has to end: `finished`, or the name of a signal.
    pub ends: String,
    /// How long the workload may take.
    pub timeout: Duration,
    /// Whether the processes that it forks are traced too.
    pub follow: bool,
    /// Why it only runs when it is asked for.
    pub ignored: Option<String>,
    /// A call that the table needs and this architecture does not have: the scenario cannot run here.
    pub lacks: Option<String>,
    /// What the trace must be.
    pub body: Body,
}

/// What a trace must be.
#[derive(Clone, Debug)]
pub enum Body {
    /// These calls, all of them, in this order, and no others.
    Whole(Sequence),
    /// The same of each thread: its calls are in its own order, and in no order with those of the others.
    Threads(Vec<ExpectedThread>),
    /// Some calls are there, others are not; the rest is not looked at.
    Partial {
        /// What has to be there.
        present: Vec<Present>,
        /// What must not.
        absent: Vec<ExpectedCall>,
    },
}

/// The calls of one thread.
#[derive(Clone, Debug)]
pub struct ExpectedThread {
    /// Its name in the file, which says nothing of the thread.
    pub name: String,
    /// Its calls.
    pub calls: Sequence,
}

/// An entry of `present`.
#[derive(Clone, Debug)]
pub struct Present {
    /// The calls that count.
    pub call: ExpectedCall,
    /// How many there have to be.
    pub times: Times,
}

/// How often a call has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// `min_count`.
    AtLeast(usize),
    /// `count`.
    Exactly(usize),
}

/// One call of a table.
#[derive(Clone, Debug)]
pub struct ExpectedCall {
    /// Which call.
    pub syscall: &'static Syscall,
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its keys and values as the file has them, in the file's order.
    pub parts: Vec<Part>,
    /// What is compared.
    pub fields: Vec<Field>,
}

impl ExpectedCall {
    /// The call as the file has it, on one line.
    pub fn source(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|part| part.text.as_str()).collect();
        format!("{{ {} }}", parts.join(", "))
    }
}

/// One key and its value, as the file has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The key.
    pub key: String,
    /// `key = value`, on one line.
    pub text: String,
}

/// One thing that is compared.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its key in the file.
    pub key: &'static str,
    /// What of the call it is.
    pub aspect: Aspect,
    /// How its value is compared and shown.
    pub role: Role,
    /// What it has to be.
    pub wanted: Wanted,
    /// Whether the file says so; else it is what leaving out the key stands for.
    pub written: bool,
}

/// What of a call a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The file that the call is about (0), or the second one (1).
    File(usize),
    /// How the string of a path argument was found: `whole`, `cut`, `unreadable`, `null` or `late`.
    Text(usize),
    /// An argument, by its index.
    Arg(usize),
    /// The bytes that an argument leads to, by its index.
    Data(usize),
    /// The flags that the call stands for (creat).
    Implied,
    /// A word of the `struct open_how`: flags, mode, resolve.
    How(usize),
    /// The result.
    Ret,
    /// The bytes moved.
    Bytes,
    /// What is behind a descriptor.
    Kind(Which),
    /// Access mode and status flags of a descriptor.
    Status(Which),
    /// Whether a descriptor closes on exec.
    Cloexec(Which),
    /// The files that it closed besides its own.
    Closes,
    /// The thread's name.
    Comm,
    /// The process.
    Pid,
    /// The thread.
    Tid,
    /// The thread when the call ended, if that has another id by then.
    ExitTid,
    /// A descriptor of the pair that it made.
    Made(usize),
    /// What a request has of its entry: `user_data`.
    UserData,
    /// And the flags of the entry.
    SqeFlags,
    /// Whether another thread completed the request than the one that submitted it.
    Worker,
    /// Whether more completions of it follow.
    More,
    /// Whether its completion may be that of another request.
    Ambiguous,
    /// By which table of the kernel its number goes.
    Abi,
    /// Whether it was answered before it was made.
    Refused,
    /// The file behind the descriptor that it returned, as the kernel has resolved it.
    MadeFile,
}

/// Which descriptor of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that it returned.
    Made,
    /// Both of the pair that it made.
    Pair,
    /// One of [`crate::trace::call::Deed::fds`], by its place: an argument, or an end of the pair.
    Fd(usize),
}

/// What a field has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// There is none: no file is known, no bytes are counted, the thread has the id that it had.
    Nothing,
    /// This text.
    Text(Vec<u8>),
    /// A text with this in it.
    Contains(String),
    /// This number; flags and choices by their value.
    Number(i64),
    /// What this name is bound to; the first result, process or thread under a name binds it. With its `$`.
    Name(String),
    /// A failure with this errno.
    Errno(i32),
    /// A call that never returned.
    Unfinished,
    /// Yes or no.
    Is(bool),
    /// These files.
    Files(Vec<String>),
}

impl Expectations {
    /// Reads a `tests.toml`. `file` is its name in messages; `scenarios` are the names of the registry, each of which has to
    /// have a table.
    pub fn parse(file: &str, text: &str, scenarios: &[&str]) -> Result<Self, Errors> {
        let (document, broken) = DeTable::parse_recoverable(text);
        let mut problems = Problems::new(text);
        let mut tables = BTreeMap::new();
        let known: HashSet<&str> = scenarios.iter().copied().collect();
        let mut named = HashSet::new();
        for (key, value) in in_order(document.get_ref()) {
            named.insert(key.get_ref().as_ref());
            if !known.contains(key.get_ref().as_ref()) {
                let hint = near(key.get_ref(), scenarios.iter().copied()).unwrap_or_else(|| {
                    "--list shows the scenarios; src/child/scenarios/ is where one is added".to_owned()
                });
                problems.push(key.span(), format!("there is no scenario `{}`", key.get_ref()), hint);
            }
            if let Some(expectation) = table::read(key, value, &mut problems) {
                tables.insert(expectation.name.clone(), expectation);
            }
        }
        if broken.is_empty() {
            without_table(scenarios, &named, text, &mut problems);
        }
        problems.syntax(&broken);
        problems.finish(file).map_or(Ok(Self { tables }), Err)
    }

    /// The same for the bytes of a file, which may not be UTF-8.
    pub fn parse_bytes(file: &str, bytes: &[u8], scenarios: &[&str]) -> Result<Self, Errors> {
        match str::from_utf8(bytes) {
            Ok(text) => Self::parse(file, text, scenarios),
            Err(error) => Err(Errors::not_utf8(file, bytes, error.valid_up_to())),
        }
    }

    /// The table of a scenario.
    pub fn get(&self, scenario: &str) -> Option<&Expectation> {
        self.tables.get(scenario)
    }

    /// All tables, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Expectation> {
        self.tables.values()
    }
}

/// The scenarios that no table is for, in one error: a file made for one scenario would otherwise drown in them.
fn without_table(scenarios: &[&str], named: &HashSet<&str>, text: &str, problems: &mut Problems) {
    let missing: Vec<&str> = scenarios.iter().copied().filter(|&name| !named.contains(name)).collect();
    let [first, ..] = missing[..] else { return };
    let message = match missing.len() {
        1 => format!("the scenario `{first}` has no table"),
        count => format!("{count} scenarios have no table"),
    };
    let names: Vec<String> = missing.iter().map(|name| format!("[{name}]")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let end = text.trim_end().len();
    problems.push(end..end, message, errors::listed("each needs `about` and `calls`: add ", &names));
}

impl Expectation {
    /// The calls that it names.
    pub fn calls(&self) -> Box<dyn Iterator<Item = &ExpectedCall> + '_> {
        match &self.body {
            Body::Whole(calls) => Box::new(calls.written()),
            Body::Threads(threads) => Box::new(threads.iter().flat_map(|thread| thread.calls.written())),
            Body::Partial { present, absent } => Box::new(present.iter().map(|entry| &entry.call).chain(absent)),
        }
    }

    /// Whether it says what pointers lead to.
    pub(crate) fn is_about_data(&self) -> bool {
        self.calls().any(|call| call.fields.iter().any(|field| matches!(field.aspect, Aspect::Data(_))))
    }

    /// Whether it names a request of io_uring or one of its system calls. A scenario of which it does not can make no request:
    /// to have a ring is a call.
    pub(crate) fn is_about_io_uring(&self) -> bool {
        self.calls().any(|call| call.syscall.is_request() || call.syscall.name.starts_with("io_uring_"))
    }
}
