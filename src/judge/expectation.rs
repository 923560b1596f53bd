//! What each scenario's trace must be: `tests.toml`, read strictly.
//!
//! No I/O: takes the file's text and returns values, or every error in it at once. A key that a table leaves out gets its default
//! here ("what is left out is nothing"). So [`crate::judge::matcher`] compares the [`WantedField`]s of a call, and knows no defaults.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use crate::table::syscalls::{Role, Syscall};

pub(crate) mod errors;
pub(crate) mod entries;
pub(crate) mod keys;
mod sequence;
pub(crate) mod values;
pub(crate) mod call;
pub(crate) mod content;
mod calls;
pub(crate) mod command;
mod table;
mod written;

pub use command::{WantedBytes, WantedCommand, WantedFile};
pub use content::WantedContent;
pub use errors::Errors;
pub use sequence::Sequence;

use entries::in_order;
use errors::{Problems, near, without_table};
use written::UnreadTable;

/// The name of the tables in the binary in messages.
pub(crate) const EMBEDDED: &str = "tests.toml";

/// How long a scenario may take when its table does not say.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// All tables of a `tests.toml`.
#[derive(Clone, Debug)]
pub struct Expectations {
    tables: BTreeMap<String, UnreadTable>,
}

/// The table of one scenario.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The scenario.
    pub name: String,
    /// The line of the table's header in the file, counted from 1.
    pub line: usize,
    /// What the scenario shows, as a sentence.
    pub about: String,
    /// How the workload must end: `finished`, `exited`, or the name of a signal.
    pub ends: String,
    /// How long the workload may take.
    pub timeout: Duration,
    /// Whether the processes that it forks are traced too.
    pub follow: bool,
    /// How many processes become programs that their caller may not trace, if the watch is to hide them (SECURITY.md).
    pub hidden: Option<u64>,
    /// How many bytes of what pointers lead to are read at most, and how many elements of arrays.
    pub data: u32,
    /// The reason why the scenario runs only on request.
    pub ignored: Option<String>,
    /// A call that the table needs and this architecture does not have: the scenario cannot run here.
    pub lacks: Option<String>,
    /// The command of a scenario of one's own, and what it must write and leave.
    pub command: Option<WantedCommand>,
    /// What the trace must be.
    pub body: Body,
}

/// What a trace must be.
#[derive(Clone, Debug)]
pub enum Body {
    /// Exactly these calls, in this order.
    Whole(Sequence),
    /// Exactly these calls of each thread. The order holds within a thread, not across threads.
    Threads(Vec<ExpectedThread>),
    /// Some calls must occur, and others must not. All other calls are ignored.
    Partial {
        /// The calls that must occur.
        present: Vec<Present>,
        /// The calls that must not occur.
        absent: Vec<ExpectedCall>,
    },
}

/// The calls of one thread.
#[derive(Clone, Debug)]
pub struct ExpectedThread {
    /// Its name in the file. The trace has no such name.
    pub name: String,
    /// Its calls.
    pub calls: Sequence,
}

/// An entry of `present`.
#[derive(Clone, Debug)]
pub struct Present {
    /// The call that the entry counts.
    pub call: ExpectedCall,
    /// How many such calls must occur.
    pub times: Times,
}

/// How often a call must occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// At least this often: `min_count`.
    AtLeast(usize),
    /// Exactly this often: `count`.
    Exactly(usize),
}

/// One call of a table.
#[derive(Clone, Debug)]
pub struct ExpectedCall {
    /// The system call or the request.
    pub syscall: &'static Syscall,
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// Its keys and values as written in the file, in the file's order.
    pub parts: Vec<Part>,
    /// The fields that are compared.
    pub fields: Vec<WantedField>,
}

impl ExpectedCall {
    /// The call as written in the file, on one line.
    pub fn source(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|part| part.text.as_str()).collect();
        format!("{{ {} }}", parts.join(", "))
    }
}

/// One key and its value, as written in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The key.
    pub key: String,
    /// `key = value`, on one line.
    pub text: String,
}

/// One field to compare.
#[derive(Clone, Debug)]
pub struct WantedField {
    /// Its key in the file.
    pub key: &'static str,
    /// The part of the call that it compares.
    pub aspect: Aspect,
    /// How its value is compared and shown.
    pub role: Role,
    /// The expected value.
    pub wanted: Wanted,
    /// Whether the file has the key. If not, the value is the default of a key that is left out.
    pub written: bool,
}

