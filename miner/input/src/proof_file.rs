//! Reads a proof of transactions from a file or stdin.

use std::io::Read;
use std::path::Path;

use cityseal_chain::partial_tree::PROOF_BYTES_MAX;

use super::input_error::InputError;
use super::open::open;
use super::proof::TxOutProof;

/// Maximum bytes of a file with a proof: two digits for each byte, and 64 KiB for line breaks.
const FILE_BYTES_MAX: usize = 2 * PROOF_BYTES_MAX + 64 * 1024;

impl TxOutProof {
    /// Reads a file, or stdin, that holds one proof.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read or is not a proof.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let mut bytes = Vec::new();
        let read = open(path)?.reader.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|source| InputError::Read { path: path.into(), offset: bytes.len() as u64, source })?;
        let is_json = bytes.trim_ascii_start().starts_with(b"{");
        Self::from_bytes(&bytes).map_err(|source| InputError::NotAProof { path: path.into(), is_json, source })
    }
}
