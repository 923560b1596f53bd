//! What the guest says: frames of bytes, on a port of its own. No I/O.

/// The most bytes of one frame. More is no frame: something else has written to the port.
const LARGEST: usize = 1 << 20;
/// The length of what is before the bytes: the kind, and how many there are.
const HEAD: usize = 5;

/// What the guest says, in the order in which it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestFrame {
    /// It runs, on the kernel of this release.
    Hello(String),
    /// Standard output of what it runs.
    Output(Vec<u8>),
    /// Standard error output of what it runs.
    ErrorOutput(Vec<u8>),
    /// A file begins, by its path below the folder that is sent back.
    FileBegins(Vec<u8>),
    /// More of the file that began last.
    FileBytes(Vec<u8>),
    /// What it ran has ended with this exit code, and no frame follows.
    Exit(u8),
}

impl GuestFrame {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Hello(release) => (b'H', release.as_bytes()),
            Self::Output(bytes) => (b'O', bytes),
            Self::ErrorOutput(bytes) => (b'E', bytes),
            Self::FileBegins(path) => (b'N', path),
            Self::FileBytes(bytes) => (b'B', bytes),
            Self::Exit(code) => (b'X', std::slice::from_ref(code)),
        }
    }

    fn of(kind: u8, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            b'H' => Self::Hello(String::from_utf8_lossy(bytes).into_owned()),
            b'O' => Self::Output(bytes.to_vec()),
            b'E' => Self::ErrorOutput(bytes.to_vec()),
            b'N' => Self::FileBegins(bytes.to_vec()),
            b'B' => Self::FileBytes(bytes.to_vec()),
            b'X' => Self::Exit(*bytes.first()?),
            _ => return None,
        })
    }

    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, bytes) = self.parts();
        let mut encoded = vec![kind];
        encoded.extend((bytes.len() as u32).to_le_bytes());
        encoded.extend(bytes);
        encoded
    }
}

/// Bytes that came, of which whole frames are taken.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one; `Err` if the bytes are none.
    pub fn next(&mut self) -> Result<Option<GuestFrame>, ()> {
        let Some((&[kind, a, b, c, d], rest)) = self.bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LARGEST {
            return Err(());
        }
        let Some(bytes) = rest.get(..length) else { return Ok(None) };
        let frame = GuestFrame::of(kind, bytes).ok_or(())?;
        self.bytes.drain(..HEAD + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_way_in_any_pieces() {
        let frames = [
            GuestFrame::Hello("6.1.0".to_owned()),
            GuestFrame::Output(b"a\n".to_vec()),
            GuestFrame::ErrorOutput(Vec::new()),
            GuestFrame::FileBegins(b"a/b".to_vec()),
            GuestFrame::FileBytes(vec![0, 255]),
            GuestFrame::Exit(101),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(GuestFrame::encode).collect();
        for piece in [1, 3, bytes.len()] {
            let (mut reader, mut read) = (FrameReader::default(), Vec::new());
            for bytes in bytes.chunks(piece) {
                reader.add(bytes);
                while let Some(frame) = reader.next().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames);
        }
    }

    #[test]
    fn other_bytes_are_no_frames() {
        for bytes in [&b"Linux version"[..], &[b'Z', 0, 0, 0, 0], &[b'X', 0, 0, 0, 0]] {
            let mut reader = FrameReader::default();
            reader.add(bytes);
            assert_eq!(reader.next(), Err(()), "{bytes:?}");
        }
    }
}
