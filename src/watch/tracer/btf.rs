//! An excerpt of the kernel's type information (BTF) that is enough for the tracer's relocations.
//!
//! libbpf searches all 150,000 types of the kernel once for each type that the tracer names. This module finds them all in one pass
//! and writes an excerpt, which libbpf searches in their place (`btf_custom_path`). The excerpt keeps the kernel's type ids, so the
//! relocations are the same: it has the types that were found, the types of their fields, and a pointer in place of any other.
//!
//! No I/O. The format is Documentation/bpf/btf.rst of the kernel.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The types of bpf/kernel.h that relocations look up by name.
pub const NAMES: [&str; 23] = [
    "dentry",
    "fdtable",
    "file",
    "files_struct",
    "fs_struct",
    "inode",
    "io_kiocb",
    "io_ring_ctx",
    "k_sigaction",
    "linux_binprm",
    "mount",
    "pt_regs",
    "signal_struct",
    "sock",
    "sock_common",
    "socket",
    "special_kfunc_type",
    "super_block",
    "task_struct",
    "user_pt_regs",
    "vfsmount",
    "vm_area_struct",
    "path",
];

/// The tracepoints whose types are asked for: those of the programs in `tp_btf` sections, and one whose arguments are counted.
pub const TRACEPOINTS: [&str; 7] = [
    "sys_enter",
    "sys_exit",
    "signal_deliver",
    "sched_process_exec",
    "sched_process_exit",
    "sched_process_fork",
    COMPLETE,
];

const COMPLETE: &str = "io_uring_complete";

/// The part of the kernel's type information that relocations need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The excerpt in the kernel's own format.
    pub bytes: Vec<u8>,
    /// The type id of each tracepoint that the kernel has, of [`TRACEPOINTS`].
    pub tracepoints: Vec<(&'static str, u32)>,
    /// How many arguments the tracepoint io_uring_complete has, where the kernel says so.
    pub complete_takes: Option<u16>,
}

/// `struct btf_header`.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct BtfHeader {
    magic: u16,
    version: u8,
    flags: u8,
    hdr_len: u32,
    type_off: u32,
    type_len: u32,
    str_off: u32,
    str_len: u32,
}

const MAGIC: u16 = 0xeb9f;

/// `struct btf_type`: the head of each record.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct BtfType {
    name: u32,
    info: u32,
    /// The size of the type, or the type that it refers to.
    size_or_type: u32,
}

/// `struct btf_member`.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct BtfMember {
    name: u32,
    type_id: u32,
    offset: u32,
}

/// `struct btf_array`.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct BtfArray {
    type_id: u32,
    index_type: u32,
    count: u32,
}

/// The kinds of types (include/uapi/linux/btf.h).
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

impl BtfType {
    /// What replaces a type that is not needed: a pointer to void.
    const ANYTHING: Self = Self { name: 0, info: kind::PTR << 24, size_or_type: 0 };

    fn kind(self) -> u32 {
        self.info >> 24 & 0x1f
    }

    fn count(self) -> usize {
        self.info as usize & 0xffff
    }

    /// How many bytes follow the head; `None` if the kind is unknown.
    fn rest(self) -> Option<usize> {
        Some(match self.kind() {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * self.count(),
            kind::ENUM | kind::FUNC_PROTO => 8 * self.count(),
            kind::PTR | kind::FWD | kind::FUNC | kind::FLOAT => 0,
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => 0,
            _ => return None,
        })
    }
}

/// The kernel's type information, and what a first pass has found in it.
struct KernelTypes<'k> {
    types: &'k [u8],
    strings: &'k [u8],
    /// Where the record of each type begins, by type id. Id 0 is void and has no record.
    starts: Vec<u32>,
    /// The ids of the types that were asked for by name.
    found: Vec<u32>,
    /// As [`Excerpt::tracepoints`].
    tracepoints: Vec<(&'static str, u32)>,
}

