//! The flame graph: the calls of each program by the path of their file.
//!
//! No I/O. A stack is the thread's name, the parts of the path, and the call. Its widths are calls, bytes and time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Weight, comm};
use crate::base::escape;
use crate::trace::call::{Call, Text};

/// The most different stacks. The calls of all others are in one.
const MOST_STACKS: usize = 50_000;
const OTHERS: &str = "(others)";
const NO_FILE: &str = "(no file)";

/// The width of the picture, and the height of a row.
const WIDTH: f64 = 1200.0;
const ROW: usize = 18;
/// A box narrower than this is left out.
const NARROWEST: f64 = 0.3;
/// A letter is about this wide.
const LETTER: f64 = 6.6;

/// The calls by their stacks.
#[derive(Debug, Default)]
pub struct Flames {
    stacks: BTreeMap<Vec<String>, [u64; 3]>,
}

/// A box of the picture, with those above it.
#[derive(Debug, Default)]
struct FlameFrame<'f> {
    weight: u64,
    above: BTreeMap<&'f str, FlameFrame<'f>>,
}

impl Flames {
    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        let mut stack = stack(call);
        if self.stacks.len() >= MOST_STACKS && !self.stacks.contains_key(&stack) {
            stack = vec![OTHERS.to_owned()];
        }
        let weights = self.stacks.entry(stack).or_default();
        weights[0] += 1;
        weights[1] += call.bytes().unwrap_or(0);
        weights[2] += call.duration_ns;
    }

    /// A line for each stack, as flamegraph.pl and inferno take them: `cat;/;etc;hostname;openat 1`.
    pub fn folded(&self, weight: Weight) -> String {
        let mut text = String::new();
        for (stack, weights) in &self.stacks {
            let weight = in_unit(weight, weights);
            if weight > 0 {
                let _ = writeln!(text, "{} {weight}", stack.join(";"));
            }
        }
        text
    }

    /// The picture.
    pub fn picture(&self, weight: Weight) -> Markup {
        let mut root = FlameFrame::default();
        for (stack, weights) in &self.stacks {
            root.add(stack, in_unit(weight, weights));
        }
        let depth = root.depth();
        let height = depth * ROW;
        let mut boxes = Vec::new();
        root.boxes(0.0, WIDTH, 0, &mut boxes);
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH) height=(height) role="img"
                aria-label="Flame graph" {
                @for one in &boxes { (one.markup(root.weight, weight)) }
            }
        }
    }
}

struct FlameBox<'f> {
    name: &'f str,
    weight: u64,
    x: f64,
    width: f64,
    row: usize,
}

impl<'f> FlameFrame<'f> {
    fn add(&mut self, stack: &'f [String], weight: u64) {
        self.weight += weight;
        if let [first, rest @ ..] = stack {
            self.above.entry(first).or_default().add(rest, weight);
        }
    }

    fn depth(&self) -> usize {
        self.above.values().map(|frame| 1 + frame.depth()).max().unwrap_or(0)
    }

    /// The boxes above this one, from the left.
    fn boxes(&self, x: f64, width: f64, row: usize, boxes: &mut Vec<FlameBox<'f>>) {
        let mut x = x;
        for (name, frame) in &self.above {
            let part = width * frame.weight as f64 / self.weight.max(1) as f64;
            if part >= NARROWEST {
                boxes.push(FlameBox { name, weight: frame.weight, x, width: part, row });
                frame.boxes(x, part, row + 1, boxes);
            }
            x += part;
        }
    }
}

impl FlameBox<'_> {
    fn markup(&self, all: u64, weight: Weight) -> Markup {
        let Self { name, x, width, row, .. } = self;
        let y = row * ROW;
        let letters = (width / LETTER) as usize;
        let percent = 100.0 * self.weight as f64 / all.max(1) as f64;
        let unit = match weight {
            Weight::Calls => "calls",
            Weight::Bytes => "bytes",
            Weight::Time => "µs",
        };
        html! {
            g {
                title { (name) ": " (self.weight) " " (unit) ", " (format!("{percent:.1}")) " %" }
                rect x=(format!("{x:.1}")) y=(y) width=(format!("{:.1}", width - 0.5)) height=(ROW - 1) fill=(colour(name)) { }
                @if letters >= 3 {
                    text x=(format!("{:.1}", x + 3.0)) y=(y + 13) { (shortened(name, letters - 1)) }
                }
            }
        }
    }
}

