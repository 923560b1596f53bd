//! Loading and attaching the BPF object, and saying why it cannot be.

use std::fmt::Display;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use caps::{CapSet, Capability};
use libbpf_rs::libbpf_sys::{self, bpf_prog_info};
use libbpf_rs::{ErrorKind, Link, MapCore, MapHandle, MapType, Object, ObjectBuilder, OpenObject, PrintLevel};
use nix::errno::Errno;

use super::Options;
use crate::error::Error;
use crate::record::{self, Filter, Roles, Watch};

static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));

/// The programs, by the tracepoint that each belongs to.
const PROGRAMS: [&str; 5] = ["ior_enter", "ior_exit", "ior_signal", "ior_gone", "ior_fork"];

/// What follows the requests of io_uring, with the tracepoint of each. Of each group one has to fit: which, is the kernel's to
/// say (bpf/tracer.bpf.c has what each takes).
const REQUEST_PROGRAMS: [&[(&str, &str)]; 4] = [
    &[("ior_submit", "io_uring_submit_req"), ("ior_submit", "io_uring_submit_sqe")],
    &[("ior_submit_refused", "io_uring_req_failed")],
    // The second would fit the tracepoint of the first too, and misread it.
    &[("ior_complete_words", "io_uring_complete"), ("ior_complete", "io_uring_complete")],
    &[("ior_overflow", "io_uring_cqe_overflow")],
];

/// The maps, with their type and the sizes of key and value.
const MAPS: [(&str, MapType, usize, usize); 5] = [
    ("filter", MapType::Hash, 4, size_of::<Filter>()),
    ("watches", MapType::Array, 4, size_of::<Watch>()),
    ("roles", MapType::Array, 4, size_of::<Roles>()),
    ("request_roles", MapType::Array, 4, size_of::<Roles>()),
    ("ring", MapType::RingBuf, 0, 0),
];

const VERSION_SECTION: &str = ".rodata.version";

/// What libbpf has said since the last load began.
static SAID: Mutex<String> = Mutex::new(String::new());

/// The cheap checks, before anything is loaded: privileges and BTF.
pub fn check_machine() -> Result<(), Error> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let missing: Vec<&str> = [(Capability::CAP_BPF, "CAP_BPF"), (Capability::CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|&(capability, _)| !has(capability) && !has(Capability::CAP_SYS_ADMIN))
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() {
        return Err(Error::cannot_trace(
            format!("tracing needs {}, which this process lacks", missing.join(" and ")),
            "run it as `sudo ./ior-it`, or once `sudo setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep ./ior-it`",
        ));
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Err(Error::cannot_trace(
            "the kernel has no type information in /sys/kernel/btf/vmlinux",
            "boot a kernel that was built with CONFIG_DEBUG_INFO_BTF=y (`ls /sys/kernel/btf`), and mount /sys",
        ));
    }
    Ok(())
}

/// Opens, checks and loads the object.
pub fn load(options: &Options) -> Result<Object, Error> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
    libbpf_rs::set_print(Some((PrintLevel::Warn, |_, text| {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    })));
    let Options { bpf, ring_size, requests, .. } = options;
    let (name, bytes) = match bpf {
        Some(file) => (file.display().to_string(), read(file)?),
        None => ("the embedded BPF object".to_owned(), EMBEDDED.to_vec()),
    };
    let mut builder = ObjectBuilder::default();
    let mut open = builder.name("ior_it").and_then(|builder| builder.open_memory(&bytes)).map_err(|error| {
        Error::cannot_trace(format!("{name} is no BPF object: {error}"), "`make bpf` makes one: ./tracer.bpf.o")
    })?;
    check(&name, &open)?;
    for mut ring in open.maps_mut().filter(|map| map.name() == "ring") {
        let cannot = |error| refused(&format!("the ring buffer cannot be of {ring_size} bytes"), &error);
        ring.set_max_entries(*ring_size).map_err(cannot)?;
    }
    for mut program in open.progs_mut().filter(|program| is_of_requests(&program.name().to_string_lossy())) {
        program.set_autoload(*requests);
    }
    open.load().map_err(|error| not_loaded(&name, &error))
}

fn is_of_requests(name: &str) -> bool {
    REQUEST_PROGRAMS.iter().any(|group| group.iter().any(|&(program, _)| program == name))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| {
        Error::usage(format!("--bpf {}: {error}", file.display()), "`make bpf` makes an object: ./tracer.bpf.o")
    })
}

