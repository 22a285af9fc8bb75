//! Generates the Rust code and the descriptor set of `cityseal.v1` without `protoc`: protox parses the `.proto` files.
//!
//! The output is committed under `proto/src/generated`, so that a build of `CitySeal` compiles no parser of `.proto`
//! files. `cargo xtask proto` writes it; the test `generated` of cityseal-proto compares it with a fresh run.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const PROTO_FILES: [&str; 4] =
    ["cityseal/v1/template.proto", "cityseal/v1/device.proto", "cityseal/v1/seal.proto", "cityseal/v1/verify.proto"];

const DESCRIPTOR_SET: &str = "cityseal.v1.descriptor.bin";

/// The generated files, as named in [`committed_dir`], in alphabetical order.
pub const GENERATED_FILES: [&str; 2] = [DESCRIPTOR_SET, "cityseal.v1.rs"];

fn proto_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// The directory of the committed output: `proto/src/generated`.
pub fn committed_dir() -> PathBuf {
    proto_dir().join("src/generated")
}

/// Writes [`GENERATED_FILES`] into `out_dir`, which is created if it does not exist.
///
/// # Errors
/// If a `.proto` file does not compile or a file cannot be written.
pub fn generate(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([proto_dir()])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTO_FILES)?;
    fs::create_dir_all(out_dir)?;
    fs::write(out_dir.join(DESCRIPTOR_SET), compiler.encode_file_descriptor_set())?;
    // `Bytes` fields share the receive buffer: a chunk of headers is never copied between the socket and the verifier.
    let code = tonic_prost_build::configure().bytes(".").out_dir(out_dir);
    code.compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
