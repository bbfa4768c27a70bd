fn main() -> std::process::ExitCode {
    cargo_xpkg::run(std::env::args_os())
}
