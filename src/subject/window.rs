//! Fences are harmless calls that fail and that no program makes. They show that a subject traces, and that it has reported
//! everything.
//!
//! No I/O: this module finds fences among lines. The lines between the opening and the closing fence are judged.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::json::Line;
use super::said::{Said, Value};
use crate::child::fence::{FIRST, FOLDER, MOST};
pub use crate::child::fence::{FenceKind, Fences};
use crate::trace::counts::Losses;

impl Fences {
    /// The number of a call that is a fence of this kind.
    pub fn number(&self, said: &Said) -> Option<u64> {
        let names: &[&str] = match self.kind {
            FenceKind::Close => {
                let fd = said.number("fd").filter(|_| said.call == "close")?;
                return u64::try_from(FIRST - fd).ok().filter(|&number| number <= MOST);
            }
            FenceKind::Open => &["open", "openat"],
            FenceKind::Stat => &["stat", "newfstatat", "statx", "lstat"],
            FenceKind::Exec => &["execve", "execveat"],
        };
        let Some(Value::Text(path)) = said.get("path").filter(|_| names.contains(&said.call.as_str())) else {
            return None;
        };
        let rest = str::from_utf8(path).ok()?.strip_prefix(FOLDER)?.strip_prefix('/')?;
        let (nonce, number) = rest.split_once('/')?;
        let is_of_run = u64::from_str_radix(nonce, 16) == Ok(self.nonce);
        number.parse().ok().filter(|_| is_of_run)
    }

    /// Whether a call is a fence of any kind. The workload makes none.
    pub fn is_any(&self, said: &Said) -> bool {
        let kinds = [FenceKind::Open, FenceKind::Close, FenceKind::Stat, FenceKind::Exec];
        kinds.into_iter().any(|kind| Fences { kind, ..*self }.number(said).is_some())
    }
}

/// The lines between the fences, and the fences that were reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The calls, and the garbled lines.
    pub inside: Vec<Line>,
    /// The reported fences.
    pub seen: BTreeSet<u64>,
    /// The losses that the subject has reported, anywhere in its output.
    pub losses: Losses,
    /// Whether the opening fence was reported.
    pub is_open: bool,
}

impl Window {
    /// Takes the lines between the fence `open` and the last closing fence. A call after the first closing fence may have been
    /// made before it, because each CPU has its own buffer. A call after all closing fences was made after them.
    ///
    /// If every line has a time, the times decide instead of the order of lines.
    pub fn of(lines: Vec<Line>, fences: &Fences, open: u64, closing: RangeInclusive<u64>) -> Self {
        let mut window = Self::default();
        let (mut opened_ns, mut closed_ns) = (None, None);
        for line in &lines {
            match line {
                Line::Lost(count) => window.losses.report(*count),
                Line::Call(said) => {
                    let Some(number) = fences.number(said) else { continue };
                    window.seen.insert(number);
                    if number == open {
                        window.is_open = true;
                        opened_ns = said.number("enter_ns");
                    } else if number == *closing.start() {
                        closed_ns = said.number("enter_ns");
                    }
                }
                Line::Note(_) | Line::Garbled { .. } => {}
            }
        }
        let mut place = WindowScan { closing, is_behind: false, closed: BTreeSet::new() };
        for line in lines {
            let inside = match &line {
                Line::Call(said) if fences.is_any(said) => {
                    place.pass(fences.number(said), open);
                    false
                }
                Line::Call(said) => match (said.number("enter_ns"), opened_ns, closed_ns) {
                    (Some(entered), Some(opened), Some(closed)) => (opened..closed).contains(&entered),
                    _ => place.is_inside(),
                },
                Line::Garbled { .. } => place.is_inside(),
                Line::Lost(_) | Line::Note(_) => false,
            };
            if inside {
                window.inside.push(line);
            }
        }
        window
    }

    /// The fences from the opening to the last closing one that were not reported, although later ones were: the subject has lost
    /// them. Fences after the closing ones only push others out. One of them may still be in the buffer of its CPU.
    pub fn lost_fences(&self, open: u64, last_closing: u64) -> Vec<u64> {
        let last = self.seen.last().copied().unwrap_or(open);
        (open..last.min(last_closing + 1)).filter(|number| !self.seen.contains(number)).collect()
    }
}

