//! `--html`, `--flamegraph` and `--timeline`.

use std::fs::{read, read_to_string};
use std::path::Path;

use super::{file, ran, whole};
use crate::support::{Tested, says, traced};

pub fn written() -> Tested {
    let (folder, path) = file("five!")?;
    let path = path.display().to_string();
    let name = |name: &str| folder.path().join(name).display().to_string();
    let [page, folded, events] = ["page.html", "folded", "events.json"].map(name);
    let options = ["--html", &page, "--flamegraph", &folded, "--flamegraph-by", "bytes", "--timeline", &events];
    whole(
        traced(&[options.as_slice(), &["-e", "!mmap"]].concat(), &["sh", "-c", &format!("cat {path}; cat {path}")]),
        0,
    )?;
    let stacks = read_to_string(folded)?;
    let read_stack = format!("cat;/{};read 10", path.replace('/', ";"));
    require!(stacks.lines().any(|line| line == read_stack), "no {read_stack}:\n{stacks}");
    require!(!stacks.contains(";openat "), "it moves no bytes:\n{stacks}");
    let events: Vec<serde_json::Value> = serde_json::from_slice(&read(events)?)?;
    let opened = events.iter().filter(|event| event["args"]["call"].as_str().is_some_and(|call| call.contains(&path)));
    require!(opened.clone().any(|event| event["name"] == "openat" && event["dur"].is_number()), "{events:?}");
    require!(events.iter().any(|event| event["ph"] == "M" && event["args"]["name"] == "cat"), "{events:?}");
    require!(!events.iter().any(|event| event["name"] == "mmap"), "it is not asked for");
    let page = read_to_string(page)?;
    require!(page.contains("lost: nothing; ") && page.contains("<svg") && page.contains(&path), "{page}");
    require!(!page.contains("<script"), "it has no script");
    let left = std::fs::read_dir(folder.path())?.count();
    require!(left == 4, "{left} files: nothing is left beside them");
    Ok(())
}

pub fn refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("made");
    let picture = folder.path().join("flames.svg").display().to_string();
    let output = traced(&["--flamegraph", &picture], &["true"]).output()?;
    if cfg!(feature = "inferno") {
        require!(std::fs::read_to_string(&picture)?.contains("<svg"), "{picture} is no picture");
    } else {
        require!(output.status.code() == Some(2) && says(&output).contains("cannot draw SVG"), "{}", says(&output));
    }
    for option in ["--html", "--flamegraph", "--timeline"] {
        let (_, stderr) = ran(traced(&[option, "/no/such/folder/x"], &["touch", &made.display().to_string()]), 2)?;
        require!(stderr.contains("/no/such/folder/x could not be written") && stderr.contains("hint: "), "{stderr}");
        require!(!Path::new(&made).exists(), "the command was run");
    }
    Ok(())
}
