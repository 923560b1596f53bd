//! Objects that were changed at the level of instructions, and what tells whether a change is one for the kernel.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd};
use std::slice::from_raw_parts;
use std::sync::OnceLock;

use libbpf_rs::btf::{Btf, BtfType, TypeId};
use libbpf_rs::libbpf_sys::{self, bpf_func_info, bpf_insn, bpf_prog_info};
use libbpf_rs::{AsRawLibbpf, MapInfo, ProgramMut};
use nix::errno::Errno;

use super::excerpt::ExcerptFile;
use super::load::{self, LoadedTracer};
use super::programs::LoadedProgram;
use super::refusal::{Refusal, done, refused};
use super::ring::BacklogReader;
use super::{Tracer, TracerOptions, libbpf_log};
use crate::base::error::Error;

/// What the kernel was given of a program: the main function first, and after it the functions that it calls.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    /// The instructions, 8 bytes each.
    pub instructions: Vec<[u8; 8]>,
    /// Where each function begins, as the number of an instruction.
    pub functions: Vec<(usize, String)>,
}

/// The verifier is asked again for its log if it refuses a program. Nobody reads that log, so it is short.
const LOG: usize = 256;

impl Tracer {
    /// Loads an object that has no CO-RE relocations, and attaches it if the options say so. With `all_types` it loads both programs
    /// for io_uring_complete. `None` if libbpf or the kernel refuses it. Libbpf says nothing more, in the whole process.
    pub fn of_image(options: &TracerOptions, name: &str, image: &[u8]) -> Result<Option<Self>, Error> {
        static TYPES: OnceLock<Option<ExcerptFile>> = OnceLock::new();
        libbpf_log::silence();
        let types = if options.all_types { None } else { TYPES.get_or_init(ExcerptFile::make).as_ref() };
        let Ok(mut open) = load::opened(options, name, image, types) else { return Ok(None) };
        let mut log = [0_u8; LOG];
        for program in open.progs_mut() {
            // SAFETY: the log lives until the object is loaded below, and each program writes it in turn.
            let _ = unsafe {
                let program = program.as_libbpf_object().as_ptr();
                libbpf_sys::bpf_program__set_log_buf(program, log.as_mut_ptr().cast(), log.len() as u64)
            };
        }
        match open.load() {
            Ok(object) => {
                let programs =
                    LoadedProgram::of(&object).map_err(|error| refused("a loaded program cannot be kept", &error))?;
                let loaded = LoadedTracer { object, programs, by_excerpt: false, logs: Vec::new() };
                let mut tracer = Self::over(loaded, options)?;
                tracer._backlog = Some(BacklogReader::start(&tracer.ring)?);
                Ok(Some(tracer))
            }
            Err(error) if lacks(&error) => Err(refused(&format!("{name} could not be loaded"), &error)),
            Err(_) => Ok(None),
        }
    }

    /// What the kernel was given of each loaded program. `object` has the types of the object.
    pub fn linked(&self, object: &[u8]) -> Vec<Linked> {
        let types = Btf::from_raw("types", object).ok().flatten();
        let Some(types) = types else { return Vec::new() };
        let known = |loaded: &LoadedProgram| self.object.progs_mut().find(|known| known.name() == loaded.name.as_str());
        self.programs.iter().filter_map(known).map(|program| linked(&program, &types)).collect()
    }

    /// The programs as the kernel runs them: without what the verifier has found to be never reached. Maps are named by their place
    /// in the object, since each loaded object has its own.
    pub fn translated(&self) -> Result<Vec<Vec<[u8; 8]>>, Error> {
        let infos = self.object.maps().filter_map(|map| MapInfo::new(map.as_fd()).ok());
        let maps: Vec<u32> = infos.map(|map| map.info.id).collect();
        self.programs.iter().map(|program| translated(program, &maps)).collect()
    }
}

/// Whether the machine lacks something, and the object may be as good as any.
fn lacks(error: &libbpf_rs::Error) -> bool {
    matches!(error.errno(), Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::EAGAIN | Errno::EINTR))
}

fn bytes(instruction: &bpf_insn) -> [u8; 8] {
    let ([a, b], [c, d, e, f]) = (instruction.off.to_ne_bytes(), instruction.imm.to_ne_bytes());
    [instruction.code, instruction.dst_reg() | instruction.src_reg() << 4, a, b, c, d, e, f]
}

fn linked(program: &ProgramMut<'_>, types: &Btf<'_>) -> Linked {
    let raw = program.as_libbpf_object().as_ptr();
    // SAFETY: the program lives as long as the object, which the caller holds. Libbpf says how many there are, and NULL if it
    // knows none.
    let functions: &[bpf_func_info] = unsafe {
        let first = libbpf_sys::bpf_program__func_info(raw);
        let count = libbpf_sys::bpf_program__func_info_cnt(raw) as usize;
        if first.is_null() { &[] } else { from_raw_parts(first, count) }
    };
    let name = |id: u32| {
        let found = types.type_by_id::<BtfType<'_>>(TypeId::from(id))?;
        Some(found.name()?.to_string_lossy().into_owned())
    };
    Linked {
        instructions: program.insns().iter().map(bytes).collect(),
        functions: functions.iter().filter_map(|one| Some((one.insn_off as usize, name(one.type_id)?))).collect(),
    }
}

/// The code of a 64-bit constant, and what its source register says: a map by its id, or a value in one.
const WIDE: u8 = 0x18;
const OF_MAPS: [u8; 2] = [libbpf_sys::BPF_PSEUDO_MAP_FD as u8, libbpf_sys::BPF_PSEUDO_MAP_VALUE as u8];

fn translated(program: &LoadedProgram, maps: &[u32]) -> Result<Vec<[u8; 8]>, Error> {
    let mut room = Vec::new();
    let length = ask(program, &mut room)?;
    room.resize(length, 0);
    ask(program, &mut room)?;
    let mut instructions: Vec<[u8; 8]> = room.chunks_exact(8).filter_map(|one| one.first_chunk()).copied().collect();
    for instruction in &mut instructions {
        let [code, registers, _, _, id @ ..] = instruction;
        if *code == WIDE && OF_MAPS.contains(&(*registers >> 4)) {
            let place = maps.iter().position(|&map| map == u32::from_ne_bytes(*id));
            *id = place.map_or(u32::MAX, |place| place as u32).to_ne_bytes();
        }
    }
    Ok(instructions)
}

/// Fills this room with the instructions, and returns how many bytes there are.
fn ask(program: &LoadedProgram, room: &mut [u8]) -> Result<usize, Error> {
    let mut info = bpf_prog_info {
        xlated_prog_insns: room.as_mut_ptr() as u64,
        xlated_prog_len: room.len() as u32,
        ..bpf_prog_info::default()
    };
    let mut size = size_of_val(&info) as u32;
    // SAFETY: `info` has the size that is given, and its one pointer leads to as many bytes as it says.
    let result =
        unsafe { libbpf_sys::bpf_obj_get_info_by_fd(program.fd.as_raw_fd(), (&raw mut info).cast(), &raw mut size) };
    let cannot = |errno| refused("the instructions of a loaded program cannot be read", &errno);
    done(result).map(|_| info.xlated_prog_len as usize).map_err(cannot)
}
