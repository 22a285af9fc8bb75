//! SHA-256 of many messages in parallel, one in each lane of a vector. The algorithm is written once, over the
//! [`Lanes`] trait. Each instruction set implements the trait and has entry functions, into which everything here is
//! inlined.
//!
//! Known values are folded before the loop, never inside it: [`message`] folds known message words, [`rounds`] folds
//! the rounds before the first unknown word, [`search`] leaves out what the top word does not need.

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
