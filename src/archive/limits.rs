//! How much an archive may hold: what bounds the memory that a bad one can take.

use crate::trace::call::{Call, Deed, Files, Text};

/// The most bytes that a frame may unpack to: some four million calls.
pub const UNPACKED: u64 = 1 << 30;
/// The most bytes of one value: the header, or a call.
pub const VALUE: usize = 4 << 20;
/// The most bytes that the calls may take in memory: twice what they are unpacked, and honest ones take less.
pub const HELD: u64 = 2 << 30;
/// The largest window of the frame, as a power of 2. (Level 3, which we write with, uses 21.)
pub const WINDOW_LOG: u32 = 23;
/// The deepest nesting of values.
pub const DEPTH: usize = 64;
/// The bytes read at once.
pub const BUFFER: usize = 64 << 10;

/// The bytes that so many packed ones may unpack to: what is small cannot claim to be huge. Real calls pack to some
/// hundredths, equal ones to a ten-thousandth.
pub fn unpacked_of(packed: u64) -> u64 {
    (64_u64 << 20).saturating_add(packed.saturating_mul(10_000)).min(UNPACKED)
}

/// The bytes that a call takes in memory.
pub fn held(call: &Call) -> u64 {
    let Files { path, path2, closes, made_path, kinds: _, made: _, disagreements } = &call.files;
    let texts = call.texts.iter().map(|text| match text {
        Text::Read { bytes, .. } => bytes.len(),
        Text::Unreadable(_) => 0,
    });
    let optional = [&call.peek, path, path2, made_path].into_iter().flatten().map(Vec::len);
    let closes = closes.iter().map(|path| size_of::<Vec<u8>>() + path.len());
    let elsewhere: usize = texts.chain(optional).chain(closes).sum();
    let said = size_of_val(disagreements.as_slice());
    (size_of::<Call>() + size_of::<Deed>() + said + elsewhere) as u64
}
