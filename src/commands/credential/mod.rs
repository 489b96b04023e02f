//! `git-credential-pds`: a credential of git's is a secret like any other.
//!
//! Its key is `git/PROTOCOL/HOST`, and `git/PROTOCOL/HOST/PORT` where the URL names a port,
//! so that what was stored for one server is never sent to another. Its value is the
//! password; or two lines, `username=` and `password=`, which is what git brings.

mod asked;

use super::{CommandError, check_key, passwords_of, profile_of, read_value};
use crate::{
    cli::{Credential, CredentialAction},
    client::{AskError, Asker, ClientError, Wanted},
    error::Error,
    home::Home,
    secret::{SecureBuffer, TrustProfileName, VALUE_MAX_BYTES},
    wire::message::{KeyInProfile, Plaintext, Reason, Request, Response, Set},
};
use asked::Asked;
pub use asked::NotACredential;

/// What git sends has at most this many bytes; it writes a few hundred.
const REQUEST_MAX_BYTES: usize = 64 << 10;
/// Whom a password without a user name is for: with a token, servers ignore it.
const USERNAME: &[u8] = b"git";

/// Does what git wants. What it does not know about a server it says nothing of, so that
/// git goes on to its next helper or asks the person.
///
/// # Errors
/// [`Error`] if the vault can't be asked; git then goes on likewise.
pub fn credential(options: &Credential, home: &Home) -> Result<(), Error> {
    let request = read_value(None, REQUEST_MAX_BYTES)?;
    let asked = Asked::read(request.as_slice()).map_err(CommandError::NotACredential)?;
    let Some(key) = asked.key() else { return Ok(()) };
    check_key(&key)?;
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut helper = Helper { asker: Asker::new(home, &passwords), profile, key };
    match options.action {
        CredentialAction::Get => helper.give(&asked),
        CredentialAction::Store => helper.keep(&asked),
        CredentialAction::Erase => helper.forget(&asked),
    }
}

struct Helper<'a> {
    asker: Asker<'a>,
    profile: TrustProfileName,
    key: String,
}

impl Helper<'_> {
    fn give(&mut self, asked: &Asked<'_>) -> Result<(), Error> {
        let Some(value) = self.value()? else { return Ok(()) };
        let stored = Stored::read(value.as_slice());
        let username = asked.username.or(stored.username).unwrap_or(USERNAME);
        if stored.username.is_some_and(|stored| stored != username) {
            return Ok(());
        }
        if !stored.fits_a_line() {
            let (key, profile) = (self.key.clone(), self.profile.clone());
            return Err(CommandError::UnfitCredential { key, profile }.into());
        }
        let mut out = SecureBuffer::new()?;
        for part in [b"username=", username, b"\npassword=", stored.password, b"\n"] {
            out.extend(part)?;
        }
        Ok(super::print(out.as_slice())?)
    }

    fn keep(&mut self, asked: &Asked<'_>) -> Result<(), Error> {
        let (Some(username), Some(password)) = (asked.username, asked.password) else {
            return Ok(());
        };
        if let Some(value) = self.value()? {
            let stored = Stored::read(value.as_slice());
            let same_user = stored.username.is_none_or(|stored| stored == username);
            // Git stores at every success what it was given: that is no new version.
            if same_user && stored.password == password {
                return Ok(());
            }
        }
        let mut value = SecureBuffer::new()?;
        for part in [b"username=", username, b"\npassword=", password, b"\n"] {
            value.extend(part)?;
        }
        let at = KeyInProfile { profile: &self.profile, key: &self.key };
        let value = Plaintext(value.as_slice());
        let request = Request::Set(Set { at, value, create_only: false, expires_at: None });
        super::change(&mut self.asker, &request, &self.profile, &self.key)
    }

    /// Forgets what git says was refused, and nothing else: a password that was changed
    /// meanwhile stays.
    fn forget(&mut self, asked: &Asked<'_>) -> Result<(), Error> {
        let Some(value) = self.value()? else { return Ok(()) };
        let stored = Stored::read(value.as_slice());
        let same_user = match (stored.username, asked.username) {
            (Some(stored), Some(asked)) => stored == asked,
            _ => true,
        };
        if !same_user || asked.password.is_none_or(|password| password != stored.password) {
            return Ok(());
        }
        let at = KeyInProfile { profile: &self.profile, key: &self.key };
        let request = Request::Delete(at);
        super::change(&mut self.asker, &request, &self.profile, &self.key)
    }

    /// What the vault has for this server.
    fn value(&mut self) -> Result<Option<SecureBuffer>, Error> {
        let at = KeyInProfile { profile: &self.profile, key: &self.key };
        let about = [Wanted { profiles: vec![&self.profile], key: &self.key }];
        let mut buffer = SecureBuffer::new()?;
        let answer = match self.asker.ask(&Request::Get(at), &about, &mut buffer) {
            Err(AskError::Refused(all)) if all.iter().all(|r| r.reason == Reason::NotFound) => {
                return Ok(None);
            }
            other => other?,
        };
        let malformed = || Error::from(ClientError::Malformed);
        let Response::Values(values) = answer else { return Err(malformed()) };
        let [Some(value)] = values.as_slice() else { return Err(malformed()) };
        let mut kept = SecureBuffer::with_capacity(value.0.len().min(VALUE_MAX_BYTES))?;
        kept.extend(value.0)?;
        Ok(Some(kept))
    }
}

/// A stored credential.
struct Stored<'v> {
    username: Option<&'v [u8]>,
    password: &'v [u8],
}

impl<'v> Stored<'v> {
    fn read(value: &'v [u8]) -> Self {
        let line = |name: &[u8]| {
            let mut lines = value.split(|&byte| byte == b'\n');
            lines.find_map(|line| line.strip_prefix(name))
        };
        match (line(b"username="), line(b"password=")) {
            (username @ Some(_), Some(password)) => Self { username, password },
            _ => Self { username: None, password: value.strip_suffix(b"\n").unwrap_or(value) },
        }
    }

    /// Whether git's form of lines can carry it: one that holds a line break could give
    /// git a field that nobody stored (CVE-2020-5260).
    fn fits_a_line(&self) -> bool {
        let parts = [self.username.unwrap_or_default(), self.password];
        parts.iter().all(|part| !part.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r')))
    }
}
