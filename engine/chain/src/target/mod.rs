//! Targets in their compact and full forms, and the work that meeting them stands for.

mod compact;
mod full;
mod threshold;
mod work;

pub use compact::{CompactFault, CompactTarget};
pub use full::{Target, TargetHexError};
pub use threshold::ThresholdHexError;
pub use work::{ChainWork, Work};
