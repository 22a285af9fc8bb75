//! Decides from its first records whether an input is a chain.
//!
//! Any bytes can be split into records of 80 bytes and checked; most of them break R05 at once. The result would be a
//! FAULT, a definite verdict on a chain that never existed. So an input whose format was only detected must show one
//! header among its first records, whatever its verdict. The check costs at most [`RECORDS`] hashes per run.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use cityseal_chain::{BlockHash, BlockHeader, CompactTarget, Difficulty, Network, Parameters, Target};
use cityseal_engine::{BlockBatch, ReadAt};
use cityseal_hash::HEADER_LEN;

use super::place::{HeaderSink, Place};
use super::sinks::{BlockSink, ChainSink};

/// Number of records inspected.
pub const RECORDS: usize = 16;

/// Leading zero bits of a hash that prove work by themselves: random bytes have them once in 65,536 tries, and also
/// need bits that encode such a target.
const PROVING_BITS: usize = 16;

/// The first records of an input, as they were read.
#[derive(Clone, Debug, Default)]
pub struct FirstRecords(Vec<u8>);

impl FirstRecords {
    /// Adds the records that follow; those beyond [`RECORDS`] are dropped.
    pub fn note(&mut self, packed: &[u8]) {
        let room = RECORDS * HEADER_LEN - self.0.len();
        self.0.extend_from_slice(&packed[..packed.len().min(room)]);
    }

    /// Whether no record was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether [`RECORDS`] records were added.
    pub fn is_full(&self) -> bool {
        self.0.len() == RECORDS * HEADER_LEN
    }

    /// Returns the records as headers.
    pub fn headers(&self) -> impl Iterator<Item = BlockHeader> + '_ {
        self.0.as_chunks::<HEADER_LEN>().0.iter().map(BlockHeader::from_wire)
    }

    /// Whether one record names another one as its parent.
    pub fn has_link(&self) -> bool {
        let hashes: Vec<BlockHash> = self.headers().map(|header| header.hash()).collect();
        self.headers().any(|header| hashes.contains(&header.prev_block_hash))
    }

    /// Returns the first record.
    pub fn first(&self) -> Option<BlockHeader> {
        self.headers().next()
    }
}

impl HeaderSink for FirstRecords {
    fn take(&mut self, packed: &[u8], _place: Place) {
        self.note(packed);
    }
}

/// Criteria that distinguish a header from other bytes.
#[derive(Clone, Debug)]
pub struct Recogniser {
    genesis: Vec<BlockHeader>,
    /// Hashes of known headers: an input that builds on one of them is a chain.
    known: Vec<BlockHash>,
    /// The easiest target of the network, if the network is known.
    limit: Option<Target>,
    /// The bits of every header, if the difficulty is fixed.
    fixed: Option<CompactTarget>,
    founded: u32,
    /// The latest time that a header may have, as Unix time.
    until: u64,
}

impl Recogniser {
    /// Creates a recogniser for a chain of these parameters on top of `parent` (if known), at the Unix time `now`.
    pub fn new(parameters: Option<&Parameters>, parent: Option<BlockHash>, now: u64) -> Self {
        let own = parameters.map(|parameters| *parameters.genesis());
        // A chain of another network is still a chain, so its fault is reported as a fault.
        let networks = Network::ALL.into_iter().map(|network| *Parameters::of(network).genesis());
        let genesis: Vec<BlockHeader> = own.into_iter().chain(networks).collect();
        Self {
            known: genesis.iter().map(BlockHeader::hash).chain(parent).collect(),
            limit: parameters.map(Parameters::pow_limit),
            fixed: parameters
                .filter(|parameters| matches!(parameters.difficulty(), Difficulty::Fixed))
                .map(|parameters| parameters.genesis().bits),
            founded: own.map_or(0, |own| own.time),
            until: now.saturating_add(parameters.map_or(0, Parameters::future_limit_s)),
            genesis,
        }
    }

