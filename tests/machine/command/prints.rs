//! What is printed and kept, and where.

use std::fs::read_to_string;

use super::{file, ran, whole, working};
use crate::support::{Tested, ior_it, text, traced};
use ior_it::support::subject::json::{self, Line};

pub fn printed() -> Tested {
    let (_folder, path) = file("five!")?;
    let path = path.display().to_string();
    let trace = whole(traced(&[], &["cat", &path]), 0)?;
    let opened = format!("openat(AT_FDCWD, \"{path}\", O_RDONLY");
    let rows = [
        "[pid ",
        "execve(\"",
        &opened,
        &format!("= 3<{path}> <0."),
        &format!("read(3<{path}>, \"five!\", "),
        "exit_group(0) = ?",
    ];
    for part in rows {
        require!(trace.contains(part), "no {part}:\n{trace}");
    }
    require!(trace.lines().next().is_some_and(|line| line.contains("] execve(\"")), "{trace}");
    // The table: the read of five bytes is in it.
    let row = trace.lines().rfind(|line| line.starts_with(" read ")).ok_or("no row for read")?;
    require!(row.split_whitespace().count() == 7, "{row}");
    Ok(())
}

pub fn pipeline() -> Tested {
    let (_folder, path) = file("five!")?;
    let script = format!("cat {} | wc -c", path.display());
    let trace = whole(traced(&[], &["sh", "-c", &script]), 0)?;
    require!(trace.contains("3 processes"), "{trace}");
    require!(trace.contains(&format!("read(3<{}>", path.display())), "{trace}");
    require!(trace.matches("+++ exited with 0 +++").count() == 3, "{trace}");
    Ok(())
}

pub fn spawned() -> Tested {
    let (_folder, path) = file("five!")?;
    let path = path.display().to_string();
    let trace = whole(working(&[], "spawn", &[&path])?, 0)?;
    require!(trace.contains(&format!("read(0<{path}>")), "{trace}");
    Ok(())
}

pub fn summary() -> Tested {
    let trace = whole(traced(&["--summary"], &["true"]), 0)?;
    require!(!trace.contains("execve(") && trace.contains("\n execve "), "{trace}");
    require!(trace.contains("total ms"), "{trace}");
    Ok(())
}

pub fn output_to_file() -> Tested {
    let (_folder, path) = file("what was there before, and longer than nothing")?;
    let (output, stderr) = ran(traced(&["--output", &path.display().to_string()], &["echo", "hello"]), 0)?;
    require!(stderr.is_empty() && text(&output.stdout) == "hello\n", "{stderr}");
    let trace = read_to_string(path)?;
    require!(trace.starts_with("[pid ") && trace.contains("lost: nothing"), "{trace}");
    let (_, stderr) = ran(traced(&["--output", "/no/such/folder/x"], &["true"]), 2)?;
    require!(stderr.contains("--output /no/such/folder/x: "), "{stderr}");
    Ok(())
}

pub fn json_lines() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trace.jsonl");
    let file = file.to_str().ok_or("its path is no text")?;
    for options in [["--output", file], ["--format", "json"]] {
        let output = traced(&options, &["cat", "/dev/null"]).output()?;
        let text = if options[0] == "--output" { std::fs::read(file)? } else { output.stderr };
        let lines: Vec<Line> = text.trim_ascii_end().split(|&byte| byte == b'\n').map(json::read).collect();
        let calls = lines.iter().filter_map(|line| if let Line::Call(said) = line { Some(said) } else { None });
        let opened =
            calls.filter(|said| said.get("path") == Some(&"/dev/null".into()) && said.call == "openat").count();
        if opened != 1 {
            return Err(format!("{opened} calls have opened /dev/null: {lines:?}").into());
        }
        let odd: Vec<&Line> =
            lines.iter().filter(|line| matches!(line, Line::Garbled { .. } | Line::Lost(_))).collect();
        let last = format!("{:?}", lines.last());
        if !odd.is_empty() || !last.contains("lost: nothing") || last.contains("\\n") {
            return Err(format!("{odd:?}, {last}").into());
        }
    }
    let refused = traced(&["--format", "json", "--summary"], &["true"]).output()?;
    if refused.status.code() != Some(2) {
        return Err(format!("a summary in JSON lines: {}", refused.status).into());
    }
    Ok(())
}

pub fn output_full() -> Tested {
    let (output, stderr) = ran(traced(&["--output", "/dev/full"], &["echo", "hello"]), 5)?;
    require!(text(&output.stdout) == "hello\n", "the command is not held up");
    require!(stderr.contains("/dev/full could not be written to"), "{stderr}");
    Ok(())
}

pub fn archived() -> Tested {
    let (folder, path) = file("five!")?;
    let path = path.display().to_string();
    let archives = folder.path().join("archives").display().to_string();
    let trace = whole(traced(&["--archive", &archives], &["cat", &path]), 0)?;
    let shown = ior_it(&["--show", &format!("{archives}/cat.ior.zst")]).output()?;
    let shown = text(&shown.stdout);
    let headline = shown.lines().next().unwrap_or_default();
    require!(headline.starts_with("# cat: exited with status 0 in act, "), "{headline}");
    require!(shown.contains(&format!("read(3<{path}>")), "{shown}");
    let calls = trace.lines().filter(|line| line.starts_with("[pid ") && !line.contains("+++")).count();
    require!(shown.lines().count() == calls + 1, "{} lines shown, {calls} printed", shown.lines().count());
    Ok(())
}

/// What 200,000 calls for an archive may take with all else, in KiB: 64 MiB are the ring, which is mapped twice, and calls that share
/// nothing would be 100.
const MOST_MEMORY: i64 = 120 << 10;

pub fn kept() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().display().to_string();
    whole(working(&["--summary", "--archive", &archives], "many", &[])?, 0)?;
    // Of all that this process has started so far (getrusage(2)): nothing else takes as much.
    let most = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?.max_rss();
    require!(most <= MOST_MEMORY, "{most} KiB of memory, and {MOST_MEMORY} at most");
    Ok(())
}
