//! What `bpf/record.h` describes: records and maps as they lie in memory.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The layout's version; an object that carries another is refused.
pub const VERSION: u32 = 13;
/// The longest path in a record, in bytes without its NUL; one of this length was cut.
pub const PATH_CAP: usize = 4096;

pub(crate) const KIND_CALL: u8 = 1;
pub(crate) const KIND_END: u8 = 2;
pub(crate) const KIND_REQUEST: u8 = 3;
pub(crate) const KIND_COMPLETION: u8 = 4;
pub(crate) const KIND_NAME: u8 = 5;
pub(crate) const KIND_CLOSED: u8 = 6;
pub(crate) const KIND_DATA: u8 = 7;
pub(crate) const LATE_DATA: u8 = 1 << 3;
pub(crate) const UNFINISHED: u8 = 1 << 0;
pub(crate) const WORKER: u8 = 1 << 1;
pub(crate) const MORE: u8 = 1 << 2;
pub(crate) const REFUSED: u8 = 1 << 3;
pub(crate) const COMPAT: u8 = 1 << 4;
pub(crate) const AMBIGUOUS: u8 = 1 << 5;
pub(crate) const HAS_FILE: u8 = 1 << 6;
pub(crate) const HIDDEN: u8 = 1 << 7;
pub(crate) const NAME_DELETED: u8 = 1 << 0;
pub(crate) const NAME_CUT: u8 = 1 << 1;
pub(crate) const NAME_DETACHED: u8 = 1 << 2;
pub(crate) const NAME_ALONE: u8 = 1 << 3;

/// `struct ior_identity`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct RawIdentity {
    pub(crate) inode: u64,
    pub(crate) name: u64,
    pub(crate) device: u32,
    pub(crate) flags: u32,
    pub(crate) mode: u16,
    pub(crate) open: u8,
    pub(crate) cloexec: u8,
    pub(crate) magic: u32,
}

/// `struct ior_text`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct RawText {
    pub(crate) len: u16,
    pub(crate) err: i16,
}

/// `struct ior_record`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct RecordHeader {
    pub(crate) watch: u64,
    pub(crate) number: u64,
    pub(crate) enter_ns: u64,
    pub(crate) duration_ns: u64,
    pub(crate) ret: i64,
    pub(crate) args: [u64; 6],
    pub(crate) cwd: u64,
    pub(crate) root: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
    pub(crate) nr: u32,
    pub(crate) kind: u8,
    pub(crate) state: u8,
    pub(crate) identities: u8,
    pub(crate) late: u8,
    pub(crate) comm: [u8; 16],
    pub(crate) path: [RawText; 2],
    pub(crate) peek: RawText,
    pub(crate) exit_tid: u32,
}

/// `enum ior_place`: which of the identities behind the header is which.
pub(crate) const FIRST: usize = 0;
pub(crate) const MADE: usize = 1;
pub(crate) const SECOND: usize = 2;
pub(crate) const PLACES: usize = 3;

/// `struct ior_roles`: how BPF reads the arguments of one system call.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Roles {
    /// The arguments that are descriptors, counted from 1; 0 means none.
    pub fd: [u8; 2],
    /// The arguments that are paths, counted from 1.
    pub path: [u8; 2],
    /// The argument that points to a block, counted from 1.
    pub peek: u8,
    /// The argument that is the number of the new descriptor. The call closes a file that has this number.
    pub replaces: u8,
    /// `enum ior_role_flags`.
    pub flags: u16,
    /// The size of the block in bytes.
    pub peek_size: u16,
    /// Zeroes: the elements of an array map begin at multiples of 8 bytes.
    pub reserved: [u16; 3],
}

impl Roles {
    /// The result is a descriptor.
    pub const RETURNS_FD: u16 = 1 << 0;
    /// The block is filled in by the call.
    pub const PEEK_AT_EXIT: u16 = 1 << 1;
    /// The block is a `struct file_handle`.
    pub const PEEK_COUNTED: u16 = 1 << 2;
    /// The path is filled in by the call.
    pub const PATH_AT_EXIT: u16 = 1 << 3;
    /// When the call has succeeded, the address belongs to another program.
    pub const REPLACES_MEMORY: u16 = 1 << 4;
    /// The block is two descriptors that the call made.
    pub const MAKES_PAIR: u16 = 1 << 5;
    /// The call closes all descriptors from the first argument to the second.
    pub const CLOSES_RANGE: u16 = 1 << 6;
    /// The call is not asked for: it leaves no record.
    pub const LEFT_OUT: u16 = 1 << 7;

    /// Those of a call that is not asked for.
    pub fn left_out() -> Self {
        Self { flags: Self::LEFT_OUT, ..Self::default() }
    }
}

/// `IOR_BLOCKS`: how many blocks of a call are read at most.
pub(crate) const BLOCKS: usize = 6;

/// `struct ior_blocks`: what the arguments of one system call lead to.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Blocks {
    /// The blocks; the `arg` of those that there are not is 0.
    pub block: [RawBlock; BLOCKS],
}

