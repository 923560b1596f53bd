//! The traces of a run, live or replayed: those that are printed, on a stream or by `-o`, their table, and their pictures.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use maud::Markup;

use super::flags::{Cli, LibtestFlags, TraceFlags};
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::charts::{ChartFiles, Charts};
use crate::child::diary;
use crate::command::{Ends, LineClock, LineTimes, Output, ShownCalls, Sort, Summary};
use crate::judge::verdict::Observed;
use crate::subject::json::{self, Line};
use crate::table::selection::Selection;
use crate::trace::call::Call;
use crate::trace::show::{self, Detail};
use crate::trace::whole::Trace;

/// What is shown of traces, and how. The verdicts are on whole traces.
#[derive(Debug, Default)]
pub struct TraceView {
    /// Whether traces are printed.
    prints: bool,
    /// The calls that are asked for.
    selection: Option<Selection>,
    shown: ShownCalls,
    /// How the rows of the table are sorted, if there is one.
    table: Option<Sort>,
    /// Where traces and table go, if not to a standard stream: `-o`.
    output: Option<PathBuf>,
    /// Whether they are JSON lines there.
    json: bool,
    /// The files with pictures.
    files: ChartFiles,
}

impl TraceView {
    /// What the flags ask for. A flag about the calls of a trace asks for the trace.
    pub fn of(cli: &Cli) -> Result<Self, Error> {
        let flags = &cli.trace;
        // The output of --conformance is a folder.
        let output = cli.output.clone().filter(|_| !cli.conformance);
        let json = output.is_some() && goes_to_lines(cli);
        if json && (flags.summary || flags.sort.is_some()) {
            return Err(no_lines_of_a_table());
        }
        let chooses =
            !flags.selections.is_empty() || !flags.paths.is_empty() || flags.data.is_some() || flags.no_abbrev;
        let ends_or_times = flags.successful_only || flags.failed_only || flags.times > 0 || flags.relative_times;
        let shows = chooses || ends_or_times || flags.durations || flags.relative_paths || output.is_some();
        Ok(Self {
            prints: cli.verbose || !flags.summary && shows,
            selection: Selection::union(&flags.selections),
            shown: shown(cli)?,
            table: if flags.summary { Some(flags.sort.unwrap_or_default()) } else { flags.sort },
            output,
            json,
            files: chart_files(flags),
        })
    }

    /// Whether a call is shown.
    fn has(&self, call: &Call) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.has(&call.name())) && self.shown.has(call)
    }

    /// A trace as strace would write it.
    pub fn text(&self, trace: &Trace) -> String {
        self.text_of(&self.calls(trace).collect::<Vec<_>>())
    }

    fn text_of(&self, calls: &[&Call]) -> String {
        let mut clock = LineClock::new(self.shown.times, SystemTime::now(), diary::now_ns());
        show::calls(calls, true, self.shown.detail, |call| clock.before(call.enter_ns))
    }

    /// A trace as JSON lines.
    pub fn lines(&self, trace: &Trace) -> Vec<String> {
        let losses = trace.losses().sentences();
        let count = trace.counts.seen.saturating_sub(trace.calls.len() as u64).max(1);
        let lost = (!losses.is_empty()).then(|| json::write_line(&Line::Lost(count)));
        let notes = losses.into_iter().map(|loss| json::write_line(&Line::Note(format!("lost: {loss}"))));
        self.calls(trace).map(json::of_call).chain(lost).chain(notes).collect()
    }

    /// What is printed of a trace.
    fn printed(&self, name: &str, Observed { trace, ending }: &Observed) -> PrintedTrace {
        let heading = format!("{name}: {ending}");
        if !self.shown.separate {
            let all = match self.json {
                true => [vec![json::write_line(&Line::Note(heading))], self.lines(trace)].concat().join("\n"),
                false => format!("{heading}\n{}", self.text(trace)),
            };
            return PrintedTrace { all, of_processes: BTreeMap::new() };
        }
        let mut calls: BTreeMap<u32, Vec<&Call>> = BTreeMap::new();
        self.calls(trace).for_each(|call| calls.entry(call.pid).or_default().push(call));
        let text = |calls: &[&Call]| match self.json {
            true => calls.iter().map(|call| json::of_call(call)).collect::<Vec<_>>().join("\n"),
            false => self.text_of(calls).trim_end().to_owned(),
        };
        let of_processes: BTreeMap<u32, String> = calls.iter().map(|(pid, calls)| (*pid, text(calls))).collect();
        let pids: Vec<String> = of_processes.keys().map(u32::to_string).collect();
        let all = format!("{heading}; its processes: {}", pids.join(", "));
        let all = if self.json { json::write_line(&Line::Note(all)) } else { all };
        PrintedTrace { all, of_processes }
    }

    /// The calls of a trace that are shown.
    pub fn calls<'t>(&self, trace: &'t Trace) -> impl Iterator<Item = &'t Call> {
        trace.calls.iter().filter(|call| self.has(call))
    }
}

