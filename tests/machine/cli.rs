//! The command from outside: its output on each stream, and its exit code.
//!
//! `SNAPSHOTS=overwrite cargo test --test machine cli` writes the present output into the snapshots. `git diff` shows the
//! changes.

mod asked;
mod bless;
pub mod misuse;
mod own;
mod records;
mod runs;
mod usage;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use crate::support::{self, Named, Tested, text};
use libtest_mimic::{Arguments, Failed, Trial};
use misuse::{
    a_program_is_no_filter, a_wrong_number_of_threads_is_an_error, an_object_that_the_verifier_refuses_is_its_owners,
    colours_are_as_asked_for, one_cause_is_one_report, the_test_target_loads_the_object_of_the_environment,
    the_test_target_takes_its_flags_from_the_environment,
};
use runs::{
    a_run_writes_nothing_unless_it_is_asked_to, an_ignored_scenario_runs_when_it_is_asked_for,
    an_unfit_bpf_object_is_refused_with_the_reason, archives_are_written_and_judged_alike,
    perf_events_run_the_programs_of_calls_as_well, what_was_asked_for_runs,
    where_no_archive_can_be_written_nothing_runs, without_a_workspace_the_scenario_fails,
};
use usage::{
    a_bad_tests_toml_is_named_with_its_line, a_closed_pipe_ends_it_quietly, a_missing_privilege_is_named,
    bad_usage_says_what_is_accepted, completions_and_the_man_page_have_each_flag, filters_select_from_the_list,
    help_and_version_are_asked_for, nothing_selected_is_told_before_anything_else, the_list_needs_no_privilege,
};

pub const TESTS: &str = include_str!("../../tests.toml");

/// What is kept of runs, and what is shown of their traces.
const KEPT: [Named; 11] = [
    ("a_recorded_run_is_listed_compared_and_run_again", records::a_recorded_run_is_listed_compared_and_run_again),
    ("a_record_that_cannot_be_kept_or_read_is_an_error", records::a_record_that_cannot_be_kept_or_read_is_an_error),
    ("what_passes_and_fails_is_flaky", records::what_passes_and_fails_is_flaky),
    ("a_long_run_has_a_bar_on_a_terminal", records::a_long_run_has_a_bar_on_a_terminal),
    (
        "the_calls_of_scenarios_are_chosen_as_those_of_commands",
        runs::the_calls_of_scenarios_are_chosen_as_those_of_commands,
    ),
    ("the_traces_go_where_they_are_wanted", asked::the_traces_go_where_they_are_wanted),
    ("each_process_of_a_scenario_has_a_file", asked::each_process_of_a_scenario_has_a_file),
    ("traces_that_cannot_be_written_leave_the_verdicts", asked::traces_that_cannot_be_written_leave_the_verdicts),
    ("commands_of_scenarios_start_as_asked_for", asked::commands_of_scenarios_start_as_asked_for),
    ("the_calls_of_scenarios_are_drawn", runs::the_calls_of_scenarios_are_drawn),
    ("a_file_makes_each_run_leave_a_record", records::a_file_makes_each_run_leave_a_record),
];

