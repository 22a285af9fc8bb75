//! Every rustdoc example of `cityseal-engine`, as its users compile it; the build script writes them.

include!(concat!(env!("OUT_DIR"), "/examples.rs"));
