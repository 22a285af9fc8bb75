//! The key that Bitcoin Core (from 28.0 on) lays over its block files, so that no scanner of viruses takes offence at them.
//!
//! Eight bytes of `xor.dat`, repeated over each file from its first byte on: which of them meets a byte depends on its place
//! alone. A key of zeros, or none, changes nothing.

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
    /// The key of a folder; without a file of that name there is none.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, InputError> {
        let path = folder.join("xor.dat");
        // Before it is opened: opening a FIFO waits for a writer.
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

    /// The key as it lies from byte `at` of a file on.
    pub(super) fn at(self, at: u64) -> [u8; KEY_LEN] {
        let mut key = self.0;
        key.rotate_left((at % KEY_LEN as u64) as usize);
        key
    }

    /// Takes the key off bytes that begin at `at` in their file, or lays it on.
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
        fn each_byte_meets_the_byte_of_the_key_that_its_place_says(
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
