//! The `capisim` program.
fn main() {
    std::process::exit(capisim::main_with(std::env::args_os()));
}
