//! The verifier of an upload: for headers or for blocks, depending on the first chunk.

use std::sync::Arc;

use cityseal_engine::{
    BlockVerifier, Engine, Finish, Progress, RunState, Verifier, VerifyReport, VerifyRequest, VerifyRequestError,
};

use crate::part::ItemKind;

/// A verifier for headers or blocks.
#[derive(Debug)]
pub(super) enum Judge {
    Headers(Verifier),
    Blocks(BlockVerifier),
}

impl Judge {
    /// Creates a verifier that calls `wake` when it may accept input again.
    pub(super) fn new(
        engine: &Engine,
        items: ItemKind,
        request: VerifyRequest,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, VerifyRequestError> {
        let judge = match items {
            ItemKind::Headers => Self::Headers(engine.verifier(request)?),
            ItemKind::Blocks => Self::Blocks(engine.block_verifier(request)?),
        };
        match &judge {
            Self::Headers(verifier) => verifier.on_room(wake),
            Self::Blocks(verifier) => verifier.on_room(wake),
        }
        Ok(judge)
    }

    pub(super) const fn items(&self) -> ItemKind {
        match self {
            Self::Headers(_) => ItemKind::Headers,
            Self::Blocks(_) => ItemKind::Blocks,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match self {
            Self::Headers(verifier) => verifier.progress(),
            Self::Blocks(verifier) => verifier.progress(),
        }
    }

    pub(super) fn state(&self) -> RunState {
        match self {
            Self::Headers(verifier) => verifier.state(),
            Self::Blocks(verifier) => verifier.state(),
        }
    }

    /// Waits for the work in progress and returns the verdict; `None` means that the upload ended without its closing
    /// message.
    pub(super) fn finish(self, finish: Option<Finish>) -> VerifyReport {
        match (self, finish) {
            (Self::Headers(verifier), Some(finish)) => verifier.finish(Some(finish)),
            (Self::Headers(verifier), None) => verifier.finish_cut(),
            (Self::Blocks(verifier), Some(finish)) => verifier.finish(Some(finish)),
            (Self::Blocks(verifier), None) => verifier.finish_cut(),
        }
    }
}
