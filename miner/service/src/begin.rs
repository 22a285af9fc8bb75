//! The first message of an upload: the chain, its rules, the requested results, and the state of an earlier call.

use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_chain::{ChainWork, History, Network, Parameters};
use cityseal_engine::{RunState, VerifyRequest, VerifyRequestError};
use cityseal_hash::HEADER_LEN as HASHED_LEN;
use cityseal_input::part::{Chain, ItemKind, Misfit, Part, RulesDiffer, ShardRange, rules_of};
use cityseal_proto::field::{self, HEADER_LEN};
use cityseal_proto::v1::verify_begin::Parameters as Choice;
use cityseal_proto::{FieldError, FieldProblem, v1};

use super::echo::shown;
use super::keys::{Keys, TokenError};
use super::limits::ECHO_BYTES_MAX;
use super::refusal::Refusal;

/// Names that a Begin message may use.
const NETWORKS: &str = "mainnet, testnet3, testnet4, signet or regtest";

/// A first message that was checked.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) parameters: Parameters,
    /// Includes the state of an earlier call if the upload resumes one.
    pub(super) request: VerifyRequest,
    pub(super) start_height: u64,
    pub(super) start_work: ChainWork,
    pub(super) now: u64,
    /// The history before the first item of the chain.
    before: History,
    pub(super) wants_receipt: bool,
    pub(super) wants_tokens: bool,
    pub(super) resumed: Option<Resumed>,
}

/// The state of an earlier call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resumed {
    pub(super) items: ItemKind,
    /// Bytes of the chain that it covered.
    pub(super) bytes: u64,
}

impl Begun {
    /// Reads the message.
    ///
    /// # Errors
    /// Returns [`Refusal::Field`], [`Refusal::NoReceiptKey`], [`Refusal::ResumeToken`] or [`Refusal::RulesDiffer`].
    pub(super) fn read(begin: &v1::VerifyBegin, keys: &Keys) -> Result<Self, Refusal> {
        if begin.want_receipt && keys.signer().is_none() {
            return Err(Refusal::NoReceiptKey);
        }
        let token = &begin.resume_token;
        let part = if token.is_empty() { None } else { Some(keys.open(token).map_err(refuse_token)?) };
        let now = begin.now_s.or_else(|| Some(part.as_ref()?.chain.now)).unwrap_or_else(unix_now);
        let begun = Self::fresh(begin, now)?;
        match part {
            None => Ok(begun),
            Some(part) => begun.resume(part).map_err(refuse_token),
        }
    }

    fn fresh(begin: &v1::VerifyBegin, now: u64) -> Result<Self, Refusal> {
        field::whole_headers("begin.context_headers", &begin.context_headers)?;
        let parameters = parameters_of(begin)?;
        let start_work = field::chain_work("begin.start_work", &begin.start_work)?;
        let request = VerifyRequest::new(parameters.clone(), now)
            .start_height(begin.start_height)
            .context(begin.context_headers.to_vec())
            .start_work(start_work)
            // Commitments cost more than the hashes, and only receipts need them.
            .commits(begin.want_receipt);
        let before = request.state().map_err(|error| request_refused(&error))?.history;
        Ok(Self {
            parameters,
            request,
            start_height: begin.start_height,
            start_work,
            now,
            before,
            wants_receipt: begin.want_receipt,
            wants_tokens: begin.want_resume_tokens,
            resumed: None,
        })
    }

    fn resume(self, part: Part) -> Result<Self, TokenError> {
        let items = part.chain.items;
        // A receipt commits to every item from the first one on.
        if self.wants_receipt && part.summary.commitments.is_none() {
            return Err(TokenError::Misfit { what: "want_receipt" });
        }
        let state = part.resume(&self.chain(items), &self.before).map_err(|misfit| match misfit {
            Misfit::Rules(differ) => TokenError::Rules(differ),
            Misfit::Other(what) => TokenError::Misfit { what },
        })?;
        let resumed = Some(Resumed { items, bytes: bytes_of(items, &state) });
        Ok(Self { request: self.request.resume(state), resumed, ..self })
    }

    fn chain(&self, items: ItemKind) -> Chain {
        Chain {
            parameters: self.parameters.digest(),
            rules: rules_of(self.parameters.merkle(), items).digest(),
            items,
            start_height: self.start_height,
            start_work: self.start_work,
            now: self.now,
        }
    }

