//! Sessions of the dashboard: a random id in a cookie instead of the token.
//!
//! A session holds what its token proved, not who its owner was: each request checks it against the tokens in force, so
//! a session ends with its token.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use zeroize::Zeroizing;

use crate::access::Presented;
use crate::limits::{SESSION_MAX, SESSIONS_MAX, SESSIONS_PER_TENANT_MAX};

/// Random bytes of an id.
const ID_LEN: usize = 32;

/// The sessions by the SHA-256 of their ids, so that the time of a look-up says nothing about an id.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    presented: Arc<Presented>,
    tenant: Arc<str>,
    began: Instant,
}

/// The id of a session as hex digits. It is a secret.
pub(super) type SessionId = Zeroizing<String>;

impl Sessions {
    /// Begins a session. If its tenant or the service has too many, the oldest of them ends.
    ///
    /// # Errors
    /// The error of the operating system if it provides no random numbers.
    pub(super) fn begin(&self, presented: Presented, tenant: Arc<str>, now: Instant) -> io::Result<SessionId> {
        let mut id = Zeroizing::new([0; ID_LEN]);
        getrandom::fill(&mut *id).map_err(|error| io::Error::other(error.to_string()))?;
        let id = Zeroizing::new(cityseal_chain::hex::encode(&*id));
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_fresh(now));
        if sessions.values().filter(|session| session.tenant == tenant).count() >= SESSIONS_PER_TENANT_MAX {
            end_oldest(&mut sessions, |session| session.tenant == tenant);
        } else if sessions.len() >= SESSIONS_MAX {
            end_oldest(&mut sessions, |_| true);
        }
        sessions.insert(key_of(&id), Session { presented: Arc::new(presented), tenant, began: now });
        Ok(id)
    }

    /// What the token of a session proves; `None`: unknown or too old.
    pub(super) fn find(&self, id: &str, now: Instant) -> Option<Arc<Presented>> {
        let sessions = self.lock();
        let session = sessions.get(&key_of(id)).filter(|session| session.is_fresh(now))?;
        Some(Arc::clone(&session.presented))
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&key_of(id));
    }

    /// A poisoned lock is still usable: every change is one insertion or removal.
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sessions").field(&self.lock().len()).finish()
    }
}

impl Session {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) < SESSION_MAX
    }
}

fn end_oldest(sessions: &mut HashMap<[u8; 32], Session>, is_candidate: impl Fn(&Session) -> bool) {
    let candidates = sessions.iter().filter(|(_, session)| is_candidate(session));
    if let Some(&oldest) = candidates.min_by_key(|(_, session)| session.began).map(|(key, _)| key) {
        sessions.remove(&oldest);
    }
}

fn key_of(id: &str) -> [u8; 32] {
    cityseal_hash::sha256(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::Authorization;

    fn token() -> Presented {
        Presented { authorization: Authorization::Absent, certificate: None }
    }

    #[test]
    fn a_session_is_found_by_its_id_until_it_ends_or_is_too_old() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.begin(token(), "parks".into(), now).unwrap();
        assert_eq!(id.len(), 2 * ID_LEN);
        assert!(sessions.find(&id, now + SESSION_MAX.saturating_sub(Duration::from_nanos(1))).is_some());
        assert!(sessions.find(&id, now + SESSION_MAX).is_none());
        assert!(sessions.find(&"0".repeat(64), now).is_none());
        sessions.end(&id);
        assert!(sessions.find(&id, now).is_none());
    }

    #[test]
    fn too_many_sessions_end_the_oldest_of_their_own_tenant_first() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let other = sessions.begin(token(), "roads".into(), now).unwrap();
        let later = |step: usize| now + Duration::from_secs(step as u64);
        let begin = |step| sessions.begin(token(), "parks".into(), later(step)).unwrap();
        let ids: Vec<SessionId> = (1..=SESSIONS_PER_TENANT_MAX + 1).map(begin).collect();
        let is_open = |id: &SessionId| sessions.find(id, now).is_some();
        assert!(!is_open(&ids[0]) && ids[1..].iter().all(is_open) && is_open(&other));
        for tenant in 0..2 * SESSIONS_MAX {
            sessions.begin(token(), tenant.to_string().into(), later(100)).unwrap();
        }
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
        assert!(!is_open(&other), "the oldest of all");
    }
}
