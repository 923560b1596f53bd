//! The calls of a watch from its records, in the order in which the records arrive.
//!
//! No I/O. A call leaves one record, a request of io_uring two. The names of files come before the first call that refers to
//! them. The files that close_range(2) closes come before the call itself.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::table::blocks;
use crate::table::syscalls::{Ret, SqeField};
use crate::trace::call::{Call, Completion, Data, Deeds, RingRequest};
use crate::trace::counts::Counts;
use crate::trace::files::{self, KnownNames};
use crate::trace::record::{self, Ids, Name, Record};
use crate::trace::whole::{ProcessEnd, Trace};

/// How many names are kept. A call that takes so long that this many others arrive meanwhile has no names.
const NAMES: usize = 1 << 18;
/// How many bad records are described, rather than only counted.
const BAD_RECORDS_DESCRIBED: usize = 5;

/// What is complete with a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// A call, or a request of io_uring with one of its completions.
    Call(Call),
    /// A process has ended.
    End {
        /// The process.
        pid: u32,
        /// How many calls its watch had seen.
        seen: u64,
        /// Its status as wait4(2) reports it; `None` if it is hidden from here on.
        status: Option<i32>,
    },
}

/// What later records need of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// The workspace. Names of files inside it are relative to it.
    workspace: Option<Vec<u8>>,
    names: HashMap<u64, Rc<Name>>,
    /// The ids of the names, in the order in which they arrived.
    told: VecDeque<u64>,
    /// The highest id of a name that was not kept.
    forgotten: u64,
    requests: HashMap<u64, (Call, Ids)>,
    /// The files that a call closes, by the number of the call.
    closed: HashMap<u64, Vec<(i32, u64)>>,
    /// What the arguments of a call lead to, by the number of the call.
    data: HashMap<u64, Vec<Data>>,
    counts: Counts,
    bad_records: Vec<String>,
}

impl Decoder {
    /// A decoder that makes names of files in the workspace relative to it. Other names are absolute.
    pub fn new(workspace: Option<&[u8]>) -> Self {
        Self { workspace: workspace.map(<[u8]>::to_vec), ..Self::default() }
    }

    /// The counts of the records so far. What BPF counts is 0.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many records have arrived.
    pub fn received(&self) -> u64 {
        let Counts { received, ends_received, submissions_received, told_received, undecoded, .. } = self.counts;
        received + ends_received + submissions_received + told_received + undecoded
    }

    /// Takes one more record.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Decoded> {
        match record::decode(bytes) {
            Ok(Record::Call(call, ids)) => match call.left_over() {
                Some(what) => self.bad(format!("{} has {what}: no argument or result of it leads there", call.name())),
                None => Some(self.call(call, ids)),
            },
            Ok(Record::Request(request, ids)) => {
                self.counts.submissions_received += 1;
                self.requests.insert(request.order, (request, ids));
                None
            }
            Ok(Record::Completion(completion, ids)) => self.completed(*completion, ids),
            Ok(Record::Name(id, name)) => {
                self.counts.told_received += 1;
                self.learn(id, name);
                None
            }
            Ok(Record::Closed { order, fd, name }) => {
                self.counts.told_received += 1;
                self.closed.entry(order).or_default().push((fd, name));
                None
            }
            Ok(Record::Data { order, data }) => {
                self.counts.told_received += 1;
                self.lead(order, data)
            }
            Ok(Record::End { pid, seen, status }) => {
                self.counts.ends_received += 1;
                self.counts.hidden += u64::from(status.is_none());
                Some(Decoded::End { pid, seen, status })
            }
            Err(bad) => self.bad(bad.0),
        }
    }

    fn learn(&mut self, id: u64, name: Name) {
        self.names.insert(id, Rc::new(name));
        self.told.push_back(id);
        if self.told.len() > NAMES
            && let Some(oldest) = self.told.pop_front()
        {
            self.names.remove(&oldest);
            self.forgotten = self.forgotten.max(oldest);
        }
    }

    /// A call that is made again after an interruption is read again: the last bytes hold. What was read at the enter is not read late.
    fn lead(&mut self, order: u64, data: Data) -> Option<Decoded> {
        let of_call = self.data.entry(order).or_default();
        let is_whole = |known: &Data| !known.late && known.read().is_some_and(|bytes| bytes.len() as u64 == known.size);
        let mut of_arg = of_call.iter().filter(|known| known.arg == data.arg).peekable();
        if data.late && of_arg.peek().is_some() && of_arg.all(is_whole) {
            return self.bad(format!("argument {} of call {order} was read, and was read again late", data.arg));
        }
        match of_call.iter_mut().find(|known| (known.arg, known.part) == (data.arg, data.part)) {
            Some(known) => *known = data,
            None => of_call.push(data),
        }
        None
    }

    fn call(&mut self, mut call: Call, ids: Ids) -> Decoded {
        self.counts.received += 1;
        if !self.data.is_empty()
            && let Some(data) = self.data.remove(&call.order)
            && call.syscall().is_none_or(|row| call.success().is_none_or(|result| blocks::are_filled_in(row, result)))
        {
            call.data = data;
        }
        let closed = if self.closed.is_empty() { None } else { self.closed.remove(&call.order) };
        let unnamed = Cell::new(0);
        let name = |id: u64| {
            let known = self.names.get(&id).map(Rc::as_ref);
            unnamed.set(unnamed.get() + u64::from(known.is_none() && id > self.forgotten));
            known
        };
        let named = KnownNames {
            fds: ids.fds.map(name),
            made: name(ids.made),
            cwd: name(ids.cwd),
            root: name(ids.root),
            closed: closed.unwrap_or_default().into_iter().map(|(fd, id)| (fd, name(id))).collect(),
        };
        files::describe(&mut call, &named, self.workspace.as_deref());
        self.counts.unnamed += unnamed.get();
        Decoded::Call(call)
    }

    /// The call that a request and one of its completions make. The last completion ends the request.
    fn completed(&mut self, completion: Completion, ids: Ids) -> Option<Decoded> {
        let (number, more) = (completion.request, completion.more);
        let Some((request, of_request)) = self.requests.get(&number) else {
            return self.bad(format!("no request is number {number}, and it is completed"));
        };
        let (call, ids) = joined(request, *of_request, completion, ids);
        if !more {
            self.requests.remove(&number);
        }
        Some(self.call(call, ids))
    }

    /// What belongs to a call that has no record.
    fn find_orphans(&mut self) {
        let orders: Vec<u64> = self.data.keys().chain(self.closed.keys()).copied().collect();
        for order in orders {
            self.bad(format!("call {order} has data or closes files, and has no record"));
        }
    }

    fn bad(&mut self, why: String) -> Option<Decoded> {
        self.counts.undecoded += 1;
        if self.bad_records.len() < BAD_RECORDS_DESCRIBED {
            self.bad_records.push(why);
        }
        None
    }
}

