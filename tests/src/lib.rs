//! What the tests of the whole share: where the real chains stand, how a test says that it could not run, and the
//! checks of the house itself (floors, walls, style). Nothing of the product imports this crate.

pub mod data;
pub mod house;
pub mod skip;
