//! The binary `quartermaster`.

fn main() -> std::process::ExitCode {
    quartermaster::cli::main()
}
