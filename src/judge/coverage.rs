//! Which calls the tables of `tests.toml` show, by success and by error, and what no table shows.
//!
//! No I/O: takes the expectations, and the names that the running kernel has, and returns values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::expectation::{Expectation, Expectations, ExpectedCall, Wanted, WantedField};
use crate::base::error::Error;
use crate::table::names::{self, Names};
use crate::table::syscalls::{Class, Role, Syscall, all_names};

mod kernel; // the calls that the running kernel has
mod text; // the table for a terminal

pub use kernel::calls_in;
pub use text::text;

/// What is known of each call of this architecture.
#[derive(Debug, Serialize)]
pub struct Coverage {
    /// The calls, by name.
    pub calls: Vec<Covered>,
    /// The flags and commands that no table names, by what they are.
    pub unshown: BTreeMap<&'static str, Vec<&'static str>>,
    /// What is missing or excused in vain, a sentence each.
    pub faults: Vec<String>,
}

/// One call.
#[derive(Debug, Serialize)]
pub struct Covered {
    /// Its name.
    pub name: String,
    /// Whether it is I/O; `None` without a row.
    pub io: Option<bool>,
    /// Whether the running kernel has it; `None` where that cannot be read, and of a request of io_uring.
    pub in_kernel: Option<bool>,
    /// The scenarios in which it succeeds.
    pub succeeds: BTreeSet<String>,
    /// The scenarios in which it fails, by errno.
    pub fails: BTreeMap<String, BTreeSet<String>>,
}

/// Why a call is not shown, in `coverage.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuse {
    /// Why there is no row.
    row: Option<String>,
    /// Why no scenario shows it succeed.
    success: Option<String>,
    /// Why no scenario shows it fail.
    error: Option<String>,
}

impl Coverage {
    /// What these tables show. `kernel` has the names of the running kernel's calls, `excuses` is the text of `coverage.toml`.
    pub fn of(expectations: &Expectations, kernel: Option<&BTreeSet<String>>, excuses: &str) -> Result<Self, Error> {
        let excuses: BTreeMap<String, Excuse> = toml::from_str(excuses).map_err(|error| {
            Error::usage("coverage.toml cannot be read", "docs/coverage.md describes the format")
                .with_details(format!("\n{error}"))
        })?;
        let mut calls = all_calls(kernel);
        let mut used = BTreeMap::<&'static str, NamesUsed>::new();
        for expectation in expectations.iter().filter(|one| one.ignored.is_none()) {
            add(&mut calls, &mut used, expectation);
        }
        let faults = calls.values().flat_map(|call| faults(call, excuses.get(&call.name)));
        let unknown = excuses.keys().filter(|name| !calls.contains_key(*name));
        let unknown = unknown.map(|name| format!("coverage.toml excuses {name}, which is no call here"));
        let faults = faults.chain(unknown).collect();
        Ok(Self { calls: calls.into_values().collect(), unshown: unshown(&used), faults })
    }
}

/// The sets of names that tables use, with the values that they have.
struct NamesUsed {
    names: &'static Names,
    values: BTreeSet<u64>,
}

fn all_calls(kernel: Option<&BTreeSet<String>>) -> BTreeMap<String, Covered> {
    let known = all_names().map(str::to_owned);
    let calls = known.map(|name| {
        let io = Syscall::by_name(&name).map(|row| row.class == Class::Io);
        let in_kernel = kernel.map(|kernel| kernel.contains(&name));
        covered(name, io, in_kernel)
    });
    let requests = Syscall::all().iter().filter(|row| row.is_request());
    let requests = requests.map(|row| covered(row.name.to_owned(), Some(row.class == Class::Io), None));
    calls.chain(requests).collect()
}

fn covered(name: String, io: Option<bool>, in_kernel: Option<bool>) -> (String, Covered) {
    (name.clone(), Covered { name, io, in_kernel, succeeds: BTreeSet::new(), fails: BTreeMap::new() })
}

fn add(calls: &mut BTreeMap<String, Covered>, used: &mut BTreeMap<&'static str, NamesUsed>, expectation: &Expectation) {
    for call in expectation.shown() {
        for field in &call.fields {
            add_names(used, field);
        }
        let Some(covered) = calls.get_mut(call.syscall.name) else { continue };
        match result(call) {
            Some(Wanted::Errno(errno)) => {
                let by = covered.fails.entry(names::errno_name(*errno)).or_default();
                by.insert(expectation.name.clone());
            }
            Some(Wanted::Unfinished) | None => {}
            Some(_) => {
                covered.succeeds.insert(expectation.name.clone());
            }
        }
    }
}

fn result(call: &ExpectedCall) -> Option<&Wanted> {
    call.fields.iter().find(|field| field.key == "ret").map(|field| &field.wanted)
}

fn add_names(used: &mut BTreeMap<&'static str, NamesUsed>, field: &WantedField) {
    let (Role::Flags(names) | Role::Choice(names)) = field.role else { return };
    let Wanted::Number(value) = field.wanted else { return };
    let used = used.entry(names.what).or_insert_with(|| NamesUsed { names, values: BTreeSet::new() });
    used.values.insert(value as u64);
}

/// The names of the sets that the rows use and that no table has, by what they are.
fn unshown(used: &BTreeMap<&'static str, NamesUsed>) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut sets = BTreeMap::<&'static str, &'static Names>::new();
    for arg in Syscall::all().iter().flat_map(|row| row.args) {
        if let Role::Flags(names) | Role::Choice(names) = arg.role {
            sets.insert(names.what, names);
        }
    }
    sets.extend(used.iter().map(|(&what, used)| (what, used.names)));
    let missing = sets.into_iter().map(|(what, names)| {
        let shown: BTreeSet<String> = used.get(what).into_iter().flat_map(names_shown).collect();
        (what, names.all().filter(|name| !shown.contains(*name)).collect::<Vec<_>>())
    });
    missing.filter(|(_, names)| !names.is_empty()).collect()
}

fn names_shown(used: &NamesUsed) -> impl Iterator<Item = String> {
    let words = used.values.iter().map(|&value| used.names.show(value));
    words.flat_map(|words| words.split('|').map(str::to_owned).collect::<Vec<_>>())
}

/// What is wrong with one call: what is missing and not excused, and what is excused and not missing.
fn faults(call: &Covered, excuse: Option<&Excuse>) -> Vec<String> {
    let none = Excuse::default();
    let excuse = excuse.unwrap_or(&none);
    let is_io = call.io == Some(true);
    let lacks = [
        ("a row", call.io.is_none(), &excuse.row),
        ("a success", is_io && call.succeeds.is_empty(), &excuse.success),
        ("an error", is_io && call.fails.is_empty(), &excuse.error),
    ];
    let fault = |(what, lacks, excuse): (&str, bool, &Option<String>)| match (lacks, excuse) {
        (true, None) => Some(format!("{} has not {what}, and coverage.toml does not say why", call.name)),
        (false, Some(_)) => Some(format!("{} has {what}, and coverage.toml says why not", call.name)),
        (true, Some(_)) | (false, None) => None,
    };
    lacks.into_iter().filter_map(fault).collect()
}
