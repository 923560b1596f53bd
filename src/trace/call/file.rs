//! The files of a call: the kernel's identities of them, and their names.
//!
//! No I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table::kind::Kind;
use crate::table::names;

/// The file of a descriptor, from the kernel's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// `s_dev`: major << 20 | minor.
    pub device: u32,
    /// The inode number.
    pub inode: u64,
    /// The type of its filesystem (`s_magic`, as in statfs(2)). Archives that lack it are read as 0.
    #[serde(default)]
    pub magic: u32,
    /// Type and permissions (inode(7)). Since Linux 6.16 an anonymous inode has the type of a regular file.
    pub mode: u16,
    /// Access mode and file status flags (fcntl(2), F_GETFL).
    pub flags: u32,
    /// Whether close-on-exec is set on the descriptor.
    pub cloexec: bool,
}

impl Identity {
    /// Whether both are descriptors of the same file.
    pub fn same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// The kind of the file, as far as the kernel's tables give it.
    pub fn kind(&self) -> Kind {
        Kind::of_inode(self.magic, self.mode)
    }

    /// Access mode and status flags. Without the flags that act only on the open itself (open(2), "file creation flags"), and
    /// those that are the kernel's own.
    pub fn status(&self) -> u32 {
        self.flags & names::STATUS_FLAGS
    }
}

/// The files of a call, by name. Paths inside the workspace are relative to it, others are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Files {
    /// The file of its path, or else of its descriptor.
    #[serde(with = "serde_bytes")]
    pub path: Option<Vec<u8>>,
    /// The file of its second path, or else of its second descriptor.
    #[serde(with = "serde_bytes")]
    pub path2: Option<Vec<u8>>,
    /// The files whose descriptors the call closed besides its own (close_range, dup2 over an open one), in the order of the
    /// numbers.
    #[serde(with = "byte_strings")]
    pub closes: Vec<Vec<u8>>,
    /// The file of the descriptor that the call returned.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub made_path: Option<Vec<u8>>,
    /// The working directory, where a path of the call begins there by `AT_FDCWD`, unless it is the workspace.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Vec<u8>>,
    /// The kinds of the files in [`super::Deed::fds`], where they are open.
    #[serde(default)]
    pub kinds: [Option<Kind>; 2],
    /// The kind of the file in [`super::Deed::made`].
    #[serde(default)]
    pub made: Option<Kind>,
    /// Where the kernel contradicts what follows from the call for a descriptor that it made.
    #[serde(default)]
    pub disagreements: Vec<Contradiction>,
}

/// A property of a new descriptor that the kernel reports differently from what follows from the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contradiction {
    /// The number of the descriptor.
    pub fd: i32,
    /// What follows from the call.
    #[serde(alias = "followed")]
    pub call: Attribute,
    /// What the kernel reports.
    pub kernel: Attribute,
}

/// A property of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// The kind of its file.
    Kind(Kind),
    /// Access mode and status flags ([`Identity::status`]).
    Status(u32),
    /// Whether close-on-exec is set.
    Cloexec(bool),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Kind(kind) => write!(f, "kind {}", kind.name()),
            Attribute::Status(flags) => write!(f, "status {}", names::STATUS.show((*flags).into())),
            Attribute::Cloexec(set) => write!(f, "cloexec {set}"),
        }
    }
}

/// Serializes a list of byte strings as byte strings, and not as lists of numbers.
mod byte_strings {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_bytes::{ByteBuf, Bytes};

    pub(super) fn serialize<S: Serializer>(list: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|bytes| Bytes::new(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Ok(Vec::<ByteBuf>::deserialize(from)?.into_iter().map(ByteBuf::into_vec).collect())
    }
}
