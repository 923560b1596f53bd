//! The traces of a run, live or replayed: those that `-v` prints, their table, and their pictures.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use maud::Markup;

use super::flags::{Cli, LibtestFlags, TraceFlags};
use crate::base::error::Error;
use crate::base::tell::StandardStream;
use crate::charts::{ChartFiles, Charts};
use crate::child::diary;
use crate::command::{Ends, LineClock, LineTimes, ShownCalls, Sort, Summary};
use crate::judge::verdict::Observed;
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
    /// The files with pictures.
    files: ChartFiles,
}

impl TraceView {
    /// What the flags ask for. A flag about the calls of a trace asks for the trace.
    pub fn of(cli: &Cli) -> Result<Self, Error> {
        let flags = &cli.trace;
        let chooses =
            !flags.selections.is_empty() || !flags.paths.is_empty() || flags.data.is_some() || flags.no_abbrev;
        let ends_or_times = flags.successful_only || flags.failed_only || flags.times > 0 || flags.relative_times;
        Ok(Self {
            prints: cli.verbose || !flags.summary && (chooses || ends_or_times || flags.durations),
            selection: Selection::union(&flags.selections),
            shown: shown(cli)?,
            table: if flags.summary { Some(flags.sort.unwrap_or_default()) } else { flags.sort },
            files: chart_files(flags),
        })
    }

    /// Whether a call is shown.
    fn has(&self, call: &Call) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.has(&call.name())) && self.shown.has(call)
    }

    /// A trace as strace would write it.
    pub fn text(&self, trace: &Trace) -> String {
        let mut clock = LineClock::new(self.shown.times, SystemTime::now(), diary::now_ns());
        show::calls(&self.calls(trace).collect::<Vec<_>>(), true, self.shown.detail, |call| clock.before(call.enter_ns))
    }

    /// The calls of a trace that are shown.
    pub fn calls<'t>(&self, trace: &'t Trace) -> impl Iterator<Item = &'t Call> {
        trace.calls.iter().filter(|call| self.has(call))
    }
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

/// What is kept of the traces until the end of the run, by the name of the trial.
pub struct KeptTraces {
    view: TraceView,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    texts: BTreeMap<String, String>,
    sums: BTreeMap<String, TraceSum>,
    summary: Summary,
    charts: Option<Charts>,
}

impl KeptTraces {
    /// An error if a file with a picture cannot be written.
    pub fn new(view: TraceView) -> Result<Self, Error> {
        let charts = Charts::open(&view.files)?;
        let summary = Summary::new(view.table.unwrap_or_default());
        let kept = Mutex::new(Kept { charts, summary, ..Kept::default() });
        Ok(Self { view, kept })
    }

    /// Keeps what is asked for of the trace of a trial.
    pub fn keep(&self, name: &str, Observed { trace, ending }: &Observed) {
        let TraceView { prints, table, files, .. } = &self.view;
        if !*prints && table.is_none() && !files.are_some() {
            return;
        }
        let text = prints.then(|| format!("{name}: {ending}\n{}", self.view.text(trace)));
        let sum = TraceSum { calls: trace.calls.len(), lost: trace.losses().sentences() };
        // Between any two statements here, the guarded value is whole.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { texts, sums, summary, charts } = &mut *kept;
        texts.extend(text.map(|text| (name.to_owned(), text)));
        sums.insert(name.to_owned(), sum);
        for call in self.view.calls(trace) {
            summary.add(call);
            charts.iter_mut().for_each(|charts| charts.add(call));
        }
    }

    /// Prints the traces, in this order, and the table.
    pub fn print(&self, libtest: &LibtestFlags, order: &[String]) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let to = if libtest.is_for_machines() { StandardStream::Error } else { StandardStream::Out };
        order.iter().filter_map(|name| kept.texts.get(name)).for_each(|text| to.line(text));
        if self.view.table.is_some() {
            to.line(&kept.summary.table());
        }
    }

    /// Writes the pictures. The page is made of its pictures, and of the numbers of each trial.
    pub fn finish(&self, page: impl FnOnce(&Markup, &BTreeMap<String, TraceSum>) -> String) -> Result<(), Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let charts = kept.charts.take();
        charts.map_or(Ok(()), |charts| charts.finish(|pictures| page(pictures, &kept.sums)))
    }
}
