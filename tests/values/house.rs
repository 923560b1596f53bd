//! The plan in src/lib.rs is true: no module uses a module below it, and no file is too long to read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may be longer: tables of rows.
const TABLES: [&str; 2] = ["table/syscalls/table.rs", "table/syscalls/compat.rs"];
const LINES: usize = 400;
const LINES_OF_TESTS: usize = 400;

/// A module's path from the root, as `["trace", "call"]`.
type Module = Vec<String>;

/// The modules in order, each with its code.
#[derive(Default)]
struct House {
    /// The children of each module, in order.
    children: BTreeMap<Module, Vec<String>>,
    code: Vec<(Module, String)>,
}

impl House {
    fn read() -> Self {
        let mut house = Self::default();
        house.file(&source().join("lib.rs"), &[], &source());
        house
    }

    /// The module in this file, and its children, whose files are in `folder`.
    fn file(&mut self, path: &Path, module: &[String], folder: &Path) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let code = without_tests_and_comments(&text);
        // A module inside the file itself, like the floors in lib.rs: `pub mod table {`.
        let mut inside: Option<String> = None;
        for line in code.lines() {
            let line = line.trim();
            let Some((_, declared)) = line.split_once("mod ").filter(|(before, _)| is_visibility(before)) else {
                if line == "}" {
                    inside = None;
                }
                continue;
            };
            let mut parent = module.to_vec();
            parent.extend(inside.clone());
            if let Some(name) = declared.strip_suffix(" {") {
                self.children.entry(parent).or_default().push(name.to_owned());
                inside = Some(name.to_owned());
            } else if let Some(name) = declared.strip_suffix(';') {
                self.children.entry(parent.clone()).or_default().push(name.to_owned());
                let folder = inside.iter().fold(folder.to_owned(), |folder, inside| folder.join(inside));
                parent.push(name.to_owned());
                self.file(&folder.join(format!("{name}.rs")), &parent, &folder.join(name));
            }
        }
        self.code.push((module.to_vec(), code));
    }

    /// The module that a path names, or that defines its last part.
    fn module_of(&self, parts: &[&str]) -> Module {
        let mut module = Module::new();
        for part in parts {
            if !self.children.get(&module).is_some_and(|children| children.iter().any(|child| child == part)) {
                break;
            }
            module.push((*part).to_owned());
        }
        module
    }

    /// Whether `of` is below `module`, where their paths part.
    fn is_below(&self, of: &Module, module: &Module) -> bool {
        let common = of.iter().zip(module).take_while(|(one, other)| one == other).count();
        let (Some(of), Some(by)) = (of.get(common), module.get(common)) else { return false };
        let place = |name: &String| self.children[&module[..common]].iter().position(|child| child == name);
        place(of) > place(by)
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn is_visibility(text: &str) -> bool {
    text.is_empty() || text.starts_with("pub")
}

/// Unit tests are at the end of a file, or in a file of their own.
fn without_tests_and_comments(text: &str) -> String {
    let code = text.split_once("#[cfg(test)]").map_or(text, |(code, _)| code);
    let lines = code.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths in this code that begin with `crate` or `super`, from the root on.
fn paths<'c>(code: &'c str, module: &'c [String]) -> impl Iterator<Item = Vec<&'c str>> {
    let is_of_path = |char: char| char.is_alphanumeric() || matches!(char, '_' | ':');
    let words = code.split(move |char| !is_of_path(char));
    words.filter_map(move |word| {
        let mut parts = word.split("::").peekable();
        let supers = std::iter::from_fn(|| parts.next_if_eq(&"super")).count();
        if supers == 0 {
            return (parts.next() == Some("crate")).then(|| parts.collect());
        }
        let above = module.len().checked_sub(supers)?;
        Some(module[..above].iter().map(String::as_str).chain(parts).collect())
    })
}

#[test]
fn no_module_takes_from_one_that_stands_below_it() {
    let house = House::read();
    assert!(house.code.len() > 100, "the modules were not found");
    let mut found = Vec::new();
    for (module, code) in &house.code {
        for path in paths(code, module) {
            let of = house.module_of(&path);
            if house.is_below(&of, module) {
                found.push(format!("{} takes from {}, which stands below it", module.join("::"), of.join("::")));
            }
        }
    }
    found.dedup();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let tests = source().with_file_name("tests");
    let long = [(source(), LINES), (source().with_file_name("bpf"), LINES), (tests, LINES_OF_TESTS)];
    let long: Vec<String> = long.into_iter().flat_map(|(folder, most)| longer_than(most, folder)).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn longer_than(most: usize, folder: PathBuf) -> Vec<String> {
    let (mut long, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let is_code =
                path.extension().is_none_or(|extension| ["rs", "c", "h"].iter().any(|code| extension == *code));
            if path.is_dir() {
                folders.push(path);
            } else if is_code && !TABLES.iter().any(|table| path.ends_with(table)) {
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                long.extend(
                    (lines > most).then(|| format!("{} has {lines} lines, and {most} at most", path.display())),
                );
            }
        }
    }
    long
}

#[test]
fn no_two_types_have_the_same_name() {
    let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, code) in House::read().code {
        for name in code.lines().filter_map(type_declared_in) {
            modules.entry(name.to_owned()).or_default().push(module.join("::"));
        }
    }
    assert!(modules.len() > 200, "the types were not found");
    let again: Vec<String> = modules
        .iter()
        .filter(|(_, modules)| modules.len() > 1)
        .map(|(name, modules)| format!("{name} is in {}", modules.join(" and in ")))
        .collect();
    assert!(again.is_empty(), "{}", again.join("\n"));
}

/// The name of the type that this line of a module declares. A line that begins with a space is inside something else.
fn type_declared_in(line: &str) -> Option<&str> {
    let (before, declared) = ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| line.split_once(word))?;
    let name = declared.split(|char: char| !char.is_alphanumeric()).next()?;
    is_visibility(before).then_some(name)
}
