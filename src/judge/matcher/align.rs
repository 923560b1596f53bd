//! Pairs observed calls with expected ones: the cheapest alignment of the two sequences.
//!
//! Generic over the cost of a pair, and so without knowledge of calls. Time and memory are bounded for any lengths: what is
//! equal at both ends is paired first. Of the rest only a few windows are aligned, with what is equal between them.

/// The cost of leaving out one call, on either side.
const GAP: u32 = 10;
/// The cost of pairing two different calls of one name, plus one for each field up to [`MOST_FIELDS`]. It is less than leaving
/// out both, so that one wrong call shows as wrong. Two such pairs cost more than leaving out one call on each side, so that a
/// swapped pair shows as swapped.
const WRONG: u32 = 10;
const MOST_FIELDS: u32 = 9;

/// The largest window, in expected and in observed calls, and the product of the two.
const MOST_EXPECTED: usize = 256;
const MOST_OBSERVED: usize = 16_384;
const MOST_CELLS: usize = 1 << 22;
/// The size of a window into a longer sequence, and the most windows. It is the same on both sides: then the fewest calls are
/// left over at its end, where only the existence of later calls is known.
const PART: usize = 128;
const MOST_WINDOWS: usize = 256;
/// The most extra calls that are listed where no call is expected.
const MOST_LISTED: usize = 256;

/// One step through both sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The two calls are a pair.
    Pair(usize, usize),
    /// The call was expected, and not observed.
    Missing(usize),
    /// The call was observed, and not expected.
    Extra(usize),
    /// The same step for this many more calls, outside of the window.
    MoreExtra(usize, usize),
}

/// Aligns `expected` calls with `observed` ones. `distance` is the number of fields in which two calls differ, or `None` if
/// their names differ.
pub(crate) fn align(
    expected: usize,
    observed: usize,
    distance: impl Fn(usize, usize) -> Option<usize>,
) -> impl Iterator<Item = Step> + Clone {
    let equal = |e: usize, o: usize| distance(e, o) == Some(0);
    let head = (0..expected.min(observed)).take_while(|&at| equal(at, at)).count();
    let most = expected.min(observed) - head;
    let tail = (1..=most).take_while(|&back| equal(expected - back, observed - back)).count();
    let mut steps = Vec::new();
    middle((head, expected - tail), (head, observed - tail), &distance, &mut steps);
    // Equal ends may be very long, and so they are made only on demand.
    let before = (0..head).map(|at| Step::Pair(at, at));
    let behind = (1..=tail).rev().map(move |back| Step::Pair(expected - back, observed - back));
    before.chain(steps).chain(behind)
}

/// Aligns what lies between the equal ends. If that is too long for one window, only the first half of the window is kept,
/// because the calls after it are not known. The next window begins there.
fn middle(
    (mut e, last_expected): (usize, usize),
    (mut o, last_observed): (usize, usize),
    distance: &impl Fn(usize, usize) -> Option<usize>,
    steps: &mut Vec<Step>,
) {
    for _ in 0..MOST_WINDOWS {
        let (left_expected, left_observed) = (last_expected - e, last_observed - o);
        let is_last = left_expected <= MOST_EXPECTED;
        let (rows, most, believed) = if is_last {
            let most = MOST_CELLS.checked_div(left_expected).map_or(MOST_LISTED, |most| most.min(MOST_OBSERVED));
            (left_expected, most, usize::MAX)
        } else {
            (PART, PART, PART / 2)
        };
        let columns = left_observed.min(most);
        // Among repeated calls, one too many looks like one too few at the end of a window that is not the last. The total
        // numbers decide which one it is.
        let rather = if !is_last && left_observed > left_expected { Choice::Extra } else { Choice::Missing };
        for step in window((e, o), (rows, columns), rather, distance).into_iter().take(believed) {
            let (down, right) = step.size();
            (e, o) = (e + down, o + right);
            steps.push(step);
        }
        if is_last {
            break;
        }
        while e < last_expected && o < last_observed && distance(e, o) == Some(0) {
            steps.push(Step::Pair(e, o));
            (e, o) = (e + 1, o + 1);
        }
    }
    steps.extend((e..last_expected).map(Step::Missing));
    if o < last_observed {
        steps.push(Step::MoreExtra(o, last_observed - o));
    }
}

