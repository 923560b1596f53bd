//! The TOML of a subject: its content, and every error in it at once. The messages are in tests/golden/subjects/toml.

use std::path::Path;
use std::time::Duration;

use ior_it::support::subject::Scope;
use ior_it::support::subject::claims::{CallOrder, Calls, Interrupted, Moment, Paths};
use ior_it::support::subject::toml::{
    AdapterChoice, BUILT_IN, CallBy, Definition, FILES, HowRun, Lifetime, Stream, built_in,
};
use ior_it::support::subject::window::FenceKind;
use snapbox::{Data, assert_data_eq};

/// The example of the documentation.
const PERF: &str = r#"
[subject]
name = "perf"
version = ["perf", "--version"]
command = ["perf", "trace", "-p", "{pid}"]
stream = "stderr"
adapter = "perf"
scope = "pid"
lifetime = "scenario"
fence = "close"
stop = "SIGINT"
lost = 'LOST (\d+) events'
needs = ["tracefs"]
excludes = ["ptrace"]
limits = { attach = 3, close = 0.5 }
[claims]
calls = "all"
fields = ["tid", "comm", "fd", "fd_path", "ret"]
path = "given"
order = "thread"
interrupted = "attempts"
exec_tid = "exit"
[[known]]
scenario = "fd-reuse"
field = "fd_path"
why = "asks /proc later"
"#;

const OBJECT: &str = r#"
[subject]
name = "mine"
fence = "open"
[object]
file = "ior.bpf.o"
ring = "event_map"
attach = ["handle_sys_*"]
rodata = { PID_FILTER = "{pid}", TID_FILTER = -1 }
drops = "ringbuf_drop_map"
[records]
by = "u32 event_type"
pair = "tid"
[records.1]
enter = true
layout = "u32 event_type; u32 trace_id; u64 time; u32 pid; u32 tid; s32 flags; char filename[256]; char comm[16]"
call = "openat"
path = "filename"
[records.2]
layout = "u32 event_type; u32 trace_id; u64 time; s64 ret; u32 pid; u32 tid"
ret = "ret"
[records.3]
enter = true
layout = "u32 event_type; u32 nr; u32 tid"
call = { number = "nr" }
[records.4]
enter = true
layout = "u32 event_type; u32 op; u32 tid"
call = { by = "op", names = { 1 = "read", 2 = "write" } }
[claims]
fields = ["path"]
"#;

