//! What the environment adds to the command line of a test target: `cargo test` and cargo-nextest have no place for our flags.
//!
//! No I/O: the variables come from the caller.

use std::ffi::{OsStr, OsString};

use crate::base::error::Error;

/// The variables, each with the flag that takes its value.
const VARIABLES: [(&str, &str); 2] = [("IOR_IT_BPF", "--bpf"), ("IOR_IT_TESTS", "--tests")];
/// The variable with further words, split as a shell does.
const WORDS: &str = "IOR_IT_ARGS";

/// The command line with what the variables add. Its own words come last. A flag that the command line has is not added.
pub fn with_variables(args: Vec<OsString>, value: impl Fn(&str) -> Option<OsString>) -> Result<Vec<OsString>, Error> {
    let value = |name: &str| value(name).filter(|value| !value.is_empty());
    let mut words = Vec::new();
    if let Some(text) = value(WORDS) {
        let split = text.to_str().and_then(shlex::split);
        let split = split.ok_or_else(|| {
            Error::usage(
                format!("{WORDS} cannot be split into words"),
                "a quote may be open: see `echo \"$IOR_IT_ARGS\"`",
            )
        })?;
        words.extend(split.into_iter().map(OsString::from));
    }
    let mut args = args.into_iter();
    let program = args.next();
    words.extend(args);
    let has = |flag: &str| words.iter().any(|word| is_flag(word, flag));
    let added = VARIABLES.into_iter().filter(|(_, flag)| !has(flag));
    let added = added.filter_map(|(name, flag)| Some([OsString::from(flag), value(name)?])).flatten();
    Ok(program.into_iter().chain(added.collect::<Vec<_>>()).chain(words).collect())
}

/// Whether a word is this flag, with or without a value behind it.
fn is_flag(word: &OsStr, flag: &str) -> bool {
    word.to_str().and_then(|word| word.strip_prefix(flag)).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str], variables: &[(&str, &str)]) -> Result<Vec<String>, Error> {
        let value = |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| OsString::from(value));
        let args = args.iter().map(OsString::from).collect();
        with_variables(args, value).map(|args| args.into_iter().map(|arg| arg.into_string().unwrap()).collect())
    }

    #[test]
    fn the_variables_stand_before_the_command_line() {
        type Row = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static [&'static str]);
        let rows: [Row; 7] = [
            (&["live", "dup"], &[], &["live", "dup"]),
            (&["live", "dup"], &[("IOR_IT_BPF", "a b.o")], &["live", "--bpf", "a b.o", "dup"]),
            (&["live"], &[("IOR_IT_BPF", ""), ("IOR_IT_TESTS", "t")], &["live", "--tests", "t"]),
            (&["live", "--bpf", "mine"], &[("IOR_IT_BPF", "x")], &["live", "--bpf", "mine"]),
            (&["live", "--bpf=mine"], &[("IOR_IT_BPF", "x")], &["live", "--bpf=mine"]),
            (&["live", "x"], &[("IOR_IT_ARGS", "--skip 'a b' -v")], &["live", "--skip", "a b", "-v", "x"]),
            (&["live"], &[("IOR_IT_ARGS", "--bpf y"), ("IOR_IT_BPF", "x")], &["live", "--bpf", "y"]),
        ];
        for (args, variables, expected) in rows {
            assert_eq!(words(args, variables).unwrap(), *expected, "{args:?} {variables:?}");
        }
        assert!(words(&["live"], &[("IOR_IT_ARGS", "--skip 'open")]).unwrap_err().sentence.contains("IOR_IT_ARGS"));
    }
}
