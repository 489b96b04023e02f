//! `unlock` and `lock`.

use super::{passwords_of, profile_of};
use crate::{
    cli,
    client::{Asker, Client, ClientError, Passwords, Wanted},
    error::Error,
    home::Home,
    secret::SecureBuffer,
    wire::message::{Request, Response},
};

pub(super) fn unlock(options: &cli::Unlock, home: &Home) -> Result<(), Error> {
    let profile = profile_of(&options.profile)?;
    let passwords = passwords_of(&options.password)?;
    let mut asker = Asker::new(home, &passwords);
    Ok(asker.unlock(&profile, true, options.accept_older)?)
}

/// Locking starts no daemon: where none runs, everything is locked.
pub(super) fn lock(options: &cli::Lock, home: &Home) -> Result<(), Error> {
    let client = match Client::connect(home) {
        Err(ClientError::NoDaemon) => return Ok(()),
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
