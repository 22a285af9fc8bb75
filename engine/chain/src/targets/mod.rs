//! Targets in compact and full form, and the work that they represent.

mod compact;
mod full;
mod threshold;
mod work;

pub use compact::{CompactFault, CompactTarget};
pub use full::{Target, TargetHexError};
pub use threshold::ThresholdHexError;
pub use work::{ChainWork, Work};
