//! Checks of the house itself: which crate may import which ([`edges`]), what may stand in whose source ([`walls`]) and
//! how a file looks ([`style`]). Each check takes plain values and returns what it objects to, so that tests can show
//! that it objects.

pub mod code;
pub mod edges;
pub mod style;
pub mod tree;
pub mod walls;
