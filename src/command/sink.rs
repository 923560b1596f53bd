//! What becomes of the records: each is decoded, counted, printed or added up, and kept if an archive or a witness is wanted.

use std::collections::VecDeque;

use super::CommandOptions;
use super::output::Output;
use super::summary::Summary;
use crate::base::error::Error;
use crate::child::fence::Fences;
use crate::subject::json;
use crate::subject::reference;
use crate::table::names;
use crate::trace::call::Call;
use crate::trace::counts::Counts;
use crate::trace::decoder::{Assembly, Decoded};
use crate::trace::show;
use crate::trace::whole::Trace;
use crate::watch::tracer::Records;

/// What is printed of a process that is not watched any more.
const HIDDEN: &str = "+++ hidden: a program that its caller may not trace +++";

/// So many processes that are gone are left in the filter map: whoever is still on its way out is among them.
const LATELY_GONE: usize = 4096;

/// Where the records go.
pub struct Sink {
    assembly: Assembly,
    summary: Summary,
    prints: bool,
    json: bool,
    keeps: bool,
    /// The fence that a subject is to show: no call of the program.
    fence: Option<(Fences, u64)>,
    gone: VecDeque<u32>,
    output: Output,
    /// The room for a line: the same for all.
    line: String,
}

impl Sink {
    /// Nothing has come yet.
    pub fn new(options: &CommandOptions, output: Output, fence: Option<(Fences, u64)>) -> Self {
        Self {
            assembly: Assembly::new(None),
            summary: Summary::default(),
            prints: !options.summary,
            json: options.json,
            keeps: options.archive.is_some() || options.witness || options.subject.is_some(),
            fence,
            gone: VecDeque::new(),
            output,
            line: String::new(),
        }
    }

    /// How many records have come.
    pub fn received(&self) -> u64 {
        self.assembly.decoder().received()
    }

    /// Takes records as they came out of the ring. What came at about the same time is printed in the order in which it was
    /// entered.
    pub fn take(&mut self, records: &Records) {
        let mut decoded: Vec<(u64, Decoded)> = Vec::new();
        records.for_each(|bytes| {
            let Some(one) = self.assembly.decode(bytes) else { return };
            let order = match &one {
                Decoded::Call(call) => {
                    if !is_fence(self.fence, call) {
                        self.summary.add(call);
                    }
                    call.order
                }
                Decoded::End { pid, seen, .. } => {
                    self.gone.push_back(*pid);
                    *seen
                }
            };
            decoded.push((order, one));
        });
        decoded.sort_by_key(|(order, _)| *order);
        for (_, one) in decoded {
            match one {
                Decoded::Call(call) => {
                    if self.prints && !is_fence(self.fence, &call) {
                        self.print(&call);
                    }
                    if self.keeps {
                        self.assembly.keep(call);
                    }
                }
                Decoded::End { pid, status, .. } if self.prints => {
                    self.line(&format!("[pid {pid:>5}] {}", status.map_or(HIDDEN.to_owned(), ended)));
                }
                Decoded::End { .. } => {}
            }
        }
    }

    fn print(&mut self, call: &Call) {
        self.line.clear();
        match self.json {
            true => self.line.push_str(&json::of_call(call)),
            false => show::line(&mut self.line, call),
        }
        self.output.line(&self.line);
    }

    /// Processes that are gone for long.
    pub fn long_gone(&mut self) -> impl Iterator<Item = u32> + use<> {
        let long = self.gone.len().saturating_sub(LATELY_GONE);
        self.gone.drain(..long).collect::<Vec<_>>().into_iter()
    }

    /// Shows what has come so far, if it is time to.
    pub fn tick(&mut self, counts: &Counts) {
        self.output.tick(counts);
    }

    /// Whether the line on the progress is to change by and by.
    pub fn is_to_say(&self) -> bool {
        self.output.is_to_say()
    }

    /// A sentence to the user.
    pub fn say(&mut self, sentence: &str) {
        self.output.say(sentence);
    }

    /// Prints the table and the losses, with what is lost `besides`; true if there are any. With `stopped`, what processes that go on
    /// have not finished is no loss.
    pub fn finish(&mut self, counted: Counts, stopped: bool, besides: Option<&str>) -> bool {
        let counts = counted.with_received(self.assembly.decoder().counts());
        let received = counts.received;
        let mut losses = if stopped { so_far(counts) } else { counts }.losses();
        losses.extend(besides.map(str::to_owned));
        if !self.json {
            self.line(&format!("\n{}\n", self.summary.table()));
        }
        if stopped {
            self.line(&format!("stopped: {} not gone, and not watched any more", processes(counts.left())));
        }
        let hidden = counts.hidden();
        hidden.iter().for_each(|hidden| self.line(&format!("hidden: {hidden}")));
        if self.json && !losses.is_empty() {
            // How many is not known of every loss.
            let count = counts.seen.saturating_sub(received).max(1);
            self.output.line(&json::write_line(&json::Line::Lost(count)));
        }
        if losses.is_empty() {
            let lost = if hidden.is_some() { "only what is hidden" } else { "nothing" };
            self.line(&format!("lost: {lost}; {received} calls of {}", processes(counts.followed + 1)));
        }
        losses.iter().for_each(|loss| self.line(&format!("lost: {loss}")));
        !losses.is_empty()
    }

    /// Writes a line; among JSON lines as a note.
    pub fn line(&mut self, line: &str) {
        match self.json {
            true => self.output.line(&json::write_line(&json::Line::Note(line.to_owned()))),
            false => self.output.line(line),
        }
    }

    /// The end of the output: an error if not everything could be written.
    pub fn close(&mut self) -> Result<(), Error> {
        self.output.finish()
    }

    /// The whole trace, if the calls were to be kept.
    pub fn trace(&mut self, counted: Counts) -> Trace {
        std::mem::take(&mut self.assembly).finished(counted)
    }
}

fn is_fence(fence: Option<(Fences, u64)>, call: &Call) -> bool {
    fence.is_some_and(|(fences, number)| reference::number(fences, call) == Some(number))
}

/// The counts without what processes that go on have done meanwhile, or have not finished.
fn so_far(counts: Counts) -> Counts {
    let Counts { received, ends_received, refused, followed, submissions_received, told_received, .. } = counts;
    let ends = ends_received.max(followed + 1);
    Counts {
        seen: received + refused,
        emitted: received,
        submitted: submissions_received,
        told: told_received,
        ends,
        ends_received: ends,
        ..counts
    }
}

/// As words.
pub fn processes(count: u64) -> String {
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
