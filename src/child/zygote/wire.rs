//! The messages between `ior-it` and the zygote on a lane, one in each packet.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The largest reply in bytes.
pub const REPLY_SIZE: usize = 5;
/// The largest request in bytes: a path fits.
pub const REQUEST_SIZE: usize = 5 + libc::PATH_MAX as usize;

/// A message to the zygote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToZygote {
    /// Fork a child for this scenario in this directory.
    Spawn { scenario: u32, workspace: Vec<u8> },
    /// Kill the child and its descendants.
    Kill,
    /// Send the child this signal.
    Signal { signal: i32 },
    /// The scenario is over: kill the processes that it has left.
    Done,
}

/// A message from the zygote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromZygote {
    /// The child runs.
    Spawned { pid: i32 },
    /// fork failed.
    NotSpawned { errno: i32 },
    /// The child has exited. It is reaped only after this message: until then no other process can have its pid.
    Exited { status: i32 },
    /// A signal ended the child; reaped as above.
    Signaled { signal: i32 },
}

impl ToZygote {
    /// The request for a child.
    pub fn spawn(scenario: usize, workspace: &Path) -> Self {
        Self::Spawn { scenario: scenario as u32, workspace: workspace.as_os_str().as_bytes().to_vec() }
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            ToZygote::Spawn { scenario, workspace } => [&[0], &scenario.to_ne_bytes()[..], workspace].concat(),
            ToZygote::Kill => vec![1],
            ToZygote::Done => vec![2],
            ToZygote::Signal { signal } => [&[3], &signal.to_ne_bytes()[..]].concat(),
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, rest) => {
                let (scenario, workspace) = rest.split_first_chunk()?;
                Some(ToZygote::Spawn { scenario: u32::from_ne_bytes(*scenario), workspace: workspace.to_vec() })
            }
            (1, []) => Some(ToZygote::Kill),
            (2, []) => Some(ToZygote::Done),
            (3, rest) => rest.try_into().ok().map(|signal| ToZygote::Signal { signal: i32::from_ne_bytes(signal) }),
            _ => None,
        }
    }
}

impl FromZygote {
    pub fn encode(self) -> [u8; REPLY_SIZE] {
        let (tag, value) = match self {
            FromZygote::Spawned { pid } => (0, pid),
            FromZygote::NotSpawned { errno } => (1, errno),
            FromZygote::Exited { status } => (2, status),
            FromZygote::Signaled { signal } => (3, signal),
        };
        let [a, b, c, d] = value.to_ne_bytes();
        [tag, a, b, c, d]
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, value) = bytes.split_first()?;
        let value = i32::from_ne_bytes(value.try_into().ok()?);
        match tag {
            0 => Some(FromZygote::Spawned { pid: value }),
            1 => Some(FromZygote::NotSpawned { errno: value }),
            2 => Some(FromZygote::Exited { status: value }),
            3 => Some(FromZygote::Signaled { signal: value }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        let requests = [
            ToZygote::Spawn { scenario: 7, workspace: b"/tmp/x".to_vec() },
            ToZygote::Kill,
            ToZygote::Done,
            ToZygote::Signal { signal: -15 },
        ];
        for request in requests {
            assert_eq!(ToZygote::decode(&request.encode()), Some(request));
        }
        let replies = [
            FromZygote::Spawned { pid: 7 },
            FromZygote::NotSpawned { errno: 11 },
            FromZygote::Exited { status: -1 },
            FromZygote::Signaled { signal: 9 },
        ];
        for reply in replies {
            assert_eq!(FromZygote::decode(&reply.encode()), Some(reply));
        }
        assert_eq!(FromZygote::decode(&[]), None);
        assert_eq!(ToZygote::decode(&[9]), None);
    }
}
