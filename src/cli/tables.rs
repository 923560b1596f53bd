//! The tables of a run: the embedded ones, those of `--tests`, and the scenarios of one's own that these add.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::bless::Blessing;
use super::flags::Cli;
use crate::base::error::Error;
use crate::base::escape;
use crate::child::command::ChildCommand;
use crate::child::lookup::DEFAULT_PATH;
use crate::child::scenario::{Scenario, Workload};
use crate::child::start::ProgramStart;
use crate::judge::expectation::{EMBEDDED, Errors, Expectation, Expectations, WantedCommand};

pub static EMBEDDED_TESTS: &str = include_str!("../../tests.toml");

/// The tables, and the file that each of them is from.
#[derive(Clone, Debug)]
pub struct SuiteTables {
    /// All of them.
    pub expectations: Expectations,
    /// The file of `--tests`, or the embedded one.
    pub file: String,
    /// Where that file is.
    path: Option<PathBuf>,
    /// Whether the file has only scenarios of one's own: then the embedded tables hold for all others.
    is_beside: bool,
    /// The names of the scenarios of one's own, in order.
    own: Vec<String>,
}

impl SuiteTables {
    /// The table of a scenario.
    pub fn get(&self, scenario: &str) -> Option<&Expectation> {
        self.expectations.get(scenario)
    }

    /// The same, or why there is none.
    pub fn expectation(&self, scenario: &str) -> Result<&Expectation, Error> {
        self.get(scenario).ok_or_else(|| match self.expectations.errors(scenario) {
            Some(errors) => unusable(self.file_of(scenario), errors),
            None => Error::scenario(
                format!("{scenario} has no table in {}", self.file_of(scenario)),
                "BUG: the tables were checked before",
            ),
        })
    }

    /// The names of the scenarios of one's own, in order.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(String::as_str)
    }

    /// Whether the scenarios of one's own are the same, with the same commands.
    pub fn has_same_commands(&self, other: &Self) -> bool {
        let commands = |tables: &Self| -> Vec<(String, Option<WantedCommand>)> {
            tables.own().map(|name| (name.to_owned(), tables.get(name).and_then(|one| one.command.clone()))).collect()
        };
        commands(self) == commands(other)
    }

    /// The tables of the suite's own scenarios.
    pub fn of_the_suite(self) -> Expectations {
        self.expectations.without(&self.own)
    }

    /// The name of the file that the table of a scenario is from.
    pub fn file_of(&self, scenario: &str) -> &str {
        if self.is_in_file(scenario) { &self.file } else { EMBEDDED }
    }

    /// Whether the table of a scenario is in the file of `--tests`, or in the embedded one without `--tests`.
    pub fn is_in_file(&self, scenario: &str) -> bool {
        !self.is_beside || self.own.iter().any(|own| own == scenario)
    }

    /// The scenarios of one's own, in the order of their names. Their texts stay as long as the process, as those of the registry.
    /// `start` has the last word on how they start.
    pub fn scenarios(&self, start: &ProgramStart) -> Vec<Scenario> {
        let folder = self.path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let one = |name: &str| {
            let command = self.get(name)?.command.as_ref()?;
            let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
            let command: &'static ChildCommand = Box::leak(Box::new(child_command(command, &folder, start)));
            Some(Scenario { name, workload: Workload::Command(command) })
        };
        self.own().filter_map(one).collect()
    }
}

/// The command with its whole environment: `PATH`, `TESTS_DIR`, and what its table adds, with the changes of the command line.
fn child_command(command: &WantedCommand, folder: &Path, start: &ProgramStart) -> ChildCommand {
    let mut variables: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into())),
        ("TESTS_DIR".into(), folder.into()),
    ];
    for (name, value) in &command.environment {
        variables.retain(|(other, _)| *other != **name);
        variables.push((name.into(), value.into()));
    }
    let variables = start.environment(variables.into_iter());
    let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
    let joined = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        name
    };
    ChildCommand {
        line: command.line.clone(),
        setup: command.setup.clone(),
        environment: variables.into_iter().map(joined).collect(),
        path: path.unwrap_or_else(|| DEFAULT_PATH.into()),
        folder: folder.to_owned(),
        user: start.user.clone(),
    }
}

/// The tables that the command line asks for. `names` are the scenarios of the registry.
pub fn tables(cli: &Cli, names: &[&str]) -> Result<SuiteTables, Error> {
    tables_of(None, cli, names)
}

