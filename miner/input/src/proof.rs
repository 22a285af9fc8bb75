//! Parses a proof of transactions, as Bitcoin Core's RPC `gettxoutproof` prints it: hex text, or its bytes.

use cityseal_chain::partial_tree::{Extracted, PartialTree, PartialTreeError};
use cityseal_chain::{BlockHeader, HexError, hex};

use super::hex_lines::BYTE_ORDER_MARK;

/// Why bytes are not a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAProof {
    /// The file has nothing but whitespace.
    #[error("the file is empty")]
    Empty,
    /// The text is not hex; positions leave out whitespace.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The bytes are not exactly one proof.
    #[error(transparent)]
    Bytes(#[from] PartialTreeError),
}

/// A header with a partial Merkle tree of its block's transactions (BIP37). Neither is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxOutProof {
    /// The header of the block.
    pub header: BlockHeader,
    /// The tree.
    pub tree: PartialTree,
}

impl TxOutProof {
    /// Parses hex text, which may have line breaks, quotes and `0x`, or the bytes themselves.
    ///
    /// # Errors
    /// [`NotAProof`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAProof> {
        // The number of transactions has zeros in its upper bytes, so the bytes of a proof are never text.
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let text = bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(bytes);
        let decoded;
        let proof: &[u8] = if text.iter().all(is_text) {
            decoded = decode(text)?;
            &decoded
        } else {
            bytes
        };
        let (header, tree) = PartialTree::parse(proof)?;
        Ok(Self { header, tree })
    }

    /// Checks the tree against the header's Merkle root and returns the transactions that it proves.
    ///
    /// # Errors
    /// As [`PartialTree::verify`].
    pub fn verify(&self) -> Result<Extracted, PartialTreeError> {
        self.tree.verify(&self.header)
    }
}

/// Decodes ASCII text of hex digits.
fn decode(text: &[u8]) -> Result<Vec<u8>, NotAProof> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'"').map(|byte| char::from(*byte));
    let digits: String = digits.collect();
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    if digits.is_empty() { Err(NotAProof::Empty) } else { Ok(hex::decode(digits)?) }
}

#[cfg(test)]
mod tests {
    use cityseal_chain::{Network, Parameters};

    use super::*;

    /// The proof of the coinbase of mainnet's genesis block: the tree of one transaction is its root.
    fn genesis_proof() -> Vec<u8> {
        let header = *Parameters::of(Network::Mainnet).genesis();
        [&header.to_wire()[..], &[1, 0, 0, 0, 1], &header.merkle_root.to_wire(), &[1, 1]].concat()
    }

    #[test]
    fn a_proof_is_read_from_its_bytes_and_from_hex_however_it_is_wrapped() {
        let bytes = genesis_proof();
        let expected = TxOutProof::from_bytes(&bytes).unwrap();
        let coinbase = expected.header.merkle_root.to_wire();
        assert_eq!(expected.verify().unwrap().matches, [(0, coinbase)]);
        let digits = hex::encode(&bytes);
        let (first, second) = digits.split_at(100);
        for text in [
            digits.clone(),
            digits.to_uppercase(),
            format!("{digits}\n"),
            format!("\"{digits}\"\r\n"),
            format!(" 0x{digits}"),
            format!("\u{feff}{digits}"),
            format!("{first}\n{second}\n"),
        ] {
            assert_eq!(TxOutProof::from_bytes(text.as_bytes()), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn text_that_is_not_hex_and_bytes_that_are_not_a_proof_are_refused_with_the_reason() {
        assert_eq!(TxOutProof::from_bytes(b""), Err(NotAProof::Empty));
        assert_eq!(TxOutProof::from_bytes(b" \"\"\n"), Err(NotAProof::Empty));
        let digit = HexError::Digit { position: 1, found: '{' };
        assert_eq!(TxOutProof::from_bytes(b"{\"result\":\"00\"}"), Err(NotAProof::Hex(digit)));
        assert_eq!(TxOutProof::from_bytes(b"abc"), Err(NotAProof::Hex(HexError::OddLength { found_digits: 3 })));
        let cut = &genesis_proof()[..100];
        let short = Err(NotAProof::Bytes(PartialTreeError::Short { at: 84, expected: 117, found: 100 }));
        assert_eq!(TxOutProof::from_bytes(cut), short);
        assert_eq!(TxOutProof::from_bytes(hex::encode(cut).as_bytes()), short);
    }
}
