//! Selects scenarios by the command line.

use std::ffi::OsString;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::flags::{Cli, Shard};
use crate::base::error::{Error, Exit};
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::child::scenarios::family_of;
use crate::table::syscalls::Syscall;

/// The names that at least one filter selects and no `--skip` removes, or their part with `--shard`. If no name is selected, the
/// error has similar names.
pub fn select(cli: &Cli, names: &[&str]) -> Result<Vec<String>, Error> {
    let Cli { libtest, filters, .. } = cli;
    let filters: Vec<&str> = libtest.filter.iter().chain(filters).map(String::as_str).collect();
    let matches = |name: &str, filter: &str| if libtest.exact { name == filter } else { name.contains(filter) };
    let selected: Vec<String> = names
        .iter()
        .filter(|name| filters.is_empty() || filters.iter().any(|filter| matches(name, filter)))
        .filter(|name| !libtest.skip.iter().any(|skip| matches(name, skip)))
        .map(|&name| name.to_owned())
        .collect();
    if selected.is_empty() && !libtest.list {
        return Err(nothing(&filters, names, libtest.filter.as_deref()));
    }
    if let (Some(filter), false) = (&libtest.filter, libtest.list)
        && is_no_scenario(filter, names)
        && is_program(filter)
    {
        let (filter, command) = (escape::line(filter), escape::line(filter));
        let note = format!("note: these are the scenarios with `{filter}` in their name");
        StandardStream::Error.line(&format!("{note}; `sudo ./ior-it -- {command}` traces the program"));
    }
    Ok(cli.shard.map_or_else(|| selected.clone(), |shard| part(&selected, shard)))
}

/// Each N-th name, from the K-th on: scenarios of one family are spread over the parts.
fn part(selected: &[String], Shard { part, of }: Shard) -> Vec<String> {
    selected.iter().skip(part - 1).step_by(of).cloned().collect()
}

/// How similar two names must be for a hint: from 0, nothing in common, to 1, equal.
const NEAR: f64 = 0.7;

/// Whether a word is a name of no scenario, family or system call: who writes `stat` means the scenarios.
fn is_no_scenario(word: &str, names: &[&str]) -> bool {
    let is_name = names.contains(&word) || names.iter().any(|&name| family_of(name) == Some(word));
    !is_name && !Syscall::is_known(word)
}

/// Whether the shell would find a program of this name.
fn is_program(word: &str) -> bool {
    let is_executable = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    match word {
        "" => false,
        path if path.contains('/') => is_executable(Path::new(path)),
        name => std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| is_executable(&folder.join(name)))),
    }
}

/// The hint for a command line that begins with a program, as in `ior-it ls -l`.
pub fn hint_at_program(args: &[OsString]) -> Option<String> {
    let words: Vec<&str> = args.iter().skip(1).map(|arg| arg.to_str()).collect::<Option<_>>()?;
    let first = words.first().filter(|first| !first.starts_with('-') && is_program(first))?;
    let command = shlex::try_join(words.iter().copied()).ok()?;
    Some(format!("to trace the program {}: `sudo ./ior-it -- {}`", escape::line(first), escape::line(&command)))
}

fn nothing(filters: &[&str], names: &[&str], word: Option<&str>) -> Error {
    let likeness = |name: &str| filters.iter().map(|filter| strsim::jaro_winkler(name, filter)).fold(0.0, f64::max);
    let mut near: Vec<(f64, &str)> = names.iter().map(|&name| (likeness(name), name)).collect();
    near.retain(|&(likeness, _)| (NEAR..1.0).contains(&likeness));
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
    let hint = if near.is_empty() {
        "`ior-it --list` names them all".to_owned()
    } else {
        format!("near names are {}; `ior-it --list` names them all", near.join(", "))
    };
    let hint = match word.filter(|word| is_program(word)) {
        Some(word) => format!("`sudo ./ior-it -- {}` traces the program; {hint}", escape::line(word)),
        None => hint,
    };
    let asked = if filters.is_empty() { "--skip" } else { &filters.join(", ") };
    Error::new(format!("no scenario is selected by {asked}"), hint, Exit::NothingRan)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const NAMES: [&str; 4] = ["dup-basic", "dup-dup2", "fcntl-dupfd", "open-basic"];

    fn selected(args: &[&str], filters: &[&str]) -> Result<Vec<String>, Error> {
        let filters = filters.iter().flat_map(|filter| ["--filter", filter]);
        let words: Vec<&str> = ["ior-it"].into_iter().chain(args.iter().copied()).chain(filters).collect();
        select(&Cli::try_parse_from(words).unwrap(), &NAMES)
    }

    #[test]
    fn the_shards_are_all_scenarios_each_once() {
        let shard = |shard: &str| selected(&["--shard", shard], &[]).unwrap();
        assert_eq!(shard("1/1"), NAMES);
        assert_eq!(
            (shard("1/3"), shard("2/3"), shard("3/3")),
            (vec![NAMES[0].to_owned(), NAMES[3].to_owned()], vec![NAMES[1].to_owned()], vec![NAMES[2].to_owned()],)
        );
        assert_eq!(shard("9/9"), Vec::<String>::new(), "there are fewer scenarios");
        for wrong in ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2"] {
            assert!(Cli::try_parse_from(["ior-it", "--shard", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn filters_select_and_skips_take_out() {
        let rows: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &[], &NAMES),
            (&["dup"], &[], &NAMES[..3]),
            (&[], &["dup"], &NAMES[..3]),
            (&[], &["dup2", "open"], &["dup-dup2", "open-basic"]),
            (&["open"], &["dup2"], &["dup-dup2", "open-basic"]),
            (&["--exact", "dup-basic"], &[], &["dup-basic"]),
            (&["--skip", "dup2"], &["dup"], &["dup-basic", "fcntl-dupfd"]),
        ];
        for (args, filters, expected) in rows {
            assert_eq!(selected(args, filters).unwrap(), *expected, "{args:?} {filters:?}");
        }
    }

    #[test]
    fn nothing_selected_names_what_is_near() {
        let error = selected(&["dup-basik"], &[]).unwrap_err();
        assert_eq!(error.exit, Exit::NothingRan);
        assert!(error.hint.contains("near names are dup-basic"), "{error}");
        assert!(!selected(&["dup-basic", "--skip", "dup"], &[]).unwrap_err().hint.contains("dup-basic"));
        assert_eq!(selected(&["--exact", "dup"], &[]).unwrap_err().exit, Exit::NothingRan);
    }
}
