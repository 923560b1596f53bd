//! What is asked for: which calls, how they are shown, how the command starts.

use std::fs::read_to_string;
use std::path::Path;

use super::{file, ran, whole, working};
use crate::support::{Tested, text, traced};
use libtest_mimic::Failed;

/// The names of the calls in a trace.
fn names(trace: &str) -> Vec<&str> {
    let name = |line: &'_ str| -> Option<usize> { line.starts_with("[pid ").then(|| line.find('('))? };
    trace.lines().filter_map(|line| Some(line[..name(line)?].rsplit(' ').next().unwrap_or_default())).collect()
}

fn is_only(trace: &str, allowed: &[&str]) -> Tested {
    let names = names(trace);
    require!(!names.is_empty(), "no call:\n{trace}");
    require!(names.iter().all(|name| allowed.contains(name)), "{names:?} are not all of {allowed:?}");
    Ok(())
}

pub fn selected() -> Tested {
    let (_folder, path) = file("five!")?;
    let path = path.display().to_string();
    let rows: [(&[&str], &[&str]); 5] = [
        (&["-e", "trace=openat,close"], &["openat", "close"]),
        (&["-e", "openat", "-e", "close"], &["openat", "close"]),
        (&["-e", "/^(openat|close)$"], &["openat", "close"]),
        (&["-e", "t=execve"], &["execve"]),
        (&["-e", "%process"], &["execve", "arch_prctl", "exit_group"]),
    ];
    for (options, allowed) in rows {
        let trace = whole(traced(options, &["cat", &path]), 0)?;
        is_only(&trace, allowed)?;
        require!(trace.contains(" others not asked for\n"), "{trace}");
    }
    let trace = whole(traced(&["-e", "!openat"], &["cat", &path]), 0)?;
    let names_of_others = names(&trace);
    require!(!names_of_others.contains(&"openat") && names_of_others.contains(&"execve"), "{trace}");
    let trace = whole(traced(&["-e", "none"], &["cat", &path]), 0)?;
    require!(names(&trace).is_empty() && trace.contains("+++ exited with 0 +++"), "{trace}");
    Ok(())
}

/// The calls that are not asked for would fill the ring a hundred times.
pub fn selected_in_the_kernel() -> Tested {
    let trace = whole(working(&["-e", "openat", "--ring-size", "64KiB"], "many", &[])?, 0)?;
    is_only(&trace, &["openat"])?;
    let others = trace
        .lines()
        .rfind(|line| line.starts_with("lost: nothing; "))
        .and_then(|line| line.rsplit(", ").next()?.split(' ').next()?.parse::<u64>().ok());
    require!(others.is_some_and(|others| others >= 200_000), "{others:?}");
    Ok(())
}

pub fn selected_by_end() -> Tested {
    let script = "cat /dev/null /no/such/file";
    let trace = whole(traced(&["-z"], &["sh", "-c", script]), 1)?;
    require!(!trace.contains(" = -1 E") && trace.contains("openat("), "{trace}");
    require!(!trace.contains("exit_group("), "it returns nothing: {trace}");
    let trace = whole(traced(&["--failed-only"], &["sh", "-c", script]), 1)?;
    let lines: Vec<&str> = trace.lines().filter(|line| line.contains('(') && line.starts_with("[pid ")).collect();
    require!(!lines.is_empty() && lines.iter().all(|line| line.contains(" = -1 E")), "{trace}");
    require!(trace.contains("/no/such/file"), "{trace}");
    Ok(())
}

pub fn selected_by_path() -> Tested {
    let (folder, path) = file("five!")?;
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link)?;
    for asked in [&path, &link] {
        let asked = asked.display().to_string();
        let trace = whole(traced(&["-P", &asked], &["cat", &path.display().to_string(), "/dev/null"]), 0)?;
        let lines: Vec<&str> = trace.lines().filter(|line| line.contains('(') && line.starts_with("[pid ")).collect();
        require!(lines.iter().all(|line| line.contains("file.txt")), "{trace}");
        let names = names(&trace);
        require!(["openat", "read", "close"].iter().all(|name| names.contains(name)), "{trace}");
    }
    Ok(())
}

pub fn times() -> Tested {
    let before = |option: &str| -> Result<Vec<String>, Failed> {
        let trace = whole(traced(&[option, "-e", "openat,close"], &["cat", "/dev/null"]), 0)?;
        let calls = trace.lines().filter(|line| line.contains("openat(") || line.contains("close("));
        Ok(calls.filter_map(|line| line.split_whitespace().nth(2).map(str::to_owned)).collect())
    };
    let is_digits = |text: &str, form: &str| {
        text.len() == form.len()
            && text
                .bytes()
                .zip(form.bytes())
                .all(|(byte, form)| if form == b'9' { byte.is_ascii_digit() } else { byte == form })
    };
    for (option, form) in [("-t", "99:99:99"), ("-tt", "99:99:99.999999"), ("-ttt", "9999999999.999999")] {
        let times = before(option)?;
        require!(!times.is_empty() && times.iter().all(|time| is_digits(time, form)), "{option}: {times:?}");
        require!(times.is_sorted() || option != "-ttt", "{times:?}");
    }
    let times = before("-r")?;
    require!(times.first().is_some_and(|time| time == "0.000000"), "{times:?}");
    require!(times.iter().all(|time| time.parse::<f64>().is_ok_and(|gap| gap < 60.0)), "{times:?}");
    Ok(())
}

