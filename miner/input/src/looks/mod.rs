//! Says what an input looks like that is not a chain, and what to do about it.
//!
//! Called only when nothing in the input was recognised; so it may take its time. What it says is a description for people: no
//! decision depends on it.

mod kinds;
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

/// Bytes of the input that are looked at: more than any head of a known kind, and two difficulty periods' worth of links.
pub const LOOK_BYTES: usize = 64 * 1024;

/// What is said where nothing is known.
const FORMATS: &str = "expected packed headers of 80 bytes each, hex text of 160 digits a header, or whole blocks; if it is one \
                       of these all the same, say which with --format";

/// The beginning of an input.
#[derive(Clone, Debug)]
pub struct Opening {
    path: PathBuf,
    bytes: Vec<u8>,
    /// The network whose frames were expected.
    network: FrameNetwork,
}

impl Opening {
    /// The first bytes of an input that was opened already.
    pub fn new(path: &Path, bytes: &[u8], network: FrameNetwork) -> Self {
        Self { path: path.into(), bytes: bytes[..bytes.len().min(LOOK_BYTES)].to_vec(), network }
    }

    /// The first bytes of a regular file; empty where it cannot be read, which is reported when its content is read.
    pub fn of_file(path: &Path, network: FrameNetwork) -> Self {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(path) {
            let _unread = file.take(LOOK_BYTES as u64).read_to_end(&mut bytes);
        }
        Self { path: path.into(), bytes, network }
    }

    /// The records that these bytes begin with, also where the first block is not whole.
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
                // What is wrong behind them is reported when their content is read.
                let _mistake = Decoder::of(format).of_network(self.network).push(&self.bytes, &mut first);
            }
        }
        first
    }

    /// Whether these are packed headers with something between them, so that the first is read and no other.
    pub fn is_spaced(&self) -> bool {
        detect_for(self.network, &self.bytes) == Format::Headers && records::is_spaced(&self.bytes)
    }

    /// The error that says that there is no chain in it.
    pub fn refuse(&self, why: Option<String>) -> InputError {
        InputError::Unrecognised { path: self.path.clone(), looks: self.looks(), why }
    }

    /// What these bytes look like.
    pub fn looks(&self) -> Looks {
        let bytes = self.bytes.as_slice();
        if bytes.is_empty() {
            return Looks::new("it is empty", FORMATS);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            let what = format!("its first {} bytes are zeros", bytes.len());
            return Looks::new(
                what,
                "a file that was reserved and not written, or a download that failed: get it again",
            );
        }
        kinds::of(self)
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

    /// A block file of a node whose key is in the same folder.
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
                format!("it is a block file of Bitcoin Core under the key {key} of {}", path.display()),
                format!("verify the folder, whose key is then used: cityseal verify {}", quoted(folder)),
            )
        })
    }

    /// The file as an argument of a command; `FILE` where it is stdin.
    fn argument(&self) -> String {
        if is_stdin(&self.path) { "FILE".into() } else { quoted(&self.path) }
    }

    /// A command that makes of the file what can be verified.
    fn piped(&self, command: &str) -> String {
        format!("{} | cityseal verify -", command.replace("FILE", &self.argument()))
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if path.bytes().all(is_plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests;
