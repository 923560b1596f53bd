//! The command: everything is in the library, see [`ior_it::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ior_it::cli::main()
}
