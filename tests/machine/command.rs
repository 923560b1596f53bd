//! `ior-it -- COMMAND` from outside: its output, its end, and that the command does not notice it.

mod asked;
mod attached;
mod charts;
mod data;
mod ends;
mod prints;
mod starts;
mod witness;

use std::fs::write;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Output, Stdio};

use crate::support::{self, Named, text, traced};
use ends::{daemon, interrupt, interrupt_left, killed, losses, many_calls, no_follow, threads};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::unistd::Pid;
use prints::{archived, json_lines, kept, output_full, output_to_file, pipeline, printed, spawned, summary};
use starts::{exit_codes, heritage, not_executed, reader_goes_first, streams, without_privileges};
use witness::{disagreement, without_its_rights, witness_lets_go, witnessed, witnessed_loss};

/// What is asked for, and processes that run already.
const ASKED: [Named; 17] = [
    ("only_the_calls_that_are_asked_for_are_recorded", asked::selected),
    ("what_is_not_asked_for_takes_no_room_in_the_ring", asked::selected_in_the_kernel),
    ("calls_are_shown_by_how_they_ended", asked::selected_by_end),
    ("calls_are_shown_by_their_paths", asked::selected_by_path),
    ("calls_are_shown_with_their_times", asked::times),
    ("the_table_is_sorted_as_asked_for", asked::sorted),
    ("the_environment_is_as_asked_for", asked::environment),
    ("the_command_runs_as_another_user", asked::user),
    ("the_output_goes_to_a_command", asked::piped),
    ("each_process_has_a_file_of_its_own", asked::separate),
    ("names_are_relative_where_that_is_asked_for", asked::relative),
    ("wrong_wishes_are_named", asked::refused),
    ("a_running_process_is_watched_until_a_signal", attached::until_a_signal),
    ("running_processes_are_watched_until_they_end", attached::until_they_end),
    ("what_cannot_be_attached_to_is_named", attached::refused),
    ("charts_are_written_of_a_trace", charts::written),
    ("charts_that_cannot_be_written_are_an_error_before_the_command", charts::refused),
];

/// Makes this program act as the traced command.
pub const WORK: &str = "IOR_IT_TEST_WORK";

pub fn main() -> ExitCode {
    let anyone: [Named; 1] = [("without_privileges_it_says_what_is_missing", without_privileges)];
    let live: [Named; 31] = [
        ("the_exit_code_is_the_commands_own", exit_codes),
        ("what_cannot_be_executed_is_told_as_by_a_shell", not_executed),
        ("the_streams_are_the_commands_own", streams),
        ("the_command_starts_from_what_its_caller_has", heritage),
        ("who_reads_goes_before_others", reader_goes_first),
        ("calls_are_printed_with_their_files", printed),
        ("what_pointers_lead_to_is_shown", data::shown),
        ("as_many_bytes_are_shown_as_are_asked_for", data::limited),
        ("all_members_are_shown_if_they_are_asked_for", data::full),
        ("json_lines_have_what_pointers_lead_to", data::json_lines),
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
    let live = live.into_iter().chain(ASKED);
    let anyone = anyone.into_iter().map(|(name, test)| Trial::test(name, test));
    let live = live.map(|(name, test)| support::live(name, test));
    support::run("command", &Arguments::from_args(), anyone.chain(live))
}

/// The work of this program as the command.
pub fn works(work: &str) -> ExitCode {
    match work {
        "threads" => {
            let threads: Vec<_> = (0..200).map(|_| std::thread::spawn(|| call_often(100))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap_or_default());
        }
        // As many records as the ring holds, if no thread reads it.
        "many" => call_often(200_000),
        // Waits for a word, so that the test can act before.
        "burst" => {
            println!("ready");
            let _ = std::io::stdin().read(&mut [0]);
            call_often(400_000);
            println!("done");
            let _ = std::io::stdin().read(&mut [0]);
        }
        "data" => return data::work(),
        // The standard library makes a child by vfork. The child moves descriptors before its execve.
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

/// This program as the command, with this work.
fn working(options: &[&str], work: &str, args: &[&str]) -> Result<Command, Failed> {
    support::working(options, (WORK, work), args)
}

/// Runs it to its end. Returns both outputs.
pub fn ran(mut command: Command, code: i32) -> Result<(Output, String), Failed> {
    let output = command.output()?;
    let stderr = text(&output.stderr);
    require!(output.status.code() == Some(code), "{command:?}: {}, not {code}:\n{stderr}", output.status);
    Ok((output, stderr))
}

/// Runs it without any loss. Returns the trace.
pub fn whole(command: Command, code: i32) -> Result<String, Failed> {
    let (_, trace) = ran(command, code)?;
    require!(trace.contains("\nlost: nothing; "), "{trace}");
    Ok(trace)
}

/// A file in a folder of its own.
pub fn file(contents: &str) -> Result<(tempfile::TempDir, PathBuf), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?.join("file.txt");
    write(&path, contents)?;
    Ok((folder, path))
}

/// A line of a child's standard output.
pub fn line_of(stdout: &mut impl BufRead) -> Result<String, Failed> {
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// A command in its own process group, as a shell starts it. It has printed "ready".
pub fn in_group(options: &[&str], script: &str) -> Result<(Child, BufReader<std::process::ChildStdout>), Failed> {
    let mut command = traced(options, &["sh", "-c", script]);
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    require!(line_of(&mut stdout)? == "ready", "it is not ready");
    Ok((child, stdout))
}

pub const AGREED: &str = " calls compared, no difference\n";
