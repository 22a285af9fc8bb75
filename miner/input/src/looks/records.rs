//! Binary files that contain headers or blocks in a layout that is not read: after a count, with bytes between them,
//! obfuscated with a key, or of another coin.

use cityseal_chain::BlockHeader;
use cityseal_hash::HEADER_LEN;

use super::{Looks, Opening};
use crate::detect::coinbase_zeros;
use crate::frame::MAGICS;

/// Range of offsets searched for the first header: after a count, a frame or a table header of up to 1 KiB (as in
/// bitcoinj's store).
const BEGINS_MAX: usize = 1100;

/// Maximum number of bytes between two headers.
const BETWEEN_MAX: usize = 512;

/// Magics before blocks of other chains (each project's chain parameters, `pchMessageStart`).
const OTHER_COINS: &[([u8; 4], &str)] = &[
    ([0xfb, 0xc0, 0xb6, 0xdb], "Litecoin (or a coin made from it)"),
    ([0xfd, 0xd2, 0xc8, 0xf1], "Litecoin's test network"),
    ([0xc0, 0xc0, 0xc0, 0xc0], "Dogecoin"),
    ([0xfc, 0xc1, 0xb7, 0xdc], "Dogecoin's test network"),
    ([0xe3, 0xe1, 0xf3, 0xe8], "Bitcoin Cash (or a chain made from it)"),
    ([0xf4, 0xe5, 0xf3, 0xf4], "Bitcoin Cash's test network"),
    ([0xbf, 0x0c, 0x6b, 0xbd], "Dash"),
    ([0xce, 0xe2, 0xca, 0xff], "Dash's test network"),
    ([0x24, 0xe9, 0x27, 0x64], "Zcash"),
    ([0xfa, 0x1a, 0xf9, 0xbf], "Zcash's test network"),
    ([0xaa, 0xe8, 0x3f, 0x5f], "Zcash's regtest"),
    ([0xf9, 0xbe, 0xb4, 0xfe], "Namecoin"),
    ([0xfa, 0xbf, 0xb5, 0xfe], "Namecoin's test network"),
    ([0xf9, 0xbe, 0xb4, 0xd4], "Groestlcoin"),
    ([0xe1, 0x47, 0x6d, 0x44], "Bitcoin Gold"),
    ([0xe6, 0xe8, 0xe9, 0xe5], "Peercoin"),
    ([0xfa, 0xc3, 0xb6, 0xda], "DigiByte"),
    ([0xf1, 0xcf, 0xa6, 0xd3], "Qtum"),
    ([0x52, 0x41, 0x56, 0x4e], "Ravencoin"),
    ([0xf7, 0xa7, 0x7e, 0xff], "Verge"),
    ([0x0f, 0x68, 0xc6, 0xcb], "Viacoin"),
    ([0x6e, 0x8b, 0x92, 0xa5], "BlackCoin"),
    ([0xda, 0xb5, 0xbf, 0xfa], "Bitcoin's or Litecoin's regtest in the wrong byte order"),
    ([0xd9, 0xb4, 0xbe, 0xf9], "Bitcoin in the wrong byte order"),
];

/// Recognises frames: of another coin, of a peer-to-peer message, or of a known network without a block.
pub(super) fn frames(opening: &Opening) -> Option<Looks> {
    let (magic, rest) = opening.bytes.split_first_chunk::<4>()?;
    if let Some((_, coin)) = OTHER_COINS.iter().find(|(known, _)| known == magic) {
        let what = format!("it begins with a block frame of {coin}");
        return Some(Looks::new(what, "only chains with Bitcoin's headers and double SHA-256 can be verified"));
    }
    if let Some((_, network)) = MAGICS.iter().find(|(known, _)| known == magic) {
        let command: String =
            rest.iter().take(12).take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        if !command.is_empty() && command.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            let what = format!("it begins with the message `{command}` of the peer-to-peer protocol of {network}");
            return Some(Looks::new(what, "pass the payload of the messages: headers of 80 bytes each, or blocks"));
        }
        let what = format!("it has frames of {network}, but their content does not begin with a header");
        return Some(Looks::new(what, "the file is damaged or of another kind: get it again"));
    }
    under_unknown_key(opening)
}

/// Recognises an obfuscated block file without its key file. The 32 zeros of the first coinbase's input show the key.
fn under_unknown_key(opening: &Opening) -> Option<Looks> {
    let bytes = opening.bytes.as_slice();
    for at in coinbase_zeros().map(|at| 8 + at) {
        let Some(zeros) = bytes.get(at..at + 32) else { continue };
        let (words, _) = zeros.as_chunks::<8>();
        // Obfuscated zeros are the key itself, repeated.
        if words.iter().any(|word| *word != words[0]) || words[0] == [0; 8] {
            continue;
        }
        let mut key = words[0];
        key.rotate_right(at % 8);
        let magic: Vec<u8> = bytes.iter().zip(key).take(4).map(|(byte, key)| byte ^ key).collect();
        if MAGICS.iter().any(|(known, _)| *known == *magic) || opening.network.magics().any(|known| known == *magic) {
            let key = cityseal_chain::hex::encode(&key);
            return Some(Looks::new(
                format!("it is a block file of Bitcoin Core, obfuscated with the key {key}"),
                "copy the node's xor.dat (this key as 8 bytes) into the same folder and verify the folder",
            ));
        }
    }
    None
}

/// Recognises headers that link but are not packed from the first byte on.
pub(super) fn shifted(opening: &Opening) -> Option<Looks> {
    let bytes = opening.bytes.as_slice();
    for begin in 0..BEGINS_MAX {
        if let Some(between) = next_after(bytes.get(begin..)?) {
            return Some(looks_shifted(opening, begin, between));
        }
    }
    None
}

/// Whether the header at the beginning is followed by another one, with bytes between them.
pub(super) fn is_spaced(bytes: &[u8]) -> bool {
    next_after(bytes).is_some_and(|between| between > 0)
}

/// Returns the number of bytes between the header at the front and the next one, which names it as its parent.
fn next_after(bytes: &[u8]) -> Option<usize> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let hash = BlockHeader::from_wire(header).hash().to_wire();
    let near = &rest[..rest.len().min(BETWEEN_MAX + 36)];
    // The parent's hash follows the version in the next header.
    near.windows(32).skip(4).position(|found| found == hash)
}

fn looks_shifted(opening: &Opening, begin: usize, between: usize) -> Looks {
    let stride = HEADER_LEN + between;
    let skip = format!("tail -c +{} FILE", begin + 1);
    let cut = format!("xxd -p -c {stride} | cut -c 1-160");
    let head = match begin {
        0 => String::new(),
        1 => " after a count of 1 byte".into(),
        2..=9 => format!(" after a count of {begin} bytes"),
        _ => format!(" from byte {begin} on"),
    };
    match between {
        0 => Looks::new(
            format!("it holds headers of 80 bytes{head}"),
            format!("drop the bytes before the first header: {}", opening.piped(&skip)),
        ),
        1 => Looks::new(
            format!("it holds records of 81 bytes{head}: headers, each with a transaction count, as nodes send them"),
            format!("keep only the 80 bytes of each: {}", opening.piped(&format!("{skip} | {cut}"))),
        ),
        _ => Looks::new(
            format!("it holds headers of 80 bytes{head} with {between} bytes between them"),
            format!("keep only the 80 bytes of each: {}", opening.piped(&format!("{skip} | {cut}"))),
        ),
    }
}