pub fn sorted() -> Tested {
    let rows = |key: &str| -> Result<Vec<String>, Failed> {
        let trace = whole(traced(&["-c", "-S", key], &["ls", "/"]), 0)?;
        let table = trace.lines().skip_while(|line| !line.starts_with(" call ")).skip(1);
        Ok(table.take_while(|line| !line.starts_with(" all ")).map(str::to_owned).collect())
    };
    let column = |rows: &[String], at: usize| -> Vec<String> {
        rows.iter().filter_map(|row| row.split_whitespace().nth(at).map(str::to_owned)).collect()
    };
    let names = column(&rows("name")?, 0);
    require!(names.len() > 3 && names.is_sorted(), "{names:?}");
    for (key, at) in [("calls", 1), ("errors", 2), ("bytes", 3)] {
        let numbers: Vec<u64> = column(&rows(key)?, at).iter().filter_map(|number| number.parse().ok()).collect();
        require!(numbers.len() > 3 && numbers.iter().rev().is_sorted(), "{key}: {numbers:?}");
    }
    Ok(())
}

pub fn environment() -> Tested {
    let options = ["-E", "IOR_IT_A=1", "-E", "HOME", "-E", "IOR_IT_A=2=3", "-e", "execve"];
    let (output, _) = ran(traced(&options, &["/usr/bin/env"]), 0)?;
    let shown = text(&output.stdout);
    let lines: Vec<&str> = shown.lines().collect();
    require!(lines.contains(&"IOR_IT_A=2=3") && !lines.contains(&"IOR_IT_A=1"), "{shown}");
    require!(lines.iter().any(|line| line.starts_with("PATH=")), "{shown}");
    require!(!lines.iter().any(|line| line.starts_with("HOME=")), "{shown}");
    Ok(())
}

pub fn user() -> Tested {
    let (output, trace) = ran(traced(&["-u", "nobody"], &["sh", "-c", "id -un; id -Gn; cat /proc/self/status"]), 0)?;
    let shown = text(&output.stdout);
    let mut lines = shown.lines();
    require!(lines.next() == Some("nobody") && lines.next() == Some("nogroup"), "{shown}");
    require!(shown.contains("CapEff:\t0000000000000000"), "{shown}");
    require!(!trace.contains("setresuid("), "it is another user before its first call: {trace}");
    let (_, stderr) = ran(traced(&["-u", "no-such-user"], &["true"]), 2)?;
    require!(stderr.contains("there is no user no-such-user"), "{stderr}");
    Ok(())
}

pub fn piped() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("out");
    let (_, stderr) = ran(traced(&["-o", &format!("|cat >{}", file.display())], &["cat", "/dev/null"]), 0)?;
    require!(stderr.is_empty(), "{stderr}");
    // It has read all when ior-it ends.
    let trace = read_to_string(file)?;
    require!(trace.contains("openat(") && trace.contains("\nlost: nothing; "), "{trace}");
    // A reader that has enough ends neither the command nor ior-it.
    let script = "cat /dev/null; echo done";
    let (output, stderr) = ran(traced(&["-o", "|head -n 0"], &["sh", "-c", script]), 0)?;
    require!(text(&output.stdout) == "done\n" && stderr.is_empty(), "{}{stderr}", text(&output.stdout));
    Ok(())
}

pub fn separate() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trace");
    let name = file.display().to_string();
    ran(traced(&["-ff", "-o", &name], &["sh", "-c", "cat /dev/null; cat /dev/zero | head -c 1 >/dev/null"]), 0)?;
    let whole = read_to_string(&file)?;
    require!(!whole.contains("[pid ") && whole.contains("lost: nothing; ") && whole.contains("4 processes"), "{whole}");
    let mut processes = 0;
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        let Some(pid) = path.extension().and_then(|pid| pid.to_str()) else { continue };
        let trace = read_to_string(&path)?;
        require!(trace.lines().all(|line| line.starts_with(&format!("[pid {pid:>5}] "))), "{pid}: {trace}");
        require!(trace.lines().last().is_some_and(|line| line.contains("+++ ")), "{pid}: {trace}");
        processes += 1;
    }
    require!(processes == 4, "{processes} files");
    let (_, stderr) = ran(traced(&["-ff"], &["true"]), 2)?;
    require!(stderr.contains("-ff writes files, and needs --output FILE"), "{stderr}");
    Ok(())
}

pub fn relative() -> Tested {
    let (folder, path) = file("five!")?;
    let mut command = traced(&["--relative-paths", "-e", "openat,read,close"], &["cat", "file.txt"]);
    command.current_dir(folder.path().canonicalize()?);
    let trace = whole(command, 0)?;
    require!(trace.contains(", \"file.txt\", O_RDONLY) = 3<file.txt> <"), "{trace}");
    require!(trace.contains("read(3<file.txt>, ") && !trace.contains(&format!("<{}>", path.display())), "{trace}");
    require!(trace.contains("libc.so.6>"), "other names are absolute: {trace}");
    Ok(())
}

pub fn refused() -> Tested {
    let rows: [(&[&str], &str); 5] = [
        (&["-e", "opennat"], "there is no call `opennat`; did you mean `openat`?"),
        (&["-e", "%fiel"], "there is no class `%fiel`; there are %file, "),
        (&["-e", "write=all"], "`write=` is not known"),
        (&["-E", "=x"], "the name of the variable is missing"),
        (&["-S", "size"], "invalid value 'size'"),
    ];
    for (options, sentence) in rows {
        let (_, stderr) = ran(traced(options, &["true"]), 2)?;
        require!(stderr.contains(sentence), "{options:?}: {stderr}");
    }
    require!(!Path::new("=x").exists(), "nothing is made");
    Ok(())
}
