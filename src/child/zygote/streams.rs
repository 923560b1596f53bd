//! What a command writes to its standard streams: two pipes, and a thread that reads them while the command runs.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

/// The most bytes of a stream that are kept.
const MOST: usize = 64 << 20;

/// How many times a stream is read before the other one gets its turn. Together they hold the largest pipe (pipe(7), "pipe-max-size").
const TURN: usize = 16;

/// What was written to a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptStream {
    /// The first bytes, at most 64 MiB.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub is_cut: bool,
}

/// The two streams of a command that runs. Dropping it ends the thread.
#[derive(Debug)]
pub struct Streams {
    /// Closed to say that the command has ended.
    running: Option<OwnedFd>,
    reader: Option<JoinHandle<[KeptStream; 2]>>,
}

impl Streams {
    /// Makes the pipes and starts to read. Returns the ends to write to, standard output first.
    pub fn begin() -> io::Result<(Self, [OwnedFd; 2])> {
        let ((out, to_out), (error, to_error)) = (pipe2(OFlag::O_CLOEXEC)?, pipe2(OFlag::O_CLOEXEC)?);
        let (ended, running) = pipe2(OFlag::O_CLOEXEC)?;
        for stream in [&out, &error] {
            // A process that the command has left may write more: the last read must not wait for it.
            fcntl(stream, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let sources = [File::from(out), File::from(error)];
        let reader = std::thread::Builder::new().name("streams".to_owned()).spawn(move || read_all(sources, &ended))?;
        Ok((Self { running: Some(running), reader: Some(reader) }, [to_out, to_error]))
    }

    /// Takes what was written. The command must have ended.
    pub fn finish(mut self) -> [KeptStream; 2] {
        self.running = None;
        self.reader.take().and_then(|reader| reader.join().ok()).unwrap_or_default()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.running = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Reads until the command has ended, and then what is left.
fn read_all(sources: [File; 2], ended: &OwnedFd) -> [KeptStream; 2] {
    let mut kept = [KeptStream::default(), KeptStream::default()];
    let mut is_open = [true; 2];
    loop {
        let mut polled = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        polled.extend(
            sources
                .iter()
                .zip(is_open)
                .filter(|(_, open)| *open)
                .map(|(file, _)| PollFd::new(file.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return kept,
        }
        // Asked before the reads: what was written before the end is read.
        let is_over = polled[0].any() != Some(false);
        for ((source, kept), open) in sources.iter().zip(&mut kept).zip(&mut is_open) {
            *open = *open && kept.take_from(source);
        }
        if is_over {
            return kept;
        }
    }
}

impl KeptStream {
    /// Reads what is there now. False if no more can come.
    fn take_from(&mut self, mut source: &File) -> bool {
        let mut bytes = [0; 1 << 16];
        for _ in 0..TURN {
            match source.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => self.add(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = MOST - self.bytes.len();
        self.is_cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn both_streams_are_kept_and_a_process_that_stays_does_not_hold_the_end_up() {
        let (streams, [out, error]) = Streams::begin().unwrap();
        // More than a pipe holds: the reader takes it meanwhile.
        let long = vec![b'x'; 300_000];
        File::from(out).write_all(&long).unwrap();
        let mut stays = File::from(error);
        stays.write_all(b"word").unwrap();
        let [out, error] = streams.finish();
        assert_eq!((out.bytes.len(), out.is_cut), (long.len(), false));
        assert_eq!(error, KeptStream { bytes: b"word".to_vec(), is_cut: false });
        drop(stays);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut kept = KeptStream { bytes: vec![0; MOST - 1], is_cut: false };
        kept.add(b"a");
        assert!(!kept.is_cut);
        kept.add(b"b");
        assert!(kept.is_cut && kept.bytes.len() == MOST);
    }
}
