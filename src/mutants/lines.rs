//! The source lines of an object's instructions, from its .BTF and .BTF.ext (Documentation/bpf/btf.rst of the kernel).
//!
//! No I/O. A damaged section has no lines.

use std::collections::BTreeMap;

/// A place in the source. The lines of an inlined function are those where it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceLine {
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line, from 1; 0 stands for code that no line has.
    pub line: u32,
    /// The column, from 1; 0 is unknown.
    pub column: u32,
    /// The text of the line, without what is around it.
    pub text: String,
}

/// The lines of each code section, by the offset in bytes from which they hold.
#[derive(Clone, Debug, Default)]
pub struct Lines(BTreeMap<String, BTreeMap<usize, SourceLine>>);

/// The column is in the lower bits of `line_col`.
const COLUMN_BITS: u32 = 10;

impl Lines {
    /// Of the contents of the two sections.
    pub fn parse(btf: &[u8], ext: &[u8]) -> Self {
        parse(btf, ext).unwrap_or_default()
    }

    /// The line of an instruction.
    pub fn at(&self, section: &str, offset: usize) -> Option<&SourceLine> {
        self.0.get(section)?.range(..=offset).next_back().map(|(_, line)| line)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The header of .BTF.ext has the places of its three parts after itself.
fn parse(btf: &[u8], ext: &[u8]) -> Option<Lines> {
    let strings = btf.get((word(btf, 4)?.checked_add(word(btf, 16)?)?) as usize..)?;
    let begin = word(ext, 4)?.checked_add(word(ext, 16)?)? as usize;
    let part = ext.get(begin..begin.checked_add(word(ext, 20)? as usize)?)?;
    let size = word(part, 0)? as usize;
    let (mut lines, mut at) = (Lines::default(), 4);
    while size >= 16 && at < part.len() {
        let section = string(strings, word(part, at)?)?;
        let count = word(part, at + 4)? as usize;
        at += 8;
        let of_section = lines.0.entry(section).or_default();
        for _ in 0..count {
            let record = part.get(at..at + size)?;
            of_section.insert(word(record, 0)? as usize, line(strings, record)?);
            at += size;
        }
    }
    Some(lines)
}

fn line(strings: &[u8], record: &[u8]) -> Option<SourceLine> {
    let at = word(record, 12)?;
    Some(SourceLine {
        file: string(strings, word(record, 4)?)?,
        line: at >> COLUMN_BITS,
        column: at & ((1 << COLUMN_BITS) - 1),
        text: string(strings, word(record, 8)?)?.trim().to_owned(),
    })
}

fn string(strings: &[u8], at: u32) -> Option<String> {
    let bytes = strings.get(at as usize..)?.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Two lines in the section `s`, at 0 and 24, of the file `f`.
    fn sections() -> (Vec<u8>, Vec<u8>) {
        let mut btf = words(&[0, 24, 0, 0, 0, 16]);
        btf.extend(b"\0s\0f\0\ta = 1;\0b\0");
        let ext = words(&[0, 32, 0, 0, 0, 44, 0, 0]);
        let records = [16, 1, 2, 0, 3, 5, 7 << 10 | 2, 24, 3, 13, 9 << 10];
        (btf, [ext, words(&records)].concat())
    }

    #[test]
    fn a_line_holds_until_the_next() {
        let (btf, ext) = sections();
        let lines = Lines::parse(&btf, &ext);
        let at = |offset| lines.at("s", offset).map(|line| (line.line, line.column, line.text.as_str()));
        assert_eq!(at(0), Some((7, 2, "a = 1;")));
        assert_eq!(at(16), Some((7, 2, "a = 1;")));
        assert_eq!(at(24), Some((9, 0, "b")));
        assert_eq!(lines.at("other", 0), None);
    }

    #[test]
    fn damaged_sections_have_no_lines() {
        let (btf, ext) = sections();
        for length in 0..ext.len() {
            assert!(Lines::parse(&btf, &ext[..length]).is_empty());
        }
        assert!(Lines::parse(&[], &ext).is_empty());
    }
}
