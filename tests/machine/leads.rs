//! The witness finds files itself. It walks the path of a call, waits for no process, and does not take a rename for a
//! difference.
#![allow(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support;
use crate::support::fuse;
use ior_it::support::base::limit::Limit;
use ior_it::support::child::ending::How;
use ior_it::support::child::scenario::{Scenario, Setup, act, call, ensure, returns};
use ior_it::support::child::scenarios;
use ior_it::support::judge::agreement::{self, Discrepancy};
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::session::{Options, Prepared, Session};
use ior_it::support::trace::testimony::{Leads, Testimony};
use ior_it::support::trace::whole::Trace;
use ior_it::support::watch::tracer;
use libtest_mimic::{Completion, Failed, Trial};

const TESTS: &str = include_str!("../../tests.toml");
const LONG: Limit = Limit::growing(Duration::from_secs(20));
const RENAMED: Scenario = Scenario::new("renamed", renamed);

/// The change to the tracer: each file gets the name of its directory.
const LIE: [&str; 2] = [
    "	to->name = name_of(watch, number_of(READ(cast, file, f_path.dentry)),",
    "	struct dentry *of = READ(cast, file, f_path.dentry);\n	to->name = name_of(watch, number_of(READ(cast, of, d_parent)),",
];

type Found = (Trace, Testimony, Vec<u8>);

pub fn main() -> ExitCode {
    support::run_live("leads", || match sessions() {
        Ok((sessions, lying)) => trials(&Arc::new(sessions), lying),
        Err(error) => vec![Trial::test("sessions", move || Err(error))],
    })
}

/// A session whose tracer is changed before it is loaded.
struct Lying {
    prepared: Prepared,
    object: PathBuf,
    folder: tempfile::TempDir,
}

/// Their zygotes are forked while the process has no other thread.
fn sessions() -> Result<(Session, Lying), Failed> {
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("lie.bpf.o");
    let prepare = |bpf: Option<PathBuf>| {
        let tracer = tracer::TracerOptions { bpf, ..tracer::TracerOptions::default() };
        let all = scenarios::all().copied().chain([RENAMED, fuse::SERVED]);
        Prepared::new(all, Options { witness: true, tracer, ..Options::default() })
    };
    let (honest, prepared) = (prepare(None)?, prepare(Some(object.clone()))?);
    Ok((honest.load()?, Lying { prepared, object, folder }))
}

fn trials(session: &Arc<Session>, lying: Lying) -> Vec<Trial> {
    type Test = fn(&Session) -> Result<Completion, Failed>;
    let tests: [(&str, Test); 3] = [
        ("what_is_opened_is_found_by_walking", what_is_opened_is_found_by_walking),
        ("names_that_another_tracee_changes_are_no_difference", names_that_another_tracee_changes_are_no_difference),
        ("a_filesystem_that_is_a_tracee_is_not_waited_for", a_filesystem_that_is_a_tracee_is_not_waited_for),
    ];
    let trial = |(name, test): (&str, Test)| {
        let session = Arc::clone(session);
        Trial::ignorable_test(name, move || test(&session))
    };
    let lying = Mutex::new(Some(lying));
    let lie = Trial::test("a_wrong_name_is_noticed_without_any_link", move || {
        let lying = lying.lock().map_err(|error| error.to_string())?.take();
        a_wrong_name_is_noticed_without_any_link(lying.ok_or("it has run before")?)
    });
    tests.into_iter().map(trial).chain([lie]).collect()
}

/// A scenario as both saw it, and its workspace. Or the reason why it could not run here.
fn run(session: &Session, name: &'static str, follow: bool) -> Result<Result<Found, String>, Failed> {
    let workspace = session.workspaces().for_scenario(name)?;
    let (observed, testimony, _) = session.witnessed(name, workspace.path(), LONG, follow)?;
    match observed.ending.how {
        How::Skipped(reason) => return Ok(Err(reason)),
        How::Finished | How::Exited(0) | How::Signal(_) => {}
        _ => return Err(format!("{name}: it {}", observed.ending).into()),
    }
    let losses = observed.trace.losses().sentences();
    require!(losses.is_empty(), "{name}: {}", losses.join("\n"));
    let folder = workspace.path().as_os_str().as_encoded_bytes().to_vec();
    Ok(Ok((observed.trace, testimony.ok_or("there is no witness")?, folder)))
}

fn differences(found: &Found) -> Vec<Discrepancy> {
    let (trace, testimony, workspace) = found;
    agreement::compare(trace, testimony, Some(workspace))
}

