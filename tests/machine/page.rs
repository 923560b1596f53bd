//! The conformance page in a browser: it opens, filters, fits on a phone, works without scripts, and loads nothing.
//!
//! Chromium shows it in a frame, and a script beside the frame uses it as a reader would: page/checks.js has the words for that.

use std::path::Path;
use std::process::{Command, ExitCode};

use ior_it::support::subject::conformance::Table;
use ior_it::support::subject::conformance::page::page;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::support;

mod charts;

#[path = "../values/conformance/sample.rs"]
mod sample;

type Tested = Result<(), Failed>;
type Test = fn(&str) -> Tested;

/// The names of the browser in packages.
const BROWSERS: [&str; 2] = ["chromium", "google-chrome"];
/// The functions for a script beside the frame.
const CHECKS: &str = include_str!("page/checks.js");
/// The seconds after which a hanging browser is killed.
const LIMIT: &str = "180";

pub fn main() -> ExitCode {
    let tests: [(&str, Test); 11] = [
        ("a_cell_opens_its_findings_and_closes_them", opens),
        ("the_keyboard_reaches_what_the_mouse_does", keyboard),
        ("the_filter_takes_text_a_subject_and_findings_alone", filters),
        ("a_phone_shows_it_without_a_scroll_to_the_side", phone),
        ("without_scripts_all_findings_are_there", without_scripts),
        ("dark_and_light_have_contrast", contrast),
        ("what_a_tracer_says_is_text", hostile),
        ("nothing_is_asked_of_a_network", network),
        ("the_charts_of_a_trace_are_drawn_without_scripts", charts::drawn),
        ("a_phone_shows_charts_without_a_scroll_to_the_side", charts::phone),
        ("charts_have_contrast_and_ask_nothing_of_a_network", charts::contrast),
    ];
    let trial = |(name, test): (&'static str, Test)| {
        Trial::ignorable_test(name, move || match browser() {
            Some(browser) => test(browser).map(|()| Completion::Completed),
            None => missing(),
        })
    };
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    support::run("page", &arguments, tests.map(trial))
}

/// A snap does not count: its /tmp is another one (snapcraft.io, "Snap confinement").
fn browser() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |browser: &str| {
        std::env::split_paths(&path).any(|folder| !folder.starts_with("/snap") && folder.join(browser).exists())
    };
    BROWSERS.into_iter().find(|browser| has(browser))
}

/// In CI this is an error, unless the system has no such package.
fn missing() -> Result<Completion, Failed> {
    let reason = "chromium is not installed: scripts/setup --browser installs it";
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    let is_offered =
        || Command::new("apt-cache").args(["show", "chromium"]).output().is_ok_and(|it| it.status.success());
    if in_ci && is_offered() { Err(reason.into()) } else { Ok(Completion::ignored_with(reason)) }
}

/// How a page is shown.
struct Shown<'s> {
    browser: &'s str,
    page: String,
    width: u32,
    /// More attributes of the frame: its restrictions.
    frame: &'s str,
    /// More arguments of the command.
    options: &'s [&'s str],
}

impl<'s> Shown<'s> {
    fn wide(browser: &'s str, table: &Table) -> Self {
        Self { browser, page: page(table), width: 1200, frame: "", options: &[] }
    }

