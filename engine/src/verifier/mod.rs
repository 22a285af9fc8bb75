//! Verifiers: the handles with which a user feeds a chain to the engine and gets its verdict.

mod blocks;
mod headers;

use std::sync::Arc;

pub use blocks::BlockVerifier;
pub use headers::HeaderVerifier;

use crate::control::Control;
use crate::error::VerifyRequestError;
use crate::verify::{Finish, Progress, RunState, Stage, VerifyReport, VerifyRequest};

/// What a chain is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainItems {
    /// Headers of 80 bytes, packed.
    Headers,
    /// Whole blocks: headers and bodies.
    Blocks,
}

/// A verification of either kind of items in progress. Match on it to push items. Dropping it cancels the verification.
///
/// ```
/// use cityseal_engine::chain::{Network, Parameters, Verdict};
/// use cityseal_engine::{ChainItems, Engine, Verifier, VerifyRequest};
///
/// let engine = Engine::builder().gpu(false).threads(1).build()?;
/// let parameters = Parameters::of(Network::Mainnet);
/// let genesis = parameters.genesis().to_wire();
///
/// let mut verifier = engine.verifier(ChainItems::Headers, VerifyRequest::new(parameters, 1_700_000_000))?;
/// match &mut verifier {
///     Verifier::Headers(headers) => _ = headers.push(&genesis),
///     Verifier::Blocks(_) => unreachable!("a verifier of headers"),
/// }
/// assert_eq!(verifier.finish(None).verdict, Verdict::Valid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Verifier {
    /// Of headers.
    Headers(HeaderVerifier),
    /// Of whole blocks.
    Blocks(BlockVerifier),
}

impl Verifier {
    pub(crate) fn new(control: Control, items: ChainItems, request: VerifyRequest) -> Result<Self, VerifyRequestError> {
        Ok(match items {
            ChainItems::Headers => Self::Headers(HeaderVerifier::new(control, request)?),
            ChainItems::Blocks => Self::Blocks(BlockVerifier::new(control, request)?),
        })
    }

    /// The kind of items that it takes.
    pub const fn items(&self) -> ChainItems {
        match self {
            Self::Headers(_) => ChainItems::Headers,
            Self::Blocks(_) => ChainItems::Blocks,
        }
    }

    /// Registers `wake`, which a worker's thread calls whenever there may be room again after `try_push` refused.
    pub fn on_room(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        match self {
            Self::Headers(verifier) => verifier.on_room(wake),
            Self::Blocks(verifier) => verifier.on_room(wake),
        }
    }

    /// How long the workers were busy with each stage so far.
    pub fn stages(&self) -> Vec<Stage> {
        match self {
            Self::Headers(verifier) => verifier.stages(),
            Self::Blocks(verifier) => verifier.stages(),
        }
    }

    /// The progress so far.
    pub fn progress(&self) -> Progress {
        match self {
            Self::Headers(verifier) => verifier.progress(),
            Self::Blocks(verifier) => verifier.progress(),
        }
    }

    /// The state after the last item up to which everything is judged.
    pub fn state(&self) -> RunState {
        match self {
            Self::Headers(verifier) => verifier.state(),
            Self::Blocks(verifier) => verifier.state(),
        }
    }

    /// Ends the input, waits for the tasks in flight and returns the report. The verdict is INCOMPLETE if `finish` does
    /// not match what was received.
    pub fn finish(self, finish: Option<Finish>) -> VerifyReport {
        match self {
            Self::Headers(verifier) => verifier.finish(finish),
            Self::Blocks(verifier) => verifier.finish(finish),
        }
    }

    /// Ends an input that was cut off: the verdict is a fault found before, or INCOMPLETE.
    pub fn finish_cut(self) -> VerifyReport {
        match self {
            Self::Headers(verifier) => verifier.finish_cut(),
            Self::Blocks(verifier) => verifier.finish_cut(),
        }
    }
}