    /// Returns the state from which a later call can resume.
    pub(super) fn part(&self, items: ItemKind, state: RunState) -> Part {
        let RunState { summary, history } = state;
        let (chain, before, after) = (self.chain(items), self.before, Some(history));
        Part { chain, shards: ShardRange::WHOLE, before, after, summary, fault: None, cut: None }
    }
}

/// Returns the bytes of the chain up to this state.
pub(super) const fn bytes_of(items: ItemKind, state: &RunState) -> u64 {
    match items {
        ItemKind::Headers => state.summary.count * HEADER_LEN as u64,
        ItemKind::Blocks => state.summary.bodies.bytes,
    }
}

fn parameters_of(begin: &v1::VerifyBegin) -> Result<Parameters, FieldError> {
    match &begin.parameters {
        Some(Choice::Network(name)) => {
            let unknown = || FieldProblem::Unknown { expected: NETWORKS, found: shown(name, ECHO_BYTES_MAX) };
            let network: Network = name.parse().map_err(|_| FieldError::new("begin.network", unknown()))?;
            Ok(Parameters::of(network))
        }
        Some(Choice::ParametersToml(text)) => {
            Parameters::from_toml(text).map_err(|error| FieldError::refused("begin.parameters_toml", &error))
        }
        None => Err(FieldError::missing("begin.parameters", "a network name or custom network parameters")),
    }
}

fn request_refused(error: &VerifyRequestError) -> Refusal {
    let path = match error {
        VerifyRequestError::Context(_) => "begin.context_headers",
        VerifyRequestError::Resumed { .. } => "begin.resume_token",
        _ => "begin",
    };
    FieldError::refused(path, error).into()
}

fn refuse_token(problem: TokenError) -> Refusal {
    match problem {
        TokenError::Rules(RulesDiffer { found, expected }) => Refusal::RulesDiffer { found, expected },
        TokenError::Foreign | TokenError::Unreadable | TokenError::Misfit { .. } => {
            Refusal::ResumeToken { problem: problem.to_string() }
        }
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const _: () = assert!(HEADER_LEN == HASHED_LEN, "the wire format and the kernels use the same header length");

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(parameters: Option<Choice>) -> v1::VerifyBegin {
        v1::VerifyBegin { parameters, ..Default::default() }
    }

    fn regtest() -> v1::VerifyBegin {
        begin(Some(Choice::Network("regtest".to_owned())))
    }

    fn path_of(refused: Result<Begun, Refusal>) -> String {
        match refused {
            Err(Refusal::Field(error)) => error.path,
            other => panic!("expected a refused field, got {other:?}"),
        }
    }

    #[test]
    fn every_network_is_found_by_its_name_and_other_names_are_refused() {
        for name in ["mainnet", "testnet3", "testnet4", "signet", "regtest"] {
            assert_eq!(parameters_of(&begin(Some(Choice::Network(name.to_owned())))).unwrap().name(), name);
        }
        for name in ["", "Mainnet", "testnet", "x"] {
            let error = parameters_of(&begin(Some(Choice::Network(name.to_owned())))).unwrap_err();
            assert_eq!(error.to_string(), format!("begin.network: expected {NETWORKS}, found '{name}'"));
        }
        assert_eq!(parameters_of(&begin(None)).unwrap_err().path, "begin.parameters");
    }

    #[test]
    fn invalid_toml_parameters_are_refused_with_the_line() {
        let text = "name = \"city\"\nsurprise = 1\n".to_owned();
        let error = parameters_of(&begin(Some(Choice::ParametersToml(text)))).unwrap_err();
        assert!(error.to_string().starts_with("begin.parameters_toml: line 2"), "{error}");
    }

    #[test]
    fn context_and_work_of_wrong_length_are_refused() {
        let keys = Keys::new(None, "abc").unwrap();
        let context = v1::VerifyBegin { context_headers: vec![0; 81].into(), ..regtest() };
        assert_eq!(path_of(Begun::read(&context, &keys)), "begin.context_headers");
        let work = v1::VerifyBegin { start_work: vec![0; 33].into(), ..regtest() };
        assert_eq!(path_of(Begun::read(&work, &keys)), "begin.start_work");
        assert!(Begun::read(&regtest(), &keys).is_ok());
    }
}