/// The place of a fence among the lines.
struct WindowScan {
    closing: RangeInclusive<u64>,
    is_behind: bool,
    closed: BTreeSet<u64>,
}

impl WindowScan {
    fn pass(&mut self, number: Option<u64>, open: u64) {
        self.is_behind |= number == Some(open);
        self.closed.extend(number.filter(|number| self.closing.contains(number)));
    }

    fn is_inside(&self) -> bool {
        self.is_behind && !self.closing.clone().all(|number| self.closed.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fences(kind: FenceKind) -> Fences {
        Fences { kind, nonce: 0xa1 }
    }

    fn line(said: Said) -> Line {
        Line::Call(Box::new(said))
    }

    fn close(fd: i64) -> Said {
        Said::new("close").with("fd", Value::Number(fd))
    }

    fn open(path: &str) -> Said {
        Said::new("openat").with("path", path)
    }

    #[test]
    fn a_fence_is_known_by_its_call_its_word_and_its_number() {
        let rows: [(FenceKind, Said, Option<u64>); 9] = [
            (FenceKind::Close, close(Fences::fd(3)), Some(3)),
            (FenceKind::Close, close(-1), None),
            (FenceKind::Close, close(3), None),
            (FenceKind::Close, close(i64::from(i32::MIN)), None),
            (FenceKind::Open, open(&fences(FenceKind::Open).path(7)), Some(7)),
            (FenceKind::Open, open("/ior-it-fence/a2/7"), None),
            (FenceKind::Open, open("/ior-it-fence/a1/7x"), None),
            (FenceKind::Stat, open("/ior-it-fence/a1/7"), None),
            (FenceKind::Exec, Said::new("execve").with("path", "/ior-it-fence/a1/0"), Some(0)),
        ];
        for (kind, said, number) in rows {
            assert_eq!(fences(kind).number(&said), number, "{kind:?} {said:?}");
        }
    }

    fn inside(window: &Window) -> Vec<i64> {
        let fd = |line: &Line| if let Line::Call(said) = line { said.number("fd") } else { Some(-1) };
        window.inside.iter().filter_map(fd).collect()
    }

    #[test]
    fn what_stands_behind_the_opening_fence_counts_and_fences_do_not() {
        let lines = vec![
            line(close(1)),
            line(close(Fences::fd(0))),
            line(close(2)),
            line(close(Fences::fd(1))),
            line(close(3)),
            Line::Note("n".to_owned()),
            line(open("/ior-it-fence/a1/1")),
            Line::garbled(b"x", "y"),
            line(close(Fences::fd(4))),
            line(close(4)),
            Line::Lost(5),
            line(close(Fences::fd(2))),
            line(close(5)),
        ];
        let window = Window::of(lines.clone(), &fences(FenceKind::Close), 1, 2..=2);
        assert_eq!(
            (inside(&window), window.is_open, window.losses.clone()),
            (vec![3, -1, 4], true, Losses::Reported(5))
        );
        assert_eq!(window.lost_fences(1, 4), [3], "the fourth was shown, and it was not");
        let of_two = Window::of(lines, &fences(FenceKind::Close), 1, 2..=3);
        assert_eq!(inside(&of_two), [3, -1, 4, 5], "they do not end before both are shown");
    }

    #[test]
    fn without_the_opening_fence_nothing_is_inside() {
        let window = Window::of(vec![line(close(1))], &fences(FenceKind::Close), 1, 2..=2);
        assert_eq!((window.inside.len(), window.is_open, window.seen.len()), (0, false, 0));
    }

    #[test]
    fn time_decides_where_all_have_one() {
        let at = |said: Said, ns: u64| line(said.with("enter_ns", ns));
        let (open, closed) = (at(close(Fences::fd(1)), 10), at(close(Fences::fd(2)), 40));
        let lines = vec![at(close(3), 20), open, at(close(2), 5), at(close(5), 50), closed, at(close(4), 30)];
        assert_eq!(inside(&Window::of(lines, &fences(FenceKind::Close), 1, 2..=2)), [3, 4]);
    }
}
