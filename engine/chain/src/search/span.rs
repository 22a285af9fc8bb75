//! The ranges of what may roll.

pub use cityseal_hash::{NonceSpan, Span, SpanBackwards};

/// A range of values of a header's time field, in Unix time.
pub type TimeSpan = Span<u32>;

/// A range of extranonces, as numbers.
pub type ExtranonceSpan = Span<u64>;
