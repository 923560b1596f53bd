//! The flags for a command and for running processes, under strace's names (strace(1)).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::{NOT_WITH_A_COMMAND, STARTS_NOTHING, WITHOUT_TRACES};
use crate::charts::Weight;
use crate::command::Sort;
use crate::table::selection::Selection;

/// These flags, in the order of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tracing a command (after --) or processes (-p), and showing the traces of scenarios")]
pub struct TraceFlags {
    /// Trace these processes and their threads until they end or Ctrl-C; may be repeated
    #[arg(short = 'p', long = "attach", value_name = "PID", value_delimiter = ',', group = "traced")]
    #[arg(conflicts_with_all = NOT_WITH_A_COMMAND, conflicts_with_all = ["command", "witness", "subjects"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Vec<u32>,

    /// Record only these calls: `openat,close`, `%file`, `%desc`, `%network`, `/^open`, `!futex`; as strace's -e trace=SET; may be repeated
    #[arg(short = 'e', long = "trace", value_name = "SET", conflicts_with_all = ["witness", "subjects"], conflicts_with_all = WITHOUT_TRACES)]
    pub selections: Vec<Selection>,

    /// Show only calls that are given PATH, or whose file has this name; may be repeated
    #[arg(short = 'P', long = "trace-path", value_name = "PATH", conflicts_with_all = WITHOUT_TRACES)]
    pub paths: Vec<PathBuf>,

    /// Show only calls that returned without an error
    #[arg(short = 'z', long, conflicts_with = "failed_only", conflicts_with_all = WITHOUT_TRACES)]
    pub successful_only: bool,

    /// Show only calls that returned an error
    #[arg(long, conflicts_with_all = WITHOUT_TRACES)]
    pub failed_only: bool,

    /// Print the table by call alone, and not the trace
    #[arg(short = 'c', long, conflicts_with_all = WITHOUT_TRACES)]
    pub summary: bool,

    /// Sort the table by this; of scenarios, print the table too [default: time]
    #[arg(short = 'S', long = "summary-sort-by", value_name = "KEY", value_enum, conflicts_with_all = WITHOUT_TRACES)]
    pub sort: Option<Sort>,

    /// Print the time of the day before each call; -tt with microseconds, -ttt in seconds since the epoch
    #[arg(short = 't', action = ArgAction::Count, conflicts_with = "relative_times", conflicts_with_all = WITHOUT_TRACES)]
    pub times: u8,

    /// Print how long after the call before it each call was entered
    #[arg(short = 'r', long = "relative-timestamps", conflicts_with_all = WITHOUT_TRACES)]
    pub relative_times: bool,

    /// No effect: the duration of each call is printed anyway
    #[arg(short = 'T', long = "syscall-times", conflicts_with_all = WITHOUT_TRACES)]
    pub durations: bool,

    /// Show this many bytes of what calls read and write, and structs; 0 shows addresses [default: 32; of scenarios, what their tables name]
    #[arg(short = 's', long = "string-limit", value_name = "N", conflicts_with_all = WITHOUT_TRACES)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=4096))]
    pub data: Option<u32>,

    /// Show all members of structs, all entries of directories, and the dates of times
    #[arg(long, conflicts_with_all = WITHOUT_TRACES)]
    pub no_abbrev: bool,

    /// Print names of files in the working directory relative to it; of scenarios, they are so anyway
    #[arg(long, conflicts_with_all = ["witness", "subjects"], conflicts_with_all = WITHOUT_TRACES)]
    pub relative_paths: bool,

    /// Do not watch the processes that are forked
    #[arg(long, requires = "traced")]
    pub no_follow: bool,

    /// -f has no effect: processes that are forked are watched anyway; -ff writes the calls of each process to FILE.PID, with --output FILE
    #[arg(short = 'f', action = ArgAction::Count, conflicts_with = "no_follow", conflicts_with_all = WITHOUT_TRACES)]
    pub forks: u8,

    /// Write a page with the calls as a flame graph, a timeline and a table; of scenarios, with the verdicts and reports. It loads nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "conformance", "mutants", "coverage", "show"])]
    pub html: Option<PathBuf>,

    /// Write the calls as folded stacks, by program and path: inferno-flamegraph and flamegraph.pl make a picture of them; FILE.svg is a picture, if built with the feature inferno
    #[arg(long, value_name = "FILE", group = "with_flamegraph", conflicts_with = "show", conflicts_with_all = WITHOUT_TRACES)]
    pub flamegraph: Option<PathBuf>,

    /// With --flamegraph: what its widths are
    #[arg(long, value_name = "KEY", value_enum, default_value_t, requires = "with_flamegraph")]
    pub flamegraph_by: Weight,

    /// Write the calls as trace events, for Perfetto and chrome://tracing
    #[arg(long, value_name = "FILE", conflicts_with = "show", conflicts_with_all = WITHOUT_TRACES)]
    pub timeline: Option<PathBuf>,

    /// Start the command, or those of scenarios of your own, with this variable in its environment; without =VALUE, without the variable; may be repeated
    #[arg(short = 'E', long = "env", value_name = "VAR[=VALUE]", conflicts_with_all = STARTS_NOTHING)]
    pub variables: Vec<OsString>,

    /// Start the command, or those of scenarios of your own, as this user
    #[arg(short = 'u', long = "user", value_name = "USER", conflicts_with_all = STARTS_NOTHING)]
    pub user: Option<String>,
}
