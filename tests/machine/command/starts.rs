//! The state in which the command starts, and the exit code.

use std::fs::{read_to_string, write};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{file, ran, whole};
use crate::support::{self, Tested, text, traced};
use libtest_mimic::Failed;

pub fn without_privileges() -> Tested {
    let mut command = support::unprivileged();
    command.args(["--", "true"]);
    let (_, stderr) = ran(command, 3)?;
    require!(stderr.contains("tracing needs CAP_BPF") && stderr.contains("hint: "), "{stderr}");
    Ok(())
}

pub fn exit_codes() -> Tested {
    let rows: [(&str, i32); 6] = [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("ulimit -c 0; kill -SEGV $$", 139),
    ];
    for (script, code) in rows {
        let trace = whole(traced(&[], &["sh", "-c", script]), code)?;
        let end = match code {
            0..=127 | 255 => format!("+++ exited with {code} +++"),
            143 => "+++ killed by SIGTERM +++".to_owned(),
            137 => "+++ killed by SIGKILL +++".to_owned(),
            _ => "+++ killed by SIGSEGV +++".to_owned(),
        };
        require!(trace.contains(&end), "{script}: no {end}:\n{trace}");
    }
    whole(traced(&[], &["true"]), 0)?;
    whole(traced(&[], &["false"]), 1)?;
    Ok(())
}

pub fn not_executed() -> Tested {
    let (folder, text_of_junk) = file("\u{1}\u{2} no program")?;
    let [junk, script] = ["junk", "script"].map(|name| folder.path().join(name));
    support::install(text_of_junk, &junk, 0o755)?;
    write(folder.path().join("text"), "#!/no/such/interpreter\n")?;
    support::install(folder.path().join("text"), &script, 0o755)?;
    let plain = folder.path().join("plain");
    write(&plain, "")?;
    let path = |path: &Path| path.display().to_string();
    let rows = [
        ("no-such-program".to_owned(), 127, "no-such-program: not found"),
        ("/no/such/program".to_owned(), 127, "/no/such/program: not found"),
        (path(&script), 127, "its interpreter was not found"),
        (path(&plain), 126, "permission denied"),
        (path(folder.path()), 126, "it is a directory"),
        (path(&junk), 126, "it has no format that can be executed"),
    ];
    for (command, code, sentence) in rows {
        let (output, stderr) = ran(traced(&[], &[&command]), code)?;
        require!(stderr.contains("error: ") && stderr.contains(sentence), "{command}: {stderr}");
        require!(output.stdout.is_empty(), "{command}: {}", text(&output.stdout));
    }
    Ok(())
}

pub fn streams() -> Tested {
    let mut command = traced(&["--summary"], &["sh", "-c", "cat; echo complaint >&2"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(b"one\ntwo\n")?;
    let output = child.wait_with_output()?;
    require!(text(&output.stdout) == "one\ntwo\n", "{}", text(&output.stdout));
    require!(text(&output.stderr).starts_with("complaint\n"), "{}", text(&output.stderr));
    Ok(())
}

/// Everything that a program can find out about its start is the same with and without `ior-it`.
pub fn heritage() -> Tested {
    let script = "pwd; umask; ulimit -a; env | grep -v '^_='; cut -d' ' -f5-8,18-19 /proc/self/stat
        grep -E '^(Sig[^Q]|Shd|Cap|NoNew|Seccomp|Groups|Uid)' /proc/self/status; ls -l /proc/self/fd | grep -c -e '->'; cat";
    // Signals that the caller ignores stay ignored. Rust's own runtime changes SIGPIPE.
    let under = |prefix: &str| -> Result<String, Failed> {
        let (folder, path) = file("input\n")?;
        let line =
            format!("umask 027; trap '' PIPE USR1 CHLD; ulimit -c 77; exec 7<&0; exec {prefix}sh -c \"$SCRIPT\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).env("SCRIPT", script).env("KEPT", "a value").current_dir("/usr");
        command.stdin(std::fs::File::open(path)?).stderr(Stdio::inherit());
        drop(folder);
        let output = command.stderr(Stdio::null()).output()?;
        Ok(text(&output.stdout))
    };
    let (bare, traced) = (under("")?, under(&format!("{} --summary -- ", env!("CARGO_BIN_EXE_ior-it")))?);
    require!(bare.contains("/usr\n0027\n") && bare.ends_with("input\n"), "the test is wrong:\n{bare}");
    require!(bare == traced, "bare:\n{bare}\ntraced:\n{traced}");
    Ok(())
}

/// The nice value is field 19. The command's parent is the zygote, above that is its reaper, and above that who reads
/// (proc_pid_stat(5)).
pub fn reader_goes_first() -> Tested {
    let script = "read -r _ _ _ reaper _ < /proc/$PPID/stat; read -r _ _ _ reader _ < /proc/$reaper/stat
        cut -d' ' -f19 /proc/$$/stat; cut -d' ' -f19 /proc/$reader/stat";
    let (output, _) = ran(traced(&["--summary"], &["sh", "-c", script]), 0)?;
    let stat = read_to_string("/proc/self/stat")?;
    let own = stat.split(' ').nth(18).unwrap_or_default();
    let may = caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_NICE)?;
    let expected = format!("{own}\n{}\n", if may { "-20" } else { own });
    require!(text(&output.stdout) == expected, "the command's and the reader's: {}", text(&output.stdout));
    Ok(())
}
