//! What a call's pointers lead to.
//!
//! No I/O.

use serde::{Deserialize, Serialize};

use crate::table::blocks::{self, MESSAGE_SIZE};

/// What a pointer among a call's arguments leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Data {
    /// The index of the argument.
    pub arg: u8,
    /// 0 is the block itself; the segments of a vector and the strings of a list count from 1.
    pub part: u16,
    /// The size of all of it, in bytes.
    pub size: u64,
    /// Its first bytes, or the errno if they could not be read.
    pub bytes: Bytes,
    /// Whether it was read only when the call ended. The process may have written there meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

impl Data {
    /// Its first bytes, if they were read.
    pub fn read(&self) -> Option<&[u8]> {
        match &self.bytes {
            Bytes::Read(bytes) => Some(bytes),
            Bytes::Unreadable(_) => None,
        }
    }

    /// How much room there was for the address of a message, if these are the headers as they were given (`part::GIVEN`).
    pub fn room_for_name(&self, at: usize) -> Option<u32> {
        let begin = at * MESSAGE_SIZE[1] + NAME_SIZE;
        self.read()?.get(begin..begin + 4).and_then(|size| blocks::number(size, false)).map(|size| size as u32)
    }
}

/// Where `msg_namelen` is in `struct msghdr` (recvmsg(2)).
const NAME_SIZE: usize = 8;

/// Bytes in the memory of the traced process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// They were read.
    Read(#[serde(with = "serde_bytes")] Vec<u8>),
    /// They could not be read: the errno.
    Unreadable(i32),
}