/// The part of a call that a field compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The file that the call is about (0), or the second one (1).
    File(usize),
    /// How BPF got the string of a path argument: `whole`, `cut`, `unreadable`, `null` or `late`.
    Text(usize),
    /// An argument, by its index.
    Arg(usize),
    /// What an argument leads to, by its index.
    Data(usize),
    /// How that was read: `whole`, `cut`, `unreadable` or `late`.
    DataIs(usize),
    /// The flags that the call implies (creat).
    Implied,
    /// A word of the `struct open_how`: flags, mode, resolve.
    How(usize),
    /// The result.
    Ret,
    /// The bytes moved.
    Bytes,
    /// The kind of a descriptor.
    Kind(Which),
    /// Access mode and status flags of a descriptor.
    Status(Which),
    /// Whether a descriptor closes on exec.
    Cloexec(Which),
    /// The files that the call closed besides its own descriptor.
    Closes,
    /// The thread's name.
    Comm,
    /// The process.
    Pid,
    /// The thread.
    Tid,
    /// The thread id at the end of the call, if it has changed since the call began.
    ExitTid,
    /// A descriptor of the pair that the call made.
    Made(usize),
    /// The `user_data` of a request's queue entry.
    UserData,
    /// The flags of the queue entry.
    SqeFlags,
    /// Whether one thread submitted the request and another completed it.
    Worker,
    /// Whether more completions of the request follow.
    More,
    /// Whether the completion may belong to another request.
    Ambiguous,
    /// The kernel's call table that its number belongs to.
    Abi,
    /// Whether the request was answered before it was made.
    Refused,
    /// The file of the returned descriptor, as the kernel resolved it.
    MadeFile,
}

/// Names a descriptor of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The descriptor that the call returned.
    Made,
    /// Both descriptors of the pair that the call made.
    Pair,
    /// One of [`crate::trace::call::Deed::fds`], by its place: an argument, or an end of the pair.
    Fd(usize),
}

/// The expected value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No value: no file is known, no bytes are counted, or the thread has kept its id.
    Nothing,
    /// This text.
    Text(Vec<u8>),
    /// Any text that contains this one.
    Contains(String),
    /// This number. Flags and choices are compared by value.
    Number(i64),
    /// The value of this name, written with its `$`. The first result, process or thread under a name binds it.
    Name(String),
    /// A failure with this errno.
    Errno(i32),
    /// A call that never returned.
    Unfinished,
    /// Yes or no.
    Is(bool),
    /// These files.
    Files(Vec<String>),
    /// This behind a pointer.
    Content(WantedContent),
}

impl Expectations {
    /// Reads a `tests.toml`. `file` is its name in messages. `scenarios` are the names in the registry: each must have a table,
    /// unless the file has only scenarios of one's own, which say by `run` or `script` what they do.
    pub fn parse(file: &str, text: &str, scenarios: &[&str]) -> Result<Self, Errors> {
        let (document, broken) = DeTable::parse_recoverable(text);
        let mut problems = Problems::new(text);
        let mut tables = BTreeMap::new();
        let known: HashSet<&str> = scenarios.iter().copied().collect();
        let mut named = HashSet::new();
        for (key, value) in in_order(document.get_ref()) {
            if value.get_ref().as_table().is_some_and(|table| command::is_own(&in_order(table))) {
                command::check_name(key, scenarios, &mut problems);
            } else {
                named.insert(key.get_ref().as_ref());
                is_known(key, &known, scenarios, &mut problems);
            }
            if let Some(expectation) = table::read(key, value, &mut problems) {
                tables.insert(expectation.name.clone(), UnreadTable::read(expectation));
            }
        }
        if broken.is_empty() && (tables.is_empty() || !named.is_empty()) {
            without_table(scenarios, &named, text, &mut problems);
        }
        problems.syntax(&broken);
        problems.finish(file).map_or(Ok(Self { tables }), Err)
    }

    /// Reads the bytes of a file, which may not be UTF-8.
    pub fn parse_bytes(file: &str, bytes: &[u8], scenarios: &[&str]) -> Result<Self, Errors> {
        match str::from_utf8(bytes) {
            Ok(text) => Self::parse(file, text, scenarios),
            Err(error) => Err(Errors::not_utf8(file, bytes, error.valid_up_to())),
        }
    }

