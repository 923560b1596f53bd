//! What a call's pointers lead to.
//!
//! No I/O.

use serde::{Deserialize, Serialize};

use super::Call;

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

/// Bytes in the memory of the traced process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// They were read.
    Read(#[serde(with = "serde_bytes")] Vec<u8>),
    /// They could not be read: the errno.
    Unreadable(i32),
}

impl Call {
    /// The bytes that the argument of this index leads to, if all of them were read, or why not.
    pub fn bytes_at(&self, at: usize) -> Result<&[u8], String> {
        let found = self.data.iter().find(|data| usize::from(data.arg) == at && data.part == 0);
        let Some(Data { bytes, size, .. }) = found else { return Err("not read".to_owned()) };
        match bytes {
            Bytes::Read(bytes) if bytes.len() as u64 == *size => Ok(bytes),
            Bytes::Read(bytes) => Err(format!("{} of {size} bytes", bytes.len())),
            Bytes::Unreadable(_) => Err("unreadable".to_owned()),
        }
    }
}
