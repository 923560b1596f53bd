//! Memory that is a file: mmap(2), msync(2), memfd_create(2).

use super::Names;

/// Protection of mmap(2).
pub static PROT: Names = Names {
    what: "protection of mmap",
    mask: 0,
    values: values![PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP],
};

/// Flags of mmap(2): one of the first three, and others.
pub static MAP: Names = Names {
    what: "flag of mmap",
    // MAP_TYPE (include/uapi/linux/mman.h).
    mask: 0xf,
    values: values![
        MAP_SHARED,
        MAP_PRIVATE,
        MAP_SHARED_VALIDATE,
        MAP_FIXED,
        MAP_ANONYMOUS,
        MAP_GROWSDOWN,
        MAP_DENYWRITE,
        MAP_EXECUTABLE,
        MAP_LOCKED,
        MAP_NORESERVE,
        MAP_POPULATE,
        MAP_NONBLOCK,
        MAP_STACK,
        MAP_HUGETLB,
        MAP_SYNC,
        MAP_FIXED_NOREPLACE,
    ],
};

/// Flags of msync(2).
pub static MSYNC: Names = Names { what: "flag of msync", mask: 0, values: values![MS_ASYNC, MS_INVALIDATE, MS_SYNC] };

/// Flags of memfd_create(2).
pub static MEMFD: Names = Names {
    what: "flag of memfd_create",
    mask: 0,
    values: values![MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC],
};

/// Seals of F_ADD_SEALS and F_GET_SEALS (fcntl(2)).
pub static SEALS: Names = Names {
    what: "seal",
    mask: 0,
    values: values![F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC],
};

/// Flags of getrandom(2).
pub static RANDOM: Names =
    Names { what: "flag of getrandom", mask: 0, values: values![GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE] };

/// Flags of memfd_secret(2). They are those of open(2), but there is no access mode among them.
pub static MEMFD_SECRET: Names = Names { what: "flag of memfd_secret", mask: 0, values: values![O_CLOEXEC] };

/// Flags of map_shadow_stack(2) (arch/x86/include/uapi/asm/mman.h, include/uapi/asm-generic/mman.h).
pub static SHADOW_STACK: Names = Names {
    what: "flag of map_shadow_stack",
    mask: 0,
    values: numbered! { SHADOW_STACK_SET_TOKEN 1, SHADOW_STACK_SET_MARKER 2 },
};

/// Flags of membarrier(2).
pub static MEMBARRIER_FLAGS: Names =
    Names { what: "flag of membarrier", mask: 0, values: numbered! { MEMBARRIER_CMD_FLAG_CPU 1 } };
