//! Generates the Rust of `cityseal.v1` and its descriptor set, without protoc: protox reads the `.proto` files.

use std::path::PathBuf;
use std::{env, error::Error, fs};

const FILES: [&str; 4] =
    ["cityseal/v1/template.proto", "cityseal/v1/device.proto", "cityseal/v1/seal.proto", "cityseal/v1/verify.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=cityseal");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let descriptor_set = compiler.file_descriptor_set();
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);
    fs::write(out.join("cityseal_v1_descriptor.bin"), compiler.encode_file_descriptor_set())?;
    // `Bytes` fields share the receive buffer: a chunk of headers is never copied between the socket and the verifier.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptor_set)?;
    Ok(())
}
