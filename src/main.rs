//! The command: everything is in the library, see [`ior_it::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ior_it::main()
}