/// The weight in the unit of a flame graph.
fn in_unit(weight: Weight, [calls, bytes, ns]: &[u64; 3]) -> u64 {
    match weight {
        Weight::Calls => *calls,
        Weight::Bytes => *bytes,
        Weight::Time => ns / 1000,
    }
}

/// The stack of a call. No part has a semicolon or a character that is not shown.
fn stack(call: &Call) -> Vec<String> {
    let mut stack = vec![part(&comm(call))];
    let file = call.files.path.as_deref().or(call.files.made_path.as_deref());
    let given = || match &call.texts[0] {
        Text::Read { bytes, .. } if !bytes.is_empty() => Some(bytes.as_slice()),
        Text::Read { .. } | Text::Unreadable(_) => None,
    };
    match file.or_else(given) {
        Some(path) => {
            let path = String::from_utf8_lossy(path);
            stack.extend(path.starts_with('/').then(|| "/".to_owned()));
            stack.extend(path.split('/').filter(|name| !name.is_empty()).map(part));
        }
        None => stack.push(NO_FILE.to_owned()),
    }
    stack.push(call.name());
    stack
}

fn part(name: &str) -> String {
    escape::line(name).replace(';', ":")
}

/// The same name has the same colour. All are light, for dark letters.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    format!("hsl({} 65% 72%)", hash % 360)
}

fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::syscalls::Syscall;
    use crate::trace::record::{self, Record, tests::call_bytes};

    fn call(name: &str, path: &[u8], ret: i64, ns: u64) -> Call {
        let number = Syscall::by_name(name).unwrap().number;
        let Ok(Record::Call(call, _)) = record::decode(&call_bytes(0, number, 3, path, ret)) else { panic!("no call") };
        Call { duration_ns: ns, ..call }.with(|deed| deed.comm = *b"cat;\0\0\0\0\0\0\0\0\0\0\0\0")
    }

    #[test]
    fn stacks_have_program_path_and_call() {
        let mut flames = Flames::default();
        flames.add(&call("openat", b"/etc/a;b\n", 3, 2_000));
        flames.add(&call("openat", b"/etc/a;b\n", 3, 3_000));
        flames.add(&call("openat", b"c", -2, 999));
        flames.add(&call("getpid", b"", 7, 5_000));
        let calls = flames.folded(Weight::Calls);
        assert_eq!(calls, "cat:;(no file);getpid 1\ncat:;/;etc;a:b\\n;openat 2\ncat:;c;openat 1\n");
        assert_eq!(flames.folded(Weight::Time), "cat:;(no file);getpid 5\ncat:;/;etc;a:b\\n;openat 5\n");
        assert_eq!(flames.folded(Weight::Bytes), "", "none has moved any");
    }

    #[test]
    fn the_picture_has_a_box_for_each_frame() {
        let mut flames = Flames::default();
        (0..3).for_each(|_| flames.add(&call("openat", b"/etc/<a>", 3, 2_000)));
        flames.add(&call("getpid", b"", 7, 5_000));
        let picture = flames.picture(Weight::Calls).into_string();
        assert_eq!(picture.matches("<rect").count(), 7, "{picture}");
        assert!(picture.contains("&lt;a&gt;: 3 calls, 75.0 %") && !picture.contains("<a>"), "{picture}");
        assert!(picture.contains("width=\"899.5\"") && picture.contains("viewBox=\"0 0 1200 90\""), "{picture}");
        assert!(!Flames::default().picture(Weight::Bytes).into_string().contains("<rect"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut flames = Flames::default();
        for number in 0..MOST_STACKS + 10 {
            flames.add(&call("openat", format!("/{number}").as_bytes(), 3, 1));
        }
        assert_eq!(flames.stacks.len(), MOST_STACKS + 1);
        assert_eq!(flames.stacks[&vec![OTHERS.to_owned()]][0], 10);
    }
}
