//! The table of calls against the prototypes of the running kernel: tracefs has them (/sys/kernel/tracing/events/syscalls).

use std::path::Path;
use std::process::ExitCode;

use ior_it::support::table::syscalls::{Role, Syscall};
use libtest_mimic::{Failed, Trial};

use crate::support;

const EVENTS: &str = "/sys/kernel/tracing/events/syscalls";

/// Where the kernel declares more bits than it looks at, or arguments that it does not look at.
const EXCEPTIONS: [(&str, &str, &str); 11] = [
    ("readv", "fd", "fdget() takes an int"),
    ("writev", "fd", "fdget() takes an int"),
    ("preadv", "fd", "fdget() takes an int"),
    ("pwritev", "fd", "fdget() takes an int"),
    ("mmap", "fd", "fget() takes an int"),
    ("preadv2", "fd", "fdget() takes an int"),
    ("pwritev2", "fd", "fdget() takes an int"),
    ("clone", "flags", "kernel/fork.c takes the lower half"),
    ("mbind", "mode", "mm/mempolicy.c makes an int of it"),
    ("ptrace", "pid", "find_get_task_by_vpid() takes an int"),
    ("getcpu", "", "the third argument is unused"),
];

pub fn main() -> ExitCode {
    support::mount_tracefs();
    support::run_live("prototypes", || vec![Trial::test("each_row_is_as_wide_as_the_kernels_prototype", each)])
}

/// A parameter of the kernel's: how many bits it has, and whether it is a pointer.
#[derive(Debug, PartialEq, Eq)]
enum Parameter {
    Narrow,
    Wide,
    Pointer,
}

fn each() -> Result<(), Failed> {
    if !Path::new(EVENTS).is_dir() {
        eprintln!("skipped: this kernel has no CONFIG_FTRACE_SYSCALLS");
        return Ok(());
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in Syscall::all().iter().filter(|row| !row.is_request()) {
        let Some(parameters) = prototype(row.name)? else { continue };
        compared += 1;
        let is_known = |arg: &str| EXCEPTIONS.iter().any(|&(name, known, _)| (name, known) == (row.name, arg));
        // preadv(2) and pwritev(2): of a 64-bit program the last word is not looked at.
        let takes_two_words = parameters.len() == row.args.len() + 1 && row.arg("offset") == Some(3);
        if parameters.len() != row.args.len() && !takes_two_words && !is_known("") {
            wrong.push(format!("{}: {} arguments, of the kernel's {parameters:?}", row.name, row.args.len()));
        }
        for (arg, parameter) in row.args.iter().zip(&parameters) {
            if !fits(arg.role, parameter) && !is_known(arg.name) {
                wrong.push(format!("{}: {} is {:?}, and {parameter:?} in the kernel", row.name, arg.name, arg.role));
            }
        }
    }
    if compared < 250 {
        return Err(format!("only {compared} calls have a prototype").into());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn fits(role: Role, parameter: &Parameter) -> bool {
    match (role, parameter) {
        (Role::Pointer | Role::Path | Role::Text, Parameter::Pointer) => true,
        // A number that is shown in base 16 has this role too.
        (Role::Pointer | Role::Unsigned | Role::Signed, Parameter::Wide) => true,
        (Role::Flags(names) | Role::Choice(names), Parameter::Wide) => names.is_long(),
        (Role::Flags(names) | Role::Choice(names), Parameter::Narrow) => !names.is_long(),
        (
            Role::Fd
            | Role::DirFd
            | Role::FdNumber
            | Role::Int
            | Role::Named(_)
            | Role::UnsignedInt
            | Role::Mode
            | Role::Id,
            Parameter::Narrow,
        ) => true,
        _ => false,
    }
}

/// The parameters of a call; `None` if this kernel does not have it under this name.
fn prototype(call: &str) -> Result<Option<Vec<Parameter>>, Failed> {
    let name = match call {
        "stat" | "fstat" | "lstat" | "uname" => format!("new{call}"),
        "umount2" => "umount".to_owned(),
        "sendfile" => "sendfile64".to_owned(),
        _ => call.to_owned(),
    };
    let Ok(format) = std::fs::read_to_string(format!("{EVENTS}/sys_enter_{name}/format")) else { return Ok(None) };
    // Each parameter has eight bytes in the record, whatever its type is.
    let fields = format.lines().filter(|line| line.contains("size:8;"));
    fields
        .map(|line| parameter(line).ok_or_else(|| Failed::from(format!("{call}: {line}"))))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// `field:unsigned int nsops; offset:32; size:8; signed:0;`
fn parameter(line: &str) -> Option<Parameter> {
    let declared = line.trim().strip_prefix("field:")?.split(';').next()?;
    let (kind, _) = declared.rsplit_once(' ')?;
    let kind = kind.strip_prefix("const ").unwrap_or(kind);
    Some(match kind {
        _ if kind.contains('*') => Parameter::Pointer,
        "unsigned long" | "long" | "size_t" | "loff_t" | "off_t" | "__u64" | "u64" | "aio_context_t" => Parameter::Wide,
        "int" | "unsigned int" | "unsigned" | "umode_t" | "uid_t" | "gid_t" | "pid_t" | "__u32" | "u32" | "__s32"
        | "qid_t" | "key_serial_t" | "clockid_t" | "timer_t" | "mqd_t" | "rwf_t" | "key_t" | "uint32_t" => {
            Parameter::Narrow
        }
        _ if kind.starts_with("enum ") => Parameter::Narrow,
        "cap_user_header_t" | "cap_user_data_t" | "__sighandler_t" => Parameter::Pointer,
        _ => return None,
    })
}
