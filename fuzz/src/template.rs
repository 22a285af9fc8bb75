//! A template from JSON: midstate and tail must match the whole header at both ends of its space.

use cityseal_chain::{Candidate, Seal, SealTemplate, SealTemplateBuilder, VersionRun};
use cityseal_hash::{HashKernel, HitBuffer, SearchInput};

use crate::reference::is_at_most;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let header = "01".to_owned() + &"00".repeat(71) + "ffff7f2000000000";
    let texts = [
        format!(r#"{{"header":"{header}"}}"#),
        format!(
            r#"{{"header":"{header}","version_mask":"1fffe000","time_window":600,"nonces":{{"first":0,"last":9}}}}"#
        ),
        format!(
            r#"{{"version":"20000000","prev_block_hash":"{0}","time":1,"bits":"207fffff","merkle_branch":["{0}"],
            "coinbase":{{"prefix":"00","suffix":"","extranonce_size":2,
            "extranonce_first":"00ff","extranonce_last":"0100"}}}}"#,
            "ab".repeat(32)
        ),
        format!(r#"{{"header":"{header}","target":"1d00ffff","nonces":{{"first":4294967295,"last":4294967295}}}}"#),
        format!(r#"{{"header":"{header}","nonces":{{"first":2,"last":1}}}}"#),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(builder) = SealTemplateBuilder::from_json(text) else { return };
    assert_eq!(SealTemplateBuilder::from_json(text).as_ref(), Ok(&builder), "reading is deterministic");
    let Ok(template) = builder.build() else { return };
    for point in ends(&template) {
        check_point(&template, &point);
    }
}

/// The first and the last point of the space.
fn ends(template: &SealTemplate) -> [Candidate; 2] {
    let space = template.space();
    let (times, nonces) = (space.times(), space.nonces());
    let (extranonce_first, extranonce_last) = space.extranonces().map_or((0, 0), |span| (span.first(), span.last()));
    let version_last = u32::try_from(space.versions().count() - 1).expect("a mask has 32 bits at most");
    let point = |extranonce, version_index, time, nonce| Candidate { extranonce, version_index, time, nonce };
    [
        point(extranonce_first, 0, times.first(), nonces.first()),
        point(extranonce_last, version_last, times.last(), nonces.last()),
    ]
}

/// Asserts that the kernel, which sees midstate and tail, agrees with the hash of the whole header on whether the point
/// is a hit.
fn check_point(template: &SealTemplate, point: &Candidate) {
    assert!(template.space().contains(point));
    let hash = template.header_at(point).hash();
    let top_word = u32::from_le_bytes(*hash.as_bytes().last_chunk().expect("a hash has 32 bytes"));
    let input = SearchInput {
        midstates: &template.midstates(point.extranonce, VersionRun::single(point.version_index)),
        tail: template.tail(point.extranonce, point.time),
        top_word_max: template.top_word_max(),
    };
    let mut hits = HitBuffer::new(1);
    HashKernel::portable().scan(&input, point.nonce, point.nonce, &mut hits);
    assert_eq!(!hits.as_slice().is_empty(), top_word <= template.top_word_max(), "{point:?}");
    let is_met = is_at_most(hash.as_bytes(), &template.target().to_display_hex());
    assert_eq!(Seal::confirm(template, *point).is_ok(), is_met, "{point:?}");
}

#[test]
fn the_seeds_contain_accepted_and_refused_templates() {
    let read = |seed: Vec<u8>| SealTemplateBuilder::from_json(std::str::from_utf8(&seed).unwrap());
    let is_accepted = |seed| read(seed).is_ok_and(|builder| builder.build().is_ok());
    let accepted: Vec<bool> = seeds().into_iter().map(is_accepted).collect();
    assert_eq!(accepted, [true, true, true, true, false]);
}
