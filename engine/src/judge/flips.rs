//! Half a million single-bit flips in the reports of searches: none makes a false seal, and none loses a seal
//! undetected except as an ordinary missed hit, which canaries detect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cityseal_chain::{Network, NonceSpan, Parameters, SealTemplate, Target, VersionRun};
use cityseal_device::inject::{Place, flip_a_bit};
use cityseal_device::{Backend, Batch, CpuBackend, Report};
use cityseal_hash::HashKernel;

use super::*;

/// Number of flips, each judged as a whole report.
const FLIPS: u64 = 500_000;
/// Number of searches, whose reports are flipped in turn.
const SEARCHES: u32 = 64;
const NONCES: u32 = 128;

/// A search and its correct answer.
struct Search {
    region: Region,
    batch: SearchBatch,
    honest: Report,
    seals: Vec<Seal>,
}

/// About one hash in 32 is a seal.
fn template() -> RootedTemplate {
    let target = Target::from_display_hex(&format!("07{}", "f".repeat(62))).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    let template = SealTemplate::builder(header).version_mask(0b11 << 13).target(target).build().unwrap();
    RootedTemplate::new(Arc::new(template), 0)
}

fn search(rooted: &RootedTemplate, number: u32) -> Search {
    // Every second one has several versions; the first begins at nonce 0, where a slot that was never written points.
    let versions = VersionRun::new(0, if number.is_multiple_of(2) { 1 } else { 4 }).unwrap();
    let (first, last) = (number * NONCES, (number + 1) * NONCES - 1);
    let template = rooted.template();
    let time = template.header().time;
    let nonces = NonceSpan::new(first, last).unwrap();
    let region = Region { extranonce: 0, versions, time, nonces };
    let (midstates, tail) = (template.midstates(0, versions), template.tail(0, time));
    let batch = SearchBatch::new(midstates, tail, nonces, template.top_word_max(), 64).with_planted(plant(
        rooted,
        &region,
        u64::from(number),
    ));
    let mut reference = CpuBackend::new(HashKernel::portable());
    reference.submit(Batch::Search(batch.clone())).unwrap();
    let honest = reference.collect(Duration::ZERO).unwrap().unwrap().report;
    let seals = judged(rooted, &region, &batch, honest.clone()).unwrap().seals;
    Search { region, batch, honest, seals }
}

fn judged(rooted: &RootedTemplate, region: &Region, batch: &SearchBatch, report: Report) -> Result<Judged, Caught> {
    let Report::Search(report) = report else { panic!("expected a search report") };
    judge_search(rooted, region, batch, report)
}

/// The effect of a flip: caught, searched again, none, or a hit missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Caught,
    SearchedAgain,
    Harmless,
    Missed,
}

fn fate(rooted: &RootedTemplate, search: &Search, report: Report) -> Fate {
    match judged(rooted, &search.region, &search.batch, report) {
        Err(_) => Fate::Caught,
        Ok(judged) if judged.overflow => Fate::SearchedAgain,
        Ok(judged) if judged.seals == search.seals => Fate::Harmless,
        Ok(judged) => {
            assert!(judged.seals.iter().all(|seal| search.seals.contains(seal)), "a false seal: {:?}", search.batch);
            Fate::Missed
        }
    }
}

#[test]
fn half_a_million_flipped_bits_make_no_false_seal() {
    let template = template();
    let searches: Vec<Search> = (0..SEARCHES).map(|number| search(&template, number)).collect();
    assert!(searches.iter().map(|search| search.seals.len()).sum::<usize>() > 200);
    let mut fates: BTreeMap<(usize, Fate), u64> = BTreeMap::new();
    let mut random = 1_u64;
    for index in 0..FLIPS {
        // Knuth's MMIX constants; the high half of the state is the random part.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let search = &searches[index as usize % searches.len()];
        let mut report = search.honest.clone();
        let place = flip_a_bit(&mut report, random >> 32);
        *fates.entry((place as usize, fate(&template, search, report))).or_default() += 1;
    }
    assert_eq!(fates.values().sum::<u64>(), FLIPS);
    let count = |place: Place, fate: Fate| fates.get(&(place as usize, fate)).copied().unwrap_or(0);
    for place in [Place::Nonce, Place::Midstate] {
        assert!(count(place, Fate::Caught) > 10_000, "{fates:?}");
        assert_eq!(count(place, Fate::Missed) + count(place, Fate::Harmless), 0, "{place:?}: {fates:?}");
    }
    assert!(count(Place::Overflow, Fate::SearchedAgain) > 1_000, "{fates:?}");
    assert!(count(Place::Count, Fate::Caught) > count(Place::Count, Fate::Missed), "{fates:?}");
    assert_eq!(count(Place::Overflow, Fate::Missed), 0, "{fates:?}");
    assert!(count(Place::Planted, Fate::Caught) > 1_000, "{fates:?}");
    assert_eq!(fates.keys().filter(|(place, _)| *place == Place::Planted as usize).count(), 1, "{fates:?}");
}
