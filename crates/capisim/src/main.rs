//! The `capisim` program.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(capisim::main_with(std::env::args_os()));
}
