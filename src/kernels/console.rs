//! What the kernel says on its console: the last lines, and whether one says that it is broken. No I/O.

use std::collections::VecDeque;

/// How many lines are kept.
const KEPT: usize = 40;
/// The longest line that is kept, in bytes.
const LONGEST: usize = 400;

/// How the kernel says that something is wrong with itself, the worst first (kernel/panic.c, arch/*/kernel/{traps,dumpstack}.c).
const FAULTS: [(&str, ConsoleFault); 9] = [
    ("Kernel panic - not syncing", ConsoleFault::Panic),
    ("Oops:", ConsoleFault::Oops),
    ("Internal error: Oops", ConsoleFault::Oops),
    ("kernel BUG at", ConsoleFault::Oops),
    ("BUG: ", ConsoleFault::Oops),
    ("general protection fault", ConsoleFault::Oops),
    ("double fault:", ConsoleFault::Oops),
    ("watchdog: BUG", ConsoleFault::Oops),
    ("rcu: INFO: rcu", ConsoleFault::Oops),
];

/// What a line of the console says of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsoleFault {
    /// An oops, a bug that the kernel noticed, or a CPU that is stuck.
    Oops,
    /// A panic: nothing runs any more.
    Panic,
}

/// The console so far.
#[derive(Debug, Default)]
pub struct Console {
    line: Vec<u8>,
    lines: VecDeque<String>,
    fault: Option<(ConsoleFault, String)>,
}

impl Console {
    /// Adds what came.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let text = without_sequences(&String::from_utf8_lossy(&std::mem::take(&mut self.line)));
        if text.is_empty() {
            return;
        }
        let found = FAULTS.iter().find(|(words, _)| text.contains(words)).map(|&(_, fault)| fault);
        if let Some(fault) = found.filter(|&fault| self.fault.as_ref().is_none_or(|(worst, _)| fault > *worst)) {
            self.fault = Some((fault, without_time(&text).to_owned()));
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(text);
    }

    /// The worst that it says of itself, with the line that says it.
    pub fn fault(&self) -> Option<(ConsoleFault, &str)> {
        self.fault.as_ref().map(|(fault, line)| (*fault, line.as_str()))
    }

    /// Its last lines, and the line that has not ended.
    pub fn last_lines(&self) -> Vec<String> {
        let begun = without_sequences(&String::from_utf8_lossy(&self.line));
        self.lines.iter().cloned().chain(Some(begun).filter(|line| !line.is_empty())).collect()
    }
}

/// A line without what a terminal obeys (ECMA-48: ESC, `[`, parameters, a letter), and without spaces at its end.
fn without_sequences(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut kept = String::with_capacity(text.len());
    while let Some(one) = chars.next() {
        match one {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                let _ = chars.find(|one| one.is_ascii_alphabetic());
            }
            '\u{1b}' => drop(chars.next()),
            '\t' => kept.push(' '),
            one if one.is_control() => {}
            one => kept.push(one),
        }
    }
    kept.trim_end().to_owned()
}

/// A line without the time before it: `[    1.234567] text`.
fn without_time(line: &str) -> &str {
    let rest = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    rest.filter(|(time, _)| time.trim().parse::<f64>().is_ok()).map_or(line, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(text: &str) -> Console {
        let mut console = Console::default();
        console.add(text.as_bytes());
        console
    }

    #[test]
    fn the_worst_line_is_the_fault() {
        let rows = [
            ("[    0.1] Linux version 6.1\n", None),
            (
                "[    1.5] BUG: kernel NULL pointer dereference, address: 0\n",
                Some((ConsoleFault::Oops, "BUG: kernel NULL")),
            ),
            (
                "x\n[ 1.0] Oops: 0002 [#1]\r\n[ 2.0] Kernel panic - not syncing: Fatal exception\n",
                Some((ConsoleFault::Panic, "Kernel panic")),
            ),
            ("Internal error: Oops: 96000004\nBUG: again\n", Some((ConsoleFault::Oops, "Internal error"))),
            ("Kernel panic - not syncing: it has not ended", None),
        ];
        for (text, expected) in rows {
            let console = console(text);
            let fault = console.fault();
            assert_eq!(fault.map(|(fault, _)| fault), expected.map(|(fault, _)| fault), "{text}");
            assert!(fault.zip(expected).is_none_or(|((_, line), (_, begins))| line.starts_with(begins)), "{fault:?}");
        }
    }

    #[test]
    fn the_last_lines_are_kept_without_what_a_terminal_obeys() {
        let many: String = (0..100).map(|at| format!("line {at}\n")).collect();
        let kept = console(&many).last_lines();
        assert_eq!((kept.len(), kept[0].as_str(), kept[KEPT - 1].as_str()), (KEPT, "line 60", "line 99"));
        assert_eq!(console("\u{1b}[2J\u{1b}cab\u{7}c\r\n\r\nrest").last_lines(), ["abc", "rest"]);
        assert_eq!(console(&"x".repeat(1000)).last_lines(), ["x".repeat(LONGEST)]);
    }
}
