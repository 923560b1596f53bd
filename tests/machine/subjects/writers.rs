//! Subjects that write a file in place of printing, right ones and ones that misbehave.

use std::path::Path;
use std::time::{Duration, Instant};

use ior_it::support::subject::process::Running;
use ior_it::support::subject::window::FenceKind;
use ior_it::support::subject::{Line, Waited};
use libtest_mimic::Failed;

use super::{LONG, expect, fences, script, wait_for};
use crate::support::Tested;

/// A subject that writes a file, which is below this folder.
fn writer(text: &str, more: &str, outputs: &Path) -> Result<Running, Failed> {
    let more = format!("output = {{ file = \"calls\", attached = '^here$', written = '^written$' }}\n{more}");
    let definition = script(text, &more)?;
    Ok(Running::start(&definition, std::process::id(), Path::new("."), outputs, fences(FenceKind::Close))?)
}

/// No fence is known before the end. It says that it traces, and that its file is written.
pub fn writes() -> Tested {
    let outputs = tempfile::tempdir()?;
    let text =
        "trap 'echo lost 5 >&2; echo \"{\\\"call\\\":\\\"close\\\",\\\"fd\\\":-7000001}\" > {output}; echo written' INT
                echo here; tail -f /dev/null & wait; wait";
    let running = writer(text, "lost = 'lost (\\d+)'", outputs.path())?;
    require!(wait_for(&running, &[0], LONG) == Waited::AtEnd, "it does not say that it traces");
    let shown = running.stop(LONG);
    let lost = shown.lines.iter().filter(|line| matches!(line, Line::Lost(5))).count();
    let fds: Vec<_> = shown
        .lines
        .iter()
        .filter_map(|line| if let Line::Call(said) = line { said.number("fd") } else { None })
        .collect();
    require!((lost, fds.as_slice(), &shown.unread) == (1, &[-7_000_001][..], &None), "{shown:?}");
    // Its folder goes with its last process.
    let end = Instant::now() + LONG;
    while std::fs::read_dir(outputs.path())?.next().is_some() {
        require!(Instant::now() < end, "its folder is left");
        std::thread::yield_now();
    }
    Ok(())
}

pub fn writes_nothing() -> Tested {
    let outputs = tempfile::tempdir()?;
    let parquet = "adapter = \"ior.parquet\"";
    let rows = [
        (": {output}; echo here; exit 1", "", LONG, "it has not written its file calls"),
        (
            ": {output}; trap '' INT; echo here; exec tail -f /dev/null",
            "",
            Duration::from_millis(20),
            "it has not written its file calls before its limit",
        ),
        ("echo what > {output}; echo here", parquet, LONG, "its file calls: it is no whole Parquet file: "),
        ("truncate -s 300M {output}; echo here", parquet, LONG, "its file calls has more than 256 MiB"),
        ("mkdir {output}; echo here", parquet, LONG, "its file calls: Is a directory"),
    ];
    for (text, more, limit, reason) in rows {
        let running = writer(text, more, outputs.path())?;
        let waited = wait_for(&running, &[0], LONG);
        require!(matches!(waited, Waited::AtEnd | Waited::Ended), "{text}: {waited:?}");
        let why = running.stop(limit).unread.unwrap_or_default();
        require!(why.starts_with(reason), "{text}: {why}");
    }
    Ok(())
}

/// strace that writes a file, with all its faults found as if it printed. What cannot be read makes it blind.
pub fn written() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("writer.toml");
    let rows = [
        ("cat", 0, "writer] dup-basic"),
        ("sed -u '/ dup(/d'", 101, "missing      dup: it does not show this call"),
        ("tail -c 0", 101, "it has shown no fence"),
    ];
    for (edit, code, words) in rows {
        let text = format!(
            "[subject]\nname = \"writer\"\nadapter = \"strace\"\nfence = \"close\"\nexcludes = [\"ptrace\"]\n\
             command = [\"strace\", \"-f\", \"-o\", \"|{edit} > {{output}}\", \"-p\", \"{{pid}}\"]\n\
             output = {{ file = \"calls\", attached = 'attached' }}\n[claims]\nfields = [\"ret\"]\n"
        );
        std::fs::write(&file, text)?;
        let said = expect(code, &["--subject", file.to_str().ok_or("no text")?, "--exact", "--filter", "dup-basic"])?;
        require!(said.contains(words), "{edit}: {said}");
    }
    Ok(())
}
