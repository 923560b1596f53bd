//! What comes from outside (paths, names, archives, messages of libraries), as a terminal may show it.
//!
//! No I/O. What a terminal or a reader would take for something else is written as an escape, as Rust and strace write it:
//! control characters (ESC, and those of C1), line breaks, and the characters that change the direction of writing or are not
//! seen. Bytes that are no UTF-8 become `\xff`. Printable text in any script stays. Escaping twice is escaping once.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// A text on one line.
pub fn line(text: &(impl AsRef<OsStr> + ?Sized)) -> String {
    let mut shown = String::new();
    for chunk in text.as_ref().as_bytes().utf8_chunks() {
        for one in chunk.valid().chars() {
            if is_plain(one) { shown.push(one) } else { shown.extend(one.escape_default()) }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A text of several lines, which are ours: each is escaped by itself.
pub fn lines(text: &(impl AsRef<OsStr> + ?Sized)) -> String {
    let each: Vec<String> =
        text.as_ref().as_bytes().split(|&byte| byte == b'\n').map(|one| line(OsStr::from_bytes(one))).collect();
    each.join("\n")
}

/// Neither a control character (C0, DEL, C1) nor a format character that is not seen or moves others (UAX #9, UTR #36).
fn is_plain(one: char) -> bool {
    let unseen = matches!(one,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !one.is_control() && !unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let rows: [(&[u8], &str); 10] = [
            (b"dup-basic", "dup-basic"),
            ("naïve 日本 e\u{301} \"quoted\" C:\\x".as_bytes(), "naïve 日本 e\u{301} \"quoted\" C:\\x"),
            (b"\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            (b"\x1b]52;c;aGk=\x1b\\", "\\u{1b}]52;c;aGk=\\u{1b}\\"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"a\ntest result: ok\r\t", "a\\ntest result: ok\\r\\t"),
            ("\u{202e}txt\u{2066}".as_bytes(), "\\u{202e}txt\\u{2066}"),
            ("\u{200b}\u{feff}\u{e0041}".as_bytes(), "\\u{200b}\\u{feff}\\u{e0041}"),
            (b"caf\xe9 \x9b\xff", "caf\\xe9 \\x9b\\xff"),
            (b"\x7f\0", "\\u{7f}\\u{0}"),
        ];
        for (bytes, shown) in rows {
            assert_eq!(line(OsStr::from_bytes(bytes)), shown);
            assert_eq!(line(shown), shown, "escaping twice is escaping once");
        }
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(lines("a\n\n \x1b b\n"), "a\n\n \\u{1b} b\n");
    }
}
