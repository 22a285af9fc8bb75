//! Block files with frames, preallocated space, junk, stray frames and wrong lengths: what is found and reported, and
//! where reading resumes.

use cityseal_chain::{BlockHeader, MerkleRoot, Network, Parameters};
use proptest::prelude::*;

use super::super::super::frame::MAGICS;
use super::super::key::KEY_LEN;
use super::*;

const MAGIC: [u8; 4] = MAGICS[4].0;

struct InMemory(Vec<u8>);

impl ReadAt for InMemory {
    fn read_exact_at(&self, room: &mut [u8], offset: u64) -> io::Result<()> {
        let there = self.0.get(offset as usize..offset as usize + room.len());
        room.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn scan(bytes: &[u8], key: Key) -> Scanned {
    let file = InMemory(bytes.to_vec());
    Scan::new(&file, bytes.len() as u64, key, FrameNetwork::default()).run().unwrap()
}

fn scan_plain(parts: &[&[u8]]) -> Scanned {
    scan(&parts.concat(), Key::default())
}

fn frame(len: u32) -> Vec<u8> {
    [MAGIC, len.to_le_bytes()].concat()
}

/// A frame and a header without work.
fn framed(len: u32) -> Vec<u8> {
    [&frame(len)[..], &vec![0x33; len as usize]].concat()
}

/// A whole block whose header has work.
fn block(salt: u8, script: usize) -> Vec<u8> {
    let mut header = BlockHeader { merkle_root: MerkleRoot::from_wire([salt; 32]), ..*regtest().genesis() };
    while !has_work(&header.to_wire()) {
        header.nonce += 1;
    }
    let script = [&[0xfd][..], &(script as u16).to_le_bytes(), &vec![0x51; script]].concat();
    let output = [&[1][..], &[0; 8], &[1, 0x51]].concat();
    let transaction = [&[1, 0, 0, 0, 1][..], &[7; 36], &script, &[0xff; 4], &output, &[9; 4]].concat();
    [&header.to_wire()[..], &[1], &transaction].concat()
}

fn regtest() -> Parameters {
    Parameters::of(Network::Regtest)
}

/// A block after a frame with the length `len`.
fn framed_as(len: usize, block: &[u8]) -> Vec<u8> {
    [&frame(len as u32)[..], block].concat()
}

fn right(block: &[u8]) -> Vec<u8> {
    framed_as(block.len(), block)
}

/// Parts of a file: frames, reserved zeros, bytes of magics, anything.
fn any_part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (80_u32..200).prop_map(framed),
        (65_000_u32..70_000).prop_map(framed),
        (any::<u8>(), 253_usize..300).prop_map(|(salt, script)| right(&block(salt, script))),
        (any::<u8>(), 80_usize..400).prop_map(|(salt, len)| framed_as(len, &block(salt, 260))),
        (0_u32..5_000_000).prop_map(frame),
        (0_usize..40).prop_map(|zeros| vec![0; zeros]),
        (0_usize..5).prop_map(|len| MAGIC[..len.min(4)].to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn frames_with_any_zeros_between_them_are_all_found(
        parts in proptest::collection::vec((80_u32..70_000, 0_usize..40), 0..9), key: [u8; KEY_LEN],
        room in 0_usize..3000,
    ) {
        let (mut bytes, mut blocks) = (Vec::new(), Vec::new());
        for (len, zeros) in parts {
            // Zeros that were written are obfuscated like all other bytes.
            bytes.resize(bytes.len() + zeros, 0);
            blocks.push((bytes.len() as u64 + 8, len));
            bytes.extend(framed(len));
        }
        let key = Key::from(key);
        key.turn(&mut bytes, 0);
        bytes.resize(bytes.len() + room, 0);
        let scanned = scan(&bytes, key);
        prop_assert_eq!(scanned.flaws, []);
        prop_assert_eq!((scanned.blocks, scanned.cut), (blocks, None));
    }

    #[test]
    fn any_bytes_are_read_to_their_end_and_blocks_never_overlap(
        parts in proptest::collection::vec(any_part(), 0..12),
        key in prop_oneof![Just([0; KEY_LEN]), any::<[u8; KEY_LEN]>()],
    ) {
        let mut bytes = parts.concat();
        let key = Key::from(key);
        key.turn(&mut bytes, 0);
        let scanned = scan(&bytes, key);
        prop_assert_eq!(scanned.headers.len(), 80 * scanned.blocks.len());
        let mut end = 0;
        for (at, len) in scanned.blocks {
            prop_assert!(at >= end + 8);
            end = at + u64::from(len);
        }
        prop_assert!(end <= bytes.len() as u64);
    }

    #[test]
    fn junk_between_blocks_hides_none_of_them(
        // A byte from 0x80 on is never the last byte of valid bits, so that no junk is a header by chance.
        junk in proptest::collection::vec(proptest::collection::vec(0x80_u8..=0xff, 0..300), 4),
    ) {
        let blocks = [1, 2, 3].map(|salt| right(&block(salt, 260)));
        let mut bytes = junk[0].clone();
        let mut expected = Vec::new();
        for (block, junk) in blocks.iter().zip(&junk[1..]) {
            expected.push((bytes.len() as u64 + 8, block.len() as u32 - 8));
            bytes.extend(block);
            bytes.extend(junk);
        }
        let scanned = scan(&bytes, Key::default());
        prop_assert_eq!(scanned.blocks, expected);
        prop_assert!(scanned.flaws.iter().all(|flaw| flaw.hidden == Hidden::Nothing), "{:?}", scanned.flaws);
    }
}

#[test]
fn more_damage_than_is_listed_is_counted_and_the_file_is_read_to_its_end() {
    let part = [&right(&block(1, 260))[..], b"?"].concat();
    let scanned = scan(&part.repeat(LISTED_MAX + 5), Key::default());
    assert_eq!((scanned.flaws.len(), scanned.flaws_unlisted), (LISTED_MAX, 5));
    assert_eq!((scanned.blocks.len(), scanned.hides_unlisted), (LISTED_MAX + 5, false));
}

#[test]
fn a_stray_frame_before_a_block_is_noted_whatever_length_it_has() {
    let (one, other) = (block(1, 260), block(2, 270));
    let real = other.len() as u32;
    for stray in [0, 79, 80, 100, real - 1, real, real + 8, real + 100, 3_000_000, 4_000_001, u32::MAX] {
        let scanned = scan_plain(&[&right(&one), &frame(stray), &right(&other), &right(&one)]);
        assert_eq!(scanned.flaws, [], "{stray}");
        assert_eq!(scanned.stray, [8 + one.len() as u64], "{stray}");
        let lens: Vec<u32> = scanned.blocks.iter().map(|(_, len)| *len).collect();
        assert_eq!(lens, [one.len() as u32, real, one.len() as u32], "{stray}");
    }
}

#[test]
fn a_wrong_length_in_a_frame_is_reported_and_no_block_is_lost() {
    let (one, two, three) = (block(1, 260), block(2, 270), block(3, 280));
    let real = two.len();
    for wrong in [80, 100, real - 1, real + 1, real + 20, real + 8 + 100, real + three.len(), 4_000_000, 5_000_000] {
        let scanned = scan_plain(&[&right(&one), &framed_as(wrong, &two), &right(&three), &right(&one)]);
        let lens: Vec<usize> = scanned.blocks.iter().map(|(_, len)| *len as usize).collect();
        assert_eq!(lens, [one.len(), real, three.len(), one.len()], "{wrong}");
        let [flaw] = &scanned.flaws[..] else { panic!("{wrong}: {:?}", scanned.flaws) };
        let next = (8 + one.len() + 8 + real) as u64;
        assert_eq!((flaw.resumed_at, flaw.hidden), (Some(next), Hidden::Nothing), "{wrong}");
    }
}

#[test]
fn a_wrong_length_before_a_damaged_body_loses_no_later_block() {
    let (one, mut two, three) = (block(1, 260), block(2, 270), block(3, 280));
    // A transaction count that does not match the block.
    two[80] = 200;
    let scanned = scan_plain(&[&right(&one), &framed_as(two.len() + 50, &two), &right(&three)]);
    let lens: Vec<usize> = scanned.blocks.iter().map(|(_, len)| *len as usize).collect();
    assert_eq!(lens, [one.len(), two.len(), three.len()]);
    assert!(matches!(scanned.flaws[..], [Flaw { what: DecodeError::WrongLength { .. }, .. }]), "{:?}", scanned.flaws);
}

#[test]
fn bytes_that_look_like_a_frame_hide_no_later_block() {
    let (one, other) = (block(1, 260), block(2, 270));
    let fake = [&frame(200)[..], &[0x77; 40]].concat();
    let scanned = scan_plain(&[&right(&one), &fake, &right(&other), &right(&one)]);
    let at = 8 + one.len() as u64;
    let next = at + fake.len() as u64;
    let flaw = Flaw { what: DecodeError::NoBlock { offset: at }, resumed_at: Some(next), hidden: Hidden::Nothing };
    assert_eq!(scanned.flaws, [flaw]);
    assert_eq!(scanned.blocks.len(), 3);
}

#[test]
fn a_damaged_frame_hides_the_header_after_it() {
    let (one, other) = (block(1, 260), block(2, 270));
    let mut bent = right(&one);
    bent[1] ^= 1;
    let scanned = scan_plain(&[&right(&other), &bent, &right(&other)]);
    let at = 8 + other.len() as u64 + 8;
    let header = *one.first_chunk().unwrap();
    assert_eq!(scanned.flaws.iter().map(|flaw| flaw.hidden).collect::<Vec<_>>(), [Hidden::Block { at, header }]);
    for (end, hidden) in [(60, Hidden::Unknown), (100, Hidden::Block { at, header })] {
        let scanned = scan_plain(&[&right(&other), &right(&one)[..end]]);
        assert_eq!(scanned.cut, Some((at - 8, hidden)), "{end}");
    }
}

#[test]
fn a_file_built_to_be_slow_is_re_examined_a_limited_number_of_times() {
    // Each frame ends at the same junk, so that every block is re-examined in turn.
    let count = 3 * REEXAMINATIONS_MAX as usize;
    let mut bytes = Vec::new();
    for at in 0..count {
        bytes.extend(frame((88 * (count - at) - 8) as u32));
        bytes.extend([0x33; 80]);
    }
    bytes.extend(b"????");
    bytes.extend(right(&block(1, 260)));
    let file = Counting { bytes: InMemory(bytes.clone()), read: std::sync::atomic::AtomicU64::new(0) };
    let scanned = Scan::new(&file, bytes.len() as u64, Key::default(), FrameNetwork::default()).run().unwrap();
    assert_eq!(scanned.blocks.last().map(|(at, _)| *at), Some(88 * count as u64 + 4 + 8));
    let read = file.read.into_inner();
    assert!(read <= u64::from(REEXAMINATIONS_MAX) * 6_000_000, "{read} bytes were read");
}

struct Counting {
    bytes: InMemory,
    read: std::sync::atomic::AtomicU64,
}

impl ReadAt for Counting {
    fn read_exact_at(&self, room: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(room.len() as u64, std::sync::atomic::Ordering::Relaxed);
        self.bytes.read_exact_at(room, offset)
    }
}
