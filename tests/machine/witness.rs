//! `--witness`: BPF and ptrace see the same of every scenario. It catches a tracer that lies, even if the expectation has the
//! same lie.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, ior_it, says};
use ior_it::support::base::error::Exit;
use ior_it::support::base::limit::Limit;
use ior_it::support::child::scenario::{Scenario, Setup, act, call};
use ior_it::support::judge::expectation::Expectations;
use ior_it::support::judge::verdict::Verdict;
use ior_it::support::session::{Options, Prepared, Session};
use ior_it::support::watch::witness::Witness;
use libtest_mimic::{Failed, Trial};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

mod lies;

use lies::{ALSO_NOTED, LIES, Lie};

const TESTS: &str = include_str!("../../tests.toml");
const LONG: Limit = Limit::growing(Duration::from_secs(60));
const SAID: &str = "BPF and the witness (ptrace) did not see the same";

type Test = fn() -> Result<(), Failed>;

pub fn main() -> ExitCode {
    support::run_live("witness", || {
        // This session's zygote is forked while the process has no other thread.
        let programs = Prepared::new([SHELL, SWAPPED], Options { witness: true, ..Options::default() })
            .and_then(Prepared::load)
            .map(Arc::new)
            .map_err(|error| error.to_string());
        let session = Arc::new(programs);
        let with = move |test: fn(&Session) -> Result<(), Failed>| {
            let session = Arc::clone(&session);
            move || test((*session).as_deref().map_err(String::as_str)?)
        };
        let shared = [
            Trial::test("the_programs_of_a_shell_are_seen_alike", with(the_programs_of_a_shell_are_seen_alike)),
            Trial::test(
                "a_descriptor_that_a_thread_swaps_is_seen_alike",
                with(a_descriptor_that_a_thread_swaps_is_seen_alike),
            ),
        ];
        let tests: [(&str, Test); 4] = [
            ("every_scenario_is_seen_alike", every_scenario_is_seen_alike),
            ("without_permission_the_cause_is_named", without_permission_the_cause_is_named),
            ("a_process_that_is_traced_already_is_named", a_process_that_is_traced_already_is_named),
            ("a_scenario_out_of_time_is_killed", a_scenario_out_of_time_is_killed),
        ];
        let tests = tests.map(|(name, test)| Trial::test(name, test));
        let lies = LIES.iter().map(|lie| Trial::test(format!("{}_is_caught", lie.name), || is_caught(lie)));
        tests.into_iter().chain(lies).chain(shared).collect()
    })
}

fn every_scenario_is_seen_alike() -> Result<(), Failed> {
    for threads in ["1", "2", "8"] {
        let output = ior_it(&["--witness", "-q", "--test-threads", threads]).output()?;
        require!(output.status.success(), "with {threads} threads:\n{}", says(&output));
    }
    Ok(())
}

/// With the changed tracer and table the scenario passes. With the witness it fails, for the reason in the row.
fn is_caught(lie: &Lie) -> Result<(), Failed> {
    let Lie { name, tracer: [from, to], scenario, table, said } = *lie;
    let folder = tempfile::tempdir()?;
    let source = support::source()?;
    require!(source.matches(from).count() == 1, "the text to replace does not stand in one place of the tracer");
    let object = support::compile(folder.path(), name, &source.replacen(from, &with_numbers(to), 1))?;
    let tests = folder.path().join("tests.toml");
    std::fs::write(&tests, changed_tests(scenario, table)?)?;
    let run = |flags: &[&str]| {
        let mut command = ior_it(&["--exact", "--filter", scenario]);
        command.args(flags).arg("--bpf").arg(&object).arg("--tests").arg(&tests).output()
    };
    let alone = run(&[])?;
    let passes = !ALSO_NOTED.contains(&lie.name);
    require!(alone.status.success() == passes, "without the witness:\n{}", says(&alone));
    let witnessed = run(&["--witness", "--all-reports"])?;
    let report = says(&witnessed);
    require!(witnessed.status.code() == Some(Exit::Failed as i32), "exit {:?}:\n{report}", witnessed.status);
    // Reports break lines.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    require!(report.contains(SAID) && words(&report).contains(said), "it does not say {said:?}:\n{report}");
    Ok(())
}

fn with_numbers(text: &str) -> String {
    let calls = [("{lseek}", libc::SYS_lseek), ("{write}", libc::SYS_write), ("{exit_group}", libc::SYS_exit_group)];
    calls.iter().fold(text.to_owned(), |text, (name, number)| text.replace(name, &number.to_string()))
}

/// tests.toml with one table changed.
fn changed_tests(scenario: &str, changes: &[[&str; 2]]) -> Result<String, Failed> {
    let head = format!("\n[{scenario}]\n");
    let begin = TESTS.find(&head).ok_or("it has no table")?;
    let end = TESTS[begin + 1..].find("\n[").map_or(TESTS.len(), |end| begin + 1 + end);
    let mut table = TESTS[begin..end].to_owned();
    for [from, to] in changes {
        require!(table.contains(from), "{from:?} does not stand in the table");
        table = table.replace(from, to);
    }
    Ok([&TESTS[..begin], &table, &TESTS[end..]].concat())
}

/// As docker's filter of old: ptrace(2) fails with EPERM, whatever the capabilities.
fn without_permission_the_cause_is_named() -> Result<(), Failed> {
    let mut command = ior_it(&["--witness", "--exact", "--filter", "dup-basic"]);
    // SAFETY: what runs between fork and exec makes two system calls.
    unsafe { command.pre_exec(refuse_ptrace) };
    let output = command.output()?;
    let said = says(&output);
    require!(output.status.code() == Some(Exit::CannotTrace as i32), "exit {:?}:\n{said}", output.status);
    require!(said.contains("error: the witness could not seize process"), "{said}");
    require!(said.contains("by a seccomp filter") && said.contains("hint: with docker"), "{said}");
    Ok(())
}

