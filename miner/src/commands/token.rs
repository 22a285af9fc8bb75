//! `cityseal token`: makes a bearer token for a tenant, and the line for the service's file of tokens.

use std::io;
use std::path::PathBuf;

use cityseal_cli::{CliError, Ending, Explain, files, unix_now};
use cityseal_service::NewToken;
use cityseal_service::caller::{Scope, Scopes};
use zeroize::Zeroizing;

use crate::args::TokenArgs;
use crate::context::Context;
use crate::json::TokenAnswer;

use super::say_unless_json;

/// What a token may do if no scope is given.
const SCOPES_DEFAULT: [Scope; 3] = [Scope::Seal, Scope::Verify, Scope::Read];

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TokenCommandError {
    /// The file of the token, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The path of the new token names an existing file.
    #[error("{}: the file exists, and a token is never overwritten; choose another path", path.display())]
    TokenExists {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for TokenCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::TokenExists { .. } => "token-exists",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::TokenExists { path } => Some(path.display().to_string()),
        }
    }
}

pub(crate) fn run(context: &Context, args: &TokenArgs) -> Result<Ending, TokenCommandError> {
    let mut random = Zeroizing::new([0; 40]);
    getrandom::fill(&mut *random).map_err(|error| CliError::System(io::Error::other(error.to_string())))?;
    let token = NewToken::from_random(&random);
    let given = if args.scope.is_empty() { &SCOPES_DEFAULT[..] } else { &args.scope };
    let scopes: Scopes = given.iter().copied().collect();
    let not_after = unix_now() + u64::from(args.days) * DAY_S;
    let text = Zeroizing::new(format!("{}\n", token.expose()));
    files::write_secret(&args.out, text.as_bytes()).map_err(|source| {
        let path = args.out.clone();
        let is_there = source.kind() == io::ErrorKind::AlreadyExists;
        if is_there { TokenCommandError::TokenExists { path } } else { CliError::WriteFile { path, source }.into() }
    })?;
    let answer = TokenAnswer {
        id: token.id().to_owned(),
        tenant: args.tenant.clone(),
        scopes: Scope::ALL.into_iter().filter(|scope| scopes.has(*scope)).map(Scope::name).collect(),
        not_after,
        token_file: args.out.display().to_string(),
        line: token.line(&args.tenant, scopes, not_after),
    };
    context.output.answer(&answer, |_| answer.line.clone()).map_err(CliError::Stdout)?;
    say_unless_json(
        &context.output,
        format_args!("the token is in {}: anyone who has it can call as {}", args.out.display(), args.tenant),
    );
    Ok(Ending::Yes)
}
