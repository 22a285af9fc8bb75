//! SHA-256 over many messages abreast, one in each lane of a vector. The algorithm stands here once, over the [`Lanes`]
//! trait; each instruction set brings an instance of it and entry functions into which everything here is inlined.
//!
//! What is known before the loop is folded away before the loop, never inside it: [`message`] folds known message words,
//! [`rounds`] folds rounds that precede the first unknown word, [`search`] drops what the top word does not need.

pub(crate) mod bulk;
pub(crate) mod cut;
pub(crate) mod each;
pub(crate) mod lanes;
pub(crate) mod message;
pub(crate) mod order;
pub(crate) mod rounds;
pub(crate) mod search;
pub(crate) mod states;

#[cfg(test)]
mod counted;
