//! The command of a scenario without Rust: what a file of one's own says of it, as values.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::child::start::ProgramUser;

/// The program that runs a script, as system(3) does.
pub const SHELL: &str = "/bin/sh";

/// A command, and where and how it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildCommand {
    /// What to execute.
    pub line: CommandLine,
    /// A text for the shell, which runs before the gate and is not traced.
    pub setup: Option<String>,
    /// The whole environment, each variable as `NAME=value`.
    pub environment: Vec<OsString>,
    /// The folders in which programs are looked for, as in PATH.
    pub path: OsString,
    /// The folder of the file that says so. A program with a slash in its name may be in it.
    pub folder: PathBuf,
    /// The user that it runs as, if not that of `ior-it`.
    pub user: Option<ProgramUser>,
}

/// What to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// A program and its arguments: at least the program.
    Run(Vec<String>),
    /// A text for the shell.
    Script(String),
}

impl CommandLine {
    /// The arguments of execve(2), the name of the program first.
    pub fn arguments(&self) -> Vec<CString> {
        match self {
            // No text of TOML has a NUL that would be cut off here: the file is refused (src/judge/expectation/command.rs).
            Self::Run(words) => words.iter().map(|word| nul_ended(word)).collect(),
            Self::Script(text) => [SHELL, "-c", text].map(nul_ended).into(),
        }
    }

    /// The program, as it is named.
    pub fn program(&self) -> &str {
        match self {
            Self::Run(words) => words.first().map_or("", String::as_str),
            Self::Script(_) => SHELL,
        }
    }
}

impl ChildCommand {
    /// The environment for execve(2).
    pub fn variables(&self) -> Vec<CString> {
        self.environment.iter().map(|variable| CString::new(variable.clone().into_vec()).unwrap_or_default()).collect()
    }
}

fn nul_ended(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}
