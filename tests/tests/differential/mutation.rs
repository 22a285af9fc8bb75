//! Mutations of a block, and the rules that each breaks by construction.

use std::fmt::Display;

use cityseal_tests::synthetic::Random;

use crate::draft::Draft;

/// Parts of a block that a mutation changes. Mutations of the same block must not share a part.
pub(crate) mod part {
    pub(crate) const BITS: u16 = 1;
    pub(crate) const NONCE: u16 = 1 << 1;
    pub(crate) const PREV: u16 = 1 << 2;
    pub(crate) const TIME: u16 = 1 << 3;
    pub(crate) const VERSION: u16 = 1 << 4;
    pub(crate) const ROOT: u16 = 1 << 5;
    /// The bytes of the finished block.
    pub(crate) const BYTES: u16 = 1 << 6;
    /// Which transaction is first, and how many there are.
    pub(crate) const LIST: u16 = 1 << 7;
    pub(crate) const COINBASE_SCRIPT: u16 = 1 << 8;
    pub(crate) const COINBASE_LOCK: u16 = 1 << 9;
    pub(crate) const COMMITMENT: u16 = 1 << 10;
    /// The whole body: no other mutation of the body is possible.
    pub(crate) const BODY: u16 = ROOT | BYTES | LIST | COINBASE_SCRIPT | COINBASE_LOCK | COMMITMENT | APPENDED;
    /// An appended transaction. Any number of mutations can append one, but not together with one of the whole body.
    pub(crate) const APPENDED: u16 = 1 << 11;
    pub(crate) const HEADER: u16 = BITS | NONCE | PREV | TIME | VERSION;
}

/// How Bitcoin Core answers to a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreAnswer {
    /// Refuses with the reason of the lowest broken rule; accepts if none is broken.
    ByRule,
    /// Refuses with this reason.
    Reason(&'static str),
    /// Accepts although a rule is broken.
    Accepts,
    /// `submitblock` completes the block and accepts it; a proposal is refused with the reason of the rule.
    SubmitCompletes,
    /// Depends on the node's other blocks.
    Depends,
}

/// The effect of a mutation on a block.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    /// Every rule broken by construction.
    pub(crate) breaks: &'static [&'static str],
    /// The transaction that breaks the lowest of them.
    pub(crate) transaction: Option<usize>,
    /// The fault's `expected` and `found`, if they are known by construction.
    pub(crate) values: Option<(String, String)>,
    pub(crate) core: CoreAnswer,
}

impl Effect {
    /// An effect that breaks these rules.
    pub(crate) const fn breaks(rules: &'static [&'static str]) -> Self {
        Self { breaks: rules, transaction: None, values: None, core: CoreAnswer::ByRule }
    }

    /// An effect that breaks no rule.
    pub(crate) const fn accepted() -> Self {
        Self::breaks(&[])
    }

    pub(crate) fn values<E: Display, F: Display>(mut self, expected: E, found: F) -> Self {
        self.values = Some((format!("{expected}"), format!("{found}")));
        self
    }

    pub(crate) fn at(mut self, transaction: usize) -> Self {
        self.transaction = Some(transaction);
        self
    }

    pub(crate) fn core(mut self, core: CoreAnswer) -> Self {
        self.core = core;
        self
    }
}

/// A mutation of a block.
#[derive(Clone, Copy)]
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    /// The [`part`]s that it changes.
    pub(crate) parts: u16,
    /// Whether it makes a block of the maximum size; there are only few such cases.
    pub(crate) is_heavy: bool,
    /// The highest height at which it is possible.
    pub(crate) height_max: u64,
    /// Whether it needs existing outputs, because Bitcoin Core's answer depends on them.
    pub(crate) is_connected: bool,
    pub(crate) apply: fn(&mut Draft, &mut Random) -> Effect,
}

impl Mutation {
    pub(crate) const fn new(name: &'static str, parts: u16, apply: fn(&mut Draft, &mut Random) -> Effect) -> Self {
        Self { name, parts, is_heavy: false, height_max: u64::MAX, is_connected: false, apply }
    }

    pub(crate) const fn heavy(mut self) -> Self {
        self.is_heavy = true;
        self
    }

    pub(crate) const fn up_to_height(mut self, height: u64) -> Self {
        self.height_max = height;
        self
    }

    pub(crate) const fn connected(mut self) -> Self {
        self.is_connected = true;
        self
    }

    /// Whether it changes only the header, so that it is possible in a chain of headers.
    pub(crate) const fn is_of_header(&self) -> bool {
        self.parts & !part::HEADER == 0
    }

    /// Whether both are possible in one block.
    pub(crate) const fn fits(&self, other: &Self) -> bool {
        let shared = self.parts & other.parts;
        // Two mutations that each append a transaction are compatible, unless one changes the whole body.
        let appended_only = shared == part::APPENDED && self.parts != part::BODY && other.parts != part::BODY;
        (shared == 0 || appended_only) && !(self.is_heavy || other.is_heavy)
    }
}
