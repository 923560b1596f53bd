//! Writes the header, the number of calls and each call into one zstd frame.

use std::io::{self, Write};

use serde::Serialize;

use super::header::WrittenHeader;
use super::{Archive, BadArchive, Position, limits};
use crate::base::error::Cause;

/// zstd's default. The highest level makes an archive 5 % smaller and takes 30 times as long.
const LEVEL: i32 = 3;

/// The bytes of an archive. Refuses what [`super::decode()`] would refuse.
pub fn encode(archive: &Archive) -> Result<Vec<u8>, BadArchive> {
    // The first pass only counts. The frame's header has the unpacked size, and so nothing is held in memory twice.
    let mut unpacked = 0;
    values(archive, |bytes| {
        unpacked += bytes.len() as u64;
        Ok(())
    })?;
    let held: u64 = archive.observed.trace.calls.iter().map(limits::held).sum();
    if unpacked > limits::UNPACKED || held > limits::HELD {
        return Err(BadArchive::TooLarge("the trace", limits::UNPACKED));
    }
    let packed = pack(archive, unpacked)?;
    let most = limits::unpacked_of(packed.len() as u64);
    if unpacked > most { Err(BadArchive::TooLarge("the trace", most)) } else { Ok(packed) }
}

fn pack(archive: &Archive, unpacked: u64) -> Result<Vec<u8>, BadArchive> {
    let mut frame = zstd::Encoder::new(Vec::new(), LEVEL).map_err(unwritable)?;
    frame.include_checksum(true).and_then(|()| frame.set_pledged_src_size(Some(unpacked))).map_err(unwritable)?;
    values(archive, |bytes| frame.write_all(bytes))?;
    frame.finish().map_err(unwritable)
}

fn unwritable(error: io::Error) -> BadArchive {
    BadArchive::Damaged(Cause::new(error))
}

/// Hands the bytes of each value to `put`.
fn values(archive: &Archive, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), BadArchive> {
    let calls = &archive.observed.trace.calls;
    let count = calls.len() as u64;
    let mut buffer = Vec::new();
    let mut put = |buffer: &[u8]| put(buffer).map_err(unwritable);
    put(value(&mut buffer, Position::Header, &WrittenHeader::of(archive))?)?;
    put(value(&mut buffer, Position::Count, &count)?)?;
    for (at, call) in (1..).zip(calls) {
        put(value(&mut buffer, Position::Call(at, count), call)?)?;
    }
    Ok(())
}

fn value<'b>(buffer: &'b mut Vec<u8>, place: Position, value: &impl Serialize) -> Result<&'b [u8], BadArchive> {
    buffer.clear();
    rmp_serde::encode::write_named(buffer, value).map_err(|error| BadArchive::Contents(place, error.to_string()))?;
    match buffer.len() {
        0..=limits::VALUE => Ok(buffer),
        _ => Err(BadArchive::TooLarge("a call of the trace", limits::VALUE as u64)),
    }
}
