//! Children that are forked while others act.

use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::Session;
use std::cell::RefCell;

use super::{LONG, Sessions, expectations};
use crate::support::Tested;

/// The workspaces that there are, without their numbers.
fn workspaces(session: &Session) -> std::io::Result<Vec<String>> {
    let folder = session.workspaces().root().ok_or(std::io::ErrorKind::NotFound)?.path();
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
    names.iter_mut().for_each(|name| name.truncate(name.rfind('.').unwrap_or(name.len())));
    names.sort();
    Ok(names)
}

/// A child that begins while another acts is the one that runs next, and one that never runs is ended.
pub fn a_child_that_begins_while_another_acts_runs_next(sessions: &Sessions) -> Tested {
    let session = &sessions.ahead;
    let expectations = expectations(super::TESTS)?;
    let seen = RefCell::new(Vec::new());
    let run = |name, next: Option<&str>| -> Tested {
        let meanwhile = || {
            if let Some((next, expectation)) = next.and_then(|next| Some((next, expectations.get(next)?))) {
                session.begin(next, expectation);
            }
            seen.borrow_mut().push(workspaces(session).unwrap_or_default().join(" "));
        };
        let one =
            session.run_meanwhile(name, expectations.get(name).ok_or("no table")?, "tests.toml", LONG, &meanwhile)?;
        require!(one.verdict == Verdict::Pass, "{name}: {:?}", one.verdict);
        Ok(())
    };
    run("dup-basic", Some("open-enoent"))?;
    // The last workspace is removed while the next child acts.
    require!(workspaces(session)? == ["dup-basic", "open-enoent"], "{:?}", workspaces(session)?);
    run("open-enoent", Some("close-range"))?;
    // There is room for one.
    session.begin("dup-basic", expectations.get("dup-basic").ok_or("no table")?);
    run("close-range", Some("close-range"))?;
    require!(workspaces(session)? == ["close-range", "close-range"], "{:?}", workspaces(session)?);
    run("close-range", Some("dup-basic"))?;
    session.end_begun();
    require!(workspaces(session)?.is_empty(), "{:?}", workspaces(session)?);
    run("dup-basic", None)?;
    require!(workspaces(session)?.is_empty(), "{:?}", workspaces(session)?);
    let expected = [
        "dup-basic open-enoent",
        "close-range dup-basic open-enoent",
        "close-range close-range open-enoent",
        "close-range close-range dup-basic",
        "dup-basic",
    ];
    require!(*seen.borrow() == expected, "{:?}", seen.borrow());
    Ok(())
}