/// An object must have the programs and maps that user space uses, in the layout that it knows.
fn check(name: &str, open: &OpenObject) -> Result<(), Error> {
    let mut lacks = Vec::new();
    let mut programs = PROGRAMS.to_vec();
    programs.extend(REQUEST_PROGRAMS.iter().flat_map(|group| group.iter().map(|&(program, _)| program)));
    programs.dedup();
    for program in programs {
        if !open.progs().any(|found| found.name() == program) {
            lacks.push(format!("the program {program}"));
        }
    }
    for (map, kind, key, value) in MAPS {
        let fits = |found: &libbpf_rs::OpenMap<'_>| {
            found.map_type() == kind && (found.key_size() as usize, found.value_size() as usize) == (key, value)
        };
        match open.maps().find(|found| found.name() == map) {
            None => lacks.push(format!("the map {map}")),
            Some(found) if !fits(&found) => {
                lacks.push(format!("the map {map} as a {kind:?} of {key} and {value} bytes"))
            }
            Some(_) => {}
        }
    }
    let version = open.maps().find(|found| found.name() == VERSION_SECTION);
    let version = version.as_ref().and_then(|found| found.initial_value()).and_then(|value| value.first_chunk());
    match version.map(|bytes| u32::from_ne_bytes(*bytes)) {
        Some(record::VERSION) => {}
        Some(other) => lacks.push(format!("record version {} (it has {other})", record::VERSION)),
        None => lacks.push(format!("record version {}", record::VERSION)),
    }
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Error::cannot_trace(
        format!("{name} lacks {}", lacks.join(", ")),
        "compile it from bpf/tracer.bpf.c and bpf/record.h of this version: `make bpf`",
    ))
}

/// The kernel said no: its own last words, and what they mean.
fn not_loaded(name: &str, error: &libbpf_rs::Error) -> Error {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let by_verifier = said.contains("BEGIN PROG LOAD LOG");
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("PROG LOAD LOG")).collect();
    let last = lines[lines.len().saturating_sub(12)..].join("\n    ");
    let (sentence, hint) = if by_verifier {
        (
            format!("the kernel's verifier refused {name} (no privilege is missing); its last lines:\n    {last}"),
            "`uname -r` and the lines above belong into a bug report; `--bpf FILE` tries another object",
        )
    } else {
        (
            format!("{name} could not be loaded: {error}\n    {last}"),
            "`cat /sys/kernel/security/lockdown` must not say [confidentiality], and the kernel needs CONFIG_BPF_SYSCALL",
        )
    };
    Error::cannot_trace(sentence, hint)
}

/// A step after loading that the kernel refused.
pub fn refused(step: &str, error: &dyn Display) -> Error {
    Error::cannot_trace(format!("{step}: {error}"), "`ulimit -l` and `dmesg` may say more")
}

/// Attaches what follows the requests of io_uring; nothing if this kernel lacks one of the tracepoints.
pub fn attach_requests(object: &Object) -> Result<Vec<Link>, Error> {
    let links: Result<Option<Vec<Link>>, Error> =
        REQUEST_PROGRAMS.iter().map(|group| attach_one_of(object, group)).collect();
    Ok(links?.unwrap_or_default())
}

/// The first that fits. A tracepoint is not found where the kernel has none of that name, and the program is invalid where
/// it takes more than the tracepoint gives (kernel/trace/bpf_trace.c, bpf_probe_register()).
fn attach_one_of(object: &Object, group: &[(&str, &str)]) -> Result<Option<Link>, Error> {
    for &(name, tracepoint) in group {
        let Some(program) = object.progs_mut().find(|program| program.name() == name) else { continue };
        match program.attach_raw_tracepoint(tracepoint) {
            Ok(link) => return Ok(Some(link)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {}
            Err(error) => return Err(refused(&format!("the program {name} could not be attached"), &error)),
        }
    }
    Ok(None)
}

/// Attaches all programs but those of [`attach_requests`].
pub fn attach(object: &Object) -> Result<Vec<Link>, Error> {
    let ours = object.progs_mut().filter(|program| PROGRAMS.iter().any(|&name| program.name() == name));
    ours.map(|program| {
        program.attach().map_err(|error| {
            refused(&format!("the program {} could not be attached", program.name().display()), &error)
        })
    })
    .collect()
}

/// A handle of a map that [`load`] has checked to be there.
pub fn map_handle(object: &Object, name: &str) -> Result<MapHandle, Error> {
    let map = object.maps().find(|map| map.name() == name);
    map.ok_or_else(|| refused(&format!("the map {name} is gone"), &"BUG: it was there when the object was opened"))
        .and_then(|map| {
            MapHandle::try_from(&map).map_err(|error| refused(&format!("the map {name} could not be opened"), &error))
        })
}

/// How often the kernel has skipped a program of this object because it was running on that CPU already: for each skip it
/// has lost an enter, an exit or an end. Takes about 2 µs.
#[allow(unsafe_code)]
pub fn skipped(object: &Object) -> Result<u64, Error> {
    let loaded = object.progs().filter(|program| program.as_fd().as_raw_fd() >= 0);
    let skips = loaded.map(|program| {
        let mut info = bpf_prog_info::default();
        let mut size = size_of_val(&info) as u32;
        // SAFETY: `info` is of the size that is given, and has no pointer for the kernel to fill in what it points to.
        let result = unsafe {
            libbpf_sys::bpf_obj_get_info_by_fd(program.as_fd().as_raw_fd(), (&raw mut info).cast(), &raw mut size)
        };
        let cannot = |errno| refused("what the kernel counts of a program cannot be read", &errno);
        Errno::result(result).map(|_| info.recursion_misses).map_err(cannot)
    });
    skips.sum()
}
