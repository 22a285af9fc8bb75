//! Real chain data for the tests of this crate.

pub(crate) use cityseal_testkit::data::data_bytes;