pub fn main() -> ExitCode {
    let anyone: [Named; 12] = [
        ("completions_and_the_man_page_have_each_flag", completions_and_the_man_page_have_each_flag),
        ("a_program_is_no_filter", a_program_is_no_filter),
        ("a_wrong_number_of_threads_is_an_error", a_wrong_number_of_threads_is_an_error),
        ("the_test_target_takes_its_flags_from_the_environment", the_test_target_takes_its_flags_from_the_environment),
        ("help_and_version_are_asked_for", help_and_version_are_asked_for),
        ("bad_usage_says_what_is_accepted", bad_usage_says_what_is_accepted),
        ("the_list_needs_no_privilege", the_list_needs_no_privilege),
        ("filters_select_from_the_list", filters_select_from_the_list),
        ("a_bad_tests_toml_is_named_with_its_line", a_bad_tests_toml_is_named_with_its_line),
        ("nothing_selected_is_told_before_anything_else", nothing_selected_is_told_before_anything_else),
        ("a_missing_privilege_is_named", a_missing_privilege_is_named),
        ("a_closed_pipe_ends_it_quietly", a_closed_pipe_ends_it_quietly),
    ];
    let live: [Named; 17] = [
        ("commands_are_judged_by_all_that_they_do", own::commands_are_judged_by_all_that_they_do),
        ("commands_are_archived_witnessed_and_blessed", own::commands_are_archived_witnessed_and_blessed),
        ("a_command_leaves_nothing_behind", own::a_command_leaves_nothing_behind),
        ("the_test_target_loads_the_object_of_the_environment", the_test_target_loads_the_object_of_the_environment),
        ("an_object_that_the_verifier_refuses_is_its_owners", an_object_that_the_verifier_refuses_is_its_owners),
        ("colours_are_as_asked_for", colours_are_as_asked_for),
        ("one_cause_is_one_report", one_cause_is_one_report),
        ("an_ignored_scenario_runs_when_it_is_asked_for", an_ignored_scenario_runs_when_it_is_asked_for),
        ("what_was_asked_for_runs", what_was_asked_for_runs),
        ("perf_events_run_the_programs_of_calls_as_well", perf_events_run_the_programs_of_calls_as_well),
        ("an_unfit_bpf_object_is_refused_with_the_reason", an_unfit_bpf_object_is_refused_with_the_reason),
        ("without_a_workspace_the_scenario_fails", without_a_workspace_the_scenario_fails),
        ("archives_are_written_and_judged_alike", archives_are_written_and_judged_alike),
        ("a_run_writes_nothing_unless_it_is_asked_to", a_run_writes_nothing_unless_it_is_asked_to),
        ("a_page_has_the_verdicts_and_both_traces", runs::a_page_has_the_verdicts_and_both_traces),
        ("where_no_archive_can_be_written_nothing_runs", where_no_archive_can_be_written_nothing_runs),
        ("a_wrong_table_is_blessed_if_somebody_says_so", bless::a_wrong_table_is_blessed_if_somebody_says_so),
    ];
    let anyone = anyone.into_iter().map(|(name, test)| Trial::test(name, test));
    let live = live.into_iter().chain(KEPT).map(|(name, test)| support::live(name, test));
    support::run("cli", &Arguments::from_args(), anyone.chain(live))
}

/// The command without a terminal, as wide as the snapshots.
pub fn ior_it(args: &[&str]) -> Command {
    plain(Command::new(env!("CARGO_BIN_EXE_ior-it")), args)
}

/// The same without privileges.
pub fn unprivileged(args: &[&str]) -> Command {
    plain(support::unprivileged(), args)
}

fn plain(mut command: Command, args: &[&str]) -> Command {
    command.args(args).env("COLUMNS", "100").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

pub fn stdout(output: &Output) -> String {
    text(&output.stdout)
}

pub fn stderr(output: &Output) -> String {
    text(&output.stderr)
}

/// Checks for an error with this code and an empty standard output. Returns the standard error output.
pub fn expect_error(mut command: Command, code: i32) -> Result<String, Failed> {
    let output = command.output()?;
    require!(output.status.code() == Some(code), "{command:?}: {}: {}", output.status, stderr(&output));
    require!(output.stdout.is_empty(), "{command:?}: an error is for stderr: {}", stdout(&output));
    Ok(stderr(&output))
}

/// The commands as typed, each with its exit code and its output.
#[derive(Default)]
pub struct Transcript(String);

impl Transcript {
    fn error(&mut self, command: Command, args: &[&str], code: i32) -> Tested {
        let says = expect_error(command, code)?;
        self.0 += &format!("$ ior-it {}\n[exit {code}]\n{}\n\n", args.join(" "), says.trim_end());
        Ok(())
    }
}

/// Checks for success and an empty standard error output. Returns the standard output.
pub fn expect_success(mut command: Command) -> Result<String, Failed> {
    let output = command.output()?;
    require!(output.status.code() == Some(0), "{command:?}: {}: {}", output.status, stderr(&output));
    require!(output.stderr.is_empty(), "{command:?}: {}", stderr(&output));
    Ok(stdout(&output))
}

/// The contents of a folder, by name.
pub fn names_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}
