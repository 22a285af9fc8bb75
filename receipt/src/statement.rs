//! What a receipt states: the chain, the rules, the range, the verdict, the program and devices, the time and the
//! signer.
//!
//! The parts of a [`Statement`] are consistent. Whether they are true depends on trust in the signer.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHash, BlockHeader};
use cityseal_hash::HEADER_LEN;

use crate::error::{OpeningError, StatementError};
use crate::parts::StatementParts;
use crate::rows::{ItemKind, Made, VerdictKind};
use crate::text;
use crate::words::{objection_to_text, objection_to_word};

/// Maximum number of rows in one list: far above the number of rules and devices.
pub const ROWS_MAX: usize = 1024;

/// A statement whose parts are consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(StatementParts);

impl Statement {
    /// Checks that the parts are consistent and that their texts are allowed.
    ///
    /// # Errors
    /// [`StatementError`] for the first check that fails.
    pub fn new(parts: StatementParts) -> Result<Self, StatementError> {
        check_words(&parts)?;
        check_rows(&parts)?;
        check_heights(&parts)?;
        check_bodies(&parts)?;
        check_roots(&parts)?;
        let Made { unix, utc } = &parts.made;
        if Made::at(*unix).as_ref() != Some(&parts.made) {
            return Err(StatementError::Made { unix: *unix, utc: utc.clone() });
        }
        Ok(Self(parts))
    }

    /// Returns the parts.
    pub const fn parts(&self) -> &StatementParts {
        &self.0
    }

    /// Returns the readable text, which is what is signed: one `key: value` per line.
    pub fn text(&self) -> String {
        text::render(&self.0)
    }

    /// Checks the packed headers of one subtree of the openings against the statement: that they are the signed ones,
    /// and the rules that need nothing else: that each header meets its own target (R01 to R03, R05), that each names
    /// the previous one (R06), that the first one names the parent, and that the last one is the tip.
    ///
    /// # Errors
    /// [`OpeningError`] for the first check that fails.
    pub fn open(&self, subtree: u64, packed: &[u8]) -> Result<(), OpeningError> {
        let parts = &self.0;
        if subtree >= parts.openings.subtrees() {
            return Err(OpeningError::NoSubtree { subtree, subtrees: parts.openings.subtrees() });
        }
        let items = parts.openings.items(subtree, parts.count);
        let expected = items.end - items.start;
        let (headers, rest) = packed.as_chunks::<HEADER_LEN>();
        if headers.len() as u64 != expected || !rest.is_empty() {
            return Err(OpeningError::Length { subtree, expected, found: packed.len() });
        }
        let headers: Vec<BlockHeader> = headers.iter().map(BlockHeader::from_wire).collect();
        let hashes: Vec<BlockHash> = headers.iter().map(BlockHeader::hash).collect();
        let leaves: Vec<Node> = hashes.iter().map(|hash| hash.to_wire()).collect();
        parts.openings.check(subtree, &leaves)?;
        self.judge(items.start, &headers, &hashes)
    }

    /// Checks the rules that need the headers of the subtree only.
    fn judge(&self, first: u64, headers: &[BlockHeader], hashes: &[BlockHash]) -> Result<(), OpeningError> {
        let parts = &self.0;
        // The header before a later subtree is unknown here, so the link of the subtree's first header is not checked.
        let mut before = (first == 0).then_some(parts.parent);
        for (height, (header, hash)) in (parts.first_height + first..).zip(headers.iter().zip(hashes)) {
            let target = header.bits.decode().map_err(|_| OpeningError::Bits { height, bits: header.bits })?;
            if !target.is_met_by(hash) {
                return Err(OpeningError::ProofOfWork { height, hash: *hash });
            }
            let found = header.prev_block_hash;
            if let Some(expected) = before.filter(|expected| *expected != found) {
                return Err(OpeningError::Link { height, expected, found });
            }
            before = Some(*hash);
        }
        let is_last = first + headers.len() as u64 == parts.count;
        match (&parts.tip, before) {
            (Some(tip), Some(found)) if is_last && tip.hash != found => {
                Err(OpeningError::Tip { expected: tip.hash, found })
            }
            _ => Ok(()),
        }
    }
}

