//! Where chains come from: whole blocks out of streams, and forks out of files and out of the folder of a node. The bodies
//! of most tests are only shaped like blocks; those of `regtest` keep every rule.

#![allow(clippy::unwrap_used, reason = "in a test a wrong value may end it where it stands")]

mod blocks;
mod damage;
mod folder;
mod forks;
mod regtest;
mod streams;
mod verdicts;
