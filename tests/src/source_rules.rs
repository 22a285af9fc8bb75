//! Checks of the source itself: which crate may import which ([`layers`]) and which module ([`modules`]), which words
//! only some crates may use ([`words`]), what a file must look like ([`style`]) and which phrases it must not contain
//! ([`phrases`]). Each check takes plain values and returns its objections, so that unit tests can show that it
//! objects.

pub mod code;
pub mod imports;
pub mod layers;
pub mod modules;
pub mod phrases;
pub mod style;
pub mod tree;
pub mod words;
