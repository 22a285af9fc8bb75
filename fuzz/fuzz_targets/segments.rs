//! Passes libFuzzer's bytes to the body of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cityseal_fuzz::run("segments", data));
