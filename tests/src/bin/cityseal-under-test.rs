//! The product's binary, built with the tests so that they can start it.

fn main() -> std::process::ExitCode {
    cityseal::main()
}
