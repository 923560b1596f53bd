//! The recipe of docs/subjects.md, followed to the letter: its files, its commands, and what it says that they show.

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Completion, Failed, Trial};

use crate::support;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/subjects.md");

pub fn main() -> ExitCode {
    support::run_live("recipe", || {
        vec![Trial::ignorable_test("a_newcomers_tracer_is_in_the_slot_by_the_recipe_of_the_docs", recipe)]
    })
}

fn recipe() -> Result<Completion, Failed> {
    if let Some(missing) = ["python3", "strace"].into_iter().find(|program| !is_installed(program)) {
        return Ok(Completion::ignored_with(format!("{missing} is not installed")));
    }
    let text = std::fs::read_to_string(DOCUMENT)?;
    let folder = tempfile::tempdir()?;
    let script = file(&text, "python", "tracer.py")?;
    std::fs::write(folder.path().join("tracer.py"), script)?;
    std::fs::write(folder.path().join("tracer.toml"), file(&text, "toml", "tracer.toml")?)?;
    let command = text.lines().find_map(|line| line.strip_prefix("    sudo ./ior-it --subject ./tracer.toml "));
    let words: Vec<&str> = command.ok_or("the document has no such command")?.split(' ').collect();
    let right = run(folder.path(), &words)?;
    let said = support::says(&right);
    require!(right.status.success() && said.contains("9 passed; 0 failed"), "{}\n{said}", right.status);

    let edit = ("int(ret)", "int(ret) + 1");
    require!(text.contains(&format!("write `{}` in place of `{}`", edit.1, edit.0)), "the document has another edit");
    require!(script.contains(edit.0), "there is nothing to edit");
    std::fs::write(folder.path().join("tracer.py"), script.replace(edit.0, edit.1))?;
    let wrong = run(folder.path(), &words)?;
    let said = support::says(&wrong);
    require!(wrong.status.code() == Some(101), "{}\n{said}", wrong.status);
    let shown = block(&text, "text")?.trim_end();
    require!(said.contains(shown) && said.contains("it printed"), "{shown:?} is not in\n{said}");
    let again = "run again    sudo ./ior-it --subject ./tracer.toml --exact --filter dup-basic";
    require!(said.contains(again), "{said}");
    Ok(Completion::Completed)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// The block that the document says to save under this name.
fn file<'t>(text: &'t str, language: &str, name: &str) -> Result<&'t str, Failed> {
    let (_, after) = text.split_once(&format!("as `{name}`:\n\n")).ok_or(format!("{name} is not in the document"))?;
    require!(after.starts_with(&format!("```{language}\n")), "{name} is no {language}");
    block(after, language)
}

/// The first block in this language.
fn block<'t>(text: &'t str, language: &str) -> Result<&'t str, Failed> {
    let begin = text.split_once(&format!("```{language}\n")).ok_or(format!("no block of {language}"))?.1;
    Ok(begin.split_once("```").ok_or("a block has no end")?.0)
}

fn run(folder: &Path, words: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(["--subject", "./tracer.toml"]).args(words).current_dir(folder).stdin(Stdio::null()).output()
}