    /// Whether the first records are headers. A record is a header if it links to another record or to a known header,
    /// if it meets its own bits, or if it is the first and nothing in it is implausible. If the first record is not a
    /// header, two consecutive records must be headers: longer records that contain headers show single ones where the
    /// position happens to be a multiple of 80, but never two in a row.
    pub fn is_chain(&self, first: &FirstRecords) -> bool {
        let records: Vec<(BlockHeader, BlockHash)> = first.headers().map(|header| (header, header.hash())).collect();
        let is_known = |hash: &BlockHash| self.known.contains(hash) || records.iter().any(|(_, other)| other == hash);
        let looks = records.iter().zip(first.0.chunks(HEADER_LEN)).enumerate().map(|(at, ((header, hash), bytes))| {
            if is_text(bytes) {
                return false;
            }
            is_known(&header.prev_block_hash)
                || self.known.contains(hash)
                || self.has_work(header, hash)
                || at == 0 && (self.is_plausible(header) || self.is_damaged_genesis(header))
        });
        let looks: Vec<bool> = looks.collect();
        // Two records need only one header, so that a chain of two with a damaged first header is still recognised.
        match looks.as_slice() {
            [first] => *first,
            [first, second] => *first || *second,
            looks => looks.first() == Some(&true) || looks.windows(2).any(|pair| pair == [true, true]),
        }
    }

    /// Whether the hash meets the bits, and is unlikely to do so by chance: the target is hard, or the rest of the
    /// header is plausible too.
    fn has_work(&self, header: &BlockHeader, hash: &BlockHash) -> bool {
        let Ok(target) = header.bits.decode() else { return false };
        let is_expected = self.is_plausible(header) && self.fixed.is_none_or(|bits| bits == header.bits);
        target.is_met_by(hash) && (proves_work(target) || is_expected)
    }

    fn is_plausible(&self, header: &BlockHeader) -> bool {
        let time = u64::from(header.time);
        self.has_good_version(header)
            && self.has_plausible_bits(header)
            && time >= u64::from(self.founded)
            && time <= self.until
    }

    /// Whether the version is 1 to 4, a BIP9 version, or the network's own from its genesis block.
    fn has_good_version(&self, header: &BlockHeader) -> bool {
        let version = header.version;
        (1..=4).contains(&version) || (version as u32) >> 29 == 1 || self.genesis[0].version == version
    }

    /// Whether the bits are the canonical encoding of a target within the limit.
    fn has_plausible_bits(&self, header: &BlockHeader) -> bool {
        let target = header.bits.decode().ok().filter(|target| target.to_compact_lossy() == header.bits);
        target.is_some_and(|target| self.limit.is_none_or(|limit| target <= limit))
    }

    /// Whether this is a genesis header with changed fields.
    fn is_damaged_genesis(&self, header: &BlockHeader) -> bool {
        self.genesis.iter().any(|genesis| {
            genesis.merkle_root == header.merkle_root && genesis.prev_block_hash == header.prev_block_hash
        })
    }

    /// Returns the network whose genesis header this is, if it differs from that of the given parameters.
    pub fn foreign_genesis(header: &BlockHeader, parameters: &Parameters) -> Option<Network> {
        let mut all = Network::ALL.into_iter();
        all.find(|network| Parameters::of(*network).genesis() == header && parameters.genesis() != header)
    }
}

/// Whether a hash that meets this target has [`PROVING_BITS`] leading zero bits.
fn proves_work(target: Target) -> bool {
    target.to_wire().iter().rev().take(PROVING_BITS / 8).all(|byte| *byte == 0)
}

/// Whether the bytes are text in UTF-8, which may begin and end within a character. A header is text by chance at most
/// once in 10,000 times: 72 of its bytes are hash, root and time, and none may be a control character.
fn is_text(bytes: &[u8]) -> bool {
    let cut = bytes.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    let text = match std::str::from_utf8(&bytes[cut..]) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[cut..cut + error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|found| !found.is_control() || matches!(found, '\n' | '\r' | '\t'))
}

/// A sink that also keeps the first records.
///
/// After the sink has stopped, the input is read on until [`RECORDS`] records were seen.
#[derive(Debug)]
pub struct Watched<'a, S> {
    inner: &'a mut S,
    first: &'a mut FirstRecords,
    has_enough: bool,
}

impl<'a, S> Watched<'a, S> {
    /// Wraps `inner`.
    pub const fn new(inner: &'a mut S, first: &'a mut FirstRecords) -> Self {
        Self { inner, first, has_enough: false }
    }