fn parse(text: &str) -> Definition {
    Definition::parse("mine.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_command_is_read_as_it_is_written() {
    let perf = parse(PERF);
    assert_eq!(
        (perf.name.as_str(), perf.scope, perf.lifetime, perf.fence),
        ("perf", Scope::Pid, Lifetime::Scenario, FenceKind::Close)
    );
    assert_eq!((perf.attach, perf.close), (Duration::from_secs(3), Duration::from_millis(500)));
    assert_eq!((perf.needs, perf.excludes), (vec!["tracefs".to_owned()], vec!["ptrace".to_owned()]));
    let HowRun::Command { command, stream, adapter, stop, lost, .. } = perf.run else { panic!("no command") };
    assert_eq!(
        (command[3].as_str(), stream, adapter),
        ("{pid}", Stream::Error, AdapterChoice::BuiltIn("perf".to_owned()))
    );
    assert_eq!(stop.as_str(), "SIGINT");
    assert_eq!(&lost.unwrap().captures("LOST 12 events!").unwrap()[1], "12");
    let claims = perf.claims;
    assert_eq!((claims.calls, claims.path, claims.order), (Calls::All, Paths::Given, CallOrder::Thread));
    assert_eq!((claims.interrupted, claims.exec_tid, claims.fields.len()), (Interrupted::Attempts, Moment::Exit, 5));
    assert_eq!((perf.known.len(), perf.known[0].scenario.as_deref()), (1, Some("fd-reuse")));
}

#[test]
fn ten_lines_are_enough() {
    let mine = parse(
        "[subject]\nname = \"mine\"\ncommand = [\"./mine\", \"{pid}\"]\nfence = \"open\"\n[claims]\ncalls = [\"openat\"]\nfields = [\"path\", \"ret\"]\n",
    );
    assert_eq!((mine.scope, mine.lifetime, mine.attach), (Scope::Pid, Lifetime::Scenario, Duration::from_secs(30)));
    let HowRun::Command { adapter, stream, .. } = mine.run else { panic!("no command") };
    assert_eq!((adapter, stream), (AdapterChoice::BuiltIn("json".to_owned()), Stream::Out));
}

#[test]
fn an_object_is_read_as_it_is_written() {
    let HowRun::Object(object) = parse(OBJECT).run else { panic!("no object") };
    assert_eq!((object.file.as_str(), object.ring.as_str(), object.attach.len()), ("ior.bpf.o", "event_map", 1));
    assert_eq!((object.rodata["PID_FILTER"], object.rodata["TID_FILTER"]), (None, Some(-1)));
    assert_eq!((object.records.pair.as_deref(), object.records.kinds.len()), (Some("tid"), 4));
    let enter = &object.records.kinds[&1];
    assert_eq!((enter.enter, enter.call.clone()), (true, Some(CallBy::Name("openat".to_owned()))));
    assert_eq!((enter.layout.size, enter.layout.field("comm").unwrap().offset), (304, 284));
    assert_eq!(object.records.kinds[&2].call, None);
    assert!(
        matches!(&object.records.kinds[&4].call, Some(CallBy::Table(field, names)) if field == "op" && names.len() == 2)
    );
}

#[test]
fn the_built_in_ones_are_right() {
    for (name, _) in BUILT_IN {
        let definition = built_in(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(definition.name, name);
        let command = match definition.run {
            HowRun::Command { command, .. } => command,
            HowRun::Own => continue, // its version is that of the crate
            HowRun::Object(_) => panic!("{name}"),
        };
        assert!(!definition.version.is_empty(), "{name}: nothing is said of a tracer without its version");
        let named = command.iter().filter_map(|word| word.strip_prefix("{folder}/"));
        named.for_each(|file| assert!(FILES.iter().any(|(known, _)| *known == file), "{name}: {file}"));
    }
    let error = built_in("strac").unwrap_err().to_string();
    assert_eq!(
        error,
        "error: there is no subject `strac`\n hint: did you mean `strace`?; a path with a / is a TOML of your own"
    );
}

#[test]
fn all_errors_are_told_at_once_with_their_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/subjects/toml");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        count += 1;
        let file = path.file_name().unwrap().to_str().unwrap();
        let errors = Definition::parse(file, &std::fs::read_to_string(&path).unwrap()).expect_err(file);
        let golden = path.with_extension("stderr");
        assert_data_eq!(errors.to_string(), Data::read_from(&golden, None).raw());
    }
    assert!(count >= 10, "{count}");
}

/// docs/subjects.md shows a file of a command, one of an object, and a line.
#[test]
fn what_the_docs_show_is_right() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/subjects.md")).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let begin = format!("```{language}\n");
        text.split(&begin).skip(1).map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
    };
    let [command, object] = blocks("toml").try_into().unwrap();
    assert_eq!(Definition::parse("tracer.toml", &command).unwrap().name, "tracer");
    let shown = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/opens.toml")).unwrap();
    assert_eq!(object, shown, "the object's file is that of the test");
    let line = ior_it::support::subject::json::read(blocks("json")[0].trim().as_bytes());
    assert!(
        matches!(line, ior_it::support::subject::Line::Call(said) if said.call == "openat" && said.number("ret") == Some(3))
    );
}

/// docs/subjects.md has a row for each built-in subject.
#[test]
fn every_built_in_subject_is_in_the_docs() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/subjects.md")).unwrap();
    for (name, _) in BUILT_IN {
        assert!(text.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