/// Those of the file that is to be blessed, if there is one.
pub fn tables_of(bless: Option<&Blessing>, cli: &Cli, names: &[&str]) -> Result<SuiteTables, Error> {
    let (tests, hint) = match bless {
        None => (cli.tests.as_deref(), "without --tests, the embedded tests.toml is used"),
        Some(bless) => (Some(bless.path()), "--bless writes ./tests.toml, or --tests FILE"),
    };
    let Some(path) = tests else {
        let expectations = embedded(names)?;
        return Ok(SuiteTables {
            expectations,
            file: EMBEDDED.to_owned(),
            path: None,
            is_beside: false,
            own: Vec::new(),
        });
    };
    let file = escape::path(path);
    let bytes = std::fs::read(path)
        .map_err(|error| Error::usage(format!("cannot read {file}: {error}"), hint).because(error))?;
    let expectations = parsed(&file, &bytes, names)?;
    let own = expectations.own().map(|(table, _)| table.name.clone()).collect();
    let is_beside = expectations.are_all_own();
    let expectations = if is_beside { expectations.beside(embedded(names)?) } else { expectations };
    Ok(SuiteTables { expectations, file, path: Some(path.to_owned()), is_beside, own })
}

/// The embedded tables, each of which is read when it is asked for.
fn embedded(names: &[&str]) -> Result<Expectations, Error> {
    Expectations::unread(EMBEDDED_TESTS, names).map_or_else(|| parsed(EMBEDDED, EMBEDDED_TESTS.as_bytes(), names), Ok)
}

fn parsed(file: &str, text: &[u8], names: &[&str]) -> Result<Expectations, Error> {
    Expectations::parse_bytes(file, text, names).map_err(|errors| unusable(file, &errors))
}

fn unusable(file: &str, errors: &Errors) -> Error {
    Error::usage(format!("{file} cannot be used"), "docs/tests-toml.md describes the format")
        .with_details(format!("\n{errors}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn read(text: &str) -> (tempfile::TempDir, SuiteTables) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        std::fs::write(&file, text).unwrap();
        let cli = Cli::try_parse_from(["ior-it", "--tests", file.to_str().unwrap()]).unwrap();
        let names: Vec<&str> = crate::child::scenarios::all().map(|scenario| scenario.name).collect();
        let tables = tables(&cli, &names).unwrap();
        (folder, tables)
    }

    const OWN: &str = "[mine]\nabout = \"x\"\nscript = \"true\"\nenv = { PATH = \"/x\", LANG = \"C\" }\n";

    #[test]
    fn a_file_of_own_scenarios_stands_beside_the_embedded_tables() {
        let (folder, tables) = read(OWN);
        assert_eq!((tables.file_of("dup-basic"), tables.file_of("mine")), (EMBEDDED, tables.file.as_str()));
        assert!(tables.get("dup-basic").is_some() && !tables.is_in_file("dup-basic") && tables.is_in_file("mine"));
        let scenarios = tables.scenarios(&ProgramStart::default());
        let [Scenario { name: "mine", workload: Workload::Command(command) }] = scenarios[..] else {
            panic!("{} scenarios", scenarios.len());
        };
        let here = folder.path().canonicalize().unwrap();
        let tests_dir: OsString = format!("TESTS_DIR={}", here.display()).into();
        assert_eq!(command.environment, [tests_dir, "PATH=/x".into(), "LANG=C".into()]);
        assert_eq!((command.path.as_os_str(), command.folder.as_path()), ("/x".as_ref(), here.as_path()));
        let variables = vec![("PATH".into(), None), ("LANG".into(), Some("D".into())), ("TESTS_DIR".into(), None)];
        let changed = tables.scenarios(&ProgramStart { variables, user: None });
        let Workload::Command(command) = changed[0].workload else { panic!("it has no command") };
        assert_eq!(
            (command.path.as_os_str(), &command.environment[..]),
            (DEFAULT_PATH.as_ref(), &["LANG=D".into()][..])
        );
    }

    #[test]
    fn a_file_with_a_table_of_the_suite_replaces_all_of_them() {
        let (_folder, tables) = read(&format!("{EMBEDDED_TESTS}\n{OWN}"));
        assert_eq!(tables.file_of("dup-basic"), tables.file);
        assert_eq!(tables.scenarios(&ProgramStart::default()).len(), 1);
        let suite = tables.of_the_suite();
        assert!(suite.get("mine").is_none() && suite.get("dup-basic").is_some());
    }
}
