//! Decodes each record, counts it, prints it or adds it up, and keeps it for an archive or a witness.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::CommandOptions;
use super::output::Output;
use super::shown::{LineClock, ShownCalls};
use super::summary::Summary;
use crate::base::error::Error;
use crate::charts::{ChartPage, Charts, chart_page};
use crate::child::diary;
use crate::child::fence::Fences;
use crate::subject::json;
use crate::subject::reference;
use crate::table::names;
use crate::table::selection::Selection;
use crate::trace::call::Call;
use crate::trace::counts::Counts;
use crate::trace::decoder::{Assembly, Decoded};
use crate::trace::show;
use crate::trace::whole::Trace;
use crate::watch::tracer::WatchRecords;

/// The note about a process whose watch ended early.
const HIDDEN: &str = "+++ hidden: a program that its caller may not trace +++";

/// How many ended processes stay in the filter map. A process whose threads are still exiting is among them.
const LATELY_GONE: usize = 4096;

/// The destination of the records.
pub struct Sink {
    assembly: Assembly,
    summary: Summary,
    prints: bool,
    shown: ShownCalls,
    /// The calls that are asked for. BPF records no others, except requests.
    selection: Option<Selection>,
    clock: LineClock,
    json: bool,
    keeps: bool,
    /// The fence that a subject must report. The program did not make it.
    fence: Option<(Fences, u64)>,
    gone: VecDeque<u32>,
    output: Output,
    charts: Option<Charts>,
    title: String,
    /// The lines below the table.
    last: Vec<String>,
    /// The buffer for a line, shared by all lines.
    line: String,
}

impl Sink {
    /// Begins without records.
    pub fn new(options: &CommandOptions, output: Output, charts: Option<Charts>, fence: Option<(Fences, u64)>) -> Self {
        Self {
            assembly: Assembly::new(options.shown.relative.then(super::working_directory).as_deref()),
            summary: Summary::new(options.sort),
            prints: !options.summary,
            shown: options.shown.clone(),
            selection: options.selection.clone(),
            clock: LineClock::new(options.shown.times, SystemTime::now(), diary::now_ns()),
            json: options.json,
            keeps: options.archive.is_some() || options.witness || options.subject.is_some(),
            fence,
            gone: VecDeque::new(),
            output,
            charts,
            title: options.title.clone(),
            last: Vec::new(),
            line: String::new(),
        }
    }

    /// How many records have come.
    pub fn received(&self) -> u64 {
        self.assembly.decoder().received()
    }

