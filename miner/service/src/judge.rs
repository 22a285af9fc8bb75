//! The engine's end of an upload: a verifier of headers or of blocks, as the first chunk has it.

use std::sync::Arc;

use cityseal_engine::{
    BlockVerifier, Engine, Finish, Progress, RunState, Verifier, VerifyReport, VerifyRequest, VerifyRequestError,
};

use cityseal_input::part::ItemKind;

/// See the module's text.
#[derive(Debug)]
pub(super) enum Judge {
    Headers(Verifier),
    Blocks(BlockVerifier),
}

impl Judge {
    /// A verifier that calls `wake` whenever it may have room again.
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

    /// The verdict; `None`: the upload ended without its closing message. Waits for what is under way.
    pub(super) fn finish(self, finish: Option<Finish>) -> VerifyReport {
        match (self, finish) {
            (Self::Headers(verifier), Some(finish)) => verifier.finish(Some(finish)),
            (Self::Headers(verifier), None) => verifier.finish_cut(),
            (Self::Blocks(verifier), Some(finish)) => verifier.finish(Some(finish)),
            (Self::Blocks(verifier), None) => verifier.finish_cut(),
        }
    }
}
