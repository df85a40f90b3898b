//! onehead: see the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    onehead::cli::main()
}
