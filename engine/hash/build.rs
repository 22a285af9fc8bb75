//! Sets `cfg(unoptimised)` at opt-level 0; see "Unoptimised builds" in the crate's documentation.
#![allow(clippy::print_stdout, reason = "a build script passes its results to cargo on stdout")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(unoptimised)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        println!("cargo::rustc-cfg=unoptimised");
    }
}
