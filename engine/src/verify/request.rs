//! What to verify, and the state from which a verification starts or resumes.

use cityseal_chain::{ChainWork, History, Parameters, Summary};

use crate::error::VerifyRequestError;

/// A chain to verify: its parameters, the present time, and what is known about the headers before it.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    pub(super) parameters: Parameters,
    pub(super) start_height: u64,
    context: Vec<u8>,
    pub(super) start_work: ChainWork,
    pub(super) now: u64,
    pub(super) commits: bool,
    pub(super) tenant: String,
    pub(super) priority: u8,
    resumed: Option<RunState>,
}

/// The state of a verification between two headers or blocks: what was proved so far, and what the next header builds
/// on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// What was proved.
    pub summary: Summary,
    /// The headers before the next one, as far as rules need them.
    pub history: History,
}

impl VerifyRequest {
    /// A chain that begins with its genesis header, verified at `now` (Unix time in seconds): rule R10 refuses a header
    /// whose time is later than that by more than the parameters allow.
    pub fn new(parameters: Parameters, now: u64) -> Self {
        Self {
            parameters,
            start_height: 0,
            context: Vec::new(),
            start_work: ChainWork::ZERO,
            now,
            commits: false,
            tenant: String::new(),
            priority: 0,
            resumed: None,
        }
    }

    /// The height of the first header of the input. Default 0.
    #[must_use]
    pub fn start_height(mut self, start_height: u64) -> Self {
        self.start_height = start_height;
        self
    }

    /// Trusted headers just before the first one: packed, 80 bytes each, in wire order.
    #[must_use]
    pub fn context(mut self, context: Vec<u8>) -> Self {
        self.context = context;
        self
    }

    /// The trusted headers set by [`Self::context`].
    pub fn trusted(&self) -> &[u8] {
        &self.context
    }

    /// The chain work up to the header before the first one.
    #[must_use]
    pub fn start_work(mut self, start_work: ChainWork) -> Self {
        self.start_work = start_work;
        self
    }

    /// Whether the summary commits to every item, as a receipt requires: one or two more hashes per item. Default
    /// false.
    #[must_use]
    pub fn commits(mut self, commits: bool) -> Self {
        self.commits = commits;
        self
    }

    /// On whose behalf the chain is verified; its device time counts as that tenant's. Default: the tenant without a
    /// name.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// The priority among the jobs and chains of the tenant: its weight is 1 + priority / 32. Default 0.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Resumes another verification of the same chain from `state`. The input follows it directly; offsets in the
    /// report and the start height refer to the whole input.
    #[must_use]
    pub fn resume(mut self, state: RunState) -> Self {
        self.resumed = Some(state);
        self
    }

    /// The state before the first header of the input: the resumed one, or an empty summary with the context as
    /// history.
    ///
    /// # Errors
    /// [`VerifyRequestError`] if the request contradicts itself.
    pub fn state(&self) -> Result<RunState, VerifyRequestError> {
        let Some(state) = &self.resumed else {
            let history = History::before(&self.parameters, self.start_height, &self.context)?;
            return Ok(RunState { summary: Summary::empty(self.start_height), history });
        };
        let expected = state.summary.first_height + state.summary.count;
        let found = state.history.next_height();
        if state.summary.first_height < self.start_height || expected != found {
            return Err(VerifyRequestError::Resumed { start_height: self.start_height, expected, found });
        }
        Ok(state.clone())
    }
}