    /// Fails with the sentences whose checks do not hold.
    fn check(&self, checks: &str) -> Tested {
        let folder = tempfile::tempdir()?;
        let around = folder.path().join("around.html");
        std::fs::write(&around, self.around(checks))?;
        let options = ["--dump-dom", "--virtual-time-budget=60000"];
        let shown = run(self.browser, folder.path(), &[&options, self.options].concat(), &around)?;
        let result = shown.split_once("<pre id=\"result\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let (result, _) = result.ok_or_else(|| format!("the checks were not run:\n{shown}"))?;
        let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        require!(result.starts_with("checked "), "{result}");
        require!(!result.starts_with("checked 0 "), "nothing was checked: {result}");
        require!(result.ends_with(" 0 fail"), "{result}");
        Ok(())
    }

    fn around(&self, checks: &str) -> String {
        let page = self.page.replace('&', "&amp;").replace('"', "&quot;");
        let Self { width, frame, .. } = self;
        format!(
            "<!DOCTYPE html><meta charset=utf-8><pre id=\"result\">the page was not loaded</pre>\n\
             <iframe id=page width={width} height=844 {frame} srcdoc=\"{page}\"></iframe>\n\
             <script>{CHECKS}\nrun(async () => {{\n{checks}\n}});</script>"
        )
    }
}

/// The output of a browser without a window.
fn run(browser: &str, folder: &Path, options: &[&str], page: &Path) -> Result<String, Failed> {
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1300,1000",
    ];
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", LIMIT, browser]).args(quiet).args(options);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display())).arg(page);
    let output = command.env("HOME", folder).env("TMPDIR", folder).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    require!(output.status.success(), "{browser}: {}\n{stderr}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn opens(browser: &str) -> Tested {
    Shown::wide(browser, &sample::table()).check(include_str!("page/opens.js"))
}

fn keyboard(browser: &str) -> Tested {
    Shown::wide(browser, &sample::table()).check(include_str!("page/keyboard.js"))
}

fn filters(browser: &str) -> Tested {
    Shown::wide(browser, &sample::table()).check(include_str!("page/filters.js"))
}

fn phone(browser: &str) -> Tested {
    let phone = |table: &Table| Shown { width: 390, ..Shown::wide(browser, table) };
    let fits = include_str!("page/phone.js");
    let headings =
        r#"check(find("thead").getBoundingClientRect().height < 80, "headings are not broken into letters");"#;
    phone(&sample::table()).check(&format!("{fits}{headings}"))?;
    phone(&sample::hostile()).check(fits)?;
    // The control: a paragraph that is too wide is found.
    let mut wide = phone(&sample::table());
    wide.page = wide.page.replace("<main>", "<main><p style='width: 50rem'>wide</p>");
    require!(wide.check(fits).is_err(), "a page that is too wide passes");
    Ok(())
}

fn without_scripts(browser: &str) -> Tested {
    let shown = Shown { frame: "sandbox=allow-same-origin", ..Shown::wide(browser, &sample::table()) };
    shown.check(include_str!("page/without_scripts.js"))
}

fn contrast(browser: &str) -> Tested {
    for (scheme, option) in [("dark", "0"), ("light", "1")] {
        let option = format!("--blink-settings=preferredColorScheme={option}");
        let shown = Shown { options: &[&option], ..Shown::wide(browser, &sample::table()) };
        let checks = include_str!("page/contrast.js");
        shown.check(&checks.replace("SCHEME", scheme))?;
    }
    Ok(())
}

fn hostile(browser: &str) -> Tested {
    Shown::wide(browser, &sample::hostile()).check(include_str!("page/hostile.js"))
}

/// The addresses that a page requests. Chromium's own requests do not have the page as their origin.
fn asked(browser: &str, page: &str) -> Result<Vec<String>, Failed> {
    let folder = tempfile::tempdir()?;
    let (path, log) = (folder.path().join("page.html"), folder.path().join("log.json"));
    std::fs::write(&path, page)?;
    let option = format!("--log-net-log={}", log.display());
    run(browser, folder.path(), &["--dump-dom", "--virtual-time-budget=5000", &option], &path)?;
    let log = std::fs::read_to_string(log)?;
    let of = |request: &str| {
        let (initiator, rest) = request.split_once('"')?;
        let url = rest.split_once("\"url\":\"")?.1.split('"').next()?;
        (initiator != "not an origin" && !url.starts_with("file:")).then(|| url.to_owned())
    };
    Ok(log.split("{\"initiator\":\"").skip(1).filter_map(of).collect())
}

fn network(browser: &str) -> Tested {
    let (address, page) = ("http://127.0.0.1:9/asked".to_owned(), page(&sample::hostile()));
    let more = asked(browser, &page)?;
    require!(more.is_empty(), "it asks for {more:?}");
    // The control: without the policy, the page's requests are seen. With it, even injected content requests nothing.
    let slipped = page.replace("<main>", &format!("<main><img src=\"{address}\">"));
    let more = asked(browser, &slipped)?;
    require!(slipped != page && more.is_empty(), "the policy lets it ask for {more:?}");
    let free = slipped.replace("http-equiv=\"Content-Security-Policy\"", "name=none");
    let more = asked(browser, &free)?;
    require!(more.contains(&address), "it is not seen that a page asks: {more:?}");
    Ok(())
}
