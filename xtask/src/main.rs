//! Project tasks.
//!
//! - `cargo xtask test` runs all tests and counts passed, failed and skipped ones.
//! - `cargo xtask ci` runs all checks; `.ci/run` calls it.
//! - `cargo xtask package` makes the Debian package, the list of its components and the container image.
//! - `cargo xtask isa` counts the instructions of the shaders.
//! - `cargo xtask soak` and `cargo xtask measure` run what takes too long for `ci`.
//! - `cargo xtask readme` runs the examples in the documentation and checks the README's figures.
//!
//! The tasks start other tools and rely on their exit codes.

mod chromium;
mod ci;
mod figures;
mod isa;
mod lavapipe;
mod node;
mod package;
mod python;
mod readme;
mod require;
mod say;
mod session;
mod shell;
mod soak;
mod summary;
mod test;

use std::process::ExitCode;

use say::{say, say_error};
use shell::Outcome;

const HELP: &str = "usage: cargo xtask COMMAND

  test [ARGS]     run all tests and count passed, failed and skipped ones; ARGS replace --workspace in `cargo test`
  isa [--all]     count the shaders' instructions with real compilers and compare them with the budgets;
                  --all uses all compilers, --report also writes the counts to bench-results/isa
  ci              run every check that a change must pass; the tests come last
  package [--dev] make the Debian package, the list of its components (SBOM) and the container image in
                  target/package; --dev packages the build of the tests, to check the package itself
  proto           generate the Rust code of proto/ from its .proto files; commit the result
  readme          compare the figures in README.md with bench-results/, run the commands in README.md and docs/,
                  and compare output and exit codes with those shown
  readme --dev    run the commands with the build of the tests instead of a release build, as `ci` does
  readme --write  write the figures of bench-results/ into README.md
  soak NAME       a long run of a test that `ci` runs in a short form; without NAME: the names
  measure NAME    print figures that were promised, and fail if one misses its goal; without NAME: the names";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say_error(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(words: &[String]) -> Outcome {
    match words.split_first() {
        Some((command, rest)) if command == "test" => test::run(rest),
        Some((command, [])) if command == "ci" => ci::run_all(),
        Some((command, rest)) if command == "isa" => isa::run_all(rest),
        Some((command, [])) if command == "package" => package::run_all(package::Build::Release),
        Some((command, [flag])) if command == "package" && flag == "--dev" => package::run_all(package::Build::Dev),
        Some((command, [])) if command == "proto" => {
            let mut command =
                shell::cargo(["run", "--quiet", "--locked", "--manifest-path", "proto/codegen/Cargo.toml"]);
            shell::run(command.arg("--target-dir").arg(shell::target_dir()))
        }
        Some((command, [])) if command == "readme" => {
            figures::check().and_then(|()| readme::run(readme::Build::Release))
        }
        Some((command, [flag])) if command == "readme" && flag == "--dev" => readme::run(readme::Build::Dev),
        Some((command, [flag])) if command == "readme" && flag == "--write" => figures::write(),
        Some((command, rest)) if command == "soak" => soak::soak(rest),
        Some((command, rest)) if command == "measure" => soak::measure(rest),
        Some((command, [])) if command == "help" || command == "--help" => {
            say(HELP);
            Ok(())
        }
        _ => Err(shell::Failure::usage(HELP)),
    }
}
