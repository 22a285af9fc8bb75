//! Writes the generated code and the descriptor set into `proto/src/generated`: `cargo xtask proto` runs this program.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    cityseal_proto_codegen::generate()
}
