//! Sets `cfg(unoptimised)` at opt-level 0, where inlined code is not merged: see the crate's notes on unoptimised builds.
#![allow(clippy::print_stdout, reason = "it is how a build script talks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(unoptimised)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        println!("cargo::rustc-cfg=unoptimised");
    }
}
