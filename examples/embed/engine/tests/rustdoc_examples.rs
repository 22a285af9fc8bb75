//! Every rustdoc example of `cityseal-engine`, compiled as its users would; written by the build script.

include!(concat!(env!("OUT_DIR"), "/examples.rs"));