/// The excerpt for these names; `None` if the type information has anything that this module does not know.
pub fn excerpt(kernel: &[u8], names: &[&str]) -> Option<Excerpt> {
    let kernel = KernelTypes::read(kernel, names)?;
    let needed = kernel.closure()?;
    let (bytes, complete_takes) = (kernel.written(&needed)?, kernel.complete_takes());
    Some(Excerpt { bytes, tracepoints: kernel.tracepoints, complete_takes })
}

impl<'k> KernelTypes<'k> {
    fn read(bytes: &'k [u8], names: &[&str]) -> Option<Self> {
        let (header, _) = BtfHeader::read_from_prefix(bytes).ok()?;
        if header.magic != MAGIC || header.version != 1 {
            return None;
        }
        let part = |offset: u32, length: u32| {
            let begin = (header.hdr_len as usize).checked_add(offset as usize)?;
            bytes.get(begin..begin.checked_add(length as usize)?)
        };
        let (types, strings) = (part(header.type_off, header.type_len)?, part(header.str_off, header.str_len)?);
        if strings.first() != Some(&0) || strings.last() != Some(&0) {
            return None;
        }
        let mut kernel = Self { types, strings, starts: vec![0], found: Vec::new(), tracepoints: Vec::new() };
        kernel.look_for(names)?;
        Some(kernel)
    }

    fn look_for(&mut self, names: &[&str]) -> Option<()> {
        let mut begins = [false; 256];
        names.iter().filter_map(|name| name.bytes().next()).for_each(|byte| begins[usize::from(byte)] = true);
        let mut start = 0;
        while start < self.types.len() {
            let (record, _) = BtfType::read_from_prefix(self.types.get(start..)?).ok()?;
            let id = self.starts.len() as u32;
            self.starts.push(start as u32);
            match record.kind() {
                kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 => {
                    let first = *self.strings.get(record.name as usize)?;
                    if begins[usize::from(first)] && is_asked_for(self.name(record.name)?, names) {
                        self.found.push(id);
                    }
                }
                kind::TYPEDEF if self.strings.get(record.name as usize..)?.starts_with(OF_TRACEPOINT) => {
                    let name = self.name(record.name)?.strip_prefix(OF_TRACEPOINT)?;
                    let known = TRACEPOINTS.iter().find(|known| known.as_bytes() == name);
                    self.tracepoints.extend(known.map(|&known| (known, id)));
                }
                _ => {}
            }
            start += size_of::<BtfType>() + record.rest()?;
        }
        (start == self.types.len()).then_some(())
    }

