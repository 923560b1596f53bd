//! The flags for a command and for running processes, under strace's names (strace(1)).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::NOT_WITH_A_COMMAND;
use crate::charts::Weight;
use crate::command::Sort;
use crate::table::selection::Selection;

/// These flags, in the order of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tracing a command (after --) or processes (-p)")]
pub struct TraceFlags {
    /// Trace these processes and their threads until they end or Ctrl-C; may be repeated
    #[arg(short = 'p', long = "attach", value_name = "PID", value_delimiter = ',', groups = ["traced", "writes_output"])]
    #[arg(conflicts_with_all = NOT_WITH_A_COMMAND, conflicts_with_all = ["command", "witness", "subjects"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Vec<u32>,

    /// Record only these calls: `openat,close`, `%file`, `%desc`, `%network`, `/^open`, `!futex`; as strace's -e trace=SET; may be repeated
    #[arg(short = 'e', long = "trace", value_name = "SET", requires = "traced", conflicts_with_all = ["witness", "subjects"])]
    pub selections: Vec<Selection>,

    /// Show only calls that are given PATH, or whose file has this name; may be repeated
    #[arg(short = 'P', long = "trace-path", value_name = "PATH", requires = "traced")]
    pub paths: Vec<PathBuf>,

    /// Show only calls that returned without an error
    #[arg(short = 'z', long, requires = "traced", conflicts_with = "failed_only")]
    pub successful_only: bool,

    /// Show only calls that returned an error
    #[arg(long, requires = "traced")]
    pub failed_only: bool,

    /// Print the table by call alone, and not the trace
    #[arg(short = 'c', long, requires = "traced")]
    pub summary: bool,

    /// Sort the table by this
    #[arg(short = 'S', long = "summary-sort-by", value_name = "KEY", value_enum, default_value_t, requires = "traced")]
    pub sort: Sort,

    /// Print the time of the day before each call; -tt with microseconds, -ttt in seconds since the epoch
    #[arg(short = 't', action = ArgAction::Count, requires = "traced", conflicts_with = "relative_times")]
    pub times: u8,

    /// Print how long after the call before it each call was entered
    #[arg(short = 'r', long = "relative-timestamps", requires = "traced")]
    pub relative_times: bool,

    /// No effect: the duration of each call is printed anyway
    #[arg(short = 'T', long = "syscall-times", requires = "traced")]
    pub durations: bool,

    /// Show this many bytes of what calls read and write, and structs; 0 shows addresses
    #[arg(short = 's', long = "string-limit", value_name = "N", requires = "traced")]
    #[arg(default_value_t = 32, value_parser = clap::value_parser!(u32).range(..=4096))]
    pub data: u32,

    /// Print names of files in the working directory relative to it
    #[arg(long, requires = "traced", conflicts_with_all = ["witness", "subjects"])]
    pub relative_paths: bool,

    /// Do not watch the processes that are forked
    #[arg(long, requires = "traced")]
    pub no_follow: bool,

    /// -f has no effect: processes that are forked are watched anyway; -ff writes the calls of each process to FILE.PID, with --output FILE
    #[arg(short = 'f', action = ArgAction::Count, requires = "traced", conflicts_with = "no_follow")]
    pub forks: u8,

    /// Write a page with the calls as a flame graph, a timeline and a table; of scenarios, with the verdicts and reports. It loads nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "conformance", "mutants", "coverage", "show", "replay"])]
    pub html: Option<PathBuf>,

    /// Write the calls as folded stacks, by program and path: inferno-flamegraph and flamegraph.pl make a picture of them
    #[arg(long, value_name = "FILE", requires = "traced")]
    pub flamegraph: Option<PathBuf>,

    /// With --flamegraph: what its widths are
    #[arg(long, value_name = "KEY", value_enum, default_value_t, requires = "flamegraph")]
    pub flamegraph_by: Weight,

    /// Write the calls as trace events, for Perfetto and chrome://tracing
    #[arg(long, value_name = "FILE", requires = "traced")]
    pub timeline: Option<PathBuf>,

    /// Start the command with this variable in its environment; without =VALUE, without the variable; may be repeated
    #[arg(short = 'E', long = "env", value_name = "VAR[=VALUE]", requires = "command")]
    pub variables: Vec<OsString>,

    /// Start the command as this user
    #[arg(short = 'u', long = "user", value_name = "USER", requires = "command")]
    pub user: Option<String>,
}
