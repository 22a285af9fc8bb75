//! The fuzz target `block`. Outside `cargo fuzz` it runs the body on the files that are its arguments.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cityseal_fuzz::run("block", data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    cityseal_fuzz::run_files("block")
}
