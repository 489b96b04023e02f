//! `unlock` and `lock`.

use super::{passwords_of, profile_of};
use crate::{
    cli,
    client::{AskError, Asker, Client, ClientError, Passwords, Refusal, Wanted},
    error::Error,
    home::Home,
    secret::SecureBuffer,
    wire::message::{Problem, Reason, Request, Response},
};

pub(super) fn unlock(options: &cli::Unlock, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    // Before anything is asked: nobody should be asked for a password that isn't.
    if asker.lacks_vault(&profile) {
        return Err(unknown(&profile));
    }
    Ok(asker.unlock(&profile, true, options.accept_older)?)
}

/// Locking starts no daemon: where none runs, everything is locked.
pub(super) fn lock(options: &cli::Lock, home: &Home) -> Result<(), Error> {
    let client = match Client::connect(home) {
        Err(ClientError::NoDaemon) => return without_daemon(options, home),
        other => other?,
    };
    let passwords = Passwords::default();
    let mut asker = Asker::with(home, &passwords, client);
    let profile = options.profile.as_deref();
    let about = [Wanted { profiles: profile.into_iter().collect(), key: "" }];
    let mut buffer = SecureBuffer::new()?;
    match asker.ask(&Request::Lock(profile), &about, &mut buffer)? {
        Response::Done => Ok(()),
        _ => Err(ClientError::Malformed.into()),
    }
}

/// Everything is locked, but a profile that isn't there may be one that was misspelt.
fn without_daemon(options: &cli::Lock, home: &Home) -> Result<(), Error> {
    match &options.profile {
        Some(profile) if !home.vaults().join(profile.as_str()).is_dir() => {
            Err(unknown(profile.as_str()))
        }
        _ => Ok(()),
    }
}

fn unknown(profile: &str) -> Error {
    let problem = Problem::with_request(Reason::ProfileUnknown);
    AskError::Refused(vec![Refusal::new(problem, profile, "")]).into()
}
