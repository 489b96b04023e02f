//! An answer on its way out, and what is said when there is no room for it.

use crate::{
    daemon::{Daemon, reasons::refusal, vault_state::Release},
    secret::{OutOfSecretMemory, SecureBuffer},
    wire::{
        channel::{Channel, ChannelError},
        message::{self, Reason, Response},
    },
};

/// An answer, encoded, and what it depends on.
#[derive(Debug)]
pub(in crate::daemon) struct Reply {
    pub(in crate::daemon) encoded: Encoded,
    /// The unlocked profiles whose values are in it: if one is locked before the
    /// answer has left, it must not leave.
    pub(in crate::daemon) releases: Vec<Release>,
    /// Whether the daemon is to leave after it.
    pub(in crate::daemon) stop: bool,
}

/// The bytes of an answer.
#[derive(Debug)]
pub(in crate::daemon) enum Encoded {
    Secret(SecureBuffer),
    /// Of an answer without secrets, which takes no locked memory: that something is done, or
    /// refused, can be told when there is none.
    Plain(Vec<u8>),
}

impl Encoded {
    #[cfg(test)]
    pub(in crate::daemon) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Secret(bytes) => bytes.as_slice(),
            Self::Plain(bytes) => bytes,
        }
    }
}

impl Reply {
    /// Says that the request is done.
    pub(super) fn done() -> Self {
        Self::plain(&Response::Done)
    }

    /// Says that locked memory has run out.
    pub(in crate::daemon) fn out_of_secret_memory() -> Self {
        Self::plain(&Response::Refused(refusal(Reason::OutOfSecretMemory)))
    }

    pub(super) fn plain(response: &Response<'_>) -> Self {
        Self::of(Encoded::Plain(message::encode_plain(response)))
    }

    pub(super) fn of(encoded: Encoded) -> Self {
        Self { encoded, releases: Vec::new(), stop: false }
    }

    pub(super) fn new(response: &Response<'_>) -> Result<Self, OutOfSecretMemory> {
        Ok(Self::of(Encoded::Secret(message::encode(response)?)))
    }
}

/// Seals an answer. One that has no room becomes the refusal that says so.
pub(in crate::daemon) fn sealed(
    daemon: &Daemon,
    channel: &mut Channel,
    reply: Reply,
) -> Result<(Vec<u8>, Reply), ChannelError> {
    let mut sealed = Vec::new();
    let outcome = match &reply.encoded {
        Encoded::Plain(answer) => channel.seal_plain(answer, &mut sealed),
        Encoded::Secret(answer) => match channel.seal(answer.as_slice(), &mut sealed) {
            // It has sealed nothing yet, so that it can begin anew.
            Err(ChannelError::OutOfSecretMemory(_)) if sealed.is_empty() => {
                daemon.vaults.give_back();
                channel.seal(answer.as_slice(), &mut sealed)
            }
            outcome => outcome,
        },
    };
    match outcome {
        Err(ChannelError::OutOfSecretMemory(_)) if sealed.is_empty() => {
            let refused = Reply::out_of_secret_memory();
            if let Encoded::Plain(answer) = &refused.encoded {
                channel.seal_plain(answer, &mut sealed)?;
            }
            Ok((sealed, refused))
        }
        outcome => outcome.map(|()| (sealed, reply)),
    }
}
