//! Real chain data from packages of the registry, available on every machine: the first 1,112 headers of mainnet and
//! one large block.

use std::fs;

use bitcoin_test_data::blocks::mainnet_702861;

/// Bytes of a header.
const HEADER_LEN: usize = 80;

/// The mainnet genesis header in wire order. The package ships the headers above it.
const GENESIS: [u8; HEADER_LEN] = *b"\x01\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x3b\xa3\xed\xfd\x7a\x7b\x12\xb2\x7a\xc7\x2c\x3e\x67\x76\x8f\x61\
    \x7f\xc8\x1b\xc3\x88\x8a\x51\x32\x3a\x9f\xb8\xaa\x4b\x1e\x5e\x4a\
    \x29\xab\x5f\x49\xff\xff\x00\x1d\x1d\xac\x2b\x7c";

/// Number of headers that [`mainnet_headers`] returns: heights 0 to 1,111.
pub const MAINNET_HEADERS: usize = 1_112;

/// The hash of mainnet header 1,111, most significant byte first.
pub const MAINNET_TIP: &str = "00000000ca59764b4ff11d88ea67e641dba94a17520ebd10f1631b21a18d5805";

/// The height of the block that [`mainnet_block`] returns.
pub const MAINNET_BLOCK_HEIGHT: u64 = 702_861;

/// Returns the mainnet headers from genesis to height 1,111, packed: 80 bytes each, in wire order.
///
/// # Panics
/// If the package no longer ships them.
pub fn mainnet_headers() -> Vec<u8> {
    let path = nakamoto_test::headers::PATH.as_path();
    let above_genesis = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let headers = [&GENESIS[..], &above_genesis].concat();
    assert_eq!(headers.len(), MAINNET_HEADERS * HEADER_LEN, "{}", path.display());
    headers
}

/// Returns mainnet block 702,861: 1.4 MB with witnesses.
pub fn mainnet_block() -> &'static [u8] {
    mainnet_702861()
}
