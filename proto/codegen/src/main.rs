//! Writes the generated code and the descriptor set into `proto/src/generated`: `cargo xtask proto` runs this program.

use std::error::Error;

use cityseal_proto_codegen::{committed_dir, generate};

fn main() -> Result<(), Box<dyn Error>> {
    generate(&committed_dir())
}
