//! The programs of system calls, run by perf events.
//!
//! The kernel skips a program where the same one has begun on the CPU and has not ended. Some kernels run the programs of tracepoints
//! with migration disabled, and not preemption: another thread may run on that CPU meanwhile, and its calls would be lost. Perf events
//! run programs with preemption disabled (include/trace/perf.h), and cost more.

use std::os::fd::AsFd;

use libbpf_rs::libbpf_sys::{BPF_F_RDONLY_PROG, bpf_map_create_opts};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType, Object};

use super::load::{VERSION_SECTION, is_of_requests};
use super::programs::{LoadedProgram, load_again};

/// The programs that run for each system call, each with its tracepoint.
const OF_CALLS: [(&str, &str); 4] = [
    ("ior_enter", "sys_enter"),
    ("ior_exit", "sys_exit"),
    ("ior_data_enter", "sys_enter"),
    ("ior_data_exit", "sys_exit"),
];

/// Where the settings have the word `ior_by_perf` (bpf/state.h).
const BY_PERF: usize = 8;

/// Loads those that are loaded once more, for perf events, and with them those for requests of io_uring, which then keep others from
/// their CPU while they run (bpf/uring.h, hold_cpu()).
pub fn load(object: &Object, programs: &[LoadedProgram]) -> Result<Vec<LoadedProgram>, libbpf_rs::Error> {
    let unknown = || libbpf_rs::Error::from_raw_os_error(libc::ENOENT);
    let of_event = |program: &LoadedProgram| OF_CALLS.iter().find(|(name, _)| program.name == *name).map(|(_, at)| *at);
    let again = programs.iter().filter(|program| of_event(program).is_some() || is_of_requests(&program.name));
    let wanted: Vec<_> = again.map(|program| (program.name.as_str(), of_event(program))).collect();
    let settings = object.maps().find(|map| map.name() == VERSION_SECTION).ok_or_else(unknown)?;
    let mut value = settings.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)?.ok_or_else(unknown)?;
    value.get_mut(BY_PERF..BY_PERF + 4).ok_or_else(unknown)?.copy_from_slice(&1_u32.to_ne_bytes());
    let by_perf = frozen(&value)?;
    load_again(object, &wanted, [settings.as_fd(), by_perf.as_fd()])
}

/// A map of constants: the verifier knows what is in it.
fn frozen(value: &[u8]) -> Result<MapHandle, libbpf_rs::Error> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        map_flags: BPF_F_RDONLY_PROG,
        ..bpf_map_create_opts::default()
    };
    let map = MapHandle::create(MapType::Array, Some("ior_by_perf"), 4, value.len() as u32, 1, &options)?;
    map.update(&0_u32.to_ne_bytes(), value, MapFlags::ANY)?;
    map.freeze()?;
    Ok(map)
}
