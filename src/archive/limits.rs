//! How much an archive may hold. The limits bound the memory that a bad archive can take.

use crate::trace::call::{Call, Deed, Files, Text};

/// The most bytes that a frame may unpack to: about four million calls.
pub const UNPACKED: u64 = 1 << 30;
/// The most bytes that one value, the header or a call, may have.
pub const VALUE: usize = 4 << 20;
/// The most bytes that the calls may take in memory: twice their unpacked size. Real calls take less.
pub const HELD: u64 = 2 << 30;
/// The largest window of a frame, as a power of 2. Level 3, at which we write, uses 21.
pub const WINDOW_LOG: u32 = 23;
/// How deep values may nest.
pub const DEPTH: usize = 64;
/// How many bytes are read at a time.
pub const BUFFER: usize = 64 << 10;

/// How many bytes this many packed bytes may unpack to, so that a small file cannot claim to be huge. Packed calls have a few
/// hundredths of their size, equal calls a ten-thousandth.
pub fn unpacked_of(packed: u64) -> u64 {
    (64_u64 << 20).saturating_add(packed.saturating_mul(10_000)).min(UNPACKED)
}

/// How many bytes a call takes in memory.
pub fn held(call: &Call) -> u64 {
    let Files { path, path2, closes, made_path, cwd, kinds: _, made: _, disagreements } = &call.files;
    let texts = call.texts.iter().map(|text| match text {
        Text::Read { bytes, .. } => bytes.len(),
        Text::Unreadable(_) => 0,
    });
    let optional = [&call.peek, path, path2, made_path, cwd].into_iter().flatten().map(Vec::len);
    let closes = closes.iter().map(|path| size_of::<Vec<u8>>() + path.len());
    let elsewhere: usize = texts.chain(optional).chain(closes).sum();
    let said = size_of_val(disagreements.as_slice());
    (size_of::<Call>() + size_of::<Deed>() + said + elsewhere) as u64
}
