//! `cityseal key`: creates the key that signs receipts, and prints its public half.

use std::fs::File;
use std::io;
use std::path::Path;

use cityseal_receipt::{KeyError, SecretKey};
use zeroize::Zeroizing;

use crate::Context;
use crate::args::{KeyAction, KeyArgs, KeyNewArgs, KeyShowArgs};
use crate::error::CommandError;
use crate::exit::Ending;
use crate::files;
use crate::json::KeyAnswer;

use super::say_unless_json;

/// Maximum size of a key file: three lines, of which the longest has a label of 256 bytes.
pub(crate) const KEY_BYTES_MAX: u64 = 4096;

pub(crate) fn run(context: &Context, args: &KeyArgs) -> Result<Ending, CommandError> {
    match &args.action {
        KeyAction::New(args) => new(context, args),
        KeyAction::Show(args) => show(context, args),
    }
}

fn new(context: &Context, args: &KeyNewArgs) -> Result<Ending, CommandError> {
    let seed = Zeroizing::new(random_seed()?);
    let key = SecretKey::from_seed(&seed, args.label.clone()).map_err(|source| refuse(&args.out, source))?;
    files::write_secret(&args.out, key.to_file_text().as_bytes()).map_err(|source| {
        let path = args.out.clone();
        let is_there = source.kind() == io::ErrorKind::AlreadyExists;
        if is_there { CommandError::KeyExists { path } } else { CommandError::WriteFile { path, source } }
    })?;
    print(context, &key)?;
    say_unless_json(
        &context.output,
        format_args!("the secret key is in {}: anyone who has it can sign in your name", args.out.display()),
    );
    Ok(Ending::Yes)
}

fn show(context: &Context, args: &KeyShowArgs) -> Result<Ending, CommandError> {
    print(context, &read(&args.file)?)?;
    Ok(Ending::Yes)
}

/// Reads a secret key file, which only its owner may be able to read.
///
/// # Errors
/// [`CommandError::KeyReadable`] if others can read it; [`CommandError::ReadFile`] and [`CommandError::Key`].
pub(crate) fn read(path: &Path) -> Result<SecretKey, CommandError> {
    let unreadable = |source| CommandError::ReadFile { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode_for_others = files::mode_for_others(&file).map_err(unreadable)?;
    let text = Zeroizing::new(files::text_of(file, KEY_BYTES_MAX).map_err(unreadable)?);
    // Parsed before the mode is checked: a public key file may be readable by everybody, and has an error of its own.
    let key = SecretKey::from_file_text(&text).map_err(|source| refuse(path, source))?;
    match mode_for_others {
        Some(mode) => Err(CommandError::KeyReadable { path: path.into(), mode }),
        None => Ok(key),
    }
}

/// Returns 32 random bytes of the operating system.
pub(crate) fn random_seed() -> Result<[u8; 32], CommandError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| CommandError::System(io::Error::other(error.to_string())))?;
    Ok(seed)
}

fn refuse(path: &Path, source: KeyError) -> CommandError {
    CommandError::Key { place: path.display().to_string(), source }
}

fn print(context: &Context, key: &SecretKey) -> Result<(), CommandError> {
    let signer = key.signer();
    let answer = KeyAnswer { public_key: signer.public_key.to_string(), label: signer.label };
    context.output.answer(&answer, |_| answer.public_key.clone()).map_err(CommandError::Stdout)
}
