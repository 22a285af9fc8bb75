//! The binary `cityseal`. All of its code is in the library, so that tests can start it too.

fn main() -> std::process::ExitCode {
    cityseal::main()
}
