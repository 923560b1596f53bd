//! What becomes of the records: each is decoded, counted, printed or added up, and kept if an archive or a witness is wanted.

use std::collections::VecDeque;
use std::time::Instant;

use super::Options;
use super::lineage::{Event, Lineage, Seen};
use super::output::Output;
use super::summary::Summary;
use crate::error::Error;
use crate::files::{AtGate, Follower};
use crate::names;
use crate::record::{self, Record};
use crate::show;
use crate::syscalls::Syscall;
use crate::trace::{Call, Completion, Counts, Requests};
use crate::tracer::Records;

/// So many processes that are gone are left in the filter map: whoever is still on its way out is among them.
const LATELY_GONE: usize = 4096;

/// Where the records go.
pub struct Sink {
    /// The reader's own counts.
    counts: Counts,
    requests: Requests,
    summary: Summary,
    printer: Option<Printer>,
    kept: Option<Vec<Records>>,
    gone: VecDeque<u32>,
    output: Output,
}

/// What it takes to print calls as they come.
struct Printer {
    lineage: Lineage,
    follower: Follower,
    begin: Instant,
    exit: Option<u32>,
}

impl Sink {
    /// For a process with this pid that is at the gate.
    pub fn new(options: &Options, pid: u32, gate: AtGate, output: Output) -> Self {
        let printer = || Printer {
            lineage: Lineage::of(pid),
            follower: Follower::new(gate),
            begin: Instant::now(),
            exit: Syscall::by_name("exit").map(|row| row.number),
        };
        Self {
            counts: Counts::default(),
            requests: Requests::default(),
            summary: Summary::default(),
            printer: (!options.summary).then(printer),
            kept: (options.archive.is_some() || options.witness).then(Vec::new),
            gone: VecDeque::new(),
            output,
        }
    }

    /// How many records have come.
    pub fn received(&self) -> u64 {
        let Counts { received, ends_received, submissions_received, undecoded, .. } = self.counts;
        received + ends_received + submissions_received + undecoded
    }