/// A request with one of its completions, and the ids of its names.
fn joined(request: &Call, of_request: Ids, completion: Completion, of_completion: Ids) -> (Call, Ids) {
    let Completion { request: _, order, outcome, duration_ns, worker, more, ambiguous, used, made, pair } = completion;
    let entry = request.request.map(|entry| RingRequest { worker, more, ambiguous, ..entry });
    let mut call = Call { order, duration_ns, ..request.clone() };
    (call.outcome, call.request) = (outcome, entry);
    let mut ids = of_request;
    let Some(row) = call.syscall() else { return (call, ids) };
    // A file in the ring's own table has an index and no descriptor. BPF takes the index for a descriptor.
    let returns_fd = call.success().is_some() && matches!(row.ret_for(&call.args), Ret::Fd);
    if let (Some(made), true) = (made, returns_fd) {
        (call.made, ids.made) = (Some(made), of_completion.made);
    }
    if row.makes_pair() {
        let (fds, peek) = pair;
        let makes_fds = call.success().is_some() && row.makes_pair_for(&call.args);
        (call.fds, call.peek) = if makes_fds { (fds, peek) } else { ([None; 2], None) };
        ids.fds = of_completion.fds;
    }
    // The kernel reports the file of the entry's `fd`. In a splice that is the second descriptor, to which the bytes go.
    let place =
        row.fd_args().position(|at| matches!(row.places.get(at), Some(SqeField::Fd)) && !call.is_registered(at));
    if let (Some(used), Some(place), false) = (used, place, row.makes_pair()) {
        // If the descriptor is another file by now, its close-on-exec flag is not known.
        let before = call.fds[place];
        let cloexec = before.is_some_and(|before| before.same_file(&used) && before.cloexec);
        call.fds[place] = Some(crate::trace::call::Identity { cloexec, ..used });
        ids.fds[place] = of_completion.fds[0];
    }
    (call, ids)
}

/// A trace that is being put together, record by record.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    decoder: Decoder,
    watch: u64,
    calls: Vec<Call>,
    ends: Vec<ProcessEnd>,
    deeds: Deeds,
}

impl Assembly {
    /// An empty trace. Names of files in the workspace are relative to it.
    pub fn new(workspace: Option<&[u8]>) -> Self {
        Self { decoder: Decoder::new(workspace), ..Self::default() }
    }

    /// Decodes one more record. The calls are in no order before the trace is finished.
    pub fn add(&mut self, bytes: &[u8]) {
        match self.decode(bytes) {
            Some(Decoded::Call(call)) => self.keep(call),
            Some(Decoded::End { pid, status, .. }) => self.ends.push(ProcessEnd { pid, status }),
            None => {}
        }
    }

    /// Decodes one more record, and leaves it to the caller to [`keep`](Assembly::keep) its call.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Option<Decoded> {
        self.watch = record::watch_of(bytes).unwrap_or(self.watch);
        self.decoder.take(bytes)
    }

    /// Adds a call.
    pub(crate) fn keep(&mut self, mut call: Call) {
        self.deeds.share(&mut call);
        self.calls.push(call);
    }

    /// The ends of processes that were added so far.
    pub fn ends(&self) -> &[ProcessEnd] {
        &self.ends
    }

    /// The decoder, for its counts.
    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The trace of all records that were added, in the order of entering. `counted` is what BPF counted.
    pub fn finished(self, counted: Counts) -> Trace {
        let Self { mut decoder, watch, mut calls, .. } = self;
        if counted.refused == 0 {
            decoder.find_orphans();
        }
        calls.sort_by_key(|call| call.order);
        Trace { watch, calls, counts: counted.with_received(decoder.counts), bad_records: decoder.bad_records }
    }
}

/// The trace that these records are.
pub fn assemble<'r>(records: impl Iterator<Item = &'r [u8]>, counted: Counts, workspace: Option<&[u8]>) -> Trace {
    let mut assembly = Assembly::new(workspace);
    records.for_each(|bytes| assembly.add(bytes));
    assembly.finished(counted)
}

#[cfg(test)]
mod tests;
