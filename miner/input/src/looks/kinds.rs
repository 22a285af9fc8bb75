//! File types with a known signature.

use super::{Looks, Opening};

/// A file type and its signature at one offset.
struct Kind {
    at: usize,
    bytes: &'static [u8],
    what: &'static str,
    /// Either a command that writes the content of `FILE` to stdout, or advice.
    hint: Hint,
}

enum Hint {
    Unpack(&'static str),
    Words(&'static str),
}

const fn packed(bytes: &'static [u8], what: &'static str, command: &'static str) -> Kind {
    Kind { at: 0, bytes, what, hint: Hint::Unpack(command) }
}

const fn other(bytes: &'static [u8], what: &'static str) -> Kind {
    Kind { at: 0, bytes, what, hint: Hint::Words("this is not a chain: pass a file of headers or blocks") }
}

const fn worded(bytes: &'static [u8], what: &'static str, hint: &'static str) -> Kind {
    Kind { at: 0, bytes, what, hint: Hint::Words(hint) }
}

const DATABASE: &str = "a node's database holds no readable chain: verify the node's folder `blocks`";

const KINDS: &[Kind] = &[
    packed(&[0x1f, 0x8b], "gzip-compressed data", "gunzip -c FILE"),
    packed(b"PK\x03\x04", "a zip archive", "unzip -p FILE"),
    packed(b"PK\x05\x06", "an empty zip archive", "unzip -p FILE"),
    packed(&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz-compressed data", "xz -dc FILE"),
    packed(&[0x28, 0xb5, 0x2f, 0xfd], "zstd-compressed data", "zstd -dc FILE"),
    packed(b"BZh", "bzip2-compressed data", "bzip2 -dc FILE"),
    packed(&[0x04, 0x22, 0x4d, 0x18], "lz4-compressed data", "lz4 -dc FILE"),
    packed(&[0x1f, 0x9d], "data compressed by `compress`", "uncompress -c FILE"),
    packed(&[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c], "a 7z archive", "7z e -so FILE"),
    packed(b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul FILE"),
    Kind { at: 257, bytes: b"ustar", what: "a tar archive", hint: Hint::Unpack("tar -xOf FILE") },
    packed(&[0xff, 0xfe, 0, 0], "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"),
    packed(&[0xff, 0xfe], "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"),
    packed(&[0xfe, 0xff], "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"),
    worded(b"version https:", "a Git LFS pointer, not the file itself", "fetch the file: git lfs pull"),
    worded(b"/annex/objects/", "a git-annex pointer, not the file itself", "fetch the file: git annex get"),
    worded(
        b"SPVB",
        "a block store of bitcoinj (.spvchain), which keeps the last headers in a ring buffer",
        "export the headers from the wallet's node: 80 bytes each, or hex",
    ),
    worded(
        b"SPV2",
        "a block store of bitcoinj (.spvchain), which keeps the last headers in a ring buffer",
        "export the headers from the wallet's node: 80 bytes each, or hex",
    ),
    worded(
        b"SQLite format 3\0",
        "a SQLite database",
        "export the headers as hex: sqlite3 FILE 'SELECT …' | cityseal verify -",
    ),
    worded(b"cityseal-secret-key-1", "a secret key of CitySeal", "to sign a receipt with it: --receipt OUT --key FILE"),
    worded(b"-----BEGIN", "a PEM file (a key or a certificate)", "pass a file of headers or blocks"),
    other(b"%PDF", "a PDF document"),
    other(b"\x89PNG", "a PNG image"),
    other(&[0xff, 0xd8, 0xff], "a JPEG image"),
    other(b"GIF8", "a GIF image"),
    other(b"\x7fELF", "a program (ELF)"),
    other(b"MZ", "a program (Windows)"),
    other(&[0xcf, 0xfa, 0xed, 0xfe], "a program (Mach-O)"),
    other(&[0xca, 0xfe, 0xba, 0xbe], "a program (Java or Mach-O)"),
    other(b"PAR1", "a Parquet table"),
    other(&[0xd4, 0xc3, 0xb2, 0xa1], "a packet capture"),
    other(&[0x0a, 0x0d, 0x0d, 0x0a], "a packet capture"),
    other(b"\x93NUMPY", "a NumPy array"),
    other(b"psbt\xff", "a partially signed transaction"),
    Kind {
        at: 12,
        bytes: &[0x62, 0x31, 0x05, 0x00],
        what: "a Berkeley database (an old wallet)",
        hint: Hint::Words(DATABASE),
    },
    Kind {
        at: 12,
        bytes: &[0x00, 0x05, 0x31, 0x62],
        what: "a Berkeley database (an old wallet)",
        hint: Hint::Words(DATABASE),
    },
];

/// The eight bytes at the end of a `LevelDB` table.
const LEVELDB_END: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

pub(super) fn of(opening: &Opening) -> Option<Looks> {
    let bytes = opening.bytes.as_slice();
    if bytes.ends_with(&LEVELDB_END) {
        return Some(Looks::new("it is a table of LevelDB (a node's index)", DATABASE));
    }
    let kind = KINDS.iter().find(|kind| bytes.get(kind.at..).is_some_and(|rest| rest.starts_with(kind.bytes)))?;
    let hint = match kind.hint {
        Hint::Unpack(command) => format!("unpack it first: {}", opening.piped(command)),
        Hint::Words(words) => words.replace("FILE", &opening.argument()),
    };
    Some(Looks::new(format!("it is {}", kind.what), hint))
}
