//! The flags that Rust's own test programs have, with the same meaning: cargo-nextest and editors use them.

use clap::{Args, ValueEnum};

use super::{REPORT, RUN, SELECT};

/// These flags, in the order of `--help`.
#[derive(Args, Clone, Debug, Default)]
pub struct LibtestFlags {
    /// Run only the scenarios with FILTER in their name
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,

    /// Run also the scenarios that run only on request
    #[arg(help_heading = SELECT, long)]
    pub include_ignored: bool,

    /// Run only the scenarios that run only on request
    #[arg(help_heading = SELECT, long)]
    pub ignored: bool,

    /// Run the scenarios: what happens anyway
    #[arg(help_heading = RUN, long, conflicts_with = "bench")]
    pub test: bool,

    /// Run nothing: ior-it has no benchmarks
    #[arg(help_heading = RUN, long)]
    pub bench: bool,

    /// Print the names of the scenarios, and run nothing
    #[arg(help_heading = REPORT, long)]
    pub list: bool,

    /// No effect: nothing is captured
    #[arg(help_heading = REPORT, long)]
    pub nocapture: bool,

    /// No effect: a scenario prints nothing
    #[arg(help_heading = REPORT, long)]
    pub show_output: bool,

    /// No effect: what libtest asks for before its --format json
    #[arg(help_heading = REPORT, short = 'Z', value_name = "FLAG")]
    pub unstable_flags: Option<UnstableFlag>,

    /// Compare filters with the whole name
    #[arg(help_heading = SELECT, long)]
    pub exact: bool,

    /// Print one character for each scenario, as --format terse does
    #[arg(help_heading = REPORT, short, long, conflicts_with = "format")]
    pub quiet: bool,

    /// Run N scenarios at a time [default: RUST_TEST_THREADS, else one for each CPU]
    #[arg(help_heading = RUN, long, value_name = "N")]
    pub test_threads: Option<usize>,

    /// Write the verdicts to PATH instead of the standard output
    #[arg(help_heading = REPORT, long, value_name = "PATH")]
    pub logfile: Option<String>,

    /// Leave out the scenarios with FILTER in their name; may be repeated
    #[arg(help_heading = SELECT, long, value_name = "FILTER")]
    pub skip: Vec<String>,

    /// When to use colours and links; `auto` is on a terminal, and heeds NO_COLOR and CLICOLOR
    #[arg(help_heading = REPORT, long, value_enum, value_name = "WHEN", hide_possible_values = true)]
    #[arg(help = "Use colours and links: auto (on a terminal, unless NO_COLOR is set), always or never")]
    pub color: Option<ColorWhen>,

    /// Print the verdicts in this form
    #[arg(help_heading = REPORT, long, value_enum, value_name = "FORMAT")]
    pub format: Option<OutputFormat>,

    /// Run the scenarios in another order; the same seed gives the same order
    #[arg(help_heading = SELECT, long, value_name = "SEED", num_args = 0..=1, require_equals = true)]
    pub shuffle: Option<Option<u64>>,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What `-Z` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UnstableFlag {
    UnstableOptions,
}

/// The form of the verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One line for each scenario, and then the reports
    Pretty,
    /// One character for each scenario, and then the reports
    Terse,
    /// One JSON object a line, as libtest prints them
    Json,
    /// One JUnit XML document, at the end
    Junit,
    /// KTAP version 1, as the kernel's own tests print it
    Ktap,
    /// As pretty, and then an annotation for each cause of failures, as GitHub Actions takes it
    Github,
}

impl LibtestFlags {
    /// The form that is asked for.
    pub fn output_format(&self) -> OutputFormat {
        if self.quiet { OutputFormat::Terse } else { self.format.unwrap_or(OutputFormat::Pretty) }
    }

    /// Chooses colours for all streams, as `--color` asks. Without it the streams and the environment decide.
    pub fn choose_colours(&self) {
        match self.color {
            None | Some(ColorWhen::Auto) => {}
            Some(ColorWhen::Always) => anstream::ColorChoice::Always.write_global(),
            Some(ColorWhen::Never) => anstream::ColorChoice::Never.write_global(),
        }
    }

    /// Whether a program reads the verdicts. Nothing else may be on the standard output then.
    pub fn is_for_machines(&self) -> bool {
        match self.output_format() {
            OutputFormat::Pretty | OutputFormat::Terse | OutputFormat::Github => false,
            OutputFormat::Json | OutputFormat::Junit | OutputFormat::Ktap => true,
        }
    }
}
