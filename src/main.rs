//! The `codextap` program; everything it does is in the library's [`codextap::cli`].

fn main() -> std::process::ExitCode {
    codextap::cli::main()
}
