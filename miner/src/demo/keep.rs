//! `demo --keep DIR`: writes the chain, its forgeries, the keys and the receipt as files, with a list of commands to
//! try.
//!
//! Files are written as a whole. If one cannot be written, those written before it are removed.

use std::fs;
use std::path::{Path, PathBuf};

use cityseal_bench::city::City;
use cityseal_cli::CliError;
use cityseal_cli::files::{write_output, write_secret};
use cityseal_receipt::{Receipt, SecretKey};

use super::error::DemoError;
use super::records::Chain;
use crate::json::KeptRow;

/// The file that lists the others.
const README: &str = "README.txt";
/// The secret key file.
const SECRET_KEY: &str = "auditor.key";

/// The text of [`README`]. A test runs all of its commands.
const README_TEXT: &str = "\
The chain of the city of Riverside, written by `cityseal demo --keep`.

headers.bin          the headers of blocks 0 to 4, 80 bytes each
blocks.dat           the same blocks with their records
city.toml            the rules of the chain
forged-blocks.dat    the blocks, with one record of block 2 rewritten
forged-headers.bin   the headers, with the Merkle root of block 2 changed to fit that record
chain.receipt        a signed receipt: who checked blocks.dat, when, and with what result
auditor.pub          the public key with which anyone can check the receipt
auditor.key          the secret key that signed it; keep such a file to yourself

Commands to try in this folder:

  cityseal verify headers.bin --network city.toml
  cityseal verify blocks.dat --network city.toml
  cityseal verify forged-blocks.dat --network city.toml    # exit code 1
  cityseal verify forged-headers.bin --network city.toml   # exit code 1
  cityseal receipt show chain.receipt
  cityseal receipt verify chain.receipt --key auditor.pub
  cityseal receipt verify chain.receipt --key auditor.pub --spot-check 3 --source blocks.dat
";

/// A folder that was empty when the demonstration started.
pub(super) struct KeepFolder {
    path: PathBuf,
    is_new: bool,
}

impl KeepFolder {
    /// Creates the folder, or accepts an existing empty one.
    ///
    /// # Errors
    /// [`DemoError::KeepFolder`] for a folder with files in it or a path that is no folder; [`CliError::WriteFile`]
    /// for a folder that cannot be created or read.
    pub(super) fn open(path: &Path) -> Result<Self, DemoError> {
        let is_new = !path.exists();
        let failed = |source| CliError::WriteFile { path: path.into(), source };
        let refused = |found| DemoError::KeepFolder { path: path.into(), found };
        if is_new {
            fs::create_dir_all(path).map_err(failed)?;
        } else if !path.is_dir() {
            return Err(refused("something that is not a folder"));
        } else if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(refused("a folder that is not empty"));
        }
        Ok(Self { path: path.into(), is_new })
    }

    /// Removes the folder if the demonstration created it and it is empty.
    pub(super) fn abandon(self) {
        if self.is_new {
            // The folder is kept if another program put files into it.
            let _not_empty = fs::remove_dir(&self.path);
        }
    }

    /// Writes all files. [`README`] is written last, so a folder that has it is complete.
    pub(super) fn write(
        self,
        city: &City,
        chain: &Chain,
        key: &SecretKey,
        receipt: &Receipt,
    ) -> Result<KeptRow, DemoError> {
        let public_key = format!("{}\n", key.public_key());
        let files: [(&'static str, Vec<u8>); 9] = [
            ("headers.bin", chain.headers()),
            ("blocks.dat", chain.blocks()),
            ("city.toml", city.toml.clone().into_bytes()),
            ("forged-blocks.dat", chain.with_forged_record().blocks()),
            ("forged-headers.bin", chain.with_forged_root().headers()),
            ("chain.receipt", receipt.to_json().into_bytes()),
            ("auditor.pub", public_key.into_bytes()),
            (SECRET_KEY, key.to_file_text().as_bytes().to_vec()),
            (README, README_TEXT.into()),
        ];
        for (written, (name, bytes)) in files.iter().enumerate() {
            let path = self.path.join(name);
            let result = if *name == SECRET_KEY { write_secret(&path, bytes) } else { write_output(&path, bytes) };
            if let Err(source) = result {
                for (name, _) in &files[..written] {
                    // The first error is the one to report.
                    let _left_behind = fs::remove_file(self.path.join(name));
                }
                self.abandon();
                return Err(CliError::WriteFile { path, source }.into());
            }
        }
        let names = files.iter().map(|(name, _)| *name).collect();
        Ok(KeptRow { folder: self.path.display().to_string(), files: names })
    }
}