/// Checks all texts and words of the statement.
fn check_words(parts: &StatementParts) -> Result<(), StatementError> {
    let mut texts = vec![("network", parts.network.as_str())];
    let mut words = vec![("build.version", parts.build.version.as_str()), ("build.commit", &parts.build.commit)];
    if let Some(fault) = &parts.fault {
        words.extend([("fault.rule", fault.rule.as_str()), ("fault.name", &fault.name)]);
        texts.extend([("fault.expected", fault.expected.as_str()), ("fault.found", &fault.found)]);
    }
    words.extend(parts.checked.iter().map(|rule| ("checked", rule.as_str())));
    words.extend(parts.out_of_scope.iter().map(|word| ("out_of_scope", word.as_str())));
    for row in &parts.not_checked {
        words.push(("not_checked.rule", &row.rule));
        texts.push(("not_checked.why", &row.why));
    }
    for device in &parts.devices {
        texts.push(("devices.name", &device.name));
        words.extend(device.kernel.as_ref().map(|kernel| ("devices.kernel", kernel.as_str())));
    }
    texts.extend(parts.signer.label.as_ref().map(|label| ("signer.label", label.as_str())));
    let refuse = |field, found: &str, reason| StatementError::Text { field, found: found.into(), reason };
    let bad_text = texts.into_iter().find_map(|(field, text)| Some(refuse(field, text, objection_to_text(text)?)));
    let bad_word = words.into_iter().find_map(|(field, word)| Some(refuse(field, word, objection_to_word(word)?)));
    bad_text.or(bad_word).map_or(Ok(()), Err)
}

fn check_rows(parts: &StatementParts) -> Result<(), StatementError> {
    let lists = [
        ("checked", parts.checked.len(), 1),
        ("not_checked", parts.not_checked.len(), 0),
        ("out_of_scope", parts.out_of_scope.len(), 0),
        ("devices", parts.devices.len(), 0),
    ];
    for (field, found, min) in lists {
        if !(min..=ROWS_MAX).contains(&found) {
            return Err(StatementError::Rows { field, found, min, max: ROWS_MAX });
        }
    }
    let backwards = parts.not_checked.iter().find(|row| row.from > row.to);
    backwards.map_or(Ok(()), |row| Err(StatementError::Range { rule: row.rule.clone(), from: row.from, to: row.to }))
}

/// Checks that verdict, count, tip and fault describe the same chain.
fn check_heights(parts: &StatementParts) -> Result<(), StatementError> {
    let StatementParts { verdict, first_height, count, .. } = *parts;
    let (is_fault, has_fault) = (verdict == VerdictKind::Fault, parts.fault.is_some());
    if is_fault != has_fault {
        let found = if has_fault { "a fault" } else { "no fault" };
        return Err(StatementError::Verdict { verdict: verdict.as_str(), found });
    }
    let next = first_height.checked_add(count).filter(|_| count > 0 || is_fault);
    let next = next.ok_or(StatementError::Count { first_height, count })?;
    let expected = (count > 0).then(|| next - 1);
    let found = parts.tip.as_ref().map(|tip| tip.height);
    if expected != found {
        return Err(StatementError::Tip { expected, found });
    }
    match &parts.fault {
        Some(fault) if fault.height != next => Err(StatementError::FaultHeight { expected: next, found: fault.height }),
        Some(_) | None => Ok(()),
    }
}

fn check_bodies(parts: &StatementParts) -> Result<(), StatementError> {
    let fits = match parts.kind {
        ItemKind::Headers => (parts.transactions, parts.body_bytes, parts.contents_root) == (0, 0, None),
        ItemKind::Blocks => parts.contents_root.is_some(),
    };
    if fits { Ok(()) } else { Err(StatementError::Bodies { kind: parts.kind.as_str() }) }
}

fn check_roots(parts: &StatementParts) -> Result<(), StatementError> {
    let (openings, count) = (&parts.openings, parts.count);
    if !openings.fit(count) {
        return Err(StatementError::Openings { found: openings.subtrees(), level: openings.level(), count });
    }
    let (expected, found) = (parts.headers_root, openings.root());
    if expected == found { Ok(()) } else { Err(StatementError::HeadersRoot { expected, found }) }
}
