//! `--completions` and `--man`: what a package installs beside the program. Both are made of the flags.

use clap::CommandFactory;

use super::flags::Cli;
use crate::base::error::{Error, Exit};
use crate::base::tell::StandardStream;

/// Prints what is asked for, if anything is.
pub fn print(cli: &Cli) -> Option<Result<Exit, Error>> {
    let mut text = Vec::new();
    if let Some(shell) = cli.completions {
        clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut text);
    } else if cli.man {
        let written = clap_mangen::Man::new(Cli::command()).render(&mut text);
        if let Err(error) = written {
            return Some(Err(Error::usage(
                format!("the man page cannot be made: {error}"),
                "`--help` has the same text",
            )));
        }
    } else {
        return None;
    }
    StandardStream::Out.raw(&String::from_utf8_lossy(&text));
    Some(Ok(Exit::Success))
}
