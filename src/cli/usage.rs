//! Prints clap's messages: help and version on request, and wrong usage.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::flags::Cli;
use super::select;
use crate::base::error::Exit;
use crate::base::escape;
use crate::base::tell::StandardStream;

/// Prints the message, and returns the exit code. `args` is the command line.
pub fn say(mut error: clap::Error, args: &[OsString]) -> Exit {
    let escaped: Vec<(ContextKind, ContextValue)> =
        error.context().map(|(kind, value)| (kind, escaped(value))).collect();
    for (kind, value) in escaped {
        match value {
            ContextValue::StyledStrs(tips) if tips.is_empty() => drop(error.remove(kind)),
            value => drop(error.insert(kind, value)),
        }
    }
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let stream = if asked { StandardStream::Out } else { StandardStream::Error };
    let text = error.render();
    let mut text = if stream.has_colours() { text.ansi().to_string() } else { text.to_string() };
    if error.kind() == ErrorKind::UnknownArgument {
        text += &format!("\nAccepted: {}\n", accepted().join(", "));
        if let Some(hint) = select::hint_at_program(args) {
            text += &format!("\n hint: {hint}\n");
        }
    }
    stream.raw(&text);
    if asked { Exit::Success } else { Exit::Usage }
}

/// The words of the command line in a message. clap puts colours around them.
fn escaped(value: &ContextValue) -> ContextValue {
    match value {
        ContextValue::String(word) => ContextValue::String(escape::line(word).into_owned()),
        ContextValue::Strings(words) => {
            ContextValue::Strings(words.iter().map(|word| escape::line(word).into_owned()).collect())
        }
        // Tips, one on each line, with such words. What follows `--` is a program, and no value: that tip is wrong here.
        ContextValue::StyledStrs(tips) => ContextValue::StyledStrs(
            tips.iter()
                .map(ToString::to_string)
                .filter(|tip| !tip.contains("as a value, use"))
                .map(|tip| escape::line(&tip).into_owned().into())
                .collect(),
        ),
        other => other.clone(),
    }
}

/// All flags, for a hint after an unknown one.
fn accepted() -> Vec<String> {
    let command = Cli::command();
    let mut flags: Vec<String> =
        command.get_arguments().filter_map(|flag| flag.get_long()).map(|name| format!("--{name}")).collect();
    flags.sort();
    flags
}
