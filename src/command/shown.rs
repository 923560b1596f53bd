//! Which calls are shown, and what stands before them.
//!
//! No I/O.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local};

use crate::trace::call::{Call, Outcome, Text};
use crate::trace::show::Detail;

/// What a line says of the time, as strace(1) does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LineTimes {
    /// Nothing.
    #[default]
    None,
    /// The time of the day: `-t`.
    Seconds,
    /// The same with microseconds: `-tt`.
    Microseconds,
    /// Seconds since the epoch with microseconds: `-ttt`.
    Epoch,
    /// Seconds since the call before was entered: `-r`.
    Relative,
}

/// Which calls are shown by their ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ends {
    /// All.
    #[default]
    All,
    /// Those that returned without an error: `-z`.
    Successful,
    /// Those that returned an error.
    Failed,
}

/// How a trace is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownCalls {
    /// What a line says of the time.
    pub times: LineTimes,
    /// Which calls by their ends.
    pub ends: Ends,
    /// Only calls with one of these paths, if there are any.
    pub paths: Vec<Vec<u8>>,
    /// Whether names of files in the working directory are relative to it.
    pub relative: bool,
    /// Whether each process has a file of its own.
    pub separate: bool,
    /// How much of structs and lists.
    pub detail: Detail,
}

impl ShownCalls {
    /// Whether a call is shown.
    pub fn has(&self, call: &Call) -> bool {
        let by_end = match self.ends {
            Ends::All => true,
            Ends::Successful => call.success().is_some(),
            Ends::Failed => call.outcome != Outcome::Unfinished && call.errno().is_some(),
        };
        by_end && (self.paths.is_empty() || self.paths.iter().any(|path| has_path(call, path)))
    }
}

/// Whether a call was given this path, or is about the file with this name.
fn has_path(call: &Call, path: &[u8]) -> bool {
    let files = [&call.files.path, &call.files.path2, &call.files.made_path];
    let is_text = |text: Option<&Text>| matches!(text, Some(Text::Read { bytes, .. }) if &bytes[..] == path);
    files.into_iter().any(|file| file.as_deref() == Some(path)) || (0..call.args.len()).any(|at| is_text(call.text(at)))
}

/// The clock of lines: the times of calls are CLOCK_MONOTONIC.
#[derive(Debug)]
pub struct LineClock {
    times: LineTimes,
    /// The time since the epoch when CLOCK_MONOTONIC was 0.
    boot: Duration,
    /// When the call before was entered.
    last_ns: Option<u64>,
}

impl LineClock {
    /// `now_ns` is CLOCK_MONOTONIC at `now`.
    pub fn new(times: LineTimes, now: SystemTime, now_ns: u64) -> Self {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { times, boot: now.saturating_sub(Duration::from_nanos(now_ns)), last_ns: None }
    }

    /// What stands before a call that was entered at this time, with a space behind it.
    pub fn before(&mut self, enter_ns: u64) -> String {
        let since_epoch = self.boot + Duration::from_nanos(enter_ns);
        let local = || DateTime::<Local>::from(SystemTime::UNIX_EPOCH + since_epoch);
        let mut text = String::new();
        let _ = match self.times {
            LineTimes::None => Ok(()),
            LineTimes::Seconds => write!(text, "{} ", local().format("%H:%M:%S")),
            LineTimes::Microseconds => write!(text, "{} ", local().format("%H:%M:%S%.6f")),
            LineTimes::Epoch => write!(text, "{}.{:06} ", since_epoch.as_secs(), since_epoch.subsec_micros()),
            LineTimes::Relative => {
                // Calls of several threads are printed in the order of their ends: a time may go back.
                let last = self.last_ns.replace(enter_ns).unwrap_or(enter_ns);
                let gap = Duration::from_nanos(enter_ns.abs_diff(last));
                let sign = if enter_ns < last { "-" } else { "" };
                write!(text, "{:>13} ", format!("{sign}{}.{:06}", gap.as_secs(), gap.subsec_micros()))
            }
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};

    fn call(name: &str, path: &[u8], ret: i64) -> Call {
        let number = Syscall::by_name(name).unwrap().number;
        match record::decode(&call_bytes(0, number, 7, path, ret)) {
            Ok(Record::Call(call, _)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_are_chosen_by_their_ends() {
        let unfinished = call("exit_group", b"", 0).with(|deed| deed.outcome = Outcome::Unfinished);
        let calls = [call("close", b"", 0), call("close", b"", -9), unfinished];
        let shown = |ends| calls.each_ref().map(|call| ShownCalls { ends, ..ShownCalls::default() }.has(call));
        assert_eq!(shown(Ends::All), [true, true, true]);
        assert_eq!(shown(Ends::Successful), [true, false, false]);
        assert_eq!(shown(Ends::Failed), [false, true, false]);
    }

    #[test]
    fn calls_are_chosen_by_their_paths() {
        let shown = ShownCalls { paths: vec![b"/etc/a".to_vec(), b"b".to_vec()], ..ShownCalls::default() };
        assert!(shown.has(&call("openat", b"/etc/a", 3)) && shown.has(&call("openat", b"b", -2)));
        assert!(!shown.has(&call("openat", b"/etc/ab", 3)) && !shown.has(&call("close", b"", 0)));
        let about = call("close", b"", 0).with(|deed| deed.files.path = Some(b"/etc/a".to_vec()));
        assert!(shown.has(&about), "by the name of its file");
    }

    #[test]
    fn lines_begin_with_a_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let clock = |times| LineClock::new(times, now, 5_000_000_000);
        assert_eq!(clock(LineTimes::None).before(7), "");
        assert_eq!(clock(LineTimes::Epoch).before(6_000_001_000), "1000001.000001 ");
        let mut relative = clock(LineTimes::Relative);
        let lines = [1_000, 3_501_000, 1_000].map(|enter_ns| relative.before(enter_ns));
        assert_eq!(lines, ["     0.000000 ", "     0.003500 ", "    -0.003500 "]);
        let day = clock(LineTimes::Microseconds).before(6_000_001_000);
        assert!(day.ends_with(":41.000001 ") && day.len() == "13:46:41.000001 ".len(), "{day}");
        assert!(day.starts_with(clock(LineTimes::Seconds).before(6_000_001_000).trim_end()), "{day}");
    }
}
