//! What `ior-it` and the zygote say to each other on a lane: one packet, one message.

/// The largest reply in bytes.
pub const REPLY_SIZE: usize = 5;
/// The largest request in bytes: a path fits.
pub const REQUEST_SIZE: usize = 5 + libc::PATH_MAX as usize;

/// Said to the zygote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fork a child for this scenario in this directory.
    Spawn { scenario: u32, workspace: Vec<u8> },
    /// Kill the child and its descendants.
    Kill,
    /// Send the child this signal.
    Signal { signal: i32 },
    /// The scenario is over: kill what it left behind.
    Done,
}

/// Said by the zygote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The child runs.
    Spawned { pid: i32 },
    /// fork failed.
    NotSpawned { errno: i32 },
    /// The child exited. It is reaped right after this is said, and not before: until then its pid is its own.
    Exited { status: i32 },
    /// A signal ended the child; reaped as above.
    Signaled { signal: i32 },
}

impl Request {
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Request::Spawn { scenario, workspace } => [&[0], &scenario.to_ne_bytes()[..], workspace].concat(),
            Request::Kill => vec![1],
            Request::Done => vec![2],
            Request::Signal { signal } => [&[3], &signal.to_ne_bytes()[..]].concat(),
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, rest) => {
                let (scenario, workspace) = rest.split_first_chunk()?;
                Some(Request::Spawn { scenario: u32::from_ne_bytes(*scenario), workspace: workspace.to_vec() })
            }
            (1, []) => Some(Request::Kill),
            (2, []) => Some(Request::Done),
            (3, rest) => rest.try_into().ok().map(|signal| Request::Signal { signal: i32::from_ne_bytes(signal) }),
            _ => None,
        }
    }
}

impl Reply {
    pub fn encode(self) -> [u8; REPLY_SIZE] {
        let (tag, value) = match self {
            Reply::Spawned { pid } => (0, pid),
            Reply::NotSpawned { errno } => (1, errno),
            Reply::Exited { status } => (2, status),
            Reply::Signaled { signal } => (3, signal),
        };
        let [a, b, c, d] = value.to_ne_bytes();
        [tag, a, b, c, d]
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, value) = bytes.split_first()?;
        let value = i32::from_ne_bytes(value.try_into().ok()?);
        match tag {
            0 => Some(Reply::Spawned { pid: value }),
            1 => Some(Reply::NotSpawned { errno: value }),
            2 => Some(Reply::Exited { status: value }),
            3 => Some(Reply::Signaled { signal: value }),
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
            Request::Spawn { scenario: 7, workspace: b"/tmp/x".to_vec() },
            Request::Kill,
            Request::Done,
            Request::Signal { signal: -15 },
        ];
        for request in requests {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let replies = [
            Reply::Spawned { pid: 7 },
            Reply::NotSpawned { errno: 11 },
            Reply::Exited { status: -1 },
            Reply::Signaled { signal: 9 },
        ];
        for reply in replies {
            assert_eq!(Reply::decode(&reply.encode()), Some(reply));
        }
        assert_eq!(Reply::decode(&[]), None);
        assert_eq!(Request::decode(&[9]), None);
    }
}
