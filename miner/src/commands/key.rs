//! `cityseal key`: creates the key that signs receipts, and prints its public half.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cityseal_cli::{CliError, Ending, Explain, files};
use cityseal_receipt::{KeyError, SecretKey};
use zeroize::Zeroizing;

use crate::args::{KeyAction, KeyArgs, KeyNewArgs, KeyShowArgs};
use crate::context::Context;
use crate::json::KeyAnswer;

use super::say_unless_json;

/// Maximum size of a key file: three lines, of which the longest has a label of 256 bytes.
pub(crate) const KEY_BYTES_MAX: u64 = 4096;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum KeyCommandError {
    /// The file of the key, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The key or its label is invalid.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The path of a new key names an existing file.
    #[error("{}: the file exists, and a key is never overwritten; choose another path", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
    },
    /// Other users may read a secret key.
    #[error(
        "{}: other users can read this secret key (permissions {mode:04o}), so it is not used; run `chmod 600 {}`, and \
         create a new key if someone may have read it",
        path.display(),
        path.display()
    )]
    KeyReadable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl Explain for KeyCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Key { .. } => "bad-key",
            Self::KeyExists { .. } => "key-exists",
            Self::KeyReadable { .. } => "key-readable",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Key { path, .. } | Self::KeyExists { path } | Self::KeyReadable { path, .. } => {
                Some(path.display().to_string())
            }
        }
    }
}

pub(crate) fn run(context: &Context, args: &KeyArgs) -> Result<Ending, KeyCommandError> {
    match &args.action {
        KeyAction::New(args) => new(context, args),
        KeyAction::Show(args) => show(context, args),
    }
}

fn new(context: &Context, args: &KeyNewArgs) -> Result<Ending, KeyCommandError> {
    let seed = Zeroizing::new(random_seed()?);
    let key = SecretKey::from_seed(&seed, args.label.clone()).map_err(|source| refuse(&args.out, source))?;
    files::write_secret(&args.out, key.to_file_text().as_bytes()).map_err(|source| {
        let path = args.out.clone();
        let is_there = source.kind() == io::ErrorKind::AlreadyExists;
        if is_there { KeyCommandError::KeyExists { path } } else { CliError::WriteFile { path, source }.into() }
    })?;
    print(context, &key)?;
    say_unless_json(
        &context.output,
        format_args!("the secret key is in {}: anyone who has it can sign in your name", args.out.display()),
    );
    Ok(Ending::Yes)
}

fn show(context: &Context, args: &KeyShowArgs) -> Result<Ending, KeyCommandError> {
    print(context, &read(&args.file)?)?;
    Ok(Ending::Yes)
}

/// Reads a secret key file, which only its owner may have permission to read.
///
/// # Errors
/// [`KeyCommandError::KeyReadable`] if other users can read it; [`CliError::ReadFile`] and [`KeyCommandError::Key`].
pub(crate) fn read(path: &Path) -> Result<SecretKey, KeyCommandError> {
    let unreadable = |source| CliError::ReadFile { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode_for_others = files::mode_for_others(&file).map_err(unreadable)?;
    let text = Zeroizing::new(files::text_of(file, KEY_BYTES_MAX).map_err(unreadable)?);
    // Parsed before the mode is checked: a public key file may be readable by everyone, and has its own error.
    let key = SecretKey::from_file_text(&text).map_err(|source| refuse(path, source))?;
    match mode_for_others {
        Some(mode) => Err(KeyCommandError::KeyReadable { path: path.into(), mode }),
        None => Ok(key),
    }
}

/// Returns 32 random bytes of the operating system.
pub(crate) fn random_seed() -> Result<[u8; 32], CliError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| CliError::System(io::Error::other(error.to_string())))?;
    Ok(seed)
}

fn refuse(path: &Path, source: KeyError) -> KeyCommandError {
    KeyCommandError::Key { path: path.into(), source }
}

fn print(context: &Context, key: &SecretKey) -> Result<(), KeyCommandError> {
    let signer = key.signer();
    let answer = KeyAnswer { public_key: signer.public_key.to_string(), label: signer.label };
    Ok(context.output.answer(&answer, |_| answer.public_key.clone()).map_err(CliError::Stdout)?)
}
