//! Which name (`$a`) a number has at a place of the trace.

use std::collections::{BTreeSet, HashMap};

use crate::judge::expectation::{Aspect, Expectation, ExpectedCall, Wanted, WantedField};
use crate::judge::matcher::facts::{Fact, fact};
use crate::table::syscalls::Role;
use crate::trace::call::Call;
use crate::trace::whole::Trace;

/// The names that the calls so far have bound, by their numbers.
pub(super) struct BoundNumbers {
    bound: HashMap<(Meaning, i64), Vec<BoundBy>>,
    /// All names of the table, and those that were made up.
    taken: BTreeSet<String>,
    /// All processes and threads of the trace.
    ids: BTreeSet<i64>,
    /// How many processes the trace is of.
    processes: usize,
}

/// A name, and the process whose call bound it.
struct BoundBy {
    pid: u32,
    name: String,
}

/// What a number is: the same number may be a descriptor and a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Meaning {
    Result,
    Id,
}

impl BoundNumbers {
    /// Nothing is bound, and the names of the table are taken.
    pub(super) fn of(expectation: &Expectation, trace: &Trace) -> Self {
        let name = |field: &WantedField| match &field.wanted {
            Wanted::Name(name) => Some(name.clone()),
            _ => None,
        };
        let taken = expectation.calls().flat_map(|call| call.fields.iter().filter_map(name)).collect();
        let ids = trace.calls.iter().flat_map(|call| [call.pid.into(), call.tid.into()]).collect();
        let processes = trace.calls.iter().map(|call| call.pid).collect::<BTreeSet<_>>().len();
        Self { bound: HashMap::new(), taken, ids, processes }
    }

    /// Whether a number is the id of a process or a thread, which is another one in each run.
    pub(super) fn is_id(&self, number: i64) -> bool {
        self.ids.contains(&number)
    }

    /// Whether the trace is that of several processes.
    pub(super) fn are_of_processes(&self) -> bool {
        self.processes > 1
    }

    /// The name of a field's number: the one that the same process bound, or else the one that its parent may have bound.
    pub(super) fn name_of(&self, field: &WantedField, number: i64, call: &Call) -> Option<&str> {
        let bound = self.bound.get(&(meaning(field)?, number))?;
        let own = bound.iter().rev().find(|by| by.pid == call.pid);
        own.or(bound.last()).map(|by| by.name.as_str())
    }

    fn insert(&mut self, field: &WantedField, number: i64, call: &Call, name: &str) {
        if let Some(meaning) = meaning(field) {
            let by = BoundBy { pid: call.pid, name: name.to_owned() };
            self.bound.entry((meaning, number)).or_default().push(by);
        }
    }

    /// Binds the names that an expected call has.
    pub(super) fn bind(&mut self, expected: &ExpectedCall, call: &Call) {
        for field in &expected.fields {
            if let (Wanted::Name(name), Some(Fact::Number(number))) = (&field.wanted, fact(field, call))
                && !matches!(field.aspect, Aspect::Arg(_))
            {
                self.insert(field, number, call, name);
            }
        }
    }

    /// Binds the number of a result to a name that no call of the table has.
    pub(super) fn bind_new(&mut self, field: &WantedField, number: i64, call: &Call) -> String {
        let letters = ('a'..='z').map(|letter| format!("${letter}"));
        let free = letters.chain((1..).map(|number| format!("$x{number}"))).find(|name| !self.taken.contains(name));
        let name = free.unwrap_or_default();
        self.taken.insert(name.clone());
        self.insert(field, number, call, &name);
        name
    }
}

/// `None` for a number that has no name: a count, a size.
fn meaning(field: &WantedField) -> Option<Meaning> {
    match (field.aspect, field.role) {
        (Aspect::Ret | Aspect::Made(_), _) => Some(Meaning::Result),
        (Aspect::Arg(_), Role::Fd | Role::DirFd | Role::FdNumber) => Some(Meaning::Result),
        (Aspect::Pid | Aspect::Tid | Aspect::ExitTid, _) => Some(Meaning::Id),
        _ => None,
    }
}
