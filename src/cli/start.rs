//! `-E` and `-u`: how commands start, those of scenarios of one's own, too.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::flags::TraceFlags;
use crate::base::error::Error;
use crate::child::scenario::Scenario;
use crate::child::start::{ProgramStart, ProgramUser};

/// How a command starts, and those of scenarios of one's own.
pub fn asked_for(flags: &TraceFlags) -> Result<ProgramStart, Error> {
    let user = flags.user.as_deref().map(ProgramUser::named).transpose()?;
    let variables = flags.variables.iter().map(|text| variable(text)).collect::<Result<_, _>>()?;
    Ok(ProgramStart { variables, user })
}

/// The flags that say so, such as ` -u nobody`.
pub fn flags(flags: &TraceFlags) -> String {
    let variables = flags.variables.iter().map(|text| ("-E", text.to_string_lossy()));
    let all = variables.chain(flags.user.iter().map(|user| ("-u", user.into())));
    all.filter_map(|(flag, value)| Some(format!(" {flag} {}", shlex::try_quote(&value).ok()?))).collect()
}

/// An error if nothing that is selected starts so: scenarios in Rust have no environment, and need their rights.
pub fn check(flags: &TraceFlags, selected: &[String], own: &[Scenario]) -> Result<(), Error> {
    let is_plain = flags.variables.is_empty() && flags.user.is_none();
    if is_plain || own.iter().any(|scenario| selected.iter().any(|name| name == scenario.name)) {
        return Ok(());
    }
    let sentence = "-E and -u are for commands, and for scenarios with `run` or `script`: none of these is selected";
    Err(Error::usage(sentence, "-- COMMAND traces a command; --tests FILE adds scenarios of your own"))
}

/// `VAR=VALUE`, or `VAR` for none.
fn variable(text: &OsStr) -> Result<(OsString, Option<OsString>), Error> {
    let bytes = text.as_bytes();
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(OsString::from_vec(bytes[at + 1..].to_vec()))),
        None => (bytes, None),
    };
    if name.is_empty() {
        let hint = "as in `-E LANG=C`; without =VALUE the variable is removed";
        return Err(Error::usage("--env: the name of the variable is missing", hint));
    }
    Ok((OsString::from_vec(name.to_vec()), value))
}
