//! Who may call: TLS, tokens and tenants as one snapshot, which a reload replaces as a whole or not at all.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cityseal_cli::{files, unix_now};
use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::{error, info};

use super::caller::{Caller, Scope, Scopes};
use super::certificate::PeerCertificate;
use super::limits::TOKEN_FILE_BYTES_MAX;
use super::stamps::Stamps;
use super::tenants::{TenantSettings, Tenants};
use super::tls::{Protocol, Tls, TlsError, TlsFiles};
use super::tokens::{PresentedToken, TokenFileError, TokenTable};

/// Who may call, as the configuration says. The default: everybody on loopback, without TLS.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccessSettings {
    /// The files of TLS; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// The file of tokens; `None`: no token is accepted.
    pub tokens: Option<PathBuf>,
    /// The tenants.
    pub tenants: Tenants,
}

impl AccessSettings {
    /// Joins the parts of a configuration.
    pub const fn new(tls: Option<TlsFiles>, tokens: Option<PathBuf>, tenants: Tenants) -> Self {
        Self { tls, tokens, tenants }
    }

    /// Whether callers must say who they are.
    const fn has_identity(&self) -> bool {
        self.tokens.is_some() || matches!(&self.tls, Some(TlsFiles { client_ca: Some(_), .. }))
    }

    /// Checks that a dashboard may listen on an address: people can log in if callers must have an identity.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(crate) fn check_for_pages(&self, listen: SocketAddr) -> Result<(), &'static str> {
        self.check_for(listen)?;
        if self.has_identity() && self.tokens.is_none() { Err("`tokens`, with which people log in") } else { Ok(()) }
    }

    /// Checks that the service may listen on an address with these settings.
    ///
    /// # Errors
    /// What is missing, in words, for an address beyond loopback.
    pub(crate) fn check_for(&self, listen: SocketAddr) -> Result<(), &'static str> {
        if listen.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        match (self.tls.is_some(), self.has_identity()) {
            (true, true) => Ok(()),
            (true, false) => Err("the identity of its callers"),
            (false, true) => Err("TLS"),
            (false, false) => Err("TLS and the identity of its callers"),
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
type Reread = Arc<dyn Fn() -> Result<AccessSettings, BoxError> + Send + Sync>;

/// The settings at the start, and where a reload finds newer ones.
#[derive(Clone, Default)]
pub struct AccessSource {
    settings: AccessSettings,
    file: Option<(PathBuf, Reread)>,
    /// The file as it was when the settings were read.
    read: Stamps,
}

impl AccessSource {
    /// Settings that do not change; the files that they name may.
    pub fn new(settings: AccessSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Reads the settings again, with `reread`, on each reload, and when this file changes.
    pub fn reread_from<E: Into<BoxError>>(
        self,
        file: impl Into<PathBuf>,
        reread: impl Fn() -> Result<AccessSettings, E> + Send + Sync + 'static,
    ) -> Self {
        let (file, reread): (PathBuf, Reread) = (file.into(), Arc::new(move || reread().map_err(Into::into)));
        let read = Stamps::of([file.clone()]);
        Self { file: Some((file, reread)), read, ..self }
    }

    pub(crate) const fn settings(&self) -> &AccessSettings {
        &self.settings
    }

    /// Looks at the configuration and at the files of these settings.
    fn look(&self, settings: &AccessSettings) -> Stamps {
        let file = self.file.as_ref().map(|(file, _)| file.as_path());
        let tls = settings.tls.iter().flat_map(TlsFiles::all);
        Stamps::of(file.into_iter().chain(tls).chain(settings.tokens.as_deref()).map(Path::to_path_buf))
    }
}

impl fmt::Debug for AccessSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|(file, _)| file);
        f.debug_struct("AccessSource").field("settings", &self.settings).field("file", &file).finish_non_exhaustive()
    }
}

/// Why the files of TLS and identity are not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The configuration cannot be read again.
    #[error("{0}")]
    Configuration(#[source] BoxError),
    /// A file of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of tokens cannot be read.
    #[error("{}: {source}", path.display())]
    ReadTokens {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file of tokens is invalid.
    #[error("{}: {source}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        source: TokenFileError,
    },
    /// A reload would switch off TLS or identity.
    #[error("the new configuration has no {missing}; to switch it off, restart the service")]
    Weaker {
        /// What it lacks.
        missing: &'static str,
    },
    /// The task that read the files failed.
    #[error("the task that reads the files failed: {0}")]
    Task(#[source] tokio::task::JoinError),
}

impl AccessError {
    /// The file that cannot be used, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tls(error) => Some(error.path()),
            Self::ReadTokens { path, .. } | Self::Tokens { path, .. } => Some(path),
            Self::Configuration(_) | Self::Weaker { .. } | Self::Task(_) => None,
        }
    }
}

