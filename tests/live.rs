//! The scenarios as a test target of cargo, for `cargo test`, nextest and editors: the same trials as `./ior-it`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ior_it::support::cli::main_of_test_target()
}
