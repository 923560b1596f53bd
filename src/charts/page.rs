//! The charts as one HTML page, which loads nothing and has no script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Weight;
use super::flames::Flames;
use super::timeline::Timeline;
use crate::base::escape;

const STYLE: &str = include_str!("page/page.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// What the page shows.
pub struct ChartPage<'p> {
    /// The command, or the processes.
    pub title: &'p str,
    /// The table by call.
    pub table: &'p str,
    /// The lines below it: what was lost.
    pub last: &'p [String],
    /// Where the calls go, and when they were made.
    pub pictures: &'p Markup,
}

/// The whole page.
pub fn page(page: &ChartPage<'_>) -> String {
    let title = escape::line(page.title);
    document(
        &title,
        &html! {
            h1 { code { (title) } }
            @for line in page.last { p { (escape::line(line)) } }
            (page.pictures)
            h2 { "Calls" }
            div.scroll tabindex="0" role="region" aria-label="The table by call" { pre { (escape::lines(page.table)) } }
        },
    )
}

/// A whole document with this title and this body. It loads nothing, and no script runs in it.
pub fn document(title: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    markup.into_string()
}

/// The pictures, each with a heading.
pub fn pictures(flame_graph: &Flames, time_line: &Timeline) -> Markup {
    html! { (flames(flame_graph)) (timeline(time_line)) }
}

fn flames(flames: &Flames) -> Markup {
    let weights = [(Weight::Calls, "calls"), (Weight::Bytes, "bytes"), (Weight::Time, "time")];
    html! {
        h2 { "Where the calls go" }
        p { "A box is a program, a part of a path, or at the end of a stack a call. Its width is the share of:" }
        div.flames {
            @for (at, (_, name)) in weights.iter().enumerate() {
                input type="radio" name="weight" id=(name) checked[at == 0];
                label for=(name) { (name) }
            }
            @for (weight, name) in weights {
                div.scroll.(name) tabindex="0" role="region" aria-label=(format!("Flame graph by {name}")) {
                    (flames.picture(weight))
                }
            }
        }
    }
}

fn timeline(timeline: &Timeline) -> Markup {
    let (shown, all) = timeline.counts();
    let ms = timeline.duration_ns() as f64 / 1e6;
    html! {
        h2 { "When they were made" }
        p {
            "A row is a thread, and a box is a call; those that failed are red. "
            @if (shown as u64) < all { "These are " (shown) " of " (all) " calls, in " }
            @else { "These are all " (shown) " calls, in " }
            (format!("{ms:.3}")) " ms."
        }
        div.scroll tabindex="0" role="region" aria-label="Timeline" { (timeline.picture()) }
    }
}
