//! The binary `tunneltax`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tunneltax_harness::main()
}