    /// Takes records as they came out of the ring. The records of one batch are printed in the order in which their calls were
    /// entered.
    pub fn take(&mut self, records: &WatchRecords) {
        let mut decoded: Vec<(u64, Decoded)> = Vec::new();
        records.for_each(|bytes| {
            let Some(one) = self.assembly.decode(bytes) else { return };
            let order = match &one {
                Decoded::Call(call) => {
                    if self.shows(call) {
                        self.summary.add(call);
                        self.charts.iter_mut().for_each(|charts| charts.add(call));
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
                    if self.prints && self.shows(&call) {
                        self.print(&call);
                    }
                    if self.keeps {
                        self.assembly.keep(call);
                    }
                }
                Decoded::End { pid, status, .. } => {
                    if self.prints {
                        let end = format!("[pid {pid:>5}] {}", status.map_or(HIDDEN.to_owned(), ended));
                        self.line_of(pid, &end);
                    }
                    self.output.is_gone(pid);
                }
            }
        }
    }

    /// Whether a call is shown and counted in the table.
    fn shows(&self, call: &Call) -> bool {
        let is_asked_for = match (&self.selection, &call.request) {
            (Some(selection), Some(_)) => selection.has(&call.name()),
            (Some(_), None) | (None, _) => true,
        };
        is_asked_for && self.shown.has(call) && !is_fence(self.fence, call)
    }

    fn print(&mut self, call: &Call) {
        self.line.clear();
        match self.json {
            true => self.line.push_str(&json::of_call(call)),
            false => show::line(&mut self.line, call, self.shown.detail, &self.clock.before(call.enter_ns)),
        }
        self.output.line_of(call.pid, &self.line);
    }

    /// Removes processes that ended long ago.
    pub fn long_gone(&mut self) -> impl Iterator<Item = u32> + use<> {
        let long = self.gone.len().saturating_sub(LATELY_GONE);
        self.gone.drain(..long).collect::<Vec<_>>().into_iter()
    }

    /// Prints what has come so far, if it is time.
    pub fn tick(&mut self, counts: &Counts) {
        self.output.tick(counts);
    }

    /// Whether the progress line may still change.
    pub fn is_to_say(&self) -> bool {
        self.output.is_to_say()
    }

    /// Prints a sentence for the user.
    pub fn say(&mut self, sentence: &str) {
        self.output.say(sentence);
    }

    /// Prints the table and the losses, and what else is lost, in `besides`. True if anything is lost. With `stopped`, an
    /// unfinished call of a process that goes on is not a loss.
    pub fn finish(&mut self, counted: Counts, stopped: bool, besides: Option<&str>) -> bool {
        let counts = counted.with_received(self.assembly.decoder().counts());
        let (received, left_out) = (counts.received, counts.left_out);
        let mut losses = if stopped { so_far(counts) } else { counts }.losses();
        losses.extend(besides.map(str::to_owned));
        if !self.json {
            self.line(&format!("\n{}\n", self.summary.table()));
        }
        let mut last = Vec::new();
        if stopped {
            last.push(format!("stopped: {} not gone, and not watched any more", processes(counts.left())));
        }
        let hidden = counts.hidden();
        last.extend(hidden.iter().map(|hidden| format!("hidden: {hidden}")));
        if self.json && !losses.is_empty() {
            // Not every loss has a number.
            let count = counts.seen.saturating_sub(received).max(1);
            self.output.line(&json::write_line(&json::Line::Lost(count)));
        }
        if losses.is_empty() {
            let lost = if hidden.is_some() { "only what is hidden" } else { "nothing" };
            let others = if left_out == 0 { String::new() } else { format!(", {left_out} others not asked for") };
            last.push(format!("lost: {lost}; {received} calls of {}{others}", processes(counts.followed + 1)));
        }
        last.extend(losses.iter().map(|loss| format!("lost: {loss}")));
        last.iter().for_each(|line| self.line(line));
        self.last = last;
        !losses.is_empty()
    }

    /// Writes a line, which becomes a note among JSON lines.
    pub fn line(&mut self, line: &str) {
        match self.json {
            true => self.output.line(&json::write_line(&json::Line::Note(line.to_owned()))),
            false => self.output.line(line),
        }
    }

    /// The same of a process.
    fn line_of(&mut self, pid: u32, line: &str) {
        match self.json {
            true => self.output.line_of(pid, &json::write_line(&json::Line::Note(line.to_owned()))),
            false => self.output.line_of(pid, line),
        }
    }

    /// Ends the output and the charts: an error if not everything was written.
    pub fn close(&mut self) -> Result<(), Error> {
        self.output.finish()?;
        let Some(charts) = self.charts.take() else { return Ok(()) };
        let (title, table, last) = (self.title.as_str(), &self.summary.table(), self.last.as_slice());
        charts.finish(|pictures| chart_page(&ChartPage { title, table, last, pictures }))
    }

    /// The whole trace, if the calls were kept.
    pub fn trace(&mut self, counted: Counts) -> Trace {
        std::mem::take(&mut self.assembly).finished(counted)
    }
}

fn is_fence(fence: Option<(Fences, u64)>, call: &Call) -> bool {
    fence.is_some_and(|(fences, number)| reference::number(fences, call) == Some(number))
}

/// The counts without the later and the unfinished calls of processes that go on.
fn so_far(counts: Counts) -> Counts {
    let Counts { received, ends_received, refused, left_out, followed, submissions_received, told_received, .. } =
        counts;
    let ends = ends_received.max(followed + 1);
    Counts {
        seen: received + refused + left_out,
        emitted: received,
        submitted: submissions_received,
        told: told_received,
        ends,
        ends_received: ends,
        ..counts
    }
}

/// The losses in words.
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
