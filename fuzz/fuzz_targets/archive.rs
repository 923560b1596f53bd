//! Whatever the bytes, reading an archive does not panic, and what could be read survives being written.
#![no_main]

use ior_it::support::archive::{BadArchive, decode, difference, encode};
use ior_it::support::trace::show;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // No fuzzer finds a checksum: these are the values of a frame that is whole.
    if let Ok(framed) = frame(bytes) {
        check(&framed);
    }
});

fn frame(values: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut frame = zstd::bulk::Compressor::new(1)?;
    frame.include_checksum(true)?;
    frame.compress(values)
}

fn check(bytes: &[u8]) {
    let Ok(archive) = decode(bytes) else { return };
    let _ = (archive.headline(), show::trace(&archive.observed.trace, true), archive.observed.trace.losses());
    match encode(&archive) {
        Ok(again) => assert_eq!(decode(&again).map(|again| difference(&archive, &again)), Ok(None)),
        Err(bad) => assert!(matches!(bad, BadArchive::TooLarge(..)), "{bad}"),
    }
}