/// Whether the file of `--output` takes JSON lines.
pub fn goes_to_lines(cli: &Cli) -> bool {
    cli.output.as_ref().is_some_and(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
}

/// The error of a table that should be JSON lines.
pub fn no_lines_of_a_table() -> Error {
    Error::usage("--summary has no JSON lines", "without --summary, each call is a line")
}

/// Which files are asked for.
pub fn chart_files(flags: &TraceFlags) -> ChartFiles {
    ChartFiles {
        html: flags.html.clone(),
        flamegraph: flags.flamegraph.clone(),
        weight: flags.flamegraph_by,
        timeline: flags.timeline.clone(),
    }
}

/// Which calls are shown, and what stands before them.
pub fn shown(cli: &Cli) -> Result<ShownCalls, Error> {
    let flags = &cli.trace;
    let times = match (flags.times, flags.relative_times) {
        (_, true) => LineTimes::Relative,
        (0, _) => LineTimes::None,
        (1, _) => LineTimes::Seconds,
        (2, _) => LineTimes::Microseconds,
        (_, _) => LineTimes::Epoch,
    };
    let ends = match (flags.successful_only, flags.failed_only) {
        (true, _) => Ends::Successful,
        (_, true) => Ends::Failed,
        (false, false) => Ends::All,
    };
    let separate = flags.forks > 1;
    let is_file = cli.output.as_ref().is_some_and(|path| !path.as_os_str().as_bytes().starts_with(b"|"));
    if separate && !is_file {
        return Err(Error::usage("-ff writes files, and needs --output FILE", "as in `-ff -o trace`: trace.PID"));
    }
    // As it is given to the call, and as the kernel knows it.
    let both = flags.paths.iter().flat_map(|path| [Some(path.clone()), path.canonicalize().ok()]);
    let paths = both.flatten().map(|path| PathBuf::into_os_string(path).into_vec()).collect();
    let is_full = flags.no_abbrev || cli.verbose && (!cli.command.is_empty() || !flags.pids.is_empty());
    let detail = if is_full { Detail::Full } else { Detail::Brief };
    Ok(ShownCalls { times, ends, paths, relative: flags.relative_paths, separate, detail })
}

/// The calls of one scenario in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceSum {
    /// How many calls were recorded.
    pub calls: usize,
    /// What was lost, a sentence each.
    pub lost: Vec<String>,
}

/// What is printed of one trace.
struct PrintedTrace {
    /// The whole trace, or with `-ff` what there is to say of all its processes.
    all: String,
    /// With `-ff`, the calls of each process.
    of_processes: BTreeMap<u32, String>,
}

/// What is kept of the traces until the end of the run, by the name of the trial.
pub struct KeptTraces {
    view: TraceView,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    texts: BTreeMap<String, PrintedTrace>,
    sums: BTreeMap<String, TraceSum>,
    summary: Summary,
    charts: Option<Charts>,
    output: Option<Output>,
}

impl KeptTraces {
    /// An error if the file of `-o`, or one with a picture, cannot be written.
    pub fn new(view: TraceView) -> Result<Self, Error> {
        let charts = Charts::open(&view.files)?;
        let summary = Summary::new(view.table.unwrap_or_default());
        let output = view.output.as_deref().map(|path| Output::to(path, view.shown.separate)).transpose()?;
        let kept = Mutex::new(Kept { charts, summary, output, ..Kept::default() });
        Ok(Self { view, kept })
    }

    /// Keeps what is asked for of the trace of a trial.
    pub fn keep(&self, name: &str, observed: &Observed) {
        let TraceView { prints, table, files, .. } = &self.view;
        if !*prints && table.is_none() && !files.are_some() {
            return;
        }
        let (text, trace) = (prints.then(|| self.view.printed(name, observed)), &observed.trace);
        let sum = TraceSum { calls: trace.calls.len(), lost: trace.losses().sentences() };
        // Between any two statements here, the guarded value is whole.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { texts, sums, summary, charts, .. } = &mut *kept;
        texts.extend(text.map(|text| (name.to_owned(), text)));
        sums.insert(name.to_owned(), sum);
        for call in self.view.calls(trace) {
            summary.add(call);
            charts.iter_mut().for_each(|charts| charts.add(call));
        }
    }

    /// Prints the traces, in this order, and the table. Returns the exit code, which is that of a success only if all was written.
    pub fn print(&self, libtest: &LibtestFlags, order: &[String], exit: Exit) -> Exit {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { texts, summary, output, .. } = &mut *kept;
        let stream = if libtest.is_for_machines() { StandardStream::Error } else { StandardStream::Out };
        let mut line = |pid: Option<u32>, text: &str| match (&mut *output, pid) {
            (Some(output), Some(pid)) => output.line_of(pid, text),
            (Some(output), None) => output.line(&escape::lines(text)),
            (None, _) => stream.line(text),
        };
        for PrintedTrace { all, of_processes } in order.iter().filter_map(|name| texts.get(name)) {
            line(None, all);
            of_processes.iter().for_each(|(pid, text)| line(Some(*pid), text));
        }
        if self.view.table.is_some() {
            line(None, &summary.table());
        }
        let Some(Err(error)) = output.as_mut().map(Output::finish) else { return exit };
        StandardStream::Error.line(&error.to_string());
        if exit == Exit::Success { error.exit } else { exit }
    }

    /// Writes the pictures. The page is made of its pictures, and of the numbers of each trial.
    pub fn finish(&self, page: impl FnOnce(&Markup, &BTreeMap<String, TraceSum>) -> String) -> Result<(), Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let charts = kept.charts.take();
        charts.map_or(Ok(()), |charts| charts.finish(|pictures| page(pictures, &kept.sums)))
    }
}
