//! Loading and attaching the BPF object, and saying why it cannot be.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use caps::{CapSet, Capability};
use libbpf_rs::{Link, MapCore, MapHandle, MapType, Object, ObjectBuilder, OpenObject, PrintLevel};

use crate::error::Error;
use crate::record::{self, Filter, Roles, Watch};

static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));

/// The programs, by the tracepoint that each belongs to.
const PROGRAMS: [&str; 5] = ["ior_enter", "ior_exit", "ior_signal", "ior_gone", "ior_fork"];

/// The maps, with their type and the sizes of key and value.
const MAPS: [(&str, MapType, usize, usize); 4] = [
    ("filter", MapType::Hash, 4, size_of::<Filter>()),
    ("watches", MapType::Array, 4, size_of::<Watch>()),
    ("roles", MapType::Array, 4, size_of::<Roles>()),
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

/// Opens, checks and loads the object, with a ring of so many bytes instead of the object's own.
pub fn load(file: Option<&Path>, ring_bytes: Option<u32>) -> Result<Object, Error> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
    libbpf_rs::set_print(Some((PrintLevel::Warn, |_, text| {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    })));
    let (name, bytes) = match file {
        Some(file) => (file.display().to_string(), read(file)?),
        None => ("the embedded BPF object".to_owned(), EMBEDDED.to_vec()),
    };
    let mut builder = ObjectBuilder::default();
    let mut open = builder.name("ior_it").and_then(|builder| builder.open_memory(&bytes)).map_err(|error| {
        Error::cannot_trace(format!("{name} is no BPF object: {error}"), "`make bpf` makes one: ./tracer.bpf.o")
    })?;
    check(&name, &open)?;
    let ring = open.maps_mut().find(|map| map.name() == "ring");
    if let (Some(mut ring), Some(bytes)) = (ring, ring_bytes) {
        ring.set_max_entries(bytes).map_err(|error| not_loaded(&name, &error))?;
    }
    open.load().map_err(|error| not_loaded(&name, &error))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| {
        Error::usage(format!("--bpf {}: {error}", file.display()), "`make bpf` makes an object: ./tracer.bpf.o")
    })
}

/// An object must have the programs and maps that user space uses, in the layout that it knows.
fn check(name: &str, open: &OpenObject) -> Result<(), Error> {
    let mut lacks = Vec::new();
    for program in PROGRAMS {
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

/// Attaches all programs.
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
