//! Half a million single-bit flips in the hashes of headers: the verdict is always that of a correct device.

use std::sync::LazyLock;
use std::time::Duration;

use cityseal_chain::{BlockHeader, History, Network, Parameters, Summary, Verdict};
use cityseal_device::fake::FakeOpener;
use cityseal_device::inject::flip_a_bit;
use cityseal_device::{DeviceInfo, Opener, Report};
use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};

use super::{Permits, Stream, VerifyReport, VerifyRequest};
use crate::policy::EnginePolicy;

/// Number of flips, each judged in a whole verification.
const FLIPS: u64 = 500_000;
const HEADERS: usize = 6;
/// Created once, because each creation runs the known-answer tests.
static KERNEL: LazyLock<HashKernel> = LazyLock::new(HashKernel::detect);
/// A clock past every header.
const NOW: u64 = 4_000_000_000;

/// A chain on regtest's parameters, where every second hash is a seal.
fn chain() -> Vec<u8> {
    let mut last = *Parameters::of(Network::Regtest).genesis();
    let mut headers = last.to_wire().to_vec();
    let target = last.bits.decode().unwrap();
    for _ in 1..HEADERS {
        let next = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 600, nonce: 0, ..last };
        let tried = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..next });
        last = { tried }.find(|header| target.is_met_by(&header.hash())).unwrap();
        headers.extend_from_slice(&last.to_wire());
    }
    headers
}

/// A valid chain, and copies with one bit of a header flipped. Among them are all bits of the last header's link,
/// because the same bit flipped in its parent's hash would make the two agree.
fn chains() -> Vec<Vec<u8>> {
    let right = chain();
    let link = ((HEADERS - 1) * HEADER_LEN + 4) * 8;
    let bits = (0..right.len() * 8).step_by(97).chain(link..link + 256);
    let flipped = bits.map(|bit| {
        let mut chain = right.clone();
        chain[bit / 8] ^= 1 << (bit % 8);
        chain
    });
    [right.clone()].into_iter().chain(flipped).collect()
}

fn hashes(chain: &[u8]) -> Vec<[u8; 32]> {
    chain.chunks_exact(HEADER_LEN).map(double_sha256).collect()
}

/// The whole path of one segment: judged with the hashes that `device` claims, joined, concluded.
fn verdict(parameters: &Parameters, device: &DeviceInfo, chain: &[u8], claimed: &[[u8; 32]]) -> VerifyReport {
    let (permits, _parker) = Permits::new(1);
    let permit = permits.try_one().unwrap();
    let stream = Stream::new(VerifyRequest::new(parameters.clone(), NOW), Summary::empty(0), permits, false);
    let before = History::before(parameters, 0, &[]).unwrap();
    let segment = stream.segment(0, before, chain.to_vec(), permit);
    let _caught = stream.judge(&segment, claimed, device, *KERNEL, EnginePolicy::default().recheck_every);
    stream.conclude(0, None, false, before, &[], Duration::ZERO)
}

#[test]
fn half_a_million_flipped_bits_change_no_verdict() {
    let parameters = Parameters::of(Network::Regtest);
    let device = FakeOpener::new("fake").info().clone();
    let chains: Vec<_> = chains()
        .into_iter()
        .map(|chain| {
            let honest = hashes(&chain);
            let report = verdict(&parameters, &device, &chain, &honest);
            (chain, honest, report)
        })
        .collect();
    // A flip in the last header may leave it valid.
    let valid = chains.iter().filter(|(.., report)| report.verdict == Verdict::Valid).count();
    assert!((1..10).contains(&valid) && chains.len() > 250, "{valid} of {} are valid", chains.len());
    let mut random = 1_u64;
    for index in 0..FLIPS {
        // Knuth's MMIX constants; the high half of the state is the random part.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (chain, honest, report) = &chains[index as usize % chains.len()];
        let mut claimed = Report::Hashes(honest.clone());
        let place = flip_a_bit(&mut claimed, random >> 32);
        let Report::Hashes(claimed) = claimed else { unreachable!("hashes stay hashes") };
        let found = verdict(&parameters, &device, chain, &claimed);
        let same = (&found.verdict, found.count, found.tip) == (&report.verdict, report.count, report.tip);
        assert!(same, "flip {index} of a {place:?}: {found:?} instead of {report:?}");
    }
}