    fn name(&self, offset: u32) -> Option<&'k [u8]> {
        self.strings.get(offset as usize..)?.split(|&byte| byte == 0).next()
    }

    /// The head of a record, and the bytes that follow it.
    fn record(&self, id: u32) -> Option<(BtfType, &'k [u8])> {
        let start = *self.starts.get(id as usize).filter(|_| id != 0)? as usize;
        let (record, rest) = BtfType::read_from_prefix(self.types.get(start..)?).ok()?;
        Some((record, rest.get(..record.rest()?)?))
    }

    /// Which type ids the excerpt needs, up to the last of them: the types that were found, and those of their fields. It does not
    /// follow pointers.
    fn closure(&self) -> Option<Vec<bool>> {
        let mut needed = vec![false; self.starts.len()];
        let mut left = self.found.clone();
        while let Some(id) = left.pop() {
            if id == 0 || std::mem::replace(needed.get_mut(id as usize)?, true) {
                continue;
            }
            let (record, rest) = self.record(id)?;
            match record.kind() {
                kind::STRUCT | kind::UNION => {
                    let members = rest.chunks_exact(size_of::<BtfMember>());
                    left.extend(members.filter_map(|member| Some(BtfMember::read_from_bytes(member).ok()?.type_id)));
                }
                kind::ARRAY => {
                    let array = BtfArray::read_from_bytes(rest).ok()?;
                    left.extend([array.type_id, array.index_type]);
                }
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    left.push(record.size_or_type);
                }
                kind::INT | kind::PTR | kind::ENUM | kind::FWD | kind::FLOAT | kind::ENUM64 => {}
                _ => return None,
            }
        }
        let last = needed.iter().rposition(|&needed| needed).unwrap_or(0);
        needed.truncate(last + 1);
        Some(needed)
    }

    /// How many arguments the tracepoint has. Its type is a function with one more argument in front (`void *__data`).
    fn complete_takes(&self) -> Option<u16> {
        let (_, id) = self.tracepoints.iter().find(|(name, _)| *name == COMPLETE)?;
        let (typedef, _) = self.record(*id)?;
        let (pointer, _) = self.record(typedef.size_or_type).filter(|(pointer, _)| pointer.kind() == kind::PTR)?;
        let (proto, _) = self.record(pointer.size_or_type).filter(|(proto, _)| proto.kind() == kind::FUNC_PROTO)?;
        proto.count().checked_sub(1).and_then(|count| count.try_into().ok())
    }

    fn written(&self, needed: &[bool]) -> Option<Vec<u8>> {
        let mut written = ExcerptWriter { types: Vec::new(), strings: vec![0], kernel: self };
        for (id, &needed) in (0..).zip(needed).skip(1) {
            match self.record(id)? {
                (record, rest) if needed && record.kind() != kind::PTR => written.copy(record, rest)?,
                _ => written.types.extend_from_slice(BtfType::ANYTHING.as_bytes()),
            }
        }
        let ExcerptWriter { types, strings, .. } = written;
        let header = BtfHeader {
            magic: MAGIC,
            version: 1,
            flags: 0,
            hdr_len: size_of::<BtfHeader>() as u32,
            type_off: 0,
            type_len: types.len().try_into().ok()?,
            str_off: types.len().try_into().ok()?,
            str_len: strings.len().try_into().ok()?,
        };
        Some([header.as_bytes(), &types, &strings].concat())
    }
}

/// How the names of the typedefs of tracepoints begin (kernel: include/trace/bpf_probe.h).
const OF_TRACEPOINT: &[u8] = b"btf_trace_";

/// Whether a name is one of those. libbpf ignores a flavor at its end (`file___old`), and so does this.
fn is_asked_for(name: &[u8], names: &[&str]) -> bool {
    let rest = |asked: &&str| name.strip_prefix(asked.as_bytes());
    names.iter().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with(b"___"))
}

struct ExcerptWriter<'k> {
    types: Vec<u8>,
    strings: Vec<u8>,
    kernel: &'k KernelTypes<'k>,
}

impl ExcerptWriter<'_> {
    /// Writes a record, with its names at their places in the excerpt.
    fn copy(&mut self, record: BtfType, rest: &[u8]) -> Option<()> {
        let renamed = BtfType { name: self.string(record.name)?, ..record };
        self.types.extend_from_slice(renamed.as_bytes());
        // The kinds whose head is followed by entries of this size; each entry begins with a name.
        let entry = match record.kind() {
            kind::STRUCT | kind::UNION | kind::ENUM64 => 12,
            kind::ENUM => 8,
            _ => {
                self.types.extend_from_slice(rest);
                return Some(());
            }
        };
        for entry in rest.chunks_exact(entry) {
            let (name, rest) = u32::read_from_prefix(entry).ok()?;
            let name = self.string(name)?;
            self.types.extend_from_slice(name.as_bytes());
            self.types.extend_from_slice(rest);
        }
        Some(())
    }

    fn string(&mut self, offset: u32) -> Option<u32> {
        if offset == 0 {
            return Some(0);
        }
        let new = self.strings.len().try_into().ok()?;
        self.strings.extend_from_slice(self.kernel.name(offset)?);
        self.strings.push(0);
        Some(new)
    }
}

#[cfg(test)]
mod tests;
