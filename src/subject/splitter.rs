//! Splits bytes into lines as they come, in bounded memory.
//!
//! No I/O.

/// The longest line. A call with two paths of PATH_MAX bytes, each byte as six characters, takes a twentieth of it.
pub const LONGEST: usize = 1 << 20;

/// The bytes since the last newline.
#[derive(Debug, Default)]
pub struct Splitter {
    begun: Vec<u8>,
    /// Whether the line is too long. The rest of it is dropped.
    too_long: bool,
}

impl Splitter {
    /// Adds bytes, and gives each line that ends in them, without its newline. `true` for a whole line: of a line that is too
    /// long, only the begin is given.
    pub fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8], bool)) {
        let mut parts = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.add(part);
            if parts.peek().is_some() {
                line(&self.begun, !self.too_long);
                self.begun.clear();
                self.too_long = false;
            }
        }
    }

    /// Ends the input: gives the last line, if it has no newline.
    pub fn end(&mut self, mut line: impl FnMut(&[u8], bool)) {
        if !self.begun.is_empty() {
            line(&self.begun, !self.too_long);
        }
        *self = Self::default();
    }

    fn add(&mut self, part: &[u8]) {
        let room = LONGEST - self.begun.len();
        self.too_long |= part.len() > room;
        self.begun.extend_from_slice(&part[..part.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for part in parts {
            splitter.push(part, |line, whole| lines.push((line.to_vec(), whole)));
        }
        splitter.end(|line, whole| lines.push((line.to_vec(), whole)));
        lines
    }

    #[test]
    fn lines_are_put_together_wherever_they_are_cut() {
        let whole = |line: &[u8]| (line.to_vec(), true);
        assert_eq!(lines(&[b"a", b"b\nc\n\nd"]), [whole(b"ab"), whole(b"c"), whole(b""), whole(b"d")]);
        assert_eq!(lines(&[b"a\n"]), [whole(b"a")]);
        assert_eq!(lines(&[]), []);
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_the_longest() {
        let mut splitter = Splitter::default();
        for _ in 0..64 {
            splitter.push(&[b'x'; 1 << 16], |_, _| panic!("no line has ended"));
        }
        assert!(splitter.begun.capacity() <= 2 * LONGEST);
        let mut found = Vec::new();
        splitter.push(b"\nnext\n", |line, whole| found.push((line.len(), whole)));
        assert_eq!(found, [(LONGEST, false), (4, true)]);
    }
}
