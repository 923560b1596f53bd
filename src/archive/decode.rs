//! Reads the values of an archive one after the other, and keeps only what its caller asks for.

use std::io::{self, BufRead, Read};

use rmp_serde::decode::Error;
use serde::de::DeserializeOwned;
use zstd::zstd_safe::get_frame_content_size;

use super::header::{Opening, ReadHeader};
use super::{BadArchive, FORMAT, Position, VERSION, limits};
use crate::base::error::Cause;
use crate::trace::call::Call;

/// The first bytes of a zstd frame, and the length of its longest header (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LONGEST_HEADER: usize = 18;
/// The bit of the frame's descriptor that announces a checksum.
const HAS_CHECKSUM: u8 = 1 << 2;

/// Reads an archive to its end and hands each call to `each`. The archive is undamaged if this returns `Ok`.
pub fn read(source: impl BufRead, mut each: impl FnMut(Call)) -> Result<ReadHeader, BadArchive> {
    let mut values = Values::over(source)?;
    let header = values.header()?;
    let count: u64 = values.next(Position::Count)?;
    let mut held = 0;
    for at in 1..=count {
        let call: Call = values.next(Position::Call(at, count))?;
        held += limits::held(&call);
        if held > limits::HELD {
            return Err(BadArchive::TooLarge("the trace in memory", limits::HELD));
        }
        each(call);
    }
    values.end(count)?;
    Ok(header)
}

/// The values of an archive.
struct Values<R: BufRead> {
    frame: Frame<R>,
    /// Unpacked bytes. From `at` on they hold at least one value of the largest size, unless the frame ends earlier.
    window: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Values<R> {
    fn over(mut source: R) -> Result<Self, BadArchive> {
        check_frame(source.fill_buf().map_err(refused)?)?;
        let packed = Packed { source, taken: 0 };
        let mut unpacked = zstd::Decoder::with_buffer(packed).map_err(refused)?.single_frame();
        unpacked.window_log_max(limits::WINDOW_LOG).map_err(refused)?;
        Ok(Self { frame: Frame { unpacked, size: 0, over: false }, window: Vec::new(), at: 0 })
    }

    /// The header. Its format, version and architecture are checked before anything else is read.
    fn header(&mut self) -> Result<ReadHeader, BadArchive> {
        let begin = self.at;
        let opening: Opening = self.next(Position::Header).map_err(|bad| match bad {
            BadArchive::Contents(..) => BadArchive::NotIor,
            other => other,
        })?;
        match opening {
            Opening { format, .. } if format != FORMAT => Err(BadArchive::NotIor),
            Opening { version, .. } if version != VERSION => Err(BadArchive::Version(version)),
            Opening { architecture: Some(name), .. } if name != std::env::consts::ARCH => {
                Err(BadArchive::Architecture(name))
            }
            Opening { .. } => {
                self.at = begin;
                self.next(Position::Header)
            }
        }
    }

    fn next<T: DeserializeOwned>(&mut self, place: Position) -> Result<T, BadArchive> {
        if self.window.len() - self.at < limits::VALUE && !self.frame.over {
            self.window.drain(..self.at);
            self.at = 0;
            self.frame.fill(&mut self.window)?;
        }
        let rest = &self.window[self.at..];
        let rest = &rest[..rest.len().min(limits::VALUE)];
        let mut decoder = rmp_serde::Deserializer::new(rest);
        decoder.set_max_depth(limits::DEPTH);
        match T::deserialize(&mut decoder) {
            Ok(value) => {
                self.at += rest.len() - decoder.get_ref().len();
                Ok(value)
            }
            Err(error) if !is_end(&error) => Err(BadArchive::Contents(place, error.to_string())),
            Err(_) if rest.len() == limits::VALUE => Err(BadArchive::TooLarge("a value in it", limits::VALUE as u64)),
            Err(_) => Err(BadArchive::Contents(place, "the data ends here".to_owned())),
        }
    }

    /// Checks that nothing follows, neither in the frame nor after it.
    fn end(mut self, calls: u64) -> Result<(), BadArchive> {
        self.window.drain(..self.at);
        // Reads up to the checksum at the frame's end.
        self.frame.fill(&mut self.window)?;
        if !self.window.is_empty() {
            return Err(BadArchive::MoreThan(calls));
        }
        match self.frame.unpacked.finish().fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(BadArchive::Trailing),
            Err(error) => Err(refused(error)),
        }
    }
}

fn is_end(error: &Error) -> bool {
    match error {
        Error::InvalidMarkerRead(error) | Error::InvalidDataRead(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        _ => false,
    }
}

/// Checks the head of a frame.
fn check_frame(start: &[u8]) -> Result<(), BadArchive> {
    let known = MAGIC.len().min(start.len());
    if start.is_empty() {
        return Err(BadArchive::Empty);
    }
    if start[..known] != MAGIC[..known] {
        return Err(BadArchive::NotZstd);
    }
    match get_frame_content_size(start) {
        Err(_) if start.len() < LONGEST_HEADER => Err(BadArchive::Truncated),
        Err(_) => Err(BadArchive::Damaged(Cause::new("its frame header makes no sense"))),
        Ok(None) => Err(BadArchive::Unprotected),
        Ok(Some(size)) if size > limits::UNPACKED => {
            Err(BadArchive::TooLarge("its unpacked content", limits::UNPACKED))
        }
        Ok(Some(_)) if start[MAGIC.len()] & HAS_CHECKSUM == 0 => Err(BadArchive::Unprotected),
        Ok(Some(_)) => Ok(()),
    }
}

/// The source, and how many bytes have been read from it.
struct Packed<R> {
    source: R,
    taken: u64,
}

impl<R: BufRead> Read for Packed<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(to)?;
        self.taken += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Packed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount as u64;
        self.source.consume(amount);
    }
}

/// The frame while it is unpacked.
struct Frame<R: BufRead> {
    unpacked: zstd::Decoder<'static, Packed<R>>,
    /// How many bytes it has unpacked to so far.
    size: u64,
    /// Whether all is unpacked and the checksum is right.
    over: bool,
}

impl<R: BufRead> Frame<R> {
    /// Unpacks until the window holds two values of the largest size, or the frame ends.
    fn fill(&mut self, window: &mut Vec<u8>) -> Result<(), BadArchive> {
        while window.len() < 2 * limits::VALUE && !self.over {
            let begin = window.len();
            window.resize(begin + limits::BUFFER, 0);
            let read = self.unpacked.read(&mut window[begin..]).map_err(refused)?;
            window.truncate(begin + read);
            self.over = read == 0;
            self.size += read as u64;
            let most = limits::unpacked_of(self.unpacked.get_ref().taken);
            if self.size > most {
                return Err(BadArchive::TooLarge("its unpacked content", most));
            }
        }
        Ok(())
    }
}

fn refused(error: io::Error) -> BadArchive {
    match (error.kind(), error.raw_os_error()) {
        (_, Some(_)) => BadArchive::Unreadable(Cause::new(error)),
        (io::ErrorKind::UnexpectedEof, None) => BadArchive::Truncated,
        (_, None) => BadArchive::Damaged(Cause::new(error)),
    }
}