/// One consistent reading of all files.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Counts the readings, from 1.
    generation: u64,
    settings: AccessSettings,
    tls: Option<Tls>,
    tokens: Option<TokenTable>,
}

/// The `authorization` of a call.
pub(crate) enum Authorization {
    Absent,
    /// Not exactly one token.
    Malformed,
    Token(PresentedToken),
}

/// What a call presents to prove who makes it.
pub(crate) struct Presented {
    pub(crate) authorization: Authorization,
    pub(crate) certificate: Option<Arc<PeerCertificate>>,
}

/// A caller, and how long it may be trusted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identified {
    pub(crate) caller: Caller,
    /// The Unix time from which on its credentials are refused.
    pub(crate) not_after: u64,
}

impl Snapshot {
    fn load(settings: AccessSettings, generation: u64) -> Result<Self, AccessError> {
        let load_tls = |files| Tls::load(files, settings.tokens.is_some(), unix_now());
        let tls = settings.tls.as_ref().map(load_tls).transpose()?;
        let tokens = settings.tokens.as_ref().map(|path| read_tokens(path, &settings.tenants)).transpose()?;
        Ok(Self { generation, settings, tls, tokens })
    }

    pub(crate) const fn tenants(&self) -> &Tenants {
        &self.settings.tenants
    }

    /// Whether callers must say who they are.
    pub(crate) fn needs_identity(&self) -> bool {
        self.tokens.is_some() || self.tls.as_ref().is_some_and(Tls::verifies_clients)
    }

    /// Finds the caller. `None` does not say what was wrong, and neither does the service.
    ///
    /// With a token and a certificate, both must be valid and belong to one tenant; the scopes are those of the token.
    pub(crate) fn identify(&self, presented: &Presented, now: u64) -> Option<Identified> {
        let by_certificate = presented.certificate.as_ref().map(|peer| self.by_certificate(peer, now));
        let by_token = match &presented.authorization {
            Authorization::Absent => return by_certificate?,
            Authorization::Malformed => return None,
            Authorization::Token(token) => self.by_token(token, now)?,
        };
        let Some(by_certificate) = by_certificate else { return Some(by_token) };
        let by_certificate = by_certificate?;
        let is_one = by_certificate.caller.tenant() == by_token.caller.tenant();
        let not_after = by_certificate.not_after.min(by_token.not_after);
        is_one.then_some(Identified { not_after, ..by_token })
    }

    fn by_token(&self, token: &PresentedToken, now: u64) -> Option<Identified> {
        let entry = self.tokens.as_ref()?.find(token, now)?;
        let tenant = self.settings.tenants.get(&entry.tenant)?;
        let both = |scope: &Scope| entry.scopes.has(*scope) && tenant.scopes.has(*scope);
        let scopes = Scope::ALL.into_iter().filter(both).collect();
        Some(identified(tenant, scopes, entry.not_after))
    }

    fn by_certificate(&self, peer: &PeerCertificate, now: u64) -> Option<Identified> {
        let tls = self.tls.as_ref()?;
        let is_valid =
            now < peer.not_after() && peer.is_valid_in(self.generation, |chain| tls.is_valid_client(chain, now));
        let tenant = self.settings.tenants.of_uris(peer.uris()).filter(|_| is_valid)?;
        Some(identified(tenant, tenant.scopes, peer.not_after()))
    }
}

fn identified(tenant: &TenantSettings, scopes: Scopes, not_after: u64) -> Identified {
    let caller = Caller::new(tenant.name.as_str(), scopes).with_terms(tenant.terms());
    Identified { caller, not_after }
}

fn read_tokens(path: &Path, tenants: &Tenants) -> Result<TokenTable, AccessError> {
    let text = files::read_text(path, TOKEN_FILE_BYTES_MAX)
        .map_err(|source| AccessError::ReadTokens { path: path.into(), source })?;
    TokenTable::parse(&text, tenants).map_err(|source| AccessError::Tokens { path: path.into(), source })
}