fn refuse_ptrace() -> std::io::Result<()> {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = [
        // The first word of struct seccomp_data is the number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter { jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_ptrace as u32) },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through both calls.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn a_process_that_is_traced_already_is_named() -> Result<(), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    // SAFETY: what runs between fork and exec makes one system call. The process stops at its execve.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(std::io::Error::from)) };
    let mut traced = command.arg("--version").stdout(std::process::Stdio::null()).spawn()?;
    let pid = Pid::from_raw(traced.id() as i32);
    let stopped = nix::sys::wait::waitpid(pid, None)?;
    let refused = Witness::stop(traced.id(), false, 0).err();
    ptrace::detach(pid, None::<Signal>)?;
    traced.wait()?;
    require!(stopped.pid() == Some(pid), "{stopped:?}");
    let error = refused.ok_or("it was seized by a second tracer")?;
    let (said, own) = (error.to_string(), std::process::id());
    require!(error.exit == Exit::CannotTrace, "{said}");
    require!(said.contains(&format!("it is traced by process {own} already")), "{said}");
    Ok(())
}

/// A time limit that hardly any scenario meets. Whatever the tracees are doing, everything ends, and both sides agree on what
/// was seen until then.
fn a_scenario_out_of_time_is_killed() -> Result<(), Failed> {
    for scenario in ["foreign-noise", "fork-follow", "restart-signal", "thread-exec"] {
        let output = ior_it(&["--witness", "--exact", "--filter", scenario, "--timeout", "0.001"]).output()?;
        let code = output.status.code();
        require!(matches!(code, Some(0 | 101 | 5)), "{scenario}: exit {:?}:\n{}", code, says(&output));
        require!(!says(&output).contains(SAID), "{scenario}:\n{}", says(&output));
    }
    Ok(())
}

const SHELL: Scenario = Scenario::new("shell", shell);

/// Shell scripts as people write them: pipes, subshells, here-documents, background jobs, and signals to handlers.
const SCRIPT: &CStr = c"
    trap 'echo handled' USR1
    kill -USR1 $$
    for i in 1 2 3; do echo $i; done | sort -r | while read n; do echo \"line $n\"; done > out
    (cd / && ls -l /proc/self /dev | wc -l) >> out 2> err
    cat out - <<END >> both
here
END
    (trap 'exit 7' TERM; kill -TERM $(exec sh -c 'echo $PPID'); wait) & wait $!
    ln -s both link && cat link > /dev/null && mv both other && rm -f other link
    dd if=/dev/zero of=zeros bs=4096 count=16 2> /dev/null
    find . -name 'o*' -exec grep -c line {} \\;
";

fn shell() -> Setup {
    act(|| {
        let arguments = [c"/bin/sh".as_ptr(), c"-c".as_ptr(), SCRIPT.as_ptr(), ptr::null()];
        let environment = [c"PATH=/usr/bin:/bin".as_ptr(), ptr::null()];
        call!(execve, c"/bin/sh", arguments.as_ptr(), environment.as_ptr())?;
        Ok(())
    })
}

fn the_programs_of_a_shell_are_seen_alike(session: &Session) -> Result<(), Failed> {
    let table = "[shell]\nabout = \"programs\"\nfollow = true\nends = \"exited\"\n\
                 present = [{ call = \"execve\", path_contains = \"sort\" }]\n";
    let tests = Expectations::parse("tests.toml", table, &["shell"]).map_err(|errors| errors.to_string())?;
    let run = session.run("shell", tests.get("shell").ok_or("no table")?, "tests.toml", LONG)?;
    require!(run.verdict == Verdict::Pass, "{:?}", run.verdict);
    let processes: BTreeSet<u32> = run.observed.trace.calls.iter().map(|call| call.pid).collect();
    require!(processes.len() > 10, "the script made only {} processes", processes.len());
    run.objection.map_or(Ok(()), |objection| Err(objection.into()))
}

const SWAPPED: Scenario = Scenario::new("swapped", swapped);
const NUMBER: i32 = 100;

/// One thread replaces a file repeatedly where two others read it.
fn swapped() -> Setup {
    act(|| {
        let files = [
            call!(openat, libc::AT_FDCWD, c"/", libc::O_PATH)?,
            call!(openat, libc::AT_FDCWD, c"/proc", libc::O_PATH)?,
        ];
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| (0..1000).for_each(|_| _ = call!(lseek, NUMBER, 0, libc::SEEK_CUR)));
            }
            for round in 0..1000 {
                let _ = call!(dup3, files[round % 2] as i32, NUMBER, 0);
                if round % 5 == 0 {
                    let _ = call!(close, NUMBER);
                }
            }
        });
        Ok(())
    })
}

/// The witness looks at the descriptor a moment before BPF does.
fn a_descriptor_that_a_thread_swaps_is_seen_alike(session: &Session) -> Result<(), Failed> {
    let table = "[swapped]\nabout = \"a number\"\npresent = [{ call = \"dup3\", ret = 100 }]\n";
    let tests = Expectations::parse("tests.toml", table, &["swapped"]).map_err(|errors| errors.to_string())?;
    let run = session.run("swapped", tests.get("swapped").ok_or("no table")?, "tests.toml", LONG)?;
    require!(run.verdict == Verdict::Pass, "{:?}", run.verdict);
    run.objection.map_or(Ok(()), |objection| Err(objection.into()))
}
