//! What this machine refuses, and what cannot be loaded: the error names the cause, before the first scenario.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::support::{self, Named, Tested};
use caps::{CapSet, Capability};
use libtest_mimic::{Arguments, Failed};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

pub fn main() -> ExitCode {
    let live: [Named; 9] = [
        ("descriptors_up_to_the_hard_limit_are_taken", more_descriptors),
        ("too_few_descriptors_are_named", descriptors),
        ("memory_that_is_not_there_is_named", memory),
        ("a_call_that_a_seccomp_filter_forbids_is_named", seccomp),
        ("a_witness_without_its_capability_begins_nothing", witness),
        ("a_file_that_cannot_be_an_object_is_not_waited_for", files),
        ("maps_with_too_few_entries_are_named", entries),
        ("a_tracer_that_sees_no_exits_traces_no_command", no_exits),
        ("a_tracer_that_sees_no_ends_is_not_waited_for", no_ends),
    ];
    let live = live.into_iter().map(|(name, test)| support::live(name, test));
    support::run("refused", &Arguments::from_args(), live)
}

/// A scenario, and a command.
const BOTH: [&[&str]; 2] = [SCENARIO, COMMAND];
const SCENARIO: &[&str] = &["--exact", "--filter", "dup-basic", "--test-threads", "1"];
const COMMAND: &[&str] = &["--summary", "--", "true"];

/// `ior-it`, which is killed if it waits for something that never comes.
fn ior_it(options: &[&str], work: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--signal=KILL", "60", env!("CARGO_BIN_EXE_ior-it")]).args(options).args(work);
    command
}

/// Checks that it ends with this code and prints all of this, with a hint, before anything has begun.
fn refuses(mut command: Command, code: i32, parts: &[&str]) -> Tested {
    let output = command.output()?;
    let says = String::from_utf8_lossy(&output.stderr);
    require!(output.status.code() == Some(code), "{command:?}: {}: {says}", output.status);
    require!(output.stdout.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&output.stdout));
    require!(says.starts_with("error: ") && says.contains("\n hint: "), "{command:?}: {says}");
    for part in parts {
        require!(says.contains(part), "{command:?}: no {part:?} in: {says}");
    }
    Ok(())
}

/// The command with one more step between fork and exec, which makes system calls and nothing else.
fn with(mut command: Command, step: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static) -> Command {
    // SAFETY: as the comment above says.
    unsafe { command.pre_exec(step) };
    command
}

fn limited(command: Command, resource: Resource, most: u64) -> Command {
    with(command, move || Ok(setrlimit(resource, most, most)?))
}

/// The tracer has the limits that it needs, and the program has those of its caller.
fn more_descriptors() -> Tested {
    let limited = |work, most| {
        with(ior_it(&[], work), move || {
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
            Ok(setrlimit(Resource::RLIMIT_NOFILE, most, hard)?)
        })
    };
    for most in [16, 20, 200] {
        let scenario = limited(SCENARIO, most).output()?;
        require!(scenario.status.success(), "{most}: {}", String::from_utf8_lossy(&scenario.stderr));
        let command = limited(&["--output", "/dev/null", "--", "sh", "-c", "ulimit -Sn"], most).output()?;
        let has = String::from_utf8_lossy(&command.stdout);
        require!(command.status.success(), "{most}: {}", String::from_utf8_lossy(&command.stderr));
        require!(has == format!("{most}\n"), "{most}: the program has {has:?}");
    }
    Ok(())
}

fn descriptors() -> Tested {
    for most in [16, 20, 24, 28] {
        let command = limited(ior_it(&[], COMMAND), Resource::RLIMIT_NOFILE, most);
        refuses(command, 3, &[&format!("no more than {most} descriptors open (EMFILE)"), "`ulimit -n 1024`"])?;
    }
    for most in [16, 28, 64, 200, 255] {
        refuses(
            limited(ior_it(&[], SCENARIO), Resource::RLIMIT_NOFILE, most),
            3,
            &[&format!("is descriptor 255, and a process may have no more than {most}"), "`ulimit -Hn`"],
        )?;
    }
    let enough = limited(ior_it(&[], SCENARIO), Resource::RLIMIT_NOFILE, 256).output()?;
    require!(enough.status.success(), "{}", String::from_utf8_lossy(&enough.stderr));
    Ok(())
}

fn memory() -> Tested {
    for work in BOTH {
        let command = limited(ior_it(&["--ring-size", "128MiB"], work), Resource::RLIMIT_AS, 128 << 20);
        refuses(command, 3, &["no memory for it (ENOMEM)", "--ring-size"])?;
    }
    Ok(())
}

/// The filter's answer to the call.
const KILLS: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const FAILS: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

/// The command under a filter for this call of this architecture: seccomp(2).
fn filtered(command: Command, call: i64, instead: u32) -> Command {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut filter = [
        // BPF_LD | BPF_W | BPF_ABS: the number of the call is the first field of struct seccomp_data.
        statement(0x20, 0),
        // BPF_JMP | BPF_JEQ | BPF_K.
        libc::sock_filter { code: 0x15, jt: 0, jf: 1, k: call as u32 },
        // BPF_RET | BPF_K.
        statement(0x06, instead),
        statement(0x06, libc::SECCOMP_RET_ALLOW),
    ];
    with(command, move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the program and its filter live through the call, which copies them.
        let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
        Ok(Errno::result(set).map(drop)?)
    })
}

