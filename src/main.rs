//! onehead: see the library's documentation.

use std::process::ExitCode;

/// Reading a history makes millions of small objects; the system allocator took a fifth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    onehead::cli::main()
}
