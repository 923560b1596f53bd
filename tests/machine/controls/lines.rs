//! Each line of `tests.toml` matters.

use super::{LONG, Sessions, TESTS, expectations};
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::table::syscalls::{Class, Syscall};
use libtest_mimic::Failed;

/// Each line of `calls` in each table is removed, doubled and changed. The verdict on the same trace must object, or the parser
/// must.
pub fn each_line_of_tests_toml_matters(sessions: &Sessions) -> Result<(), Failed> {
    let mut survivors = Vec::new();
    let original = expectations(TESTS)?;
    for (name, table) in tables() {
        let expectation = original.get(name).ok_or("no table")?;
        if expectation.ignored.is_some() {
            continue;
        }
        let run = sessions.whole.run(name, expectation, "tests.toml", LONG)?;
        if let Verdict::Skip(_) = run.verdict {
            continue;
        }
        require!(run.verdict == Verdict::Pass, "{name} does not pass: {:?}", run.verdict);
        for (what, mutant) in mutants(table) {
            let Ok(parsed) = Expectations::parse("tests.toml", &mutant, &[name]) else { continue };
            let expectation = parsed.get(name).ok_or("no table")?;
            match ior_it::support::judge::verdict::judge(expectation, "tests.toml", &run.observed) {
                Verdict::Fail(_) => {}
                other => survivors.push(format!("{name}: {what} → {other:?}")),
            }
        }
    }
    require!(survivors.is_empty(), "{} changes went unnoticed:\n{}", survivors.len(), survivors.join("\n"));
    Ok(())
}

/// The tables of tests.toml: name and text.
fn tables() -> Vec<(&'static str, &'static str)> {
    let starts: Vec<usize> = TESTS.match_indices("\n[").map(|(at, _)| at + 1).chain([TESTS.len()]).collect();
    let table = |pair: &[usize]| {
        let text = &TESTS[pair[0]..pair[1]];
        let name = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
        (name, text)
    };
    starts.windows(2).map(table).collect()
}

/// A table with one line of its calls missing, doubled, or with one value changed.
fn mutants(table: &str) -> Vec<(String, String)> {
    let mut mutants = Vec::new();
    for line in table.lines().filter(|line| line.trim_start().starts_with("{ call = ")) {
        let mut with = |what: &str, text: String| {
            mutants.push((format!("{what}: {}", line.trim()), table.replacen(line, &text, 1)))
        };
        if !is_only_mention(line, table) {
            with("taken out", String::new());
        }
        with("doubled", format!("{line}\n{line}"));
        for changed in changed_values(line) {
            with(&format!("changed to {}", changed.trim()), changed.clone());
        }
    }
    mutants
}

/// A call that is not I/O takes part in the comparison only because its table names it. Without its only line it does not.
fn is_only_mention(line: &str, table: &str) -> bool {
    let call = line.trim_start().strip_prefix("{ call = ").and_then(|rest| rest.split('"').nth(1)).unwrap_or_default();
    let is_io = Syscall::by_name(call).is_none_or(|row| row.class == Class::Io);
    !is_io && table.matches(&format!("{{ call = \"{call}\"")).count() == 1
}

/// The line with each of its values changed in turn.
fn changed_values(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for (at, _) in line.match_indices(" = ") {
        let (head, value) = line.split_at(at + 3);
        let end = match value.strip_prefix('"') {
            Some(text) => text.find('"').map_or(0, |end| end + 2),
            None => value.find([',', ' ']).unwrap_or(0),
        };
        let (value, rest) = value.split_at(end);
        let other = match value.parse::<i64>() {
            Ok(number) => (number + 1).to_string(),
            Err(_) if value.starts_with("0o") => "0o123".to_owned(),
            Err(_) if value == "true" => "false".to_owned(),
            Err(_) if value.starts_with("\"$") => "77".to_owned(),
            Err(_) if value.starts_with("\"E") => "\"EXDEV\"".to_owned(),
            Err(_) => value.replacen('"', "\"other-", 1),
        };
        // A bit more, where the value is flags.
        let name = value.trim_matches('"');
        let is_flags = value.starts_with('"')
            && !name.is_empty()
            && name.chars().all(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_' | '|' | 'x'));
        // The first bit is that of SA_RESTART.
        let bit = if name.contains("SA_RESTART") { "0x20000000" } else { "0x10000000" };
        let more = if is_flags { format!("\"{name}|{bit}\"") } else { other.clone() };
        for other in [other, more].into_iter().filter(|other| other != value) {
            changed.push(format!("{head}{other}{rest}"));
        }
    }
    changed
}
