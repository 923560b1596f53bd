//! The charts of a trace in a browser.

use ior_it::support::archive;
use ior_it::support::charts::{ChartFiles, ChartPage, Charts, chart_page};
use libtest_mimic::Failed;

use super::{Shown, Tested, asked};

/// The page of recorded scenarios, as of a command whose name is HTML.
fn page() -> Result<String, Failed> {
    let folder = tempfile::tempdir()?;
    let html = folder.path().join("page.html");
    let mut charts =
        Charts::open(&ChartFiles { html: Some(html.clone()), ..ChartFiles::default() })?.ok_or("no charts")?;
    for name in ["fork-follow", "path-bytes", "path-256", "readwrite-pwritev"] {
        let bytes = std::fs::read(format!("tests/recorded/{name}.ior.zst"))?;
        archive::decode(&bytes)?.observed.trace.calls.iter().for_each(|call| charts.add(call));
    }
    let table = format!(" call   calls\n {}", "a wide row ".repeat(40));
    let last = ["lost: nothing".to_owned()];
    charts.finish(|pictures| {
        chart_page(&ChartPage { title: "<b>cat</b> 'a file'", table: &table, last: &last, pictures })
    })?;
    Ok(std::fs::read_to_string(html)?)
}

fn shown<'s>(browser: &'s str, page: String, width: u32, frame: &'s str) -> Shown<'s> {
    Shown { browser, page, width, frame, options: &[] }
}

pub fn drawn(browser: &str) -> Tested {
    let checks = include_str!("charts_drawn.js");
    shown(browser, page()?, 1300, "sandbox=allow-same-origin").check(checks)
}

pub fn phone(browser: &str) -> Tested {
    let checks = include_str!("charts_phone.js");
    let page = page()?;
    shown(browser, page.clone(), 390, "").check(checks)?;
    let wide = page.replace("<main>", "<main><p style='width: 50rem'>wide</p>");
    require!(shown(browser, wide, 390, "").check(checks).is_err(), "a page that is too wide passes");
    Ok(())
}

pub fn contrast(browser: &str) -> Tested {
    let checks = include_str!("charts_contrast.js");
    let page = page()?;
    for option in ["0", "1"] {
        let option = format!("--blink-settings=preferredColorScheme={option}");
        Shown { options: &[&option], ..shown(browser, page.clone(), 1300, "") }.check(checks)?;
    }
    let more = asked(browser, &page)?;
    require!(more.is_empty(), "it asks for {more:?}");
    Ok(())
}