fn seccomp() -> Tested {
    let rows: [(&[&str], i64, u32, &str); 9] = [
        (SCENARIO, libc::SYS_prctl, FAILS, "could not be prepared: prctl(PR_SET_NAME): EPERM"),
        (COMMAND, libc::SYS_prctl, FAILS, "could not be prepared: prctl(PR_SET_NAME): EPERM"),
        (COMMAND, libc::SYS_prctl, KILLS, "could not be prepared: it was killed by SIGSYS"),
        (SCENARIO, libc::SYS_setsid, FAILS, "could not be prepared: setsid: EPERM"),
        (SCENARIO, libc::SYS_signalfd4, FAILS, "could not be prepared: signalfd: EPERM"),
        (COMMAND, libc::SYS_signalfd4, FAILS, "could not be prepared: signalfd: EPERM"),
        (
            SCENARIO,
            libc::SYS_setpgid,
            FAILS,
            "could not be started: it failed in setup, before the gate: setpgid: EPERM",
        ),
        (SCENARIO, libc::SYS_setpgid, KILLS, "could not be started: it killed by SIGSYS in setup, before the gate"),
        (COMMAND, libc::SYS_bpf, FAILS, "not permitted, though no capability is missing"),
    ];
    for (work, call, instead, sentence) in rows {
        refuses(filtered(ior_it(&[], work), call, instead), 3, &[sentence, "seccomp=unconfined"])?;
    }
    Ok(())
}

fn witness() -> Tested {
    let drop = || caps::drop(None, CapSet::Bounding, Capability::CAP_SYS_PTRACE).map_err(std::io::Error::other);
    refuses(with(ior_it(&["--witness"], SCENARIO), drop), 3, &["needs CAP_SYS_PTRACE", "cap_sys_ptrace"])
}

fn files() -> Tested {
    let folder = tempfile::tempdir()?;
    let [fifo, large] = ["fifo", "large"].map(|name| folder.path().join(name));
    mkfifo(&fifo, Mode::S_IRWXU)?;
    File::create(&large)?.set_len((16 << 20) + 1)?;
    let rows: [(&Path, &str); 4] = [
        (&fifo, "it is no regular file"),
        (Path::new("/dev/zero"), "it is no regular file"),
        (folder.path(), "it is no regular file"),
        (&large, "it has more than 16 MiB"),
    ];
    for (path, sentence) in rows {
        let path = path.display().to_string();
        for work in BOTH {
            refuses(ior_it(&["--bpf", &path], work), 2, &[&format!("error: --bpf {path}: {sentence}")])?;
        }
    }
    Ok(())
}

/// The tracer with one text replaced.
fn changed(folder: &Path, name: &str, from: &str, to: &str) -> Result<PathBuf, Failed> {
    let source = support::source()?;
    require!(source.matches(from).count() == 1, "bring this text up to date: {from}");
    support::compile(folder, name, &source.replacen(from, to, 1))
}

fn entries() -> Tested {
    let folder = tempfile::tempdir()?;
    let rows = [
        ("filter", "max_entries, 16384", "max_entries, 16", "16384 entries (it has 16)"),
        ("watches", "max_entries, IOR_WATCHES", "max_entries, 8", "1024 entries (it has 8)"),
        ("roles", "max_entries, 2 * IOR_SYSCALLS", "max_entries, 8", "2048 entries (it has 8)"),
        ("request_roles", "max_entries, IOR_OPCODES", "max_entries, 8", "256 entries (it has 8)"),
        ("requests", "max_entries, 4096", "max_entries, 400000000", "the map requests with more than 64 MiB"),
    ];
    for (map, from, to, sentence) in rows {
        let object = changed(folder.path(), map, from, to)?.display().to_string();
        for work in BOTH {
            refuses(ior_it(&["--bpf", &object], work), 3, &[map, sentence, "`make bpf`"])?;
        }
    }
    Ok(())
}

fn no_exits() -> Tested {
    let folder = tempfile::tempdir()?;
    let from = "	if (!call)\n		return stray(task->tgid);";
    let object = changed(folder.path(), "no_exits", from, "	if (call || !call)\n		return 0;")?;
    refuses(ior_it(&["--bpf", &object.display().to_string()], COMMAND), 3, &["the exit was not", "--bpf FILE"])?;
    // A record with another result is refused too.
    let [from, to] = ["ret", "ret + 1"].map(|ret| format!("	call->record.ret = {ret};\n	if (asks_for_restart"));
    let (from, to) = (from.as_str(), to.as_str());
    let object = changed(folder.path(), "result", from, to)?.display().to_string();
    let wrong = &["the exit was not as it should be: recorded was getppid() = ", "--bpf FILE"];
    refuses(ior_it(&["--bpf", &object], COMMAND), 3, wrong)?;
    // The canary of scenarios says the same: it was seen, and not as it was made.
    let wrong = &["recorded was dup(-1) = ", "and its result is EBADF", "the fault is in the object of --bpf"];
    refuses(ior_it(&["--bpf", &object], SCENARIO), 3, wrong)?;
    Ok(())
}

/// It sees neither the end of the command nor those of its children: no process is left, and no end was recorded.
fn no_ends() -> Tested {
    let folder = tempfile::tempdir()?;
    let from = "	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);\n	struct ior_watch *watch;\n	struct pending *call;\n\n	if (!entry)";
    let to = from.replace("bpf_map_lookup_elem(&filter, &tgid)", "NULL");
    let object = changed(folder.path(), "no_ends", from, &to)?.display().to_string();
    let output = ior_it(&["--bpf", &object], &["--summary", "--", "sh", "-c", "true | true"]).output()?;
    let says = String::from_utf8_lossy(&output.stderr);
    require!(output.status.code() == Some(5), "{}: {says}", output.status);
    require!(says.contains("lost: of 3 processes, 0 were seen to end"), "{says}");
    Ok(())
}