    /// Takes records as they came out of the ring.
    pub fn take(&mut self, records: Records) {
        let mut decoded = Vec::new();
        for bytes in records.iter() {
            match record::decode(bytes) {
                Ok(Record::Call(call)) => self.call(call, &mut decoded),
                Ok(Record::Request(request)) => {
                    self.counts.submissions_received += 1;
                    self.requests.submitted(request);
                }
                Ok(Record::Completion(completion)) => self.completed(*completion, &mut decoded),
                Ok(Record::End { pid, seen, status }) => {
                    self.counts.ends_received += 1;
                    self.gone.push_back(pid);
                    decoded.push(Seen::End { pid, seen, status });
                }
                Err(_) => self.counts.undecoded += 1,
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.push(records);
        }
        if let Some(printer) = &mut self.printer {
            printer.print(decoded, &mut self.output);
        }
    }

    fn completed(&mut self, completion: Completion, decoded: &mut Vec<Seen>) {
        match self.requests.completed(completion) {
            Ok(call) => self.call(Box::new(call), decoded),
            Err(_) => self.counts.undecoded += 1,
        }
    }

    fn call(&mut self, call: Box<Call>, decoded: &mut Vec<Seen>) {
        self.counts.received += 1;
        self.summary.add(&call);
        if self.printer.is_some() {
            decoded.push(Seen::Call(call));
        }
    }

    /// Processes that are gone for long.
    pub fn long_gone(&mut self) -> impl Iterator<Item = u32> + use<> {
        let long = self.gone.len().saturating_sub(LATELY_GONE);
        self.gone.drain(..long).collect::<Vec<_>>().into_iter()
    }

    /// Shows what has come so far, if it is time to.
    pub fn tick(&mut self, counts: &Counts) {
        if let Some(printer) = &mut self.printer {
            printer.expire(&mut self.output);
        }
        self.output.tick(counts);
    }

    /// A sentence to the user.
    pub fn say(&mut self, sentence: &str) {
        self.output.say(sentence);
    }

    /// No more records will come: prints those that were held.
    pub fn release(&mut self) {
        if let Some(printer) = &mut self.printer {
            printer.release(&mut self.output);
        }
    }

    /// Prints the table and the losses; true if there are any. With `stopped`, what processes that go on
    /// have not finished is no loss.
    pub fn finish(&mut self, counted: Counts, stopped: bool) -> bool {
        let Counts { received, ends_received, submissions_received, undecoded, .. } = self.counts;
        let counts = Counts { received, ends_received, submissions_received, undecoded, ..counted };
        let losses = if stopped { so_far(counts) } else { counts }.losses();
        self.output.line(&format!("\n{}\n", self.summary.table()));
        if stopped {
            self.output.line(&format!("stopped: {} not gone, and not watched any more", processes(counts.left())));
        }
        match losses.as_slice() {
            [] => self.output.line(&format!("lost: nothing; {received} calls of {}", processes(counts.followed + 1))),
            losses => losses.iter().for_each(|loss| self.output.line(&format!("lost: {loss}"))),
        }
        !losses.is_empty()
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) {
        self.output.line(line);
    }

    /// The end of the output: an error if not everything could be written.
    pub fn close(&mut self) -> Result<(), Error> {
        self.output.finish()
    }

    /// The records, if they were to be kept.
    pub fn kept(&mut self) -> Vec<Records> {
        self.kept.take().unwrap_or_default()
    }
}

impl Printer {
    /// Prints records that came at about the same time in the order in which the calls were entered.
    fn print(&mut self, mut records: Vec<Seen>, output: &mut Output) {
        records.sort_by_key(|record| match record {
            Seen::Call(call) => call.order,
            Seen::End { seen, .. } => *seen,
        });
        let now = self.begin.elapsed();
        let mut events = Vec::with_capacity(records.len());
        records.into_iter().for_each(|record| self.lineage.admit(record, now, &mut events));
        self.show(events, output);
    }

    fn expire(&mut self, output: &mut Output) {
        let mut events = Vec::new();
        self.lineage.expire(self.begin.elapsed(), &mut events);
        self.show(events, output);
    }

    fn release(&mut self, output: &mut Output) {
        let mut events = Vec::new();
        self.lineage.release_all(&mut events);
        self.show(events, output);
    }

    fn show(&mut self, events: Vec<Event>, output: &mut Output) {
        for event in events {
            match event {
                Event::Call(mut call) => {
                    self.follower.follow(&mut call);
                    output.line(&show::line(&call));
                    self.forget_thread(&call);
                }
                Event::End(pid, status) => {
                    self.follower.forget(pid);
                    output.line(&format!("[pid {pid:>5}] {}", ended(status)));
                }
                Event::Stranger(pid) => self.follower.stranger(pid),
            }
        }
    }

    /// A thread was entered as a process when it was made (see [`Follower::follow`]).
    fn forget_thread(&mut self, call: &Call) {
        if Some(call.number) == self.exit && call.tid != call.pid {
            self.follower.forget(call.tid);
        }
    }
}

/// The counts without what processes that go on have done meanwhile, or have not finished.
fn so_far(counts: Counts) -> Counts {
    let Counts { received, ends_received, refused, followed, submissions_received, .. } = counts;
    let ends = ends_received.max(followed + 1);
    Counts {
        seen: received + refused,
        emitted: received,
        submitted: submissions_received,
        ends,
        ends_received: ends,
        ..counts
    }
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// How a process ended, by its status (wait4(2)), in strace's words.
fn ended(status: i32) -> String {
    match (libc::WTERMSIG(status), libc::WCOREDUMP(status)) {
        (0, _) => format!("+++ exited with {} +++", libc::WEXITSTATUS(status)),
        (signal, false) => format!("+++ killed by {} +++", names::signal_name(signal)),
        (signal, true) => format!("+++ killed by {} (core dumped) +++", names::signal_name(signal)),
    }
}
