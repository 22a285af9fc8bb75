//! The cityseal binary.
fn main() {}
