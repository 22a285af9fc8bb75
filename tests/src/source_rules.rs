//! Checks of the source itself: which crate may import which ([`layers`]), which words only some crates may use
//! ([`words`]) and what a file must look like ([`style`]). Each check takes plain values and returns its objections, so
//! that unit tests can show that it objects.

pub mod code;
pub mod layers;
pub mod style;
pub mod tree;
pub mod words;
