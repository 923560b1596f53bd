//! Selects scenarios by the command line.

use libtest_mimic::Arguments;

use crate::base::error::{Error, Exit};

/// The names that at least one filter selects and no `--skip` removes. If there are none, the error has similar names.
pub fn select(libtest: &Arguments, filters: &[String], names: &[&str]) -> Result<Vec<String>, Error> {
    let filters: Vec<&str> = libtest.filter.iter().chain(filters).map(String::as_str).collect();
    let matches = |name: &str, filter: &str| if libtest.exact { name == filter } else { name.contains(filter) };
    let selected: Vec<String> = names
        .iter()
        .filter(|name| filters.is_empty() || filters.iter().any(|filter| matches(name, filter)))
        .filter(|name| !libtest.skip.iter().any(|skip| matches(name, skip)))
        .map(|&name| name.to_owned())
        .collect();
    if selected.is_empty() && !libtest.list {
        return Err(nothing(&filters, names));
    }
    Ok(selected)
}

/// How similar two names must be for a hint: from 0, nothing in common, to 1, equal.
const NEAR: f64 = 0.7;

fn nothing(filters: &[&str], names: &[&str]) -> Error {
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
    let asked = if filters.is_empty() { "--skip" } else { &filters.join(", ") };
    Error::new(format!("no scenario is selected by {asked}"), hint, Exit::NothingRan)
}

/// The arguments for libtest-mimic that select exactly these scenarios, so that it counts all others as filtered out. It
/// accepts only one filter. Exact skips do the same for any number of scenarios.
pub fn arguments(libtest: &Arguments, threads: usize, selected: &[String], names: &[&str]) -> Arguments {
    let skip = names.iter().filter(|name| !selected.iter().any(|one| one == *name)).map(|&name| name.to_owned());
    Arguments { filter: None, exact: true, skip: skip.collect(), test_threads: Some(threads), ..libtest.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["dup-basic", "dup-dup2", "fcntl-dupfd", "open-basic"];

    fn selected(args: &[&str], filters: &[&str]) -> Result<Vec<String>, Error> {
        let libtest = Arguments::from_iter([&["ior-it"], args].concat());
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        select(&libtest, &filters, &NAMES)
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
