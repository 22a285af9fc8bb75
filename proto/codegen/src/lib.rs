//! Generates the Rust code and the descriptor set of `cityseal.v1` without `protoc`: protox parses the `.proto` files.
//!
//! The output is committed under `proto/src/generated`, so that a build of `CitySeal` compiles no parser of `.proto`
//! files. `cargo xtask proto` writes it, with the digests of its sources and of the generated files; the test
//! `generated` of cityseal-proto compares them with the files that are there.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const PROTO_FILES: [&str; 5] = [
    "cityseal/v1/template.proto",
    "cityseal/v1/device.proto",
    "cityseal/v1/seal.proto",
    "cityseal/v1/status.proto",
    "cityseal/v1/verify.proto",
];

const DESCRIPTOR_SET: &str = "cityseal.v1.descriptor.bin";

const CODE: &str = "cityseal.v1.rs";

/// A line for each source and generated file, as `sha256sum` writes it in the folder `proto`.
const DIGESTS: &str = "digests.txt";

fn proto_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// The directory of the committed output: `proto/src/generated`.
pub fn committed_dir() -> PathBuf {
    proto_dir().join("src/generated")
}

/// Writes the code, the descriptor set and the digests into [`committed_dir`].
///
/// # Errors
/// If a `.proto` file does not compile or a file cannot be written.
pub fn generate() -> Result<(), Box<dyn Error>> {
    let out_dir = &committed_dir();
    let mut compiler = protox::Compiler::new([proto_dir()])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTO_FILES)?;
    fs::create_dir_all(out_dir)?;
    fs::write(out_dir.join(DESCRIPTOR_SET), compiler.encode_file_descriptor_set())?;
    // `Bytes` fields share the receive buffer: a chunk of headers is never copied between the socket and the verifier.
    let code = tonic_prost_build::configure().bytes(".").out_dir(out_dir);
    code.compile_fds(compiler.file_descriptor_set())?;
    write_digests(out_dir)
}

fn write_digests(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let sources = PROTO_FILES.iter().map(|file| proto_dir().join(file));
    let generated = [CODE, DESCRIPTOR_SET].map(|file| out_dir.join(file));
    let mut lines = String::new();
    for file in sources.chain(generated) {
        let digest = Sha256::digest(fs::read(&file)?);
        digest.iter().try_for_each(|byte| write!(lines, "{byte:02x}"))?;
        writeln!(lines, "  {}", file.strip_prefix(proto_dir())?.display())?;
    }
    Ok(fs::write(out_dir.join(DIGESTS), lines)?)
}