/// How many paths that opened a file or changed a directory the witness found itself, in all scenarios.
fn what_is_opened_is_found_by_walking(session: &Session) -> Result<Completion, Failed> {
    let (mut found, mut others) = (0, Vec::new());
    for scenario in scenarios::all() {
        let names: Vec<&str> = scenarios::all().map(|scenario| scenario.name).collect();
        let expectations = Expectations::parse("tests.toml", TESTS, &names).map_err(|errors| errors.to_string())?;
        let expectation = expectations.get(scenario.name).filter(|expectation| expectation.ignored.is_none());
        let Some(expectation) = expectation else { continue };
        let Ok((_, testimony, _)) = run(session, scenario.name, expectation.follow)? else { continue };
        for seen in testimony.calls.iter().filter(|seen| seen.names.made_link.is_some()) {
            let asks = ["open", "openat", "openat2", "creat", "chdir", "chroot"].contains(&seen.call.name().as_str());
            match &seen.names.leads {
                Leads::Here(_) => found += 1,
                _ if !asks || seen.call.opens_unnamed() => {}
                other => others.push(format!("{}: {:?}: {other:?}", scenario.name, seen.call.texts)),
            }
        }
    }
    require!(found > 200 && others.len() * 50 < found, "found {found}, and not\n{}", others.join("\n"));
    Ok(Completion::Completed)
}

/// A tracer that gives each file the name of its directory. The links contradict it, and without them the walk does.
fn a_wrong_name_is_noticed_without_any_link(lying: Lying) -> Result<(), Failed> {
    let source = support::source()?;
    require!(source.matches(LIE[0]).count() == 1, "bring this up to date: {}", LIE[0]);
    let compiled = support::compile(lying.folder.path(), "lie", &source.replacen(LIE[0], LIE[1], 1))?;
    require!(compiled == lying.object, "compiled to {}", compiled.display());
    let session = lying.prepared.load()?;
    let (trace, mut testimony, workspace) = run(&session, "dup-basic", false)??;
    for seen in &mut testimony.calls {
        let names = seen.names_mut();
        (names.links, names.bases, names.made_link) = Default::default();
    }
    let said = differences(&(trace, testimony, workspace));
    let [Discrepancy::Unlike { fields, .. }] = said.as_slice() else { return Err(format!("{said:?}").into()) };
    let said = fields.iter().map(|field| format!("{}: {}", field.what, field.bpf)).collect::<Vec<_>>();
    require!(said == ["name of what the path leads to: \".\""], "{said:?}");
    Ok(())
}

/// One process renames a file, a directory and a link, while another opens and reads them.
fn renamed() -> Setup {
    fs::create_dir("d")?;
    for file in ["a", "d/x", "one", "two"] {
        fs::write(file, "x")?;
    }
    std::os::unix::fs::symlink("one", "link")?;
    act(|| {
        let other = call!(clone, libc::SIGCHLD, 0, 0, 0, 0)?;
        if other == 0 {
            rename_without_end();
        }
        for _ in 0..100 {
            for name in [c"a", c"d/x", c"link"] {
                let Ok(file) = call!(openat, libc::AT_FDCWD, name, libc::O_RDONLY, 0) else { continue };
                let mut byte = 0_u8;
                returns(call!(read, file, &raw mut byte, 1), 1)?;
                returns(call!(close, file), 0)?;
            }
        }
        returns(call!(kill, other, libc::SIGKILL), 0)?;
        let mut status = 0_i32;
        returns(call!(wait4, other, &raw mut status, 0, 0), other)?;
        ensure(libc::WIFSIGNALED(status), "the other one has ended by itself")
    })
}

fn rename_without_end() -> ! {
    let there = [[c"a", c"b"], [c"d", c"e"]];
    loop {
        for (turn, target) in [(0, c"two"), (1, c"one")] {
            // SAFETY: strings.
            unsafe {
                for names in there {
                    libc::rename(names[turn].as_ptr(), names[1 - turn].as_ptr());
                }
                libc::unlink(c"link".as_ptr());
                libc::symlink(target.as_ptr(), c"link".as_ptr());
            }
        }
    }
}

fn names_that_another_tracee_changes_are_no_difference(session: &Session) -> Result<Completion, Failed> {
    let found = run(session, RENAMED.name, true)??;
    let disturbed = found.1.calls.iter().filter(|seen| seen.disturbed).count();
    require!(disturbed > 0, "no call was disturbed by a rename");
    let said = differences(&found);
    require!(said.is_empty(), "{} differences: {said:?}", said.len());
    Ok(Completion::Completed)
}

fn a_filesystem_that_is_a_tracee_is_not_waited_for(session: &Session) -> Result<Completion, Failed> {
    match run(session, fuse::SERVED.name, true)? {
        Err(reason) => Ok(Completion::ignored_with(reason)),
        Ok(found) => {
            let said = differences(&found);
            require!(said.is_empty(), "{} differences: {said:?}", said.len());
            Ok(Completion::Completed)
        }
    }
}