    /// Keeps the records and passes them on, unless the sink has stopped.
    fn pass(&mut self, packed: &[u8], hand_on: impl FnOnce(&mut S) -> ControlFlow<()>) -> ControlFlow<()> {
        self.first.note(packed);
        self.has_enough = self.has_enough || hand_on(self.inner).is_break();
        if self.has_enough && self.first.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl<S: ChainSink> ChainSink for Watched<'_, S> {
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()> {
        self.pass(packed, |inner| inner.take(packed, file, place))
    }

    fn read(&mut self, source: &mut dyn Read, file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        // Records that the sink reads itself do not pass through here.
        if self.first.is_full() { self.inner.read(source, file) } else { None }
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        if self.first.is_full() { self.inner.take_from(source, from, len, file) } else { None }
    }
}

impl<S: BlockSink> BlockSink for Watched<'_, S> {
    fn take(&mut self, batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()> {
        let headers = if self.first.is_full() { Vec::new() } else { batch.headers() };
        self.pass(&headers, |inner| inner.take(batch, file, places))
    }

    fn note_stray_frame(&mut self, file: usize, offset: u64) {
        self.inner.note_stray_frame(file, offset);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first two headers of mainnet.
    fn mainnet() -> Vec<BlockHeader> {
        let genesis = *Parameters::of(Network::Mainnet).genesis();
        let first = "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e\
                     1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299";
        vec![genesis, BlockHeader::from_hex(first).unwrap()]
    }

    fn records(headers: &[BlockHeader]) -> FirstRecords {
        let mut first = FirstRecords::default();
        headers.iter().for_each(|header| first.note(&header.to_wire()));
        first
    }

    fn recogniser(network: Network) -> Recogniser {
        Recogniser::new(Some(&Parameters::of(network)), None, 1_800_000_000)
    }

    /// A header whose version, bits and time belong to no network.
    fn implausible(header: &BlockHeader) -> BlockHeader {
        BlockHeader { version: -5, time: 3, ..*header }
    }

    #[test]
    fn headers_that_meet_their_bits_are_recognised_anywhere_but_a_single_one_may_be_chance() {
        let mainnet = mainnet();
        let noise = BlockHeader { bits: CompactTarget::from_bits(0xffff_ffff), ..implausible(&mainnet[1]) };
        let noise = BlockHeader { prev_block_hash: BlockHash::from_wire([7; 32]), ..noise };
        assert!(!recogniser(Network::Regtest).is_chain(&records(&[noise; 16])));
        let mut with_two = vec![noise; 16];
        with_two[15] = mainnet[1];
        assert!(!recogniser(Network::Regtest).is_chain(&records(&with_two)));
        with_two[14] = mainnet[0];
        assert!(recogniser(Network::Regtest).is_chain(&records(&with_two)));
        with_two.insert(0, noise);
        assert!(!recogniser(Network::Regtest).is_chain(&records(&with_two)));
        assert!(recogniser(Network::Regtest).is_chain(&records(&[noise, mainnet[1]])), "the damaged first of two");
    }

    #[test]
    fn a_link_to_a_neighbour_the_context_or_a_genesis_header_is_enough() {
        let start = implausible(&mainnet()[1]);
        let start = BlockHeader { prev_block_hash: BlockHash::from_wire([7; 32]), ..start };
        let next = BlockHeader { prev_block_hash: start.hash(), ..start };
        let mainnet = recogniser(Network::Mainnet);
        assert!(!mainnet.is_chain(&records(&[start, start])));
        assert!(mainnet.is_chain(&records(&[start, next])));
        let parent = Some(BlockHash::from_wire([7; 32]));
        assert!(Recogniser::new(Some(&Parameters::of(Network::Mainnet)), parent, 0).is_chain(&records(&[start])));
        for network in Network::ALL {
            let on_genesis = BlockHeader { prev_block_hash: Parameters::of(network).genesis_hash(), ..start };
            assert!(mainnet.is_chain(&records(&[on_genesis])), "{network}");
        }
    }

    #[test]
    fn every_genesis_header_is_recognised_on_every_network_even_if_it_is_damaged() {
        for network in Network::ALL {
            let genesis = *Parameters::of(network).genesis();
            for asked in Network::ALL {
                assert!(recogniser(asked).is_chain(&records(&[genesis])), "{network} on {asked}");
                assert!(recogniser(asked).is_chain(&records(&[implausible(&genesis)])), "{network} on {asked}");
                let foreign = Recogniser::foreign_genesis(&genesis, &Parameters::of(asked));
                assert_eq!(foreign, (network != asked).then_some(network));
            }
        }
    }

    #[test]
    fn only_the_first_record_counts_by_plausible_version_bits_and_time() {
        let plausible = BlockHeader { nonce: 0, prev_block_hash: BlockHash::from_wire([7; 32]), ..mainnet()[1] };
        let mainnet = recogniser(Network::Mainnet);
        let noise = BlockHeader { bits: CompactTarget::from_bits(0), ..plausible };
        assert!(mainnet.is_chain(&records(&[plausible, noise])));
        assert!(!mainnet.is_chain(&records(&[noise, plausible])));
        let with = |change: fn(&mut BlockHeader)| {
            let mut changed = plausible;
            change(&mut changed);
            mainnet.is_chain(&records(&[changed]))
        };
        assert!(with(|header| header.version = 0x2000_0004) && with(|header| header.version = 0x3fff_e000));
        assert!(
            !with(|header| header.version = 5)
                && !with(|header| header.version = 0)
                && !with(|header| header.version = -1)
        );
        assert!(!with(|header| header.time = 1_231_006_504) && !with(|header| header.time = 1_800_007_201));
        assert!(with(|header| header.time = 1_231_006_505) && with(|header| header.time = 1_800_007_200));
        // Above mainnet's limit, and a non-canonical encoding of a target.
        assert!(!with(|header| header.bits = CompactTarget::from_bits(0x1d01_0000)));
        assert!(!with(|header| header.bits = CompactTarget::from_bits(0x1e00_00ff)));
    }

    #[test]
    fn text_is_never_a_header_even_if_its_hash_meets_its_bits() {
        // At an easy limit every eighth line of spaces meets the target that it encodes.
        let line = |number: u32| format!("{number:<80}").into_bytes();
        let meets = |line: &Vec<u8>| {
            let header = BlockHeader::from_wire(line.first_chunk().unwrap());
            header.bits.decode().unwrap().is_met_by(&header.hash())
        };
        let lucky: Vec<u8> = (0..400).map(line).filter(meets).take(16).collect::<Vec<_>>().concat();
        assert_eq!(lucky.len(), 16 * 80);
        let mut first = FirstRecords::default();
        first.note(&lucky);
        assert!(!recogniser(Network::Regtest).is_chain(&first));
    }

    #[test]
    fn text_may_begin_and_end_within_a_character_and_header_bytes_are_not_text() {
        let text = "Über die Grundbücher der Städte und die Kärntner Märkte, für Bürgerinnen und Bürger";
        for from in 0..8 {
            assert!(is_text(&text.as_bytes()[from..from + 72]), "{from}");
        }
        assert!(!is_text(&mainnet()[1].to_wire()) && !is_text(&[0xff; 80]) && !is_text(&[0; 80]));
    }

    #[test]
    fn at_a_fixed_easy_difficulty_work_proves_a_header_only_with_the_fixed_bits() {
        let regtest = *Parameters::of(Network::Regtest).genesis();
        let noise = BlockHeader {
            prev_block_hash: BlockHash::from_wire([7; 32]),
            bits: CompactTarget::from_bits(0),
            ..regtest
        };
        let sealed = |bits| {
            let header = BlockHeader { bits: CompactTarget::from_bits(bits), time: regtest.time + 1, ..noise };
            let mut nonces = (0..u32::MAX).map(|nonce| BlockHeader { nonce, ..header });
            nonces.find(|header| header.bits.decode().unwrap().is_met_by(&header.hash())).unwrap()
        };
        let is_chain = |bits| recogniser(Network::Regtest).is_chain(&records(&[noise, sealed(bits)]));
        assert!(is_chain(0x207f_ffff) && !is_chain(0x207f_fffe) && is_chain(0x1e7f_ffff));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn random_bytes_and_random_text_are_not_recognised(
            bytes in proptest::collection::vec(any::<u8>(), 0..1400), text in "[ -~\\n\\t]{0,1400}",
        ) {
            for network in [Network::Mainnet, Network::Regtest] {
                for bytes in [bytes.as_slice(), text.as_bytes()] {
                    let mut first = FirstRecords::default();
                    first.note(&bytes[..bytes.len() - bytes.len() % 80]);
                    // A random first record looks plausible once in some thousand cases; then the verifier decides.
                    let recogniser = recogniser(network);
                    let is_plausible = first.first().is_some_and(|header| recogniser.is_plausible(&header));
                    let by_chance = is_plausible && bytes != text.as_bytes();
                    prop_assert!(by_chance || !recogniser.is_chain(&first));
                }
            }
        }
    }
}
