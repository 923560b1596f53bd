//! What one kernel's guest says: lines for the user, and files.

use std::path::{Component, Path, PathBuf};

use super::SentFile;
use crate::base::escape;
use crate::base::tell::StandardStream;
use crate::kernels::frames::GuestFrame;

/// What was heard so far.
#[derive(Debug, Default)]
pub struct HeardGuest {
    /// The release of the kernel, once it is known.
    pub release: Option<String>,
    /// The files that came.
    pub files: Vec<SentFile>,
    /// Whether each line is to have the release before it: other kernels say theirs at the same time.
    is_one_of_many: bool,
    lines: [Vec<u8>; 2],
}

impl HeardGuest {
    /// Nothing yet.
    pub fn new(is_one_of_many: bool) -> Self {
        Self { is_one_of_many, ..Self::default() }
    }

    /// Takes a frame: prints it or keeps it.
    pub fn hear(&mut self, frame: GuestFrame) {
        match frame {
            GuestFrame::Hello(release) => self.release = Some(escape::line(&release).into_owned()),
            GuestFrame::Output(bytes) => self.print(StandardStream::Out, 0, bytes),
            GuestFrame::ErrorOutput(bytes) => self.print(StandardStream::Error, 1, bytes),
            GuestFrame::FileBegins(path) => {
                let name = PathBuf::from(String::from_utf8_lossy(&path).into_owned());
                self.files.push(SentFile { name, bytes: Vec::new() });
            }
            GuestFrame::FileBytes(bytes) => {
                if let Some(file) = self.files.last_mut() {
                    file.bytes.extend(bytes);
                }
            }
            GuestFrame::Exit(_) => {}
        }
    }

    fn print(&mut self, stream: StandardStream, which: usize, bytes: Vec<u8>) {
        if !self.is_one_of_many {
            stream.raw(&String::from_utf8_lossy(&bytes));
            return;
        }
        let line = &mut self.lines[which];
        line.extend(bytes);
        let Some(end) = line.iter().rposition(|&byte| byte == b'\n') else { return };
        let whole: Vec<u8> = line.drain(..=end).collect();
        let release = self.release.as_deref().unwrap_or_default();
        let named: String =
            String::from_utf8_lossy(&whole).lines().map(|line| format!("{release}: {line}\n")).collect();
        stream.raw(&named);
    }
}

/// The names of the files below a folder that came, each relative to that folder. A name that leads out of it is none.
pub fn below<'f>(files: &'f [SentFile], folder: &'f str) -> impl Iterator<Item = (&'f Path, &'f [u8])> {
    let is_inside = |name: &Path| name.components().all(|part| matches!(part, Component::Normal(_)));
    files.iter().filter_map(move |file| {
        let name = file.name.strip_prefix(folder).ok()?;
        is_inside(name).then_some((name, file.bytes.as_slice()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_writes_no_file_outside() {
        let file = |name: &str| SentFile { name: name.into(), bytes: vec![1] };
        let files = ["archive/a", "archive/../b", "state/c", "/archive/d", "archive/e/f"].map(file);
        let names: Vec<&Path> = below(&files, "archive").map(|(name, _)| name).collect();
        assert_eq!(names, [Path::new("a"), Path::new("e/f")]);
    }

    #[test]
    fn a_file_comes_in_pieces() {
        let mut heard = HeardGuest::new(false);
        let frames = [
            GuestFrame::FileBytes(vec![9]),
            GuestFrame::FileBegins(b"a".to_vec()),
            GuestFrame::FileBytes(vec![1]),
            GuestFrame::FileBytes(vec![2]),
        ];
        frames.into_iter().for_each(|frame| heard.hear(frame));
        heard.hear(GuestFrame::Hello("6.1\u{1b}".to_owned()));
        assert_eq!(heard.files, [SentFile { name: "a".into(), bytes: vec![1, 2] }]);
        assert_eq!(heard.release.as_deref(), Some("6.1\\u{1b}"));
    }
}
