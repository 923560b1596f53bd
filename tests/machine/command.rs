//! `ior-it -- COMMAND` from outside: what it prints and where, how it ends, and that the command does not notice.
#![allow(unsafe_code)]

use std::fs::{read_to_string, write};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};

use crate::support;
use ior_it::subject::json::{self, Line};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

type Tested = Result<(), Failed>;
type Named = (&'static str, fn() -> Tested);

/// Tells this very program to be the command that is traced.
pub const WORK: &str = "IOR_IT_TEST_WORK";

pub fn main() -> ExitCode {
    let anyone: [Named; 1] = [("without_privileges_it_says_what_is_missing", without_privileges)];
    let live: [Named; 27] = [
        ("the_exit_code_is_the_commands_own", exit_codes),
        ("what_cannot_be_executed_is_told_as_by_a_shell", not_executed),
        ("the_streams_are_the_commands_own", streams),
        ("the_command_starts_from_what_its_caller_has", heritage),
        ("who_reads_goes_before_others", reader_goes_first),
        ("calls_are_printed_with_their_files", printed),
        ("a_pipeline_is_followed", pipeline),
        ("a_process_has_the_files_of_the_one_that_forked_it", spawned),
        ("the_summary_is_the_table_alone", summary),
        ("the_output_goes_to_a_file", output_to_file),
        ("the_output_is_json_lines_if_that_is_asked_for", json_lines),
        ("an_output_that_cannot_be_written_is_an_error", output_full),
        ("without_following_only_the_command_itself_is_watched", no_follow),
        ("a_daemon_is_waited_for", daemon),
        ("two_hundred_threads_are_one_process", threads),
        ("two_hundred_thousand_calls_are_counted", many_calls),
        ("what_the_ring_has_no_room_for_is_told", losses),
        ("an_interrupt_is_the_commands", interrupt),
        ("an_interrupt_ends_the_waiting_for_what_is_left", interrupt_left),
        ("after_sigkill_nothing_is_left", killed),
        ("an_archive_can_be_shown", archived),
        ("calls_that_are_kept_and_alike_take_little_memory", kept),
        ("a_witness_leaves_the_exit_code_to_the_command", witnessed),
        ("what_the_witness_saw_otherwise_is_told", disagreement),
        ("what_has_lost_something_is_compared_with_nothing", witnessed_loss),
        ("a_witness_lets_go_what_is_left", witness_lets_go),
        ("a_program_that_would_run_without_its_rights_is_named", without_its_rights),
    ];
    let anyone = anyone.into_iter().map(|(name, test)| Trial::test(name, test));
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("command", &Arguments::from_args(), anyone.chain(live))
}

/// What this program does as the command.
pub fn works(work: &str) -> ExitCode {
    match work {
        "threads" => {
            let threads: Vec<_> = (0..200).map(|_| std::thread::spawn(|| call_often(100))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap_or_default());
        }
        // As many as the ring holds, if nobody comes to read it.
        "many" => call_often(200_000),
        // Waits to be told, so that the test can do something before.
        "burst" => {
            println!("ready");
            let _ = std::io::stdin().read(&mut [0]);
            call_often(400_000);
            println!("done");
            let _ = std::io::stdin().read(&mut [0]);
        }
        // The standard library makes a child by vfork, in which descriptors are moved before the execve.
        "spawn" => {
            let file = std::fs::File::open(std::env::args_os().nth(1).unwrap_or_default());
            let Ok(file) = file else { return ExitCode::FAILURE };
            let _ = Command::new("cat").stdin(file).status();
        }
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn call_often(times: u32) {
    for _ in 0..times {
        let _ = nix::unistd::getppid();
    }
}

fn ior_it(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.args(args).stdin(Stdio::null());
    command
}

/// A command under `ior-it` with these options.
fn traced(options: &[&str], command: &[&str]) -> Command {
    ior_it(&[options, &["--"], command].concat())
}

/// This program as the command, at this work.
fn working(options: &[&str], work: &str, args: &[&str]) -> Result<Command, Failed> {
    let program = std::env::current_exe()?;
    let mut command = traced(options, &[&[program.to_str().ok_or("its path is no text")?], args].concat());
    command.env(WORK, work);
    Ok(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs it to its end; returns the output and what is on the standard error output.
fn ran(mut command: Command, code: i32) -> Result<(Output, String), Failed> {
    let output = command.output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(code), "{command:?}: {}, not {code}:\n{stderr}", output.status);
    Ok((output, stderr))
}

/// A run of which nothing was lost; returns the trace.
fn whole(command: Command, code: i32) -> Result<String, Failed> {
    let (_, trace) = ran(command, code)?;
    require!(trace.contains("\nlost: nothing; "), "{trace}");
    Ok(trace)
}

/// A file in a folder of its own.
fn file(contents: &str) -> Result<(tempfile::TempDir, PathBuf), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?.join("file.txt");
    write(&path, contents)?;
    Ok((folder, path))
}

fn without_privileges() -> Tested {
    let mut command = if nix::unistd::geteuid().is_root() { Command::new("setpriv") } else { Command::new("env") };
    if nix::unistd::geteuid().is_root() {
        command.arg("--bounding-set=-all");
    }
    command.args([env!("CARGO_BIN_EXE_ior-it"), "--", "true"]);
    let (_, stderr) = ran(command, 3)?;
    require!(stderr.contains("tracing needs CAP_BPF") && stderr.contains("hint: "), "{stderr}");
    Ok(())
}

fn exit_codes() -> Tested {
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

fn not_executed() -> Tested {
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

fn streams() -> Tested {
    let mut command = traced(&["--summary"], &["sh", "-c", "cat; echo complaint >&2"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(b"one\ntwo\n")?;
    let output = child.wait_with_output()?;
    require!(text(&output.stdout) == "one\ntwo\n", "{}", text(&output.stdout));
    require!(text(&output.stderr).starts_with("complaint\n"), "{}", text(&output.stderr));
    Ok(())
}

/// What a program can find out about where it comes from: the same with and without.
fn heritage() -> Tested {
    let script = "pwd; umask; ulimit -a; env | grep -v '^_='; cut -d' ' -f5-8,18-19 /proc/self/stat
        grep -E '^(Sig[^Q]|Shd|Cap|NoNew|Seccomp|Groups|Uid)' /proc/self/status; ls -l /proc/self/fd | grep -c -e '->'; cat";
    // Signals ignored by the caller stay ignored; Rust's own runtime has to do with SIGPIPE.
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
fn reader_goes_first() -> Tested {
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

fn printed() -> Tested {
    let (_folder, path) = file("five!")?;
    let path = path.display().to_string();
    let trace = whole(traced(&[], &["cat", &path]), 0)?;
    let opened = format!("openat(AT_FDCWD, \"{path}\", O_RDONLY");
    let rows = [
        "[pid ",
        "execve(\"",
        &opened,
        &format!("= 3<{path}> <0."),
        &format!("read(3<{path}>, 0x"),
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

fn pipeline() -> Tested {
    let (_folder, path) = file("five!")?;
    let script = format!("cat {} | wc -c", path.display());
    let trace = whole(traced(&[], &["sh", "-c", &script]), 0)?;
    require!(trace.contains("3 processes"), "{trace}");
    require!(trace.contains(&format!("read(3<{}>", path.display())), "{trace}");
    require!(trace.matches("+++ exited with 0 +++").count() == 3, "{trace}");
    Ok(())
}

fn spawned() -> Tested {
    let (_folder, path) = file("five!")?;
    let path = path.display().to_string();
    let trace = whole(working(&[], "spawn", &[&path])?, 0)?;
    require!(trace.contains(&format!("read(0<{path}>")), "{trace}");
    Ok(())
}

fn summary() -> Tested {
    let trace = whole(traced(&["--summary"], &["true"]), 0)?;
    require!(!trace.contains("execve(") && trace.contains("\n execve "), "{trace}");
    require!(trace.contains("total ms"), "{trace}");
    Ok(())
}

fn output_to_file() -> Tested {
    let (_folder, path) = file("what was there before, and longer than nothing")?;
    let (output, stderr) = ran(traced(&["--output", &path.display().to_string()], &["echo", "hello"]), 0)?;
    require!(stderr.is_empty() && text(&output.stdout) == "hello\n", "{stderr}");
    let trace = read_to_string(path)?;
    require!(trace.starts_with("[pid ") && trace.contains("lost: nothing"), "{trace}");
    let (_, stderr) = ran(traced(&["--output", "/no/such/folder/x"], &["true"]), 2)?;
    require!(stderr.contains("--output /no/such/folder/x: "), "{stderr}");
    Ok(())
}

fn json_lines() -> Tested {
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

fn output_full() -> Tested {
    let (output, stderr) = ran(traced(&["--output", "/dev/full"], &["echo", "hello"]), 5)?;
    require!(text(&output.stdout) == "hello\n", "the command is not held up");
    require!(stderr.contains("/dev/full could not be written to"), "{stderr}");
    Ok(())
}

fn no_follow() -> Tested {
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let (output, trace) = ran(traced(&["--no-follow"], &["sh", "-c", script]), 0)?;
    let left = Pid::from_raw(text(&output.stdout).trim().parse()?);
    require!(kill(left, Signal::SIGKILL).is_ok(), "what the command has left behind is left alone");
    require!(trace.contains("of 1 process\n"), "{trace}");
    require!(!trace.contains(&format!("[pid {left:>5}]")), "{trace}");
    Ok(())
}

fn daemon() -> Tested {
    let (folder, path) = file("five!")?;
    // Reads until nobody has the FIFO open for writing: the command is on its way out. $$ is its pid here too.
    let waits = format!("read x <fifo; while kill -0 $$ 2>/dev/null; do :; done; exec cat {}", path.display());
    let script = format!("cd {}; mkfifo fifo; ({waits}) & exec 3>fifo; exit 7", folder.path().display());
    let trace = whole(traced(&[], &["sh", "-c", &script]), 7)?;
    let gone = trace.find("+++ exited with 7 +++").ok_or("the end of the command is not there")?;
    require!(trace[gone..].contains(&format!("read(3<{}>", path.display())), "{trace}");
    Ok(())
}

fn threads() -> Tested {
    let trace = whole(working(&[], "threads", &[])?, 0)?;
    let threads: std::collections::BTreeSet<&str> =
        trace.lines().filter_map(|line| line.strip_prefix("[pid ")?.split(']').next()).collect();
    require!(threads.len() == 201, "{} threads", threads.len());
    require!(trace.contains("of 1 process\n"), "{}", trace.lines().last().unwrap_or_default());
    require!(trace.matches(" getppid()").count() == 20_000, "{}", trace.matches(" getppid()").count());
    Ok(())
}

fn many_calls() -> Tested {
    let trace = whole(working(&["--summary"], "many", &[])?, 0)?;
    require!(trace.contains("\n getppid "), "{trace}");
    let row = trace.lines().find(|line| line.starts_with(" getppid ")).unwrap_or_default();
    require!(row.split_whitespace().nth(1) == Some("200000"), "{row}");
    Ok(())
}

/// A line of a child's standard output.
fn line_of(stdout: &mut impl BufRead) -> Result<String, Failed> {
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// Nobody reads the ring while 400,000 records come, of which each has at least 136 bytes: 32 MiB do not hold them.
fn losses() -> Tested {
    let mut command = working(&["--summary"], "burst", &[])?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    require!(line_of(&mut stdout)? == "ready", "it is not ready");
    kill(pid(&child), Signal::SIGSTOP)?;
    stdin.write_all(b"go")?;
    require!(line_of(&mut stdout)? == "done", "it is not done");
    kill(pid(&child), Signal::SIGCONT)?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(5), "{}: {stderr}", output.status);
    require!(stderr.contains("calls found no room in the ring buffer"), "{stderr}");
    Ok(())
}

/// A command in a process group of its own, as a shell would start it, which has said "ready".
fn in_group(options: &[&str], script: &str) -> Result<(Child, BufReader<std::process::ChildStdout>), Failed> {
    let mut command = traced(options, &["sh", "-c", script]);
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    require!(line_of(&mut stdout)? == "ready", "it is not ready");
    Ok((child, stdout))
}

fn interrupt() -> Tested {
    type Send = fn(Pid) -> nix::Result<()>;
    // A terminal sends to the group, others to ior-it alone.
    let rows: [(&str, Send, i32); 4] = [
        ("trap 'exit 9' INT; echo ready; while :; do :; done", |pid| killpg(pid, Signal::SIGINT), 9),
        ("echo ready; while :; do :; done", |pid| killpg(pid, Signal::SIGINT), 130),
        ("echo ready; while :; do :; done", |pid| kill(pid, Signal::SIGTERM), 143),
        ("trap 'exit 8' HUP; echo ready; while :; do :; done", |pid| kill(pid, Signal::SIGHUP), 8),
    ];
    for (script, send, code) in rows {
        let (child, _stdout) = in_group(&["--summary"], script)?;
        send(pid(&child))?;
        let output = child.wait_with_output()?;
        let stderr = text(&output.stderr);
        require!(output.status.code() == Some(code), "{script}: {}, not {code}: {stderr}", output.status);
        require!(stderr.contains("lost: nothing"), "the table still comes: {stderr}");
    }
    Ok(())
}

fn interrupt_left() -> Tested {
    // A shell lets what it starts with & ignore SIGINT. The summary alone: nobody reads the other stream meanwhile.
    let left = "echo ready; echo $$; exec sleep 1000 >/dev/null 2>&1";
    let script = format!("(while kill -0 $$ 2>/dev/null; do :; done; exec sh -c '{left}') & exit 6");
    let (mut child, mut stdout) = in_group(&["--summary"], &script)?;
    let left = Pid::from_raw(line_of(&mut stdout)?.parse()?);
    while child.try_wait()?.is_none() {
        kill(pid(&child), Signal::SIGINT)?;
        std::thread::yield_now();
    }
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(6), "{}: {stderr}", output.status);
    require!(stderr.contains("\nstopped: 1 process not gone"), "{stderr}");
    require!(stderr.contains("\nlost: nothing"), "{stderr}");
    require!(kill(left, Signal::SIGKILL).is_ok(), "what is left is left alone");
    Ok(())
}

fn killed() -> Tested {
    let script = "setsid sleep 1000 & echo ready; exec sleep 1000";
    let (mut child, mut stdout) = in_group(&[], script)?;
    child.kill()?;
    child.wait()?;
    // The end of the stream: nobody has the other end any more, neither the zygote nor the command nor what it has started.
    stdout.read_to_string(&mut String::new())?;
    Ok(())
}

fn archived() -> Tested {
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

fn kept() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().display().to_string();
    whole(working(&["--summary", "--archive", &archives], "many", &[])?, 0)?;
    // Of all that this process has started so far (getrusage(2)): nothing else takes as much.
    let most = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?.max_rss();
    require!(most <= MOST_MEMORY, "{most} KiB of memory, and {MOST_MEMORY} at most");
    Ok(())
}

const AGREED: &str = " calls compared, no difference\n";

fn witnessed() -> Tested {
    let folder = tempfile::tempdir()?;
    let archives = folder.path().display().to_string();
    let rows: [(&[&str], &str, i32); 6] = [
        (&[], "exit 3", 3),
        (&["--summary"], "exit 101", 101),
        (&["--no-follow"], "/bin/true; exit 5", 5),
        (&["--archive", &archives], "cat /etc/passwd | wc -l", 0),
        (&[], "kill -KILL $$", 137),
        // The stop is the shell's own; what continues it is a child that has seen it stopped.
        (&[], "(until grep -q '^State:.[tT] ' /proc/$$/status; do :; done; kill -CONT $$) & kill -STOP $$; exit 7", 7),
    ];
    for (options, script, code) in rows {
        let (_, stderr) = ran(traced(&[&["--witness"], options].concat(), &["sh", "-c", script]), code)?;
        require!(stderr.contains("\nlost: nothing") && stderr.ends_with(AGREED), "{script}: {stderr}");
        require!(!stderr.contains("error: "), "the code is not that of ior-it: {stderr}");
    }
    let (_, stderr) = ran(traced(&["--witness"], &["/etc"]), 126)?;
    require!(stderr.contains("error: /etc: it is a directory"), "{stderr}");
    Ok(())
}

/// A tracer that says a wrong result.
fn disagreement() -> Tested {
    let folder = tempfile::tempdir()?;
    let source = support::source()?;
    let from = "	call->record.ret = ret;\n	if (asks_for_restart(ret)) {";
    let to = "	call->record.ret = ret == 14 ? 13 : ret;\n	if (asks_for_restart(ret)) {";
    require!(source.matches(from).count() == 1, "the text to replace does not stand in one place of the tracer");
    let object = support::compile(folder.path(), "result", &source.replacen(from, to, 1))?.display().to_string();
    let command = ["sh", "-c", "echo 'fourteen byte' | cat"];
    let (_, alone) = ran(traced(&["--bpf", &object], &command), 0)?;
    require!(alone.contains("lost: nothing"), "{alone}");
    let (_, stderr) = ran(traced(&["--bpf", &object, "--witness", "--summary"], &command), 101)?;
    for part in
        [" calls compared, 3 differences", "^ write, result: 13 by BPF, 14 by ptrace", "ior-it --witness -- sh -c "]
    {
        require!(stderr.contains(part), "no {part}: {stderr}");
    }
    Ok(())
}

fn witnessed_loss() -> Tested {
    let options = ["--witness", "--summary", "--ring-size", "4KiB"];
    let (_, stderr) = ran(traced(&options, &["sh", "-c", "find /usr/share > /dev/null"]), 5)?;
    require!(stderr.contains("witness: nothing was compared, since something was lost"), "{stderr}");
    Ok(())
}

fn witness_lets_go() -> Tested {
    let left = "echo ready; echo $$; exec sleep 1000 >/dev/null 2>&1";
    let script = format!("(while kill -0 $$ 2>/dev/null; do :; done; exec sh -c '{left}') & exit 6");
    let (mut child, mut stdout) = in_group(&["--witness", "--summary"], &script)?;
    let left = Pid::from_raw(line_of(&mut stdout)?.parse()?);
    while child.try_wait()?.is_none() {
        kill(pid(&child), Signal::SIGINT)?;
        std::thread::yield_now();
    }
    let output = child.wait_with_output()?;
    let stderr = text(&output.stderr);
    let status = read_to_string(format!("/proc/{left}/status"))?;
    require!(kill(left, Signal::SIGKILL).is_ok() && status.contains("TracerPid:\t0\n"), "{status}");
    require!(output.status.code() == Some(6) && stderr.ends_with(AGREED), "{}: {stderr}", output.status);
    Ok(())
}

/// Without CAP_SYS_PTRACE the kernel ignores the bit (execve(2)).
fn without_its_rights() -> Tested {
    use caps::{CapSet, Capability};
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("owned");
    support::install("/bin/true", &program, 0o755)?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    std::os::unix::fs::chown(&program, Some(65_534), None)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755))?;
    let script = format!("{}; exit 9", program.display());
    let run = |dropped: &'static [Capability], code: i32| {
        let mut command = traced(&["--witness", "--summary"], &["sh", "-c", &script]);
        let drop_all = move || {
            let gone = dropped.iter().try_for_each(|&cap| caps::drop(None, CapSet::Bounding, cap));
            gone.map_err(std::io::Error::other)
        };
        // SAFETY: what runs between fork and exec makes a system call for each capability.
        unsafe { command.pre_exec(drop_all) };
        ran(command, code).map(|(_, stderr)| stderr)
    };
    require!(run(&[], 9)?.ends_with(AGREED), "with all rights, nothing is different");
    let stderr = run(&[Capability::CAP_SYS_PTRACE, Capability::CAP_SETUID], 3)?;
    require!(
        stderr.contains("owned is a set-user-ID or set-group-ID program") && stderr.contains("hint: run"),
        "{stderr}"
    );
    let stderr = run(&[Capability::CAP_SYS_PTRACE], 3)?;
    require!(stderr.contains("may not be looked at") && stderr.contains("hint: run"), "{stderr}");
    Ok(())
}
