//! The product's binary, built beside the tests so that they can start it.

fn main() -> std::process::ExitCode {
    cityseal::main()
}
