//! Writes a long chain with custom network parameters, as input for `cityseal verify`.
//!
//! `city-chain fixed|asert HEADERS FOLDER` writes `FOLDER/city.toml` and `FOLDER/headers.bin`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use cityseal_tests::city_chain::{CityChain, CityDifficulty};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [difficulty, headers, folder] = &words[..] else {
        return Err("usage: city-chain fixed|asert HEADERS FOLDER".into());
    };
    let difficulty = match difficulty.as_str() {
        "fixed" => CityDifficulty::Fixed,
        "asert" => CityDifficulty::Asert,
        other => return Err(format!("unknown difficulty {other:?}; expected fixed or asert").into()),
    };
    write(CityChain::new(difficulty)?, headers.parse()?, Path::new(folder))
}

fn write(chain: CityChain, headers: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("city.toml"), chain.toml())?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join("headers.bin"))?);
    for header in chain.take(headers) {
        file.write_all(&header.to_wire())?;
    }
    file.flush()?;
    Ok(())
}
