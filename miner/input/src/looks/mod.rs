//! Describes what an input that is not a chain looks like, and what to do about it.
//!
//! Called only if nothing in the input was recognised, so it may be slow. The description is for people: no decision
//! depends on it.

mod kinds;
mod proof;
mod records;
mod text;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use cityseal_chain::hex;
use cityseal_hash::HEADER_LEN;

use super::decoder::Decoder;
use super::detect::{Format, detect_for};
use super::frame::{FrameNetwork, MAGICS};
use super::input_error::{InputError, Looks};
use super::paths::is_stdin;
use super::recognise::FirstRecords;

/// Bytes of the input that are inspected: more than the header of any known file type, and enough for several hundred
/// links.
pub const LOOK_BYTES: usize = 64 * 1024;

/// The hint if nothing is known.
const FORMATS: &str = "expected packed headers of 80 bytes each, hex text of 160 digits per header, or whole blocks; \
                       if it is one of these, name the format with --format";

/// The beginning of an input.
#[derive(Clone, Debug)]
pub struct Opening {
    path: PathBuf,
    bytes: Vec<u8>,
    /// The network whose frames were expected.
    network: FrameNetwork,
}

impl Opening {
    /// Creates an opening from the first bytes of an input that is already open.
    pub fn new(path: &Path, bytes: &[u8], network: FrameNetwork) -> Self {
        Self { path: path.into(), bytes: bytes[..bytes.len().min(LOOK_BYTES)].to_vec(), network }
    }

    /// Reads the first bytes of a regular file; empty if it cannot be read, which is reported when its content is read.
    pub fn of_file(path: &Path, network: FrameNetwork) -> Self {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(path) {
            let _unread = file.take(LOOK_BYTES as u64).read_to_end(&mut bytes);
        }
        Self { path: path.into(), bytes, network }
    }

    /// Returns the records at the beginning of these bytes, even if the first block is incomplete.
    pub fn records(&self) -> FirstRecords {
        let mut first = FirstRecords::default();
        match detect_for(self.network, &self.bytes) {
            Format::HexBlocks | Format::JsonBlock => {
                let mut runs = self.bytes.split(|byte| !byte.is_ascii_hexdigit());
                let digits = runs.find_map(|run| run.get(..2 * HEADER_LEN));
                let header = digits.and_then(|digits| hex::decode(std::str::from_utf8(digits).ok()?).ok());
                header.iter().for_each(|header| first.note(header));
            }
            format @ (Format::Headers | Format::Hex | Format::FramedBlocks | Format::RawBlocks) => {
                // Errors after them are reported when the content is read.
                let _mistake = Decoder::of(format).of_network(self.network).push(&self.bytes, &mut first);
            }
        }
        first
    }

    /// Whether these are packed headers with bytes between them, so that only the first can be read.
    pub fn is_spaced(&self) -> bool {
        detect_for(self.network, &self.bytes) == Format::Headers && records::is_spaced(&self.bytes)
    }

    /// Whether the input is a proof of transactions (`gettxoutproof`), which begins with a real header.
    pub fn is_proof(&self) -> bool {
        proof::is_proof(&self.bytes)
    }

    /// Returns the error for an input that is not a chain.
    pub fn refuse(&self, why: Option<String>) -> InputError {
        InputError::Unrecognised { path: self.path.clone(), looks: self.looks(), why }
    }

    /// Describes what these bytes look like.
    pub fn looks(&self) -> Looks {
        let bytes = self.bytes.as_slice();
        if bytes.is_empty() {
            return Looks::new("it is empty", FORMATS);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            let what = format!("its first {} bytes are zeros", bytes.len());
            return Looks::new(what, "the file was preallocated but never written, or a download failed: get it again");
        }
        proof::of(self)
            .or_else(|| kinds::of(self))
            .or_else(|| self.under_a_key())
            .or_else(|| records::frames(self))
            .or_else(|| text::of(self))
            .or_else(|| records::shifted(self))
            .unwrap_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Looks {
        let head: Vec<String> = self.bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        if self.bytes.len() < 80 {
            let what = format!("it has {} bytes, and a header has 80", self.bytes.len());
            return Looks::new(what, FORMATS);
        }
        let what =
            format!("it begins with the bytes {}, and none of its first records looks like a header", head.join(" "));
        Looks::new(what, FORMATS)
    }

    /// Recognises an obfuscated block file whose key is in the same folder.
    fn under_a_key(&self) -> Option<Looks> {
        let folder = self.path.parent().filter(|_| !is_stdin(&self.path))?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let path = folder.join("xor.dat");
        let key = <[u8; 8]>::try_from(fs::read(&path).ok()?.as_slice()).ok()?;
        let magic: Vec<u8> = self.bytes.iter().zip(key).take(4).map(|(byte, key)| byte ^ key).collect();
        let is_frame =
            MAGICS.iter().any(|(known, _)| *known == *magic) || self.network.magics().any(|known| known == *magic);
        is_frame.then(|| {
            let key = cityseal_chain::hex::encode(&key);
            Looks::new(
                format!("it is a block file of Bitcoin Core, obfuscated with the key {key} of {}", path.display()),
                format!("verify the folder, so that its key is used: cityseal verify {}", quoted(folder)),
            )
        })
    }

    /// Returns the file as a command-line argument; `FILE` if it is stdin.
    fn argument(&self) -> String {
        if is_stdin(&self.path) { "FILE".into() } else { quoted(&self.path) }
    }

    /// Returns a command that converts the file and verifies the result.
    fn piped(&self, command: &str) -> String {
        format!("{} | cityseal verify -", command.replace("FILE", &self.argument()))
    }
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if path.bytes().all(is_plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests;