/// `struct ior_block`: one block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct RawBlock {
    /// The argument that leads to it, counted from 1.
    pub arg: u8,
    /// `enum ior_block_size`.
    pub how: u8,
    /// The argument that counts, counted from 1; 0 means none.
    pub count: u8,
    /// `enum ior_block_flags`.
    pub flags: u8,
    /// The size of one element in bytes.
    pub size: u32,
    /// The bits of the argument `when` that count.
    pub mask: u32,
    /// The argument that says whether there is a block, counted from 1; 0 if there always is.
    pub when: u8,
    /// How far the argument that counts is shifted; where in the block its size is; from 1, where the address of a string is; or where that of
    /// an array is.
    pub detail: u8,
    /// The least value of that argument with which there is a block; without such an argument, what is added to the count first.
    pub base: u16,
    /// All of them, by bits from the least one on.
    pub values: u64,
}

impl RawBlock {
    /// One element.
    pub const FIXED: u8 = 0;
    /// As many elements as an argument says.
    pub const COUNTED: u8 = 1;
    /// As many elements as the result says, but no more than an argument.
    pub const MOVED: u8 = 2;
    /// As many elements as the 32-bit word says that an argument points to.
    pub const POINTED: u8 = 3;
    /// An array of `struct iovec`, and its segments.
    pub const VECTOR: u8 = 4;
    /// An array of pointers to strings, and the strings.
    pub const STRINGS: u8 = 5;
    /// A string.
    pub const STRING: u8 = 6;
    /// Words of 64 bits, of which an argument counts the bits.
    pub const BITS: u8 = 7;
    /// As many bytes as an argument says, of which as many as the size are read.
    pub const SIZED: u8 = 8;
    /// A `struct msghdr`, and what it leads to.
    pub const MESSAGE: u8 = 9;
    /// An array of `struct mmsghdr`, and what they lead to.
    pub const MESSAGES: u8 = 10;
    /// An array of pointers to blocks of the size.
    pub const POINTERS: u8 = 11;
    /// As many bytes as a word of the block says.
    pub const OWN: u8 = 12;
    /// As many elements as there are groups in what an argument says.
    pub const GROUPS: u8 = 13;
    /// An array whose address is in a struct, of which an argument says how large it is, if there is one.
    pub const WITHIN: u8 = 14;
    /// The call reads it.
    pub const IN: u8 = 1 << 0;
    /// The call fills it in.
    pub const OUT: u8 = 1 << 1;
    /// The argument that counts has 32 bits.
    pub const INT: u8 = 1 << 3;
    /// Of what cannot be read in whole, the first bytes are.
    pub const HEAD: u8 = 1 << 4;
    /// All of it is read, whatever the watch asks for.
    pub const WHOLE: u8 = 1 << 2;
    /// `IOR_BLOCK_NETLINK`.
    pub const NETLINK: u8 = 1 << 5;
    /// `IOR_BLOCK_PART`.
    pub const PART: u8 = 1 << 6;
}

/// `struct ior_filter`: what the filter map holds for a process.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Filter {
    /// The slot of the watch.
    pub watch: u32,
    /// 1 when the process's last thread has exited.
    pub gone: u32,
    /// The id of the watch.
    pub id: u64,
}

/// `struct ior_watch`: a watch, with the counts of its calls.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Watch {
    /// The id that its records carry.
    pub id: u64,
    /// Calls entered.
    pub seen: u64,
    /// Calls whose record is in the ring.
    pub emitted: u64,
    /// Calls for which the ring had no room.
    pub refused: u64,
    /// End records in the ring.
    pub ends: u64,
    /// Exits without an enter.
    pub strays: u64,
    /// [`Watch::FOLLOW`].
    pub flags: u64,
    /// Descendants that were watched from their first call on.
    pub followed: u64,
    /// Records of submitted requests in the ring.
    pub submitted: u64,
    /// Records of names and of closed files in the ring.
    pub told: u64,
    /// Records of names and of closed files for which the ring had no room.
    pub untold: u64,
    /// Requests for which there was no room beside those in flight.
    pub crowded: u64,
    /// The reader has found nothing for a while: the next record wakes it.
    pub asleep: u64,
    /// Calls that are not asked for.
    pub left_out: u64,
    /// 1 if the kernel runs the programs with migration disabled, and not preemption.
    pub movable: u64,
}

impl Watch {
    /// Watch what the process forks, too.
    pub const FOLLOW: u64 = 1 << 0;
    /// Do not watch who becomes a program with other rights than its caller.
    pub const HIDE: u64 = 1 << 1;
    /// Do not read the clock: the times of its calls are 0.
    pub const UNTIMED: u64 = 1 << 2;
    /// How many bytes or elements of data are wanted is in the bits from here on; 0 is none.
    pub const DATA_SHIFT: u32 = 32;
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<RawIdentity>() == 32);
    assert!(size_of::<RawText>() == 4);
    assert!(size_of::<RecordHeader>() == 152);
    assert!(offset_of!(RecordHeader, args) == 40);
    assert!(offset_of!(RecordHeader, pid) == 104);
    assert!(offset_of!(RecordHeader, comm) == 120);
    assert!(offset_of!(RecordHeader, path) == 136);
    assert!(offset_of!(RecordHeader, peek) == 144);
    assert!(offset_of!(RecordHeader, exit_tid) == 148);
    assert!(size_of::<Roles>() == 16);
    assert!(size_of::<RawBlock>() == 24);
    assert!(size_of::<Blocks>() == 144);
    assert!(size_of::<Filter>() == 16);
    assert!(size_of::<Watch>() == 120);
};
