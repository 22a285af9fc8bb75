//! A proof of transactions instead of a chain.

use super::{LOOK_BYTES, Looks, Opening};
use crate::proof::TxOutProof;

/// Whether the whole input is one proof whose tree has the root of its header. A header followed by other bytes has
/// that property only if it was built so.
pub(super) fn is_proof(bytes: &[u8]) -> bool {
    // A longer input is known only in part.
    bytes.len() < LOOK_BYTES && TxOutProof::from_bytes(bytes).is_ok_and(|proof| proof.verify().is_ok())
}

pub(super) fn of(opening: &Opening) -> Option<Looks> {
    is_proof(&opening.bytes).then(|| {
        let hint = format!("check it with: cityseal verify --txoutproof {}", opening.argument());
        Looks::new("it is a proof that transactions are in a block (gettxoutproof)", hint)
    })
}
