//! The key with which Bitcoin Core (28.0 and later) obfuscates its block files, so that virus scanners do not react to
//! them.
//!
//! The eight bytes of `xor.dat` are repeated over each file from its first byte on: the byte of the key at an offset
//! depends only on the offset. A key of zeros, or no key, changes nothing.

use std::fs;
use std::io;
use std::path::Path;

use super::super::input_error::InputError;

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 8;

/// A key; the default one changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key([u8; KEY_LEN]);

impl From<[u8; KEY_LEN]> for Key {
    fn from(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }
}

impl Key {
    /// Returns the key of a folder; the default key if the folder has no `xor.dat`.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, InputError> {
        let path = folder.join("xor.dat");
        // Check before opening: opening a FIFO waits for a writer.
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(InputError::NotRegular { path });
        }
        match fs::read(&path) {
            Ok(bytes) => match <[u8; KEY_LEN]>::try_from(bytes.as_slice()) {
                Ok(key) => Ok(Self(key)),
                Err(_) => Err(InputError::XorKey { path, found: bytes.len() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(InputError::Open { path, source }),
        }
    }

    /// Returns the key rotated for byte `at` of a file.
    pub(super) fn at(self, at: u64) -> [u8; KEY_LEN] {
        let mut key = self.0;
        key.rotate_left((at % KEY_LEN as u64) as usize);
        key
    }

    /// Adds or removes the key on bytes that begin at offset `at` of their file (XOR).
    pub(super) fn turn(self, bytes: &mut [u8], at: u64) {
        if self == Self::default() {
            return;
        }
        let key = self.at(at);
        let word = u64::from_ne_bytes(key);
        let (words, rest) = bytes.as_chunks_mut::<KEY_LEN>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_of_zeros_changes_nothing() {
        let mut bytes = *b"block";
        Key::default().turn(&mut bytes, 3);
        assert_eq!(bytes, *b"block");
    }

    proptest! {
        #[test]
        fn each_byte_is_combined_with_the_key_byte_of_its_offset(
            key: [u8; KEY_LEN], at in 0_u64..1 << 40, bytes in proptest::collection::vec(any::<u8>(), 0..70),
        ) {
            let mut turned = bytes.clone();
            Key(key).turn(&mut turned, at);
            let expected: Vec<u8> = (at..).zip(&bytes).map(|(at, byte)| byte ^ key[(at % 8) as usize]).collect();
            prop_assert_eq!(&turned, &expected);
            Key(key).turn(&mut turned, at);
            prop_assert_eq!(turned, bytes);
        }
    }
}
