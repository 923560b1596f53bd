//! Scenarios of one's own: `run` and `script`.

use ior_it::support::child::command::CommandLine;
use ior_it::support::judge::expectation::{Body, Expectations, WantedBytes, WantedFile};

use super::calls::SCENARIOS;

const OWN: &str = r#"
[plain]
about = "runs"
run = ["./prog", "arg"]

[full]
about = "says and leaves"
setup = "echo x > in"
script = "cat in; exit 3"
env = { LANG = "C" }
exit = 3
stdout = "x\n"
stderr = { contains = "no" }
files = { in = "x\n", out = false, any = true, sum = { sha256 = "ABCDEF0000000000000000000000000000000000000000000000000000000000" } }
follow = false
present = [{ call = "openat", path = "in" }]

[killed]
about = "is killed"
script = "kill -9 $$"
ends = "SIGKILL"
"#;

fn parsed(text: &str) -> Expectations {
    Expectations::parse("own.toml", text, &SCENARIOS).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_file_of_commands_needs_no_table_of_the_suite() {
    let own = parsed(OWN);
    assert!(own.are_all_own());
    let names: Vec<&str> = own.own().map(|(table, _)| table.name.as_str()).collect();
    assert_eq!(names, ["full", "killed", "plain"]);
    assert!(own.get("dup-basic").is_none());
    let mixed = format!("{OWN}\n[dup-basic]\nabout = \"x\"\ncalls = []\n");
    assert!(!parsed(&mixed).are_all_own(), "then the file replaces all tables");
    let errors = Expectations::parse("own.toml", &mixed, &["dup-basic", "open-basic"]).unwrap_err();
    assert!(errors.to_string().contains("the scenario `open-basic` has no table"), "{errors}");
}

#[test]
fn what_a_command_is_to_do_is_kept_and_what_is_left_out_has_its_default() {
    let own = parsed(OWN);
    let plain = own.get("plain").unwrap();
    let command = plain.command.as_ref().unwrap();
    assert_eq!(command.line, CommandLine::Run(vec!["./prog".to_owned(), "arg".to_owned()]));
    assert_eq!((command.exit, plain.ends.as_str(), plain.follow), (0, "exited", true));
    assert_eq!((&command.stdout, &command.stderr, &command.setup), (&None, &None, &None));
    assert!(matches!(&plain.body, Body::Partial { present, absent } if present.is_empty() && absent.is_empty()));
    let full = own.get("full").unwrap();
    let command = full.command.as_ref().unwrap();
    assert_eq!(command.line, CommandLine::Script("cat in; exit 3".to_owned()));
    assert_eq!((command.exit, full.follow, command.setup.as_deref()), (3, false, Some("echo x > in")));
    assert_eq!(command.environment, [("LANG".to_owned(), "C".to_owned())]);
    assert_eq!(command.stdout, Some(WantedBytes::Exactly("x\n".to_owned())));
    assert_eq!(command.stderr, Some(WantedBytes::Contains("no".to_owned())));
    let digest = format!("abcdef{}", "0".repeat(58));
    let files = [
        ("in", WantedFile::Holds(WantedBytes::Exactly("x\n".to_owned()))),
        ("out", WantedFile::Gone),
        ("any", WantedFile::There),
        ("sum", WantedFile::Holds(WantedBytes::Sha256(digest))),
    ];
    assert_eq!(command.files, files.map(|(name, wanted)| (name.to_owned(), wanted)));
    assert_eq!(own.get("killed").unwrap().ends, "SIGKILL");
}

#[test]
fn the_example_of_the_docs_is_right() {
    let docs = include_str!("../../../docs/tests-toml.md");
    let (_, section) = docs.split_once("## Scenarios of your own").unwrap();
    let (example, _) = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap();
    let own = parsed(example);
    let (table, command) = own.own().next().unwrap();
    assert_eq!((table.name.as_str(), command.files.len(), command.exit), ("copy-loses-the-end", 2, 0));
    assert_eq!(command.stdout, Some(WantedBytes::Exactly("2 lines\n".to_owned())));
}
