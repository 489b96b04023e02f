//! Field encryption on the launcher's side: the IPC keys are in the user's keyring in the
//! kernel, where a thief of files finds nothing, and values are sealed and opened here, so
//! that no command knows of it. Never is a request sent without for want of a key.

use std::{io, time::Duration};

use super::{Client, ClientError};
use crate::{
    secret::{SecureBuffer, SecureBytes},
    sys::keyring,
    wire::{
        field::{self, IpcKeys, SealError},
        identity::KEY_BYTES,
        message::{self, Plaintext, Request, Response, Unlocked},
    },
};

impl From<SealError> for ClientError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::OutOfSecretMemory(short) => Self::OutOfSecretMemory(short),
            SealError::NoRandomness => Self::Io(io::ErrorKind::Unsupported.into()),
            SealError::TooLong => Self::Malformed,
            SealError::Forged | SealError::KeyLength => Self::FieldForged,
        }
    }
}

/// As [`Client::exchange`], with the values of request and answer sealed on their way.
pub(super) fn exchange(
    client: &mut Client,
    request: &Request<'_>,
    buffer: &mut SecureBuffer,
) -> Result<(), ClientError> {
    if !field::is_sealed(request) {
        return client.exchange(request, buffer);
    }
    if field::unlocks(request) {
        // Before the password goes: what it would open could not be used here.
        key_of(client, "")?;
    }
    let keys = keys_for(client, request)?;
    let mut sealed = Vec::new();
    client.channel.seal(field::envelope(request, &keys)?.as_slice(), &mut sealed)?;
    client.line.allow_silence(super::line::silence_max(request));
    client.round_trip(&sealed, buffer)?;
    let answer = message::decode(buffer.as_slice()).map_err(|_| ClientError::Malformed)?;
    let opened = match answer {
        Response::Unlocked(unlocked) => {
            keep(client, &unlocked)?;
            message::encode(&unlocked.secrets.map_or(Response::Done, Response::Restored))?
        }
        Response::Values(sealed) => {
            let values = field::open_values(request, &sealed, &keys)?;
            let bytes = buffer.as_slice().len();
            let values = values.iter().map(|value| value.as_ref().map(|v| Plaintext(v.expose())));
            let into = SecureBuffer::with_capacity(bytes)?;
            message::encode_into(&Response::Values(values.collect()), into)?
        }
        _ => return Ok(()),
    };
    *buffer = opened;
    Ok(())
}

/// The keys of a request's profiles. One that is missing is an error if its profile is
/// unlocked; of a locked one the daemon has to say what is to be said.
fn keys_for(client: &mut Client, request: &Request<'_>) -> Result<IpcKeys, ClientError> {
    let (mut keys, mut missing) = (IpcKeys::new(), Vec::new());
    for profile in field::profiles(request) {
        match key_of(client, profile)? {
            Some(key) => drop(keys.insert(profile.to_owned(), key)),
            None => missing.push(profile),
        }
    }
    if missing.is_empty() {
        return Ok(keys);
    }
    let mut buffer = SecureBuffer::new()?;
    client.exchange(&Request::Status, &mut buffer)?;
    if let Ok(Response::Status(status)) = message::decode(buffer.as_slice()) {
        let unlocked = status.profiles.iter().filter(|known| known.unlocked_for_ms.is_some());
        for known in unlocked {
            if missing.contains(&known.profile) {
                return Err(ClientError::NoIpcKey(known.profile.to_owned()));
            }
        }
    }
    Ok(keys)
}

fn key_of(client: &Client, profile: &str) -> Result<Option<SecureBytes>, ClientError> {
    let name = field::keyring_name(&client.daemon, profile);
    let mut key = SecureBytes::zeroed(KEY_BYTES)?;
    let found = keyring::get(&name, key.expose_mut()).map_err(ClientError::NoKeyring)?;
    Ok(found.then_some(key))
}

fn keep(client: &Client, unlocked: &Unlocked<'_>) -> Result<(), ClientError> {
    let name = field::keyring_name(&client.daemon, unlocked.profile);
    let lifetime = Duration::from_millis(unlocked.lifetime_ms);
    keyring::put(&name, unlocked.key.0, lifetime).map_err(ClientError::NoKeyring)
}