/// How the reloads of a service went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadStatus {
    /// Reloads that were put in force.
    pub reloads: u64,
    /// Reloads that failed; the state before them stayed in force.
    pub failures: u64,
    /// Why the last reload failed; `None` if it did not.
    pub last_error: Option<String>,
    /// The Unix time of the state in force.
    pub loaded_at: u64,
    /// The first second after the validity of the service's certificate, as Unix time; `None` without TLS.
    pub certificate_not_after: Option<u64>,
    /// Number of tenants.
    pub tenants: usize,
    /// Number of tokens, those that have expired included.
    pub tokens: usize,
}

/// The snapshot in force, and how to replace it.
#[derive(Debug)]
pub(crate) struct Access {
    current: watch::Sender<Arc<Snapshot>>,
    source: AccessSource,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    status: ReloadStatus,
    /// The files as they were just before they were read last, so that no later change is missed.
    loaded: Stamps,
}

impl Access {
    /// Reads all files for the first time.
    pub(crate) fn load(source: AccessSource) -> Result<Self, AccessError> {
        let loaded = source.look(&source.settings).or_earlier(&source.read);
        let snapshot = Snapshot::load(source.settings.clone(), 1)?;
        let state = Mutex::new(State { status: in_force(&ReloadStatus::default(), &snapshot), loaded });
        Ok(Self { current: watch::Sender::new(Arc::new(snapshot)), source, state })
    }

    pub(crate) fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.current.subscribe()
    }

    /// The TLS configuration of new connections; `None`: no TLS.
    pub(crate) fn tls(&self, protocol: Protocol) -> Option<Arc<ServerConfig>> {
        self.current.borrow().tls.as_ref().map(|tls| tls.config(protocol))
    }

    /// As [`AccessSettings::check_for_pages`], with the settings in force.
    pub(crate) fn check_for_pages(&self, listen: SocketAddr) -> Result<(), &'static str> {
        self.current.borrow().settings.check_for_pages(listen)
    }

    /// The tenants in force.
    pub(crate) fn tenants(&self) -> Tenants {
        self.current.borrow().settings.tenants.clone()
    }

    /// The files whose change calls for a reload, as they were when they were read.
    pub(crate) fn loaded(&self) -> Stamps {
        self.lock().loaded.clone()
    }

    pub(crate) fn status(&self) -> ReloadStatus {
        self.lock().status.clone()
    }

    /// Reads all files again, on this thread. If one is broken, the state before stays in force.
    pub(crate) fn reload(&self) -> Result<(), AccessError> {
        // Held until the end, so that one reload follows the other.
        let mut state = self.lock();
        match self.reread(&mut state.loaded) {
            Ok(snapshot) => {
                state.status = in_force(&state.status, &snapshot);
                state.status.reloads += 1;
                let generation = snapshot.generation;
                self.current.send_replace(Arc::new(snapshot));
                info!(generation, "certificates, tokens and tenants reloaded");
                Ok(())
            }
            Err(refused) => {
                state.status.failures += 1;
                state.status.last_error = Some(refused.to_string());
                let failures = state.status.failures;
                error!(error = %refused, failures, "reload refused; the certificates, tokens and tenants before stay");
                Err(refused)
            }
        }
    }

    /// Reads everything again; `loaded` becomes the files as they were before.
    fn reread(&self, loaded: &mut Stamps) -> Result<Snapshot, AccessError> {
        *loaded = loaded.again();
        let settings = match &self.source.file {
            Some((_, reread)) => reread().map_err(AccessError::Configuration)?,
            None => self.source.settings.clone(),
        };
        let before = self.current();
        if before.settings != settings {
            // Other files may be named now.
            *loaded = self.source.look(&settings).or_earlier(loaded);
        }
        let missing = match () {
            () if before.settings.tls.is_some() && settings.tls.is_none() => Some("[tls]"),
            () if before.needs_identity() && !settings.has_identity() => Some("client_ca and no tokens"),
            () => None,
        };
        match missing {
            Some(missing) => Err(AccessError::Weaker { missing }),
            None => Snapshot::load(settings, before.generation + 1),
        }
    }

    /// A poisoned lock is still usable: its fields are independent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_force(before: &ReloadStatus, snapshot: &Snapshot) -> ReloadStatus {
    let certificate_not_after = snapshot.tls.as_ref().map(|tls| tls.not_after);
    let (tenants, tokens) = (snapshot.tenants().iter().count(), snapshot.tokens.as_ref().map_or(0, TokenTable::len));
    ReloadStatus { last_error: None, loaded_at: unix_now(), certificate_not_after, tenants, tokens, ..before.clone() }
}
