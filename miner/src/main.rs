//! The cityseal binary: all of it stands in the library, so that the tests can start it too.

fn main() -> std::process::ExitCode {
    cityseal::main()
}
