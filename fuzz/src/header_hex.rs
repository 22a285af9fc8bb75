//! Compares the parsers of header, hash and target text with a digit-by-digit decoder.

use cityseal_chain::{BlockHash, BlockHeader, Target};

use crate::reference::{bytes_of_hex, display_hex};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let genesis = "\
        0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
        67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
    let texts = [genesis, &genesis[..159], &genesis.to_uppercase(), &"0".repeat(64), &"f".repeat(64), "", "\u{0660}0"];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    header(text);
    hash(text);
    target(text);
}

fn header(text: &str) {
    let plain = bytes_of_hex(text).filter(|bytes| bytes.len() == 80);
    let read = BlockHeader::from_hex(text).ok();
    assert_eq!(read.map(|header| header.to_wire().to_vec()), plain, "{text:?}");
    if let Some(header) = read {
        assert_eq!(header.to_hex(), text.to_lowercase());
        assert_eq!(BlockHeader::from_wire(&header.to_wire()), header);
    }
}

fn hash(text: &str) {
    let plain = bytes_of_hex(text).filter(|bytes| bytes.len() == 32);
    let read = BlockHash::from_display_hex(text).ok();
    assert_eq!(read.is_some(), plain.is_some(), "{text:?}");
    if let Some(hash) = read {
        assert_eq!(display_hex(hash.as_bytes()), text.to_lowercase());
        assert_eq!(hash.to_display_hex(), text.to_lowercase());
    }
}

/// Zero must be refused as a target.
fn target(text: &str) {
    let plain = bytes_of_hex(text).filter(|bytes| bytes.len() == 32 && bytes.iter().any(|byte| *byte != 0));
    let read = Target::from_display_hex(text).ok();
    assert_eq!(read.is_some(), plain.is_some(), "{text:?}");
    if let Some(target) = read {
        assert_eq!(target.to_display_hex(), text.to_lowercase());
        assert_eq!(format!("{:08x}", target.top_word_max()), text[..8].to_lowercase());
    }
}