    /// The tables of a text that is known to be right, each to be read when it is asked for: most runs ask for few. `None` if the
    /// text has not exactly one table for each scenario, each under its header on a line of its own: [`Self::parse`] says why.
    pub fn unread(text: &'static str, scenarios: &[&str]) -> Option<Self> {
        let tables = written::tables(text)?;
        let is_whole = tables.len() == scenarios.len() && scenarios.iter().all(|&name| tables.contains_key(name));
        is_whole.then_some(Self { tables })
    }

    /// The table of a scenario.
    pub fn get(&self, scenario: &str) -> Option<&Expectation> {
        self.tables.get(scenario)?.get().ok()
    }

    /// The errors in the table of a scenario, if it could not be read.
    pub fn errors(&self, scenario: &str) -> Option<&Errors> {
        self.tables.get(scenario)?.get().err()
    }

    /// The tables of the scenarios of one's own, by name.
    pub fn own(&self) -> impl Iterator<Item = (&Expectation, &WantedCommand)> {
        self.iter().filter_map(|table| Some((table, table.command.as_ref()?)))
    }

    /// Whether all are scenarios of one's own. Then they stand beside the others, and replace none.
    pub fn are_all_own(&self) -> bool {
        self.iter().all(|table| table.command.is_some())
    }

    /// These and others. Where both have a table, this one stays.
    #[must_use]
    pub fn beside(self, mut others: Self) -> Self {
        others.tables.extend(self.tables);
        others
    }

    /// These without some.
    #[must_use]
    pub fn without(mut self, scenarios: &[String]) -> Self {
        scenarios.iter().for_each(|scenario| drop(self.tables.remove(scenario)));
        self
    }

    /// All tables, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Expectation> {
        self.tables.values().filter_map(|table| table.get().ok())
    }

    /// The reason why a scenario runs only on request.
    pub fn ignored(&self, scenario: &str) -> Option<&str> {
        self.tables.get(scenario)?.get_if_it_has(&["ignored"])?.ignored.as_deref()
    }

    /// Whether a scenario's table names a request of io_uring or one of its system calls. If not, the scenario makes no request,
    /// because setting up a ring takes such a call.
    pub fn is_about_io_uring(&self, scenario: &str) -> bool {
        let table = self.tables.get(scenario);
        table.and_then(|table| table.get_if_it_has(&["io_uring_", "IORING_OP_"])).is_some_and(|expectation| {
            expectation.calls().any(|call| call.syscall.is_request() || call.syscall.name.starts_with("io_uring_"))
        })
    }
}

fn is_known(key: &Spanned<DeString>, known: &HashSet<&str>, scenarios: &[&str], problems: &mut Problems) {
    if !known.contains(key.get_ref().as_ref()) {
        let hint = near(key.get_ref(), scenarios.iter().copied()).unwrap_or_else(|| {
            "--list shows the scenarios; one of your own has `run` or `script` (docs/tests-toml.md)".to_owned()
        });
        problems.push(key.span(), format!("there is no scenario `{}`", key.get_ref()), hint);
    }
}

impl Expectation {
    /// The names of the calls in the expectation.
    pub fn calls(&self) -> Box<dyn Iterator<Item = &ExpectedCall> + '_> {
        match &self.body {
            Body::Whole(calls) => Box::new(calls.written()),
            Body::Threads(threads) => Box::new(threads.iter().flat_map(|thread| thread.calls.written())),
            Body::Partial { present, absent } => Box::new(present.iter().map(|entry| &entry.call).chain(absent)),
        }
    }

    /// The calls that it says are made.
    pub(crate) fn shown(&self) -> Box<dyn Iterator<Item = &ExpectedCall> + '_> {
        match &self.body {
            Body::Partial { present, .. } => Box::new(present.iter().map(|entry| &entry.call)),
            Body::Whole(_) | Body::Threads(_) => self.calls(),
        }
    }

    /// Whether it says what pointers lead to.
    pub(crate) fn is_about_data(&self) -> bool {
        self.calls()
            .any(|call| call.fields.iter().any(|field| matches!(field.aspect, Aspect::Data(_) | Aspect::DataIs(_))))
    }
}