impl Step {
    /// How many expected and observed calls the step covers.
    fn size(self) -> (usize, usize) {
        match self {
            Step::Pair(..) => (1, 1),
            Step::Missing(_) => (1, 0),
            Step::Extra(_) => (0, 1),
            Step::MoreExtra(_, count) => (0, count),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Choice {
    Pair,
    Missing,
    Extra,
}

/// The cheapest way through a window that starts at these calls. Of two ways that cost the same, it takes the `rather` one.
fn window(
    start: (usize, usize),
    (rows, columns): (usize, usize),
    rather: Choice,
    distance: &impl Fn(usize, usize) -> Option<usize>,
) -> Vec<Step> {
    // Filled from the end, so that the way can be read from the start. `below` is the row of the next expected call.
    let mut below: Vec<u32> = (0..=columns).rev().map(|left| left as u32 * GAP).collect();
    let mut choices = vec![Choice::Extra; rows * columns];
    for row in (0..rows).rev() {
        let mut costs = vec![0; columns + 1];
        costs[columns] = below[columns] + GAP;
        for column in (0..columns).rev() {
            let pair = distance(start.0 + row, start.1 + column).map(|fields| below[column + 1] + cost(fields));
            let (missing, extra) = (below[column] + GAP, costs[column + 1] + GAP);
            let is_missing = missing < extra || missing == extra && rather == Choice::Missing;
            let (cheapest, choice) = if is_missing { (missing, Choice::Missing) } else { (extra, Choice::Extra) };
            let (cheapest, choice) = match pair {
                Some(pair) if pair <= cheapest => (pair, Choice::Pair),
                Some(_) | None => (cheapest, choice),
            };
            costs[column] = cheapest;
            choices[row * columns + column] = choice;
        }
        below = costs;
    }
    walk(start, rows, columns, &choices)
}

fn cost(fields: usize) -> u32 {
    if fields == 0 { 0 } else { WRONG + MOST_FIELDS.min(fields as u32) }
}

fn walk(start: (usize, usize), rows: usize, columns: usize, choices: &[Choice]) -> Vec<Step> {
    let (mut row, mut column) = (0, 0);
    let mut steps = Vec::new();
    while row < rows && column < columns {
        let (e, o) = (start.0 + row, start.1 + column);
        let (step, down, right) = match choices[row * columns + column] {
            Choice::Pair => (Step::Pair(e, o), 1, 1),
            Choice::Missing => (Step::Missing(e), 1, 0),
            Choice::Extra => (Step::Extra(o), 0, 1),
        };
        steps.push(step);
        row += down;
        column += right;
    }
    steps.extend((row..rows).map(|row| Step::Missing(start.0 + row)));
    steps.extend((column..columns).map(|column| Step::Extra(start.1 + column)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are calls. A capital is the same call with an error in it.
    fn aligned(expected: &str, observed: &str) -> String {
        let (e, o) = (expected.as_bytes(), observed.as_bytes());
        let same = |a: usize, b: usize| e[a].eq_ignore_ascii_case(&o[b]).then(|| usize::from(e[a] != o[b]));
        let shown = align(e.len(), o.len(), same).map(|step| match step {
            Step::Pair(a, b) if e[a] == o[b] => (e[a] as char).to_string(),
            Step::Pair(a, _) => format!("!{}", e[a] as char),
            Step::Missing(a) => format!("-{}", e[a] as char),
            Step::Extra(b) => format!("+{}", o[b] as char),
            Step::MoreExtra(_, count) => format!("+{count}"),
        });
        shown.collect()
    }

    #[test]
    fn the_alignment_is_the_one_that_a_reader_would_choose() {
        let rows = [
            ("", "", ""),
            ("abc", "abc", "abc"),
            ("abc", "", "-a-b-c"),
            ("", "abc", "+a+b+c"),
            ("abc", "ac", "a-bc"),
            ("abc", "abxc", "ab+xc"),
            ("abc", "aBc", "a!bc"),
            ("abc", "ABC", "!a!b!c"),
            ("abcd", "acbd", "a-bc+bd"),
            ("aab", "ab", "a-ab"),
            ("aA", "Aa", "-aA+a"),
            ("abcabc", "abc", "abc-a-b-c"),
            ("abc", "xbC", "-a+xb!c"),
            ("ac", "abcbc", "a+b+c+bc"),
        ];
        for (expected, observed, steps) in rows {
            assert_eq!(aligned(expected, observed), steps, "{expected} / {observed}");
        }
    }

    #[test]
    fn every_call_is_in_one_step_whatever_the_lengths() {
        for (expected, observed) in [(3000, 10), (10, 40_000), (2500, 5000), (0, 300), (1, 20_000)] {
            let steps = align(expected, observed, |e, o| (e % 7 == o % 5).then_some((e + o) % 3));
            let (mut e, mut o) = (0, 0);
            for step in steps {
                match step {
                    Step::Pair(a, b) => {
                        assert_eq!((a, b), (e, o));
                        e += 1;
                        o += 1
                    }
                    Step::Missing(a) => {
                        assert_eq!(a, e);
                        e += 1
                    }
                    Step::Extra(b) => {
                        assert_eq!(b, o);
                        o += 1
                    }
                    Step::MoreExtra(b, count) => {
                        assert_eq!(b, o);
                        o += count
                    }
                }
            }
            assert_eq!((e, o), (expected, observed));
        }
    }

    #[test]
    fn one_too_many_among_calls_that_repeat_is_no_call_out_of_order() {
        // Two calls alternate, and every 50th time one of them occurs twice.
        let expected: Vec<usize> = (0..2_000).map(|at| at % 2).collect();
        let observed: Vec<usize> =
            expected.iter().enumerate().flat_map(|(at, &call)| vec![call; if at % 50 == 0 { 2 } else { 1 }]).collect();
        let same = |e: &[usize], o: &[usize], at: (usize, usize)| (e[at.0] == o[at.1]).then_some(0);
        let odd = |e: &[usize], o: &[usize]| -> Vec<Step> {
            let steps = align(e.len(), o.len(), |at, there| same(e, o, (at, there)));
            steps.filter(|step| !matches!(step, Step::Pair(..))).collect()
        };
        let (more, less) = (odd(&expected, &observed), odd(&observed, &expected));
        assert!(more.len() == 40 && more.iter().all(|step| matches!(step, Step::Extra(_))), "{more:?}");
        assert!(less.len() == 40 && less.iter().all(|step| matches!(step, Step::Missing(_))), "{less:?}");
    }

    #[test]
    fn what_is_wrong_far_apart_is_found_in_both_places() {
        // A hundred thousand calls, of which one in three is equal. The observed ones lack two calls and have one more.
        let observed: Vec<usize> = (0..100_000).filter(|&at| at != 1_000 && at != 50_000).collect();
        let observed = [&observed[..70_000], &[9], &observed[70_000..]].concat();
        let steps =
            align(100_000, observed.len(), |e, o| (e % 3 == observed[o] % 3).then(|| usize::from(e != observed[o])));
        let odd: Vec<Step> = steps.filter(|step| !matches!(step, Step::Pair(..))).collect();
        assert_eq!(odd, [Step::Missing(1_000), Step::Missing(50_000), Step::Extra(70_000)]);
    }
}
