//! What looks like a mistake is told with the way out of it.

use std::fs::write;
use std::process::Command;

use super::{TESTS, expect_error, expect_success, ior_it, stderr, stdout, unprivileged};
use crate::support::{self, Tested};

/// Lets this program be the test target that runs the scenarios.
pub const TARGET: &str = "IOR_IT_TEST_TARGET";

pub fn a_program_is_no_filter() -> Tested {
    let hint = |says: &str, command: &str| says.contains(&format!("`sudo ./ior-it -- {command}` traces the program"));
    // No scenario has it in its name.
    let says = expect_error(unprivileged(&["env"]), 4)?;
    require!(hint(&says, "env"), "{says}");
    // Some have, and there are no privileges to run them.
    let says = expect_error(unprivileged(&["ls"]), 3)?;
    require!(says.starts_with("note: these are the scenarios with `ls`") && hint(&says, "ls"), "{says}");
    // The name of a family, of a system call, and of a scenario.
    for name in ["link", "sync", "stat", "dup-basic"] {
        let says = expect_error(unprivileged(&[name]), 3)?;
        require!(!says.contains("traces the program"), "{name}: {says}");
    }
    for args in [&["ls", "-l"][..], &["ls", "/etc"]] {
        let says = expect_error(unprivileged(args), 2)?;
        let command = args.join(" ");
        require!(says.contains(&format!("to trace the program ls: `sudo ./ior-it -- {command}`")), "{args:?}: {says}");
    }
    let list = expect_success(unprivileged(&["--list", "ls"]))?;
    require!(!list.is_empty(), "a list has no note");
    Ok(())
}

pub fn a_wrong_number_of_threads_is_an_error() -> Tested {
    for wrong in ["xx", "0", "-1", "257", "1.5"] {
        let mut command = unprivileged(&["dup-basic"]);
        command.env("RUST_TEST_THREADS", wrong);
        let says = expect_error(command, 2)?;
        let expected =
            format!("error: RUST_TEST_THREADS={wrong} is not possible\n hint: RUST_TEST_THREADS takes 1 to 256\n");
        require!(says == expected, "{wrong}: {says}");
    }
    let mut command = unprivileged(&["--test-threads", "2", "--list", "dup-basic"]);
    command.env("RUST_TEST_THREADS", "xx");
    require!(expect_success(command)? == "dup-basic: test\n", "the flag comes first");
    Ok(())
}

pub fn the_test_target_takes_its_flags_from_the_environment() -> Tested {
    let folder = tempfile::tempdir()?;
    write(folder.path().join("mine.toml"), "[dup-basik]\nabout = \"near\"\n")?;
    let target = |variable: &str, value: &str, args: &[&str]| -> Result<Command, std::io::Error> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args).env(TARGET, "1").env(variable, value).current_dir(folder.path());
        Ok(command)
    };
    let says = expect_error(target("IOR_IT_TESTS", "mine.toml", &[])?, 2)?;
    require!(says.contains("--> mine.toml:1:2"), "{says}");
    let says = expect_error(target("IOR_IT_ARGS", "--skip 'dup", &["--list"])?, 2)?;
    require!(says.starts_with("error: IOR_IT_ARGS cannot be split into words\n hint: "), "{says}");
    let list = expect_success(target("IOR_IT_ARGS", "--filter dup2- --exact", &["--list"])?)?;
    require!(list.is_empty(), "--exact and --filter were not heeded: {list}");
    Ok(())
}

pub fn the_test_target_loads_the_object_of_the_environment() -> Tested {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "dup-basic"]).env(TARGET, "1").env("IOR_IT_BPF", "missing.o");
    let says = expect_error(command, 2)?;
    require!(says.starts_with("error: --bpf missing.o: No such file"), "{says}");
    Ok(())
}

pub fn an_object_that_the_verifier_refuses_is_its_owners() -> Tested {
    let folder = tempfile::tempdir()?;
    let from = "int ior_enter(void *ctx)\n{\n\tstruct task_struct *task = bpf_get_current_task_btf();";
    let source = support::source()?;
    require!(source.matches(from).count() == 1, "bring this text up to date: {from}");
    // Nothing is above the frame: the stack ends at r10.
    let to = from.replace(
        "\tstruct task_struct",
        "\tasm volatile(\"r0 = *(u64 *)(r10 + 8)\" ::: \"r0\");\n\tstruct task_struct",
    );
    let object = support::compile(folder.path(), "refused", &source.replacen(from, &to, 1))?.display().to_string();
    let says = expect_error(ior_it(&["--exact", "dup-basic", "--bpf", &object]), 3)?;
    require!(says.starts_with("error: the kernel's verifier refused ") && says.contains("ior_enter"), "{says}");
    require!(says.contains("R10"), "its last lines are not there: {says}");
    require!(says.contains("without --bpf, the embedded object is loaded") && !says.contains("bug report"), "{says}");
    Ok(())
}

pub fn colours_are_as_asked_for() -> Tested {
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.toml").display().to_string();
    write(&wrong, TESTS.replace("\"dup.txt\", ret = \"$b\"", "\"duq.txt\", ret = \"$b\""))?;
    let run = |args: &[&str], variable: &str| {
        let mut command = ior_it(&[&["--exact", "dup-basic", "--tests", &wrong], args].concat());
        command.env_remove("NO_COLOR").env(variable, "1").output()
    };
    let rows: [(&[&str], &str, bool); 5] = [
        (&[], "UNUSED", false),
        (&["--color", "always"], "UNUSED", true),
        (&["--color", "auto"], "CLICOLOR_FORCE", true),
        (&["--color", "never"], "CLICOLOR_FORCE", false),
        (&["--color", "always"], "NO_COLOR", true),
    ];
    for (args, variable, coloured) in rows {
        let output = run(args, variable)?;
        let says = stdout(&output);
        require!(output.status.code() == Some(101), "{args:?}: {}: {says}{}", output.status, stderr(&output));
        require!(says.contains("\x1b[31mFAILED\x1b[0m") == coloured, "{args:?} {variable}: {says}");
        require!(says.contains("\x1b[31m  -    2  { call = \"dup\"") == coloured, "{args:?} {variable}: {says}");
        require!(says.contains('\x1b') == coloured, "{args:?} {variable}: {says}");
    }
    // An error too.
    let output = ior_it(&["--color", "never", "--tests", "missing"]).env("CLICOLOR_FORCE", "1").output()?;
    require!(!stderr(&output).contains('\x1b'), "{}", stderr(&output));
    Ok(())
}

pub fn one_cause_is_one_report() -> Tested {
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.toml").display().to_string();
    // Each path in the table is a byte longer than what the call was given.
    write(&wrong, TESTS.replace(".txt\"", ".txt!\""))?;
    let run = |args: &[&str]| ior_it(&[&["--filter", "dup", "--tests", &wrong], args].concat()).output();
    let says = stdout(&run(&[])?);
    let reports = says.matches("\n---- ").count();
    require!(says.contains("---- path one byte short: ") && reports < 3, "{reports} reports: {says}");
    require!(says.contains("\n    path one byte short: "), "{says}");
    let each = stdout(&run(&["--all-reports"])?);
    require!(each.matches("\n---- ").count() > reports, "--all-reports shows no more: {each}");
    require!(says.contains(&format!("first different at {wrong}:")), "no place of the first difference: {says}");
    Ok(())
}
