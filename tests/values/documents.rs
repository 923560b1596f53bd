//! Everything that the documents name exists: files of this repository, and targets of links.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the documents beside it, and those in docs/.
fn documents() -> Vec<PathBuf> {
    let files = [root().to_owned(), root().join("docs")].into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The targets of `[text](target)` that are files, without the part after `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty() && !target.contains("://"))
}

/// The `code` that begins like a path from the root. A word in capitals is a placeholder.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let folders = ["src/", "tests/", "bpf/", "docs/", "scripts/", "benches/", "subjects/"];
    let code = text.split('`').skip(1).step_by(2).filter_map(|code| code.split_whitespace().next());
    let is_path = move |code: &&str| folders.iter().any(|folder| code.starts_with(folder));
    let is_one_file = |code: &&str| !code.contains(|char: char| char.is_ascii_uppercase() || matches!(char, '*' | '{'));
    code.filter(is_path).filter(is_one_file)
}

#[test]
fn what_a_document_names_is_there() {
    let mut missing = Vec::new();
    let mut named = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        let links = links(&text).map(|target| (target, folder.join(target)));
        for (name, path) in links.chain(paths(&text).map(|path| (path, root().join(path)))) {
            named += 1;
            if !path.exists() {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(named > 50, "only {named} names were found");
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
}

/// The floors of src/lib.rs and their modules, as docs/design.md draws them: `table names kind …`. A module without a floor has
/// its own line.
fn floors(lib: &str) -> Vec<String> {
    let mut floors: Vec<String> = Vec::new();
    for line in lib.lines() {
        let declared =
            line.trim().trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.split([';', ' ']).next());
        match (declared, line.starts_with(' '), floors.last_mut()) {
            (Some(module), true, Some(floor)) => *floor += &format!(" {module}"),
            (Some(module), _, _) => floors.push(module.to_owned()),
            (None, _, _) => {}
        }
    }
    floors
}

#[test]
fn the_house_in_the_design_is_that_of_the_code() {
    let floors = floors(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    assert!(floors.len() > 8, "the floors were not found: {floors:?}");
    let design = fs::read_to_string(root().join("docs/design.md")).unwrap();
    let (_, house) = design.split_once("\n## The house\n").unwrap();
    let drawn = house.lines().filter(|line| line.starts_with("    ")).take(floors.len());
    for (line, floor) in drawn.zip(&floors) {
        let drawn = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            drawn.starts_with(&format!("{floor} ")),
            "docs/design.md draws `{drawn}`, and src/lib.rs has `{floor}`"
        );
    }
}
